//! Mail on its way to MTAs that know no mail (RFC 2156 5.1).
#![expect(clippy::unwrap_used, reason = "what cannot be built here is a failed test")]

use mixer::{Edition, NewMessage, SmtpOriginator, SmtpRecipient, build_message};
use mta::{OutboundError, Site, Subject};
use queue::MessageId;
use x400::{ContentType, DowngradeError, MtsApdu, Priority};

const PLAIN: &[u8] = b"Subject: x\r\nX-More: y\r\n\r\nplain\r\n";
const LATIN: &[u8] = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xfc\r\n";
const P22: ContentType = ContentType::BuiltIn(22);

fn site() -> Site {
    let domain = "c=US;a= ;p=ORG".parse().unwrap();
    Site { mta_name: "EAST".to_owned(), domain, organization: "Demo".to_owned() }
}

fn subject() -> Subject {
    let site = site();
    let envelope = build_message(&NewMessage {
        originator: &SmtpOriginator {
            reverse_path: "Anna@east.test".to_owned(),
            envid: Some("e1".to_owned()),
            ..SmtpOriginator::default()
        },
        recipients: &[SmtpRecipient { address: "bert@west.test".to_owned(), ..Default::default() }],
        identifier: site.mts_identifier(MessageId::from_number(7)),
        base: &site.base_address(),
        priority: Priority::Normal,
        submitted: "2026-11-22T06:47:00Z".parse().unwrap(),
    });
    mta::subject(&envelope.unwrap().encode()).unwrap()
}

fn sent(mail: &[u8], edition: Edition) -> Vec<u8> {
    let (subject, content) =
        mta::converted(&subject(), mail, &site().base_address(), edition).unwrap();
    mta::transfer(&subject, &content, &[1])
}

fn message(apdu: &[u8]) -> x400::Message {
    let MtsApdu::Message(message) = MtsApdu::decode(apdu).unwrap() else { panic!() };
    message
}

#[test]
fn the_envelope_says_what_the_content_is_and_keeps_the_rest() {
    let apdu = sent(LATIN, Edition::Of1988);
    assert_eq!(apdu, sent(LATIN, Edition::Of1988), "a transfer that breaks can be gone on with");
    let (made, before) = (message(&apdu), subject().envelope);
    assert_eq!(made.envelope.content_type, P22);
    let types = wire::to_hex(made.envelope.original_eits.as_ref().unwrap().as_bytes());
    assert!(types.starts_with("65"), "{types}");
    assert_eq!(made.envelope.extensions, before.extensions);
    assert_eq!(made.envelope.recipients[0].extensions, before.recipients[0].extensions);
    assert_eq!(made.envelope.mts_identifier, before.mts_identifier);
    assert_eq!(made.content.first(), Some(&0xa0));
}

/// A report about it finds its way back to the mail's originator.
#[test]
fn a_report_about_it_is_one_about_the_mail() {
    let made = message(&sent(LATIN, Edition::Of1988));
    let failure = queue::Failure {
        reason: x400::ReasonCode::UNABLE_TO_TRANSFER.0,
        diagnostic: Some(x400::DiagnosticCode::CONTENT_TYPE_NOT_SUPPORTED.0),
        error: "no".to_owned(),
        ended: None,
    };
    let report = mta::non_delivery(
        &site(),
        site().mts_identifier(MessageId::from_number(8)),
        &made.envelope,
        &made.content,
        &[(1, failure)],
        "2026-11-22T06:48:00Z".parse().unwrap(),
    )
    .unwrap();
    let originator = mixer::report_originator(&report).unwrap();
    assert_eq!(originator.reverse_path, "Anna@east.test");
    assert_eq!(originator.envid.as_deref(), Some("e1"));
    assert_eq!(mixer::report_recipients(&report).unwrap()[0].address, "bert@west.test");
}

#[test]
fn plain_text_goes_to_1984_and_nothing_else() {
    let old = mta::downgrade(&sent(PLAIN, Edition::Of1984)).unwrap();
    assert_eq!(message(&old).envelope.content_type, ContentType::BuiltIn(2));
    let latin = mta::downgrade(&sent(LATIN, Edition::Of1984));
    assert!(matches!(latin, Err(OutboundError::Downgrade(DowngradeError::Content))));
}

#[test]
fn what_is_no_mail_of_ours_stays_as_it_is() {
    let mut subject = subject();
    let base = site().base_address();
    subject.probe = true;
    let (probe, content) = mta::converted(&subject, b"", &base, Edition::Of1988).unwrap();
    assert_eq!((probe.envelope.content_type, content.len()), (P22, 0));
    for kind in [P22, ContentType::BuiltIn(0), ContentType::BuiltIn(35)] {
        subject.envelope.content_type = kind;
        assert_eq!(mta::converted(&subject, PLAIN, &base, Edition::Of1988), None);
    }
}
