//! The one error of all decoders.

use std::fmt;

/// Why octets could not be decoded: what was read, which field, where, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {field} at offset {offset}: {kind}")]
pub struct DecodeError {
    /// The structure that was being read, such as `MTS-APDU`.
    pub what: &'static str,
    /// The field of it.
    pub field: &'static str,
    /// Offset in octets from the start of the input.
    pub offset: usize,
    /// The reason.
    pub kind: DecodeErrorKind,
}

/// The reason inside a [`DecodeError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// The input ends too early; counts are octets.
    Truncated { needed: usize, available: usize },
    /// The value is not allowed here.
    Invalid { detail: &'static str },
    /// A named limit was passed.
    Limit { limit: usize },
    /// Octets are left where none should be.
    Trailing { count: usize },
    /// A value that the standard may allow but this code does not handle.
    Unsupported { value: u64 },
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "{needed} octets needed, {available} left")
            }
            Self::Invalid { detail } => f.write_str(detail),
            Self::Limit { limit } => write!(f, "over the limit of {limit}"),
            Self::Trailing { count } => write!(f, "{count} octets too many"),
            Self::Unsupported { value } => write!(f, "unsupported value {value:#x}"),
        }
    }
}

impl DecodeError {
    /// The input ended: `needed` octets were wanted where `available` were left.
    #[must_use]
    pub fn truncated(
        what: &'static str,
        field: &'static str,
        offset: usize,
        needed: usize,
        available: usize,
    ) -> Self {
        let kind = DecodeErrorKind::Truncated { needed, available };
        Self { what, field, offset, kind }
    }

    /// The value at `offset` is not allowed; `detail` says why.
    #[must_use]
    pub fn invalid(
        what: &'static str,
        field: &'static str,
        offset: usize,
        detail: &'static str,
    ) -> Self {
        Self { what, field, offset, kind: DecodeErrorKind::Invalid { detail } }
    }

    /// A named limit was passed.
    #[must_use]
    pub fn limit(what: &'static str, field: &'static str, offset: usize, limit: usize) -> Self {
        Self { what, field, offset, kind: DecodeErrorKind::Limit { limit } }
    }

    /// `count` octets are left over.
    #[must_use]
    pub fn trailing(what: &'static str, field: &'static str, offset: usize, count: usize) -> Self {
        Self { what, field, offset, kind: DecodeErrorKind::Trailing { count } }
    }

    /// A value that is not handled.
    #[must_use]
    pub fn unsupported(what: &'static str, field: &'static str, offset: usize, value: u64) -> Self {
        Self { what, field, offset, kind: DecodeErrorKind::Unsupported { value } }
    }
}
