//! What a new or moved object's list becomes from its parent's, MS-DTYP 2.5.3.4 (CreateSecurityDescriptor).

use super::rights::{GENERIC, GenericMapping};
use super::{Ace, AceFlags, AceKind, Acl, SecurityDescriptor, Slot, control};
use crate::{Guid, Sid, well_known};

/// The object that inherits.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    /// Whether it can have children itself.
    pub container: bool,
    /// Its class and the classes above it.
    pub classes: &'a [Guid],
    /// Whose it will be.
    pub owner: &'a Sid,
    /// The owner's primary group.
    pub group: &'a Sid,
    /// What generic bits stand for.
    pub mapping: GenericMapping,
}

/// The descriptor of a child: `own` gives what was set on it explicitly, `parent` what it inherits.
///
/// Entries that `own` inherited before are replaced by what the parent gives now; a protected list inherits nothing.
#[must_use]
pub fn descriptor_of(
    parent: &SecurityDescriptor,
    own: &SecurityDescriptor,
    child: &Child<'_>,
) -> SecurityDescriptor {
    let mut result = own.clone();
    result.owner.get_or_insert_with(|| child.owner.clone());
    result.group.get_or_insert_with(|| child.group.clone());
    let dacl_bits = (control::DACL_PROTECTED, control::DACL_AUTO_INHERITED);
    let sacl_bits = (control::SACL_PROTECTED, control::SACL_AUTO_INHERITED);
    result.dacl = joined(&parent.dacl, &own.dacl, own.has(dacl_bits.0), child);
    result.sacl = joined(&parent.sacl, &own.sacl, own.has(sacl_bits.0), child);
    for (protected, inherited) in [dacl_bits, sacl_bits] {
        result.set(inherited, !own.has(protected));
    }
    result
}

fn joined(parent: &Slot, own: &Slot, protected: bool, child: &Child<'_>) -> Slot {
    let explicit = own.acl().map(|acl| {
        let aces = acl.aces.iter().filter(|ace| protected || !ace.is_inherited());
        aces.flat_map(|ace| if protected { vec![ace.clone()] } else { settled(ace, child) })
    });
    let from_parent = match parent {
        Slot::Acl(acl) if !protected => acl.aces.iter().flat_map(|ace| inherited(ace, child)),
        _ if *own == Slot::Null => return Slot::Null,
        _ => return explicit.map_or(Slot::Absent, |aces| Slot::Acl(Acl::new(aces.collect()))),
    };
    if *own == Slot::Null {
        return Slot::Null;
    }
    let mut acl = Acl::new(explicit.into_iter().flatten().chain(from_parent).collect());
    if *own == Slot::Absent && acl.aces.is_empty() {
        return Slot::Absent;
    }
    acl.sort_canonical();
    Slot::Acl(acl)
}

/// An explicit entry of the child itself: creator and generic bits are replaced where it takes effect.
fn settled(ace: &Ace, child: &Child<'_>) -> Vec<Ace> {
    if !ace.is_effective() || !is_template(ace) {
        return vec![ace.clone()];
    }
    let spread = AceFlags::CONTAINER_INHERIT.with(AceFlags::OBJECT_INHERIT);
    let mut effective = filled(ace, child);
    if ace.flags.0 & spread.0 == 0 {
        return vec![effective];
    }
    effective.flags = effective.flags.without(spread).without(AceFlags::NO_PROPAGATE);
    vec![effective, ace.clone().flagged(ace.flags.with(AceFlags::INHERIT_ONLY))]
}

/// What a child gets from one entry of its parent.
#[must_use]
pub fn inherited(ace: &Ace, child: &Child<'_>) -> Vec<Ace> {
    let (object, container) = (AceFlags::OBJECT_INHERIT, AceFlags::CONTAINER_INHERIT);
    let base = ace
        .flags
        .without(AceFlags::INHERIT_ONLY)
        .without(AceFlags::NO_PROPAGATE)
        .with(AceFlags::INHERITED);
    let here = base.without(object).without(container);
    let for_class = ace.types.inherited.is_none_or(|class| child.classes.contains(&class));
    if !child.container {
        if !ace.flags.has(object) || !for_class {
            return Vec::new();
        }
        return vec![plain(filled(ace, child).flagged(here))];
    }
    let spreads = !ace.flags.has(AceFlags::NO_PROPAGATE)
        && (ace.flags.has(object) || ace.flags.has(container));
    let template = ace.clone().flagged(base.with(AceFlags::INHERIT_ONLY));
    match (ace.flags.has(container) && for_class, spreads) {
        (false, false) => Vec::new(),
        (false, true) => vec![template],
        (true, false) => vec![plain(filled(ace, child).flagged(here))],
        (true, true) if is_template(ace) => {
            vec![plain(filled(ace, child).flagged(here)), template]
        }
        (true, true) => vec![ace.clone().flagged(base)],
    }
}

/// Whether the entry means something else where it takes effect.
fn is_template(ace: &Ace) -> bool {
    let creators = [well_known::creator_owner(), well_known::creator_group()];
    ace.mask & GENERIC != 0 || creators.contains(&ace.sid)
}

fn filled(ace: &Ace, child: &Child<'_>) -> Ace {
    let mut ace = ace.clone();
    ace.mask = child.mapping.apply(ace.mask);
    if ace.sid == well_known::creator_owner() {
        ace.sid = child.owner.clone();
    } else if ace.sid == well_known::creator_group() {
        ace.sid = child.group.clone();
    }
    ace
}

/// Where nothing is inherited any further the class of heirs says nothing.
fn plain(mut ace: Ace) -> Ace {
    ace.types.inherited = None;
    if ace.types.object.is_none() {
        ace.kind = match ace.kind {
            AceKind::AllowObject => AceKind::Allow,
            AceKind::DenyObject => AceKind::Deny,
            AceKind::AuditObject => AceKind::Audit,
            other => other,
        };
    }
    ace
}
