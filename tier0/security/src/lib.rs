//! Security contexts for DCE/RPC: NTLMv2, and SPNEGO that negotiates it, both ways.
//!
//! [`Initiator`], [`Acceptor`] and [`SecurityContext`] are all that the RPC room sees (MS-RPCE 2.2.2.11). [`ntlm`] is the
//! one mechanism so far, [`spnego`] the envelope that others may join. Time, nonces and the account database are passed
//! in. Left out: Kerberos.

mod context;
mod failure;
mod filetime;
pub mod ntlm;
pub mod spnego;

pub use context::{
    Acceptor, Accounts, AuthLevel, Initiator, LogonKey, LogonQuestion, LogonVerdict,
    SecurityContext, SecurityError, SignatureError, Step, UnknownAuthLevel,
};
pub use failure::LogonFailure;
pub use filetime::FileTime;
