//! Faults of other products in the field, under the numbers of the articles that told of them.

use super::*;
use crate::rtse::{ConnectionData, DialogueMode, Negotiation, OpenRequest};
use crate::session::REQUIRED_UNITS;

/// The CONNECT of a caller, with something else in it.
fn connect_with(change: impl FnOnce(&mut Connect<'_>)) -> Vec<u8> {
    let octets = Stack::initiator(open_parameters()).poll_transmit().unwrap();
    let tsdu = Tsdu::decode(&octets).unwrap();
    let Spdu::Connect(mut connect) = tsdu.spdu else { panic!("a CONNECT") };
    change(&mut connect);
    Spdu::Connect(connect).encode(Prefix::Give).unwrap()
}

/// An open that does not tell the dialogue mode was refused for it: absent means monologue (X.228
/// annex A). Ours tells it, for those.
#[test]
fn an_omitted_dialogue_mode_is_monologue_q140958() {
    let negotiation = Negotiation { checkpoint_kib: 1, window: 3 };
    let data = ConnectionData::Open(&[5, 0]);
    let dialogue = DialogueMode::Monologue;
    let request = OpenRequest { negotiation, dialogue, data, application_protocol: None };
    let octets = request.encode();
    let told = [0x82, 1, 0];
    let at = octets.windows(3).position(|octets| octets == told).unwrap();
    let mut omitted = octets.clone();
    omitted.drain(at..at + 3);
    // The length of the whole, one octet after its tag.
    omitted[1] -= 3;
    assert_eq!(OpenRequest::decode(&omitted).unwrap(), request);
    let mut other = octets;
    other[at + 2] = 1;
    assert_eq!(OpenRequest::decode(&other).unwrap().dialogue, DialogueMode::TwoWayAlternate);
}

/// Callers that offer functional units beyond those of RTSE were refused: they are not taken up,
/// and the association stands. One that lacks a unit is refused for that.
#[test]
fn units_beyond_those_of_rtse_are_not_taken_up_q111945() {
    // Duplex, expedited and typed data, major synchronize, capability data, negotiated release.
    for more in [0x0002, 0x0004, 0x0080, 0x0010, 0x0100, 0x0400] {
        let mut responder = Stack::responder(RespondParameters::new(syntaxes()));
        responder.handle_tsdu(&connect_with(|connect| connect.units |= more)).unwrap();
        assert!(matches!(responder.poll_event(), Some(StackEvent::OpenIndication { .. })));
        responder.accept_open(apdu(1));
        let answer = responder.poll_transmit().unwrap();
        let Spdu::Accept(accept) = Tsdu::decode(&answer).unwrap().spdu else { panic!() };
        assert_eq!(accept.units, REQUIRED_UNITS, "{more:#06x}");
    }
    for less in [0x0001, 0x0008, 0x0040, 0x0200] {
        let mut responder = Stack::responder(RespondParameters::new(syntaxes()));
        responder.handle_tsdu(&connect_with(|connect| connect.units &= !less)).unwrap();
        let reason = RefuseReason::FunctionalUnits;
        let refused = StackEvent::OpenRefused { bind_error: None, reason };
        assert_eq!(responder.poll_event(), Some(refused), "{less:#06x}");
    }
}

/// A checkpoint that was cut short on the way ended the whole MTA: it ends the association, and
/// what was confirmed before is kept to go on with.
#[test]
fn a_checkpoint_cut_short_ends_the_association_and_no_more_q196852() {
    let parameters = OpenParameters { checkpoint_kib: 1, ..open_parameters() };
    for at in 1.. {
        let mut pair = Pair::new(parameters.clone(), RespondParameters::new(syntaxes()));
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.accept_open(apdu(1));
        pair.run();
        let _ = pair.initiator.poll_event();
        pair.initiator.transfer(apdu(5000)).unwrap();
        // ACTIVITY START, and two segments, the first with its checkpoint.
        for _ in 0..4 {
            let unit = pair.initiator.poll_transmit().unwrap();
            pair.responder.handle_tsdu(&unit).unwrap();
        }
        let sync = pair.initiator.poll_transmit().unwrap();
        assert!(matches!(Tsdu::decode(&sync).unwrap().spdu, Spdu::MinorSync { serial: 2, .. }));
        if at == sync.len() {
            return;
        }
        assert!(pair.responder.handle_tsdu(&sync[..at]).is_err(), "cut at {at}");
        assert!(pair.responder.is_closed());
        let told: Vec<_> = std::iter::from_fn(|| pair.responder.poll_event()).collect();
        assert!(matches!(told.last(), Some(StackEvent::Aborted { by_peer: false, .. })));
        // The peer hears an ABORT and nothing else: no confirmation of what was not whole.
        let sent: Vec<_> = std::iter::from_fn(|| pair.responder.poll_transmit()).collect();
        let last = Tsdu::decode(sent.last().unwrap()).unwrap();
        assert!(matches!(last.spdu, Spdu::Abort(_)), "{:?}", last.spdu.name());
    }
}

/// With checkpoints of 64 KiB a segment is 65,536 octets, more than a length of two octets tells
/// and more than a TPDU holds: the data were cut.
#[test]
fn segments_of_64_kib_arrive_whole_q189753() {
    let parameters = OpenParameters { checkpoint_kib: 64, ..open_parameters() };
    let responds = RespondParameters {
        checkpoint_kib: 64,
        tell_checkpoints: true,
        ..RespondParameters::new(syntaxes())
    };
    // Some octets of wrapping come with each, so that those around 65,536 take two segments.
    for (size, expected) in [(65_400, 0), (65_536, 1), (65_537, 1), (140_000, 2), (200_000, 3)] {
        let mut pair = Pair::new(parameters.clone(), responds.clone());
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.accept_open(apdu(1));
        pair.run();
        let _ = pair.initiator.poll_event();
        assert_eq!(pair.initiator.negotiation().unwrap().checkpoint_kib, 64);
        pair.initiator.transfer(apdu(size)).unwrap();
        pair.run();
        let told: Vec<_> = std::iter::from_fn(|| pair.responder.poll_event()).collect();
        let marks = told.iter().filter(|event| **event == StackEvent::Checkpoint).count();
        assert_eq!(marks, expected, "{size}");
        assert_eq!(told.last(), Some(&StackEvent::TransferIndication { apdu: apdu(size) }));
    }
}

/// What is too large for the receiver vanished without a word: the sender hears of it and keeps it.
#[test]
fn an_apdu_over_the_limit_is_refused_aloud_q174895() {
    let responds = RespondParameters { maximum_apdu: 10_000, ..RespondParameters::new(syntaxes()) };
    for checkpoint_kib in [0, 1] {
        let parameters = OpenParameters { checkpoint_kib, ..open_parameters() };
        let mut pair = Pair::new(parameters, responds.clone());
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.accept_open(apdu(1));
        pair.run();
        let _ = pair.initiator.poll_event();
        pair.initiator.transfer(apdu(20_000)).unwrap();
        pair.run();
        let told: Vec<_> = std::iter::from_fn(|| pair.initiator.poll_event()).collect();
        assert!(
            matches!(
                told[..],
                [StackEvent::TransferFailed { reason: TransferFailure::RefusedByPeer(_) }]
            ),
            "{told:?}"
        );
        // The association stands, and the next one passes.
        pair.initiator.transfer(apdu(100)).unwrap();
        pair.run();
        let told: Vec<_> = std::iter::from_fn(|| pair.responder.poll_event()).collect();
        assert_eq!(told.last(), Some(&StackEvent::TransferIndication { apdu: apdu(100) }));
    }
}
