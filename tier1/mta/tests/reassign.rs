//! Redirection and expansion of lists, as X.411 wants what they leave in envelopes and reports.
#![expect(clippy::unwrap_used, reason = "what cannot be built here is a failed test")]

use std::sync::Arc;

use ber::{BitString, Tag};
use jiff::Timestamp;
use mta::{DistributionList, ReportPolicy, Site, SubmitPermission};
use queue::{Failure, MessageId, NextHop};
use routing::{AllOpen, Domains, Router, Table};
use x400::{
    ContentType, DiagnosticCode, DlExpansion, ExtensionField, ExtensionKind,
    GlobalDomainIdentifier, MessageTransferEnvelope, MtsApdu, MtsUserType, OrName,
    PerRecipientFields, PerRecipientIndicators, Priority, ReasonCode, Redirection, Report,
    SuppliedInformation, TraceElement, standard,
};

const ANNA: &str = "/C=XX/ADMD= /PRMD=DEMO/O=Demo/DD.RFC-822=anna(a)west.test/";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn later() -> Timestamp {
    "2026-11-22T12:10:00Z".parse().unwrap()
}

fn domain(prmd: &str) -> GlobalDomainIdentifier {
    let (country, admd) = ("XX".to_owned(), " ".to_owned());
    GlobalDomainIdentifier { country, admd, prmd: Some(prmd.to_owned()) }
}

fn site() -> Site {
    Site { mta_name: "WEST".to_owned(), domain: domain("DEMO"), organization: "Demo".to_owned() }
}

fn routes() -> Table {
    let mut table = Table::default();
    table.insert("west.test", Domains::Local { mailboxes: None }).unwrap();
    table.insert("far.test", Domains::Peer { name: "FAR".to_owned() }).unwrap();
    table.insert("x400.invalid", Domains::Peer { name: "MTA".to_owned() }).unwrap();
    table
}

fn envelope(extensions: Vec<ExtensionField>) -> MessageTransferEnvelope {
    let fields = |number, address: &str| PerRecipientFields {
        recipient: address.parse().unwrap(),
        number,
        indicators: PerRecipientIndicators {
            responsibility: true,
            mta_report: true,
            originator_report: true,
            ..PerRecipientIndicators::default()
        },
        explicit_conversion: None,
        extensions: Vec::new(),
        unknown: Vec::new(),
    };
    let supplied = SuppliedInformation::relayed(now());
    let mut envelope = MessageTransferEnvelope {
        mts_identifier: "c=XX;a= ;p=OTHER;l=1".parse().unwrap(),
        originator: "/C=XX/ADMD= /PRMD=OTHER/O=Firm/S=Doe/G=Jo/".parse().unwrap(),
        original_eits: None,
        content_type: ContentType::BuiltIn(22),
        content_identifier: None,
        priority: Priority::Normal,
        // Recipients are told of each other.
        per_message_indicators: BitString { bytes: vec![0x80], unused: 0 },
        deferred_delivery: None,
        bilateral: None,
        trace: vec![TraceElement { domain: domain("OTHER"), supplied: supplied.clone() }],
        extensions,
        recipients: vec![fields(1, ANNA), fields(5, "/C=XX/ADMD= /PRMD=FAR/S=Bo/")],
        unknown: Vec::new(),
    };
    x400::append_trace(&mut envelope, &domain("DEMO"), "WEST", supplied).unwrap();
    envelope
}

fn prohibition(number: i64) -> Vec<ExtensionField> {
    vec![ExtensionField::standard(number, |encoder| encoder.integer(Tag::ENUMERATED, 1))]
}

fn redirect(
    envelope: &MessageTransferEnvelope,
    to: &str,
    reason: i64,
) -> Result<MessageTransferEnvelope, DiagnosticCode> {
    mta::redirect(&site(), envelope, 1, to, reason, later()).map_err(|why| why.diagnostic)
}

fn reparsed(envelope: &MessageTransferEnvelope) -> MessageTransferEnvelope {
    MessageTransferEnvelope::decode(&envelope.encode()).unwrap()
}

#[test]
fn a_redirected_recipient_keeps_its_number_and_its_history() {
    let once = redirect(&envelope(Vec::new()), "bert@far.test", Redirection::RECIPIENT_ASSIGNED);
    let once = reparsed(&once.unwrap());
    let fields = &once.recipients[0];
    assert_eq!((fields.number, fields.indicators.responsibility), (1, true));
    assert_eq!(mixer::to_rfc822(&fields.recipient).unwrap(), "bert@far.test");
    assert!(!once.recipients[1].indicators.responsibility, "the other one is not this copy's");
    let steps = x400::redirection_history(&fields.extensions).unwrap();
    let anna: OrName = ANNA.parse().unwrap();
    assert_eq!((&steps[0].intended_recipient, steps[0].time, steps[0].reason), (&anna, later(), 0));
    // Both traces say so, and the message may come back here.
    let internal = x400::internal_trace(&once.extensions).unwrap();
    assert!(internal[0].supplied.other_actions.redirected);
    assert!(once.trace[1].supplied.other_actions.redirected);
    assert!(!x400::detects_loop(&once, &domain("DEMO"), "WEST"));
    assert_eq!(mta::came_by(&once), None);
    // A report on it names whom the originator had named.
    let id = site().mts_identifier(MessageId::from_number(4));
    let private = MtsUserType::PRIVATE;
    let report = mta::delivery(&site(), id, &once, (1, private), later()).unwrap();
    assert_eq!(report.content.recipients[0].intended_recipient, Some(anna.clone()));
    assert_eq!(report.content.recipients[0].actual_recipient, fields.recipient);
    // What is taken once is told apart.
    let before = envelope(Vec::new());
    assert_ne!(mta::once_key(&once, fields), mta::once_key(&before, &before.recipients[0]));
    let back = redirect(&once, "anna@west.test", Redirection::RECIPIENT_ASSIGNED);
    assert_eq!(back.unwrap_err(), DiagnosticCode::REDIRECTION_LOOP_DETECTED);
    let same = redirect(&once, "bert@far.test", Redirection::RECIPIENT_ASSIGNED);
    assert_eq!(same.unwrap_err(), DiagnosticCode::REDIRECTION_LOOP_DETECTED);
    let twice = redirect(&once, "carl@far.test", Redirection::DIRECTORY_LOOK_UP).unwrap();
    let steps = x400::redirection_history(&twice.recipients[0].extensions).unwrap();
    assert_eq!(steps.iter().map(|step| step.reason).collect::<Vec<_>>(), [0, 3]);
}

/// Repeats the one step of the history that came last.
fn one_short_of_full(extensions: &mut Vec<ExtensionField>) {
    let one = extensions.pop().unwrap();
    let ExtensionKind::Standard(number) = one.kind else { panic!("{one:?}") };
    let history = ber::decode_one("history", one.value.as_bytes()).unwrap();
    extensions.push(ExtensionField::standard(number, |encoder| {
        encoder.constructed(Tag::SEQUENCE, |encoder| {
            (1..x400::MAX_STEPS).for_each(|_| encoder.raw(history.contents()));
        });
    }));
}

/// A copy tells of other recipients only where the originator allows it: it may be one of thousands.
#[test]
fn a_copy_keeps_to_itself_what_is_not_disclosed() {
    let mut subject = envelope(Vec::new());
    subject.per_message_indicators = BitString::default();
    let numbers = |copy: MessageTransferEnvelope| -> Vec<u32> {
        copy.recipients.iter().map(|fields| fields.number).collect()
    };
    let copy = redirect(&subject, "bert@far.test", Redirection::RECIPIENT_ASSIGNED).unwrap();
    assert_eq!(numbers(copy), [1]);
    let copy = mta::expand(&site(), &subject, 1, &list(&MEMBERS), later()).unwrap().unwrap();
    assert_eq!(numbers(copy), [6, 7]);
}

/// Alternates and lists that name ever new ones end where the histories do, and what was sent can be read.
#[test]
fn histories_end_at_their_bound() {
    let mut subject = envelope(Vec::new());
    let name: OrName = "/C=XX/ADMD= /DD.RFC-822=x(a)far.test/".parse().unwrap();
    let time = later();
    let own = &mut subject.recipients[0].extensions;
    let step = Redirection { intended_recipient: name.clone(), time, reason: 0 };
    x400::add_redirection(own, step).unwrap();
    one_short_of_full(own);
    x400::add_dl_expansion(&mut subject.extensions, DlExpansion { list: name, time }).unwrap();
    one_short_of_full(&mut subject.extensions);
    let last = redirect(&subject, "bert@far.test", Redirection::RECIPIENT_ASSIGNED).unwrap();
    let steps = x400::redirection_history(&reparsed(&last).recipients[0].extensions).unwrap();
    assert_eq!(steps.len(), x400::MAX_STEPS);
    let more = redirect(&last, "carl@far.test", Redirection::RECIPIENT_ASSIGNED);
    assert_eq!(more.unwrap_err(), DiagnosticCode::REDIRECTION_LOOP_DETECTED);

    let expand = |subject: &MessageTransferEnvelope, number, of: &str| {
        let list = DistributionList { address: of.to_owned(), ..list(&["carl@far.test"]) };
        mta::expand(&site(), subject, number, &list, later())
    };
    let last = expand(&subject, 1, "all@west.test").unwrap().unwrap();
    let steps = x400::dl_expansion_history(&reparsed(&last).extensions).unwrap();
    assert_eq!(steps.len(), x400::MAX_STEPS);
    let carl = last.recipients.last().unwrap().number;
    let more = expand(&last, carl, "others@west.test").unwrap_err();
    assert_eq!(more.diagnostic, DiagnosticCode::DL_EXPANSION_FAILURE);
}

#[test]
fn what_the_originator_forbids_is_not_done() {
    let subject = envelope(prohibition(standard::RECIPIENT_REASSIGNMENT_PROHIBITED));
    let refused = redirect(&subject, "bert@far.test", Redirection::RECIPIENT_ASSIGNED);
    assert_eq!(refused.unwrap_err(), DiagnosticCode::RECIPIENT_REASSIGNMENT_PROHIBITED);
    let own = redirect(&subject, "bert@far.test", Redirection::ORIGINATOR_REQUESTED);
    assert!(own.is_ok(), "what it asked for itself is");
    let subject = envelope(prohibition(standard::DL_EXPANSION_PROHIBITED));
    let refused =
        mta::expand(&site(), &subject, 1, &list(&["bert@far.test"]), later()).unwrap_err();
    assert_eq!(refused.diagnostic, DiagnosticCode::DL_EXPANSION_PROHIBITED);
    let empty = mta::expand(&site(), &envelope(Vec::new()), 1, &list(&[]), later());
    assert_eq!(empty.unwrap_err().diagnostic, DiagnosticCode::DL_EXPANSION_FAILURE);
}

fn list(members: &[&str]) -> DistributionList {
    DistributionList {
        address: "all@west.test".to_owned(),
        members: members.iter().map(|member| (*member).to_owned()).collect(),
        ..DistributionList::default()
    }
}

const MEMBERS: [&str; 2] = ["bert@far.test", "\"/C=XX/ADMD= /S=Carl/\"@x400.invalid"];

fn expanded() -> MessageTransferEnvelope {
    let copy = mta::expand(&site(), &envelope(Vec::new()), 1, &list(&MEMBERS), later());
    reparsed(&copy.unwrap().unwrap())
}

/// On the wire the members have the number of the list, and so has a report about one; what another MTA sends under a number
/// that recipients share goes on under it.
#[test]
fn members_have_the_number_of_their_list_on_the_wire() {
    let mut copy = expanded();
    copy.per_message_indicators = BitString::default();
    let subject = mta::subject(&copy.encode()).unwrap();
    let wire = |numbers: &[u32]| {
        let MtsApdu::Message(sent) =
            MtsApdu::decode(&mta::transfer(&subject, b"content", numbers)).unwrap()
        else {
            panic!()
        };
        sent.envelope
    };
    let sent = wire(&[6, 7]);
    let numbers = |envelope: &MessageTransferEnvelope| -> Vec<_> {
        let of = envelope.recipients.iter();
        of.map(|fields| (fields.number, fields.indicators.responsibility)).collect()
    };
    assert_eq!(numbers(&sent), [(1, true), (1, true)]);
    let private = |fields: &&PerRecipientFields| {
        fields.extensions.iter().any(|field| matches!(field.kind, ExtensionKind::Private(_)))
    };
    assert_eq!(sent.recipients.iter().filter(private).count(), 0);
    assert_eq!(copy.recipients.iter().filter(private).count(), 2, "it is kept in the store");
    let alone = wire(&[7]);
    assert_eq!(numbers(&alone), [(1, true)]);
    assert_eq!(alone.recipients[0].recipient, copy.recipients[2].recipient);
    let failure = |text: &str| Failure {
        reason: 1,
        diagnostic: Some(0),
        error: text.to_owned(),
        ended: None,
    };
    let id = site().mts_identifier(MessageId::from_number(4));
    let failures = [(6, failure("b")), (7, failure("c"))];
    let report = mta::non_delivery(&site(), id, &copy, b"", &failures, later()).unwrap();
    let told: Vec<_> =
        report.content.recipients.iter().map(|one| (one.number, &one.actual_recipient)).collect();
    let names = [&copy.recipients[1].recipient, &copy.recipients[2].recipient];
    assert_eq!(told, [(1, names[0]), (1, names[1])]);
    // Another MTA relays it: who shares the number is told apart here, and goes on under it.
    let other = Site { mta_name: "FAR".to_owned(), domain: domain("FAR"), ..site() };
    let (table, next) = (routes(), MessageId::from_number(11));
    let router = Router::new(&table, &AllOpen);
    let apdu = MtsApdu::Message(x400::Message { envelope: sent, content: b"content".to_vec() });
    let mut forged = apdu.clone();
    if let MtsApdu::Message(message) = &mut forged {
        let number = mixer::oids::specified_number();
        let field =
            ExtensionField::private(number, |encoder| encoder.integer(Tag::INTEGER, 30_000));
        message.envelope.recipients[1].extensions.push(field);
    }
    for apdu in [apdu, forged] {
        let entry = mta::from_apdu(&other, next, &apdu.encode(), later(), router, |_, _| later());
        let entry = entry.unwrap();
        let own: Vec<u32> = entry.message.recipients.iter().map(|one| one.number).collect();
        assert_eq!(own, [1, 2]);
        let relayed = mta::transfer(&entry.subject.unwrap(), b"content", &own);
        let MtsApdu::Message(relayed) = MtsApdu::decode(&relayed).unwrap() else { panic!() };
        assert_eq!(numbers(&relayed.envelope), [(1, true), (1, true)]);
    }
}

/// An MTA of 1984 is not told of the list, and the members come one by one under the number of the list: each is taken.
#[test]
fn members_that_share_a_number_are_taken_one_by_one() {
    let members = ["bert@far.test", "carl@far.test"];
    let copy = mta::expand(&site(), &envelope(Vec::new()), 1, &list(&members), later());
    let mut copy = copy.unwrap().unwrap();
    copy.content_type = ContentType::BuiltIn(2);
    let subject = mta::subject(&copy.encode()).unwrap();
    let (table, other) = (routes(), Site { mta_name: "FAR".to_owned(), ..site() });
    let seen = |number: u32, old: bool| {
        let sent = mta::transfer(&subject, b"content", &[number]);
        let sent = if old { mta::downgrade(&sent).unwrap() } else { sent };
        let (id, router) = (MessageId::from_number(11), Router::new(&table, &AllOpen));
        let entry = mta::from_apdu(&other, id, &sent, later(), router, |_, _| later()).unwrap();
        assert_eq!(entry.message.seen.len(), 1);
        entry.message.seen[0].clone()
    };
    for old in [true, false] {
        assert_ne!(seen(6, old), seen(7, old), "1984: {old}");
        assert_eq!(seen(6, old), seen(6, old));
    }
    assert!(seen(6, true).starts_with("c=XX;a= ;p=OTHER;l=1#1#"), "{}", seen(6, true));
}

#[test]
fn who_is_exempted_gets_nothing_by_the_list() {
    let from = |members: &[&str], names: &[&str]| {
        let number = standard::DL_EXEMPTED_RECIPIENTS;
        let names: Vec<OrName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let field = ExtensionField::standard(number, |encoder| {
            encoder.constructed(Tag::SET, |encoder| {
                names.iter().for_each(|name| encoder.raw(&name.encode()));
            });
        });
        mta::expand(&site(), &envelope(vec![field]), 1, &list(members), later())
    };
    let exempted = |names: &[&str]| from(&MEMBERS, names);
    let bert = "/C=US/ADMD=X/DD.RFC-822=Bert(a)FAR.test/";
    let copy = exempted(&[bert, "/C=XX/ADMD= /S=Nobody/"]).unwrap().unwrap();
    let left: Vec<_> = copy.recipients.iter().map(|one| one.recipient.to_string()).collect();
    assert_eq!(left.len(), 2, "the other recipient and one member: {left:?}");
    assert_eq!(copy.recipients[1].recipient, "/C=XX/ADMD= /S=Carl/".parse().unwrap());
    assert_eq!(exempted(&[bert, "/C=xx/ADMD= /S=carl/"]), Ok(None), "nobody is left");
    // By the address of mail in any case, and by the O/R address however it is written.
    assert_eq!(from(&["BERT@far.test"], &[bert]), Ok(None));
    let carl = "\"/S=Carl/ADMD= /C=XX/\"@x400.invalid";
    assert_eq!(from(&[carl], &["/C=XX/ADMD= /S=Carl/"]), Ok(None));
    let odd = ExtensionField::standard(standard::DL_EXEMPTED_RECIPIENTS, |encoder| {
        encoder.integer(Tag::INTEGER, 1);
    });
    let refused = mta::expand(&site(), &envelope(vec![odd]), 1, &list(&MEMBERS), later());
    assert_eq!(refused.unwrap_err().diagnostic, DiagnosticCode::DL_EXPANSION_FAILURE);
}

/// Who sent the message to this list needs the permission: the originator, or the list before.
#[test]
fn who_may_not_send_to_a_list_is_told_so() {
    let judged = |subject: &MessageTransferEnvelope, only: Option<&[&str]>, never: &[&str]| {
        let submit = SubmitPermission::new(only, never);
        let list =
            DistributionList { submit, address: "in@west.test".to_owned(), ..list(&MEMBERS) };
        mta::may_expand(subject, &list).map(drop).map_err(|why| why.diagnostic)
    };
    let refused = Err(DiagnosticCode::NO_DL_SUBMIT_PERMISSION);
    let first = envelope(Vec::new());
    let jo = mixer::to_rfc822(&first.originator).unwrap().to_uppercase();
    assert_eq!(judged(&first, None, &[]), Ok(()));
    assert_eq!(judged(&first, Some(&[]), &[]), refused);
    assert_eq!(judged(&first, Some(&[&jo]), &[]), Ok(()));
    assert_eq!(judged(&first, Some(&[&jo]), &[&jo]), refused);
    assert_eq!(judged(&first, None, &[&jo]), refused);
    // By way of another list it is that one who sends.
    let behind = expanded();
    assert_eq!(judged(&behind, None, &[&jo]), Ok(()));
    assert_eq!(judged(&behind, Some(&["all@west.test"]), &[]), Ok(()));
    assert_eq!(judged(&behind, Some(&[&jo]), &[]), refused);
    // And nothing is expanded.
    let submit = SubmitPermission::new(Some(&[""]), &[]);
    let closed = DistributionList { submit, ..list(&MEMBERS) };
    let why = mta::expand(&site(), &first, 1, &closed, later()).unwrap_err();
    assert_eq!(why.diagnostic, DiagnosticCode::NO_DL_SUBMIT_PERMISSION);
    assert!(why.text.contains("may not send to the distribution list all@west.test"), "{why}");
}

#[test]
fn members_stand_for_their_list_and_have_numbers_of_their_own() {
    let copy = expanded();
    let recipients: Vec<_> = copy
        .recipients
        .iter()
        .map(|fields| (fields.number, fields.indicators.responsibility))
        .collect();
    assert_eq!(recipients, [(5, false), (6, true), (7, true)]);
    assert_eq!(copy.recipients[2].recipient, "/C=XX/ADMD= /S=Carl/".parse().unwrap());
    assert!(copy.recipients[1].indicators.originator_report, "as was asked for the list");
    let lists = x400::dl_expansion_history(&copy.extensions).unwrap();
    assert_eq!(
        (mixer::to_rfc822(&lists[0].list).unwrap().as_str(), lists[0].time),
        ("all@west.test", later())
    );
    let internal = x400::internal_trace(&copy.extensions).unwrap();
    assert!(internal[0].supplied.other_actions.dl_operation);
    // The same list again: it ends here.
    let same = DistributionList { address: "All@WEST.test".to_owned(), ..list(&["x@far.test"]) };
    let again = mta::expand(&site(), &copy, 6, &same, later());
    assert_eq!(again, Ok(None));
    // The queue entry has the members alone, each with its way.
    let table = routes();
    let (id, router) = (MessageId::from_number(9), Router::new(&table, &AllOpen));
    let subject = mta::subject(&envelope(Vec::new()).encode()).unwrap();
    let content: Arc<[u8]> = Arc::from(b"content".as_slice());
    let of = (&subject, &content);
    let made = mta::reassigned_entry(id, of, copy.clone(), later(), router, |_, _| later());
    let made = made.unwrap();
    assert_eq!(made.subject.unwrap().envelope, copy);
    let entry = made.message;
    let hops: Vec<_> = entry.recipients.iter().map(|one| (one.number, &one.next_hop)).collect();
    let peer = |name: &str| NextHop::Peer(name.to_owned());
    assert_eq!(hops, [(6, &peer("FAR")), (7, &peer("MTA"))]);
    assert_eq!(
        (entry.content.as_ref(), entry.mts_id.as_str()),
        (b"content".as_slice(), "c=XX;a= ;p=OTHER;l=1")
    );
}

#[test]
fn a_report_goes_to_the_list_and_on_by_its_policy() {
    let subject = expanded();
    let site_id = |number| site().mts_identifier(MessageId::from_number(number));
    let failure = Failure {
        reason: ReasonCode::UNABLE_TO_TRANSFER.0,
        diagnostic: Some(DiagnosticCode::UNRECOGNISED_OR_NAME.0),
        error: "nobody".to_owned(),
        ended: None,
    };
    let report =
        mta::non_delivery(&site(), site_id(4), &subject, b"", &[(6, failure)], later()).unwrap();
    let bytes = report.encode();
    let MtsApdu::Report(report) = MtsApdu::decode(&bytes).unwrap() else { panic!() };
    assert_eq!(mixer::to_rfc822(&report.envelope.destination).unwrap(), "all@west.test");
    let extensions = &report.envelope.extensions;
    let steps = x400::originator_and_dl_expansion_history(extensions).unwrap();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[0].list, envelope(Vec::new()).originator);
    let table = routes();
    let forwarded = |policy: &ReportPolicy| -> Vec<Report> {
        let mut next = 20;
        let identifier = || {
            next += 1;
            (MessageId::from_number(next), site_id(next))
        };
        let (router, list) = (Router::new(&table, &AllOpen), ("all@west.test", policy));
        let made =
            mta::forward_report(&site(), &report, list, identifier, later(), router, |_, _| {
                later()
            });
        let octets = made.unwrap().into_iter().map(|entry| entry.envelope);
        octets
            .map(|octets| match MtsApdu::decode(&octets).unwrap() {
                MtsApdu::Report(report) => report,
                _ => panic!(),
            })
            .collect()
    };
    let owner = Some("owner@west.test".to_owned());
    let both = forwarded(&ReportPolicy { owner, originator: true });
    assert_eq!(both[0].envelope.destination, subject.originator);
    assert_eq!(mixer::to_rfc822(&both[1].envelope.destination).unwrap(), "owner@west.test");
    for copy in &both {
        let dl = ExtensionKind::Standard(standard::REPORTING_DL_NAME);
        assert!(copy.envelope.extensions.iter().any(|field| field.kind == dl));
        // Its trace begins in the domain of its identifier.
        assert_eq!(copy.envelope.trace[0].domain, copy.envelope.identifier.domain);
        assert!(!x400::detects_loop(&copy.envelope, &domain("DEMO"), "EAST"));
        assert_eq!(copy.content.subject, subject.mts_identifier);
    }
    assert!(forwarded(&ReportPolicy::default()).is_empty());
}
