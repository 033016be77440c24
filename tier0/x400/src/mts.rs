//! The application protocol data units of P1 (X.411 clause 12, `MTS-APDU`).

use ber::{Element, Encoder, Tag};
use std::borrow::Cow;
use wire::DecodeError;

use crate::message::MessageTransferEnvelope;
use crate::probe::Probe;
use crate::report::Report;

/// What travels between MTAs (X.411 `MTS-APDU`).
#[doc(alias = "MTS-APDU")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MtsApdu {
    /// `[0]`
    Message(Message),
    /// `[1]`
    Report(Report),
    /// `[2]`
    Probe(Probe),
}

/// A message in transfer (X.411 `Message`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its envelope.
    pub envelope: MessageTransferEnvelope,
    /// Its content, octets of the content type.
    pub content: Vec<u8>,
}

const MESSAGE_TAG: Tag = Tag::context(0);

impl MtsApdu {
    /// Reads one unit.
    ///
    /// # Errors
    /// The octets are not exactly one `MTS-APDU`.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let element = ber::decode_one("MTS-APDU", octets)?;
        if element.tag == MESSAGE_TAG {
            let (envelope, content) = read_message(&element)?;
            Ok(Self::Message(Message { envelope, content: content.into_owned() }))
        } else if element.tag == Report::TAG {
            Report::read(&element).map(Self::Report)
        } else {
            Probe::read(&element.expect(Probe::TAG, "mts-apdu")?).map(Self::Probe)
        }
    }

    /// Writes one unit.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Message(message) => encode_message(&message.envelope, &message.content),
            Self::Report(report) => report.encode(),
            Self::Probe(probe) => probe.encode(),
        }
    }
}

/// Reads a message without copying its content, unless that came in pieces.
///
/// # Errors
/// The octets are not exactly one message.
pub fn decode_message_parts(
    octets: &[u8],
) -> Result<(MessageTransferEnvelope, Cow<'_, [u8]>), DecodeError> {
    read_message(&ber::decode_one("MTS-APDU", octets)?.expect(MESSAGE_TAG, "message")?)
}

fn read_message<'a>(
    element: &Element<'a>,
) -> Result<(MessageTransferEnvelope, Cow<'a, [u8]>), DecodeError> {
    let mut children = element.children()?;
    let envelope = MessageTransferEnvelope::read(&children.required("envelope")?)?;
    let content = children.take(Tag::OCTET_STRING, "content")?.octets("content")?;
    match children.remaining() {
        0 => Ok((envelope, content)),
        count => Err(DecodeError::trailing("MTS-APDU", "message", children.offset(), count)),
    }
}

/// Writes a message whose content stands elsewhere; the content is copied once.
#[must_use]
pub fn encode_message(envelope: &MessageTransferEnvelope, content: &[u8]) -> Vec<u8> {
    let envelope = envelope.encode();
    // The length of the outer element comes first, so the content is measured, not written,
    // before the buffer of the right size is made.
    let content_header = header(0x04, content.len());
    let inner = envelope.len() + content_header.len() + content.len();
    let message_header = header(0xa0, inner);
    let mut octets = Vec::with_capacity(message_header.len() + inner);
    octets.extend_from_slice(&message_header);
    octets.extend_from_slice(&envelope);
    octets.extend_from_slice(&content_header);
    octets.extend_from_slice(content);
    octets
}

/// Identifier octet and definite length in the fewest octets (X.690 8.1.3).
fn header(identifier: u8, length: usize) -> Vec<u8> {
    let octets = length.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let significant = &octets[zeros..];
    let mut header = vec![identifier];
    match significant {
        [] => header.push(0),
        [short] if *short < 0x80 => header.push(*short),
        _ => {
            // At most eight octets, by the width of usize.
            header.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            header.extend_from_slice(significant);
        }
    }
    header
}

impl Report {
    /// Writes the report as an `MTS-APDU`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        self.write(&mut encoder);
        encoder.finish()
    }
}
