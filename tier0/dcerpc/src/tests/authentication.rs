//! Identity and protection: who gets in, what is refused, what a changed octet does.

use security::{LogonFailure, SecurityError};

use super::fixture::{ACCOUNT, PASSWORD, Pair, came_back, client, fake, ntlm, server};
use crate::pdu::{Body, NakReason, Pdu, PduType, Request};
use crate::{AuthLevel, BindRefusal, ClientEvent, RpcError, ServerConfig, ServerEvent, status};

const LEVELS: [AuthLevel; 4] =
    [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

fn kinds(pair: &Pair) -> Vec<(bool, u8)> {
    pair.log.iter().map(|(client, pdu)| (*client, pdu[2])).collect()
}

#[test]
fn ntlm_at_every_level() {
    for level in LEVELS {
        let mut pair = Pair::new(client(level, ntlm(ACCOUNT, PASSWORD)), server(level));
        pair.chunk = 1000;
        for length in [0, 1, 15, 16, 17, 5776, 102_400] {
            let stub = vec![0x5a; length];
            pair.client.call(1, &stub).unwrap();
            let events = pair.run_echo();
            assert!(
                matches!(events.last(), Some(ClientEvent::Reply { stub: reply, .. }) if came_back(&stub, reply))
            );
        }
        let plain = pair.log.iter().any(|(_, pdu)| pdu.windows(16).any(|part| part == [0x5a; 16]));
        assert_eq!(plain, level < AuthLevel::Privacy);
        assert!(pair.log.iter().all(|(_, pdu)| pdu.len() <= 5840));
    }
}

#[test]
fn the_server_knows_who_calls_and_how_well_protected() {
    let mut pair =
        Pair::new(client(AuthLevel::Privacy, ntlm(ACCOUNT, PASSWORD)), server(AuthLevel::Privacy));
    pair.client.call(1, b"x").unwrap();
    pair.run();
    let events = pair.server_events();
    let [
        ServerEvent::Request {
            principal: Some(principal), level: AuthLevel::Privacy, stub, ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((principal.to_string().as_str(), stub.as_slice()), (ACCOUNT, &b"x\0\0\0"[..]));
    let types = [PduType::Bind, PduType::BindAck, PduType::Auth3, PduType::Request];
    let expected: Vec<_> =
        types.iter().map(|kind| (*kind != PduType::BindAck, kind.to_wire())).collect();
    assert_eq!(kinds(&pair), expected);
}

#[test]
fn a_wrong_password_is_told_at_once_and_the_first_call_is_denied() {
    for (account, password, expected) in [
        (ACCOUNT, "wrong", LogonFailure::WrongPassword),
        ("EAST\\nobody", PASSWORD, LogonFailure::UnknownAccount),
    ] {
        let mut pair =
            Pair::new(client(AuthLevel::Privacy, ntlm(account, password)), server(AuthLevel::None));
        pair.run();
        let events = pair.server_events();
        let [ServerEvent::AuthenticationFailed { account: Some(claimed), failure }] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!(claimed.to_string(), account);
        assert_eq!(*failure, SecurityError::Refused(expected));
        assert!(matches!(pair.client_events()[..], [ClientEvent::Bound]));
        pair.client.call(1, &[1; 20_000]).unwrap();
        pair.try_run().unwrap_err();
        let fault = pair.server.poll_transmit().unwrap();
        pair.client.handle_bytes(&fault).unwrap();
        let events = pair.client_events();
        assert!(matches!(events[..], [ClientEvent::Fault { status: status::ACCESS_DENIED, .. }]));
        assert!(matches!(pair.server_events()[..], [ServerEvent::Broken { .. }]));
    }
}

#[test]
fn below_the_level_of_the_interface_no_request_gets_through() {
    let below = |level: AuthLevel| LEVELS.into_iter().filter(move |other| *other < level);
    for min_level in LEVELS {
        for level in below(min_level) {
            let mut pair = Pair::new(client(level, ntlm(ACCOUNT, PASSWORD)), server(min_level));
            denied(&mut pair);
        }
        denied(&mut Pair::new(client(AuthLevel::None, None), server(min_level)));
    }
}

fn denied(pair: &mut Pair) {
    pair.client.call(1, &[9; 7000]).unwrap();
    pair.run();
    assert!(pair.server_events().is_empty());
    let events = pair.client_events();
    assert!(matches!(
        events[..],
        [ClientEvent::Bound, ClientEvent::Fault { status: status::ACCESS_DENIED, .. }]
    ));
}

#[test]
fn any_changed_octet_of_a_sealed_request_ends_the_association() {
    let length = {
        let mut pair = sealed_request();
        pair.client.poll_transmit().unwrap().len()
    };
    for index in 0..length {
        let mut pair = sealed_request();
        let mut pdu = pair.client.poll_transmit().unwrap();
        pdu[index] ^= 0x01;
        let outcome = pair.server.handle_bytes(&pdu);
        // A longer frag_length only waits for more, which is as good as nothing.
        assert!(
            outcome.is_err() && pair.server.should_close() || index == 8 || index == 9,
            "{index}"
        );
        let events = pair.server_events();
        assert!(!events.iter().any(|event| matches!(event, ServerEvent::Request { .. })));
    }
}

fn sealed_request() -> Pair {
    let mut pair =
        Pair::new(client(AuthLevel::Privacy, ntlm(ACCOUNT, PASSWORD)), server(AuthLevel::Privacy));
    pair.run();
    pair.client.call(1, b"a secret").unwrap();
    pair
}

#[test]
fn a_bad_signature_is_answered_as_such() {
    let mut pair = sealed_request();
    let mut pdu = pair.client.poll_transmit().unwrap();
    *pdu.last_mut().unwrap() ^= 1;
    assert!(matches!(pair.server.handle_bytes(&pdu), Err(RpcError::Signature(_))));
    let fault = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&fault).unwrap();
    let events = pair.client_events();
    assert!(matches!(
        events[..],
        [ClientEvent::Bound, ClientEvent::Fault { status: status::SEC_PKG_ERROR, .. }]
    ));
    assert!(matches!(pair.server.handle_bytes(&pdu), Err(RpcError::Closed)));
}

#[test]
fn a_changed_reply_never_reaches_the_user() {
    let mut pair = sealed_request();
    pair.run();
    let [ServerEvent::Request { call, .. }] = pair.server_events()[..] else {
        panic!("no request");
    };
    pair.client_events();
    pair.server.respond(call, b"an answer").unwrap();
    let mut pdu = pair.server.poll_transmit().unwrap();
    pdu[30] ^= 1;
    assert!(matches!(pair.client.handle_bytes(&pdu), Err(RpcError::Signature(_))));
    assert!(pair.client.should_close() && pair.client_events().is_empty());
}

#[test]
fn unsigned_requests_replays_and_cancels_do_nothing_on_a_sealed_association() {
    let mut pair = sealed_request();
    let sealed = pair.client.poll_transmit().unwrap();
    pair.server.handle_bytes(&sealed).unwrap();
    assert_eq!(pair.server_events().len(), 1);
    // A cancel that anybody could have sent.
    let cancel = Pdu::new(2, Body::CoCancel).encode().unwrap();
    pair.server.handle_bytes(&cancel).unwrap();
    assert!(pair.server_events().is_empty());
    assert!(matches!(pair.server.handle_bytes(&sealed), Err(RpcError::Signature(_))));

    let mut pair = sealed_request();
    let request =
        Request { alloc_hint: 0, context_id: 0, opnum: 1, object: None, stub: b"clear".to_vec() };
    let clear = Pdu::new(7, Body::Request(request)).encode().unwrap();
    assert!(matches!(pair.server.handle_bytes(&clear), Err(RpcError::Unsigned)));
}

#[test]
fn a_sealed_cancel_is_told() {
    let mut pair = sealed_request();
    pair.run();
    let [ServerEvent::Request { call, .. }] = pair.server_events()[..] else {
        panic!("no request");
    };
    pair.client.cancel(call).unwrap();
    pair.run();
    assert!(matches!(pair.server_events()[..], [ServerEvent::Cancelled { call: c }] if c == call));
    // The sequence of signatures goes on behind it.
    pair.server.respond(call, b"done").unwrap();
    pair.client.call(1, b"next").unwrap();
    assert_eq!(pair.run_echo().len(), 3);
}

#[test]
fn exchanges_of_every_length_use_the_pdu_that_fits() {
    let (bind, ack) = ((true, 11), (false, 12));
    let (alter, resp, auth3) = ((true, 14), (false, 15), (true, 16));
    for (last, expected) in [
        (1, vec![bind, ack]),
        (2, vec![bind, ack]),
        (3, vec![bind, ack, auth3]),
        (4, vec![bind, ack, alter, resp]),
        (5, vec![bind, ack, alter, resp, auth3]),
    ] {
        for level in LEVELS {
            let mut pair = Pair::new(client(level, fake(last)), server(level));
            pair.run();
            assert_eq!(kinds(&pair), expected, "{last}");
            pair.client.call(1, b"through").unwrap();
            assert_eq!(pair.run_echo().len(), 2);
        }
    }
}

#[test]
fn an_exchange_without_end_is_ended() {
    let mut pair = Pair::new(client(AuthLevel::Privacy, fake(40)), server(AuthLevel::None));
    assert!(matches!(pair.try_run(), Err(RpcError::Limit { .. })));
}

#[test]
fn a_token_that_is_refused_in_an_alter_context_is_a_fault() {
    let mut pair = Pair::new(client(AuthLevel::Privacy, fake(4)), server(AuthLevel::None));
    let bind = pair.client.poll_transmit().unwrap();
    pair.server.handle_bytes(&bind).unwrap();
    let ack = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&ack).unwrap();
    let mut alter = pair.client.poll_transmit().unwrap();
    *alter.last_mut().unwrap() = 0xff;
    assert!(matches!(pair.server.handle_bytes(&alter), Err(RpcError::Security(_))));
    let fault = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&fault).unwrap();
    assert!(matches!(pair.server_events()[0], ServerEvent::AuthenticationFailed { .. }));
    assert!(matches!(
        pair.client_events()[..],
        [ClientEvent::Refused(BindRefusal::Fault { status: status::ACCESS_DENIED })]
    ));
}

#[test]
fn mechanisms_that_are_not_served_are_refused() {
    let config = ServerConfig { acceptor: Box::new(|_| None), ..server(AuthLevel::None) };
    let mut pair = Pair::new(client(AuthLevel::Privacy, fake(3)), config);
    pair.try_run().unwrap_err();
    let nak = pair.server.poll_transmit().unwrap();
    assert_eq!(pair.server.poll_transmit(), None);
    pair.client.handle_bytes(&nak).unwrap();
    let events = pair.client_events();
    let [ClientEvent::Refused(BindRefusal::Nak { reason, versions })] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(*reason, NakReason::AUTHENTICATION_TYPE_NOT_RECOGNIZED);
    assert_eq!(reason.win32(), 1747);
    assert_eq!(versions[..], [(5, 0)]);
}

#[test]
fn a_first_token_that_is_refused_is_a_nak() {
    let mut pair = Pair::new(client(AuthLevel::Privacy, fake(3)), server(AuthLevel::None));
    let mut bind = pair.client.poll_transmit().unwrap();
    *bind.last_mut().unwrap() = 0xff;
    assert!(matches!(pair.server.handle_bytes(&bind), Err(RpcError::Security(_))));
    assert!(pair.server.should_close());
    assert!(matches!(pair.server_events()[0], ServerEvent::AuthenticationFailed { .. }));
    let nak = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&nak).unwrap();
    let events = pair.client_events();
    let [ClientEvent::Refused(refusal)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(matches!(refusal, BindRefusal::Nak { reason: NakReason::INVALID_CHECKSUM, .. }));
    assert_eq!(refusal.win32(), status::ACCESS_DENIED);
}

#[test]
fn a_level_without_credentials_is_refused_here() {
    let mut pair = Pair::new(client(AuthLevel::Privacy, None), server(AuthLevel::None));
    assert_eq!(pair.client.poll_transmit(), None);
    assert!(matches!(pair.client_events()[..], [ClientEvent::Refused(BindRefusal::NoCredentials)]));
}

#[test]
fn requests_before_the_exchange_is_done_end_the_association() {
    let mut pair = Pair::new(client(AuthLevel::Privacy, fake(3)), server(AuthLevel::None));
    let bind = pair.client.poll_transmit().unwrap();
    pair.server.handle_bytes(&bind).unwrap();
    pair.server.poll_transmit().unwrap();
    let request =
        Request { alloc_hint: 0, context_id: 0, opnum: 1, object: None, stub: b"early".to_vec() };
    let early = Pdu::new(7, Body::Request(request)).encode().unwrap();
    assert!(matches!(pair.server.handle_bytes(&early), Err(RpcError::Protocol { .. })));
    assert!(matches!(pair.server_events()[..], [ServerEvent::Broken { .. }]));
    let fault = Pdu::decode(&pair.server.poll_transmit().unwrap()).unwrap();
    assert!(matches!(fault.body, Body::Fault(fault) if fault.status == status::NCA_PROTO_ERROR));
}

#[test]
fn the_level_of_datagrams_is_sent_as_the_next_one() {
    let mut pair =
        Pair::new(client(AuthLevel::Call, ntlm(ACCOUNT, PASSWORD)), server(AuthLevel::Packet));
    pair.client.call(1, b"x").unwrap();
    pair.run();
    let events = pair.server_events();
    assert!(matches!(events[..], [ServerEvent::Request { level: AuthLevel::Packet, .. }]));
    let mut pair =
        Pair::new(client(AuthLevel::Call, ntlm(ACCOUNT, PASSWORD)), server(AuthLevel::Packet));
    let mut bind = pair.client.poll_transmit().unwrap();
    let trailer = bind.len() - usize::from(u16::from_le_bytes([bind[10], bind[11]])) - 8;
    assert_eq!(bind[trailer + 1], AuthLevel::Packet.as_u8());
    bind[trailer + 1] = AuthLevel::Call.as_u8();
    pair.server.handle_bytes(&bind).unwrap_err();
}
