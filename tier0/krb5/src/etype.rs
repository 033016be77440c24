//! Encryption types and the checksum types that belong to them (RFC 3961 section 8, RFC 3962 section 7, RFC 8009
//! section 7).

use std::fmt;

/// An encryption type that is spoken here; the weaker ones (DES, RC4) are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Etype {
    /// `aes128-cts-hmac-sha1-96`.
    Aes128Sha1,
    /// `aes256-cts-hmac-sha1-96`.
    Aes256Sha1,
    /// `aes128-cts-hmac-sha256-128`.
    Aes128Sha256,
    /// `aes256-cts-hmac-sha384-192`.
    Aes256Sha384,
}

impl Etype {
    /// What is asked for, best first. The two of RFC 3962 lead: every domain controller has them.
    pub const PREFERRED: [Self; 4] =
        [Self::Aes256Sha1, Self::Aes128Sha1, Self::Aes256Sha384, Self::Aes128Sha256];

    /// By its number.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            17 => Self::Aes128Sha1,
            18 => Self::Aes256Sha1,
            19 => Self::Aes128Sha256,
            20 => Self::Aes256Sha384,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 17,
            Self::Aes256Sha1 => 18,
            Self::Aes128Sha256 => 19,
            Self::Aes256Sha384 => 20,
        }
    }

    /// The number of the checksum type that goes with it.
    #[must_use]
    pub const fn checksum_number(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 15,
            Self::Aes256Sha1 => 16,
            Self::Aes128Sha256 => 19,
            Self::Aes256Sha384 => 20,
        }
    }

    /// Octets of a key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha256 => 16,
            Self::Aes256Sha1 | Self::Aes256Sha384 => 32,
        }
    }

    /// Octets of a checksum, and of what integrity adds to a ciphertext.
    #[must_use]
    pub const fn mac_len(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes256Sha1 => 12,
            Self::Aes128Sha256 => 16,
            Self::Aes256Sha384 => 24,
        }
    }

    /// Its name as the registry and other programs have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1 => "aes128-cts-hmac-sha1-96",
            Self::Aes256Sha1 => "aes256-cts-hmac-sha1-96",
            Self::Aes128Sha256 => "aes128-cts-hmac-sha256-128",
            Self::Aes256Sha384 => "aes256-cts-hmac-sha384-192",
        }
    }

    /// Whether it encrypts first and signs the ciphertext (RFC 8009 section 5).
    pub(crate) const fn encrypt_then_mac(self) -> bool {
        matches!(self, Self::Aes128Sha256 | Self::Aes256Sha384)
    }
}

impl fmt::Display for Etype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of any encryption type, for messages to people.
#[must_use]
pub fn etype_name(number: i32) -> String {
    match (Etype::from_number(number), number) {
        (Some(etype), _) => etype.name().to_owned(),
        (None, 1..=3) => "des (single)".to_owned(),
        (None, 16) => "des3-cbc-sha1".to_owned(),
        (None, 23) => "arcfour-hmac (RC4)".to_owned(),
        (None, 24) => "arcfour-hmac-exp".to_owned(),
        (None, 25 | 26) => format!("camellia ({number})"),
        (None, other) => format!("encryption type {other}"),
    }
}
