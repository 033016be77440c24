//! What a mail and the parts of it are made of: fields and a body (RFC 5322 2.1, RFC 2045, RFC 2046 5.1).
//!
//! mail-parser reads the values of fields and decodes bodies. Where parts begin and end is found here, so that the depth of
//! parts inside each other is bounded and every octet of a body can be told.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use std::borrow::Cow;

/// Octets of a header that is read; a mail with a longer one goes whole as a file.
const MAX_HEADER: usize = 256 * 1024;

/// A field of a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub name: &'a str,
    /// What stands behind the colon, folded as it came, with its last line end.
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Reads the value by a parser of mail-parser, which wants a line end behind it.
    pub fn parse<T>(
        &self,
        parse: impl FnOnce(&mut MessageStream<'_>) -> HeaderValue<'static>,
        take: impl FnOnce(HeaderValue<'static>) -> Option<T>,
    ) -> Option<T> {
        let line = [self.value.trim_ascii(), b"\r\n"].concat();
        take(parse(&mut MessageStream::new(&line)))
    }

    /// The value on one line.
    pub fn unfolded(&self) -> Vec<u8> {
        let lines = self.value.split(|octet| *octet == b'\n');
        let lines: Vec<&[u8]> =
            lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
        lines.concat().trim_ascii().to_vec()
    }

    /// `Name: value` on one line of ASCII; other characters in encoded words (RFC 2047).
    pub fn line(&self) -> String {
        let value = self.unfolded();
        let text = String::from_utf8_lossy(&value);
        let value = if text.is_ascii() { text.into_owned() } else { encoded_words(&text) };
        let value: String =
            value.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
        format!("{}: {value}", self.name)
    }

    fn read(line: &'a [u8]) -> Option<Self> {
        let colon = line.iter().position(|octet| *octet == b':')?;
        let name = line[..colon].trim_ascii_end();
        let named = !name.is_empty() && name.iter().all(|octet| matches!(octet, b'!'..=b'~'));
        let name = str::from_utf8(name).ok().filter(|_| named)?;
        Some(Self { name, value: &line[colon + 1..] })
    }
}

/// Octets of UTF-8 in an encoded word, each of which may become three characters of its 75.
const WORD: usize = 20;

fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.floor_char_boundary(WORD);
        let (piece, behind) = rest.split_at(end);
        let mut word = String::from("=?UTF-8?Q?");
        for octet in piece.bytes() {
            if octet.is_ascii_alphanumeric() {
                word.push(char::from(octet));
            } else {
                word.push_str(&format!("={octet:02X}"));
            }
        }
        words.push(word + "?=");
        rest = behind;
    }
    words.join(" ")
}

/// A mail or a part of one.
#[derive(Debug)]
pub(super) struct Entity<'a> {
    pub fields: Vec<Field<'a>>,
    /// As it came, still encoded.
    pub body: &'a [u8],
}

impl<'a> Entity<'a> {
    /// Reads the header; a line that is no field begins the body. `None` where the header is too long.
    pub fn read(octets: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        let mut rest = octets;
        while !rest.is_empty() {
            let line = line_of(rest);
            if matches!(line, b"\n" | b"\r\n") {
                rest = &rest[line.len()..];
                break;
            }
            let mut length = line.len();
            while matches!(rest.get(length), Some(b' ' | b'\t')) {
                length += line_of(&rest[length..]).len();
            }
            let Some(field) = Field::read(&rest[..length]) else { break };
            fields.push(field);
            rest = &rest[length..];
            if octets.len() - rest.len() > MAX_HEADER {
                return None;
            }
        }
        Some(Self { fields, body: rest })
    }

    pub fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// Content-Type or Content-Disposition; `None` where there is none that can be read.
    pub fn described(&self, name: &str) -> Option<ContentType<'static>> {
        self.field(name)?.parse(
            |stream| stream.parse_content_type().into_owned(),
            |value| match value {
                HeaderValue::ContentType(found) => Some(found),
                _ => None,
            },
        )
    }

    /// The body without its encoding; `None` where it cannot be decoded.
    pub fn decoded(&self) -> Option<Cow<'a, [u8]>> {
        let encoding = self.field("Content-Transfer-Encoding").map(Field::unfolded);
        let encoding = encoding.unwrap_or_default().to_ascii_lowercase();
        match encoding.as_slice() {
            b"" | b"7bit" | b"8bit" | b"binary" => Some(Cow::Borrowed(self.body)),
            b"base64" => base64_decode(self.body).map(Cow::Owned),
            b"quoted-printable" => quoted_printable_decode(self.body).map(Cow::Owned),
            _ => None,
        }
    }

    /// The parts of a multipart body, at most `limit`; `None` where there is no delimiter, or more.
    pub fn parts(&self, boundary: &str, limit: usize) -> Option<Vec<&'a [u8]>> {
        if boundary.is_empty() {
            return None;
        }
        let mut parts = Vec::new();
        let mut begun = None;
        let mut at = 0;
        while at < self.body.len() {
            let line = line_of(&self.body[at..]);
            if let Some(last) = delimiter(line, boundary) {
                if let Some(start) = begun {
                    if parts.len() == limit {
                        return None;
                    }
                    parts.push(without_end(&self.body[start..at]));
                }
                begun = Some(at + line.len());
                if last {
                    begun = None;
                    break;
                }
            }
            at += line.len();
        }
        // A part that is cut off is one, too.
        if let Some(start) = begun.filter(|start| *start < self.body.len()) {
            if parts.len() == limit {
                return None;
            }
            parts.push(&self.body[start..]);
        }
        (!parts.is_empty()).then_some(parts)
    }
}

/// The first line with its end.
fn line_of(octets: &[u8]) -> &[u8] {
    let end = octets.iter().position(|octet| *octet == b'\n');
    end.map_or(octets, |end| &octets[..=end])
}

/// Whether a line is a delimiter, and if so the last one.
fn delimiter(line: &[u8], boundary: &str) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?;
    let (last, rest) = rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
    rest.trim_ascii().is_empty().then_some(last)
}

/// The line end before a delimiter belongs to the delimiter.
fn without_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}
