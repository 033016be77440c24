//! Copies of one directory on several servers, each of which may be changed: what two of them are together.
//!
//! Every object carries the time of its last change and every removal leaves a tombstone with its own; of two states of a
//! name the newer stands, as whole objects are replicated between sites of the field. Joining is commutative, associative and
//! idempotent, so that copies that hear of each other, in whatever order and however often, end up alike. Of two changes of
//! one object that were made before either heard of the other, the older is lost; the audit trails have it.
//!
//! Left out: the wire, and how often one asks.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use identity::descriptor::Slot;
use serde::{Deserialize, Serialize};

use crate::error::DirectoryError;
use crate::name::Name;
use crate::object::{Object, Value};
use crate::tree::{Directory, MAX_OBJECTS};

/// How long a removal is remembered: the tombstone lifetime of Active Directory when it was new (MS-ADTS, tombstoneLifetime).
pub const TOMBSTONE_MS: i64 = 60 * 24 * 3600 * 1000;
/// Most removals that are remembered; the oldest are forgotten first.
pub const MAX_TOMBSTONES: usize = 100_000;

/// What was removed, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tombstones {
    gone: BTreeMap<String, Tombstone>,
}

/// One removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// What was removed.
    pub name: Name,
    /// In milliseconds since 1970-01-01 UTC.
    pub removed_ms: i64,
}

impl Tombstones {
    /// Remembers a removal; of two of one name the later.
    pub fn note(&mut self, name: &Name, removed_ms: i64) {
        let fresh = Tombstone { name: name.clone(), removed_ms };
        let kept = self.gone.entry(name.key()).or_insert_with(|| fresh.clone());
        if kept.removed_ms < removed_ms {
            *kept = fresh;
        }
    }

    /// Every removal that is remembered.
    pub fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.gone.values()
    }

    /// Forgets what is too old, and the oldest of what is too much.
    pub fn forget(&mut self, now_ms: i64) {
        self.gone.retain(|_, one| now_ms.saturating_sub(one.removed_ms) < TOMBSTONE_MS);
        while self.gone.len() > MAX_TOMBSTONES {
            let oldest = self.gone.iter().min_by_key(|(_, one)| one.removed_ms);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
            self.gone.remove(&key);
        }
    }

    fn of(&self, key: &str) -> Option<i64> {
        self.gone.get(key).map(|one| one.removed_ms)
    }

    fn remove(&mut self, key: &str) {
        self.gone.remove(key);
    }
}

impl FromIterator<Tombstone> for Tombstones {
    fn from_iter<I: IntoIterator<Item = Tombstone>>(all: I) -> Self {
        let mut gone = Self::default();
        all.into_iter().for_each(|one| gone.note(&one.name, one.removed_ms));
        gone
    }
}

/// One server's copy: its objects, and what it saw removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replica {
    /// The objects.
    pub directory: Directory,
    /// What was removed.
    pub gone: Tombstones,
}

impl Replica {
    /// Takes over what is newer in another copy.
    ///
    /// # Errors
    /// Both together are too many.
    pub fn join(&mut self, other: &Self) -> Result<(), DirectoryError> {
        for object in other.directory.objects() {
            let key = object.name.key();
            let newer = match self.directory.get(&object.name) {
                Ok(own) => order(own, object) == Ordering::Less,
                // An object beats the removal of the same moment.
                Err(_) => self.gone.of(&key).is_none_or(|removed| removed <= object.changed_ms),
            };
            if newer {
                if self.directory.len() >= MAX_OBJECTS {
                    return Err(DirectoryError::Full);
                }
                self.gone.remove(&key);
                self.directory.put(object.clone());
            }
        }
        for one in other.gone.iter() {
            let key = one.name.key();
            match self.directory.get(&one.name) {
                Ok(own) if own.changed_ms >= one.removed_ms => continue,
                Ok(_) => self.directory.drop_key(&key),
                Err(_) => {}
            }
            self.gone.note(&one.name, one.removed_ms);
        }
        self.drop_orphans();
        Ok(())
    }

    /// As [`Self::join`], for two copies that were made apart: of one object both have, entries of both descriptors stand. What
    /// each had granted before they knew each other stays granted.
    ///
    /// # Errors
    /// Both together are too many.
    pub fn join_first(&mut self, other: &Self) -> Result<(), DirectoryError> {
        let mut united = other.clone();
        for theirs in other.directory.objects() {
            let Ok(own) = self.directory.get(&theirs.name) else { continue };
            let mut object =
                if order(own, theirs) == Ordering::Less { theirs } else { own }.clone();
            let both = [own, theirs].map(|one| one.descriptor.dacl.acl());
            let [Some(first), Some(second)] = both else { continue };
            let lacking = |acl: &identity::Acl, of: &identity::Acl| {
                of.aces.iter().filter(|ace| !acl.aces.contains(ace)).cloned().collect::<Vec<_>>()
            };
            let (of_second, of_first) = (lacking(first, second), lacking(second, first));
            if of_second.is_empty() && of_first.is_empty() {
                continue;
            }
            let mut acl = first.clone();
            acl.aces.extend(of_second);
            acl.sort_canonical();
            object.descriptor.dacl = Slot::Acl(acl);
            // Newer than either, so that it stands on both sides.
            object.changed_ms = own.changed_ms.max(theirs.changed_ms).saturating_add(1);
            united.directory.put(object);
        }
        self.join(&united)
    }

    /// What lies below nothing: its folder was removed elsewhere while it was made here.
    fn drop_orphans(&mut self) {
        let orphans = |directory: &Directory| -> Vec<String> {
            let lost = directory.objects().filter(|object| {
                object.name.parent().is_some_and(|parent| directory.get(&parent).is_err())
            });
            lost.map(|object| object.name.key()).collect()
        };
        // As often as a name is deep, at most.
        loop {
            let lost = orphans(&self.directory);
            if lost.is_empty() {
                return;
            }
            lost.iter().for_each(|key| self.directory.drop_key(key));
        }
    }
}

/// Which of two states of one name stands: the greater.
fn order(one: &Object, other: &Object) -> Ordering {
    let content = |object: &Object| {
        let values: Vec<(String, Vec<Value>)> =
            object.attributes().map(|(name, all)| (name.to_owned(), all.to_vec())).collect();
        // A list that is too long for octets stands behind all others, on every server alike.
        (object.class, values, object.descriptor.to_bytes().ok())
    };
    one.changed_ms.cmp(&other.changed_ms).then_with(|| {
        if one == other { Ordering::Equal } else { content(one).cmp(&content(other)) }
    })
}

#[cfg(test)]
mod tests {
    use identity::Sid;
    use proptest::prelude::*;

    use super::*;
    use crate::{Class, Role, Seed, seed};

    fn seeded(server: &str, now_ms: i64) -> Replica {
        let directory = seed(&Seed {
            organisation: "Demo".to_owned(),
            site: "HQ".to_owned(),
            server: server.to_owned(),
            host: format!("{server}.demo.test"),
            account: format!("DEMO\\svc-{server}"),
            now_ms,
            ..Seed::default()
        });
        Replica { directory: directory.unwrap(), gone: Tombstones::default() }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn account(number: u32) -> Sid {
        Sid::domain(1, 2, 3).member(number).unwrap()
    }

    fn joined(one: &Replica, other: &Replica) -> Replica {
        let mut both = one.clone();
        both.join(other).unwrap();
        both
    }

    #[test]
    fn what_was_granted_apart_stands_after_the_first_contact() {
        let on = name("/O=Demo");
        let (mut east, mut west) = (seeded("EAST", 10), seeded("WEST", 20));
        let role = Role::ServiceAccountAdmin;
        east.directory.grant(role, &account(1001), &on, true, 30).unwrap();
        west.directory.grant(role, &account(1002), &on, true, 40).unwrap();
        let plain = joined(&east, &west);
        let granted = |replica: &Replica| {
            let acl = replica.directory.get(&on).unwrap().descriptor.dacl.acl().cloned().unwrap();
            [1001, 1002].map(|one| acl.aces.contains(&role.ace(&account(one), true)))
        };
        assert_eq!(
            granted(&plain),
            [false, true],
            "the newer one alone, without the first contact"
        );
        let before = west.clone();
        west.join_first(&east).unwrap();
        east.join_first(&before).unwrap();
        assert_eq!((granted(&east), granted(&west)), ([true, true], [true, true]));
        east.join(&west).unwrap();
        west.join(&east).unwrap();
        assert_eq!(east, west);
        // Afterwards the newer stands: a right that was taken away does not come back.
        east.directory.revoke(role, &account(1002), &on, 50).unwrap();
        west.join(&east).unwrap();
        assert_eq!(granted(&west), [true, false]);
    }

    #[test]
    fn a_removal_is_replicated_and_takes_what_was_made_below_it() {
        let folder = name("/O=Demo/OU=HQ/CN=Site Lists");
        let below = name("/O=Demo/OU=HQ/CN=Site Lists/CN=all");
        let mut east = seeded("EAST", 10);
        east.directory.add(Object::new(folder.clone(), Class::Container, 11)).unwrap();
        let mut west = east.clone();
        east.directory.remove(&folder).unwrap();
        east.gone.note(&folder, 20);
        west.directory.add(Object::new(below.clone(), Class::DistributionList, 15)).unwrap();
        let both = joined(&west, &east);
        assert!(both.directory.get(&folder).is_err() && both.directory.get(&below).is_err());
        // Made again later, it is there again.
        let mut north = both.clone();
        north.directory.add(Object::new(folder.clone(), Class::Container, 30)).unwrap();
        assert!(joined(&both, &north).directory.get(&folder).is_ok());
        assert!(joined(&north, &both).directory.get(&folder).is_ok());
    }

    #[test]
    fn removals_are_forgotten_in_the_end() {
        let mut gone = Tombstones::default();
        gone.note(&name("/O=Old"), 1);
        gone.note(&name("/O=New"), TOMBSTONE_MS);
        gone.forget(TOMBSTONE_MS + 1);
        assert_eq!(gone.iter().map(|one| one.name.clone()).collect::<Vec<_>>(), [name("/O=New")]);
    }

    /// A copy after some changes: each is (which object, when, what).
    fn changed(changes: &[(u8, i64, u8)]) -> Replica {
        let mut copy = seeded("EAST", 1);
        for (object, when, what) in changes {
            let name = name(&format!("/O=Demo/OU=HQ/CN=Recipients/CN=r{}", object % 4));
            let old = copy.directory.get(&name).map(|found| found.changed_ms).unwrap_or_default();
            let when = (*when).max(old);
            if what % 3 == 0 && copy.directory.remove(&name).is_ok() {
                copy.gone.note(&name, when);
                continue;
            }
            let mut object = Object::new(name.clone(), Class::Mailbox, when);
            object.set("displayName", &[&format!("name {what}")]).unwrap();
            copy.directory.put(object);
            copy.gone.remove(&name.key());
        }
        copy
    }

    fn changes() -> impl Strategy<Value = Vec<(u8, i64, u8)>> {
        proptest::collection::vec((any::<u8>(), 2_i64..12, any::<u8>()), 0..12)
    }

    proptest! {
        #[test]
        fn joining_is_a_join(one in changes(), two in changes(), three in changes()) {
            let [one, two, three] = [one, two, three].map(|list| changed(&list));
            prop_assert_eq!(&joined(&one, &one), &one);
            prop_assert_eq!(joined(&one, &two), joined(&two, &one));
            prop_assert_eq!(
                joined(&joined(&one, &two), &three),
                joined(&one, &joined(&two, &three))
            );
        }
    }
}
