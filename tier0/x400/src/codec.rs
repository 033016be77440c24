//! What the codecs of this crate share: raw elements, times, names, limits.

use ber::{BitString, Children, Element, Encoder, Tag};
use jiff::Timestamp;
use std::fmt;
use wire::DecodeError;

use crate::utc_time::{REFERENCE_YEAR, format_utc_time, parse_utc_time};

/// Elements of one list that are read; ub-recipients of X.411 is the largest bound there.
pub const MAX_LIST: usize = 32_767;

/// Elements of a trace that are read: ub-transfers of X.411 Annex B.
pub const MAX_TRACE: usize = 512;

/// Octets of one name, address part or short text; the longest bound of X.411 Annex B is
/// 1024, and peers are known to pass their bounds, so twice that.
pub const MAX_TEXT: usize = 2048;

/// One whole BER element, tag and length included, kept for relay octet for octet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raw(Vec<u8>);

impl Raw {
    /// Takes octets that hold exactly one element.
    ///
    /// # Errors
    /// The octets are not exactly one BER element.
    pub fn new(octets: Vec<u8>) -> Result<Self, DecodeError> {
        ber::decode_one("raw element", &octets)?;
        Ok(Self(octets))
    }

    /// Takes what an encoder wrote, which is one element by construction.
    pub(crate) fn encoded(write: impl FnOnce(&mut Encoder)) -> Self {
        let mut encoder = Encoder::new();
        write(&mut encoder);
        Self(encoder.finish())
    }

    /// The whole element.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Element<'_>> for Raw {
    fn from(element: Element<'_>) -> Self {
        Self(element.raw.to_vec())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({})", wire::to_hex(&self.0))
    }
}

/// Writes raw elements one after the other.
pub fn put_raw(encoder: &mut Encoder, elements: &[Raw]) {
    for element in elements {
        encoder.raw(element.as_bytes());
    }
}

/// Reads a text of at most [`MAX_TEXT`] octets.
pub fn text(element: &Element<'_>, field: &'static str) -> Result<String, DecodeError> {
    bounded_text(element, field, MAX_TEXT)
}

/// Reads a text of at most `limit` octets.
pub fn bounded_text(
    element: &Element<'_>,
    field: &'static str,
    limit: usize,
) -> Result<String, DecodeError> {
    if element.raw.len() > limit + 16 {
        return Err(DecodeError::limit(WHAT, field, element.offset, limit));
    }
    element.text(field)
}

/// The name that errors of this crate give to what was read.
pub const WHAT: &str = "MTS-APDU";

/// Reads UTCTime.
pub fn time(element: &Element<'_>, field: &'static str) -> Result<Timestamp, DecodeError> {
    let text = bounded_text(element, field, 32)?;
    parse_utc_time(&text, REFERENCE_YEAR)
        .ok_or_else(|| DecodeError::invalid(WHAT, field, element.offset, "not a UTCTime"))
}

/// Writes UTCTime.
pub fn put_time(encoder: &mut Encoder, tag: Tag, time: Timestamp) {
    encoder.text(tag, &format_utc_time(time));
}

/// Writes `NumericString` for digits, else `PrintableString` (RFC 2156 4.1.1).
pub fn put_numeric_or_printable(encoder: &mut Encoder, text: &str) {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    encoder.text(if digits { Tag::NUMERIC_STRING } else { Tag::PRINTABLE_STRING }, text);
}

/// Reads each child of `element`, at most `limit` of them.
pub fn list<'a, T>(
    element: &Element<'a>,
    field: &'static str,
    limit: usize,
    mut read: impl FnMut(Element<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut children = element.children()?;
    let mut values = Vec::new();
    while let Some(child) = children.next_element()? {
        if values.len() == limit {
            return Err(DecodeError::limit(WHAT, field, child.offset, limit));
        }
        values.push(read(child)?);
    }
    Ok(values)
}

/// Calls `read` with each child of a SET; it answers whether it knew the element, and those
/// it did not know are given back in their order.
pub fn read_set<'a>(
    element: &Element<'a>,
    mut read: impl FnMut(Element<'a>) -> Result<bool, DecodeError>,
) -> Result<Vec<Raw>, DecodeError> {
    let mut unknown = Vec::new();
    let mut children: Children<'a> = element.children()?;
    while let Some(child) = children.next_element()? {
        if !read(child)? {
            if unknown.len() == MAX_LIST {
                return Err(DecodeError::limit(WHAT, "unknown", child.offset, MAX_LIST));
            }
            unknown.push(Raw::from(child));
        }
    }
    Ok(unknown)
}

/// Puts a value into an empty place; a second one is an error.
pub fn put_once<T>(
    place: &mut Option<T>,
    value: T,
    field: &'static str,
    offset: usize,
) -> Result<bool, DecodeError> {
    if place.replace(value).is_some() {
        return Err(DecodeError::invalid(WHAT, field, offset, "element stands twice in a SET"));
    }
    Ok(true)
}

/// Takes the value of a mandatory element.
pub fn mandatory<T>(
    place: Option<T>,
    field: &'static str,
    container: &Element<'_>,
) -> Result<T, DecodeError> {
    place.ok_or_else(|| {
        DecodeError::invalid(WHAT, field, container.offset, "mandatory element is missing")
    })
}

/// True when no bit of it is set.
pub fn is_clear(bits: &BitString) -> bool {
    bits.bytes.iter().all(|octet| *octet == 0)
}
