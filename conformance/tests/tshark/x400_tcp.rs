//! X.400 over TCP (RFC 1006) between the two servers, recorded as it goes by: TPKT and X.224, session, presentation,
//! ACSE, RTSE in both modes, P1. A transfer is cut and goes on; a report comes back; an MTA is probed; what another
//! maker's MTA hands over is relayed.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Capture, Direction, Letter, Organisation, Plan, Side, Tshark, skip, until};

const PORT: u16 = 102;
const PASSWORD: &str = "Password of both";
/// How long mail may take on its way.
const DELIVERY: Duration = Duration::from_secs(40);
/// What tshark says of contents and extensions under an object identifier of our own: true, and no fault.
const OWN_OID: &str = "Dissector for OID not implemented";

/// One exchange that is recorded.
pub(super) struct Exchange {
    pub(super) organisation: Organisation,
    capture: Arc<Capture>,
}

impl Exchange {
    /// Two servers with a connector for each other through a relay, which cuts its first connection after so many
    /// octets. `more` stands in the [[x400]] tables.
    pub(super) fn start(more: &str, cut_after: usize) -> Result<(Self, [conformance::Process; 2])> {
        Self::start_with([more, more], cut_after)
    }

    /// The same with tables of their own for EAST and WEST.
    fn start_with(more: [&str; 2], cut_after: usize) -> Result<(Self, [conformance::Process; 2])> {
        let plan = Plan { through_relays: true, ..Plan::default() };
        let organisation = Organisation::make(&plan)?;
        for (side, more) in Side::BOTH.into_iter().zip(more) {
            connector(&organisation, side, more)?;
        }
        let capture = Arc::new(Capture::default());
        for side in Side::BOTH {
            let at = SocketAddr::from((organisation.relay_address(side), port()));
            let to = SocketAddr::from((organisation.address(side), port()));
            let cut = if side == Side::East { cut_after } else { usize::MAX };
            relay(at, to, cut, &capture)?;
        }
        let servers = organisation.start_both()?;
        Ok((Self { organisation, capture }, servers))
    }

    /// Sends a letter from WEST and waits for it at EAST, and for so many reports at WEST.
    fn send(&self, letter: &Letter, reports: usize) -> Result<()> {
        letter.hand_in(self.organisation.smtp(Side::West))?;
        let arrived = |side, count, what| {
            let maildir = self.organisation.maildir(side);
            until(DELIVERY, what, || Ok((maildir.count() >= count).then_some(())))
        };
        arrived(Side::East, 1, "the mail at EAST").with_context(|| self.said())?;
        arrived(Side::West, reports, "the report at WEST").with_context(|| self.said())?;
        let mails = self.organisation.maildir(Side::East).read()?;
        ensure!(mails.len() == 1 && mails[0].is(&letter.content), "the letter, once: {mails:?}");
        Ok(())
    }

    /// Ends both servers and writes the capture.
    pub(super) fn end(self, servers: [conformance::Process; 2], name: &str) -> Result<PathBuf> {
        // The associations are idle for a second before they are released.
        std::thread::sleep(Duration::from_secs(2));
        for server in servers {
            server.terminate(Duration::from_secs(10))?;
        }
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pcap"));
        self.capture.write(&file)?;
        println!("recorded {} octets: {}", self.capture.octets(), file.display());
        Ok(file)
    }

    pub(super) fn said(&self) -> String {
        Side::BOTH.map(|side| self.organisation.said(side)).join("\n")
    }
}

/// A port that the dissector takes for RFC 1006 and that needs no privilege: any, with `-d`; 102 where it may be used.
fn port() -> u16 {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).is_ok() { PORT } else { 1102 }
}

/// Puts a connector in the place of the peer of an organisation.
fn connector(organisation: &Organisation, side: Side, more: &str) -> Result<()> {
    let (file, peer) = (organisation.config(side), side.other());
    let text = std::fs::read_to_string(&file)?;
    let (before, rest) = text.split_once("[[peer]]").context("no peer")?;
    let (_, hosts) = rest.split_once("[hosts]").context("no hosts")?;
    // The relay calls from 127.0.0.1, so that is a host of the other MTA, too.
    let relay = organisation.relay_address(peer);
    let host = format!("'{}' = '{relay}'", peer.host());
    ensure!(hosts.contains(&host), "{hosts}");
    let hosts = hosts.replace(&host, &format!("'{}' = ['{relay}', '127.0.0.1']", peer.host()));
    let (address, port) = (organisation.address(side), port());
    let table = format!(
        "[rfc1006]\nlisten = ['{address}']\nport = {port}\n[[x400]]\nname = '{}'\nhost = '{}'\nport = {port}\ndomains = ['{}']\nremote_password_file = 'secrets/x400.password'\nlocal_password_file = 'secrets/x400.password'\nlifetime_s = 1\n{more}\n[hosts]",
        peer.name(),
        peer.host(),
        peer.host(),
    );
    std::fs::write(&file, format!("{before}{table}{hosts}"))?;
    let secret = organisation.folder(side).join("secrets/x400.password");
    std::fs::write(&secret, format!("{PASSWORD}\n"))?;
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Relays and records; the first connection is cut after so many octets towards the server.
fn relay(at: SocketAddr, to: SocketAddr, cut: usize, capture: &Arc<Capture>) -> Result<()> {
    let listener = TcpListener::bind(at)?;
    let (capture, left) = (Arc::clone(capture), Arc::new(AtomicUsize::new(cut)));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(to) else { continue };
            let left = Arc::new(AtomicUsize::new(left.swap(usize::MAX, Ordering::Relaxed)));
            let capture = Arc::clone(&capture);
            std::thread::spawn(move || connection(&client, &server, &left, &capture));
        }
    });
    Ok(())
}

fn connection(client: &TcpStream, server: &TcpStream, left: &AtomicUsize, capture: &Capture) {
    let (Ok(from), Ok(to)) = (client.peer_addr(), client.local_addr()) else { return };
    let conversation = capture.conversation(from, to);
    let pass = |mut from: &TcpStream, mut to: &TcpStream, direction| {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if direction == Direction::ToServer
                && left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(count)
                    })
                    .is_err()
            {
                // Cut: what came last is lost.
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
            conversation.say(direction, &buffer[..count]);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pass(server, client, Direction::ToClient));
        pass(client, server, Direction::ToServer);
    });
}

pub(super) fn tshark(name: &str) -> Option<Tshark> {
    let found = Tshark::find();
    if found.is_none() {
        skip(name, "tshark is not installed");
    }
    found.map(|tshark| tshark.with(&format!("tpkt.tcp.ports:{}", port())))
}

/// No packet is malformed and no expert warns, but for what `known` says of the dissector itself.
///
/// Each connection is looked at alone: where some in X.410 mode and in normal mode take place at the same time, the
/// dissector mixes up what it knows of them.
pub(super) fn is_clean(tshark: &Tshark, file: &Path, known: &[&str]) -> Result<()> {
    let is_known =
        |said: &str| said.contains(OWN_OID) || known.iter().any(|one| said.contains(one));
    let streams = tshark.fields(file, "tcp", &["tcp.stream"])?;
    let streams: BTreeSet<String> = streams.into_iter().flatten().collect();
    ensure!(!streams.is_empty(), "no connection in {}", file.display());
    for stream in streams {
        let alone = file.with_extension(format!("{stream}.pcap"));
        tshark.extract(file, &format!("tcp.stream == {stream}"), &alone)?;
        let faults = tshark.faults(&alone)?;
        ensure!(
            faults.iter().all(|row| row[2].split(',').all(is_known)),
            "tshark finds fault with connection {stream}: {faults:?}"
        );
        std::fs::remove_file(alone)?;
    }
    Ok(())
}

fn letter(subject: &str, octets: usize) -> Letter {
    let line = "A line of sixty-four octets that is repeated as often as needed.";
    let text = vec![line; octets / 66].join("\r\n");
    Letter::plain(&Side::West.user(), &Side::East.user(), subject, &text)
}

/// Session PDUs by name, as tshark lists their types for each unit (X.225 8.3).
fn spdus(tshark: &Tshark, file: &Path) -> Result<Vec<String>> {
    Ok(tshark.fields(file, "ses", &["ses.type"])?.into_iter().map(|row| row[0].clone()).collect())
}

#[test]
fn normal_mode_with_checkpoints_and_a_report() -> Result<()> {
    let Some(tshark) = tshark("normal_mode_with_checkpoints_and_a_report") else { return Ok(()) };
    let (exchange, servers) = Exchange::start("checkpoint_kib = 1\nwindow = 3", usize::MAX)?;
    let mut letter = letter("normal", 6000);
    letter.to.push(("nobody@east.proof.test".to_owned(), "NOTIFY=FAILURE".to_owned()));
    exchange.send(&letter, 1)?;
    let file = exchange.end(servers, "x400-normal")?;
    is_clean(&tshark, &file, &[])?;
    let seen = spdus(&tshark, &file)?;
    // CONNECT 13, ACCEPT 14, MINOR SYNC 49 and its answer 50, ACTIVITY END 41 and 42, FINISH 9, DISCONNECT 10.
    for (kind, least) in [("13", 2), ("14", 2), ("49", 6), ("50", 6), ("41", 2), ("42", 2)] {
        let count =
            seen.iter().flat_map(|types| types.split(',')).filter(|one| *one == kind).count();
        ensure!(count >= least, "{count} of SPDU {kind}: {seen:?}");
    }
    let terms = tshark.fields(
        &file,
        "rtse.rtorq_apdu_element",
        &["rtse.checkpointSize", "rtse.windowSize", "p1.authenticated.initiator-name"],
    )?;
    ensure!(terms.iter().all(|row| row[0] == "1" && row[1] == "3"), "{terms:?}");
    ensure!(terms.iter().any(|row| row[2] == "WEST"), "{terms:?}");
    let message = tshark.fields(&file, "p1.MTS_APDU == 0", &["p1.local_identifier"])?;
    ensure!(message.len() == 1 && message[0][0].starts_with("WEST-"), "{message:?}");
    let report = tshark.fields(
        &file,
        "p1.MTS_APDU == 1",
        &["p1.non_delivery_reason_code", "p1.non_delivery_diagnostic_code"],
    )?;
    ensure!(report == [["1", "0"]], "{report:?}");
    Ok(())
}

#[test]
fn a_transfer_is_cut_and_resumed() -> Result<()> {
    let Some(tshark) = tshark("a_transfer_is_cut_and_resumed") else { return Ok(()) };
    let (exchange, servers) = Exchange::start("checkpoint_kib = 30\nwindow = 3", 300_000)?;
    exchange.send(&letter("resumed", 600_000), 0)?;
    let octets = exchange.capture.octets();
    let file = exchange.end(servers, "x400-resumed")?;
    ensure!((600_000..800_000).contains(&octets), "{octets} octets: sent from the beginning");
    // The dissector puts a message together by TCP connection, so that it sees on the second one the rest of a message
    // without its beginning; it must find fault with nothing else.
    let resumed = tshark.fields(&file, "ses.type == 29", &["tcp.stream"])?;
    ensure!(resumed.len() == 1, "{resumed:?}");
    for fault in tshark.faults(&file)? {
        let end = format!("frame.number == {} && ses.type == 41", fault[0]);
        ensure!(tshark.fields(&file, &end, &["tcp.stream"])? == resumed, "{fault:?}");
    }
    // ACTIVITY START 45, ACTIVITY RESUME 29: one each.
    let seen = spdus(&tshark, &file)?;
    let count = |kind| seen.iter().filter(|types| types.split(',').any(|one| one == kind)).count();
    ensure!((count("45"), count("29"), count("42")) == (1, 1, 1), "{seen:?}");
    Ok(())
}

#[test]
fn x410_mode_with_turns_and_1984() -> Result<()> {
    let Some(tshark) = tshark("x410_mode_with_turns_and_1984") else { return Ok(()) };
    for (mode, dialogue, protocol) in
        [("x410", "two-way-alternate", "12"), ("1984", "monologue", "1")]
    {
        let more = format!("mode = '{mode}'\ndialogue = '{dialogue}'\ncheckpoint_kib = 1");
        let (exchange, servers) = Exchange::start(&more, usize::MAX)?;
        exchange.send(&letter(mode, 3000), 0)?;
        let file = exchange.end(servers, &format!("x400-{mode}"))?;
        // Of X.410 mode the dissector knows the bind, and not that data stand there without a presentation layer.
        is_clean(&tshark, &file, &["can't get spdu type from session dissector"])?;
        let fields = ["pres.mode_value", "rtse.applicationProtocol", "rtse.dialogueMode"];
        let opened = tshark.fields(&file, "ses.type == 13", &fields)?;
        let turns = if dialogue == "monologue" { "" } else { "1" };
        ensure!(
            !opened.is_empty()
                && opened
                    .iter()
                    .all(|row| row[1] == protocol && (row[2] == turns || row[2] == "0")),
            "{mode}: {opened:?}"
        );
    }
    Ok(())
}

/// `bindback x400 probe` against a server: what it says, and what it puts on the wire.
#[test]
fn an_mta_is_probed() -> Result<()> {
    let Some(tshark) = tshark("an_mta_is_probed") else { return Ok(()) };
    let (exchange, servers) = Exchange::start("", usize::MAX)?;
    let organisation = &exchange.organisation;
    let place = format!("{}:{}", organisation.relay_address(Side::East), port());
    let password = organisation.folder(Side::West).join("secrets/x400.password");
    let password = password.to_string_lossy().into_owned();
    let arguments =
        ["x400", "probe", &place, "--name", "WEST", "--password-file", &password, "--json"];
    let output = organisation.program.run(arguments)?;
    let answer = conformance::one_object(&output.stdout)?;
    ensure!(output.status.code() == Some(0), "{answer}");
    ensure!(answer["schema"] == "bindback.x400-probe/1", "{answer}");
    let steps = answer["steps"].as_array().context("steps")?;
    let told: Vec<(&str, &str)> = steps
        .iter()
        .filter_map(|step| Some((step["step"].as_str()?, step["result"].as_str()?)))
        .collect();
    let mut expected = vec![("name", "ok"), ("tcp", "ok")];
    for mode in ["mts-transfer", "mts-transfer-protocol", "mts-transfer-protocol-1984"] {
        expected.extend([(mode, "ok"), (mode, "denied")]);
    }
    ensure!(told == expected, "{answer}");
    let file = exchange.end(servers, "x400-probe")?;
    is_clean(&tshark, &file, &[])
}

/// The day of all times in `vectors/x400.pcap`.
const DAY: &str = "261122";

/// Another maker's MTA hands a P22 message, a P772 message, a probe and a report over to EAST, by a session of X.400 that
/// shares no code with this house (`vectors/x400.pcap`): EAST relays each to WEST as it is.
#[test]
fn what_another_mta_hands_over_is_relayed() -> Result<()> {
    let Some(tshark) = tshark("what_another_mta_hands_over_is_relayed") else { return Ok(()) };
    let terms = "checkpoint_kib = 1\nwindow = 3";
    let east = format!(
        "{terms}\n[[x400.address_space]]\npattern = 'c=*'\n[[x400]]\nname = 'MTA-EDDD-1'\nhost = '127.0.0.1'\ndomains = ['foreign.test']\n{terms}"
    );
    let (exchange, servers) = Exchange::start_with([&east, terms], usize::MAX)?;
    let organisation = &exchange.organisation;
    let vector = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/x400.pcap");
    // Of tomorrow, so that the latest time of delivery is not over.
    let output = Command::new("date").args(["-u", "-d", "tomorrow", "+%y%m%d"]).output()?;
    let day = String::from_utf8(output.stdout)?.trim_end().to_owned();
    ensure!(day.len() == DAY.len(), "date says {day:?}");
    let to = SocketAddr::from((organisation.address(Side::East), port()));
    replay(&tshark, &vector, &day, to).with_context(|| exchange.said())?;
    organisation.until_empty_east(DELIVERY).with_context(|| exchange.said())?;
    let file = exchange.end(servers, "x400-relayed")?;
    is_clean(&tshark, &file, &[])?;
    let values = |file: &Path, filter: &str, field: &str| -> Result<Vec<String>> {
        let rows = tshark.fields(file, filter, &[field])?;
        let cells = rows.iter().flatten().flat_map(|cell| cell.split(','));
        let mut values: Vec<String> =
            cells.filter(|cell| !cell.is_empty()).map(|cell| of_day(cell, &day)).collect();
        values.sort_unstable();
        Ok(values)
    };
    // Messages are 0, reports 1, probes 2.
    let kinds = values(&file, "tcp", "p1.MTS_APDU")?;
    ensure!(kinds == ["0", "0", "1", "2"], "{kinds:?}");
    for field in ["p1.content", "p22.subject", "p772.Sic", "p1.content_length"] {
        // Of the vector the first exchange alone, which is what was handed over.
        let given = values(&vector, "tcp.stream == 0", field)?;
        let relayed = values(&file, "tcp", field)?;
        ensure!(!given.is_empty() && relayed == given, "{field}: {relayed:?}, but {given:?}");
    }
    Ok(())
}

/// Octets in hexadecimal with the times of the vector moved to another day.
fn of_day(octets: &str, day: &str) -> String {
    let digits = |text: &str| text.bytes().map(|octet| format!("{octet:02x}")).collect::<String>();
    octets.replace(&digits(DAY), &digits(day))
}

/// Says what the caller of the first connection of a capture says, and waits for an answer wherever it got one.
fn replay(tshark: &Tshark, capture: &Path, day: &str, to: SocketAddr) -> Result<()> {
    let filter = "tcp.stream == 0 && tcp.len > 0";
    let said = tshark.fields(capture, filter, &["tcp.dstport", "tcp.payload"])?;
    let mut server = TcpStream::connect(to)?;
    server.set_read_timeout(Some(DELIVERY))?;
    for (number, row) in said.iter().enumerate() {
        let [to, payload] = &row[..] else { bail!("{row:?}") };
        let what = || format!("packet {number} of the replay");
        if *to == PORT.to_string() {
            let payload = of_day(payload, day);
            let octets = (0..payload.len() / 2)
                .map(|at| u8::from_str_radix(&payload[at * 2..at * 2 + 2], 16))
                .collect::<Result<Vec<u8>, _>>()?;
            server.write_all(&octets).with_context(what)?;
        } else {
            // One TPKT (RFC 1006 6), whatever is in it.
            let mut head = [0; 4];
            server.read_exact(&mut head).with_context(what)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let mut rest = vec![0; length.saturating_sub(head.len())];
            server.read_exact(&mut rest).with_context(what)?;
        }
    }
    Ok(())
}
