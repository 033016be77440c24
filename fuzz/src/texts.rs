//! What people and files say: configuration, events, cases, names.

use std::path::Path;

use identity::{AccountName, NtHash};

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
