//! A list of entries, MS-DTYP 2.4.5.

use wire::{DecodeError, Reader, Writer};

use super::ace::Ace;

/// Octets of the head: revision, reserved, size, count, reserved.
const HEAD: usize = 8;
/// ACL_REVISION.
const REVISION: u8 = 2;
/// ACL_REVISION_DS, due where entries are about objects; both lay the list out alike.
const REVISION_DS: u8 = 4;
/// The smallest entry, used to check a count before anything is allocated.
const SMALLEST_ACE: usize = 4;

/// A list of entries in the order in which they are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    /// The entries.
    pub aces: Vec<Ace>,
    /// Written with the revision for directory objects although no entry needs it, as Samba does.
    directory: bool,
}

impl Acl {
    /// The list of these entries.
    #[must_use]
    pub fn new(aces: Vec<Ace>) -> Self {
        Self { aces, directory: false }
    }

    /// Puts the entries into the order that MS-DTYP 2.4.5 wants: explicit before inherited, denials before permissions.
    /// Inherited ones keep their order, which is from the parent outwards.
    pub fn sort_canonical(&mut self) {
        self.aces.sort_by_key(|ace| match (ace.is_inherited(), ace.kind.denies()) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        });
    }

    /// The entries that stand here by themselves.
    pub fn explicit(&self) -> impl Iterator<Item = &Ace> {
        self.aces.iter().filter(|ace| !ace.is_inherited())
    }

    fn has_objects(&self) -> bool {
        self.aces.iter().any(|ace| ace.kind.is_object())
    }

    fn size(&self) -> usize {
        HEAD + self.aces.iter().map(Ace::encoded_len).sum::<usize>()
    }

    pub(super) fn write(&self, writer: &mut Writer) -> Result<(), AclError> {
        let size = self.size();
        let too_long = AclError::TooLong { size };
        let octets = u16::try_from(size).map_err(|_| too_long)?;
        let count = u16::try_from(self.aces.len()).map_err(|_| AclError::TooLong { size })?;
        writer.u8(if self.directory || self.has_objects() { REVISION_DS } else { REVISION });
        writer.u8(0);
        writer.u16_le(octets);
        writer.u16_le(count);
        writer.u16_le(0);
        for ace in &self.aces {
            ace.write(writer);
        }
        Ok(())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "ACL";
        let start = reader.offset();
        let revision = reader.u8("AclRevision")?;
        if !(REVISION..=REVISION_DS).contains(&revision) {
            let detail = "only revisions 2 to 4 are known";
            return Err(DecodeError::invalid(WHAT, "AclRevision", start, detail));
        }
        reader.skip("Sbz1", 1)?;
        let size = usize::from(reader.u16_le("AclSize")?);
        let count = usize::from(reader.u16_le("AceCount")?);
        reader.skip("Sbz2", 2)?;
        let Some(length) = size.checked_sub(HEAD) else {
            let detail = "it is smaller than the head";
            return Err(DecodeError::invalid(WHAT, "AclSize", start + 2, detail));
        };
        if count > length / SMALLEST_ACE {
            let detail = "more entries than the size has room for";
            return Err(DecodeError::invalid(WHAT, "AceCount", start + 4, detail));
        }
        let body = reader.bytes("entries", length)?;
        // Room behind the last entry is allowed: writers reserve it.
        let mut reader = Reader::with_offset(WHAT, body, start + HEAD);
        let mut aces = Vec::with_capacity(count);
        for _ in 0..count {
            aces.push(Ace::read(&mut reader)?);
        }
        let mut acl = Self::new(aces);
        acl.directory = revision == REVISION_DS && !acl.has_objects();
        Ok(acl)
    }
}

/// A list that has no wire form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// Its size has 16 bits.
    #[error(
        "a list of entries has at most 65535 octets, this one has {size}; remove entries, or grant to a group"
    )]
    TooLong {
        /// Octets that it would have.
        size: usize,
    },
}
