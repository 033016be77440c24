//! Security identifiers, MS-DTYP 2.4.2: `S-1-5-21-...` in octets and in text.
//!
//! Invariants: at most [`MAX_SUB_AUTHORITIES`] parts and an authority of 48 bits, so every value has both forms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wire::{DecodeError, Reader, Writer};

/// Most sub-authorities, MS-DTYP 2.4.2.2 (`SubAuthorityCount`).
pub const MAX_SUB_AUTHORITIES: usize = 15;
/// The authority has six octets, MS-DTYP 2.4.1.1.
const MAX_AUTHORITY: u64 = 0xffff_ffff_ffff;
/// The only revision there is, MS-DTYP 2.4.2.2.
const REVISION: u8 = 1;

/// A security identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    /// Joins an authority and its sub-authorities.
    ///
    /// # Errors
    /// The authority has more than 48 bits, or there are too many parts.
    pub fn new(authority: u64, parts: &[u32]) -> Result<Self, SidError> {
        if authority > MAX_AUTHORITY {
            return Err(SidError::Authority);
        }
        if parts.len() > MAX_SUB_AUTHORITIES {
            return Err(SidError::TooManyParts);
        }
        Ok(Self { authority, parts: parts.to_vec() })
    }

    /// One of the fixed identifiers of [`crate::well_known`].
    pub(crate) fn fixed(authority: u8, parts: &[u32]) -> Self {
        Self { authority: u64::from(authority), parts: parts.to_vec() }
    }

    /// The identifier of a domain, `S-1-5-21-A-B-C` (MS-DTYP 2.4.2.4).
    #[must_use]
    pub fn domain(a: u32, b: u32, c: u32) -> Self {
        Self::fixed(5, &[21, a, b, c])
    }

    /// The identifier of the member `rid` of this domain.
    ///
    /// # Errors
    /// This one has as many parts as there may be.
    pub fn member(&self, rid: u32) -> Result<Self, SidError> {
        let mut parts = self.parts.clone();
        parts.push(rid);
        Self::new(self.authority, &parts)
    }

    /// The six octets in front of the parts, as a number.
    #[must_use]
    pub fn authority(&self) -> u64 {
        self.authority
    }

    /// The sub-authorities.
    #[must_use]
    pub fn parts(&self) -> &[u32] {
        &self.parts
    }

    /// The domain and the relative identifier, where there is a part to take off.
    #[must_use]
    pub fn split(&self) -> Option<(Self, u32)> {
        let (rid, domain) = self.parts.split_last()?;
        Some((Self { authority: self.authority, parts: domain.to_vec() }, *rid))
    }

    /// The octets of the wire form, MS-DTYP 2.4.2.2.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.encoded_len());
        self.write(&mut writer);
        writer.into_vec()
    }

    /// Reads the wire form and nothing behind it.
    ///
    /// # Errors
    /// The octets are no identifier, or more than one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("SID", bytes);
        let sid = Self::read(&mut reader)?;
        reader.finish("end")?;
        Ok(sid)
    }

    pub(crate) fn encoded_len(&self) -> usize {
        8 + 4 * self.parts.len()
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u8(REVISION);
        // Bounded by MAX_SUB_AUTHORITIES.
        writer.u8(u8::try_from(self.parts.len()).unwrap_or(u8::MAX));
        writer.bytes(&self.authority.to_be_bytes()[2..]);
        for part in &self.parts {
            writer.u32_le(*part);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.offset();
        if reader.u8("Revision")? != REVISION {
            return Err(DecodeError::invalid("SID", "Revision", start, "only revision 1 is known"));
        }
        let count = usize::from(reader.u8("SubAuthorityCount")?);
        if count > MAX_SUB_AUTHORITIES {
            let field = "SubAuthorityCount";
            return Err(DecodeError::limit("SID", field, start + 1, MAX_SUB_AUTHORITIES));
        }
        let six: [u8; 6] = reader.array("IdentifierAuthority")?;
        let authority = six.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(reader.u32_le("SubAuthority")?);
        }
        Ok(Self { authority, parts })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // MS-DTYP 2.4.2.1: an authority of 2^32 and above is written in hexadecimal.
        if u32::try_from(self.authority).is_ok() {
            write!(f, "S-1-{}", self.authority)?;
        } else {
            write!(f, "S-1-0x{:012X}", self.authority)?;
        }
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
    type Err = SidError;

    fn from_str(text: &str) -> Result<Self, SidError> {
        let mut words = text.split('-');
        let is_s = words.next().is_some_and(|s| s.eq_ignore_ascii_case("S"));
        if !is_s || words.next() != Some("1") {
            return Err(SidError::Text);
        }
        let authority = words.next().ok_or(SidError::Text)?;
        let hexadecimal = authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X"));
        let authority = match hexadecimal {
            Some(digits) if digits.bytes().all(|c| c.is_ascii_hexdigit()) => {
                u64::from_str_radix(digits, 16).map_err(|_| SidError::Text)?
            }
            Some(_) => return Err(SidError::Text),
            None => number(authority)?,
        };
        let mut parts = Vec::new();
        for word in words {
            if parts.len() == MAX_SUB_AUTHORITIES {
                return Err(SidError::TooManyParts);
            }
            parts.push(u32::try_from(number(word)?).map_err(|_| SidError::Part)?);
        }
        Self::new(authority, &parts)
    }
}

/// Digits only: `parse` alone would take a plus sign.
fn number(text: &str) -> Result<u64, SidError> {
    if !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(SidError::Text);
    }
    text.parse().map_err(|_| SidError::Text)
}

impl TryFrom<String> for Sid {
    type Error = SidError;

    fn try_from(text: String) -> Result<Self, SidError> {
        text.parse()
    }
}

impl From<Sid> for String {
    fn from(sid: Sid) -> Self {
        sid.to_string()
    }
}

/// Why something is no security identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SidError {
    /// The text has another form.
    #[error("a security identifier is written S-1-AUTHORITY-PART-PART..., in digits")]
    Text,
    /// The authority is too large.
    #[error("the authority of a security identifier has at most 48 bits")]
    Authority,
    /// A part is too large.
    #[error("a part of a security identifier has at most 32 bits")]
    Part,
    /// There are too many parts.
    #[error("a security identifier has at most {MAX_SUB_AUTHORITIES} parts")]
    TooManyParts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets_agree() {
        let octets = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let sid: Sid = "S-1-5-32-544".parse().unwrap();
        assert_eq!(sid.to_bytes(), octets);
        assert_eq!(Sid::from_bytes(&octets).unwrap(), sid);
        for end in 0..octets.len() {
            assert!(Sid::from_bytes(&octets[..end]).is_err(), "{end} octets");
        }
        assert!(Sid::from_bytes(&[&octets[..], &[0]].concat()).is_err());
    }

    #[test]
    fn hostile_counts_are_refused_before_anything_is_read() {
        let error = Sid::from_bytes(&[1, 16, 0, 0, 0, 0, 0, 5]).unwrap_err();
        assert_eq!(error.to_string(), "SID: SubAuthorityCount at offset 1: over the limit of 15");
        assert!(Sid::from_bytes(&[2, 0, 0, 0, 0, 0, 0, 5]).is_err());
        assert!(Sid::from_bytes(&[1, 255, 0, 0, 0, 0, 0, 5]).is_err());
    }

    #[test]
    fn reads_only_the_text_form() {
        for bad in
            ["", "S", "S-1", "S-2-5", "S-1-", "S-1-5-", "S-1-5-+1", "S-1-5-4294967296", "S-1-0x"]
        {
            assert!(bad.parse::<Sid>().is_err(), "{bad}");
        }
        let sixteen = format!("S-1-5{}", "-1".repeat(16));
        assert_eq!(sixteen.parse::<Sid>(), Err(SidError::TooManyParts));
        assert_eq!("S-1-0x1000000000000".parse::<Sid>(), Err(SidError::Authority));
        assert_eq!(
            "S-1-281474976710655-1".parse::<Sid>().unwrap().to_string(),
            "S-1-0xFFFFFFFFFFFF-1"
        );
        assert!("s-1-5".parse::<Sid>().unwrap().parts().is_empty());
    }

    #[test]
    fn a_member_splits_into_domain_and_number() {
        let domain = Sid::domain(1, 2, 3);
        let member = domain.member(512).unwrap();
        assert_eq!(member.split(), Some((domain, 512)));
        assert_eq!(Sid::fixed(5, &[]).split(), None);
    }
}
