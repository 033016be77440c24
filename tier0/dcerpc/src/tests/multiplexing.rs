//! What several interfaces, identities, calls and connections share; the other byte order; trailers.

use security::AuthLevel;

use super::fixture::{
    ACCOUNT, INTERFACE, OPEN_INTERFACE, PASSWORD, Pair, client, fake, negotiated, ntlm, server,
};
use crate::pdu::{Bind, Body, ContextElement, Pdu, PduFlags, Request, Response};
use crate::{
    AssociationGroups, BindRefusal, ByteOrder, CallTarget, ClientAssociation, ClientEvent,
    ContextNumber, IdentityNumber, Limits, RpcError, ServerAssociation, ServerEvent, SyntaxId,
    status,
};

fn open(level: AuthLevel) -> Pair {
    let initiator = (level != AuthLevel::None).then(|| ntlm(ACCOUNT, PASSWORD)).flatten();
    let mut pair = Pair::new(client(level, initiator), server(AuthLevel::None));
    pair.run();
    assert!(matches!(pair.client_events()[..], [ClientEvent::Bound]));
    pair
}

fn reply(events: &[ClientEvent]) -> &[u8] {
    match events {
        [ClientEvent::Reply { stub, .. }] => stub,
        other => panic!("{other:?}"),
    }
}

#[test]
fn features_and_header_signing_are_agreed_by_the_bind() {
    let pair = open(AuthLevel::Integrity);
    assert_eq!((pair.client.features(), pair.client.signs_headers()), (3, true));
    assert_eq!(pair.client.group(), 0x0bad_cafe);
    let pair = open(AuthLevel::None);
    assert_eq!((pair.client.features(), pair.client.signs_headers()), (3, false));

    // A server that knows neither.
    let mut pair = Pair::new(
        client(AuthLevel::Integrity, ntlm(ACCOUNT, PASSWORD)),
        server(AuthLevel::Integrity),
    );
    let mut bind = Pdu::decode(&pair.client.poll_transmit().unwrap()).unwrap();
    bind.flags = PduFlags::WHOLE.with(PduFlags::CONC_MPX);
    let Body::Bind(offer) = &mut bind.body else { panic!("no bind") };
    offer.contexts.truncate(1);
    pair.server.handle_bytes(&bind.encode().unwrap()).unwrap();
    pair.run();
    assert_eq!((pair.client.features(), pair.client.signs_headers()), (0, false));
    pair.client_events();
    // The client said in its bind that it signs headers, and its trailer says so again: the call shows that somebody
    // changed the bind.
    pair.client.call(1, b"stub").unwrap();
    assert!(matches!(pair.try_run(), Err(RpcError::Protocol { .. })));
    assert!(!pair.server_events().iter().any(|event| matches!(event, ServerEvent::Request { .. })));
}

#[test]
fn interfaces_are_added_while_calls_go_on() {
    let mut pair = open(AuthLevel::None);
    let waiting = pair.client.call(0, b"before").unwrap();
    let added = pair.client.add_interface(OPEN_INTERFACE).unwrap();
    let unknown = pair.client.add_interface(SyntaxId { major: 9, ..INTERFACE }).unwrap();
    let target = CallTarget { context: added, ..CallTarget::default() };
    pair.run();
    let events = pair.client_events();
    assert!(
        matches!(&events[..], [ClientEvent::InterfaceAdded(a), ClientEvent::InterfaceRefused(b, BindRefusal::Context { .. })] if *a == added && *b == unknown),
        "{events:?}"
    );
    pair.client.call_with(target, 5, b"after").unwrap();
    pair.run();
    let calls: Vec<_> = pair
        .server_events()
        .into_iter()
        .map(|event| match event {
            ServerEvent::Request { call, interface, .. } => (call, interface),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((calls[0], calls[1].1), ((waiting, 1), 0));
    let refused = CallTarget { context: unknown, ..CallTarget::default() };
    assert!(matches!(pair.client.call_with(refused, 0, b""), Err(RpcError::Protocol { .. })));
    for _ in 0..Limits::default().contexts {
        let _ = pair.client.add_interface(OPEN_INTERFACE);
    }
    assert!(matches!(pair.client.add_interface(INTERFACE), Err(RpcError::Limit { .. })));
}

#[test]
fn identities_are_added_and_each_call_runs_as_its_own() {
    let mut pair = open(AuthLevel::Privacy);
    let second = pair.client.add_identity(AuthLevel::Integrity, ntlm(ACCOUNT, PASSWORD).unwrap());
    let third = pair.client.add_identity(AuthLevel::Packet, negotiated(ACCOUNT, PASSWORD).unwrap());
    let fourth = pair.client.add_identity(AuthLevel::Connect, fake(5).unwrap()).unwrap();
    let (second, third) = (second.unwrap(), third.unwrap());
    let too_early = CallTarget { identity: second, ..CallTarget::default() };
    assert!(matches!(pair.client.call_with(too_early, 0, b""), Err(RpcError::Protocol { .. })));
    pair.run();
    let events = pair.client_events();
    assert!(
        matches!(&events[..], [ClientEvent::IdentityAdded(a), ClientEvent::IdentityAdded(b), ClientEvent::IdentityAdded(c)] if *a == second && *b == third && *c == fourth),
        "{events:?}"
    );
    for round in 0..3 {
        for (identity, level) in [
            (IdentityNumber::FIRST, AuthLevel::Privacy),
            (second, AuthLevel::Integrity),
            (third, AuthLevel::Packet),
        ] {
            let target = CallTarget { identity, ..CallTarget::default() };
            let call = pair.client.call_with(target, round, b"as whom").unwrap();
            pair.run();
            let events = pair.server_events();
            let [ServerEvent::Request { level: seen, stub, principal: Some(who), .. }] =
                &events[..]
            else {
                panic!("{events:?}");
            };
            assert_eq!(
                (*seen, &stub[..7], who.to_string().as_str()),
                (level, &b"as whom"[..], ACCOUNT)
            );
            pair.server.respond(call, &[9; 9000]).unwrap();
            pair.run();
            assert_eq!(reply(&pair.client_events()), [9; 9000]);
        }
    }
}

#[test]
fn an_identity_that_is_refused_is_told() {
    let mut pair = open(AuthLevel::Privacy);
    let wrong = pair.client.add_identity(AuthLevel::Privacy, negotiated(ACCOUNT, "wrong").unwrap());
    assert!(matches!(pair.try_run(), Err(RpcError::Security(_))));
    let fault = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&fault).unwrap();
    let events = pair.client_events();
    assert!(
        matches!(&events[..], [ClientEvent::IdentityRefused(number, BindRefusal::Fault { status: status::ACCESS_DENIED })] if *number == wrong.unwrap()),
        "{events:?}"
    );
}

#[test]
fn objects_reach_the_server_in_every_fragment() {
    for level in [AuthLevel::None, AuthLevel::Privacy] {
        let mut pair = open(level);
        let target = CallTarget { object: Some(INTERFACE.uuid), ..CallTarget::default() };
        pair.client.call_with(target, 0, &[7; 20_000]).unwrap();
        pair.run();
        let events = pair.server_events();
        let [ServerEvent::Request { object, stub, .. }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!((*object, stub.as_slice()), (Some(INTERFACE.uuid), &[7; 20_000][..]));
        assert!(pair.log.iter().all(|(_, pdu)| pdu.len() <= 5840));
    }
}

#[test]
fn a_call_that_is_given_up_leaves_the_rest_alone() {
    for level in [AuthLevel::None, AuthLevel::Integrity] {
        let mut pair = open(level);
        let given_up = pair.client.call(0, b"long").unwrap();
        let kept = pair.client.call(1, b"kept").unwrap();
        pair.run();
        assert!(pair.client.orphan(given_up).unwrap(), "the server keeps the connection");
        assert!(matches!(pair.client.orphan(given_up), Err(RpcError::UnknownCall(_))));
        // The answer that was on its way already.
        let events = pair.server_events();
        assert_eq!(events.len(), 2);
        pair.server.respond(given_up, &[1; 9000]).unwrap();
        pair.run();
        assert!(matches!(pair.server_events()[..], []));
        pair.server.respond(kept, b"answer").unwrap();
        pair.run();
        assert_eq!(reply(&pair.client_events()), b"answer");
        assert_eq!(pair.client.outstanding(), 0);
    }
    // One that has not gone out yet is simply gone, and there may be any number of them.
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    let call = pair.client.call(0, b"early").unwrap();
    assert!(pair.client.orphan(call).unwrap());
    pair.run();
    for _ in 0..3 * Limits::default().calls {
        let call = pair.client.call(0, b"").unwrap();
        pair.client.orphan(call).unwrap();
    }
    pair.client_events();
    pair.client.call(0, b"last").unwrap();
    assert_eq!(pair.client.outstanding(), 1);
}

#[test]
fn an_answer_in_another_identity_than_the_calls_is_refused() {
    let mut pair = open(AuthLevel::Integrity);
    let call = pair.client.call(0, b"").unwrap();
    pair.run();
    pair.server_events();
    let body =
        Body::Response(Response { alloc_hint: 1, context_id: 0, cancel_count: 0, stub: vec![1] });
    let forged = Pdu::new(call.value(), body).encode().unwrap();
    assert!(matches!(pair.client.handle_bytes(&forged), Err(RpcError::Unsigned)));
}

#[test]
fn a_second_connection_joins_the_group_of_the_first() {
    let groups = AssociationGroups::new();
    let mut first = open(AuthLevel::None);
    first.server = ServerAssociation::new(server(AuthLevel::None)).with_groups(groups.clone());
    first.client = ClientAssociation::new(client(AuthLevel::None, None));
    first.run();
    let number = first.client.group();
    assert_ne!(number, 0);
    let join = |number| {
        let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
        let config = client(AuthLevel::None, None);
        pair.client = ClientAssociation::in_group(config, Limits::default(), number);
        pair.server = ServerAssociation::new(server(AuthLevel::None)).with_groups(groups.clone());
        let _ = pair.try_run();
        while let Some(last) = pair.server.poll_transmit() {
            pair.client.handle_bytes(&last).unwrap();
        }
        pair
    };
    let mut second = join(number);
    assert!(matches!(second.client_events()[..], [ClientEvent::Bound]));
    assert_eq!(second.client.group(), number);
    drop((first, second));
    let mut late = join(number);
    assert!(matches!(late.client_events()[..], [ClientEvent::Refused(BindRefusal::Nak { .. })]));
}

#[test]
fn a_client_of_the_other_byte_order_is_served() {
    let mut association = ServerAssociation::new(server(AuthLevel::None));
    let offer = Bind {
        max_xmit_frag: 4280,
        max_recv_frag: 4280,
        assoc_group_id: 0,
        contexts: vec![
            ContextElement {
                id: 0x0102,
                abstract_syntax: OPEN_INTERFACE,
                transfer_syntaxes: vec![SyntaxId::NDR],
            },
            ContextElement {
                id: 0x0103,
                abstract_syntax: OPEN_INTERFACE,
                transfer_syntaxes: vec![SyntaxId::features(3)],
            },
        ],
    };
    let big = |call: u32, body| Pdu { order: ByteOrder::Big, ..Pdu::new(call, body) };
    association.handle_bytes(&big(1, Body::Bind(offer.clone())).encode().unwrap()).unwrap();
    let answer = Pdu::decode(&association.poll_transmit().unwrap()).unwrap();
    let Body::BindAck(ack) = answer.body else { panic!("no bind_ack") };
    assert_eq!((answer.call_id, ack.max_recv_frag, ack.results.len()), (1, 4280, 2));
    association
        .handle_bytes(
            &big(
                2,
                Body::AlterContext(Bind { contexts: vec![offer.contexts[0].clone()], ..offer }),
            )
            .encode()
            .unwrap(),
        )
        .unwrap();
    let answer = Pdu::decode(&association.poll_transmit().unwrap()).unwrap();
    assert!(matches!(answer.body, Body::AlterContextResponse(_)));
    let body = Body::Request(Request {
        alloc_hint: 4,
        context_id: 0x0102,
        opnum: 0x0304,
        object: Some(INTERFACE.uuid),
        stub: vec![1, 2, 3, 4],
    });
    association.handle_bytes(&big(0x0a0b_0c0d, body).encode().unwrap()).unwrap();
    let Some(ServerEvent::Request { call, opnum, object, stub, order, .. }) =
        association.poll_event()
    else {
        panic!("no request");
    };
    assert_eq!((opnum, object, order), (0x0304, Some(INTERFACE.uuid), ByteOrder::Big));
    assert_eq!((call.value(), stub.as_slice()), (0x0a0b_0c0d, &[1, 2, 3, 4][..]));
    association.handle_bytes(&big(call.value(), Body::CoCancel).encode().unwrap()).unwrap();
    assert!(matches!(association.poll_event(), Some(ServerEvent::Cancelled { .. })));
    association.fault(call, status::NCA_FAULT_CANCEL).unwrap();
    assert!(association.poll_transmit().is_some());
}

/// A signed request of our client, whose stub is changed under the protection by `change`.
fn with_stub(change: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<ServerEvent>, RpcError> {
    // Level packet of the made-up mechanism would do as well; nobody signs at level none, and the trailer is looked at.
    let mut pair = open(AuthLevel::None);
    let mut stub = b"stub".to_vec();
    change(&mut stub);
    pair.client.call(3, &stub)?;
    pair.try_run()?;
    Ok(pair.server_events())
}

#[test]
fn a_trailer_out_of_place_refuses_the_call() {
    use crate::verification::{Facts, Said, append};
    let facts = Facts {
        header_signing: false,
        interface: INTERFACE,
        kind: 0,
        label: [0x10, 0, 0, 0],
        call: 2,
        context_id: 0,
        opnum: 3,
    };
    let all = Said { presentation: true, header: true };
    let events = with_stub(|stub| append(stub, &facts, all)).unwrap();
    assert!(matches!(&events[..], [ServerEvent::Request { stub, .. }] if stub == b"stub"));
    for wrong in [
        Facts { opnum: 4, ..facts },
        Facts { call: 3, ..facts },
        Facts { context_id: 1, ..facts },
        Facts { header_signing: true, ..facts },
        Facts { interface: OPEN_INTERFACE, ..facts },
    ] {
        let refused = with_stub(|stub| append(stub, &wrong, all));
        assert!(matches!(refused, Err(RpcError::Protocol { .. })), "{wrong:?}: {refused:?}");
    }
    let behind = with_stub(|stub| {
        append(stub, &facts, all);
        stub.extend_from_slice(b"more");
    });
    assert!(matches!(behind, Err(RpcError::Protocol { .. })));
}

#[test]
fn every_signed_request_of_ours_has_a_trailer_and_no_other() {
    const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
    let count = |pair: &Pair| {
        let found = |pdu: &Vec<u8>| pdu.windows(8).any(|octets| octets == SIGNATURE);
        pair.log.iter().filter(|(_, pdu)| found(pdu)).count()
    };
    for (level, expected) in [(AuthLevel::None, 0), (AuthLevel::Integrity, 3)] {
        let mut pair = open(level);
        for length in [0, 5, 20_000] {
            pair.client.call(1, &vec![7; length]).unwrap();
            let events = pair.run_echo();
            // The server turns the stub round as it came, with the padding that the trailer needs.
            assert!(reply(&events).len() >= length && reply(&events).len() < length + 4);
        }
        assert_eq!(count(&pair), expected, "{level:?}");
    }
}

#[test]
fn numbers_of_contexts_leave_out_the_one_of_the_features() {
    let mut pair = open(AuthLevel::None);
    let added = pair.client.add_interface(OPEN_INTERFACE).unwrap();
    assert_ne!(added, ContextNumber::FIRST);
    pair.run();
    let offered: Vec<u16> = pair
        .log
        .iter()
        .filter_map(|(_, pdu)| match Pdu::decode(pdu).unwrap().body {
            Body::Bind(bind) | Body::AlterContext(bind) => Some(bind.contexts),
            _ => None,
        })
        .flatten()
        .map(|context| context.id)
        .collect();
    assert_eq!(offered, [0, 1, 2]);
}
