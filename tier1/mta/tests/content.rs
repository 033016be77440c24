//! Messages, probes and reports of other makers' MTAs.
#![expect(clippy::unwrap_used, reason = "what cannot be built here is a failed test")]

use std::collections::BTreeSet;

use ber::{BitString, Encoder, Oid, Tag};
use jiff::Timestamp;
use mta::{Disposition, OutboundError, Site, TransferError};
use queue::{Failure, MessageId, NewMessage, NextHop};
use routing::{
    AddressSpace, AddressType, AllOpen, Domains, Link, Outlet, Request, Restrictions, Router, Table,
};
use x400::{
    ContentType, Criticality, DeliveryOutcome, DiagnosticCode, DowngradeError, ExtensionField,
    ExtensionKind, GlobalDomainIdentifier, Message, MessageTransferEnvelope, MtsApdu, MtsUserType,
    OrName, PerRecipientFields, PerRecipientIndicators, Priority, Probe, ReasonCode,
    SuppliedInformation, TraceElement, standard,
};

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn domain(prmd: &str) -> GlobalDomainIdentifier {
    GlobalDomainIdentifier {
        country: "XX".to_owned(),
        admd: " ".to_owned(),
        prmd: Some(prmd.to_owned()),
    }
}

fn site() -> Site {
    Site { mta_name: "WEST".to_owned(), domain: domain("DEMO"), organization: "Demo".to_owned() }
}

fn router(routes: &Table) -> Router<'_> {
    Router::new(routes, &AllOpen)
}

fn routes() -> Table {
    let mut table = Table::default();
    let mailboxes = Some(BTreeSet::from(["bert".to_owned()]));
    table.insert("west.test", Domains::Local { mailboxes }).unwrap();
    table.insert("far.test", Domains::Peer { name: "FAR".to_owned() }).unwrap();
    table.insert("x400.invalid", Domains::Peer { name: "MTA".to_owned() }).unwrap();
    table
}

fn recipient(number: u32, address: &str) -> PerRecipientFields {
    PerRecipientFields {
        recipient: address.parse().unwrap(),
        number,
        indicators: PerRecipientIndicators {
            responsibility: true,
            mta_non_delivery_report: true,
            originator_non_delivery_report: true,
            ..PerRecipientIndicators::default()
        },
        explicit_conversion: None,
        extensions: Vec::new(),
        unknown: Vec::new(),
    }
}

/// A message of another maker: no extension of ours, an originator without a mail address.
fn foreign(recipients: Vec<PerRecipientFields>) -> MessageTransferEnvelope {
    MessageTransferEnvelope {
        mts_identifier: "c=XX;a= ;p=OTHER;l=1".parse().unwrap(),
        originator: "/C=XX/ADMD= /PRMD=OTHER/O=Firm/S=Doe/G=Jo/".parse().unwrap(),
        original_eits: None,
        content_type: ContentType::BuiltIn(0),
        content_identifier: None,
        priority: Priority::Normal,
        per_message_indicators: BitString::default(),
        deferred_delivery: None,
        bilateral: None,
        trace: vec![TraceElement {
            domain: domain("OTHER"),
            supplied: SuppliedInformation::relayed(now()),
        }],
        extensions: Vec::new(),
        recipients,
        unknown: Vec::new(),
    }
}

const BERT: &str = "/C=XX/ADMD= /PRMD=DEMO/O=Demo/DD.RFC-822=bert(a)west.test/";
const NOBODY: &str = "/C=XX/ADMD= /PRMD=DEMO/O=Demo/DD.RFC-822=nobody(a)west.test/";
const FAR: &str = "/C=XX/ADMD= /PRMD=DEMO/O=Demo/DD.RFC-822=eve(a)far.test/";
const OTHER: &str = "/C=XX/ADMD=GOLD 400/PRMD=OTHER/O=Firm/S=Roe/";

/// The entry; what was read of it on the way in is what will be read of the store.
fn as_stored(entry: mta::Entry) -> NewMessage {
    let mta::Entry { message, subject } = entry;
    if message.kind == queue::Kind::Message {
        assert_eq!(subject, Some(mta::subject(&message.envelope).unwrap()));
    }
    message
}

fn arrived(apdu: &MtsApdu) -> Result<NewMessage, TransferError> {
    let life = |_, _| later(3600);
    mta::from_apdu(
        &site(),
        MessageId::from_number(9),
        &apdu.encode(),
        later(1),
        router(&routes()),
        life,
    )
    .map(as_stored)
}

fn message(envelope: MessageTransferEnvelope) -> MtsApdu {
    MtsApdu::Message(Message { envelope, content: b"Subject: x\r\n\r\nbody\r\n".to_vec() })
}

fn judged(entry: &NewMessage, number: u32) -> Disposition {
    let envelope = mta::subject(&entry.envelope).unwrap().envelope;
    let found = entry.recipients.iter().find(|one| one.number == number).unwrap();
    let request = Request { address: &found.address, ..Request::default() };
    mta::dispose(&site(), router(&routes()), Some((&envelope, number)), &request, |_| true)
}

fn private(critical: Criticality) -> ExtensionField {
    let oid = Oid::from_arcs(&[1, 3, 9, 9]).unwrap();
    let mut field = ExtensionField::private(oid, |encoder| encoder.integer(Tag::INTEGER, 5));
    field.criticality = critical;
    field
}

fn failure(reason: ReasonCode, diagnostic: DiagnosticCode) -> Failure {
    Failure {
        reason: reason.0,
        diagnostic: Some(diagnostic.0),
        error: "no".to_owned(),
        ended: None,
    }
}

#[test]
fn q_12_a_probe_is_answered_without_delivery_and_relayed_as_one() {
    let probe = MtsApdu::Probe(Probe {
        envelope: foreign(vec![recipient(0, BERT), recipient(4, NOBODY), recipient(7, FAR)]),
        content_length: Some(1234),
    });
    let entry = arrived(&probe).unwrap();
    assert!(entry.content.is_empty());
    assert_eq!(judged(&entry, 0), Disposition::Deliver { mailbox: "bert".to_owned() });
    let Disposition::Fail { reason, diagnostic, .. } = judged(&entry, 4) else { panic!() };
    assert_eq!(
        (reason, diagnostic),
        (ReasonCode::UNABLE_TO_TRANSFER, DiagnosticCode::UNRECOGNISED_OR_NAME)
    );
    assert_eq!(entry.recipients[2].next_hop, NextHop::Peer("FAR".to_owned()));

    let mta::Subject { envelope: subject, probe: is_probe, .. } =
        mta::subject(&entry.envelope).unwrap();
    assert!(is_probe);
    let id = || site().mts_identifier(MessageId::from_number(11));
    let positive =
        mta::probed(&site(), id(), &subject, (0, MtsUserType::PRIVATE), later(2)).unwrap();
    let [only] = &positive.content.recipients[..] else { panic!() };
    assert!(matches!(only.outcome, DeliveryOutcome::Delivered { .. }));
    assert_eq!(positive.envelope.destination, subject.originator);
    let failures = [(4, failure(reason, diagnostic))];
    let negative = mta::non_delivery(&site(), id(), &subject, b"", &failures, later(2)).unwrap();
    assert_eq!(negative.content.recipients[0].number, 4);
    assert_eq!(negative.content.returned_content, None);

    let relayed = mta::apdu(entry.kind, &entry.envelope, &entry.content, &[7]).unwrap();
    let MtsApdu::Probe(relayed) = MtsApdu::decode(&relayed).unwrap() else { panic!() };
    assert_eq!(relayed.content_length, Some(1234));
    let numbers: Vec<_> = relayed.envelope.recipients.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [7], "never numbered anew");
    assert_eq!(x400::internal_trace(&relayed.envelope.extensions).unwrap()[0].mta_name, "WEST");
}

#[test]
fn q_01_unknown_extensions_are_relayed_octet_for_octet() {
    let mut envelope = foreign(vec![recipient(1, FAR)]);
    envelope.extensions.push(private(Criticality::default()));
    envelope.recipients[0].extensions.push(private(Criticality::new(true, false, false)));
    let number = ExtensionKind::Standard(999);
    let mut unheard_of = private(Criticality::default());
    unheard_of.kind = number;
    envelope.extensions.push(unheard_of.clone());
    let entry = arrived(&message(envelope.clone())).unwrap();
    assert_eq!(entry.recipients[0].next_hop, NextHop::Peer("FAR".to_owned()));
    let apdu = mta::apdu(entry.kind, &entry.envelope, &entry.content, &[1]).unwrap();
    let MtsApdu::Message(relayed) = MtsApdu::decode(&apdu).unwrap() else { panic!() };
    assert_eq!(relayed.envelope.extensions[..2], envelope.extensions[..]);
    assert_eq!(relayed.envelope.recipients[0].extensions, envelope.recipients[0].extensions);
}

#[test]
fn q_02_what_is_critical_and_unknown_is_not_delivered() {
    let fails = |entry: &NewMessage, number| {
        let Disposition::Fail { reason, diagnostic, text } = judged(entry, number) else {
            panic!()
        };
        assert!(text.contains("1.3.9.9"), "{text}");
        (reason, diagnostic)
            == (ReasonCode::UNABLE_TO_TRANSFER, DiagnosticCode::UNSUPPORTED_CRITICAL_FUNCTION)
    };
    // Critical for transfer: the recipient fails here and goes no further; the other goes on.
    let mut envelope = foreign(vec![recipient(1, FAR), recipient(2, FAR), recipient(3, BERT)]);
    envelope.recipients[0].extensions.push(private(Criticality::new(false, true, false)));
    envelope.recipients[2].extensions.push(private(Criticality::new(false, false, true)));
    let entry = arrived(&message(envelope)).unwrap();
    assert_eq!(entry.recipients[0].next_hop, NextHop::Local);
    assert!(fails(&entry, 1));
    assert_eq!(entry.recipients[1].next_hop, NextHop::Peer("FAR".to_owned()));
    assert!(fails(&entry, 3), "critical for delivery");
    // For the message as a whole.
    let mut envelope = foreign(vec![recipient(1, FAR)]);
    envelope.extensions.push(private(Criticality::new(false, true, false)));
    assert!(fails(&arrived(&message(envelope)).unwrap(), 1));
}

/// Recipients by three ways and one who is another MTA's affair: over all copies one is responsible for each, and nobody is
/// told of the others unless the originator allows it.
#[test]
fn q_07_one_copy_is_responsible_for_each_recipient() {
    for disclosed in [true, false] {
        let mut fields = vec![
            recipient(1, BERT),
            recipient(2, FAR),
            recipient(3, OTHER),
            recipient(5, "/C=XX/ADMD= /PRMD=DEMO/O=Demo/DD.RFC-822=else(a)far.test/"),
        ];
        fields[3].indicators.responsibility = false;
        let mut envelope = foreign(fields);
        if disclosed {
            envelope.per_message_indicators = BitString { bytes: vec![0x80], unused: 0 };
        }
        let entry = arrived(&message(envelope)).unwrap();
        let ways: Vec<_> =
            entry.recipients.iter().map(|one| (one.number, one.next_hop.clone())).collect();
        let peer = |name: &str| NextHop::Peer(name.to_owned());
        assert_eq!(ways, [(1, NextHop::Local), (2, peer("FAR")), (3, peer("MTA"))]);
        let copies = [1, 2, 3].map(|number| {
            let apdu = mta::apdu(entry.kind, &entry.envelope, &entry.content, &[number]).unwrap();
            let MtsApdu::Message(copy) = MtsApdu::decode(&apdu).unwrap() else {
                panic!("{apdu:?}")
            };
            let told = copy.envelope.recipients.iter();
            told.map(|one| (one.number, one.indicators.responsibility)).collect::<Vec<_>>()
        });
        let of = |copy: u32| match disclosed {
            true => [1, 2, 3, 5].map(|number| (number, number == copy)).to_vec(),
            false => vec![(copy, true)],
        };
        assert_eq!(copies, [1, 2, 3].map(of));
    }
}

/// The clock of an MTA before this one is ahead: the message lives no longer than one of now.
#[test]
fn a_message_of_the_future_counts_from_now() {
    let mut envelope = foreign(vec![recipient(1, FAR)]);
    envelope.trace[0].supplied = SuppliedInformation::relayed(later(365 * 24 * 3600));
    assert_eq!(arrived(&message(envelope)).unwrap().submitted, later(1));
    let envelope = foreign(vec![recipient(1, FAR)]);
    assert_eq!(arrived(&message(envelope)).unwrap().submitted, now());
}

#[test]
fn q_09_audited_reports_carry_the_trace_and_mta_requests_count() {
    let mut envelope = foreign(vec![recipient(1, BERT)]);
    let entry = arrived(&message(envelope.clone())).unwrap();
    let subject = mta::subject(&entry.envelope).unwrap().envelope;
    let id = || site().mts_identifier(MessageId::from_number(11));
    assert!(mta::delivery(&site(), id(), &subject, (1, MtsUserType::PRIVATE), later(2)).is_none());

    envelope.recipients[0].indicators.mta_report = true;
    let entry = arrived(&message(envelope)).unwrap();
    let subject = mta::subject(&entry.envelope).unwrap().envelope;
    let report =
        mta::delivery(&site(), id(), &subject, (1, MtsUserType::PRIVATE), later(2)).unwrap();
    assert_eq!(report.content.intermediate_trace, subject.trace);
    assert_eq!(report.content.intermediate_trace.len(), 2, "OTHER and DEMO");
}

#[test]
fn q_11_content_is_returned_only_when_asked() {
    let failures =
        [(1, failure(ReasonCode::TRANSFER_FAILURE, DiagnosticCode::MAXIMUM_TIME_EXPIRED))];
    let id = || site().mts_identifier(MessageId::from_number(11));
    let mut subject = foreign(vec![recipient(1, FAR)]);
    let report = |subject: &MessageTransferEnvelope| {
        mta::non_delivery(&site(), id(), subject, b"content", &failures, later(2)).unwrap()
    };
    assert_eq!(report(&subject).content.returned_content, None);
    subject.per_message_indicators = BitString::from_bits(&[false, false, false, true]);
    assert_eq!(report(&subject).content.returned_content.as_deref(), Some(&b"content"[..]));
}

#[test]
fn q_13_and_14_deferred_and_latest_delivery_reach_the_queue() {
    let mut envelope = foreign(vec![recipient(1, FAR)]);
    let at = x400::format_utc_time(later(60));
    envelope.extensions.push(ExtensionField::standard(standard::LATEST_DELIVERY_TIME, |encoder| {
        encoder.text(Tag::UTC_TIME, &at);
    }));
    envelope.deferred_delivery = Some(later(30));
    let wishes = arrived(&message(envelope)).unwrap().wishes;
    assert_eq!(wishes.latest_delivery, Some(later(60)));
    assert_eq!(wishes.deferred_until, Some(later(30)), "q_13");
}

#[test]
fn q_16_and_17_histories_are_read_and_carried() {
    let list: OrName = "/C=XX/ADMD= /O=Firm/CN=All/".parse().unwrap();
    let step = |encoder: &mut Encoder| {
        encoder.raw(&list.encode());
        encoder.text(Tag::UTC_TIME, &x400::format_utc_time(now()));
    };
    let expansion = ExtensionField::standard(standard::DL_EXPANSION_HISTORY, |encoder| {
        encoder.constructed(Tag::SEQUENCE, |encoder| encoder.constructed(Tag::SEQUENCE, step));
    });
    let redirection = ExtensionField::standard(standard::REDIRECTION_HISTORY, |encoder| {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            encoder.constructed(Tag::SEQUENCE, |encoder| {
                encoder.constructed(Tag::SEQUENCE, step);
                encoder.integer(Tag::ENUMERATED, 1);
            });
        });
    });
    let mut envelope = foreign(vec![recipient(1, FAR)]);
    envelope.extensions.push(expansion);
    envelope.recipients[0].extensions.push(redirection);
    let entry = arrived(&message(envelope)).unwrap();
    let kept = mta::subject(&entry.envelope).unwrap().envelope;
    let lists = x400::dl_expansion_history(&kept.extensions).unwrap();
    assert_eq!((&lists[0].list, lists[0].time), (&list, now()));
    let steps = x400::redirection_history(&kept.recipients[0].extensions).unwrap();
    assert_eq!((&steps[0].intended_recipient, steps[0].reason), (&list, 1));
}

#[test]
fn q_19_addresses_without_mail_in_them_are_carried() {
    let entry = arrived(&message(foreign(vec![recipient(1, OTHER)]))).unwrap();
    assert_eq!(entry.originator, "\"/C=XX/ADMD= /PRMD=OTHER/O=Firm/S=Doe/G=Jo/\"@x400.invalid");
    assert_eq!(entry.recipients[0].next_hop, NextHop::Peer("MTA".to_owned()));
    let address = &entry.recipients[0].address;
    let base = site().base_address();
    assert_eq!(mixer::to_or_address(address, &base), OTHER.parse().unwrap(), "and back");
    // A report on it finds its way.
    let subject = mta::subject(&entry.envelope).unwrap().envelope;
    let id = site().mts_identifier(MessageId::from_number(11));
    let failures =
        [(1, failure(ReasonCode::TRANSFER_FAILURE, DiagnosticCode::MAXIMUM_TIME_EXPIRED))];
    let report = mta::non_delivery(&site(), id, &subject, b"", &failures, later(2)).unwrap();
    let life = |_, _| later(60);
    let home =
        mta::report_entry(MessageId::from_number(12), &report, later(2), router(&routes()), life)
            .unwrap();
    assert_eq!(home.recipients[0].next_hop, NextHop::Peer("MTA".to_owned()));
}

/// The way of an O/R address: the mail address in it first, then the closest address space; never back.
#[test]
fn an_or_address_goes_by_the_space_that_fits_it() {
    assert_eq!(routing::X400_DOMAIN, mixer::X400_DOMAIN);
    let mut table = routes();
    let space = |pattern| AddressSpace::new(AddressType::X400, pattern, 1).unwrap();
    for (name, pattern) in [("WORLD", "*"), ("GERMANY", "/C=DE/ADMD= /"), ("ACME", "p=ac*;c=de")] {
        let link = Link {
            name: name.to_owned(),
            outlet: Outlet::Mta(name.to_owned()),
            spaces: vec![space(pattern)],
            restrictions: Restrictions::default(),
            max_open_retries: None,
            inside: false,
        };
        table.add_link(link).unwrap();
    }
    let take = |address: &str, came_by: &str| {
        let apdu = message(foreign(vec![recipient(1, address)])).encode();
        let routes = router(&table).came_by(came_by);
        let id = MessageId::from_number(9);
        let entry = mta::from_apdu(&site(), id, &apdu, now(), routes, |_, _| later(60)).unwrap();
        (entry.message.recipients[0].next_hop.clone(), entry.message.recipients[0].address.clone())
    };
    let peer = |name: &str| NextHop::Peer(name.to_owned());
    for (address, came_by, hop) in [
        ("/C=DE/ADMD= /PRMD=ACME/O=X/S=Y/", "MTA", "ACME"),
        ("/C=DE/ADMD= /PRMD=Other/S=Y/", "MTA", "GERMANY"),
        ("/C=DE/ADMD=DBP/PRMD=Acme/S=Y/", "MTA", "ACME"),
        ("/C=FR/ADMD= /PRMD=ACME/S=Y/", "MTA", "WORLD"),
        ("/C=DE/ADMD= /PRMD=ACME/S=Y/", "ACME", "GERMANY"),
        ("/C=DE/ADMD= /PRMD=ACME/DD.RFC-822=x(a)far.test/", "MTA", "FAR"),
        ("/C=DE/ADMD= /PRMD=ACME/DD.RFC-822=x(a)nowhere.test/", "MTA", "ACME"),
    ] {
        assert_eq!(take(address, came_by).0, peer(hop), "{address} from {came_by}");
    }
    let (_, kept) = take("/C=DE/ADMD= /PRMD=ACME/DD.RFC-822=x(a)nowhere.test/", "MTA");
    assert_eq!(kept, "\"/C=DE/ADMD= /PRMD=ACME/DD.RFC-822=x(a)nowhere.test/\"@x400.invalid");
    // From SMTP to the same: the address stands in quotes.
    let whole = "\"/C=DE/ADMD= /PRMD=ACME/O=X/S=Y/\"@x400.invalid";
    let choice = table.choose(whole);
    assert_eq!((choice.name.as_str(), choice.outside), ("ACME", true));
    assert_eq!(choice.space.as_deref(), Some("x400:p=ac*;c=de"));
    let germany = choice.considered.iter().find(|one| one.route.starts_with("GERMANY")).unwrap();
    assert_eq!(germany.why_not, "another address space fits more closely");
}

#[test]
fn contents_that_are_no_mail_do_not_go_into_a_mailbox() {
    let mut envelope = foreign(vec![recipient(1, BERT)]);
    // EDI; an interpersonal message is made a mail.
    envelope.content_type = ContentType::BuiltIn(35);
    let Disposition::Fail { diagnostic, .. } = judged(&arrived(&message(envelope)).unwrap(), 1)
    else {
        panic!()
    };
    assert_eq!(diagnostic, DiagnosticCode::CONTENT_TYPE_NOT_SUPPORTED);
}

fn downgraded(
    envelope: MessageTransferEnvelope,
) -> Result<MessageTransferEnvelope, DowngradeError> {
    match mta::downgrade(&message(envelope).encode()) {
        Ok(apdu) => {
            let MtsApdu::Message(message) = MtsApdu::decode(&apdu).unwrap() else { panic!() };
            Ok(message.envelope)
        }
        Err(OutboundError::Downgrade(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// A common name went on as the attribute `common` and the report about it matched no more: the
/// number of the recipient is what a report is matched by, and it stays.
#[test]
fn q170054_a_common_name_goes_on_as_a_domain_defined_attribute() {
    let mut envelope = foreign(vec![recipient(3, "/C=XX/ADMD= /O=Firm/CN=All Hands/")]);
    envelope.content_type = ContentType::Extended(Oid::from_arcs(&[1, 3, 9]).unwrap());
    envelope.extensions.push(private(Criticality::new(true, false, false)));
    let old = downgraded(envelope).unwrap();
    let address = old.recipients[0].recipient.to_string();
    assert_eq!(address, "/C=XX/ADMD= /O=Firm/DD.common=All Hands/");
    assert_eq!((old.recipients[0].number, old.extensions.len()), (3, 0));
    assert_eq!(old.content_type, ContentType::BuiltIn(0));
}

#[test]
fn what_1984_cannot_say_is_not_sent_there() {
    let mut critical = foreign(vec![recipient(1, FAR)]);
    critical.extensions.push(private(Criticality::new(false, true, false)));
    assert!(matches!(downgraded(critical), Err(DowngradeError::Critical(_))));
    let postal = foreign(vec![recipient(1, "/C=XX/ADMD= /X-EXT.9=130161/")]);
    assert!(matches!(downgraded(postal), Err(DowngradeError::Address(_))));
    let mut content = foreign(vec![recipient(1, FAR)]);
    content.content_type = ContentType::BuiltIn(22);
    assert_eq!(downgraded(content), Err(DowngradeError::Content));
}

/// A report was discarded on a link of 1984 for codes that it did not know there.
#[test]
fn q188597_reports_cross_a_link_of_1984() {
    let subject = foreign(vec![recipient(1, FAR)]);
    let id = site().mts_identifier(MessageId::from_number(11));
    let failures = [(
        1,
        failure(
            ReasonCode::DIRECTORY_OPERATION_UNSUCCESSFUL,
            DiagnosticCode::UNABLE_TO_COMPLETE_TRANSFER,
        ),
    )];
    let report = mta::non_delivery(&site(), id, &subject, b"", &failures, later(2)).unwrap();
    let old = mta::downgrade(&report.encode()).unwrap();
    let MtsApdu::Report(old) = MtsApdu::decode(&old).unwrap() else { panic!() };
    let outcome =
        DeliveryOutcome::NotDelivered { reason: ReasonCode::UNABLE_TO_TRANSFER, diagnostic: None };
    assert_eq!(old.content.recipients[0].outcome, outcome);
    assert!(old.envelope.extensions.is_empty() && old.content.content_type.is_none());
}

/// ADMD as one space stood for a domain of its own.
#[test]
fn q168136_a_single_space_is_an_administration_domain() {
    let entry = arrived(&message(foreign(vec![recipient(1, BERT)]))).unwrap();
    let envelope = mta::subject(&entry.envelope).unwrap().envelope;
    assert_eq!(envelope.mts_identifier.domain.admd, " ");
    assert_eq!(envelope.trace[0].domain, envelope.mts_identifier.domain, "KB Q159566");
}

/// Over-long domain names of a peer pass; a submission with one is refused.
#[test]
fn q169860_bounds_hold_for_what_begins_here() {
    let long = "/C=XX/ADMD=ABCDEFGHIJKLMNOPQRST/PRMD=OTHER/O=Firm/S=Roe/";
    let entry = arrived(&message(foreign(vec![recipient(1, long)]))).unwrap();
    let address = entry.recipients[0].address.clone();
    let routes = routes();
    let submission = mta::Submission {
        originator: mixer::SmtpOriginator {
            reverse_path: "bert@west.test".to_owned(),
            ..mixer::SmtpOriginator::default()
        },
        recipients: vec![mixer::SmtpRecipient { address, ..mixer::SmtpRecipient::default() }],
        content: b"Subject: x\r\n\r\n".to_vec(),
        added: 0,
        submitted: now(),
        routes: router(&routes),
    };
    let refused = mta::from_submission(&site(), MessageId::from_number(3), submission, |_| now());
    let error = refused.unwrap_err();
    assert!(matches!(
        error,
        TransferError::Envelope(mixer::MixerError::TooLong { key: "ADMD", .. })
    ));
}

/// Two messages of one second had the same identifier, and the second one was lost as a repetition.
#[test]
fn q126304_identifiers_of_one_second_differ() {
    let routes = routes();
    let identifiers: BTreeSet<String> = (0..1000)
        .map(|number| {
            let submission = mta::Submission {
                originator: mixer::SmtpOriginator {
                    reverse_path: "bert@west.test".to_owned(),
                    ..mixer::SmtpOriginator::default()
                },
                recipients: vec![mixer::SmtpRecipient {
                    address: "x@far.test".to_owned(),
                    ..mixer::SmtpRecipient::default()
                }],
                content: b"Subject: x\r\n\r\n".to_vec(),
                added: 0,
                submitted: now(),
                routes: router(&routes),
            };
            let id = MessageId::from_number(number);
            mta::from_submission(&site(), id, submission, |_| later(60)).unwrap().message.mts_id
        })
        .collect();
    assert_eq!(identifiers.len(), 1000);
    assert!(identifiers.iter().all(|one| one.len() <= 100));
}

/// Peers refuse a message (1/11) whose first trace element is of another domain than its identifier:
/// ours never is such, and one that came so is relayed as it came.
#[test]
fn q159566_the_first_trace_element_is_of_the_domain_of_the_identifier() {
    let mut odd = foreign(vec![recipient(1, FAR)]);
    odd.trace[0].domain = domain("ELSEWHERE");
    let entry = arrived(&message(odd.clone())).unwrap();
    let sent = mta::apdu(entry.kind, &entry.envelope, &entry.content, &[1]).unwrap();
    let MtsApdu::Message(relayed) = MtsApdu::decode(&sent).unwrap() else { panic!() };
    assert_eq!(relayed.envelope.trace[0], odd.trace[0]);
    assert_eq!(relayed.envelope.mts_identifier, odd.mts_identifier);
    // A report of ours begins here.
    let failures =
        [(1, failure(ReasonCode::UNABLE_TO_TRANSFER, DiagnosticCode::UNRECOGNISED_OR_NAME))];
    let id = site().mts_identifier(MessageId::from_number(12));
    let report = mta::non_delivery(&site(), id.clone(), &odd, b"", &failures, later(2)).unwrap();
    assert_eq!(report.envelope.trace[0].domain, id.domain);
}

/// A report that could not be delivered was reported itself, or stopped the queue: it is disposed
/// of like any message, asks for no report, and none is made about it.
#[test]
fn q196663_q179837_a_report_that_cannot_be_delivered_makes_no_report() {
    let mut subject = foreign(vec![recipient(1, BERT)]);
    // Its originator is a mailbox of this MTA that is gone.
    subject.originator = "gone@west.test"
        .parse()
        .unwrap_or_else(|_| "/C=XX/ADMD= /DD.RFC-822=gone(a)west.test/".parse().unwrap());
    let failures =
        [(1, failure(ReasonCode::UNABLE_TO_TRANSFER, DiagnosticCode::UNRECOGNISED_OR_NAME))];
    let id = site().mts_identifier(MessageId::from_number(13));
    let report = mta::non_delivery(&site(), id, &subject, b"", &failures, later(2)).unwrap();
    let entry = arrived(&MtsApdu::Report(report)).unwrap();
    assert_eq!(entry.kind, queue::Kind::Report);
    assert!(entry.recipients.iter().all(|one| !one.report_wanted), "{:?}", entry.recipients);
    let request = Request { address: &entry.recipients[0].address, ..Request::default() };
    let disposition = mta::dispose(&site(), router(&routes()), None, &request, |_| true);
    assert!(matches!(disposition, Disposition::Fail { .. }), "{disposition:?}");
}

/// P22 with nothing in it that 1984 does not know is P2, and goes on as such.
#[test]
fn a_plain_p22_goes_on_as_p2() {
    const P22: &[u8] = include_bytes!("../../../tier0/x400/tests/vectors/plain.p22");
    let sent = |content: &[u8]| {
        let mut envelope = foreign(vec![recipient(1, FAR)]);
        envelope.content_type = ContentType::BuiltIn(22);
        let mut apdu = MtsApdu::Message(Message { envelope, content: content.to_vec() });
        apdu.downgrade().map(|()| apdu)
    };
    // As it is, the recipient in its heading has a common name: an extension attribute.
    assert_eq!(sent(P22).unwrap_err(), DowngradeError::Content);
    let mut plain = P22.to_vec();
    assert_eq!(plain[0x9a], 0x31);
    // In its place domain-defined attributes.
    plain[0x9a] = 0x30;
    let MtsApdu::Message(old) = sent(&plain).unwrap() else { panic!() };
    assert_eq!(old.envelope.content_type, ContentType::BuiltIn(2));
    assert_eq!(old.content, plain, "octet for octet");
    for at in 0..plain.len() {
        assert_eq!(sent(&plain[..at]).unwrap_err(), DowngradeError::Content, "cut at {at}");
    }
    // Extensions of the heading [15] in the place of the subject, an extended body part [15],
    // recipient extensions [3], and a notification [1].
    for (at, was, tag) in
        [(0xb1, 0xa8, 0xaf), (0xc1, 0xa0, 0xaf), (0xad, 0x81, 0x83), (0, 0xa0, 0xa1)]
    {
        let mut bent = plain.clone();
        assert_eq!(bent[at], was);
        bent[at] = tag;
        assert_eq!(sent(&bent).unwrap_err(), DowngradeError::Content, "{at:#x}");
    }
}
