//! The operation of `idl/probe.idl` as values, with its NDR on both sides. What a page holds is the matter of who probes.

use dcerpc::{ByteOrder, NdrReader, NdrWriter, SyntaxId, Uuid};
use wire::DecodeError;

/// The interface of `idl/probe.idl`.
pub const INTERFACE: SyntaxId = SyntaxId {
    uuid: Uuid::from_u128(0x8e15_b3f4_72c9_4a0d_a6d8_3b40_c1f7_925e),
    major: 1,
    minor: 0,
};

/// The operation number.
pub const PROBE_BIND_BACK: u16 = 0;

/// Characters of the name of a peer or host.
pub const NAME_LIMIT: usize = 255;
/// Octets of an answer.
pub const PAGE_LIMIT: usize = 262_144;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The MTA name, host name or address of a peer; empty for those at the caller's address.
    pub towards: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// Checks in JSON.
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

impl Probe {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.string16(&self.towards);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("ProbeBindBack", stub, order);
        let towards = reader.string16("towards", NAME_LIMIT)?;
        end(&reader)?;
        Ok(Self { towards })
    }
}

impl ProbeAnswer {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.count(self.page.len());
        writer.pointer(true);
        writer.conformant_octets(&self.page);
        writer.u32(self.status);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("ProbeBindBack answer", stub, order);
        let length = reader.u32("length")?;
        let page = if reader.pointer("page")? {
            reader.conformant_octets("page", PAGE_LIMIT)?.to_vec()
        } else {
            Vec::new()
        };
        if usize::try_from(length) != Ok(page.len()) {
            return Err(reader.invalid("page", "the array has another size than length says"));
        }
        let answer = Self { page, status: reader.u32("status")? };
        end(&reader)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDL: &str = include_str!("../../../idl/probe.idl");

    #[test]
    fn the_interface_is_the_one_of_the_idl() {
        assert!(IDL.contains(&format!("uuid({})", INTERFACE.uuid)), "{}", INTERFACE.uuid);
        assert!(IDL.contains(&format!("version({}.{})", INTERFACE.major, INTERFACE.minor)));
        for (name, value) in [("NAME_LIMIT", NAME_LIMIT), ("PAGE_LIMIT", PAGE_LIMIT)] {
            assert!(IDL.contains(&format!("{name} = {value};")), "{name} = {value}");
        }
    }

    #[test]
    fn stubs_are_those_of_the_idl_and_lead_there_and_back() {
        let interface = idl::Interface::parse(IDL).unwrap();
        for towards in ["", "WEST", "west.demo.test", "日本"] {
            let probe = Probe { towards: towards.to_owned() };
            let stub = probe.encode();
            interface.walk(PROBE_BIND_BACK, idl::Way::Request, &stub).unwrap();
            assert_eq!(Probe::decode(&stub, ByteOrder::Little), Ok(probe));
            for cut in 0..stub.len() {
                assert!(Probe::decode(&stub[..cut], ByteOrder::Little).is_err(), "cut at {cut}");
            }
        }
        for length in 0..6 {
            let answer = ProbeAnswer { page: vec![b'x'; length], status: 5 };
            let stub = answer.encode();
            interface.walk(PROBE_BIND_BACK, idl::Way::Response, &stub).unwrap();
            assert_eq!(ProbeAnswer::decode(&stub, ByteOrder::Little), Ok(answer));
            for cut in 0..stub.len() {
                let decoded = ProbeAnswer::decode(&stub[..cut], ByteOrder::Little);
                assert!(decoded.is_err(), "cut at {cut}");
            }
        }
        let mut lying = ProbeAnswer { page: vec![1; 8], status: 0 }.encode();
        lying[0] = 9;
        assert!(ProbeAnswer::decode(&lying, ByteOrder::Little).is_err());
    }

    #[test]
    fn a_name_over_the_limit_is_refused() {
        let stub = Probe { towards: "x".repeat(NAME_LIMIT + 1) }.encode();
        assert!(Probe::decode(&stub, ByteOrder::Little).is_err());
    }
}
