//! X.400's upper layers: X.225 session, X.226 presentation, X.227 ACSE and X.228 RTSE, joined in
//! one [`Stack`] that takes and gives transport service data units, and below it [`transport`],
//! X.224 class 0 over TCP.
//!
//! Normal mode and X.410 mode, monologue and two-way alternate, recovery; basic concatenation. The
//! carrier below and the APDUs above are opaque.
//! Pure: no input or output, no clock, no randomness.
//!
//! Left out: expedited data, segmenting of SSDUs, extended concatenation.

pub mod acse;
mod error;
mod external;
pub mod observe;
pub mod presentation;
pub mod rtse;
pub mod session;
mod stack;
pub mod transport;
#[cfg(test)]
mod vectors;

pub use error::{Layer, StackError};
pub use external::External;
pub use rtse::SessionIdentifier;
pub use session::ExceptionReason;
pub use stack::{
    AbortReason, Abstract, DEFAULT_CHECKPOINT_KIB, DEFAULT_MAXIMUM_APDU, DEFAULT_WINDOW,
    OpenParameters, OpenedMode, Partial, Protocol, RefuseReason, Rejection, RespondParameters,
    Sending, Stack, StackEvent, TransferFailure, Unfinished,
};
