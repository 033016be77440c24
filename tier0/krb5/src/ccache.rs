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
