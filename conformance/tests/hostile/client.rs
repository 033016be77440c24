//! Hostile clients of `bindback rpc echo-server`, while an honest one goes on calling.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Block, Process, Program, one_object, until};
use serde_json::Value;

use crate::pdu::{ALTER_CONTEXT, BIND, FIRST, REQUEST, WHOLE, bind, lying, pdu, proposal, request};

const MAPPER: u16 = 1135;
const START: Duration = Duration::from_secs(20);
/// How long a server may take to end an association that misbehaves.
const END: Duration = Duration::from_secs(10);
/// Octets of memory that one hostile client may cost: the limit of a call (4 MiB) and what holds it.
const GROWTH: u64 = 24 << 20;
/// Octets after which a stream of fragments must have been ended: a call holds 4 MiB, a socket some more.
const ENDLESS: usize = 32 << 20;
/// Contexts in one alter_context.
const BATCH: u8 = 5;
/// Half-open binds, opened one after another.
const HALF_OPEN: usize = 10_000;
/// Of these, open at the same time at most on this side: more than the server serves, if the limit of descriptors
/// allows it.
const AT_A_TIME: u64 = 10_000;
/// Connections that the server serves at the same time on one port.
const SERVED: usize = 1000;
/// What an honest call may take meanwhile, at most.
const PATIENCE_MS: f64 = 5_000.0;

struct Server {
    process: Process,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

fn serve() -> Result<Server> {
    let folder = tempfile::tempdir()?;
    let [accounts, ready, log] = ["accounts", "ready", "log"].map(|name| folder.path().join(name));
    std::fs::write(&accounts, "EAST\\ann:Letters.And.1\n")?;
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o600))?;
    let address = SocketAddr::from((Block::take()?.address(0), MAPPER));
    let mut command = Program::find()?.command(["rpc", "echo-server", "--address"]);
    command.arg(address.ip().to_string()).args(["--mapper-port", &MAPPER.to_string()]);
    command.arg("--accounts").arg(&accounts).arg("--ready-file").arg(&ready);
    let process = Process::start(command, &log)?;
    until(START, "the echo server", || Ok(Path::new(&ready).exists().then_some(())))?;
    Ok(Server { process, address, _folder: folder })
}

/// An honest client that calls without a pause.
struct Honest(Child);

impl Honest {
    fn begin(server: &Server, seconds: u32) -> Result<Self> {
        let mut command =
            Program::find()?.command(["rpc", "bench", "--json", "--operation", "mgmt"]);
        command
            .arg(server.address.ip().to_string())
            .args(["--mapper-port", &MAPPER.to_string(), "--seconds", &seconds.to_string()])
            .args(["--concurrency", "2", "--size", "64", "--user", "EAST\\ann"])
            .args(["--password-env", "BINDBACK_TEST_PASSWORD"])
            .env("BINDBACK_TEST_PASSWORD", "Letters.And.1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let child = command.spawn()?;
        // Its connections stand before the attack begins.
        std::thread::sleep(Duration::from_millis(500));
        Ok(Self(child))
    }

    /// None of its calls failed or had to wait for long.
    fn check(self) -> Result<()> {
        let output = self.0.wait_with_output()?;
        let report: Value = one_object(&output.stdout)?;
        let figures = &report["to_server"];
        ensure!(output.status.success() && figures["failed"] == 0, "{report}");
        let longest = figures["max_ms"].as_f64().context("no latency")?;
        ensure!(longest < PATIENCE_MS, "an honest call took {longest} ms: {report}");
        println!("honest calls meanwhile: {}, the longest {longest} ms", figures["calls"]);
        Ok(())
    }
}

fn connect(server: &Server) -> Result<TcpStream> {
    let stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(END))?;
    stream.set_write_timeout(Some(END))?;
    Ok(stream)
}

/// Reads to the end of the connection; an error of the connection is an end, silence is not.
fn ends(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut said = Vec::new();
    let mut octets = [0; 4096];
    loop {
        match stream.read(&mut octets) {
            Ok(0) => return Ok(said),
            Ok(count) => said.extend(&octets[..count]),
            Err(error) => {
                let silent = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                ensure!(!silent, "the association was not ended within {} s", END.as_secs());
                return Ok(said);
            }
        }
    }
}

/// One PDU of the server.
fn answer(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = [0; 16];
    stream.read_exact(&mut head)?;
    let mut whole = head.to_vec();
    whole.resize(usize::from(u16::from_le_bytes([head[8], head[9]])).max(16), 0);
    stream.read_exact(&mut whole[16..])?;
    Ok(whole)
}

fn bound(server: &Server) -> Result<TcpStream> {
    let mut stream = connect(server)?;
    stream.write_all(&bind())?;
    ensure!(answer(&mut stream)?[2] == 12, "no bind_ack");
    Ok(stream)
}

#[test]
fn lying_lengths_and_trailers_out_of_place_end_the_association() -> Result<()> {
    let server = serve()?;
    let honest = Honest::begin(&server, 6)?;
    let before = server.process.memory()?;
    let whole = proposal(0, 1);
    let stub = request(0, &[0; 32]);
    let before_bind: Vec<(&str, Vec<u8>)> = vec![
        ("no length", lying(BIND, WHOLE, 1, 0, 0, &whole)),
        ("shorter than a header", lying(BIND, WHOLE, 1, 15, 0, &whole)),
        ("shorter than its contents", lying(BIND, WHOLE, 1, 30, 0, &whole)),
        ("a trailer longer than the PDU", lying(BIND, WHOLE, 1, 72, 0xffff, &whole)),
        ("a trailer as long as the PDU", lying(BIND, WHOLE, 1, 72, 72, &whole)),
        (
            "more contexts than there are",
            pdu(BIND, WHOLE, 1, &{
                let mut body = whole.clone();
                body[8] = 255;
                body
            }),
        ),
        (
            "more transfer syntaxes than there are",
            pdu(BIND, WHOLE, 1, &{
                let mut body = whole.clone();
                body[14] = 255;
                body
            }),
        ),
    ];
    for (what, octets) in before_bind {
        let mut stream = connect(&server)?;
        stream.write_all(&octets)?;
        ends(&mut stream).with_context(|| what.to_owned())?;
    }
    let after_bind: Vec<(&str, Vec<u8>)> = vec![
        ("a second bind", bind()),
        ("over the size agreed", lying(REQUEST, WHOLE, 2, 0xffff, 0, &stub)),
        ("a trailer longer than the PDU", lying(REQUEST, WHOLE, 2, 56, 0xfff0, &stub)),
        ("a trailer where none was agreed", {
            // auth_type 10, level 6, padding longer than the stub, a value of 16 octets.
            let mut body = stub.clone();
            body.extend([10, 6, 0xff, 0, 1, 0, 0, 0]);
            body.extend([0; 16]);
            let frag = u16::try_from(16 + body.len())?;
            lying(REQUEST, WHOLE, 2, frag, 16, &body)
        }),
        ("a fragment of no call", pdu(REQUEST, 0, 9, &stub)),
        ("an answer", pdu(2, WHOLE, 2, &stub)),
    ];
    for (what, octets) in after_bind {
        let mut stream = bound(&server)?;
        stream.write_all(&octets)?;
        ends(&mut stream).with_context(|| what.to_owned())?;
    }
    grown(&server, before)?;
    honest.check()
}

#[test]
fn fragments_that_never_end_are_ended() -> Result<()> {
    let server = serve()?;
    let honest = Honest::begin(&server, 6)?;
    let before = server.process.memory()?;
    for size in [0, 5000] {
        let mut stream = bound(&server)?;
        stream.write_all(&pdu(REQUEST, FIRST, 2, &request(0, &vec![1; size])))?;
        let fragment = pdu(REQUEST, 0, 2, &request(0, &vec![1; size]));
        let mut sent = 0;
        // An error is the end that is asked for.
        while sent < ENDLESS && stream.write_all(&fragment).is_ok() {
            sent += fragment.len();
        }
        ensure!(sent < ENDLESS, "{sent} octets of fragments of {size} were taken");
    }
    grown(&server, before)?;
    honest.check()
}

#[test]
fn sixty_five_thousand_contexts_cost_nothing() -> Result<()> {
    let server = serve()?;
    let honest = Honest::begin(&server, 6)?;
    let before = server.process.memory()?;
    let mut stream = bound(&server)?;
    let (mut proposed, mut accepted) = (1_u32, 1_usize);
    // Some contexts, again and again, until every number is used or the server has enough.
    while proposed < 65_535 {
        let first = u16::try_from(proposed)?;
        let octets = pdu(ALTER_CONTEXT, WHOLE, proposed, &proposal(first, BATCH));
        if stream.write_all(&octets).is_err() {
            break;
        }
        let Ok(answer) = answer(&mut stream) else { break };
        if answer[2] != 15 {
            ends(&mut stream)?;
            break;
        }
        accepted += results(&answer);
        proposed += u32::from(BATCH);
    }
    println!("{proposed} contexts proposed, {accepted} accepted");
    ensure!((6..=64).contains(&accepted), "{accepted} contexts were accepted");
    grown(&server, before)?;
    honest.check()
}

/// As many descriptors as this process may have, less some that it needs itself.
fn descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Not all systems let it be raised; what there is has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(100)
}

/// How many results of an alter_context_resp without a secondary address are acceptances.
fn results(answer: &[u8]) -> usize {
    let Some(list) = answer.get(28..) else { return 0 };
    let count = usize::from(list[0]);
    list[4..].chunks(24).take(count).filter(|result| result[..2] == [0, 0]).count()
}

#[test]
fn ten_thousand_half_open_binds_leave_room_for_others() -> Result<()> {
    let server = serve()?;
    let honest = Honest::begin(&server, 20)?;
    let before = server.process.memory()?;
    let begun = Instant::now();
    let half = &bind()[..40];
    let room = usize::try_from(descriptors().min(AT_A_TIME))?;
    let mut open = std::collections::VecDeque::new();
    for _ in 0..HALF_OPEN {
        let mut stream = connect(&server)?;
        // One that the server does not take is closed by it, which may come first.
        let _ = stream.write_all(half);
        open.push_back(stream);
        if open.len() > room {
            open.pop_front();
        }
    }
    println!("{HALF_OPEN} half-open binds in {:?}, {} open at once", begun.elapsed(), open.len());
    let peak = server.process.peak_memory()?;
    ensure!(peak < before + 4 * GROWTH, "memory grew from {before} to {peak}");
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.process.id()))?.count();
    ensure!(descriptors < SERVED + 100, "{descriptors} descriptors");
    // Somebody new gets through while they still are open.
    let host = server.address.ip().to_string();
    let said = Program::find()?.run([
        "rpc",
        "ping",
        &host,
        "--mapper-port",
        &MAPPER.to_string(),
        "-n",
        "3",
        "--json",
    ])?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    drop(open);
    honest.check()
}

fn grown(server: &Server, before: u64) -> Result<()> {
    let peak = server.process.peak_memory()?;
    ensure!(peak < before + GROWTH, "memory grew from {before} to {peak} octets");
    Ok(())
}
