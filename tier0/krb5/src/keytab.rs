//! Keytabs: the long-lived keys of services and accounts, in MIT's file format version 0x502.

use std::fmt;

use wire::{DecodeError, Reader, Writer};

use crate::principal::MAX_COMPONENTS;
use crate::{Etype, Key, Principal, RawKey};

/// The version that every program writes.
const VERSION: u16 = 0x0502;
/// Entries of one file: more than any service has.
const MAX_ENTRIES: usize = 10_000;

/// One key of one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeytabEntry {
    /// Whose key it is.
    pub principal: Principal,
    /// When it was written, seconds since 1970-01-01 UTC.
    pub timestamp: u32,
    /// The version of the key.
    pub kvno: u32,
    /// The key, of any encryption type.
    pub key: RawKey,
}

/// A keytab in memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keytab {
    entries: Vec<KeytabEntry>,
}

impl Keytab {
    /// A keytab of these entries.
    #[must_use]
    pub fn new(entries: Vec<KeytabEntry>) -> Self {
        Self { entries }
    }

    /// All entries, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[KeytabEntry] {
        &self.entries
    }

    /// Decodes a whole file.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no keytab, or damaged.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("keytab", octets);
        if reader.u16_be("version")? != VERSION {
            return Err(DecodeError::invalid("keytab", "version", 0, "not version 0x0502"));
        }
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let length = i32::from_be_bytes(reader.array("entry length")?);
            // A negative length is a hole that a removed entry left.
            let size = usize::try_from(length.unsigned_abs())
                .map_err(|_| reader.invalid("entry length", "does not fit this machine"))?;
            let at = reader.offset();
            let entry = reader.bytes("entry", size)?;
            if length <= 0 {
                continue;
            }
            if entries.len() >= MAX_ENTRIES {
                return Err(DecodeError::limit("keytab", "entries", at, MAX_ENTRIES));
            }
            entries.push(read_entry(entry, at)?);
        }
        Ok(Self { entries })
    }

    /// Encodes the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u16_be(VERSION);
        for entry in &self.entries {
            let octets = write_entry(entry);
            writer.u32_be(u32::try_from(octets.len()).unwrap_or(0));
            writer.bytes(&octets);
        }
        writer.into_vec()
    }

    /// The principals, each once.
    #[must_use]
    pub fn principals(&self) -> Vec<&Principal> {
        let mut found: Vec<&Principal> = Vec::new();
        for entry in &self.entries {
            if !found.iter().any(|one| **one == entry.principal) {
                found.push(&entry.principal);
            }
        }
        found
    }

    /// The newest key of a principal for each encryption type that is spoken here, best type first.
    #[must_use]
    pub fn keys_of(&self, principal: &Principal) -> Vec<Key> {
        let newest = |etype: Etype| {
            self.entries
                .iter()
                .filter(|entry| {
                    entry.principal.matches(principal) && entry.key.etype == etype.number()
                })
                .max_by_key(|entry| entry.kvno)
                .and_then(|entry| entry.key.key().ok())
        };
        Etype::PREFERRED.into_iter().filter_map(newest).collect()
    }
}

impl fmt::Debug for Keytab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keytab({} entries)", self.entries.len())
    }
}

fn read_entry(octets: &[u8], at: usize) -> Result<KeytabEntry, DecodeError> {
    let mut reader = Reader::with_offset("keytab", octets, at);
    let count = usize::from(reader.u16_be("component count")?);
    if count == 0 || count > MAX_COMPONENTS {
        return Err(reader.invalid("component count", "none, or more than any name has"));
    }
    let realm = text(&mut reader, "realm")?;
    let mut components = Vec::with_capacity(count);
    for _ in 0..count {
        components.push(text(&mut reader, "component")?);
    }
    let name_type = i32::from_be_bytes(reader.array("name type")?);
    let timestamp = reader.u32_be("timestamp")?;
    let short = reader.u8("key version")?;
    let etype = i32::from(i16::from_be_bytes(reader.array("key type")?));
    let length = usize::from(reader.u16_be("key length")?);
    let key = reader.bytes("key", length)?.to_vec();
    // A longer version number stands behind the key where it matters; zeros there are filling.
    let kvno = match reader.remaining() {
        0..=3 => u32::from(short),
        _ => match reader.u32_be("key version")? {
            0 => u32::from(short),
            long => long,
        },
    };
    let principal = Principal { name_type, components, realm };
    Ok(KeytabEntry { principal, timestamp, kvno, key: RawKey { etype, octets: key.into() } })
}

fn write_entry(entry: &KeytabEntry) -> Vec<u8> {
    let mut writer = Writer::new();
    let Principal { name_type, components, realm } = &entry.principal;
    writer.u16_be(u16::try_from(components.len()).unwrap_or(0));
    put_text(&mut writer, realm);
    components.iter().for_each(|component| put_text(&mut writer, component));
    writer.bytes(&name_type.to_be_bytes());
    writer.u32_be(entry.timestamp);
    let [_, _, _, short] = entry.kvno.to_be_bytes();
    writer.u8(short);
    writer.bytes(&i16::try_from(entry.key.etype).unwrap_or(0).to_be_bytes());
    writer.u16_be(u16::try_from(entry.key.octets.len()).unwrap_or(0));
    writer.bytes(&entry.key.octets);
    writer.u32_be(entry.kvno);
    writer.into_vec()
}

fn text(reader: &mut Reader<'_>, field: &'static str) -> Result<String, DecodeError> {
    let length = usize::from(reader.u16_be(field)?);
    let at = reader.offset();
    let octets = reader.bytes(field, length)?.to_vec();
    String::from_utf8(octets).map_err(|_| DecodeError::invalid("keytab", field, at, "not UTF-8"))
}

fn put_text(writer: &mut Writer, text: &str) {
    writer.u16_be(u16::try_from(text.len()).unwrap_or(0));
    writer.bytes(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unhex;

    fn entry(name: &str, kvno: u32, etype: i32, length: usize) -> KeytabEntry {
        let octets = vec![u8::try_from(kvno % 251).unwrap(); length];
        KeytabEntry {
            principal: name.parse().unwrap(),
            timestamp: 7,
            kvno,
            key: RawKey { etype, octets: octets.into() },
        }
    }

    #[test]
    fn a_file_round_trips_and_every_cut_of_an_entry_fails() {
        let keytab = Keytab::new(vec![
            entry("EAST$@DEMO.TEST", 300, 18, 32),
            entry("host/east.demo.test@DEMO.TEST", 2, 17, 16),
            entry("host/east.demo.test@DEMO.TEST", 2, 23, 16),
        ]);
        let octets = keytab.encode();
        assert_eq!(Keytab::decode(&octets).unwrap(), keytab);
        let lengths: Vec<usize> =
            (0..3).map(|n| Keytab::new(keytab.entries[..n].to_vec()).encode().len()).collect();
        for cut in 0..octets.len() {
            assert_eq!(Keytab::decode(&octets[..cut]).is_ok(), lengths.contains(&cut), "{cut}");
        }
        assert_eq!(keytab.principals().len(), 2);
    }

    #[test]
    fn holes_short_version_numbers_and_the_newest_key() {
        // A hole of two octets, then an entry without the long version number.
        let octets = unhex(
            "0502 fffffffe 0000 0000002c 0001 0001 52 0001 61 00000001 00000000 05 0012 0000 \
             0000000000000000000000000000000000000000",
        );
        Keytab::decode(&octets).unwrap_err();
        let newest = Keytab::new(vec![
            entry("a@R", 1, 18, 32),
            entry("A@R", 9, 18, 32),
            entry("a@R", 3, 17, 16),
            entry("b@R", 99, 18, 32),
        ]);
        let keys = newest.keys_of(&"a@r".parse().unwrap());
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].expose(), [9; 32]);
    }

    #[test]
    fn other_files_are_told_apart() {
        assert!(Keytab::decode(b"Passw0rd").unwrap_err().to_string().contains("0x0502"));
        Keytab::decode(&[5, 2, 0x80, 0, 0, 0]).unwrap_err();
    }
}
