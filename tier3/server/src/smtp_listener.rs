//! SMTP in: from allowed networks, for the organisation's domains, `250` only when on disk.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use event::own;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use net::{Machine, Progress, Pump};
use routing::Route;
use smtp::{
    AllowedNetworks, ClosingReason, Dialogue, DialogueConfig, EnhancedCode, Outcome,
    RecipientRequest, Request, Submission, Verdict,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::mail_queue::{AcceptError, Refusal};
use crate::node::Node;
use crate::resources::Short;
use crate::settings;
use crate::smtp_limits::{Client, Crowded};

/// RFC 5321 4.5.3.2.7: a server waits at least five minutes for the next command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
/// RFC 5321 6.3: a mail with more trace fields goes in circles; the limit is at least 100.
const MAX_RECEIVED: usize = 100;
/// How long the last reply may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A dialogue as the pump drives it: it never refuses octets, it answers them.
struct Receiving(Dialogue);

impl Machine for Receiving {
    type Error = std::convert::Infallible;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.handle_bytes(bytes);
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.0.poll_transmit()
    }
}

/// Serves one listening socket until the server stops and every dialogue has heard of it: a
/// client that is cut off while its message is being kept would send it again.
pub async fn run(node: Arc<Node>, listener: TcpListener) {
    let mut dialogues = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = dialogues.join_next(), if !dialogues.is_empty() => continue,
            () = node.stopped() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tell_of_descriptors(&node, "SMTP", &error);
                // Give others time to close some.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let node = Arc::clone(&node);
        let client = place(&node, peer.ip());
        dialogues.spawn(async move { serve(&node, stream, peer, client).await });
    }
    drop(listener);
    while dialogues.join_next().await.is_some() {}
}

/// Without a client there is no room for one more.
async fn serve(node: &Arc<Node>, stream: TcpStream, peer: SocketAddr, client: Option<Client>) {
    let config = node.config();
    let rules = DialogueConfig {
        max_message_size: usize::try_from(config.smtp.max_message_size).unwrap_or(usize::MAX),
        max_recipients: config.smtp.max_recipients,
        ..DialogueConfig::new(&config.server.host_name)
    };
    let mut dialogue = Dialogue::new(Arc::new(rules), peer.ip());
    if client.is_none() {
        dialogue.shut_down(ClosingReason::TooBusy);
    } else if AllowedNetworks(config.smtp.allow.clone()).contains(peer.ip()) {
        dialogue.greeting();
    } else {
        metrics::counter!("bindback_smtp_refused_total").increment(1);
        dialogue.refuse();
    }
    let (mut client, memory) = (client, config.smtp.memory_mib.saturating_mul(1024 * 1024));
    let mut pump = Pump::new(Receiving(dialogue), stream);
    while !pump.machine.0.is_closed() {
        if let Some(request) = pump.machine.0.poll_request() {
            answer(node, peer.ip(), &mut pump.machine.0, request).await;
            continue;
        }
        tokio::select! {
            progress = pump.drive() => match progress {
                Ok(Progress::Received) => {
                    let held = pump.machine.0.held();
                    let over = client.as_mut().and_then(|client| client.hold(held, memory));
                    if let Some(sum) = over {
                        let (sum, memory) = (octets(sum), octets(memory));
                        let text = format!("{sum} octets of mail that is coming in, {memory} at most");
                        if node.resources.refused(Short::Incoming, text) {
                            node.log(own::memory_limit(sum, memory));
                        }
                        pump.machine.0.shut_down(ClosingReason::TooBusy);
                    }
                }
                Ok(Progress::Closed) | Err(_) => return,
            },
            () = tokio::time::sleep(COMMAND_TIMEOUT) => {
                pump.machine.0.shut_down(ClosingReason::TimedOut);
            }
            () = node.stopped() => pump.machine.0.shut_down(ClosingReason::ShuttingDown),
        }
    }
    // The peer may have gone; there is nobody left to tell.
    let _ = tokio::time::timeout(LAST_WORDS, pump.flush()).await;
}

fn octets(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A place for one more connection, if there is one.
fn place(node: &Node, client: IpAddr) -> Option<Client> {
    let smtp = &node.config().smtp;
    let (all, by_descriptors) = node.resources.connections(smtp.max_connections);
    let place = node.limits.connect(client, smtp.max_per_address, all);
    if matches!(place, Err(Crowded::All)) && by_descriptors {
        let detail = format!("{all} connections of clients are open, the rest is kept for others");
        tell(node, "SMTP", &detail);
    }
    place.ok()
}

/// A connection could not be taken: tells of it if descriptors ran out.
pub fn tell_of_descriptors(node: &Node, listener: &str, error: &std::io::Error) {
    // ENFILE and EMFILE.
    if matches!(error.raw_os_error(), Some(23 | 24)) {
        tell(node, listener, &error.to_string());
    }
}

fn tell(node: &Node, listener: &str, detail: &str) {
    let limit = node.resources.files();
    let text =
        format!("no more connections are taken by {listener}: {detail}; {limit} files at most");
    if node.resources.refused(Short::Descriptors, text) {
        node.log(own::descriptors_exhausted(listener, detail, limit));
    }
}

async fn answer(node: &Arc<Node>, client: IpAddr, dialogue: &mut Dialogue, request: Request) {
    match request {
        Request::Recipient(request) => dialogue.answer_recipient(verdict(node, client, &request)),
        Request::Message(submission) => {
            let outcome = accept(node, submission).await;
            dialogue.answer_message(outcome);
        }
    }
}

/// Never an open relay: what leads out of the organisation is only for networks that may relay.
fn verdict(node: &Node, client: IpAddr, request: &RecipientRequest) -> Verdict {
    if node.resources.memory_is_short() {
        return Verdict::InsufficientStorage;
    }
    match node.queue.refusal() {
        Some(Refusal::Full) => return Verdict::InsufficientStorage,
        Some(Refusal::Sick) => return Verdict::TemporaryFailure,
        None => {}
    }
    let choice = node.routes().choose(&request.address);
    let outside = choice.outside || matches!(choice.route, Route::Closed(_));
    match choice.route {
        Route::UnknownMailbox => Verdict::UnknownMailbox,
        Route::NoRoute => Verdict::NotLocal,
        _ if outside && !allowed(&node.config().smtp.relay, client) => Verdict::NotLocal,
        // Restrictions look at the whole message: what they close is reported, or refused at its end.
        Route::Local { .. } | Route::Peer { .. } | Route::Connector { .. } | Route::Closed(_) => {
            Verdict::Accept
        }
    }
}

async fn accept(node: &Arc<Node>, submission: Submission) -> Outcome {
    if mixer::count_received(&submission.content) > MAX_RECEIVED {
        let text = format!("more than {MAX_RECEIVED} Received fields: the mail goes in circles");
        return Outcome::Refused { code: 554, enhanced: EnhancedCode::new(5, 4, 6), text };
    }
    let id = node.queue.next_id();
    let config = node.config();
    let now = Timestamp::now();
    let date = rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
    let id_text = id.to_string();
    let received = smtp::received_header(&submission, &config.server.host_name, &id_text, &date);
    let table = node.routes();
    let submission = mta::Submission {
        originator: mta::smtp_originator(&submission.reverse_path, &submission.parameters),
        recipients: submission.recipients.iter().map(mta::smtp_recipient).collect(),
        added: received.len(),
        content: [received.as_bytes(), &submission.content].concat(),
        submitted: now,
        routes: node.router(&table),
    };
    metrics::counter!("bindback_submitted_total").increment(1);
    let site = settings::site(&config);
    let life = |priority| node.queue.expires(priority, now);
    let entry = match mta::from_submission(&site, id, submission, life) {
        Ok(entry) => entry,
        Err(error) => {
            let enhanced = EnhancedCode::new(5, 6, 0);
            return Outcome::Refused { code: 554, enhanced, text: error.to_string() };
        }
    };
    match node.queue.accept(entry).await {
        Ok(id) => Outcome::Accepted { id: id.to_string() },
        Err(AcceptError::Repeated) => Outcome::Accepted { id: id_text },
        Err(AcceptError::Refused { error, full: true }) => {
            eprintln!("mail refused: {error}");
            Outcome::InsufficientStorage
        }
        Err(error) => {
            eprintln!("mail refused: {error}");
            Outcome::TemporaryFailure { text: "the queue cannot take mail now".to_owned() }
        }
    }
}

/// True when the address may connect.
#[must_use]
pub fn allowed(networks: &[ipnet::IpNet], address: IpAddr) -> bool {
    AllowedNetworks(networks.to_vec()).contains(address)
}
