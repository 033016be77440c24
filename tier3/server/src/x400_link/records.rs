//! What is written down of X.400 associations: rows, histories, events.

use std::net::SocketAddr;

use event::Layer;
use event::build::{
    self, AssociationRefused, Connection, CredentialsRefused, TlsRefused, UnknownMta,
};
use jiff::Timestamp;
use mta::{BindState, Called, Direction, LastError, Mismatch, Refusal, RefusalProvider, State};
use net::{TlsError, TlsFault, chain};

use crate::node::Node;
use crate::peer_state::Failure;

/// Winsock codes of the classic events.
pub const CONNECTION_REFUSED: u32 = 10_061;
pub const TIMED_OUT: u32 = 10_060;
pub const UNREACHABLE: u32 = 10_051;
pub const NO_ADDRESS: u32 = 11_004;
pub const ACCESS: u32 = 10_013;
/// Win32 `RPC_S_SEC_PKG_ERROR`: this side cannot read what it would prove itself with.
pub const NOTHING_TO_PROVE: u32 = 1825;

/// The place of an association as rows and histories show it.
#[must_use]
pub fn protocol_string(address: SocketAddr) -> String {
    format!("rfc1006:{}[{}]", address.ip(), address.port())
}

/// Opens a row for an association that begins; rows are plenty.
pub fn open_row(node: &Node, direction: Direction, peer: &str, mta_name: &str) -> u32 {
    node.x400_table().open(direction, peer, mta_name, Timestamp::now()).unwrap_or(0)
}

/// Writes down that an association stands.
pub fn opened(node: &Node, peer: &str, direction: Direction, index: u32, place: &str) {
    let now = Timestamp::now();
    node.x400_table().update(index, |row| {
        row.state = State::Open;
        row.bind = BindState::Bound;
        row.since = now;
        row.last_error = None;
        place.clone_into(&mut row.protocol_string);
    });
    node.histories.update(peer, |history| match direction {
        Direction::Out => history.last_success_out = Some(now),
        Direction::In => history.last_success_in = Some(now),
    });
}

/// Writes down that an association is over; `why` is `None` after an orderly release.
pub fn ended(node: &Node, peer: &str, index: u32, why: Option<&str>) {
    node.x400_table().update(index, |row| {
        row.state = if why.is_some() { State::Failed } else { State::Closed };
        row.since = Timestamp::now();
        if let Some(text) = why {
            row.last_error = Some(last_error(0, Layer::Call, text));
        }
    });
    if let Some(why) = why {
        node.log(build::association_ended(&Connection {
            entity: peer.to_owned(),
            peer: Some(peer.to_owned()),
            code: None,
            detail: why.to_owned(),
        }));
    }
}

/// A call of this server that did not come to an association.
pub struct OutFailure<'a> {
    pub peer: &'a str,
    pub index: u32,
    pub code: u32,
    pub layer: Layer,
    pub detail: &'a str,
    pub place: &'a str,
}

/// Writes down that a call failed: row, history and event 289.
pub fn out_failed(node: &Node, said: &OutFailure<'_>) {
    let last = last_error(said.code, said.layer, said.detail);
    node.x400_table().update(said.index, |row| {
        row.state = State::Failed;
        row.bind = BindState::Refused;
        said.place.clone_into(&mut row.protocol_string);
        row.last_error = Some(last.clone());
    });
    let failure =
        Failure { time: Timestamp::now(), error: last, protocol_string: said.place.to_owned() };
    node.histories.update(said.peer, |history| history.last_failure_out = Some(failure));
    node.log(build::connection_not_opened(&Connection {
        entity: said.peer.to_owned(),
        peer: Some(said.peer.to_owned()),
        code: Some(said.code),
        detail: said.detail.to_owned(),
    }));
}

/// Events of a call that the other MTA refused, or whose answer this one refuses: 48 and 1290.
pub fn out_refused(
    node: &Node,
    connector: &config::X400,
    index: u32,
    place: &str,
    refusal: &Refusal,
) {
    if let Some(mismatch) = refusal.mismatch {
        node.log(build::credentials_refused(&CredentialsRefused {
            entity: connector.name.clone(),
            presented_name: refusal.presented.clone().unwrap_or_default(),
            expected_name: connector.name.clone(),
            differs: mismatch.word().to_owned(),
            role: "called".to_owned(),
            address: place.to_owned(),
        }));
    }
    node.log(build::out_refused(&AssociationRefused {
        entity: connector.name.clone(),
        peer: Some(connector.name.clone()),
        provider: refusal.provider.number(),
        reason: u32::try_from(refusal.reason).unwrap_or(0),
        control_block: index,
        detail: refusal.text.clone(),
    }));
    let layer = match refusal.provider {
        RefusalProvider::Transport => Layer::Tcp,
        RefusalProvider::Mta => Layer::Authentication,
        _ => Layer::Bind,
    };
    let code = u32::try_from(refusal.reason).unwrap_or(0);
    let said =
        OutFailure { peer: &connector.name, index, code, layer, detail: &refusal.text, place };
    out_failed(node, &said);
}

/// A caller that was refused at the bind.
pub struct Refused<'a> {
    /// The connector, if one is known.
    pub peer: Option<&'a str>,
    pub presented: &'a str,
    pub expected: Option<&'a str>,
    pub mismatch: Option<Mismatch>,
    pub provider: RefusalProvider,
    pub reason: u32,
    pub detail: String,
    pub address: SocketAddr,
    pub called: &'a Called,
}

/// Events of a caller that was refused: 48 or 51 where its credentials are why, then 1293.
pub fn in_refused(node: &Node, said: &Refused<'_>) {
    let address = said.address.ip().to_canonical().to_string();
    let index = match said.peer {
        Some(peer) => open_row(node, Direction::In, peer, said.presented),
        None => 0,
    };
    match (said.mismatch, said.peer) {
        (Some(Mismatch::Name | Mismatch::NameCase) | None, _) if said.mismatch.is_none() => {}
        (Some(mismatch @ (Mismatch::Name | Mismatch::NameCase)), peer) => {
            node.log(build::unknown_mta(&UnknownMta {
                presented_name: said.presented.to_owned(),
                presentation_address: presentation_address(said.called, said.address),
                association_index: index,
                expected_name: said.expected.map(str::to_owned),
                differs: Some(mismatch.word().to_owned()),
                peer: peer.map(str::to_owned),
            }));
        }
        (Some(mismatch), Some(peer)) => node.log(build::credentials_refused(&CredentialsRefused {
            entity: peer.to_owned(),
            presented_name: said.presented.to_owned(),
            expected_name: said.expected.unwrap_or_default().to_owned(),
            differs: mismatch.word().to_owned(),
            role: "caller".to_owned(),
            address: address.clone(),
        })),
        _ => {}
    }
    let entity =
        said.peer.unwrap_or(if said.presented.is_empty() { &address } else { said.presented });
    node.log(build::in_refused(&AssociationRefused {
        entity: entity.to_owned(),
        peer: said.peer.map(str::to_owned),
        provider: said.provider.number(),
        reason: said.reason,
        control_block: index,
        detail: said.detail.clone(),
    }));
    if let Some(peer) = said.peer {
        let last = last_error(said.reason, Layer::Authentication, &said.detail);
        node.x400_table().update(index, |row| {
            row.state = State::Failed;
            row.bind = BindState::Refused;
            row.protocol_string = protocol_string(said.address);
            row.last_error = Some(last.clone());
        });
        let failure = Failure { time: Timestamp::now(), error: last, protocol_string: address };
        node.histories.update(peer, |history| history.last_failure_in = Some(failure));
    }
}

/// TLS that did not come about, as both sides write it down.
pub struct TlsEnd<'a> {
    pub peer: Option<&'a str>,
    pub direction: Direction,
    pub address: SocketAddr,
    pub cause: &'a str,
    pub code: u32,
    pub by_peer: bool,
    pub detail: String,
}

impl<'a> TlsEnd<'a> {
    pub fn new(
        peer: Option<&'a str>,
        direction: Direction,
        address: SocketAddr,
        error: &TlsError,
    ) -> Self {
        let whose = if error.by_peer {
            "the other side refuses the certificate of this server or its TLS"
        } else {
            "the certificate or the TLS of the other side is refused"
        };
        Self {
            peer,
            direction,
            address,
            cause: error.fault.word(),
            code: error.fault.code(),
            by_peer: error.by_peer,
            detail: format!("{whose}: {}", chain(error)),
        }
    }

    /// A caller that did not come the way that its connectors say.
    pub fn not_this_way(
        peer: Option<&'a str>,
        address: SocketAddr,
        cause: &'a str,
        detail: String,
    ) -> Self {
        let fault = if cause == TlsFault::WrongName.word() {
            TlsFault::WrongName
        } else {
            TlsFault::Protocol
        };
        let direction = Direction::In;
        Self { peer, direction, address, cause, code: fault.code(), by_peer: false, detail }
    }
}

/// Event 20020, and what is remembered of the other MTA.
pub fn tls_refused(node: &Node, said: &TlsEnd<'_>) {
    let address = said.address.ip().to_canonical().to_string();
    node.log(build::tls_refused(&TlsRefused {
        entity: said.peer.unwrap_or(&address).to_owned(),
        peer: said.peer.map(str::to_owned),
        refused_by: if said.by_peer { "remote" } else { "local" },
        cause: said.cause.to_owned(),
        detail: said.detail.clone(),
        role: if said.direction == Direction::In { "caller" } else { "called" },
        address: address.clone(),
        code: said.code,
    }));
    if let (Some(peer), Direction::In) = (said.peer, said.direction) {
        let error = last_error(said.code, Layer::Authentication, &said.detail);
        let failure = Failure { time: Timestamp::now(), error, protocol_string: address };
        node.histories.update(peer, |history| history.last_failure_in = Some(failure));
    }
}

/// `/t:0x4d5441 /n:0xc0000202`: selectors and network address in hexadecimal.
fn presentation_address(called: &Called, address: SocketAddr) -> String {
    let mut out = String::new();
    if !called.calling_selector.is_empty() {
        out.push_str(&format!("/t:{} ", hex(&called.calling_selector)));
    }
    out.push_str(&format!("/n:{}", network_address(address)));
    out
}

/// The octets of an IP address in hexadecimal, as the classic events show them.
pub fn network_address(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        std::net::IpAddr::V4(address) => hex(&address.octets()),
        std::net::IpAddr::V6(address) => hex(&address.octets()),
    }
}

pub fn hex(octets: &[u8]) -> String {
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("0x{digits}")
}

fn last_error(code: u32, layer: Layer, text: &str) -> LastError {
    LastError { code, comms: 0, bind: 0, layer: layer.to_string(), text: text.to_owned() }
}
