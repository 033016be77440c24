//! What the three messages share: how they begin, the version, and pointers into the payload.

use wire::{DecodeError, Reader, Writer};

use crate::SecurityError;

/// Longest message taken: Windows promises at most 2888 octets (`cbMaxToken`), long names leave room to spare.
pub const MAX_TOKEN: usize = 8192;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Who speaks (MS-NLMP 2.2.2.10, VERSION).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Major, minor, and the build number in little-endian order.
    pub product: [u8; 4],
    /// Revision of the protocol, 15 everywhere.
    pub revision: u8,
}

impl Version {
    /// Octets on the wire.
    pub(super) const LEN: usize = 8;

    /// What this implementation sends: revision 15 and a product that claims no behaviour newer than Windows 10.
    pub const OURS: Self = Self { product: [10, 0, 0, 0], revision: 15 };

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let product = reader.array("ProductVersion")?;
        reader.skip("Reserved", 3)?;
        let revision = reader.u8("NTLMRevisionCurrent")?;
        Ok(Self { product, revision })
    }

    pub(super) fn write(self, writer: &mut Writer) {
        writer.bytes(&self.product);
        writer.zeros(3);
        writer.u8(self.revision);
    }
}

/// A pointer into the payload: length, allocated length (ignored), offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pointer {
    pub(super) field: &'static str,
    pub(super) len: usize,
    offset: usize,
    pub(super) at: usize,
}

impl Pointer {
    pub(super) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let at = reader.offset();
        let len = usize::from(reader.u16_le(field)?);
        reader.skip(field, 2)?;
        let offset = usize::try_from(reader.u32_le(field)?)
            .map_err(|_| reader.invalid(field, "the offset is too large"))?;
        Ok(Self { field, len, offset, at })
    }

    /// Where the part begins; `None` when it is empty, since an empty part may point anywhere.
    pub(super) fn start(self) -> Option<usize> {
        (self.len > 0).then_some(self.offset)
    }

    pub(super) fn resolve<'a>(
        self,
        what: &'static str,
        message: &'a [u8],
        fixed: usize,
    ) -> Result<&'a [u8], DecodeError> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.offset < fixed {
            return Err(DecodeError::invalid(
                what,
                self.field,
                self.at,
                "the offset points into the fixed part",
            ));
        }
        self.offset.checked_add(self.len).and_then(|end| message.get(self.offset..end)).ok_or_else(
            || {
                let available = message.len().saturating_sub(self.offset);
                DecodeError::truncated(what, self.field, self.at, self.len, available)
            },
        )
    }
}

/// Collects the payload while the fixed part is written.
pub(super) struct Payload {
    offset: usize,
    pub(super) octets: Vec<u8>,
}

impl Payload {
    pub(super) const fn after(fixed: usize) -> Self {
        Self { offset: fixed, octets: Vec::new() }
    }

    /// Appends a part and returns its pointer; parts may be given in another order than their pointers are written.
    pub(super) fn push(
        &mut self,
        part: &[u8],
        field: &'static str,
    ) -> Result<[u8; 8], SecurityError> {
        let too_long = |_| SecurityError::TooLong { field };
        let len = u16::try_from(part.len()).map_err(too_long)?.to_le_bytes();
        let offset =
            u32::try_from(self.offset + self.octets.len()).map_err(too_long)?.to_le_bytes();
        self.octets.extend_from_slice(part);
        Ok([len[0], len[1], len[0], len[1], offset[0], offset[1], offset[2], offset[3]])
    }
}

pub(super) fn open<'a>(
    what: &'static str,
    message: &'a [u8],
    expected_type: u32,
) -> Result<Reader<'a>, DecodeError> {
    if message.len() > MAX_TOKEN {
        return Err(DecodeError::limit(what, "message", 0, MAX_TOKEN));
    }
    let mut reader = Reader::new(what, message);
    if reader.bytes("Signature", SIGNATURE.len())? != SIGNATURE {
        return Err(DecodeError::invalid(what, "Signature", 0, "not NTLMSSP"));
    }
    let message_type = reader.u32_le("MessageType")?;
    if message_type != expected_type {
        let value = u64::from(message_type);
        return Err(DecodeError::unsupported(what, "MessageType", SIGNATURE.len(), value));
    }
    Ok(reader)
}

pub(super) fn begin(message_type: u32) -> Writer {
    let mut writer = Writer::new();
    writer.bytes(SIGNATURE);
    writer.u32_le(message_type);
    writer
}
