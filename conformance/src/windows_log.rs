//! Event logs as Windows writes them, made of given events: the binary logs of both ages, and what Event Viewer exports.
//!
//! Binary logs: [MS-EVEN] 2.2.3 and the Windows SDK for .evt; [MS-EVEN6] 2.2.12 (BinXml) and the description of libevtx for .evtx. The
//! .evtx has no templates and no checksums (a chunk may say so), every value is a text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Seconds from 1601, where FILETIME begins, to 1970.
const FILETIME_BEGIN: u64 = 11_644_473_600;
const CHUNK: usize = 65_536;
const CHUNK_HEADER: usize = 512;
/// The flag of a chunk that has no checksums.
const NO_CRC32: u32 = 4;

/// One event.
#[derive(Clone, Debug)]
pub struct WindowsEvent {
    /// Seconds since 1970.
    pub seconds: u32,
    /// The computer.
    pub server: String,
    /// Who logged it.
    pub source: String,
    /// Its number.
    pub id: u32,
    /// Its insertion strings: all that a binary log has of its text.
    pub strings: Vec<String>,
    /// Its text, for exports.
    pub text: String,
}

impl WindowsEvent {
    /// Date and time of day, as `2026-01-02` and `03:04:05`.
    fn when(&self) -> (String, String) {
        let (days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        (date(days), clock)
    }

    /// A row of Event Viewer's table without heading.
    #[must_use]
    pub fn csv(&self) -> String {
        let (date, time) = self.when();
        let text = self.text.replace('"', "\"\"");
        format!(
            "{date},{time},{},Warning,None,{},N/A,{},\"{text}\"\r\n",
            self.source, self.id, self.server
        )
    }

    /// A line of JSON, as `bindback events --json` follows a log.
    #[must_use]
    pub fn json(&self) -> String {
        let (date, time) = self.when();
        let value = serde_json::json!({
            "time": format!("{date}T{time}Z"), "server": self.server, "id": self.id,
            "source": self.source, "type": "Warning", "text": self.text,
        });
        format!("{value}\n")
    }

    /// An element of Event Viewer's XML, with its text.
    #[must_use]
    pub fn xml(&self) -> String {
        let (date, time) = self.when();
        format!(
            "<Event><System><Provider Name=\"{}\"/><EventID>{}</EventID><Level>3</Level><TimeCreated SystemTime=\"{date}T{time}Z\"/><Computer>{}</Computer></System><RenderingInfo><Message>{}</Message></RenderingInfo></Event>",
            markup(&self.source),
            self.id,
            markup(&self.server),
            markup(&self.text)
        )
    }

    /// The same without its text, as a log of another machine is exported.
    #[must_use]
    pub fn xml_of_strings(&self) -> String {
        let (date, time) = self.when();
        let mut data = String::new();
        for string in &self.strings {
            let _ = write!(data, "<Data>{}</Data>", markup(string));
        }
        format!(
            "<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System><Provider Name=\"{}\"/><EventID Qualifiers=\"32768\">{}</EventID><Level>3</Level><TimeCreated SystemTime=\"{date}T{time}.0000000Z\"/><Computer>{}</Computer></System><EventData>{data}</EventData></Event>",
            markup(&self.source),
            self.id,
            markup(&self.server)
        )
    }

    /// Labelled lines.
    #[must_use]
    pub fn labelled(&self) -> String {
        let (date, time) = self.when();
        format!(
            "Event ID: {}\r\nSource: {}\r\nType: Warning\r\nDate: {date}\r\nTime: {time}\r\nComputer: {}\r\nDescription: {}\r\n\r\n",
            self.id, self.source, self.server, self.text
        )
    }

    /// A record of a .evt.
    fn evt(&self, number: u32) -> Vec<u8> {
        let names = [wide(&self.source), wide(&self.server)].concat();
        let strings: Vec<u8> = self.strings.iter().flat_map(|one| wide(one)).collect();
        let at_strings = 56 + names.len();
        let length = (at_strings + strings.len() + 4).next_multiple_of(4);
        let at_data = word(at_strings + strings.len());
        let (length_word, at_strings) = (word(length), word(at_strings));
        let mut out = words(&[
            length_word,
            0x654c_664c,
            number,
            self.seconds,
            self.seconds,
            0x8000_0000 | self.id,
        ]);
        let count = u16::try_from(self.strings.len()).unwrap_or(u16::MAX);
        for half in [2_u16, count, 0, 0] {
            out.extend(half.to_le_bytes());
        }
        out.extend(words(&[0, at_strings, 0, at_strings, 0, at_data]));
        out.extend(names);
        out.extend(strings);
        out.resize(length - 4, 0);
        out.extend(length_word.to_le_bytes());
        out
    }
}

/// A log of NT 4 to Server 2003 (.evt).
#[must_use]
pub fn evt(events: impl IntoIterator<Item = WindowsEvent>) -> Vec<u8> {
    let mut records = Vec::new();
    let mut next = 1;
    for event in events {
        records.extend(event.evt(next));
        next += 1;
    }
    let end = word(0x30 + records.len());
    let header = words(&[0x30, 0x654c_664c, 1, 1, 0x30, end, next, 1, end + 0x28, 0, 0, 0x30]);
    let cursor = words(&[
        0x28,
        0x1111_1111,
        0x2222_2222,
        0x3333_3333,
        0x4444_4444,
        0x30,
        end,
        next,
        1,
        0x28,
    ]);
    [header, records, cursor].concat()
}

/// A log of Vista and later (.evtx).
#[must_use]
pub fn evtx(events: impl IntoIterator<Item = WindowsEvent>) -> Vec<u8> {
    let mut chunks: Vec<u8> = Vec::new();
    let mut open = Chunk::new(1);
    let mut next = 1;
    for event in events {
        if !open.add(&event, next) {
            chunks.extend(open.close());
            open = Chunk::new(next);
            open.add(&event, next);
        }
        next += 1;
    }
    chunks.extend(open.close());
    let count = u64::try_from(chunks.len() / CHUNK).unwrap_or(u64::MAX);
    let mut file = b"ElfFile\0".to_vec();
    for number in [0, count - 1, next] {
        file.extend(number.to_le_bytes());
    }
    file.extend(128_u32.to_le_bytes());
    for number in [1_u16, 3, 4_096, u16::try_from(count).unwrap_or(u16::MAX)] {
        file.extend(number.to_le_bytes());
    }
    file.resize(4_096, 0);
    file.extend(chunks);
    file
}

/// A chunk that still takes records. Names stand where they are first used, and later ones point there.
struct Chunk {
    octets: Vec<u8>,
    names: BTreeMap<String, u32>,
    /// Where the sizes of the elements stand that are still open.
    open: Vec<usize>,
    first: u64,
    last: u64,
    newest: usize,
}

impl Chunk {
    fn new(first: u64) -> Self {
        Self {
            octets: vec![0; CHUNK_HEADER],
            names: BTreeMap::new(),
            open: Vec::new(),
            first,
            last: first,
            newest: CHUNK_HEADER,
        }
    }

    /// False where it does not fit; then the chunk is as it was.
    fn add(&mut self, event: &WindowsEvent, number: u64) -> bool {
        let (begin, names) = (self.octets.len(), self.names.clone());
        let time = (u64::from(event.seconds) + FILETIME_BEGIN) * 10_000_000;
        self.octets.extend(words(&[0x2a2a, 0]));
        self.octets.extend(number.to_le_bytes());
        self.octets.extend(time.to_le_bytes());
        self.octets.extend([0x0f, 1, 1, 0]);
        self.event(event);
        self.octets.push(0);
        let length = self.octets.len() - begin + 4;
        self.octets.extend(word(length).to_le_bytes());
        if self.octets.len() > CHUNK && begin > CHUNK_HEADER {
            self.octets.truncate(begin);
            self.names = names;
            return false;
        }
        self.octets[begin + 4..begin + 8].copy_from_slice(&word(length).to_le_bytes());
        (self.last, self.newest) = (number, begin);
        true
    }

    fn event(&mut self, event: &WindowsEvent) {
        let (date, clock) = event.when();
        let id = event.id.to_string();
        self.open("Event", &[]);
        self.open("System", &[]);
        self.element("Provider", &[("Name", &event.source)], "");
        self.element("EventID", &[("Qualifiers", "32768")], &id);
        self.element("Level", &[], "3");
        self.element("TimeCreated", &[("SystemTime", &format!("{date}T{clock}Z"))], "");
        self.element("Channel", &[], "Application");
        self.element("Computer", &[], &event.server);
        self.end();
        self.open("EventData", &[]);
        for string in &event.strings {
            self.element("Data", &[], string);
        }
        self.end();
        self.end();
    }

    fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open(name, attributes);
        if text.is_empty() {
            // CloseEmptyElement stands for CloseStartElement and EndElement.
            self.octets.pop();
            self.close_with(3);
        } else {
            self.value(text);
            self.end();
        }
    }

    /// EndElement; the size counts from behind itself.
    fn end(&mut self) {
        self.close_with(4);
    }

    fn close_with(&mut self, token: u8) {
        self.octets.push(token);
        if let Some(at) = self.open.pop() {
            let size = word(self.octets.len() - at - 4);
            self.octets[at..at + 4].copy_from_slice(&size.to_le_bytes());
        }
    }

    /// OpenStartElement, its attributes, CloseStartElement.
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.octets.push(if attributes.is_empty() { 0x01 } else { 0x41 });
        self.open.push(self.octets.len());
        self.octets.extend([0; 4]);
        self.name(name);
        if !attributes.is_empty() {
            let at = self.octets.len();
            self.octets.extend([0; 4]);
            for (name, value) in attributes {
                self.octets.push(6);
                self.name(name);
                self.value(value);
            }
            let size = word(self.octets.len() - at - 4);
            self.octets[at..at + 4].copy_from_slice(&size.to_le_bytes());
        }
        self.octets.push(2);
    }

    /// A text value: token, type, number of UTF-16 units, units.
    fn value(&mut self, text: &str) {
        let units: Vec<u16> = text.encode_utf16().collect();
        self.octets.extend([5, 1]);
        self.octets.extend(u16::try_from(units.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.octets.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }

    fn name(&mut self, name: &str) {
        if let Some(at) = self.names.get(name) {
            self.octets.extend(at.to_le_bytes());
            return;
        }
        let at = word(self.octets.len() + 4);
        self.octets.extend(at.to_le_bytes());
        let mut hash = 0_u32;
        for unit in name.encode_utf16() {
            hash = hash.wrapping_mul(65_599).wrapping_add(u32::from(unit));
        }
        self.octets.extend([0; 4]);
        self.octets.extend(hash.to_le_bytes().iter().take(2));
        let length = u16::try_from(name.encode_utf16().count()).unwrap_or(u16::MAX);
        self.octets.extend(length.to_le_bytes());
        self.octets.extend(wide(name));
        self.names.insert(name.to_owned(), at);
    }

    fn close(mut self) -> Vec<u8> {
        let free = self.octets.len();
        let mut header = b"ElfChnk\0".to_vec();
        for number in [self.first, self.last, self.first, self.last] {
            header.extend(number.to_le_bytes());
        }
        header.extend(words(&[128, word(self.newest), word(free)]));
        header.resize(120, 0);
        header.extend(NO_CRC32.to_le_bytes());
        self.octets[..header.len()].copy_from_slice(&header);
        self.octets.resize(CHUNK, 0);
        self.octets
    }
}

/// Days since 1970 as a date (Howard Hinnant's algorithm, days from 0000-03-01).
fn date(days: u32) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", era * 400 + year + carry)
}

fn markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// UTF-16 with a zero behind it.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn word(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (10_957, "2000-01-01"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
        ] {
            assert_eq!(date(days), expected);
        }
    }
}
