//! NTLM version 2 with extended session security, 128-bit keys and key exchange (MS-NLMP), connection-oriented only.
//!
//! Three legs: NEGOTIATE from the initiator (bind), CHALLENGE from the acceptor (bind_ack), AUTHENTICATE from the
//! initiator (auth3). Both sides require signing, sealing, key exchange, 128-bit keys and extended session security,
//! and say which one the peer lacks. The acceptor always sends a timestamp and therefore always demands the message
//! integrity code. A peer that is weaker is taken only as far as an [`NtlmPolicy`] says. Left out on purpose: LM, version 1
//! without extended session security, 40-bit keys, the datagram mode.

mod acceptor;
mod av_pair;
mod crypto;
mod flags;
mod initiator;
mod mac;
mod messages;
mod old;
mod policy;
mod rc4;
mod reflection;
mod response;
mod session;
mod text;
mod version_1;

#[cfg(test)]
mod tests;

pub use acceptor::{AcceptSeed, NtlmAcceptor, ServerIdentity, verify};
pub use av_pair::{AvId, AvPair, MAX_AV_PAIRS, TargetInfo};
pub use crypto::nt_hash;
pub use flags::Flags;
pub use initiator::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};
pub use messages::{Authenticate, Challenge, MAX_TOKEN, Negotiate, Version};
pub use old::OldNtlm;
pub use policy::NtlmPolicy;
pub use reflection::ReflectionGuard;
pub use response::{ClientBlob, NtResponse};
pub use session::{AUTH_TYPE, NtlmSession};
