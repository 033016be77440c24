//! Types that interfaces of Windows share: strings with their length, security identifiers (MS-DTYP 2.3.10, 2.4.2.3).

use dcerpc::{NdrReader, NdrWriter};
use identity::Sid;
use wire::DecodeError;

/// What an operation gave, if anything, and its status.
pub(crate) type Decoded<T> = Result<(Option<T>, u32), DecodeError>;

/// Sub-authorities of a security identifier at most (MS-DTYP 2.4.2).
const MOST_PARTS: usize = 15;
/// Characters of one string at most: the length is told in 16 bits of octets.
const MOST_UNITS: usize = 0x7fff;

/// Writes `RPC_UNICODE_STRING`s, and behind all of them what they point to.
pub(crate) fn put_unicode_strings(writer: &mut NdrWriter, texts: &[&str]) {
    let texts: Vec<Vec<u16>> =
        texts.iter().map(|text| text.encode_utf16().take(MOST_UNITS).collect()).collect();
    for text in &texts {
        writer.align(4);
        let octets = u16::try_from(text.len() * 2).unwrap_or(u16::MAX);
        writer.u16(octets);
        writer.u16(octets);
        writer.pointer(true);
    }
    for text in &texts {
        writer.count(text.len());
        writer.actual_count(text.len());
        for unit in text {
            writer.u16(*unit);
        }
    }
}

/// True when the string of this `RPC_UNICODE_STRING` stands behind.
pub(crate) fn unicode_string_head(reader: &mut NdrReader<'_>) -> Result<bool, DecodeError> {
    reader.align(4)?;
    reader.u16("Length")?;
    reader.u16("MaximumLength")?;
    reader.pointer("Buffer")
}

/// The string itself; what is no UTF-16 in it is replaced.
pub(crate) fn unicode_string_rest(
    reader: &mut NdrReader<'_>,
    points: bool,
) -> Result<String, DecodeError> {
    if !points {
        return Ok(String::new());
    }
    let max = reader.max_count("Buffer", MOST_UNITS)?;
    let count = reader.actual_count("Buffer", max)?;
    let units: Result<Vec<u16>, _> = (0..count).map(|_| reader.u16("Buffer")).collect();
    Ok(String::from_utf16_lossy(&units?))
}

/// Writes an `RPC_SID`: its count stands before it, as of every structure that ends with an array.
pub(crate) fn put_sid(writer: &mut NdrWriter, sid: &Sid) {
    writer.count(sid.parts().len());
    writer.octets(&sid.to_bytes());
}

pub(crate) fn sid(reader: &mut NdrReader<'_>) -> Result<Sid, DecodeError> {
    let count = reader.max_count("SubAuthority", MOST_PARTS)?;
    let [revision, parts] = [reader.u8("Revision")?, reader.u8("SubAuthorityCount")?];
    if revision != 1 || usize::from(parts) != count {
        return Err(reader.invalid("SubAuthorityCount", "two counts that differ"));
    }
    let authority = reader.octets("IdentifierAuthority", 6)?;
    let authority = authority.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
    let parts: Result<Vec<u32>, _> = (0..count).map(|_| reader.u32("SubAuthority")).collect();
    Sid::new(authority, &parts?)
        .map_err(|_| reader.invalid("RPC_SID", "no identifier that there can be"))
}
