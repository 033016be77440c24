//! Probes: would a message like this be delivered? (X.411 12.2.1.2, `Probe`.)

use ber::{Element, Encoder, Tag};
use wire::DecodeError;

use crate::message::MessageTransferEnvelope;

/// A probe in transfer (X.411 `ProbeTransferEnvelope`).
///
/// It has the fields of a message's envelope, except for priority and deferred delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its fields; priority and deferred delivery are not among them and are not written.
    pub envelope: MessageTransferEnvelope,
    /// Octets of the content that the message would have.
    pub content_length: Option<i64>,
}

impl Probe {
    pub(crate) const TAG: Tag = Tag::context(2);

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (envelope, content_length) = MessageTransferEnvelope::read_probe(element)?;
        Ok(Self { envelope, content_length })
    }

    /// Writes the probe as an `MTS-APDU`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.constructed(Self::TAG, |encoder| {
            self.envelope.write_fields(encoder, Some(self.content_length));
        });
        encoder.finish()
    }

    /// True when octets that a queue holds are a probe and not the envelope of a message.
    #[must_use]
    pub fn is_probe(octets: &[u8]) -> bool {
        // The identifier octet of the constructed `[2]`.
        octets.first() == Some(&0xa2)
    }
}
