//! Opening, negotiation and refusal.

use super::*;
use crate::session::{Connect, Versions};

#[test]
fn smaller_answer_governs() {
    let responder =
        RespondParameters { checkpoint_kib: 4, window: 1, ..RespondParameters::new(syntaxes()) };
    let mut pair = Pair::new(open_parameters(), responder);
    pair.run();
    let event = pair.responder.poll_event();
    assert!(matches!(event, Some(StackEvent::OpenIndication { checkpoint_kib: 4, window: 1, .. })));
    pair.responder.accept_open(apdu(1));
    pair.run();
    let _ = pair.initiator.poll_event();
    pair.transfer(apdu(50_000));
}

#[test]
fn long_bind_argument_uses_extended_user_data() {
    let parameters = OpenParameters { bind_argument: apdu(5000), ..open_parameters() };
    let mut pair = Pair::new(parameters, RespondParameters::new(syntaxes()));
    pair.run();
    assert!(pair.to_responder[0].windows(2).any(|pair| pair == [194, 0xff]));
    let event = pair.responder.poll_event();
    assert!(
        matches!(event, Some(StackEvent::OpenIndication { bind_argument, .. }) if bind_argument == apdu(5000))
    );
    pair.responder.accept_open(apdu(6000));
    pair.run();
    assert!(pair.initiator.is_open());
}

#[test]
fn too_long_bind_argument_is_told() {
    let parameters = OpenParameters { bind_argument: apdu(2_000_000), ..open_parameters() };
    let mut stack = Stack::initiator(parameters);
    let reason = AbortReason::TooLarge;
    assert_eq!(stack.poll_event(), Some(StackEvent::Aborted { by_peer: false, reason }));
    assert_eq!(stack.poll_transmit(), None);
    assert!(stack.is_closed());
}

#[test]
fn user_refuses_open() {
    for bind_error in [None, Some(apdu(3)), Some(apdu(2000))] {
        let mut pair = Pair::new(open_parameters(), RespondParameters::new(syntaxes()));
        pair.run();
        pair.responder.refuse_open(bind_error.clone(), Rejection::Validation);
        pair.run();
        let reason = RefuseReason::User;
        let event = StackEvent::OpenRefused { bind_error, reason };
        assert_eq!(pair.initiator.poll_event(), Some(event));
        assert!(pair.initiator.is_closed() && pair.responder.is_closed());
    }
}

#[test]
fn responder_refuses_what_it_does_not_know() {
    let others = |change: fn(&mut Abstract)| {
        let mut syntaxes = syntaxes();
        change(&mut syntaxes);
        OpenParameters { protocol: syntaxes.into(), ..open_parameters() }
    };
    for (parameters, reason) in [
        (
            others(|names| names.application_context = oid("1.2.3")),
            RefuseReason::ApplicationContext,
        ),
        (others(|names| names.rtse_syntax = oid("1.2.3")), RefuseReason::AbstractSyntax),
        (others(|names| names.apdu_syntax = oid("1.2.3")), RefuseReason::AbstractSyntax),
    ] {
        let mut pair = Pair::new(parameters, RespondParameters::new(syntaxes()));
        pair.run();
        let event = Some(StackEvent::OpenRefused { bind_error: None, reason });
        assert_eq!(pair.responder.poll_event(), event);
        assert_eq!(pair.initiator.poll_event(), event);
    }
}

#[test]
fn responder_refuses_sessions_that_do_not_fit() {
    type Change = fn(&mut Connect<'_>);
    let changes: [(Change, RefuseReason, RefuseReason); 5] = [
        // What the initiator hears is what the code on the wire can say.
        (
            |connect| connect.units = 2,
            RefuseReason::FunctionalUnits,
            RefuseReason::SessionRestriction,
        ),
        (
            |connect| connect.versions = Versions(4),
            RefuseReason::SessionVersion,
            RefuseReason::SessionVersion,
        ),
        (
            |connect| connect.token_setting = 0b0100,
            RefuseReason::Tokens,
            RefuseReason::SessionRestriction,
        ),
        // Version 1 has no CONNECT DATA OVERFLOW.
        (
            |connect| (connect.overflow, connect.versions) = (true, Versions::ONE),
            RefuseReason::Overflow,
            RefuseReason::SessionRestriction,
        ),
        (
            |connect| connect.user_data = &X410_CONNECT,
            RefuseReason::ApplicationContext,
            RefuseReason::Rejected(2),
        ),
    ];
    for (change, reason, heard) in changes {
        let mut responder = Stack::responder(RespondParameters::new(syntaxes()));
        responder.handle_tsdu(&connect(change)).unwrap();
        let event = StackEvent::OpenRefused { bind_error: None, reason };
        assert_eq!(responder.poll_event(), Some(event));
        let mut initiator = Stack::initiator(open_parameters());
        initiator.handle_tsdu(&responder.poll_transmit().unwrap()).unwrap();
        let event = StackEvent::OpenRefused { bind_error: None, reason: heard };
        assert_eq!(initiator.poll_event(), Some(event));
    }
}

/// A CP of X.410 mode with no more than an open in it.
const X410_CONNECT: [u8; 17] =
    [0x31, 15, 0xa0, 3, 0x80, 1, 0, 0xa1, 8, 0xa3, 6, 0xa0, 4, 4, 2, 0xaa, 0xbb];

#[test]
fn absent_functional_units_mean_the_ones_needed() {
    let tsdu = connect(|_| {});
    let at = tsdu.windows(4).position(|octets| octets == [20, 2, 0x02, 0x49]).unwrap();
    let mut without = [&tsdu[..at], &tsdu[at + 4..]].concat();
    // One-octet length indicator: the CONNECT is short.
    without[1] -= 4;
    let mut responder = Stack::responder(RespondParameters::new(syntaxes()));
    responder.handle_tsdu(&without).unwrap();
    assert!(matches!(responder.poll_event(), Some(StackEvent::OpenIndication { .. })));
}

#[test]
fn debug_output_keeps_the_bind_argument() {
    let secret = vec![4, 6, 0x53, 0x45, 0x43, 0x52, 0x45, 0x54];
    let parameters = OpenParameters { bind_argument: secret.clone(), ..open_parameters() };
    let event = StackEvent::OpenConfirmed { bind_result: secret };
    let text = format!("{parameters:?} {event:?} {:?}", Stack::initiator(parameters.clone()));
    assert!(!text.contains("83, 69") && !text.contains("SECRET"), "{text}");
}
