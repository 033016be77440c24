//! Real logs of Windows, where they lie beside the project: our readers agree with independent ones (`evtexport` and
//! `evtxexport`), event for event.
//!
//! The logs are not ours to publish; without them, or without the tools, the tests skip themselves by name. The folder is
//! the first that exists of `$BINDBACK_EVENTLOGS`, and `shared/vectors/eventlog` beside the project or one above.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use eventlog::{Form, Record, Summary, read_file, read_octets};

fn folder(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("BINDBACK_EVENTLOGS").map(PathBuf::from);
    let places =
        ["../shared", "../../shared"].map(|place| root.join(place).join("vectors/eventlog"));
    let found = named.into_iter().chain(places).find(|place| place.is_dir());
    if found.is_none() {
        eprintln!("skipped: {test}: no folder of real logs");
    }
    found
}

/// What the independent tool says of each event: number, identifier, source, computer, time, strings.
fn exported(test: &str, tool: &str, file: &Path) -> Option<Vec<Told>> {
    let Ok(out) = Command::new(tool).arg(file).output() else {
        eprintln!("skipped: {test}: {tool} is not installed");
        return None;
    };
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut events: Vec<Told> = Vec::new();
    let mut in_string = false;
    for line in text.lines() {
        let (key, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        let is_label = line.contains("\t: ") || line.contains("\t:");
        let key = key.trim();
        if key == "Event number" {
            events.push(Told { number: value.trim().parse().ok()?, ..Told::default() });
        }
        let Some(event) = events.last_mut() else { continue };
        match key {
            "Event identifier" => {
                let hex = value.trim().split(' ').next()?.trim_start_matches("0x");
                event.id = u32::from_str_radix(hex, 16).ok()? & 0xffff;
            }
            "Source name" => event.source = value.trim().to_owned(),
            "Computer name" => event.computer = value.trim().to_owned(),
            "Creation time" => event.time = value.trim().to_owned(),
            "Written time" if event.time.is_empty() => event.time = value.trim().to_owned(),
            "Number of strings" => event.strings = value.trim().parse().ok()?,
            _ => {}
        }
        if is_label && let Some(rest) = line.strip_prefix("String: ") {
            let value = rest.split_once(": ").map_or("", |(_, value)| value);
            event.texts.push(value.to_owned());
            in_string = true;
        } else if is_label || line.is_empty() && !in_string {
            in_string = false;
        } else if in_string && let Some(last) = event.texts.last_mut() {
            // A string with line ends in it.
            last.push('\n');
            last.push_str(line);
        }
    }
    Some(events)
}

#[derive(Debug, Default)]
struct Told {
    number: u64,
    id: u32,
    source: String,
    computer: String,
    time: String,
    strings: usize,
    texts: Vec<String>,
}

/// `Jul 27, 2011 06:41:47 UTC`, with a fraction or without, as RFC 3339 to the second.
fn time(told: &str) -> String {
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = told.split_whitespace();
    let month =
        words.next().and_then(|name| months.iter().position(|one| *one == name)).unwrap_or(98) + 1;
    let day = words.next().unwrap_or_default().trim_end_matches(',').to_owned();
    let year = words.next().unwrap_or_default().to_owned();
    let clock = words.next().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
    format!("{year}-{month:02}-{day:0>2}T{clock}")
}

fn read(file: &Path) -> (Vec<Record>, Summary) {
    let mut found = Vec::new();
    let summary = read_file(file, |record| found.push(record)).unwrap();
    (found, summary)
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn agree(ours: &[Record], theirs: &[Told], most_late: i64) {
    assert_eq!(ours.len(), theirs.len());
    for (one, other) in ours.iter().zip(theirs) {
        assert_eq!(one.record, Some(other.number));
        assert_eq!(one.id, Some(other.id), "{}", other.number);
        assert_eq!(one.source.as_deref(), Some(other.source.as_str()), "{}", other.number);
        assert_eq!(one.server.as_deref(), Some(other.computer.as_str()), "{}", other.number);
        // The newer form gives the time at which a record was written, a little after the event.
        let written: jiff::Timestamp = format!("{}Z", time(&other.time)).parse().unwrap();
        let late = written.as_second() - one.time.unwrap().as_second();
        assert!((0..=most_late).contains(&late), "{}: {late} s", other.number);
    }
}

#[test]
fn a_real_log_of_windows_xp_agrees() {
    let Some(folder) = folder("a_real_log_of_windows_xp_agrees") else { return };
    let file = folder.join("SysEvent.Evt");
    let (ours, summary) = read(&file);
    assert_eq!((summary.form, summary.damaged), (Form::Evt, 0), "{summary:?}");
    assert!(ours.len() > 1_000);
    let Some(theirs) = exported("a_real_log_of_windows_xp_agrees", "evtexport", &file) else {
        return;
    };
    agree(&ours, &theirs, 0);
    for (one, other) in ours.iter().zip(&theirs) {
        assert_eq!(one.strings.len(), other.strings, "{}", other.number);
        for (string, told) in one.strings.iter().zip(&other.texts) {
            assert_eq!(flat(string), flat(told), "{}", other.number);
        }
    }
}

#[test]
fn a_real_log_of_windows_7_agrees() {
    let Some(folder) = folder("a_real_log_of_windows_7_agrees") else { return };
    let mut compared = 0;
    for name in [
        "System2.evtx",
        "new-user-security.evtx",
        "Security_short_selected.evtx",
        "MSExchange_Management_wec.evtx",
        "Application_no_crc32.evtx",
    ] {
        let file = folder.join(name);
        let (ours, summary) = read(&file);
        assert_eq!(summary.form, Form::Evtx, "{name}");
        assert!(!ours.is_empty(), "{name}");
        let Some(theirs) = exported("a_real_log_of_windows_7_agrees", "evtxexport", &file) else {
            return;
        };
        println!("{name}: {} events, the tool {}", ours.len(), theirs.len());
        if ours.len() == theirs.len() {
            agree(&ours, &theirs, 60);
            compared += 1;
        }
    }
    assert!(compared >= 3, "{compared}");
}

#[test]
fn a_damaged_chunk_costs_no_more_than_itself() {
    let Some(folder) = folder("a_damaged_chunk_costs_no_more_than_itself") else { return };
    let (ours, summary) = read(&folder.join("sample_with_a_bad_chunk_magic.evtx"));
    println!("{} events, {} damaged", ours.len(), summary.damaged);
    assert!(!ours.is_empty() && summary.damaged > 0, "{summary:?}");
}

#[test]
fn a_cut_log_ends_with_what_it_has() {
    let Some(folder) = folder("a_cut_log_ends_with_what_it_has") else { return };
    let whole = std::fs::read(folder.join("SysEvent.Evt")).unwrap();
    let all = {
        let mut count = 0;
        read_octets(&whole, |_| count += 1).unwrap();
        count
    };
    for end in [48, 1_000, 65_537, 1_000_001, whole.len() - 3] {
        let mut count = 0;
        read_octets(&whole[..end], |_| count += 1).unwrap();
        assert!(count <= all, "{end}");
    }
}
