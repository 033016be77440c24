//! Capture files and the TCP segments in them: pcap (draft-ietf-opsawg-pcap) and pcapng
//! (draft-ietf-opsawg-pcapng).
//!
//! Left out: IP fragments, tunnels, compressed files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wire::{DecodeError, Reader};
use x400::describe::Fault;

const WHAT: &str = "capture";
/// Most octets of one packet; no link has longer ones, so that a damaged length is told.
const MAX_PACKET: usize = 256 * 1024 + 64;
/// Most extension headers of one IPv6 packet.
const MAX_EXTENSIONS: usize = 8;

/// Section header block of pcapng; reads the same in both byte orders.
const SECTION: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// pcap with times in microseconds, and in nanoseconds.
const PCAP: [u32; 2] = [0xa1b2_c3d4, 0xa1b2_3c4d];

const TCP: u8 = 6;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// A packet as it was captured.
pub(super) struct Packet<'a> {
    link: u32,
    data: &'a [u8],
    /// Of the data in the file.
    offset: usize,
}

/// A TCP segment, RFC 9293 clause 3.1.
pub(super) struct Segment<'a> {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    pub syn: bool,
    pub data: &'a [u8],
    /// Of the data in the file.
    pub offset: usize,
}

/// Which of the two formats, and in which byte order.
#[derive(Clone, Copy)]
enum Format {
    Pcap { little: bool },
    Pcapng,
}

fn format(octets: &[u8]) -> Option<Format> {
    let magic = octets.first_chunk::<4>()?;
    if u32::from_be_bytes(*magic) == SECTION {
        return Some(Format::Pcapng);
    }
    let little = PCAP.contains(&u32::from_le_bytes(*magic));
    let big = PCAP.contains(&u32::from_be_bytes(*magic));
    (little || big).then_some(Format::Pcap { little })
}

/// True when the octets begin as a capture does.
pub(super) fn is_capture(octets: &[u8]) -> bool {
    format(octets).is_some()
}

/// The packets of a capture, as far as it can be read, and the fault that ended it.
pub(super) fn packets(octets: &[u8]) -> (Vec<Packet<'_>>, Option<Fault>) {
    let mut packets = Vec::new();
    let read = match format(octets) {
        Some(Format::Pcap { little }) => pcap(octets, little, &mut packets),
        Some(Format::Pcapng) => pcapng(octets, &mut packets),
        None => Ok(()),
    };
    let fault = read.err().map(|error| Fault {
        offset: error.offset,
        what: format!("{WHAT}: {}: {}", error.field, error.kind),
    });
    (packets, fault)
}

/// A reader that knows the byte order of a file.
struct Numbers<'a> {
    reader: Reader<'a>,
    little: bool,
}

impl<'a> Numbers<'a> {
    fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        if self.little { self.reader.u32_le(field) } else { self.reader.u32_be(field) }
    }

    fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        if self.little { self.reader.u16_le(field) } else { self.reader.u16_be(field) }
    }

    fn length(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        let offset = self.reader.offset();
        let length = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        if length > MAX_PACKET {
            return Err(DecodeError::limit(WHAT, field, offset, MAX_PACKET));
        }
        Ok(length)
    }

    fn packet(&mut self, link: u32, length: usize) -> Result<Packet<'a>, DecodeError> {
        let offset = self.reader.offset();
        let data = self.reader.bytes("packet data", length)?;
        Ok(Packet { link, data, offset })
    }
}

fn pcap<'a>(
    octets: &'a [u8],
    little: bool,
    packets: &mut Vec<Packet<'a>>,
) -> Result<(), DecodeError> {
    let mut file = Numbers { reader: Reader::new(WHAT, octets), little };
    file.reader.skip("file header", 20)?;
    // The upper bits tell of a checksum at the end of frames.
    let link = file.u32("link type")? & 0x0fff_ffff;
    while !file.reader.is_empty() {
        file.reader.skip("time", 8)?;
        let length = file.length("captured length")?;
        file.reader.skip("length", 4)?;
        packets.push(file.packet(link, length)?);
    }
    Ok(())
}

fn pcapng<'a>(octets: &'a [u8], packets: &mut Vec<Packet<'a>>) -> Result<(), DecodeError> {
    let mut file = Numbers { reader: Reader::new(WHAT, octets), little: true };
    let mut links: Vec<u32> = Vec::new();
    while !file.reader.is_empty() {
        let start = file.reader.offset();
        let kind = file.u32("block type")?;
        if kind == SECTION {
            let mut ahead = file.reader.clone();
            ahead.skip("block length", 4)?;
            file.little = ahead.u32_le("byte order")? == BYTE_ORDER;
            links.clear();
        }
        let total = file.length("block length")?;
        let Some(length) = total.checked_sub(12).filter(|_| total % 4 == 0) else {
            return Err(DecodeError::invalid(WHAT, "block length", start + 4, "not a length"));
        };
        let at = file.reader.offset();
        let body = file.reader.bytes("block", length)?;
        file.reader.skip("block length", 4)?;
        let body = Reader::with_offset(WHAT, body, at);
        block(kind, Numbers { reader: body, little: file.little }, &mut links, packets)?;
    }
    Ok(())
}

/// Interface description, simple, enhanced and obsolete packet block; others say nothing of
/// packets.
fn block<'a>(
    kind: u32,
    mut body: Numbers<'a>,
    links: &mut Vec<u32>,
    packets: &mut Vec<Packet<'a>>,
) -> Result<(), DecodeError> {
    let interface = match kind {
        1 => {
            links.push(u32::from(body.u16("link type")?));
            return Ok(());
        }
        2 => {
            let interface = body.u16("interface")?;
            body.reader.skip("drops", 2)?;
            u32::from(interface)
        }
        3 => 0,
        6 => body.u32("interface")?,
        _ => return Ok(()),
    };
    let link = usize::try_from(interface).ok().and_then(|index| links.get(index)).copied();
    let Some(link) = link else {
        return Err(body.reader.invalid("interface", "not described"));
    };
    let length = if kind == 3 {
        let whole = body.length("packet length")?;
        whole.min(body.reader.remaining())
    } else {
        body.reader.skip("time", 8)?;
        let length = body.length("captured length")?;
        body.reader.skip("length", 4)?;
        length
    };
    packets.push(body.packet(link, length)?);
    Ok(())
}

/// The TCP segment in a packet; `None` when there is none that can be read.
pub(super) fn segment<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    let mut reader = Reader::with_offset(WHAT, packet.data, packet.offset);
    let kind = match packet.link {
        // Ethernet, Linux cooked in both versions.
        1 => {
            reader.skip("addresses", 12).ok()?;
            ethertype(&mut reader)?
        }
        113 => {
            reader.skip("cooked header", 14).ok()?;
            ethertype(&mut reader)?
        }
        276 => {
            let kind = reader.u16_be("protocol").ok()?;
            reader.skip("cooked header", 18).ok()?;
            kind
        }
        // Loopback, with the family in the order of some machine or of the network.
        0 | 108 => {
            reader.skip("family", 4).ok()?;
            version(&reader)?
        }
        // Bare IP.
        12 | 14 | 101 | 228 | 229 => version(&reader)?,
        _ => return None,
    };
    match kind {
        ETHERTYPE_IPV4 => ipv4(reader),
        ETHERTYPE_IPV6 => ipv6(reader),
        _ => None,
    }
}

fn ethertype(reader: &mut Reader<'_>) -> Option<u16> {
    let mut kind = reader.u16_be("ethertype").ok()?;
    // One tag in another is the most there is.
    for _ in 0..2 {
        if ETHERTYPE_VLAN.contains(&kind) {
            reader.skip("tag", 2).ok()?;
            kind = reader.u16_be("ethertype").ok()?;
        }
    }
    Some(kind)
}

fn version(reader: &Reader<'_>) -> Option<u16> {
    match reader.rest().first()? >> 4 {
        4 => Some(ETHERTYPE_IPV4),
        6 => Some(ETHERTYPE_IPV6),
        _ => None,
    }
}

/// RFC 791.
fn ipv4(mut reader: Reader<'_>) -> Option<Segment<'_>> {
    let start = reader.position();
    let header = usize::from(reader.u8("version and length").ok()? & 0x0f) * 4;
    reader.skip("service", 1).ok()?;
    let total = usize::from(reader.u16_be("total length").ok()?);
    reader.skip("identification", 2).ok()?;
    let fragment = reader.u16_be("fragment").ok()?;
    reader.skip("time to live", 1).ok()?;
    let protocol = reader.u8("protocol").ok()?;
    reader.skip("checksum", 2).ok()?;
    let from = Ipv4Addr::from(reader.array::<4>("source").ok()?);
    let to = Ipv4Addr::from(reader.array::<4>("destination").ok()?);
    reader.skip("options", header.checked_sub(reader.position() - start)?).ok()?;
    // More fragments, or an offset; reserved and don't-fragment do not matter.
    if protocol != TCP || fragment & 0x3fff != 0 {
        return None;
    }
    // Segmentation offload leaves 0 in the length of what is about to be sent.
    let length = if total == 0 { reader.remaining() } else { total.checked_sub(header)? };
    tcp(reader, length, IpAddr::V4(from), IpAddr::V4(to))
}

/// RFC 8200.
fn ipv6(mut reader: Reader<'_>) -> Option<Segment<'_>> {
    reader.skip("version, class and flow", 4).ok()?;
    let mut length = usize::from(reader.u16_be("payload length").ok()?);
    let mut next = reader.u8("next header").ok()?;
    reader.skip("hop limit", 1).ok()?;
    let from = Ipv6Addr::from(reader.array::<16>("source").ok()?);
    let to = Ipv6Addr::from(reader.array::<16>("destination").ok()?);
    if length == 0 {
        length = reader.remaining();
    }
    for _ in 0..MAX_EXTENSIONS {
        // Hop-by-hop, routing, destination options.
        if !matches!(next, 0 | 43 | 60) {
            break;
        }
        next = reader.u8("next header").ok()?;
        let octets = usize::from(reader.u8("extension length").ok()?) * 8 + 8;
        reader.skip("extension", octets - 2).ok()?;
        length = length.checked_sub(octets)?;
    }
    (next == TCP).then_some(())?;
    tcp(reader, length, IpAddr::V6(from), IpAddr::V6(to))
}

fn tcp(mut reader: Reader<'_>, length: usize, from: IpAddr, to: IpAddr) -> Option<Segment<'_>> {
    let start = reader.position();
    let from = SocketAddr::new(from, reader.u16_be("source port").ok()?);
    let to = SocketAddr::new(to, reader.u16_be("destination port").ok()?);
    let sequence = reader.u32_be("sequence").ok()?;
    reader.skip("acknowledgment", 4).ok()?;
    let header = usize::from(reader.u8("data offset").ok()? >> 4) * 4;
    let flags = reader.u8("flags").ok()?;
    reader.skip("options", header.checked_sub(reader.position() - start)?).ok()?;
    let offset = reader.offset();
    // Ethernet pads short packets; a short snapshot cuts long ones.
    let data = length.checked_sub(header)?.min(reader.remaining());
    let data = reader.bytes("data", data).ok()?;
    Some(Segment { from, to, sequence, syn: flags & 0x02 != 0, data, offset })
}
