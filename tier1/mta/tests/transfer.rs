//! A mail from one server's queue to the other's, and the reports that come of it.
#![expect(clippy::unwrap_used, reason = "what cannot be built here is a failed test")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use mixer::{Notify, SmtpOriginator, SmtpRecipient};
use mta::{Disposition, Site, Submission, TransferError};
use queue::{Failure, Kind, MessageId, NewMessage, NextHop, Priority};
use routing::{
    AddressSpace, AddressType, AllOpen, Domains, Link, Outlet, Request, Restrictions, Router, Table,
};
use x400::{
    Attempted, DeliveryOutcome, DiagnosticCode, ExtensionKind, GlobalDomainIdentifier,
    MessageTransferEnvelope, MtsApdu, MtsUserType, ReasonCode, RoutingAction, SuppliedInformation,
    TraceElement, internal_trace, standard,
};

const MAIL: &[u8] =
    b"Message-ID: <1@east.test>\r\nPriority: urgent\r\nSubject: x\r\n\r\n.\r\nbody\r\n";

fn site(name: &str) -> Site {
    let domain = GlobalDomainIdentifier {
        country: "XX".to_owned(),
        admd: " ".to_owned(),
        prmd: Some("DEMO".to_owned()),
    };
    Site { mta_name: name.to_owned(), domain, organization: "Demo".to_owned() }
}

/// The table of one side: its own mailboxes, the other's domain.
fn routes(own: &str, other: &str) -> Table {
    let mut table = Table::default();
    let mailboxes = Some(BTreeSet::from(["anna".to_owned(), "bert".to_owned()]));
    table.insert(&format!("{own}.test"), Domains::Local { mailboxes }).unwrap();
    let holder = Domains::Peer { name: other.to_uppercase() };
    table.insert(&format!("{other}.test"), holder).unwrap();
    table
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn recipient(address: &str, notify: Option<Notify>) -> SmtpRecipient {
    SmtpRecipient { address: address.to_owned(), notify, orcpt: None }
}

fn submitted(from: &str, recipients: Vec<SmtpRecipient>) -> NewMessage {
    let routes = routes("east", "west");
    let submission = Submission {
        originator: SmtpOriginator { reverse_path: from.to_owned(), ..SmtpOriginator::default() },
        recipients,
        content: [b"Received: from x\r\n", MAIL].concat(),
        added: b"Received: from x\r\n".len(),
        submitted: now(),
        routes: Router::new(&routes, &AllOpen),
    };
    mta::from_submission(&site("EAST"), MessageId::from_number(7), submission, |_| later(60))
        .map(as_stored)
        .unwrap()
}

/// The entry; what was read of it on the way in is what will be read of the store.
fn as_stored(entry: mta::Entry) -> NewMessage {
    let mta::Entry { message, subject } = entry;
    if message.kind == Kind::Message {
        assert_eq!(subject, Some(mta::subject(&message.envelope).unwrap()));
    }
    message
}

fn arrived(apdu: &[u8]) -> Result<NewMessage, TransferError> {
    let routes = routes("west", "east");
    mta::from_apdu(
        &site("WEST"),
        MessageId::from_number(9),
        apdu,
        later(1),
        Router::new(&routes, &AllOpen),
        |_, _| later(60),
    )
    .map(as_stored)
}

fn envelope(message: &NewMessage) -> MessageTransferEnvelope {
    MessageTransferEnvelope::decode(&message.envelope).unwrap()
}

fn to_west(message: &NewMessage, numbers: &[u32]) -> Vec<u8> {
    mta::apdu(message.kind, &message.envelope, &message.content, numbers).unwrap()
}

#[test]
fn a_mail_crosses_unchanged_and_only_with_its_own_recipients() {
    let here = submitted(
        "anna@east.test",
        vec![
            recipient("bert@west.test", None),
            recipient("anna@east.test", None),
            recipient("bianca@west.test", Some(Notify::Never)),
        ],
    );
    assert_eq!(here.priority, Priority::Urgent, "from the header");
    assert_eq!(here.message_id_header.as_deref(), Some("<1@east.test>"));
    let hops: Vec<_> = here.recipients.iter().map(|r| r.next_hop.clone()).collect();
    let west = NextHop::Peer("WEST".to_owned());
    assert_eq!(hops, [west.clone(), NextHop::Local, west]);

    let there = arrived(&to_west(&here, &[1, 3])).unwrap();
    assert_eq!(there.content, here.content, "octet for octet");
    assert_eq!(there.mts_id, here.mts_id);
    assert_eq!(there.submitted, now(), "the life counts from the submission");
    let found: Vec<_> =
        there.recipients.iter().map(|r| (r.number, r.address.as_str(), r.report_wanted)).collect();
    assert_eq!(found, [(1, "bert@west.test", true), (3, "bianca@west.test", false)]);
    let numbered =
        |key: &String, number: u32| key.starts_with(&format!("{}#{number}#", here.mts_id));
    assert!(numbered(&there.seen[0], 1) && numbered(&there.seen[1], 3), "{:?}", there.seen);
    assert_eq!(envelope(&there).recipients.len(), 2, "the recipient at home is not disclosed");
    let trace = internal_trace(&envelope(&there).extensions).unwrap();
    let names: Vec<_> = trace.iter().map(|element| element.mta_name.as_str()).collect();
    assert_eq!(names, ["EAST", "WEST"]);
}

#[test]
fn a_message_that_comes_back_is_a_loop() {
    let here = submitted("anna@east.test", vec![recipient("bert@west.test", None)]);
    let there = arrived(&to_west(&here, &[1])).unwrap();
    // WEST sends it back to itself, as two servers with each other's domain would.
    let again = arrived(&to_west(&there, &[1])).unwrap();
    assert_eq!(again.recipients[0].next_hop, NextHop::Local);
    let routes = routes("west", "east");
    let judge = |message: &NewMessage| {
        let router = Router::new(&routes, &AllOpen);
        let subject = envelope(message);
        mta::dispose(&site("WEST"), router, Some((&subject, 1)), &to("bert@west.test"), |_| true)
    };
    assert_eq!(judge(&there), Disposition::Deliver { mailbox: "bert".to_owned() });
    let Disposition::Fail { reason, diagnostic, text } = judge(&again) else { panic!() };
    assert_eq!(
        (reason, diagnostic),
        (ReasonCode::UNABLE_TO_TRANSFER, DiagnosticCode::LOOP_DETECTED)
    );
    assert!(text.contains("WEST"), "{text}");
}

/// What comes back is taken and reported, and not confirmed as the repetition of what was taken before.
#[test]
fn a_message_that_comes_back_is_not_taken_for_a_repeated_one() {
    let here = submitted("anna@east.test", vec![recipient("bert@west.test", None)]);
    let there = arrived(&to_west(&here, &[1])).unwrap();
    let repeated = arrived(&to_west(&here, &[1])).unwrap();
    assert_eq!(there.seen, repeated.seen);
    let again = arrived(&to_west(&there, &[1])).unwrap();
    assert_ne!(there.seen, again.seen);
    let twice = arrived(&to_west(&again, &[1])).unwrap();
    assert!(twice.seen != again.seen && twice.seen != there.seen);
}

/// Another domain that drops the internal trace does not hide a loop.
#[test]
fn a_message_that_left_the_domain_and_comes_back_is_a_loop() {
    let here = submitted("anna@east.test", vec![recipient("bert@west.test", None)]);
    let MtsApdu::Message(sent) = MtsApdu::decode(&to_west(&here, &[1])).unwrap() else { panic!() };
    let domain =
        |prmd: &str| GlobalDomainIdentifier { prmd: Some(prmd.to_owned()), ..site("WEST").domain };
    let by_others = |redirected: bool| {
        let mut message = sent.clone();
        let mut supplied = SuppliedInformation::relayed(now());
        supplied.other_actions.redirected = redirected;
        message.envelope.trace.push(TraceElement { domain: domain("OTHER"), supplied });
        let trace = ExtensionKind::Standard(standard::INTERNAL_TRACE_INFORMATION);
        message.envelope.extensions.retain(|field| field.kind != trace);
        let arrived = arrived(&MtsApdu::Message(message).encode()).unwrap();
        let (routes, subject) = (routes("west", "east"), envelope(&arrived));
        let router = Router::new(&routes, &AllOpen);
        mta::dispose(&site("WEST"), router, Some((&subject, 1)), &to("bert@west.test"), |_| true)
    };
    let Disposition::Fail { diagnostic, .. } = by_others(false) else { panic!() };
    assert_eq!(diagnostic, DiagnosticCode::LOOP_DETECTED);
    assert_eq!(by_others(true), Disposition::Deliver { mailbox: "bert".to_owned() });
}

/// A message that goes another way says where it was tried, and may come back.
#[test]
fn a_rerouted_message_says_where_it_was_tried() {
    let here = submitted("anna@east.test", vec![recipient("bert@west.test", None)]);
    let subject = mta::subject(&here.envelope).unwrap();
    let marked = mta::rerouted(&subject, "NORTH");
    let trace = internal_trace(&marked.envelope.extensions).unwrap();
    assert_eq!(trace.last().unwrap().supplied.routing_action, RoutingAction::Rerouted);
    assert_eq!(trace.last().unwrap().supplied.attempted, Some(Attempted::Mta("NORTH".to_owned())));
    let sent = mta::transfer(&marked, &here.content, &[1]);
    let MtsApdu::Message(sent) = MtsApdu::decode(&sent).unwrap() else { panic!() };
    let own = &site("EAST");
    assert!(!x400::detects_loop(&sent.envelope, &own.domain, "EAST"));
    assert!(x400::detects_loop(&subject.envelope, &own.domain, "EAST"));
}

#[test]
fn an_unknown_mailbox_and_a_missing_route_fail_in_words() {
    let routes = routes("west", "east");
    let router = Router::new(&routes, &AllOpen);
    for (address, says) in [
        ("nobody@west.test", "west.test is held here and has no mailbox nobody"),
        ("x@elsewhere.test", "no server of the organisation holds elsewhere.test"),
    ] {
        let Disposition::Fail { diagnostic, text, .. } =
            mta::dispose(&site("WEST"), router, None, &to(address), |_| true)
        else {
            panic!("{address}")
        };
        assert_eq!(diagnostic, DiagnosticCode::UNRECOGNISED_OR_NAME);
        assert_eq!(text, says);
    }
    let moved = mta::dispose(&site("WEST"), router, None, &to("anna@east.test"), |_| true);
    let text = "east.test is held by EAST".to_owned();
    assert_eq!(moved, Disposition::Move { hop: NextHop::Peer("EAST".to_owned()), text });
}

/// A message for addresses of the world outside, by a connector that takes little.
#[test]
fn a_closed_way_fails_with_its_own_diagnostic() {
    let mut table = routes("west", "east");
    let space = AddressSpace::new(AddressType::Smtp, "*", 1).unwrap();
    table
        .add_link(Link {
            name: "OUT".to_owned(),
            outlet: Outlet::Domains,
            spaces: vec![space],
            restrictions: Restrictions {
                max_message_size: Some(1000),
                max_recipients: Some(2),
                refuse_senders: vec!["guest@west.test".to_owned()],
                ..Restrictions::default()
            },
            max_open_retries: Some(2),
            inside: false,
        })
        .unwrap();
    let judge = |request: &Request<'_>, came_by: &str| {
        let router = Router::new(&table, &AllOpen).came_by(came_by);
        match mta::dispose(&site("WEST"), router, None, request, |_| true) {
            Disposition::Fail { diagnostic, .. } => Some(diagnostic),
            Disposition::Move { hop, .. } => {
                let domain = "far.test".to_owned();
                assert_eq!(hop, NextHop::Domain { connector: "OUT".to_owned(), domain });
                None
            }
            Disposition::Deliver { mailbox } => panic!("delivered to {mailbox}"),
        }
    };
    let far = Request { sender: Some("bert@west.test"), ..to("x@Far.Test") };
    assert_eq!(judge(&far, "EAST"), None);
    let tries = [("OUT".to_owned(), 2)];
    for (request, came_by, diagnostic) in [
        (Request { size: Some(1001), ..far }, "EAST", DiagnosticCode::CONTENT_TOO_LONG),
        (Request { recipients: Some(3), ..far }, "EAST", DiagnosticCode::TOO_MANY_RECIPIENTS),
        (
            Request { sender: Some("guest@west.test"), ..far },
            "EAST",
            DiagnosticCode::NO_BILATERAL_AGREEMENT,
        ),
        (Request { tries: &tries, ..far }, "EAST", DiagnosticCode::MAXIMUM_TIME_EXPIRED),
        (far, "out", DiagnosticCode::LOOP_DETECTED),
    ] {
        assert_eq!(judge(&request, came_by), Some(diagnostic), "{request:?}");
    }
}

fn to(address: &str) -> Request<'_> {
    Request { address, ..Request::default() }
}

fn failure() -> Failure {
    Failure {
        reason: ReasonCode::UNABLE_TO_TRANSFER.0,
        diagnostic: Some(DiagnosticCode::MAXIMUM_TIME_EXPIRED.0),
        error: "EAST denied access".to_owned(),
        ended: Some(queue::Clock::Life),
    }
}

#[test]
fn one_report_tells_of_all_that_failed_and_goes_home() {
    let never = Some(Notify::Never);
    let here = submitted(
        "anna@east.test",
        vec![
            recipient("bert@west.test", None),
            recipient("carl@west.test", never),
            recipient("dora@west.test", None),
        ],
    );
    let there = arrived(&to_west(&here, &[1, 2, 3])).unwrap();
    let subject = envelope(&there);
    let failures = [(1, failure()), (2, failure()), (3, failure())];
    let west = site("WEST");
    let id = west.mts_identifier(MessageId::from_number(11));
    let report = mta::non_delivery(&west, id, &subject, &there.content, &failures, later(5));
    let report = report.unwrap();
    let numbers: Vec<_> = report.content.recipients.iter().map(|r| r.number).collect();
    assert_eq!(numbers, [1, 3], "NOTIFY=NEVER is kept");

    let routes_west = routes("west", "east");
    let entry = mta::report_entry(
        MessageId::from_number(11),
        &report,
        later(5),
        Router::new(&routes_west, &AllOpen),
        |_, _| later(60),
    )
    .unwrap();
    assert_eq!(entry.kind, Kind::Report);
    assert_eq!(entry.recipients[0].next_hop, NextHop::Peer("EAST".to_owned()));
    assert!(!entry.recipients[0].report_wanted, "a report is never reported on");

    let home = mta::from_apdu(
        &site("EAST"),
        MessageId::from_number(12),
        &to_west(&entry, &[1]),
        later(6),
        Router::new(&routes("east", "west"), &AllOpen),
        |_, _| later(60),
    )
    .map(as_stored)
    .unwrap();
    assert_eq!((home.kind, &home.recipients[0].next_hop), (Kind::Report, &NextHop::Local));
    assert_eq!(home.seen.len(), 1, "taken once");
    let Ok(MtsApdu::Report(read)) = MtsApdu::decode(&home.envelope) else { panic!() };
    let told = mixer::report_recipients(&read).unwrap();
    let addresses: Vec<_> = told.iter().map(|r| r.address.as_str()).collect();
    assert_eq!(addresses, ["bert@west.test", "dora@west.test"]);
    assert_eq!(
        told[0].supplementary.as_deref(),
        Some("the life of the message ended before it could be delivered, EAST denied access")
    );
}

#[test]
fn nobody_and_those_who_did_not_ask_get_no_report() {
    let id = || site("WEST").mts_identifier(MessageId::from_number(1));
    let report = |message: &NewMessage| {
        let subject = envelope(message);
        mta::non_delivery(&site("WEST"), id(), &subject, MAIL, &[(1, failure())], later(5))
    };
    assert!(report(&submitted("", vec![recipient("bert@west.test", None)])).is_none());
    let never = vec![recipient("bert@west.test", Some(Notify::Never))];
    assert!(report(&submitted("anna@east.test", never)).is_none());

    let delivered = |notify| {
        let message = submitted("anna@east.test", vec![recipient("bert@west.test", notify)]);
        mta::delivery(&site("WEST"), id(), &envelope(&message), (1, MtsUserType::PRIVATE), later(5))
    };
    assert!(delivered(None).is_none());
    let asked = Notify::On { success: true, failure: true, delay: false };
    let report = delivered(Some(asked)).unwrap();
    let outcome = report.content.recipients[0].outcome;
    assert!(matches!(outcome, DeliveryOutcome::Delivered { time, .. } if time == later(5)));
    assert_eq!(report.content.returned_content, None);
}

#[test]
fn what_gives_this_mta_nothing_to_do_is_refused() {
    let here = submitted("anna@east.test", vec![recipient("bert@west.test", None)]);
    let apdu = to_west(&here, &[]);
    assert!(arrived(&apdu).is_err(), "no recipient is ours");
    assert!(matches!(arrived(b"\x30\x00"), Err(TransferError::Malformed(_))));
}

#[test]
fn a_recipient_that_is_named_again_gets_one_copy() {
    let twice = [
        "Anna@east.test",
        "\"anna\"@EAST.test",
        "anna@east.test",
        "Bert@west.test",
        "bert@west.test",
        "Bert@West.test",
    ];
    let entry = submitted("x@y.test", twice.map(|address| recipient(address, None)).to_vec());
    let addresses: Vec<&str> = entry.recipients.iter().map(|one| one.address.as_str()).collect();
    // The case of a local part means something to whoever holds the mailbox.
    assert_eq!(addresses, ["Anna@east.test", "Bert@west.test", "bert@west.test"]);
    let numbers: Vec<u32> = entry.recipients.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(envelope(&entry).recipients.len(), 3);
}

#[test]
fn the_priority_of_the_envelope_goes_before_that_of_the_header() {
    let routes = routes("east", "west");
    for (asked, priority) in [
        (None, Priority::Urgent),
        (Some(0), Priority::Normal),
        (Some(-4), Priority::NonUrgent),
        (Some(4), Priority::Urgent),
    ] {
        let submission = Submission {
            originator: SmtpOriginator {
                reverse_path: "a@east.test".to_owned(),
                mt_priority: asked,
                ..SmtpOriginator::default()
            },
            recipients: vec![recipient("bert@west.test", None)],
            content: MAIL.to_vec(),
            added: 0,
            submitted: now(),
            routes: Router::new(&routes, &AllOpen),
        };
        let id = MessageId::from_number(7);
        let entry = mta::from_submission(&site("EAST"), id, submission, |_| later(60));
        let entry = entry.map(as_stored).unwrap();
        assert_eq!(entry.priority, priority, "{asked:?}");
    }
}

#[test]
fn a_mail_may_ask_for_its_time_of_delivery() {
    let routes = routes("east", "west");
    let mail = b"Deferred-Delivery: Mon, 23 Nov 2026 12:00:00 +0000\r\n\
        Latest-Delivery-Time: Tue, 24 Nov 2026 13:00:00 +0100\r\n\r\nbody\r\n";
    let submission = Submission {
        originator: SmtpOriginator::default(),
        recipients: vec![recipient("bert@west.test", None)],
        content: mail.to_vec(),
        added: 0,
        submitted: now(),
        routes: Router::new(&routes, &AllOpen),
    };
    let id = MessageId::from_number(7);
    let entry = mta::from_submission(&site("EAST"), id, submission, |_| later(60));
    let entry = entry.map(as_stored).unwrap();
    assert_eq!(entry.wishes.deferred_until, Some(later(86_400)));
    assert_eq!(entry.wishes.latest_delivery, Some(later(2 * 86_400)));
}
