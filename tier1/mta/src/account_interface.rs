//! The operation of `idl/accounts.idl` as values, with its NDR on both sides.
//!
//! The password that a stub carries is wiped from the value that was read; a stub's own octets are their owner's to wipe.

use dcerpc::{ByteOrder, NdrReader, NdrWriter, SyntaxId, Uuid};
use wire::DecodeError;

/// The interface of `idl/accounts.idl`.
pub const INTERFACE: SyntaxId = SyntaxId {
    uuid: Uuid::from_u128(0xc41e_7a52_9d06_4f3b_8b52_6a1f_0e94_d3c7),
    major: 1,
    minor: 0,
};

/// The operation number.
pub const SET_OWN_PASSWORD: u16 = 0;

/// Characters of a password.
pub const PASSWORD_LIMIT: usize = 256;
/// The least.
pub const PASSWORD_LEAST: usize = 16;

/// The stub of a call with this password.
#[must_use]
pub fn encode_set_own_password(password: &str) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.string16(password);
    writer.into_vec()
}

/// The password of a stub.
///
/// # Errors
/// The stub is not what the IDL says.
pub fn decode_set_own_password(stub: &[u8], order: ByteOrder) -> Result<String, DecodeError> {
    let mut reader = NdrReader::new("SetOwnPassword", stub, order);
    let password = reader.string16("password", PASSWORD_LIMIT)?;
    end(&reader)?;
    Ok(password)
}

/// The stub of an answer: a Win32 code.
#[must_use]
pub fn encode_answer(status: u32) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.u32(status);
    writer.into_vec()
}

/// The Win32 code of an answer.
///
/// # Errors
/// The stub is not what the IDL says.
pub fn decode_answer(stub: &[u8], order: ByteOrder) -> Result<u32, DecodeError> {
    let mut reader = NdrReader::new("SetOwnPassword answer", stub, order);
    let status = reader.u32("status")?;
    end(&reader)?;
    Ok(status)
}

fn end(reader: &NdrReader<'_>) -> Result<(), DecodeError> {
    match reader.rest() {
        [] | [0] | [0, 0] | [0, 0, 0] => Ok(()),
        _ => Err(reader.invalid("end", "octets are left")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDL: &str = include_str!("../../../idl/accounts.idl");

    #[test]
    fn the_interface_is_the_one_of_the_idl() {
        assert!(IDL.contains(&format!("uuid({})", INTERFACE.uuid)), "{}", INTERFACE.uuid);
        assert!(IDL.contains(&format!("version({}.{})", INTERFACE.major, INTERFACE.minor)));
        for (name, value) in
            [("PASSWORD_LIMIT", PASSWORD_LIMIT), ("PASSWORD_LEAST", PASSWORD_LEAST)]
        {
            assert!(IDL.contains(&format!("{name} = {value};")), "{name} = {value}");
        }
    }

    #[test]
    fn stubs_are_those_of_the_idl_and_lead_there_and_back() {
        let interface = idl::Interface::parse(IDL).unwrap();
        for password in ["", "odd", "a password of some length", "Pässwörd Ø 日本"] {
            let stub = encode_set_own_password(password);
            interface.walk(SET_OWN_PASSWORD, idl::Way::Request, &stub).unwrap();
            let decoded = decode_set_own_password(&stub, ByteOrder::Little);
            assert_eq!(decoded.as_deref(), Ok(password));
            for cut in 0..stub.len() {
                let decoded = decode_set_own_password(&stub[..cut], ByteOrder::Little);
                assert!(decoded.is_err(), "cut at {cut}");
            }
        }
        let stub = encode_answer(1325);
        interface.walk(SET_OWN_PASSWORD, idl::Way::Response, &stub).unwrap();
        assert_eq!(decode_answer(&stub, ByteOrder::Little), Ok(1325));
        assert!(decode_answer(&stub[..3], ByteOrder::Little).is_err());
    }

    #[test]
    fn a_password_over_the_limit_is_refused() {
        let stub = encode_set_own_password(&"x".repeat(PASSWORD_LIMIT + 1));
        assert!(decode_set_own_password(&stub, ByteOrder::Little).is_err());
    }
}
