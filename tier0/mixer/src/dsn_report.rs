//! From P1 reports to what notifications say, and the SMTP envelope inside reports.
//!
//! The MTA that reports copies the private extensions of its subject into the report, so that
//! the originating MTA needs to keep nothing of a message that it has passed on.

use x400::{
    DeliveryOutcome, ExtensionField, ExtensionKind, MessageTransferEnvelope, MtsUserType, Report,
};

use crate::address::to_rfc822;
use crate::dsn::{Action, DsnRecipient, LastError};
use crate::error::MixerError;
use crate::message::notify;
use crate::oids;
use crate::smtp_envelope::{Notify, SmtpOriginator, SmtpRecipient};

/// Copies the SMTP envelope of a message into a report about it.
pub fn carry_envelope(subject: &MessageTransferEnvelope, report: &mut Report) {
    let copy = |from: &[ExtensionField], to: &mut Vec<ExtensionField>| {
        let ours = [oids::smtp_originator(), oids::smtp_recipient()];
        for field in from {
            let wanted = matches!(&field.kind, ExtensionKind::Private(oid) if ours.contains(oid));
            if wanted && !to.contains(field) {
                to.push(field.clone());
            }
        }
    };
    copy(&subject.extensions, &mut report.content.extensions);
    for fields in &mut report.content.recipients {
        let number = fields.number;
        if let Some(recipient) = subject.recipients.iter().find(|one| one.number == number) {
            copy(&recipient.extensions, &mut fields.extensions);
        }
    }
}

/// What MAIL of the subject said: from the extension in the report, else from the O/R address
/// that the report goes to.
///
/// # Errors
/// The extension is malformed, or the destination has no mail address.
pub fn report_originator(report: &Report) -> Result<SmtpOriginator, MixerError> {
    if let Some(originator) = SmtpOriginator::find(&report.content.extensions)? {
        return Ok(originator);
    }
    let reverse_path = to_rfc822(&report.envelope.destination)?;
    let smtputf8 = !reverse_path.is_ascii();
    Ok(SmtpOriginator { reverse_path, smtputf8, ..SmtpOriginator::default() })
}

/// The recipients of a report whose outcome the sender wants to hear of.
///
/// # Errors
/// An extension is malformed, or a recipient has neither an extension nor a mail address.
pub fn report_recipients(report: &Report) -> Result<Vec<DsnRecipient>, MixerError> {
    let mut recipients = Vec::new();
    for fields in &report.content.recipients {
        let recipient = match SmtpRecipient::find(&fields.extensions)? {
            Some(recipient) => recipient,
            None => SmtpRecipient {
                address: to_rfc822(
                    fields.intended_recipient.as_ref().unwrap_or(&fields.actual_recipient),
                )?,
                notify: notify(fields.indicators),
                orcpt: None,
            },
        };
        if !wants_report(recipient.notify, &fields.outcome) {
            continue;
        }
        let supplementary = fields.supplementary_information.as_ref().map(ToString::to_string);
        let said = supplementary.as_deref().and_then(smtp_reply);
        recipients.push(DsnRecipient {
            address: recipient.address,
            orcpt: recipient.orcpt,
            action: match fields.outcome {
                // A gateway hands over and knows no more (RFC 3464 2.3.3).
                DeliveryOutcome::Delivered { user_type: MtsUserType::OTHER, .. } => Action::Relayed,
                DeliveryOutcome::Delivered { .. } => Action::Delivered,
                DeliveryOutcome::NotDelivered { reason, diagnostic } => {
                    Action::Failed { reason, diagnostic }
                }
            },
            last_error: said.map(|(_, reply)| LastError::Smtp(reply.to_owned())),
            remote_mta: said.map(|(host, _)| host.to_owned()),
            // What is said by the fields above is not said twice.
            supplementary: supplementary.clone().filter(|_| said.is_none()),
            last_attempt: None,
        });
    }
    Ok(recipients)
}

/// Host and reply of `HOST said: 550 5.1.1 WORDS`, as an MTA writes it that heard it over SMTP.
fn smtp_reply(text: &str) -> Option<(&str, &str)> {
    let (host, reply) = text.split_once(" said: ")?;
    let code = reply.get(..3)?;
    let is_code = code.bytes().all(|octet| octet.is_ascii_digit()) && code >= "200";
    (is_code && !host.contains(' ')).then_some((host, reply))
}

/// True when NOTIFY asks for a notification of this outcome (RFC 3461 4.1).
#[must_use]
pub fn wants_report(notify: Option<Notify>, outcome: &DeliveryOutcome) -> bool {
    let delivered = matches!(outcome, DeliveryOutcome::Delivered { .. });
    match notify {
        None => !delivered,
        Some(Notify::Never) => false,
        Some(Notify::On { success, failure, .. }) => {
            if delivered {
                success
            } else {
                failure
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::to_or_address;
    use crate::message::{NewMessage, build_message};
    use x400::{
        DiagnosticCode, MtsApdu, PerRecipientReportFields, Priority, ReasonCode, ReportContent,
        ReportTransferEnvelope, SupplementaryInformation,
    };

    fn report(subject: &MessageTransferEnvelope) -> Report {
        let time = "2026-11-22T06:47:00Z".parse().unwrap();
        let outcomes = [
            DeliveryOutcome::NotDelivered {
                reason: ReasonCode::TRANSFER_FAILURE,
                diagnostic: Some(DiagnosticCode::MAXIMUM_TIME_EXPIRED),
            },
            DeliveryOutcome::Delivered { time, user_type: MtsUserType::PRIVATE },
        ];
        let recipients = subject.recipients.iter().zip(outcomes).map(|(recipient, outcome)| {
            PerRecipientReportFields {
                actual_recipient: recipient.recipient.clone(),
                number: recipient.number,
                indicators: recipient.indicators,
                arrival: time,
                converted_eits: None,
                outcome,
                intended_recipient: None,
                supplementary_information: SupplementaryInformation::new("RPC 1722; [x_y]"),
                extensions: Vec::new(),
                unknown: Vec::new(),
            }
        });
        Report {
            envelope: ReportTransferEnvelope {
                identifier: "c=US;a= ;p=ORG;l=R-1".parse().unwrap(),
                destination: subject.originator.clone(),
                trace: subject.trace.clone(),
                extensions: Vec::new(),
                unknown: Vec::new(),
            },
            content: ReportContent {
                subject: subject.mts_identifier.clone(),
                intermediate_trace: Vec::new(),
                original_eits: None,
                content_type: Some(subject.content_type.clone()),
                content_identifier: None,
                returned_content: None,
                additional_information: None,
                extensions: Vec::new(),
                recipients: recipients.collect(),
                unknown: Vec::new(),
            },
        }
    }

    fn subject(notify: Option<Notify>) -> MessageTransferEnvelope {
        let recipient = |address: &str| SmtpRecipient {
            address: address.into(),
            notify,
            orcpt: Some("rfc822;x+2By@z".into()),
        };
        build_message(&NewMessage {
            originator: &SmtpOriginator {
                reverse_path: "Jo@east.test".into(),
                envid: Some("E1".into()),
                ..SmtpOriginator::default()
            },
            recipients: &[recipient("A@west.test"), recipient("b@west.test")],
            identifier: "c=US;a= ;p=ORG;l=EAST-1".parse().unwrap(),
            base: &"/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap(),
            priority: Priority::Normal,
            submitted: "2026-11-22T06:47:00Z".parse().unwrap(),
        })
        .unwrap()
    }

    #[test]
    fn a_report_carries_the_envelope() {
        let subject = subject(Some(Notify::On { success: true, failure: true, delay: false }));
        let mut report = report(&subject);
        carry_envelope(&subject, &mut report);
        carry_envelope(&subject, &mut report);
        let MtsApdu::Report(report) = MtsApdu::decode(&report.encode()).unwrap() else {
            panic!("a report")
        };
        let originator = report_originator(&report).unwrap();
        assert_eq!(
            (originator.reverse_path.as_str(), originator.envid.as_deref()),
            ("Jo@east.test", Some("E1"))
        );
        let recipients = report_recipients(&report).unwrap();
        assert_eq!(recipients.len(), 2);
        assert_eq!(recipients[0].address, "A@west.test");
        assert_eq!(recipients[0].orcpt.as_deref(), Some("rfc822;x+2By@z"));
        assert_eq!(recipients[0].supplementary.as_deref(), Some("RPC 1722, (x-y)"));
        assert_eq!(recipients[1].action, Action::Delivered);
    }

    #[test]
    fn a_reply_that_was_heard_keeps_its_place() {
        for (text, expected) in [
            (
                "mx.far.test said: 550 5.1.1 no such user",
                Some(("mx.far.test", "550 5.1.1 no such user")),
            ),
            ("somebody there said: 550 no", None),
            ("mx said: nothing", None),
            ("mx said: 55", None),
            ("the time has run out", None),
        ] {
            assert_eq!(smtp_reply(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_was_asked_for() {
        let mut silent = report(&subject(Some(Notify::Never)));
        assert_eq!(report_recipients(&silent).unwrap(), []);
        // Without extensions the indicators speak, and O/R addresses are turned back.
        let plain = report(&subject(None));
        let recipients = report_recipients(&plain).unwrap();
        assert_eq!(recipients.len(), 1);
        assert_eq!(recipients[0].address, "A@west.test");
        assert_eq!(report_originator(&plain).unwrap().reverse_path, "Jo@east.test");
        silent.envelope.destination = to_or_address("", &"/C=US/".parse().unwrap());
        assert_eq!(report_originator(&silent).unwrap().reverse_path, "");
    }
}
