//! A buffer that grows, with back-patched lengths.

/// Octets being written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
}

macro_rules! integers {
    ($($name:ident: $type:ty, $to:ident;)*) => {$(
        /// Appends one integer of this width and byte order.
        pub fn $name(&mut self, value: $type) {
            self.bytes.extend_from_slice(&value.$to());
        }
    )*};
}

macro_rules! patches {
    ($($name:ident: $type:ty, $to:ident;)*) => {$(
        /// Overwrites the integer that stands at `at`, which must have been written before.
        pub fn $name(&mut self, at: usize, value: $type) {
            let octets = value.$to();
            self.bytes[at..at + octets.len()].copy_from_slice(&octets);
        }
    )*};
}

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` octets.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// Appends one octet.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    integers! {
        u16_le: u16, to_le_bytes;
        u16_be: u16, to_be_bytes;
        u32_le: u32, to_le_bytes;
        u32_be: u32, to_be_bytes;
        u64_le: u64, to_le_bytes;
        u64_be: u64, to_be_bytes;
    }

    patches! {
        patch_u16_le: u16, to_le_bytes;
        patch_u16_be: u16, to_be_bytes;
        patch_u32_le: u32, to_le_bytes;
        patch_u32_be: u32, to_be_bytes;
    }

    /// Appends octets as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends `count` zero octets.
    pub fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Appends `fill` until the length is a multiple of `alignment`, which is not zero.
    pub fn align(&mut self, alignment: usize, fill: u8) {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), fill);
    }

    /// Octets written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was written.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffer itself.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_and_aligns() {
        let mut writer = Writer::new();
        writer.u16_be(0);
        writer.bytes(b"abc");
        writer.align(4, 0xff);
        writer.patch_u16_be(0, 8);
        assert_eq!(writer.as_slice(), [0, 8, b'a', b'b', b'c', 0xff, 0xff, 0xff]);
    }
}
