//! How weak a peer may be.

/// What is taken of a peer besides NTLM version 2 with 128-bit keys.
///
/// 40-bit keys, LM, and version 1 without extended session security (older than Windows NT 4.0 SP4) are never taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NtlmPolicy {
    /// Nothing.
    #[default]
    Strict,
    /// Session security with 56-bit keys: they can be found by trying all.
    Allow56,
    /// That, and NTLM version 1 responses, from which the password can be found by trying all keys of DES.
    AllowVersion1,
}

impl NtlmPolicy {
    /// The word that configuration and reports use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "none",
            Self::Allow56 => "56-bit",
            Self::AllowVersion1 => "ntlm-v1",
        }
    }
}
