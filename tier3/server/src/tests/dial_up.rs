//! Two servers with a line between them: a fake one, whose commands write down what is asked of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::DialUp;
use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use mta::State;
use tempfile::TempDir;

use super::fixture::*;
use crate::dial_up::run_line;
use crate::link::run_peer;
use crate::node::Node;
use crate::{local_delivery, settings};

/// A line whose commands are scripts in a folder; EAST dials, WEST is called.
struct Lab {
    east: Server,
    west: Server,
    folder: TempDir,
}

impl Lab {
    /// EAST's connector has `lines` beside its two commands, which are `dial` and `hang-up`.
    async fn start(dial: &str, hang_up: &str, lines: &str) -> Self {
        let folder = TempDir::new().unwrap();
        script(folder.path(), "dial", dial);
        script(folder.path(), "hang-up", hang_up);
        let (for_east, for_west) = (listener().await, listener().await);
        let (east_port, west_port) = (for_east.1, for_west.1);
        let east = Server::start("EAST", for_east, &[("WEST", west_port)]).await;
        let west = Server::start("WEST", for_west, &[("EAST", east_port)]).await;
        let at = |name| folder.path().join(name).display().to_string();
        let commands =
            format!("dial = [\"{}\", \"west\"]\nhang_up = [\"{}\"]", at("dial"), at("hang-up"));
        connect(&east.node, &format!("peer = \"WEST\"\n{commands}\n{lines}"));
        connect(&west.node, "peer = \"EAST\"\nschedule = \"remote-initiated\"\nidle_s = 1\n");
        for (server, peer) in [(&east, "WEST"), (&west, "EAST")] {
            tokio::spawn(local_delivery::run(Arc::clone(&server.node)));
            tokio::spawn(run_peer(Arc::clone(&server.node), peer.to_owned()));
        }
        tokio::spawn(run_line(Arc::clone(&east.node), "WEST".to_owned()));
        Self { east, west, folder }
    }

    /// What the commands were asked, in order.
    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn state(&self) -> &'static str {
        self.east.node.dial_ups.view("WEST").state
    }
}

fn script(folder: &Path, name: &str, body: &str) {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join(name);
    let log = folder.join("log");
    let text = format!("#!/bin/sh\necho {name} \"$@\" >> {}\n{body}\n", log.display());
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts a connector into the configuration in force, read as from a file.
fn connect(node: &Node, lines: &str) {
    let mut config = (*node.config()).clone();
    let peer = &config.peers[0];
    let text = format!(
        "[server]\nname = \"{}\"\norganisation = \"Demo\"\nsite = \"HQ\"\nhost_name = \"x.test\"\n[mail]\ndomains = [\"own.test\"]\nmailboxes = [\"*\"]\n[rpc]\naccount = 'D\\x'\n[[peer]]\nname = \"{}\"\nhost = \"{}\"\naccount = 'D\\y'\ndomains = [\"other.test\"]\n[[dial_up]]\n{lines}\n",
        config.server.name, peer.name, peer.host
    );
    let read = config::Config::parse(&PathBuf::from("/b.toml"), &text).unwrap();
    let found: Vec<DialUp> = read.dial_ups;
    config.dial_ups = found;
    node.replace_config(config).unwrap();
    crate::schedules::Schedules::default().follow(node, Timestamp::now());
}

async fn send(node: &Arc<Node>, to: &str) {
    let (now, table) = (Timestamp::now(), node.routes());
    let submission = mta::Submission {
        originator: SmtpOriginator {
            reverse_path: "anna@somewhere.test".to_owned(),
            ..SmtpOriginator::default()
        },
        recipients: vec![SmtpRecipient { address: to.to_owned(), ..SmtpRecipient::default() }],
        content: b"Subject: across\r\n\r\nbody\r\n".to_vec(),
        added: 0,
        submitted: now,
        routes: node.router(&table),
    };
    let life = |priority| node.queue.expires(priority, now);
    let id = node.queue.next_id();
    let entry =
        mta::from_submission(&settings::site(&node.config()), id, submission, life).unwrap();
    node.queue.accept(entry).await.unwrap();
}

fn delivered(node: &Node) -> usize {
    let inbox = node.config().mail.maildir.join("anna").join("new");
    std::fs::read_dir(inbox).map_or(0, Iterator::count)
}

fn open(node: &Node) -> usize {
    node.ltab().rows().filter(|row| matches!(row.state, State::Open | State::Opening)).count()
}

/// Claims: 18
#[tokio::test]
async fn mail_waits_a_call_is_made_both_sides_send_and_the_line_is_hung_up() {
    let lab = Lab::start("exit 0", "exit 0", "idle_s = 1\n").await;
    let (east, west) = (&lab.east.node, &lab.west.node);
    east.wake_peer("WEST");
    west.wake_peer("EAST");
    send(west, "anna@east.demo.test").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(lab.asked().is_empty(), "nothing waits on the side that dials: no call");
    assert_eq!((delivered(east), lab.state()), (0, "idle"));
    send(east, "anna@west.demo.test").await;
    until(|| (delivered(west) == 1 && delivered(east) == 1).then_some(())).await;
    until(|| (lab.asked().len() == 2 && lab.state() == "idle").then_some(())).await;
    assert_eq!(lab.asked(), ["dial west", "hang-up"]);
    assert_eq!((open(east), open(west)), (0, 0), "nothing stands on a line that is hung up");
    send(east, "anna@west.demo.test").await;
    until(|| (delivered(west) == 2).then_some(())).await;
    until(|| (lab.asked().len() == 4).then_some(())).await;
}

/// Claims: 18
#[tokio::test]
async fn a_call_that_fails_is_tried_again_and_then_rests_with_its_reason() {
    let mut lab = Lab::start("echo BUSY; exit 1", "exit 0", "tries = 2\nredial_s = 1\n").await;
    send(&lab.east.node, "anna@west.demo.test").await;
    let mut seen = Vec::new();
    while !seen.contains(&301) {
        let event = lab.east.events.recv().await.unwrap();
        if event.id == event::id::DIAL_FAILED {
            assert_eq!((event.code(), event.word("kind")), (Some(676), Some("line-busy")));
            assert_eq!(event.word("output"), Some("BUSY"));
        }
        seen.push(event.id);
    }
    seen.retain(|id| [9309, 289, 301].contains(id));
    assert_eq!(seen, [9309, 9309, 289, 301]);
    let queue = &lab.east.node.queue;
    let hop = queue.view(|queue, now| queue.hops(now)).into_iter().find(|hop| hop.messages == 1);
    let hop = hop.unwrap();
    assert!(hop.last_error.unwrap().starts_with("the line is busy"));
    let rest = hop.next_attempt.unwrap().duration_since(Timestamp::now()).as_secs();
    assert!((500..=600).contains(&rest), "it rests for its interval: {rest}");
    // What was put right is tried at once.
    script(lab.folder.path(), "dial", "exit 0");
    lab.east.node.wake_peer("WEST");
    until(|| (delivered(&lab.west.node) == 1).then_some(())).await;
}

#[tokio::test]
async fn a_refused_bind_hangs_up_at_once() {
    let mut lab = Lab::start("exit 0", "exit 0", "idle_s = 60\n").await;
    let off = |account: &mut identity::Account| account.enabled = false;
    lab.west.node.accounts.change(&account_of("EAST"), Vec::new(), off).unwrap();
    send(&lab.east.node, "anna@west.demo.test").await;
    let mut seen = Vec::new();
    while !seen.contains(&301) {
        seen.push(lab.east.events.recv().await.unwrap().id);
    }
    seen.retain(|id| [9309, 9311, 9318, 289].contains(id));
    assert_eq!(seen, [9318, 289]);
    until(|| (lab.asked() == ["dial west", "hang-up"]).then_some(())).await;
}

#[tokio::test]
async fn two_connectors_with_one_device_call_one_after_the_other() {
    let gate = crate::dial_up::DialUps::default();
    let first = gate.device("ttyS0").try_acquire_owned().unwrap();
    assert!(gate.device("ttyS0").try_acquire_owned().is_err());
    assert!(gate.device("ttyS1").try_acquire_owned().is_ok());
    drop(first);
    assert!(gate.device("ttyS0").try_acquire_owned().is_ok());
}

#[tokio::test]
async fn a_device_that_another_program_has_is_not_dialled() {
    let folder = TempDir::new().unwrap();
    let lock = folder.path().join("LCK..modem");
    std::fs::write(&lock, format!("{:>10}\n", std::process::id())).unwrap();
    let lines = format!("lock_file = \"{}\"\ntries = 1\n", lock.display());
    let mut lab = Lab::start("exit 0", "exit 0", &lines).await;
    send(&lab.east.node, "anna@west.demo.test").await;
    let event = loop {
        let event = lab.east.events.recv().await.unwrap();
        if event.id == event::id::DIAL_FAILED {
            break event;
        }
    };
    assert_eq!((event.code(), event.word("kind")), (Some(602), Some("device-busy")));
    assert!(lab.asked().is_empty(), "nothing was dialled");
    std::fs::remove_file(&lock).unwrap();
    until(|| (lab.east.node.queue.view(|queue, _| queue.waiting_hops().len()) == 1).then_some(()))
        .await;
    lab.east.node.wake_peer("WEST");
    until(|| (delivered(&lab.west.node) == 1).then_some(())).await;
}

#[tokio::test]
async fn a_server_that_stops_hangs_up_and_one_that_died_does_at_its_next_start() {
    let lab = Lab::start("exit 0", "exit 0", "idle_s = 60\n").await;
    send(&lab.east.node, "anna@west.demo.test").await;
    until(|| (delivered(&lab.west.node) == 1).then_some(())).await;
    assert_eq!((lab.asked().len(), lab.state()), (1, "up"));
    let note = lab.east.node.config().server.data_dir.join("call-WEST");
    assert!(note.exists());
    lab.east.node.stop();
    until(|| (lab.asked() == ["dial west", "hang-up"]).then_some(())).await;
    until(|| (!note.exists()).then_some(())).await;

    let folder = TempDir::new().unwrap();
    let (for_east, for_west) = (listener().await, listener().await);
    let east = Server::start("EAST", for_east, &[("WEST", for_west.1)]).await;
    script(folder.path(), "hang-up", "exit 0");
    let hang_up = folder.path().join("hang-up");
    connect(
        &east.node,
        &format!(
            "peer = \"WEST\"\ndial = [\"/bin/true\"]\nhang_up = [\"{}\"]\n",
            hang_up.display()
        ),
    );
    let note = east.node.config().server.data_dir.join("call-WEST");
    std::fs::write(&note, "WEST\n").unwrap();
    tokio::spawn(run_line(Arc::clone(&east.node), "WEST".to_owned()));
    until(|| (!note.exists()).then_some(())).await;
    assert!(folder.path().join("log").exists());
}
