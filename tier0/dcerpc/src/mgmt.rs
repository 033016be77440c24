//! The management interface that every RPC server has, C706 appendix Q, interface `mgmt` version 1.0.
//!
//! Left out: to stop a server from afar, which is refused, and statistics, of which none are given.

use wire::DecodeError;

use crate::ndr::{ByteOrder, NdrReader, NdrWriter};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};

/// The interface, C706 appendix Q.
pub const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0xafa8bd80_7d8a_11c9_bef4_08002b102989), 1, 0);

/// The operation `rpc__mgmt_inq_if_ids`.
pub const OP_INQ_IF_IDS: u16 = 0;
/// The operation `rpc__mgmt_inq_stats`.
pub const OP_INQ_STATS: u16 = 1;
/// The operation `rpc__mgmt_is_server_listening`.
pub const OP_IS_SERVER_LISTENING: u16 = 2;
/// The operation `rpc__mgmt_stop_server_listening`.
pub const OP_STOP_SERVER_LISTENING: u16 = 3;
/// The operation `rpc__mgmt_inq_princ_name`.
pub const OP_INQ_PRINC_NAME: u16 = 4;

/// Interfaces that an answer may name: more than any known server has.
const MAX_INTERFACES: usize = 1000;
/// Octets of a principal name with its terminator that are asked for, and given.
const PRINCIPAL_NAME: usize = 4096;
/// Win32 `ERROR_INSUFFICIENT_BUFFER`.
const INSUFFICIENT_BUFFER: u32 = 122;

/// What a server says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Managed<'a> {
    /// The interfaces served.
    pub interfaces: &'a [SyntaxId],
    /// The name that clients may ask for to authenticate the server, such as `host/east.demo.test`.
    pub principal: &'a str,
}

impl Managed<'_> {
    /// Executes an operation: the stub of the response, or the status of the fault.
    ///
    /// # Errors
    /// The status for a fault: an operation that is not served, or a stub that is not its.
    pub fn dispatch(&self, opnum: u16, stub: &[u8], order: ByteOrder) -> Result<Vec<u8>, u32> {
        let mut writer = NdrWriter::with_order(ByteOrder::Little);
        match opnum {
            OP_INQ_IF_IDS => return Ok(encode_interfaces(self.interfaces, ByteOrder::Little)),
            OP_INQ_STATS => {
                let mut reader = NdrReader::new("mgmt_inq_stats", stub, order);
                reader.u32("count").map_err(|_| status::BAD_STUB_DATA)?;
                // None of them: the count, the maximum count of the array, the status.
                writer.u32(0);
                writer.u32(0);
                writer.u32(0);
            }
            OP_IS_SERVER_LISTENING => {
                writer.u32(0);
                writer.boolean(true);
                writer.align(4);
            }
            OP_STOP_SERVER_LISTENING => writer.u32(status::ACCESS_DENIED),
            OP_INQ_PRINC_NAME => {
                let mut reader = NdrReader::new("mgmt_inq_princ_name", stub, order);
                reader.u32("authn_proto").map_err(|_| status::BAD_STUB_DATA)?;
                let room = reader.u32("princ_name_size").map_err(|_| status::BAD_STUB_DATA)?;
                self.principal_name(room, &mut writer);
            }
            _ => return Err(status::NCA_OP_RNG_ERROR),
        }
        Ok(writer.into_vec())
    }

    fn principal_name(&self, room: u32, writer: &mut NdrWriter) {
        let needed = self.principal.len() + 1;
        let fits = needed <= PRINCIPAL_NAME && u32::try_from(needed).is_ok_and(|len| len <= room);
        let text = if fits { self.principal } else { "" };
        writer.u32(room);
        writer.actual_count(text.len() + 1);
        writer.octets(text.as_bytes());
        writer.u8(0);
        writer.u32(if fits { 0 } else { INSUFFICIENT_BUFFER });
    }
}

/// The stub of the answer to `inq_if_ids`.
#[must_use]
pub fn encode_interfaces(interfaces: &[SyntaxId], order: ByteOrder) -> Vec<u8> {
    let mut writer = NdrWriter::for_results(order);
    writer.pointer(true);
    writer.count(interfaces.len());
    writer.count(interfaces.len());
    for _ in interfaces {
        writer.pointer(true);
    }
    for interface in interfaces {
        writer.align(4);
        writer.uuid(interface.uuid);
        writer.u16(interface.major);
        writer.u16(interface.minor);
    }
    writer.u32(0);
    writer.into_vec()
}

/// Decodes the answer to `inq_if_ids`: the interfaces, and the status.
///
/// # Errors
/// The stub is not such an answer.
pub fn decode_interfaces(
    stub: &[u8],
    order: ByteOrder,
) -> Result<(Vec<SyntaxId>, u32), DecodeError> {
    let mut reader = NdrReader::new("mgmt_inq_if_ids response", stub, order);
    let mut interfaces = Vec::new();
    if reader.pointer("if_id_vector")? {
        let max = reader.max_count("if_id", MAX_INTERFACES)?;
        let count = usize::try_from(reader.u32("count")?).unwrap_or(usize::MAX).min(max);
        let present =
            (0..max).map(|_| reader.pointer("if_id")).collect::<Result<Vec<bool>, _>>()?;
        for _ in present.into_iter().take(count).filter(|points| *points) {
            reader.align(4)?;
            let uuid = reader.uuid("if_id")?;
            let version = (reader.u16("vers_major")?, reader.u16("vers_minor")?);
            interfaces.push(SyntaxId::new(uuid, version.0, version.1));
        }
    }
    let status = reader.u32("status")?;
    Ok((interfaces, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANAGED: Managed<'static> =
        Managed { interfaces: &[INTERFACE, crate::epm::INTERFACE], principal: "host/east" };

    #[test]
    fn interfaces_there_and_back() {
        let stub = MANAGED.dispatch(OP_INQ_IF_IDS, &[], ByteOrder::Little).unwrap();
        let (found, status) = decode_interfaces(&stub, ByteOrder::Little).unwrap();
        assert_eq!((found.as_slice(), status), (MANAGED.interfaces, 0));
        for end in 0..stub.len() {
            decode_interfaces(&stub[..end], ByteOrder::Little).unwrap_err();
        }
        let stub = encode_interfaces(&found, ByteOrder::Big);
        assert_eq!(decode_interfaces(&stub, ByteOrder::Big).unwrap().0, found);
    }

    #[test]
    fn the_other_operations() {
        let ask = |opnum, stub: &[u8]| MANAGED.dispatch(opnum, stub, ByteOrder::Little);
        assert_eq!(ask(OP_INQ_STATS, &[4, 0, 0, 0]).unwrap(), [0; 12]);
        assert_eq!(ask(OP_INQ_STATS, &[4]), Err(status::BAD_STUB_DATA));
        assert_eq!(ask(OP_IS_SERVER_LISTENING, &[]).unwrap(), [0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(ask(OP_STOP_SERVER_LISTENING, &[]).unwrap(), [5, 0, 0, 0]);
        assert_eq!(ask(5, &[]), Err(status::NCA_OP_RNG_ERROR));
        let name = ask(OP_INQ_PRINC_NAME, &[10, 0, 0, 0, 16, 0, 0, 0]).unwrap();
        let mut reader = NdrReader::new("name", &name, ByteOrder::Little);
        assert_eq!(reader.string8("name", 16).unwrap(), "host/east");
        assert_eq!(reader.u32("status").unwrap(), 0);
        let short = ask(OP_INQ_PRINC_NAME, &[10, 0, 0, 0, 3, 0, 0, 0]).unwrap();
        assert_eq!(short.last_chunk::<4>(), Some(&[122, 0, 0, 0]));
    }
}
