//! Calls without identity: fragments, order, faults, cancels, limits.

use super::fixture::{INTERFACE, OPEN_INTERFACE, Pair, client, server};
use crate::pdu::{Body, ContextResult, NegotiationResult, Pdu, PduFlags, ProviderReason, Request};
use crate::{
    AuthLevel, BindRefusal, ByteOrder, ClientConfig, ClientEvent, Limits, RpcError, ServerEvent,
    SyntaxId, status,
};

fn open() -> Pair {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    assert!(matches!(pair.client_events()[..], [ClientEvent::Bound]));
    assert!(pair.client.is_bound() && pair.server.is_bound());
    pair
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

#[test]
fn calls_of_every_size_come_back() {
    for chunk in [usize::MAX, 1460, 7, 1] {
        let mut pair = open();
        pair.chunk = chunk;
        for length in [0, 1, 7, 8, 5815, 5816, 5817, 102_400] {
            let stub = pattern(length);
            let sent = pair.client.call(3, &stub).unwrap();
            let [ClientEvent::Reply { call, stub: mut reply, order: ByteOrder::Little }] =
                <[_; 1]>::try_from(pair.run_echo()).unwrap()
            else {
                panic!("no reply");
            };
            reply.reverse();
            assert_eq!((call, reply), (sent, stub));
        }
    }
}

#[test]
fn fragments_keep_to_the_size_agreed() {
    let config = ClientConfig { max_fragment: 2000, ..client(AuthLevel::None, None) };
    let mut pair = Pair::new(config, server(AuthLevel::None));
    pair.run();
    pair.client.call(0, &pattern(102_400)).unwrap();
    pair.run_echo();
    assert!(pair.log.iter().all(|(_, pdu)| pdu.len() <= 2000));
    // 1976 octets of stub in all but the last.
    assert_eq!(pair.log.iter().filter(|(client, _)| *client).count(), 1 + 52);
}

#[test]
fn requests_of_the_other_byte_order_are_understood() {
    let mut pair = open();
    let stub = pattern(20);
    for (flags, part) in [(PduFlags::FIRST, &stub[..8]), (PduFlags::LAST, &stub[8..])] {
        let body = Body::Request(Request {
            alloc_hint: 0,
            context_id: 0,
            opnum: 0x0102,
            object: Some(INTERFACE.uuid),
            stub: part.to_vec(),
        });
        let pdu = Pdu { flags, order: ByteOrder::Big, ..Pdu::new(0x0a0b, body) };
        pair.server.handle_bytes(&pdu.encode().unwrap()).unwrap();
    }
    let [ServerEvent::Request { call, interface: 1, opnum: 0x0102, stub: got, order, .. }] =
        &pair.server_events()[..]
    else {
        panic!("no request");
    };
    assert_eq!((call.value(), got, *order), (0x0a0b, &stub, ByteOrder::Big));
}

#[test]
fn replies_of_the_other_byte_order_are_understood() {
    let mut pair = open();
    let call = pair.client.call(0, &[]).unwrap();
    let body = Body::Response(crate::pdu::Response {
        alloc_hint: 4,
        context_id: 0,
        cancel_count: 0,
        stub: vec![1, 2, 3, 4],
    });
    let pdu = Pdu { order: ByteOrder::Big, ..Pdu::new(call.value(), body) };
    pair.client.handle_bytes(&pdu.encode().unwrap()).unwrap();
    let events = pair.client_events();
    assert!(matches!(&events[..], [ClientEvent::Reply { order: ByteOrder::Big, .. }]));
}

#[test]
fn several_calls_are_answered_in_any_order() {
    let mut pair = open();
    let sent: Vec<_> = (0..5).map(|opnum| pair.client.call(opnum, &[]).unwrap()).collect();
    pair.run();
    let requests = pair.server_events();
    assert_eq!((requests.len(), pair.server.outstanding()), (5, 5));
    for call in sent.iter().rev() {
        pair.server.respond(*call, &call.value().to_le_bytes()).unwrap();
    }
    pair.run();
    let order: Vec<_> = pair
        .client_events()
        .into_iter()
        .map(|event| match event {
            ClientEvent::Reply { call, stub, .. } => {
                assert_eq!(stub, call.value().to_le_bytes());
                call
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(order.iter().eq(sent.iter().rev()));
    assert!(matches!(pair.server.respond(sent[0], &[]), Err(RpcError::UnknownCall(_))));
}

#[test]
fn calls_before_the_bind_wait_for_it() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    let call = pair.client.call(0, b"early").unwrap();
    let cancelled = pair.client.call(0, b"no longer").unwrap();
    pair.client.cancel(cancelled).unwrap();
    let events = pair.run_echo();
    assert!(
        matches!(&events[..], [ClientEvent::Fault { status: status::NCA_FAULT_CANCEL, call: c }, ClientEvent::Bound, ClientEvent::Reply { call: r, .. }] if *r == call && *c == cancelled)
    );
}

#[test]
fn a_server_of_one_call_at_a_time_gets_one_at_a_time() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    let mut bind = pair.client.poll_transmit().unwrap();
    bind[3] &= !PduFlags::CONC_MPX.0;
    pair.server.handle_bytes(&bind).unwrap();
    let ack = pair.server.poll_transmit().unwrap();
    assert_eq!(ack[3], PduFlags::WHOLE.0);
    pair.client.handle_bytes(&ack).unwrap();
    let first = pair.client.call(0, b"1").unwrap();
    pair.client.call(0, b"2").unwrap();
    pair.run();
    assert_eq!((pair.server.outstanding(), pair.client.outstanding()), (1, 2));
    pair.server.fault(first, 5).unwrap();
    pair.run();
    assert_eq!(pair.server.outstanding(), 1);
}

#[test]
fn faults_reach_the_caller() {
    let mut pair = open();
    let call = pair.client.call(77, &[]).unwrap();
    pair.run();
    pair.server.fault(call, status::NCA_OP_RNG_ERROR).unwrap();
    pair.run();
    assert!(
        matches!(pair.client_events()[..], [ClientEvent::Fault { call: c, status: status::NCA_OP_RNG_ERROR }] if c == call)
    );
}

#[test]
fn unknown_contexts_are_unknown_interfaces() {
    let mut pair = open();
    let body = Body::Request(Request {
        alloc_hint: 0,
        context_id: 9,
        opnum: 0,
        object: None,
        stub: vec![1],
    });
    pair.server.handle_bytes(&Pdu::new(2, body).encode().unwrap()).unwrap();
    assert!(pair.server_events().is_empty());
    assert_eq!(fault_status(&mut pair), status::NCA_UNK_IF);
}

fn fault_status(pair: &mut Pair) -> u32 {
    let pdu = Pdu::decode(&pair.server.poll_transmit().unwrap()).unwrap();
    let Body::Fault(fault) = pdu.body else {
        panic!("no fault");
    };
    fault.status
}

#[test]
fn unknown_interfaces_and_representations_are_refused() {
    let later = SyntaxId { minor: 1, ..INTERFACE };
    let config = ClientConfig { interface: later, ..client(AuthLevel::None, None) };
    let mut pair = Pair::new(config, server(AuthLevel::None));
    pair.client.call(0, &[]).unwrap();
    pair.run();
    let [ClientEvent::Refused(BindRefusal::Context { result, reason })] = pair.client_events()[..]
    else {
        panic!("not refused");
    };
    assert_eq!(result, NegotiationResult::ProviderRejection);
    assert_eq!(reason, ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED);
    assert!(pair.client.should_close());
    assert!(matches!(pair.client.call(0, &[]), Err(RpcError::Closed)));
}

#[test]
fn each_context_offered_has_its_own_answer() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    let mut bind = Pdu::decode(&pair.client.poll_transmit().unwrap()).unwrap();
    let features: crate::Uuid = "6cb71c2c-9812-4540-0300-000000000000".parse().unwrap();
    let Body::Bind(offer) = &mut bind.body else {
        panic!("no bind");
    };
    offer.contexts.truncate(1);
    let first = offer.contexts[0].clone();
    for (id, syntax) in [(1, SyntaxId::NDR64), (2, SyntaxId::new(features, 1, 0))] {
        let transfer_syntaxes = vec![syntax];
        offer.contexts.push(crate::pdu::ContextElement { id, transfer_syntaxes, ..first.clone() });
    }
    let both = vec![SyntaxId::NDR64, SyntaxId::NDR];
    offer.contexts.push(crate::pdu::ContextElement {
        id: 3,
        abstract_syntax: SyntaxId { minor: 1, ..OPEN_INTERFACE },
        transfer_syntaxes: both,
    });
    bind.flags = bind.flags.with(PduFlags::SUPPORT_HEADER_SIGN);
    pair.server.handle_bytes(&bind.encode().unwrap()).unwrap();
    let ack = Pdu::decode(&pair.server.poll_transmit().unwrap()).unwrap();
    assert!(ack.flags.has(PduFlags::SUPPORT_HEADER_SIGN));
    let Body::BindAck(ack) = ack.body else {
        panic!("no bind_ack");
    };
    assert_eq!((ack.secondary_address.as_slice(), ack.assoc_group_id), (&b"4749"[..], 0x0bad_cafe));
    assert_eq!(
        ack.results,
        [
            ContextResult::ACCEPTED,
            ContextResult::rejected(ProviderReason::TRANSFER_SYNTAXES_NOT_SUPPORTED),
            ContextResult::features(3),
            ContextResult::ACCEPTED,
        ]
    );
}

#[test]
fn cancels_and_orphans_are_told() {
    let mut pair = open();
    let call = pair.client.call(0, &[]).unwrap();
    pair.client.cancel(call).unwrap();
    pair.run();
    let events = pair.server_events();
    assert!(
        matches!(events[..], [ServerEvent::Request { .. }, ServerEvent::Cancelled { call: c }] if c == call)
    );
    pair.server.fault(call, status::NCA_FAULT_CANCEL).unwrap();
    pair.run();
    assert!(matches!(pair.client_events()[..], [ClientEvent::Fault { .. }]));
    assert!(matches!(pair.client.cancel(call), Err(RpcError::UnknownCall(_))));

    let call = pair.client.call(0, &[]).unwrap();
    pair.run();
    let orphaned = Pdu::new(call.value(), Body::Orphaned).encode().unwrap();
    pair.server.handle_bytes(&orphaned).unwrap();
    pair.server.respond(call, b"nobody hears it").unwrap();
    assert_eq!(pair.server.poll_transmit(), None);
}

#[test]
fn too_many_calls_are_refused() {
    let limits = Limits { calls: 2, stub: 1000, ..Limits::default() };
    let mut pair =
        Pair::with_limits(client(AuthLevel::None, None), server(AuthLevel::None), limits);
    pair.run();
    pair.client_events();
    for opnum in 1..4 {
        pair.client.call(opnum, &[]).unwrap();
    }
    pair.run();
    let events = pair.client_events();
    assert!(matches!(events[..], [ClientEvent::Fault { status: status::NCA_SERVER_TOO_BUSY, .. }]));
    let calls: Vec<_> = pair
        .server_events()
        .into_iter()
        .map(|event| match event {
            ServerEvent::Request { call, opnum, .. } => (call, opnum),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(calls.iter().map(|(_, opnum)| *opnum).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(pair.server.respond(calls[0].0, &[0; 1001]), Err(RpcError::Limit { .. })));
    pair.server.respond(calls[0].0, &[0; 1000]).unwrap();
}

#[test]
fn a_stub_over_the_limit_ends_the_association() {
    let limits = Limits { stub: 1000, ..Limits::default() };
    let mut pair =
        Pair::with_limits(client(AuthLevel::None, None), server(AuthLevel::None), limits);
    pair.run();
    pair.client_events();
    pair.client.call(0, &[0; 1001]).unwrap();
    assert!(matches!(pair.try_run(), Err(RpcError::Limit { limit: 1000, .. })));
    let fault = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&fault).unwrap();
    let events = pair.client_events();
    assert!(matches!(events[..], [ClientEvent::Fault { status: status::ACCESS_DENIED, .. }]));
}

#[test]
fn a_client_refuses_more_calls_than_its_limit() {
    let mut pair = open();
    for _ in 0..Limits::default().calls {
        pair.client.call(0, &[]).unwrap();
    }
    assert!(matches!(pair.client.call(0, &[]), Err(RpcError::Limit { .. })));
    let long = vec![0; Limits::default().stub + 1];
    assert!(matches!(pair.client.call(0, &long), Err(RpcError::Limit { .. })));
}

#[test]
fn a_server_that_asks_to_be_let_go_is_let_go_after_the_last_reply() {
    let mut pair = open();
    let call = pair.client.call(0, &[]).unwrap();
    pair.run();
    pair.server.ask_to_let_go().unwrap();
    pair.run();
    assert!(!pair.client.should_close());
    pair.server.respond(call, &[]).unwrap();
    pair.run();
    assert!(pair.client.should_close());
}
