//! Exported and binary logs, read into what the offline doctor weighs: of each kind of event a few texts, and when it was logged.
//!
//! Memory does not grow with a log: of one kind (number, source) the first texts by alphabet are kept, of moments the newest.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use diagnosis::{Code, FieldEvent, Moment, ServerFacts};
use eventlog::{EventLogError, Record, Summary, read_file};
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::{Unreadable, Usage};

/// So many kinds of events of a log are kept.
const MAX_KINDS: usize = 4_000;
/// So many different texts of one kind.
const MAX_TEXTS: usize = 8;
/// So many moments of a log: weeks of an MTA whose peer is away.
const MAX_MOMENTS: usize = 20_000;
/// So many octets of a text are read for the names and codes of a moment: they stand at its beginning.
const READ: usize = 2 * 1024;
/// Types of events that tell nothing about trouble unless the MTA logs them.
const QUIET: [&str; 3] = ["information", "audit success", "success"];
/// So much of a text is kept as a description in the timeline.
const SHOWN: usize = 160;

/// One log.
#[derive(Debug, Default)]
pub struct Log {
    /// The file.
    pub file: String,
    /// What was read.
    pub summary: Option<Summary>,
    kinds: BTreeMap<(Option<u32>, String), BTreeMap<String, FieldEvent>>,
    /// The newest events as they stand in the log. They are read when all are here: reading costs far more than keeping.
    unread: VecDeque<Unread>,
    /// What happened when, oldest first.
    pub moments: Vec<Logged>,
}

/// One event in time, of which nobody knows yet whether a newer one takes its place.
#[derive(Debug)]
struct Unread {
    time: Timestamp,
    /// Its number, where its form of log gives one.
    id: Option<u32>,
    server: String,
    source: String,
    event_type: String,
    text: String,
}

/// One event in time.
#[derive(Clone, Debug)]
pub struct Logged {
    pub moment: Moment,
    pub source: String,
    pub event_type: String,
    pub text: String,
}

/// What was read of a file, for the answer.
#[derive(Clone, Debug, Serialize)]
pub struct Read {
    pub file: String,
    #[serde(flatten)]
    pub summary: Summary,
}

impl Log {
    /// Reads a file, of whatever form it is; the answer calls it `name`.
    pub fn read(file: &Path, name: String) -> anyhow::Result<Self> {
        let mut log = Self { file: name, ..Self::default() };
        log.summary =
            Some(read_file(file, |record| log.add(record)).map_err(|error| said(file, error))?);
        log.moments =
            std::mem::take(&mut log.unread).into_iter().filter_map(Unread::read).collect();
        log.moments.sort_by_key(|logged| logged.moment.time);
        // The MTA's own text logs do not say whose they are: the file does.
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for logged in log.moments.iter_mut().filter(|logged| logged.moment.server.is_empty()) {
            logged.moment.server.clone_from(&name);
        }
        Ok(log)
    }

    fn add(&mut self, record: Record) {
        self.add_moment(&record);
        let kind = (record.id, record.source.as_deref().unwrap_or_default().to_lowercase());
        if self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&kind) {
            return;
        }
        let texts = self.kinds.entry(kind).or_default();
        let text = record.text.as_deref().unwrap_or_default();
        // A text without a number can be of any kind.
        let most = if record.id.is_some() { MAX_TEXTS } else { MAX_KINDS };
        let is_full = texts.len() >= most;
        if texts.contains_key(text)
            || is_full && texts.last_key_value().is_some_and(|(last, _)| last.as_str() <= text)
        {
            return;
        }
        texts.insert(text.to_owned(), field_event(record));
        if texts.len() > most {
            texts.pop_last();
        }
    }

    fn add_moment(&mut self, record: &Record) {
        let Some(time) = record.time else { return };
        let source = record.source.as_deref().unwrap_or_default();
        let quiet = record
            .event_type
            .as_deref()
            .is_some_and(|kind| QUIET.iter().any(|quiet| kind.eq_ignore_ascii_case(quiet)));
        if quiet && !is_mta(source) {
            return;
        }
        self.unread.push_back(Unread {
            time,
            id: record.id,
            server: record.server.clone().unwrap_or_default(),
            source: source.to_owned(),
            event_type: record.event_type.clone().unwrap_or_default(),
            text: beginning(record.text.as_deref().unwrap_or_default(), READ).to_owned(),
        });
        if self.unread.len() > MAX_MOMENTS {
            self.unread.pop_front();
        }
    }

    /// The events to weigh; those whose every occurrence only follows from another one are left out.
    pub fn events(&self, follows: &[bool]) -> Vec<FieldEvent> {
        let mut lone: BTreeMap<u32, bool> = BTreeMap::new();
        for (logged, follows) in self.moments.iter().zip(follows) {
            *lone.entry(logged.moment.id).or_default() |= !follows;
        }
        let only_follows = |event: &FieldEvent| {
            let id = event.id.and_then(|id| u32::try_from(id).ok());
            id.and_then(|id| lone.get(&id)).is_some_and(|lone| !lone)
        };
        let all = self.kinds.values().flat_map(BTreeMap::values);
        all.filter(|event| !only_follows(event)).cloned().collect()
    }

    /// The moments alone.
    pub fn story(&self) -> Vec<Moment> {
        self.moments.iter().map(|logged| logged.moment.clone()).collect()
    }
}

impl Unread {
    /// None where it has no number and no wording that is known: nobody could say what happened.
    fn read(self) -> Option<Logged> {
        let by_wording = || diagnosis::number_of(&self.text).filter(|_| is_mta(&self.source));
        let id = self.id.or_else(by_wording)?;
        let read = if is_mta(&self.source) { event::read(Some(id), &self.text) } else { None };
        let number = |name| read.as_ref().and_then(|read| read.number(name));
        let peer = read.as_ref().and_then(|read| read.word("remote_server"));
        Some(Logged {
            moment: Moment {
                time: self.time,
                server: self.server,
                id,
                peer: peer.filter(|peer| !peer.is_empty()).map(str::to_owned),
                code: number("code"),
                bind: number("bind"),
            },
            source: self.source,
            event_type: self.event_type,
            text: shown(&self.text),
        })
    }
}

/// True for events of the MTA, and for those of which nobody knows who logged them.
fn is_mta(source: &str) -> bool {
    source.is_empty() || source.eq_ignore_ascii_case(event::SOURCE)
}

/// The beginning of a text, cut between two words: of a name or an address that is cut nobody could tell that it is one.
fn shown(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(SHOWN) else { return text.to_owned() };
    let (begin, rest) = text.split_at(end);
    let whole = rest.starts_with(char::is_whitespace);
    let words =
        if whole { Some(begin) } else { begin.rsplit_once(char::is_whitespace).map(|cut| cut.0) };
    format!("{} ...", words.unwrap_or_default().trim_end())
}

/// The beginning of a text that ends at a character.
fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// The events of servers that run, for the timeline.
pub fn of_servers(servers: &[ServerFacts]) -> Vec<(String, Vec<Logged>)> {
    let logged = |event: &event::Event| Logged {
        moment: Moment {
            time: event.time,
            server: event.server.clone(),
            id: event.id,
            peer: event.peer.clone(),
            code: event.number("code"),
            bind: event.number("bind"),
        },
        source: event.source.clone(),
        event_type: event.event_type.to_string(),
        text: shown(&event.text),
    };
    servers.iter().map(|one| (one.name.clone(), one.events.iter().map(logged).collect())).collect()
}

fn field_event(record: Record) -> FieldEvent {
    // What a log gives by name is as good as what somebody read out of the text.
    let codes = record.params.iter().filter_map(|(name, value)| {
        let code = match value {
            serde_json::Value::Number(number) => Code::Number(number.as_i64()?),
            serde_json::Value::String(text) => Code::Text(text.clone()),
            _ => return None,
        };
        let name = name.to_lowercase();
        let is_code =
            ["status", "code", "error", "comms", "bind"].iter().any(|word| name.contains(word));
        is_code.then_some((name, code))
    });
    FieldEvent {
        codes: codes.collect(),
        id: record.id.map(i64::from),
        source: record.source,
        category: record.category,
        event_type: record.event_type,
        log: record.log,
        server: record.server,
        text: record.text,
    }
}

/// What is wrong with a file, with its name and a way out.
pub fn said(file: &Path, error: EventLogError) -> anyhow::Error {
    match error {
        EventLogError::Io(source) => Unreadable {
            what: file.display().to_string(),
            way_out: "name a file that exists and may be read",
            source,
        }
        .into(),
        other => Usage(format!(
            "{}: {other}; save the log again with Event Viewer as .evtx, .evt, XML, CSV or text",
            file.display()
        ))
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_words() {
        let long = format!("{} ncacn_ip_tcp:127.77.1.2[4749] behind", "x".repeat(SHOWN - 20));
        assert_eq!(shown(&long), format!("{} ...", "x".repeat(SHOWN - 20)));
        assert_eq!(shown("short"), "short");
        assert_eq!(shown(&"y".repeat(SHOWN)), "y".repeat(SHOWN));
    }
}
