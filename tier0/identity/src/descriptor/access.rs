//! The access check, MS-DTYP 2.5.3.2, with the reason for its answer.
//!
//! Conditions of conditional entries are not evaluated: such a permission gives nothing, such a denial denies.
//! Privileges other than reading the SACL are left out.

use std::collections::BTreeSet;

use super::rights::{
    self, ACCESS_SYSTEM_SECURITY, GenericMapping, MAXIMUM_ALLOWED, READ_CONTROL, WRITE_DAC,
};
use super::{Ace, SecurityDescriptor, Slot};
use crate::{Guid, Sid, well_known};

/// Deepest level of an object tree, MS-DTYP 2.5.3.2: object, attribute set, attribute, and room for two more.
pub const MAX_LEVEL: u16 = 4;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Token {
    /// The account and all its groups.
    pub sids: BTreeSet<Sid>,
    /// SeSecurityPrivilege: may read and change SACLs.
    pub security_privilege: bool,
}

impl Token {
    /// A token of these identifiers.
    #[must_use]
    pub fn new(sids: impl IntoIterator<Item = Sid>) -> Self {
        Self { sids: sids.into_iter().collect(), security_privilege: false }
    }
}

/// One node of an object tree: its level, 0 for the object, and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectNode {
    /// How deep it lies; one more than its parent's.
    pub level: u16,
    /// The class, attribute set, attribute or extended right.
    pub guid: Guid,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The rights, generic ones allowed.
    pub desired: u32,
    /// The object tree in preorder; empty where no object type matters.
    pub tree: &'a [ObjectNode],
    /// The identifier that SELF stands for, where the object is an account.
    pub self_sid: Option<&'a Sid>,
    /// What generic bits stand for.
    pub mapping: GenericMapping,
}

impl<'a> Request<'a> {
    /// Rights on a directory object as a whole.
    #[must_use]
    pub fn directory(desired: u32) -> Self {
        Self { desired, tree: &[], self_sid: None, mapping: GenericMapping::DIRECTORY }
    }

    /// Rights on the nodes of a tree.
    #[must_use]
    pub fn on(self, tree: &'a [ObjectNode]) -> Self {
        Self { tree, ..self }
    }
}

/// Where a right came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// There is no list, so that everybody may everything.
    NoList,
    /// The owner may always read and change the list.
    Owner,
    /// A privilege of the token.
    Privilege,
    /// The entry of this number in the list, from 0.
    Entry(usize),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was asked, generic bits replaced.
    pub desired: u32,
    /// The rights that nothing gave.
    pub missing: u32,
    /// What gave which rights, in the order in which it was found.
    pub granted: Vec<(u32, Source)>,
    /// The entry that denied, with the rights that it denied.
    pub denied: Option<(u32, usize)>,
}

impl Answer {
    /// Whether all that was asked is allowed.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.missing == 0 && self.denied.is_none()
    }

    /// In words, with the entry of `descriptor` that decided.
    #[must_use]
    pub fn explain(&self, descriptor: &SecurityDescriptor) -> String {
        let entry = |index: usize| {
            let ace = descriptor.dacl.acl().and_then(|acl| acl.aces.get(index));
            let text = ace.and_then(|ace| ace.to_sddl(None).ok()).unwrap_or_default();
            format!("entry {} {text}", index + 1)
        };
        if let Some((mask, index)) = self.denied {
            return format!("{} denies: {}", entry(index), rights::describe(mask));
        }
        if self.missing != 0 {
            return format!("no entry allows: {}", rights::describe(self.missing));
        }
        let said = self.granted.iter().map(|(mask, source)| {
            let what = rights::describe(*mask);
            match source {
                Source::NoList => format!("there is no list, so everybody may: {what}"),
                Source::Owner => format!("the owner may: {what}"),
                Source::Privilege => format!("a privilege allows: {what}"),
                Source::Entry(index) => format!("{} allows: {what}", entry(*index)),
            }
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

/// Checks a request against a descriptor.
#[must_use]
pub fn check(descriptor: &SecurityDescriptor, token: &Token, request: &Request<'_>) -> Answer {
    let mut desired = request.mapping.apply(request.desired);
    if desired & MAXIMUM_ALLOWED != 0 {
        desired = desired & !MAXIMUM_ALLOWED | maximum(descriptor, token, request);
    }
    let mut check = Check {
        descriptor,
        token,
        request,
        nodes: vec![desired; request.tree.len().max(1)],
        granted: Vec::new(),
    };
    if desired & ACCESS_SYSTEM_SECURITY != 0 && token.security_privilege {
        check.grant(0, ACCESS_SYSTEM_SECURITY, Source::Privilege);
    }
    check.run(desired)
}

/// All that the token may on the object as a whole: each right asked for alone.
#[must_use]
pub fn maximum(descriptor: &SecurityDescriptor, token: &Token, request: &Request<'_>) -> u32 {
    let bits = (0..25).filter(|bit| *bit != 24).map(|bit| 1_u32 << bit);
    bits.filter(|bit| check(descriptor, token, &Request { desired: *bit, ..*request }).is_granted())
        .sum()
}

struct Check<'a> {
    descriptor: &'a SecurityDescriptor,
    token: &'a Token,
    request: &'a Request<'a>,
    /// What is still missing at each node; with an empty tree there is one node.
    nodes: Vec<u32>,
    granted: Vec<(u32, Source)>,
}

impl Check<'_> {
    fn run(mut self, desired: u32) -> Answer {
        let acl = match &self.descriptor.dacl {
            Slot::Absent | Slot::Null => {
                // A missing list never gives the SACL away.
                self.grant(0, !ACCESS_SYSTEM_SECURITY, Source::NoList);
                return self.answer(desired, None);
            }
            Slot::Acl(acl) => acl,
        };
        let owner = self.descriptor.owner.as_ref().is_some_and(|owner| self.has(owner));
        let ruled =
            acl.aces.iter().any(|ace| ace.is_effective() && ace.sid == well_known::owner_rights());
        if owner && !ruled {
            self.grant(0, READ_CONTROL | WRITE_DAC, Source::Owner);
        }
        for (index, ace) in acl.aces.iter().enumerate() {
            if !ace.is_effective() || !self.concerns(ace, owner) {
                continue;
            }
            let mask = self.request.mapping.apply(ace.mask) & !ACCESS_SYSTEM_SECURITY;
            let Some(node) = self.node_of(ace) else { continue };
            if ace.kind.allows() {
                self.grant(node, mask, Source::Entry(index));
            } else if ace.kind.denies() && self.missing_under(node) & mask != 0 {
                let denied = self.missing_under(node) & mask;
                return self.answer(desired, Some((denied, index)));
            }
        }
        self.answer(desired, None)
    }

    fn answer(self, desired: u32, denied: Option<(u32, usize)>) -> Answer {
        let missing = self.nodes.iter().fold(0, |all, node| all | node);
        Answer { desired, missing, granted: self.granted, denied }
    }

    fn has(&self, sid: &Sid) -> bool {
        self.token.sids.contains(sid)
    }

    fn concerns(&self, ace: &Ace, owner: bool) -> bool {
        if ace.sid == well_known::owner_rights() {
            return owner;
        }
        if ace.sid == well_known::principal_self() {
            return self.request.self_sid.is_some_and(|own| self.has(own));
        }
        self.has(&ace.sid)
    }

    /// The node that an entry speaks of; none when it is about something that was not asked.
    fn node_of(&self, ace: &Ace) -> Option<usize> {
        match ace.types.object {
            Some(guid) if ace.kind.is_object() => {
                self.request.tree.iter().position(|node| node.guid == guid)
            }
            _ => Some(0),
        }
    }

    /// The nodes of a subtree, itself first.
    fn subtree(&self, node: usize) -> std::ops::Range<usize> {
        let tree = self.request.tree;
        let Some(top) = tree.get(node) else { return node..node + 1 };
        let below = tree[node + 1..].iter().take_while(|one| one.level > top.level).count();
        node..node + 1 + below
    }

    fn missing_under(&self, node: usize) -> u32 {
        self.nodes[self.subtree(node)].iter().fold(0, |all, missing| all | missing)
    }

    fn grant(&mut self, node: usize, mask: u32, source: Source) {
        let given = self.missing_under(node) & mask;
        if given == 0 {
            return;
        }
        self.granted.push((given, source));
        for index in self.subtree(node) {
            self.nodes[index] &= !mask;
        }
        self.rise(node);
    }

    /// A right that all children of a node have, the node has too.
    fn rise(&mut self, mut node: usize) {
        let tree = self.request.tree;
        while let Some(level) = tree.get(node).map(|one| one.level).filter(|level| *level > 0) {
            let parent = (0..node).rev().find(|index| tree[*index].level < level);
            let Some(parent) = parent else { return };
            let under = self.subtree(parent);
            let children = under.skip(1).filter(|index| tree[*index].level == level);
            let missing = children.fold(0, |all, index| all | self.nodes[index]);
            self.nodes[parent] &= missing;
            node = parent;
        }
    }
}
