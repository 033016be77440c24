//! The one error of this crate.

use wire::DecodeError;

/// Why something cannot be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixerError {
    /// An extension of ours that came is malformed.
    #[error("malformed extension")]
    Malformed(#[from] DecodeError),
    /// A value that came may not stand in an SMTP envelope.
    #[error("{0} has a character or length that SMTP does not allow")]
    NotForSmtp(&'static str),
    /// The O/R address names no mail address.
    #[error("O/R address {0} has no mail address in it")]
    NoMailAddress(String),
    /// An address of this side is longer than X.411 Annex B allows.
    #[error("the attribute {key} of {address} is longer than X.400 allows")]
    TooLong {
        /// The key of the attribute.
        key: &'static str,
        /// The whole address.
        address: String,
    },
    /// A message needs at least one recipient.
    #[error("no recipient")]
    NoRecipient,
    /// X.400 numbers recipients up to 32767.
    #[error("over 32767 recipients")]
    TooManyRecipients,
    /// Nobody is to be told: the reverse path is empty (RFC 5321 6.1).
    #[error("the reverse path is empty")]
    NullReversePath,
}
