//! The body parts of an interpersonal message as MIME entities (RFC 2157).
//!
//! What has no MIME type of its own goes as it came, as `application/x400-bp` (RFC 2157 7.1): nothing is dropped.

use ber::{Element, Tag};
use wire::DecodeError;

use super::characters::{general, text};
use super::heading::{RFC_822_FIELDS, rfc_822_fields};
use super::{Level, mail_of_ipm, notification};
use crate::entity::Entity;

/// Arc of the types of extended body parts, `id-et`, and of their parameters, `id-ep` (X.420 Annex A).
const TYPES: &str = "2.6.1.4.";
/// File transfer, and what a P772 message is forwarded as (STANAG 4406).
const FILE_TRANSFER_PARAMETERS: &str = "2.6.1.11.12";
const MILITARY_MESSAGE: &str = "1.3.26.0.4406.0.7.9";
/// Pictures and documents that RFC 1494 and RFC 2157 register, by the last arcs behind 1.3.6.1.7.1.2.1.
const MIXER_TYPES: [(&str, &str); 3] = [
    ("1.3.6.1.7.1.2.1.2", "application/postscript"),
    ("1.3.6.1.7.1.2.1.3", "image/jpeg"),
    ("1.3.6.1.7.1.2.1.4", "image/gif"),
];

/// All parts; a body without any is an empty text.
pub(super) fn entities(body: Element<'_>, level: Level) -> Result<Vec<Entity>, DecodeError> {
    let mut entities = Vec::new();
    let mut parts = body.children()?;
    while let Some(part) = parts.next_element()? {
        // A part that is not what it says stays what it is.
        let known = entity(part, level).ok().flatten();
        entities.push(known.unwrap_or_else(|| unknown(part)));
    }
    Ok(entities)
}

fn unknown(part: Element<'_>) -> Entity {
    let number = part.tag.number;
    Entity::file(&format!("application/x400-bp; bp-type={number}"), None, part.raw.to_vec())
}

/// `None` for a part without a type of MIME.
fn entity(part: Element<'_>, level: Level) -> Result<Option<Entity>, DecodeError> {
    if part.tag.class != ber::Class::Context {
        return Ok(None);
    }
    Ok(match part.tag.number {
        // ia5-text
        0 => Some(ia5(&second(part)?.octets("data")?)),
        // teletex: its pages
        5 => Some(teletex(second(part)?)?),
        // message
        9 => forwarded(second(part)?, level)?,
        // bilaterally-defined
        14 => {
            let octets = part.octets("bilaterally-defined")?.into_owned();
            Some(Entity::file("application/octet-stream", None, octets))
        }
        // externally-defined
        15 => extended(part, level)?,
        _ => None,
    })
}

/// The data behind the parameters.
fn second(part: Element<'_>) -> Result<Element<'_>, DecodeError> {
    let mut parts = part.children()?;
    parts.required("parameters")?;
    parts.required("data")
}

/// The characters of IA5 are those of US-ASCII; octets beyond are what their writers mean by them.
fn ia5(octets: &[u8]) -> Entity {
    let (charset, octets) = general(octets, &[]);
    Entity::text(charset, &octets)
}

fn teletex(pages: Element<'_>) -> Result<Entity, DecodeError> {
    let mut lines = String::new();
    let mut children = pages.children()?;
    while let Some(page) = children.next_element()? {
        lines.push_str(&x400::from_teletex(&page.octets("page")?));
        lines.push_str("\r\n");
    }
    let charset = if lines.is_ascii() { "us-ascii" } else { "utf-8" };
    Ok(Entity::text(charset, lines.as_bytes()))
}

fn forwarded(ipm: Element<'_>, level: Level) -> Result<Option<Entity>, DecodeError> {
    let Some(level) = level.deeper() else { return Ok(None) };
    Ok(Some(Entity::mail(mail_of_ipm(ipm, level, None, "")?)))
}

fn extended(part: Element<'_>, level: Level) -> Result<Option<Entity>, DecodeError> {
    let (mut parameters, mut data) = (None, None);
    let mut parts = part.children()?;
    while let Some(one) = parts.next_element()? {
        if one.tag == Tag::context(0) {
            parameters = Some(External::read(one)?);
        } else if one.tag == Tag::EXTERNAL {
            data = Some(External::read(one)?);
        }
    }
    let Some(data) = data else { return Ok(None) };
    let Some(kind) = &data.kind else { return Ok(None) };
    if let Some((_, content_type)) = MIXER_TYPES.iter().find(|(oid, _)| oid == kind) {
        return Ok(Some(Entity::file(content_type, None, data.octets()?)));
    }
    if kind == MILITARY_MESSAGE {
        return forwarded(data.value, level);
    }
    Ok(match kind.strip_prefix(TYPES) {
        Some("0") => Some(ia5(&data.value.octets("data")?)),
        Some("4") => Some(teletex(data.value)?),
        Some("7") => forwarded(data.value, level)?,
        Some("9") => Some(Entity::file("application/octet-stream", None, data.octets()?)),
        Some("11") => {
            let sets = parameters.as_ref().map(registrations).transpose()?.unwrap_or_default();
            let octets = data.value.octets("data")?;
            let (charset, octets) = general(&octets, &sets);
            Some(Entity::text(charset, &octets))
        }
        Some("12") => Some(file(parameters.as_ref(), &data)?),
        Some("15") => Some(notification::entity(data.value)?),
        _ => None,
    })
}

/// An EXTERNAL (X.690 8.18).
struct External<'a> {
    kind: Option<String>,
    /// The one type of ASN.1 in it, or what the octets are tagged with.
    value: Element<'a>,
    is_asn1: bool,
}

impl<'a> External<'a> {
    fn read(element: Element<'a>) -> Result<Self, DecodeError> {
        let mut kind = None;
        let mut parts = element.children()?;
        loop {
            let part = parts.required("encoding")?;
            if part.tag == Tag::OBJECT_IDENTIFIER {
                kind = Some(part.oid("direct-reference")?.to_string());
            } else if part.tag == Tag::context(0) {
                return Ok(Self { kind, value: part.inner("single-ASN1-type")?, is_asn1: true });
            } else if part.tag.class == ber::Class::Context {
                return Ok(Self { kind, value: part, is_asn1: false });
            }
        }
    }

    /// The octets of a string, or of the whole value where it is no string.
    fn octets(&self) -> Result<Vec<u8>, DecodeError> {
        if self.is_asn1 && self.value.tag != Tag::OCTET_STRING {
            return Ok(self.value.raw.to_vec());
        }
        if self.value.tag == Tag::context(2) && !self.is_asn1 {
            return Ok(self.value.bits("arbitrary")?.bytes);
        }
        Ok(self.value.octets("encoding")?.into_owned())
    }
}

fn registrations(parameters: &External<'_>) -> Result<Vec<i64>, DecodeError> {
    let mut numbers = Vec::new();
    let mut children = parameters.value.children()?;
    while let Some(child) = children.next_element()? {
        numbers.push(child.integer("registration")?);
    }
    Ok(numbers)
}

/// A file is cut into any number of externals.
fn file(parameters: Option<&External<'_>>, data: &External<'_>) -> Result<Entity, DecodeError> {
    let mut octets = Vec::new();
    let mut children = data.value.children()?;
    while let Some(child) = children.next_element()? {
        octets.extend(External::read(child)?.octets()?);
    }
    let parameters = parameters
        .filter(|one| one.kind.as_deref().is_none_or(|kind| kind == FILE_TRANSFER_PARAMETERS));
    let (name, described) = match parameters {
        Some(parameters) => (file_name(parameters.value)?, described(parameters.value)?),
        None => (None, Vec::new()),
    };
    let mut file = Entity::file("application/octet-stream", name.as_deref(), octets);
    for (name, value) in described {
        if name == "Content-Type" {
            file.content_type = value;
        } else {
            file.fields.retain(|(known, _)| *known != name);
            file.fields.push((name, value));
        }
    }
    Ok(file)
}

/// The fields of a MIME entity that became a file (RFC 2157 3.1.1), where they fit one that is encoded.
fn described(parameters: Element<'_>) -> Result<Vec<(&'static str, String)>, DecodeError> {
    const KNOWN: [&str; 5] = [
        "Content-Type",
        "Content-Disposition",
        "Content-ID",
        "Content-Description",
        "Content-Location",
    ];
    let mut found = Vec::new();
    let mut children = parameters.children()?;
    while let Some(extensions) = children.next_element()? {
        if extensions.tag != Tag::context(5) {
            continue;
        }
        let mut extensions = extensions.children()?;
        while let Some(extension) = extensions.next_element()? {
            let mut parts = extension.children()?;
            let kind = parts.required("type")?.oid("type")?.to_string();
            if kind != RFC_822_FIELDS {
                continue;
            }
            for (name, value) in rfc_822_fields(parts.required("value")?)? {
                let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&name));
                let composite = ["multipart/", "message/"].iter().any(|start| {
                    value.get(..start.len()).is_some_and(|one| one.eq_ignore_ascii_case(start))
                });
                if let Some(known) = known.filter(|_| value.is_ascii() && !composite) {
                    found.push((*known, value));
                }
            }
        }
    }
    Ok(found)
}

/// The name in the attributes of the file, or of the one that it was stored as.
fn file_name(parameters: Element<'_>) -> Result<Option<String>, DecodeError> {
    let (mut stored, mut own) = (None, None);
    let mut children = parameters.children()?;
    while let Some(child) = children.next_element()? {
        if child.tag == Tag::context(0) {
            stored = graphic(child)?;
        } else if child.tag == Tag::context(4) {
            let pathname = [Tag::context(0), Tag::context(23), Tag::application(23)];
            let mut attributes = child.children()?;
            while let Some(attribute) = attributes.next_element()? {
                if pathname.contains(&attribute.tag) {
                    own = last_string(attribute)?;
                }
            }
        }
    }
    // The last of a path, of whichever system.
    let name = own.or(stored);
    Ok(name.and_then(|name| name.rsplit(['/', '\\']).next().map(str::to_owned)))
}

/// The pathname in `related-stored-file`: some tags deep, the last string of the first sequence of such.
fn graphic(element: Element<'_>) -> Result<Option<String>, DecodeError> {
    let mut children = element.children()?;
    while let Some(child) = children.next_element()? {
        if child.tag == Tag::GRAPHIC_STRING {
            return last_string(element);
        }
        if child.constructed
            && let Some(found) = graphic(child)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn last_string(element: Element<'_>) -> Result<Option<String>, DecodeError> {
    let mut last = None;
    let mut children = element.children()?;
    while let Some(child) = children.next_element()? {
        last = Some(text(&child)?);
    }
    Ok(last)
}
