//! Being called: which connector it is, whether it may bind, and taking what it sends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::{Schedule, TransferMode, X400};
use event::build;
use mta::{
    Association, BindRequest, Called, Direction, DisconnectReason, Mismatch, Output,
    RefusalProvider, Rfc1006, Selectors, SessionIdentifier, TransferProtocol, TransportParameters,
    Unfinished,
};
use net::chain;
use tokio::net::TcpStream;
use x400::MtaBindError;

use super::caller::protocol as protocol_of;
use super::exchange::{Ended, Exchange, Flight, Role};
use super::line::{Line, LineEnd};
use super::memory::Kept;
use super::records::{self, Refused, TlsEnd};
use super::resume;
use super::secrets::{BindTerms, bind_terms};
use super::security::{begins_with_tls, credentials, of_the_same_security};
use super::spool;
use crate::node::Node;
use crate::settings::connector_terms;

/// How long a caller may take until it has bound.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long a stopping server lets callers finish what they are sending.
const LEAVE: Duration = Duration::from_secs(5);

/// Serves one connection.
pub async fn serve(node: Arc<Node>, stream: TcpStream, address: SocketAddr, candidates: Vec<X400>) {
    let config = node.config();
    let parameters = TransportParameters {
        tpdu: config.rfc1006.tpdu,
        calling_selector: Vec::new(),
        called_selector: config.rfc1006.own.transport.clone(),
    };
    let association = association(&candidates);
    let machine = Rfc1006::answer(&parameters, association);
    let Some(mut line) = line(&node, machine, stream, address, only(&candidates)).await else {
        return;
    };
    let candidates = of_the_same_security(candidates, line.is_secured(), |name| line.peer_is(name));
    let candidates = match candidates {
        Ok(candidates) => candidates,
        Err(why) => {
            let peer = why.peer.as_deref();
            let end = TlsEnd::not_this_way(peer, address, why.cause, why.detail());
            records::tls_refused(&node, &end);
            if line.called(HANDSHAKE).await.is_ok() {
                refuse_call(&mut line, DisconnectReason::UNSPECIFIED);
            }
            line.close().await;
            return;
        }
    };
    if let Some(open) = open(&node, &mut line, address, candidates).await {
        let Open { connector, index, two_way, old, flight } = open;
        let role = Role::Called;
        let exchange = Exchange { node: &node, settings: &connector, two_way, old, index, role };
        let ended = tokio::select! {
            ended = exchange.run(&mut line, flight) => ended,
            () = drained(&node) => {
                line.association().abort();
                Ended { why: None, flight: None, file: None }
            }
        };
        if let Some(why) = &ended.why {
            let Ended { flight, file, .. } = ended;
            match line.association().take_unfinished() {
                Some(unfinished) => {
                    let sending = unfinished.is_sending();
                    let (kept, over) = if sending { (flight, None) } else { (None, flight) };
                    keep(&node, Kept::new(&connector, unfinished, kept, file), &connector);
                    if let Some(flight) = over {
                        exchange.give_back(flight, why);
                    }
                }
                None => {
                    if let Some(file) = file {
                        spool::remove(&file);
                    }
                    if let Some(flight) = flight {
                        exchange.give_back(flight, why);
                    }
                }
            }
        }
        records::ended(&node, &connector.name, index, ended.why.as_deref());
    }
    line.close().await;
}

/// Keeps what an association left until its caller goes on with it or the time is over.
fn keep(node: &Arc<Node>, kept: Kept, connector: &X400) {
    const WHY: &str = "the association broke, and the MTA did not go on with it";
    for flight in node.x400.keep(kept) {
        flight.give_back(node, WHY);
    }
    let (node, time) = (Arc::clone(node), connector.transfer.recovery_timeout);
    tokio::spawn(async move {
        tokio::select! {
            // A moment more, so that it is over then.
            () = tokio::time::sleep(time + Duration::from_millis(10)) => {}
            () = node.stopped() => return,
        }
        for flight in node.x400.expire() {
            flight.give_back(&node, WHY);
        }
    });
}

/// The connection of a caller, once TLS stands where it begins with that; `None` where nothing
/// comes of it, which is written down.
async fn line(
    node: &Node,
    machine: Rfc1006,
    stream: TcpStream,
    address: SocketAddr,
    peer: Option<&str>,
) -> Option<Line> {
    let place = address.ip().to_canonical().to_string();
    match begins_with_tls(&stream, &place, HANDSHAKE).await {
        Ok(true) => {}
        Ok(false) => return Some(Line::new(&place, machine, stream)),
        // Somebody who only looks whether the port is open.
        Err(LineEnd::Lost { .. }) => return None,
        Err(end) => {
            node.log(build::accept_failed(0, &place, &end.to_string()));
            return None;
        }
    }
    let config = node.config();
    let own = match &config.rfc1006.tls {
        Some(files) => credentials(files).await.map_err(|error| chain(&error)),
        None => Err("the caller begins with TLS, and [rfc1006] has no certificate".to_owned()),
    };
    let line = own.and_then(|own| {
        Line::secured_answer(&place, machine, stream, own).map_err(|error| chain(&error))
    });
    let mut line = match line {
        Ok(line) => line,
        Err(detail) => {
            node.log(build::accept_failed(0, &place, &detail));
            return None;
        }
    };
    match line.secure(HANDSHAKE).await {
        Ok(()) => return Some(line),
        Err(LineEnd::Tls { source, .. }) => {
            records::tls_refused(node, &TlsEnd::new(peer, Direction::In, address, &source));
        }
        Err(end) => node.log(build::accept_failed(0, &place, &end.to_string())),
    }
    line.close().await;
    None
}

/// A caller that has bound.
struct Open {
    connector: Box<X400>,
    index: u32,
    two_way: bool,
    old: bool,
    /// What this side was sending on the association that broke.
    flight: Option<Flight>,
}

async fn open(
    node: &Arc<Node>,
    line: &mut Line,
    address: SocketAddr,
    candidates: Vec<X400>,
) -> Option<Open> {
    let place = address.ip().to_canonical().to_string();
    let called = match line.called(HANDSHAKE).await {
        Ok(called) => called,
        // Somebody who only looks whether the port is open.
        Err(LineEnd::Lost { .. }) => return None,
        Err(end) => {
            node.log(build::accept_failed(0, &place, &end.to_string()));
            return None;
        }
    };
    if candidates.is_empty() {
        node.log(build::unknown_address(&records::network_address(address), &place));
        let detail = "no [[x400]] table has a host of this address";
        node.log(build::accept_failed(records::ACCESS, &place, detail));
        refuse_call(line, DisconnectReason::UNSPECIFIED);
        return None;
    }
    let Some(candidates) = of_selector(node, candidates, &called, &place) else {
        refuse_call(line, DisconnectReason::NOT_ATTACHED);
        return None;
    };
    let candidates = &*candidates;
    // Which connector it is may be known better now.
    *line.association() = association(candidates);
    // The call is there: it was polled a moment ago.
    line.machine().accept_call().ok()?;
    match line.next_output_within(HANDSHAKE).await {
        Ok(Output::BindRequested(request)) => {
            judge(node, line, &request, &Caller { address, called, candidates }).await
        }
        Ok(Output::RecoveryRequested(session)) => {
            recover(node, line, &session, address, candidates).await
        }
        Ok(Output::Refused(refusal)) => {
            records::in_refused(
                node,
                &Refused {
                    peer: only(candidates),
                    presented: "",
                    expected: None,
                    mismatch: None,
                    provider: refusal.provider,
                    reason: u32::try_from(refusal.reason).unwrap_or(0),
                    detail: format!("refused here: {}", refusal.text),
                    address,
                    called: &called,
                },
            );
            None
        }
        Ok(_) => None,
        Err(end) => {
            node.log(build::accept_failed(0, &place, &end.to_string()));
            None
        }
    }
}

/// Of the connectors of a caller those whose transport selector it calls; `None` when there are
/// none, which is written down.
fn of_selector(
    node: &Node,
    mut candidates: Vec<X400>,
    called: &Called,
    place: &str,
) -> Option<Vec<X400>> {
    let mut wanted: Vec<String> =
        candidates.iter().map(|one| records::hex(&one.own.transport)).collect();
    candidates
        .retain(|one| one.own.transport.is_empty() || one.own.transport == called.called_selector);
    if candidates.is_empty() {
        wanted.dedup();
        let said = records::hex(&called.called_selector);
        node.log(build::wrong_t_selector(&said, &wanted.join(" or "), place));
        return None;
    }
    // One that asks for this selector goes before one that takes any.
    if candidates.iter().any(|one| !one.own.transport.is_empty()) {
        candidates.retain(|one| !one.own.transport.is_empty());
    }
    Some(candidates)
}

/// How long a call that goes on with another one waits until this side has noticed the end of that.
const NOTICE: Duration = Duration::from_secs(2);

/// What answers a caller that may be one of these connectors; the selectors of the layers above are theirs. The terms of
/// RTSE are those of the first until the bind tells which one it is.
fn association(candidates: &[X400]) -> Association {
    let own: Vec<Selectors> = candidates.iter().map(|one| selectors(&one.own)).collect();
    let protocols: Vec<TransferProtocol> = TransferProtocol::ALL
        .into_iter()
        .filter(|one| candidates.is_empty() || candidates.iter().any(|by| takes(by, *one)))
        .collect();
    Association::answer(connector_terms(candidates.first()), &own, &protocols)
}

fn selectors(from: &config::Selectors) -> Selectors {
    Selectors { session: from.session.clone(), presentation: from.presentation.clone() }
}

/// Of these connectors those whose session and presentation selectors are called. One that asks for what is called goes
/// before one that takes any; a caller that names none may be any of them.
fn of_selectors(candidates: Vec<X400>, called: &Selectors) -> Vec<X400> {
    let fits = |own: &[u8], called: &[u8]| own.is_empty() || called.is_empty() || own == called;
    let fitting: Vec<X400> = candidates
        .into_iter()
        .filter(|one| {
            fits(&one.own.session, &called.session)
                && fits(&one.own.presentation, &called.presentation)
        })
        .collect();
    let asks = |one: &X400| {
        let is = |own: &[u8], called: &[u8]| usize::from(!own.is_empty() && own == called);
        is(&one.own.session, &called.session) + is(&one.own.presentation, &called.presentation)
    };
    let most = fitting.iter().map(asks).max().unwrap_or(0);
    fitting.into_iter().filter(|one| asks(one) == most).collect()
}

/// Whether the MTA of a connector may call in this mode.
fn takes(connector: &X400, protocol: TransferProtocol) -> bool {
    connector.any_mode || protocol_of(connector.mode) == protocol
}

fn refuse_call(line: &mut Line, reason: DisconnectReason) {
    // Without a call there is nobody to tell.
    let _ = line.machine().refuse_call(reason);
}

fn only(candidates: &[X400]) -> Option<&str> {
    match candidates {
        [one] => Some(&one.name),
        _ => None,
    }
}

/// Who calls, as far as the transport connection tells.
struct Caller<'a> {
    address: SocketAddr,
    called: Called,
    candidates: &'a [X400],
}

/// Decides about a bind; `None` when it is refused.
async fn judge(
    node: &Arc<Node>,
    line: &mut Line,
    request: &BindRequest,
    caller: &Caller<'_>,
) -> Option<Open> {
    let presented = request.identity.as_ref().map_or("", |identity| identity.name.as_str());
    let of_mode = caller.candidates.iter().filter(|one| takes(one, request.protocol));
    let of_mode = of_selectors(of_mode.cloned().collect(), &request.called);
    let verdict = judge_credentials(request, presented, &of_mode).await;
    let refused = |peer, expected, mismatch, reason: MtaBindError, detail| Refused {
        peer,
        presented,
        expected,
        mismatch,
        provider: RefusalProvider::Mta,
        reason: u32::try_from(reason.0).unwrap_or(0),
        detail,
        address: caller.address,
        called: &caller.called,
    };
    match verdict {
        Verdict::Accepted(connector, terms) => {
            if connector.schedule == Schedule::Never {
                let place = caller.address.ip().to_canonical().to_string();
                node.log(build::suspended_caller(&connector.name, &place));
                let reason = MtaBindError::BUSY;
                line.association().refuse_bind(reason);
                let detail = "the schedule of the connector is never".to_owned();
                records::in_refused(
                    node,
                    &refused(Some(&connector.name), None, None, reason, detail),
                );
                return None;
            }
            if connector.two_way != request.two_way {
                let words = |two_way| if two_way { "two-way-alternate" } else { "monologue" };
                let (presented, expected) = (words(request.two_way), words(connector.two_way));
                node.log(build::wrong_dialogue(&connector.name, 0, presented, expected));
                let reason = MtaBindError::UNACCEPTABLE_DIALOGUE_MODE;
                line.association().refuse_bind(reason);
                let detail = format!("it asks for {presented}, the connector says {expected}");
                let said = refused(Some(&connector.name), None, None, reason, detail);
                records::in_refused(node, &said);
                return None;
            }
            line.set_peer(&connector.name);
            line.association().accept_bind(&terms.local, connector_terms(Some(&connector)));
            // What follows is that it is open.
            let _ = line.machine().poll_output();
            let index = records::open_row(node, Direction::In, &connector.name, presented);
            let place = records::protocol_string(caller.address);
            records::opened(node, &connector.name, Direction::In, index, &place);
            if node.histories.get(&connector.name).out_is_failing() {
                // The MTA is there again: whatever waits for it need not wait for its timer.
                node.wake_peer(&connector.name);
            }
            let old = request.protocol == TransferProtocol::MtsTransferProtocol1984;
            Some(Open { connector, index, two_way: request.two_way, old, flight: None })
        }
        Verdict::Refused { peer, expected, mismatch } => {
            let reason = mismatch.bind_error();
            line.association().refuse_bind(reason);
            let manner = request.identity.as_ref().map(|identity| identity.manner().to_string());
            let manner = manner.unwrap_or_else(|| "no credentials".to_owned());
            let detail = format!("{mismatch} (presented {presented:?} with {manner})");
            let said =
                refused(peer.as_deref(), expected.as_deref(), Some(mismatch), reason, detail);
            records::in_refused(node, &said);
            None
        }
        Verdict::Unreadable { peer, detail } => {
            let reason = MtaBindError::BUSY;
            line.association().refuse_bind(reason);
            records::in_refused(node, &refused(Some(&peer), None, None, reason, detail));
            None
        }
    }
}

enum Verdict {
    Accepted(Box<X400>, BindTerms),
    Refused {
        peer: Option<String>,
        expected: Option<String>,
        mismatch: Mismatch,
    },
    /// A password file of the connector cannot be read: this side's own fault.
    Unreadable {
        peer: String,
        detail: String,
    },
}

/// Finds the connector that the credentials fit; of those that they do not fit, the one that
/// comes nearest says why.
async fn judge_credentials(request: &BindRequest, presented: &str, candidates: &[X400]) -> Verdict {
    let mut nearest: Option<(X400, Mismatch)> = None;
    for connector in candidates {
        let terms = match bind_terms(connector).await {
            Ok(terms) => terms,
            Err(error) => {
                return Verdict::Unreadable { peer: connector.name.clone(), detail: chain(&error) };
            }
        };
        match terms.remote.check(request.identity.as_ref()) {
            Ok(()) => return Verdict::Accepted(Box::new(connector.clone()), terms),
            Err(mismatch) => {
                let nearer = nearest.as_ref().is_none_or(|(_, known)| *known == Mismatch::Name);
                if nearer {
                    nearest = Some((connector.clone(), mismatch));
                }
            }
        }
    }
    match nearest {
        // One that is called otherwise is whose credentials these are only where there is no other.
        Some((connector, mismatch)) if mismatch != Mismatch::Name || candidates.len() == 1 => {
            Verdict::Refused {
                peer: Some(connector.name.clone()),
                expected: Some(connector.name),
                mismatch,
            }
        }
        _ => {
            let mismatch =
                if presented.is_empty() { Mismatch::Unauthenticated } else { Mismatch::Name };
            Verdict::Refused { peer: None, expected: None, mismatch }
        }
    }
}

/// Goes on with an association of the same caller that broke, or says that nothing is kept.
async fn recover(
    node: &Arc<Node>,
    line: &mut Line,
    session: &SessionIdentifier,
    address: SocketAddr,
    candidates: &[X400],
) -> Option<Open> {
    // Whoever may not bind has nothing to go on with either.
    let candidates: Vec<X400> =
        candidates.iter().filter(|one| one.schedule != Schedule::Never).cloned().collect();
    let candidates = candidates.as_slice();
    let (connector, unfinished, flight) = match what_broke(node, session, candidates).await {
        Some(Kept { connector, unfinished, flight, .. }) => {
            (candidates.iter().find(|one| one.name == connector)?.clone(), unfinished, flight)
        }
        None => match before_restart(node, session, candidates).await {
            Some((connector, flight, unfinished)) => (connector, unfinished, Some(flight)),
            None => {
                line.association().refuse_recovery();
                return None;
            }
        },
    };
    let (connector, name) = (Box::new(connector.clone()), connector.name);
    let two_way = unfinished.two_way;
    let old = connector.mode == TransferMode::X1984;
    line.set_peer(&name);
    line.association().accept_recovery(unfinished);
    let index = records::open_row(node, Direction::In, &name, &name);
    records::opened(node, &name, Direction::In, index, &records::protocol_string(address));
    Some(Open { connector, index, two_way, old, flight })
}

/// What a process before this one was sending on the association that is to be gone on with.
async fn before_restart(
    node: &Arc<Node>,
    session: &SessionIdentifier,
    candidates: &[X400],
) -> Option<(X400, Flight, Unfinished)> {
    let (found, connector) = node.x400.take_sent_on(session, candidates)?;
    let (flight, unfinished) = resume::take_up(node, &connector, found).await?;
    Some((connector, flight, unfinished))
}

/// What is kept of an association. A caller may be back before this side has heard that the other connection ended, so
/// while one of its associations stands that is waited for.
async fn what_broke(node: &Node, session: &SessionIdentifier, candidates: &[X400]) -> Option<Kept> {
    let until = Instant::now() + NOTICE;
    loop {
        // Looked at first: an association is kept before its row says that it ended.
        let stands = node.x400_table().rows().any(|row| {
            let open = row.direction == Direction::In && row.state == mta::State::Open;
            open && candidates.iter().any(|one| one.name == row.peer)
        });
        let kept = node.x400.take(session, candidates);
        if kept.is_some() || !stands || Instant::now() >= until {
            return kept;
        }
        tokio::time::sleep(NOTICE / 100).await;
    }
}

/// A stopping server lets callers finish what they are sending for a moment.
async fn drained(node: &Node) {
    node.stopped().await;
    tokio::time::sleep(LEAVE).await;
}
