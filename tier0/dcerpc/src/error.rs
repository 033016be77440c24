//! The error of this crate's boundary.

use std::fmt;

use security::{SecurityError, SignatureError};
use wire::DecodeError;

/// One call on one association, C706 12.6.3.1 `call_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) u32);

impl CallId {
    /// The number as the wire has it.
    #[must_use]
    pub fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why an association, or one command to it, failed.
///
/// After an error from `handle_bytes` the association is over: what `poll_transmit` still
/// gives may be sent, then the connection is to be closed. An error from a command leaves
/// it as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The octets are no PDU, or a damaged one.
    #[error("malformed DCE/RPC data")]
    Malformed(#[from] DecodeError),
    /// The peer speaks another protocol or version of it.
    #[error("not DCE/RPC version 5.0 or 5.1: version octets {major}, {minor}")]
    Version {
        /// The major version octet.
        major: u8,
        /// The minor version octet.
        minor: u8,
    },
    /// The peer sent a PDU that its state does not allow.
    #[error("expected {expected}, got {got} while {state}")]
    Unexpected {
        /// What would have been allowed.
        expected: &'static str,
        /// What came.
        got: &'static str,
        /// The state of this side.
        state: &'static str,
    },
    /// The peer broke a rule of the protocol.
    #[error("protocol error: {detail}")]
    Protocol {
        /// The rule.
        detail: &'static str,
    },
    /// A signature did not verify, or is missing where the level demands one.
    #[error("a PDU failed its integrity check")]
    Signature(#[source] SignatureError),
    /// A PDU came without the signature that the level demands.
    #[error("a PDU came without the signature that the authentication level demands")]
    Unsigned,
    /// The security exchange failed on this side.
    #[error("the security exchange failed")]
    Security(#[source] SecurityError),
    /// A named limit was passed.
    #[error("{what} over the limit of {limit}")]
    Limit {
        /// What there was too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The call is not outstanding on this association.
    #[error("call {0} is not outstanding")]
    UnknownCall(CallId),
    /// The association is over.
    #[error("the association is closed")]
    Closed,
}
