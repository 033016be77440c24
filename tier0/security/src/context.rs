//! The seam between RPC and whatever authenticates it (MS-RPCE 2.2.2.11, C706 chapter 13).

use std::{fmt, ops::Range};

use identity::{AccountName, NtHash};
use wire::DecodeError;
use zeroize::Zeroizing;

use crate::LogonFailure;

/// How much of a call is protected (MS-RPCE 2.2.1.1.8, Authentication Levels).
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthLevel {
    /// Nothing.
    None = 1,
    /// The identity, once per connection.
    Connect = 2,
    /// The beginning of each call; treated as [`Self::Packet`] on connections.
    Call = 3,
    /// The origin of each PDU.
    Packet = 4,
    /// The contents of each PDU against change.
    Integrity = 5,
    /// As before, and the stub data against reading.
    Privacy = 6,
}

impl AuthLevel {
    /// The value on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::None => 1,
            Self::Connect => 2,
            Self::Call => 3,
            Self::Packet => 4,
            Self::Integrity => 5,
            Self::Privacy => 6,
        }
    }
}

impl From<AuthLevel> for u8 {
    fn from(level: AuthLevel) -> Self {
        level.as_u8()
    }
}

impl TryFrom<u8> for AuthLevel {
    type Error = UnknownAuthLevel;

    fn try_from(value: u8) -> Result<Self, UnknownAuthLevel> {
        Ok(match value {
            1 => Self::None,
            2 => Self::Connect,
            3 => Self::Call,
            4 => Self::Packet,
            5 => Self::Integrity,
            6 => Self::Privacy,
            other => return Err(UnknownAuthLevel(other)),
        })
    }
}

/// A value that is no authentication level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no authentication level")]
pub struct UnknownAuthLevel(pub u8);

/// An established context: protects what is sent, checks what came (MS-RPCE 2.2.2.11).
///
/// PDUs must be passed in the order of the wire. After one error every later check fails: the connection is to be closed.
pub trait SecurityContext: Send {
    /// Octets of the `auth_value` that [`Self::sign`] makes; 16 for NTLM.
    fn signature_len(&self) -> usize;

    /// The key of the session, for protocols that sign in ways of their own with it (MS-SMB2 3.2.5.3.1); none where it is not
    /// given away.
    fn session_key(&self) -> Option<Zeroizing<[u8; 16]>> {
        None
    }

    /// Octets of the `auth_value` that [`Self::seal`] makes.
    fn seal_len(&self) -> usize {
        self.signature_len()
    }

    /// Tells whether header and trailer are signed too (MS-RPCE 2.2.2.3, `PFC_SUPPORT_HEADER_SIGN`), or the body alone.
    /// Until told, they are. NTLM signs them in any case.
    fn set_header_signing(&mut self, signed: bool) {
        let _ = signed;
    }

    /// Begins the key streams of both directions anew, after the signatures over the list of mechanisms (MS-SPNG 3.3.5.1);
    /// their sequence numbers go on. Mechanisms without key streams do nothing.
    fn reset(&mut self) {}

    /// Signs `pdu`, encrypts its part `body` in place and returns the `auth_value`.
    ///
    /// `pdu` is the whole PDU from its first octet through the `sec_trailer` header, without the `auth_value`, with all
    /// length fields final; `body` is the stub data with its padding.
    ///
    /// # Panics
    /// When `body` lies outside `pdu`.
    fn seal(&mut self, pdu: &mut [u8], body: Range<usize>) -> Vec<u8>;

    /// Signs `pdu` (as in [`Self::seal`]) and returns the `auth_value`.
    fn sign(&mut self, pdu: &[u8], body: Range<usize>) -> Vec<u8>;

    /// Decrypts `body` in place and checks the signature; on error `body` is wiped.
    ///
    /// # Errors
    /// [`SignatureError`] when the PDU is not the next one that the peer sealed.
    fn unseal(
        &mut self,
        pdu: &mut [u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError>;

    /// Checks the signature of a PDU that is not encrypted.
    ///
    /// # Errors
    /// [`SignatureError`] when the PDU is not the next one that the peer signed.
    fn verify(
        &mut self,
        pdu: &[u8],
        body: Range<usize>,
        auth_value: &[u8],
    ) -> Result<(), SignatureError>;
}

/// Why a protected PDU was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The `auth_value` has the wrong length or version, or the body lies outside the PDU.
    #[error("the signature of the PDU is malformed")]
    Malformed,
    /// The PDU was changed, replayed, reordered or lost, or the two sides have different keys.
    #[error("the signature of the PDU is wrong")]
    Mismatch,
    /// An earlier PDU failed, so the two sides are out of step for good.
    #[error("an earlier PDU failed its signature check")]
    Broken,
}

/// What to do after a token was taken.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send the token and wait for the peer's.
    Continue(Vec<u8>),
    /// The context is established; send the token if there is one.
    Done {
        /// The last token.
        token: Option<Vec<u8>>,
    },
    /// Only from an [`Acceptor`]: somebody else knows the password and is to be asked; go on with [`Acceptor::resolve`].
    Ask(Box<LogonQuestion>),
}

/// A logon whose password somebody else knows: a domain, as a joined machine's winbind asks it.
#[derive(Clone, PartialEq, Eq)]
pub struct LogonQuestion {
    /// Who it says it is, with this server's domain where it named none.
    pub account: AccountName,
    /// The user as it was sent: the response is over it.
    pub user: String,
    /// The domain as it was sent.
    pub domain: String,
    /// The machine that it says it comes from.
    pub workstation: String,
    /// The challenge that the response answers.
    pub challenge: [u8; 8],
    /// Empty but for version 1.
    pub lm_response: Vec<u8>,
    /// The proof of the password.
    pub nt_response: Vec<u8>,
}

impl fmt::Debug for LogonQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The response can be attacked offline.
        f.debug_struct("LogonQuestion").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The key that follows from a password that was proved (MS-NLMP 3.3, `SessionBaseKey`).
pub struct LogonKey(pub(crate) Zeroizing<[u8; 16]>);

impl LogonKey {
    /// The key as the authority gives it.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl fmt::Debug for LogonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogonKey")
    }
}

/// The answer to a [`LogonQuestion`].
pub type LogonVerdict = Result<LogonKey, LogonFailure>;

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens hold password proofs.
        match self {
            Self::Continue(token) => write!(f, "Continue({} octets)", token.len()),
            Self::Done { token } => {
                write!(f, "Done({} octets)", token.as_ref().map_or(0, Vec::len))
            }
            Self::Ask(question) => write!(f, "Ask({})", question.account),
        }
    }
}

/// The side that logs on.
pub trait Initiator: Send {
    /// The `auth_type` on the wire (MS-RPCE 2.2.1.1.7); 10 is NTLM.
    fn auth_type(&self) -> u8;

    /// Takes the peer's token, `None` the first time.
    ///
    /// # Errors
    /// [`SecurityError`]; the initiator is of no further use.
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, SecurityError>;

    /// The context, once [`Step::Done`] was returned.
    ///
    /// # Errors
    /// [`SecurityError::NotEstablished`] before that.
    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError>;
}

/// The side that is logged on to.
pub trait Acceptor: Send {
    /// The `auth_type` on the wire (MS-RPCE 2.2.1.1.7); 10 is NTLM.
    fn auth_type(&self) -> u8;

    /// Tells how much the context is going to protect, before the first step: what the peer must agree to follows from
    /// it. Without it everything is required.
    fn set_level(&mut self, level: AuthLevel) {
        let _ = level;
    }

    /// Takes the peer's token.
    ///
    /// # Errors
    /// [`SecurityError`]; the acceptor is of no further use but for [`Self::principal`].
    fn step(&mut self, token: &[u8]) -> Result<Step, SecurityError>;

    /// Takes the answer to [`Step::Ask`].
    ///
    /// # Errors
    /// The answer is no, what the peer promised does not hold, or nobody asked.
    fn resolve(&mut self, verdict: LogonVerdict) -> Result<Step, SecurityError> {
        drop(verdict);
        Err(SecurityError::OutOfTurn { expected: "no verdict that nobody asked for" })
    }

    /// Who logged on; after a refusal, who was claimed.
    fn principal(&self) -> Option<&AccountName>;

    /// The context, once [`Step::Done`] was returned.
    ///
    /// # Errors
    /// [`SecurityError::NotEstablished`] before that.
    fn into_context(self: Box<Self>) -> Result<Box<dyn SecurityContext>, SecurityError>;
}

/// Where an acceptor finds password verifiers.
pub trait Accounts: Send + Sync {
    /// The verifier of an account that may log on.
    ///
    /// # Errors
    /// [`LogonFailure::UnknownAccount`], [`LogonFailure::Disabled`] or [`LogonFailure::LockedOut`].
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure>;

    /// True for an account whose password somebody else knows and is to be asked about.
    fn elsewhere(&self, account: &AccountName) -> bool {
        let _ = account;
        false
    }

    /// The verifier before that one, while it is still good: a change of password need not stop mail.
    fn older_nt_hash(&self, account: &AccountName) -> Option<NtHash> {
        let _ = account;
        None
    }
}

/// Why a security context was not established.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// The peer's token cannot be read.
    #[error("the peer's authentication token is malformed")]
    Malformed(#[source] DecodeError),
    /// The token can be read and is refused.
    #[error("the logon is refused")]
    Refused(#[source] LogonFailure),
    /// One of our own names does not fit into a message.
    #[error("{field} is too long for an authentication message")]
    TooLong {
        /// What is too long.
        field: &'static str,
    },
    /// The peer takes none of the mechanisms, or ended the negotiation.
    #[error("the peer refused to negotiate an authentication mechanism")]
    Rejected,
    /// The list of mechanisms was changed on the way, or its integrity code is missing (RFC 4178 section 5).
    #[error("the negotiation of the authentication mechanism was changed on the way")]
    Negotiation,
    /// A step was called in a state that has none.
    #[error("authentication step out of turn: expected {expected}")]
    OutOfTurn {
        /// What would have been right.
        expected: &'static str,
    },
    /// The context was asked for before the exchange was done.
    #[error("the security context is not established")]
    NotEstablished,
}

impl SecurityError {
    /// The reason as the event catalogue and the doctor know it.
    #[must_use]
    pub fn logon_failure(&self) -> LogonFailure {
        match self {
            Self::Refused(failure) => *failure,
            Self::Negotiation => LogonFailure::MicWrong,
            Self::Malformed(_)
            | Self::TooLong { .. }
            | Self::Rejected
            | Self::OutOfTurn { .. }
            | Self::NotEstablished => LogonFailure::Malformed,
        }
    }
}

impl From<LogonFailure> for SecurityError {
    fn from(failure: LogonFailure) -> Self {
        Self::Refused(failure)
    }
}

impl From<DecodeError> for SecurityError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_round_trip_and_order() {
        for value in 0..=u8::MAX {
            match AuthLevel::try_from(value) {
                Ok(level) => assert_eq!(level.as_u8(), value),
                Err(UnknownAuthLevel(v)) => assert!(v == value && !(1..=6).contains(&v)),
            }
        }
        assert!(AuthLevel::Privacy > AuthLevel::Integrity);
    }
}
