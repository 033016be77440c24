//! The characters of TeletexString: T.61, with the tables of ISO 6937-2.
//!
//! An accent stands before its letter. The ASCII characters that T.61 lacks stand as ASCII, as they do in every product.

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
const LETTERS: [(u8, char); 35] = [
    (0xa4, '$'),
    (0xa6, '#'),
    (0xa8, '¤'),
    (0xb4, '×'),
    (0xb8, '÷'),
    (0xe0, '\u{3a9}'),
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
    (0xef, 'ŉ'),
    (0xf0, 'ĸ'),
    (0xf1, 'æ'),
    (0xf2, 'đ'),
    (0xf3, 'ð'),
    (0xf4, 'ħ'),
    (0xf5, 'ı'),
    (0xf6, 'ĳ'),
    (0xf7, 'ŀ'),
    (0xf8, 'ł'),
    (0xf9, 'ø'),
    (0xfa, 'œ'),
    (0xfb, 'ß'),
    (0xfc, 'þ'),
    (0xfd, 'ŧ'),
    (0xfe, 'ŋ'),
];
/// Characters of the right half that both have at the same place.
const SHARED: &str = "¡¢£¥§«°±²³µ¶·»¼½¾¿";

/// The text of a TeletexString.
///
/// It is T.61 where all of its accents stand before a letter that can have them. Many write Latin-1 or UTF-8 under this name,
/// in which they rarely do.
#[must_use]
pub fn from_teletex(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            accented(octets).unwrap_or_else(|| octets.iter().copied().map(char::from).collect())
        }
    }
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

/// The octets of a character; `None` where T.61 does not have it. A character with an accent is one character (NFC).
#[must_use]
pub fn to_teletex(character: char) -> Option<Vec<u8>> {
    let one = u8::try_from(character).ok();
    if matches!(character, ' '..='~') || SHARED.contains(character) {
        return one.map(|octet| vec![octet]);
    }
    if let Some((octet, _)) = LETTERS.iter().find(|(_, letter)| *letter == character) {
        return Some(vec![*octet]);
    }
    ACCENTS.iter().find_map(|(accent, plain, with)| {
        let at = with.chars().position(|one| one == character)?;
        Some(vec![*accent, u8::try_from(plain.chars().nth(at)?).ok()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teletex_in_its_three_spellings() {
        assert_eq!(from_teletex(b"Gr\xc8u\xfbe aus K\xc8oln"), "Grüße aus Köln");
        assert_eq!(from_teletex(b"Gr\xfc\xdfe \xc4pfel"), "Grüße Äpfel");
        assert_eq!(from_teletex("Grüße".as_bytes()), "Grüße");
        assert_eq!(from_teletex(b"\xc8"), "È", "an accent without a letter");
    }

    #[test]
    fn every_accent_has_as_many_letters_as_results() {
        for (accent, plain, with) in ACCENTS {
            assert_eq!(plain.chars().count(), with.chars().count(), "{accent:x}");
        }
    }

    /// Behind an accent, which tells them from Latin-1, all characters come back.
    #[test]
    fn every_character_that_is_written_is_read_again() {
        let letters = LETTERS.iter().map(|(_, letter)| *letter).chain(SHARED.chars());
        let all: String =
            letters.chain(ACCENTS.iter().flat_map(|(.., with)| with.chars())).collect();
        let octets: Vec<u8> = all.chars().filter_map(to_teletex).flatten().collect();
        assert_eq!(from_teletex(&octets), all);
        assert_eq!(to_teletex('\u{65e5}'), None);
        assert_eq!(to_teletex('\u{1ebd}'), None, "T.61 has no tilde on an e");
    }
}
