//! The packet of RFC 1006 clause 6: version, a reserved octet, length, TPDU.

use wire::{DecodeError, Reader};

use crate::StackError;

/// Octets before the TPDU.
pub const HEADER: usize = 4;
/// Fewest octets of a packet: the header and the smallest TPDU, a DT without data.
pub const MIN_PACKET: usize = 7;
/// Most octets of a packet: what its length field holds.
pub const MAX_PACKET: usize = 65_535;
/// The only version there is.
const VERSION: u8 = 3;
const WHAT: &str = "TPKT";

/// The TPDU of the packet at the start of `octets`, and how many octets the packet takes; `None`
/// when more octets are needed.
///
/// # Errors
/// What is there already cannot become a packet.
pub fn decode(octets: &[u8]) -> Result<Option<(&[u8], usize)>, DecodeError> {
    // A stream of something else is told at its first octet.
    if octets.first().is_some_and(|version| *version != VERSION) {
        return Err(DecodeError::invalid(WHAT, "version", 0, "not 3"));
    }
    if octets.len() < HEADER {
        return Ok(None);
    }
    let mut reader = Reader::new(WHAT, octets);
    reader.skip("version and reserved octet", 2)?;
    let length = usize::from(reader.u16_be("length")?);
    if length < MIN_PACKET {
        return Err(DecodeError::invalid(WHAT, "length", 2, "below 7"));
    }
    Ok(octets.get(HEADER..length).map(|tpdu| (tpdu, length)))
}

/// Appends `tpdu` as a packet.
///
/// # Errors
/// It does not fit into one.
pub fn encode(tpdu: &[u8], out: &mut Vec<u8>) -> Result<(), StackError> {
    let length = HEADER + tpdu.len();
    let Some(field) = u16::try_from(length).ok().filter(|_| length >= MIN_PACKET) else {
        let (size, limit) = (tpdu.len(), MAX_PACKET - HEADER);
        return Err(StackError::TooLarge { what: "TPDU", size, limit });
    };
    out.extend_from_slice(&[VERSION, 0]);
    out.extend_from_slice(&field.to_be_bytes());
    out.extend_from_slice(tpdu);
    Ok(())
}
