//! The envelope of a message in transfer (X.411 12.2.1.1.1, `MessageTransferEnvelope`).

use ber::{BitString, Element, Encoder, Tag};
use jiff::Timestamp;
use wire::DecodeError;

use crate::codec::{
    MAX_LIST, Raw, is_clear, list, mandatory, put_once, put_raw, put_time, read_set, text, time,
};
use crate::content_type::{ContentType, Priority};
use crate::domain::MtsIdentifier;
use crate::extensions::{ExtensionField, read_extensions, write_extensions};
use crate::or_address::OrName;
use crate::trace::{TRACE_TAG, TraceElement, Traced, read_trace, write_trace};

/// Tag of `EncodedInformationTypes`.
pub(crate) const EITS_TAG: Tag = Tag::application(5);
/// Tag of `ContentIdentifier`.
pub(crate) const CONTENT_IDENTIFIER_TAG: Tag = Tag::application(10);
const PER_MESSAGE_INDICATORS_TAG: Tag = Tag::application(8);

/// The envelope that a message travels in between MTAs (X.411 `MessageTransferEnvelope`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTransferEnvelope {
    /// The message's identifier.
    pub mts_identifier: MtsIdentifier,
    /// Who sent it.
    pub originator: OrName,
    /// Original encoded information types, as they came.
    pub original_eits: Option<Raw>,
    /// What kind of content it has.
    pub content_type: ContentType,
    /// The sender's own mark, at most 16 characters; may be empty (KB Q183014).
    pub content_identifier: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// Per-message indicators; the bits have names below.
    pub per_message_indicators: BitString,
    /// Not to be delivered before.
    pub deferred_delivery: Option<Timestamp>,
    /// Per-domain bilateral information, the element `[1]` as it came.
    pub bilateral: Option<Raw>,
    /// External trace, oldest first.
    pub trace: Vec<TraceElement>,
    /// Per-message extensions.
    pub extensions: Vec<ExtensionField>,
    /// Recipients.
    pub recipients: Vec<PerRecipientFields>,
    /// Elements that are not known.
    pub unknown: Vec<Raw>,
}

/// One recipient of a message in transfer (X.411 `PerRecipientMessageTransferFields`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerRecipientFields {
    /// Who it is.
    pub recipient: OrName,
    /// Its number, which is never changed when messages are split.
    #[doc(alias = "originally-specified-recipient-number")]
    pub number: u32,
    /// Who answers for it, and what reports are asked for.
    pub indicators: PerRecipientIndicators,
    /// A conversion that the originator asks for.
    pub explicit_conversion: Option<i64>,
    /// Per-recipient extensions.
    pub extensions: Vec<ExtensionField>,
    /// Elements that are not known.
    pub unknown: Vec<Raw>,
}

/// Indicators of a recipient (X.411 `PerRecipientIndicators`), bits 0 to 4.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerRecipientIndicators {
    /// This copy of the message is the one that answers for the recipient.
    pub responsibility: bool,
    /// The originating MTA wants delivery reports.
    pub mta_report: bool,
    /// The originating MTA wants non-delivery reports.
    pub mta_non_delivery_report: bool,
    /// The originator wants delivery and non-delivery reports.
    pub originator_report: bool,
    /// The originator wants non-delivery reports.
    pub originator_non_delivery_report: bool,
}

impl PerRecipientIndicators {
    /// Reads the bits; those that a peer left away are clear.
    pub(crate) fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let bits = element.bits("per-recipient-indicators")?;
        Ok(Self {
            responsibility: bits.bit(0),
            mta_report: bits.bit(1),
            mta_non_delivery_report: bits.bit(2),
            originator_report: bits.bit(3),
            originator_non_delivery_report: bits.bit(4),
        })
    }

    /// Writes all eight bits: the size starts at 8, and three unused bits were an interworking
    /// fault (KB Q140937).
    pub(crate) fn write(self, encoder: &mut Encoder, tag: Tag) {
        let bits = [
            self.responsibility,
            self.mta_report,
            self.mta_non_delivery_report,
            self.originator_report,
            self.originator_non_delivery_report,
            false,
            false,
            false,
        ];
        encoder.bits(tag, &BitString::from_bits(&bits));
    }
}

/// What was read of an envelope so far.
#[derive(Default)]
struct Parts {
    mts_identifier: Option<MtsIdentifier>,
    originator: Option<OrName>,
    original_eits: Option<Raw>,
    content_type: Option<ContentType>,
    content_identifier: Option<String>,
    priority: Option<Priority>,
    per_message_indicators: Option<BitString>,
    deferred_delivery: Option<Timestamp>,
    bilateral: Option<Raw>,
    trace: Option<Vec<TraceElement>>,
    extensions: Option<Vec<ExtensionField>>,
    recipients: Option<Vec<PerRecipientFields>>,
    content_length: Option<i64>,
    /// The envelope is a probe's: its `[0]` is the length of a content.
    probe: bool,
}

impl Parts {
    fn read(&mut self, child: Element<'_>) -> Result<bool, DecodeError> {
        let at = child.offset;
        if child.tag == MtsIdentifier::TAG {
            put_once(&mut self.mts_identifier, MtsIdentifier::read(child)?, "mts-identifier", at)
        } else if child.tag == OrName::TAG {
            put_once(&mut self.originator, OrName::read(child)?, "originator-name", at)
        } else if child.tag == EITS_TAG {
            put_once(&mut self.original_eits, Raw::from(child), "original-eits", at)
        } else if child.tag == CONTENT_IDENTIFIER_TAG {
            let value = text(&child, "content-identifier")?;
            put_once(&mut self.content_identifier, value, "content-identifier", at)
        } else if child.tag == Priority::TAG {
            put_once(&mut self.priority, Priority::read(&child)?, "priority", at)
        } else if child.tag == PER_MESSAGE_INDICATORS_TAG {
            let field = "per-message-indicators";
            put_once(&mut self.per_message_indicators, child.bits(field)?, field, at)
        } else if child.tag == Tag::context(0) && self.probe {
            let field = "content-length";
            put_once(&mut self.content_length, child.integer(field)?, field, at)
        } else if child.tag == Tag::context(0) {
            let field = "deferred-delivery-time";
            put_once(&mut self.deferred_delivery, time(&child, field)?, field, at)
        } else if child.tag == Tag::context(1) {
            put_once(&mut self.bilateral, Raw::from(child), "bilateral-information", at)
        } else if child.tag == TRACE_TAG {
            put_once(&mut self.trace, read_trace(&child)?, "trace-information", at)
        } else if child.tag == Tag::context(3) {
            put_once(&mut self.extensions, read_extensions(&child)?, "extensions", at)
        } else if child.tag == Tag::context(2) {
            let field = "per-recipient-fields";
            let recipients = list(&child, field, MAX_LIST, |one| PerRecipientFields::read(&one))?;
            put_once(&mut self.recipients, recipients, field, at)
        } else if let Some(content_type) = ContentType::read(&child)? {
            put_once(&mut self.content_type, content_type, "content-type", at)
        } else {
            Ok(false)
        }
    }

    fn finish(
        self,
        element: &Element<'_>,
        unknown: Vec<Raw>,
    ) -> Result<MessageTransferEnvelope, DecodeError> {
        Ok(MessageTransferEnvelope {
            mts_identifier: mandatory(self.mts_identifier, "mts-identifier", element)?,
            originator: mandatory(self.originator, "originator-name", element)?,
            original_eits: self.original_eits,
            content_type: mandatory(self.content_type, "content-type", element)?,
            content_identifier: self.content_identifier,
            priority: self.priority.unwrap_or_default(),
            per_message_indicators: self.per_message_indicators.unwrap_or_default(),
            deferred_delivery: self.deferred_delivery,
            bilateral: self.bilateral,
            trace: mandatory(self.trace, "trace-information", element)?,
            extensions: self.extensions.unwrap_or_default(),
            recipients: mandatory(self.recipients, "per-recipient-fields", element)?,
            unknown,
        })
    }
}

impl MessageTransferEnvelope {
    /// Bit of the per-message indicators: recipients may see each other.
    pub const DISCLOSURE_OF_OTHER_RECIPIENTS: usize = 0;
    /// Bit of the per-message indicators: no conversion without being asked.
    pub const IMPLICIT_CONVERSION_PROHIBITED: usize = 1;
    /// Bit of the per-message indicators: delivery to an alternate recipient is allowed.
    pub const ALTERNATE_RECIPIENT_ALLOWED: usize = 2;
    /// Bit of the per-message indicators: the content is wanted back with a report.
    pub const CONTENT_RETURN_REQUEST: usize = 3;

    /// Reads a stand-alone envelope, a SET.
    ///
    /// # Errors
    /// The octets are not one envelope.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&ber::decode_one("MessageTransferEnvelope", octets)?)
    }

    /// Writes a stand-alone envelope, a SET.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        self.write(&mut encoder);
        encoder.finish()
    }

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let element = element.expect(Tag::SET, "message-transfer-envelope")?;
        let mut parts = Parts::default();
        let unknown = read_set(&element, |child| parts.read(child))?;
        parts.finish(&element, unknown)
    }

    /// Reads the same fields of a probe, and the length of the content that it speaks of.
    pub(crate) fn read_probe(element: &Element<'_>) -> Result<(Self, Option<i64>), DecodeError> {
        let mut parts = Parts { probe: true, ..Parts::default() };
        let unknown = read_set(element, |child| parts.read(child))?;
        let length = parts.content_length;
        Ok((parts.finish(element, unknown)?, length))
    }

    pub(crate) fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SET, |encoder| self.write_fields(encoder, None));
    }

    /// Writes what stands in the SET; with `probe`, as a probe for a content of that length.
    pub(crate) fn write_fields(&self, encoder: &mut Encoder, probe: Option<Option<i64>>) {
        self.mts_identifier.write(encoder);
        self.originator.write(encoder);
        if let Some(eits) = &self.original_eits {
            encoder.raw(eits.as_bytes());
        }
        self.content_type.write(encoder);
        if let Some(identifier) = &self.content_identifier {
            encoder.text(CONTENT_IDENTIFIER_TAG, identifier);
        }
        match probe {
            // A probe has neither a priority nor a time before which not to deliver.
            Some(length) => {
                if let Some(length) = length {
                    encoder.integer(Tag::context(0), length);
                }
            }
            None => self.priority.write(encoder),
        }
        if !is_clear(&self.per_message_indicators) {
            encoder.bits(PER_MESSAGE_INDICATORS_TAG, &self.per_message_indicators);
        }
        if let (Some(deferred), None) = (self.deferred_delivery, probe) {
            put_time(encoder, Tag::context(0), deferred);
        }
        if let Some(bilateral) = &self.bilateral {
            encoder.raw(bilateral.as_bytes());
        }
        write_trace(encoder, &self.trace);
        write_extensions(encoder, Tag::context(3), &self.extensions);
        encoder.constructed(Tag::context(2), |encoder| {
            for recipient in &self.recipients {
                recipient.write(encoder);
            }
        });
        put_raw(encoder, &self.unknown);
    }
}

impl PerRecipientFields {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (mut recipient, mut number, mut indicators) = (None, None, None);
        let (mut explicit_conversion, mut extensions) = (None, None);
        let unknown = read_set(element, |child| {
            let at = child.offset;
            if child.tag == OrName::TAG {
                put_once(&mut recipient, OrName::read(child)?, "recipient-name", at)
            } else if child.tag == Tag::context(0) {
                put_once(&mut number, recipient_number(&child)?, "recipient-number", at)
            } else if child.tag == Tag::context(1) {
                let value = PerRecipientIndicators::read(&child)?;
                put_once(&mut indicators, value, "per-recipient-indicators", at)
            } else if child.tag == Tag::context(2) {
                let field = "explicit-conversion";
                put_once(&mut explicit_conversion, child.integer(field)?, field, at)
            } else if child.tag == Tag::context(3) {
                put_once(&mut extensions, read_extensions(&child)?, "extensions", at)
            } else {
                Ok(false)
            }
        })?;
        Ok(Self {
            recipient: mandatory(recipient, "recipient-name", element)?,
            number: mandatory(number, "recipient-number", element)?,
            indicators: mandatory(indicators, "per-recipient-indicators", element)?,
            explicit_conversion,
            extensions: extensions.unwrap_or_default(),
            unknown,
        })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SET, |encoder| {
            self.recipient.write(encoder);
            encoder.integer(Tag::context(0), i64::from(self.number));
            self.indicators.write(encoder, Tag::context(1));
            if let Some(conversion) = self.explicit_conversion {
                encoder.integer(Tag::context(2), conversion);
            }
            write_extensions(encoder, Tag::context(3), &self.extensions);
            put_raw(encoder, &self.unknown);
        });
    }
}

/// Reads an originally-specified-recipient-number.
pub(crate) fn recipient_number(element: &Element<'_>) -> Result<u32, DecodeError> {
    let field = "originally-specified-recipient-number";
    u32::try_from(element.integer(field)?)
        .map_err(|_| element.invalid(field, "not a number from 0 to 2^32-1"))
}

impl Traced for MessageTransferEnvelope {
    fn trace(&self) -> &[TraceElement] {
        &self.trace
    }

    fn trace_mut(&mut self) -> &mut Vec<TraceElement> {
        &mut self.trace
    }

    fn extensions(&self) -> &[ExtensionField] {
        &self.extensions
    }

    fn extensions_mut(&mut self) -> &mut Vec<ExtensionField> {
        &mut self.extensions
    }
}
