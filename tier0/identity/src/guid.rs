//! The identifiers of object classes, attributes and extended rights, MS-DTYP 2.3.4.
//!
//! Kept as its text shows it; on the wire the first three fields are little-endian.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A globally unique identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Guid(u128);

impl Guid {
    /// The identifier whose text is the hexadecimal of `value`.
    #[must_use]
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The sixteen octets of the packet form, MS-DTYP 2.3.4.2.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        swap(self.0.to_be_bytes())
    }

    /// Reads the packet form.
    #[must_use]
    pub fn from_bytes(octets: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(swap(octets)))
    }
}

fn swap(mut octets: [u8; 16]) -> [u8; 16] {
    octets[..4].reverse();
    octets[4..6].reverse();
    octets[6..8].reverse();
    octets
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
        write!(f, "{a}-{b}-{c}-{}-{}", &digits[16..20], &digits[20..])
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, GuidError> {
        let lengths = text.split('-').map(str::len);
        let digits: String = text.split('-').collect();
        let hexadecimal = digits.bytes().all(|c| c.is_ascii_hexdigit());
        if !lengths.eq([8, 4, 4, 4, 12]) || !hexadecimal {
            return Err(GuidError);
        }
        u128::from_str_radix(&digits, 16).map(Self).map_err(|_| GuidError)
    }
}

impl TryFrom<String> for Guid {
    type Error = GuidError;

    fn try_from(text: String) -> Result<Self, GuidError> {
        text.parse()
    }
}

impl From<Guid> for String {
    fn from(guid: Guid) -> Self {
        guid.to_string()
    }
}

/// The text is no GUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a GUID is written 01234567-89ab-cdef-0123-456789abcdef")]
pub struct GuidError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets_agree() {
        let text = "ab721a53-1e2f-11d0-9819-00aa0040529b";
        let guid: Guid = text.parse().unwrap();
        assert_eq!(guid.to_string(), text);
        assert_eq!(guid.to_bytes()[..8], [0x53, 0x1a, 0x72, 0xab, 0x2f, 0x1e, 0xd0, 0x11]);
        assert_eq!(Guid::from_bytes(guid.to_bytes()), guid);
        for bad in [
            "",
            "ab721a53",
            "ab721a531-e2f-11d0-9819-00aa0040529b",
            "+b721a53-1e2f-11d0-9819-00aa0040529b",
        ] {
            assert!(bad.parse::<Guid>().is_err(), "{bad}");
        }
    }
}
