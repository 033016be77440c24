//! What the two sides negotiate (MS-NLMP 2.2.2.5, NEGOTIATE).

use std::ops::BitOr;

use super::NtlmPolicy;
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
    pub const OFFER: Self = Self(
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

    /// What is said of keys that are too short.
    pub(super) const ONLY_56: &'static str = "128-bit session keys (only 56-bit ones)";
    /// Those that announce neither have 40 bits.
    pub(super) const ONLY_40: &'static str = "128-bit session keys (only 40-bit ones)";

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
    pub(super) fn require_for(
        self,
        level: AuthLevel,
        policy: NtlmPolicy,
    ) -> Result<(), LogonFailure> {
        let required = match level {
            AuthLevel::Privacy => &Self::REQUIRED[..],
            _ => &Self::REQUIRED[..2],
        };
        self.require(required, policy)
    }

    pub(super) fn require_strong(self, policy: NtlmPolicy) -> Result<(), LogonFailure> {
        self.require(&Self::REQUIRED, policy)
    }

    /// How many octets of the session key seal, MS-NLMP 3.4.5.3.
    pub(super) fn sealing_octets(self) -> usize {
        if self.contains(Self::KEY_128) { 16 } else { 7 }
    }

    fn require(
        self,
        flags: &[(Self, &'static str)],
        policy: NtlmPolicy,
    ) -> Result<(), LogonFailure> {
        let enough = |flag: Self| {
            let by_56 = flag == Self::KEY_128
                && policy >= NtlmPolicy::Allow56
                && self.contains(Self::KEY_56);
            self.contains(flag) || by_56
        };
        match flags.iter().find(|(flag, _)| !enough(*flag)) {
            Some(&(Self::KEY_128, _)) if self.contains(Self::KEY_56) => {
                Err(LogonFailure::WeakSessionSecurity { missing: Self::ONLY_56 })
            }
            Some(&(Self::KEY_128, _)) => {
                Err(LogonFailure::WeakSessionSecurity { missing: Self::ONLY_40 })
            }
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
