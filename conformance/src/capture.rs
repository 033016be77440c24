//! TCP conversations as a capture file that Wireshark reads: pcap with raw IPv4 (LINKTYPE_RAW).
//!
//! The octets are what the peers said; the TCP headers around them are made here, without loss or disorder.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Octets of one segment, as on Ethernet.
const SEGMENT: usize = 1400;
/// Link-layer type 101 of the pcap registry: packets begin with an IP header.
const LINKTYPE_RAW: u32 = 101;
/// Any time will do; this one is the same in every file.
const EPOCH: u32 = 1_795_348_800;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Which way octets went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// What was recorded so far.
#[derive(Debug)]
pub struct Capture {
    begin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<[SocketAddr; 2]>,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    at: Duration,
    connection: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Open,
    Data(Direction, Vec<u8>),
    End(Direction),
}

/// One conversation made up packet by packet, in order.
#[derive(Debug)]
pub struct Conversation<'a> {
    capture: &'a Capture,
    number: usize,
}

impl Default for Capture {
    fn default() -> Self {
        Self { begin: Instant::now(), state: Mutex::default() }
    }
}

impl Capture {
    /// A conversation between two addresses.
    pub fn conversation(&self, client: SocketAddr, server: SocketAddr) -> Conversation<'_> {
        Conversation { capture: self, number: self.open(client, server) }
    }

    pub(crate) fn open(&self, client: SocketAddr, server: SocketAddr) -> usize {
        let mut state = self.lock();
        state.connections.push([client, server]);
        let connection = state.connections.len() - 1;
        let at = self.begin.elapsed();
        state.records.push(Record { at, connection, what: What::Open });
        connection
    }

    pub(crate) fn data(&self, connection: usize, direction: Direction, octets: &[u8]) {
        self.record(connection, What::Data(direction, octets.to_vec()));
    }

    pub(crate) fn end(&self, connection: usize, direction: Direction) {
        self.record(connection, What::End(direction));
    }

    /// Octets recorded so far.
    pub fn octets(&self) -> usize {
        let length = |record: &Record| match &record.what {
            What::Data(_, octets) => octets.len(),
            _ => 0,
        };
        self.lock().records.iter().map(length).sum()
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.encode())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn record(&self, connection: usize, what: What) {
        let mut state = self.lock();
        // Taken under the lock, so that time never goes back in the file.
        let at = self.begin.elapsed();
        state.records.push(Record { at, connection, what });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode(&self) -> Vec<u8> {
        let state = self.lock();
        let mut out = Vec::new();
        // pcap: magic, version 2.4, zone, accuracy, longest packet, link type.
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, LINKTYPE_RAW] {
            out.extend_from_slice(&u32::to_le_bytes(word));
        }
        let mut wires: Vec<Wire> = state.connections.iter().map(|ends| Wire::new(*ends)).collect();
        for record in &state.records {
            let wire = &mut wires[record.connection];
            match &record.what {
                What::Open => wire.open(&mut out, record.at),
                What::Data(direction, octets) => {
                    for segment in octets.chunks(SEGMENT) {
                        wire.send(&mut out, record.at, *direction, PSH | ACK, segment);
                    }
                }
                What::End(direction) => wire.send(&mut out, record.at, *direction, FIN | ACK, &[]),
            }
        }
        out
    }
}

impl Conversation<'_> {
    pub fn say(&self, direction: Direction, octets: &[u8]) {
        self.capture.data(self.number, direction, octets);
    }
}

/// One connection while its packets are made.
struct Wire {
    ends: [SocketAddr; 2],
    /// The next sequence number of each end.
    sequence: [u32; 2],
}

impl Wire {
    fn new(ends: [SocketAddr; 2]) -> Self {
        Self { ends, sequence: [1000, 5000] }
    }

    fn open(&mut self, out: &mut Vec<u8>, at: Duration) {
        self.send(out, at, Direction::ToServer, SYN, &[]);
        self.send(out, at, Direction::ToClient, SYN | ACK, &[]);
        self.send(out, at, Direction::ToServer, ACK, &[]);
    }

    fn send(
        &mut self,
        out: &mut Vec<u8>,
        at: Duration,
        direction: Direction,
        flags: u8,
        data: &[u8],
    ) {
        let (from, to) = match direction {
            Direction::ToServer => (0, 1),
            Direction::ToClient => (1, 0),
        };
        let acknowledged = if flags & ACK == 0 { 0 } else { self.sequence[to] };
        let packet = packet(
            [self.ends[from], self.ends[to]],
            [self.sequence[from], acknowledged],
            flags,
            data,
        );
        let counted = data.len() + usize::from(flags & (SYN | FIN) != 0);
        self.sequence[from] = self.sequence[from].wrapping_add(u32::try_from(counted).unwrap_or(0));
        let length = u32::try_from(packet.len()).unwrap_or(0);
        let second = EPOCH.wrapping_add(u32::try_from(at.as_secs()).unwrap_or(0));
        for word in [second, at.subsec_micros(), length, length] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&packet);
    }
}

/// An IPv4 packet (RFC 791) with a TCP segment (RFC 9293).
fn packet(ends: [SocketAddr; 2], numbers: [u32; 2], flags: u8, data: &[u8]) -> Vec<u8> {
    let [from, to] = ends.map(|end| match end.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
    });
    let mut tcp = Vec::with_capacity(20 + data.len());
    ends.iter().for_each(|end| tcp.extend_from_slice(&end.port().to_be_bytes()));
    numbers.iter().for_each(|number| tcp.extend_from_slice(&number.to_be_bytes()));
    // Header of five words, window; the checksum follows.
    tcp.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend_from_slice(data);
    let length = u16::try_from(tcp.len()).unwrap_or(u16::MAX);
    let mut pseudo = [from.octets(), to.octets()].concat();
    pseudo.extend_from_slice(&[0, 6]);
    pseudo.extend_from_slice(&length.to_be_bytes());
    pseudo.extend_from_slice(&tcp);
    tcp[16..18].copy_from_slice(&checksum(&pseudo));

    let mut ip = vec![0x45, 0];
    ip.extend_from_slice(&length.saturating_add(20).to_be_bytes());
    // No fragments, 64 hops, TCP; the checksum follows.
    ip.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    ip.extend_from_slice(&from.octets());
    ip.extend_from_slice(&to.octets());
    let check = checksum(&ip);
    ip[10..12].copy_from_slice(&check);
    ip.extend_from_slice(&tcp);
    ip
}

/// The internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u32 = octets.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(!sum & 0xffff).unwrap_or(0).to_be_bytes()
}

/// TP0 over TCP (RFC 1006, X.224) as far as a capture needs it.
pub mod tpkt {
    /// Octets of user data in one DT: what a TPDU of 2048 octets holds, the largest of class 0 (X.224 13.3.4).
    const DATA: usize = 2045;

    /// A connection request from one selector to another.
    #[must_use]
    pub fn connection_request() -> Vec<u8> {
        connection(0xe0, [0, 0], [0, 1])
    }

    /// Its confirmation.
    #[must_use]
    pub fn connection_confirm() -> Vec<u8> {
        connection(0xd0, [0, 1], [0, 2])
    }

    /// One transport service data unit in as many packets as it needs.
    #[must_use]
    pub fn data(unit: &[u8]) -> Vec<u8> {
        let count = unit.chunks(DATA).count();
        let packets = unit.chunks(DATA).enumerate().map(|(index, part)| {
            let last = if index + 1 == count { 0x80 } else { 0 };
            packet(&[&[2, 0xf0, last], part].concat())
        });
        packets.collect::<Vec<_>>().concat()
    }

    fn connection(code: u8, destination: [u8; 2], source: [u8; 2]) -> Vec<u8> {
        // Class 0; size 2048; selectors "MTA-C" and "MTA-D".
        let variable = b"\xc0\x01\x0b\xc1\x05MTA-C\xc2\x05MTA-D";
        let fixed = [&[code][..], &destination, &source, &[0]].concat();
        let length = u8::try_from(fixed.len() + variable.len()).unwrap_or(0);
        packet(&[&[length][..], &fixed, variable].concat())
    }

    fn packet(tpdu: &[u8]) -> Vec<u8> {
        let length = u16::try_from(tpdu.len() + 4).unwrap_or(u16::MAX).to_be_bytes();
        [&[3, 0][..], &length, tpdu].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_rfc_1071() {
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            (!0xddf2_u16).to_be_bytes()
        );
        assert_eq!(checksum(&[0x01]), (!0x0100_u16).to_be_bytes());
    }

    #[test]
    fn long_units_are_cut_and_marked() {
        assert_eq!(tpkt::data(b"ab"), b"\x03\x00\x00\x09\x02\xf0\x80ab");
        let long = tpkt::data(&[7; 2046]);
        assert_eq!(long[..7], [3, 0, 8, 4, 2, 0xf0, 0]);
        assert_eq!(long[2052..], [3, 0, 0, 8, 2, 0xf0, 0x80, 7]);
    }
}
