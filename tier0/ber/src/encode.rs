//! The deterministic encoder: definite lengths, shortest forms.

use crate::{BitString, Oid, Tag};

/// Data values being written.
///
/// An IMPLICIT tag is given to the value's own method (`integer(Tag::context(0), 5)`); an
/// EXPLICIT one is a [`constructed`](Self::constructed) around it.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// Nothing written yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A constructed value whose elements `fill` writes.
    pub fn constructed(&mut self, tag: Tag, fill: impl FnOnce(&mut Self)) {
        tag.write(true, &mut self.out);
        let start = self.out.len();
        fill(self);
        let mut length = Vec::with_capacity(9);
        write_length(self.out.len() - start, &mut length);
        self.out.splice(start..start, length);
    }

    /// A primitive value of these contents octets.
    pub fn primitive(&mut self, tag: Tag, contents: &[u8]) {
        tag.write(false, &mut self.out);
        write_length(contents.len(), &mut self.out);
        self.out.extend_from_slice(contents);
    }

    /// An INTEGER or ENUMERATED in the fewest octets, X.690 8.3.2.
    pub fn integer(&mut self, tag: Tag, value: i64) {
        let octets = value.to_be_bytes();
        let mut start = 0;
        // An octet can go while the next one still shows the same sign.
        while start < 7 {
            let sign = if octets[start + 1] & 0x80 == 0 { 0x00 } else { 0xff };
            if octets[start] != sign {
                break;
            }
            start += 1;
        }
        self.primitive(tag, &octets[start..]);
    }

    /// A BOOLEAN; true is ff as DER has it.
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.primitive(tag, &[if value { 0xff } else { 0 }]);
    }

    /// A NULL.
    pub fn null(&mut self, tag: Tag) {
        self.primitive(tag, &[]);
    }

    /// An OBJECT IDENTIFIER.
    pub fn oid(&mut self, tag: Tag, value: &Oid) {
        self.primitive(tag, value.as_bytes());
    }

    /// An OCTET STRING.
    pub fn octets(&mut self, tag: Tag, value: &[u8]) {
        self.primitive(tag, value);
    }

    /// A BIT STRING.
    pub fn bits(&mut self, tag: Tag, value: &BitString) {
        tag.write(false, &mut self.out);
        write_length(value.bytes.len() + 1, &mut self.out);
        self.out.push(value.unused);
        self.out.extend_from_slice(&value.bytes);
    }

    /// A character string whose octets are those of `value`.
    pub fn text(&mut self, tag: Tag, value: &str) {
        self.primitive(tag, value.as_bytes());
    }

    /// Elements that are encoded already.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// True when nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The octets.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Length octets in the shortest form, X.690 8.1.3.
fn write_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let octets = length.to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            let significant = &octets[zeros..];
            // A machine's length has at most eight octets.
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            out.extend_from_slice(significant);
        }
    }
}
