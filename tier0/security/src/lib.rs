//! Security contexts for DCE/RPC: NTLMv2, and SPNEGO that negotiates it, both ways.
//!
//! [`Initiator`], [`Acceptor`] and [`SecurityContext`] are all that the RPC room sees (MS-RPCE 2.2.2.11). [`ntlm`] is a
//! mechanism, Kerberos (in a room of its own) another, [`spnego`] the envelope for both. Time, nonces and the account
//! database are passed in.

mod context;
mod failure;
mod filetime;
mod kerberos_code;
pub mod ntlm;
pub mod spnego;

pub use context::{
    Acceptor, Accounts, AuthLevel, Initiator, LogonKey, LogonQuestion, LogonVerdict,
    SecurityContext, SecurityError, SignatureError, Step, UnknownAuthLevel,
};
pub use failure::LogonFailure;
pub use filetime::FileTime;
pub use kerberos_code::KerberosCode;
