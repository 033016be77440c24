//! Reports in transfer (X.411 12.2.1.3, `Report`).

use ber::{Element, Encoder, Tag};
use jiff::Timestamp;
use std::fmt;
use wire::DecodeError;

use crate::codec::{
    MAX_LIST, Raw, list, mandatory, put_once, put_raw, put_time, read_set, text, time,
};
use crate::content_type::ContentType;
use crate::domain::MtsIdentifier;
use crate::extensions::{ExtensionField, read_extensions, write_extensions};
use crate::message::{CONTENT_IDENTIFIER_TAG, EITS_TAG, PerRecipientIndicators, recipient_number};
use crate::or_address::OrName;
use crate::report_codes::{DiagnosticCode, MtsUserType, ReasonCode};
use crate::trace::{TRACE_TAG, TraceElement, Traced, read_trace, write_trace};

/// A report on a message or probe (X.411 `Report`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where the report goes.
    pub envelope: ReportTransferEnvelope,
    /// What it says.
    pub content: ReportContent,
}

/// The envelope of a report (X.411 `ReportTransferEnvelope`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTransferEnvelope {
    /// The report's own identifier.
    pub identifier: MtsIdentifier,
    /// Who gets it.
    pub destination: OrName,
    /// External trace of the report.
    pub trace: Vec<TraceElement>,
    /// Extensions.
    pub extensions: Vec<ExtensionField>,
    /// Elements that are not known.
    pub unknown: Vec<Raw>,
}

/// What a report says (X.411 `ReportTransferContent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportContent {
    /// The message or probe that it is about.
    pub subject: MtsIdentifier,
    /// Trace of the subject, only where it was asked for.
    pub intermediate_trace: Vec<TraceElement>,
    /// Encoded information types of the subject, as they came.
    pub original_eits: Option<Raw>,
    /// Content type of the subject.
    pub content_type: Option<ContentType>,
    /// Content identifier of the subject.
    pub content_identifier: Option<String>,
    /// The content, where it was asked back.
    pub returned_content: Option<Vec<u8>>,
    /// The element `[2]` as it came; deprecated since 1988.
    pub additional_information: Option<Raw>,
    /// Extensions.
    pub extensions: Vec<ExtensionField>,
    /// The recipients that are reported on.
    pub recipients: Vec<PerRecipientReportFields>,
    /// Elements that are not known.
    pub unknown: Vec<Raw>,
}

/// What is said of one recipient (X.411 `PerRecipientReportTransferFields`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerRecipientReportFields {
    /// Who it went to, or would have.
    pub actual_recipient: OrName,
    /// Its number in the subject.
    pub number: u32,
    /// The indicators that it had in the subject.
    pub indicators: PerRecipientIndicators,
    /// When the subject came to the reporting domain.
    pub arrival: Timestamp,
    /// Encoded information types after a conversion, as they came.
    pub converted_eits: Option<Raw>,
    /// Delivered or not.
    pub outcome: DeliveryOutcome,
    /// Who was meant, when someone else is the actual recipient.
    pub intended_recipient: Option<OrName>,
    /// Free text for people.
    pub supplementary_information: Option<SupplementaryInformation>,
    /// Extensions.
    pub extensions: Vec<ExtensionField>,
    /// Elements that are not known.
    pub unknown: Vec<Raw>,
}

/// Delivered or not (X.411 `ReportType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// A delivery report.
    Delivered {
        /// When.
        time: Timestamp,
        /// To what kind of user.
        user_type: MtsUserType,
    },
    /// A non-delivery report.
    NotDelivered {
        /// Why, roughly.
        reason: ReasonCode,
        /// Why, exactly.
        diagnostic: Option<DiagnosticCode>,
    },
}

/// Free text of a report, at most 256 characters of a printable string when made here
/// (X.411 `SupplementaryInformation`, ub-supplementary-info-length).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplementaryInformation(String);

/// ub-supplementary-info-length of X.411 Annex B.
const MAX_SUPPLEMENTARY: usize = 256;

impl SupplementaryInformation {
    /// Makes any text fit: characters that a `PrintableString` lacks become the nearest that it
    /// has, and what is over 256 is cut; `None` when nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut fitted = String::new();
        for character in text.trim().chars().take(MAX_SUPPLEMENTARY) {
            fitted.push(match character {
                '[' | '{' | '<' => '(',
                ']' | '}' | '>' => ')',
                '"' | '`' => '\'',
                ';' | '|' => ',',
                '_' | '#' | '~' => '-',
                '\\' => '/',
                kept if kept.is_ascii_alphanumeric() || " '()+,-./:=?".contains(kept) => kept,
                other if other.is_whitespace() => ' ',
                _ => '?',
            });
        }
        (!fitted.is_empty()).then_some(Self(fitted))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SupplementaryInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Report {
    pub(crate) const TAG: Tag = Tag::context(1);

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let envelope = ReportTransferEnvelope::read(&children.take(Tag::SET, "report-envelope")?)?;
        let content = ReportContent::read(&children.take(Tag::SET, "report-content")?)?;
        match children.remaining() {
            0 => Ok(Self { envelope, content }),
            count => Err(DecodeError::trailing("MTS-APDU", "report", children.offset(), count)),
        }
    }

    pub(crate) fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Self::TAG, |encoder| {
            self.envelope.write(encoder);
            self.content.write(encoder);
        });
    }
}

impl ReportTransferEnvelope {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (mut identifier, mut destination) = (None, None);
        let (mut trace, mut extensions) = (None, None);
        let unknown = read_set(element, |child| {
            let at = child.offset;
            if child.tag == MtsIdentifier::TAG {
                put_once(&mut identifier, MtsIdentifier::read(child)?, "report-identifier", at)
            } else if child.tag == OrName::TAG {
                put_once(&mut destination, OrName::read(child)?, "report-destination-name", at)
            } else if child.tag == TRACE_TAG {
                put_once(&mut trace, read_trace(&child)?, "trace-information", at)
            } else if child.tag == Tag::context(1) {
                put_once(&mut extensions, read_extensions(&child)?, "extensions", at)
            } else {
                Ok(false)
            }
        })?;
        Ok(Self {
            identifier: mandatory(identifier, "report-identifier", element)?,
            destination: mandatory(destination, "report-destination-name", element)?,
            trace: mandatory(trace, "trace-information", element)?,
            extensions: extensions.unwrap_or_default(),
            unknown,
        })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SET, |encoder| {
            self.identifier.write(encoder);
            self.destination.write(encoder);
            write_trace(encoder, &self.trace);
            write_extensions(encoder, Tag::context(1), &self.extensions);
            put_raw(encoder, &self.unknown);
        });
    }
}

/// What was read of a report's content so far.
#[derive(Default)]
struct Parts {
    subject: Option<MtsIdentifier>,
    intermediate_trace: Option<Vec<TraceElement>>,
    original_eits: Option<Raw>,
    content_type: Option<ContentType>,
    content_identifier: Option<String>,
    returned_content: Option<Vec<u8>>,
    additional_information: Option<Raw>,
    extensions: Option<Vec<ExtensionField>>,
    recipients: Option<Vec<PerRecipientReportFields>>,
}

impl Parts {
    fn read(&mut self, child: Element<'_>) -> Result<bool, DecodeError> {
        let at = child.offset;
        if child.tag == MtsIdentifier::TAG {
            put_once(&mut self.subject, MtsIdentifier::read(child)?, "subject-identifier", at)
        } else if child.tag == TRACE_TAG {
            let field = "subject-intermediate-trace-information";
            put_once(&mut self.intermediate_trace, read_trace(&child)?, field, at)
        } else if child.tag == EITS_TAG {
            put_once(&mut self.original_eits, Raw::from(child), "original-eits", at)
        } else if child.tag == CONTENT_IDENTIFIER_TAG {
            let value = text(&child, "content-identifier")?;
            put_once(&mut self.content_identifier, value, "content-identifier", at)
        } else if child.tag == Tag::context(1) {
            let content = child.octets("returned-content")?.into_owned();
            put_once(&mut self.returned_content, content, "returned-content", at)
        } else if child.tag == Tag::context(2) {
            let field = "additional-information";
            put_once(&mut self.additional_information, Raw::from(child), field, at)
        } else if child.tag == Tag::context(3) {
            put_once(&mut self.extensions, read_extensions(&child)?, "extensions", at)
        } else if child.tag == Tag::context(0) {
            let field = "per-recipient-fields";
            let recipients =
                list(&child, field, MAX_LIST, |one| PerRecipientReportFields::read(&one))?;
            put_once(&mut self.recipients, recipients, field, at)
        } else if let Some(content_type) = ContentType::read(&child)? {
            put_once(&mut self.content_type, content_type, "content-type", at)
        } else {
            Ok(false)
        }
    }
}

impl ReportContent {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut parts = Parts::default();
        let unknown = read_set(element, |child| parts.read(child))?;
        Ok(Self {
            subject: mandatory(parts.subject, "subject-identifier", element)?,
            intermediate_trace: parts.intermediate_trace.unwrap_or_default(),
            original_eits: parts.original_eits,
            content_type: parts.content_type,
            content_identifier: parts.content_identifier,
            returned_content: parts.returned_content,
            additional_information: parts.additional_information,
            extensions: parts.extensions.unwrap_or_default(),
            recipients: mandatory(parts.recipients, "per-recipient-fields", element)?,
            unknown,
        })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SET, |encoder| {
            self.subject.write(encoder);
            if !self.intermediate_trace.is_empty() {
                write_trace(encoder, &self.intermediate_trace);
            }
            if let Some(eits) = &self.original_eits {
                encoder.raw(eits.as_bytes());
            }
            if let Some(content_type) = &self.content_type {
                content_type.write(encoder);
            }
            if let Some(identifier) = &self.content_identifier {
                encoder.text(CONTENT_IDENTIFIER_TAG, identifier);
            }
            if let Some(content) = &self.returned_content {
                encoder.octets(Tag::context(1), content);
            }
            if let Some(information) = &self.additional_information {
                encoder.raw(information.as_bytes());
            }
            write_extensions(encoder, Tag::context(3), &self.extensions);
            encoder.constructed(Tag::context(0), |encoder| {
                for recipient in &self.recipients {
                    recipient.write(encoder);
                }
            });
            put_raw(encoder, &self.unknown);
        });
    }
}

/// What was read of a recipient so far.
#[derive(Default)]
struct RecipientParts {
    actual_recipient: Option<OrName>,
    number: Option<u32>,
    indicators: Option<PerRecipientIndicators>,
    last_trace: Option<LastTrace>,
    intended_recipient: Option<OrName>,
    supplementary_information: Option<SupplementaryInformation>,
    extensions: Option<Vec<ExtensionField>>,
}

impl RecipientParts {
    fn read(&mut self, child: Element<'_>) -> Result<bool, DecodeError> {
        let at = child.offset;
        if child.tag == Tag::context(0) {
            let name = OrName::read_contents(child)?;
            put_once(&mut self.actual_recipient, name, "actual-recipient-name", at)
        } else if child.tag == Tag::context(1) {
            put_once(&mut self.number, recipient_number(&child)?, "recipient-number", at)
        } else if child.tag == Tag::context(2) {
            let value = PerRecipientIndicators::read(&child)?;
            put_once(&mut self.indicators, value, "per-recipient-indicators", at)
        } else if child.tag == Tag::context(3) {
            let value = LastTrace::read(&child)?;
            put_once(&mut self.last_trace, value, "last-trace-information", at)
        } else if child.tag == Tag::context(4) {
            let name = OrName::read_contents(child)?;
            put_once(&mut self.intended_recipient, name, "originally-intended-recipient-name", at)
        } else if child.tag == Tag::context(5) {
            let field = "supplementary-information";
            let value = SupplementaryInformation(text(&child, field)?);
            put_once(&mut self.supplementary_information, value, field, at)
        } else if child.tag == Tag::context(6) {
            put_once(&mut self.extensions, read_extensions(&child)?, "extensions", at)
        } else {
            Ok(false)
        }
    }
}

/// Arrival, conversion and outcome (X.411 `LastTraceInformation`).
struct LastTrace {
    arrival: Timestamp,
    converted_eits: Option<Raw>,
    outcome: DeliveryOutcome,
}

impl LastTrace {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (mut arrival, mut converted_eits, mut outcome) = (None, None, None);
        read_set(element, |child| {
            let at = child.offset;
            if child.tag == Tag::context(0) {
                put_once(&mut arrival, time(&child, "arrival-time")?, "arrival-time", at)
            } else if child.tag == EITS_TAG {
                put_once(&mut converted_eits, Raw::from(child), "converted-eits", at)
            } else if child.tag == Tag::context(1) {
                let kind = child.inner("report-type")?;
                put_once(&mut outcome, DeliveryOutcome::read(&kind)?, "report-type", at)
            } else {
                Ok(false)
            }
        })?;
        Ok(Self {
            arrival: mandatory(arrival, "arrival-time", element)?,
            converted_eits,
            outcome: mandatory(outcome, "report-type", element)?,
        })
    }
}

impl DeliveryOutcome {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (mut first, mut second) = (None, None);
        read_set(element, |child| {
            if child.tag == Tag::context(0) {
                put_once(&mut first, child, "report-type", child.offset)
            } else if child.tag == Tag::context(1) {
                put_once(&mut second, child, "report-type", child.offset)
            } else {
                Ok(false)
            }
        })?;
        let first = mandatory(first, "report-type", element)?;
        let second = |field| second.map(|element: Element<'_>| element.integer(field)).transpose();
        if element.tag == Tag::context(0) {
            Ok(Self::Delivered {
                time: time(&first, "message-delivery-time")?,
                user_type: MtsUserType(second("type-of-MTS-user")?.unwrap_or(0)),
            })
        } else {
            element.expect(Tag::context(1), "report-type")?;
            Ok(Self::NotDelivered {
                reason: ReasonCode(first.integer("non-delivery-reason-code")?),
                diagnostic: second("non-delivery-diagnostic-code")?.map(DiagnosticCode),
            })
        }
    }

    fn write(self, encoder: &mut Encoder) {
        match self {
            Self::Delivered { time, user_type } => {
                encoder.constructed(Tag::context(0), |encoder| {
                    put_time(encoder, Tag::context(0), time);
                    if user_type != MtsUserType::PUBLIC {
                        encoder.integer(Tag::context(1), user_type.0);
                    }
                });
            }
            Self::NotDelivered { reason, diagnostic } => {
                encoder.constructed(Tag::context(1), |encoder| {
                    encoder.integer(Tag::context(0), reason.0);
                    if let Some(diagnostic) = diagnostic {
                        encoder.integer(Tag::context(1), diagnostic.0);
                    }
                });
            }
        }
    }
}

impl PerRecipientReportFields {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut parts = RecipientParts::default();
        let unknown = read_set(element, |child| parts.read(child))?;
        let last_trace = mandatory(parts.last_trace, "last-trace-information", element)?;
        Ok(Self {
            actual_recipient: mandatory(parts.actual_recipient, "actual-recipient-name", element)?,
            number: mandatory(parts.number, "recipient-number", element)?,
            indicators: mandatory(parts.indicators, "per-recipient-indicators", element)?,
            arrival: last_trace.arrival,
            converted_eits: last_trace.converted_eits,
            outcome: last_trace.outcome,
            intended_recipient: parts.intended_recipient,
            supplementary_information: parts.supplementary_information,
            extensions: parts.extensions.unwrap_or_default(),
            unknown,
        })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SET, |encoder| {
            self.actual_recipient.write_tagged(encoder, Tag::context(0));
            encoder.integer(Tag::context(1), i64::from(self.number));
            self.indicators.write(encoder, Tag::context(2));
            encoder.constructed(Tag::context(3), |encoder| {
                put_time(encoder, Tag::context(0), self.arrival);
                if let Some(eits) = &self.converted_eits {
                    encoder.raw(eits.as_bytes());
                }
                encoder.constructed(Tag::context(1), |encoder| self.outcome.write(encoder));
            });
            if let Some(name) = &self.intended_recipient {
                name.write_tagged(encoder, Tag::context(4));
            }
            if let Some(information) = &self.supplementary_information {
                encoder.text(Tag::context(5), information.as_str());
            }
            write_extensions(encoder, Tag::context(6), &self.extensions);
            put_raw(encoder, &self.unknown);
        });
    }
}

impl Traced for ReportTransferEnvelope {
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
