//! The server side: entries, and the answers to questions for them.

use std::net::Ipv4Addr;

use super::lookup::{Endpoint, LookupRequest, encode_response};
use super::message::{MapRequest, MapResponse};
use super::tower::Tower;
use super::{
    MAX_ANSWERS, OP_DELETE, OP_INQ_OBJECT, OP_INSERT, OP_LOOKUP, OP_LOOKUP_HANDLE_FREE, OP_MAP,
    OP_MGMT_DELETE,
};
use crate::ndr::{ByteOrder, ContextHandle, NdrReader, NdrWriter};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};

/// Marks the handles of this map; the low half is the number of entries already given, so a handle
/// needs no memory here. A guessed one shows nothing that asking would not.
const HANDLE_MARK: u128 = 0x62696e64_6261_636b_0000_000000000000;

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapEntry {
    /// The interface.
    pub interface: SyntaxId,
    /// The object; nil for every object.
    pub object: Uuid,
    /// The address that answers name; unspecified lets the caller use the one it asked.
    pub address: Ipv4Addr,
    /// The TCP port.
    pub port: u16,
    /// A name for people, up to 63 octets of which are shown.
    pub annotation: String,
}

/// The endpoints of a host.
#[derive(Debug, Clone, Default)]
pub struct EndpointMap {
    entries: Vec<MapEntry>,
}

impl EndpointMap {
    /// A map without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an endpoint; an equal interface, object and port is replaced.
    pub fn register(&mut self, entry: MapEntry) {
        self.unregister(&entry.interface, entry.object, entry.port);
        self.entries.push(entry);
    }

    /// Removes an endpoint, if it is there.
    pub fn unregister(&mut self, interface: &SyntaxId, object: Uuid, port: u16) {
        self.entries.retain(|entry| {
            (&entry.interface, entry.object, entry.port) != (interface, object, port)
        });
    }

    /// Removes every endpoint of an interface and object.
    pub fn unregister_all(&mut self, interface: &SyntaxId, object: Uuid) {
        self.entries.retain(|entry| (&entry.interface, entry.object) != (interface, object));
    }

    /// The endpoints.
    #[must_use]
    pub fn entries(&self) -> &[MapEntry] {
        &self.entries
    }

    /// Executes an operation of the `ept` interface: the stub of the response, or the status of the
    /// fault.
    ///
    /// # Errors
    /// The status for a fault: an operation that is not served, or a stub that is not its.
    pub fn dispatch(&self, opnum: u16, stub: &[u8], order: ByteOrder) -> Result<Vec<u8>, u32> {
        // Answers go out little-endian whatever the question came in: the association says so.
        let out = ByteOrder::Little;
        match opnum {
            OP_MAP => {
                let request = MapRequest::decode(stub, order).map_err(|_| status::BAD_STUB_DATA)?;
                Ok(self.map(&request).encode(out, request.max_towers))
            }
            OP_LOOKUP => {
                let request =
                    LookupRequest::decode(stub, order).map_err(|_| status::BAD_STUB_DATA)?;
                Ok(self.lookup(&request, out))
            }
            OP_LOOKUP_HANDLE_FREE => {
                let mut reader = NdrReader::new("ept_lookup_handle_free", stub, order);
                reader.context_handle("entry_handle").map_err(|_| status::BAD_STUB_DATA)?;
                let mut writer = NdrWriter::with_order(out);
                writer.context_handle(&ContextHandle::NULL);
                writer.u32(0);
                Ok(writer.into_vec())
            }
            OP_INQ_OBJECT => {
                // The object of the mapper itself: it has none.
                let mut writer = NdrWriter::with_order(out);
                writer.uuid(Uuid::NIL);
                writer.u32(0);
                Ok(writer.into_vec())
            }
            // Whoever could change the map could send callers anywhere.
            OP_INSERT | OP_DELETE | OP_MGMT_DELETE => Err(status::ACCESS_DENIED),
            _ => Err(status::NCA_OP_RNG_ERROR),
        }
    }

    /// Answers `ept_map`.
    #[must_use]
    pub fn map(&self, request: &MapRequest) -> MapResponse {
        let Some(wanted) = request.tower.interface() else {
            return MapResponse::none();
        };
        let ndr = request.tower.transfer_syntax() == Some(SyntaxId::NDR);
        if !request.tower.is_tcp() || !ndr {
            return MapResponse::none();
        }
        let object = request.object.unwrap_or(Uuid::NIL);
        let matching = self.entries.iter().filter(|entry| {
            entry.interface.serves(&wanted) && (entry.object.is_nil() || entry.object == object)
        });
        let page = Page::new(&request.handle, request.max_towers);
        let (found, handle) = page.take(matching);
        if found.is_empty() {
            return MapResponse::none();
        }
        let towers = found.into_iter().map(MapEntry::tower).collect();
        MapResponse { handle, towers, status: 0 }
    }

    fn lookup(&self, request: &LookupRequest, order: ByteOrder) -> Vec<u8> {
        let matching =
            self.entries.iter().filter(|entry| request.wants(&entry.interface, entry.object));
        let page = Page::new(&request.handle, request.max_entries);
        let (found, handle) = page.take(matching);
        let status = if found.is_empty() { status::EPT_NOT_REGISTERED } else { 0 };
        let entries: Vec<_> = found
            .into_iter()
            .map(|entry| Endpoint {
                object: entry.object,
                tower: entry.tower(),
                annotation: entry.annotation.clone(),
            })
            .collect();
        encode_response(order, request.max_entries, &handle, &entries, status)
    }
}

impl MapEntry {
    fn tower(&self) -> Tower {
        Tower::tcp(self.interface, self.address, self.port)
    }
}

/// Which part of the matching entries an answer gives.
struct Page {
    start: usize,
    count: usize,
}

impl Page {
    fn new(handle: &ContextHandle, wanted: u32) -> Self {
        let given = u128::from_be_bytes(*handle.uuid.as_bytes()) ^ HANDLE_MARK;
        let start = if handle.is_null() { 0 } else { usize::try_from(given).unwrap_or(usize::MAX) };
        let count = usize::try_from(wanted).unwrap_or(MAX_ANSWERS).min(MAX_ANSWERS);
        Self { start, count }
    }

    fn take<'a>(
        &self,
        matching: impl Iterator<Item = &'a MapEntry>,
    ) -> (Vec<&'a MapEntry>, ContextHandle) {
        let mut rest = matching.skip(self.start).peekable();
        let found: Vec<_> = rest.by_ref().take(self.count).collect();
        let handle = if found.is_empty() || rest.peek().is_none() {
            ContextHandle::NULL
        } else {
            let given = u64::try_from(self.start.saturating_add(found.len())).unwrap_or(u64::MAX);
            let uuid = Uuid::from_u128(HANDLE_MARK | u128::from(given));
            ContextHandle { attributes: 0, uuid }
        };
        (found, handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epm::INTERFACE;

    fn entry(port: u16) -> MapEntry {
        MapEntry {
            interface: INTERFACE,
            object: Uuid::NIL,
            address: Ipv4Addr::LOCALHOST,
            port,
            annotation: "test".to_owned(),
        }
    }

    #[test]
    fn maps_registered_interfaces_only() {
        let mut map = EndpointMap::new();
        map.register(entry(4749));
        map.register(entry(4749));
        assert_eq!(map.entries().len(), 1);
        assert_eq!(map.map(&MapRequest::tcp(INTERFACE)).port(), Some(4749));
        let later = SyntaxId { minor: 1, ..INTERFACE };
        for other in [SyntaxId::NDR, later] {
            assert_eq!(map.map(&MapRequest::tcp(other)), MapResponse::none());
        }
        map.unregister(&INTERFACE, Uuid::NIL, 4749);
        assert_eq!(map.map(&MapRequest::tcp(INTERFACE)), MapResponse::none());
    }

    #[test]
    fn pages_go_on_where_the_handle_says() {
        let mut map = EndpointMap::new();
        for port in 1..=5 {
            map.register(entry(port));
        }
        let mut request = MapRequest { max_towers: 2, ..MapRequest::tcp(INTERFACE) };
        let mut ports = Vec::new();
        loop {
            let answer = map.map(&request);
            ports.extend(answer.towers.iter().filter_map(Tower::port));
            request.handle = answer.handle;
            if request.handle.is_null() {
                break;
            }
        }
        assert_eq!(ports, [1, 2, 3, 4, 5]);
        request.handle = ContextHandle { attributes: 9, uuid: Uuid::from_u128(u128::MAX) };
        assert_eq!(map.map(&request), MapResponse::none());
    }

    #[test]
    fn dispatch_answers_and_refuses() {
        let mut map = EndpointMap::new();
        map.register(entry(4749));
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let stub = MapRequest::tcp(INTERFACE).encode(order);
            let answer = map.dispatch(OP_MAP, &stub, order).unwrap();
            assert_eq!(MapResponse::decode(&answer, ByteOrder::Little).unwrap().port(), Some(4749));
        }
        assert_eq!(map.dispatch(OP_MAP, &[0; 7], ByteOrder::Little), Err(status::BAD_STUB_DATA));
        assert_eq!(map.dispatch(99, &[], ByteOrder::Little), Err(status::NCA_OP_RNG_ERROR));
        let freed = map.dispatch(OP_LOOKUP_HANDLE_FREE, &[0; 20], ByteOrder::Little).unwrap();
        assert_eq!(freed, [0; 24]);
    }
}
