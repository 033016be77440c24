//! Passwords and password verifiers: wiped on drop, never printed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const HASH_LEN: usize = 16;

/// The NT hash of a password: MD4 over its UTF-16LE form (MS-NLMP 3.3.1, `NTOWFv1`).
///
/// Whoever has it can log on, so it is guarded like the password itself. Its serde form, for the account store, is 32
/// hexadecimal digits.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NtHash([u8; HASH_LEN]);

impl NtHash {
    /// Wraps the octets.
    #[must_use]
    pub const fn new(octets: [u8; HASH_LEN]) -> Self {
        Self(octets)
    }

    /// The octets, for key derivation.
    #[must_use]
    pub const fn expose(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`HashFormatError`] when the text is anything else.
    pub fn from_hex(text: &str) -> Result<Self, HashFormatError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * HASH_LEN {
            return Err(HashFormatError);
        }
        let mut hash = Self([0; HASH_LEN]);
        for (octet, pair) in hash.0.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Ok(hash)
    }

    fn to_hex(&self) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = Zeroizing::new(String::with_capacity(2 * HASH_LEN));
        for octet in self.0 {
            text.push(char::from(DIGITS[usize::from(octet >> 4)]));
            text.push(char::from(DIGITS[usize::from(octet & 15)]));
        }
        text
    }
}

impl From<[u8; HASH_LEN]> for NtHash {
    fn from(octets: [u8; HASH_LEN]) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(..)")
    }
}

impl PartialEq for NtHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for NtHash {}

impl Serialize for NtHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for NtHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::from_hex(&text).map_err(de::Error::custom)
    }
}

/// A text that is no NT hash; the text is not repeated, since it may be a password in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an NT hash is 32 hexadecimal digits")]
pub struct HashFormatError;

fn nibble(digit: u8) -> Result<u8, HashFormatError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(HashFormatError),
    }
}

/// A password in the clear.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Takes the text over.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(format!("{:?}", NtHash::new([0xab; 16])), "NtHash(..)");
        assert_eq!(format!("{:?}", Password::from("secret")), "Password(..)");
        let refused = serde_json::from_str::<NtHash>("\"secret\"").unwrap_err();
        assert!(!refused.to_string().contains("secret"));
    }

    #[test]
    fn hash_is_hex_in_json() {
        let hash = NtHash::new([0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xf0]);
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, "\"0f0102030405060708090a0b0c0d0ef0\"");
        assert_eq!(serde_json::from_str::<NtHash>(&json).unwrap(), hash);
        assert_ne!(hash, NtHash::new([0; 16]));
        for bad in
            ["", "0f", "zz0102030405060708090a0b0c0d0ef0", "0f0102030405060708090a0b0c0d0ef000"]
        {
            assert_eq!(NtHash::from_hex(bad), Err(HashFormatError));
        }
    }
}
