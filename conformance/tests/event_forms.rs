//! Every form of event of the MTA in every form of log, given to the doctor as a user would, and found again in its report.
//!
//! The events are those of the catalogue of wordings (`tier2/eventlog/src/templates.txt`), each with invented values; the logs
//! are made by [`conformance::WindowsEvent`]. The report lists what was read: number and beginning of the text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Program, WindowsEvent, evt, evtx, skip};

const CATALOGUE: &str = "../tier2/eventlog/src/templates.txt";
/// 2026-01-02T03:04:05Z.
const BEGIN: u32 = 1_767_323_045;
/// Fewer would be a catalogue that was not found.
const FORMS: usize = 159;
/// A line of a text that was pasted through something that wraps.
const WRAP: usize = 58;
/// Events whose texts are the same: without a number nobody can tell which it is, and one of them stands for all.
const SAME: [&[u32]; 3] = [&[105, 2200, 2201, 3128], &[1004, 1008], &[2035, 2036]];
/// So much of a text shows that it is the right one.
const SHOWN: usize = 40;
/// Far over what a debug build on a busy machine needs for one report.
const PATIENCE: Duration = Duration::from_secs(300);

/// Each event once, with invented values: insertion strings, and the text that they make.
fn every_form() -> Result<Vec<WindowsEvent>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CATALOGUE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut out = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.splitn(3, '\t');
        let id = fields.next().context("no number")?.parse()?;
        let wording = fields.nth(1).context("no wording")?;
        let strings: Vec<String> = (1..=10).map(|at| format!("V{at}")).collect();
        let used = (1..=10).rev().find(|at| wording.contains(&format!("%{at}"))).unwrap_or(0);
        out.push(WindowsEvent {
            seconds: BEGIN + u32::try_from(out.len())?,
            server: "EAST".to_owned(),
            source: "MSExchangeMTA".to_owned(),
            id,
            text: filled(wording, &strings),
            strings: strings.into_iter().take(used).collect(),
        });
    }
    ensure!(out.len() >= FORMS, "{} forms", out.len());
    Ok(out)
}

/// A wording with all its places filled.
fn filled(wording: &str, strings: &[String]) -> String {
    let mut text = wording.to_owned();
    for (at, string) in strings.iter().enumerate().rev() {
        text = text.replace(&format!("%{}", at + 1), string);
    }
    for (place, value) in [
        ("%entity", "/O=ORG/OU=SITE/CN=CONFIGURATION/CN=CONNECTIONS/CN=WEST"),
        ("%mtsid", "C=US;A= ;P=ORG;L=EAST-260102030405Z-7"),
        ("%object", "0600012A"),
        ("%n-%n-%n %n:%n:20am", "1-2-26 3:04:20am"),
        ("%n", "17"),
        ("[component thread ids]", "[MTA XFER-IN 17 205]"),
    ] {
        text = text.replace(place, value);
    }
    text
}

/// What the doctor's report lists of a file: the numbers, each with its text.
fn listed(folder: &Path, file: &str, octets: &[u8]) -> Result<BTreeMap<u32, String>> {
    let (log, page) = (folder.join(file), folder.join("report.html"));
    std::fs::write(&log, octets)?;
    let out = Program::find()?.run_within(
        PATIENCE,
        [
            "doctor".as_ref(),
            "--events".as_ref(),
            log.as_os_str(),
            "--html".as_ref(),
            page.as_os_str(),
        ],
    )?;
    ensure!(out.status.success(), "{file}: {}", String::from_utf8_lossy(&out.stderr));
    let html = std::fs::read_to_string(&page)?;
    let (_, events) = html.split_once("<h2>Events</h2>").context("no list of events")?;
    let mut out = BTreeMap::new();
    for row in events.split("<tr").skip(2) {
        let mut cells = row.split("<td").skip(3).filter_map(|cell| {
            let (_, text) = cell.split_once('>')?;
            Some(text.split("</td>").next().unwrap_or_default())
        });
        let (event, text) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let number = event.split(' ').next_back().unwrap_or_default().parse();
        out.insert(number.with_context(|| format!("no number in {row}"))?, plain(text));
    }
    Ok(out)
}

fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&amp;", "&")
}

/// One blank for any, and what stands before the first place of a wording.
fn beginning(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN).collect()
}

fn missing(found: &BTreeMap<u32, String>, forms: &[WindowsEvent]) -> Vec<u32> {
    forms.iter().map(|one| one.id).filter(|id| !found.contains_key(id)).collect()
}

/// Whether it is there, or one whose text is the same.
fn is_known(found: &BTreeMap<u32, String>, id: u32) -> bool {
    let same = SAME.iter().find(|same| same.contains(&id));
    same.map_or(found.contains_key(&id), |same| same.iter().any(|one| found.contains_key(one)))
}

/// Claims: 5.
#[test]
fn every_form_is_found_in_every_log_that_gives_numbers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let forms = every_form()?;
    let all = |one: fn(&WindowsEvent) -> String| forms.iter().map(one).collect::<String>();
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(all(WindowsEvent::labelled).encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let headed = format!(
        "Level,Date and Time,Source,Event ID,Task Category,Description\r\n{}",
        forms.iter().map(row_with_heading).collect::<String>()
    );
    for (file, octets) in [
        ("east.evt", evt(forms.clone())),
        ("east.evtx", evtx(forms.clone())),
        ("east.csv", all(WindowsEvent::csv).into_bytes()),
        ("headed.csv", headed.into_bytes()),
        ("east.jsonl", all(WindowsEvent::json).into_bytes()),
        ("east.xml", format!("<Events>{}</Events>", all(WindowsEvent::xml)).into_bytes()),
        (
            "data.xml",
            format!("<Events>{}</Events>", all(WindowsEvent::xml_of_strings)).into_bytes(),
        ),
        ("east.txt", all(WindowsEvent::labelled).into_bytes()),
        ("wide.txt", utf16),
    ] {
        let found = listed(folder.path(), file, &octets)?;
        let missing = missing(&found, &forms);
        ensure!(missing.is_empty(), "{file}: {missing:?} are not found");
        ensure!(found.len() == forms.len(), "{file}: {} events", found.len());
        for form in &forms {
            // Before its first place a wording is the same, whatever its strings are.
            let fixed = beginning(&form.text);
            let fixed = fixed.split(['/', ':', '0', '1', 'V', 'C']).next().unwrap_or_default();
            let text = &found[&form.id];
            ensure!(beginning(text).starts_with(fixed), "{file}: {} is {text}", form.id);
        }
    }
    Ok(())
}

fn row_with_heading(event: &WindowsEvent) -> String {
    let second = event.seconds - BEGIN;
    format!(
        "Warning,1/2/2026 3:{:02}:{:02} AM,{},{},(3),\"{}\"\r\n",
        4 + second / 60,
        second % 60,
        event.source,
        event.id,
        event.text.replace('"', "\"\"")
    )
}

/// The MTA's own text logs and what people paste have no numbers: the wording tells which event it is.
#[test]
fn every_form_is_known_by_its_wording() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let forms = every_form()?;
    let log: String = forms.iter().map(of_the_mta).collect();
    let mail: String = forms.iter().map(|one| pasted(one, &one.text)).collect();
    // Somebody took the values out before he showed it to strangers.
    let emptied: String = forms
        .iter()
        .map(|one| {
            let values = ["EAST", "WEST", "0600012A", "V1", "V2", "V3", "V4", "V5"];
            let text =
                values.iter().fold(one.text.clone(), |text, value| text.replace(value, "xxxx"));
            pasted(one, &text)
        })
        .collect();
    for (file, text) in [("EV0.LOG", log), ("mail.txt", mail), ("public.txt", emptied)] {
        let found = listed(folder.path(), file, text.as_bytes())?;
        let ids = forms.iter().map(|one| one.id);
        let unknown: Vec<u32> = ids.filter(|id| !is_known(&found, *id)).collect();
        ensure!(unknown.is_empty(), "{file}: {unknown:?} are not known");
        // Nothing is taken for another event either: each known one is there once.
        let twice = SAME.iter().map(|same| same.len() - 1).sum::<usize>();
        ensure!(found.len() == forms.len() - twice, "{file}: {} events", found.len());
    }
    Ok(())
}

/// A heading with type, severity and place, then the text.
fn of_the_mta(event: &WindowsEvent) -> String {
    let second = event.seconds - BEGIN;
    let text = event.text.split(" [").next().unwrap_or_default();
    // A few wordings were taken from such a log, heading and all.
    let text = text.split_once("am ").map_or(text, |(_, behind)| behind);
    format!(
        "Monitoring Event, severity 12 (MTA XFER-IN(17) Proc 205) 1-2-26 3:{:02}:{:02}am\r\n{}\r\n\r\n",
        4 + second / 60,
        second % 60,
        wrapped(text)
    )
}

fn pasted(event: &WindowsEvent, text: &str) -> String {
    let second = event.seconds - BEGIN;
    format!(
        "Source: MSExchangeMTA\nDate: 1/2/2026\nTime: 3:{:02}:{:02} AM\nDescription:\n{}\n\n",
        4 + second / 60,
        second % 60,
        wrapped(text)
    )
}

/// Broken between words, as a mail program does it.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        if column > 0 && column + word.len() >= WRAP {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

/// The old binary log of these proofs is such as an independent reader reads it, number for number. The new one is read by
/// somebody else's reader anyhow: the product's is the crate `evtx`.
#[test]
fn an_independent_reader_reads_the_old_log_of_these_proofs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let forms = every_form()?;
    let expected: BTreeSet<u32> = forms.iter().map(|one| one.id).collect();
    let path = folder.path().join("east.evt");
    std::fs::write(&path, evt(forms))?;
    let Ok(out) = Command::new("evtexport").arg(&path).output() else {
        skip("event_forms", "evtexport is not there (Debian: apt-get install libevt-utils)");
        return Ok(());
    };
    let text = String::from_utf8_lossy(&out.stdout);
    let ids = text.lines().filter(|line| line.starts_with("Event identifier"));
    let ids: BTreeSet<u32> = ids
        .filter_map(|line| line.split("0x").nth(1)?.split(' ').next())
        .filter_map(|hex| u32::from_str_radix(hex, 16).ok())
        .map(|id| id & 0xffff)
        .collect();
    ensure!(ids == expected, "it does not see {:?}", expected.difference(&ids));
    Ok(())
}
