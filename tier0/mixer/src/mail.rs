//! A mail as an interpersonal message: RFC 822 and MIME to P22 (RFC 2156 5.1.3 and 5.1.7, RFC 2157).
//!
//! - The heading has what X.420 has a field for. Every other field, and every field whose value the heading cannot hold
//!   whole, stands as it came in the heading extension `rfc-822-field-list`. Left out at the top are MIME-Version, the
//!   fields that describe the body, and Date, which the envelope's trace says (RFC 2156).
//! - Plain text becomes `ia5-text`, or `general-text` in the first ISO 8859 set that has all of its characters, else in
//!   UTF-8; forwarded mails become `message`; anything else, and any text with the name of a file, a file transfer body
//!   part with its octets, whose extensions keep the fields that describe it.
//! - For X.400 of 1984 there are no extensions: the other fields stand in a first text that begins `RFC-822-HEADERS:`
//!   (RFC 1327), without those that servers wrote on the way.
//!
//! The same mail gives the same octets, so that a transfer can be resumed. Nothing makes it fail: what cannot be taken
//! apart goes whole as a file. Left out: the order and nesting of several parts (their leaves stand one after another), the
//! parameters of a plain text beside its characters, and notifications.

mod body;
mod characters;
mod entity;
mod heading;
mod identifier;
mod information_types;

use ber::{Encoder, Oid, Tag};
use sha2::{Digest, Sha256};
use x400::{OrAddress, Raw};

use body::Writer;
use entity::Entity;
use information_types::InformationTypes;

/// Mails inside each other that are converted; the next is a file.
const MAX_FORWARDED: usize = 8;

/// The heading extension with fields of RFC 822 (RFC 2156 Appendix, `id-rfc-822-field-list`).
const FIELD_LIST: &[u128] = &[1, 3, 6, 1, 7, 1, 3, 2];

/// Whose terms an interpersonal message keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// X.420 of 1984 where that is possible; what is not text still needs 1988.
    Of1984,
    /// X.420 of 1988 and later.
    Of1988,
}

/// A mail in the terms of X.420.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The content, of type 22.
    pub content: Vec<u8>,
    /// Its `EncodedInformationTypes`, for the envelope.
    pub information_types: Raw,
}

/// Converts a mail; `base` has the attributes that O/R addresses of mail addresses get.
#[must_use]
pub fn mail_to_ipm(mail: &[u8], base: &OrAddress, edition: Edition) -> Converted {
    let mut types = InformationTypes::default();
    let mut encoder = Encoder::new();
    let mut budget = body::MAX_PARTS;
    encoder.constructed(Tag::context(0), |encoder| {
        Message { base, edition, depth: 0, budget: &mut budget, types: &mut types }
            .write(encoder, mail);
    });
    Converted { content: encoder.finish(), information_types: types.encode() }
}

/// One message, the outermost or one inside it.
struct Message<'a> {
    base: &'a OrAddress,
    edition: Edition,
    depth: usize,
    budget: &'a mut usize,
    types: &'a mut InformationTypes,
}

impl Message<'_> {
    /// Writes heading and body.
    fn write(self, encoder: &mut Encoder, mail: &[u8]) {
        let entity = Entity::read(mail);
        let fields = entity.as_ref().map(|entity| entity.fields.as_slice()).unwrap_or_default();
        let name = || wire::to_hex(&Sha256::digest(mail));
        let rest = heading::write(encoder, fields, &self, name);
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            let mut writer = Writer::new(self, encoder);
            if !rest.is_empty() {
                writer.headers(&rest);
            }
            match &entity {
                Some(entity) => writer.entity(entity, 0),
                None => writer.whole_mail(mail),
            }
            writer.finish();
        });
    }
}

/// An object identifier that is written here as its arcs.
#[expect(clippy::expect_used, reason = "the arcs of this module begin with 1.0, 1.3 or 2.6")]
fn oid(arcs: &[u128]) -> Oid {
    Oid::from_arcs(arcs).expect("a valid start")
}

/// A SET with the one extension that holds fields, under `tag` (X.420 7.2.17, RFC 2156 5.3.4).
fn write_field_list(encoder: &mut Encoder, fields: &[String]) {
    encoder.constructed(Tag::SEQUENCE, |encoder| {
        encoder.oid(Tag::OBJECT_IDENTIFIER, &oid(FIELD_LIST));
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            for field in fields {
                encoder.text(Tag::IA5_STRING, field);
            }
        });
    });
}

#[cfg(test)]
mod tests;
