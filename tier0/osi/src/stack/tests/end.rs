//! Release, aborts and the loss of the carrier.

use super::*;
use crate::rtse::RtabReason;
use crate::session::{Resume, Versions};
use crate::stack::parameters::{Contexts, Link};
use crate::{Layer, StackError};

#[test]
fn version_1_peer_is_served() {
    let tsdu = connect(|connect| connect.versions = Versions::ONE);
    let mut responder = Stack::responder(RespondParameters::new(syntaxes()));
    responder.handle_tsdu(&tsdu).unwrap();
    responder.accept_open(apdu(5));
    assert!(responder.is_open());
    let _ = responder.poll_transmit();
    responder.abort();
    // Version 1 has no room for a PPDU in an ABORT.
    assert_eq!(responder.poll_transmit(), Some(vec![25, 3, 17, 1, 3]));
}

#[test]
fn aborts_reach_the_other_side_with_their_reason() {
    let reason = AbortReason::User;
    for by_initiator in [true, false] {
        let mut pair = Pair::open();
        pair.initiator.transfer(apdu(200_000)).unwrap();
        let (from, to) = if by_initiator {
            (&mut pair.initiator, &mut pair.responder)
        } else {
            (&mut pair.responder, &mut pair.initiator)
        };
        from.abort();
        assert_eq!(from.poll_event(), Some(StackEvent::Aborted { by_peer: false, reason }));
        while let Some(tsdu) = from.poll_transmit() {
            to.handle_tsdu(&tsdu).unwrap();
        }
        assert_eq!(to.poll_event(), Some(StackEvent::Aborted { by_peer: true, reason }));
        assert!(from.is_closed() && to.is_closed());
        assert!(to.handle_tsdu(b"anything").is_ok());
        assert_eq!((to.poll_event(), to.poll_transmit()), (None, None));
    }
}

#[test]
fn every_abort_reason_survives_the_wire() {
    let normal = Link { normal: true, contexts: Contexts::INITIATOR, version_2: true };
    for reason in [
        AbortReason::User,
        AbortReason::Protocol(Layer::Session),
        AbortReason::Protocol(Layer::Presentation),
        AbortReason::Protocol(Layer::Acse),
        AbortReason::Protocol(Layer::Rtse),
        AbortReason::Incompatible,
        AbortReason::Rtse(RtabReason::UnrecognizedActivity),
    ] {
        let tsdu = reason.encode(Some(normal)).unwrap();
        let Spdu::Abort(abort) = Tsdu::decode(&tsdu).unwrap().spdu else { panic!() };
        assert_eq!(AbortReason::decode(&abort), reason);
        // X.410 mode has the reasons of RTSE alone, in at most nine octets.
        let x410 = Link { normal: false, version_2: false, ..normal };
        let tsdu = reason.encode(Some(x410)).unwrap();
        let Spdu::Abort(abort) = Tsdu::decode(&tsdu).unwrap().spdu else { panic!() };
        assert!(abort.user_data.len() <= 9);
        let heard = AbortReason::decode(&abort);
        assert!(heard == reason || heard == AbortReason::Protocol(Layer::Rtse), "{reason}");
    }
}

#[test]
fn protocol_errors_abort_both_sides() {
    let mut pair = Pair::open();
    let wrong = Spdu::ActivityEnd { serial: 1 }.encode(Prefix::Give).unwrap();
    let error = pair.responder.handle_tsdu(&wrong).unwrap_err();
    assert!(matches!(error, StackError::Unexpected { layer: Layer::Session, .. }));
    let reason = AbortReason::Protocol(Layer::Session);
    assert_eq!(pair.responder.poll_event(), Some(StackEvent::Aborted { by_peer: false, reason }));
    pair.run();
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::Aborted { by_peer: true, reason }));
}

#[test]
fn resumption_of_an_unknown_activity_is_aborted() {
    let mut pair = Pair::open();
    let resume = Spdu::ActivityResume(Resume { serial: 1, ..Resume::default() })
        .encode(Prefix::Give)
        .unwrap();
    assert_eq!(pair.responder.handle_tsdu(&resume), Err(StackError::UnknownActivity));
    pair.run();
    let reason = AbortReason::Rtse(RtabReason::UnrecognizedActivity);
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::Aborted { by_peer: true, reason }));
}

#[test]
fn lost_channel_is_told_once() {
    let mut pair = Pair::open();
    pair.initiator.transfer(apdu(100_000)).unwrap();
    let reason = AbortReason::ChannelLost;
    for stack in [&mut pair.initiator, &mut pair.responder] {
        stack.handle_channel_lost();
        stack.handle_channel_lost();
        assert_eq!(stack.poll_event(), Some(StackEvent::Aborted { by_peer: false, reason }));
        assert_eq!((stack.poll_event(), stack.poll_transmit()), (None, None));
    }
}

#[test]
fn release_waits_for_the_transfer() {
    let mut pair = Pair::open();
    pair.initiator.transfer(apdu(100_000)).unwrap();
    pair.initiator.release();
    pair.run();
    assert!(pair.initiator.is_open());
    let _ = pair.responder.poll_event();
    pair.responder.confirm_transfer().unwrap();
    pair.run();
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::TransferConfirmed));
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::Released));
    assert_eq!(pair.responder.poll_event(), Some(StackEvent::ReleaseIndication));
}
