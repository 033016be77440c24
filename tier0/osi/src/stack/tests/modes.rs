//! Every mode, dialogue, checkpoint and window; breaks at every unit, and going on after them.

use std::collections::VecDeque;

use super::*;
use crate::StackError;
use crate::session::ExceptionReason;

/// One way to run an association.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// `None` is normal mode.
    x410: Option<i64>,
    two_way: bool,
    checkpoint_kib: u16,
    window: u16,
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for x410 in [None, Some(12), Some(1)] {
        for two_way in [false, true] {
            for checkpoint_kib in [0, 1, 30, 64] {
                for window in [1, 3, 5] {
                    ways.push(Way { x410, two_way, checkpoint_kib, window });
                }
            }
        }
    }
    ways
}

impl Way {
    fn open(self, reference: &str, recover: Option<Unfinished>) -> OpenParameters {
        let protocol = match self.x410 {
            None => syntaxes().into(),
            Some(number) => Protocol::X410(number),
        };
        OpenParameters {
            two_way: self.two_way,
            recover,
            checkpoint_kib: self.checkpoint_kib,
            window: self.window,
            calling_reference: reference.as_bytes().to_vec(),
            common_reference: "261122064700Z".to_owned(),
            ..OpenParameters::new(protocol, apdu(20))
        }
    }
}

fn respond() -> RespondParameters {
    RespondParameters {
        x410: vec![12, 1],
        checkpoint_kib: 64,
        window: 5,
        ..RespondParameters::new(syntaxes())
    }
}

/// Both ends over all associations: what each still has to send, and what it has received. A
/// receiver takes what it has already for a repetition, as MTAs do by the MTS identifier.
struct Ends {
    way: Way,
    waiting: [VecDeque<Vec<u8>>; 2],
    received: [Vec<Vec<u8>>; 2],
    repeated: usize,
    /// Recoveries of what the initiator sent, and of what the responder sent.
    recovered: [usize; 2],
    /// The last association was refused: there is nothing to go on with.
    refused: bool,
    /// The sender's and the receiver's memory of a broken association.
    unfinished: Option<Unfinished>,
    kept: Option<Unfinished>,
    units: usize,
    cut_at: usize,
    /// The receiver's disk fails it between the message and its answer.
    cut_before_confirm: bool,
    associations: usize,
}

const INITIATOR: usize = 0;
const RESPONDER: usize = 1;

impl Ends {
    fn new(way: Way, cut_at: usize) -> Self {
        let messages = |first: usize| -> VecDeque<Vec<u8>> {
            [100, 5000, 1].iter().map(|size| apdu(first + size)).collect()
        };
        let back = if way.two_way { messages(7) } else { VecDeque::new() };
        Self {
            way,
            waiting: [messages(0), back],
            received: [Vec::new(), Vec::new()],
            repeated: 0,
            recovered: [0; 2],
            refused: false,
            unfinished: None,
            kept: None,
            units: 0,
            cut_at,
            cut_before_confirm: false,
            associations: 0,
        }
    }

    /// Opens associations until nothing waits.
    fn run(&mut self) {
        while self.waiting.iter().any(|one| !one.is_empty()) {
            self.associations += 1;
            assert!(self.associations < 10, "{:?} cut at {}", self.way, self.cut_at);
            self.associate();
        }
    }

    fn associate(&mut self) {
        let reference = format!("east-{}", self.associations);
        let mut stacks = [
            Stack::initiator(self.way.open(&reference, self.unfinished.take())),
            Stack::responder(respond()),
        ];
        loop {
            let mut moved = false;
            for from in [INITIATOR, RESPONDER] {
                let Some(unit) = stacks[from].poll_transmit() else { continue };
                moved = true;
                self.units += 1;
                if self.units == self.cut_at {
                    return self.break_off(stacks);
                }
                stacks[1 - from]
                    .handle_tsdu(&unit)
                    .map_or_else(|error| assert_eq!(error, StackError::CompletedActivity), |()| ());
            }
            for end in [INITIATOR, RESPONDER] {
                while let Some(event) = stacks[end].poll_event() {
                    moved = true;
                    if !self.take(event, end, &mut stacks) {
                        return self.break_off(stacks);
                    }
                }
            }
            if stacks.iter().all(Stack::is_closed) {
                return self.keep(&mut stacks);
            }
            moved |= self.go_on(&mut stacks);
            assert!(moved, "{:?} cut at {}: nothing moves", self.way, self.cut_at);
        }
    }

    /// Sends, gives the turn, or releases; false when there is nothing to do.
    fn go_on(&mut self, stacks: &mut [Stack; 2]) -> bool {
        for end in [INITIATOR, RESPONDER] {
            if !stacks[end].has_turn() || !stacks[end].is_idle() {
                continue;
            }
            if let Some(next) = self.waiting[end].front() {
                stacks[end].transfer(next.clone()).unwrap();
            } else if self.waiting[1 - end].is_empty() && end == INITIATOR {
                stacks[end].release();
            } else if self.way.two_way {
                stacks[end].give_turn().unwrap();
            } else {
                return false;
            }
            return true;
        }
        false
    }

    fn take(&mut self, event: StackEvent, end: usize, stacks: &mut [Stack; 2]) -> bool {
        match event {
            StackEvent::OpenIndication { two_way, mode, .. } => {
                assert_eq!(two_way, self.way.two_way);
                let expected = self.way.x410.map_or(OpenedMode::Normal, OpenedMode::X410);
                assert_eq!(mode, expected);
                stacks[end].accept_open(apdu(21));
            }
            StackEvent::RecoveryIndication { session } => {
                match self.kept.take().filter(|kept| kept.session == session) {
                    Some(kept) => {
                        self.recovered[usize::from(kept.is_sending())] += 1;
                        stacks[end].accept_recovery(kept);
                    }
                    None => stacks[end].refuse_open(None, Rejection::CannotRecover),
                }
            }
            StackEvent::TransferIndication { apdu } => {
                if self.received[end].contains(&apdu) {
                    self.repeated += 1;
                } else {
                    self.received[end].push(apdu);
                }
                if std::mem::take(&mut self.cut_before_confirm) {
                    return false;
                }
                stacks[end].confirm_transfer().unwrap();
            }
            StackEvent::OpenRefused { .. } => self.refused = true,
            StackEvent::TransferConfirmed => drop(self.waiting[end].pop_front()),
            StackEvent::TransferFailed { reason } => panic!("{reason}"),
            _ => {}
        }
        true
    }

    fn break_off(&mut self, mut stacks: [Stack; 2]) {
        self.units += 1;
        for stack in &mut stacks {
            stack.handle_channel_lost();
        }
        self.keep(&mut stacks);
    }

    fn keep(&mut self, stacks: &mut [Stack; 2]) {
        // Only the side that opened may open again to go on, whichever of the two was sending.
        let refused = std::mem::take(&mut self.refused);
        self.unfinished = stacks[INITIATOR]
            .take_unfinished()
            .filter(|one| !refused && (one.is_sending() || one.is_receiving()));
        self.kept = stacks[RESPONDER].take_unfinished();
        if let Some(kept) = &mut self.kept {
            // What was received is safe: it stands in `received`.
            kept.complete();
        }
    }

    fn check(&self) {
        let place = format!("{:?} cut at {}", self.way, self.cut_at);
        for (end, count) in [(RESPONDER, 3), (INITIATOR, if self.way.two_way { 3 } else { 0 })] {
            assert_eq!(self.received[end].len(), count, "{place}");
        }
    }
}

#[test]
fn every_way_carries_messages_both_ways() {
    for way in ways() {
        let mut ends = Ends::new(way, 0);
        ends.run();
        ends.check();
        assert_eq!((ends.associations, ends.repeated), (1, 0), "{way:?}");
    }
}

/// The connection is cut at every unit of every way: each message arrives exactly once.
#[test]
fn cut_at_every_unit_each_message_arrives_once() {
    for way in ways() {
        let mut whole = Ends::new(way, 0);
        whole.run();
        let mut recovered = [0; 2];
        for cut_at in 1..=whole.units {
            let mut ends = Ends::new(way, cut_at);
            ends.run();
            ends.check();
            assert!(ends.associations <= 3, "{way:?} cut at {cut_at}");
            recovered = [0, 1].map(|end| recovered[end] + ends.recovered[end]);
        }
        // With checkpoints of 1 KiB the message of 5,000 octets has four of them.
        let expected = [way.checkpoint_kib == 1, way.checkpoint_kib == 1 && way.two_way];
        assert_eq!(recovered.map(|count| count > 0), expected, "{way:?}: {recovered:?}");
    }
}

/// The message is safe and its answer is not sent: neither lost nor taken twice.
#[test]
fn cut_between_activity_end_and_its_answer() {
    for way in ways() {
        let mut ends = Ends::new(way, 0);
        ends.cut_before_confirm = true;
        ends.run();
        ends.check();
        assert_eq!(ends.associations, 2, "{way:?}");
    }
}

/// After a break the receiver is asked to go on with what it has whole: it says so by the abort,
/// and nothing is sent again.
#[test]
fn a_transfer_that_was_complete_is_not_sent_again() {
    for x410 in [None, Some(12)] {
        let way = Way { x410, two_way: false, checkpoint_kib: 1, window: 3 };
        let mut pair = Pair::new(way.open("east", None), respond());
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.accept_open(apdu(1));
        pair.run();
        let _ = pair.initiator.poll_event();
        pair.initiator.transfer(apdu(5000)).unwrap();
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.confirm_transfer().unwrap();
        // The answer is lost.
        pair.initiator.handle_channel_lost();
        pair.responder.handle_channel_lost();
        let unfinished = pair.initiator.take_unfinished().unwrap();
        let kept = pair.responder.take_unfinished().unwrap();
        let mut again = Pair::new(way.open("east-2", Some(unfinished)), respond());
        again.run();
        let Some(StackEvent::RecoveryIndication { session }) = again.responder.poll_event() else {
            panic!("no recovery");
        };
        assert_eq!(session, kept.session);
        again.responder.accept_recovery(kept);
        let accept = again.responder.poll_transmit().unwrap();
        again.initiator.handle_tsdu(&accept).unwrap();
        let resume = again.initiator.poll_transmit().unwrap();
        let refused = again.responder.handle_tsdu(&resume);
        assert_eq!(refused, Err(StackError::CompletedActivity));
        let abort = again.responder.poll_transmit().unwrap();
        again.initiator.handle_tsdu(&abort).unwrap();
        assert_eq!(again.initiator.poll_event(), Some(StackEvent::RecoveryConfirmed));
        assert_eq!(again.initiator.poll_event(), Some(StackEvent::TransferConfirmed));
        assert!(matches!(again.initiator.poll_event(), Some(StackEvent::Aborted { .. })));
        assert_eq!(again.initiator.take_unfinished(), None);
    }
}

/// A receiver that cannot go on now: the activity is interrupted and resumed on the association.
#[test]
fn an_exception_that_passes_is_an_interruption() {
    let way = Way { x410: None, two_way: false, checkpoint_kib: 1, window: 3 };
    let mut pair = Pair::new(way.open("east", None), respond());
    pair.run();
    let _ = pair.responder.poll_event();
    pair.responder.accept_open(apdu(1));
    pair.run();
    let _ = (pair.initiator.poll_event(), pair.responder.poll_event());
    pair.initiator.transfer(apdu(9000)).unwrap();
    for _ in 0..7 {
        let unit = pair.initiator.poll_transmit().unwrap();
        pair.responder.handle_tsdu(&unit).unwrap();
        while let Some(unit) = pair.responder.poll_transmit() {
            pair.initiator.handle_tsdu(&unit).unwrap();
        }
    }
    pair.responder.refuse_transfer(ExceptionReason::ReceivingAbilityJeopardized).unwrap();
    let exception = pair.responder.poll_transmit().unwrap();
    pair.initiator.handle_tsdu(&exception).unwrap();
    pair.to_responder.clear();
    pair.run();
    let names: Vec<_> =
        pair.to_responder.iter().map(|tsdu| Tsdu::decode(tsdu).unwrap().spdu.name()).collect();
    assert!(names.starts_with(&["ACTIVITY INTERRUPT", "ACTIVITY RESUME", "DATA TRANSFER"]));
    let data = names.iter().filter(|name| **name == "DATA TRANSFER").count();
    // Nine segments, three of which are confirmed.
    assert_eq!(data, 6, "{names:?}");
    assert_eq!(
        pair.responder.poll_event(),
        Some(StackEvent::TransferIndication { apdu: apdu(9000) })
    );
    pair.responder.confirm_transfer().unwrap();
    pair.run();
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::TransferConfirmed));
}

/// A peer that answers a recovery with another checkpoint size (KB Q187929) is left, and the
/// transfer starts over.
#[test]
fn q187929_checkpoint_changed_on_recovery() {
    let way = Way { x410: None, two_way: false, checkpoint_kib: 1, window: 3 };
    let mut ends = Ends::new(way, 14);
    ends.associate();
    let unfinished = ends.unfinished.take().unwrap();
    let mut initiator = Stack::initiator(way.open("east-2", Some(unfinished)));
    let connect = initiator.poll_transmit().unwrap();
    let mut responder = Stack::responder(respond());
    responder.handle_tsdu(&connect).unwrap();
    assert!(matches!(responder.poll_event(), Some(StackEvent::RecoveryIndication { .. })));
    responder.accept_recovery(ends.kept.take().unwrap());
    let accept = responder.poll_transmit().unwrap();
    // checkpointSize [0] 1 becomes 0.
    let at = accept.windows(3).rposition(|octets| octets == [0x80, 1, 1]).unwrap();
    let mut changed = accept;
    changed[at + 2] = 0;
    let error = initiator.handle_tsdu(&changed).unwrap_err();
    assert!(matches!(error, StackError::Incompatible { layer: crate::Layer::Rtse, .. }));
    assert!(initiator.take_unfinished().unwrap().into_apdu().is_some());
}

#[test]
fn the_turn_is_asked_for_given_and_refused_out_of_turn() {
    for x410 in [None, Some(12)] {
        let way = Way { x410, two_way: true, checkpoint_kib: 30, window: 3 };
        let mut pair = Pair::new(way.open("east", None), respond());
        pair.run();
        let _ = pair.responder.poll_event();
        pair.responder.accept_open(apdu(1));
        pair.run();
        let _ = pair.initiator.poll_event();
        assert!(pair.initiator.has_turn() && !pair.responder.has_turn());
        assert!(matches!(pair.responder.transfer(apdu(1)), Err(StackError::NotAllowed { .. })));
        assert!(pair.responder.give_turn().is_err() && pair.initiator.request_turn(0).is_err());
        pair.responder.request_turn(3).unwrap();
        pair.run();
        assert_eq!(pair.initiator.poll_event(), Some(StackEvent::TurnPlease { priority: 3 }));
        pair.initiator.give_turn().unwrap();
        pair.run();
        assert_eq!(pair.responder.poll_event(), Some(StackEvent::TurnIndication));
        assert!(pair.responder.has_turn() && !pair.initiator.has_turn());
        // The release waits for the turn.
        pair.initiator.release();
        assert!(pair.initiator.is_open());
        pair.responder.give_turn().unwrap();
        pair.run();
        assert!(pair.initiator.is_closed() && pair.responder.is_closed());
    }
    let mut monologue = Pair::open();
    assert!(monologue.initiator.give_turn().is_err());
    assert!(monologue.responder.request_turn(0).is_err());
}

/// Open data over 512 and over 10,240 octets: the extended parameter, then CONNECT DATA OVERFLOW.
#[test]
fn p1_10_extended_user_data_and_overflow() {
    for size in [100, 600, 10_000, 11_000, 200_000] {
        let parameters = OpenParameters { bind_argument: apdu(size), ..open_parameters() };
        let mut pair = Pair::new(parameters, RespondParameters::new(syntaxes()));
        pair.run();
        let overflow = pair.to_responder.iter().filter(|unit| unit[0] == 15).count();
        assert_eq!(
            overflow,
            match size {
                11_000 => 1,
                200_000 => 3,
                _ => 0,
            },
            "{size}"
        );
        let Some(StackEvent::OpenIndication { bind_argument, .. }) = pair.responder.poll_event()
        else {
            panic!("{size}");
        };
        assert!(bind_argument == apdu(size));
        pair.responder.accept_open(apdu(21));
        pair.run();
        assert!(pair.initiator.is_open(), "{size}");
    }
}

#[test]
fn session_version_1_is_taken_where_it_is_offered() {
    let parameters = OpenParameters { version_1: true, ..open_parameters() };
    let mut pair = Pair::new(parameters, RespondParameters::new(syntaxes()));
    let tsdu = pair.initiator.poll_transmit().unwrap();
    let Spdu::Connect(mut connect) = Tsdu::decode(&tsdu).unwrap().spdu else { panic!() };
    assert_eq!(connect.versions, crate::session::Versions(3));
    // A responder that knows version 1 alone.
    connect.versions = crate::session::Versions::ONE;
    let tsdu = Spdu::Connect(connect).encode(Prefix::Give).unwrap();
    pair.responder.handle_tsdu(&tsdu).unwrap();
    let _ = pair.responder.poll_event();
    pair.responder.accept_open(apdu(21));
    pair.run();
    let _ = pair.initiator.poll_event();
    pair.transfer(apdu(100_000));
    pair.initiator.release();
    pair.run();
    assert_eq!(pair.initiator.poll_event(), Some(StackEvent::Released));
}

#[test]
fn x410_mode_refuses_with_its_own_numbers() {
    let way = Way { x410: Some(12), two_way: true, checkpoint_kib: 0, window: 1 };
    for (rejection, number) in [
        (Rejection::Busy, 0),
        (Rejection::CannotRecover, 1),
        (Rejection::Validation, 2),
        (Rejection::DialogueMode, 3),
    ] {
        let mut pair = Pair::new(way.open("east", None), respond());
        pair.run();
        pair.responder.refuse_open(Some(apdu(3)), rejection);
        pair.run();
        let reason = RefuseReason::Rejected(number);
        assert_eq!(
            pair.initiator.poll_event(),
            Some(StackEvent::OpenRefused { bind_error: None, reason })
        );
    }
    let mut pair = Pair::new(way.open("east", None), RespondParameters::new(syntaxes()));
    pair.run();
    let told = pair.responder.poll_event();
    assert!(matches!(
        told,
        Some(StackEvent::OpenRefused { reason: RefuseReason::ApplicationContext, .. })
    ));
    assert!(matches!(pair.initiator.poll_event(), Some(StackEvent::OpenRefused { .. })));
}

/// A session selector in X.410 mode (KB Q152932) does no harm where none is demanded.
#[test]
fn q152932_session_selector_in_x410_mode() {
    let way = Way { x410: Some(1), two_way: false, checkpoint_kib: 30, window: 3 };
    let parameters = OpenParameters { called_ssel: b"X".to_vec(), ..way.open("east", None) };
    let mut pair = Pair::new(parameters.clone(), respond());
    pair.run();
    assert!(matches!(pair.responder.poll_event(), Some(StackEvent::OpenIndication { .. })));
    let demanding = RespondParameters { ssel: vec![b"Y".to_vec(), b"Z".to_vec()], ..respond() };
    let mut pair = Pair::new(parameters, demanding);
    pair.run();
    let reason = RefuseReason::SessionSelector;
    let refused = StackEvent::OpenRefused { bind_error: None, reason };
    assert_eq!(pair.initiator.poll_event(), Some(refused));
}

/// An answer that enlarges the window that was left out or proposed (KB Q189754) is cut.
#[test]
fn q189754_enlarged_window() {
    let mut pair =
        Pair::new(OpenParameters { window: 1, checkpoint_kib: 1, ..open_parameters() }, respond());
    pair.run();
    let _ = pair.responder.poll_event();
    pair.responder.accept_open(apdu(1));
    let accept = pair.responder.poll_transmit().unwrap();
    let at = accept.windows(3).position(|octets| octets == [0x81, 1, 1]).unwrap();
    let mut enlarged = accept;
    enlarged[at + 2] = 5;
    pair.initiator.handle_tsdu(&enlarged).unwrap();
    pair.initiator.transfer(apdu(9000)).unwrap();
    // The start, one segment, its point; then it waits.
    assert_eq!(std::iter::from_fn(|| pair.initiator.poll_transmit()).count(), 3);
}
