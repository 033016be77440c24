//! What an edit of the directory may not leave behind: an address that is none, one that two recipients have, and a
//! member that does not exist. Only values that the edit brings are looked at: what was wrong before stands in nobody's way.

use std::collections::BTreeMap;

use config::{Config, Mailboxes};
use directory::{Directory, DirectoryError, Name, Object, diff};
use routing::Address;

const ADDRESSES: &str = "proxyAddresses";
const MEMBERS: &str = "member";

/// Refuses what an edit made wrong.
///
/// # Errors
/// The value, whose it is and what is wrong with it.
pub fn check(config: &Config, old: &Directory, new: &Directory) -> Result<(), DirectoryError> {
    let mut holders = None;
    for change in diff(old, new) {
        let Ok(object) = new.get(change.object()) else { continue };
        for value in brought(old, object, MEMBERS) {
            let known = value.parse::<Name>().is_ok_and(|name| new.get(&name).is_ok());
            if !known {
                return Err(refused(MEMBERS, value, "the name of an object that exists"));
            }
        }
        for value in brought(old, object, ADDRESSES) {
            let address = parsed(value)?;
            let holders = holders.get_or_insert_with(|| holders_of(config, new));
            let others = holders.get(&address).into_iter().flatten();
            let other = others.into_iter().find(|one| !is_same(one, object));
            if let Some(other) = other {
                let text = format!("an address that nobody has; {other} has it");
                return Err(refused(ADDRESSES, value, &text));
            }
        }
    }
    Ok(())
}

/// Values of an attribute that the object did not have.
fn brought<'a>(
    old: &'a Directory,
    object: &'a Object,
    attribute: &str,
) -> impl Iterator<Item = &'a str> {
    let before = old.get(&object.name).map(|one| one.values(attribute)).unwrap_or_default();
    let values = object.values(attribute).iter();
    values.filter(|value| !before.contains(value)).map(|value| value.as_str())
}

/// Who has an address: an object by its name, or a mailbox of the configuration by `mailbox NAME`.
fn holders_of(config: &Config, directory: &Directory) -> BTreeMap<Address, Vec<String>> {
    let mut holders: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for object in directory.objects() {
        for value in object.values(ADDRESSES) {
            if let Ok(address) = parsed(value.as_str()) {
                holders.entry(address).or_default().push(object.name.to_string());
            }
        }
    }
    if let Mailboxes::Only(names) = &config.mail.mailboxes {
        for (name, domain) in
            names.iter().flat_map(|name| config.mail.domains.iter().map(move |to| (name, to)))
        {
            let address = Address::parse(&format!("{name}@{domain}"));
            holders.entry(address).or_default().push(format!("mailbox {name}"));
        }
    }
    holders
}

/// Whether a holder is the object itself, or the mailbox that it stands for.
fn is_same(holder: &str, object: &Object) -> bool {
    let mailbox = holder.strip_prefix("mailbox ");
    holder == object.name.to_string()
        || mailbox.is_some_and(|name| {
            object.class == directory::Class::Mailbox
                && name.eq_ignore_ascii_case(object.name.leaf())
        })
}

/// An address with its type.
fn parsed(value: &str) -> Result<Address, DirectoryError> {
    const FORMS: &str =
        "TYPE:ADDRESS, as in SMTP:anna@east.test or X400:/C=DE/ADMD= /PRMD=ORG/O=FIRM/S=Doe/";
    let (kind, address) = value.split_once(':').ok_or_else(|| refused(ADDRESSES, value, FORMS))?;
    let valid = match kind.to_ascii_uppercase().as_str() {
        "SMTP" => smtp::mailbox_parts(address).is_ok(),
        "X400" => matches!(routing::or_address(address), Some(Ok(_))),
        other => !other.is_empty() && !address.is_empty() && other.bytes().all(is_of_type),
    };
    if !valid {
        return Err(refused(ADDRESSES, value, FORMS));
    }
    Ok(match kind.to_ascii_uppercase().as_str() {
        "SMTP" | "X400" => Address::parse(address),
        other => Address::parse(&format!("{other}:{address}")),
    })
}

const fn is_of_type(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
}

fn refused(attribute: &'static str, value: &str, expected: &str) -> DirectoryError {
    let value = value.chars().take(120).collect();
    DirectoryError::Value { attribute, value, expected: expected.to_owned() }
}
