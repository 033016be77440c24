//! Security descriptors: owner, group, who may what (DACL), what is audited (SACL); MS-DTYP 2.4.6.
//!
//! Self-relative octets both ways here, SDDL in [`sddl`], inheritance in [`inherit`], the access check in [`access`].
//! Entries of kinds that are not interpreted are carried octet for octet. Left out: absolute form (it has pointers),
//! and conditions, which are carried and never evaluated.

pub mod access;
mod ace;
mod acl;
pub mod inherit;
pub mod rights;
mod sddl;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use wire::{DecodeError, Reader, Writer};

pub use ace::{Ace, AceFlags, AceKind, ObjectTypes};
pub use acl::{Acl, AclError};
pub use sddl::SddlError;

use crate::Sid;

/// Octets of the head: revision, reserved, control, four offsets (MS-DTYP 2.4.6).
const HEAD: usize = 20;
/// Most octets: two lists of 65535 octets (their size has 16 bits), two identifiers of 68, and the head.
pub const MAX_DESCRIPTOR: usize = HEAD + 2 * 65_535 + 2 * 68;
const REVISION: u8 = 1;

/// The control bits of MS-DTYP 2.4.6 that are kept; those that follow from the content are computed.
pub mod control {
    /// The owner was not given by anybody.
    pub const OWNER_DEFAULTED: u16 = 0x0001;
    /// The group was not given by anybody.
    pub const GROUP_DEFAULTED: u16 = 0x0002;
    pub(crate) const DACL_PRESENT: u16 = 0x0004;
    /// The list was not given by anybody.
    pub const DACL_DEFAULTED: u16 = 0x0008;
    pub(crate) const SACL_PRESENT: u16 = 0x0010;
    /// The audit list was not given by anybody.
    pub const SACL_DEFAULTED: u16 = 0x0020;
    /// Inheritance was asked for.
    pub const DACL_AUTO_INHERIT_REQ: u16 = 0x0100;
    /// Inheritance of the audit list was asked for.
    pub const SACL_AUTO_INHERIT_REQ: u16 = 0x0200;
    /// The list has been through inheritance.
    pub const DACL_AUTO_INHERITED: u16 = 0x0400;
    /// The audit list has been through inheritance.
    pub const SACL_AUTO_INHERITED: u16 = 0x0800;
    /// Nothing is inherited into the list.
    pub const DACL_PROTECTED: u16 = 0x1000;
    /// Nothing is inherited into the audit list.
    pub const SACL_PROTECTED: u16 = 0x2000;
    pub(crate) const SELF_RELATIVE: u16 = 0x8000;
    pub(crate) const COMPUTED: u16 = DACL_PRESENT | SACL_PRESENT | SELF_RELATIVE;
}

/// A list that may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Slot {
    /// There is none: as a DACL everybody may everything.
    #[default]
    Absent,
    /// It is present and null: likewise.
    Null,
    /// It is there; empty, as a DACL, nobody may anything.
    Acl(Acl),
}

impl Slot {
    /// The list, if there is one.
    #[must_use]
    pub fn acl(&self) -> Option<&Acl> {
        if let Self::Acl(acl) = self { Some(acl) } else { None }
    }
}

/// A security descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityDescriptor {
    control: u16,
    reserved: u8,
    /// Whose it is.
    pub owner: Option<Sid>,
    /// The owner's primary group.
    pub group: Option<Sid>,
    /// Who may what.
    pub dacl: Slot,
    /// What is audited; carried, not acted on.
    pub sacl: Slot,
}

impl SecurityDescriptor {
    /// A descriptor with an owner, a group and a list.
    #[must_use]
    pub fn new(owner: Sid, group: Sid, dacl: Acl) -> Self {
        Self { owner: Some(owner), group: Some(group), dacl: Slot::Acl(dacl), ..Self::default() }
    }

    /// The control bits, those included that follow from the content.
    #[must_use]
    pub fn control(&self) -> u16 {
        let present = |slot: &Slot, bit| if *slot == Slot::Absent { 0 } else { bit };
        self.control
            | present(&self.dacl, control::DACL_PRESENT)
            | present(&self.sacl, control::SACL_PRESENT)
            | control::SELF_RELATIVE
    }

    /// Whether all these control bits are set.
    #[must_use]
    pub fn has(&self, bits: u16) -> bool {
        self.control() & bits == bits
    }

    /// Sets or clears control bits; those that follow from the content stay as they are.
    pub fn set(&mut self, bits: u16, on: bool) {
        let bits = bits & !control::COMPUTED;
        self.control = if on { self.control | bits } else { self.control & !bits };
    }

    /// The self-relative form: head, owner, group, SACL, DACL.
    ///
    /// # Errors
    /// A list is longer than its length field can say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, AclError> {
        let mut writer = Writer::new();
        writer.u8(REVISION);
        writer.u8(self.reserved);
        writer.u16_le(self.control());
        writer.zeros(16);
        // The order in which Samba writes them; readers go by the offsets.
        for (field, sid) in [(4, &self.owner), (8, &self.group)] {
            if let Some(sid) = sid {
                patch_offset(&mut writer, field);
                sid.write(&mut writer);
            }
        }
        for (field, slot) in [(12, &self.sacl), (16, &self.dacl)] {
            if let Slot::Acl(acl) = slot {
                patch_offset(&mut writer, field);
                acl.write(&mut writer)?;
            }
        }
        Ok(writer.into_vec())
    }

    /// Reads the self-relative form.
    ///
    /// # Errors
    /// The octets are no descriptor; the error points at the place.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "security descriptor";
        if bytes.len() > MAX_DESCRIPTOR {
            return Err(DecodeError::limit(WHAT, "size", MAX_DESCRIPTOR, MAX_DESCRIPTOR));
        }
        let mut reader = Reader::new(WHAT, bytes);
        if reader.u8("Revision")? != REVISION {
            return Err(DecodeError::invalid(WHAT, "Revision", 0, "only revision 1 is known"));
        }
        let reserved = reader.u8("Sbz1")?;
        let control = reader.u16_le("Control")?;
        if control & control::SELF_RELATIVE == 0 {
            return Err(DecodeError::invalid(WHAT, "Control", 2, "it is not self-relative"));
        }
        let owner = part(&mut reader, bytes, "OffsetOwner", Sid::read)?;
        let group = part(&mut reader, bytes, "OffsetGroup", Sid::read)?;
        let sacl = part(&mut reader, bytes, "OffsetSacl", Acl::read)?;
        let dacl = part(&mut reader, bytes, "OffsetDacl", Acl::read)?;
        let slot = |acl: Option<Acl>, bit| match acl {
            // Without the bit the offset says nothing.
            _ if control & bit == 0 => Slot::Absent,
            None => Slot::Null,
            Some(acl) => Slot::Acl(acl),
        };
        Ok(Self {
            control: control & !control::COMPUTED,
            reserved,
            owner,
            group,
            dacl: slot(dacl, control::DACL_PRESENT),
            sacl: slot(sacl, control::SACL_PRESENT),
        })
    }

    /// Lower-case hexadecimal of the octets: how files that are text keep a descriptor.
    ///
    /// # Errors
    /// As [`Self::to_bytes`].
    pub fn to_hex(&self) -> Result<String, AclError> {
        Ok(self.to_bytes()?.iter().map(|octet| format!("{octet:02x}")).collect())
    }
}

fn patch_offset(writer: &mut Writer, field: usize) {
    // Below MAX_DESCRIPTOR, so it fits.
    let here = u32::try_from(writer.len()).unwrap_or(u32::MAX);
    writer.patch_u32_le(field, here);
}

/// Reads what an offset points at; zero means nothing.
fn part<'a, T>(
    head: &mut Reader<'a>,
    bytes: &'a [u8],
    field: &'static str,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    let at = head.offset();
    let offset = head.u32_le(field)?;
    if offset == 0 {
        return Ok(None);
    }
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let what = "security descriptor";
    if start < HEAD {
        return Err(DecodeError::invalid(what, field, at, "it points into the head"));
    }
    let Some(rest) = bytes.get(start..) else {
        return Err(DecodeError::invalid(what, field, at, "it points behind the end"));
    };
    read(&mut Reader::with_offset(what, rest, start)).map(Some)
}

impl Serialize for SecurityDescriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex = self.to_hex().map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for SecurityDescriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = octets_of(&text).ok_or_else(|| de::Error::custom("no hexadecimal octets"))?;
        Self::from_bytes(&octets).map_err(de::Error::custom)
    }
}

fn octets_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
