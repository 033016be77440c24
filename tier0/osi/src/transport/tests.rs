//! Transport: vectors of a real exchange, every truncation, two machines, garbage.

use wire::from_hex;

use super::*;
use crate::StackError;

/// CR and CC as captured: size 2048, an empty calling selector, called selector "P1".
const REQUEST: &str = "030000140fe00000000100c0010bc100c2025031";
const CONFIRM: &str = "0300000e09d00001000200c0010b";
/// ACTIVITY START as captured.
const START: &str = "0300001002f08001002d052903020101";

fn octets(hex: &str) -> Vec<u8> {
    from_hex(hex).unwrap()
}

fn connection() -> Connection {
    let (calling, called) = (Some(Vec::new()), Some(b"P1".to_vec()));
    Connection { destination: 0, source: 1, class: 0, size: Some(2048), calling, called }
}

#[test]
fn captured_packets() {
    let confirm =
        Connection { destination: 1, source: 2, calling: None, called: None, ..connection() };
    let user = octets("01002d052903020101");
    for (hex, expected) in [
        (REQUEST, Tpdu::ConnectionRequest(connection())),
        (CONFIRM, Tpdu::ConnectionConfirm(confirm)),
        (START, Tpdu::Data { end: true, data: &user }),
    ] {
        let packet = octets(hex);
        let (tpdu, used) = tpkt::decode(&packet).unwrap().unwrap();
        assert_eq!(used, packet.len());
        assert_eq!(Tpdu::decode(tpdu).unwrap(), expected);
        let mut again = Vec::new();
        tpkt::encode(&expected.encode().unwrap(), &mut again).unwrap();
        assert_eq!(again, packet);
        for end in 0..packet.len() {
            assert_eq!(tpkt::decode(&packet[..end]).unwrap(), None, "cut at {end}");
        }
    }
}

#[test]
fn every_tpdu_reads_what_it_writes_and_fails_when_its_header_is_cut() {
    for tpdu in [
        Tpdu::ConnectionRequest(connection()),
        Tpdu::ConnectionConfirm(Connection { size: None, ..connection() }),
        Tpdu::DisconnectRequest(Disconnect {
            destination: 7,
            source: 0,
            reason: DisconnectReason::NOT_ATTACHED,
            additional: b"why".to_vec(),
        }),
        Tpdu::Error(TpduError { destination: 7, cause: 2, invalid: vec![1, 2] }),
    ] {
        let encoded = tpdu.encode().unwrap();
        assert_eq!(Tpdu::decode(&encoded).unwrap(), tpdu);
        for end in 0..encoded.len() {
            assert!(Tpdu::decode(&encoded[..end]).is_err(), "{} cut at {end}", tpdu.name());
        }
        for at in 0..encoded.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut bent = encoded.clone();
                bent[at] ^= flip;
                let _ = Tpdu::decode(&bent);
            }
        }
    }
    let data = Tpdu::Data { end: false, data: b"abc" };
    assert_eq!(Tpdu::decode(&data.encode().unwrap()).unwrap(), data);
}

#[test]
fn sizes_on_the_wire() {
    for (size, expected) in [
        (128, 128),
        (200, 128),
        (2048, 2048),
        (8192, 8192),
        (16_384, 16_384),
        (65_408, 65_408),
        (65_530, 65_408),
    ] {
        let request = Connection { size: Some(size), ..connection() };
        let encoded = Tpdu::ConnectionRequest(request).encode().unwrap();
        let Tpdu::ConnectionRequest(read) = Tpdu::decode(&encoded).unwrap() else { panic!() };
        assert_eq!(read.size, Some(expected), "{size}");
    }
    // c0 with an exponent that X.224 does not have; a selector over its limit.
    assert!(Tpdu::decode(&octets("09e00000000100c00106")).is_err());
    assert!(Tpdu::decode(&octets("09e00000000100c0010e")).is_err());
    let long = Connection { called: Some(vec![0; 65]), ..connection() };
    assert!(Tpdu::decode(&Tpdu::ConnectionRequest(long).encode().unwrap()).is_err());
    let longer = Connection { called: Some(vec![0; 300]), ..connection() };
    assert!(Tpdu::ConnectionRequest(longer).encode().is_err());
}

#[test]
fn what_is_no_packet() {
    for hex in ["04", "16030100", "03000006", "0300000602f0"] {
        assert!(tpkt::decode(&octets(hex)).is_err(), "{hex}");
    }
    assert!(tpkt::encode(&vec![0; 65_532], &mut Vec::new()).is_err());
    let mut out = Vec::new();
    tpkt::encode(&vec![0; 65_531], &mut out).unwrap();
    assert_eq!(tpkt::decode(&out).unwrap().unwrap().1, 65_535);
}

fn parameters(maximum_tpdu: usize) -> CotpParameters {
    CotpParameters {
        reference: 1,
        maximum_tpdu,
        maximum_tsdu: 1_000_000,
        calling_selector: None,
        called_selector: Some(b"P1".to_vec()),
    }
}

/// Carries octets in pieces of `step` until nothing moves.
fn carry(from: &mut Cotp, to: &mut Cotp, step: usize) {
    while let Some(octets) = from.poll_output() {
        for piece in octets.chunks(step) {
            to.handle_octets(piece).unwrap();
        }
    }
}

fn connected(calling: usize, called: usize, step: usize) -> (Cotp, Cotp, usize) {
    let mut initiator = Cotp::initiator(parameters(calling)).unwrap();
    let mut responder = Cotp::responder(CotpParameters { reference: 2, ..parameters(called) });
    carry(&mut initiator, &mut responder, step);
    let (calling, called) = (None, Some(b"P1".to_vec()));
    assert_eq!(responder.poll_event(), Some(CotpEvent::Indication { calling, called }));
    responder.accept().unwrap();
    carry(&mut responder, &mut initiator, step);
    let Some(CotpEvent::Connected { tpdu }) = initiator.poll_event() else { panic!("no event") };
    assert_eq!(responder.poll_event(), Some(CotpEvent::Connected { tpdu }));
    (initiator, responder, tpdu)
}

#[test]
fn two_machines_carry_data_of_any_size() {
    for (calling, called, agreed) in [
        (65_531, 65_531, 65_531),
        (65_531, 2048, 2048),
        (2048, 65_531, 2048),
        (128, 8192, 128),
        (8192, 128, 128),
        (300, 65_531, 256),
        (20_000, 40_000, 19_968),
    ] {
        let (mut initiator, mut responder, tpdu) = connected(calling, called, 1000);
        assert_eq!(tpdu, agreed, "{calling} {called}");
        for length in [0, 1, tpdu - 4, tpdu - 3, tpdu - 2, 3 * tpdu, 100_000] {
            let tsdu: Vec<u8> = (0..=250).cycle().take(length).collect();
            initiator.send_tsdu(&tsdu).unwrap();
            carry(&mut initiator, &mut responder, 777);
            assert_eq!(responder.poll_event(), Some(CotpEvent::Tsdu(tsdu.clone())));
            responder.send_tsdu(&tsdu).unwrap();
            carry(&mut responder, &mut initiator, 65_535);
            assert_eq!(initiator.poll_event(), Some(CotpEvent::Tsdu(tsdu)));
        }
    }
}

#[test]
fn octet_by_octet() {
    let (mut initiator, mut responder, _) = connected(128, 128, 1);
    initiator.send_tsdu(&[7; 300]).unwrap();
    initiator.send_tsdu(b"x").unwrap();
    carry(&mut initiator, &mut responder, 1);
    assert_eq!(responder.poll_event(), Some(CotpEvent::Tsdu(vec![7; 300])));
    assert_eq!(responder.poll_event(), Some(CotpEvent::Tsdu(b"x".to_vec())));
    assert_eq!(responder.poll_event(), None);
}

#[test]
fn the_default_is_left_out_and_never_enlarged() {
    let mut initiator = Cotp::initiator(parameters(DEFAULT_TPDU)).unwrap();
    let request = initiator.poll_output().unwrap();
    assert_eq!(request, octets("0300000f0ae00000000100c2025031"));
    // A confirm that names more than was proposed.
    let mut initiator = Cotp::initiator(parameters(2048)).unwrap();
    initiator.poll_output();
    initiator.handle_octets(&octets("0300000e09d00001000200c0010d")).unwrap();
    assert_eq!(initiator.poll_event(), Some(CotpEvent::Connected { tpdu: 2048 }));
    // One that names nothing.
    let mut initiator = Cotp::initiator(parameters(2048)).unwrap();
    initiator.handle_octets(&octets("0300000b06d00001000200")).unwrap();
    assert_eq!(initiator.poll_event(), Some(CotpEvent::Connected { tpdu: 2048 }));
}

#[test]
fn a_call_is_refused() {
    let mut initiator = Cotp::initiator(parameters(2048)).unwrap();
    let mut responder = Cotp::responder(parameters(2048));
    carry(&mut initiator, &mut responder, 5);
    responder.refuse(DisconnectReason::NOT_ATTACHED).unwrap();
    assert!(responder.is_closed());
    carry(&mut responder, &mut initiator, 5);
    let (reason, additional) = (DisconnectReason::NOT_ATTACHED, Vec::new());
    assert_eq!(initiator.poll_event(), Some(CotpEvent::Disconnected { reason, additional }));
    assert!(initiator.is_closed());
    assert!(initiator.send_tsdu(b"x").is_err());
}

#[test]
fn what_a_peer_may_not_do() {
    let fails = |mut machine: Cotp, hex: &str| {
        assert!(machine.handle_octets(&octets(hex)).is_err(), "{hex}");
        assert!(machine.is_closed());
        machine.handle_octets(b"whatever").unwrap();
    };
    let responder = || Cotp::responder(parameters(2048));
    let initiator = || Cotp::initiator(parameters(2048)).unwrap();
    fails(responder(), START);
    fails(responder(), CONFIRM);
    fails(responder(), "474554");
    // Class 2, and a confirm for another reference.
    fails(responder(), "0300000b06e00000000120");
    fails(initiator(), "0300000b06d00009000200");
    fails(initiator(), REQUEST);
    let (_, mut open, _) = connected(2048, 2048, 100);
    assert!(open.handle_octets(&octets(REQUEST)).is_err());
    // Data before the call is answered.
    let mut called = responder();
    let both = [octets(REQUEST), octets(START)].concat();
    assert!(called.handle_octets(&both).is_err());
}

#[test]
fn a_tsdu_over_the_limit_closes() {
    let (mut initiator, _, _) = connected(2048, 2048, 100);
    let mut responder = Cotp::responder(CotpParameters { maximum_tsdu: 5000, ..parameters(2048) });
    responder.handle_octets(&octets(REQUEST)).unwrap();
    responder.accept().unwrap();
    initiator.send_tsdu(&[1; 5001]).unwrap();
    let error = responder.handle_octets(&initiator.poll_output().unwrap()).unwrap_err();
    assert!(matches!(error, StackError::TooLarge { size: 5001, limit: 5000, .. }));
}

#[test]
fn garbage_never_panics() {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    for _ in 0..2000 {
        let mut machine = Cotp::responder(parameters(2048));
        let mut garbage = octets(REQUEST);
        garbage.extend((0..64).map(|_| next()));
        let at = usize::from(next()) % garbage.len();
        garbage[at] ^= next();
        let _ = machine.handle_octets(&garbage);
        let _ = Tpdu::decode(&garbage[4..]);
    }
}
