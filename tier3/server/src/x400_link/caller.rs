//! Calling an MTA: one task for each connector, which opens associations while mail waits.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::{Schedule, X400};
use event::Layer;
use event::build;
use jiff::Timestamp;
use mta::{Association, Call, Direction, Output, Rfc1006, Selectors, TransportParameters};
use net::chain;
use queue::{MessageId, NextHop, Outcome, Priority, Work};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use x400::{DiagnosticCode, ReasonCode};

use super::line::{Line, LineEnd};
use super::records::{self, OutFailure};
use super::secrets::{BindTerms, bind_terms};
use crate::node::{Node, random};
use crate::outbound;
use crate::settings::connector_terms;

/// How long the other MTA may take to answer the bind.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How often a connector looks whether its schedule lets it call.
const SCHEDULE_STEP: Duration = Duration::from_secs(20);

/// One connector's own memory.
struct Connector {
    node: Arc<Node>,
    name: String,
    hop: NextHop,
    /// How often each message was refused on an open association.
    refused: Mutex<HashMap<MessageId, u32>>,
}

/// An association that stands, as its caller holds it.
struct Open {
    line: Line,
    index: u32,
}

/// Serves one connector until the server stops.
pub async fn run_connector(node: Arc<Node>, name: String) {
    let hop = NextHop::Peer(name.clone());
    let (ready, greeting) = (node.queue.ready(&hop), node.greeting(&name));
    let connector = Arc::new(Connector { node, name, hop, refused: Mutex::default() });
    let node = &connector.node;
    let mut failures = 0;
    loop {
        let greeted = tokio::select! {
            () = ready.notified() => false,
            () = greeting.notified() => true,
            () = node.stopped() => return,
        };
        let Some(settings) = node.config().x400(&connector.name).cloned() else { return };
        if !may_call(&settings) {
            if settings.schedule == Schedule::Never && !greeted {
                node.queue.hop_failed(&connector.hop, "the schedule of the connector is never");
            }
            tokio::select! {
                () = tokio::time::sleep(SCHEDULE_STEP) => node.queue.wake(&connector.hop),
                () = node.stopped() => return,
            }
            continue;
        }
        match connector.open(&settings).await {
            Ok(open) => {
                failures = 0;
                node.queue.hop_up(&connector.hop);
                connector.serve_all(open, &settings).await;
            }
            Err(why) => {
                failures += 1;
                node.queue.hop_failed(&connector.hop, &why);
                if failures >= settings.retry.open_retries {
                    failures = 0;
                    connector.give_up(&why);
                }
                connector.log_retry(&settings);
                // The connector's own interval rules, unless something was put right meanwhile.
                tokio::select! {
                    () = tokio::time::sleep(settings.retry.open_interval) => {}
                    () = greeting.notified() => {}
                    () = node.stopped() => return,
                }
                node.queue.wake(&connector.hop);
                greeting.notify_one();
            }
        }
    }
}

/// Whether the schedule lets this server call now.
fn may_call(settings: &X400) -> bool {
    let minute = Timestamp::now().as_second().rem_euclid(86_400) / 60;
    settings.schedule.is_open(u16::try_from(minute).unwrap_or(0))
}

impl Connector {
    /// Event 301: when the next attempt will be.
    fn log_retry(&self, settings: &X400) {
        let seconds = u32::try_from(settings.retry.open_interval.as_secs()).unwrap_or(u32::MAX);
        self.node.log(build::retry_timer(&self.name, Some(&self.name), 0, seconds));
    }

    /// The open retries are used up: what waits is returned, whatever its priority.
    fn give_up(&self, why: &str) {
        self.node.queue.wake(&self.hop);
        while let Some(work) = self.node.queue.take(&self.hop) {
            let outcome = Outcome::Fail {
                reason: ReasonCode::TRANSFER_FAILURE.0,
                diagnostic: Some(DiagnosticCode::TRANSFER_ATTEMPTS_LIMIT_REACHED.0),
                error: why.to_owned(),
            };
            let all = work.recipients.iter().map(|number| (*number, outcome.clone())).collect();
            self.node.queue.complete(work.id, all);
        }
    }

    /// Connects, binds, and writes down how it went.
    async fn open(&self, settings: &X400) -> Result<Open, String> {
        let node = &self.node;
        let terms = bind_terms(settings).await.map_err(|error| {
            let detail = chain(&error);
            node.log(build::connection_not_opened(&build::Connection {
                entity: self.name.clone(),
                peer: Some(self.name.clone()),
                code: None,
                detail: detail.clone(),
            }));
            detail
        })?;
        let index = records::open_row(node, Direction::Out, &self.name, &terms.local.name);
        let unresolved = format!("rfc1006:{}[{}]", settings.host, settings.port);
        let fail = |code, layer, detail: String, place: &str| {
            let said = OutFailure { peer: &self.name, index, code, layer, detail: &detail, place };
            records::out_failed(node, &said);
            detail
        };
        let resolved = node.resolver.resolve(&settings.host).await.map_err(|error| {
            fail(records::NO_ADDRESS, Layer::Name, error.to_string(), &unresolved)
        })?;
        let mut last = String::new();
        for address in resolved.addresses {
            let to = SocketAddr::new(address, settings.port);
            let place = records::protocol_string(to);
            match connect(node, to).await {
                Ok(stream) => return self.bind(settings, terms, stream, index, &place).await,
                Err((code, detail)) => {
                    node.log(build::connect_failed(&self.name, code, &to.to_string(), &detail));
                    last = fail(code, Layer::Tcp, detail, &place);
                }
            }
        }
        Err(last)
    }

    async fn bind(
        &self,
        settings: &X400,
        terms: BindTerms,
        stream: TcpStream,
        index: u32,
        place: &str,
    ) -> Result<Open, String> {
        let node = &self.node;
        let fail = |layer, detail: String| {
            let code = 0;
            records::out_failed(
                node,
                &OutFailure { peer: &self.name, index, code, layer, detail: &detail, place },
            );
            detail
        };
        let machine =
            machine(node, settings, terms).map_err(|error| fail(Layer::Bind, error.to_string()))?;
        let mut line = Line::new(&self.name, machine, stream);
        let why = match line.next_output_within(HANDSHAKE).await {
            Ok(Output::Opened) => {
                records::opened(node, &self.name, Direction::Out, index, place);
                return Ok(Open { line, index });
            }
            Ok(Output::Refused(refusal)) => {
                records::out_refused(node, settings, index, place, &refusal);
                refusal.text
            }
            Ok(Output::Ended(why)) => {
                fail(Layer::Bind, why.unwrap_or_else(|| "the MTA left at once".to_owned()))
            }
            Ok(_) => fail(Layer::Bind, "the MTA did not answer the bind".to_owned()),
            Err(end) => fail(Layer::Bind, end.to_string()),
        };
        line.close().await;
        Err(why)
    }

    /// Transfers what waits, on as many associations as the backlog asks for.
    async fn serve_all(self: &Arc<Self>, open: Open, settings: &X400) {
        let mut further = JoinSet::new();
        let first = self.serve(open, settings, true);
        tokio::pin!(first);
        loop {
            tokio::select! {
                () = &mut first => break,
                () = tokio::time::sleep(Duration::from_millis(200)) => {
                    let standing = 1 + further.len();
                    let wanted = self.backlog() / settings.retry.threshold.max(1);
                    if wanted >= standing && standing < settings.retry.max_associations {
                        let (this, settings) = (Arc::clone(self), settings.clone());
                        further.spawn(async move {
                            if let Ok(open) = this.open(&settings).await {
                                this.serve(open, &settings, false).await;
                            }
                        });
                    }
                }
                Some(_) = further.join_next(), if !further.is_empty() => {}
            }
        }
        while further.join_next().await.is_some() {}
    }

    fn backlog(&self) -> usize {
        let waiting = self.node.queue.view(|queue, now| {
            let hops = queue.hops(now);
            hops.into_iter().find(|view| view.next_hop == self.hop).map_or(0, |view| view.messages)
        });
        usize::try_from(waiting).unwrap_or(usize::MAX)
    }

    /// One association to its end; the first one of a connector answers for the hop.
    async fn serve(&self, open: Open, settings: &X400, first: bool) {
        let Open { mut line, index } = open;
        let end = self.transfer_all(&mut line, index, settings, first).await;
        let why = match end {
            Ok(why) => why,
            Err(end) => Some(end.to_string()),
        };
        if why.is_some() {
            line.association().abort();
        }
        line.close().await;
        records::ended(&self.node, &self.name, index, why.as_deref());
        match why {
            Some(why) if first => {
                self.node.queue.hop_failed(&self.hop, &why);
                // It was well until now: tried at once, and if it is gone that is told at once.
                self.node.wake_peer(&self.name);
            }
            None if first => self.node.queue.hop_closed(&self.hop),
            _ => {}
        }
    }

    async fn transfer_all(
        &self,
        line: &mut Line,
        index: u32,
        settings: &X400,
        first: bool,
    ) -> Result<Option<String>, LineEnd> {
        let node = &self.node;
        let ready = node.queue.ready(&self.hop);
        loop {
            while !node.is_stopping()
                && let Some(work) = node.queue.take(&self.hop)
            {
                match self.transfer(line, work, settings).await? {
                    Transferred::Yes => node.x400_table().update(index, |row| row.messages += 1),
                    Transferred::No => {}
                    Transferred::Ended(why) => return Ok(Some(why)),
                }
            }
            if !first || node.is_stopping() {
                break;
            }
            tokio::select! {
                () = ready.notified() => {}
                () = tokio::time::sleep(settings.retry.lifetime) => break,
                () = node.stopped() => break,
                output = line.next_output() => if let Output::Ended(why) = output? {
                    return Ok(why);
                },
            }
        }
        line.association().release();
        loop {
            if let Output::Ended(why) = line.next_output_within(settings.retry.disconnect).await? {
                return Ok(why);
            }
        }
    }

    /// Hands one message over.
    async fn transfer(
        &self,
        line: &mut Line,
        work: Work,
        settings: &X400,
    ) -> Result<Transferred, LineEnd> {
        let queue = &self.node.queue;
        let complete = |outcome: Outcome| {
            let all = work.recipients.iter().map(|number| (*number, outcome.clone())).collect();
            queue.complete(work.id, all);
        };
        let apdu = match outbound::apdu(&self.node, &work).await {
            Ok(apdu) => apdu,
            Err(error) => {
                complete(Outcome::Retry { error });
                return Ok(Transferred::No);
            }
        };
        let patience = self.patience(&work, apdu.len(), settings);
        if let Err(error) = line.association().send(apdu) {
            complete(Outcome::Retry { error: chain(&error) });
            return Ok(Transferred::No);
        }
        let output = match line.next_output_within(patience).await {
            Ok(output) => output,
            Err(end) => {
                complete(Outcome::Retry { error: end.to_string() });
                return Err(end);
            }
        };
        match output {
            Output::Sent => {
                self.refusals().remove(&work.id);
                complete(Outcome::Done);
                Ok(Transferred::Yes)
            }
            Output::NotSent(error) => {
                complete(self.refused_outcome(work.id, error, settings));
                Ok(Transferred::No)
            }
            Output::Ended(why) => {
                let why = why.unwrap_or_else(|| "the MTA took its leave".to_owned());
                complete(Outcome::Retry { error: why.clone() });
                Ok(Transferred::Ended(why))
            }
            _ => {
                let error = "the MTA is out of step".to_owned();
                complete(Outcome::Retry { error: error.clone() });
                Ok(Transferred::Ended(error))
            }
        }
    }

    /// A message that the other MTA would not have: tried again as often as the connector says.
    fn refused_outcome(&self, id: MessageId, error: String, settings: &X400) -> Outcome {
        let mut refusals = self.refusals();
        let count = refusals.entry(id).or_insert(0);
        *count += 1;
        if *count <= settings.retry.transfer_retries {
            return Outcome::Retry { error };
        }
        refusals.remove(&id);
        Outcome::Fail {
            reason: ReasonCode::TRANSFER_FAILURE.0,
            diagnostic: Some(DiagnosticCode::TRANSFER_ATTEMPTS_LIMIT_REACHED.0),
            error,
        }
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, HashMap<MessageId, u32>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a transfer may take: so many seconds for each kibibyte, by priority.
    fn patience(&self, work: &Work, octets: usize, settings: &X400) -> Duration {
        let record = self.node.queue.view(|queue, _| queue.record(work.id));
        let transfer = &settings.transfer;
        let each = match record.map(|record| record.head.priority) {
            Some(Priority::Urgent) => transfer.timeout_urgent,
            Some(Priority::NonUrgent) => transfer.timeout_non_urgent,
            _ => transfer.timeout_normal,
        };
        each.saturating_mul(u32::try_from(octets / 1024 + 1).unwrap_or(u32::MAX))
    }
}

/// What became of one transfer.
enum Transferred {
    Yes,
    No,
    Ended(String),
}

fn machine(node: &Node, settings: &X400, terms: BindTerms) -> Result<Rfc1006, mta::CallError> {
    let config = node.config();
    let own = &config.rfc1006.own;
    let selectors = |from: &config::Selectors| Selectors {
        session: from.session.clone(),
        presentation: from.presentation.clone(),
    };
    let association = Association::call(Call {
        local: terms.local,
        remote: terms.remote,
        terms: connector_terms(Some(settings)),
        calling: selectors(own),
        called: selectors(&settings.called),
        reference: format!("{}-{:08x}", config.server.name, u32::from_be_bytes(random())),
        utc_time: x400::format_utc_time(Timestamp::now()),
    });
    let parameters = TransportParameters {
        tpdu: config.rfc1006.tpdu,
        calling_selector: own.transport.clone(),
        called_selector: settings.called.transport.clone(),
    };
    Rfc1006::call(&parameters, association)
}

/// Opens a TCP connection, from the address that this server listens on where it has one of the
/// kind: the other MTA knows it by that.
async fn connect(node: &Node, to: SocketAddr) -> Result<TcpStream, (u32, String)> {
    let config = node.config();
    let from = config
        .rfc1006
        .listen
        .iter()
        .find(|own| own.is_ipv4() == to.is_ipv4() && !own.is_unspecified());
    let opened = async {
        let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(from) = from {
            socket.bind(SocketAddr::new(*from, 0))?;
        }
        socket.connect(to).await
    };
    match tokio::time::timeout(config.rpc.connect_timeout, opened).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            let code = match error.kind() {
                std::io::ErrorKind::ConnectionRefused => records::CONNECTION_REFUSED,
                std::io::ErrorKind::TimedOut => records::TIMED_OUT,
                _ => records::UNREACHABLE,
            };
            Err((code, format!("cannot connect to {to} from {}: {error}", shown(from))))
        }
        Err(_) => {
            let waited = config.rpc.connect_timeout.as_secs();
            Err((records::TIMED_OUT, format!("no answer from {to} within {waited} s")))
        }
    }
}

fn shown(from: Option<&IpAddr>) -> String {
    from.map_or_else(|| "any address".to_owned(), ToString::to_string)
}
