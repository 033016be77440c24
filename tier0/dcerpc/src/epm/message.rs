//! The parameters of `ept_map`, C706 appendix O.

use std::net::Ipv4Addr;

use wire::DecodeError;

use super::MAX_ANSWERS;
use super::tower::{MAX_TOWER, Tower};
use crate::ndr::{ByteOrder, ContextHandle, NdrReader, NdrWriter};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};

/// Towers that our own question asks for: what widely used clients ask for.
const WANTED: u32 = 4;

/// The question: which endpoints does this interface have?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRequest {
    /// The object that it is for.
    pub object: Option<Uuid>,
    /// The tower with the port left open.
    pub tower: Tower,
    /// Where to go on; null at first.
    pub handle: ContextHandle,
    /// How many towers may come.
    pub max_towers: u32,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapResponse {
    /// Where to go on; null when nothing is left.
    pub handle: ContextHandle,
    /// The endpoints.
    pub towers: Vec<Tower>,
    /// The status, see [`crate::status`].
    pub status: u32,
}

impl MapRequest {
    /// The question for an interface with NDR over TCP.
    #[must_use]
    pub fn tcp(interface: SyntaxId) -> Self {
        Self {
            object: None,
            tower: Tower::tcp(interface, Ipv4Addr::UNSPECIFIED, 0),
            handle: ContextHandle::NULL,
            max_towers: WANTED,
        }
    }

    /// Decodes the stub of the request.
    ///
    /// # Errors
    /// The stub is not one of `ept_map`, or has no tower.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("ept_map request", stub, order);
        let object = if reader.pointer("object")? { Some(reader.uuid("object")?) } else { None };
        if !reader.pointer("map_tower")? {
            return Err(reader.invalid("map_tower", "no tower"));
        }
        let tower = read_tower(&mut reader)?;
        let handle = reader.context_handle("entry_handle")?;
        let max_towers = reader.u32("max_towers")?;
        Ok(Self { object, tower, handle, max_towers })
    }

    /// The stub of the request.
    #[must_use]
    pub fn encode(&self, order: ByteOrder) -> Vec<u8> {
        let mut writer = NdrWriter::with_order(order);
        // A pointer to the nil object and none mean the same; all widely used clients point.
        writer.pointer(true);
        writer.uuid(self.object.unwrap_or(Uuid::NIL));
        writer.pointer(true);
        write_tower(&mut writer, &self.tower);
        writer.context_handle(&self.handle);
        writer.u32(self.max_towers);
        writer.into_vec()
    }
}

impl MapResponse {
    /// The answer that there is no such endpoint.
    #[must_use]
    pub fn none() -> Self {
        Self { handle: ContextHandle::NULL, towers: Vec::new(), status: status::EPT_NOT_REGISTERED }
    }

    /// Decodes the stub of the response.
    ///
    /// # Errors
    /// The stub is not one of `ept_map`.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("ept_map response", stub, order);
        let handle = reader.context_handle("entry_handle")?;
        reader.u32("num_towers")?;
        let max_count = reader.max_count("towers", usize::MAX)?;
        let count = reader.actual_count("towers", max_count)?;
        if count > MAX_ANSWERS {
            return Err(reader.invalid("towers", "more towers than one answer may have"));
        }
        let pointers =
            (0..count).map(|_| reader.pointer("towers")).collect::<Result<Vec<_>, _>>()?;
        let mut towers = Vec::new();
        for _ in pointers.into_iter().filter(|points| *points) {
            towers.push(read_tower(&mut reader)?);
        }
        let status = reader.u32("status")?;
        Ok(Self { handle, towers, status })
    }

    /// The stub of the response to a request with this `max_towers`.
    #[must_use]
    pub fn encode(&self, order: ByteOrder, max_towers: u32) -> Vec<u8> {
        let mut writer = NdrWriter::for_results(order);
        writer.context_handle(&self.handle);
        writer.count(self.towers.len());
        writer.u32(max_towers);
        writer.actual_count(self.towers.len());
        for _ in &self.towers {
            writer.pointer(true);
        }
        for tower in &self.towers {
            write_tower(&mut writer, tower);
        }
        writer.u32(self.status);
        writer.into_vec()
    }

    /// The port of the first endpoint on TCP.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.towers.iter().filter(|tower| tower.is_tcp()).find_map(Tower::port)
    }
}

/// `twr_t`: a conformant structure, so its maximum count stands before its length.
pub(super) fn read_tower(reader: &mut NdrReader<'_>) -> Result<Tower, DecodeError> {
    Tower::decode(read_octets(reader)?)
}

/// The octets of a tower, whatever is in them.
pub(super) fn read_octets<'a>(reader: &mut NdrReader<'a>) -> Result<&'a [u8], DecodeError> {
    let max_count = reader.max_count("tower_octet_string", MAX_TOWER)?;
    let length = reader.max_count("tower_length", max_count)?;
    let octets = reader.octets("tower_octet_string", max_count)?;
    Ok(octets.get(..length).unwrap_or_default())
}

pub(super) fn write_tower(writer: &mut NdrWriter, tower: &Tower) {
    let octets = tower.encode();
    writer.count(octets.len());
    writer.count(octets.len());
    writer.octets(&octets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epm::INTERFACE;

    const TOWER: &str = "0500\
        1300 0d 0883afe11f5dc91191a408002b14a0fa 0300 0200 0000\
        1300 0d 045d888aeb1cc9119fe808002b104860 0200 0200 0000\
        0100 0b 0200 0000\
        0100 07 0200 0000\
        0100 09 0400 00000000";

    #[test]
    fn the_question_as_clients_send_it() {
        let vector = format!(
            "00000200 00000000000000000000000000000000\
             04000200 4b000000 4b000000 {TOWER} 00\
             00000000 00000000000000000000000000000000 04000000"
        );
        let stub = wire::from_hex(&vector).unwrap();
        let mut request = MapRequest::tcp(INTERFACE);
        assert_eq!(request.encode(ByteOrder::Little), stub);
        request.object = Some(Uuid::NIL);
        assert_eq!(MapRequest::decode(&stub, ByteOrder::Little), Ok(request));
        for end in 0..stub.len() {
            MapRequest::decode(&stub[..end], ByteOrder::Little).unwrap_err();
        }
    }

    #[test]
    fn the_answer_there_and_back_in_both_orders() {
        let tower = Tower::tcp(INTERFACE, Ipv4Addr::LOCALHOST, 4749);
        let towers = vec![tower.clone(), tower];
        let response = MapResponse { towers, status: 0, ..MapResponse::none() };
        assert_eq!(response.port(), Some(4749));
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for response in [response.clone(), MapResponse::none()] {
                let stub = response.encode(order, 4);
                assert_eq!(MapResponse::decode(&stub, order), Ok(response));
                for end in 0..stub.len() {
                    MapResponse::decode(&stub[..end], order).unwrap_err();
                }
            }
        }
    }

    #[test]
    fn lying_counts_are_refused() {
        let mut stub = MapResponse::none().encode(ByteOrder::Little, 4);
        // Actual count of four thousand million towers, and the maximum count to match.
        stub[24..28].fill(0xff);
        stub[32..36].fill(0xff);
        MapResponse::decode(&stub, ByteOrder::Little).unwrap_err();
    }
}
