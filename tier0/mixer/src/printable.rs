//! ASCII in a `PrintableString` (RFC 2156 3.4).
//!
//! `@` is `(a)`, `%` `(p)`, `!` `(b)`, `"` `(q)`, `_` `(u)`, `(` `(l)`, `)` `(r)`; any other
//! character that a `PrintableString` lacks is its decimal number `(ddd)`. Lower case is
//! written, either case is read. RFC 2156 ends at 127; the numbers from 128 to 255 stand
//! here for octets of UTF-8 and are written only where the type of the attribute is ours.

/// Letters of the named escapes.
const NAMED: [(u8, u8); 7] = [
    (b'@', b'a'),
    (b'%', b'p'),
    (b'!', b'b'),
    (b'"', b'q'),
    (b'_', b'u'),
    (b'(', b'l'),
    (b')', b'r'),
];

/// Encodes text, each octet over 127 as a number.
#[must_use]
pub fn to_printable(text: &str) -> String {
    text.bytes().map(encoded).collect()
}

/// One octet as it stands in the string.
pub(crate) fn encoded(octet: u8) -> String {
    if let Some((_, letter)) = NAMED.iter().find(|(named, _)| *named == octet) {
        format!("({})", char::from(*letter))
    } else if octet.is_ascii_alphanumeric() || b" '+,-./:=?".contains(&octet) {
        char::from(octet).to_string()
    } else {
        format!("({octet:03})")
    }
}

/// Decodes text; what is no escape stands for itself. `None` when the octets are not UTF-8.
#[must_use]
pub fn from_printable(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let escape = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        if let Some((octet, after)) =
            escape.and_then(|(name, after)| escaped(name).map(|octet| (octet, after)))
        {
            octets.push(octet);
            rest = after;
        } else {
            let length = character.len_utf8();
            octets.extend_from_slice(&rest.as_bytes()[..length]);
            rest = &rest[length..];
        }
    }
    String::from_utf8(octets).ok()
}

/// The octet of an escape's name.
fn escaped(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [letter] => NAMED
            .iter()
            .find(|(_, named)| *named == letter.to_ascii_lowercase())
            .map(|(octet, _)| *octet),
        [a, b, c] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => name.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_and_all_octets() {
        assert_eq!(to_printable("j_doe@east.test"), "j(u)doe(a)east.test");
        assert_eq!(to_printable("a%b!c\"(x)*"), "a(p)b(b)c(q)(l)x(r)(042)");
        assert_eq!(from_printable("J(A)x(U)(042)").unwrap(), "J@x_*");
        assert_eq!(from_printable("(zz)(1)(999)(").unwrap(), "(zz)(1)(999)(");
        assert_eq!(from_printable("(195)(164)").unwrap(), "\u{e4}");
        assert_eq!(from_printable("(255)"), None);
        let ascii: String = (0..128).map(char::from).collect();
        assert_eq!(from_printable(&to_printable(&ascii)).unwrap(), ascii);
        assert!(to_printable(&ascii).bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    }
}
