//! What people and files say: configuration, events, cases, names.

use std::path::Path;

use identity::{AccountName, Guid, NtHash, SecurityDescriptor, Sid};

use crate::text;

pub fn hex(octets: &[u8]) {
    assert_eq!(wire::from_hex(&wire::to_hex(octets)).as_deref(), Some(octets));
    let _ = wire::hex_dump(octets, octets.first().map(|first| usize::from(*first)));
    if let Some(read) = text(octets).and_then(wire::from_hex) {
        assert_eq!(read.len() * 2, octets.iter().filter(|octet| octet.is_ascii_hexdigit()).count());
    }
}

pub fn event(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    let _ = event::read(None, text);
    for definition in event::CATALOGUE {
        let _ = event::read(Some(definition.id), text);
    }
}

pub fn names(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(name) = text.parse::<AccountName>() {
        assert_eq!(name.to_string().parse::<AccountName>().ok(), Some(name));
    }
    let _ = NtHash::from_hex(text);
    let _ = identity::upcase(text);
    let _ = text.parse::<identity::Role>();
    let _ = text.parse::<finding::Cause>();
}

pub fn queue_names(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(id) = text.parse::<queue::MessageId>() {
        assert_eq!(id.to_string().parse::<queue::MessageId>().ok(), Some(id));
    }
    if let Ok(hop) = text.parse::<queue::NextHop>() {
        assert_eq!(hop.to_string().parse::<queue::NextHop>().ok(), Some(hop));
    }
}

pub fn case(octets: &[u8]) {
    let case = match serde_json::from_slice(octets) {
        Ok(case) => case,
        Err(_) => {
            let Some(text) = text(octets) else { return };
            diagnosis::FieldCase { events: Vec::new(), notes: vec![text.to_owned()] }
        }
    };
    let _ = diagnosis::consult(&case);
}

pub fn configuration(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Err(error) = config::Config::parse(Path::new("/etc/bindback/fuzz.toml"), text) {
        let _ = error.to_string();
    }
}

pub fn descriptors(octets: &[u8]) {
    if let Ok(descriptor) = SecurityDescriptor::from_bytes(octets) {
        if let Ok(written) = descriptor.to_bytes() {
            let again = SecurityDescriptor::from_bytes(&written).expect("a descriptor");
            assert_eq!(again.to_bytes().expect("the same again"), written);
        }
        let _ = descriptor.to_sddl(None);
    }
    if let Ok(sid) = Sid::from_bytes(octets) {
        assert_eq!(Sid::from_bytes(&sid.to_bytes()).ok().as_ref(), Some(&sid));
        assert_eq!(sid.to_string().parse::<Sid>().ok(), Some(sid));
    }
    let Some(text) = text(octets) else { return };
    let _ = text.parse::<Guid>();
    let _ = text.parse::<Sid>();
    if let Ok(descriptor) = SecurityDescriptor::from_sddl(text, None) {
        let _ = descriptor.to_bytes();
    }
}

pub fn directory(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(name) = directory::Name::parse(text, "DC=east,DC=test") {
        let shown = name.to_string();
        let again: directory::Name =
            shown.parse().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
        assert_eq!(again.to_string(), shown);
    }
    let _ = text.parse::<directory::Role>();
    let _ = directory::import(&directory::Directory::default(), text, "DC=east,DC=test", 0);
}

pub fn addresses(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    let _ = routing::Address::parse(text).address_type();
}
