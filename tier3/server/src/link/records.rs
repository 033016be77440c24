//! What is written down when a bind succeeds or fails: LTAB row, history, events.

use std::time::Duration;

use event::Layer;
use event::build::{
    self, BindBackFailed, BindFailed, CallCancelled, ChannelBroken, Codes, Connection,
    SecurityViolation,
};
use identity::AccountName;
use jiff::Timestamp;
use mta::{BindState, Direction, LastError, State};
use net::{CallError, FailureLayer, RpcFailure};

use super::channel::ChannelEnd;
use crate::node::Node;
use crate::peer_state::Failure;

/// Win32 `ERROR_ACCESS_DENIED`, and `RPC_S_SEC_PKG_ERROR`.
const ACCESS_DENIED: u32 = 5;
const SECURITY_PACKAGE: u32 = 1825;
/// Win32 `RPC_S_SERVER_UNAVAILABLE`.
const SERVER_UNAVAILABLE: u32 = 1722;

/// A bind of this server that failed: event 9318 and what follows from it.
pub struct OutFailure<'a> {
    pub peer: &'a str,
    pub host: &'a str,
    pub account: Option<&'a AccountName>,
    pub ltab_index: u32,
    pub codes: Codes,
    pub layer: Layer,
    pub detail: String,
    pub protocol_string: String,
}

/// Writes down that calling a peer failed.
pub fn out_failed(node: &Node, said: &OutFailure<'_>) {
    let last = last_error(said.codes, said.layer, &said.detail);
    node.ltab().update(said.ltab_index, |row| {
        row.state = State::Failed;
        row.bind = if said.codes.bind == 0 { BindState::Refused } else { BindState::Bound };
        row.bind_back = if said.codes.bind == 0 { BindState::None } else { BindState::Refused };
        row.protocol_string.clone_from(&said.protocol_string);
        row.last_error = Some(last.clone());
    });
    let failure = failure(last, &said.protocol_string);
    node.histories.update(said.peer, |history| history.last_failure_out = Some(failure));
    node.log(build::bind_failed(&BindFailed {
        ltab_index: said.ltab_index,
        codes: said.codes,
        remote_server: said.peer.to_owned(),
        host: Some(said.host.to_owned()),
        address: address_of(&said.protocol_string),
        protocol_string: Some(said.protocol_string.clone()),
        account: said.account.map(ToString::to_string),
        layer: Some(said.layer),
        detail: said.detail.clone(),
    }));
    node.log(build::connection_not_opened(&Connection {
        entity: said.peer.to_owned(),
        peer: Some(said.peer.to_owned()),
        code: Some(said.codes.code),
        detail: said.detail.clone(),
    }));
}

/// A bind-back of this server that failed at one name or address: event 9322.
pub struct BackFailure<'a> {
    pub peer: &'a str,
    pub name: &'a str,
    pub account: Option<&'a AccountName>,
    pub ltab_index: u32,
    pub failure: RpcFailure,
}

/// Writes down that binding back to a caller failed.
pub fn bind_back_failed(node: &Node, said: &BackFailure<'_>) {
    let codes = Codes::own(said.failure.code);
    let layer = layer_of(said.failure.layer);
    let last = last_error(codes, layer, &said.failure.text);
    node.ltab().update(said.ltab_index, |row| {
        row.state = State::Failed;
        row.bind = BindState::Bound;
        row.bind_back = BindState::Refused;
        row.protocol_string.clone_from(&said.failure.protocol_string);
        row.last_error = Some(last.clone());
    });
    let failure = failure(last, &said.failure.protocol_string);
    node.histories.update(said.peer, |history| history.last_failure_in = Some(failure));
    node.log(build::bind_back_failed(&BindBackFailed {
        ltab_index: said.ltab_index,
        codes,
        remote_server: said.peer.to_owned(),
        bind_back_name: said.name.to_owned(),
        address: address_of(&said.failure.protocol_string),
        protocol_string: said.failure.protocol_string.clone(),
        account: said.account.map(ToString::to_string),
        layer: Some(layer),
        detail: said.failure.text.clone(),
    }));
}

/// Somebody was refused here: who, why exactly, and at which step.
pub struct Refusal<'a> {
    pub user: String,
    pub peer: Option<&'a str>,
    pub address: String,
    pub code: u32,
    pub reason: String,
    pub step: &'a str,
    pub layer: Layer,
    /// How many refusals of the same kind are told together; 1 for this one.
    pub count: u32,
    /// What the caller showed, and what is configured in its place.
    pub differs: Option<(String, String)>,
    /// Whether it is the peer's failure, as far as one can tell: not when somebody only used its name.
    pub of_peer: bool,
}

/// Writes down that this server refused a caller: event 9297, with the exact reason that the
/// wire does not carry.
pub fn refused(node: &Node, said: &Refusal<'_>) {
    // Who has an association here has proved itself: a wrong password under its name meanwhile is somebody else's.
    let elsewhere = |peer: &str| said.layer == Layer::Authentication && stands(node, peer);
    let peer = said.peer.filter(|peer| said.of_peer && !elsewhere(peer));
    let index = peer.map_or(0, |peer| refusal_row(node, peer, said));
    if let Some(peer) = peer {
        let last = last_error(Codes::own(said.code), said.layer, &said.reason);
        let failure = failure(last, &said.address);
        node.histories.update(peer, |history| history.last_failure_in = Some(failure));
    }
    node.log(build::security_violation(&SecurityViolation {
        user: said.user.clone(),
        ltab_index: index,
        code: said.code,
        reason: said.reason.clone(),
        peer: said.peer.map(str::to_owned),
        address: Some(said.address.clone()),
        step: Some(said.step.to_owned()),
        layer: Some(said.layer),
        count: said.count,
        presented: said.differs.as_ref().map(|(presented, _)| presented.clone()),
        expected: said.differs.as_ref().map(|(_, expected)| expected.clone()),
    }));
}

/// The row of a refused caller: a refusal has an index of its own, so that the events of both
/// kinds can be told apart in the table.
fn refusal_row(node: &Node, peer: &str, said: &Refusal<'_>) -> u32 {
    let mut ltab = node.ltab();
    let Ok(index) = ltab.open(Direction::In, peer, &said.user, Timestamp::now()) else { return 0 };
    let last = last_error(Codes::own(said.code), said.layer, &said.reason);
    ltab.update(index, |row| {
        row.state = State::Failed;
        row.bind = BindState::Refused;
        row.protocol_string.clone_from(&said.address);
        row.last_error = Some(last);
    });
    index
}

/// Writes down that an association stands.
pub fn opened(node: &Node, peer: &str, direction: Direction, index: u32, protocol_string: &str) {
    let now = Timestamp::now();
    node.ltab().update(index, |row| {
        row.state = State::Open;
        row.bind = BindState::Bound;
        row.bind_back = BindState::Bound;
        row.since = now;
        row.last_error = None;
        protocol_string.clone_into(&mut row.protocol_string);
    });
    node.histories.update(peer, |history| match direction {
        Direction::Out => history.last_success_out = Some(now),
        Direction::In => history.last_success_in = Some(now),
    });
}

/// Whether an association that the peer opened stands.
fn stands(node: &Node, peer: &str) -> bool {
    let ltab = node.ltab();
    ltab.rows().any(|row| {
        row.direction == Direction::In
            && row.state == State::Open
            && row.peer.eq_ignore_ascii_case(peer)
    })
}

/// Mail came from a peer over an association that stands: a failure noted since it opened was
/// somebody else's, who only used the peer's name.
pub fn still_well(node: &Node, peer: &str) {
    let history = node.histories.get(peer);
    let failed = history.last_failure_in.as_ref().map(|failure| failure.time);
    if failed > history.last_success_in {
        let now = Timestamp::now();
        node.histories.update(peer, |history| history.last_success_in = Some(now));
    }
}

/// A call that got no answer in time.
pub struct Silence<'a> {
    pub call: &'a str,
    pub waited: Duration,
    pub protocol_string: &'a str,
}

/// Event 9277: a call was given up.
pub fn call_cancelled(node: &Node, peer: &str, ltab_index: u32, said: &Silence<'_>) {
    node.log(build::call_cancelled(&CallCancelled {
        thread: 0,
        ltab_index,
        ms: u32::try_from(said.waited.as_millis()).unwrap_or(u32::MAX),
        cancel_result: 0,
        remote_server: peer.to_owned(),
        call: said.call.to_owned(),
        protocol_string: said.protocol_string.to_owned(),
    }));
}

/// What a broken channel means: 9277 when a call got no answer, 9316 when nothing can be sent.
pub fn channel_broken(node: &Node, peer: &str, ltab_index: u32, end: &ChannelEnd) {
    let row = node.ltab().row(ltab_index).map(|row| row.protocol_string.clone());
    let protocol_string = row.unwrap_or_default();
    match end {
        ChannelEnd::Call { source: CallError::TimedOut { waited }, .. } => {
            let said =
                Silence { call: "MtaTransfer", waited: *waited, protocol_string: &protocol_string };
            call_cancelled(node, peer, ltab_index, &said);
        }
        ChannelEnd::Inactive { waited, .. } => {
            let said = Silence {
                call: "RPC inactive",
                waited: *waited,
                protocol_string: &protocol_string,
            };
            call_cancelled(node, peer, ltab_index, &said);
        }
        ChannelEnd::OwnLost { .. } | ChannelEnd::Call { .. } => {
            node.log(build::no_data_sent(&ChannelBroken {
                ltab_index,
                code: SERVER_UNAVAILABLE,
                remote_server: peer.to_owned(),
                detail: end.to_string(),
            }));
        }
        _ => {}
    }
}

/// Writes down that an association is over; `why` is `None` after an orderly release.
pub fn ended(node: &Node, peer: &str, index: u32, why: Option<&str>) {
    let mut direction = None;
    node.ltab().update(index, |row| {
        direction = Some(row.direction);
        row.state = if why.is_some() { State::Failed } else { State::Closed };
        row.since = Timestamp::now();
        if let Some(text) = why {
            row.last_error = Some(last_error(Codes::default(), Layer::Call, text));
        }
    });
    if why.is_none() && direction == Some(Direction::In) {
        // It stood until now.
        still_well(node, peer);
    }
    if let Some(why) = why {
        node.log(build::association_ended(&Connection {
            entity: peer.to_owned(),
            peer: Some(peer.to_owned()),
            code: None,
            detail: why.to_owned(),
        }));
    }
}

/// The code that an event has for what a peer's RPC said: whatever of a proof or of a protection the peer does not take is "access
/// denied" here, as in the original's events; which it was stands in the peer's own log.
#[must_use]
pub const fn said_code(code: u32) -> u32 {
    if code == SECURITY_PACKAGE { ACCESS_DENIED } else { code }
}

/// The event's word for a layer of the network.
#[must_use]
pub fn layer_of(layer: FailureLayer) -> Layer {
    match layer {
        FailureLayer::Name => Layer::Name,
        FailureLayer::Tcp => Layer::Tcp,
        FailureLayer::Mapper => Layer::Mapper,
        FailureLayer::Bind => Layer::Bind,
        FailureLayer::Authentication => Layer::Authentication,
        FailureLayer::AccessCheck => Layer::AccessCheck,
        FailureLayer::Call => Layer::Call,
    }
}

fn last_error(codes: Codes, layer: Layer, text: &str) -> LastError {
    LastError {
        code: codes.code,
        comms: codes.comms,
        bind: codes.bind,
        layer: layer.to_string(),
        text: text.to_owned(),
    }
}

fn failure(error: LastError, protocol_string: &str) -> Failure {
    Failure { time: Timestamp::now(), error, protocol_string: protocol_string.to_owned() }
}

/// The address inside `ncacn_ip_tcp:address[port]`, if it is one already.
fn address_of(protocol_string: &str) -> Option<String> {
    let host = protocol_string.strip_prefix("ncacn_ip_tcp:")?.rsplit_once('[')?.0;
    host.parse::<std::net::IpAddr>().ok().map(|address| address.to_string())
}
