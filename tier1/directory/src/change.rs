//! Changes: what a difference consists of, applied, undone, shown.

use identity::SecurityDescriptor;
use serde::{Deserialize, Serialize};

use crate::error::DirectoryError;
use crate::name::Name;
use crate::object::{Object, Value};
use crate::tree::Directory;

/// One change, with what was before, so that it can be undone and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// An object that was not there.
    Add {
        /// The object.
        object: Box<Object>,
    },
    /// An object that is no more.
    Remove {
        /// The object as it was.
        object: Box<Object>,
    },
    /// An attribute with other values.
    Attribute {
        /// The object.
        name: Name,
        /// The attribute.
        attribute: String,
        /// Its values as they were.
        before: Vec<Value>,
        /// Its values as they are.
        after: Vec<Value>,
    },
    /// Another descriptor.
    Descriptor {
        /// The object.
        name: Name,
        /// As it was.
        before: Box<SecurityDescriptor>,
        /// As it is.
        after: Box<SecurityDescriptor>,
    },
}

impl Change {
    /// The object that it is about.
    #[must_use]
    pub fn object(&self) -> &Name {
        match self {
            Self::Add { object } | Self::Remove { object } => &object.name,
            Self::Attribute { name, .. } | Self::Descriptor { name, .. } => name,
        }
    }

    /// What undoes it.
    #[must_use]
    pub fn inverse(&self) -> Self {
        match self.clone() {
            Self::Add { object } => Self::Remove { object },
            Self::Remove { object } => Self::Add { object },
            Self::Attribute { name, attribute, before, after } => {
                Self::Attribute { name, attribute, before: after, after: before }
            }
            Self::Descriptor { name, before, after } => {
                Self::Descriptor { name, before: after, after: before }
            }
        }
    }

    /// Makes the change.
    ///
    /// # Errors
    /// The object is no longer as it was when the change was made up.
    pub fn apply(&self, to: &mut Directory, now_ms: i64) -> Result<(), DirectoryError> {
        let outdated = || DirectoryError::Outdated(self.object().clone());
        match self {
            Self::Add { object } => to.add(object.as_ref().clone().at(now_ms)),
            Self::Remove { object } => to.remove(&object.name).map(drop),
            Self::Attribute { name, attribute, before, after } => {
                to.change(name, now_ms, |object| {
                    if object.values(attribute) != before.as_slice() {
                        return Err(outdated());
                    }
                    let texts: Vec<&str> = after.iter().map(Value::as_str).collect();
                    object.set(attribute, &texts)
                })
            }
            Self::Descriptor { name, before, after } => to.change(name, now_ms, |object| {
                if object.descriptor != **before {
                    return Err(outdated());
                }
                object.descriptor = (**after).clone();
                Ok(())
            }),
        }
    }

    /// Lines for a person: `-` what was, `+` what is. Entries of a descriptor are compared one by one.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Add { object } => vec![format!("+ {} ({})", object.name, object.class.as_str())],
            Self::Remove { object } => {
                vec![format!("- {} ({})", object.name, object.class.as_str())]
            }
            Self::Attribute { attribute, before, after, .. } => {
                let line = |sign, value: &Value| format!("{sign} {attribute}: {}", value.as_str());
                let gone = before
                    .iter()
                    .filter(|value| !after.contains(value))
                    .map(|value| line('-', value));
                let come = after
                    .iter()
                    .filter(|value| !before.contains(value))
                    .map(|value| line('+', value));
                gone.chain(come).collect()
            }
            Self::Descriptor { before, after, .. } => {
                let (old, new) = (entries(before), entries(after));
                let gone =
                    old.iter().filter(|one| !new.contains(one)).map(|one| format!("- {one}"));
                let come =
                    new.iter().filter(|one| !old.contains(one)).map(|one| format!("+ {one}"));
                gone.chain(come).collect()
            }
        }
    }
}

/// The parts of a descriptor as text, each entry by itself.
fn entries(descriptor: &SecurityDescriptor) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(owner) = &descriptor.owner {
        parts.push(format!("owner {owner}"));
    }
    if let Some(group) = &descriptor.group {
        parts.push(format!("group {group}"));
    }
    for slot in [&descriptor.dacl, &descriptor.sacl] {
        let aces = slot.acl().into_iter().flat_map(|acl| &acl.aces);
        parts.extend(aces.map(|ace| ace.to_sddl(None).unwrap_or_else(|_| format!("{ace:?}"))));
    }
    parts
}

/// What has to be done to `old` so that it is as `new`: outer objects are added first and removed last.
#[must_use]
pub fn diff(old: &Directory, new: &Directory) -> Vec<Change> {
    let mut changes = Vec::new();
    for (object, before) in new.besides(old) {
        let Some(before) = before else {
            changes.push(Change::Add { object: Box::new(object.clone()) });
            continue;
        };
        let names = before.attributes().chain(object.attributes()).map(|(name, _)| name);
        let names: std::collections::BTreeSet<&str> = names.collect();
        for attribute in names {
            let (was, is) = (before.values(attribute), object.values(attribute));
            if was != is {
                changes.push(Change::Attribute {
                    name: object.name.clone(),
                    attribute: attribute.to_owned(),
                    before: was.to_vec(),
                    after: is.to_vec(),
                });
            }
        }
        if before.descriptor != object.descriptor {
            changes.push(Change::Descriptor {
                name: object.name.clone(),
                before: Box::new(before.descriptor.clone()),
                after: Box::new(object.descriptor.clone()),
            });
        }
    }
    let gone = old.besides(new).filter(|(_, after)| after.is_none());
    let mut gone: Vec<Change> =
        gone.map(|(object, _)| Change::Remove { object: Box::new(object.clone()) }).collect();
    gone.reverse();
    changes.extend(gone);
    changes
}
