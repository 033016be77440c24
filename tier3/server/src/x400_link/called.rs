//! Being called: which connector it is, whether it may bind, and taking what it sends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use config::{Schedule, X400};
use event::build;
use mta::{
    Association, BindRequest, Called, Direction, DisconnectReason, Mismatch, Output,
    RefusalProvider, Rfc1006, TransportParameters,
};
use net::chain;
use tokio::net::TcpStream;
use x400::MtaBindError;

use super::line::{Line, LineEnd};
use super::records::{self, Refused};
use super::secrets::{BindTerms, bind_terms};
use crate::inbound;
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
    let association = Association::answer(connector_terms(candidates.first()));
    let machine = Rfc1006::answer(&parameters, association);
    let mut line = Line::new(&address.ip().to_string(), machine, stream);
    if let Some(open) = open(&node, &mut line, address, &candidates).await {
        let Open { connector, index } = open;
        let end = tokio::select! {
            end = receive(&node, &connector.name, &mut line, index) => end,
            () = drained(&node) => {
                line.association().abort();
                Ok(None)
            }
        };
        let why = match end {
            Ok(why) => why,
            Err(end) => Some(end.to_string()),
        };
        records::ended(&node, &connector.name, index, why.as_deref());
    }
    line.close().await;
}

/// A caller that has bound.
struct Open {
    connector: X400,
    index: u32,
}

async fn open(
    node: &Arc<Node>,
    line: &mut Line,
    address: SocketAddr,
    candidates: &[X400],
) -> Option<Open> {
    let place = address.ip().to_canonical().to_string();
    let called = match line.called(HANDSHAKE).await {
        Ok(called) => called,
        Err(end) => {
            node.log(build::accept_failed(0, &place, &end.to_string()));
            return None;
        }
    };
    let own = node.config().rfc1006.own.transport.clone();
    if candidates.is_empty() {
        node.log(build::unknown_address(&records::network_address(address), &place));
        let detail = "no [[x400]] table has a host of this address";
        node.log(build::accept_failed(records::ACCESS, &place, detail));
        refuse_call(line, DisconnectReason::UNSPECIFIED);
        return None;
    }
    if !own.is_empty() && called.called_selector != own {
        let (said, wanted) = (records::hex(&called.called_selector), records::hex(&own));
        node.log(build::wrong_t_selector(&said, &wanted, &place));
        refuse_call(line, DisconnectReason::NOT_ATTACHED);
        return None;
    }
    // The call is there: it was polled a moment ago.
    line.machine().accept_call().ok()?;
    match line.next_output_within(HANDSHAKE).await {
        Ok(Output::BindRequested(request)) => {
            judge(node, line, &request, &Caller { address, called, candidates }).await
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
    let verdict = judge_credentials(request, presented, caller.candidates).await;
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
            line.set_peer(&connector.name);
            line.association().accept_bind(&terms.local);
            // What follows is that it is open.
            let _ = line.machine().poll_output();
            let index = records::open_row(node, Direction::In, &connector.name, presented);
            let place = records::protocol_string(caller.address);
            records::opened(node, &connector.name, Direction::In, index, &place);
            if node.histories.get(&connector.name).out_is_failing() {
                // The MTA is there again: whatever waits for it need not wait for its timer.
                node.wake_peer(&connector.name);
            }
            Some(Open { connector, index })
        }
        Verdict::Refused { peer, expected, mismatch } => {
            let reason = MtaBindError::AUTHENTICATION_ERROR;
            line.association().refuse_bind(reason);
            let detail = format!("{mismatch} (presented {presented:?})");
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
    Accepted(X400, BindTerms),
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
            Ok(()) => return Verdict::Accepted(connector.clone(), terms),
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

/// A stopping server lets callers finish what they are sending for a moment.
async fn drained(node: &Node) {
    node.stopped().await;
    tokio::time::sleep(LEAVE).await;
}

async fn receive(
    node: &Arc<Node>,
    peer: &str,
    line: &mut Line,
    index: u32,
) -> Result<Option<String>, LineEnd> {
    loop {
        match line.next_output().await? {
            Output::Received(apdu) => {
                let answered = match inbound::take(node, peer, apdu).await {
                    Ok(()) => line.association().confirm(),
                    Err(error) => {
                        eprintln!("transfer from {peer} refused: {}", chain(&error));
                        line.association().refuse()
                    }
                };
                answered.map_err(|error| LineEnd::Protocol {
                    peer: peer.to_owned(),
                    detail: chain(&error),
                })?;
                node.x400_table().update(index, |row| row.messages += 1);
            }
            Output::Ended(why) => return Ok(why),
            _ => {}
        }
    }
}
