//! PDUs by hand, so that every length can lie: C706 12.6.4, little-endian.

pub const REQUEST: u8 = 0;
pub const RESPONSE: u8 = 2;
pub const BIND: u8 = 11;
pub const BIND_ACK: u8 = 12;
pub const ALTER_CONTEXT: u8 = 14;

pub const FIRST: u8 = 1;
pub const LAST: u8 = 2;
pub const WHOLE: u8 = FIRST | LAST;

/// The management interface (C706 appendix Q), version 1.0, and NDR (C706 appendix I), version 2.0.
pub const MGMT: [u8; 20] = [
    0x80, 0xbd, 0xa8, 0xaf, 0x8a, 0x7d, 0xc9, 0x11, 0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89,
    1, 0, 0, 0,
];
pub const NDR: [u8; 20] = [
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    2, 0, 0, 0,
];

/// A PDU whose lengths are true.
pub fn pdu(ptype: u8, flags: u8, call: u32, body: &[u8]) -> Vec<u8> {
    lying(ptype, flags, call, u16::try_from(16 + body.len()).unwrap_or(u16::MAX), 0, body)
}

/// A PDU with these lengths, whatever follows.
pub fn lying(ptype: u8, flags: u8, call: u32, frag: u16, auth: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![5, 0, ptype, flags, 0x10, 0, 0, 0];
    out.extend(frag.to_le_bytes());
    out.extend(auth.to_le_bytes());
    out.extend(call.to_le_bytes());
    out.extend(body);
    out
}

/// The body of a bind or an alter_context that proposes the contexts `first..first + count` for mgmt.
pub fn proposal(first: u16, count: u8) -> Vec<u8> {
    let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, count, 0, 0, 0];
    for number in 0..u16::from(count) {
        body.extend(first.wrapping_add(number).to_le_bytes());
        body.extend([1, 0]);
        body.extend(MGMT);
        body.extend(NDR);
    }
    body
}

pub fn bind() -> Vec<u8> {
    pdu(BIND, WHOLE, 1, &proposal(0, 1))
}

/// The body of a request of operation `opnum` in context 0.
pub fn request(opnum: u16, stub: &[u8]) -> Vec<u8> {
    let mut body = u32::try_from(stub.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    body.extend([0, 0]);
    body.extend(opnum.to_le_bytes());
    body.extend(stub);
    body
}

/// The body of a bind_ack that accepts one context.
pub fn acceptance() -> Vec<u8> {
    let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 1, 2, 3, 4];
    // The secondary address "135" with its length and NUL, padded to four.
    body.extend([4, 0, b'1', b'3', b'5', 0, 0, 0]);
    body.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(NDR);
    body
}
