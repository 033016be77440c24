//! Two servers that exchange mail over X.400 on TCP.

mod hostile;
mod recovery;
mod refused;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
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
        ]
        .into_iter()
        .chain(
            more.iter()
                .filter(|(key, _)| *key == "alternate_recipient")
                .map(|(key, value)| (Section::Mail, *key, (*value).to_owned())),
        )
        .collect(),
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

/// Every mode and dialogue over sockets; both sides send, two-way alternate on one association.
///
/// Claims: 1.
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
