//! Characters of X.400 texts: teletex, wide strings and the registered sets of general text.

use std::borrow::Cow;

use ber::{Element, Tag};
use wire::DecodeError;
use x400::from_teletex;

use crate::character_sets::{SETS, UTF8_SETS};

/// A string of any of the types that X.420 uses.
///
/// # Errors
/// It is not well formed.
pub(super) fn text(element: &Element<'_>) -> Result<String, DecodeError> {
    let octets = element.octets("string")?;
    Ok(match element.tag {
        Tag::BMP_STRING => wide(&octets, 2),
        Tag::UNIVERSAL_STRING => wide(&octets, 4),
        Tag::T61_STRING => from_teletex(&octets),
        _ => utf8_or_latin(&octets),
    })
}

fn wide(octets: &[u8], width: usize) -> String {
    let character = |octets: &[u8]| {
        let value = octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet));
        char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    octets.chunks(width).map(character).collect()
}

fn utf8_or_latin(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().copied().map(char::from).collect(),
    }
}

const ESCAPE: u8 = 0x1b;

/// The name that MIME has for the characters of a general text, and its octets without escape sequences.
pub(super) fn general<'a>(
    octets: &'a [u8],
    registrations: &[i64],
) -> (&'static str, Cow<'a, [u8]>) {
    let (octets, designated) = without_escapes(octets);
    if octets.is_ascii() {
        return ("us-ascii", octets);
    }
    let is_utf8 = std::str::from_utf8(&octets).is_ok();
    if is_utf8
        && (designated == Some(b'%') || registrations.iter().any(|one| UTF8_SETS.contains(one)))
    {
        return ("utf-8", octets);
    }
    let by_escape = SETS.iter().find(|set| Some(set.escape) == designated);
    let by_number = || SETS.iter().find(|set| registrations.contains(&set.registration));
    let name = match by_escape.or_else(by_number) {
        Some(set) => set.name,
        None if is_utf8 => "utf-8",
        None => "iso-8859-1",
    };
    (name, octets)
}

/// What ISO 2022 sequences designate for the right half, as the last octet of the last of them (`%` for UTF-8).
fn without_escapes(octets: &[u8]) -> (Cow<'_, [u8]>, Option<u8>) {
    if !octets.contains(&ESCAPE) {
        return (Cow::Borrowed(octets), None);
    }
    let mut out = Vec::with_capacity(octets.len());
    let mut designated = None;
    let mut rest = octets;
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        if octet != ESCAPE {
            out.push(octet);
            continue;
        }
        let intermediates = behind.iter().take_while(|octet| matches!(octet, 0x20..=0x2f)).count();
        let Some(last) = behind.get(intermediates) else { break };
        match behind.first() {
            // Sets of 96 characters into G1 to G3.
            Some(b'-' | b'.' | b'/') => designated = Some(*last),
            Some(b'%') if *last == b'G' || intermediates > 1 => designated = Some(b'%'),
            _ => {}
        }
        rest = &behind[intermediates + 1..];
    }
    (Cow::Owned(out), designated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_texts_name_their_characters() {
        assert_eq!(general(b"x", &[1, 6, 100]).0, "us-ascii");
        assert_eq!(general(b"\xfc", &[1, 6, 100]).0, "iso-8859-1");
        assert_eq!(general(b"\xfc", &[1, 6, 144]).0, "iso-8859-5");
        assert_eq!(general(b"\x1b-F\xe1", &[6]), ("iso-8859-7", Cow::Borrowed(&b"\xe1"[..])));
        assert_eq!(general("ü".as_bytes(), &[1, 196]).0, "utf-8");
        assert_eq!(general(b"\x1b%G\xc3\xbc\x1b", &[]), ("utf-8", Cow::Borrowed(&b"\xc3\xbc"[..])));
        assert_eq!(general(b"\xfc", &[999]).0, "iso-8859-1");
    }
}
