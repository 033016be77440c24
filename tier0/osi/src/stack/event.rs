//! What the stack tells its user.

use std::fmt;

use super::{AbortReason, OpenedMode, RefuseReason};
use crate::rtse::SessionIdentifier;
use crate::session::ExceptionReason;

/// An event of the association, in the order in which it happened.
#[derive(Clone, PartialEq, Eq)]
pub enum StackEvent {
    /// Responder: answer with `accept_open` or `refuse_open`.
    OpenIndication {
        bind_argument: Vec<u8>,
        checkpoint_kib: u16,
        window: u16,
        mode: OpenedMode,
        two_way: bool,
        /// The selectors that are called; empty where none is.
        called_ssel: Vec<u8>,
        called_psel: Vec<u8>,
    },
    /// Responder: a broken association is to be gone on with; answer with `accept_recovery` or
    /// `refuse_open`.
    RecoveryIndication { session: SessionIdentifier },
    /// Initiator: the association is open.
    OpenConfirmed { bind_result: Vec<u8> },
    /// Initiator: the association is open again, and the transfer goes on.
    RecoveryConfirmed,
    /// The peer gave this side the turn: it may transfer now.
    TurnIndication,
    /// The peer asks for the turn.
    TurnPlease { priority: i64 },
    /// Initiator: the peer refused; responder: this stack refused what the peer proposed.
    OpenRefused { bind_error: Option<Vec<u8>>, reason: RefuseReason },
    /// Where it is asked for: a checkpoint was reached, and is confirmed with the next output; what
    /// came until now can be kept before (`partial`).
    Checkpoint,
    /// Responder: an APDU is complete; answer with `confirm_transfer` or `refuse_transfer`.
    TransferIndication { apdu: Vec<u8> },
    /// Initiator: the responder has the APDU and the responsibility for it.
    TransferConfirmed,
    /// The transfer under way has ended without a hand-over; another may follow.
    TransferFailed { reason: TransferFailure },
    /// Responder: the initiator released; the association is closed.
    ReleaseIndication,
    /// Initiator: the release is confirmed; the association is closed.
    Released,
    /// The association is gone, and with it a transfer that was not confirmed.
    Aborted { by_peer: bool, reason: AbortReason },
}

/// Why a transfer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferFailure {
    /// The responder would not have it.
    RefusedByPeer(ExceptionReason),
    /// The initiator gave it up.
    DiscardedByPeer(ExceptionReason),
    /// Over the receiver's limit of so many octets.
    TooLarge { limit: usize },
    /// The octets received are not one value in the context of the user's APDUs.
    Malformed,
}

impl fmt::Debug for StackEvent {
    /// Gives sizes in place of the user's octets: bind data may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenIndication {
                bind_argument, checkpoint_kib, window, mode, two_way, ..
            } => f
                .debug_struct("OpenIndication")
                .field("octets", &bind_argument.len())
                .field("checkpoint_kib", checkpoint_kib)
                .field("window", window)
                .field("mode", mode)
                .field("two_way", two_way)
                .finish_non_exhaustive(),
            Self::RecoveryIndication { .. } => f.write_str("RecoveryIndication"),
            Self::RecoveryConfirmed => f.write_str("RecoveryConfirmed"),
            Self::Checkpoint => f.write_str("Checkpoint"),
            Self::TurnIndication => f.write_str("TurnIndication"),
            Self::TurnPlease { priority } => {
                f.debug_struct("TurnPlease").field("priority", priority).finish()
            }
            Self::OpenConfirmed { bind_result } => {
                f.debug_struct("OpenConfirmed").field("octets", &bind_result.len()).finish()
            }
            Self::OpenRefused { bind_error, reason } => f
                .debug_struct("OpenRefused")
                .field("octets", &bind_error.as_ref().map(Vec::len))
                .field("reason", reason)
                .finish(),
            Self::TransferIndication { apdu } => {
                f.debug_struct("TransferIndication").field("octets", &apdu.len()).finish()
            }
            Self::TransferConfirmed => f.write_str("TransferConfirmed"),
            Self::TransferFailed { reason } => {
                f.debug_struct("TransferFailed").field("reason", reason).finish()
            }
            Self::ReleaseIndication => f.write_str("ReleaseIndication"),
            Self::Released => f.write_str("Released"),
            Self::Aborted { by_peer, reason } => {
                f.debug_struct("Aborted").field("by_peer", by_peer).field("reason", reason).finish()
            }
        }
    }
}

impl fmt::Display for TransferFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefusedByPeer(reason) => write!(f, "refused by the peer: {reason}"),
            Self::DiscardedByPeer(reason) => write!(f, "given up by the peer: {reason}"),
            Self::TooLarge { limit } => write!(f, "over the limit of {limit} octets"),
            Self::Malformed => f.write_str("not one value of the agreed abstract syntax"),
        }
    }
}
