//! A small picture, made here: PNG (ISO/IEC 15948) with uncompressed data (RFC 1950, RFC 1951 3.2.4).

/// Pixels of a side.
const SIDE: u8 = 48;

/// A flag of three bands, in true colour.
pub(super) fn png() -> Vec<u8> {
    let mut pixels = Vec::new();
    for row in 0..SIDE {
        // Filter type 0, none (9.2).
        pixels.push(0);
        let colour: [u8; 3] = match row * 3 / SIDE {
            0 => [0x1f, 0x4e, 0x9d],
            1 => [0xf5, 0xf5, 0xf0],
            _ => [0xc8, 0x32, 0x2b],
        };
        (0..SIDE).for_each(|_| pixels.extend_from_slice(&colour));
    }
    let mut header = Vec::new();
    header.extend_from_slice(&u32::from(SIDE).to_be_bytes());
    header.extend_from_slice(&u32::from(SIDE).to_be_bytes());
    // 8 bits a sample, true colour, no interlace (11.2.2).
    header.extend_from_slice(&[8, 2, 0, 0, 0]);

    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, b"IHDR", &header);
    chunk(&mut out, b"IDAT", &stored(&pixels));
    chunk(&mut out, b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    let start = out.len();
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    let check = crc32(&out[start..]);
    out.extend_from_slice(&check.to_be_bytes());
}

/// A zlib stream of one stored block; the data is far below the 65535 octets that one holds.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let mut out = vec![0x78, 0x01, 0x01];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&adler32(data).to_be_bytes());
    out
}

/// ISO/IEC 15948, annex D.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |mut crc, octet| {
        crc ^= u32::from(*octet);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

/// RFC 1950 8.
fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1, 0), |(low, high), octet| {
        let low = (low + u32::from(*octet)) % 65521;
        (low, (high + low) % 65521)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_of_the_standards() {
        // The check values that the usual catalogues of such sums give.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"123456789"), 0x091e_01de);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn a_picture_has_its_chunks() {
        let picture = png();
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x30\0\0\0\x30"));
        assert!(picture.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
    }
}
