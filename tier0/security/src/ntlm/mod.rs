//! NTLM version 2 with extended session security, 128-bit keys and key exchange (MS-NLMP), connection-oriented only.
//!
//! Three legs: NEGOTIATE from the initiator (bind), CHALLENGE from the acceptor (bind_ack), AUTHENTICATE from the
//! initiator (auth3). Both sides require signing, sealing, key exchange, 128-bit keys and extended session security,
//! and say which one the peer lacks. The acceptor always sends a timestamp and therefore always demands the message
//! integrity code. Left out on purpose: LM, NTLM version 1, 40- and 56-bit keys, anonymous logon, the datagram mode.

mod acceptor;
mod av_pair;
mod crypto;
mod flags;
mod initiator;
mod messages;
mod reflection;
mod response;
mod session;
mod text;

#[cfg(test)]
mod tests;

pub use acceptor::{AcceptSeed, NtlmAcceptor, ServerIdentity};
pub use av_pair::{AvId, AvPair, MAX_AV_PAIRS, TargetInfo};
pub use crypto::nt_hash;
pub use flags::Flags;
pub use initiator::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};
pub use messages::{Authenticate, Challenge, MAX_TOKEN, Negotiate, Version};
pub use reflection::ReflectionGuard;
pub use response::{ClientBlob, NtResponse};
pub use session::{AUTH_TYPE, NtlmSession};
