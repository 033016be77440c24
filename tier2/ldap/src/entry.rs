//! Objects as entries and back, by the schema extension in docs/schema.
//!
//! Every object is a `bindbackObject`; its class stands in `bindbackClass`, its attributes have our names with `bindback`
//! in front, so that nothing meets what another product added under the same name. References are DNs in text.

use directory::{ATTRIBUTES, Class, Name, NameError, Object, Syntax};
use identity::SecurityDescriptor;
use identity::descriptor::{Slot, control};
use identity::{Acl, well_known};

use crate::connection::Entry;
use crate::error::LdapError;
use crate::message::Attribute;
use crate::tree::Flavour;

/// The object class of every entry.
pub(crate) const OBJECT_CLASS: &str = "bindbackObject";
/// The attribute with the class.
pub(crate) const CLASS: &str = "bindbackClass";
/// The attribute with the descriptor where the server has none of its own.
const DESCRIPTOR: &str = "bindbackSecurityDescriptor";
/// Active Directory's own.
const NT_DESCRIPTOR: &str = "nTSecurityDescriptor";

/// What is said of a descriptor that cannot be read.
pub(crate) const BROKEN: &str = "its descriptor lets nobody in";

/// The attribute with the descriptor.
pub(crate) const fn descriptor_attribute(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::ActiveDirectory => NT_DESCRIPTOR,
        Flavour::Plain => DESCRIPTOR,
    }
}

/// The name that an attribute has in LDAP: `bindbackCost` of `cost`.
pub(crate) fn attribute_name(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    "bindback".chars().chain(first).chain(chars).collect()
}

/// A value as LDAP has it.
pub(crate) fn value_out(attribute: &str, text: &str, base: &str) -> Vec<u8> {
    let reference =
        directory::Attribute::find(attribute).is_some_and(|one| one.syntax == Syntax::Name);
    match text.parse::<Name>() {
        Ok(target) if reference => target.to_ldap(base).into_bytes(),
        _ => text.as_bytes().to_vec(),
    }
}

/// The octets of a descriptor as this sort of server is given them.
pub(crate) fn descriptor_out(
    flavour: Flavour,
    object: &Name,
    class: Class,
    descriptor: &SecurityDescriptor,
) -> Result<Vec<u8>, LdapError> {
    let mut descriptor = descriptor.clone();
    if flavour == Flavour::ActiveDirectory && class.is_context() {
        // A permission context inherits nothing: here the server has to be told.
        descriptor.set(control::DACL_PROTECTED, true);
    }
    descriptor.to_bytes().map_err(|_| LdapError::Descriptor(object.clone()))
}

/// The entry of a new object, without its descriptor on Active Directory, where that is written after it.
pub(crate) fn new_entry(
    flavour: Flavour,
    object: &Object,
    base: &str,
) -> Result<Vec<Attribute>, LdapError> {
    let mut attributes = container(object.name.leaf());
    attributes.push((CLASS.to_owned(), vec![object.class.as_str().as_bytes().to_vec()]));
    for (name, values) in object.attributes() {
        let values = values.iter().map(|value| value_out(name, value.as_str(), base));
        attributes.push((attribute_name(name), values.collect()));
    }
    if flavour == Flavour::Plain {
        let octets = descriptor_out(flavour, &object.name, object.class, &object.descriptor)?;
        attributes.push((DESCRIPTOR.to_owned(), vec![octets]));
    }
    Ok(attributes)
}

/// An entry that only holds others.
pub(crate) fn container(leaf: &str) -> Vec<Attribute> {
    let text = |value: &str| value.as_bytes().to_vec();
    vec![
        ("objectClass".to_owned(), vec![text("top"), text(OBJECT_CLASS)]),
        ("cn".to_owned(), vec![text(leaf)]),
    ]
}

/// An object as it was read, and what could not be understood of it.
pub(crate) struct Read {
    pub object: Object,
    pub faults: Vec<String>,
}

/// Reads an entry. What cannot be understood is left out and told; a descriptor that cannot be lets nobody in.
///
/// # Errors
/// It is no object at all.
pub(crate) fn read(flavour: Flavour, entry: &Entry, base: &str) -> Result<Read, String> {
    let fail = |why: &str| format!("{}: {why}", shown(&entry.name));
    let word = entry.text(CLASS).ok_or_else(|| fail("it has no bindbackClass"))?;
    let class = Class::find(word).ok_or_else(|| fail("its bindbackClass is none that is known"))?;
    let name = name_of(&entry.name, base).map_err(|error| fail(&error.to_string()))?;
    let mut read = Read { object: Object::new(name, class, changed_ms(entry)), faults: Vec::new() };
    for attribute in ATTRIBUTES.iter().filter(|one| one.is_for(class)) {
        let found = entry.values(&attribute_name(attribute.name));
        if found.is_empty() {
            continue;
        }
        let texts = found.iter().map(|value| value_in(attribute, value, base));
        let texts: Result<Vec<String>, String> = texts.collect();
        let set = texts.and_then(|mut texts| {
            // LDAP keeps sets: in our own order two readings are alike.
            texts.sort();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            read.object.set(attribute.name, &texts).map_err(|error| error.to_string())
        });
        if let Err(why) = set {
            read.faults.push(fail(&format!("{}: {why}", attribute.name)));
        }
    }
    if let Some(octets) = entry.value(descriptor_attribute(flavour)) {
        match descriptor_in(flavour, class, octets) {
            Ok(descriptor) => read.object.descriptor = descriptor,
            Err(why) => {
                let (owner, group) = (well_known::administrators(), well_known::system());
                let mut nobody = SecurityDescriptor::new(owner, group, Acl::default());
                // What stands on the objects above lets nobody in, either.
                nobody.set(control::DACL_PROTECTED, true);
                read.object.descriptor = nobody;
                read.faults.push(fail(&format!("{BROKEN}: {why}")));
            }
        }
    }
    Ok(read)
}

fn value_in(attribute: &directory::Attribute, value: &[u8], base: &str) -> Result<String, String> {
    let text = std::str::from_utf8(value).map_err(|_| "a value is not UTF-8".to_owned())?;
    if attribute.syntax == Syntax::Name {
        return Ok(name_of(text, base).map_err(|error| error.to_string())?.to_string());
    }
    Ok(text.to_owned())
}

/// The descriptor of an object: on Active Directory without what the server inherited into it, which is computed here.
pub(crate) fn descriptor_in(
    flavour: Flavour,
    class: Class,
    octets: &[u8],
) -> Result<SecurityDescriptor, String> {
    let mut descriptor =
        SecurityDescriptor::from_bytes(octets).map_err(|error| error.to_string())?;
    if flavour == Flavour::ActiveDirectory {
        let stays = class.is_context() || descriptor.has(control::DACL_PROTECTED);
        if let (Slot::Acl(acl), false) = (&mut descriptor.dacl, stays) {
            acl.aces.retain(|ace| !ace.is_inherited());
        }
        descriptor.set(control::DACL_AUTO_INHERITED | control::SACL_AUTO_INHERITED, false);
        if class.is_context() {
            descriptor.set(control::DACL_PROTECTED, false);
        }
    }
    Ok(descriptor)
}

/// The name that a DN stands for.
pub(crate) fn name_of(dn: &str, base: &str) -> Result<Name, NameError> {
    Name::parse(dn, base)
}

/// When an entry was changed, as its server says.
pub(crate) fn changed_ms(entry: &Entry) -> i64 {
    let text = entry.text("whenChanged").or_else(|| entry.text("modifyTimestamp"));
    text.and_then(generalized_ms).unwrap_or(0)
}

/// `20261127220000Z` or `20261127220000.0Z` (RFC 4517 section 3.3.13), the forms that servers write.
pub(crate) fn generalized_ms(text: &str) -> Option<i64> {
    let digits = text.split(['.', 'Z']).next().filter(|digits| digits.len() == 14)?;
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// The DN of the entry above, and the value of the entry's own name.
pub(crate) fn split_dn(dn: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let at = dn.char_indices().find(|(_, c)| {
        let ends = *c == ',' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let (own, above) = dn.split_at(at?.0);
    let value = own.split_once('=')?.1;
    // Our own DNs escape one character at a time.
    let mut plain = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Some((plain, above.strip_prefix(',')?))
}

/// A DN for a person's eyes.
pub(crate) fn shown(dn: &str) -> String {
    dn.chars().filter(|c| !c.is_control()).take(200).collect()
}
