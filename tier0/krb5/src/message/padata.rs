//! Pre-authentication data (RFC 4120 section 5.2.7).

use ber::{Encoder, Tag};
use wire::DecodeError;

use super::basic;
use crate::time::Time;

/// The types that are spoken here.
pub mod pa {
    /// An AP-REQ with the ticket-granting ticket.
    pub const TGS_REQ: i32 = 1;
    /// The time, encrypted.
    pub const ENC_TIMESTAMP: i32 = 2;
    /// A salt; Samba puts the status of a refusal here.
    pub const PW_SALT: i32 = 3;
    /// Encryption types with their salts.
    pub const ETYPE_INFO2: i32 = 19;
}

/// Entries of one list: more than any KDC sends.
const MAX_ENTRIES: usize = 64;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaData {
    /// The type, see [`pa`].
    pub kind: i32,
    /// What belongs to it.
    pub value: Vec<u8>,
}

impl PaData {
    pub(super) fn put(&self, list: &mut Encoder) {
        list.constructed(Tag::SEQUENCE, |fields| {
            basic::put_integer(fields, 1, i64::from(self.kind));
            basic::put_octets(fields, 2, &self.value);
        });
    }

    pub(super) fn read_list(list: ber::Element<'_>) -> Result<Vec<Self>, DecodeError> {
        let mut entries = list.expect(Tag::SEQUENCE, "padata")?.children()?;
        let mut found = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if found.len() >= MAX_ENTRIES {
                return Err(entry.invalid("padata", "more entries than any KDC sends"));
            }
            let mut fields = entry.expect(Tag::SEQUENCE, "padata")?.children()?;
            let kind =
                basic::int32(basic::required(&mut fields, 1, "padata-type")?, "padata-type")?;
            let value =
                basic::octets(basic::required(&mut fields, 2, "padata-value")?, "padata-value")?;
            found.push(Self { kind, value });
        }
        Ok(found)
    }

    /// Decodes a list, `METHOD-DATA`.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode_list(octets: &[u8]) -> Result<Vec<Self>, DecodeError> {
        Self::read_list(ber::decode_one("METHOD-DATA", octets)?)
    }

    /// Encodes a list, `METHOD-DATA`.
    #[must_use]
    pub fn encode_list(list: &[Self]) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |entries| list.iter().for_each(|one| one.put(entries)));
        out.finish()
    }
}

/// An entry of `ETYPE-INFO2`, section 5.2.7.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtypeInfo {
    /// The encryption type.
    pub etype: i32,
    /// The salt; the default one when absent.
    pub salt: Option<String>,
    /// Parameters of string-to-key.
    pub parameters: Option<Vec<u8>>,
}

impl EtypeInfo {
    /// Decodes the list.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode_list(octets: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let list = ber::decode_one("ETYPE-INFO2", octets)?.expect(Tag::SEQUENCE, "etype-info2")?;
        let mut entries = list.children()?;
        let mut found = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if found.len() >= MAX_ENTRIES {
                return Err(entry.invalid("etype-info2", "more entries than any KDC sends"));
            }
            let mut fields = entry.expect(Tag::SEQUENCE, "etype-info2")?.children()?;
            let etype = basic::int32(basic::required(&mut fields, 0, "etype")?, "etype")?;
            let salt = match basic::optional(&mut fields, 1, "salt")? {
                Some(value) => Some(basic::string(value, "salt")?),
                None => None,
            };
            let parameters = match basic::optional(&mut fields, 2, "s2kparams")? {
                Some(value) => Some(basic::octets(value, "s2kparams")?),
                None => None,
            };
            found.push(Self { etype, salt, parameters });
        }
        Ok(found)
    }

    /// Encodes the list.
    #[must_use]
    pub fn encode_list(list: &[Self]) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |entries| {
            for one in list {
                entries.constructed(Tag::SEQUENCE, |fields| {
                    basic::put_integer(fields, 0, i64::from(one.etype));
                    if let Some(salt) = &one.salt {
                        basic::put_string(fields, 1, salt);
                    }
                    if let Some(parameters) = &one.parameters {
                        basic::put_octets(fields, 2, parameters);
                    }
                });
            }
        });
        out.finish()
    }
}

/// `PA-ENC-TS-ENC`, section 5.2.7.2: what is encrypted as proof of the password.
pub(crate) fn timestamp(time: Time) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::SEQUENCE, |fields| {
        basic::put_time(fields, 0, time.seconds);
        basic::put_integer(fields, 1, i64::from(time.micros));
    });
    out.finish()
}
