//! An interface to try calls with: Samba's `rpcecho`, the operations that have no pointers.

use wire::DecodeError;

use crate::ndr::{ByteOrder, NdrReader, NdrWriter};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};

/// The interface.
pub const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x60a15ec5_4de8_11d7_a637_005056a20182), 1, 0);

/// Gives a number back with one added.
pub const OP_ADD_ONE: u16 = 0;
/// Gives octets back.
pub const OP_ECHO_DATA: u16 = 1;
/// Takes octets.
pub const OP_SINK_DATA: u16 = 2;
/// Gives octets.
pub const OP_SOURCE_DATA: u16 = 3;

/// Octets in one call: what fits a stub of the default limits with room to spare.
pub const MAX_DATA: usize = 4_000_000;

/// Executes an operation: the stub of the response, or the status of the fault.
///
/// # Errors
/// The status for a fault: an operation that is not served, or a stub that is not its.
pub fn dispatch(opnum: u16, stub: &[u8], order: ByteOrder) -> Result<Vec<u8>, u32> {
    execute(opnum, stub, order).map_err(|_| status::BAD_STUB_DATA)?.ok_or(status::NCA_OP_RNG_ERROR)
}

fn execute(opnum: u16, stub: &[u8], order: ByteOrder) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut reader = NdrReader::new("echo request", stub, order);
    let mut writer = NdrWriter::with_order(ByteOrder::Little);
    match opnum {
        OP_ADD_ONE => writer.u32(reader.u32("in_data")?.wrapping_add(1)),
        OP_ECHO_DATA => {
            reader.u32("len")?;
            writer.conformant_octets(reader.conformant_octets("in_data", MAX_DATA)?);
        }
        OP_SINK_DATA => {
            reader.u32("len")?;
            reader.conformant_octets("data", MAX_DATA)?;
        }
        OP_SOURCE_DATA => {
            let length = usize::try_from(reader.u32("len")?).unwrap_or(usize::MAX);
            if length > MAX_DATA {
                return Err(reader.invalid("len", "more octets than one answer may have"));
            }
            // Whole blocks: octet by octet, four octets of a request would cost a server milliseconds.
            let block: Vec<u8> = (0..=u8::MAX).collect();
            let mut data = block.repeat(length.div_ceil(block.len()));
            data.truncate(length);
            writer.conformant_octets(&data);
        }
        _ => return Ok(None),
    }
    Ok(Some(writer.into_vec()))
}

/// The stub of a call of [`OP_ECHO_DATA`].
#[must_use]
pub fn encode_echo(data: &[u8]) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.count(data.len());
    writer.conformant_octets(data);
    writer.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_answers() {
        let ask = |opnum, stub: &[u8]| dispatch(opnum, stub, ByteOrder::Little);
        assert_eq!(ask(OP_ADD_ONE, &[255, 0, 0, 0]).unwrap(), [0, 1, 0, 0]);
        let request = encode_echo(b"abc");
        assert_eq!(ask(OP_ECHO_DATA, &request).unwrap(), *b"\x03\0\0\0abc");
        assert_eq!(ask(OP_SINK_DATA, &request).unwrap(), b"");
        assert_eq!(ask(OP_SOURCE_DATA, &[2, 0, 0, 0]).unwrap(), *b"\x02\0\0\0\0\x01");
        assert_eq!(ask(OP_SOURCE_DATA, &[255; 4]), Err(status::BAD_STUB_DATA));
        let long = ask(OP_SOURCE_DATA, &[0, 3, 0, 0]).unwrap();
        assert_eq!((long.len(), long[4 + 767], long[4 + 256]), (4 + 768, 255, 0));
        assert_eq!(ask(9, &[]), Err(status::NCA_OP_RNG_ERROR));
        for end in 0..request.len() {
            assert_eq!(ask(OP_ECHO_DATA, &request[..end]), Err(status::BAD_STUB_DATA));
        }
    }
}
