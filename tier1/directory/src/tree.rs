//! The tree: objects by name, what each inherits, what is granted.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use identity::descriptor::Slot;
use identity::descriptor::inherit::{Child, descriptor_of};
use identity::descriptor::rights::GenericMapping;
use identity::{Acl, SecurityDescriptor, Sid, well_known};

use crate::error::DirectoryError;
use crate::name::Name;
use crate::object::Object;
use crate::role::Role;

/// Most objects: the largest directories of the field had some hundred thousand recipients.
pub const MAX_OBJECTS: usize = 1_000_000;

/// Objects by their keys.
type Objects = BTreeMap<Arc<str>, Arc<Object>>;

/// A directory. Clones share what none of them has changed: a copy of a million objects costs nothing, and the first change in
/// one a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    objects: Arc<Objects>,
}

impl Directory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The objects as they were stored; the order does not matter.
    ///
    /// # Errors
    /// A name stands twice, or there are too many.
    pub fn from_objects(objects: impl IntoIterator<Item = Object>) -> Result<Self, DirectoryError> {
        let mut all = Objects::new();
        for object in objects {
            if all.len() >= MAX_OBJECTS {
                return Err(DirectoryError::Full);
            }
            let name = object.name.clone();
            if all.insert(name.key().into(), Arc::new(object)).is_some() {
                return Err(DirectoryError::Exists(name));
            }
        }
        Ok(Self { objects: Arc::new(all) })
    }

    /// Every object, outer ones before those below them.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(AsRef::as_ref)
    }

    /// The objects whose keys stand behind this one, in the order of their keys.
    pub fn behind<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a Object> + use<'a> {
        self.range(Bound::Excluded(key)).map(|(_, object)| object)
    }

    fn range<'a>(
        &'a self,
        from: Bound<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a Object)> + use<'a> {
        let found = self.objects.range::<str, _>((from, Bound::Unbounded));
        found.map(|(key, object)| (&**key, &**object))
    }

    /// The objects directly below one, or the outermost ones, whose keys stand behind this one. What lies below each is passed
    /// over at once.
    pub fn children<'a>(
        &'a self,
        parent: Option<&Name>,
        behind: &str,
    ) -> impl Iterator<Item = &'a Object> + use<'a> {
        let parent = parent.map(Name::key).unwrap_or_default();
        let mut from = behind.max(&parent).to_owned();
        std::iter::from_fn(move || {
            let (key, object) = self.range(Bound::Excluded(&from)).next()?;
            // A child that is missing, below which something lies, is passed over with it.
            let rest = key.strip_prefix(&parent)?;
            let end = parent.len() + rest.find('\u{1}').map_or(rest.len(), |at| at + 1);
            from = format!("{}{}", &key[..end], char::MAX);
            Some((end == key.len()).then_some(object))
        })
        .flatten()
    }

    /// The objects that are not the very same in another directory, each with what that one has of its name.
    pub(crate) fn besides<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a Object, Option<&'a Object>)> {
        let all =
            if Arc::ptr_eq(&self.objects, &other.objects) { None } else { Some(&*self.objects) };
        all.into_iter().flatten().filter_map(|(key, object)| match other.objects.get(key) {
            Some(same) if Arc::ptr_eq(same, object) => None,
            found => Some((&**object, found.map(AsRef::as_ref))),
        })
    }

    /// Takes over when parts of objects were changed from a copy that knows it.
    pub fn remember(&mut self, from: &Self) {
        for (key, object) in Arc::make_mut(&mut self.objects) {
            if let Some(known) = from.objects.get(key).filter(|one| one.stamps != object.stamps) {
                Arc::make_mut(object).stamps = known.stamps.clone();
            }
        }
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// True when there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The object and all below it.
    pub fn within<'a>(&'a self, name: &Name) -> impl Iterator<Item = &'a Object> + use<'a> {
        let key = name.key();
        self.range(Bound::Included(&key))
            .take_while({
                let key = key.clone();
                move |(found, _)| found.starts_with(&key)
            })
            .map(|(_, object)| object)
    }

    /// An object.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &Name) -> Result<&Object, DirectoryError> {
        let found = self.objects.get(&*name.key()).map(AsRef::as_ref);
        found.ok_or_else(|| DirectoryError::Missing(name.clone()))
    }

    /// Adds an object.
    ///
    /// # Errors
    /// There is one of that name, or nothing that it could lie below.
    pub fn add(&mut self, object: Object) -> Result<(), DirectoryError> {
        if self.objects.len() >= MAX_OBJECTS {
            return Err(DirectoryError::Full);
        }
        if self.objects.contains_key(&*object.name.key()) {
            return Err(DirectoryError::Exists(object.name));
        }
        if let Some(parent) = object.name.parent() {
            let holds = self.get(&parent).is_ok_and(|found| found.class.is_container());
            if !holds {
                return Err(DirectoryError::NoParent(object.name));
            }
        }
        self.put(object);
        Ok(())
    }

    /// Changes an object; an error of `change` leaves it as it was.
    ///
    /// # Errors
    /// There is none, or the change says so.
    pub fn change(
        &mut self,
        name: &Name,
        now_ms: i64,
        change: impl FnOnce(&mut Object) -> Result<(), DirectoryError>,
    ) -> Result<(), DirectoryError> {
        let mut object = self.get(name)?.clone();
        change(&mut object)?;
        // Neither name nor class is for a change to give away.
        let kept = self.get(name)?;
        (object.name, object.class, object.changed_ms) = (kept.name.clone(), kept.class, now_ms);
        self.put(object);
        Ok(())
    }

    /// Puts an object in place of what has its name, or beside the others.
    pub(crate) fn put(&mut self, object: Object) {
        Arc::make_mut(&mut self.objects).insert(object.name.key().into(), Arc::new(object));
    }

    /// Takes an object away whatever lies below it.
    pub(crate) fn drop_key(&mut self, key: &str) {
        Arc::make_mut(&mut self.objects).remove(key);
    }

    /// Removes an object.
    ///
    /// # Errors
    /// There is none, or something lies below it.
    pub fn remove(&mut self, name: &Name) -> Result<Object, DirectoryError> {
        if self.within(name).nth(1).is_some() {
            return Err(DirectoryError::NotEmpty(name.clone()));
        }
        let removed = Arc::make_mut(&mut self.objects).remove(&*name.key());
        removed.map(Arc::unwrap_or_clone).ok_or_else(|| DirectoryError::Missing(name.clone()))
    }

    /// The object's descriptor with what it inherits, from its permission context's root on.
    ///
    /// # Errors
    /// There is no such object.
    pub fn effective(&self, name: &Name) -> Result<SecurityDescriptor, DirectoryError> {
        let object = self.get(name)?;
        if object.class.is_context() {
            return Ok(object.descriptor.clone());
        }
        // As deep as a name, at most.
        let parent = match name.parent().map(|parent| self.effective(&parent)) {
            Some(Ok(parent)) => parent,
            // Objects without the one that they lie below come from a broken import: they inherit nothing.
            Some(Err(_)) | None => SecurityDescriptor::new(
                well_known::administrators(),
                well_known::system(),
                Acl::default(),
            ),
        };
        let (owner, group) = (well_known::administrators(), well_known::system());
        let child = Child {
            container: object.class.is_container(),
            classes: &[],
            owner: parent.owner.as_ref().unwrap_or(&owner),
            group: parent.group.as_ref().unwrap_or(&group),
            mapping: GenericMapping::DIRECTORY,
        };
        let mut effective = descriptor_of(&parent, &object.descriptor, &child);
        if effective.dacl == Slot::Absent {
            // Nothing set and nothing inherited: in a directory that must not mean that everybody may everything.
            effective.dacl = Slot::Acl(Acl::default());
        }
        Ok(effective)
    }

    /// Grants a role on an object; done already is no error.
    ///
    /// # Errors
    /// There is no such object.
    pub fn grant(
        &mut self,
        role: Role,
        sid: &Sid,
        on: &Name,
        inherit: bool,
        now_ms: i64,
    ) -> Result<(), DirectoryError> {
        let ace = role.ace(sid, inherit);
        if self.get(on)?.descriptor.dacl.acl().is_some_and(|acl| acl.aces.contains(&ace)) {
            return Ok(());
        }
        self.change(on, now_ms, |object| {
            let mut acl = object.descriptor.dacl.acl().cloned().unwrap_or_default();
            acl.aces.retain(|one| !same_grant(one, &ace));
            acl.aces.push(ace);
            acl.sort_canonical();
            object.descriptor.dacl = Slot::Acl(acl);
            Ok(())
        })
    }

    /// Takes a role away that was granted on the object itself.
    ///
    /// # Errors
    /// There is no such object, or no such grant.
    pub fn revoke(
        &mut self,
        role: Role,
        sid: &Sid,
        on: &Name,
        now_ms: i64,
    ) -> Result<(), DirectoryError> {
        let ace = role.ace(sid, false);
        let stands = |one: &&identity::Ace| same_grant(one, &ace);
        if !self
            .get(on)?
            .descriptor
            .dacl
            .acl()
            .is_some_and(|acl| acl.aces.iter().any(|one| stands(&one)))
        {
            return Err(DirectoryError::NotGranted {
                role: role.as_str(),
                who: sid.to_string(),
                object: on.clone(),
            });
        }
        self.change(on, now_ms, |object| {
            if let Slot::Acl(acl) = &mut object.descriptor.dacl {
                acl.aces.retain(|one| !same_grant(one, &ace));
            }
            Ok(())
        })
    }
}

/// The same but for how it is inherited.
fn same_grant(one: &identity::Ace, other: &identity::Ace) -> bool {
    one.clone().flagged(other.flags) == *other && !one.is_inherited()
}
