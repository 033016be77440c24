//! The four layers joined: a pure machine between TSDUs and the user of RTSE.
//!
//! One association for each [`Stack`], in normal mode or X.410 mode. In a monologue the initiator
//! sends APDUs, two-way alternate the side that has the turn; one at a time. An activity that an
//! association broke off is gone on with on another, from its last confirmed checkpoint. An APDU is handed over when the responder confirms it, which answers ACTIVITY END; X.228 7.4.
//!
//! Invariants: after `Aborted`, `Released`, `ReleaseIndication` or `OpenRefused` nothing is sent
//! but what is queued; no event follows, and further input is ignored.

mod abort;
mod established;
mod event;
mod machine;
mod open;
mod output;
mod parameters;
mod receiver;
mod recover;
mod refuse;
mod respond;
mod sender;
#[cfg(test)]
mod tests;

pub use abort::AbortReason;
pub use event::{StackEvent, TransferFailure};
pub use machine::Stack;
pub use parameters::{
    Abstract, DEFAULT_CHECKPOINT_KIB, DEFAULT_MAXIMUM_APDU, DEFAULT_WINDOW, OpenParameters,
    OpenedMode, Protocol, RespondParameters,
};
pub use recover::{Partial, Sending, Unfinished};
pub use refuse::{RefuseReason, Rejection};
