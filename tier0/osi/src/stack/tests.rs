//! Two stacks joined: every road an association can take.

mod end;
mod field_bugs;
mod hostile;
mod modes;
mod open;
mod sample;
mod transfer;

use ber::{Encoder, Oid, Tag};

use super::*;
use crate::session::{Connect, Prefix, Spdu, Tsdu};

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn syntaxes() -> Abstract {
    Abstract {
        application_context: oid("2.6.0.1.6"),
        rtse_syntax: oid("2.6.0.2.12"),
        apdu_syntax: oid("2.6.0.2.7"),
    }
}

/// One BER value with `size` octets inside.
fn apdu(size: usize) -> Vec<u8> {
    let octets: Vec<u8> =
        (0..size).map(|index| u8::try_from((index * 7 + index / 251) % 256).unwrap()).collect();
    let mut out = Encoder::new();
    out.octets(Tag::OCTET_STRING, &octets);
    out.finish()
}

fn open_parameters() -> OpenParameters {
    OpenParameters {
        calling_reference: b"east".to_vec(),
        common_reference: "261122064700Z".to_owned(),
        ..OpenParameters::new(syntaxes(), apdu(20))
    }
}

/// Both ends, and the TSDUs that went each way.
struct Pair {
    pub initiator: Stack,
    pub responder: Stack,
    pub to_responder: Vec<Vec<u8>>,
    pub to_initiator: Vec<Vec<u8>>,
}

impl Pair {
    fn new(initiator: OpenParameters, responder: RespondParameters) -> Self {
        let (initiator, responder) = (Stack::initiator(initiator), Stack::responder(responder));
        Self { initiator, responder, to_responder: Vec::new(), to_initiator: Vec::new() }
    }

    /// Moves TSDUs until nobody has any.
    fn run(&mut self) {
        loop {
            if let Some(tsdu) = self.initiator.poll_transmit() {
                self.responder.handle_tsdu(&tsdu).unwrap();
                self.to_responder.push(tsdu);
            } else if let Some(tsdu) = self.responder.poll_transmit() {
                self.initiator.handle_tsdu(&tsdu).unwrap();
                self.to_initiator.push(tsdu);
            } else {
                return;
            }
        }
    }

    /// Both ends, open.
    fn open() -> Self {
        let mut pair = Self::new(open_parameters(), RespondParameters::new(syntaxes()));
        pair.run();
        let Some(StackEvent::OpenIndication { bind_argument, checkpoint_kib, window, .. }) =
            pair.responder.poll_event()
        else {
            panic!("no indication");
        };
        assert_eq!((bind_argument, checkpoint_kib, window), (apdu(20), 30, 3));
        pair.responder.accept_open(apdu(21));
        pair.run();
        assert_eq!(
            pair.initiator.poll_event(),
            Some(StackEvent::OpenConfirmed { bind_result: apdu(21) })
        );
        assert!(pair.initiator.is_open() && pair.responder.is_open());
        pair
    }

    /// Transfers one APDU whole.
    fn transfer(&mut self, octets: Vec<u8>) {
        self.initiator.transfer(octets.clone()).unwrap();
        assert!(!self.initiator.is_idle());
        self.run();
        let received = self.responder.poll_event();
        assert!(received == Some(StackEvent::TransferIndication { apdu: octets }));
        assert_eq!(self.initiator.poll_event(), None, "confirmed before the responder did");
        self.responder.confirm_transfer().unwrap();
        self.run();
        assert_eq!(self.initiator.poll_event(), Some(StackEvent::TransferConfirmed));
        assert!(self.initiator.is_idle() && self.responder.is_idle());
    }
}

/// The CONNECT of `open_parameters`, changed.
fn connect(change: impl FnOnce(&mut Connect<'_>)) -> Vec<u8> {
    let tsdu = Stack::initiator(open_parameters()).poll_transmit().unwrap();
    let Spdu::Connect(mut connect) = Tsdu::decode(&tsdu).unwrap().spdu else { panic!() };
    change(&mut connect);
    Spdu::Connect(connect).encode(Prefix::Give).unwrap()
}
