//! UUIDs and syntax identifiers, C706 appendix A and 12.6.3.1.

use std::fmt;
use std::str::FromStr;

use wire::{DecodeError, Reader, Writer};

use crate::ndr::ByteOrder;

/// A universally unique identifier, C706 appendix A.
///
/// Kept as the sixteen octets in the order in which the text form shows them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid([u8; 16]);

/// The text is no UUID of the form `8-4-4-4-12`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form 01234567-89ab-cdef-0123-456789abcdef")]
pub struct UuidError;

impl Uuid {
    /// The nil UUID: all octets zero.
    pub const NIL: Self = Self([0; 16]);

    /// The UUID whose text form is the hexadecimal of `value`.
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }

    /// The octets in the order of the text form.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// True for the nil UUID.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        *self == Self::NIL
    }

    /// The sixteen octets on the wire, C706 14.2 and appendix A: the first three fields are
    /// integers in the sender's byte order.
    #[must_use]
    pub fn to_wire(self, order: ByteOrder) -> [u8; 16] {
        swap_fields(self.0, order)
    }

    /// Reads the sixteen octets of the wire form.
    #[must_use]
    pub fn from_wire(octets: [u8; 16], order: ByteOrder) -> Self {
        Self(swap_fields(octets, order))
    }
}

fn swap_fields(mut octets: [u8; 16], order: ByteOrder) -> [u8; 16] {
    if order == ByteOrder::Little {
        octets[..4].reverse();
        octets[4..6].reverse();
        octets[6..8].reverse();
    }
    octets
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let lengths = [8, 4, 4, 4, 12];
        let mut groups = text.split('-');
        for length in lengths {
            let group = groups.next().ok_or(UuidError)?;
            if group.len() != length || !group.bytes().all(|octet| octet.is_ascii_hexdigit()) {
                return Err(UuidError);
            }
        }
        if groups.next().is_some() {
            return Err(UuidError);
        }
        u128::from_str_radix(&text.replace('-', ""), 16).map(Self::from_u128).map_err(|_| UuidError)
    }
}

/// An interface or transfer syntax with its version, C706 12.6.3.1 `p_syntax_id_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyntaxId {
    /// The identifier of the syntax.
    pub uuid: Uuid,
    /// The major version.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

impl SyntaxId {
    /// Octets of the wire form.
    pub const WIRE_LEN: usize = 20;

    /// NDR version 2.0, C706 chapter 14.
    pub const NDR: Self = Self::new(Uuid::from_u128(0x8a885d04_1ceb_11c9_9fe8_08002b104860), 2, 0);

    /// NDR64 version 1.0, MS-RPCE 2.2.4.12; known so that it can be declined by name.
    pub const NDR64: Self =
        Self::new(Uuid::from_u128(0x71710533_beba_4937_8319_b5dbef9ccc36), 1, 0);

    /// An identifier with its version.
    #[must_use]
    pub const fn new(uuid: Uuid, major: u16, minor: u16) -> Self {
        Self { uuid, major, minor }
    }

    /// The features offered, when this is a bind-time feature negotiation syntax,
    /// MS-RPCE 2.2.2.14 and 3.3.1.5.3: `6cb71c2c-9812-4540-` and a 64-bit little-endian mask.
    #[must_use]
    pub fn bind_time_features(&self) -> Option<u64> {
        const PREFIX: [u8; 8] = [0x6c, 0xb7, 0x1c, 0x2c, 0x98, 0x12, 0x45, 0x40];
        let (prefix, mask) = self.uuid.0.split_first_chunk::<8>()?;
        if *prefix != PREFIX || self.major != 1 || self.minor != 0 {
            return None;
        }
        Some(u64::from_le_bytes(*mask.first_chunk::<8>()?))
    }

    /// The offer of bind-time features, MS-RPCE 2.2.2.14.
    #[must_use]
    pub fn features(mask: u64) -> Self {
        let mut octets = [0x6c, 0xb7, 0x1c, 0x2c, 0x98, 0x12, 0x45, 0x40, 0, 0, 0, 0, 0, 0, 0, 0];
        octets[8..].copy_from_slice(&mask.to_le_bytes());
        Self::new(Uuid(octets), 1, 0)
    }

    /// True when a server of this interface version may serve a client that asks for
    /// `wanted`, C706 6.1.2: equal major version, at least the wanted minor version.
    #[must_use]
    pub fn serves(&self, wanted: &Self) -> bool {
        self.uuid == wanted.uuid && self.major == wanted.major && self.minor >= wanted.minor
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let uuid = Uuid::from_wire(reader.array("if_uuid")?, order);
        let version = order.u32(reader, "if_version")?;
        let [major_high, major_low, minor_high, minor_low] = version.rotate_left(16).to_be_bytes();
        Ok(Self {
            uuid,
            major: u16::from_be_bytes([major_high, major_low]),
            minor: u16::from_be_bytes([minor_high, minor_low]),
        })
    }

    pub(crate) fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        writer.bytes(&self.uuid.to_wire(order));
        // if_version is one 32-bit integer: the major version in its low half.
        order.put_u32(writer, u32::from(self.minor) << 16 | u32::from(self.major));
    }
}

impl fmt::Display for SyntaxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}.{}", self.uuid, self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "e1af8308-5d1f-11c9-91a4-08002b14a0fa";

    #[test]
    fn text_and_both_wire_orders() {
        let uuid: Uuid = TEXT.parse().unwrap();
        assert_eq!(uuid.to_string(), TEXT);
        assert_eq!(
            wire::to_hex(&uuid.to_wire(ByteOrder::Little)),
            "0883afe11f5dc91191a408002b14a0fa"
        );
        assert_eq!(wire::to_hex(&uuid.to_wire(ByteOrder::Big)), "e1af83085d1f11c991a408002b14a0fa");
        for order in [ByteOrder::Little, ByteOrder::Big] {
            assert_eq!(Uuid::from_wire(uuid.to_wire(order), order), uuid);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "e1af8308",
            "e1af83085d1f-11c9-91a4-08002b14a0fa",
            &TEXT.replace('8', "x"),
            &format!("{TEXT}-"),
        ] {
            assert_eq!(text.parse::<Uuid>(), Err(UuidError), "{text}");
        }
    }

    #[test]
    fn syntax_with_version_in_both_orders() {
        let syntax = SyntaxId::new(TEXT.parse().unwrap(), 3, 1);
        for (order, tail) in [(ByteOrder::Little, [3, 0, 1, 0]), (ByteOrder::Big, [0, 1, 0, 3])] {
            let mut writer = Writer::new();
            syntax.encode(&mut writer, order);
            assert_eq!(writer.as_slice()[16..], tail);
            let octets = writer.into_vec();
            assert_eq!(SyntaxId::decode(&mut Reader::new("test", &octets), order), Ok(syntax));
            for end in 0..octets.len() {
                SyntaxId::decode(&mut Reader::new("test", &octets[..end]), order).unwrap_err();
            }
        }
    }

    #[test]
    fn features_are_read_from_the_identifier() {
        let offered: Uuid = "6cb71c2c-9812-4540-0300-000000000000".parse().unwrap();
        assert_eq!(SyntaxId::new(offered, 1, 0).bind_time_features(), Some(3));
        assert_eq!(SyntaxId::features(3), SyntaxId::new(offered, 1, 0));
        assert_eq!(SyntaxId::NDR.bind_time_features(), None);
    }
}
