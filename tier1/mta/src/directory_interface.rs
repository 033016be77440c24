//! The operation of `idl/directory.idl` as values, with its NDR on both sides. What a page holds is the directory's matter.

use dcerpc::{ByteOrder, NdrReader, NdrWriter, SyntaxId, Uuid};
use wire::DecodeError;

/// The interface of `idl/directory.idl`.
pub const INTERFACE: SyntaxId = SyntaxId {
    uuid: Uuid::from_u128(0x2b7c_94d0_85e3_4f61_b1a7_0c3e_9f52_d846),
    major: 1,
    minor: 0,
};

/// The operation number.
pub const DIRECTORY_READ: u16 = 0;

/// Characters of the key of an object: sixteen parts of 256, and what stands around them.
pub const KEY_LIMIT: usize = 4352;
/// Octets of one page.
pub const PAGE_LIMIT: usize = 4_000_000;

/// What a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The version that it has; 0 for none.
    pub known: u64,
    /// The last key that it has of this reading; empty at the begin.
    pub after: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadAnswer {
    pub version: u64,
    pub page: Vec<u8>,
    /// Win32: 0 or why there is nothing.
    pub status: u32,
}

fn end(reader: &NdrReader<'_>) -> Result<(), DecodeError> {
    match reader.rest() {
        [] | [0] | [0, 0] | [0, 0, 0] => Ok(()),
        _ => Err(reader.invalid("end", "octets are left")),
    }
}

impl Read {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.u64(self.known);
        writer.string16(&self.after);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("DirectoryRead", stub, order);
        let read =
            Self { known: reader.u64("known")?, after: reader.string16("after", KEY_LIMIT)? };
        end(&reader)?;
        Ok(read)
    }
}

impl ReadAnswer {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.u64(self.version);
        writer.count(self.page.len());
        writer.pointer(true);
        writer.conformant_octets(&self.page);
        writer.u32(self.status);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("DirectoryRead answer", stub, order);
        let version = reader.u64("version")?;
        let length = reader.u32("length")?;
        let page = if reader.pointer("page")? {
            reader.conformant_octets("page", PAGE_LIMIT)?.to_vec()
        } else {
            Vec::new()
        };
        if usize::try_from(length) != Ok(page.len()) {
            return Err(reader.invalid("page", "the array has another size than length says"));
        }
        let answer = Self { version, page, status: reader.u32("status")? };
        end(&reader)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDL: &str = include_str!("../../../idl/directory.idl");

    #[test]
    fn the_interface_is_the_one_of_the_idl() {
        assert!(IDL.contains(&format!("uuid({})", INTERFACE.uuid)), "{}", INTERFACE.uuid);
        assert!(IDL.contains(&format!("version({}.{})", INTERFACE.major, INTERFACE.minor)));
        for (name, value) in [("KEY_LIMIT", KEY_LIMIT), ("PAGE_LIMIT", PAGE_LIMIT)] {
            assert!(IDL.contains(&format!("{name} = {value};")), "{name} = {value}");
        }
    }

    #[test]
    fn stubs_are_those_of_the_idl_and_lead_there_and_back() {
        let interface = idl::Interface::parse(IDL).unwrap();
        for after in ["", "O=DEMO\u{1}", "O=日本\u{1}OU=Ü\u{1}"] {
            let read = Read { known: u64::MAX - 1, after: after.to_owned() };
            let stub = read.encode();
            interface.walk(DIRECTORY_READ, idl::Way::Request, &stub).unwrap();
            assert_eq!(Read::decode(&stub, ByteOrder::Little), Ok(read));
            for cut in 0..stub.len() {
                assert!(Read::decode(&stub[..cut], ByteOrder::Little).is_err(), "cut at {cut}");
            }
        }
        for length in 0..6 {
            let answer = ReadAnswer { version: 7, page: vec![b'x'; length], status: 5 };
            let stub = answer.encode();
            interface.walk(DIRECTORY_READ, idl::Way::Response, &stub).unwrap();
            assert_eq!(ReadAnswer::decode(&stub, ByteOrder::Little), Ok(answer));
            for cut in 0..stub.len() {
                let decoded = ReadAnswer::decode(&stub[..cut], ByteOrder::Little);
                assert!(decoded.is_err(), "cut at {cut}");
            }
        }
        let lying = ReadAnswer { version: 7, page: vec![1; 8], status: 0 }.encode();
        let mut lying = lying;
        lying[8] = 9;
        assert!(ReadAnswer::decode(&lying, ByteOrder::Little).is_err());
    }

    #[test]
    fn a_key_over_the_limit_is_refused() {
        let read = Read { known: 0, after: "x".repeat(KEY_LIMIT + 1) };
        assert!(Read::decode(&read.encode(), ByteOrder::Little).is_err());
    }
}
