//! `bench doctor`: one million events through the whole doctor, in each form that a log of that size comes in.
//!
//! Two servers' logs of half a million events each: most are failed binds with what follows from them, so that the join has all
//! its work. The process is the release binary as a person runs it; the last line of standard output is one JSON object.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use conformance::{WindowsEvent, evt, evtx};
use serde_json::{Value, json};

use super::host;

/// Events in each of the two logs.
const EVENTS: usize = 500_000;
/// Seconds that a million events may take: of the processor, since the doctor reads with one thread and neighbours take theirs.
const AIM_S: f64 = 10.0;
/// The first event, in seconds since 1970.
const BEGIN: usize = 1_767_000_000;
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(5);
/// The last octets of a log may wait for the reader.
const WRITE_BUFFER: usize = 1 << 20;

/// The forms that are measured.
#[derive(Clone, Copy)]
enum Form {
    /// Event Viewer's table.
    Csv,
    /// `bindback events --follow --json`.
    Json,
    /// Event Viewer's XML.
    Xml,
    /// The binary log of NT 4 to Server 2003.
    Evt,
    /// The binary log of Vista and later.
    Evtx,
    /// Text as it is pasted.
    Text,
}

const FORMS: [(Form, &str); 6] = [
    (Form::Csv, "csv"),
    (Form::Json, "jsonl"),
    (Form::Xml, "xml"),
    (Form::Evt, "evt"),
    (Form::Evtx, "evtx"),
    (Form::Text, "txt"),
];

/// So many seconds WEST's clock is ahead: more than clocks that agree differ by.
const AHEAD_S: usize = 3607;

/// Measures each form.
pub fn run() -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let program = root.join("target/release/bindback");
    ensure!(program.exists(), "build it first: cargo build --release -p bindback");
    let folder = root.join("target/bench-doctor");
    std::fs::create_dir_all(&folder)?;
    println!("{}", host::machine());
    let mut rows = Vec::new();
    let mut good = true;
    for (form, name) in FORMS {
        let files =
            [("EAST", "WEST", 0), ("WEST", "EAST", AHEAD_S)].map(|(server, peer, ahead)| {
                let file = folder.join(format!("{server}.{name}"));
                write(&file, form, server, peer, ahead).map(|()| file)
            });
        let [east, west] = files;
        let (east, west) = (east?, west?);
        let row = measure(&program, name, &[&east, &west])?;
        println!("{row}");
        good &= row["cpu_s"].as_f64().is_some_and(|seconds| seconds < AIM_S);
        rows.push(row);
        for file in [east, west] {
            std::fs::remove_file(file)?;
        }
    }
    println!(
        "{}",
        json!({ "bench": "doctor", "machine": host::machine(), "aim_s": AIM_S, "rows": rows })
    );
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(program: &Path, form: &str, files: &[&PathBuf]) -> Result<Value> {
    let mut octets = 0;
    let mut command = Command::new(program);
    command.args(["doctor", "--json"]).stdin(Stdio::null()).stdout(Stdio::piped());
    for file in files {
        octets += std::fs::metadata(file)?.len();
        command.arg("--events").arg(file);
    }
    let started = Instant::now();
    let mut child = command.spawn()?;
    let mut out = child.stdout.take().context("no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).map(|_| text)
    });
    let (mut peak, mut cpu) = (0, 0.0);
    let status = loop {
        peak = host::peak(child.id()).unwrap_or(0).max(peak);
        cpu = host::cpu_seconds(child.id()).unwrap_or(0.0).max(cpu);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "the doctor ended with {status}");
    let text = reader.join().ok().context("the reader fell over")??;
    let answer: Value = serde_json::from_str(&text)?;
    let read = answer["events"].as_u64().unwrap_or(0);
    ensure!(read == u64::try_from(2 * EVENTS)?, "{form}: {read} events were read");
    let offset = &answer["joined"]["clock_offset_s"];
    ensure!(*offset == AHEAD_S, "{form}: {offset}");
    Ok(json!({
        "form": form, "events": read, "octets": octets, "seconds": (seconds * 100.0).round() / 100.0,
        "cpu_s": cpu, "peak_octets": peak, "first": answer["diagnoses"][0]["cause"],
        "pairs": answer["joined"]["pairs"].as_array().map(Vec::len),
    }))
}

/// One log: of every ten events seven are failed binds and what follows from them, the others of other programs.
fn write(file: &Path, form: Form, server: &str, peer: &str, ahead: usize) -> Result<()> {
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, File::create(file)?);
    let events = (0..EVENTS).map(|at| event(at, server, peer, ahead));
    match form {
        Form::Csv => events.map(|one| one.csv()).try_for_each(|row| write!(out, "{row}"))?,
        Form::Json => events.map(|one| one.json()).try_for_each(|line| write!(out, "{line}"))?,
        Form::Text => events.map(|one| one.labelled()).try_for_each(|one| write!(out, "{one}"))?,
        Form::Xml => {
            write!(out, "<Events>")?;
            events.map(|one| one.xml()).try_for_each(|one| write!(out, "{one}"))?;
            write!(out, "</Events>")?;
        }
        Form::Evt => out.write_all(&evt(events))?,
        Form::Evtx => out.write_all(&evtx(events))?,
    }
    out.flush()?;
    Ok(())
}

fn event(at: usize, server: &str, peer: &str, ahead: usize) -> WindowsEvent {
    // At the same moment one server calls and the other one fails to bind back.
    let calls = (at / 10).is_multiple_of(2) == (server == "EAST");
    let entity = || vec![format!("/O=ORG/OU=SITE/CN=CONFIGURATION/CN=CONNECTIONS/CN={peer} {at}")];
    let codes = |codes: [&str; 3]| {
        let row = std::iter::once(number(at % 240));
        row.chain(codes.map(str::to_owned)).chain([peer.to_owned()]).collect::<Vec<String>>()
    };
    let (source, id, strings) = match at % 10 {
        0 if calls => ("MSExchangeMTA", 9318, codes(["1722", "1722", "1722"])),
        0 => {
            let protocol = format!("ncacn_ip_tcp:{peer}");
            let strings = [codes(["1722", "1722", "0"]), vec![protocol]].concat();
            ("MSExchangeMTA", 9322, strings)
        }
        1..=3 => ("MSExchangeMTA", 1294, entity()),
        4..=6 => ("MSExchangeMTA", 289, entity()),
        _ => ("Service Control Manager", 7036, vec![format!("Service {at}"), "running".to_owned()]),
    };
    WindowsEvent {
        seconds: u32::try_from(BEGIN + ahead + at).unwrap_or(u32::MAX),
        server: server.to_owned(),
        source: source.to_owned(),
        id,
        text: said(id, &strings),
        strings,
    }
}

fn number(value: usize) -> String {
    value.to_string()
}

fn said(id: u32, strings: &[String]) -> String {
    let s = |at: usize| strings.get(at).map_or("", String::as_str);
    match id {
        9318 => format!(
            "An RPC communications error occurred. Unable to bind over RPC. Locality Table (LTAB) index: {}, NT/MTA error code: {}. Comms error {}, Bind error {}, Remote Server Name {} [MAIN BASE 1 500 %10] (14)",
            s(0),
            s(1),
            s(2),
            s(3),
            s(4)
        ),
        9322 => format!(
            "An interface error has occurred. An MtaBindBack over RPC has failed. Locality Table (LTAB) index: {}, NT/MTA error code: {}. Comms error {}, Bind error {}, Remote Server Name {}, Protocol String {} [BASE IL INCOMING RPC 25 237] (14)",
            s(0),
            s(1),
            s(2),
            s(3),
            s(4),
            s(5)
        ),
        1294 => format!(
            "The association with entity {} ended abnormally. The MTA will attempt to recover it. [XFER-OUT 12 45] (10)",
            s(0)
        ),
        289 => {
            format!("A connection to {} could not be opened. [MTA XFER-OUT 34 50] (12)", s(0))
        }
        _ => format!("The {} service entered the {} state.", s(0), s(1)),
    }
}
