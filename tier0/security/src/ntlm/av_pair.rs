//! Attribute-value pairs of the target info (MS-NLMP 2.2.2.1, AV_PAIR).

use wire::{DecodeError, Reader, Writer};

use super::text;
use crate::{FileTime, SecurityError};

const WHAT: &str = "NTLM target info";

/// Most pairs in one list: the standard defines 11 identifiers, each at most once.
pub const MAX_AV_PAIRS: usize = 32;

/// The identifier of a pair; unknown values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AvId(pub u16);

impl AvId {
    /// The end of the list.
    pub const EOL: Self = Self(0);
    /// The acceptor's NetBIOS computer name.
    pub const NB_COMPUTER_NAME: Self = Self(1);
    /// The acceptor's NetBIOS domain name.
    pub const NB_DOMAIN_NAME: Self = Self(2);
    /// The acceptor's DNS name.
    pub const DNS_COMPUTER_NAME: Self = Self(3);
    /// The acceptor's DNS domain.
    pub const DNS_DOMAIN_NAME: Self = Self(4);
    /// Bits, see [`TargetInfo::promises_mic`].
    pub const FLAGS: Self = Self(6);
    /// The acceptor's time.
    pub const TIMESTAMP: Self = Self(7);
    /// The service principal name that the initiator meant.
    pub const TARGET_NAME: Self = Self(9);
}

/// One pair, its value as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvPair {
    /// Which.
    pub id: AvId,
    /// Its octets.
    pub value: Vec<u8>,
}

/// A list of pairs, in the order of the wire, no identifier twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetInfo {
    pairs: Vec<AvPair>,
}

impl TargetInfo {
    /// True when there is no pair at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Bit of [`AvId::FLAGS`]: AUTHENTICATE carries a message integrity code.
    const MIC_PRESENT: u32 = 2;

    /// Reads a list through its end mark and leaves the rest to the caller.
    ///
    /// # Errors
    /// [`DecodeError`] when the list has no end, an identifier twice or more than [`MAX_AV_PAIRS`] pairs.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut info = Self::default();
        loop {
            let at = reader.offset();
            let id = AvId(reader.u16_le("AvId")?);
            let len = usize::from(reader.u16_le("AvLen")?);
            if id == AvId::EOL {
                return if len == 0 {
                    Ok(info)
                } else {
                    Err(DecodeError::invalid(WHAT, "AvLen", at, "the end mark has a value"))
                };
            }
            if info.pairs.len() == MAX_AV_PAIRS {
                return Err(DecodeError::limit(WHAT, "AvPairs", at, MAX_AV_PAIRS));
            }
            if info.get(id).is_some() {
                return Err(DecodeError::invalid(WHAT, "AvId", at, "the pair occurs twice"));
            }
            let value = reader.bytes("Value", len)?.to_vec();
            info.pairs.push(AvPair { id, value });
        }
    }

    /// Reads a list that fills `bytes`.
    ///
    /// # Errors
    /// As [`Self::read`], and when octets are left.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, bytes);
        let info = Self::read(&mut reader)?;
        reader.finish("end")?;
        Ok(info)
    }

    /// The list with its end mark.
    ///
    /// # Errors
    /// [`SecurityError::TooLong`] when a value has more than 65535 octets.
    pub fn encode(&self) -> Result<Vec<u8>, SecurityError> {
        let mut writer = Writer::new();
        for AvPair { id, value } in &self.pairs {
            let len = u16::try_from(value.len())
                .map_err(|_| SecurityError::TooLong { field: "a target info value" })?;
            writer.u16_le(id.0);
            writer.u16_le(len);
            writer.bytes(value);
        }
        writer.zeros(4);
        Ok(writer.into_vec())
    }

    /// The pairs in order.
    #[must_use]
    pub fn pairs(&self) -> &[AvPair] {
        &self.pairs
    }

    /// The octets of a pair.
    #[must_use]
    pub fn get(&self, id: AvId) -> Option<&[u8]> {
        self.pairs.iter().find(|pair| pair.id == id).map(|pair| &*pair.value)
    }

    /// The name in a pair; `None` when it is missing or no UTF-16.
    #[must_use]
    pub fn name(&self, id: AvId) -> Option<String> {
        text::decode_utf16(self.get(id)?).ok()
    }

    /// The time in the timestamp pair.
    #[must_use]
    pub fn timestamp(&self) -> Option<FileTime> {
        let octets = <[u8; 8]>::try_from(self.get(AvId::TIMESTAMP)?).ok()?;
        Some(FileTime(u64::from_le_bytes(octets)))
    }

    /// Whether the flags pair promises a message integrity code.
    #[must_use]
    pub fn promises_mic(&self) -> bool {
        self.flags() & Self::MIC_PRESENT != 0
    }

    /// Whether every pair of `other` is here with the same octets.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.pairs.iter().all(|pair| self.get(pair.id) == Some(&*pair.value))
    }

    /// Replaces or appends a pair.
    pub fn set(&mut self, id: AvId, value: Vec<u8>) {
        match self.pairs.iter_mut().find(|pair| pair.id == id) {
            Some(pair) => pair.value = value,
            None => self.pairs.push(AvPair { id, value }),
        }
    }

    pub(super) fn set_name(&mut self, id: AvId, name: &str) {
        self.set(id, text::utf16(name));
    }

    pub(super) fn promise_mic(&mut self) {
        let flags = self.flags() | Self::MIC_PRESENT;
        self.set(AvId::FLAGS, flags.to_le_bytes().to_vec());
    }

    fn flags(&self) -> u32 {
        self.get(AvId::FLAGS)
            .and_then(|octets| <[u8; 4]>::try_from(octets).ok())
            .map_or(0, u32::from_le_bytes)
    }
}
