//! `bindback doctor --case|--events|--note`: what stands behind events and remarks, with no server to ask.

use std::path::{Path, PathBuf};

use admin::Shape;
use diagnosis::{FieldCase, consult};
use finding::Answer;
use serde::Serialize;

use super::{Report, import, render};
use crate::cli::Setting;
use crate::failure::{Found, Unreadable, Usage};

/// A log that is exported by hand is far smaller; a larger file is something else.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// What is given instead of a server.
#[derive(Debug, Default)]
pub struct Given<'a> {
    pub case: Option<&'a Path>,
    pub events: &'a [PathBuf],
    pub notes: &'a [String],
}

/// The answer, with what it rests on.
#[derive(Debug, Serialize)]
struct Consultation {
    #[serde(flatten)]
    answer: Answer,
    /// The files that were read.
    read: Vec<String>,
    /// How many events and remarks they held.
    events: usize,
    remarks: usize,
}

impl Shape for Consultation {
    const NAME: &'static str = "doctor";
}

pub fn run(given: &Given<'_>, setting: &Setting<'_>, verbose: bool) -> anyhow::Result<Found> {
    let mut case = FieldCase::default();
    let mut read = Vec::new();
    if let Some(file) = given.case {
        case = parse_case(file, &load(file)?)?;
        read.push(file.display().to_string());
    }
    for file in given.events {
        case.events.extend(import::events(file, &load(file)?)?);
        read.push(file.display().to_string());
    }
    case.notes.extend(given.notes.iter().cloned());
    let consultation = Consultation {
        answer: consult(&case),
        read,
        events: case.events.len(),
        remarks: case.notes.len(),
    };
    setting.output.answer(&consultation, |consultation| {
        let report = Report {
            answer: consultation.answer.clone(),
            local: String::new(),
            running: true,
            read: consultation.read.clone(),
            notes: Vec::new(),
        };
        render::text(&report, verbose)
    })?;
    Ok(Found::Nothing)
}

fn parse_case(file: &Path, text: &str) -> anyhow::Result<FieldCase> {
    serde_json::from_str(text).map_err(|error| {
        Usage(format!(
            "{}:{}:{}: {error}; a case is {{\"events\":[{{\"id\":9318,\"text\":\"...\"}}],\"notes\":[\"...\"]}}",
            file.display(),
            error.line(),
            error.column()
        ))
        .into()
    })
}

/// The text of a file, whatever a Windows tool made of it: UTF-8, UTF-16 with its mark, else octet by octet.
fn load(file: &Path) -> anyhow::Result<String> {
    let unreadable = |source| Unreadable {
        what: file.display().to_string(),
        way_out: "name a file that exists and may be read",
        source,
    };
    let octets = std::fs::metadata(file).map_err(unreadable)?.len();
    if octets > MAX_FILE {
        let text = format!(
            "{}: {octets} octets are too many; cut out the days that matter",
            file.display()
        );
        return Err(Usage(text).into());
    }
    Ok(decode(&std::fs::read(file).map_err(unreadable)?))
}

fn decode(octets: &[u8]) -> String {
    let wide = |from: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = from.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match octets {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => latin(rest),
        _ => latin(octets),
    }
}

/// UTF-8, or the single octets of an older Windows.
fn latin(octets: &[u8]) -> String {
    std::str::from_utf8(octets)
        .map_or_else(|_| octets.iter().map(|octet| char::from(*octet)).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_windows_is_read() {
        assert_eq!(decode(b"\xff\xfeE\0v\0"), "Ev");
        assert_eq!(decode(b"\xfe\xff\0E\0v"), "Ev");
        assert_eq!(decode(b"\xef\xbb\xbfEv\xc3\xa9"), "Ev\u{e9}");
        assert_eq!(decode(b"Ev\xe9"), "Ev\u{e9}");
    }

    #[test]
    fn a_case_that_is_none_says_where() {
        let error = parse_case(Path::new("x.json"), "{\n\"events\": 7}").unwrap_err().to_string();
        assert!(error.starts_with("x.json:2:"), "{error}");
        let deep = "[".repeat(100_000);
        assert!(parse_case(Path::new("x.json"), &deep).is_err());
        let odd = r#"{"events":[{"id":"9318","codes":[],"more":{"x":1}},{"id":null,"text":null}],"notes":null}"#;
        let case = parse_case(Path::new("x.json"), odd).unwrap();
        assert_eq!((case.events.len(), case.events[0].id), (2, Some(9318)));
    }
}
