//! X.226 presentation protocol data units in normal mode.
//!
//! Left out: X.410 mode, context management, default contexts, simply encoded data.

mod abort;
mod connect;
mod user_data;

pub use abort::{AbortPpdu, ProviderAbortReason};
pub use connect::{
    AcceptPpdu, ConnectPpdu, ContextProposal, ContextResult, ContextVerdict, RefusePpdu,
    ber_transfer_syntax,
};
pub(crate) use user_data::external_head;
pub use user_data::{ContextId, Pdv, UserData, wrap_octets};
