//! `bindback events convert`: any log as lines for people, or as one object of our own events, written as it is read.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use eventlog::{Record, read_file};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::commands::doctor::unreadable_log;
use crate::failure::{Found, ReaderGone};
use crate::output::{Output, clean};

/// An event in the shape of `bindback events --json`; what the log does not tell is left out.
#[derive(Serialize)]
struct Converted<'a> {
    #[serde(flatten)]
    record: &'a Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
}

pub fn run(file: &Path, output: &Output) -> anyhow::Result<Found> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written: io::Result<()> = Ok(());
    let mut first = true;
    if output.is_json() {
        written = out.write_all(b"{\"schema\":\"bindback.events/1\",\"events\":[");
    }
    let read = read_file(file, |mut record| {
        if written.is_err() {
            return;
        }
        written = if output.is_json() {
            let separator = if first { "\n" } else { ",\n" };
            first = false;
            out.write_all(separator.as_bytes()).and_then(|()| object(&mut out, &mut record))
        } else {
            writeln!(out, "{}", line(&record))
        };
    });
    if output.is_json() && written.is_ok() {
        // The object is whole even where the log breaks off: what was read stands in it.
        let broken = read.as_ref().err().map(|error| Value::String(error.to_string()));
        let tail = broken.map_or_else(String::new, |text| format!(",\"broken\":{text}"));
        written = writeln!(out, "\n]{tail}}}");
    }
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(ReaderGone.into()),
        done => done.context("cannot write to standard output")?,
    }
    let summary = read.map_err(|error| unreadable_log(file, error))?;
    let damaged = if summary.damaged == 0 {
        String::new()
    } else {
        format!(", {} damaged places left out", summary.damaged)
    };
    output.narrate(&format!("{}: {} events{damaged}", file.display(), summary.events));
    for remark in summary.remarks {
        output.narrate(&format!("{}: {remark}", file.display()));
    }
    Ok(Found::Nothing)
}

fn object(out: &mut impl Write, record: &mut Record) -> io::Result<()> {
    let text = record.text.clone().unwrap_or_default();
    let is_mta =
        record.source.as_deref().is_none_or(|source| source.eq_ignore_ascii_case(event::SOURCE));
    let read = record.id.filter(|_| is_mta).and_then(|id| event::read(Some(id), &text));
    let peer = read.as_ref().and_then(|read| read.word("remote_server").map(str::to_owned));
    if let Some(read) = read {
        let params: Map<String, Value> = read.params.into_iter().collect();
        record.params.extend(params);
    }
    let converted = Converted { severity: severity(&text), peer, record };
    serde_json::to_writer(out, &converted).map_err(io::Error::from)
}

/// The number in brackets at the end of a text of the MTA.
pub(super) fn severity(text: &str) -> Option<u8> {
    text.trim_end().strip_suffix(')')?.rsplit_once('(')?.1.parse().ok()
}

fn line(record: &Record) -> String {
    let time = record.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let id = record.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let of = |text: &Option<String>| {
        text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned())
    };
    clean(&format!(
        "{time} {} {} {id} {}: {}",
        of(&record.server),
        of(&record.source),
        of(&record.event_type),
        of(&record.text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_the_mta_gets_its_parameters() {
        let mut record = Record {
            id: Some(9318),
            text: Some("An RPC communications error occurred. Unable to bind over RPC. Locality Table (LTAB) index: 4, NT/MTA error code: 1722. Comms error 1722, Bind error 0, Remote Server Name WEST [MAIN BASE 1 500 %10] (14)".to_owned()),
            ..Record::default()
        };
        let mut out = Vec::new();
        object(&mut out, &mut record).unwrap();
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((value["severity"].as_u64(), value["peer"].as_str()), (Some(14), Some("WEST")));
        assert_eq!(value["params"]["code"], 1722);
    }
}
