//! The events of X.400 over TCP.

use super::Draft;
use crate::catalogue::id;
use crate::words::Layer;

/// The type of a control block of TCP, as events number them.
const TCP: u32 = 1;
/// The transport stack in 9301, by its name.
const STACK: &str = "TCP/IP";

/// What 48 says of credentials that were refused: both names and what differs, never a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialsRefused {
    /// The connector.
    pub entity: String,
    /// The MTA name that was presented.
    pub presented_name: String,
    /// The one that the connector expects.
    pub expected_name: String,
    /// `name`, `name-case`, `password`, `password-case`, `unauthenticated`, `strong-authentication` or `security-context`.
    pub differs: String,
    /// `caller` when the other MTA called, `called` when its answer was refused.
    pub role: String,
    /// Where it is.
    pub address: String,
}

/// 48: the credentials of another MTA were refused here.
pub fn credentials_refused(said: &CredentialsRefused) -> Draft {
    Draft::new(id::CREDENTIALS_REFUSED)
        .text("entity", &said.entity)
        .text("presented_name", &said.presented_name)
        .text("expected_name", &said.expected_name)
        .text("differs", &said.differs)
        .text("role", &said.role)
        .text("address", &said.address)
        .layer(Layer::Authentication)
        .peer(Some(&said.entity))
}

/// What 51 says of an MTA that no connector knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownMta {
    /// The MTA name in its bind.
    pub presented_name: String,
    /// Its selectors and its network address, in hexadecimal.
    pub presentation_address: String,
    /// Row of the table of associations.
    pub association_index: u32,
    /// The name that a connector to its address expects.
    pub expected_name: Option<String>,
    /// `name` or `name-case`, where a connector to its address expects another.
    pub differs: Option<String>,
    /// That connector.
    pub peer: Option<String>,
}

/// 51: an MTA bound that no connector knows.
pub fn unknown_mta(said: &UnknownMta) -> Draft {
    Draft::new(id::UNKNOWN_MTA)
        .text("presented_name", &said.presented_name)
        .text("presentation_address", &said.presentation_address)
        .number("association_index", said.association_index)
        .maybe("expected_name", said.expected_name.as_deref())
        .maybe("differs", said.differs.as_deref())
        .layer(Layer::Authentication)
        .peer(said.peer.as_deref())
}

/// What 1290 and 1293 say of an association that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssociationRefused {
    /// The connector, or what is known of who called.
    pub entity: String,
    /// The connector, if one is known.
    pub peer: Option<String>,
    /// Which layer refused, as docs/x400.md numbers them.
    pub provider: u32,
    /// Its number for the reason.
    pub reason: u32,
    /// Row of the table of associations.
    pub control_block: u32,
    /// The reason in words.
    pub detail: String,
}

/// 1290: an association that this MTA opened was refused.
pub fn out_refused(said: &AssociationRefused) -> Draft {
    refused(id::OUT_REFUSED, said)
}

/// 1293: an association that another MTA opened was refused here.
pub fn in_refused(said: &AssociationRefused) -> Draft {
    refused(id::IN_REFUSED, said)
}

fn refused(number: u32, said: &AssociationRefused) -> Draft {
    Draft::new(number)
        .text("entity", &said.entity)
        .number("provider", said.provider)
        .number("reason", said.reason)
        .number("control_block", said.control_block)
        .number("control_block_type", TCP)
        .text("detail", &said.detail)
        .layer(Layer::Bind)
        .peer(said.peer.as_deref())
}

/// What 20020 says of TLS that did not come about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsRefused {
    /// The connector, or the address of who called.
    pub entity: String,
    /// The connector, if one is known.
    pub peer: Option<String>,
    /// `local` when this side refused the other's certificate, `remote` when the other refused.
    pub refused_by: &'static str,
    /// `expired`, `not-yet-valid`, `untrusted`, `wrong-name`, `revoked`, `missing`, `certificate`,
    /// `protocol`, or `not-asked-for` and `required` where one side only is configured for TLS.
    pub cause: String,
    /// The same in words.
    pub detail: String,
    /// `caller` when the other MTA called, `called` when this one did.
    pub role: &'static str,
    /// Where the other MTA is.
    pub address: String,
    /// The number of the fault, as Windows has it.
    pub code: u32,
}

/// 20020: TLS with another MTA did not come about.
pub fn tls_refused(said: &TlsRefused) -> Draft {
    Draft::new(crate::own::id::TLS_REFUSED)
        .text("entity", &said.entity)
        .text("refused_by", said.refused_by)
        .text("cause", &said.cause)
        .text("detail", &said.detail)
        .text("role", said.role)
        .text("address", &said.address)
        .number("code", said.code)
        .layer(Layer::Authentication)
        .peer(said.peer.as_deref())
}

/// 37: an MTA called whose connector is suspended by its schedule.
pub fn suspended_caller(entity: &str, address: &str) -> Draft {
    Draft::new(id::SUSPENDED_CALLER)
        .text("entity", entity)
        .text("address", address)
        .peer(Some(entity))
}

/// 55: a caller wants another dialogue mode than its connector.
pub fn wrong_dialogue(entity: &str, index: u32, presented: &str, expected: &str) -> Draft {
    Draft::new(id::WRONG_DIALOGUE)
        .text("entity", entity)
        .number("association_index", index)
        .text("presented", presented)
        .text("expected", expected)
        .peer(Some(entity))
}

/// 4293: a caller called another transport selector; selectors in hexadecimal.
pub fn wrong_t_selector(called: &str, expected: &str, address: &str) -> Draft {
    Draft::new(id::WRONG_T_SELECTOR)
        .text("called", called)
        .text("expected", expected)
        .text("address", address)
}

/// 9202: the connection of a caller is not used.
pub fn accept_failed(code: u32, address: &str, detail: &str) -> Draft {
    Draft::new(id::ACCEPT_FAILED)
        .number("code", code)
        .number("control_block", 0_u32)
        .text("address", address)
        .text("detail", detail)
}

/// 9215: the TCP connection to a connector's host could not be opened.
pub fn connect_failed(entity: &str, code: u32, address: &str, detail: &str) -> Draft {
    Draft::new(id::CONNECT_FAILED)
        .number("code", code)
        .number("control_block", 0_u32)
        .text("address", address)
        .text("detail", detail)
        .layer(Layer::Tcp)
        .peer(Some(entity))
}

/// 9301: no connector has the address that a call came from; `network_address` in hexadecimal.
pub fn unknown_address(network_address: &str, address: &str) -> Draft {
    Draft::new(id::UNKNOWN_ADDRESS)
        .text("network_address", network_address)
        .text("stack", STACK)
        .text("address", address)
}
