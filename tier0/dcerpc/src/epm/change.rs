//! The parameters of `ept_insert`, `ept_delete` and `ept_mgmt_delete`, C706 appendix O, and what they do to a map.

use std::net::Ipv4Addr;

use wire::DecodeError;

use super::lookup::{read_entries, write_entries};
use super::map::{EndpointMap, MapEntry};
use super::message::{read_tower, write_tower};
use super::tower::Tower;
use super::{Endpoint, MAX_ANSWERS, OP_DELETE, OP_INSERT, OP_MGMT_DELETE};
use crate::ndr::{ByteOrder, NdrReader, NdrWriter};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};

/// Entries that a map holds: far more than one host has.
const MAX_ENTRIES: usize = 4096;

/// The stub of `ept_insert`; with `replace` entries of the same interface and object go.
#[must_use]
pub fn encode_insert(order: ByteOrder, endpoints: &[Endpoint], replace: bool) -> Vec<u8> {
    let mut writer = NdrWriter::with_order(order);
    writer.count(endpoints.len());
    writer.count(endpoints.len());
    write_entries(&mut writer, endpoints);
    writer.u32(replace.into());
    writer.into_vec()
}

/// The stub of `ept_delete`.
#[must_use]
pub fn encode_delete(order: ByteOrder, endpoints: &[Endpoint]) -> Vec<u8> {
    let mut writer = NdrWriter::with_order(order);
    writer.count(endpoints.len());
    writer.count(endpoints.len());
    write_entries(&mut writer, endpoints);
    writer.into_vec()
}

/// The stub of `ept_mgmt_delete`: by its tower, and by its object when there is one.
#[must_use]
pub fn encode_mgmt_delete(order: ByteOrder, object: Option<Uuid>, tower: &Tower) -> Vec<u8> {
    let mut writer = NdrWriter::with_order(order);
    writer.u32(object.is_some().into());
    writer.pointer(object.is_some());
    if let Some(object) = object {
        writer.uuid(object);
    }
    writer.pointer(true);
    write_tower(&mut writer, tower);
    writer.into_vec()
}

fn decode_entries(reader: &mut NdrReader<'_>) -> Result<Vec<Endpoint>, DecodeError> {
    let announced = reader.max_count("num_ents", MAX_ANSWERS)?;
    let count = reader.max_count("entries", MAX_ANSWERS)?;
    if announced != count {
        return Err(reader.invalid("entries", "the array has another size than num_ents says"));
    }
    read_entries(reader, count)
}

impl EndpointMap {
    /// Executes an operation for a caller that may change the map; the others go as in [`Self::dispatch`].
    ///
    /// # Errors
    /// The status for a fault.
    pub fn dispatch_mut(
        &mut self,
        opnum: u16,
        stub: &[u8],
        order: ByteOrder,
    ) -> Result<Vec<u8>, u32> {
        let bad = |_| status::BAD_STUB_DATA;
        let mut reader = NdrReader::new("endpoint map", stub, order);
        let outcome = match opnum {
            OP_INSERT => {
                let entries = decode_entries(&mut reader).map_err(bad)?;
                let replace = reader.u32("replace").map_err(bad)? != 0;
                self.insert(&entries, replace)
            }
            OP_DELETE => {
                let entries = decode_entries(&mut reader).map_err(bad)?;
                self.delete(entries.iter().map(|entry| (Some(entry.object), &entry.tower)))
            }
            OP_MGMT_DELETE => {
                let (object, tower) = decode_mgmt_delete(&mut reader).map_err(bad)?;
                self.delete([(object, &tower)].into_iter())
            }
            _ => return self.dispatch(opnum, stub, order),
        };
        let mut writer = NdrWriter::new();
        writer.u32(outcome.err().unwrap_or(0));
        Ok(writer.into_vec())
    }

    fn insert(&mut self, entries: &[Endpoint], replace: bool) -> Result<(), u32> {
        // All or none of them.
        let new: Vec<MapEntry> = entries
            .iter()
            .map(map_entry)
            .collect::<Option<_>>()
            .ok_or(status::EPT_INVALID_ENTRY)?;
        if self.entries().len() + new.len() > MAX_ENTRIES {
            return Err(status::EPT_UPDATE_FAILED);
        }
        for entry in new {
            if replace {
                self.unregister_all(&entry.interface, entry.object);
            }
            self.register(entry);
        }
        Ok(())
    }

    fn delete<'a>(
        &mut self,
        entries: impl Iterator<Item = (Option<Uuid>, &'a Tower)>,
    ) -> Result<(), u32> {
        let before = self.entries().len();
        for (object, tower) in entries {
            let (Some(interface), Some(port)) = (tower.interface(), tower.port()) else {
                return Err(status::EPT_INVALID_ENTRY);
            };
            self.unregister(&interface, object.unwrap_or(Uuid::NIL), port);
        }
        if self.entries().len() < before { Ok(()) } else { Err(status::EPT_NOT_REGISTERED) }
    }
}

fn decode_mgmt_delete(reader: &mut NdrReader<'_>) -> Result<(Option<Uuid>, Tower), DecodeError> {
    let specified = reader.u32("object_speced")? != 0;
    let object = if reader.pointer("object")? { Some(reader.uuid("object")?) } else { None };
    if !reader.pointer("tower")? {
        return Err(reader.invalid("tower", "no tower"));
    }
    Ok((object.filter(|_| specified), read_tower(reader)?))
}

/// An endpoint that this map can hold: NDR over TCP.
fn map_entry(endpoint: &Endpoint) -> Option<MapEntry> {
    let Endpoint { object, tower, annotation } = endpoint;
    let ndr = tower.transfer_syntax() == Some(SyntaxId::NDR);
    if !tower.is_tcp() || !ndr {
        return None;
    }
    Some(MapEntry {
        interface: tower.interface()?,
        object: *object,
        address: tower.address().unwrap_or(Ipv4Addr::UNSPECIFIED),
        port: tower.port().filter(|port| *port != 0)?,
        annotation: annotation.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epm::{MapRequest, OP_MAP};

    fn endpoint(port: u16, object: Uuid) -> Endpoint {
        let tower = Tower::tcp(crate::echo::INTERFACE, Ipv4Addr::LOCALHOST, port);
        Endpoint { object, tower, annotation: "echo".to_owned() }
    }

    fn status_of(answer: Result<Vec<u8>, u32>) -> u32 {
        u32::from_le_bytes(answer.unwrap().try_into().unwrap())
    }

    #[test]
    fn entries_come_and_go_in_both_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut map = EndpointMap::new();
            let object = crate::mgmt::INTERFACE.uuid;
            let both = [endpoint(1000, Uuid::NIL), endpoint(2000, object)];
            let stub = encode_insert(order, &both, false);
            assert_eq!(status_of(map.dispatch_mut(OP_INSERT, &stub, order)), 0);
            let ports = |map: &EndpointMap| {
                map.entries().iter().map(|entry| entry.port).collect::<Vec<_>>()
            };
            assert_eq!(ports(&map), [1000, 2000]);
            assert_eq!(map.entries()[0].annotation, "echo");
            // Replacing takes the entries of the same interface and object away.
            let stub = encode_insert(order, &[endpoint(3000, Uuid::NIL)], true);
            assert_eq!(status_of(map.dispatch_mut(OP_INSERT, &stub, order)), 0);
            assert_eq!(ports(&map), [2000, 3000]);
            let stub = encode_delete(order, &[endpoint(3000, Uuid::NIL)]);
            assert_eq!(status_of(map.dispatch_mut(OP_DELETE, &stub, order)), 0);
            let gone = status_of(map.dispatch_mut(OP_DELETE, &stub, order));
            assert_eq!((gone, ports(&map)), (status::EPT_NOT_REGISTERED, vec![2000]));
            let stub = encode_mgmt_delete(order, Some(object), &both[1].tower);
            assert_eq!(status_of(map.dispatch_mut(OP_MGMT_DELETE, &stub, order)), 0);
            assert!(map.entries().is_empty());
        }
    }

    #[test]
    fn what_this_map_cannot_hold_is_refused_whole() {
        let mut map = EndpointMap::new();
        let mut other = endpoint(1, Uuid::NIL);
        other.tower.floors.truncate(3);
        for wrong in [other, endpoint(0, Uuid::NIL)] {
            let stub = encode_insert(ByteOrder::Little, &[endpoint(7, Uuid::NIL), wrong], false);
            let said = status_of(map.dispatch_mut(OP_INSERT, &stub, ByteOrder::Little));
            assert_eq!((said, map.entries().len()), (status::EPT_INVALID_ENTRY, 0));
        }
        let stub = encode_insert(ByteOrder::Little, &[endpoint(7, Uuid::NIL)], false);
        for end in 0..stub.len() {
            let said = map.dispatch_mut(OP_INSERT, &stub[..end], ByteOrder::Little);
            assert_eq!(said, Err(status::BAD_STUB_DATA), "cut at {end}");
        }
        for port in 1..=u16::try_from(MAX_ENTRIES).unwrap() {
            let stub = encode_insert(ByteOrder::Little, &[endpoint(port, Uuid::NIL)], false);
            assert_eq!(status_of(map.dispatch_mut(OP_INSERT, &stub, ByteOrder::Little)), 0);
        }
        let stub = encode_insert(ByteOrder::Little, &[endpoint(60_000, Uuid::NIL)], false);
        let said = status_of(map.dispatch_mut(OP_INSERT, &stub, ByteOrder::Little));
        assert_eq!(said, status::EPT_UPDATE_FAILED);
    }

    #[test]
    fn who_may_not_change_the_map_may_still_ask_it() {
        let mut map = EndpointMap::new();
        let stub = encode_insert(ByteOrder::Little, &[endpoint(7, Uuid::NIL)], false);
        for opnum in [OP_INSERT, OP_DELETE, OP_MGMT_DELETE] {
            let said = map.dispatch(opnum, &stub, ByteOrder::Little);
            assert_eq!(said, Err(status::ACCESS_DENIED));
        }
        let ask = MapRequest::tcp(crate::echo::INTERFACE).encode(ByteOrder::Little);
        map.dispatch_mut(OP_MAP, &ask, ByteOrder::Little).unwrap();
    }
}
