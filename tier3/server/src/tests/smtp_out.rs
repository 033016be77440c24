//! SMTP out against servers on loopback that do what a test wants.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use config::{Config, Connector, ConnectorKind, HostPort, SmtpConnector};
use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use queue::NextHop;
use routing::{AddressSpace, AddressType, Restrictions};
use smtp::{Dialogue, DialogueConfig, Outcome, Reply, Request, Submission, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::*;
use crate::node::Node;
use crate::reroute::{MAX_MESSAGES, reroute};
use crate::runtime::build_node;
use crate::schedules::Schedules;
use crate::supervise::follow_routes_changed_meanwhile;
use crate::{local_delivery, operations, settings, smtp_out};

/// What a server took, and how many connections it had.
#[derive(Default)]
struct Sink {
    submissions: Mutex<Vec<Submission>>,
    connections: Mutex<usize>,
}

/// A server that takes mail, refuses recipients that begin with `no` for good, and the first try of those that begin with
/// `later`.
async fn sink() -> (Arc<Sink>, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let sink = Arc::new(Sink::default());
    let shared = Arc::clone(&sink);
    tokio::spawn(async move {
        let put_off = Arc::new(Mutex::new(false));
        while let Ok((stream, _)) = listener.accept().await {
            *shared.connections.lock().unwrap() += 1;
            tokio::spawn(receive(stream, Arc::clone(&shared), Arc::clone(&put_off)));
        }
    });
    (sink, address)
}

async fn receive(mut stream: TcpStream, sink: Arc<Sink>, put_off: Arc<Mutex<bool>>) {
    let config = Arc::new(DialogueConfig::new("sink.test"));
    let mut dialogue = Dialogue::new(config, Ipv4Addr::LOCALHOST.into());
    dialogue.greeting();
    let mut buffer = [0; 4096];
    while !dialogue.is_closed() {
        while let Some(request) = dialogue.poll_request() {
            match request {
                Request::Recipient(asked) if asked.address.starts_with("no") => {
                    dialogue.answer_recipient(Verdict::UnknownMailbox);
                }
                Request::Recipient(asked)
                    if asked.address.starts_with("later")
                        && !std::mem::replace(&mut *put_off.lock().unwrap(), true) =>
                {
                    dialogue.answer_recipient(Verdict::TemporaryFailure);
                }
                Request::Recipient(_) => dialogue.answer_recipient(Verdict::Accept),
                Request::Message(submission) => {
                    sink.submissions.lock().unwrap().push(submission);
                    dialogue.answer_message(Outcome::Accepted { id: "1".to_owned() });
                }
            }
        }
        while let Some(octets) = dialogue.poll_transmit() {
            stream.write_all(&octets).await.unwrap();
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => dialogue.handle_bytes(&buffer[..count]),
        }
    }
}

impl Sink {
    /// Waits until so many messages were taken.
    async fn until(&self, count: usize) {
        let begin = Instant::now();
        while self.submissions.lock().unwrap().len() < count {
            assert!(begin.elapsed() < PATIENCE, "only {:?}", self.submissions.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn connector(name: &str, pattern: &str, cost: u32, host: SocketAddr) -> Connector {
    Connector {
        name: name.to_owned(),
        kind: ConnectorKind::Smtp(SmtpConnector {
            hosts: vec![HostPort { host: host.ip().to_string(), port: host.port() }],
            port: 25,
            helo: "east.demo.test".to_owned(),
            max_associations: 2,
            messages_per_dialogue: 100,
            idle: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
        }),
        address_spaces: vec![AddressSpace::new(AddressType::Smtp, pattern, cost).unwrap()],
        restrictions: Restrictions::default(),
        open_retries: None,
        schedule: config::Schedule::Always,
    }
}

/// A server with these connectors that delivers, sends and reports.
async fn start(connectors: Vec<Connector>) -> Server {
    let server = Server::start("EAST", listener().await, &[]).await;
    let mut config = Config::clone(&server.node.config());
    config.connectors = connectors;
    config.queue.retry_first = Duration::from_secs(1);
    server.node.replace_config(config).unwrap();
    let node = || Arc::clone(&server.node);
    tokio::spawn(smtp_out::run(node()));
    tokio::spawn(local_delivery::run(node()));
    let timers = node();
    tokio::spawn(async move { timers.queue.run_timers().await });
    server
}

async fn send(node: &Node, to: &[&str], text: &str) {
    let table = node.routes();
    let submission = mta::Submission {
        originator: SmtpOriginator {
            reverse_path: "anna@east.demo.test".to_owned(),
            ..SmtpOriginator::default()
        },
        recipients: to
            .iter()
            .map(|one| SmtpRecipient { address: (*one).to_owned(), ..SmtpRecipient::default() })
            .collect(),
        content: format!("Subject: out\r\n\r\n{text}\r\n.dot\r\n").into_bytes(),
        added: 0,
        submitted: Timestamp::now(),
        routes: node.router(&table),
    };
    let life = |priority| node.queue.expires(priority, Timestamp::now());
    let site = settings::site(&node.config());
    let entry = mta::from_submission(&site, node.queue.next_id(), submission, life).unwrap();
    node.queue.accept(entry).await.unwrap();
}

/// Waits until nothing is queued for a hop but what is refused.
async fn until_empty(node: &Node) {
    let begin = Instant::now();
    while node.queue.view(|queue, _| !queue.is_empty()) {
        assert!(begin.elapsed() < PATIENCE, "{:?}", node.queue.view(|q, now| q.hops(now)));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_share_a_connection_and_each_recipient_has_its_fate() {
    let (sink, address) = sink().await;
    let server = start(vec![connector("hub", "*", 1, address)]).await;
    for number in 0..3 {
        send(&server.node, &["x@far.test"], &number.to_string()).await;
        sink.until(number + 1).await;
    }
    assert_eq!(*sink.connections.lock().unwrap(), 1, "one after the other over one connection");
    send(&server.node, &["later@far.test", "y@far.test"], "two").await;
    sink.until(5).await;
    until_empty(&server.node).await;
    let taken = sink.submissions.lock().unwrap();
    assert_eq!(taken[0].content, b"Subject: out\r\n\r\n0\r\n.dot\r\n", "octet for octet");
    let to = |at: usize| -> Vec<&str> {
        taken[at].recipients.iter().map(|one| one.address.as_str()).collect()
    };
    assert_eq!((to(3), to(4)), (vec!["y@far.test"], vec!["later@far.test"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_comes_back_in_the_server_s_own_words() {
    let (_sink, address) = sink().await;
    let mut server = start(vec![connector("hub", "*", 1, address)]).await;
    send(&server.node, &["nobody@far.test"], "who").await;
    let orders = tokio::time::timeout(PATIENCE, server.orders.recv()).await;
    let order = orders.unwrap().unwrap();
    let (number, failure) = &order.failures[0];
    assert_eq!((*number, failure.diagnostic, failure.ended), (1, Some(0), None));
    assert!(failure.error.starts_with("127.0.0.1 said: 550 5.1.1 "), "{}", failure.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tarpit_holds_up_nobody_else() {
    // It takes connections and never says a word.
    let tarpit = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (sink, address) = sink().await;
    let slow = connector("slow", "slow.test", 1, tarpit.local_addr().unwrap());
    let server = start(vec![slow, connector("hub", "*", 1, address)]).await;
    for _ in 0..20 {
        send(&server.node, &["x@slow.test"], "slow").await;
    }
    let begin = Instant::now();
    send(&server.node, &["x@far.test"], "fast").await;
    sink.until(1).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    let slow = NextHop::Connector("slow".to_owned());
    assert_eq!(server.node.queue.view(|queue, _| queue.backlog(&slow)), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_fails_gives_its_mail_to_the_next() {
    let (sink, address) = sink().await;
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let server =
        start(vec![connector("cheap", "*", 1, dead), connector("dear", "*", 50, address)]).await;
    send(&server.node, &["x@far.test"], "detour").await;
    sink.until(1).await;
    until_empty(&server.node).await;
    // While the cheap one waits to be tried again, new mail goes the other way at once.
    let router = server.node.routes();
    let choice = server
        .node
        .router(&router)
        .choose(&routing::Request { address: "x@far.test", ..routing::Request::default() });
    if server.node.queue.view(|queue, _| queue.is_waiting(&NextHop::Connector("cheap".to_owned())))
    {
        assert_eq!(choice.name, "dear");
    }
    assert_eq!(sink.submissions.lock().unwrap().len(), 1, "and once only");
}

/// One failure reads a bounded part of what waits, the next one goes on behind it: mail without another way does not stand
/// before mail that has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_looks_at_a_part_of_the_mail_and_the_next_at_the_rest() {
    const STUCK: usize = MAX_MESSAGES + 20;
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let server = Server::start("EAST", listener().await, &[]).await;
    let mut config = Config::clone(&server.node.config());
    let mut dear = connector("dear", "*", 50, dead);
    dear.restrictions.max_message_size = Some(100);
    config.connectors = vec![connector("cheap", "*", 1, dead), dear];
    server.node.replace_config(config).unwrap();
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..STUCK {
        let node = Arc::clone(&server.node);
        sending.spawn(async move { send(&node, &["x@far.test"], &"too large".repeat(20)).await });
    }
    sending.join_all().await;
    send(&server.node, &["x@far.test"], "detour").await;
    let (node, cheap) = (&server.node, NextHop::Connector("cheap".to_owned()));
    let dear = NextHop::Connector("dear".to_owned());
    let moved = || {
        node.queue.store().sync().unwrap();
        node.queue.store().messages_for(&dear, None, 10).unwrap().len()
    };
    assert_eq!((reroute(node, &cheap, "cheap"), moved()), (MAX_MESSAGES, 0));
    assert_eq!((reroute(node, &cheap, "cheap"), moved()), (21, 1));
    // And from the beginning again.
    assert_eq!((reroute(node, &cheap, "cheap"), moved()), (MAX_MESSAGES, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_never_goes_to_this_server_itself() {
    let server = Server::start("EAST", listener().await, &[]).await;
    let own = "127.0.0.1:2525".parse().unwrap();
    let mut config = Config::clone(&server.node.config());
    assert_eq!(config.smtp.listen, [own]);
    config.connectors = vec![connector("hub", "*", 1, own)];
    server.node.replace_config(config).unwrap();
    tokio::spawn(smtp_out::run(Arc::clone(&server.node)));
    let mut server = server;
    send(&server.node, &["x@far.test"], "circle").await;
    let order = tokio::time::timeout(PATIENCE, server.orders.recv()).await.unwrap().unwrap();
    assert_eq!(order.failures[0].1.diagnostic, Some(x400::DiagnosticCode::LOOP_DETECTED.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_networks_that_may_relay_send_out() {
    let (sink, address) = sink().await;
    let server = start(vec![connector("hub", "*", 1, address)]).await;
    let (smtp, port) = listener().await;
    tokio::spawn(crate::smtp_listener::run(Arc::clone(&server.node), smtp));
    let hand_in = async || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let request = smtp::SendRequest {
            reverse_path: "anna@east.demo.test".to_owned(),
            recipients: vec!["x@far.test".to_owned()],
            content: b"Subject: relay\r\n\r\n".to_vec(),
        };
        let mut dialogue = smtp::SendDialogue::new("client.test", request);
        let mut buffer = [0; 4096];
        while !dialogue.is_closed() {
            while let Some(octets) = dialogue.poll_transmit() {
                stream.write_all(&octets).await.unwrap();
            }
            match stream.read(&mut buffer).await.unwrap() {
                0 => dialogue.handle_end(),
                count => dialogue.handle_bytes(&buffer[..count]),
            }
        }
        dialogue.result().unwrap().reply.as_ref().map(Reply::to_string)
    };
    let refused = hand_in().await.unwrap();
    assert!(refused.starts_with("550 5.7.1"), "{refused}");
    assert!(server.node.queue.view(|queue, _| queue.is_empty()));
    let mut config = Config::clone(&server.node.config());
    config.smtp.relay = vec!["127.0.0.0/8".parse().unwrap()];
    server.node.replace_config(config).unwrap();
    assert!(hand_in().await.unwrap().starts_with("250 "));
    sink.until(1).await;
    let content = sink.submissions.lock().unwrap()[0].content.clone();
    assert!(content.starts_with(b"Received: ") && content.ends_with(b"Subject: relay\r\n\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_whose_schedule_is_closed_opens_nothing_until_it_opens() {
    let ((one, one_address), (other, other_address)) = (sink().await, sink().await);
    let never = |name: &str, pattern: &str| Connector {
        schedule: config::Schedule::Never,
        ..connector(name, pattern, 1, one_address)
    };
    let closed = vec![
        never("hub", "far.test"),
        never("cheap", "two.test"),
        connector("dear", "two.test", 9, other_address),
    ];
    let server = start(closed).await;
    let node = &server.node;
    let mut schedules = Schedules::default();
    schedules.follow(node, Timestamp::now());
    // Mail that has another way goes there; the other waits.
    send(node, &["x@far.test"], "waits").await;
    send(node, &["x@two.test"], "goes").await;
    other.until(1).await;
    let hub = NextHop::Connector("hub".to_owned());
    let row =
        operations::queue_rows(&node.queue).into_iter().find(|row| row.next_hop == "hub").unwrap();
    assert_eq!((row.state.as_str(), row.messages, row.next_attempt), ("scheduled", 1, None));
    // What an operator asks for does not open it.
    node.queue.wake(&hub);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(*one.connections.lock().unwrap(), 0);
    // Other hours are set.
    let mut config = Config::clone(&node.config());
    for connector in &mut config.connectors {
        connector.schedule = config::Schedule::Always;
    }
    node.replace_config(config).unwrap();
    schedules.follow(node, Timestamp::now());
    one.until(1).await;
    until_empty(node).await;
}

/// A connector that is renamed while the server stands still leaves no mail behind under its old name.
#[tokio::test(flavor = "multi_thread")]
async fn mail_follows_routes_that_changed_while_the_server_stood_still() {
    let folder = tempfile::TempDir::new().unwrap();
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let mut config = configuration_with(folder.path(), "EAST", 1135, &[], &[]);
    let waiting = |node: &Arc<Node>, hop: &str| {
        let rows = operations::queue_rows(&node.queue);
        rows.iter().find(|row| row.next_hop == hop).map_or(0, |row| row.messages)
    };
    config.connectors = vec![connector("old", "*", 1, dead)];
    {
        let (node, _orders) = build_node(&config).unwrap();
        follow_routes_changed_meanwhile(&node);
        send(&node, &["x@far.test"], "waits").await;
        assert_eq!(waiting(&node, "old"), 1);
        node.stop();
        node.queue.store().clone().close();
    }
    config.connectors = vec![connector("new", "*", 1, dead)];
    let (node, _orders) = build_node(&config).unwrap();
    assert_eq!(waiting(&node, "old"), 1);
    follow_routes_changed_meanwhile(&node);
    until(|| ((waiting(&node, "old"), waiting(&node, "new")) == (0, 1)).then_some(())).await;
}
