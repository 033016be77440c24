//! A cursor that reads.

use crate::DecodeError;

/// A cursor over octets that knows what it reads and where it stands.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    position: usize,
    base: usize,
}

macro_rules! integers {
    ($($name:ident: $type:ty, $from:ident;)*) => {$(
        /// Reads one integer of this width and byte order.
        ///
        /// # Errors
        /// The input is too short.
        pub fn $name(&mut self, field: &'static str) -> Result<$type, DecodeError> {
            Ok(<$type>::$from(self.array(field)?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Reads `bytes` as a `what`, offsets counted from their start.
    #[must_use]
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self::with_offset(what, bytes, 0)
    }

    /// Reads `bytes` that begin at offset `base` of the whole input.
    #[must_use]
    pub fn with_offset(what: &'static str, bytes: &'a [u8], base: usize) -> Self {
        Self { what, bytes, position: 0, base }
    }

    /// Offset in the whole input.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.base + self.position
    }

    /// Octets read so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Octets left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// True when nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The octets left, without moving.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Takes `count` octets.
    ///
    /// # Errors
    /// The input is too short.
    pub fn bytes(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        let Some(taken) = rest.get(..count) else {
            return Err(DecodeError::truncated(self.what, field, self.offset(), count, rest.len()));
        };
        self.position += count;
        Ok(taken)
    }

    /// Takes `N` octets as an array.
    ///
    /// # Errors
    /// The input is too short.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let taken = self.bytes(field, N)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    /// Passes over `count` octets.
    ///
    /// # Errors
    /// The input is too short.
    pub fn skip(&mut self, field: &'static str, count: usize) -> Result<(), DecodeError> {
        self.bytes(field, count).map(|_| ())
    }

    /// Reads one octet.
    ///
    /// # Errors
    /// The input is too short.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array(field)?))
    }

    integers! {
        u16_le: u16, from_le_bytes;
        u16_be: u16, from_be_bytes;
        u32_le: u32, from_le_bytes;
        u32_be: u32, from_be_bytes;
        u64_le: u64, from_le_bytes;
        u64_be: u64, from_be_bytes;
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Octets are left.
    pub fn finish(self, field: &'static str) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(DecodeError::trailing(self.what, field, self.offset(), count)),
        }
    }

    /// An error about the value at the current offset.
    #[must_use]
    pub fn invalid(&self, field: &'static str, detail: &'static str) -> DecodeError {
        DecodeError::invalid(self.what, field, self.offset(), detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DecodeErrorKind;

    #[test]
    fn reads_integers_of_both_orders() {
        let mut reader = Reader::new("test", &[1, 2, 1, 2, 1, 2, 3, 4, 9]);
        assert_eq!(reader.u16_le("a").unwrap(), 0x0201);
        assert_eq!(reader.u16_be("b").unwrap(), 0x0102);
        assert_eq!(reader.u32_be("c").unwrap(), 0x0102_0304);
        assert_eq!(
            reader.clone().finish("end").unwrap_err().kind,
            DecodeErrorKind::Trailing { count: 1 }
        );
        assert_eq!(reader.u8("d").unwrap(), 9);
        reader.finish("end").unwrap();
    }

    #[test]
    fn a_short_input_names_field_and_offset() {
        let mut reader = Reader::with_offset("test", &[1, 2, 3], 10);
        reader.skip("a", 2).unwrap();
        let error = reader.u32_le("length").unwrap_err();
        assert_eq!(error.to_string(), "test: length at offset 12: 4 octets needed, 1 left");
        assert_eq!(reader.rest(), [3]);
    }
}
