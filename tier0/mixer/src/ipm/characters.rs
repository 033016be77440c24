//! Characters of X.400 texts: teletex, wide strings and the registered sets of general text.

use std::borrow::Cow;

use ber::{Element, Tag};
use wire::DecodeError;

/// Accents of T.61 that stand before their letter, with the letters that have them and both together.
const ACCENTS: [(u8, &str, &str); 14] = [
    (0xc1, "AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
    (0xc2, "ACEILNORSUYZaceilnorsuyz", "ÁĆÉÍĹŃÓŔŚÚÝŹáćéíĺńóŕśúýź"),
    (0xc3, "ACEGHIJOSUWYaceghijosuwy", "ÂĈÊĜĤÎĴÔŜÛŴŶâĉêĝĥîĵôŝûŵŷ"),
    (0xc4, "AINOUainou", "ÃĨÑÕŨãĩñõũ"),
    (0xc5, "AEIOUaeiou", "ĀĒĪŌŪāēīōū"),
    (0xc6, "AGUagu", "ĂĞŬăğŭ"),
    (0xc7, "CEGIZcegz", "ĊĖĠİŻċėġż"),
    (0xc8, "AEIOUYaeiouy", "ÄËÏÖÜŸäëïöüÿ"),
    (0xca, "AUau", "ÅŮåů"),
    (0xcb, "CGKLNRSTcklnrst", "ÇĢĶĻŅŖŞŢçķļņŗşţ"),
    (0xcd, "OUou", "ŐŰőű"),
    (0xce, "AEIUaeiu", "ĄĘĮŲąęįų"),
    (0xcf, "CDELNRSTZcdelnrstz", "ČĎĚĽŇŘŠŤŽčďěľňřšťž"),
    (0xc9, "AEIOUYaeiouy", "ÄËÏÖÜŸäëïöüÿ"),
];

/// Characters of the right half of T.61 that are others in Latin-1.
const LETTERS: [(u8, char); 26] = [
    (0xa6, '#'),
    (0xa8, '¤'),
    (0xb4, '×'),
    (0xb8, '÷'),
    (0xe0, 'Ω'),
    (0xe1, 'Æ'),
    (0xe2, 'Ð'),
    (0xe3, 'ª'),
    (0xe4, 'Ħ'),
    (0xe6, 'Ĳ'),
    (0xe7, 'Ŀ'),
    (0xe8, 'Ł'),
    (0xe9, 'Ø'),
    (0xea, 'Œ'),
    (0xeb, 'º'),
    (0xec, 'Þ'),
    (0xed, 'Ŧ'),
    (0xee, 'Ŋ'),
    (0xf0, 'ĸ'),
    (0xf1, 'æ'),
    (0xf3, 'ð'),
    (0xf5, 'ı'),
    (0xf8, 'ł'),
    (0xf9, 'ø'),
    (0xfa, 'œ'),
    (0xfb, 'ß'),
];

/// A string of any of the types that X.420 uses.
///
/// # Errors
/// It is not well formed.
pub(super) fn text(element: &Element<'_>) -> Result<String, DecodeError> {
    let octets = element.octets("string")?;
    Ok(match element.tag {
        Tag::BMP_STRING => wide(&octets, 2),
        Tag::UNIVERSAL_STRING => wide(&octets, 4),
        Tag::T61_STRING => teletex(&octets),
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

/// T.61 where all of its accents stand before a letter that can have them. Many write Latin-1 or UTF-8 under
/// this name, in which they rarely do.
pub(super) fn teletex(octets: &[u8]) -> String {
    if std::str::from_utf8(octets).is_ok() {
        return utf8_or_latin(octets);
    }
    accented(octets).unwrap_or_else(|| utf8_or_latin(octets))
}

/// `None` where the octets cannot be T.61, or nothing tells them from Latin-1.
fn accented(octets: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut rest = octets.iter().copied();
    let mut composed = false;
    while let Some(octet) = rest.next() {
        if matches!(octet, 0xc1..=0xcf) {
            let (_, plain, with) = ACCENTS.iter().find(|(accent, ..)| *accent == octet)?;
            let letter = char::from(rest.next()?);
            out.push(with.chars().nth(plain.chars().position(|one| one == letter)?)?);
            composed = true;
        } else {
            let letter = LETTERS.iter().find(|(from, _)| *from == octet);
            out.push(letter.map_or_else(|| char::from(octet), |(_, to)| *to));
        }
    }
    // Without an accent `\xfb` may be û as well as ß; then most writers mean Latin-1.
    composed.then_some(out)
}

/// Sets of the ISO register that fill the right half, by the number of their registration and the last octet of
/// their escape sequence, with the name that MIME has for them (RFC 2157 7.1.3).
const SETS: [(i64, u8, &str); 13] = [
    (100, b'A', "iso-8859-1"),
    (101, b'B', "iso-8859-2"),
    (109, b'C', "iso-8859-3"),
    (110, b'D', "iso-8859-4"),
    (144, b'L', "iso-8859-5"),
    (127, b'G', "iso-8859-6"),
    (126, b'F', "iso-8859-7"),
    (138, b'H', "iso-8859-8"),
    (148, b'M', "iso-8859-9"),
    (157, b'V', "iso-8859-10"),
    (179, b'Y', "iso-8859-13"),
    (199, b'_', "iso-8859-14"),
    (203, b'b', "iso-8859-15"),
];
/// Registrations of UTF-8: levels 1 to 3, and without one.
const UTF8_SETS: [i64; 4] = [190, 191, 192, 196];
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
    let by_escape = SETS.iter().find(|(_, last, _)| Some(*last) == designated);
    let by_number = || SETS.iter().find(|(number, ..)| registrations.contains(number));
    let name = match by_escape.or_else(by_number) {
        Some((.., name)) => name,
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
    fn teletex_in_its_three_spellings() {
        assert_eq!(teletex(b"Gr\xc8u\xfbe aus K\xc8oln"), "Grüße aus Köln");
        assert_eq!(teletex(b"Gr\xfc\xdfe \xc4pfel"), "Grüße Äpfel");
        assert_eq!(teletex("Grüße".as_bytes()), "Grüße");
        assert_eq!(teletex(b"\xc8"), "È", "an accent without a letter");
    }

    #[test]
    fn every_accent_has_as_many_letters_as_results() {
        for (accent, plain, with) in ACCENTS {
            assert_eq!(plain.chars().count(), with.chars().count(), "{accent:x}");
        }
    }

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
