//! What leaves: the APDU for one next hop, with responsibility for exactly its recipients.

use queue::Kind;
use wire::DecodeError;
use x400::{MessageTransferEnvelope, encode_message};

/// Bit 0 of the per-message indicators: the originator lets recipients see each other.
const DISCLOSURE: usize = 0;

/// Encodes a queue entry for the next MTA, which becomes responsible for `recipients`.
///
/// Other recipients travel along without responsibility only where the originator allowed
/// that they are disclosed (X.411 8.2.1.1.1.6); otherwise they are left out, so that a blind
/// copy stays blind. Recipient numbers never change.
///
/// # Errors
/// The stored envelope cannot be read.
pub fn apdu(
    kind: Kind,
    envelope: &[u8],
    content: &[u8],
    recipients: &[u32],
) -> Result<Vec<u8>, DecodeError> {
    match kind {
        // A report is stored as the APDU that it is.
        Kind::Report => Ok(envelope.to_vec()),
        Kind::Message => {
            let mut envelope = MessageTransferEnvelope::decode(envelope)?;
            if !envelope.per_message_indicators.bit(DISCLOSURE) {
                envelope.recipients.retain(|fields| recipients.contains(&fields.number));
            }
            for fields in &mut envelope.recipients {
                fields.indicators.responsibility = recipients.contains(&fields.number);
            }
            Ok(encode_message(&envelope, content))
        }
    }
}
