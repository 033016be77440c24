//! Event Viewer's XML: one `Event`, or many one after another or within `Events`.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

use crate::record::{EventLogError, Record};
use crate::templates;

/// Elements deeper than this are no event.
const MAX_DEPTH: usize = 32;
/// No event has more values than this.
const MAX_VALUES: usize = 256;
/// No value is read further than this.
const MAX_VALUE: usize = 64 * 1024;

/// Where the reader is inside an event.
#[derive(Default)]
struct Open {
    record: Record,
    /// The names of the open elements.
    path: Vec<String>,
    /// The name of the open `Data`.
    name: Option<String>,
    value: String,
    message: Option<String>,
    named: usize,
}

/// Hands on each event of an XML text.
///
/// # Errors
/// The text is no XML; what stood before was handed on.
pub fn read(text: &str, mut each: impl FnMut(Record)) -> Result<(), EventLogError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut depth = 0_usize;
    let mut open: Option<Open> = None;
    loop {
        let offset = reader.buffer_position();
        let wrong = |what: String| EventLogError::Malformed { offset, what };
        match reader.read_event().map_err(|error| wrong(error.to_string()))? {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(wrong("elements are nested too deep for an event".to_owned()));
                }
                begin(&mut open, &start);
            }
            Event::Empty(start) => {
                begin(&mut open, &start);
                end(&mut open, &mut each);
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                end(&mut open, &mut each);
            }
            Event::Text(piece) => push(&mut open, &piece),
            Event::CData(piece) => push(&mut open, &piece),
            Event::GeneralRef(piece) => {
                push(&mut open, &entity(&piece).unwrap_or_default().to_string());
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The five entities of XML and numbered characters.
fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let value = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(value)
        }
    }
}

fn push(open: &mut Option<Open>, text: &str) {
    if let Some(open) = open
        && open.value.len() + text.len() <= MAX_VALUE
    {
        open.value.push_str(text);
    }
}

fn begin(open: &mut Option<Open>, start: &BytesStart<'_>) {
    let name = start.local_name().as_ref().to_owned();
    if open.is_none() {
        if name == "Event" {
            *open = Some(Open { path: vec![name], ..Open::default() });
        }
        return;
    }
    let Some(open) = open else { return };
    open.value.clear();
    let attribute = |wanted: &str| {
        let found =
            start.attributes().flatten().find(|one| one.key.local_name().as_ref() == wanted);
        found.map(|one| unescape(&one.value))
    };
    match name.as_str() {
        "Provider" => {
            open.record.source = attribute("EventSourceName")
                .filter(|name| !name.is_empty())
                .or_else(|| attribute("Name"));
        }
        "TimeCreated" => {
            open.record.time = attribute("SystemTime").and_then(|time| time_of(&time));
        }
        "Data" => open.name = attribute("Name"),
        _ => {}
    }
    open.path.push(name);
}

/// Some builds leave the zone out; it is always UTC.
fn time_of(text: &str) -> Option<jiff::Timestamp> {
    let text = text.trim().replace(' ', "T");
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(end) = rest.find(';') else {
            out.push('&');
            continue;
        };
        match entity(&rest[..end]) {
            Some(character) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

fn end(open: &mut Option<Open>, each: &mut impl FnMut(Record)) {
    let Some(inside) = open else { return };
    let Some(name) = inside.path.pop() else { return };
    let value = inside.value.trim().to_owned();
    inside.value.clear();
    let within = |place: &str, path: &[String]| path.iter().any(|one| one == place);
    let record = &mut inside.record;
    match name.as_str() {
        "EventID" => record.id = value.parse::<u32>().ok().map(|id| id & 0xffff),
        "EventRecordID" => record.record = value.parse().ok(),
        "Level" if within("System", &inside.path) => {
            record.event_type = level(&value).map(str::to_owned);
        }
        "Level" => record.event_type = Some(value.to_lowercase()),
        "Task" if within("RenderingInfo", &inside.path) => record.category = some(value),
        "Channel" => record.log = some(value),
        "Computer" => record.server = some(value),
        "Message" => inside.message = some(value),
        "Data" if inside.named < MAX_VALUES => {
            inside.named += 1;
            if let Some(name) = inside.name.take() {
                record.params.insert(name, Value::String(value.clone()));
            }
            record.strings.push(value);
        }
        _ if within("UserData", &inside.path) && !value.is_empty() && inside.named < MAX_VALUES => {
            inside.named += 1;
            record.params.insert(name, Value::String(value.clone()));
            record.strings.push(value);
        }
        _ => {}
    }
    if inside.path.is_empty()
        && let Some(done) = open.take()
    {
        let mut record = done.record;
        record.text = done.message.or_else(|| text_of(&record));
        each(record);
    }
}

/// The text of an event that has only its values: by its template, else each with its name.
fn text_of(record: &Record) -> Option<String> {
    let source = record.source.as_deref().unwrap_or_default();
    if record.params.is_empty() {
        let text = templates::fill(source, record.id?, &record.strings);
        return some(text);
    }
    let named = record.params.iter().filter_map(|(name, value)| {
        let value = value.as_str().filter(|value| !value.is_empty() && *value != "-")?;
        Some(format!("{name}: {value}"))
    });
    some(named.collect::<Vec<_>>().join(", "))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// The levels of [MS-EVEN6].
fn level(value: &str) -> Option<&'static str> {
    match value {
        "1" | "2" => Some("error"),
        "3" => Some("warning"),
        "0" | "4" | "5" => Some("information"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_and_many_are_read() {
        let one = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='MSExchangeMTA'/><EventID Qualifiers='32768'>9318</EventID><Level>3</Level><TimeCreated SystemTime='2026-01-02T03:04:05.6Z'/><EventRecordID>7</EventRecordID><Channel>Application</Channel><Computer>EAST</Computer></System><EventData><Data>4</Data><Data>5</Data><Data>5</Data><Data>0</Data><Data>W&amp;S</Data></EventData></Event>";
        for text in [one.to_owned(), format!("<?xml version='1.0'?><Events>{one}{one}</Events>")] {
            let mut found = Vec::new();
            read(&text, |record| found.push(record)).unwrap();
            assert!(!found.is_empty());
            for record in found {
                assert_eq!((record.id, record.record), (Some(9318), Some(7)));
                assert_eq!(record.event_type.as_deref(), Some("warning"));
                assert!(record.time.is_some());
                assert!(record.text.unwrap().contains("Remote Server Name W&S"));
            }
        }
    }

    #[test]
    fn rendered_and_named_values_are_read() {
        let text = "<Event><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>4625</EventID><Level>0</Level></System><EventData><Data Name='SubStatus'>0xc000006a</Data><Data Name='TargetUserName'>svc</Data></EventData></Event><Event><System><EventID>1</EventID></System><RenderingInfo><Message>It is\nso.</Message><Level>Warning</Level></RenderingInfo></Event>";
        let mut found = Vec::new();
        read(text, |record| found.push(record)).unwrap();
        assert_eq!(found[0].text.as_deref(), Some("SubStatus: 0xc000006a, TargetUserName: svc"));
        assert_eq!(found[1].text.as_deref(), Some("It is\nso."));
        assert_eq!(found[1].event_type.as_deref(), Some("warning"));
    }

    #[test]
    fn what_is_no_xml_says_where() {
        let deep = "<Event>".repeat(100);
        assert!(read(&deep, |_| ()).unwrap_err().to_string().starts_with("octet "));
        assert!(read("<Event><System", |_| ()).is_err());
    }
}
