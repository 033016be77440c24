//! What the user of the stack decides before an association is opened.

use std::fmt;

use ber::Oid;

use crate::acse;
use crate::presentation::ContextId;
use crate::rtse::Negotiation;

/// Checkpoint size proposed and accepted unless told otherwise: what deployed peers use.
pub const DEFAULT_CHECKPOINT_KIB: u16 = 30;
/// Window proposed and accepted unless told otherwise: the one that its absence means.
pub const DEFAULT_WINDOW: u16 = 3;
/// Largest APDU unless told otherwise: a receiver holds one whole in memory.
pub const DEFAULT_MAXIMUM_APDU: usize = 128 * 1024 * 1024;

/// The names that the user of RTSE goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abstract {
    pub application_context: Oid,
    /// Of the context that RTSE's own APDUs are in.
    pub rtse_syntax: Oid,
    /// Of the context that the user's APDUs are in.
    pub apdu_syntax: Oid,
}

/// How an initiator opens.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenParameters {
    pub syntaxes: Abstract,
    /// Proposed, in units of 1024 octets; 0 is no checkpoints.
    pub checkpoint_kib: u16,
    /// Proposed; at least 1 unless there are no checkpoints.
    pub window: u16,
    /// Names this end in the session connection identifier; at most 62 octets.
    pub calling_reference: Vec<u8>,
    /// The time of the call as `YYMMDDHHMMSSZ`; empty to leave it out.
    pub common_reference: String,
    /// Presentation selectors; empty to leave them out.
    pub calling_psel: Vec<u8>,
    pub called_psel: Vec<u8>,
    /// Session selectors, at most 16 octets each; empty to leave them out.
    pub calling_ssel: Vec<u8>,
    pub called_ssel: Vec<u8>,
    /// One BER value: the open data of the RTSE user. It may hold credentials.
    pub bind_argument: Vec<u8>,
    /// Largest APDU that may be transferred, in octets.
    pub maximum_apdu: usize,
}

/// How a responder answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RespondParameters {
    pub syntaxes: Abstract,
    /// The most accepted, in units of 1024 octets; 0 is no checkpoints.
    pub checkpoint_kib: u16,
    /// The most accepted; 0 is taken as 1.
    pub window: u16,
    /// Names this end in the session connection identifier; at most 62 octets.
    pub responding_reference: Vec<u8>,
    /// Largest APDU accepted, in octets.
    pub maximum_apdu: usize,
}

impl OpenParameters {
    /// Defaults for everything that need not be said.
    #[must_use]
    pub fn new(syntaxes: Abstract, bind_argument: Vec<u8>) -> Self {
        Self {
            syntaxes,
            checkpoint_kib: DEFAULT_CHECKPOINT_KIB,
            window: DEFAULT_WINDOW,
            calling_reference: Vec::new(),
            common_reference: String::new(),
            calling_psel: Vec::new(),
            called_psel: Vec::new(),
            calling_ssel: Vec::new(),
            called_ssel: Vec::new(),
            bind_argument,
            maximum_apdu: DEFAULT_MAXIMUM_APDU,
        }
    }

    pub(super) fn negotiation(&self) -> Negotiation {
        Negotiation { checkpoint_kib: self.checkpoint_kib, window: self.window.max(1) }
    }
}

impl fmt::Debug for OpenParameters {
    /// Leaves the bind argument out: it may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenParameters")
            .field("syntaxes", &self.syntaxes)
            .field("checkpoint_kib", &self.checkpoint_kib)
            .field("window", &self.window)
            .field("common_reference", &self.common_reference)
            .finish_non_exhaustive()
    }
}

impl RespondParameters {
    /// Defaults for everything that need not be said.
    #[must_use]
    pub fn new(syntaxes: Abstract) -> Self {
        Self {
            syntaxes,
            checkpoint_kib: DEFAULT_CHECKPOINT_KIB,
            window: DEFAULT_WINDOW,
            responding_reference: Vec::new(),
            maximum_apdu: DEFAULT_MAXIMUM_APDU,
        }
    }

    pub(super) fn negotiation(&self) -> Negotiation {
        Negotiation { checkpoint_kib: self.checkpoint_kib, window: self.window }
    }
}

/// The presentation contexts of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contexts {
    pub acse: ContextId,
    pub rtse: ContextId,
    pub apdu: ContextId,
}

impl Contexts {
    /// The numbers that an initiator gives: odd ones, X.226 8.2.
    pub(super) const INITIATOR: Self =
        Self { acse: ContextId(1), rtse: ContextId(3), apdu: ContextId(5) };
}

/// What every message on an association depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub contexts: Contexts,
    /// Session protocol version 2: the user data of ABORT and others may be long.
    pub version_2: bool,
}

impl Abstract {
    /// The abstract syntaxes in the order of [`Contexts`].
    pub(super) fn proposals(&self) -> [(ContextId, Oid); 3] {
        let Contexts { acse, rtse, apdu } = Contexts::INITIATOR;
        [
            (acse, acse::abstract_syntax()),
            (rtse, self.rtse_syntax.clone()),
            (apdu, self.apdu_syntax.clone()),
        ]
    }
}
