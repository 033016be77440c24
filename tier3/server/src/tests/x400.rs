//! Two servers that exchange mail over X.400 on TCP, and what is logged when they may not.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use config::{Config, InitAnswers, Section, X400Answers, template};
use event::Event;
use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use super::fixture::{PATIENCE, listener, until};
use crate::node::Node;
use crate::runtime::{Orders, build_node};
use crate::{local_delivery, reporting, settings, supervise, x400_link};

/// A server of the pair.
pub(super) struct Mta {
    pub(super) node: Arc<Node>,
    pub(super) events: broadcast::Receiver<Event>,
    pub(super) folder: TempDir,
}

fn write_secret(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    config::replace_secret(file, &identity::Password::from(text)).unwrap();
}

fn configuration(
    folder: &Path,
    name: &str,
    peer: &str,
    ports: (u16, u16),
    more: &[(&'static str, &str)],
    third: &[(&'static str, &str)],
) -> Config {
    let (low, other) = (name.to_lowercase(), peer.to_lowercase());
    let quoted = |text: &str| format!("\"{text}\"");
    let mut set = vec![
        ("name", quoted(peer)),
        ("host", quoted("127.0.0.1")),
        ("port", ports.1.to_string()),
        ("domains", format!("[\"{other}.demo.test\"]")),
        ("remote_password_file", quoted("secrets/remote")),
        ("local_password_file", quoted("secrets/local")),
    ];
    let owned = |keys: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
    };
    set.extend(owned(more));
    let answers = InitAnswers {
        name: name.to_owned(),
        host_name: format!("{low}.demo.test"),
        domains: vec![format!("{low}.demo.test")],
        hosts: vec![(format!("{low}.demo.test"), vec![IpAddr::from(Ipv4Addr::LOCALHOST)])],
        x400: std::iter::once(set)
            .chain((!third.is_empty()).then(|| owned(third)))
            .map(|set| X400Answers { set })
            .collect(),
        set: vec![
            (Section::Events, "stderr_level", "\"off\"".to_owned()),
            (Section::Rfc1006, "listen", "[\"127.0.0.1\"]".to_owned()),
            (Section::Rfc1006, "port", ports.0.to_string()),
            (Section::Server, "prmd", quoted(&low)),
            (Section::Rfc1006, "certificate", "\"own.pem\"".to_owned()),
            (Section::Rfc1006, "key", "\"own.key\"".to_owned()),
            (Section::Rfc1006, "trust", "\"trust.pem\"".to_owned()),
        ],
        ..InitAnswers::default()
    };
    let text = with_spaces(template(&answers), more.iter().chain(third));
    let config = Config::parse(&folder.join("bindback.toml"), &text).unwrap();
    write_secret(&folder.join("secrets/local"), &format!("Secret of {name}"));
    write_secret(&folder.join("secrets/remote"), &format!("Secret of {peer}"));
    config
}

/// Address spaces go behind the keys of their connector: `address_space` stands for one, its value for the pattern.
fn with_spaces<'a>(
    text: String,
    keys: impl Iterator<Item = &'a (&'static str, &'a str)>,
) -> String {
    let spaces = keys.filter(|(key, _)| *key == "address_space").enumerate();
    spaces.fold(text, |text, (nth, (_, pattern))| {
        let header = "\n[[x400]]\n";
        let at = text.match_indices(header).nth(nth).unwrap().0 + header.len();
        let ends = [header, "\n# Addresses that the X.400 MTA"];
        let end = ends.iter().filter_map(|end| text[at..].find(end)).min().unwrap() + at;
        let (before, after) = text.split_at(end);
        format!("{before}\n[[x400.address_space]]\npattern = {pattern}\n{after}")
    })
}

impl Mta {
    fn start(
        name: &str,
        peer: &str,
        own: (TcpListener, u16),
        port: u16,
        more: &[(&'static str, &str)],
    ) -> Self {
        Self::start_with(name, peer, own, port, more, &[])
    }

    /// With one more connector.
    fn start_with(
        name: &str,
        peer: &str,
        own: (TcpListener, u16),
        port: u16,
        more: &[(&'static str, &str)],
        third: &[(&'static str, &str)],
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let config = configuration(folder.path(), name, peer, (own.1, port), more, third);
        let (node, orders): (Arc<Node>, Orders) = build_node(&config).unwrap();
        tokio::spawn(x400_link::listen(Arc::clone(&node), own.0));
        tokio::spawn(local_delivery::run(Arc::clone(&node)));
        tokio::spawn(reporting::run(Arc::clone(&node), orders));
        let timers = Arc::clone(&node);
        tokio::spawn(async move { timers.queue.run_timers().await });
        if let Some(notices) = node.queue.notices() {
            tokio::spawn(supervise::run(Arc::clone(&node), notices));
        }
        let events = node.events.follow();
        Self { node, events, folder }
    }

    pub(super) fn call(&self, peer: &str) {
        tokio::spawn(x400_link::run_connector(Arc::clone(&self.node), peer.to_owned()));
        self.node.wake_peer(peer);
    }

    fn set_secret(&self, name: &str, text: &str) {
        write_secret(&self.folder.path().join("secrets").join(name), text);
    }

    pub(super) async fn submit(&self, to: &str, body: &[u8]) {
        self.submit_with("", to, body).await;
    }

    /// With more header fields.
    async fn submit_with(&self, header: &str, to: &str, body: &[u8]) {
        let (node, now) = (&self.node, Timestamp::now());
        let routes = node.routes();
        let submission = mta::Submission {
            originator: SmtpOriginator {
                reverse_path: "anna@east.demo.test".to_owned(),
                ..SmtpOriginator::default()
            },
            recipients: vec![SmtpRecipient { address: to.to_owned(), ..SmtpRecipient::default() }],
            content: [header.as_bytes(), b"Subject: across\r\n\r\n", body].concat(),
            added: 0,
            submitted: now,
            routes: node.router(&routes),
        };
        let life = |priority| node.queue.expires(priority, now);
        let id = node.queue.next_id();
        let site = settings::site(&node.config());
        let entry = mta::from_submission(&site, id, submission, life).unwrap();
        node.queue.accept(entry).await.unwrap();
    }

    /// The numbers of the events that were logged, up to one of this number.
    pub(super) async fn events_until(&mut self, number: u32) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap();
            let last = event.id == number;
            seen.push(event);
            if last {
                return seen;
            }
        }
    }

    /// The mails of a mailbox, once there are so many.
    pub(super) async fn inbox(&self, count: usize) -> Vec<Vec<u8>> {
        let inbox = self.node.config().mail.maildir.join("anna").join("new");
        let files = until(|| {
            let files: Vec<_> = std::fs::read_dir(&inbox).ok()?.flatten().collect();
            (files.len() >= count).then_some(files)
        })
        .await;
        files.iter().map(|file| std::fs::read(file.path()).unwrap()).collect()
    }
}

pub(super) async fn pair(
    east_more: &[(&'static str, &str)],
    west_more: &[(&'static str, &str)],
) -> (Mta, Mta) {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let east = Mta::start("EAST", "WEST", for_east, west_port, east_more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, west_more);
    (east, west)
}

#[tokio::test]
async fn mail_crosses_over_tcp() {
    let (east, west) = pair(&[], &[]).await;
    let body = vec![b'x'; 300_000];
    east.submit("anna@west.demo.test", &body).await;
    east.submit("anna@west.demo.test", b"short\r\n").await;
    east.call("WEST");
    let mails = west.inbox(2).await;
    assert!(mails.iter().any(|mail| mail.ends_with(&body)));
    until(|| east.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    let row = west.node.x400_table().rows().next().cloned().unwrap();
    assert!(row.protocol_string.starts_with("rfc1006:127.0.0.1["), "{row:?}");
    assert!(east.node.histories.get("WEST").last_success_out.is_some());
    east.node.stop();
    let closed = |node: &Node| node.x400_table().rows().all(|row| row.state == mta::State::Closed);
    until(|| (closed(&east.node) && closed(&west.node)).then_some(())).await;
}

/// From SMTP to an O/R address, through a server on the way: each goes by the address spaces of its connectors.
#[tokio::test]
async fn or_addresses_go_by_address_spaces() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let germany = [("address_space", "\"c=DE\"")];
    let east = Mta::start("EAST", "WEST", for_east, west_port, &germany);
    let third = [
        ("name", "\"NORTH\""),
        ("host", "\"127.0.0.1\""),
        ("address_space", "\"/C=DE/ADMD= /PRMD=ACME/\""),
    ];
    let back = [("address_space", "\"c=*\"")];
    let west = Mta::start_with("WEST", "EAST", for_west, east_port, &back, &third);
    east.submit("\"/C=DE/ADMD= /PRMD=Acme/O=X/S=Y/\"@x400.invalid", b"far\r\n").await;
    east.call("WEST");
    let waits = || {
        let filter = queue::MessageFilter::default();
        let messages = west.node.queue.messages(&filter).ok()?;
        messages.into_iter().flat_map(|message| message.recipients).next()
    };
    let recipient = until(waits).await;
    assert_eq!(recipient.next_hop, queue::NextHop::Peer("NORTH".to_owned()));
    assert_eq!(recipient.address, "\"/C=DE/ADMD= /PRMD=Acme/O=X/S=Y/\"@x400.invalid");
    // What the command says of it.
    let route = |address: &str| {
        let query = admin::api::RouteQuery {
            address: address.to_owned(),
            from: None,
            size: None,
            came_by: None,
        };
        crate::operations::route(west.node.router(&west.node.routes()), &query)
    };
    let answer = route("/C=DE/ADMD= /PRMD=ACME/O=X/S=Y/").unwrap();
    let choice = answer.choice.unwrap();
    assert_eq!((choice.route.as_str(), choice.outside), ("NORTH", true));
    assert_eq!(choice.address_space.as_deref(), Some("x400:/C=DE/ADMD= /PRMD=ACME/"));
    assert_eq!(answer.steps[0], "/C=DE/ADMD= /PRMD=ACME/O=X/S=Y/ is of type x400");
    assert_eq!(answer.considered[0].route, "EAST (x400:c=*, cost 1)");
    let answer = route("S=Y;P=Other;A= ;C=FR").unwrap();
    let why_not = &answer.considered[0].why_not;
    assert!(why_not.ends_with("wants C \"de\", which is \"fr\""), "{why_not}");
    assert!(route("/C=DE/ZZ=1/").unwrap_err().to_string().contains("unknown key `ZZ`"));
}

/// The called side refuses: 48 and 1293 there, 1290 and 289 with the caller; put right, mail flows.
#[tokio::test]
async fn a_wrong_password_is_refused_logged_and_cured() {
    let (mut east, mut west) = pair(&[], &[]).await;
    west.set_secret("remote", "wrong-secret");
    east.submit("anna@west.demo.test", b"waits\r\n").await;
    east.call("WEST");
    let there = west.events_until(1293).await;
    let numbers: Vec<u32> = there.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [48, 1293]);
    assert_eq!(there[0].word("differs"), Some("password"));
    assert_eq!(there[0].word("presented_name"), Some("EAST"));
    assert_eq!(there[0].word("role"), Some("caller"));
    assert_eq!((there[1].number("provider"), there[1].number("reason")), (Some(6), Some(2)));
    let here = east.events_until(301).await;
    let numbers: Vec<u32> = here.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [1290, 289, 301]);
    for event in here.iter().chain(&there) {
        let text = serde_json::to_string(event).unwrap();
        assert!(!text.contains("Secret of") && !text.contains("wrong-secret"), "{text}");
    }
    west.set_secret("remote", "Secret of EAST");
    east.node.wake_peer("WEST");
    west.inbox(1).await;
}

/// The answer of the called side is checked, too: 48 and 1290 with the caller.
#[tokio::test]
async fn a_wrong_password_in_the_answer_is_refused_by_the_caller() {
    let (mut east, _west) = pair(&[], &[]).await;
    east.set_secret("remote", "SECRET OF WEST");
    east.call("WEST");
    let events = east.events_until(289).await;
    let numbers: Vec<u32> = events.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [48, 1290, 289]);
    assert_eq!(events[0].word("differs"), Some("password-case"));
    assert_eq!(events[0].word("role"), Some("called"));
}

#[tokio::test]
async fn a_name_in_another_case_is_unknown_unless_the_connector_says_so() {
    let (east, mut west) = pair(&[("local_name", "\"East\"")], &[]).await;
    east.call("WEST");
    let events = west.events_until(1293).await;
    assert_eq!(events[0].id, 51);
    assert_eq!(events[0].word("differs"), Some("name-case"));
    assert_eq!(events[0].word("expected_name"), Some("EAST"));
    assert_eq!(events[0].word("presentation_address"), Some("/n:0x7f000001"));

    let (east, west) = pair(
        &[("local_name", "\"East\"")],
        &[("name_case", "\"ignore\""), ("local_name", "\"WEST\"")],
    )
    .await;
    east.submit("anna@west.demo.test", b"x\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
}

#[tokio::test]
async fn an_address_that_no_connector_has_is_refused() {
    let (mut east, mut west) = pair(&[], &[("host", "\"192.0.2.1\"")]).await;
    east.call("WEST");
    let there = west.events_until(9202).await;
    let numbers: Vec<u32> = there.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [9301, 9202]);
    assert_eq!(there[0].word("network_address"), Some("0x7f000001"));
    let here = east.events_until(289).await;
    assert_eq!(here[0].id, 1290);
    assert_eq!(here[0].number("provider"), Some(1));
}

#[tokio::test]
async fn nobody_listens_and_a_connector_that_is_never_open() {
    let (mut east, mut west) = pair(&[], &[("schedule", "\"never\"")]).await;
    east.call("WEST");
    let there = west.events_until(1293).await;
    assert_eq!(there[0].id, 37);
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("reason")), (1290, Some(0)));

    let gone = listener().await.1;
    let port = gone.to_string();
    let (mut east, _west) = pair(&[("port", &port)], &[]).await;
    east.call("WEST");
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].code()), (9215, Some(10_061)));
}

/// Every mode and dialogue over sockets; both sides send, two-way alternate on one association.
#[tokio::test]
async fn all_modes_over_sockets() {
    for mode in ["normal", "x410", "1984"] {
        for dialogue in ["monologue", "two-way-alternate"] {
            let (mode, word) = (format!("\"{mode}\""), format!("\"{dialogue}\""));
            let more: &[(&'static str, &str)] =
                &[("mode", &mode), ("dialogue", &word), ("checkpoint_kib", "1"), ("window", "3")];
            let (east, west) = pair(more, more).await;
            let body = vec![b'y'; 20_000];
            east.submit("anna@west.demo.test", &body).await;
            east.submit("anna@west.demo.test", b"second\r\n").await;
            west.submit("anna@east.demo.test", b"back\r\n").await;
            east.call("WEST");
            let mails = west.inbox(2).await;
            assert!(mails.iter().any(|mail| mail.ends_with(&body)), "{mode} {dialogue}");
            if dialogue == "two-way-alternate" {
                // WEST never calls: its mail comes back on the association of EAST.
                let mails = east.inbox(1).await;
                assert!(mails[0].ends_with(b"back\r\n"));
                let rows: Vec<_> = west.node.x400_table().rows().map(|row| row.direction).collect();
                assert_eq!(rows, [mta::Direction::In]);
            }
            east.node.stop();
            west.node.stop();
        }
    }
}

#[tokio::test]
async fn a_dialogue_that_the_connector_does_not_have_is_refused() {
    let (mut east, mut west) = pair(&[("dialogue", "\"two-way-alternate\"")], &[]).await;
    east.call("WEST");
    let there = west.events_until(1293).await;
    assert_eq!(there[0].id, 55);
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("reason")), (1290, Some(3)));
}

/// A relay that can be cut after so many octets; it counts those that passed towards the server.
async fn relay(to: u16, cut_after: usize, passed: Arc<AtomicUsize>) -> u16 {
    relay_counting(to, (cut_after, true), passed).await
}

/// The same for octets that pass from the server.
async fn relay_back(to: u16, cut_after: usize, passed: Arc<AtomicUsize>) -> u16 {
    relay_counting(to, (cut_after, false), passed).await
}

async fn relay_counting(to: u16, cut: (usize, bool), passed: Arc<AtomicUsize>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (listener, port) = listener().await;
    let (cut_after, towards) = cut;
    tokio::spawn(async move {
        let mut cut_after = Some(cut_after);
        while let Ok((mut from, _)) = listener.accept().await {
            let Ok(mut there) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await
            else {
                continue;
            };
            let mut left = cut_after.take().unwrap_or(usize::MAX);
            let mut may_pass = |count: usize| {
                passed.fetch_add(count, Ordering::Relaxed);
                left = left.saturating_sub(count);
                left > 0
            };
            let (mut out, mut back) = (vec![0; 4096], vec![0; 4096]);
            loop {
                tokio::select! {
                    read = from.read(&mut out) => match read {
                        Ok(count) if count > 0 && (!towards || may_pass(count)) => {
                            if there.write_all(&out[..count]).await.is_err() { break }
                        }
                        _ => break,
                    },
                    read = there.read(&mut back) => match read {
                        Ok(count) if count > 0 && (towards || may_pass(count)) => {
                            if from.write_all(&back[..count]).await.is_err() { break }
                        }
                        _ => break,
                    },
                }
            }
        }
    });
    port
}

/// Two-way alternate: what the called side was sending when the connection broke goes on, too, once the
/// caller has opened another association.
#[tokio::test]
async fn a_cut_transfer_of_the_called_side_goes_on() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let passed = Arc::new(AtomicUsize::new(0));
    let through = relay_back(west_port, 400_000, Arc::clone(&passed)).await;
    let two_way = ("dialogue", "\"two-way-alternate\"");
    let more: &[(&'static str, &str)] = &[two_way, ("checkpoint_kib", "30"), ("window", "3")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, more);
    let body = vec![b'z'; 1_000_000];
    west.submit("anna@east.demo.test", &body).await;
    // Only EAST calls.
    east.call("WEST");
    let mails = east.inbox(1).await;
    assert!(mails[0].ends_with(&body));
    until(|| west.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    let passed = passed.load(Ordering::Relaxed);
    assert!((1_000_000..1_250_000).contains(&passed), "{passed} octets");
    assert_eq!(east.inbox(1).await.len(), 1);
}

/// A large transfer is cut in the middle: it goes on from its last checkpoint on a new connection.
#[tokio::test]
async fn a_cut_transfer_goes_on_from_its_last_checkpoint() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let passed = Arc::new(AtomicUsize::new(0));
    let through = relay(west_port, 400_000, Arc::clone(&passed)).await;
    let more: &[(&'static str, &str)] = &[("checkpoint_kib", "30"), ("window", "3")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, more);
    let body = vec![b'z'; 1_000_000];
    east.submit("anna@west.demo.test", &body).await;
    east.call("WEST");
    let mails = west.inbox(1).await;
    assert!(mails[0].ends_with(&body));
    until(|| east.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    // What came before the cut was not sent again, but for what no checkpoint had confirmed.
    let passed = passed.load(Ordering::Relaxed);
    assert!((1_000_000..1_250_000).contains(&passed), "{passed} octets");
    // One association broke and one went on; the second carried the message.
    let rows: Vec<_> = west.node.x400_table().rows().cloned().collect();
    assert_eq!(rows.iter().map(|row| row.messages).sum::<u64>(), 1, "{rows:?}");
    assert_eq!(west.inbox(1).await.len(), 1);
    let attempts: Vec<_> = east.node.x400_table().rows().cloned().collect();
    assert_eq!(attempts.len(), 1, "the row of the broken one is used again: {attempts:?}");
}

#[tokio::test]
async fn mail_crosses_over_ipv6() {
    let bound = |listener: TcpListener| {
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    };
    let loopback = std::net::Ipv6Addr::LOCALHOST;
    let Ok(for_west) = TcpListener::bind((loopback, 0)).await else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let (for_east, for_west) =
        (bound(TcpListener::bind((loopback, 0)).await.unwrap()), bound(for_west));
    let (east_port, west_port) = (for_east.1, for_west.1);
    let more: &[(&'static str, &str)] = &[("host", "\"::1\"")];
    let east = Mta::start("EAST", "WEST", for_east, west_port, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, more);
    east.submit("anna@west.demo.test", b"x\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
}

/// `bindback x400 probe`: the modes that are there, and why another is refused.
#[tokio::test]
async fn a_probe_of_the_mta_tells_each_mode() {
    use crate::rpc_tools::StepResult;
    use crate::x400_tools::{Presented, ProbeSettings, Secret, probe};
    let (_east, west) = pair(&[], &[]).await;
    let port = west.node.config().rfc1006.port;
    let settings = |password: &str| ProbeSettings {
        host: "127.0.0.1".to_owned(),
        hosts: std::collections::BTreeMap::new(),
        port,
        presented: Presented { name: "EAST".to_owned(), password: Some(Secret::new(password)) },
        transport: Vec::new(),
        session: Vec::new(),
        presentation: Vec::new(),
        tls: None,
        patience: PATIENCE.min(Duration::from_secs(10)),
    };
    let steps = probe(&settings("Secret of EAST")).await;
    let told: Vec<_> = steps.iter().map(|step| (step.step, step.result)).collect();
    let (ok, refused) = (StepResult::Ok, StepResult::Refused);
    let modes = ["mts-transfer", "mts-transfer-protocol", "mts-transfer-protocol-1984"];
    let expected: Vec<_> = [("name", ok), ("tcp", ok)]
        .into_iter()
        .chain(modes.into_iter().flat_map(|mode| [(mode, ok), (mode, StepResult::Denied)]))
        .collect();
    assert_eq!(told, expected, "{steps:#?}");
    assert_eq!(steps[2].text, "the MTA WEST; checkpoints of 30 KiB, window 3");
    assert!(steps[3].text.contains("unacceptable-dialogue-mode"), "{}", steps[3].text);
    let steps = probe(&settings("wrong")).await;
    assert!(steps[2].text.contains("authentication-error"), "{}", steps[2].text);
    assert_eq!((steps[2].result, steps[2].code), (StepResult::Denied, 2));

    let gone = ProbeSettings { port: listener().await.1, ..settings("x") };
    let steps = probe(&gone).await;
    assert_eq!((steps.len(), steps[1].result), (2, refused));
}

/// A message of another maker's MTA, its probe, and what cannot be told to an MTA of 1984.
#[tokio::test]
async fn probes_are_answered_and_1984_is_not_told_what_it_cannot_take() {
    use x400::{
        Criticality, ExtensionField, ExtensionKind, Message, MessageTransferEnvelope, MtsApdu,
        Probe,
    };
    let more: &[(&'static str, &str)] = &[("mode", "\"1984\"")];
    let (east, _west) = pair(more, more).await;
    let record = |node: &Arc<Node>| node.queue.view(|queue, _| queue.is_empty());
    // An envelope as it is made here, sent to here as if by another.
    let submitted = |recipient: &str| {
        let (node, now) = (&east.node, Timestamp::now());
        let site = settings::site(&node.config());
        mixer::build_message(&mixer::NewMessage {
            originator: &SmtpOriginator {
                reverse_path: "anna@east.demo.test".to_owned(),
                ..SmtpOriginator::default()
            },
            recipients: &[SmtpRecipient {
                address: recipient.to_owned(),
                ..SmtpRecipient::default()
            }],
            identifier: site.mts_identifier(node.queue.next_id()),
            base: &site.base_address(),
            priority: x400::Priority::Normal,
            submitted: now,
        })
        .unwrap()
    };
    let take = |apdu: MtsApdu| {
        let node = Arc::clone(&east.node);
        async move { crate::inbound::take(&node, "WEST", apdu.encode()).await.unwrap() }
    };
    // A probe about a mailbox here: a report comes to its originator, and no mail.
    let mut envelope: MessageTransferEnvelope = submitted("anna@east.demo.test");
    envelope.extensions.clear();
    envelope.recipients[0].extensions.clear();
    envelope.recipients[0].indicators.originator_report = true;
    let probe = Probe { envelope, content_length: Some(5) };
    take(MtsApdu::Probe(probe)).await;
    let mails = east.inbox(1).await;
    let text = String::from_utf8_lossy(&mails[0]).into_owned();
    assert!(text.contains("Action: delivered"), "{text}");
    until(|| record(&east.node).then_some(())).await;

    // An extension that is critical for submission only may be left out, one for delivery not.
    let mut envelope = submitted("anna@west.demo.test");
    let mut field = ExtensionField::standard(8, |encoder| encoder.raw(&[5, 0]));
    field.kind = ExtensionKind::Standard(8);
    field.criticality = Criticality::new(false, false, true);
    envelope.recipients[0].extensions.push(field);
    take(MtsApdu::Message(Message { envelope, content: b"Subject: x\r\n\r\n".to_vec() })).await;
    east.call("WEST");
    let mails = east.inbox(2).await;
    let all: Vec<_> = mails.iter().map(|mail| String::from_utf8_lossy(mail)).collect();
    assert!(all.iter().any(|text| text.contains("Status: 5.3.3")), "{all:?}");
}

/// One connector whose MTA takes the call and says nothing held up the mail of all others.
#[tokio::test]
async fn q169691_a_silent_mta_stalls_no_other() {
    let (silent, silent_port) = listener().await;
    // Calls are taken by the system, and nobody reads them.
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let port = silent_port.to_string();
    let third: &[(&'static str, &str)] = &[
        ("name", "\"SILENT\""),
        ("host", "\"127.0.0.1\""),
        ("port", &port),
        ("domains", "[\"silent.demo.test\"]"),
    ];
    let east = Mta::start_with("EAST", "WEST", for_east, west_port, &[], third);
    let west = Mta::start("WEST", "EAST", for_west, east_port, &[]);
    for body in [&b"one\r\n"[..], b"two\r\n"] {
        east.submit("anna@silent.demo.test", body).await;
    }
    east.call("SILENT");
    until(|| {
        let mut rows = east.node.x400_table().rows().cloned().collect::<Vec<_>>().into_iter();
        rows.any(|row| row.peer == "SILENT").then_some(())
    })
    .await;
    east.submit("anna@west.demo.test", b"passes\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
    let hops = east.node.queue.view(|queue, now| queue.hops(now));
    let waits = hops.iter().filter(|hop| hop.messages > 0).map(|hop| &hop.next_hop);
    let silent_hop = queue::NextHop::Peer("SILENT".to_owned());
    assert_eq!(waits.collect::<Vec<_>>(), [&silent_hop], "that one still waits");
    drop(silent);
}

/// The first failure to open an association returned the mail: it waits for the next try, and no
/// report is made.
#[tokio::test]
async fn q152955_the_first_failure_returns_nothing() {
    let gone = listener().await.1.to_string();
    let (mut east, west) = pair(&[("port", &gone), ("open_interval_s", "1")], &[]).await;
    east.submit("anna@west.demo.test", b"waits\r\n").await;
    east.call("WEST");
    for _ in 0..3 {
        east.events_until(301).await;
    }
    let hops = east.node.queue.view(|queue, now| queue.hops(now));
    assert_eq!(hops.iter().map(|hop| hop.messages).sum::<u64>(), 1, "{hops:?}");
    let inbox = east.node.config().mail.maildir.join("anna").join("new");
    assert_eq!(std::fs::read_dir(inbox).map_or(0, Iterator::count), 0, "a report was delivered");
    drop(west);
}

/// Two connectors of one address are told apart by the selector that is called, and each may say
/// in which mode its MTA calls.
#[tokio::test]
async fn a_call_is_dispatched_by_selector_and_mode() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let port = east_port.to_string();
    let third: &[(&'static str, &str)] = &[
        ("name", "\"NORTH\""),
        ("host", "\"127.0.0.1\""),
        ("port", &port),
        ("domains", "[\"north.demo.test\"]"),
        ("own_t_selector", "\"FORNORTH\""),
    ];
    let for_the_caller: &[(&'static str, &str)] =
        &[("own_t_selector", "\"FOREAST\""), ("incoming_mode", "\"same\""), ("mode", "\"x410\"")];
    let mut west = Mta::start_with("WEST", "EAST", for_west, west_port, for_the_caller, third);
    // The right selector in the right mode.
    let right: &[(&'static str, &str)] = &[("t_selector", "\"FOREAST\""), ("mode", "\"x410\"")];
    let east = Mta::start("EAST", "WEST", for_east, west_port, right);
    east.submit("anna@west.demo.test", b"x\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
    // Another mode: refused by a layer below the MTA bind.
    let mode: &[(&'static str, &str)] = &[("t_selector", "\"FOREAST\""), ("mode", "\"1984\"")];
    let mut other = Mta::start("EAST", "WEST", listener().await, west_port, mode);
    other.call("WEST");
    let there = west.events_until(1293).await.pop().unwrap();
    assert_ne!(there.number("provider"), Some(6), "{there:?}");
    assert_eq!(other.events_until(289).await[0].id, 1290);
    // The selector of another connector: its name and password do not fit.
    let north: &[(&'static str, &str)] = &[("t_selector", "\"FORNORTH\"")];
    let mut other = Mta::start("EAST", "WEST", listener().await, west_port, north);
    other.call("WEST");
    let there = west.events_until(1293).await.pop().unwrap();
    assert_eq!((there.number("provider"), there.number("reason")), (Some(6), Some(2)), "{there:?}");
    assert_eq!(other.events_until(289).await[0].id, 1290);
    // One that nobody has.
    let nobody: &[(&'static str, &str)] = &[("t_selector", "\"NOBODY\"")];
    let mut other = Mta::start("EAST", "WEST", listener().await, west_port, nobody);
    other.call("WEST");
    let there = west.events_until(4293).await.pop().unwrap();
    assert_eq!(there.word("expected"), Some("0x464f5245415354 or 0x464f524e4f525448"));
    let here = other.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("provider")), (1290, Some(1)));
}

/// Two connectors of one address and one transport selector, told apart by the selectors above it.
#[tokio::test]
async fn a_call_is_dispatched_by_session_and_presentation_selector() {
    for (layer, refused_by) in [("s", 2), ("p", 3)] {
        let own: &'static str = if layer == "s" { "own_s_selector" } else { "own_p_selector" };
        let called: &'static str = if layer == "s" { "s_selector" } else { "p_selector" };
        let (for_east, for_west) = (listener().await, listener().await);
        let (east_port, west_port) = (for_east.1, for_west.1);
        let port = east_port.to_string();
        let third: &[(&'static str, &str)] = &[
            ("name", "\"NORTH\""),
            ("host", "\"127.0.0.1\""),
            ("port", &port),
            ("domains", "[\"north.demo.test\"]"),
            (own, "\"NORTH\""),
        ];
        let mut west =
            Mta::start_with("WEST", "EAST", for_west, west_port, &[(own, "\"EAST\"")], third);
        let right: &[(&'static str, &str)] = &[(called, "\"EAST\"")];
        let east = Mta::start("EAST", "WEST", for_east, west_port, right);
        east.submit("anna@west.demo.test", b"x\r\n").await;
        east.call("WEST");
        west.inbox(1).await;
        // The selector of the other connector: name and password do not fit.
        let mut other =
            Mta::start("EAST", "WEST", listener().await, west_port, &[(called, "\"NORTH\"")]);
        other.call("WEST");
        let there = west.events_until(1293).await.pop().unwrap();
        let said = (there.number("provider"), there.number("reason"));
        assert_eq!(said, (Some(6), Some(2)), "{layer}: {there:?}");
        assert_eq!(other.events_until(289).await[0].id, 1290);
        // One that nobody has is refused by its layer.
        let other =
            Mta::start("EAST", "WEST", listener().await, west_port, &[(called, "\"NOBODY\"")]);
        other.call("WEST");
        let there = west.events_until(1293).await.pop().unwrap();
        assert_eq!(there.number("provider"), Some(refused_by), "{layer}: {there:?}");
    }
}

/// A large message of ordinary priority is under way on the only association: urgent mail gets one
/// of its own, and is there first.
#[tokio::test]
async fn urgent_mail_has_an_association_of_its_own() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let through = slow_relay(west_port).await;
    let more: &[(&'static str, &str)] = &[("max_associations", "2"), ("threshold", "1")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, &[]);
    // About ten seconds on the relay.
    east.submit("anna@west.demo.test", &vec![b'z'; 2_000_000]).await;
    east.call("WEST");
    until(|| {
        let rows: Vec<_> = east.node.x400_table().rows().cloned().collect();
        rows.iter().any(|row| row.state == mta::State::Open).then_some(())
    })
    .await;
    east.submit_with("Priority: urgent\r\n", "anna@west.demo.test", b"quick\r\n").await;
    let mails = west.inbox(1).await;
    assert!(mails[0].ends_with(b"quick\r\n"), "the large one was first");
    assert_eq!(west.inbox(2).await.len(), 2);
}

/// A relay that passes 200,000 octets a second on each connection.
async fn slow_relay(to: u16) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let Ok(there) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else {
                continue;
            };
            let ((mut client_in, mut client_out), (mut server_in, mut server_out)) =
                (from.into_split(), there.into_split());
            tokio::spawn(async move {
                let mut buffer = vec![0; 4_000];
                while let Ok(count @ 1..) = client_in.read(&mut buffer).await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if server_out.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
            tokio::spawn(async move {
                // The ways back are short.
                let _ = tokio::io::copy(&mut server_in, &mut client_out).await;
            });
        }
    });
    port
}

/// On the real clock: the first attempt and two retries, a second apart.
///
/// Claims: 4.
#[tokio::test]
async fn mail_comes_back_when_the_attempts_to_open_a_link_are_used_up() {
    let port = listener().await.1.to_string();
    let more = [("port", port.as_str()), ("open_retries", "2"), ("open_interval_s", "1")];
    let (mut east, _west) = pair(&more, &[]).await;
    let begun = std::time::Instant::now();
    east.submit("bert@west.demo.test", b"nobody there\r\n").await;
    east.call("WEST");
    let report = east.inbox(1).await.remove(0);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    let report = String::from_utf8_lossy(&report);
    // The words may be folded anywhere.
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the attempts to reach the next server were used up"), "{report}");
    let seen = east.events_until(301).await;
    let timer = seen.last().unwrap();
    assert!(timer.number("seconds").is_some_and(|seconds| seconds <= 1), "{timer:?}");
}
