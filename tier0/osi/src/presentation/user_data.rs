//! User-data, X.226 8.4.2: fully encoded lists of presentation data values.

use std::borrow::Cow;

use ber::{Class, Element, Encoder, Tag};
use wire::DecodeError;

/// User-data, fully encoded.
const FULLY_ENCODED: Tag = Tag::application(1);
/// Presentation data values in one list; a connect carries one, data transfer one.
const MAX_VALUES: usize = 16;

/// A presentation context identifier, X.226 8.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextId(pub i64);

/// A presentation data value list entry, X.226 8.4.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdv<'a> {
    pub context: ContextId,
    /// The encoding of the value.
    pub value: Cow<'a, [u8]>,
}

/// The user data of a presentation protocol data unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserData<'a>(pub Vec<Pdv<'a>>);

impl<'a> UserData<'a> {
    /// One value in one context.
    #[must_use]
    pub fn single(context: ContextId, value: &'a [u8]) -> Self {
        Self(vec![Pdv { context, value: Cow::Borrowed(value) }])
    }

    /// True when `element` is user data, as far as its tag tells.
    #[must_use]
    pub fn is(element: &Element<'_>) -> bool {
        element.tag == FULLY_ENCODED
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is simply encoded, malformed, or has too many values.
    pub fn decode(element: Element<'a>) -> Result<Self, DecodeError> {
        let mut values = Vec::new();
        let mut children = element.expect(FULLY_ENCODED, "user data")?.children()?;
        while let Some(child) = children.next_element()? {
            if values.len() == MAX_VALUES {
                return Err(child.invalid("user data", "over 16 presentation data values"));
            }
            values.push(decode_value(child)?);
        }
        Ok(Self(values))
    }

    /// The value in `context`.
    #[must_use]
    pub fn value(&self, context: ContextId) -> Option<&[u8]> {
        self.0.iter().find(|pdv| pdv.context == context).map(|pdv| &*pdv.value)
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Encoder) {
        out.constructed(FULLY_ENCODED, |out| {
            for pdv in &self.0 {
                out.constructed(Tag::SEQUENCE, |out| {
                    out.integer(Tag::INTEGER, pdv.context.0);
                    out.constructed(Tag::context(0), |out| out.raw(&pdv.value));
                });
            }
        });
    }

    /// The octets alone, as FINISH and DISCONNECT carry them.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        self.encode(&mut out);
        out.finish()
    }
}

fn decode_value<'a>(element: Element<'a>) -> Result<Pdv<'a>, DecodeError> {
    let mut context = None;
    let mut children = element.expect(Tag::SEQUENCE, "pdv-list")?.children()?;
    while let Some(child) = children.next_element()? {
        let value = match (child.tag.class, child.tag.number) {
            (Class::Universal, 2) => {
                context = Some(ContextId(child.integer("presentation-context-identifier")?));
                continue;
            }
            (Class::Context, 0) => Cow::Borrowed(child.inner("single-ASN1-type")?.raw),
            (Class::Context, 1) => child.octets("octet-aligned")?,
            (Class::Context, 2) => return Err(child.invalid("pdv-list", "arbitrary bit string")),
            // The transfer syntax name says what the context already says.
            _ => continue,
        };
        let Some(context) = context else {
            return Err(child.invalid("pdv-list", "no presentation context identifier"));
        };
        return Ok(Pdv { context, value });
    }
    Err(element.invalid("pdv-list", "no value"))
}

/// An OCTET STRING of `length` octets as user data in `context`, behind `prefix`; `fill` appends
/// the octets.
///
/// Its result is that of [`UserData::encode`], made in one allocation of the final size: segments
/// and whole APDUs of many MiB pass here.
pub fn wrap_octets(
    prefix: &[u8],
    context: ContextId,
    length: usize,
    fill: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut identifier = Encoder::new();
    identifier.integer(Tag::INTEGER, context.0);
    let identifier = identifier.finish();
    let string = 1 + length_octets(length).len() + length;
    let single = 1 + length_octets(string).len() + string;
    let list = identifier.len() + single;
    let sequence = 1 + length_octets(list).len() + list;

    let mut out = Vec::with_capacity(prefix.len() + sequence + 10);
    out.extend_from_slice(prefix);
    put_header(&mut out, 0x61, sequence);
    put_header(&mut out, 0x30, list);
    out.extend_from_slice(&identifier);
    put_header(&mut out, 0xa0, string);
    put_header(&mut out, 0x04, length);
    fill(&mut out);
    out
}

/// The head of an EXTERNAL in `context` around a single-ASN1-type of `length` octets, so that an
/// APDU of many MiB need not be copied into one.
pub(crate) fn external_head(context: ContextId, length: usize) -> Vec<u8> {
    let mut identifier = Encoder::new();
    identifier.integer(Tag::INTEGER, context.0);
    let identifier = identifier.finish();
    let contents = identifier.len() + 1 + length_octets(length).len() + length;
    let mut out = Vec::with_capacity(32);
    put_header(&mut out, 0x28, contents);
    out.extend_from_slice(&identifier);
    put_header(&mut out, 0xa0, length);
    out
}

fn put_header(out: &mut Vec<u8>, identifier: u8, length: usize) {
    out.push(identifier);
    out.extend_from_slice(&length_octets(length));
}

/// Definite length octets, X.690 8.1.3: `ber::Encoder` gives none without the contents, which here
/// may be a hundred MiB that are elsewhere.
fn length_octets(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![short],
        _ => {
            let octets = length.to_be_bytes();
            let first = octets.iter().position(|octet| *octet != 0).unwrap_or(0);
            let count = u8::try_from(octets.len() - first).unwrap_or(8);
            [&[0x80 | count], &octets[first..]].concat()
        }
    }
}
