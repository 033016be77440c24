//! `bindback doctor --case|--events|--note`: what stands behind events and remarks, with no server to ask.

use std::path::{Path, PathBuf};

use admin::Shape;
use diagnosis::{FieldCase, Joined, consult, join};
use finding::Answer;
use serde::Serialize;

use super::logs::{Log, Read};
use super::{Paper, Report, html, logs, render};
use crate::cli::Setting;
use crate::failure::{Found, Unreadable, Usage};

/// A case is written by hand or by a tool; a larger file is something else.
const MAX_CASE: u64 = 64 * 1024 * 1024;
/// So many keys of a case that has none of its own are shown.
const SHOWN_KEYS: usize = 5;

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
    /// What each log was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Read>,
    /// What two logs say together.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<Joined>,
    /// How many events and remarks they held.
    events: u64,
    remarks: usize,
}

impl Shape for Consultation {
    const NAME: &'static str = "doctor";
}

pub fn run(given: &Given<'_>, setting: &Setting<'_>, paper: &Paper<'_>) -> anyhow::Result<Found> {
    let mut case = FieldCase::default();
    let mut read = Vec::new();
    if let Some(file) = given.case {
        case = parse_case(file, &load(file)?)?;
        read.push(paper.file(0, file));
    }
    let mut events = u64::try_from(case.events.len()).unwrap_or(u64::MAX);
    let files = given.events.iter().zip(1..);
    let logs: Vec<Log> = files
        .map(|(file, number)| Log::read(file, paper.file(number, file)))
        .collect::<Result<_, _>>()?;
    let joined = join(&logs.iter().map(Log::story).collect::<Vec<_>>());
    for (log, follows) in logs.iter().zip(&joined.follows) {
        case.events.extend(log.events(follows));
        events += log.summary.as_ref().map_or(0, |summary| summary.events);
        read.push(log.file.clone());
    }
    case.notes.extend(given.notes.iter().cloned());
    let mut consultation = Consultation {
        answer: consult(&case),
        read,
        logs: logs.iter().filter_map(summary_of).collect(),
        joined: None,
        events,
        remarks: case.notes.len(),
    };
    let notes = remarks(&logs, &joined);
    let mut names: Vec<&str> =
        case.events.iter().filter_map(|event| event.server.as_deref()).collect();
    names.retain(|name| !["caller", "callee"].contains(name));
    let peers = logs.iter().flat_map(|log| &log.moments);
    names.extend(peers.clone().filter_map(|logged| logged.moment.peer.as_deref()));
    names.extend(peers.map(|logged| logged.moment.server.as_str()));
    let mut paper = paper.knowing(names);
    if let Some(file) = paper.html {
        let page = html::Page {
            title: "Bindback: what the logs say",
            answer: &consultation.answer,
            lanes: lanes(&logs, &joined),
            remarks: notes.clone(),
        };
        paper.write(file, &html::render(&page))?;
    }
    consultation.joined = (!logs.is_empty()).then_some(joined);
    let verbose = paper.verbose;
    paper.answer(setting.output, &consultation, |consultation| {
        let report = Report {
            answer: consultation.answer.clone(),
            local: String::new(),
            running: true,
            read: consultation.read.clone(),
            notes,
        };
        render::text(&report, verbose)
    })?;
    Ok(Found::Nothing)
}

fn summary_of(log: &Log) -> Option<Read> {
    Some(Read { file: log.file.clone(), summary: log.summary.clone()? })
}

/// What a reader must know of the logs: damage, clocks, pairs, what was folded.
fn remarks(logs: &[Log], joined: &Joined) -> Vec<String> {
    let mut out = Vec::new();
    for log in logs {
        let Some(summary) = &log.summary else { continue };
        if summary.events == 0 {
            out.push(format!("{}: no event was found in it.", log.file));
        }
        if summary.damaged > 0 {
            out.push(format!("{}: {} damaged places were left out.", log.file, summary.damaged));
        }
        out.extend(summary.remarks.iter().map(|remark| format!("{}: {remark}.", log.file)));
    }
    if let [first, second] = logs
        && let Some(ahead) = joined.clock_offset_s.filter(|ahead| *ahead != 0)
    {
        let (than, by) = if ahead > 0 { ("ahead of", ahead) } else { ("behind", -ahead) };
        out.push(format!(
            "The clock of {} is {by} s {than} that of {}; times are shown by the latter.",
            second.file, first.file
        ));
    }
    if !joined.pairs.is_empty() {
        let code = |code: Option<u32>| code.map_or_else(|| "?".to_owned(), |code| code.to_string());
        let last = joined.pairs.last();
        let shown = last.map(|pair| {
            format!(
                "the last one: {} called {} and got code {}, while {} could not bind back (code {})",
                pair.caller, pair.called, code(pair.call_code), pair.called, code(pair.bind_back_code)
            )
        });
        out.push(format!(
            "{} calls were paired with the bind-back that failed with them; {}.",
            joined.pairs.len(),
            shown.unwrap_or_default()
        ));
    }
    if joined.folded > 0 {
        out.push(format!(
            "{} events only follow from others and were folded under them.",
            joined.folded
        ));
    }
    if !logs.is_empty() {
        out.push(
            "What is not in a log was not counted: a log does not tell the level at which its server wrote.".to_owned(),
        );
    }
    out
}

fn lanes<'a>(logs: &'a [Log], joined: &'a Joined) -> Vec<html::Lane<'a>> {
    let mut out: Vec<html::Lane<'a>> = Vec::new();
    for (at, (log, follows)) in logs.iter().zip(&joined.follows).enumerate() {
        let ahead_s = if at == 1 { joined.clock_offset_s.unwrap_or(0) } else { 0 };
        for (logged, follows) in log.moments.iter().zip(follows) {
            let name = &logged.moment.server;
            let known = out.iter_mut().find(|lane| lane.name == *name && lane.ahead_s == ahead_s);
            match known {
                Some(lane) => lane.events.push((logged, *follows)),
                None => out.push(html::Lane {
                    name: name.clone(),
                    ahead_s,
                    events: vec![(logged, *follows)],
                }),
            }
        }
    }
    out
}

fn parse_case(file: &Path, text: &str) -> anyhow::Result<FieldCase> {
    let wrong = |what: String| {
        Usage(format!(
            "{}{what}; a case is {{\"events\":[{{\"id\":9318,\"text\":\"...\"}}],\"notes\":[\"...\"]}}",
            file.display()
        ))
    };
    let told = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        // The place stands before it already.
        let said = said.split(" at line ").next().unwrap_or_default();
        let said = said.replace("a sequence", "a list [...]").replace("EOF", "the end of the file");
        wrong(format!(":{line}:{column}: {said}"))
    };
    let shape: serde_json::Value = serde_json::from_str(text).map_err(told)?;
    let Some(object) = shape.as_object() else {
        return Err(wrong(": no JSON object".to_owned()).into());
    };
    if !(object.contains_key("events") || object.contains_key("notes")) {
        let keys: Vec<String> =
            object.keys().take(SHOWN_KEYS).map(|key| format!("{key:?}")).collect();
        let has = if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
        return Err(wrong(format!(": neither \"events\" nor \"notes\" is there, but {has}")).into());
    }
    Ok(serde_json::from_str(text).map_err(told)?)
}

/// The text of a case file, in whatever encoding.
fn load(file: &Path) -> anyhow::Result<String> {
    let unreadable = |source| Unreadable {
        what: file.display().to_string(),
        way_out: "name a file that exists and may be read",
        source,
    };
    let octets = std::fs::metadata(file).map_err(unreadable)?.len();
    if octets > MAX_CASE {
        return Err(logs::said(file, eventlog::EventLogError::TooLarge { octets }));
    }
    Ok(eventlog::decode(&std::fs::read(file).map_err(unreadable)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_is_none_says_where() {
        let error = parse_case(Path::new("x.json"), "{\n\"events\": 7}").unwrap_err().to_string();
        assert!(error.starts_with("x.json:2:11: ") && error.contains("expected a list"), "{error}");
        assert!(!error.contains("at line"), "{error}");
        for (text, expected) in [
            ("[]", "x.json: no JSON object; a case is {"),
            ("{}", "but nothing; a case is {"),
            (
                r#"{"evnts":[],"note":[]}"#,
                r#"nor "notes" is there, but "evnts", "note"; a case is {"#,
            ),
            ("", "x.json:1:0: the end of the file while parsing a value; a case is {"),
            ("{}\n7", "x.json:2:1: trailing characters; a case is {"),
        ] {
            let error = parse_case(Path::new("x.json"), text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse_case(Path::new("x.json"), &deep).is_err());
        let odd = r#"{"events":[{"id":"9318","codes":[],"more":{"x":1}},{"id":null,"text":null}],"notes":null}"#;
        let case = parse_case(Path::new("x.json"), odd).unwrap();
        assert_eq!((case.events.len(), case.events[0].id), (2, Some(9318)));
    }
}
