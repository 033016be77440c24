//! Two servers that exchange mail over X.400 on TCP, and what is logged when they may not.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

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
use crate::{local_delivery, reporting, settings, x400_link};

/// A server of the pair.
pub(super) struct Mta {
    pub(super) node: Arc<Node>,
    pub(super) events: broadcast::Receiver<Event>,
    folder: TempDir,
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
    set.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let answers = InitAnswers {
        name: name.to_owned(),
        host_name: format!("{low}.demo.test"),
        domains: vec![format!("{low}.demo.test")],
        hosts: vec![(format!("{low}.demo.test"), vec![IpAddr::from(Ipv4Addr::LOCALHOST)])],
        x400: vec![X400Answers { set }],
        set: vec![
            (Section::Events, "stderr_level", "\"off\"".to_owned()),
            (Section::Rfc1006, "listen", "[\"127.0.0.1\"]".to_owned()),
            (Section::Rfc1006, "port", ports.0.to_string()),
            (Section::Server, "prmd", quoted(&low)),
        ],
        ..InitAnswers::default()
    };
    let config = Config::parse(&folder.join("bindback.toml"), &template(&answers)).unwrap();
    write_secret(&folder.join("secrets/local"), &format!("Secret of {name}"));
    write_secret(&folder.join("secrets/remote"), &format!("Secret of {peer}"));
    config
}

impl Mta {
    fn start(
        name: &str,
        peer: &str,
        own: (TcpListener, u16),
        port: u16,
        more: &[(&'static str, &str)],
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let config = configuration(folder.path(), name, peer, (own.1, port), more);
        let (node, orders): (Arc<Node>, Orders) = build_node(&config).unwrap();
        tokio::spawn(x400_link::listen(Arc::clone(&node), own.0));
        tokio::spawn(local_delivery::run(Arc::clone(&node)));
        tokio::spawn(reporting::run(Arc::clone(&node), orders));
        let timers = Arc::clone(&node);
        tokio::spawn(async move { timers.queue.run_timers().await });
        let events = node.events.follow();
        Self { node, events, folder }
    }

    fn call(&self, peer: &str) {
        tokio::spawn(x400_link::run_connector(Arc::clone(&self.node), peer.to_owned()));
        self.node.wake_peer(peer);
    }

    fn set_secret(&self, name: &str, text: &str) {
        write_secret(&self.folder.path().join("secrets").join(name), text);
    }

    async fn submit(&self, to: &str, body: &[u8]) {
        let (node, now) = (&self.node, Timestamp::now());
        let routes = node.routes();
        let submission = mta::Submission {
            originator: SmtpOriginator {
                reverse_path: "anna@east.demo.test".to_owned(),
                ..SmtpOriginator::default()
            },
            recipients: vec![SmtpRecipient { address: to.to_owned(), ..SmtpRecipient::default() }],
            content: [b"Subject: across\r\n\r\n", body].concat(),
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
    async fn events_until(&mut self, number: u32) -> Vec<Event> {
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
    async fn inbox(&self, count: usize) -> Vec<Vec<u8>> {
        let inbox = self.node.config().mail.maildir.join("anna").join("new");
        let files = until(|| {
            let files: Vec<_> = std::fs::read_dir(&inbox).ok()?.flatten().collect();
            (files.len() >= count).then_some(files)
        })
        .await;
        files.iter().map(|file| std::fs::read(file.path()).unwrap()).collect()
    }
}

async fn pair(
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
