//! From X.400 of 1988 and later to that of 1984 (X.419 Annex B).
//!
//! The old protocol knows no extensions, no extension attributes of names, no object
//! identifiers of contents and no names of the Directory. What does not matter is left out;
//! what must be understood makes a downgrade impossible.

use ber::{BitString, Element, Tag};

use crate::codec::Raw;
use crate::content_type::ContentType;
use crate::extensions::{ExtensionField, ExtensionKind};
use crate::message::MessageTransferEnvelope;
use crate::mts::MtsApdu;
use crate::or_address::{DomainDefinedAttribute, OrName};
use crate::p2::is_p2;
use crate::report::{DeliveryOutcome, Report};
use crate::report_codes::ReasonCode;
use crate::trace::{OtherActions, TraceElement};

/// The domain-defined attribute in which a common name goes on (X.419 Annex B; KB Q170054).
const COMMON_NAME: &str = "common";
/// ub-domain-defined-attributes of X.411 Annex B.
const MAX_DOMAIN_DEFINED: usize = 4;
/// `BuiltInContentType` of 1988's P22, which is not known to 1984, and of 1984's own P2.
const P22: i64 = 22;
const P2: i64 = 2;
/// `BuiltInContentType` for whatever has no number.
const UNIDENTIFIED: i64 = 0;
/// The last diagnostic that X.411 (1984) has.
const LAST_DIAGNOSTIC: i64 = 17;

/// Why an APDU cannot go to an MTA of 1984.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DowngradeError {
    /// An extension that somebody must understand.
    #[error("{0} is critical and unknown to X.400 of 1984")]
    Critical(String),
    /// An address that needs extension attributes.
    #[error("the address {0} has attributes that X.400 of 1984 does not have")]
    Address(String),
    /// A content that the other side could not read: a P22 that is no P2, too.
    #[error("contents of type 22 (P22) are unknown to X.400 of 1984, and this one is no P2")]
    Content,
}

impl MtsApdu {
    /// Makes the APDU one of 1984.
    ///
    /// # Errors
    /// It would lose something that it must not lose: non-delivery 2/47.
    pub fn downgrade(&mut self) -> Result<(), DowngradeError> {
        match self {
            Self::Message(message) => {
                let content = &message.envelope.content_type;
                if *content == ContentType::BuiltIn(P22) && is_p2(&message.content) {
                    message.envelope.content_type = ContentType::BuiltIn(P2);
                }
                envelope(&mut message.envelope)
            }
            Self::Probe(probe) => envelope(&mut probe.envelope),
            Self::Report(subject) => report(subject),
        }
    }
}

fn envelope(envelope: &mut MessageTransferEnvelope) -> Result<(), DowngradeError> {
    name(&mut envelope.originator)?;
    match envelope.content_type {
        ContentType::BuiltIn(P22) => return Err(DowngradeError::Content),
        ContentType::BuiltIn(_) => {}
        ContentType::Extended(_) => envelope.content_type = ContentType::BuiltIn(UNIDENTIFIED),
    }
    envelope.original_eits = envelope.original_eits.take().map(information_types);
    extensions(&mut envelope.extensions)?;
    trace(&mut envelope.trace);
    envelope.unknown.clear();
    for recipient in &mut envelope.recipients {
        name(&mut recipient.recipient)?;
        extensions(&mut recipient.extensions)?;
        recipient.unknown.clear();
    }
    Ok(())
}

fn report(report: &mut Report) -> Result<(), DowngradeError> {
    name(&mut report.envelope.destination)?;
    trace(&mut report.envelope.trace);
    extensions(&mut report.envelope.extensions)?;
    report.envelope.unknown.clear();
    let content = &mut report.content;
    trace(&mut content.intermediate_trace);
    content.original_eits = None;
    content.content_type = None;
    content.unknown.clear();
    extensions(&mut content.extensions)?;
    for recipient in &mut content.recipients {
        name(&mut recipient.actual_recipient)?;
        if let Some(intended) = &mut recipient.intended_recipient {
            name(intended)?;
        }
        recipient.converted_eits = recipient.converted_eits.take().map(information_types);
        recipient.unknown.clear();
        extensions(&mut recipient.extensions)?;
        if let DeliveryOutcome::NotDelivered { reason, diagnostic } = &mut recipient.outcome {
            if reason.0 > ReasonCode::CONVERSION_NOT_PERFORMED.0 {
                *reason = ReasonCode::UNABLE_TO_TRANSFER;
            }
            if diagnostic.is_some_and(|code| code.0 > LAST_DIAGNOSTIC) {
                *diagnostic = None;
            }
        }
    }
    Ok(())
}

fn name(name: &mut OrName) -> Result<(), DowngradeError> {
    if !name.address.extension_attributes.is_empty() {
        return Err(DowngradeError::Address(name.address.to_string()));
    }
    if name.address.common_name.is_none() && name.directory_name.is_none() {
        return Ok(());
    }
    let (address, directory_name) = name.change_rest();
    *directory_name = None;
    if let Some(value) = address.common_name.take() {
        if address.domain_defined.len() >= MAX_DOMAIN_DEFINED {
            return Err(DowngradeError::Address(address.to_string()));
        }
        let kind = COMMON_NAME.to_owned();
        address.domain_defined.push(DomainDefinedAttribute { kind, value });
    }
    Ok(())
}

fn extensions(extensions: &mut Vec<ExtensionField>) -> Result<(), DowngradeError> {
    let critical = |field: &&ExtensionField| {
        field.criticality.for_transfer() || field.criticality.for_delivery()
    };
    if let Some(field) = extensions.iter().find(critical) {
        let kind: &ExtensionKind = &field.kind;
        return Err(DowngradeError::Critical(kind.to_string()));
    }
    extensions.clear();
    Ok(())
}

/// Redirections and list expansions have no bit in a trace of 1984.
fn trace(trace: &mut [TraceElement]) {
    for element in trace {
        element.supplied.other_actions = OtherActions::default();
        element.supplied.unknown.clear();
    }
}

/// Types that are object identifiers become the one that means "some other".
fn information_types(eits: Raw) -> Raw {
    let extended = |element: Element<'_>| -> Option<bool> {
        let mut children = element.children().ok()?;
        while let Some(child) = children.next_element().ok()? {
            if child.tag == Tag::context(4) {
                return Some(true);
            }
        }
        Some(false)
    };
    match ber::decode_one("EncodedInformationTypes", eits.as_bytes()) {
        Ok(element) if extended(element) == Some(false) => eits,
        _ => Raw::encoded(|encoder| {
            encoder.constructed(Tag::application(5), |encoder| {
                encoder.bits(Tag::context(0), &BitString::from_bits(&[true]));
            });
        }),
    }
}
