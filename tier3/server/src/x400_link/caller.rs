//! Calling an MTA: one task for each connector, which opens associations while mail waits.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::{TransferMode, X400};
use event::Layer;
use event::build;
use jiff::Timestamp;
use mta::{
    Association, Call, Direction, Output, Rfc1006, Selectors, TransferProtocol,
    TransportParameters, Unfinished,
};
use net::chain;
use queue::NextHop;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::exchange::{Exchange, Flight, Role};
use super::line::{Line, LineEnd};
use super::records::{self, OutFailure, TlsEnd};
use super::resume;
use super::secrets::{BindTerms, bind_terms};
use super::security::credentials;
use super::spool;
use crate::node::{Node, random};
use crate::reroute;
use crate::schedules::closed;
use crate::settings::connector_terms;

/// How long the other MTA may take to answer the bind.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// Between two tries to go on with a transfer.
const RECOVERY_STEP: Duration = Duration::from_secs(2);
/// How often the backlog is looked at while an association stands.
const LOOK: Duration = Duration::from_millis(200);
/// For how many looks urgent mail waits for the first association before it gets one of its own.
const URGENT_WAITS: u32 = 2;

/// One connector's own memory.
struct Connector {
    node: Arc<Node>,
    name: String,
    hop: NextHop,
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
    let connector = Arc::new(Connector { node, name, hop });
    let node = &connector.node;
    loop {
        tokio::select! {
            () = ready.notified() => {}
            () = greeting.notified() => {}
            () = node.stopped() => return,
        }
        let Some(settings) = node.config().x400(&connector.name).cloned() else { return };
        // Its schedule does not let this server call: the queue rings again when it does.
        if closed(&settings.schedule, Timestamp::now()).is_some() {
            continue;
        }
        let opened = match connector.before_restart(&settings).await {
            None => connector.open(&settings).await.map(|open| (open, None)),
            Some((flight, unfinished)) => connector.go_on(&settings, flight, unfinished).await,
        };
        match opened {
            Ok((open, flight)) => {
                node.queue.hop_up(&connector.hop);
                connector.serve_all(open, flight, &settings).await;
            }
            Err(why) => {
                // The queue counts the attempts: after the last one what waits goes another way or comes back.
                node.queue.hop_failed(&connector.hop, &why);
                reroute::after_failure(node, &connector.hop).await;
                connector.log_retry();
            }
        }
    }
}

impl Connector {
    /// What a process before this one was in the middle of, to be gone on with: the message that it was sending, and from
    /// where; or what it was receiving.
    async fn before_restart(&self, settings: &X400) -> Option<(Option<Flight>, Unfinished)> {
        let node = &self.node;
        if let Some(found) = node.x400.take_sent(settings)
            && let Some((flight, unfinished)) = resume::take_up(node, settings, found).await
        {
            return Some((Some(flight), unfinished));
        }
        let received = settings.two_way.then(|| node.x400.take_received(settings)).flatten();
        received.map(|unfinished| (None, unfinished))
    }

    /// Opens an association to go on with what a process before this one was in the middle of; where the other MTA keeps
    /// nothing of it, that starts over, on an association of its own.
    async fn go_on(
        &self,
        settings: &X400,
        flight: Option<Flight>,
        unfinished: Unfinished,
    ) -> Result<(Open, Option<Flight>), String> {
        let node = &self.node;
        let received = unfinished.is_receiving().then(|| unfinished.clone());
        match self.open_with(settings, Some(unfinished)).await {
            Ok(open) => Ok((open, flight)),
            Err(OpenError::Refused(why)) => {
                if let Some(flight) = flight {
                    flight.put_back(node, &why, false);
                }
                self.open(settings).await.map(|open| (open, None))
            }
            Err(OpenError::Unreached(why)) => {
                if let Some(flight) = flight {
                    flight.put_back(node, &why, true);
                }
                if let Some(received) = received {
                    node.x400.put_received(settings, received);
                }
                Err(why)
            }
        }
    }

    /// Event 301: when the next attempt will be.
    fn log_retry(&self) {
        let next = self
            .node
            .queue
            .view(|queue, now| Some(queue.retry_at(&self.hop)?.duration_since(now).as_secs()));
        if let Some(seconds) = next.and_then(|seconds| u32::try_from(seconds).ok()) {
            self.node.log(build::retry_timer(&self.name, Some(&self.name), 0, seconds));
        }
    }

    /// Connects, binds, and writes down how it went.
    async fn open(&self, settings: &X400) -> Result<Open, String> {
        self.open_with(settings, None).await.map_err(OpenError::text)
    }

    async fn open_with(
        &self,
        settings: &X400,
        recover: Option<Unfinished>,
    ) -> Result<Open, OpenError> {
        let node = &self.node;
        let terms = bind_terms(settings).await.map_err(|error| {
            let detail = chain(&error);
            let index = records::open_row(node, Direction::Out, &self.name, &settings.local_name);
            records::out_failed(
                node,
                &OutFailure {
                    peer: &self.name,
                    index,
                    code: records::NOTHING_TO_PROVE,
                    layer: Layer::Authentication,
                    detail: &detail,
                    place: &format!("rfc1006:{}[{}]", settings.host, settings.port),
                },
            );
            OpenError::Refused(detail)
        })?;
        let index = records::open_row(node, Direction::Out, &self.name, &terms.local.name);
        let unresolved = format!("rfc1006:{}[{}]", settings.host, settings.port);
        let fail = |code, layer, detail: String, place: &str| {
            let said = OutFailure { peer: &self.name, index, code, layer, detail: &detail, place };
            records::out_failed(node, &said);
            detail
        };
        let resolved = node.resolver.resolve(&settings.host).await.map_err(|error| {
            let text = fail(records::NO_ADDRESS, Layer::Name, error.to_string(), &unresolved);
            OpenError::Unreached(text)
        })?;
        let mut last = String::new();
        for address in resolved.addresses {
            let to = SocketAddr::new(address, settings.port);
            let place = records::protocol_string(to);
            match connect(node, to).await {
                Ok(stream) => {
                    let machine = machine(node, settings, terms, recover).map_err(|error| {
                        let text = error.to_string();
                        OpenError::Refused(fail(0, Layer::Bind, text, &place))
                    })?;
                    let line = self.line(settings, machine, stream).await.map_err(|detail| {
                        OpenError::Refused(fail(0, Layer::Authentication, detail, &place))
                    })?;
                    return self.bind(settings, line, index, to).await;
                }
                Err((code, detail)) => {
                    node.log(build::connect_failed(&self.name, code, &to.to_string(), &detail));
                    last = fail(code, Layer::Tcp, detail, &place);
                }
            }
        }
        Err(OpenError::Unreached(last))
    }

    /// The connection as the connector wants it, with TLS or without; the error is what of this
    /// server's own certificate cannot be used.
    async fn line(
        &self,
        settings: &X400,
        machine: Rfc1006,
        stream: TcpStream,
    ) -> Result<Line, String> {
        let Some(name) = &settings.tls_name else {
            return Ok(Line::new(&self.name, machine, stream));
        };
        let config = self.node.config();
        // The configuration is refused without.
        let files = config.rfc1006.tls.as_ref().ok_or("[rfc1006] has no certificate")?;
        let own = credentials(files).await.map_err(|error| chain(&error))?;
        Line::secured_call(&self.name, machine, stream, (own, name)).map_err(|error| chain(&error))
    }

    async fn bind(
        &self,
        settings: &X400,
        mut line: Line,
        index: u32,
        to: SocketAddr,
    ) -> Result<Open, OpenError> {
        let node = &self.node;
        let place = &*records::protocol_string(to);
        let fail = |code, layer, detail: String| {
            records::out_failed(
                node,
                &OutFailure { peer: &self.name, index, code, layer, detail: &detail, place },
            );
            detail
        };
        let why = match line.next_output_within(HANDSHAKE).await {
            Ok(Output::Opened | Output::Recovered) => {
                records::opened(node, &self.name, Direction::Out, index, place);
                return Ok(Open { line, index });
            }
            Ok(Output::Refused(refusal)) => {
                records::out_refused(node, settings, index, place, &refusal);
                refusal.text
            }
            Ok(Output::Ended(why)) => {
                fail(0, Layer::Bind, why.unwrap_or_else(|| "the MTA left at once".to_owned()))
            }
            Ok(_) => fail(0, Layer::Bind, "the MTA did not answer the bind".to_owned()),
            Err(LineEnd::Tls { source, .. }) => {
                let end = TlsEnd::new(Some(&self.name), Direction::Out, to, &source);
                records::tls_refused(node, &end);
                fail(end.code, Layer::Authentication, end.detail)
            }
            Err(end) => fail(0, Layer::Bind, end.to_string()),
        };
        // A connection that ends without a word is that of something on the way, as a rule: whoever
        // forwards calls to an MTA that is down.
        let lost = line.is_lost();
        line.close().await;
        Err(if lost { OpenError::Unreached(why) } else { OpenError::Refused(why) })
    }

    /// Transfers what waits, on as many associations as the backlog asks for; of several, the last
    /// one is for urgent mail alone, which so never waits behind large messages of others.
    async fn serve_all(self: &Arc<Self>, open: Open, flight: Option<Flight>, settings: &X400) {
        let (mut further, mut urgent) = (JoinSet::new(), JoinSet::new());
        let most = settings.retry.max_associations.saturating_sub(1).max(1);
        let mut urgent_for = 0;
        let first = self.serve(open, flight, settings, Role::Caller);
        tokio::pin!(first);
        loop {
            tokio::select! {
                () = &mut first => break,
                () = tokio::time::sleep(LOOK) => {
                    let standing = 1 + further.len();
                    let wanted = self.backlog() / settings.retry.threshold.max(1);
                    if wanted >= standing && standing < most {
                        further.spawn(Arc::clone(self).help(settings.clone(), Role::Further));
                    }
                    let waits = self.node.queue.view(|queue, _| queue.demand(&self.hop)).urgent;
                    urgent_for = if waits { urgent_for + 1 } else { 0 };
                    let reserved = settings.retry.max_associations > 1 && urgent.is_empty();
                    if urgent_for >= URGENT_WAITS && reserved {
                        urgent.spawn(Arc::clone(self).help(settings.clone(), Role::Urgent));
                    }
                }
                Some(_) = further.join_next(), if !further.is_empty() => {}
                Some(_) = urgent.join_next(), if !urgent.is_empty() => {}
            }
        }
        while further.join_next().await.is_some() {}
        while urgent.join_next().await.is_some() {}
    }

    /// One more association; one that cannot be opened changes nothing.
    async fn help(self: Arc<Self>, settings: X400, role: Role) {
        if let Ok(open) = self.open(&settings).await {
            self.serve(open, None, &settings, role).await;
        }
    }

    fn backlog(&self) -> usize {
        self.node.queue.view(|queue, _| queue.backlog(&self.hop))
    }

    /// One association to its end; the first one of a connector answers for the hop. A transfer
    /// that the end of the connection broke off is gone on with on another one, as long as the
    /// connector's recovery time-out allows.
    async fn serve(&self, open: Open, flight: Option<Flight>, settings: &X400, role: Role) {
        let (mut open, mut flight) = (open, flight);
        let why = loop {
            let Open { mut line, index } = open;
            let two_way = settings.two_way;
            let old = settings.mode == TransferMode::X1984;
            let exchange = Exchange { node: &self.node, settings, two_way, old, index, role };
            let ended = exchange.run(&mut line, flight.take()).await;
            let unfinished = line.association().take_unfinished();
            if ended.why.is_some() {
                line.association().abort();
            }
            line.close().await;
            records::ended(&self.node, &self.name, index, ended.why.as_deref());
            let Some(why) = ended.why else { break None };
            // What is in the file is in memory, too, and the next association writes a file of its own.
            let file = ended.file;
            // Of what the other MTA was sending nothing is in the queue here: who called opens again,
            // whoever of both goes on.
            let resumable = |one: &Unfinished| match &ended.flight {
                Some(_) => one.is_sending(),
                None => one.is_receiving(),
            };
            let again = match unfinished.filter(resumable) {
                Some(unfinished) => self.recover(settings, unfinished).await,
                None => None,
            };
            if let Some(file) = file {
                spool::remove(&file);
            }
            if let Some(again) = again {
                (open, flight) = (again, ended.flight);
                continue;
            }
            if let Some(broken) = ended.flight {
                exchange.give_back(broken, &why);
            }
            break Some(why);
        };
        match why {
            Some(why) if role == Role::Caller => {
                self.node.queue.hop_failed(&self.hop, &why);
                // It was well until now: tried at once, and if it is gone that is told at once.
                self.node.wake_peer(&self.name);
            }
            None if role == Role::Caller => self.node.queue.hop_closed(&self.hop),
            _ => {}
        }
    }

    /// Opens an association that goes on where the broken one ended.
    async fn recover(&self, settings: &X400, unfinished: Unfinished) -> Option<Open> {
        let until = Instant::now() + settings.transfer.recovery_timeout;
        while Instant::now() < until && !self.node.is_stopping() {
            match self.open_with(settings, Some(unfinished.clone())).await {
                Ok(open) => return Some(open),
                // The other MTA keeps nothing: the transfer starts over.
                Err(OpenError::Refused(_)) => return None,
                Err(OpenError::Unreached(_)) => tokio::time::sleep(RECOVERY_STEP).await,
            }
        }
        None
    }
}

/// Why an association was not opened.
enum OpenError {
    /// The other MTA was not reached.
    Unreached(String),
    /// It was, and there is no association.
    Refused(String),
}

impl OpenError {
    fn text(self) -> String {
        match self {
            Self::Unreached(text) | Self::Refused(text) => text,
        }
    }
}

fn machine(
    node: &Node,
    settings: &X400,
    terms: BindTerms,
    recover: Option<Unfinished>,
) -> Result<Rfc1006, mta::CallError> {
    let config = node.config();
    let own = &settings.own;
    let selectors = |from: &config::Selectors| Selectors {
        session: from.session.clone(),
        presentation: from.presentation.clone(),
    };
    let association = Association::call(Call {
        protocol: protocol(settings.mode),
        two_way: settings.two_way,
        recover,
        local: terms.local,
        remote: terms.remote,
        terms: connector_terms(Some(settings)),
        calling: selectors(own),
        called: selectors(&settings.called),
        reference: format!(
            "{}-{:08x}",
            x400::ia5_name(&config.server.name),
            u32::from_be_bytes(random())
        ),
        utc_time: x400::format_utc_time(Timestamp::now()),
    });
    let parameters = TransportParameters {
        tpdu: config.rfc1006.tpdu,
        calling_selector: own.transport.clone(),
        called_selector: settings.called.transport.clone(),
    };
    Rfc1006::call(&parameters, association)
}

/// The application context of a connector's mode.
pub fn protocol(mode: TransferMode) -> TransferProtocol {
    match mode {
        TransferMode::Normal => TransferProtocol::MtsTransfer,
        TransferMode::X410 => TransferProtocol::MtsTransferProtocol,
        TransferMode::X1984 => TransferProtocol::MtsTransferProtocol1984,
    }
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
