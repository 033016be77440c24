//! The protection of PDUs once both sides know each other, MS-RPCE 3.3.1.5.2.2.

use security::{AuthLevel, SecurityContext};

use crate::error::RpcError;
use crate::pdu::{Frame, Pdu, SecTrailer};

/// What stub and padding together are a multiple of: the widest block that peers expect,
/// MS-RPCE 2.2.2.11 asks for 16.
pub(crate) const PADDING: u8 = 16;

/// Exchanges that take more legs than this lead nowhere; SPNEGO with a mechanism that was not
/// the first choice takes four.
pub(crate) const MAX_LEGS: usize = 8;

/// An established security context with what its trailers say.
pub(crate) struct Channel {
    context: Box<dyn SecurityContext>,
    trailer: SecTrailer,
    level: AuthLevel,
}

impl Channel {
    pub(crate) fn new(
        context: Box<dyn SecurityContext>,
        trailer: SecTrailer,
        level: AuthLevel,
    ) -> Self {
        Self { context, trailer, level }
    }

    /// True when each PDU of a call carries a signature; the level `Connect` only tells who
    /// is there.
    pub(crate) fn protects(&self) -> bool {
        self.level > AuthLevel::Connect
    }

    /// The number that the client chose for it.
    pub(crate) fn context_id(&self) -> u32 {
        self.trailer.context_id
    }

    pub(crate) fn level(&self) -> AuthLevel {
        self.level
    }

    /// Octets that protection adds to a fragment besides the padding.
    pub(crate) fn overhead(&self) -> usize {
        SecTrailer::LEN + self.context.signature_len()
    }

    fn seal(&mut self, pdu: &Pdu) -> Result<Vec<u8>, RpcError> {
        let length = self.context.signature_len();
        let encoded = pdu.encode_with(Some((self.trailer, PADDING)), length)?;
        let mut bytes = encoded.bytes;
        let value = match self.level {
            AuthLevel::Privacy => self.context.seal(&mut bytes, encoded.sealed),
            _ => self.context.sign(&bytes, encoded.sealed),
        };
        debug_assert_eq!(value.len(), length, "the length fields are sent with this length");
        bytes.extend_from_slice(&value);
        Ok(bytes)
    }

    /// Verifies a frame, and decrypts it in place. What its trailer names is not looked at: that
    /// the keys fit says more.
    pub(crate) fn open(&mut self, frame: &mut Frame) -> Result<(), RpcError> {
        if frame.trailer().is_none() {
            return Err(RpcError::Unsigned);
        }
        let sealed = frame.sealed_range();
        let (pdu, value) = frame.split_mut();
        match self.level {
            AuthLevel::Privacy => self.context.unseal(pdu, sealed, value),
            _ => self.context.verify(pdu, sealed, value),
        }
        .map_err(RpcError::Signature)
    }
}

/// Encodes a PDU of a call, protected when there is a channel that does so.
pub(crate) fn encode(channel: Option<&mut Channel>, pdu: &Pdu) -> Result<Vec<u8>, RpcError> {
    match channel {
        Some(channel) if channel.protects() => channel.seal(pdu),
        _ => pdu.encode(),
    }
}
