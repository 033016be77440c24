//! Connection-oriented DCE/RPC as pure machines: octets in, octets and events out.
//!
//! Standards: C706 "DCE 1.1: Remote Procedure Call" chapter 12 (connection-oriented
//! protocol machines and PDUs), chapter 14 (NDR), appendix O (endpoint mapper interface);
//! MS-RPCE (authentication trailer, bind-time feature negotiation, header signing).
//!
//! Invariants: no input makes this crate panic; what a peer can make it hold in memory is
//! bounded by [`Limits`]; at integrity or privacy no octet of a request or reply is handed
//! up before its signature was verified. A reply that a server refuses (a fault) may come
//! unsigned, since servers send it so before an identity stands.
//!
//! Left out on purpose: the connectionless protocol, NDR64, pipes, and anything that knows
//! what the calls carry.

mod channel;
mod client;
pub mod echo;
pub mod epm;
mod error;
mod fragment;
mod groups;
mod handles;
pub mod mgmt;
pub mod ndr;
pub mod pdu;
mod server;
pub mod status;
mod string_binding;
mod uuid;
mod verification;
pub mod well_known;

#[cfg(test)]
mod tests;

pub use client::{
    BindRefusal, CallTarget, ClientAssociation, ClientConfig, ClientEvent, ContextNumber,
    IdentityNumber,
};
pub use error::{CallId, RpcError};
pub use fragment::{DEFAULT_FRAGMENT, Limits};
pub use groups::AssociationGroups;
pub use handles::ContextHandles;
pub use ndr::{ByteOrder, ContextHandle, NdrReader, NdrWriter};
pub use security::AuthLevel;
pub use server::{InterfaceRules, ServerAssociation, ServerConfig, ServerEvent};
pub use string_binding::{StringBinding, StringBindingError};
pub use uuid::{SyntaxId, Uuid, UuidError};
