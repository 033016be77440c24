//! A large transfer outlives its servers: X.228 7.8 (recovery from the last confirmed checkpoint), over sockets, with the
//! processes killed as a crash kills them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Connector, Letter, Organisation, Plan, Side, until};

const PORT: u16 = 1102;
/// Octets of the message, and how many of them have passed when a server is killed.
const LARGE: usize = 3_000_000;
const KILL_AT: usize = 1_500_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// Two servers with a slow relay between them, which counts what passes from WEST to EAST.
struct Road {
    organisation: Organisation,
    passed: Arc<AtomicUsize>,
}

impl Road {
    /// WEST calls and sends.
    fn make() -> Result<Self> {
        let organisation = Organisation::make(&Plan { through_relays: true, ..Plan::default() })?;
        let x400 = "checkpoint_kib = 30\nwindow = 3\nopen_interval_s = 2";
        let connector = Connector { port: PORT, rfc1006: "", x400, through_relay: true };
        for side in Side::BOTH {
            connector.install(&organisation, side)?;
        }
        let passed = Arc::new(AtomicUsize::new(0));
        let at = SocketAddr::from((organisation.relay_address(Side::East), PORT));
        let to = SocketAddr::from((organisation.address(Side::East), PORT));
        relay(at, to, (&passed, true))?;
        Ok(Self { organisation, passed })
    }

    /// EAST calls and WEST, which never does, sends on the association that EAST has opened.
    fn two_way() -> Result<Self> {
        let organisation = Organisation::make(&Plan { through_relays: true, ..Plan::default() })?;
        let both = "dialogue = \"two-way-alternate\"\ncheckpoint_kib = 30\nwindow = 3\nopen_interval_s = 2";
        let called = format!("{both}\nschedule = \"remote-initiated\"");
        for (side, x400) in [(Side::East, both), (Side::West, &called)] {
            let connector = Connector { port: PORT, rfc1006: "", x400, through_relay: true };
            connector.install(&organisation, side)?;
        }
        let passed = Arc::new(AtomicUsize::new(0));
        let at = SocketAddr::from((organisation.relay_address(Side::West), PORT));
        let to = SocketAddr::from((organisation.address(Side::West), PORT));
        relay(at, to, (&passed, false))?;
        Ok(Self { organisation, passed })
    }

    /// Nothing is left of what was written down, once the transfer has ended.
    fn leaves_nothing(&self) -> Result<()> {
        for side in Side::BOTH {
            let folder = self.organisation.folder(side).join("data/x400");
            until(PATIENCE, &format!("{} to be empty", folder.display()), || {
                let left = std::fs::read_dir(&folder).map_or(0, Iterator::count);
                Ok((left == 0).then_some(()))
            })?;
        }
        Ok(())
    }

    /// Hands the large letter in at WEST and waits until half of it has passed.
    fn half(&self, name: &str) -> Result<Letter> {
        let text: String = (0..LARGE / 64).map(|line| format!("{line:062}\r\n")).collect();
        let letter = Letter::plain(&Side::West.user(), &Side::East.user(), name, &text);
        letter.hand_in(self.organisation.smtp(Side::West))?;
        until(PATIENCE, "half of the transfer", || {
            Ok((self.passed.load(Ordering::Relaxed) >= KILL_AT).then_some(()))
        })?;
        ensure!(self.organisation.maildir(Side::East).count() == 0, "it is through already");
        Ok(letter)
    }

    /// One server is killed in the middle of the letter and started again: it arrives once, at most so many octets pass
    /// again, and nothing is left of what was written down.
    fn goes_on(&self, dies: Side, again: usize) -> Result<()> {
        let west = self.organisation.start(Side::West)?;
        let east = self.organisation.start(Side::East)?;
        let letter = self.half(dies.name())?;
        let (killed, other) = if dies == Side::West { (west, east) } else { (east, west) };
        killed.kill()?;
        let before = self.passed.load(Ordering::Relaxed);
        let killed = self.organisation.start(dies)?;
        self.arrives_once(&letter)?;
        let passed = self.passed.load(Ordering::Relaxed);
        println!("{before} octets before the kill, {passed} in all, of {LARGE}");
        ensure!((LARGE..LARGE + again).contains(&passed), "{passed} octets for {LARGE}");
        self.leaves_nothing()?;
        for server in [killed, other] {
            server.terminate(Duration::from_secs(20))?;
        }
        Ok(())
    }

    fn arrives_once(&self, letter: &Letter) -> Result<()> {
        let organisation = &self.organisation;
        let said = || Side::BOTH.map(|side| organisation.said(side)).join("\n");
        organisation.until_empty(PATIENCE).with_context(said)?;
        let mails = organisation.maildir(Side::East).read()?;
        ensure!(mails.len() == 1 && mails[0].is(&letter.content), "{} mails", mails.len());
        Ok(())
    }
}

/// The receiver is killed in the middle of a transfer and started again: the sender goes on where the receiver had
/// confirmed it, and does not send the first half again.
#[test]
fn a_receiver_that_was_killed_goes_on_from_its_last_checkpoint() -> Result<()> {
    Road::make()?.goes_on(Side::East, 600_000)
}

/// The sender is killed in the middle of a transfer and started again: it goes on from a checkpoint that was confirmed to it,
/// at most half a second old, and the message is taken once.
#[test]
fn a_sender_that_was_killed_goes_on_from_its_last_checkpoint() -> Result<()> {
    Road::make()?.goes_on(Side::West, 1_200_000)
}

/// Two-way alternate: the called side is killed while it sends, and goes on where it was confirmed once the caller is back.
#[test]
fn a_called_sender_that_was_killed_goes_on_from_its_last_checkpoint() -> Result<()> {
    Road::two_way()?.goes_on(Side::West, 1_200_000)
}

/// The same where the caller is killed while it receives: it opens again with what it had.
#[test]
fn a_calling_receiver_that_was_killed_goes_on_from_its_last_checkpoint() -> Result<()> {
    Road::two_way()?.goes_on(Side::East, 600_000)
}

/// Where the receiver keeps nothing (its part of the transfer was taken away), the sender starts over, and the message is
/// taken once.
#[test]
fn a_sender_that_was_killed_starts_over_where_the_receiver_keeps_nothing() -> Result<()> {
    let road = Road::make()?;
    let [east, west] = road.organisation.start_both()?;
    let letter = road.half("both-killed")?;
    west.kill()?;
    east.kill()?;
    std::fs::remove_dir_all(road.organisation.folder(Side::East).join("data/x400"))?;
    let east = road.organisation.start(Side::East)?;
    let west = road.organisation.start(Side::West)?;
    road.arrives_once(&letter)?;
    for server in [east, west] {
        server.terminate(Duration::from_secs(20))?;
    }
    Ok(())
}

/// Relays at about a megabyte a second one way, towards the server or from it, and counts the octets that pass there.
fn relay(
    at: SocketAddr,
    to: SocketAddr,
    (passed, towards): (&Arc<AtomicUsize>, bool),
) -> Result<()> {
    let listener = TcpListener::bind(at)?;
    let passed = Arc::clone(passed);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(to) else { continue };
            let passed = Arc::clone(&passed);
            std::thread::spawn(move || connection(&client, &server, (&passed, towards)));
        }
    });
    Ok(())
}

fn connection(client: &TcpStream, server: &TcpStream, (passed, towards): (&AtomicUsize, bool)) {
    let pass = |mut from: &TcpStream, mut to: &TcpStream, count_them: bool| {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if count_them {
                std::thread::sleep(Duration::from_millis(16));
                passed.fetch_add(count, Ordering::Relaxed);
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| pass(server, client, !towards));
        pass(client, server, towards);
    });
}
