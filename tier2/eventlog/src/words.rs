//! Texts in the encodings of Windows: UTF-16 with or without its mark, UTF-8, and the code pages 1252 and 850.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// Code page 1252, octets 80 to 9f; the others are those of Latin-1.
const ANSI: &str = "€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ";
/// Code page 850, octets 80 to ff: what a command window writes.
const OEM: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
/// So much of a file decides about its encoding.
const SAMPLE: usize = 64 * 1024;

/// The text of octets, whatever a tool of Windows made of it. What cannot be read becomes the replacement character.
///
/// What is UTF-8 already is not copied: an export may be as large as memory allows.
#[must_use]
pub fn decode(octets: &[u8]) -> Cow<'_, str> {
    match octets {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes).into(),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes).into(),
        [0xef, 0xbb, 0xbf, rest @ ..] => narrow(rest),
        _ => match unmarked_order(octets) {
            Some(order) => wide(octets, order).into(),
            None => narrow(octets),
        },
    }
}

fn wide(octets: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = octets.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// UTF-16 without a mark shows by its many zeros on one side.
fn unmarked_order(octets: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    let sample = octets.get(..octets.len().min(SAMPLE)).unwrap_or_default();
    let zeros =
        |side: usize| sample.iter().skip(side).step_by(2).filter(|octet| **octet == 0).count();
    let (low, high) = (zeros(0), zeros(1));
    let many = sample.len() / 4;
    match (low, high) {
        _ if sample.len() < 4 => None,
        (low, high) if high > many && low * 8 < high => Some(u16::from_le_bytes),
        (low, high) if low > many && high * 8 < low => Some(u16::from_be_bytes),
        _ => None,
    }
}

fn narrow(octets: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(octets) {
        return text.into();
    }
    let oem = is_oem(octets);
    octets.iter().map(|octet| of_octet(*octet, oem)).collect()
}

fn of_octet(octet: u8, oem: bool) -> char {
    let at = |table: &str| {
        table.chars().nth(usize::from(octet) - 0x80).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    match octet {
        0..=0x7f => char::from(octet),
        _ if oem => at(OEM),
        0x80..=0x9f => at(ANSI),
        _ => char::from(octet),
    }
}

/// In 1252 the octets 80 to 9f are quotes and dashes, which stand beside words; in 850 they are letters, within them.
fn is_oem(octets: &[u8]) -> bool {
    let sample = octets.get(..octets.len().min(SAMPLE)).unwrap_or_default();
    let (mut within, mut letters) = (0, 0);
    for three in sample.windows(3) {
        let inside = three[0].is_ascii_alphabetic() && three[2].is_ascii_alphabetic();
        match three[1] {
            // The apostrophe of 1252 stands within words too.
            0x92 => {}
            0x80..=0x9f if inside => within += 1,
            0xc0..=0xff if inside => letters += 1,
            _ => {}
        }
    }
    within > letters
}

/// A time as tools write it, taken as UTC where no zone is given: RFC 3339, `1/2/2026 3:04:05 PM`, `02.01.2026 15:04:05`.
///
/// With slashes the month comes first, as in the tool's own language, unless it cannot be one.
#[must_use]
pub fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let numbers: Vec<i16> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .take(6)
        .map_while(|digits| digits.parse().ok())
        .collect();
    let [a, b, c, rest @ ..] = numbers.as_slice() else { return None };
    let [mut hour, minute, second] = match rest {
        [] => [0, 0, 0],
        [hour, minute] => [*hour, *minute, 0],
        [hour, minute, second, ..] => [*hour, *minute, *second],
        [_] => return None,
    };
    let lower = text.to_ascii_lowercase();
    if lower.contains("pm") && hour < 12 {
        hour += 12;
    } else if lower.contains("am") && hour == 12 {
        hour = 0;
    }
    let (year, month, day) = if *a > 31 {
        (*a, *b, *c)
    } else if text.contains('.') || *a > 12 {
        (*c, *b, *a)
    } else {
        (*c, *a, *b)
    };
    let year = match year {
        0..=69 => year + 2000,
        70..=99 => year + 1900,
        _ => year,
    };
    let small = |value: i16| i8::try_from(value).ok();
    let date = Date::new(year, small(month)?, small(day)?).ok()?;
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    date.to_datetime(time).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_windows_is_read() {
        for octets in [
            b"\xff\xfeE\0v\0e\0n\0t\0".as_slice(),
            b"\xfe\xff\0E\0v\0e\0n\0t",
            b"E\0v\0e\0n\0t\0",
            b"\0E\0v\0e\0n\0t",
            b"\xef\xbb\xbfEvent",
            b"Event",
        ] {
            assert_eq!(decode(octets), "Event", "{octets:x?}");
        }
        assert_eq!(decode("Gerät".as_bytes()), "Gerät");
        assert_eq!(
            decode(b"Ger\xe4t \x93nicht\x94 gr\xfc\xdft"),
            "Gerät \u{201c}nicht\u{201d} grüßt"
        );
        assert_eq!(decode(b"Ger\x84t gr\x81\xe1t"), "Gerät grüßt");
        assert_eq!(OEM.chars().count(), 128);
        assert_eq!(ANSI.chars().count(), 32);
    }

    #[test]
    fn times_are_read_as_tools_write_them() {
        for text in [
            "2026-01-02T15:04:05Z",
            "1/2/2026 3:04:05 PM",
            "1/2/26 15:04:05",
            "02.01.2026 15:04:05",
            "2026-01-02 15:04:05",
        ] {
            assert_eq!(time(text).unwrap().to_string(), "2026-01-02T15:04:05Z", "{text}");
        }
        for text in ["", "yesterday", "13/13/2026 1:2:3", "1/2"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
