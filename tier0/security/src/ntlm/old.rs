//! Implementations of another time, for a peer that stands in for one in the laboratory. No setting of a server leads here.

use std::str::FromStr;

use super::{Flags, NtlmPolicy};

/// What an old implementation does where ours does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OldNtlm {
    /// It answers with version 1, as with `LmCompatibilityLevel` 0 to 2.
    Version1,
    /// It has 56-bit keys alone.
    Keys56,
    /// It agrees on 128-bit keys and seals with 56 bits of them, as a server of mixed modules.
    Sealing56,
}

impl OldNtlm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Version1, Self::Keys56, Self::Sealing56];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version1 => "version-1",
            Self::Keys56 => "56-bit",
            Self::Sealing56 => "56-bit-sealing",
        }
    }

    /// It takes of others what it gives.
    pub(super) const fn policy(self) -> NtlmPolicy {
        match self {
            Self::Version1 => NtlmPolicy::AllowVersion1,
            Self::Keys56 => NtlmPolicy::Allow56,
            Self::Sealing56 => NtlmPolicy::Strict,
        }
    }

    /// What it agrees to of these flags.
    pub(super) const fn offers(self, flags: Flags) -> Flags {
        match self {
            Self::Keys56 => Flags(flags.0 & !Flags::KEY_128.0),
            Self::Version1 | Self::Sealing56 => flags,
        }
    }

    /// The flags that its keys are derived by, where these were agreed.
    pub(super) const fn derives_by(self, agreed: Flags) -> Flags {
        match self {
            Self::Sealing56 => Flags(agreed.0 & !Flags::KEY_128.0),
            Self::Version1 | Self::Keys56 => agreed,
        }
    }
}

impl FromStr for OldNtlm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| format!("there is no old NTLM {text}; there are {known}"))
    }
}
