//! One entry of a list, MS-DTYP 2.4.4.

use wire::{DecodeError, Reader, Writer};

use crate::{Guid, Sid};

/// The head and the smallest body that an entry with an identifier can have.
const HEAD: usize = 4;

/// What an entry does, MS-DTYP 2.4.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AceKind {
    /// Allows.
    Allow,
    /// Denies.
    Deny,
    /// Audits.
    Audit,
    /// Allows, for an object type or into one.
    AllowObject,
    /// Denies, for an object type or into one.
    DenyObject,
    /// Audits, for an object type or into one.
    AuditObject,
    /// Any other: its body is carried and never acted on, but for conditional denials.
    Other(u8),
}

impl AceKind {
    /// The number on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Deny => 1,
            Self::Audit => 2,
            Self::AllowObject => 5,
            Self::DenyObject => 6,
            Self::AuditObject => 7,
            Self::Other(code) => code,
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Allow,
            1 => Self::Deny,
            2 => Self::Audit,
            5 => Self::AllowObject,
            6 => Self::DenyObject,
            7 => Self::AuditObject,
            other => Self::Other(other),
        }
    }

    /// Whether its body has object types.
    #[must_use]
    pub fn is_object(self) -> bool {
        // 11, 12, 15 and 16 are their forms with a condition.
        matches!(self.code(), 5..=8 | 11 | 12 | 15 | 16)
    }

    /// Whether the body has the form that all kinds share but the compound one (MS-DTYP 2.4.4.1: 4 is reserved).
    fn has_sid(self) -> bool {
        matches!(self.code(), 0..=3 | 5..=20)
    }

    /// Whether it allows something.
    #[must_use]
    pub fn allows(self) -> bool {
        matches!(self, Self::Allow | Self::AllowObject)
    }

    /// Whether it denies something; a conditional denial (10, 12) counts, since its condition is not evaluated.
    #[must_use]
    pub fn denies(self) -> bool {
        matches!(self, Self::Deny | Self::DenyObject | Self::Other(10 | 12))
    }
}

/// The flags of an entry, MS-DTYP 2.4.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AceFlags(pub u8);

impl AceFlags {
    /// Inherited by what is no container.
    pub const OBJECT_INHERIT: Self = Self(0x01);
    /// Inherited by containers.
    pub const CONTAINER_INHERIT: Self = Self(0x02);
    /// Inherited by children, not by theirs.
    pub const NO_PROPAGATE: Self = Self(0x04);
    /// Inherited only: no effect where it stands.
    pub const INHERIT_ONLY: Self = Self(0x08);
    /// Came from the parent.
    pub const INHERITED: Self = Self(0x10);
    /// Audits successes.
    pub const SUCCESS: Self = Self(0x40);
    /// Audits failures.
    pub const FAILURE: Self = Self(0x80);

    /// Whether all of these are set.
    #[must_use]
    pub fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// With these set too.
    #[must_use]
    pub fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// With these cleared.
    #[must_use]
    pub fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
}

/// What an object entry is about, MS-DTYP 2.4.4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ObjectTypes {
    /// The class, attribute, set of attributes or extended right that it covers.
    pub object: Option<Guid>,
    /// The class of children that inherit it.
    pub inherited: Option<Guid>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ace {
    /// What it does.
    pub kind: AceKind,
    /// How it is inherited.
    pub flags: AceFlags,
    /// The rights that it is about; see [`super::rights`].
    pub mask: u32,
    /// Object types; empty unless the kind has them.
    pub types: ObjectTypes,
    /// Whom it concerns.
    pub sid: Sid,
    /// What follows the identifier (a condition, a claim), or the whole body of an entry of another form.
    pub data: Vec<u8>,
}

impl Ace {
    /// Allows `mask` to `sid`, here only.
    #[must_use]
    pub fn allow(sid: Sid, mask: u32) -> Self {
        let (flags, types) = (AceFlags::default(), ObjectTypes::default());
        Self { kind: AceKind::Allow, flags, mask, types, sid, data: Vec::new() }
    }

    /// Denies `mask` to `sid`, here only.
    #[must_use]
    pub fn deny(sid: Sid, mask: u32) -> Self {
        Self { kind: AceKind::Deny, ..Self::allow(sid, mask) }
    }

    /// Allows `mask` on the class, attribute or extended right `object` to `sid`.
    #[must_use]
    pub fn allow_object(sid: Sid, mask: u32, object: Guid) -> Self {
        let types = ObjectTypes { object: Some(object), inherited: None };
        Self { kind: AceKind::AllowObject, types, ..Self::allow(sid, mask) }
    }

    /// With these flags.
    #[must_use]
    pub fn flagged(self, flags: AceFlags) -> Self {
        Self { flags, ..self }
    }

    /// Whether it counts where it stands.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        !self.flags.has(AceFlags::INHERIT_ONLY)
    }

    /// Whether it came from the parent.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.flags.has(AceFlags::INHERITED)
    }

    fn body_len(&self) -> usize {
        let types = if self.kind.is_object() {
            4 + 16 * [self.types.object, self.types.inherited].iter().flatten().count()
        } else {
            0
        };
        let head = if self.kind.has_sid() { 4 + types + self.sid.encoded_len() } else { 0 };
        (head + self.data.len()).next_multiple_of(4)
    }

    pub(super) fn encoded_len(&self) -> usize {
        HEAD + self.body_len()
    }

    /// Writes the entry; the list has checked that its length fits 16 bits.
    pub(super) fn write(&self, writer: &mut Writer) {
        let end = writer.len() + self.encoded_len();
        writer.u8(self.kind.code());
        writer.u8(self.flags.0);
        writer.u16_le(u16::try_from(self.encoded_len()).unwrap_or(u16::MAX));
        if self.kind.has_sid() {
            writer.u32_le(self.mask);
            if self.kind.is_object() {
                let ObjectTypes { object, inherited } = self.types;
                writer.u32_le(u32::from(object.is_some()) | u32::from(inherited.is_some()) << 1);
                for guid in [object, inherited].into_iter().flatten() {
                    writer.bytes(&guid.to_bytes());
                }
            }
            self.sid.write(writer);
        }
        writer.bytes(&self.data);
        writer.zeros(end - writer.len());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "ACE";
        let start = reader.offset();
        let kind = AceKind::from_code(reader.u8("AceType")?);
        let flags = AceFlags(reader.u8("AceFlags")?);
        let size = usize::from(reader.u16_le("AceSize")?);
        if size < HEAD || !size.is_multiple_of(4) {
            let detail = "a size is a multiple of 4 and covers the head";
            return Err(DecodeError::invalid(WHAT, "AceSize", start + 2, detail));
        }
        let body = reader.bytes("body", size - HEAD)?;
        let mut reader = Reader::with_offset(WHAT, body, start + HEAD);
        if !kind.has_sid() {
            let sid = Sid::fixed(0, &[0]);
            let types = ObjectTypes::default();
            return Ok(Self { kind, flags, mask: 0, types, sid, data: body.to_vec() });
        }
        let mask = reader.u32_le("Mask")?;
        let mut types = ObjectTypes::default();
        if kind.is_object() {
            let at = reader.offset();
            let present = reader.u32_le("Flags")?;
            if present > 3 {
                return Err(DecodeError::unsupported(WHAT, "Flags", at, u64::from(present)));
            }
            if present & 1 != 0 {
                types.object = Some(Guid::from_bytes(reader.array("ObjectType")?));
            }
            if present & 2 != 0 {
                types.inherited = Some(Guid::from_bytes(reader.array("InheritedObjectType")?));
            }
        }
        let sid = Sid::read(&mut reader)?;
        // Plain kinds have nothing behind the identifier but room that some writers leave.
        let plain = matches!(kind.code(), 0..=2 | 5..=7);
        let data = if plain { Vec::new() } else { reader.rest().to_vec() };
        Ok(Self { kind, flags, mask, types, sid, data })
    }
}
