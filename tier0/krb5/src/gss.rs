//! The envelope of the first tokens, and the checksum that carries flags (RFC 4121 section 4.1, RFC 2743 section 3.1).

use ber::{Encoder, Oid, Tag};
use wire::DecodeError;

/// The `auth_type` of Kerberos in DCE/RPC (MS-RPCE 2.2.1.1.7, `RPC_C_AUTHN_GSS_KERBEROS`).
pub const AUTH_TYPE: u8 = 16;

/// 1.2.840.113554.1.2.2.
const KERBEROS: &[u128] = &[1, 2, 840, 113554, 1, 2, 2];
/// 1.2.840.48018.1.2.2, as Windows 2000 wrote it.
const KERBEROS_MS: &[u128] = &[1, 2, 840, 48018, 1, 2, 2];

/// The checksum type of an authenticator for GSS-API.
pub(crate) const CHECKSUM: i32 = 0x8003;

/// What the initiator wants (RFC 4121 section 4.1.1.1, MS-KILE 2.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GssFlags(pub u32);

impl GssFlags {
    pub(crate) const MUTUAL: Self = Self(2);
    pub(crate) const REPLAY: Self = Self(4);
    pub(crate) const SEQUENCE: Self = Self(8);
    pub(crate) const CONFIDENTIALITY: Self = Self(16);
    pub(crate) const INTEGRITY: Self = Self(32);
    pub(crate) const DCE_STYLE: Self = Self(0x1000);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The checksum field, without channel bindings.
    pub(crate) fn checksum(self) -> Vec<u8> {
        [&16u32.to_le_bytes()[..], &[0; 16], &self.0.to_le_bytes()].concat()
    }

    /// Reads the checksum field; what stands behind it is for delegation, which is not taken.
    pub(crate) fn of_checksum(octets: &[u8]) -> Option<Self> {
        let (length, rest) = octets.split_at_checked(4)?;
        if length != 16u32.to_le_bytes() {
            return None;
        }
        let flags: [u8; 4] = rest.get(16..20)?.try_into().ok()?;
        Some(Self(u32::from_le_bytes(flags)))
    }
}

/// Which message is in the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenId {
    ApReq,
    ApRep,
}

impl TokenId {
    const fn octets(self) -> [u8; 2] {
        match self {
            Self::ApReq => [1, 0],
            Self::ApRep => [2, 0],
        }
    }
}

/// Puts a message into the envelope.
pub(crate) fn frame(id: TokenId, message: &[u8]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::application(0), |envelope| {
        if let Some(oid) = Oid::from_arcs(KERBEROS) {
            envelope.oid(Tag::OBJECT_IDENTIFIER, &oid);
        }
        envelope.raw(&id.octets());
        envelope.raw(message);
    });
    out.finish()
}

/// Takes a message out of its envelope, if it has one: in DCE style it has none (MS-KILE 3.4.5.1). Tells whether it had.
pub(crate) fn unframe(octets: &[u8]) -> Result<(&[u8], bool), DecodeError> {
    if octets.first() != Some(&0x60) {
        return Ok((octets, false));
    }
    let envelope = ber::decode_one("GSS-API token", octets)?;
    let (mechanism, used) = ber::decode_prefix("GSS-API token", envelope.contents())?;
    let mechanism = mechanism.expect(Tag::OBJECT_IDENTIFIER, "mechanism")?;
    let oid = mechanism.oid("mechanism")?;
    let known = |arcs| Oid::from_arcs(arcs).is_some_and(|one| one == oid);
    if !known(KERBEROS) && !known(KERBEROS_MS) {
        return Err(mechanism.invalid("mechanism", "not Kerberos"));
    }
    match envelope.contents().get(used + 2..) {
        Some(message) => Ok((message, true)),
        None => Err(envelope.invalid("token", "no message in the envelope")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_and_flags_round_trip() {
        let framed = frame(TokenId::ApReq, b"\x6e\x00");
        assert_eq!(unframe(&framed).unwrap(), (&b"\x6e\x00"[..], true));
        assert_eq!(unframe(b"\x6e\x00").unwrap(), (&b"\x6e\x00"[..], false));
        for cut in 1..framed.len() {
            unframe(&framed[..cut]).unwrap_err();
        }
        let flags = GssFlags::MUTUAL.with(GssFlags::DCE_STYLE);
        let octets = flags.checksum();
        assert_eq!(GssFlags::of_checksum(&octets), Some(flags));
        for cut in 0..octets.len() {
            assert_eq!(GssFlags::of_checksum(&octets[..cut]), None);
        }
    }
}
