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
