//! Transfers: segments, window, limits, refusals.

use super::*;
use crate::StackError;
use crate::session::ExceptionReason;

#[test]
fn opens_transfers_and_releases() {
    let mut pair = Pair::open();
    let block = 30 * 1024;
    for size in [0, 1, block - 1, block, block + 1, 3 * block, 5 * 1024 * 1024] {
        pair.transfer(apdu(size));
    }
    pair.initiator.release();
    pair.run();
    assert_eq!(pair.responder.poll_event(), Some(StackEvent::ReleaseIndication));
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::Released));
    assert!(pair.initiator.is_closed() && pair.responder.is_closed());
}

#[test]
fn checkpoints_number_from_one_and_segments_keep_to_the_size() {
    let parameters = OpenParameters { checkpoint_kib: 1, ..open_parameters() };
    let mut pair = Pair::new(parameters, RespondParameters::new(syntaxes()));
    pair.run();
    pair.responder.accept_open(apdu(1));
    pair.run();
    let _ = (pair.initiator.poll_event(), pair.responder.poll_event());
    pair.to_responder.clear();
    pair.transfer(apdu(2500));
    let names: Vec<_> =
        pair.to_responder.iter().map(|tsdu| Tsdu::decode(tsdu).unwrap().spdu.name()).collect();
    let (data, point) = ("DATA TRANSFER", "MINOR SYNC POINT");
    assert_eq!(names, ["ACTIVITY START", data, point, data, point, data, "ACTIVITY END"]);
    assert!(pair.to_responder.iter().all(|tsdu| tsdu.len() <= 1024 + 24));
    let end = Tsdu::decode(pair.to_responder.last().unwrap()).unwrap();
    assert_eq!(end.spdu, Spdu::ActivityEnd { serial: 3 });
}

#[test]
fn sender_waits_for_the_window() {
    let mut pair = Pair::open();
    pair.initiator.transfer(apdu(1024 * 1024)).unwrap();
    let sent: Vec<_> = std::iter::from_fn(|| pair.initiator.poll_transmit()).collect();
    // The start, and three segments each with its point.
    assert_eq!(sent.len(), 7);
    let ack = Spdu::MinorSyncAck { serial: 2 }.encode(Prefix::Please).unwrap();
    pair.initiator.handle_tsdu(&ack).unwrap();
    assert_eq!(std::iter::from_fn(|| pair.initiator.poll_transmit()).count(), 4);
}

#[test]
fn no_checkpoints_is_one_segment() {
    let parameters = OpenParameters { checkpoint_kib: 0, ..open_parameters() };
    let mut pair = Pair::new(parameters, RespondParameters::new(syntaxes()));
    pair.run();
    pair.responder.accept_open(apdu(1));
    pair.run();
    let _ = (pair.initiator.poll_event(), pair.responder.poll_event());
    pair.to_responder.clear();
    pair.transfer(apdu(100_000));
    assert_eq!(pair.to_responder.len(), 3);
}

#[test]
fn refused_transfer_lets_the_next_pass() {
    let mut pair = Pair::open();
    for size in [10, 500_000] {
        pair.initiator.transfer(apdu(size)).unwrap();
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.refuse_transfer(ExceptionReason::LocalUserError).unwrap();
        pair.run();
        let reason = TransferFailure::RefusedByPeer(ExceptionReason::LocalUserError);
        assert_eq!(pair.initiator.poll_event(), Some(StackEvent::TransferFailed { reason }));
        assert!(pair.initiator.is_idle() && pair.responder.is_idle());
        pair.transfer(apdu(40_000));
    }
}

#[test]
fn transfer_is_refused_while_it_arrives() {
    let mut pair = Pair::open();
    pair.initiator.transfer(apdu(500_000)).unwrap();
    for _ in 0..4 {
        let tsdu = pair.initiator.poll_transmit().unwrap();
        pair.responder.handle_tsdu(&tsdu).unwrap();
    }
    pair.responder.refuse_transfer(ExceptionReason::LocalUserError).unwrap();
    pair.run();
    let reason = TransferFailure::RefusedByPeer(ExceptionReason::LocalUserError);
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::TransferFailed { reason }));
    pair.transfer(apdu(100));
}

#[test]
fn receiver_refuses_over_its_limit() {
    let limit = 100_000;
    let responder = RespondParameters { maximum_apdu: limit, ..RespondParameters::new(syntaxes()) };
    let mut pair = Pair::new(open_parameters(), responder);
    pair.run();
    pair.responder.accept_open(apdu(1));
    pair.run();
    let _ = (pair.initiator.poll_event(), pair.responder.poll_event());
    pair.initiator.transfer(apdu(300_000)).unwrap();
    pair.run();
    let reason = TransferFailure::TooLarge { limit };
    assert_eq!(pair.responder.poll_event(), Some(StackEvent::TransferFailed { reason }));
    assert!(matches!(pair.initiator.poll_event(), Some(StackEvent::TransferFailed { .. })));
    pair.transfer(apdu(99_000));
}

#[test]
fn sender_refuses_what_it_cannot_send() {
    let mut pair = Pair::new(
        OpenParameters { maximum_apdu: 100, ..open_parameters() },
        RespondParameters::new(syntaxes()),
    );
    let not_open = pair.initiator.transfer(apdu(1));
    assert!(matches!(not_open, Err(StackError::NotAllowed { .. })));
    pair.run();
    pair.responder.accept_open(apdu(1));
    pair.run();
    assert!(matches!(pair.initiator.transfer(apdu(200)), Err(StackError::TooLarge { .. })));
    assert!(matches!(pair.initiator.transfer(vec![4, 9]), Err(StackError::NotOneValue(_))));
    assert!(matches!(pair.initiator.transfer(Vec::new()), Err(StackError::NotOneValue(_))));
    assert!(pair.responder.confirm_transfer().is_err());
    assert!(pair.responder.refuse_transfer(ExceptionReason::Unspecified).is_err());
    pair.initiator.transfer(apdu(5)).unwrap();
    assert!(matches!(pair.initiator.transfer(apdu(5)), Err(StackError::NotAllowed { .. })));
}

#[test]
fn interrupted_and_discarded_activities_leave_nothing() {
    let reason = ExceptionReason::Unspecified;
    for (give_up, answer) in [
        (Spdu::ActivityInterrupt { reason }, Spdu::ActivityInterruptAck),
        (Spdu::ActivityDiscard { reason }, Spdu::ActivityDiscardAck),
    ] {
        let mut pair = Pair::open();
        pair.initiator.transfer(apdu(100_000)).unwrap();
        for _ in 0..3 {
            let tsdu = pair.initiator.poll_transmit().unwrap();
            pair.responder.handle_tsdu(&tsdu).unwrap();
        }
        let _ = pair.responder.poll_transmit().unwrap();
        pair.responder.handle_tsdu(&give_up.encode(Prefix::Give).unwrap()).unwrap();
        let sent = pair.responder.poll_transmit().unwrap();
        assert_eq!(Tsdu::decode(&sent).unwrap().spdu, answer);
        assert!(pair.responder.is_idle());
        let reason = TransferFailure::DiscardedByPeer(reason);
        assert_eq!(pair.responder.poll_event(), Some(StackEvent::TransferFailed { reason }));
    }
}
