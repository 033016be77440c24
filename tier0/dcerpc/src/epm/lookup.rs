//! The parameters of `ept_lookup` and `ept_lookup_handle_free`, C706 appendix O.

use wire::DecodeError;

use super::MAX_ANSWERS;
use super::message::{read_octets, write_tower};
use super::tower::Tower;
use crate::ndr::{ByteOrder, ContextHandle, NdrReader, NdrWriter};
use crate::uuid::{SyntaxId, Uuid};

/// Octets of an annotation with its terminator, C706 appendix O `ept_max_annotation_size`.
const ANNOTATION: usize = 64;

/// What a lookup asks for, C706 appendix O `inquiry_type`.
const ALL: u32 = 0;
const BY_INTERFACE: u32 = 1;
const BY_OBJECT: u32 = 2;
const BY_BOTH: u32 = 3;

/// Which versions match, C706 appendix O `vers_option`.
const ALL_VERSIONS: u32 = 1;
const COMPATIBLE: u32 = 2;
const EXACT: u32 = 3;
const MAJOR_ONLY: u32 = 4;
const UP_TO: u32 = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LookupRequest {
    inquiry: u32,
    object: Uuid,
    interface: Option<SyntaxId>,
    versions: u32,
    pub(super) handle: ContextHandle,
    pub(super) max_entries: u32,
}

impl LookupRequest {
    pub(super) fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("ept_lookup request", stub, order);
        let inquiry = reader.u32("inquiry_type")?;
        let object = if reader.pointer("object")? { reader.uuid("object")? } else { Uuid::NIL };
        let interface = if reader.pointer("interface_id")? {
            let uuid = reader.uuid("interface_id")?;
            Some(SyntaxId::new(uuid, reader.u16("vers_major")?, reader.u16("vers_minor")?))
        } else {
            None
        };
        let versions = reader.u32("vers_option")?;
        let handle = reader.context_handle("entry_handle")?;
        let max_entries = reader.u32("max_ents")?;
        Ok(Self { inquiry, object, interface, versions, handle, max_entries })
    }

    pub(super) fn wants(&self, interface: &SyntaxId, object: Uuid) -> bool {
        let same_object = self.object == object;
        match self.inquiry {
            BY_INTERFACE => self.wants_interface(interface),
            BY_OBJECT => same_object,
            BY_BOTH => same_object && self.wants_interface(interface),
            // Zero, all of them; unknown values say no more than that.
            _ => true,
        }
    }

    fn wants_interface(&self, entry: &SyntaxId) -> bool {
        let Some(wanted) = &self.interface else {
            return true;
        };
        let version = match self.versions {
            ALL_VERSIONS => true,
            EXACT => (entry.major, entry.minor) == (wanted.major, wanted.minor),
            MAJOR_ONLY => entry.major == wanted.major,
            UP_TO => (entry.major, entry.minor) <= (wanted.major, wanted.minor),
            COMPATIBLE => entry.serves(wanted),
            _ => entry.serves(wanted),
        };
        entry.uuid == wanted.uuid && version
    }
}

/// The question for every endpoint, going on behind `handle`, which is null at first.
#[must_use]
pub fn encode_lookup(order: ByteOrder, handle: &ContextHandle) -> Vec<u8> {
    let mut writer = NdrWriter::with_order(order);
    writer.u32(ALL);
    writer.pointer(false);
    writer.pointer(false);
    writer.u32(ALL_VERSIONS);
    writer.context_handle(handle);
    writer.u32(u32::try_from(MAX_ANSWERS).unwrap_or(u32::MAX));
    writer.into_vec()
}

/// One endpoint as a mapper knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The object; nil for every object.
    pub object: Uuid,
    /// The interface and the way to it.
    pub tower: Tower,
    /// What its owner calls it.
    pub annotation: String,
}

/// The answer to [`encode_lookup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupAnswer {
    /// Where to go on; null when nothing is left.
    pub handle: ContextHandle,
    /// The endpoints; those whose tower cannot be read are left out.
    pub endpoints: Vec<Endpoint>,
    /// The status, see [`crate::status`].
    pub status: u32,
}

impl LookupAnswer {
    /// Decodes the stub of the answer.
    ///
    /// # Errors
    /// The stub is not one of `ept_lookup`.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("ept_lookup response", stub, order);
        let handle = reader.context_handle("entry_handle")?;
        reader.u32("num_ents")?;
        let max_count = reader.max_count("entries", usize::MAX)?;
        let count = reader.actual_count("entries", max_count)?;
        if count > MAX_ANSWERS {
            return Err(reader.invalid("entries", "more entries than one answer may have"));
        }
        let endpoints = read_entries(&mut reader, count)?;
        let status = reader.u32("status")?;
        Ok(Self { handle, endpoints, status })
    }
}

/// `ept_entry_t` so many times, then the towers that they point to.
pub(super) fn read_entries(
    reader: &mut NdrReader<'_>,
    count: usize,
) -> Result<Vec<Endpoint>, DecodeError> {
    let mut heads = Vec::new();
    for _ in 0..count {
        reader.align(4)?;
        let object = reader.uuid("object")?;
        let points = reader.pointer("tower")?;
        let length = reader.actual_count("annotation", ANNOTATION)?;
        let octets = reader.octets("annotation", length)?;
        let end = octets.iter().position(|octet| *octet == 0).unwrap_or(length);
        let annotation = octets[..end].iter().copied().map(char::from).collect();
        heads.push((object, points, annotation));
    }
    let mut endpoints = Vec::new();
    for (object, _, annotation) in heads.into_iter().filter(|(_, points, _)| *points) {
        // Other protocols have towers of their own kinds.
        if let Ok(tower) = Tower::decode(read_octets(reader)?) {
            endpoints.push(Endpoint { object, tower, annotation });
        }
    }
    Ok(endpoints)
}

/// The same the other way.
pub(super) fn write_entries(writer: &mut NdrWriter, entries: &[Endpoint]) {
    for entry in entries {
        // Each entry is aligned as its widest member is.
        writer.align(4);
        writer.uuid(entry.object);
        writer.pointer(true);
        // A fixed varying string: offset and actual count, no maximum.
        let text = annotation(&entry.annotation);
        writer.actual_count(text.len() + 1);
        writer.octets(text.as_bytes());
        writer.u8(0);
    }
    for entry in entries {
        write_tower(writer, &entry.tower);
    }
}

/// The stub of the answer.
pub(super) fn encode_response(
    order: ByteOrder,
    max_entries: u32,
    handle: &ContextHandle,
    entries: &[Endpoint],
    status: u32,
) -> Vec<u8> {
    let mut writer = NdrWriter::for_results(order);
    writer.context_handle(handle);
    writer.count(entries.len());
    writer.u32(max_entries);
    writer.actual_count(entries.len());
    write_entries(&mut writer, entries);
    writer.u32(status);
    writer.into_vec()
}

/// The beginning of a text that fits an annotation, cut between characters.
fn annotation(text: &str) -> &str {
    let mut end = text.len().min(ANNOTATION - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_lookup_of_one_interface() {
        let syntax = crate::epm::INTERFACE;
        let mut writer = NdrWriter::new();
        writer.u32(BY_INTERFACE);
        writer.pointer(false);
        writer.pointer(true);
        writer.uuid(syntax.uuid);
        writer.u16(syntax.major);
        writer.u16(syntax.minor);
        writer.u32(COMPATIBLE);
        writer.context_handle(&ContextHandle::NULL);
        writer.u32(10);
        let stub = writer.into_vec();
        let request = LookupRequest::decode(&stub, ByteOrder::Little).unwrap();
        assert_eq!(request.interface, Some(syntax));
        assert!(request.wants(&syntax, Uuid::NIL));
        assert!(!request.wants(&SyntaxId::NDR, Uuid::NIL));
        assert!(!request.wants(&SyntaxId { major: 4, ..syntax }, Uuid::NIL));
        for end in 0..stub.len() {
            LookupRequest::decode(&stub[..end], ByteOrder::Little).unwrap_err();
        }
    }

    #[test]
    fn answers_there_and_back() {
        let entry = |port, annotation: &str| Endpoint {
            object: Uuid::NIL,
            tower: Tower::tcp(crate::epm::INTERFACE, Ipv4Addr::LOCALHOST, port),
            annotation: annotation.to_owned(),
        };
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let entries = [entry(1, "one"), entry(2, ""), entry(3, "three")];
            let stub = encode_response(order, 10, &ContextHandle::NULL, &entries, 0);
            let answer = LookupAnswer::decode(&stub, order).unwrap();
            let found: Vec<_> = answer
                .endpoints
                .iter()
                .map(|found| (found.tower.port().unwrap(), found.annotation.as_str()))
                .collect();
            assert_eq!(found, [(1, "one"), (2, ""), (3, "three")]);
            for end in 0..stub.len() {
                LookupAnswer::decode(&stub[..end], order).unwrap_err();
            }
            let question = encode_lookup(order, &ContextHandle::NULL);
            let request = LookupRequest::decode(&question, order).unwrap();
            assert!(request.wants(&SyntaxId::NDR, Uuid::NIL));
        }
    }

    #[test]
    fn versions_match_as_the_option_says() {
        let entry = SyntaxId { minor: 2, ..crate::epm::INTERFACE };
        for (versions, minor, expected) in [
            (ALL_VERSIONS, 9, true),
            (COMPATIBLE, 2, true),
            (COMPATIBLE, 3, false),
            (EXACT, 1, false),
            (MAJOR_ONLY, 9, true),
            (UP_TO, 2, true),
            (UP_TO, 1, false),
        ] {
            let request = LookupRequest {
                inquiry: BY_INTERFACE,
                object: Uuid::NIL,
                interface: Some(SyntaxId { minor, ..entry }),
                versions,
                handle: ContextHandle::NULL,
                max_entries: 1,
            };
            assert_eq!(request.wants(&entry, Uuid::NIL), expected, "{versions} {minor}");
        }
    }

    #[test]
    fn annotations_are_cut_between_characters() {
        assert_eq!(annotation("short"), "short");
        let long = "ä".repeat(40);
        assert_eq!(annotation(&long).len(), 62);
    }
}
