//! Names on the wire: UTF-16LE, or the sender's code page (MS-NLMP 2.2, `NTLMSSP_NEGOTIATE_UNICODE`).

use identity::CodePage;

use super::Flags;

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// In a code page as `page` has it; nothing where it lacks a character.
pub(super) fn encode(text: &str, flags: Flags, page: CodePage) -> Option<Vec<u8>> {
    if flags.contains(Flags::UNICODE) { Some(utf16(text)) } else { page.encode(text) }
}

/// A message does not say which code page its names are in.
pub(super) fn decode(octets: &[u8], flags: Flags, page: CodePage) -> Result<String, &'static str> {
    if flags.contains(Flags::UNICODE) {
        decode_utf16(octets)
    } else {
        page.decode(octets).ok_or("a name is not in the code page that it is read in")
    }
}

pub(super) fn decode_utf16(octets: &[u8]) -> Result<String, &'static str> {
    let (units, rest) = octets.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a UTF-16 name has an odd number of octets");
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<_, _>>()
        .map_err(|_| "a UTF-16 name has an unpaired surrogate")
}
