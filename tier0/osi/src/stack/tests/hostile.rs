//! Input that no peer should send.

use super::*;
use crate::session::ExceptionReason;

/// A small generator of octets that look random and are the same each time.
struct Noise(u64);

impl Noise {
    fn octet(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0.to_be_bytes()[1]
    }
}

type Make = fn() -> Stack;

/// A stack in each state, and a TSDU that it expects there.
fn states() -> Vec<(Make, Vec<u8>)> {
    fn deciding() -> (Stack, Vec<u8>) {
        let mut responder = Stack::responder(RespondParameters::new(syntaxes()));
        responder.handle_tsdu(&connect(|_| {})).unwrap();
        responder.accept_open(apdu(10));
        let accept = responder.poll_transmit().unwrap();
        (responder, accept)
    }
    fn receiving() -> (Stack, Stack) {
        let mut pair = Pair::open();
        pair.initiator.transfer(apdu(300)).unwrap();
        let start = pair.initiator.poll_transmit().unwrap();
        pair.responder.handle_tsdu(&start).unwrap();
        (pair.initiator, pair.responder)
    }
    fn releasing() -> (Stack, Vec<u8>) {
        let mut pair = Pair::open();
        pair.initiator.release();
        let finish = pair.initiator.poll_transmit().unwrap();
        (pair.initiator, finish)
    }
    let mut pair = Pair::open();
    pair.responder.abort();
    let abort = pair.responder.poll_transmit().unwrap();
    let mut refusing = Stack::responder(RespondParameters::new(syntaxes()));
    refusing.handle_tsdu(&connect(|_| {})).unwrap();
    refusing.refuse_open(Some(apdu(2)), Rejection::Validation);
    let mut finished = Pair::open().responder;
    finished.handle_tsdu(&releasing().1).unwrap();
    let disconnect = finished.poll_transmit().unwrap();
    let data = receiving().0.poll_transmit().unwrap();
    let serial = 1;
    let discard = Spdu::ActivityDiscard { reason: ExceptionReason::SequenceError };
    let exception =
        Spdu::ExceptionData { reason: ExceptionReason::SequenceError, user_data: &[1, 2, 3] };
    vec![
        (|| Stack::responder(RespondParameters::new(syntaxes())), connect(|_| {})),
        (|| Stack::initiator(open_parameters()), deciding().1),
        (|| Stack::initiator(open_parameters()), refusing.poll_transmit().unwrap()),
        (|| Pair::open().responder, abort),
        (|| Pair::open().responder, releasing().1),
        (|| releasing().0, disconnect),
        (|| receiving().1, data),
        (
            || receiving().1,
            Spdu::MinorSync { serial, explicit: true }.encode(Prefix::Give).unwrap(),
        ),
        (|| receiving().1, discard.encode(Prefix::Give).unwrap()),
        (|| receiving().0, exception.encode(Prefix::Please).unwrap()),
    ]
}

#[test]
fn truncated_tsdus_are_errors_in_every_state() {
    for (make, tsdu) in states() {
        assert_eq!(make().handle_tsdu(&tsdu), Ok(()), "{tsdu:02x?}");
        for length in 0..tsdu.len() {
            let mut stack = make();
            let name = Tsdu::decode(&tsdu).unwrap().spdu.name();
            // GIVE TOKENS alone is whole, but no state here allows it.
            assert!(stack.handle_tsdu(&tsdu[..length]).is_err(), "{name} cut at {length}");
            assert!(stack.is_closed());
            assert!(
                matches!(
                    std::iter::from_fn(|| stack.poll_event()).last(),
                    Some(StackEvent::Aborted { by_peer: false, .. })
                ),
                "{name} cut at {length}"
            );
        }
    }
}

#[test]
fn garbage_is_no_panic_in_any_state() {
    let mut noise = Noise(20_261_122);
    for (make, tsdu) in states() {
        for round in 0..400 {
            let mut stack = make();
            let changed: Vec<u8> = if round % 2 == 0 {
                let length = usize::from(noise.octet());
                (0..length).map(|_| noise.octet()).collect()
            } else {
                let mut changed = tsdu.clone();
                for _ in 0..=round % 5 {
                    let place = usize::from(noise.octet()) << 8 | usize::from(noise.octet());
                    let length = changed.len();
                    changed[place % length] = noise.octet();
                }
                changed
            };
            let failed = stack.handle_tsdu(&changed).is_err();
            assert!(!failed || stack.is_closed());
        }
    }
}
