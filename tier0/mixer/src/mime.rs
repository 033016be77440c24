//! Small pieces of mail text: dates, folded fields, wrapped lines, xtext.

use jiff::Timestamp;

/// Width at which lines are folded (RFC 5322 2.1.1 advises 78).
const WIDTH: usize = 76;

/// A date as RFC 5322 3.3 writes it, in UTC.
pub(crate) fn date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Text for one line: control characters become spaces, runs of white space one.
pub(crate) fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes `name: value`, folded at spaces.
pub(crate) fn put_field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push(':');
    let mut column = name.len() + 1;
    for word in line(value).split(' ') {
        if column + 1 + word.len() > WIDTH && column > name.len() + 1 {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
    out.push_str("\r\n");
}

/// Writes `name: value` on one line, its spaces kept, since a quoted local part may hold some;
/// without a name just the value.
pub(crate) fn put_address(out: &mut String, name: &str, value: &str) {
    if !name.is_empty() {
        out.push_str(name);
        out.push_str(": ");
    }
    out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
    out.push_str("\r\n");
}

/// Writes a paragraph, wrapped, each line after the first indented by `indent` more spaces.
pub(crate) fn put_text(out: &mut String, first: &str, indent: usize, text: &str) {
    out.push_str(first);
    let mut column = first.chars().count();
    let mut fresh = true;
    for word in line(text).split(' ') {
        let width = word.chars().count();
        if !fresh && column + 1 + width > WIDTH {
            out.push_str("\r\n");
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if !fresh {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
        fresh = false;
    }
    out.push_str("\r\n");
}

/// Decodes xtext (RFC 3461 4); `None` when it is none or hides anything but printable ASCII.
pub(crate) fn from_xtext(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character == '+' {
            let (high, low) = (rest.next()?.to_digit(16)?, rest.next()?.to_digit(16)?);
            decoded.push(char::from_u32(high << 4 | low)?);
        } else {
            decoded.push(character);
        }
    }
    decoded.chars().all(|c| c.is_ascii_graphic() || c == ' ').then_some(decoded)
}

/// Encodes an address of any characters in ASCII (RFC 6533 3, utf-8-addr-xtext).
pub(crate) fn utf8_xtext(address: &str) -> String {
    let mut encoded = String::with_capacity(address.len());
    for character in address.chars() {
        if character.is_ascii_graphic() && !"\\+=".contains(character) {
            encoded.push(character);
        } else {
            encoded.push_str(&format!("\\x{{{:02X}}}", u32::from(character)));
        }
    }
    encoded
}

/// Replaces what is not ASCII.
pub(crate) fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_xtext() {
        let time: Timestamp = "2026-11-02T06:47:09Z".parse().unwrap();
        assert_eq!(date(time), "Mon, 02 Nov 2026 06:47:09 +0000");
        assert_eq!(from_xtext("a+2Bb+20").unwrap(), "a+b ");
        for bad in ["a+", "a+2", "+zz", "+0D", "+C3"] {
            assert_eq!(from_xtext(bad), None, "{bad}");
        }
        assert_eq!(utf8_xtext("j\u{f6}+x@b"), "j\\x{F6}\\x{2B}x@b");
    }

    #[test]
    fn folding_keeps_every_word_and_no_line_break_of_the_value() {
        let mut out = String::new();
        let value = format!("x\r\nBcc: evil {}", "word ".repeat(40));
        put_field(&mut out, "Diagnostic-Code", &value);
        let lines: Vec<&str> = out.trim_end().split("\r\n").collect();
        assert!(lines.iter().all(|one| one.len() <= 78));
        assert!(lines[1..].iter().all(|one| one.starts_with(' ')));
        assert_eq!(out.matches("word").count(), 40);
        let mut text = String::new();
        put_text(&mut text, "  Last error: ", 4, &value);
        assert!(text.split("\r\n").all(|one| one.len() <= 78));
        assert_eq!(text.matches("word").count(), 40);
    }
}
