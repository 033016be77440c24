//! MIME entities (RFC 2045, RFC 2046), their octets a function of what is in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::mime::{line, put_field};

/// Octets of a line without its end (RFC 5322 2.1.1).
const MAX_LINE: usize = 998;
/// Octets of a line that is encoded (RFC 2045 6.7 and 6.8).
const ENCODED_LINE: usize = 76;
/// Octets of UTF-8 in an encoded word, which may have 75 characters (RFC 2047 2).
const WORD: usize = 42;

/// One part of a mail, or all of it behind the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    /// The value of Content-Type; of several parts without their boundary.
    pub content_type: String,
    /// Other fields that describe it.
    pub fields: Vec<(&'static str, String)>,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Lines in the character set that the type names.
    Text(Vec<u8>),
    /// Anything.
    Octets(Vec<u8>),
    /// A mail, which is not encoded (RFC 2046 5.2.1).
    Mail(Vec<u8>),
    Parts(Vec<Entity>),
}

impl Entity {
    pub fn text(charset: &str, octets: &[u8]) -> Self {
        let content_type = format!("text/plain; charset={charset}");
        Self { content_type, fields: Vec::new(), body: Body::Text(with_line_ends(octets)) }
    }

    pub fn mail(octets: Vec<u8>) -> Self {
        let content_type = "message/rfc822".to_owned();
        Self { content_type, fields: Vec::new(), body: Body::Mail(octets) }
    }

    /// A file; its name may be any text.
    pub fn file(content_type: &str, name: Option<&str>, octets: Vec<u8>) -> Self {
        let disposition = name.map_or_else(
            || "attachment".to_owned(),
            |name| format!("attachment; {}", parameter(name)),
        );
        Self {
            content_type: content_type.to_owned(),
            fields: vec![("Content-Disposition", disposition)],
            body: Body::Octets(octets),
        }
    }

    pub fn parts(content_type: &str, parts: Vec<Self>) -> Self {
        let content_type = content_type.to_owned();
        Self { content_type, fields: Vec::new(), body: Body::Parts(parts) }
    }

    /// Writes its fields, an empty line and its body.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut header = String::new();
        let (encoding, body) = match &self.body {
            Body::Text(text) if is_seven_bit(text) => ("7bit", text.clone()),
            Body::Text(text) => ("quoted-printable", quoted_printable(text)),
            Body::Octets(octets) => ("base64", base64_lines(octets)),
            Body::Mail(mail) => (whole(mail), mail.clone()),
            Body::Parts(parts) => {
                let (boundary, body) = joined(parts);
                let content_type = format!("{}; boundary=\"{boundary}\"", self.content_type);
                put_field(&mut header, "Content-Type", &content_type);
                (whole(&body), body)
            }
        };
        if header.is_empty() {
            put_field(&mut header, "Content-Type", &self.content_type);
        }
        put_field(&mut header, "Content-Transfer-Encoding", encoding);
        for (name, value) in &self.fields {
            put_field(&mut header, name, value);
        }
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
    }
}

/// The encoding that several lines together have.
fn whole(octets: &[u8]) -> &'static str {
    if octets.is_ascii() { "7bit" } else { "8bit" }
}

/// The parts between their boundary, which is derived from them and so stands in none.
fn joined(parts: &[Entity]) -> (String, Vec<u8>) {
    let written = parts.iter().map(|part| {
        let mut octets = Vec::new();
        part.write(&mut octets);
        octets
    });
    let written: Vec<Vec<u8>> = written.collect();
    let mut hash = Sha256::new();
    for part in &written {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let boundary = format!("=_{}", wire::to_hex(&digest[..16]));
    let mut out = Vec::new();
    for part in &written {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, out)
}

/// Every end of line as CR LF.
fn with_line_ends(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    let mut octets = text.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' => {
                octets.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn is_seven_bit(text: &[u8]) -> bool {
    text.iter().all(|octet| octet.is_ascii() && *octet != 0)
        && text.split(|octet| *octet == b'\n').all(|line| line.len() <= MAX_LINE)
}

/// RFC 2045 6.7; the ends of lines stay.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 3 / 2);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let (line, end) =
            line.strip_suffix(b"\r\n").map_or((line, &b""[..]), |line| (line, b"\r\n"));
        let mut column = 0;
        for (index, octet) in line.iter().enumerate() {
            let last = index + 1 == line.len();
            let plain = matches!(octet, b'!'..=b'<' | b'>'..=b'~')
                || matches!(octet, b' ' | b'\t') && !last;
            let width = if plain { 1 } else { 3 };
            if column + width > ENCODED_LINE - 1 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            if plain {
                out.push(*octet);
            } else {
                out.extend_from_slice(format!("={octet:02X}").as_bytes());
            }
            column += width;
        }
        out.extend_from_slice(end);
    }
    out
}

fn base64_lines(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() * 4 / 3 + octets.len() / 28 + 4);
    for line in octets.chunks(ENCODED_LINE / 4 * 3) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Text for a field in ASCII: as it is, or in encoded words (RFC 2047).
pub(crate) fn unstructured(text: &str) -> String {
    let text = line(text);
    let plain = text.is_ascii()
        && !text.contains("=?")
        && text.split(' ').all(|word| word.len() < MAX_LINE / 2);
    if plain { text } else { encoded_words(&text) }
}

/// A display name (RFC 5322 3.2.5), folded where it is long.
pub(crate) fn phrase(text: &str) -> String {
    let text = line(text);
    if !text.is_ascii() || text.contains("=?") || text.len() > MAX_LINE / 2 {
        return encoded_words(&text).replace(' ', "\r\n ");
    }
    quoted(&text)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, behind) = rest.split_at(end);
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(piece)));
        rest = behind;
    }
    words.join(" ")
}

/// The parameter `filename` (RFC 2183, RFC 2231 for what is not ASCII or long).
fn parameter(name: &str) -> String {
    let name = line(name);
    if name.is_ascii() && name.len() <= ENCODED_LINE {
        return format!("filename={}", quoted(&name));
    }
    let mut pieces = vec![String::from("UTF-8''")];
    for octet in name.bytes() {
        let one = if octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
            char::from(octet).to_string()
        } else {
            format!("%{octet:02X}")
        };
        match pieces.last_mut() {
            Some(last) if last.len() + one.len() <= 50 => last.push_str(&one),
            _ => pieces.push(one),
        }
    }
    let pieces =
        pieces.iter().enumerate().map(|(index, piece)| format!("filename*{index}*={piece}"));
    pieces.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(entity: &Entity) -> String {
        let mut out = Vec::new();
        entity.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_go_as_they_are_where_that_is_possible() {
        let plain = written(&Entity::text("us-ascii", b"one\rtwo\nthree"));
        assert!(
            plain.contains("7bit\r\n") && plain.ends_with("\r\n\r\none\r\ntwo\r\nthree\r\n"),
            "{plain}"
        );
        let german = written(&Entity::text("iso-8859-1", b"Gr\xfc\xdfe = \r\n"));
        assert!(german.ends_with("\r\n\r\nGr=FC=DFe =3D=20\r\n"), "{german}");
        let long = written(&Entity::text("us-ascii", &b"x".repeat(2000)));
        assert!(long.contains("quoted-printable") && long.lines().all(|line| line.len() <= 76));
        let (_, body) = long.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.replace("=\r\n", ""), format!("{}\r\n", "x".repeat(2000)));
    }

    #[test]
    fn files_keep_their_octets_and_names() {
        let octets: Vec<u8> = (0..=255).collect();
        let file =
            written(&Entity::file("application/octet-stream", Some("a\"b.txt"), octets.clone()));
        assert!(file.contains("filename=\"a\\\"b.txt\""), "{file}");
        let (_, body) = file.split_once("\r\n\r\n").unwrap();
        assert_eq!(STANDARD.decode(body.replace("\r\n", "")).unwrap(), octets);
        let name = "\u{dc}bersicht ".repeat(10);
        let file = written(&Entity::file("text/csv", Some(&name), Vec::new()));
        assert!(file.contains("filename*0*=UTF-8''%C3%9Cbersicht%20"), "{file}");
        assert!(file.is_ascii() && file.lines().all(|line| line.len() <= 78), "{file}");
    }

    #[test]
    fn parts_stand_between_a_boundary_of_their_own() {
        let inner = Entity::parts("multipart/mixed", vec![Entity::text("us-ascii", b"x")]);
        let outer = Entity::parts("multipart/mixed", vec![inner.clone(), inner]);
        let text = written(&outer);
        let boundaries: std::collections::BTreeSet<&str> =
            text.lines().filter(|line| line.starts_with("--=_") && line.ends_with("--")).collect();
        assert_eq!(boundaries.len(), 2, "{text}");
        assert_eq!(text, written(&outer));
    }

    #[test]
    fn fields_in_any_language_are_ascii() {
        let subject = "\u{65e5}\u{672c}".repeat(40);
        let words = unstructured(&subject);
        assert!(words.is_ascii() && words.split(' ').all(|word| word.len() <= 75), "{words}");
        let decoded: Vec<u8> = words
            .split(' ')
            .flat_map(|word| {
                let inner = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
                STANDARD.decode(inner).unwrap()
            })
            .collect();
        assert_eq!(String::from_utf8(decoded).unwrap(), subject);
        assert_eq!(unstructured("a\r\nBcc: b"), "a Bcc: b");
        assert_eq!(phrase("A \"B\""), "\"A \\\"B\\\"\"");
        assert!(unstructured("=?UTF-8?B?QQ==?=").starts_with("=?UTF-8?B?PT9"));
    }
}
