//! Two associations joined by their pieces: bind, transfer, refusal, release.
#![expect(clippy::unwrap_used, reason = "a piece that is refused is a failed test")]

use mta::{Association, AssociationNames, Output, Terms};

const TERMS: Terms = Terms { checkpoint_kib: 1, window: 2 };

struct Pair {
    caller: Association,
    called: Association,
}

fn names(local: &str, remote: &str) -> AssociationNames {
    AssociationNames { local_mta: local.to_owned(), remote_mta: remote.to_owned() }
}

impl Pair {
    fn new(called_expects: &str) -> Self {
        let caller =
            Association::initiate(names("EAST", "WEST"), TERMS, 300, "EAST-1", "261122120000Z");
        let called = Association::respond(names("WEST", called_expects), TERMS, 700);
        Self { caller, called }
    }

    /// Moves pieces until nobody has any.
    fn settle(&mut self) {
        loop {
            let there: Vec<_> = std::iter::from_fn(|| self.caller.poll_piece()).collect();
            for piece in &there {
                self.called.handle_piece(piece).unwrap();
            }
            let back: Vec<_> = std::iter::from_fn(|| self.called.poll_piece()).collect();
            for piece in &back {
                self.caller.handle_piece(piece).unwrap();
            }
            if there.is_empty() && back.is_empty() {
                return;
            }
        }
    }

    fn outputs(&mut self) -> (Vec<Output>, Vec<Output>) {
        self.settle();
        (
            std::iter::from_fn(|| self.caller.poll_output()).collect(),
            std::iter::from_fn(|| self.called.poll_output()).collect(),
        )
    }
}

fn apdu(size: usize) -> Vec<u8> {
    let mut encoder = ber::Encoder::new();
    encoder.octets(ber::Tag::OCTET_STRING, &vec![b'x'; size]);
    encoder.finish()
}

#[test]
fn messages_cross_and_the_release_is_orderly_on_both_sides() {
    let mut pair = Pair::new("EAST");
    let (caller, called) = pair.outputs();
    assert!(matches!(caller[..], [Output::Opened]), "{caller:?}");
    assert!(matches!(called[..], [Output::Opened]), "{called:?}");
    for size in [1, 1000, 100_000] {
        let sent = apdu(size);
        pair.caller.send(sent.clone()).unwrap();
        let (caller, called) = pair.outputs();
        assert!(caller.is_empty(), "nothing is confirmed before it is kept: {caller:?}");
        assert!(matches!(&called[..], [Output::Received(got)] if *got == sent));
        pair.called.confirm().unwrap();
        let (caller, called) = pair.outputs();
        assert!(matches!(caller[..], [Output::Sent]), "{caller:?}");
        assert!(called.is_empty(), "{called:?}");
    }
    pair.caller.release();
    let (caller, called) = pair.outputs();
    assert!(matches!(caller[..], [Output::Ended(None)]), "{caller:?}");
    assert!(matches!(called[..], [Output::Ended(None)]), "{called:?}");
}

#[test]
fn a_refused_message_stays_with_the_sender_and_the_next_one_goes() {
    let mut pair = Pair::new("EAST");
    pair.outputs();
    pair.caller.send(apdu(5000)).unwrap();
    pair.outputs();
    pair.called.refuse().unwrap();
    let (caller, _) = pair.outputs();
    assert!(matches!(caller[..], [Output::NotSent(_)]), "{caller:?}");
    pair.caller.send(apdu(10)).unwrap();
    pair.outputs();
    pair.called.confirm().unwrap();
    let (caller, _) = pair.outputs();
    assert!(matches!(caller[..], [Output::Sent]), "{caller:?}");
}

#[test]
fn a_peer_without_room_says_so_and_takes_the_message_later() {
    let mut pair = Pair::new("EAST");
    pair.outputs();
    for _ in 0..5 {
        pair.caller.send(apdu(10)).unwrap();
        pair.outputs();
        pair.called.refuse_for_now().unwrap();
        let (caller, _) = pair.outputs();
        assert!(matches!(caller[..], [Output::NotNow(_)]), "{caller:?}");
    }
    pair.caller.send(apdu(10)).unwrap();
    pair.outputs();
    pair.called.confirm().unwrap();
    let (caller, _) = pair.outputs();
    assert!(matches!(caller[..], [Output::Sent]), "{caller:?}");
}

#[test]
fn another_mta_name_than_the_proved_one_is_refused_and_named() {
    let mut pair = Pair::new("NORTH");
    let (caller, called) = pair.outputs();
    let [Output::Ended(Some(why))] = &caller[..] else { panic!("{caller:?}") };
    assert!(why.contains("authentication-error"), "{why}");
    let [Output::Ended(Some(why))] = &called[..] else { panic!("{called:?}") };
    assert!(why.contains("\"EAST\"") && why.contains("\"NORTH\""), "{why}");
}
