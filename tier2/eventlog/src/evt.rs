//! The event log of Windows NT 4 to Server 2003 (.evt): a ring of records behind a header of 48 octets.
//!
//! Layout: [MS-EVEN] 2.2.3 (EVENTLOGRECORD), and `ELF_LOGFILE_HEADER` and `ELF_EOF_RECORD` of the Windows SDK. Records lie
//! one after another, aligned to four octets; a record that does not fit before the end of the file goes on behind the header, and
//! where not even the fixed part of one fits, the rest is filled and the record begins behind the header. A cursor record
//! stands behind the newest one. While the log is open ("dirty") the header is not kept up to date, so the cursor is looked
//! for; without one, records are taken wherever they are found.
//!
//! Invariants: every length is checked against the file and against the length that is repeated at the record's end; the walk takes each octet
//! at most once, so a cyclic file ends.

use jiff::Timestamp;

use crate::record::{EventLogError, Record};

/// The length of the header, which it gives itself at both ends.
const HEADER: usize = 0x30;
/// `LfLe`, at the beginning of the header and of each record, behind the length.
const SIGNATURE: [u8; 4] = *b"LfLe";
/// The fixed part of a record.
const FIXED: usize = 56;
/// The cursor record: its length, then these four words.
const CURSOR: [u32; 5] = [0x28, 0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444];
/// The header's flag that the log was not closed.
const DIRTY: u32 = 1;
/// The longest record: the service allows 64 KiB of strings and data; twice that is more than any.
const MAX_RECORD: usize = 0x4_0000;
/// No record has more insertion strings than this: there is no `%100`.
const MAX_STRINGS: usize = 99;

/// True for a file of this form.
#[must_use]
pub fn is_evt(octets: &[u8]) -> bool {
    word(octets, 0) == Some(0x30) && octets.get(4..8) == Some(&SIGNATURE)
}

/// What was odd about a log that could be read all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// It was not closed, so its header was not believed.
    pub dirty: bool,
    /// No cursor record was found.
    pub no_cursor: bool,
    /// So many stretches were no records.
    pub damaged: u32,
    /// So many records had strings that do not lie within them.
    pub broken_strings: u32,
}

/// Hands on each record, oldest first.
///
/// # Errors
/// The file is no log of this form. Damage behind the header is no error: it is skipped and counted.
pub fn read(octets: &[u8], mut each: impl FnMut(Record)) -> Result<Oddities, EventLogError> {
    if !is_evt(octets) || octets.len() < HEADER || word(octets, 44) != Some(0x30) {
        return Err(EventLogError::Malformed {
            offset: 0,
            what: "no header of an event log: 30 00 00 00 4c 66 4c 65 at the beginning, 30 00 00 00 at octet 44".to_owned(),
        });
    }
    let mut oddities = Oddities {
        dirty: word(octets, 36).unwrap_or_default() & DIRTY != 0,
        ..Oddities::default()
    };
    let cursor = find_cursor(octets);
    oddities.no_cursor = cursor.is_none();
    let begin = match cursor {
        // What the cursor says is newer than the header.
        Some(at) => place(octets, at + 20),
        None => place(octets, 16),
    };
    let begin = begin.filter(|at| *at < octets.len() && *at % 4 == 0).unwrap_or(HEADER);
    Walk { octets, at: begin, left: octets.len() - HEADER, cursor, oddities: &mut oddities }
        .run(&mut each);
    Ok(oddities)
}

/// The place that a header or cursor names.
fn place(octets: &[u8], at: usize) -> Option<usize> {
    usize::try_from(word(octets, at)?).ok().filter(|at| *at >= HEADER)
}

/// The cursor record; it may go on behind the header too.
fn find_cursor(octets: &[u8]) -> Option<usize> {
    let said = usize::try_from(word(octets, 20)?).ok();
    let is_cursor = |at: usize| {
        CURSOR.iter().enumerate().all(|(index, expected)| {
            let at = at + index * 4;
            let at = if at >= octets.len() { at - octets.len() + HEADER } else { at };
            word(octets, at) == Some(*expected)
        })
    };
    if let Some(at) = said.filter(|at| *at >= HEADER && *at < octets.len() && is_cursor(*at)) {
        return Some(at);
    }
    (HEADER..octets.len().saturating_sub(3)).step_by(4).find(|at| is_cursor(*at))
}

/// The walk around the ring.
struct Walk<'a> {
    octets: &'a [u8],
    at: usize,
    /// So many octets were not walked over yet.
    left: usize,
    cursor: Option<usize>,
    oddities: &'a mut Oddities,
}

impl Walk<'_> {
    fn run(mut self, each: &mut impl FnMut(Record)) {
        let mut in_damage = false;
        while self.left >= 4 {
            if self.at + 4 > self.octets.len() {
                self.wrap();
            }
            if Some(self.at) == self.cursor {
                return;
            }
            match self.record() {
                Some((whole, length)) => {
                    in_damage = false;
                    each(parse(&whole, self.oddities));
                    self.step(length);
                }
                None if self.octets.len() - self.at < FIXED => {
                    // The rest of the file, too small for a record.
                    let rest = self.octets.len() - self.at;
                    self.left = self.left.saturating_sub(rest);
                    self.at = HEADER;
                }
                None => {
                    if !in_damage {
                        self.oddities.damaged += 1;
                    }
                    in_damage = true;
                    self.step(4);
                }
            }
        }
    }

    fn wrap(&mut self) {
        self.left = self.left.saturating_sub(self.octets.len().saturating_sub(self.at));
        self.at = HEADER;
    }

    fn step(&mut self, length: usize) {
        self.left = self.left.saturating_sub(length);
        self.at += length;
        if self.at >= self.octets.len() {
            self.at = self.at - self.octets.len() + HEADER;
        }
    }

    /// The record here, in one piece, if there is one.
    fn record(&self) -> Option<(Vec<u8>, usize)> {
        let length = usize::try_from(word(self.octets, self.at)?).ok()?;
        let is_length = (FIXED..=MAX_RECORD).contains(&length) && length % 4 == 0;
        if !is_length || length > self.left {
            return None;
        }
        let whole = self.take(length)?;
        let is_record =
            whole.get(4..8) == Some(&SIGNATURE) && word(&whole, length - 4) == word(&whole, 0);
        is_record.then_some((whole, length))
    }

    fn take(&self, length: usize) -> Option<Vec<u8>> {
        let end = (self.at + length).min(self.octets.len());
        let mut whole = self.octets.get(self.at..end)?.to_vec();
        let rest = length - whole.len();
        whole.extend_from_slice(self.octets.get(HEADER..HEADER + rest)?);
        Some(whole)
    }
}

fn parse(record: &[u8], oddities: &mut Oddities) -> Record {
    let number = |at| word(record, at).unwrap_or_default();
    let short =
        |at: usize| record.get(at..at + 2).map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]));
    let (source, after) = text(record, FIXED).unwrap_or_default();
    let (computer, _) = text(record, after).unwrap_or_default();
    let mut strings = Vec::new();
    let mut at = usize::try_from(number(36)).unwrap_or(usize::MAX);
    for _ in 0..usize::from(short(26)).min(MAX_STRINGS) {
        match text(record, at) {
            Some((string, after)) => {
                strings.push(string);
                at = after;
            }
            None => {
                oddities.broken_strings += 1;
                break;
            }
        }
    }
    let id = number(20);
    Record {
        time: Timestamp::from_second(i64::from(number(12))).ok(),
        record: Some(u64::from(number(8))),
        id: Some(id & 0xffff),
        source: Some(source),
        category: (short(28) != 0).then(|| short(28).to_string()),
        event_type: type_name(short(24)).map(str::to_owned),
        server: Some(computer),
        strings,
        ..Record::default()
    }
}

/// The types of [MS-EVEN] 2.2.2.
const fn type_name(value: u16) -> Option<&'static str> {
    match value {
        0 => Some("success"),
        1 => Some("error"),
        2 => Some("warning"),
        4 => Some("information"),
        8 => Some("audit success"),
        16 => Some("audit failure"),
        _ => None,
    }
}

/// A text in UTF-16 that ends with a zero, and where the next one begins.
fn text(octets: &[u8], at: usize) -> Option<(String, usize)> {
    let rest = octets.get(at..)?;
    let mut units = Vec::new();
    for (index, pair) in rest.chunks_exact(2).enumerate() {
        let unit = u16::from_le_bytes([pair[0], pair[1]]);
        if unit == 0 {
            return Some((String::from_utf16_lossy(&units), at + (index + 1) * 2));
        }
        units.push(unit);
    }
    None
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    let four = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u32, id: u32, strings: &[&str]) -> Vec<u8> {
        let utf16 = |text: &str| -> Vec<u8> {
            text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
        };
        let mut body = utf16("MSExchangeMTA");
        body.extend(utf16("EAST"));
        let string_offset = u32::try_from(FIXED + body.len()).unwrap();
        for string in strings {
            body.extend(utf16(string));
        }
        while body.len() % 4 != 0 {
            body.push(0);
        }
        let length = u32::try_from(FIXED + body.len() + 4).unwrap();
        let mut out = Vec::new();
        for value in [length, u32::from_le_bytes(SIGNATURE), number, 1_000, 1_000, id] {
            out.extend(value.to_le_bytes());
        }
        for value in [2, u16::try_from(strings.len()).unwrap(), 4, 0] {
            out.extend(value.to_le_bytes());
        }
        for value in [0, string_offset, 0, 0, 0, 0] {
            out.extend(value.to_le_bytes());
        }
        out.extend(body);
        out.extend(length.to_le_bytes());
        out
    }

    fn header(start: u32, end: u32, flags: u32, size: u32) -> Vec<u8> {
        let words =
            [0x30, u32::from_le_bytes(SIGNATURE), 1, 1, start, end, 9, 1, size, flags, 0, 0x30];
        words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
    }

    fn cursor(begin: u32, end: u32) -> Vec<u8> {
        let words: Vec<u32> = CURSOR.into_iter().chain([begin, end, 9, 1, 0x28]).collect();
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn numbers(octets: &[u8]) -> (Vec<u64>, Oddities) {
        let mut found = Vec::new();
        let odd = read(octets, |record| found.push(record.record.unwrap())).unwrap();
        (found, odd)
    }

    fn plain() -> Vec<u8> {
        let mut log = header(0x30, 0, 0, 0);
        for number in 1..=3 {
            log.extend(record(number, 0x4000_0000 | 9318, &["4", "1722", "1722", "0", "WEST"]));
        }
        let end = u32::try_from(log.len()).unwrap();
        log.extend(cursor(0x30, end));
        log[20..24].copy_from_slice(&end.to_le_bytes());
        log
    }

    #[test]
    fn a_plain_log_is_read() {
        let mut found = Vec::new();
        let odd = read(&plain(), |record| found.push(record)).unwrap();
        assert_eq!(odd, Oddities::default());
        assert_eq!(found.len(), 3);
        let first = &found[0];
        assert_eq!((first.id, first.record), (Some(9318), Some(1)));
        assert_eq!(first.strings, ["4", "1722", "1722", "0", "WEST"]);
        assert_eq!(first.server.as_deref(), Some("EAST"));
        assert_eq!(first.event_type.as_deref(), Some("warning"));
        assert_eq!(first.category.as_deref(), Some("4"));
    }

    #[test]
    fn a_ring_is_read_from_its_oldest_record() {
        // Record 3 wraps: it begins at the end of the file and goes on behind the header, before the cursor.
        let three = record(3, 57, &["x"]);
        let (first, second) = (record(1, 57, &["a"]), record(2, 57, &["b"]));
        let cut = 60;
        let rest = three.len() - cut;
        let begin = HEADER + rest + 0x28;
        let mut log = header(0, 0, DIRTY, 0);
        log.extend(&three[cut..]);
        log.extend(cursor(u32::try_from(begin).unwrap(), u32::try_from(HEADER + rest).unwrap()));
        log.extend(first);
        log.extend(second);
        log.extend(&three[..cut]);
        let (found, odd) = numbers(&log);
        assert_eq!(found, [1, 2, 3]);
        assert!(odd.dirty && !odd.no_cursor && odd.damaged == 0);
    }

    #[test]
    fn every_truncation_ends_and_says_no_more_than_there_is() {
        let log = plain();
        for end in 0..log.len() {
            let mut count = 0;
            match read(&log[..end], |_| count += 1) {
                Err(_) => assert!(end < HEADER, "{end}"),
                Ok(_) => assert!(count <= 3),
            }
        }
    }

    #[test]
    fn lying_lengths_and_circles_end() {
        for length in [0u32, 4, 55, 56, 57, 0x4_0001, 0x7fff_ffff, u32::MAX] {
            let mut log = plain();
            log[HEADER..HEADER + 4].copy_from_slice(&length.to_le_bytes());
            let (found, odd) = numbers(&log);
            assert_eq!((found, odd.damaged), (vec![2, 3], 1), "{length}");
        }
        // No cursor and a start in the middle: each record once.
        let mut log = plain();
        let end = log.len() - 0x28;
        log.truncate(end);
        let middle =
            u32::try_from(HEADER + record(1, 9318, &["4", "1722", "1722", "0", "WEST"]).len());
        log[16..20].copy_from_slice(&middle.unwrap().to_le_bytes());
        let (found, odd) = numbers(&log);
        assert_eq!(found, [2, 3, 1]);
        assert!(odd.no_cursor);
        // Strings that lie outside.
        let mut log = plain();
        log[HEADER + 36..HEADER + 40].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(numbers(&log).1.broken_strings, 1);
    }
}
