//! What an association is opened with, and what is told when it is not opened.

use osi::Unfinished;
use x400::MtaIdentity;

use super::protocol::TransferProtocol;
use crate::credentials::{Expected, Mismatch, Presented};

/// What both sides of an association are called and agreed on.
#[derive(Debug, Clone)]
pub struct AssociationNames {
    pub local_mta: String,
    pub remote_mta: String,
}

/// RTSE's terms as this side proposes or accepts them.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub checkpoint_kib: u16,
    pub window: u16,
}

/// Session and presentation selectors; empty ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selectors {
    pub session: Vec<u8>,
    pub presentation: Vec<u8>,
}

/// How a connector calls.
#[derive(Debug, Clone)]
pub struct Call {
    pub protocol: TransferProtocol,
    /// Two-way alternate: both sides send, in turn.
    pub two_way: bool,
    /// An activity that another association broke off, to go on with.
    pub recover: Option<Unfinished>,
    pub local: Presented,
    pub remote: Expected,
    pub terms: Terms,
    pub calling: Selectors,
    pub called: Selectors,
    /// Names the session connection.
    pub reference: String,
    pub utc_time: String,
}

/// A peer's bind, for whoever answers to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindRequest {
    pub protocol: TransferProtocol,
    pub two_way: bool,
    /// What the caller called; empty where it named none.
    pub called: Selectors,
    /// `None`: without authentication.
    pub identity: Option<MtaIdentity>,
}

/// Whose word a refusal is; the number stands in events 1290 and 1293.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalProvider {
    Transport,
    Session,
    Presentation,
    Acse,
    Rtse,
    /// The MTA bind.
    Mta,
}

/// An association was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub provider: RefusalProvider,
    /// The number on the wire, as far as there is one.
    pub reason: i64,
    pub text: String,
    /// This side refuses the peer's answer for this.
    pub mismatch: Option<Mismatch>,
    /// The MTA name that the peer presented, where it is what this side refuses.
    pub presented: Option<String>,
}

impl RefusalProvider {
    /// The number in events 1290 and 1293.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Transport => 1,
            Self::Session => 2,
            Self::Presentation => 3,
            Self::Acse => 4,
            Self::Rtse => 5,
            Self::Mta => 6,
        }
    }
}
