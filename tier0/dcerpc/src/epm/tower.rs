//! Protocol towers, C706 appendix L: the full name of an endpoint, floor by floor.
//!
//! A tower is a string of octets with a byte order of its own: little-endian but for port and
//! address, whatever the call says.

use std::net::Ipv4Addr;

use wire::{DecodeError, Reader, Writer};

use crate::ndr::ByteOrder;
use crate::uuid::{SyntaxId, Uuid};

/// Floors of one tower; those for TCP have five.
const MAX_FLOORS: u16 = 16;
/// Octets of one tower, MS-RPCE 2.2.1.2.2 gives 2000 for the whole of it.
pub(super) const MAX_TOWER: usize = 2000;

/// Protocol identifiers, C706 appendix I.
const UUID_FLOOR: u8 = 0x0d;
const CONNECTION_ORIENTED: u8 = 0x0b;
const TCP: u8 = 0x07;
const IP: u8 = 0x09;
/// Those of other ways that Windows lists, MS-RPCE 2.2.1.2.2 and 2.1.
const NAMED_PIPE: u8 = 0x0f;
const LOCAL_NAME: u8 = 0x10;
const NETBIOS: u8 = 0x11;
const HTTP: u8 = 0x1f;

/// One floor of a tower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Floor {
    /// An interface, or a transfer syntax.
    Syntax(SyntaxId),
    /// Connection-oriented RPC, with its minor version.
    ConnectionOriented(u16),
    /// A TCP port; 0 in a question.
    Tcp(u16),
    /// An IPv4 address; unspecified in a question, and where the asked address is meant.
    Ip(Ipv4Addr),
    /// Any other floor as it came: protocol identifier with its data, and the related data.
    Other {
        /// The left side; begins with the protocol identifier.
        protocol: Vec<u8>,
        /// The right side.
        data: Vec<u8>,
    },
}

/// An endpoint by all its protocols, or the question for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tower {
    /// The floors, the interface first.
    pub floors: Vec<Floor>,
}

impl Tower {
    /// The tower of an interface with NDR over TCP.
    #[must_use]
    pub fn tcp(interface: SyntaxId, address: Ipv4Addr, port: u16) -> Self {
        let floors = vec![
            Floor::Syntax(interface),
            Floor::Syntax(SyntaxId::NDR),
            Floor::ConnectionOriented(0),
            Floor::Tcp(port),
            Floor::Ip(address),
        ];
        Self { floors }
    }

    /// The interface, when the first floor is one.
    #[must_use]
    pub fn interface(&self) -> Option<SyntaxId> {
        self.syntax(0)
    }

    /// The transfer syntax, when the second floor is one.
    #[must_use]
    pub fn transfer_syntax(&self) -> Option<SyntaxId> {
        self.syntax(1)
    }

    /// The TCP port, when there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.floors.iter().find_map(|floor| match floor {
            Floor::Tcp(port) => Some(*port),
            _ => None,
        })
    }

    /// The IPv4 address, when there is one that is specified.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.floors.iter().find_map(|floor| match floor {
            Floor::Ip(address) if !address.is_unspecified() => Some(*address),
            _ => None,
        })
    }

    /// True when the tower is connection-oriented RPC on TCP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(self.floors.get(2), Some(Floor::ConnectionOriented(_)))
            && matches!(self.floors.get(3), Some(Floor::Tcp(_)))
    }

    /// The way to the interface as string bindings write it, MS-RPCE 2.2.1.1: protocol, address, endpoint.
    ///
    /// `asked` stands where the tower leaves the address to whoever asks; none for a way that has no name here.
    #[must_use]
    pub fn binding(&self, asked: &str) -> Option<String> {
        let text = |floor: Option<&Floor>, wanted: u8| match floor {
            Some(Floor::Other { protocol, data }) if protocol.first() == Some(&wanted) => {
                let end = data.iter().position(|octet| *octet == 0).unwrap_or(data.len());
                Some(data[..end].iter().copied().map(char::from).collect::<String>())
            }
            _ => None,
        };
        let address = |address: Option<Ipv4Addr>| {
            address.map_or_else(|| asked.to_owned(), |address| address.to_string())
        };
        let (third, fourth) = (self.floors.get(3), self.floors.get(4));
        match third {
            Some(Floor::Tcp(port)) if self.is_tcp() => {
                Some(format!("ncacn_ip_tcp:{}[{port}]", address(self.address())))
            }
            Some(Floor::Other { protocol, data }) if protocol.first() == Some(&HTTP) => {
                let port = u16::from_be_bytes(*data.first_chunk::<2>()?);
                Some(format!("ncacn_http:{}[{port}]", address(self.address())))
            }
            _ => {
                if let Some(pipe) = text(third, NAMED_PIPE) {
                    let host = text(fourth, NETBIOS).unwrap_or_default();
                    return Some(format!("ncacn_np:{host}[{pipe}]"));
                }
                let name = text(third, LOCAL_NAME)?;
                Some(format!("ncalrpc:[{name}]"))
            }
        }
    }

    /// Decodes the octets of a tower.
    ///
    /// # Errors
    /// Not a tower, or one with too many floors.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "protocol tower";
        let mut reader = Reader::new(WHAT, octets);
        let count = reader.u16_le("floor count")?;
        if count > MAX_FLOORS {
            return Err(DecodeError::limit(WHAT, "floor count", 0, MAX_FLOORS.into()));
        }
        let floors = (0..count).map(|_| Floor::decode(&mut reader)).collect::<Result<_, _>>()?;
        reader.finish("tower_octet_string")?;
        Ok(Self { floors })
    }

    /// The octets of the tower.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let count = u16::try_from(self.floors.len()).unwrap_or(u16::MAX);
        writer.u16_le(count);
        for floor in self.floors.iter().take(count.into()) {
            floor.encode(&mut writer);
        }
        writer.into_vec()
    }

    fn syntax(&self, index: usize) -> Option<SyntaxId> {
        match self.floors.get(index) {
            Some(Floor::Syntax(syntax)) => Some(*syntax),
            _ => None,
        }
    }
}

impl Floor {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.u16_le("LHS byte count")?;
        let protocol = reader.bytes("protocol identifier", length.into())?;
        let length = reader.u16_le("RHS byte count")?;
        let data = reader.bytes("related data", length.into())?;
        let known = match (protocol, data) {
            ([UUID_FLOOR, syntax @ ..], [low, high]) => {
                read_syntax(syntax, u16::from_le_bytes([*low, *high]))
            }
            ([CONNECTION_ORIENTED], [low, high]) => {
                Some(Self::ConnectionOriented(u16::from_le_bytes([*low, *high])))
            }
            ([TCP], [high, low]) => Some(Self::Tcp(u16::from_be_bytes([*high, *low]))),
            ([IP], [a, b, c, d]) => Some(Self::Ip(Ipv4Addr::new(*a, *b, *c, *d))),
            _ => None,
        };
        Ok(known
            .unwrap_or_else(|| Self::Other { protocol: protocol.to_vec(), data: data.to_vec() }))
    }

    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Syntax(syntax) => {
                let mut protocol = vec![UUID_FLOOR];
                protocol.extend_from_slice(&syntax.uuid.to_wire(ByteOrder::Little));
                protocol.extend_from_slice(&syntax.major.to_le_bytes());
                write_floor(writer, &protocol, &syntax.minor.to_le_bytes());
            }
            Self::ConnectionOriented(minor) => {
                write_floor(writer, &[CONNECTION_ORIENTED], &minor.to_le_bytes());
            }
            Self::Tcp(port) => write_floor(writer, &[TCP], &port.to_be_bytes()),
            Self::Ip(address) => write_floor(writer, &[IP], &address.octets()),
            Self::Other { protocol, data } => write_floor(writer, protocol, data),
        }
    }
}

fn read_syntax(octets: &[u8], minor: u16) -> Option<Floor> {
    let (uuid, major) = octets.split_first_chunk::<16>()?;
    let major = u16::from_le_bytes(major.try_into().ok()?);
    Some(Floor::Syntax(SyntaxId::new(Uuid::from_wire(*uuid, ByteOrder::Little), major, minor)))
}

fn write_floor(writer: &mut Writer, protocol: &[u8], data: &[u8]) {
    for side in [protocol, data] {
        // Sides longer than 65535 octets cannot be decoded, so they exist only if built so.
        let length = u16::try_from(side.len()).unwrap_or(u16::MAX);
        writer.u16_le(length);
        writer.bytes(&side[..usize::from(length)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epm::INTERFACE;

    /// C706 appendix L, built by hand: the mapper's own interface at 10.0.0.1 port 135.
    const VECTOR: &str = "0500\
        1300 0d 0883afe11f5dc91191a408002b14a0fa 0300 0200 0000\
        1300 0d 045d888aeb1cc9119fe808002b104860 0200 0200 0000\
        0100 0b 0200 0000\
        0100 07 0200 0087\
        0100 09 0400 0a000001";

    #[test]
    fn a_tcp_tower_there_and_back() {
        let octets = wire::from_hex(VECTOR).unwrap();
        let tower = Tower::tcp(INTERFACE, Ipv4Addr::new(10, 0, 0, 1), 135);
        assert_eq!(Tower::decode(&octets), Ok(tower.clone()));
        assert_eq!(tower.encode(), octets);
        assert!(tower.is_tcp());
        assert_eq!(tower.port(), Some(135));
        assert_eq!(tower.address(), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(tower.transfer_syntax(), Some(SyntaxId::NDR));
        for end in 0..octets.len() {
            Tower::decode(&octets[..end]).unwrap_err();
        }
    }

    #[test]
    fn floors_of_other_protocols_are_kept() {
        let octets = wire::from_hex("0100 0100 0f 0600 5c7069706500").unwrap();
        let tower = Tower::decode(&octets).unwrap();
        assert!(matches!(tower.floors[0], Floor::Other { .. }));
        assert!(!tower.is_tcp());
        assert_eq!(tower.encode(), octets);
        Tower::decode(&[17, 0]).unwrap_err();
    }

    #[test]
    fn bindings_as_people_write_them() {
        let syntax = [Floor::Syntax(crate::epm::INTERFACE), Floor::Syntax(SyntaxId::NDR)];
        let other =
            |octet: u8, data: &[u8]| Floor::Other { protocol: vec![octet], data: data.to_vec() };
        let tower = |rest: &[Floor]| Tower { floors: [&syntax[..], rest].concat() };
        let binding = |rest: &[Floor]| tower(rest).binding("east");
        let connected = Floor::ConnectionOriented(0);
        let ip = Floor::Ip(Ipv4Addr::UNSPECIFIED);
        assert_eq!(
            binding(&[connected.clone(), Floor::Tcp(135), ip.clone()]).unwrap(),
            "ncacn_ip_tcp:east[135]"
        );
        assert_eq!(
            binding(&[connected.clone(), other(HTTP, &[2, 0x51]), ip]).unwrap(),
            "ncacn_http:east[593]"
        );
        assert_eq!(
            binding(&[connected, other(NAMED_PIPE, b"\\pipe\\lsass\0"), other(NETBIOS, b"EAST\0")])
                .unwrap(),
            "ncacn_np:EAST[\\pipe\\lsass]"
        );
        assert_eq!(
            binding(&[other(0x0c, &[0, 0]), other(LOCAL_NAME, b"epmapper\0")]).unwrap(),
            "ncalrpc:[epmapper]"
        );
        assert_eq!(binding(&[]), None);
    }
}
