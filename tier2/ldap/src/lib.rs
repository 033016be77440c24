//! The directory in an LDAP server: a client of LDAP version 3 (RFC 4511) and what maps our objects to entries.
//!
//! [`Service`] keeps one connection, reads the whole directory, watches it, writes changes and looks accounts of a domain
//! up. Passwords go over TLS only; without TLS the connection is sealed by Kerberos (RFC 4752). Left out: aliases and
//! referrals, which are not followed, and NTLM.

mod account;
mod channel;
mod connection;
mod entry;
mod error;
mod filter;
mod inspect;
mod message;
mod place;
mod sasl;
mod service;
#[cfg(test)]
mod tests;
mod tls;
mod tree;

pub use account::DomainAccount;
pub use error::LdapError;
pub use inspect::{AccountAttributes, Inspection, InspectionQuestion, inspect};
pub use message::{LdapResult, Response, decode_response, message_len};
pub use place::{Credentials, KerberosBind, Place, Protection, SimpleBind};
pub use service::{Service, Status};
pub use tree::{Flavour, Found};
