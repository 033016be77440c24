//! Whole APDUs as they go out, from an SMTP envelope to octets and back.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use mixer::{
    Body, NewMessage, Notify, SmtpOriginator, SmtpRecipient, build_message, carry_envelope,
    smtp_view,
};
use x400::{
    DeliveryOutcome, DiagnosticCode, GlobalDomainIdentifier, Message, MessageTransferEnvelope,
    MtsApdu, MtsUserType, PerRecipientReportFields, Priority, ReasonCode, Report, ReportContent,
    ReportTransferEnvelope, SupplementaryInformation, SuppliedInformation, append_trace,
    detects_loop, internal_trace,
};

const CONTENT: &[u8] = b"Subject: hello\r\n\r\nbody\r\n";

fn domain() -> GlobalDomainIdentifier {
    "c=US;a= ;p=ORG".parse().unwrap()
}

fn envelope() -> MessageTransferEnvelope {
    let time = "2026-11-22T06:47:00Z".parse().unwrap();
    let recipient = |address: &str, notify| SmtpRecipient {
        address: address.into(),
        notify,
        orcpt: Some("rfc822;jo@west.test".into()),
    };
    let mut envelope = build_message(&NewMessage {
        originator: &SmtpOriginator {
            reverse_path: "jo_doe@east.test".into(),
            body: Body::EightBit,
            smtputf8: true,
            ..SmtpOriginator::default()
        },
        recipients: &[
            recipient("ann@west.test", None),
            recipient("j\u{f6}rg@west.test", Some(Notify::Never)),
        ],
        identifier: "c=US;a= ;p=ORG;l=EAST-261122T064700-1".parse().unwrap(),
        base: &"/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap(),
        priority: Priority::Urgent,
        submitted: time,
    })
    .unwrap();
    append_trace(&mut envelope, &domain(), "EAST", SuppliedInformation::relayed(time)).unwrap();
    envelope
}

fn report(subject: &MessageTransferEnvelope) -> Report {
    let time = "2026-11-22T06:48:00Z".parse().unwrap();
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
            intended_recipient: Some(recipient.recipient.clone()),
            supplementary_information: SupplementaryInformation::new("access denied (5)"),
            extensions: Vec::new(),
            unknown: Vec::new(),
        }
    });
    let mut report = Report {
        envelope: ReportTransferEnvelope {
            identifier: "c=US;a= ;p=ORG;l=WEST-261122T064800-1".parse().unwrap(),
            destination: subject.originator.clone(),
            trace: Vec::new(),
            extensions: Vec::new(),
            unknown: Vec::new(),
        },
        content: ReportContent {
            subject: subject.mts_identifier.clone(),
            intermediate_trace: Vec::new(),
            original_eits: None,
            content_type: Some(subject.content_type.clone()),
            content_identifier: None,
            returned_content: Some(CONTENT.to_vec()),
            additional_information: None,
            extensions: Vec::new(),
            recipients: recipients.collect(),
            unknown: Vec::new(),
        },
    };
    let supplied = SuppliedInformation::relayed(time);
    append_trace(&mut report.envelope, &domain(), "WEST", supplied).unwrap();
    carry_envelope(subject, &mut report);
    report
}

#[test]
fn a_message_crosses_two_servers() {
    let sent = Message { envelope: envelope(), content: CONTENT.to_vec() };
    let octets = MtsApdu::Message(sent.clone()).encode();
    let MtsApdu::Message(mut came) = MtsApdu::decode(&octets).unwrap() else { panic!("a message") };
    assert_eq!(came, sent);
    assert!(!detects_loop(&came.envelope, &domain(), "WEST"));
    assert!(detects_loop(&came.envelope, &domain(), "east"));
    let time = "2026-11-22T06:47:01Z".parse().unwrap();
    append_trace(&mut came.envelope, &domain(), "WEST", SuppliedInformation::relayed(time))
        .unwrap();
    let internal = internal_trace(&came.envelope.extensions).unwrap();
    let names: Vec<&str> = internal.iter().map(|element| element.mta_name.as_str()).collect();
    assert_eq!(names, ["EAST", "WEST"]);
    assert_eq!(came.envelope.trace.len(), 1, "one domain, one external element");
    let view = smtp_view(&came.envelope).unwrap();
    assert_eq!(view.originator.reverse_path, "jo_doe@east.test");
    assert_eq!(view.recipients[1].recipient.address, "j\u{f6}rg@west.test");
    for end in 0..octets.len() {
        assert!(MtsApdu::decode(&octets[..end]).is_err());
    }
}

#[test]
fn a_report_comes_back() {
    let report = report(&envelope());
    let octets = MtsApdu::Report(report.clone()).encode();
    assert_eq!(MtsApdu::decode(&octets).unwrap(), MtsApdu::Report(report));
    for end in 0..octets.len() {
        assert!(MtsApdu::decode(&octets[..end]).is_err());
    }
}
