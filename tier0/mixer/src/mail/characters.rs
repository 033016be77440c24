//! Characters of mail in the strings of X.420: T.61 for short texts, registered sets for bodies.

use mail_parser::decoders::charsets::map::charset_decoder;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;
use x400::to_teletex;

use crate::character_sets::{SETS, UTF8};

/// A text in T.61.
pub(super) struct Teletex {
    pub octets: Vec<u8>,
    /// It says all that the text does.
    pub exact: bool,
}

/// The text in at most `max` octets. A character that T.61 does not have is a question mark.
pub(super) fn teletex(text: &str, max: usize) -> Teletex {
    let mut teletex = Teletex { octets: Vec::new(), exact: true };
    for character in text.nfc() {
        let octets = match to_teletex(character) {
            Some(octets) => octets,
            None => {
                teletex.exact = false;
                vec![b'?']
            }
        };
        if teletex.octets.len() + octets.len() > max {
            teletex.exact = false;
            break;
        }
        teletex.octets.extend(octets);
    }
    teletex
}

/// The letters and digits of a text without their accents; anything else that is not ASCII is a low line.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::new();
    for character in text.nfc() {
        let mut parts = Vec::new();
        decompose_canonical(character, |part| parts.push(part));
        match parts.first() {
            Some(first @ ' '..='~') => out.push(*first),
            _ if character == 'ß' => out.push_str("ss"),
            _ => out.push('_'),
        }
    }
    out
}

/// A text for a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    Ia5(Vec<u8>),
    /// The registration of the set beside ASCII, and the octets.
    General(i64, Vec<u8>),
}

/// The smallest set that has all characters of a text; the one that the mail names goes first.
pub(super) fn set_for(text: &str, named: Option<&str>) -> Text {
    if text.is_ascii() {
        return Text::Ia5(text.as_bytes().to_vec());
    }
    let first =
        SETS.iter().filter(|set| named.is_some_and(|one| one.eq_ignore_ascii_case(set.name)));
    for set in first.chain(&SETS) {
        if let Some(octets) = right_half(set.name).and_then(|half| encode(text, &half)) {
            return Text::General(set.registration, octets);
        }
    }
    Text::General(UTF8, text.as_bytes().to_vec())
}

/// The characters of the right half, sorted, with their octets.
fn right_half(name: &str) -> Option<Vec<(char, u8)>> {
    let decode = charset_decoder(name.as_bytes())?;
    let mut set: Vec<(char, u8)> = (0xa0..=0xff_u8)
        .filter_map(|octet| decode(&[octet]).chars().next().map(|character| (character, octet)))
        .filter(|(character, _)| *character != char::REPLACEMENT_CHARACTER)
        .collect();
    set.sort_unstable();
    Some(set)
}

fn encode(text: &str, set: &[(char, u8)]) -> Option<Vec<u8>> {
    let octet = |character: char| {
        if character.is_ascii() {
            return u8::try_from(character).ok();
        }
        let at = set.binary_search_by_key(&character, |(one, _)| *one).ok()?;
        set.get(at).map(|(_, octet)| *octet)
    };
    text.chars().map(octet).collect()
}

/// The text that octets are, in characters that a mail names; `None` where the octets or the name are not understood.
///
/// Octets that a mail says nothing true of are UTF-8 where they can be, else Latin-1.
pub(super) fn decode(octets: &[u8], named: Option<&str>) -> Option<String> {
    let utf8 = str::from_utf8(octets).ok();
    let named = named.filter(|name| !name.eq_ignore_ascii_case("us-ascii"));
    match named {
        _ if octets.is_ascii() && named.is_none_or(is_superset_of_ascii) => utf8.map(str::to_owned),
        Some(name) if name.eq_ignore_ascii_case("utf-8") => utf8.map(str::to_owned),
        Some(name) => {
            let text = charset_decoder(name.as_bytes())?(octets);
            (!text.contains(char::REPLACEMENT_CHARACTER)).then_some(text)
        }
        None => match utf8 {
            Some(text) => Some(text.to_owned()),
            None => Some(charset_decoder(b"iso-8859-1")?(octets)),
        },
    }
}

/// In these sets octets under 128 are ASCII.
fn is_superset_of_ascii(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["utf-8", "iso-8859-", "windows-125", "koi8-"].iter().any(|start| name.starts_with(start))
}
