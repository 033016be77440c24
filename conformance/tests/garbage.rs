//! Garbage on every port disturbs nothing: SMTP (RFC 5321), endpoint mapper and MTA interface (C706 chapter 12,
//! MS-RPCE 2.2.2), administrative interface over TCP and over its Unix socket (RFC 9112).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{
    ADMIN, Letter, MAPPER, Organisation, Plan, Process, RPC, Random, SMTP, Side, until,
};

/// Mail that is sent while garbage comes in arrives within this time.
const DELIVERY: Duration = Duration::from_secs(5);

/// Memory that a server may have in the end beyond what it had before: garbage is thrown away, not kept. What is left
/// of this is what the allocator does not give back.
const MEMORY: u64 = 64 << 20;

/// Memory that a server may have at any time while garbage comes in: as above, with what one connection of each port
/// may hold, above all one SMTP message of 50 MiB.
const PEAK: u64 = 160 << 20;

/// Events that a server may log for all of it. Each pair of bind and logon that is refused for good reason may be told;
/// noise may not.
const EVENTS: usize = 100;

/// Lines that a server may write to standard error, events included.
const LINES: usize = 2 * EVENTS;

/// Connections that are opened and left alone, on each port.
const HALF_OPEN: usize = 200;

/// Time between two of them: quick, and no flood of the system's own queue.
const ARRIVAL: Duration = Duration::from_millis(1);

/// How long the next of them may take to be let in: a connection request that is lost comes again after a second.
const LET_IN: Duration = Duration::from_secs(2);

/// Octets of what does not end: lines, headers, PDUs; more than any limit of a server lets through, above all twice
/// `smtp.max_message_size`.
const ENDLESS: usize = 128 << 20;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the answer to one piece of garbage is waited for.
const ANSWER: Duration = Duration::from_millis(50);

/// Rounds of random octets on each port.
const RANDOM: usize = 40;

/// Where garbage is thrown.
#[derive(Debug, Clone)]
enum Port {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

trait Stream: Read + Write + Send {
    fn patience(&self, patience: Duration) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn patience(&self, patience: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(Duration::from_secs(2)))
    }
}

impl Stream for UnixStream {
    fn patience(&self, patience: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(patience))?;
        self.set_write_timeout(Some(Duration::from_secs(2)))
    }
}

impl Port {
    /// A connection, unless the server has enough of us.
    fn connect(&self) -> Option<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match self {
            Self::Tcp(address) => Box::new(TcpStream::connect_timeout(address, CONNECT).ok()?),
            Self::Unix(path) => {
                let socket = UnixStream::connect(path).ok()?;
                Box::new(socket)
            }
        };
        stream.patience(ANSWER).ok()?;
        Some(stream)
    }

    /// Connections that stay silent, as many of them as are let in.
    fn half_open(&self) -> Vec<Box<dyn Stream>> {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..HALF_OPEN {
            let (port, sender) = (self.clone(), sender.clone());
            // Where the backlog is full a caller waits; whoever gets in too late leaves at once.
            std::thread::spawn(move || port.connect().map(|stream| sender.send(stream)));
            std::thread::sleep(ARRIVAL);
        }
        drop(sender);
        std::iter::from_fn(|| receiver.recv_timeout(LET_IN).ok()).collect()
    }

    /// Throws these octets and reads what comes back, for a moment.
    fn throw(&self, garbage: &[u8]) {
        let Some(mut stream) = self.connect() else { return };
        // It may close at any time, or stop reading: that is an answer, too.
        if stream.write_all(garbage).is_ok() {
            let mut buffer = [0; 4096];
            while matches!(stream.read(&mut buffer), Ok(count) if count > 0) {}
        }
    }

    /// Throws the same piece again and again, until it was told to go or has thrown enough.
    fn throw_endlessly(&self, begin: &[u8], piece: &[u8]) {
        let Some(mut stream) = self.connect() else { return };
        let mut thrown = 0;
        let mut wanted = stream.write_all(begin).is_ok();
        while wanted && thrown < ENDLESS {
            wanted = stream.write_all(piece).is_ok();
            thrown += piece.len();
        }
    }
}

struct Ground {
    organisation: Organisation,
    servers: [Process; 2],
    memory: [u64; 2],
    mails: u32,
}

impl Ground {
    fn make() -> Result<Self> {
        // Everybody comes from one address here, honest or not.
        let plan = Plan::default().with("rpc", "max_per_address", "1000").with(
            "smtp",
            "max_per_address",
            "1000",
        );
        let organisation = Organisation::make(&plan)?;
        let servers = organisation.start_both()?;
        let mut ground = Self { organisation, servers, memory: [0; 2], mails: 0 };
        // What is made once is made now.
        ground.mail()?;
        for (at, server) in ground.servers.iter().enumerate() {
            ground.memory[at] = server.memory()?;
        }
        Ok(ground)
    }

    fn ports(&self, side: Side) -> [Port; 5] {
        let tcp = |port| Port::Tcp(self.organisation.at(side, port));
        [tcp(SMTP), tcp(MAPPER), tcp(RPC), tcp(ADMIN), Port::Unix(self.organisation.socket(side))]
    }

    /// Throws at every port of both servers at once, and sends mail meanwhile.
    fn throw(&mut self, what: &str, thrower: impl Fn(&Port) + Sync) -> Result<()> {
        let begin = Instant::now();
        let ports: Vec<Port> = Side::BOTH.iter().flat_map(|side| self.ports(*side)).collect();
        std::thread::scope(|scope| {
            for port in &ports {
                scope.spawn(|| thrower(port));
            }
            self.mail().with_context(|| format!("during {what}"))
        })?;
        self.still_up(what)?;
        println!("{what}: {} ms", begin.elapsed().as_millis());
        Ok(())
    }

    /// A letter each way arrives soon.
    fn mail(&mut self) -> Result<()> {
        self.mails += 1;
        let begin = Instant::now();
        for side in Side::BOTH {
            let subject = format!("mail-{}", self.mails);
            let letter =
                Letter::plain(&side.user(), &side.other().user(), &subject, "Through the hail.");
            letter.hand_in(self.organisation.smtp(side))?;
        }
        let wanted = usize::try_from(self.mails)?;
        for side in Side::BOTH {
            let maildir = self.organisation.maildir(side);
            let left = DELIVERY.saturating_sub(begin.elapsed());
            until(left, "mail between the servers", || {
                Ok((maildir.count() >= wanted).then_some(()))
            })
            .with_context(|| self.organisation.said(side))?;
        }
        Ok(())
    }

    fn still_up(&mut self, after: &str) -> Result<()> {
        for (at, side) in Side::BOTH.into_iter().enumerate() {
            let ended = self.servers[at].try_wait()?;
            ensure!(
                ended.is_none(),
                "{} ended after {after}: {}",
                side.name(),
                self.organisation.said(side)
            );
            let memory = self.servers[at].peak_memory()?;
            ensure!(
                memory <= self.memory[at] + PEAK,
                "{} had {} MiB during {after}, {} MiB before",
                side.name(),
                memory >> 20,
                self.memory[at] >> 20
            );
        }
        Ok(())
    }

    fn judge(mut self) -> Result<()> {
        self.mail()?;
        for (at, side) in Side::BOTH.into_iter().enumerate() {
            let memory = self.servers[at].memory()?;
            let events = self.organisation.events(side)?;
            let said = self.organisation.said(side);
            println!(
                "{}: {} MiB, at most {} MiB, {} MiB before; {} events, {} lines",
                side.name(),
                memory >> 20,
                self.servers[at].peak_memory()? >> 20,
                self.memory[at] >> 20,
                events.len(),
                said.lines().count()
            );
            ensure!(
                memory <= self.memory[at] + MEMORY,
                "{} keeps {} MiB",
                side.name(),
                memory >> 20
            );
            ensure!(
                events.len() <= EVENTS,
                "{} logged {} events: {said}",
                side.name(),
                events.len()
            );
            ensure!(said.lines().count() <= LINES, "{} wrote too much: {said}", side.name());
            ensure!(!said.contains("panicked"), "{} panicked: {said}", side.name());
        }
        self.organisation.until_empty(DELIVERY)?;
        let [east, west] = self.servers;
        for server in [east, west] {
            let end = server.terminate(Duration::from_secs(10))?;
            ensure!(end.code == Some(0), "{end:?}");
        }
        Ok(())
    }
}

#[test]
fn wrong_protocols_and_random_octets() -> Result<()> {
    let mut random = Random::from_env("BINDBACK_GARBAGE_SEED");
    let mut ground = Ground::make()?;
    let octets: Vec<Vec<u8>> = (0..RANDOM)
        .map(|_| {
            let length = usize::try_from(random.below(3000)).unwrap_or(0) + 1;
            random.octets(length)
        })
        .collect();
    // A good part of it in one connection each, so that no answer has to be waited for.
    ground.throw("random octets", |port| {
        octets.iter().for_each(|octets| {
            if let Some(mut stream) = port.connect() {
                let _ = stream.write_all(octets);
            }
        })
    })?;
    let others = wrong_protocols();
    ground.throw("other protocols", |port| others.iter().for_each(|other| port.throw(other)))?;
    ground.judge()
}

#[test]
fn lengths_that_lie() -> Result<()> {
    let mut ground = Ground::make()?;
    let pdus = lying_pdus();
    ground.throw("PDUs whose lengths lie", |port| pdus.iter().for_each(|pdu| port.throw(pdu)))?;
    // Valid octets first, so that the lie meets a mapper that believes.
    let bind = rpc_bind(MAPPER_INTERFACE);
    let after: Vec<Vec<u8>> = pdus.iter().map(|pdu| [bind.as_slice(), pdu].concat()).collect();
    ground.throw("the same after a bind", |port| after.iter().for_each(|both| port.throw(both)))?;
    let mail: Vec<Vec<u8>> = lying_mail();
    ground
        .throw("SMTP that promises too much", |port| mail.iter().for_each(|one| port.throw(one)))?;
    let http = lying_http();
    ground
        .throw("HTTP that promises too much", |port| http.iter().for_each(|one| port.throw(one)))?;
    ground.judge()
}

#[test]
fn what_does_not_end() -> Result<()> {
    let mut ground = Ground::make()?;
    let letters = vec![b'a'; 64 * 1024];
    ground.throw("a line without an end", |port| port.throw_endlessly(b"", &letters))?;
    ground.throw("a header without an end", |port| {
        port.throw_endlessly(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", &letters);
    })?;
    ground.throw("headers without an end", |port| {
        port.throw_endlessly(b"GET / HTTP/1.1\r\n", b"X-Header: value\r\n".repeat(2048).as_slice());
    })?;
    ground.throw("commands without an end", |port| {
        port.throw_endlessly(b"EHLO a\r\n", b"NOOP\r\n".repeat(8192).as_slice());
    })?;
    ground.throw("a body without an end", |port| {
        let envelope = b"EHLO a\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<anna@east.proof.test>\r\nRCPT TO:<bert@west.proof.test>\r\nDATA\r\n";
        port.throw_endlessly(envelope, &letters);
    })?;
    // Fragments of one call that never says that it is the last.
    let bind = rpc_bind(MAPPER_INTERFACE);
    let first = [bind, rpc_pdu(0, 1, &[0; 5000], None)].concat();
    let next = rpc_pdu(0, 0, &[0; 5000], None);
    ground.throw("fragments without an end", |port| port.throw_endlessly(&first, &next))?;
    ground.judge()
}

#[test]
fn connections_that_say_nothing() -> Result<()> {
    let mut ground = Ground::make()?;
    for side in Side::BOTH {
        let held: Vec<Vec<Box<dyn Stream>>> =
            ground.ports(side).iter().map(Port::half_open).collect();
        let counts: Vec<usize> = held.iter().map(Vec::len).collect();
        println!("{} holds {counts:?} silent connections", side.name());
        // Those who come in by the front door must all be let in; the administrative ones are few by design.
        ensure!(counts[..3].iter().all(|count| *count == HALF_OPEN), "{counts:?}");
        ground.mail().context("with silent connections on every port")?;
        // The same with a beginning of something.
        for stream in held.into_iter().flatten() {
            let mut stream = stream;
            let _ = stream.write_all(&[5, 0, 11]);
            drop(stream);
        }
        ground.still_up("silent connections")?;
    }
    // The owner gets in again once they are gone.
    for side in Side::BOTH {
        ground.organisation.command(side, &["queue", "list"])?;
    }
    ground.judge()
}

/// What belongs to another port, or to none.
fn wrong_protocols() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        &b"GET / HTTP/1.1\r\nHost: east.proof.test\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nEHLO a\r\nMAIL FROM:<a@a.test>\r\n",
        b"EHLO client.proof.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n.\r\nQUIT\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x01\x00\xc0\x01\x0a\xc1\x02\x01\x00\xc2\x02\x01\x02",
        // ClientHello of TLS 1.2 with a server name (RFC 5246 7.4.1.2).
        b"\x16\x03\x01\x00\x4a\x01\x00\x00\x46\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00\x00\x04\xc0\x2f\x00\xff\x01\x00\x00\x19\x00\x00\x00\x15\x00\x13\x00\x00\x10east.proof.test.\x00",
        b"\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00\x18\x53\xc8",
        b"\x80\x00\x00\x28\x72\xfe\x1d\x13\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa0",
        b"\r\n\r\n\r\n\r\n",
        b"\n",
        b"\0\0\0\0",
        b"EHLO \xff\xfe\xfd\r\nMAIL FROM:<\xc3\x28@a.test>\r\n\0\0\0\r\nRCPT TO:<a\0b@east.proof.test>\r\n",
        b"DATA\r\nBDAT 5\r\nRSET\r\nNOOP\rNOOP\nNOOP\r\r\nQUIT\r\n",
    ]
    .into_iter()
    .map(<[u8]>::to_vec)
    .collect();
    for interface in [MTA_INTERFACE, MAPPER_INTERFACE] {
        all.push(rpc_bind(interface));
        all.push([rpc_bind(interface), rpc_pdu(0, 3, &[0xff; 200], None)].concat());
    }
    // A bind that proves itself with nonsense, with NTLM of wrong lengths, and with an unknown mechanism.
    for (kind, token) in [
        (10, &b"garbage"[..]),
        (10, b"NTLMSSP\0\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        (10, b"NTLMSSP\0\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f"),
        (9, b"\x60\x82\xff\xff\x06\x06\x2b\x06\x01\x05\x05\x02"),
        (99, b"?"),
    ] {
        all.push(rpc_pdu(11, 3, &bind_body(MTA_INTERFACE), Some((kind, token))));
    }
    all
}

/// A connection-oriented PDU (C706 12.6.3) with an optional verifier of PKT_PRIVACY.
fn rpc_pdu(kind: u8, flags: u8, body: &[u8], verifier: Option<(u8, &[u8])>) -> Vec<u8> {
    let (auth, length) = match verifier {
        None => (Vec::new(), 0),
        Some((kind, token)) => ([&[kind, 6, 0, 0, 0, 0, 0, 0][..], token].concat(), token.len()),
    };
    let total = u16::try_from(16 + body.len() + auth.len()).unwrap_or(u16::MAX).to_le_bytes();
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    [&[5, 0, kind, flags, 0x10, 0, 0, 0], &total[..], &length, &[1, 0, 0, 0], body, &auth].concat()
}

/// The interface of `idl/mta.idl`, 1.0, and the endpoint mapper, 3.0.
const MTA_INTERFACE: &[u8; 20] =
    b"\x1a\x2c\x8d\x6f\x57\x3e\x0e\x4b\x9c\x64\xa1\xd0\x5b\xe2\x7f\x93\x01\0\0\0";
const MAPPER_INTERFACE: &[u8; 20] =
    b"\x08\x83\xaf\xe1\x1f\x5d\xc9\x11\x91\xa4\x08\0\x2b\x14\xa0\xfa\x03\0\0\0";

fn bind_body(interface: &[u8; 20]) -> Vec<u8> {
    // Fragments of 5840, a new group, one context: the interface in NDR 2.0.
    let mut body = b"\xd0\x16\xd0\x16\0\0\0\0\x01\0\0\0\0\0\x01\0".to_vec();
    body.extend_from_slice(interface);
    body.extend_from_slice(
        b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0",
    );
    body
}

/// A bind without a logon, which only the mapper lets in.
fn rpc_bind(interface: &[u8; 20]) -> Vec<u8> {
    rpc_pdu(11, 3, &bind_body(interface), None)
}

/// Binds, requests and AUTH3 whose `frag_length` or `auth_length` is not theirs.
fn lying_pdus() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for kind in [11, 0, 14, 16, 17, 2, 255] {
        for (fragment, auth) in [
            (0xffff_u16, 0_u16),
            (0, 0),
            (1, 0),
            (15, 0),
            (16, 0),
            (17, 0),
            (72, 0xffff),
            (72, 64),
            (72, 65),
            (72, 1),
            (0xffff, 0xffff),
            (16, 16),
        ] {
            let mut pdu = rpc_pdu(kind, 3, &bind_body(MTA_INTERFACE), None);
            pdu[8..10].copy_from_slice(&fragment.to_le_bytes());
            pdu[10..12].copy_from_slice(&auth.to_le_bytes());
            all.push(pdu);
        }
    }
    // Big-endian, with counts of contexts that are not there, and versions from elsewhere.
    for at in [0, 1, 4, 24] {
        let mut pdu = rpc_bind(MAPPER_INTERFACE);
        pdu[at] = 0xff;
        all.push(pdu);
    }
    all
}

fn lying_mail() -> Vec<Vec<u8>> {
    let envelope = "EHLO a\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<anna@east.proof.test>\r\nRCPT TO:<bert@west.proof.test>\r\n";
    ["BDAT 18446744073709551615 LAST\r\nabc", "BDAT 99999999999999999999999\r\n", "BDAT -1 LAST\r\n", "BDAT 52428800 LAST\r\nabc", "DATA\r\nabc"]
        .into_iter()
        .map(|end| format!("{envelope}{end}"))
        .chain(["EHLO a\r\nMAIL FROM:<a@a.test> SIZE=18446744073709551616\r\nMAIL FROM:<a@a.test> SIZE=99999999\r\n".to_owned()])
        .map(String::into_bytes)
        .collect()
}

fn lying_http() -> Vec<Vec<u8>> {
    ["/v1/queues", "/metrics", "/send", "/"]
        .into_iter()
        .flat_map(|path| {
            [
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nabc"),
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000000\r\nContent-Type: application/json\r\n\r\n{{"),
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"),
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", "x".repeat(4000)),
                format!("GET {path} HTTP/9.9\r\n\r\n"),
            ]
        })
        .map(String::into_bytes)
        .collect()
}
