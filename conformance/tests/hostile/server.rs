//! Hostile servers of `bindback rpc ping`: it says where it stopped, in time and in bounded memory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Block, Process, Program, until};

use crate::pdu::{BIND_ACK, FIRST, RESPONSE, WHOLE, acceptance, lying, pdu, request};

const PORT: u16 = 1135;
/// Seconds that each step of the client may take.
const STEP: u64 = 2;
/// Its steps here are name, tcp, bind, call: with some time for a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
/// Octets of memory that a client may have: the program itself, and the limit of its replies (16 MiB).
const MEMORY: u64 = 96 << 20;

type Lie = fn(&mut TcpStream) -> std::io::Result<()>;

/// What a server does, and the step at which the client has to stop.
const LIES: &[(&str, &str, Lie)] = &[
    ("closes at once", "bind", |_| Ok(())),
    ("is silent", "bind", |stream| stream.read_to_end(&mut Vec::new()).map(drop)),
    ("speaks HTTP", "bind", |stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    ("an acceptance shorter than a header", "bind", |stream| {
        stream.write_all(&lying(BIND_ACK, WHOLE, 1, 3, 0, &acceptance()))
    }),
    ("an acceptance whose trailer is longer than it", "bind", |stream| {
        stream.write_all(&lying(BIND_ACK, WHOLE, 1, 60, 0xffff, &acceptance()))
    }),
    ("an acceptance with more results than it holds", "bind", |stream| {
        let mut body = acceptance();
        body[16] = 255;
        stream.write_all(&pdu(BIND_ACK, WHOLE, 1, &body))
    }),
    ("half an acceptance, then nothing", "bind", |stream| {
        stream.write_all(&pdu(BIND_ACK, WHOLE, 1, &acceptance())[..30])?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }),
    ("an answer before the bind", "bind", |stream| {
        stream.write_all(&pdu(RESPONSE, WHOLE, 2, &request(0, &[0; 8])))
    }),
    ("no answer to the call", "call", |stream| {
        accept(stream)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }),
    ("an answer that never ends", "call", |stream| {
        accept(stream)?;
        stream.write_all(&pdu(RESPONSE, FIRST, 2, &request(0, &[1; 5000])))?;
        let fragment = pdu(RESPONSE, 0, 2, &request(0, &[1; 5000]));
        loop {
            stream.write_all(&fragment)?;
        }
    }),
    ("an answer of empty fragments that never ends", "call", |stream| {
        accept(stream)?;
        stream.write_all(&pdu(RESPONSE, FIRST, 2, &request(0, &[])))?;
        let fragment = pdu(RESPONSE, 0, 2, &request(0, &[])).repeat(100);
        loop {
            stream.write_all(&fragment)?;
        }
    }),
    ("an answer to a call that nobody made", "call", |stream| {
        accept(stream)?;
        stream.write_all(&pdu(RESPONSE, WHOLE, 77, &request(0, &[0; 8])))?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }),
    ("an answer longer than agreed", "call", |stream| {
        accept(stream)?;
        stream.write_all(&lying(RESPONSE, WHOLE, 2, 0xffff, 0, &[0; 60_000]))?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }),
    ("a trailer that nobody agreed on", "call", |stream| {
        accept(stream)?;
        let mut body = request(0, &[0; 8]);
        body.extend([10, 6, 0xff, 0, 1, 0, 0, 0]);
        body.extend([0; 16]);
        stream.write_all(&lying(RESPONSE, WHOLE, 2, 56, 16, &body))?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }),
];

/// Takes the bind, and reads until the call has come.
fn accept(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut octets = [0; 4096];
    let _ = stream.read(&mut octets)?;
    stream.write_all(&pdu(BIND_ACK, WHOLE, 1, &acceptance()))?;
    stream.read(&mut octets).map(drop)
}

#[test]
fn a_lying_server_costs_a_client_neither_time_nor_memory() -> Result<()> {
    let address = SocketAddr::from((Block::take()?.address(0), PORT));
    let listener = TcpListener::bind(address)?;
    for (what, step, lie) in LIES {
        let peer = listener.try_clone()?;
        let lying = std::thread::spawn(move || {
            if let Ok((mut stream, _)) = peer.accept() {
                // The client goes away sooner or later.
                let _ = lie(&mut stream);
            }
        });
        let outcome = ping(address, step);
        // The liar listens on while its client is there; it is gone.
        let _ = lying.join();
        outcome.with_context(|| format!("a server that does this: {what}"))?;
    }
    Ok(())
}

fn ping(address: SocketAddr, step: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let mut command = Program::find()?.command(["rpc", "ping", "--json", "-n", "1"]);
    command.arg(address.ip().to_string());
    command.args(["--mapper-port", &PORT.to_string(), "--timeout", &STEP.to_string()]);
    let begun = Instant::now();
    let mut client = Process::start(command, &out)?;
    let mut peak = 0;
    let status = until(LIMIT, "the end of the client", || {
        peak = client.peak_memory().unwrap_or(peak);
        client.try_wait()
    })?;
    let text = std::fs::read_to_string(&out)?;
    let report = conformance::one_object(text.as_bytes())?;
    ensure!(status.code() == Some(1), "it ended with {status}: {report}");
    ensure!(peak < MEMORY, "it had {peak} octets of memory");
    let steps = report["steps"].as_array().context("no steps")?;
    let last = steps.last().context("no step")?;
    ensure!(last["step"] == step && last["result"] != "ok", "it stopped elsewhere: {report}");
    println!(
        "{:?} {} {} {} ({} KiB)",
        begun.elapsed(),
        last["step"],
        last["result"],
        last["text"],
        peak / 1024
    );
    Ok(())
}
