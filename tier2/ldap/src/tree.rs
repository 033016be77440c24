//! The whole directory: read, watched, changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use directory::{Change, Class, Directory, Name, Object, Value};

use crate::connection::{Connection, Entry, Search};
use crate::entry::{self, CLASS, OBJECT_CLASS, descriptor_attribute};
use crate::error::{LdapError, code};
use crate::filter::Filter;
use crate::message::{Modification, Scope, Verb};

/// Most faults that are told of one directory.
const MAX_FAULTS: usize = 100;
/// Looking for removed entries takes at most one part in so many of the time.
const SWEEP_SHARE: u32 = 20;
/// Owner, group and list (MS-ADTS 3.1.1.3.4.1.11).
const PARTS: i64 = 7;
const DACL: i64 = 4;
/// MS-ADTS 3.1.1.3.4.3: what says that a server is Active Directory.
const ACTIVE_DIRECTORY: &[u8] = b"1.2.840.113556.1.4.800";

/// What sort of server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Active Directory or Samba: descriptors are the server's own.
    ActiveDirectory,
    /// Any other: descriptors are kept beside.
    Plain,
}

impl Flavour {
    /// The attribute that grows with each change.
    const fn mark(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "uSNChanged",
            Self::Plain => "entryCSN",
        }
    }
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Found {
    /// The directory.
    pub directory: Directory,
    /// What could not be understood, in words.
    pub faults: Vec<String>,
}

/// What is known of the directory through one connection.
pub(crate) struct Tree {
    flavour: Flavour,
    base: String,
    /// By the DN that the server gives, so that a removal is recognised.
    known: BTreeMap<String, Object>,
    faults: BTreeMap<String, Vec<String>>,
    /// The highest mark that was seen, and its octets.
    mark: Option<Vec<u8>>,
    sweep_due: Instant,
}

impl Tree {
    /// Reads everything.
    pub(crate) fn load(connection: &mut Connection, base: &str) -> Result<Self, LdapError> {
        let mut tree = Self {
            flavour: flavour(connection)?,
            base: base.to_owned(),
            known: BTreeMap::new(),
            faults: BTreeMap::new(),
            mark: None,
            sweep_due: Instant::now(),
        };
        match tree.search(connection, &tree.configuration(), Scope::Subtree, Filter::Present(CLASS))
        {
            Ok(entries) => drop(tree.take(&entries)),
            // Of an attribute that a server does not know no entry has a value; some servers say so.
            Err(error) if error.code() == Some(code::UNDEFINED_ATTRIBUTE_TYPE) => {
                return Err(LdapError::NoSchema);
            }
            Err(error) => return Err(error),
        }
        tree.read_schema(connection)?;
        Ok(tree)
    }

    /// Reads what changed; whether anything did.
    pub(crate) fn poll(&mut self, connection: &mut Connection) -> Result<bool, LdapError> {
        let base = self.configuration();
        let filter = match &self.mark {
            Some(mark) => Filter::And(vec![
                Filter::Present(CLASS),
                Filter::AtLeast(self.flavour.mark(), mark.clone()),
            ]),
            None => Filter::Present(CLASS),
        };
        let entries = self.search(connection, &base, Scope::Subtree, filter)?;
        let mut changed = self.take(&entries);
        changed |= self.read_schema(connection)?;
        if Instant::now() >= self.sweep_due {
            changed |= self.sweep(connection)?;
        }
        Ok(changed)
    }

    /// Takes out what is no longer there; whether anything was.
    fn sweep(&mut self, connection: &mut Connection) -> Result<bool, LdapError> {
        let began = Instant::now();
        let base = self.configuration();
        let found = connection.search(&Search {
            base: &base,
            scope: Scope::Subtree,
            filter: Filter::Present(CLASS),
            attributes: &["1.1"],
            descriptor_parts: None,
        });
        let found = match found {
            Err(error) if error.code() == Some(code::NO_SUCH_OBJECT) => Vec::new(),
            found => found?,
        };
        let names: BTreeSet<String> = found.iter().map(|entry| key(&entry.name)).collect();
        let schema = self.schema_names();
        let stays =
            |dn: &String| names.contains(dn) || schema.iter().any(|(schema, _)| key(schema) == *dn);
        let before = self.known.len() + self.faults.len();
        self.known.retain(|dn, _| stays(dn));
        self.faults.retain(|dn, _| stays(dn));
        let changed = before != self.known.len() + self.faults.len();
        let pause = began.elapsed().saturating_mul(SWEEP_SHARE).min(Duration::from_secs(600));
        self.sweep_due = Instant::now() + pause;
        Ok(changed)
    }

    /// What could not be understood.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.values().flatten().take(MAX_FAULTS).cloned().collect()
    }

    /// What is known.
    pub(crate) fn found(&self) -> Result<Found, LdapError> {
        let mut faults: Vec<String> = self.faults.values().flatten().cloned().collect();
        let mut objects: BTreeMap<String, &Object> = BTreeMap::new();
        for object in self.known.values() {
            // Two shapes of a DN may name the same object; the schema's own entries come by themselves.
            if objects.insert(object.name.key(), object).is_some() {
                faults.push(format!("{} is there twice, and one is not used", object.name));
            }
        }
        faults.truncate(MAX_FAULTS);
        let directory = Directory::from_objects(objects.into_values().cloned())?;
        Ok(Found { directory, faults })
    }

    /// Writes changes, in their order; the first that is refused ends it.
    pub(crate) fn apply(
        &mut self,
        connection: &mut Connection,
        changes: &[Change],
    ) -> Result<(), LdapError> {
        for change in changes {
            self.apply_one(connection, change).map_err(|error| match error.code() {
                Some(
                    code::NO_SUCH_ATTRIBUTE
                    | code::ATTRIBUTE_OR_VALUE_EXISTS
                    | code::NO_SUCH_OBJECT
                    | code::ENTRY_ALREADY_EXISTS,
                ) => LdapError::Outdated(change.object().clone()),
                Some(
                    code::UNDEFINED_ATTRIBUTE_TYPE
                    | code::OBJECT_CLASS_VIOLATION
                    | code::INVALID_ATTRIBUTE_SYNTAX,
                ) if !self.has_schema(connection) => LdapError::NoSchema,
                _ => error,
            })?;
        }
        Ok(())
    }

    fn apply_one(&mut self, connection: &mut Connection, change: &Change) -> Result<(), LdapError> {
        let dn = change.object().to_ldap(&self.base);
        match change {
            Change::Add { object } => self.add(connection, &dn, object),
            Change::Remove { .. } => {
                connection.delete(&dn)?;
                self.sweep_due = Instant::now();
                Ok(())
            }
            Change::Attribute { attribute, before, after, .. } => {
                let parts = replaced(attribute, before, after, &self.base);
                connection.modify(&dn, &parts, None)
            }
            Change::Descriptor { name, before, after } => {
                let class = self.class_of(name);
                let out = |one| entry::descriptor_out(self.flavour, name, class, one);
                let mut faults = self.faults.get(&key(&dn)).into_iter().flatten();
                if self.flavour == Flavour::Plain && faults.any(|one| one.contains(entry::BROKEN)) {
                    // Nobody meant what stands there.
                    let attribute = descriptor_attribute(self.flavour);
                    let part = modification(Verb::Replace, attribute, out(after)?);
                    return connection.modify(&dn, &[part], None);
                }
                if self.flavour == Flavour::Plain {
                    // The old octets go with it: a descriptor that somebody else changed is not overwritten.
                    let parts = [
                        modification(
                            Verb::Delete,
                            descriptor_attribute(self.flavour),
                            out(before)?,
                        ),
                        modification(Verb::Add, descriptor_attribute(self.flavour), out(after)?),
                    ];
                    return connection.modify(&dn, &parts, None);
                }
                self.unchanged(connection, &dn, class, name, before)?;
                let parts = if (&before.owner, &before.group) == (&after.owner, &after.group) {
                    DACL
                } else {
                    PARTS
                };
                let part =
                    modification(Verb::Replace, descriptor_attribute(self.flavour), out(after)?);
                connection.modify(&dn, &[part], Some(parts))
            }
        }
    }

    /// Active Directory replaces descriptors without a look at the old one: so we look.
    fn unchanged(
        &self,
        connection: &mut Connection,
        dn: &str,
        class: Class,
        name: &Name,
        before: &identity::SecurityDescriptor,
    ) -> Result<(), LdapError> {
        let found = self.search(connection, dn, Scope::Base, Filter::Present("objectClass"))?;
        let octets = found.first().and_then(|one| one.value(descriptor_attribute(self.flavour)));
        let now = octets.map(|octets| entry::descriptor_in(self.flavour, class, octets));
        if now.and_then(Result::ok).is_some_and(|now| now.dacl == before.dacl) {
            return Ok(());
        }
        Err(LdapError::Outdated(name.clone()))
    }

    fn add(
        &mut self,
        connection: &mut Connection,
        dn: &str,
        object: &Object,
    ) -> Result<(), LdapError> {
        let attributes = entry::new_entry(self.flavour, object, &self.base)?;
        match connection.add(dn, &attributes) {
            Err(error) if error.code() == Some(code::NO_SUCH_OBJECT) => {
                self.make_above(connection, dn)?;
                connection.add(dn, &attributes)?;
            }
            added => added?,
        }
        if self.flavour == Flavour::ActiveDirectory
            && object.descriptor.dacl != identity::descriptor::Slot::Absent
        {
            let octets = entry::descriptor_out(
                self.flavour,
                &object.name,
                object.class,
                &object.descriptor,
            )?;
            let part = modification(Verb::Replace, descriptor_attribute(self.flavour), octets);
            connection.modify(dn, &[part], Some(DACL))?;
        }
        Ok(())
    }

    /// Makes the entry above, which only holds others, and those above it that are missing, too.
    fn make_above(&self, connection: &mut Connection, dn: &str) -> Result<(), LdapError> {
        // A DN has few parts: each round goes one up.
        let Some((_, above)) =
            entry::split_dn(dn).filter(|(_, above)| above.len() > self.base.len())
        else {
            return Ok(());
        };
        let Some((leaf, _)) = entry::split_dn(above) else { return Ok(()) };
        let attributes = entry::container(&leaf);
        let made = match connection.add(above, &attributes) {
            Err(error) if error.code() == Some(code::NO_SUCH_OBJECT) => {
                self.make_above(connection, above)?;
                connection.add(above, &attributes)
            }
            made => made,
        };
        match made {
            Err(error) if error.code() == Some(code::ENTRY_ALREADY_EXISTS) => Ok(()),
            made => made,
        }
    }

    fn class_of(&self, name: &Name) -> Class {
        let known = self.known.values().find(|object| object.name == *name);
        known.map_or(Class::Container, |object| object.class)
    }

    fn has_schema(&self, connection: &mut Connection) -> bool {
        let probe = connection.search(&Search {
            base: "",
            scope: Scope::Base,
            filter: Filter::Present("objectClass"),
            attributes: &["subschemaSubentry"],
            descriptor_parts: None,
        });
        let Ok(found) = probe else { return true };
        let Some(subschema) = found.first().and_then(|one| one.text("subschemaSubentry")) else {
            return true;
        };
        let classes = connection.search(&Search {
            base: subschema,
            scope: Scope::Base,
            filter: Filter::Present("objectClass"),
            attributes: &["objectClasses"],
            descriptor_parts: None,
        });
        let Ok(classes) = classes else { return true };
        let classes = classes.iter().flat_map(|entry| entry.values("objectClasses"));
        classes
            .into_iter()
            .any(|text| String::from_utf8_lossy(text).contains(&format!("'{OBJECT_CLASS}'")))
    }

    /// The container of everything. On Active Directory it is a naming context of its own, which a search from the domain
    /// does not enter.
    fn configuration(&self) -> String {
        format!("CN=Configuration,{}", self.base)
    }

    /// On Active Directory the schema is the server's own.
    fn schema_names(&self) -> Vec<(String, Class)> {
        if self.flavour == Flavour::Plain {
            return Vec::new();
        }
        let schema = format!("CN=Schema,CN=Configuration,{}", self.base);
        vec![
            (format!("CN=NT-Security-Descriptor,{schema}"), Class::SchemaAttribute),
            (schema, Class::Schema),
        ]
    }

    fn read_schema(&mut self, connection: &mut Connection) -> Result<bool, LdapError> {
        let mut changed = false;
        for (dn, class) in self.schema_names() {
            let entries =
                self.search(connection, &dn, Scope::Base, Filter::Present("objectClass"))?;
            let Some(entry) = entries.first() else { continue };
            let Ok(name) = entry::name_of(&dn, &self.base) else { continue };
            let mut object = Object::new(name, class, entry::changed_ms(entry));
            if class == Class::SchemaAttribute {
                let hex = |octets: &[u8]| octets.iter().map(|one| format!("{one:02x}")).collect();
                let id: String = entry.value("schemaIDGUID").map(hex).unwrap_or_default();
                object.set("schemaIDGUID", &[&id])?;
                object.set("attributeID", &[entry.text("attributeID").unwrap_or_default()])?;
            }
            let octets = entry.value(descriptor_attribute(self.flavour));
            if let Some(octets) = octets {
                match entry::descriptor_in(self.flavour, class, octets) {
                    Ok(descriptor) => object.descriptor = descriptor,
                    Err(why) => drop(self.faults.insert(key(&dn), vec![format!("{dn}: {why}")])),
                }
            }
            let before = self.known.insert(key(&dn), object.clone());
            changed |= before.as_ref() != Some(&object);
        }
        Ok(changed)
    }

    fn search(
        &self,
        connection: &mut Connection,
        base: &str,
        scope: Scope,
        filter: Filter,
    ) -> Result<Vec<Entry>, LdapError> {
        let (attributes, descriptor_parts): (&[&str], _) = match self.flavour {
            Flavour::ActiveDirectory => {
                (&["*", "nTSecurityDescriptor", "uSNChanged", "whenChanged"], Some(PARTS))
            }
            Flavour::Plain => (&["*", "entryCSN", "modifyTimestamp"], None),
        };
        let search = Search { base, scope, filter, attributes, descriptor_parts };
        match connection.search(&search) {
            // Nothing was made yet.
            Err(error) if error.code() == Some(code::NO_SUCH_OBJECT) => Ok(Vec::new()),
            found => found,
        }
    }

    fn take(&mut self, entries: &[Entry]) -> bool {
        let mut changed = false;
        for entry in entries {
            if let Some(mark) = entry.value(self.flavour.mark())
                && self.mark.as_ref().is_none_or(|known| later(mark, known))
            {
                self.mark = Some(mark.to_vec());
            }
            let dn = key(&entry.name);
            let (object, faults) = match entry::read(self.flavour, entry, &self.base) {
                Ok(read) => (Some(read.object), read.faults),
                Err(fault) => (None, vec![fault]),
            };
            changed |= self.known.get(&dn) != object.as_ref();
            changed |= self.faults.get(&dn).map_or(&[][..], Vec::as_slice) != faults;
            match object {
                Some(object) => drop(self.known.insert(dn.clone(), object)),
                None => drop(self.known.remove(&dn)),
            }
            if faults.is_empty() {
                self.faults.remove(&dn);
            } else {
                self.faults.insert(dn, faults);
            }
        }
        changed
    }
}

/// Marks are numbers, or texts of one length that sort by time.
fn later(mark: &[u8], known: &[u8]) -> bool {
    let number = |octets: &[u8]| std::str::from_utf8(octets).ok()?.parse::<u64>().ok();
    match (number(mark), number(known)) {
        (Some(mark), Some(known)) => mark > known,
        _ => mark > known,
    }
}

fn key(dn: &str) -> String {
    identity::upcase(dn)
}

pub(crate) fn flavour(connection: &mut Connection) -> Result<Flavour, LdapError> {
    let root = connection.search(&Search {
        base: "",
        scope: Scope::Base,
        filter: Filter::Present("objectClass"),
        attributes: &["supportedCapabilities"],
        descriptor_parts: None,
    })?;
    let capabilities = root.iter().flat_map(|entry| entry.values("supportedCapabilities"));
    let active = capabilities.into_iter().any(|one| one == ACTIVE_DIRECTORY);
    Ok(if active { Flavour::ActiveDirectory } else { Flavour::Plain })
}

fn modification(verb: Verb, attribute: &str, value: Vec<u8>) -> Modification {
    Modification { verb, attribute: attribute.to_owned(), values: vec![value] }
}

/// Old values go and new ones come in one step; one that somebody changed meanwhile makes the server refuse it.
pub(crate) fn replaced(
    attribute: &str,
    before: &[Value],
    after: &[Value],
    base: &str,
) -> Vec<Modification> {
    let name = entry::attribute_name(attribute);
    let values = |some: &[Value], others: &[Value]| -> Vec<Vec<u8>> {
        let some = some.iter().filter(|value| !others.contains(value));
        some.map(|value| entry::value_out(attribute, value.as_str(), base)).collect()
    };
    [(Verb::Delete, values(before, after)), (Verb::Add, values(after, before))]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(verb, values)| Modification { verb, attribute: name.clone(), values })
        .collect()
}
