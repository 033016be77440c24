//! The body of an interpersonal message (X.420 7.3 and 7.4) out of that of a mail (RFC 2157).

use ber::{Encoder, Tag};
use mail_parser::ContentType;
use std::borrow::Cow;

use super::characters::{Text, ascii, decode, set_for};
use super::entity::{Entity, Field};
use super::{MAX_FORWARDED, Message, oid, write_field_list};

/// Body parts of one mail, those of mails inside it too; a multipart body with more is one file.
pub(super) const MAX_PARTS: usize = 1000;
/// Multipart bodies inside each other; the next is a file.
const MAX_DEPTH: usize = 16;
/// Octets of a file's name.
const MAX_NAME: usize = 255;

/// `id-et-general-text` and `id-ep-general-text`.
const GENERAL_TEXT: (&[u128], &[u128]) = (&[2, 6, 1, 4, 11], &[2, 6, 1, 11, 11]);
/// `id-et-file-transfer` and `id-ep-file-transfer`.
const FILE_TRANSFER: (&[u128], &[u128]) = (&[2, 6, 1, 4, 12], &[2, 6, 1, 11, 12]);
/// A file that is a MIME entity, whose fields are in its extensions (RFC 2157 3.1.1, `id-mime-ftbp-data`).
const MIME_DATA: &[u128] = &[1, 3, 6, 1, 7, 1, 2, 1, 5];
const GRAPHIC_STRING: Tag = Tag::universal(25);
const GENERAL_STRING: Tag = Tag::universal(27);

/// The name of a file that has none.
const NAMES: [(&str, &str); 6] = [
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/calendar", "ics"),
    ("message/rfc822", "eml"),
    ("message/delivery-status", "txt"),
    ("application/pdf", "pdf"),
];

/// Writes body parts one after another.
pub(super) struct Writer<'a, 'e> {
    message: Message<'a>,
    encoder: &'e mut Encoder,
    written: usize,
}

/// What the file transfer body part of an entity is made of.
struct File<'a> {
    name: String,
    fields: Vec<String>,
    description: Option<String>,
    octets: &'a [u8],
}

impl<'a, 'e> Writer<'a, 'e> {
    pub fn new(message: Message<'a>, encoder: &'e mut Encoder) -> Self {
        Self { message, encoder, written: 0 }
    }

    /// Readers expect at least one body part.
    pub fn finish(mut self) {
        if self.written == 0 {
            self.ia5_text(b"");
        }
    }

    /// Fields that an edition has no place for in the heading (RFC 1327 2.3.1 and 5.1.2).
    pub fn headers(&mut self, fields: &[String]) {
        let lines = ["RFC-822-HEADERS:"].into_iter().chain(fields.iter().map(String::as_str));
        let text: String = lines.flat_map(|line| [line, "\r\n"]).collect();
        self.ia5_text(text.as_bytes());
    }

    /// A mail that cannot be taken apart.
    pub fn whole_mail(&mut self, mail: &[u8]) {
        let fields = vec!["Content-Type: message/rfc822".to_owned()];
        self.file(&File {
            name: "message.eml".to_owned(),
            fields,
            description: None,
            octets: mail,
        });
    }

    /// A mail or part, `depth` multipart bodies down.
    pub fn entity(&mut self, entity: &Entity<'_>, depth: usize) {
        let described = entity.described("Content-Type");
        let kind = kind(entity, described.as_ref());
        if kind.starts_with("multipart/") && depth < MAX_DEPTH {
            let boundary = described.as_ref().and_then(|found| found.attribute("boundary"));
            let parts = entity.parts(boundary.unwrap_or_default(), *self.message.budget);
            if let Some(parts) = parts {
                return self.several(&kind, &parts, depth);
            }
        }
        let decoded = entity.decoded();
        let name = file_name(entity, described.as_ref());
        if let Some(octets) = &decoded {
            if kind == "message/rfc822" && self.message.depth < MAX_FORWARDED {
                return self.forwarded(octets);
            }
            let named = described.as_ref().and_then(|found| found.attribute("charset"));
            if kind == "text/plain"
                && name.is_none()
                && !is_attachment(entity)
                && let Some(text) = decode(octets, named)
            {
                return self.text(&text, named);
            }
        }
        let fields = entity.fields.iter().filter(|field| describes(field, decoded.is_none()));
        let mut fields: Vec<String> = fields.map(Field::line).collect();
        if described.is_none() {
            fields.insert(0, format!("Content-Type: {kind}"));
        }
        let octets = decoded.unwrap_or(Cow::Borrowed(entity.body));
        let name = name.unwrap_or_else(|| self.made_up_name(&kind));
        let description = entity.field("Content-Description").map(|field| {
            let text = field.parse(
                |stream| stream.parse_unstructured().into_owned(),
                |value| value.into_text().map(|text| text.into_owned()),
            );
            graphic(&text.unwrap_or_default())
        });
        self.file(&File { name, fields, description, octets: &octets });
    }

    /// The parts of a multipart body; of alternatives the plain texts go first.
    fn several(&mut self, kind: &str, parts: &[&[u8]], depth: usize) {
        *self.message.budget -= parts.len();
        let entities: Vec<(Option<Entity<'_>>, &[u8])> =
            parts.iter().map(|part| (Entity::read(part), *part)).collect();
        let is_plain = |entity: &Option<Entity<'_>>| {
            entity.as_ref().is_some_and(|entity| {
                self::kind(entity, entity.described("Content-Type").as_ref()) == "text/plain"
            })
        };
        let (first, then): (Vec<_>, Vec<_>) = entities
            .iter()
            .partition(|(entity, _)| kind == "multipart/alternative" && is_plain(entity));
        for (entity, octets) in first.into_iter().chain(then) {
            match entity {
                // In a digest parts are mails if they do not say what they are (RFC 2046 5.1.5).
                Some(entity)
                    if kind == "multipart/digest" && entity.field("Content-Type").is_none() =>
                {
                    self.forwarded_or_file(entity.body);
                }
                Some(entity) => self.entity(entity, depth + 1),
                None => {
                    let fields = vec!["Content-Type: application/octet-stream".to_owned()];
                    let name = self.made_up_name("");
                    self.file(&File { name, fields, description: None, octets });
                }
            }
        }
    }

    fn forwarded_or_file(&mut self, mail: &[u8]) {
        if self.message.depth < MAX_FORWARDED {
            self.forwarded(mail)
        } else {
            self.whole_mail(mail)
        }
    }

    /// `message`.
    fn forwarded(&mut self, mail: &[u8]) {
        self.written += 1;
        let message = &mut self.message;
        let inner = Message {
            base: message.base,
            edition: message.edition,
            depth: message.depth + 1,
            budget: message.budget,
            types: message.types,
        };
        self.encoder.constructed(Tag::context(9), |encoder| {
            encoder.constructed(Tag::SET, |_| {});
            encoder.constructed(Tag::SEQUENCE, |encoder| inner.write(encoder, mail));
        });
    }

    fn text(&mut self, text: &str, named: Option<&str>) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        match set_for(&text, named) {
            Text::Ia5(octets) => self.ia5_text(&octets),
            Text::General(set, octets) => self.general_text(set, &octets),
        }
    }

    /// `ia5-text`.
    fn ia5_text(&mut self, octets: &[u8]) {
        self.written += 1;
        self.message.types.ia5_text = true;
        self.encoder.constructed(Tag::context(0), |encoder| {
            encoder.constructed(Tag::SET, |_| {});
            encoder.octets(Tag::IA5_STRING, octets);
        });
    }

    /// `general-text` of ASCII and one more set, without escape sequences: the parameters say what the octets are.
    fn general_text(&mut self, set: i64, octets: &[u8]) {
        // Control characters of ISO 646 are registration 1, its graphic ones 6.
        let sets = [1, 6, set];
        self.message.types.sets.extend(sets);
        self.extended(
            GENERAL_TEXT,
            |encoder| {
                encoder.constructed(Tag::SET, |encoder| {
                    sets.iter().for_each(|set| encoder.integer(Tag::INTEGER, *set));
                });
            },
            |encoder| encoder.octets(GENERAL_STRING, octets),
        );
    }

    /// The file transfer body part.
    fn file(&mut self, file: &File<'_>) {
        self.message.types.files = true;
        self.extended(
            FILE_TRANSFER,
            |encoder| file.write_parameters(encoder),
            |encoder| {
                encoder.constructed(Tag::SEQUENCE, |encoder| {
                    encoder.constructed(Tag::EXTERNAL, |encoder| {
                        encoder.octets(Tag::context(1), file.octets);
                    });
                });
            },
        );
    }

    /// `externally-defined`: data and parameters under their object identifiers.
    fn extended(
        &mut self,
        (data_kind, parameters_kind): (&[u128], &[u128]),
        parameters: impl FnOnce(&mut Encoder),
        data: impl FnOnce(&mut Encoder),
    ) {
        self.written += 1;
        self.encoder.constructed(Tag::context(15), |encoder| {
            encoder.constructed(Tag::context(0), |encoder| {
                encoder.oid(Tag::OBJECT_IDENTIFIER, &oid(parameters_kind));
                encoder.constructed(Tag::context(0), parameters);
            });
            encoder.constructed(Tag::EXTERNAL, |encoder| {
                encoder.oid(Tag::OBJECT_IDENTIFIER, &oid(data_kind));
                encoder.constructed(Tag::context(0), data);
            });
        });
    }

    fn made_up_name(&self, kind: &str) -> String {
        let known = NAMES.iter().find(|(one, _)| *one == kind);
        let extension = known.map_or("bin", |(_, extension)| extension);
        format!("part-{}.{extension}", self.written + 1)
    }
}

impl File<'_> {
    /// `FileTransferParameters`; the contents are unstructured octets, which is the default.
    fn write_parameters(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            encoder.constructed(Tag::context(2), |encoder| {
                encoder.constructed(Tag::context(0), |encoder| {
                    encoder.oid(Tag::context(0), &oid(MIME_DATA));
                });
                if let Some(description) = &self.description {
                    encoder.constructed(Tag::context(3), |encoder| {
                        encoder.text(GRAPHIC_STRING, description);
                    });
                }
            });
            encoder.constructed(Tag::context(4), |encoder| {
                encoder.constructed(Tag::context(0), |encoder| {
                    encoder.text(GRAPHIC_STRING, &self.name);
                });
                encoder.constructed(Tag::context(13), |encoder| {
                    let size = i64::try_from(self.octets.len()).unwrap_or(i64::MAX);
                    encoder.integer(Tag::context(1), size);
                });
            });
            encoder.constructed(Tag::context(5), |encoder| write_field_list(encoder, &self.fields));
        });
    }
}

/// `type/subtype` in lower case; text/plain where none is said (RFC 2045 5.2).
fn kind(entity: &Entity<'_>, described: Option<&ContentType<'_>>) -> String {
    match described {
        Some(found) => {
            let subtype = found.subtype().unwrap_or_default();
            format!("{}/{subtype}", found.ctype()).to_ascii_lowercase()
        }
        None if entity.field("Content-Type").is_some() => "application/octet-stream".to_owned(),
        None => "text/plain".to_owned(),
    }
}

fn is_attachment(entity: &Entity<'_>) -> bool {
    entity
        .described("Content-Disposition")
        .is_some_and(|found| found.ctype().eq_ignore_ascii_case("attachment"))
}

/// The name of the file that an entity says it is.
fn file_name(entity: &Entity<'_>, described: Option<&ContentType<'_>>) -> Option<String> {
    let disposition = entity.described("Content-Disposition");
    let name = disposition
        .as_ref()
        .and_then(|found| found.attribute("filename"))
        .or_else(|| described.and_then(|found| found.attribute("name")))?;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = graphic(last);
    (!name.is_empty()).then_some(name)
}

/// A text for a GraphicString: its characters, without accents, in ASCII. The field with all of them stands in the
/// extensions.
fn graphic(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut text = ascii(text.trim());
    text.truncate(MAX_NAME);
    text
}

/// A field that stays with a file; its encoding only where that could not be undone.
fn describes(field: &Field<'_>, encoded: bool) -> bool {
    let of_mime = field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("Content-"));
    of_mime && (encoded || !field.is("Content-Transfer-Encoding"))
}
