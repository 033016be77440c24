//! What the user of the stack decides before an association is opened.

use std::fmt;

use ber::Oid;

use crate::acse;
use crate::presentation::ContextId;
use crate::rtse::{DialogueMode, Negotiation};
use crate::stack::recover::Unfinished;

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

/// The mode of presentation, and what the user of RTSE goes by in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    Normal(Abstract),
    /// X.410 mode, with the number of the application protocol.
    X410(i64),
}

impl From<Abstract> for Protocol {
    fn from(syntaxes: Abstract) -> Self {
        Self::Normal(syntaxes)
    }
}

/// The mode that an association was opened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedMode {
    Normal,
    /// With the number of the application protocol.
    X410(i64),
}

/// The application protocol that an RTORQ without one means: P1 of 1984.
pub(super) const ABSENT_PROTOCOL: i64 = 1;

/// How an initiator opens.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenParameters {
    pub protocol: Protocol,
    /// Both sides send, in turn; the initiator has the first turn.
    pub two_way: bool,
    /// Session protocol version 1 is offered too, where the open data fit into it. In X.410
    /// mode it is the only one.
    pub version_1: bool,
    /// An activity to go on with in place of a bind; the association is then as the broken one.
    pub recover: Option<Unfinished>,
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
    /// Each checkpoint that is received is told before it is confirmed.
    pub tell_checkpoints: bool,
}

/// How a responder answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RespondParameters {
    /// Normal mode under these names, where it is taken.
    pub normal: Option<Abstract>,
    /// The application protocols that are taken in X.410 mode.
    pub x410: Vec<i64>,
    /// Selectors of which callers must call one, where they call any; none, or an empty one among them, takes all.
    pub ssel: Vec<Vec<u8>>,
    pub psel: Vec<Vec<u8>>,
    /// The most accepted, in units of 1024 octets; 0 is no checkpoints.
    pub checkpoint_kib: u16,
    /// The most accepted; 0 is taken as 1.
    pub window: u16,
    /// Names this end in the session connection identifier; at most 62 octets.
    pub responding_reference: Vec<u8>,
    /// Largest APDU accepted, in octets.
    pub maximum_apdu: usize,
    /// Whether to tell of each checkpoint, for a user who keeps what came until it.
    pub tell_checkpoints: bool,
}

impl OpenParameters {
    /// Defaults for everything that need not be said.
    #[must_use]
    pub fn new(protocol: impl Into<Protocol>, bind_argument: Vec<u8>) -> Self {
        Self {
            protocol: protocol.into(),
            two_way: false,
            version_1: false,
            recover: None,
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
            tell_checkpoints: false,
        }
    }

    /// What is proposed: on recovery what the broken association had, which peers insist on.
    pub(super) fn negotiation(&self) -> Negotiation {
        match &self.recover {
            Some(unfinished) => unfinished.negotiation,
            None => Negotiation { checkpoint_kib: self.checkpoint_kib, window: self.window.max(1) },
        }
    }

    pub(super) fn dialogue(&self) -> DialogueMode {
        if self.two_way { DialogueMode::TwoWayAlternate } else { DialogueMode::Monologue }
    }
}

impl fmt::Debug for OpenParameters {
    /// Leaves the bind argument out: it may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenParameters")
            .field("protocol", &self.protocol)
            .field("two_way", &self.two_way)
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
            normal: Some(syntaxes),
            x410: Vec::new(),
            ssel: Vec::new(),
            psel: Vec::new(),
            checkpoint_kib: DEFAULT_CHECKPOINT_KIB,
            window: DEFAULT_WINDOW,
            responding_reference: Vec::new(),
            maximum_apdu: DEFAULT_MAXIMUM_APDU,
            tell_checkpoints: false,
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
    /// False in X.410 mode, in which there are no contexts.
    pub normal: bool,
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
