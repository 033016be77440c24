//! Identifier octets, X.690 8.1.2.

use wire::{DecodeError, Reader};

/// The class of a tag, X.690 8.1.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Universal,
    Application,
    Context,
    Private,
}

impl Class {
    const fn bits(self) -> u8 {
        match self {
            Self::Universal => 0x00,
            Self::Application => 0x40,
            Self::Context => 0x80,
            Self::Private => 0xc0,
        }
    }

    const fn from_bits(octet: u8) -> Self {
        match octet & 0xc0 {
            0x00 => Self::Universal,
            0x40 => Self::Application,
            0x80 => Self::Context,
            _ => Self::Private,
        }
    }
}

/// A tag: class and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    pub class: Class,
    pub number: u32,
}

/// Set in the identifier octet of a constructed encoding.
const CONSTRUCTED: u8 = 0x20;
/// Marks the high-tag-number form.
const HIGH: u8 = 0x1f;

impl Tag {
    pub const BOOLEAN: Self = Self::universal(1);
    pub const INTEGER: Self = Self::universal(2);
    pub const BIT_STRING: Self = Self::universal(3);
    pub const OCTET_STRING: Self = Self::universal(4);
    pub const NULL: Self = Self::universal(5);
    pub const OBJECT_IDENTIFIER: Self = Self::universal(6);
    pub const EXTERNAL: Self = Self::universal(8);
    pub const ENUMERATED: Self = Self::universal(10);
    pub const UTF8_STRING: Self = Self::universal(12);
    pub const SEQUENCE: Self = Self::universal(16);
    pub const SET: Self = Self::universal(17);
    pub const NUMERIC_STRING: Self = Self::universal(18);
    pub const PRINTABLE_STRING: Self = Self::universal(19);
    pub const T61_STRING: Self = Self::universal(20);
    pub const IA5_STRING: Self = Self::universal(22);
    pub const UTC_TIME: Self = Self::universal(23);
    pub const GENERALIZED_TIME: Self = Self::universal(24);
    pub const GRAPHIC_STRING: Self = Self::universal(25);
    pub const VISIBLE_STRING: Self = Self::universal(26);
    pub const GENERAL_STRING: Self = Self::universal(27);
    pub const UNIVERSAL_STRING: Self = Self::universal(28);
    pub const BMP_STRING: Self = Self::universal(30);

    /// A universal tag.
    #[must_use]
    pub const fn universal(number: u32) -> Self {
        Self { class: Class::Universal, number }
    }

    /// An application tag.
    #[must_use]
    pub const fn application(number: u32) -> Self {
        Self { class: Class::Application, number }
    }

    /// A context-specific tag.
    #[must_use]
    pub const fn context(number: u32) -> Self {
        Self { class: Class::Context, number }
    }

    pub(crate) fn write(self, constructed: bool, out: &mut Vec<u8>) {
        let form = if constructed { CONSTRUCTED } else { 0 };
        let first = self.class.bits() | form;
        match u8::try_from(self.number) {
            Ok(number) if number < HIGH => out.push(first | number),
            _ => {
                out.push(first | HIGH);
                write_base128(u128::from(self.number), out);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<(Self, bool), DecodeError> {
        let first = reader.u8("identifier")?;
        let class = Class::from_bits(first);
        let constructed = first & CONSTRUCTED != 0;
        let low = first & HIGH;
        if low != HIGH {
            return Ok((Self { class, number: u32::from(low) }, constructed));
        }
        let mut number: u32 = 0;
        loop {
            let octet = reader.u8("identifier")?;
            if number > u32::MAX >> 7 {
                return Err(reader.invalid("identifier", "tag number over 32 bits"));
            }
            number = number << 7 | u32::from(octet & 0x7f);
            if octet & 0x80 == 0 {
                return Ok((Self { class, number }, constructed));
            }
        }
    }
}

/// Groups of seven bits, most significant first, all but the last with bit 8 set.
pub(crate) fn write_base128(value: u128, out: &mut Vec<u8>) {
    let groups = (128 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let [low, ..] = (value >> (group * 7)).to_le_bytes();
        let more = if group == 0 { 0 } else { 0x80 };
        out.push(low & 0x7f | more);
    }
}
