//! Names that a peer spelt in another character set: recognised by doing the same to the name that was meant.
//!
//! Nothing is ever accepted because of it; it is for events and the doctor.

use encoding_rs::SHIFT_JIS;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::upcase;

/// What happened to a name on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mangling {
    /// The octets of one character set were read as those of another.
    Charset {
        /// The one that they were in.
        written: &'static str,
        /// The one that they were taken for.
        read: &'static str,
    },
    /// Characters that the peer's character set does not have became others.
    Replaced,
    /// Accents were lost.
    Stripped,
    /// The same letters, composed in another way (Unicode normalization forms, UAX 15).
    Composed,
}

impl std::fmt::Display for Mangling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Charset { written, read } => write!(f, "{written} read as {read}"),
            Self::Replaced => {
                f.write_str("characters replaced that its character set does not have")
            }
            Self::Stripped => f.write_str("accents lost"),
            Self::Composed => f.write_str("letters and accents composed in another way"),
        }
    }
}

/// How `seen` came from `meant`, if it did; equal names did not.
#[must_use]
pub fn mangled(meant: &str, seen: &str) -> Option<Mangling> {
    let looks = |text: &str| shown(&upcase(text));
    let target = looks(seen);
    if looks(meant) == target || meant.is_ascii() {
        return None;
    }
    let composed: String = meant.nfc().collect();
    let seen_composed: String = seen.nfc().collect();
    if looks(&composed) == looks(&seen_composed) {
        return Some(Mangling::Composed);
    }
    // OEM names of NTLM are upper-cased before they are encoded (MS-NLMP 3.1.5.1.1).
    for form in [composed.clone(), upcase(&composed)] {
        for written in &PAGES {
            let Some(octets) = (written.encode)(&form) else { continue };
            for read in PAGES.iter().filter(|read| read.name != written.name) {
                if (read.decode)(&octets).is_some_and(|text| looks(&text) == target) {
                    return Some(Mangling::Charset { written: written.name, read: read.name });
                }
            }
        }
    }
    for replacement in ["?", "_", "", "\u{FFFD}"] {
        let replaced: String = composed
            .chars()
            .map(|c| if c.is_ascii() { c.to_string() } else { replacement.to_owned() })
            .collect();
        if looks(&replaced) == target {
            return Some(Mangling::Replaced);
        }
    }
    let bare: String = composed.nfd().filter(|c| !is_combining_mark(*c)).map(best_fit).collect();
    (looks(&bare) == target).then_some(Mangling::Stripped)
}

/// What account names may not have is shown as an underscore where they are recorded.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '?' { '_' } else { c }).collect()
}

/// Letters that have no accent to lose, as Windows fits them into ASCII.
fn best_fit(c: char) -> char {
    match c {
        'ø' => 'o',
        'Ø' => 'O',
        'ß' => 's',
        'æ' => 'a',
        'Æ' => 'A',
        'đ' | 'ð' => 'd',
        'ł' => 'l',
        'Ł' => 'L',
        other => other,
    }
}

/// A character set in which peers write names that do not write Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePage {
    /// IBM code page 850, of Western Europe, and what Samba takes for one.
    Oem850,
    /// IBM code page 437, of North America.
    Oem437,
    /// Windows-1252.
    Windows1252,
    /// Windows-31J, which is code page 932, of Japan: Shift_JIS with the letters of the makers.
    Oem932,
    /// UTF-8.
    Utf8,
}

impl CodePage {
    /// Every one, the most usual first.
    pub const ALL: [Self; 5] =
        [Self::Oem850, Self::Oem437, Self::Windows1252, Self::Oem932, Self::Utf8];

    fn page(self) -> &'static Page {
        let [utf8, _, windows_1252, oem_850, oem_437, oem_932] = &PAGES;
        match self {
            Self::Oem850 => oem_850,
            Self::Oem437 => oem_437,
            Self::Windows1252 => windows_1252,
            Self::Oem932 => oem_932,
            Self::Utf8 => utf8,
        }
    }

    /// What the octets say in it, if anything.
    #[must_use]
    pub fn decode(self, octets: &[u8]) -> Option<String> {
        (self.page().decode)(octets)
    }

    /// The octets of a text, if it has every character.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        (self.page().encode)(text)
    }
}

struct Page {
    name: &'static str,
    encode: fn(&str) -> Option<Vec<u8>>,
    decode: fn(&[u8]) -> Option<String>,
}

const PAGES: [Page; 6] = [
    Page {
        name: "UTF-8",
        encode: |text| Some(text.as_bytes().to_vec()),
        decode: |octets| std::str::from_utf8(octets).ok().map(str::to_owned),
    },
    Page {
        name: "Latin-1",
        encode: |text| text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
        decode: |octets| Some(octets.iter().map(|octet| char::from(*octet)).collect()),
    },
    Page {
        name: "Windows-1252",
        encode: |text| encode(text, 0x80, WINDOWS_1252),
        decode: |octets| Some(decode(octets, 0x80, WINDOWS_1252)),
    },
    Page {
        name: "OEM 850",
        encode: |text| encode(text, 0x80, OEM_850),
        decode: |octets| Some(decode(octets, 0x80, OEM_850)),
    },
    Page {
        name: "OEM 437",
        encode: |text| encode(text, 0x80, OEM_437),
        decode: |octets| Some(decode(octets, 0x80, OEM_437)),
    },
    Page {
        name: "OEM 932 (Shift_JIS)",
        encode: |text| {
            let (octets, _, replaced) = SHIFT_JIS.encode(text);
            (!replaced).then(|| octets.into_owned())
        },
        decode: |octets| {
            let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(octets)?;
            Some(text.into_owned())
        },
    },
];

/// Windows-1252 from 0x80 to 0x9F; above it is Latin-1.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ";
/// IBM code page 850 from 0x80 on.
const OEM_850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{AD}±‗¾¶§÷¸°¨·¹³²■\u{A0}";
/// IBM code page 437 from 0x80 on.
const OEM_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}";

fn encode(text: &str, first: u8, table: &str) -> Option<Vec<u8>> {
    let octet = |c: char| {
        if u32::from(c) < u32::from(first) {
            return u8::try_from(u32::from(c)).ok();
        }
        match table.chars().position(|one| one == c) {
            Some(index) => u8::try_from(index).ok()?.checked_add(first),
            // Above the table lies Latin-1, where the table is that short.
            None => u8::try_from(u32::from(c))
                .ok()
                .filter(|octet| usize::from(octet - first) >= table.chars().count()),
        }
    };
    text.chars().map(octet).collect()
}

fn decode(octets: &[u8], first: u8, table: &str) -> String {
    let c = |octet: &u8| match octet.checked_sub(first) {
        None => char::from(*octet),
        Some(index) => table.chars().nth(usize::from(index)).unwrap_or(char::from(*octet)),
    };
    octets.iter().map(c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_their_lengths() {
        assert_eq!(OEM_850.chars().count(), 128);
        assert_eq!(OEM_437.chars().count(), 128);
        assert_eq!(WINDOWS_1252.chars().count(), 32);
        assert_eq!(encode("ü", 0x80, OEM_850), Some(vec![0x81]));
        assert_eq!(encode("€ü", 0x80, WINDOWS_1252), Some(vec![0x80, 0xFC]));
        assert_eq!(decode(&[0xE1], 0x80, OEM_850), "ß");
        assert_eq!(CodePage::Oem932.encode("日本"), Some(vec![0x93, 0xFA, 0x96, 0x7B]));
        assert_eq!(CodePage::Oem932.decode(&[0x93, 0xFA, 0x96, 0x7B]).as_deref(), Some("日本"));
        assert_eq!(CodePage::Oem932.encode("ü"), None, "it is not in there");
        assert_eq!(CodePage::Oem932.decode(&[0x93]), None, "half a character");
    }

    #[test]
    fn names_are_recognised_however_they_were_spoilt() {
        for (meant, seen, expected) in [
            ("svc-jürgen", "svc-jÃ¼rgen", "UTF-8 read as Latin-1"),
            ("svc-Ø", "svc-Ã˜", "UTF-8 read as Windows-1252"),
            ("svc-ü", "svc-├╝", "UTF-8 read as OEM 850"),
            ("strauß", "strauá", "OEM 850 read as Latin-1"),
            ("strauß", "strau▀", "Latin-1 read as OEM 850"),
            ("svc-ü", "svc-_", "OEM 850 read as Latin-1"),
            ("日本", "æ—¥æœ¬", "UTF-8 read as Windows-1252"),
            ("日本", "譌･譛ｬ", "UTF-8 read as OEM 932 (Shift_JIS)"),
            ("日本", "“ú–{", "OEM 932 (Shift_JIS) read as Windows-1252"),
            ("日本", "ô·û{", "OEM 932 (Shift_JIS) read as OEM 850"),
            ("メール", "âüü[âï", "OEM 932 (Shift_JIS) read as OEM 850"),
            ("日本", "??", "characters replaced that its character set does not have"),
            ("jürgen", "jurgen", "accents lost"),
            ("Ørsted", "ORSTED", "accents lost"),
            ("jürgen", "ju\u{308}rgen", "letters and accents composed in another way"),
            ("ju\u{308}rgen", "JÜRGEN", "letters and accents composed in another way"),
        ] {
            let said = mangled(meant, seen).map(|found| found.to_string());
            assert_eq!(said.as_deref(), Some(expected), "{meant} as {seen}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for (meant, seen) in [
            ("svc-west", "svc-wést"),
            ("jürgen", "JÜRGEN"),
            ("jürgen", "jörg"),
            ("jürgen", "svc-west"),
            ("日本", "中国"),
        ] {
            assert_eq!(mangled(meant, seen), None, "{meant} as {seen}");
        }
    }
}
