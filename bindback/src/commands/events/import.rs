//! `bindback events import`: another server's log beside the own events, so that `events` shows it and `doctor` joins it.
//!
//! What is imported is kept as lines of `events --json` in a file of its own in the server's folder: it is somebody else's word,
//! and never mixes with what this server logged. Only events of an MTA that say when and where they were logged have a
//! place there; all else of a log is weighed by `doctor --events`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use admin::Shape;
use anyhow::{Context as _, bail};
use config::Config;
use event::Event;
use eventlog::{Record, read_file};
use serde::Serialize;

use crate::commands::doctor::unreadable_log;
use crate::failure::{Found, Usage};
use crate::output::Output;

/// The newest so many are kept, of all servers together: as many as the doctor reads of a log.
const MOST: usize = 20_000;
/// A file of that many events has less.
const MOST_OCTETS: u64 = 256 * 1024 * 1024;

#[derive(Debug, Serialize)]
struct Imported {
    /// The events that were not there before.
    imported: usize,
    /// Those that were.
    known: usize,
    /// Events of other sources, and those without a time or number.
    left_out: usize,
    /// Whose events are kept now.
    servers: Vec<Kept>,
    /// Where.
    file: String,
}

#[derive(Debug, Serialize)]
struct Kept {
    server: String,
    events: usize,
}

impl Shape for Imported {
    const NAME: &'static str = "events-import";
}

/// Reads the logs and keeps their events; with `forget` those that are kept are dropped first.
pub fn run(
    files: &[PathBuf],
    server: Option<&str>,
    forget: bool,
    config: &Config,
    output: &Output,
) -> anyhow::Result<Found> {
    let place = place(config);
    is_ours(config)?;
    let mut kept = if forget { Vec::new() } else { load(&place)? };
    let mut seen: BTreeSet<_> = kept.iter().map(key).collect();
    let (mut imported, mut known, mut left_out) = (0, 0, 0);
    for file in files {
        let mut nameless = false;
        let read = read_file(file, |record| match event_of(record, server) {
            Ok(event) if seen.insert(key(&event)) => {
                imported += 1;
                kept.push(event);
            }
            Ok(_) => known += 1,
            Err(Left::Nameless) => nameless = true,
            Err(Left::Out) => left_out += 1,
        });
        let summary = read.map_err(|error| unreadable_log(file, error))?;
        if nameless {
            return Err(Usage(format!(
                "{}: it does not say which server logged it; name the server with --server",
                file.display()
            ))
            .into());
        }
        for remark in summary.remarks {
            output.narrate(&format!("{}: {remark}", file.display()));
        }
    }
    kept.sort_by_key(|event| event.time);
    kept.drain(..kept.len().saturating_sub(MOST));
    save(&place, &kept)?;
    let mut servers: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &kept {
        *servers.entry(&event.server).or_default() += 1;
    }
    let kept_of = |(server, events): (&str, usize)| Kept { server: server.to_owned(), events };
    let answer = Imported {
        imported,
        known,
        left_out,
        servers: servers.into_iter().map(kept_of).collect(),
        file: place.display().to_string(),
    };
    output.answer(&answer, told)?;
    Ok(Found::Nothing)
}

fn told(answer: &Imported) -> String {
    let servers: Vec<String> =
        answer.servers.iter().map(|one| format!("{} of {}", one.events, one.server)).collect();
    let kept = if servers.is_empty() { "none".to_owned() } else { servers.join(", ") };
    format!(
        "{} events imported, {} were there before, {} left out (other sources, or no time). Kept: {kept}.",
        answer.imported, answer.known, answer.left_out
    )
}

/// What was imported so far, oldest first.
///
/// # Errors
/// The file is there and cannot be read.
pub fn imported(config: &Config) -> anyhow::Result<Vec<Event>> {
    load(&place(config))
}

fn place(config: &Config) -> PathBuf {
    config.server.data_dir.join("imported").join("events.jsonl")
}

/// A file that another user left in the server's folder would keep its server from starting.
fn is_ours(config: &Config) -> anyhow::Result<()> {
    let folder = &config.server.data_dir;
    let owner = fs::metadata(folder)
        .with_context(|| format!("cannot look at the server's folder {}", folder.display()))?
        .uid();
    if owner != rustix::process::geteuid().as_raw() {
        bail!("{} belongs to user {owner}; run the command as that user", folder.display());
    }
    Ok(())
}

fn load(place: &Path) -> anyhow::Result<Vec<Event>> {
    let failed = || format!("cannot read the imported events in {}", place.display());
    match fs::metadata(place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(failed),
        Ok(found) if found.len() > MOST_OCTETS => {
            bail!("{} is too large; remove it, and import anew", place.display())
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(place).with_context(failed)?;
    let events = text.lines().enumerate().map(|(at, line)| {
        serde_json::from_str(line).with_context(|| {
            format!("{}:{}: no event; remove the file, and import anew", place.display(), at + 1)
        })
    });
    events.collect()
}

/// The whole file anew, and in its place at once.
fn save(place: &Path, events: &[Event]) -> anyhow::Result<()> {
    let failed = || format!("cannot write the imported events to {}", place.display());
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder).with_context(failed)?;
    let new = place.with_extension("new");
    let mut file = std::io::BufWriter::new(fs::File::create(&new).with_context(failed)?);
    for event in events {
        serde_json::to_writer(&mut file, event).with_context(failed)?;
        file.write_all(b"\n").with_context(failed)?;
    }
    file.into_inner().with_context(failed)?.sync_all().with_context(failed)?;
    fs::rename(&new, place).with_context(failed)
}

/// What makes an event the same.
fn key(event: &Event) -> (jiff::Timestamp, String, u32, String) {
    (event.time, event.server.to_lowercase(), event.id, event.text.clone())
}

/// Why a record has no place.
enum Left {
    /// It is of another source, or says too little.
    Out,
    /// It would have one if anybody said whose it is.
    Nameless,
}

/// The record as an event of an MTA, its parameters read out of its text.
fn event_of(record: Record, server: Option<&str>) -> Result<Event, Left> {
    let text = record.text.unwrap_or_default();
    let source = record.source.unwrap_or_default();
    if !source.is_empty() && !source.eq_ignore_ascii_case(event::SOURCE) {
        return Err(Left::Out);
    }
    let read = event::read(record.id, &text).ok_or(Left::Out)?;
    let definition = read.definition;
    let (Some(time), id) = (record.time, definition.id) else { return Err(Left::Out) };
    let named = server.map(str::to_owned).or(record.server).filter(|name| !name.is_empty());
    let peer = read.word("remote_server").map(str::to_owned);
    let word = |params: &serde_json::Map<String, serde_json::Value>, name: &str| {
        params.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let mut params: serde_json::Map<String, serde_json::Value> = read.params.into_iter().collect();
    params.extend(record.params);
    Ok(Event {
        time,
        server: named.ok_or(Left::Nameless)?,
        id,
        source: event::SOURCE.to_owned(),
        category: record
            .category
            .and_then(|category| category.parse().ok())
            .unwrap_or(definition.category),
        severity: super::convert::severity(&text).unwrap_or(definition.severity),
        event_type: record
            .event_type
            .and_then(|kind| kind.parse().ok())
            .unwrap_or(definition.event_type),
        peer: peer.or_else(|| word(&params, "peer")),
        layer: word(&params, "layer").and_then(|layer| layer.parse().ok()),
        params,
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            time: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            id: Some(9318),
            source: Some("MSExchangeMTA".to_owned()),
            event_type: Some("Warning".to_owned()),
            server: Some("EAST".to_owned()),
            text: Some("An RPC communications error occurred. Unable to bind over RPC. Locality Table (LTAB) index: 4, NT/MTA error code: 5. Comms error 5, Bind error 0, Remote Server Name WEST [MAIN BASE 1 500 %10] (14)".to_owned()),
            ..Record::default()
        }
    }

    #[test]
    fn a_record_becomes_an_event_with_its_parameters() {
        let event = event_of(record(), None).ok().unwrap();
        assert_eq!((event.server.as_str(), event.code(), event.severity), ("EAST", Some(5), 14));
        assert_eq!(event.peer.as_deref(), Some("WEST"));
        let named = event_of(Record { server: None, ..record() }, Some("EAST")).ok().unwrap();
        assert_eq!(key(&named), key(&event));
        assert!(matches!(event_of(Record { server: None, ..record() }, None), Err(Left::Nameless)));
        for other in [
            Record { time: None, ..record() },
            Record { source: Some("NETLOGON".to_owned()), ..record() },
            Record { id: Some(77), ..record() },
        ] {
            assert!(matches!(event_of(other, None), Err(Left::Out)));
        }
    }

    #[test]
    fn what_is_kept_reads_back_and_damage_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("imported/events.jsonl");
        assert!(load(&place).unwrap().is_empty());
        let events = vec![event_of(record(), None).ok().unwrap(); 2];
        save(&place, &events).unwrap();
        assert_eq!(load(&place).unwrap(), events);
        let text = fs::read_to_string(&place).unwrap();
        fs::write(&place, format!("{text}half an ev")).unwrap();
        let error = load(&place).unwrap_err().to_string();
        assert!(error.contains("events.jsonl:3: no event"), "{error}");
    }
}
