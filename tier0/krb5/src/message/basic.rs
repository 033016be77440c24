//! What the messages are made of (RFC 4120 section 5.2).

use ber::{BitString, Children, Element, Encoder, Tag};
use wire::DecodeError;
use zeroize::Zeroizing;

use crate::principal::{MAX_COMPONENTS, Principal};
use crate::{Key, KeyError};

/// `EncryptedData`, section 5.2.9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedData {
    /// The encryption type.
    pub etype: i32,
    /// The version of the key, where it is a long-lived one.
    pub kvno: Option<u32>,
    /// The octets.
    pub cipher: Vec<u8>,
}

impl EncryptedData {
    pub(super) fn put(&self, out: &mut Encoder, number: u32) {
        sequence(out, number, |fields| {
            put_integer(fields, 0, i64::from(self.etype));
            if let Some(kvno) = self.kvno {
                put_integer(fields, 1, i64::from(kvno));
            }
            put_octets(fields, 2, &self.cipher);
        });
    }

    /// As a value of its own, as pre-authentication carries it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |fields| {
            put_integer(fields, 0, i64::from(self.etype));
            if let Some(kvno) = self.kvno {
                put_integer(fields, 1, i64::from(kvno));
            }
            put_octets(fields, 2, &self.cipher);
        });
        out.finish()
    }

    pub(super) fn read(element: Element<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let mut fields = element.expect(Tag::SEQUENCE, field)?.children()?;
        let etype = int32(required(&mut fields, 0, "etype")?, "etype")?;
        let kvno = match optional(&mut fields, 1, "kvno")? {
            Some(value) => Some(uint32(value, "kvno")?),
            None => None,
        };
        let cipher = octets(required(&mut fields, 2, "cipher")?, "cipher")?;
        Ok(Self { etype, kvno, cipher })
    }
}

/// `EncryptionKey`, section 5.2.9: a key of any encryption type.
#[derive(Clone, PartialEq, Eq)]
pub struct RawKey {
    /// The encryption type.
    pub etype: i32,
    /// The octets.
    pub octets: Zeroizing<Vec<u8>>,
}

impl RawKey {
    /// As a key that works.
    ///
    /// # Errors
    /// [`KeyError`] for another encryption type than AES.
    pub fn key(&self) -> Result<Key, KeyError> {
        Key::new(self.etype, &self.octets)
    }

    pub(super) fn put(&self, out: &mut Encoder, number: u32) {
        sequence(out, number, |fields| {
            put_integer(fields, 0, i64::from(self.etype));
            put_octets(fields, 1, &self.octets);
        });
    }

    pub(super) fn read(element: Element<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let mut fields = element.expect(Tag::SEQUENCE, field)?.children()?;
        let etype = int32(required(&mut fields, 0, "keytype")?, "keytype")?;
        let octets = octets(required(&mut fields, 1, "keyvalue")?, "keyvalue")?;
        Ok(Self { etype, octets: Zeroizing::new(octets) })
    }
}

impl From<&Key> for RawKey {
    fn from(key: &Key) -> Self {
        Self { etype: key.etype().number(), octets: Zeroizing::new(key.expose().to_vec()) }
    }
}

impl std::fmt::Debug for RawKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawKey({})", crate::etype_name(self.etype))
    }
}

/// A name without its realm, section 5.2.2.
pub(super) fn put_name(out: &mut Encoder, number: u32, principal: &Principal) {
    sequence(out, number, |fields| {
        put_integer(fields, 0, i64::from(principal.name_type));
        fields.constructed(Tag::context(1), |field| {
            field.constructed(Tag::SEQUENCE, |list| {
                for component in &principal.components {
                    list.text(Tag::GENERAL_STRING, component);
                }
            });
        });
    });
}

pub(super) fn name(
    element: Element<'_>,
    realm: &str,
    field: &'static str,
) -> Result<Principal, DecodeError> {
    let mut fields = element.expect(Tag::SEQUENCE, field)?.children()?;
    let name_type = int32(required(&mut fields, 0, "name-type")?, "name-type")?;
    let list = required(&mut fields, 1, "name-string")?.expect(Tag::SEQUENCE, "name-string")?;
    let mut parts = list.children()?;
    let mut components = Vec::new();
    while let Some(part) = parts.next_element()? {
        if components.len() >= MAX_COMPONENTS {
            return Err(part.invalid("name-string", "more parts than any name has"));
        }
        components.push(string(part, "name-string")?);
    }
    Ok(Principal { name_type, components, realm: realm.to_owned() })
}

/// Fields of a sequence, each in an explicit tag.
pub(super) fn required<'a>(
    fields: &mut Children<'a>,
    number: u32,
    field: &'static str,
) -> Result<Element<'a>, DecodeError> {
    fields.take(Tag::context(number), field)?.inner(field)
}

pub(super) fn optional<'a>(
    fields: &mut Children<'a>,
    number: u32,
    field: &'static str,
) -> Result<Option<Element<'a>>, DecodeError> {
    match fields.optional(Tag::context(number))? {
        Some(element) => element.inner(field).map(Some),
        None => Ok(None),
    }
}

/// A sequence in an application tag.
pub(super) fn application<'a>(
    what: &'static str,
    octets: &'a [u8],
    tags: &[u32],
) -> Result<(u32, Children<'a>), DecodeError> {
    let element = ber::decode_one(what, octets)?;
    let Some(tag) = tags.iter().find(|tag| Tag::application(**tag) == element.tag) else {
        return Err(element.invalid("message", "another message than the one that is due"));
    };
    Ok((*tag, element.inner(what)?.expect(Tag::SEQUENCE, what)?.children()?))
}

pub(super) fn int32(element: Element<'_>, field: &'static str) -> Result<i32, DecodeError> {
    let element = element.expect(Tag::INTEGER, field)?;
    i32::try_from(element.integer(field)?).map_err(|_| element.invalid(field, "over 32 bits"))
}

/// Unsigned; older programs wrote large ones as negative numbers, which are taken as such.
pub(super) fn uint32(element: Element<'_>, field: &'static str) -> Result<u32, DecodeError> {
    let element = element.expect(Tag::INTEGER, field)?;
    let value = element.integer(field)?;
    let wrapped = i32::try_from(value).ok().filter(|small| *small < 0).map(i32::cast_unsigned);
    match u32::try_from(value).ok().or(wrapped) {
        Some(value) => Ok(value),
        None => Err(element.invalid(field, "over 32 bits")),
    }
}

/// Microseconds, section 5.2.4.
pub(super) fn micros(element: Element<'_>, field: &'static str) -> Result<u32, DecodeError> {
    match uint32(element, field)? {
        value @ 0..=999_999 => Ok(value),
        _ => Err(element.invalid(field, "over a second")),
    }
}

pub(super) fn octets(element: Element<'_>, field: &'static str) -> Result<Vec<u8>, DecodeError> {
    Ok(element.expect(Tag::OCTET_STRING, field)?.octets(field)?.into_owned())
}

pub(super) fn string(element: Element<'_>, field: &'static str) -> Result<String, DecodeError> {
    element.expect(Tag::GENERAL_STRING, field)?.text(field)
}

/// At least 32 bits, section 5.2.8; further ones are passed over.
pub(super) fn flags(element: Element<'_>, field: &'static str) -> Result<u32, DecodeError> {
    let bits = element.expect(Tag::BIT_STRING, field)?.bits(field)?;
    let mut word = [0; 4];
    for (octet, got) in word.iter_mut().zip(&bits.bytes) {
        *octet = *got;
    }
    Ok(u32::from_be_bytes(word))
}

pub(super) fn put_flags(out: &mut Encoder, number: u32, flags: u32) {
    let value = BitString { bytes: flags.to_be_bytes().to_vec(), unused: 0 };
    out.constructed(Tag::context(number), |field| field.bits(Tag::BIT_STRING, &value));
}

pub(super) fn put_integer(out: &mut Encoder, number: u32, value: i64) {
    out.constructed(Tag::context(number), |field| field.integer(Tag::INTEGER, value));
}

pub(super) fn put_octets(out: &mut Encoder, number: u32, value: &[u8]) {
    out.constructed(Tag::context(number), |field| field.octets(Tag::OCTET_STRING, value));
}

pub(super) fn put_string(out: &mut Encoder, number: u32, value: &str) {
    out.constructed(Tag::context(number), |field| field.text(Tag::GENERAL_STRING, value));
}

pub(super) fn put_time(out: &mut Encoder, number: u32, seconds: i64) {
    out.constructed(Tag::context(number), |field| crate::time::put_time(field, seconds));
}

/// A sequence in a context tag.
pub(super) fn sequence(out: &mut Encoder, number: u32, fill: impl FnOnce(&mut Encoder)) {
    out.constructed(Tag::context(number), |field| field.constructed(Tag::SEQUENCE, fill));
}

/// A message: a sequence in an application tag.
pub(super) fn message(number: u32, fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::application(number), |field| field.constructed(Tag::SEQUENCE, fill));
    out.finish()
}
