//! An SMTP envelope as a P1 envelope and back (RFC 2156 5.1 and 5.3, for contents kept whole).

use ber::BitString;
use jiff::Timestamp;
use x400::{
    ContentType, GlobalDomainIdentifier, MessageTransferEnvelope, MtsIdentifier, OrAddress,
    PerRecipientFields, PerRecipientIndicators, Priority, SuppliedInformation, TraceElement,
};

use crate::address::{to_or_address, to_rfc822};
use crate::error::MixerError;
use crate::oids;
use crate::smtp_envelope::{Notify, Return, SmtpOriginator, SmtpRecipient};

/// ub-recipients of X.411 Annex B.
const MAX_RECIPIENTS: usize = 32_767;

/// What a message is made of.
#[derive(Debug, Clone)]
pub struct NewMessage<'a> {
    /// What MAIL said.
    pub originator: &'a SmtpOriginator,
    /// What each RCPT said; they are numbered from 1 in this order.
    pub recipients: &'a [SmtpRecipient],
    /// The new message's identifier; its domain opens the trace.
    pub identifier: MtsIdentifier,
    /// The attributes that O/R addresses of mail addresses get.
    pub base: &'a OrAddress,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was submitted.
    pub submitted: Timestamp,
}

/// What SMTP sees of a P1 envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpView {
    /// For MAIL.
    pub originator: SmtpOriginator,
    /// For RCPT.
    pub recipients: Vec<ViewedRecipient>,
}

/// One recipient of a P1 envelope as SMTP sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewedRecipient {
    /// The originally-specified-recipient-number.
    pub number: u32,
    /// True when this copy of the message answers for the recipient.
    pub responsibility: bool,
    /// For RCPT.
    pub recipient: SmtpRecipient,
}

/// The P1 envelope of a mail that came by SMTP.
///
/// The external trace has one element, of the identifier's domain at the time of submission;
/// the internal one is the MTA's to write (`x400::append_trace`).
///
/// # Errors
/// There is no recipient, or there are too many.
pub fn build_message(new: &NewMessage<'_>) -> Result<MessageTransferEnvelope, MixerError> {
    if new.recipients.is_empty() {
        return Err(MixerError::NoRecipient);
    }
    if new.recipients.len() > MAX_RECIPIENTS {
        return Err(MixerError::TooManyRecipients);
    }
    // Whoever makes an address keeps to the bounds; those that relays pass on may be longer.
    for recipient in new.recipients {
        let name = to_or_address(&recipient.address, new.base);
        if let Some(key) = name.address.over_bound() {
            return Err(MixerError::TooLong { key, address: name.to_string() });
        }
    }
    let domain: GlobalDomainIdentifier = new.identifier.domain.clone();
    let trace =
        vec![TraceElement { domain, supplied: SuppliedInformation::relayed(new.submitted) }];
    let recipients = (1..).zip(new.recipients).map(|(number, recipient)| PerRecipientFields {
        recipient: to_or_address(&recipient.address, new.base),
        number,
        indicators: indicators(recipient.notify),
        explicit_conversion: None,
        extensions: vec![recipient.to_extension()],
        unknown: Vec::new(),
    });
    Ok(MessageTransferEnvelope {
        mts_identifier: new.identifier.clone(),
        originator: to_or_address(&new.originator.reverse_path, new.base),
        original_eits: None,
        content_type: ContentType::Extended(oids::rfc822_content()),
        content_identifier: None,
        priority: new.priority,
        per_message_indicators: per_message_indicators(new.originator),
        deferred_delivery: None,
        bilateral: None,
        trace,
        extensions: vec![new.originator.to_extension()],
        recipients: recipients.collect(),
        unknown: Vec::new(),
    })
}

/// RET=FULL asks for the content back; recipients of mail are not told of each other, so
/// nothing else is set.
fn per_message_indicators(originator: &SmtpOriginator) -> BitString {
    let mut bits = [false; MessageTransferEnvelope::CONTENT_RETURN_REQUEST + 1];
    if originator.ret == Some(Return::Full) {
        bits[MessageTransferEnvelope::CONTENT_RETURN_REQUEST] = true;
        BitString::from_bits(&bits)
    } else {
        BitString::default()
    }
}

/// True when a content can be put into a mailbox as it is: it is a mail, or a gateway of 1984
/// between here and there had no number for what it is.
#[must_use]
pub fn is_mail(content_type: &ContentType) -> bool {
    match content_type {
        ContentType::Extended(oid) => *oid == oids::rfc822_content(),
        ContentType::BuiltIn(number) => *number == 0,
    }
}

/// The report requests that NOTIFY means (RFC 2156 5.1.8.3): reports of non-delivery when it
/// was left out, of both for SUCCESS, none for NEVER and for DELAY alone.
///
/// The MTA's own request is at least that of the originator and never empty (X.411
/// 12.2.1.1.1.7), so that a non-delivery is known here even when nobody is told of it.
#[must_use]
pub fn indicators(notify: Option<Notify>) -> PerRecipientIndicators {
    let (success, failure) = match notify {
        None => (false, true),
        Some(Notify::Never) => (false, false),
        Some(Notify::On { success, failure, .. }) => (success, failure),
    };
    PerRecipientIndicators {
        responsibility: true,
        mta_report: success,
        mta_non_delivery_report: !success,
        originator_report: success,
        originator_non_delivery_report: failure && !success,
    }
}

/// NOTIFY where no extension tells it.
pub(crate) fn notify(indicators: PerRecipientIndicators) -> Option<Notify> {
    if indicators.originator_report {
        Some(Notify::On { success: true, failure: true, delay: false })
    } else if indicators.originator_non_delivery_report {
        None
    } else {
        Some(Notify::Never)
    }
}

/// What SMTP sees of a P1 envelope: the private extensions where they are, else what O/R
/// addresses and indicators say.
///
/// # Errors
/// An extension is malformed, or a name has neither an extension nor a mail address.
pub fn smtp_view(envelope: &MessageTransferEnvelope) -> Result<SmtpView, MixerError> {
    let originator = match SmtpOriginator::find(&envelope.extensions)? {
        Some(originator) => originator,
        None => {
            let full = envelope
                .per_message_indicators
                .bit(MessageTransferEnvelope::CONTENT_RETURN_REQUEST);
            let reverse_path = to_rfc822(&envelope.originator)?;
            SmtpOriginator {
                smtputf8: !reverse_path.is_ascii(),
                reverse_path,
                ret: full.then_some(Return::Full),
                ..SmtpOriginator::default()
            }
        }
    };
    let recipients = envelope.recipients.iter().map(view_recipient).collect::<Result<_, _>>()?;
    Ok(SmtpView { originator, recipients })
}

fn view_recipient(fields: &PerRecipientFields) -> Result<ViewedRecipient, MixerError> {
    let recipient = match SmtpRecipient::find(&fields.extensions)? {
        Some(recipient) => recipient,
        None => SmtpRecipient {
            address: to_rfc822(&fields.recipient)?,
            notify: notify(fields.indicators),
            orcpt: None,
        },
    };
    let responsibility = fields.indicators.responsibility;
    Ok(ViewedRecipient { number: fields.number, responsibility, recipient })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp_envelope::Body;

    fn recipient(address: &str, notify: Option<Notify>) -> SmtpRecipient {
        SmtpRecipient { address: address.into(), notify, orcpt: None }
    }

    fn message(recipients: &[SmtpRecipient]) -> Result<MessageTransferEnvelope, MixerError> {
        build_message(&NewMessage {
            originator: &SmtpOriginator {
                reverse_path: "Jo@east.test".into(),
                ret: Some(Return::Full),
                body: Body::EightBit,
                ..SmtpOriginator::default()
            },
            recipients,
            identifier: "c=US;a= ;p=ORG;l=EAST-1".parse().unwrap(),
            base: &"/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap(),
            priority: Priority::Urgent,
            submitted: "2026-11-22T06:47:00Z".parse().unwrap(),
        })
    }

    #[test]
    fn there_and_back() {
        let recipients = [
            recipient("a@west.test", None),
            recipient("\u{e4}@west.test", Some(Notify::Never)),
            recipient("c@x", Some(Notify::On { success: true, failure: false, delay: true })),
        ];
        let envelope = message(&recipients).unwrap();
        let envelope = MessageTransferEnvelope::decode(&envelope.encode()).unwrap();
        let view = smtp_view(&envelope).unwrap();
        assert_eq!(view.originator.reverse_path, "Jo@east.test");
        assert_eq!(view.originator.body, Body::EightBit);
        assert_eq!(view.recipients.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2, 3]);
        let viewed: Vec<_> = view.recipients.into_iter().map(|one| one.recipient).collect();
        assert_eq!(viewed, recipients);
        assert_eq!(envelope.trace[0].domain, envelope.mts_identifier.domain);
        assert!(envelope.per_message_indicators.bit(3));
        assert_eq!(message(&[]), Err(MixerError::NoRecipient));
    }

    #[test]
    fn without_extensions() {
        let mut envelope = message(&[recipient("a@west.test", Some(Notify::Never))]).unwrap();
        envelope.extensions.clear();
        envelope.recipients[0].extensions.clear();
        let view = smtp_view(&envelope).unwrap();
        assert_eq!(view.originator.ret, Some(Return::Full));
        assert_eq!(view.recipients[0].recipient, recipient("a@west.test", Some(Notify::Never)));
        envelope.originator = "/C=US/ADMD= /S=Doe/".parse().unwrap();
        let path = smtp_view(&envelope).unwrap().originator.reverse_path;
        assert_eq!(path, "\"/C=US/ADMD= /S=Doe/\"@x400.invalid");
        envelope.originator = "/C=US/ADMD= /DD.SMTPHASH=00/".parse().unwrap();
        assert!(matches!(smtp_view(&envelope), Err(MixerError::NoMailAddress(_))));
    }

    #[test]
    fn requests_for_reports() {
        let on = |success, failure, delay| Some(Notify::On { success, failure, delay });
        // NOTIFY, MTA report, MTA non-delivery, originator report, originator non-delivery
        let table = [
            (None, [false, true, false, true]),
            (Some(Notify::Never), [false, true, false, false]),
            (on(true, true, false), [true, false, true, false]),
            (on(true, false, false), [true, false, true, false]),
            (on(false, true, true), [false, true, false, true]),
            (on(false, false, true), [false, true, false, false]),
        ];
        for (notify, expected) in table {
            let bits = indicators(notify);
            assert!(bits.responsibility);
            let found = [
                bits.mta_report,
                bits.mta_non_delivery_report,
                bits.originator_report,
                bits.originator_non_delivery_report,
            ];
            assert_eq!(found, expected, "{notify:?}");
        }
    }
}
