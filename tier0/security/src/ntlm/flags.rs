//! What the two sides negotiate (MS-NLMP 2.2.2.5, NEGOTIATE).

use std::ops::BitOr;

use crate::{AuthLevel, LogonFailure};

/// The NegotiateFlags of a message; unknown bits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Names are UTF-16.
    pub const UNICODE: Self = Self(0x0000_0001);
    /// Names are in the machine's code page.
    pub const OEM: Self = Self(0x0000_0002);
    /// The initiator wants to know the acceptor's name.
    pub const REQUEST_TARGET: Self = Self(0x0000_0004);
    /// Messages can be signed.
    pub const SIGN: Self = Self(0x0000_0010);
    /// Messages can be sealed.
    pub const SEAL: Self = Self(0x0000_0020);
    /// NTLM at all.
    pub const NTLM: Self = Self(0x0000_0200);
    /// The logon is for nobody.
    pub const ANONYMOUS: Self = Self(0x0000_0800);
    /// NEGOTIATE carries a domain.
    pub const OEM_DOMAIN_SUPPLIED: Self = Self(0x0000_1000);
    /// NEGOTIATE carries a workstation.
    pub const OEM_WORKSTATION_SUPPLIED: Self = Self(0x0000_2000);
    /// A signature is made even when nothing is signed.
    pub const ALWAYS_SIGN: Self = Self(0x0000_8000);
    /// The target name is a domain.
    pub const TARGET_TYPE_DOMAIN: Self = Self(0x0001_0000);
    /// NTLM2 session security.
    pub const EXTENDED_SESSION_SECURITY: Self = Self(0x0008_0000);
    /// CHALLENGE carries target info.
    pub const TARGET_INFO: Self = Self(0x0080_0000);
    /// The version field is filled in.
    pub const VERSION: Self = Self(0x0200_0000);
    /// 128-bit keys.
    pub const KEY_128: Self = Self(0x2000_0000);
    /// The initiator chooses the session key.
    pub const KEY_EXCH: Self = Self(0x4000_0000);
    /// 56-bit keys.
    pub const KEY_56: Self = Self(0x8000_0000);

    /// What the initiator offers.
    pub(super) const OFFER: Self = Self(
        Self::UNICODE.0
            | Self::REQUEST_TARGET.0
            | Self::SIGN.0
            | Self::SEAL.0
            | Self::NTLM.0
            | Self::ALWAYS_SIGN.0
            | Self::EXTENDED_SESSION_SECURITY.0
            | Self::TARGET_INFO.0
            | Self::VERSION.0
            | Self::KEY_128.0
            | Self::KEY_EXCH.0
            | Self::KEY_56.0,
    );

    /// What must be in every message, each with the words for when it is not.
    const REQUIRED: [(Self, &'static str); 5] = [
        (Self::EXTENDED_SESSION_SECURITY, "NTLM2 (extended) session security"),
        (Self::KEY_128, "128-bit session keys"),
        (Self::KEY_EXCH, "key exchange"),
        (Self::SIGN, "signing"),
        (Self::SEAL, "sealing"),
    ];

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits that both have.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What must be in every message for a context of this level. Below privacy nothing is sealed; and signatures are made
    /// and demanded whatever is said of them, so that only their keys count.
    pub(super) fn require_for(self, level: AuthLevel) -> Result<(), LogonFailure> {
        self.require(match level {
            AuthLevel::Privacy => &Self::REQUIRED,
            _ => &Self::REQUIRED[..2],
        })
    }

    pub(super) fn require_strong(self) -> Result<(), LogonFailure> {
        self.require(&Self::REQUIRED)
    }

    fn require(self, flags: &[(Self, &'static str)]) -> Result<(), LogonFailure> {
        match flags.iter().find(|(flag, _)| !self.contains(*flag)) {
            Some(&(_, missing)) => Err(LogonFailure::WeakSessionSecurity { missing }),
            None => Ok(()),
        }
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
