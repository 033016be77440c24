//! X.226 presentation protocol data units, in normal mode and in X.410 mode.
//!
//! Left out: context management, default contexts, simply encoded data.

mod abort;
mod connect;
mod user_data;

pub use abort::{AbortPpdu, ProviderAbortReason};
pub use connect::{
    AcceptPpdu, ConnectPpdu, ContextProposal, ContextResult, ContextVerdict, RefusePpdu,
    ber_transfer_syntax, decode_x410, encode_x410,
};
pub(crate) use user_data::external_head;
pub use user_data::{ContextId, Pdv, UserData, wrap_octets};
