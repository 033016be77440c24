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
    /// Text as it is pasted.
    Text,
}

const FORMS: [(Form, &str); 5] = [
    (Form::Csv, "csv"),
    (Form::Json, "jsonl"),
    (Form::Xml, "xml"),
    (Form::Evt, "evt"),
    (Form::Text, "txt"),
];

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
        let files = [("EAST", "WEST", 0), ("WEST", "EAST", 3)].map(|(server, peer, ahead)| {
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
    ensure!(
        answer["joined"]["clock_offset_s"] == 3,
        "{form}: {}",
        answer["joined"]["clock_offset_s"]
    );
    Ok(json!({
        "form": form, "events": read, "octets": octets, "seconds": (seconds * 100.0).round() / 100.0,
        "cpu_s": cpu, "peak_octets": peak, "first": answer["diagnoses"][0]["cause"],
        "pairs": answer["joined"]["pairs"].as_array().map(Vec::len),
    }))
}

/// One log: of every ten events seven are failed binds and what follows from them, the others of other programs.
fn write(file: &Path, form: Form, server: &str, peer: &str, ahead: usize) -> Result<()> {
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, File::create(file)?);
    let mut evt = Vec::new();
    if let Form::Xml = form {
        write!(out, "<Events>")?;
    }
    for at in 0..EVENTS {
        let seconds = BEGIN + ahead + at;
        // At the same moment one server calls and the other one fails to bind back.
        let calls = (at / 10 % 2 == 0) == (server == "EAST");
        let (source, id, strings) = match at % 10 {
            0 if calls => (
                "MSExchangeMTA",
                9318,
                vec![number(at % 240), number(1722), number(1722), number(1722), peer.to_owned()],
            ),
            0 => (
                "MSExchangeMTA",
                9322,
                vec![
                    number(at % 240),
                    number(1722),
                    number(1722),
                    number(0),
                    peer.to_owned(),
                    format!("ncacn_ip_tcp:{peer}"),
                ],
            ),
            1..=3 => (
                "MSExchangeMTA",
                1294,
                vec![format!("/O=ORG/OU=SITE/CN=CONFIGURATION/CN=CONNECTIONS/CN={peer} {at}")],
            ),
            4..=6 => (
                "MSExchangeMTA",
                289,
                vec![format!("/O=ORG/OU=SITE/CN=CONFIGURATION/CN=CONNECTIONS/CN={peer} {at}")],
            ),
            _ => (
                "Service Control Manager",
                7036,
                vec![format!("Service {at}"), "running".to_owned()],
            ),
        };
        let event = Event { seconds, server, source, id, strings };
        match form {
            Form::Csv => event.csv(&mut out)?,
            Form::Json => event.json(&mut out)?,
            Form::Xml => event.xml(&mut out)?,
            Form::Text => event.text(&mut out)?,
            Form::Evt => event.evt(&mut evt, at + 1)?,
        }
    }
    match form {
        Form::Xml => write!(out, "</Events>")?,
        Form::Evt => out.write_all(&whole_evt(&evt)?)?,
        Form::Csv | Form::Json | Form::Text => {}
    }
    out.flush()?;
    Ok(())
}

fn number(value: usize) -> String {
    value.to_string()
}

struct Event<'a> {
    seconds: usize,
    server: &'a str,
    source: &'a str,
    id: u32,
    strings: Vec<String>,
}

impl Event<'_> {
    fn said(&self) -> String {
        let s = |at: usize| self.strings.get(at).map_or("", String::as_str);
        match self.id {
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

    /// Date and time of the day.
    fn when(&self) -> (String, String) {
        let (day, second) = (self.seconds / 86_400 - BEGIN / 86_400, self.seconds % 86_400);
        let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        (format!("2026-01-{:02}", day + 1), clock)
    }

    fn csv(&self, out: &mut impl std::io::Write) -> Result<()> {
        let (date, time) = self.when();
        writeln!(
            out,
            "{date},{time},{},Warning,None,{},N/A,{},\"{}\"",
            self.source,
            self.id,
            self.server,
            self.said()
        )?;
        Ok(())
    }

    fn json(&self, out: &mut impl std::io::Write) -> Result<()> {
        let (date, time) = self.when();
        writeln!(
            out,
            "{{\"time\":\"{date}T{time}Z\",\"server\":\"{}\",\"id\":{},\"source\":\"{}\",\"type\":\"Warning\",\"text\":\"{}\"}}",
            self.server,
            self.id,
            self.source,
            self.said()
        )?;
        Ok(())
    }

    fn xml(&self, out: &mut impl std::io::Write) -> Result<()> {
        let (date, time) = self.when();
        write!(
            out,
            "<Event><System><Provider Name=\"{}\"/><EventID>{}</EventID><Level>3</Level><TimeCreated SystemTime=\"{date}T{time}Z\"/><Computer>{}</Computer></System><RenderingInfo><Message>{}</Message></RenderingInfo></Event>",
            self.source,
            self.id,
            self.server,
            self.said()
        )?;
        Ok(())
    }

    fn text(&self, out: &mut impl std::io::Write) -> Result<()> {
        let (date, time) = self.when();
        writeln!(
            out,
            "Event ID: {}\nSource: {}\nType: Warning\nDate: {date}\nTime: {time}\nComputer: {}\nDescription: {}\n",
            self.id,
            self.source,
            self.server,
            self.said()
        )?;
        Ok(())
    }

    /// [MS-EVEN] 2.2.3 (EVENTLOGRECORD).
    fn evt(&self, out: &mut Vec<u8>, number: usize) -> Result<()> {
        let wide = |text: &str| {
            let units = text.encode_utf16().chain([0]);
            units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
        };
        let names = [wide(self.source), wide(self.server)].concat();
        let strings: Vec<u8> = self.strings.iter().flat_map(|one| wide(one)).collect();
        let fixed = 56;
        let at_strings = fixed + names.len();
        let length = (at_strings + strings.len() + 4).next_multiple_of(4);
        let begin = out.len();
        let seconds = u32::try_from(self.seconds)?;
        for word in
            [u32::try_from(length)?, 0x654c_664c, u32::try_from(number)?, seconds, seconds, self.id]
        {
            out.extend(word.to_le_bytes());
        }
        let count = u16::try_from(self.strings.len())?;
        for word in [2_u16, count, 0, 0] {
            out.extend(word.to_le_bytes());
        }
        let at_strings = u32::try_from(at_strings)?;
        for word in [0, at_strings, 0, at_strings, 0, at_strings] {
            out.extend(word.to_le_bytes());
        }
        out.extend(names);
        out.extend(strings);
        out.resize(begin + length - 4, 0);
        out.extend(u32::try_from(length)?.to_le_bytes());
        Ok(())
    }
}

/// The header before the records and the cursor behind them.
fn whole_evt(records: &[u8]) -> Result<Vec<u8>> {
    let end = u32::try_from(0x30 + records.len())?;
    let last = u32::try_from(EVENTS)?;
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let header = words(&[0x30, 0x654c_664c, 1, 1, 0x30, end, last + 1, 1, end + 0x28, 0, 0, 0x30]);
    let cursor = words(&[
        0x28,
        0x1111_1111,
        0x2222_2222,
        0x3333_3333,
        0x4444_4444,
        0x30,
        end,
        last + 1,
        1,
        0x28,
    ]);
    Ok([header.as_slice(), records, cursor.as_slice()].concat())
}
