//! Credential caches: the tickets of one client, in MIT's file format, versions 3 and 4.

use std::fmt;

use wire::{DecodeError, Reader};

use crate::credential::Credential;
use crate::message::{Ticket, TicketFlags};
use crate::principal::MAX_COMPONENTS;
use crate::{Principal, RawKey};

/// Credentials of one file: more than any client has.
const MAX_CREDENTIALS: usize = 10_000;
/// Addresses, or pieces of authorization data, of one credential.
const MAX_LIST: u32 = 1000;
/// The realm under which MIT keeps its own notes, which are no tickets.
const NOTES: &str = "X-CACHECONF:";

/// A credential cache in memory.
#[derive(Clone)]
pub struct Ccache {
    /// Whose tickets they are.
    pub client: Principal,
    /// The tickets whose keys are spoken here.
    pub credentials: Vec<Credential>,
}

impl Ccache {
    /// Decodes a whole file.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no credential cache of a version that is read here, or damaged.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("credential cache", octets);
        // Version 3 has no header, and writes the type of each key twice.
        let repeats_type = match reader.u16_be("version")? {
            0x0504 => {
                let length = usize::from(reader.u16_be("header length")?);
                reader.skip("header", length)?;
                false
            }
            0x0503 => true,
            _ => {
                let detail = "not a credential cache of version 3 or 4";
                return Err(DecodeError::invalid("credential cache", "version", 0, detail));
            }
        };
        let client = principal(&mut reader)?;
        let mut credentials = Vec::new();
        let mut count = 0;
        while !reader.is_empty() {
            count += 1;
            if count > MAX_CREDENTIALS {
                return Err(reader.invalid("credentials", "more than any client has"));
            }
            credentials.extend(credential(&mut reader, repeats_type)?);
        }
        Ok(Self { client, credentials })
    }

    /// The ticket for a service that is valid for longest.
    #[must_use]
    pub fn find(&self, server: &Principal, now: i64) -> Option<&Credential> {
        self.credentials
            .iter()
            .filter(|one| one.server.matches(server) && one.end_time > now)
            .max_by_key(|one| one.end_time)
    }

    /// The ticket-granting ticket of the client's own realm.
    #[must_use]
    pub fn ticket_granting(&self, now: i64) -> Option<&Credential> {
        let realm = &self.client.realm;
        self.find(&Principal::ticket_granting(realm, realm), now)
    }
}

impl fmt::Debug for Ccache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ccache({}, {} tickets)", self.client, self.credentials.len())
    }
}

fn principal(reader: &mut Reader<'_>) -> Result<Principal, DecodeError> {
    let name_type = i32::from_be_bytes(reader.array("name type")?);
    let count = reader.u32_be("component count")?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_COMPONENTS {
        return Err(reader.invalid("component count", "more than any name has"));
    }
    let realm = text(reader, "realm")?;
    let mut components = Vec::with_capacity(count);
    for _ in 0..count {
        components.push(text(reader, "component")?);
    }
    Ok(Principal { name_type, components, realm })
}

/// One credential; nothing for notes, and for keys that are not spoken here.
fn credential(
    reader: &mut Reader<'_>,
    repeats_type: bool,
) -> Result<Option<Credential>, DecodeError> {
    let client = principal(reader)?;
    let server = principal(reader)?;
    let etype = i32::from(i16::from_be_bytes(reader.array("key type")?));
    if repeats_type {
        reader.skip("key type", 2)?;
    }
    let key = RawKey { etype, octets: data(reader, "key")?.to_vec().into() };
    let auth_time = i64::from(reader.u32_be("authtime")?);
    let start_time = i64::from(reader.u32_be("starttime")?);
    let end_time = i64::from(reader.u32_be("endtime")?);
    reader.skip("renew-till", 4)?;
    reader.skip("is_skey", 1)?;
    let flags = TicketFlags(reader.u32_be("flags")?);
    for field in ["addresses", "authorization data"] {
        let count = reader.u32_be(field)?;
        if count > MAX_LIST {
            return Err(reader.invalid(field, "more than any ticket has"));
        }
        for _ in 0..count {
            reader.skip(field, 2)?;
            data(reader, field)?;
        }
    }
    let ticket = data(reader, "ticket")?;
    data(reader, "second ticket")?;
    if server.realm == NOTES {
        return Ok(None);
    }
    let (Ok(key), Ok(ticket)) = (key.key(), Ticket::decode(ticket)) else {
        return Ok(None);
    };
    let start_time = if start_time == 0 { auth_time } else { start_time };
    Ok(Some(Credential { client, server, key, ticket, flags, start_time, end_time }))
}

fn data<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], DecodeError> {
    let length = reader.u32_be(field)?;
    reader.bytes(field, usize::try_from(length).unwrap_or(usize::MAX))
}

fn text(reader: &mut Reader<'_>, field: &'static str) -> Result<String, DecodeError> {
    let at = reader.offset();
    let octets = data(reader, field)?.to_vec();
    let wrong = |_| DecodeError::invalid("credential cache", field, at, "not UTF-8");
    String::from_utf8(octets).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use wire::Writer;

    use super::*;
    use crate::message::EncryptedData;

    fn name(writer: &mut Writer, text: &str) {
        let principal: Principal = text.parse().unwrap();
        writer.bytes(&principal.name_type.to_be_bytes());
        writer.u32_be(u32::try_from(principal.components.len()).unwrap());
        for part in std::iter::once(&principal.realm).chain(&principal.components) {
            data(writer, part.as_bytes());
        }
    }

    fn data(writer: &mut Writer, octets: &[u8]) {
        writer.u32_be(u32::try_from(octets.len()).unwrap());
        writer.bytes(octets);
    }

    fn ticket(server: &str) -> Ticket {
        let secret = EncryptedData { etype: 18, kvno: Some(1), cipher: vec![3; 60] };
        Ticket::new(server.parse().unwrap(), secret)
    }

    fn put(writer: &mut Writer, server: &str, etype: u16, end: u32, version: u16) {
        name(writer, "ann@EAST.TEST");
        name(writer, server);
        writer.u16_be(etype);
        if version == 3 {
            writer.u16_be(etype);
        }
        data(writer, &vec![9; if etype == 18 { 32 } else { 16 }]);
        for time in [100, 0, end, 0] {
            writer.u32_be(time);
        }
        writer.u8(0);
        writer.u32_be(TicketFlags::INITIAL.0);
        writer.u32_be(1);
        writer.u16_be(2);
        data(writer, &[127, 0, 0, 1]);
        writer.u32_be(0);
        data(writer, &ticket(server).raw);
        data(writer, &[]);
    }

    fn file(version: u16) -> (Vec<u8>, Vec<usize>) {
        let mut writer = Writer::new();
        writer.u16_be(0x0500 + version);
        if version == 4 {
            // The offset to the KDC's clock, as MIT writes it.
            writer.u16_be(12);
            writer.bytes(&[0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        name(&mut writer, "ann@EAST.TEST");
        let mut ends = vec![writer.len()];
        for (server, etype, end) in [
            ("krbtgt/EAST.TEST@EAST.TEST", 18, 500),
            ("krbtgt/EAST.TEST@EAST.TEST", 18, 900),
            ("host/a@EAST.TEST", 23, 900),
            ("krb5_ccache_conf_data/x@X-CACHECONF:", 18, 900),
        ] {
            put(&mut writer, server, etype, end, version);
            ends.push(writer.len());
        }
        (writer.into_vec(), ends)
    }

    #[test]
    fn both_versions_are_read_and_only_whole_credentials() {
        for version in [3, 4] {
            let (octets, ends) = file(version);
            let cache = Ccache::decode(&octets).unwrap();
            assert_eq!(cache.client.to_string(), "ann@EAST.TEST");
            assert_eq!(cache.credentials.len(), 2, "neither RC4 nor notes");
            let best = cache.ticket_granting(200).unwrap();
            assert_eq!((best.start_time, best.end_time), (100, 900));
            assert!(cache.ticket_granting(900).is_none());
            assert!(cache.find(&"host/a@EAST.TEST".parse().unwrap(), 0).is_none());
            for cut in 0..octets.len() {
                assert_eq!(Ccache::decode(&octets[..cut]).is_ok(), ends.contains(&cut), "{cut}");
            }
        }
        assert!(Ccache::decode(&[5, 1, 0]).unwrap_err().to_string().contains("version 3 or 4"));
    }
}
