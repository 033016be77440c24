//! When the parts of an object were last changed, and which of two states of an object stands, part by part.
//!
//! Parts are each attribute, each entry of the DACL, and the rest of the descriptor. Of two states of a part the newer stands;
//! of two of the same age the one that holds more, so that what was never changed since it was made is joined. An entry
//! that was taken away leaves its time behind. All of it is a join, as [`crate::Replica`] needs.

use std::collections::{BTreeMap, BTreeSet};

use identity::descriptor::Slot;
use identity::{Ace, SecurityDescriptor};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::object::{Object, Value};
use crate::replica::TOMBSTONE_MS;

/// Most parts of one object whose times are remembered: more than its attributes and a list of 64 KiB can have.
pub(crate) const MAX_STAMPS: usize = 4096;
/// The part that is the descriptor without the entries of its DACL.
const DESCRIPTOR: &str = "descriptor";

/// Times of parts, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Stamps(BTreeMap<String, i64>);

fn attribute_key(name: &str) -> String {
    format!("attribute {name}")
}

fn entry_key(ace: &Ace) -> String {
    let text = ace.to_sddl(None).unwrap_or_else(|_| format!("{ace:?}"));
    format!("entry {text}")
}

impl Stamps {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.0.len() <= MAX_STAMPS
    }

    pub(crate) fn latest(&self) -> i64 {
        self.0.values().copied().max().unwrap_or(i64::MIN)
    }

    fn of(&self, key: &str) -> i64 {
        self.0.get(key).copied().unwrap_or(i64::MIN)
    }

    /// Notes the parts that a change is about.
    pub(crate) fn note(&mut self, change: &Change, now_ms: i64) {
        let keys: Vec<String> = match change {
            Change::Add { .. } | Change::Remove { .. } => Vec::new(),
            Change::Attribute { attribute, .. } => vec![attribute_key(attribute)],
            Change::Descriptor { before, after, .. } => {
                let (old, new) = (entries(before), entries(after));
                let differ = |one: &BTreeMap<String, Ace>, other: &BTreeMap<String, Ace>| {
                    one.keys().filter(|key| !other.contains_key(*key)).cloned().collect::<Vec<_>>()
                };
                let mut keys = differ(&old, &new);
                keys.extend(differ(&new, &old));
                if shell(before) != shell(after) {
                    keys.push(DESCRIPTOR.to_owned());
                }
                keys
            }
        };
        self.0.retain(|_, then| now_ms.saturating_sub(*then) < TOMBSTONE_MS);
        for key in keys {
            self.0.insert(key, now_ms);
        }
        while self.0.len() > MAX_STAMPS {
            let oldest = self.0.iter().min_by_key(|(_, then)| **then).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.0.remove(&oldest);
        }
    }
}

/// Both states of one object of the same class as one.
pub(crate) fn join(one: &Object, other: &Object) -> Object {
    let mut joined = one.clone();
    joined.changed_ms = one.changed_ms.max(other.changed_ms);
    for (key, then) in &other.stamps.0 {
        let kept = joined.stamps.0.entry(key.clone()).or_insert(*then);
        *kept = (*kept).max(*then);
    }
    let names: BTreeSet<&String> = one.attributes.keys().chain(other.attributes.keys()).collect();
    for name in names {
        let key = attribute_key(name);
        let state = |object: &Object| -> (i64, Vec<Value>) {
            (object.stamps.of(&key), object.attributes.get(name).cloned().unwrap_or_default())
        };
        let (_, values) = state(one).max(state(other));
        if values.is_empty() {
            joined.attributes.remove(name);
        } else {
            joined.attributes.insert(name.clone(), values);
        }
    }
    joined.descriptor = descriptor(one, other);
    joined
}

fn descriptor(one: &Object, other: &Object) -> SecurityDescriptor {
    let state = |object: &Object| {
        let shell = shell(&object.descriptor);
        // A list that is too long for octets has an owner and a group all the same.
        (object.stamps.of(DESCRIPTOR), shell.to_bytes().ok())
    };
    let newer = if state(one) < state(other) { other } else { one };
    let Slot::Acl(_) = newer.descriptor.dacl else { return newer.descriptor.clone() };
    let (own, theirs) = (entries(&one.descriptor), entries(&other.descriptor));
    let stands = |key: &String| {
        let state = |object: &Object, has: bool| (object.stamps.of(key), has);
        state(one, own.contains_key(key)).max(state(other, theirs.contains_key(key))).1
    };
    let all: BTreeMap<&String, &Ace> = own.iter().chain(&theirs).collect();
    let standing = all.into_iter().filter(|(key, _)| stands(key));
    let standing: BTreeMap<&String, &Ace> = standing.collect();
    let mut joined = newer.descriptor.clone();
    // Where nothing comes and nothing goes the order stays that of whoever wrote it.
    for (object, entries) in [(one, &own), (other, &theirs)] {
        if let Slot::Acl(acl) = &object.descriptor.dacl
            && entries.keys().eq(standing.keys().copied())
        {
            joined.dacl = Slot::Acl(acl.clone());
            return joined;
        }
    }
    let mut acl = newer.descriptor.dacl.acl().cloned().unwrap_or_default();
    acl.aces = standing.into_values().cloned().collect();
    acl.sort_canonical();
    joined.dacl = Slot::Acl(acl);
    joined
}

fn entries(descriptor: &SecurityDescriptor) -> BTreeMap<String, Ace> {
    let aces = descriptor.dacl.acl().into_iter().flat_map(|acl| &acl.aces);
    aces.map(|ace| (entry_key(ace), ace.clone())).collect()
}

/// All but the entries of the DACL.
fn shell(descriptor: &SecurityDescriptor) -> SecurityDescriptor {
    let mut shell = descriptor.clone();
    if let Slot::Acl(acl) = &mut shell.dacl {
        acl.aces.clear();
    }
    shell
}
