//! Copies of one directory on several servers, each of which may be changed: what two of them are together.
//!
//! Every part of an object (an attribute, an entry of its DACL) carries the time of its last change, and every removal leaves a
//! tombstone with its own; of two states the newer stands. Joining is commutative and idempotent, and associative but where an
//! object was removed and made anew, so that copies that hear of each other, however often, end up alike. Of two changes of
//! one part that were made before either side heard of the other, the older is lost; the audit trails have it.
//!
//! Left out: the wire, and how often one asks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::error::DirectoryError;
use crate::name::Name;
use crate::object::Object;
use crate::stamps;
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

    /// When an object was removed, if that is remembered.
    #[must_use]
    pub fn removed_ms(&self, name: &Name) -> Option<i64> {
        self.of(&name.key())
    }

    /// The removal of an object, if it is remembered.
    #[must_use]
    pub fn of_name(&self, name: &Name) -> Option<&Tombstone> {
        self.gone.get(&name.key())
    }

    /// Those whose keys stand behind this one.
    pub fn behind<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a Tombstone> + use<'a> {
        let from = (std::ops::Bound::Excluded(key.to_owned()), std::ops::Bound::Unbounded);
        self.gone.range(from).map(|(_, one)| one)
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
    /// Gives the parts that changes were about a time: later than anything that is known of their object, whatever the clock
    /// says. What they removed gets a tombstone.
    pub fn stamp(&mut self, changes: &[Change], now_ms: i64) {
        for change in changes {
            if let Change::Remove { object } = change {
                self.gone.note(&object.name, now_ms.max(object.latest_ms().saturating_add(1)));
                continue;
            }
            let Ok(object) = self.directory.get(change.object()) else { continue };
            let known = match change {
                Change::Add { .. } => self.gone.removed_ms(&object.name).unwrap_or(i64::MIN),
                _ => object.stamps.latest(),
            };
            let then = now_ms.max(known.saturating_add(1));
            let mut object = object.clone();
            object.changed_ms = then;
            object.stamps.note(change, then);
            self.directory.put(object);
        }
    }

    /// Takes over what is newer in another copy.
    ///
    /// # Errors
    /// Both together are too many.
    pub fn join(&mut self, other: &Self) -> Result<(), DirectoryError> {
        for object in other.directory.objects() {
            let key = object.name.key();
            match self.directory.get(&object.name) {
                Ok(own) if own == object => {}
                Ok(own) => {
                    let joined = joined(own, object);
                    self.directory.put(joined);
                }
                // An object beats the removal of the same moment.
                Err(_) if self.gone.of(&key).is_some_and(|gone| gone > object.changed_ms) => {}
                Err(_) => {
                    if self.directory.len() >= MAX_OBJECTS {
                        return Err(DirectoryError::Full);
                    }
                    self.gone.remove(&key);
                    self.directory.put(object.clone());
                }
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

/// Two states of one name as one. Of two classes the one of the newer state stands, with all that it has.
fn joined(one: &Object, other: &Object) -> Object {
    if one.class == other.class {
        return stamps::join(one, other);
    }
    let order = |object: &Object| (object.changed_ms, object.class);
    if order(one) < order(other) { other } else { one }.clone()
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

    /// Changes a copy as a server does: every part that changes gets its time.
    fn edit(copy: &mut Replica, now_ms: i64, edit: impl FnOnce(&mut Directory)) {
        let before = copy.directory.clone();
        edit(&mut copy.directory);
        let changes = crate::diff(&before, &copy.directory);
        copy.stamp(&changes, now_ms);
    }

    #[test]
    fn what_was_granted_apart_stands_and_what_was_taken_away_does_not_come_back() {
        let on = name("/O=Demo");
        let (mut east, mut west) = (seeded("EAST", 10), seeded("WEST", 20));
        let role = Role::ServiceAccountAdmin;
        let grant = |copy: &mut Replica, number, now| {
            edit(copy, now, |to| to.grant(role, &account(number), &on, true, now).unwrap());
        };
        let revoke = |copy: &mut Replica, number, now| {
            edit(copy, now, |to| to.revoke(role, &account(number), &on, now).unwrap());
        };
        let granted = |replica: &Replica| {
            let acl = replica.directory.get(&on).unwrap().descriptor.dacl.acl().cloned().unwrap();
            [1001, 1002, 1003].map(|one| acl.aces.contains(&role.ace(&account(one), true)))
        };
        grant(&mut east, 1001, 30);
        grant(&mut west, 1002, 40);
        // Neither knows of the other, and both change the same object once more.
        revoke(&mut west, 1002, 45);
        grant(&mut west, 1003, 46);
        grant(&mut east, 1002, 41);
        let (one, other) = (joined(&east, &west), joined(&west, &east));
        assert_eq!(granted(&one), [true, false, true], "taken away later than it was granted");
        assert_eq!(one, other);
        let mut later = one.clone();
        revoke(&mut later, 1001, 50);
        assert_eq!(granted(&joined(&one, &later)), [false, false, true]);
        // The clock of whoever grants again may be behind.
        let mut again = later.clone();
        grant(&mut again, 1001, 20);
        assert_eq!(granted(&joined(&later, &again)), [true, false, true]);
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

    type Step = (u8, i64, u8);

    /// A copy after some changes: each is (which object, when, what).
    fn changed(changes: &[Step]) -> Replica {
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

    /// A copy after roles were granted and taken away: each is (whom, when, granted).
    fn granting(changes: &[Step]) -> Replica {
        let (mut copy, on, role) = (seeded("EAST", 1), name("/O=Demo"), Role::Admin);
        for (who, when, what) in changes {
            let who = account(1000 + u32::from(who % 3));
            edit(&mut copy, *when, |to| match what % 3 {
                0 => drop(to.revoke(role, &who, &on, *when)),
                1 => to.grant(role, &who, &on, false, *when).unwrap(),
                _ => to
                    .change(&on, *when, |one| one.set("description", &[&format!("{who} {what}")]))
                    .unwrap(),
            });
        }
        copy
    }

    /// Without the order of entries that no server has to keep.
    fn sorted(mut copy: Replica) -> Replica {
        for object in copy.directory.objects().cloned().collect::<Vec<_>>() {
            let mut object = object;
            if let identity::descriptor::Slot::Acl(acl) = &mut object.descriptor.dacl {
                acl.aces.sort_by_key(|ace| format!("{ace:?}"));
            }
            copy.directory.put(object);
        }
        copy
    }

    fn changes() -> impl Strategy<Value = Vec<Step>> {
        proptest::collection::vec((any::<u8>(), 2_i64..12, any::<u8>()), 0..12)
    }

    proptest! {
        #[test]
        fn joining_is_a_join(one in changes(), two in changes(), three in changes()) {
            let copies: [fn(&[Step]) -> Replica; 2] = [changed, granting];
            for copy in copies {
                let [one, two] = [&one, &two].map(|list| copy(list));
                prop_assert_eq!(&joined(&one, &one), &one);
                prop_assert_eq!(sorted(joined(&one, &two)), sorted(joined(&two, &one)));
                // Whoever has both has nothing to learn.
                let both = joined(&one, &two);
                prop_assert_eq!(&joined(&both, &one), &both);
                prop_assert_eq!(&joined(&both, &two), &both);
            }
            let [one, two, three] = [one, two, three].map(|list| granting(&list));
            prop_assert_eq!(
                sorted(joined(&joined(&one, &two), &three)),
                sorted(joined(&one, &joined(&two, &three)))
            );
        }
    }
}
