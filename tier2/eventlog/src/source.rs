//! Which form a file has, and the way that its records go.

use std::fs::File;
use std::io::{BufReader, Cursor, Read as _, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::record::{EventLogError, Record};
use crate::words::{decode, time};
use crate::{evt, evtx_file, mta_log, table, templates, text, xml};

/// Forms that are read as a whole; a larger export is cut into days.
const MAX_WHOLE: u64 = 512 * 1024 * 1024;

/// So many characters tell whether something is text.
const SAMPLE: usize = 64 * 1024;
/// Of so many characters of a text no more than one is none.
const MOST_ODD: usize = 20;

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// The binary log of Vista and later.
    Evtx,
    /// The binary log of NT 4 to Server 2003.
    Evt,
    /// Event Viewer's XML.
    Xml,
    /// Separated values.
    Table,
    /// Lines of JSON.
    Json,
    /// The MTA's text log.
    MtaLog,
    /// Labelled or bare text.
    Text,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The form that the file has.
    pub form: Form,
    /// How many events it held.
    pub events: u64,
    /// How many stretches or records were damaged and left out.
    pub damaged: u64,
    /// What else was odd, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Hands on each event of a file.
///
/// # Errors
/// The file cannot be read or is not of the form that it begins like.
pub fn read_file(path: &Path, each: impl FnMut(Record)) -> Result<Summary, EventLogError> {
    let mut file = File::open(path).map_err(EventLogError::Io)?;
    let octets = file.metadata().map_err(EventLogError::Io)?.len();
    let mut magic = [0; 8];
    let begins = file.read(&mut magic).map_err(EventLogError::Io)?;
    file.seek(SeekFrom::Start(0)).map_err(EventLogError::Io)?;
    if magic.get(..begins) == Some(evtx_file::MAGIC) {
        return evtx(BufReader::new(file), each);
    }
    if octets > MAX_WHOLE {
        return Err(EventLogError::TooLarge { octets });
    }
    let mut whole = Vec::new();
    // A device or a pipe says nothing about its length.
    file.take(MAX_WHOLE + 1).read_to_end(&mut whole).map_err(EventLogError::Io)?;
    if u64::try_from(whole.len()).is_ok_and(|length| length > MAX_WHOLE) {
        return Err(EventLogError::TooLarge { octets: MAX_WHOLE + 1 });
    }
    read_octets(&whole, each)
}

/// The same for octets that are at hand.
///
/// # Errors
/// They are not of the form that they begin like.
pub fn read_octets(octets: &[u8], mut each: impl FnMut(Record)) -> Result<Summary, EventLogError> {
    if octets.starts_with(evtx_file::MAGIC) {
        return evtx(Cursor::new(octets), each);
    }
    if evt::is_evt(octets) {
        return classic(octets, each);
    }
    let text = decode(octets);
    if !is_text(&text) {
        return Err(EventLogError::Malformed {
            offset: 0,
            what: "neither a binary log nor text".to_owned(),
        });
    }
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let mut events = 0;
    let mut count = |record: Record| {
        events += 1;
        each(record);
    };
    let form = if start.starts_with(['{', '[']) {
        json(start, &mut count)?;
        Form::Json
    } else if start.starts_with('<') {
        xml::read(start, &mut count)?;
        Form::Xml
    } else {
        plain(&text, start, &mut count)
    };
    Ok(Summary { form, events, damaged: 0, remarks: Vec::new() })
}

/// Text has few control characters, and few octets that no encoding knows.
fn is_text(text: &str) -> bool {
    let odd = |c: &char| {
        *c == char::REPLACEMENT_CHARACTER || c.is_control() && !"\t\r\n\u{c}\u{1a}".contains(*c)
    };
    let sample = text.chars().take(SAMPLE);
    let (all, odd) = (sample.clone().count(), sample.filter(odd).count());
    odd * MOST_ODD <= all
}

fn plain(text: &str, start: &str, each: &mut impl FnMut(Record)) -> Form {
    let first = start.lines().next().unwrap_or_default();
    if let Some(separator) = table::is_table(first)
        && table::read(start, separator, each)
    {
        return Form::Table;
    }
    if mta_log::is_mta_log(text) {
        mta_log::read(text, each);
        return Form::MtaLog;
    }
    text::read(text, each);
    Form::Text
}

fn evtx<R: std::io::Read + Seek>(
    file: R,
    mut each: impl FnMut(Record),
) -> Result<Summary, EventLogError> {
    let mut events = 0;
    let damaged = evtx_file::read(file, |record| {
        events += 1;
        each(record);
    })?;
    Ok(Summary { form: Form::Evtx, events, damaged: u64::from(damaged), remarks: Vec::new() })
}

fn classic(octets: &[u8], mut each: impl FnMut(Record)) -> Result<Summary, EventLogError> {
    let mut events = 0;
    let odd = evt::read(octets, |mut record| {
        events += 1;
        let source = record.source.clone().unwrap_or_default();
        let id = record.id.unwrap_or_default();
        record.text = Some(templates::fill(&source, id, &record.strings));
        if let Some(category) = templates::category(&source, id) {
            record.category = Some(category.to_owned());
        }
        each(record);
    })?;
    let mut remarks = Vec::new();
    if odd.dirty {
        remarks.push(
            "the log was not closed; its newest records were found without its header".to_owned(),
        );
    }
    if odd.no_cursor {
        remarks.push(
            "no cursor record was found; the oldest event may stand in the middle".to_owned(),
        );
    }
    if odd.broken_strings > 0 {
        remarks
            .push(format!("{} records have strings that lie outside of them", odd.broken_strings));
    }
    Ok(Summary { form: Form::Evt, events, damaged: u64::from(odd.damaged), remarks })
}

/// One object after another; each is an event, or holds some.
fn json(text: &str, each: &mut impl FnMut(Record)) -> Result<(), EventLogError> {
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| EventLogError::Line {
            line: u64::try_from(error.line()).unwrap_or(u64::MAX),
            column: u64::try_from(error.column()).unwrap_or(u64::MAX),
            what: error.to_string(),
        })?;
        match value {
            Value::Array(list) => list.iter().filter_map(of_json).for_each(&mut *each),
            Value::Object(ref object) => match object.get("events") {
                Some(Value::Array(list)) => list.iter().filter_map(of_json).for_each(&mut *each),
                _ => of_json(&value).into_iter().for_each(&mut *each),
            },
            _ => {}
        }
    }
    Ok(())
}

/// An event as `bindback events --json` or another tool writes it; what is not there is left out.
fn of_json(value: &Value) -> Option<Record> {
    let object = value.as_object()?;
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| object.get(*name));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let number = |names: &[&str]| {
        let found = names.iter().find_map(|name| object.get(*name))?;
        found.as_u64().or_else(|| found.as_str()?.trim().parse().ok())
    };
    Some(Record {
        time: text(&["time", "TimeCreated", "@timestamp"]).and_then(|text| time(&text)),
        record: number(&["record", "RecordId"]),
        id: number(&["id", "Id", "EventID"]).and_then(|id| u32::try_from(id).ok()),
        source: text(&["source", "ProviderName", "Source"]),
        category: text(&["category", "TaskDisplayName"]),
        event_type: text(&["type", "LevelDisplayName"]),
        server: text(&["server", "MachineName", "Computer"]),
        log: text(&["log", "LogName"]),
        text: text(&["text", "Message", "message"]),
        strings: Vec::new(),
        params: object.get("params").and_then(Value::as_object).cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Option<u32>, String)> {
        let mut found = Vec::new();
        read_octets(text.as_bytes(), |record| {
            found.push((record.id, record.text.unwrap_or_default()));
        })
        .unwrap();
        found
    }

    #[test]
    fn our_own_lines_are_read() {
        let text = "{\"schema\":\"bindback.events/1\",\"events\":[{\"id\":9318,\"text\":\"a\"},{\"id\":\"57\",\"text\":\"b\"}]}\n{\"id\":9322,\"text\":\"c\"}";
        let expected = [(Some(9318), "a"), (Some(57), "b"), (Some(9322), "c")]
            .map(|(id, text)| (id, text.to_owned()));
        assert_eq!(read(text), expected);
        let error = read_octets(b"{\"id\":", |_| ()).unwrap_err().to_string();
        assert!(error.starts_with("line 1, column 6"), "{error}");
    }

    #[test]
    fn tables_are_read_with_and_without_heading() {
        let classic = "1/2/98,3:04:05 PM,MSExchangeMTA,Warning,Interface ,9318,N/A,EAST,\"An RPC error, \nas \"\"told\"\"\"\n";
        assert_eq!(read(classic), [(Some(9318), "An RPC error, \nas \"told\"".to_owned())]);
        let headed = "Level,Date and Time,Source,Event ID,Task Category,Description\nWarning,x,MSExchangeMTA,57,y,The limit, it is 9\n";
        assert_eq!(read(headed), [(Some(57), "The limit, it is 9".to_owned())]);
        let tabs = classic.replace(',', "\t").replace("\t \nas", ", \nas");
        assert_eq!(read(&tabs)[0].0, Some(9318));
    }

    /// A picture or a program is no log: what stands in it by accident would speak for causes.
    #[test]
    fn what_is_no_text_is_refused() {
        let program: Vec<u8> = (0..=u8::MAX).cycle().take(4_000).collect();
        for octets in
            [program.as_slice(), &[0; 5_000], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0"]
        {
            let error = read_octets(octets, |_| ()).unwrap_err().to_string();
            assert!(error.contains("neither a binary log nor text"), "{error}");
        }
        // A few odd octets are no reason.
        assert_eq!(read("Event ID: 57\nDescription: a\0b and \u{1}more of it\n").len(), 1);
    }

    /// What a mail program wraps may begin a line with a word that is a label elsewhere.
    #[test]
    fn a_wrapped_text_stays_one() {
        let text = "Event ID: 296\nSource: MSExchangeMTA\nDescription:\nThe message (object\nID: 0600012A) was sent by\nserver: a b c\nComputer: EAST\nEvent ID: 57\nDescription: more";
        assert_eq!(
            read(text),
            [
                (
                    Some(296),
                    "The message (object ID: 0600012A) was sent by server: a b c".to_owned()
                ),
                (Some(57), "more".to_owned()),
            ]
        );
        let text = "Type: Warning\nDescription: a cell\nMessage: x";
        assert_eq!(read(text), [(None, "a cell Message: x".to_owned())]);
    }

    #[test]
    fn a_quote_that_never_ends_is_cut() {
        let text = format!("a,b,c,event id,text\n1,2,3,9318,\"{}", "x,".repeat(200_000));
        let found = read(&text);
        assert_eq!((found.len(), found[0].0), (1, Some(9318)));
        assert!(found[0].1.len() <= 64 * 1024);
    }

    #[test]
    fn pasted_text_is_read() {
        let text = "Event ID: 9318\nSource: MSExchangeMTA\nDate: 1/2/98\nTime: 3:04:05 PM\nDescription: Unable to\nbind over RPC.\n\nEvent ID: 9322\nDescription:\nan MtaBindBack\n\nA connection to X could not be opened.";
        assert_eq!(
            read(text),
            [
                (Some(9318), "Unable to bind over RPC.".to_owned()),
                (Some(9322), "an MtaBindBack".to_owned()),
                (None, "A connection to X could not be opened.".to_owned()),
            ]
        );
    }
}
