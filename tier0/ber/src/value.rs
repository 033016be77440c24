//! Values in contents octets, whatever the tag: IMPLICIT tagging needs no second reader.

use std::borrow::Cow;

use wire::DecodeError;

use crate::{Element, Oid};

/// How deep constructed strings may nest.
const MAX_STRING_DEPTH: usize = 16;

/// A BIT STRING value, X.690 8.6: octets, and the count of unused bits in the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BitString {
    pub bytes: Vec<u8>,
    /// 0 to 7.
    pub unused: u8,
}

impl BitString {
    /// Bit `index` counted from the first, leading one; bits beyond the end are false.
    #[must_use]
    pub fn bit(&self, index: usize) -> bool {
        let within =
            index < self.bytes.len() * 8 - usize::from(self.unused).min(self.bytes.len() * 8);
        within && self.bytes[index / 8] & (0x80 >> (index % 8)) != 0
    }

    /// A bit string of exactly these bits.
    #[must_use]
    pub fn from_bits(bits: &[bool]) -> Self {
        let mut bytes = vec![0; bits.len().div_ceil(8)];
        for (index, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
            bytes[index / 8] |= 0x80 >> (index % 8);
        }
        let unused = u8::try_from(bytes.len() * 8 - bits.len()).unwrap_or(0);
        Self { bytes, unused }
    }
}

impl<'a> Element<'a> {
    /// An INTEGER or ENUMERATED of at most 64 bits, X.690 8.3.
    ///
    /// # Errors
    /// It is constructed, empty, or wider.
    pub fn integer(&self, field: &'static str) -> Result<i64, DecodeError> {
        let octets = self.primitive(field)?;
        let Some(&first) = octets.first() else {
            return Err(self.invalid(field, "integer without octets"));
        };
        if octets.len() > 8 {
            return Err(self.invalid(field, "integer over 64 bits"));
        }
        let sign = if first & 0x80 == 0 { 0 } else { 0xff };
        let mut wide = [sign; 8];
        wide[8 - octets.len()..].copy_from_slice(octets);
        Ok(i64::from_be_bytes(wide))
    }

    /// A BOOLEAN, X.690 8.2.
    ///
    /// # Errors
    /// It is not one primitive octet.
    pub fn boolean(&self, field: &'static str) -> Result<bool, DecodeError> {
        match self.primitive(field)? {
            [octet] => Ok(*octet != 0),
            _ => Err(self.invalid(field, "boolean of another length than 1")),
        }
    }

    /// A NULL, X.690 8.8.
    ///
    /// # Errors
    /// It has contents.
    pub fn null(&self, field: &'static str) -> Result<(), DecodeError> {
        match self.primitive(field)? {
            [] => Ok(()),
            _ => Err(self.invalid(field, "null with contents")),
        }
    }

    /// An OBJECT IDENTIFIER, X.690 8.19.
    ///
    /// # Errors
    /// The arcs are not well formed.
    pub fn oid(&self, field: &'static str) -> Result<Oid, DecodeError> {
        Oid::from_contents(self.primitive(field)?).map_err(|detail| self.invalid(field, detail))
    }

    /// An OCTET STRING or character string, the segments of a constructed one joined, X.690 8.7.
    ///
    /// # Errors
    /// A segment is not well formed.
    pub fn octets(&self, field: &'static str) -> Result<Cow<'a, [u8]>, DecodeError> {
        if !self.constructed {
            return Ok(Cow::Borrowed(self.contents()));
        }
        let mut joined = Vec::new();
        self.join(field, &mut joined, 0)?;
        Ok(Cow::Owned(joined))
    }

    fn join(
        &self,
        field: &'static str,
        into: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        if depth > MAX_STRING_DEPTH {
            return Err(DecodeError::limit(self.what, field, self.offset, MAX_STRING_DEPTH));
        }
        let mut segments = self.walk();
        while let Some(segment) = segments.next_element()? {
            if segment.constructed {
                segment.join(field, into, depth + 1)?;
            } else {
                into.extend_from_slice(segment.contents());
            }
        }
        Ok(())
    }

    /// A BIT STRING, X.690 8.6; only the last segment of a constructed one may leave bits unused.
    ///
    /// # Errors
    /// The count of unused bits is missing or over 7.
    pub fn bits(&self, field: &'static str) -> Result<BitString, DecodeError> {
        let mut value = BitString::default();
        if self.constructed {
            let mut segments = self.walk();
            while let Some(segment) = segments.next_element()? {
                if value.unused != 0 {
                    return Err(segment.invalid(field, "unused bits before the last segment"));
                }
                segment.append_bits(field, &mut value)?;
            }
        } else {
            self.append_bits(field, &mut value)?;
        }
        Ok(value)
    }

    fn append_bits(&self, field: &'static str, value: &mut BitString) -> Result<(), DecodeError> {
        match self.primitive(field)?.split_first() {
            Some((&unused, bytes)) if unused < 8 && (unused == 0 || !bytes.is_empty()) => {
                value.bytes.extend_from_slice(bytes);
                value.unused = unused;
                Ok(())
            }
            _ => Err(self.invalid(field, "count of unused bits missing or over 7")),
        }
    }

    /// A character string as text: UTF-8 where the octets are, otherwise each octet as Latin-1.
    ///
    /// # Errors
    /// A segment is not well formed.
    pub fn text(&self, field: &'static str) -> Result<String, DecodeError> {
        let octets = self.octets(field)?;
        Ok(match std::str::from_utf8(&octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().copied().map(char::from).collect(),
        })
    }

    fn primitive(&self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        if self.constructed {
            Err(self.invalid(field, "constructed where primitive is needed"))
        } else {
            Ok(self.contents())
        }
    }
}
