//! One operation under the identifier of the `netlogon` interface, for test suites that join long requests with it.
//!
//! It is no logon: a challenge is answered with a challenge, and nothing follows from it (MS-NRPC 3.5.4.4.1).

use dcerpc::status::{BAD_STUB_DATA, NCA_OP_RNG_ERROR};
use dcerpc::{ByteOrder, NdrReader, NdrWriter, SyntaxId, Uuid};

/// The interface, MS-NRPC 1.9.
pub const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x12345678_1234_abcd_ef00_01234567cffb), 1, 0);

/// The operation `NetrServerReqChallenge`.
const OP_REQ_CHALLENGE: u16 = 4;
/// Characters of a server's or computer's name.
const NAME_MAX: usize = 256;

/// Executes an operation with a fresh challenge for the answer.
pub fn dispatch(
    opnum: u16,
    stub: &[u8],
    order: ByteOrder,
    challenge: [u8; 8],
) -> Result<Vec<u8>, u32> {
    if opnum != OP_REQ_CHALLENGE {
        return Err(NCA_OP_RNG_ERROR);
    }
    let mut reader = NdrReader::new("NetrServerReqChallenge", stub, order);
    let mut read = || {
        if reader.pointer("PrimaryName")? {
            reader.string16("PrimaryName", NAME_MAX)?;
        }
        reader.string16("ComputerName", NAME_MAX)?;
        reader.octets("ClientChallenge", 8)
    };
    read().map_err(|_| BAD_STUB_DATA)?;
    let mut writer = NdrWriter::new();
    writer.octets(&challenge);
    writer.u32(0);
    Ok(writer.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_that_of_its_idl() {
        let text = include_str!("../../../../idl/netlogon.idl");
        let interface = idl::Interface::parse(text).unwrap();
        assert_eq!(interface.uuid, INTERFACE.uuid.to_string());
        assert_eq!(interface.opnum("NetrServerReqChallenge"), Some(OP_REQ_CHALLENGE));
        for primary in [None, Some("EAST")] {
            let mut writer = NdrWriter::new();
            writer.pointer(primary.is_some());
            if let Some(name) = primary {
                writer.string16(name);
            }
            writer.string16("WEST");
            writer.octets(&[1; 8]);
            let stub = writer.into_vec();
            interface.walk(OP_REQ_CHALLENGE, idl::Way::Request, &stub).unwrap();
            let answer = dispatch(OP_REQ_CHALLENGE, &stub, ByteOrder::Little, [2; 8]).unwrap();
            interface.walk(OP_REQ_CHALLENGE, idl::Way::Response, &answer).unwrap();
        }
        assert_eq!(dispatch(0, &[], ByteOrder::Little, [0; 8]), Err(NCA_OP_RNG_ERROR));
        let cut = dispatch(OP_REQ_CHALLENGE, &[0; 7], ByteOrder::Little, [0; 8]);
        assert_eq!(cut, Err(BAD_STUB_DATA));
    }
}
