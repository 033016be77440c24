//! Association groups, C706 12.6.3.5: connections of one client to one server that share a number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The groups of one server on one transport; clones share them.
///
/// A group lives as long as one of its connections does: a number of a group that is gone is refused, so that a client
/// learns that its context handles are gone too.
#[derive(Debug, Clone, Default)]
pub struct AssociationGroups {
    members: Arc<Mutex<BTreeMap<u32, usize>>>,
}

impl AssociationGroups {
    /// No groups.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the group `asked`, or makes one for 0; its number is `fresh` unless that is taken.
    pub(crate) fn join(&self, asked: u32, fresh: u32) -> Option<Membership> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let id = if asked == 0 {
            let mut id = fresh.max(1);
            // Ends: there are far fewer connections than numbers.
            while members.contains_key(&id) {
                id = id.wrapping_add(1).max(1);
            }
            members.insert(id, 0);
            id
        } else {
            asked
        };
        *members.get_mut(&id)? += 1;
        Some(Membership { groups: self.clone(), id })
    }
}

/// One connection's place in its group.
#[derive(Debug)]
pub(crate) struct Membership {
    groups: AssociationGroups,
    id: u32,
}

impl Membership {
    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut members = self.groups.members.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = members.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                members.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lives_as_long_as_a_member() {
        let groups = AssociationGroups::new();
        let first = groups.join(0, 7).unwrap();
        let other = groups.join(0, 7).unwrap();
        assert_eq!((first.id(), other.id()), (7, 8));
        let second = groups.join(7, 99).unwrap();
        drop(first);
        assert_eq!(groups.join(7, 99).unwrap().id(), 7);
        drop(second);
        assert!(groups.join(7, 99).is_none());
        assert_eq!(groups.join(0, u32::MAX).unwrap().id(), u32::MAX);
        let last = groups.join(0, u32::MAX).unwrap();
        assert_eq!((last.id(), groups.join(0, u32::MAX).unwrap().id()), (u32::MAX, 1));
    }
}
