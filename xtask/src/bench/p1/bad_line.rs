//! (c): X.400 over a line that is slow, far and loses packets, and bare TCP over the same line.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Connector, Network, Organisation, Plan, Side, until};
use serde_json::{Value, json};

use super::super::load::Load;
use super::line::{Line, Quality};

const PORT: u16 = 1102;
/// The first port of bare TCP.
const BARE: u16 = 5001;
/// Whoever a [`Network`] has.
const HOSTS: &str = "['10.0.0.0/8']";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(900);
/// 56 kbit/s, 200 ms round trip, one of a hundred packets lost; a packet waits two seconds at most.
const QUALITY: Quality = Quality {
    rate: 7000,
    one_way: Duration::from_millis(100),
    lost_per_mille: 10,
    queue: Duration::from_secs(2),
    seed: 1,
};
/// Octets of all messages together.
const OCTETS: usize = 800_000;

pub fn run() -> Result<Value> {
    if let Some(why_not) = Line::why_not() {
        println!("(c) left out: {why_not}");
        return Ok(json!({ "left_out": why_not }));
    }
    let mut rows = Vec::new();
    for associations in [1, 5] {
        let p1 = over_p1(associations)?;
        let tcp = over_tcp(associations)?;
        let row = json!({ "associations": associations, "octets": OCTETS, "p1": p1, "tcp": tcp });
        println!("(c) {row}");
        rows.push(row);
    }
    Ok(rows.into())
}

/// Messages wait at WEST; counted is the time from EAST's greeting until WEST has heard that EAST keeps them all: the
/// wait for the next attempt, transport connections and binds are in it.
fn over_p1(associations: u16) -> Result<Value> {
    let plan = Plan::default().with("smtp", "allow", HOSTS).with("smtp", "relay", HOSTS);
    let organisation = Organisation::make_on(&plan, Network::make()?)?;
    let messages = usize::from(associations);
    let x400 = format!("{}checkpoint_kib = 30", super::connector_keys(messages));
    let rfc1006 = format!("allow = {HOSTS}");
    for side in Side::BOTH {
        Connector { port: PORT, rfc1006: &rfc1006, x400: &x400, through_relay: false }
            .install(&organisation, side)?;
    }
    let line = Line::lay(&organisation, QUALITY)?;
    let west = organisation.start(Side::West)?;
    let (target, size) = (organisation.smtp(Side::West), OCTETS / messages);
    let recipient = |_| Side::East.user();
    Load { target, sessions: 16, messages, size, recipient }.run()?;
    let east = organisation.start(Side::East)?;
    let begin = Instant::now();
    until(PATIENCE, "the last transfer", || {
        Ok((organisation.waiting(Side::West)? == 0).then_some(()))
    })?;
    let row = row(&line, begin.elapsed());
    for server in [east, west] {
        server.terminate(PATIENCE)?;
    }
    Ok(row)
}

/// The same octets over as many connections of socat, from the first call until EAST has read all.
fn over_tcp(connections: u16) -> Result<Value> {
    let organisation = Organisation::make_on(&Plan::default(), Network::make()?)?;
    let line = Line::lay(&organisation, QUALITY)?;
    let each = OCTETS / usize::from(connections);
    let file = organisation.root().join("octets");
    std::fs::write(&file, vec![b'x'; each])?;
    let own = organisation.address(Side::East);
    let ports: Vec<_> = (0..connections).map(|number| BARE + number).collect();
    let mut readers = Vec::new();
    for port in &ports {
        let from = format!("TCP-LISTEN:{port},bind={own}");
        readers.push(socat(&organisation, Side::East, &from, "STDOUT")?);
    }
    let network = organisation.network().context("two hosts")?;
    until(PATIENCE, "the listeners", || {
        let listening = network.run_on(Side::East, "ss -Htln")?;
        let all = ports.iter().all(|port| listening.contains(&format!("{own}:{port}")));
        Ok(all.then_some(()))
    })?;
    let begin = Instant::now();
    let mut writers = Vec::new();
    for port in &ports {
        let (from, to) = (format!("OPEN:{},rdonly", file.display()), format!("TCP:{own}:{port}"));
        writers.push(socat(&organisation, Side::West, &from, &to)?);
    }
    for reader in &mut readers {
        let mut read = Vec::new();
        reader.stdout.take().context("its output")?.read_to_end(&mut read)?;
        ensure!(read.len() == each, "bare TCP brought {} of {each} octets", read.len());
    }
    let row = row(&line, begin.elapsed());
    for mut child in readers.into_iter().chain(writers) {
        child.wait()?;
    }
    Ok(row)
}

fn socat(organisation: &Organisation, side: Side, from: &str, to: &str) -> Result<Child> {
    let mut command = organisation.network().context("two hosts")?.command(side, "socat");
    command.args(["-u", from, to]).stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command.spawn()?)
}

fn row(line: &Line, time: Duration) -> Value {
    let counts = line.counts();
    let seconds = time.as_secs_f64();
    let content = f64::from(u32::try_from(OCTETS).unwrap_or(u32::MAX));
    let share = content / seconds / f64::from(QUALITY.rate);
    json!({
        "seconds": (seconds * 10.0).round() / 10.0,
        "share_of_line": (share * 1000.0).round() / 1000.0,
        "packets": counts.packets,
        "octets_on_line": counts.octets,
        "packets_lost": counts.lost,
        "packets_without_room": counts.no_room,
    })
}
