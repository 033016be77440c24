//! Octets as people read them.

use std::fmt::Write;

/// Octets in one line of the dump.
const LINE: usize = 16;

/// Lower-case hex without separators.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads hex of either case; white space is passed over, anything else gives `None`.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(text.len());
    for character in text.chars().filter(|c| !c.is_whitespace()) {
        digits.push(u8::try_from(character.to_digit(16)?).ok()?);
    }
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A dump of 16 octets a line; the line that holds offset `mark` is followed by a pointer to it.
#[must_use]
pub fn hex_dump(bytes: &[u8], mark: Option<usize>) -> String {
    let mut text = String::new();
    for (index, line) in bytes.chunks(LINE).enumerate() {
        let start = index * LINE;
        let _ = write!(text, "{start:08x} ");
        for byte in line {
            let _ = write!(text, " {byte:02x}");
        }
        text.push_str(&"   ".repeat(LINE - line.len()));
        text.push_str("  ");
        text.extend(line.iter().map(|&byte| {
            if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
        }));
        text.push('\n');
        if let Some(column) = mark.and_then(|mark| mark.checked_sub(start)).filter(|c| *c < LINE) {
            text.push_str(&" ".repeat(10 + column * 3));
            text.push_str("^^\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_there_and_back() {
        assert_eq!(to_hex(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(from_hex("00 AB\nff"), Some(vec![0, 0xab, 0xff]));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn the_dump_points_at_the_offset() {
        let dump = hex_dump(b"0123456789abcdefXYZ", Some(17));
        assert_eq!(
            dump,
            "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n\
             00000010  58 59 5a                                         XYZ\n             ^^\n"
        );
    }
}
