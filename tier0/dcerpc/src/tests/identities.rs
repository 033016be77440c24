//! Several identities on one connection, SPNEGO, groups, and what belongs to whom.

use security::{AuthLevel, Initiator, SecurityContext, Step};

use super::fixture::{
    ACCOUNT, OPEN_INTERFACE, PASSWORD, Pair, came_back, client, negotiated, ntlm, server,
};
use crate::pdu::{
    AuthVerifier, Bind, Body, ContextElement, NakReason, Pdu, PduFlags, PduType, Request,
    SecTrailer,
};
use crate::{
    AssociationGroups, BindRefusal, ClientConfig, ClientEvent, Limits, RpcError, ServerAssociation,
    ServerEvent, SyntaxId, status,
};

const NTLM: u8 = 10;

fn offer() -> Bind {
    Bind {
        max_xmit_frag: 5840,
        max_recv_frag: 5840,
        assoc_group_id: 0,
        contexts: vec![ContextElement {
            id: 0,
            abstract_syntax: OPEN_INTERFACE,
            transfer_syntaxes: vec![SyntaxId::NDR],
        }],
    }
}

fn answer(association: &mut ServerAssociation) -> Pdu {
    Pdu::decode(&association.poll_transmit().unwrap()).unwrap()
}

fn bound() -> ServerAssociation {
    let mut association = ServerAssociation::new(server(AuthLevel::None));
    association.handle_bytes(&Pdu::new(1, Body::Bind(offer())).encode().unwrap()).unwrap();
    assert_eq!(answer(&mut association).body.kind(), PduType::BindAck);
    association
}

fn trailer(context_id: u32, level: AuthLevel) -> SecTrailer {
    SecTrailer { auth_type: NTLM, level: level.into(), pad_length: 0, context_id }
}

fn alter(association: &mut ServerAssociation, trailer: SecTrailer, value: Vec<u8>) -> Pdu {
    let auth = Some(AuthVerifier { trailer, value });
    let pdu = Pdu { auth, ..Pdu::new(2, Body::AlterContext(offer())) };
    let _ = association.handle_bytes(&pdu.encode().unwrap());
    answer(association)
}

/// Logs on beside what is there already.
fn log_on(
    association: &mut ServerAssociation,
    context_id: u32,
    level: AuthLevel,
) -> Box<dyn SecurityContext> {
    let mut initiator: Box<dyn Initiator> = ntlm(ACCOUNT, PASSWORD).unwrap();
    let Step::Continue(token) = initiator.step(None).unwrap() else { panic!("no token") };
    let said = alter(association, trailer(context_id, level), token).auth.unwrap();
    let Step::Done { token: Some(token) } = initiator.step(Some(&said.value)).unwrap() else {
        panic!("no answer");
    };
    let said = alter(association, trailer(context_id, level), token);
    assert_eq!(said.body.kind(), PduType::AlterContextResponse);
    initiator.into_context().unwrap()
}

fn request(call: u32, flags: PduFlags, stub: &[u8]) -> Pdu {
    let stub = stub.to_vec();
    let body =
        Body::Request(Request { alloc_hint: 0, context_id: 0, opnum: 1, object: None, stub });
    Pdu { flags, ..Pdu::new(call, body) }
}

fn signed(pdu: &Pdu, context: &mut dyn SecurityContext, trailer: SecTrailer) -> Vec<u8> {
    let encoded = pdu.encode_with(Some((trailer, 16)), context.signature_len()).unwrap();
    let mut bytes = encoded.bytes;
    let value = context.sign(&bytes, encoded.sealed);
    bytes.extend_from_slice(&value);
    bytes
}

fn level_of(association: &mut ServerAssociation) -> AuthLevel {
    match association.poll_event() {
        Some(ServerEvent::Request { level, .. }) => level,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_request_runs_as_whom_its_trailer_names() {
    let mut association = bound();
    let [first, second] = [trailer(1, AuthLevel::Integrity), trailer(2, AuthLevel::Packet)];
    let mut one = log_on(&mut association, 1, AuthLevel::Integrity);
    let mut two = log_on(&mut association, 2, AuthLevel::Packet);
    for call in (10..16).step_by(3) {
        association
            .handle_bytes(&signed(&request(call, PduFlags::WHOLE, b"x"), &mut *one, first))
            .unwrap();
        assert_eq!(level_of(&mut association), AuthLevel::Integrity);
        association
            .handle_bytes(&signed(&request(call + 1, PduFlags::WHOLE, b"x"), &mut *two, second))
            .unwrap();
        assert_eq!(level_of(&mut association), AuthLevel::Packet);
        association
            .handle_bytes(&request(call + 2, PduFlags::WHOLE, b"x").encode().unwrap())
            .unwrap();
        assert_eq!(level_of(&mut association), AuthLevel::None);
    }
    // A trailer that names another identity than the one that signed. The keys of both are the same here, where
    // nothing is random, so that only the sequence tells them apart.
    one.sign(b"one more", 0..0);
    let lying = signed(&request(30, PduFlags::WHOLE, b"x"), &mut *one, second);
    assert!(matches!(association.handle_bytes(&lying), Err(RpcError::Signature(_))));
    let Body::Fault(fault) = answer(&mut association).body else { panic!("no fault") };
    assert_eq!(fault.status, status::SEC_PKG_ERROR);
}

#[test]
fn a_call_goes_on_under_the_identity_that_it_began_with() {
    let mut association = bound();
    let mut one = log_on(&mut association, 1, AuthLevel::Integrity);
    let named = trailer(1, AuthLevel::Integrity);
    let first = signed(&request(5, PduFlags::FIRST, &[1; 16]), &mut *one, named);
    association.handle_bytes(&first).unwrap();
    let last = request(5, PduFlags::LAST, &[2; 16]).encode().unwrap();
    assert!(matches!(association.handle_bytes(&last), Err(RpcError::Unsigned)));
    assert!(!matches!(association.poll_event(), Some(ServerEvent::Request { .. })));
}

#[test]
fn at_level_connect_unsigned_requests_run_as_the_identity() {
    let mut association = bound();
    log_on(&mut association, 1, AuthLevel::Connect);
    association.handle_bytes(&request(5, PduFlags::WHOLE, b"x").encode().unwrap()).unwrap();
    let Some(ServerEvent::Request { principal, level, .. }) = association.poll_event() else {
        panic!("no request");
    };
    assert_eq!((principal.unwrap().to_string().as_str(), level), (ACCOUNT, AuthLevel::Connect));
}

#[test]
fn identities_are_bounded() {
    let mut association = bound();
    let limit = u32::try_from(Limits::default().identities).unwrap();
    for context in 0..limit {
        log_on(&mut association, context, AuthLevel::Integrity);
    }
    let said = alter(&mut association, trailer(limit, AuthLevel::Integrity), vec![0; 8]);
    assert!(matches!(said.body, Body::Fault(fault) if fault.status == status::NCA_PROTO_ERROR));
    assert!(association.should_close());
}

#[test]
fn an_exchange_does_not_change_its_level_nor_begin_again() {
    let mut association = bound();
    log_on(&mut association, 1, AuthLevel::Integrity);
    let said = alter(&mut association, trailer(1, AuthLevel::Integrity), vec![0; 8]);
    assert!(matches!(said.body, Body::Fault(fault) if fault.status == status::ACCESS_DENIED));

    let mut association = bound();
    let Step::Continue(token) = ntlm(ACCOUNT, PASSWORD).unwrap().step(None).unwrap() else {
        panic!("no token");
    };
    alter(&mut association, trailer(1, AuthLevel::Integrity), token.clone());
    let said = alter(&mut association, trailer(1, AuthLevel::Privacy), token);
    assert!(matches!(said.body, Body::Fault(fault) if fault.status == status::ACCESS_DENIED));
}

#[test]
fn spnego_at_every_level_and_with_a_wrong_password() {
    for level in [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy] {
        let mut pair = Pair::new(client(level, negotiated(ACCOUNT, PASSWORD)), server(level));
        for length in [0, 17, 20_000] {
            let stub = vec![0x5a; length];
            pair.client.call(1, &stub).unwrap();
            let events = pair.run_echo();
            assert!(
                matches!(events.last(), Some(ClientEvent::Reply { stub: reply, .. }) if came_back(&stub, reply))
            );
        }
        let kinds: Vec<u8> = pair.log.iter().take(4).map(|(_, pdu)| pdu[2]).collect();
        assert_eq!(kinds, [11, 12, 14, 15]);
    }
    let mut pair = Pair::new(
        client(AuthLevel::Privacy, negotiated(ACCOUNT, "wrong")),
        server(AuthLevel::None),
    );
    pair.try_run().unwrap_err();
    let fault = pair.server.poll_transmit().unwrap();
    pair.client.handle_bytes(&fault).unwrap();
    assert!(matches!(
        pair.client_events()[..],
        [ClientEvent::Refused(BindRefusal::Fault { status: status::ACCESS_DENIED })]
    ));
}

#[test]
fn a_group_is_shared_while_it_lives() {
    let groups = AssociationGroups::new();
    let new = || ServerAssociation::new(server(AuthLevel::None)).with_groups(groups.clone());
    let bind = |association: &mut ServerAssociation, assoc_group_id| {
        let pdu = Pdu::new(1, Body::Bind(Bind { assoc_group_id, ..offer() }));
        let _ = association.handle_bytes(&pdu.encode().unwrap());
        answer(association).body
    };
    let mut first = new();
    let Body::BindAck(ack) = bind(&mut first, 0) else { panic!("no bind_ack") };
    let mut second = new();
    let Body::BindAck(joined) = bind(&mut second, ack.assoc_group_id) else {
        panic!("no bind_ack");
    };
    assert_eq!(joined.assoc_group_id, ack.assoc_group_id);
    drop((first, second));
    let Body::BindNak(nak) = bind(&mut new(), ack.assoc_group_id) else { panic!("no bind_nak") };
    assert_eq!(nak.reason, NakReason::NOT_SPECIFIED);
}

#[test]
fn fragments_of_two_calls_blame_the_older_one_where_calls_come_one_by_one() {
    for (multiplex, expected) in [(false, 5), (true, 6)] {
        let mut association = ServerAssociation::new(server(AuthLevel::None));
        let more = if multiplex { PduFlags::CONC_MPX } else { PduFlags::default() };
        let flags = PduFlags::WHOLE.with(more);
        let bind = Pdu { flags, ..Pdu::new(1, Body::Bind(offer())) };
        association.handle_bytes(&bind.encode().unwrap()).unwrap();
        answer(&mut association);
        association.handle_bytes(&request(5, PduFlags::FIRST, b"x").encode().unwrap()).unwrap();
        association.handle_bytes(&request(6, PduFlags::WHOLE, b"x").encode().unwrap()).unwrap_err();
        assert_eq!(answer(&mut association).call_id, expected);
    }
}

#[test]
fn sizes_below_the_smallest_are_raised_and_all_are_cut_to_eight() {
    for (offered, agreed) in [(0, 2048), (1432, 1432), (3199, 3192), (u16::MAX, 5840)] {
        let config = ClientConfig { max_fragment: 5840, ..client(AuthLevel::None, None) };
        let mut pair = Pair::new(config, server(AuthLevel::None));
        let mut bind = Pdu::decode(&pair.client.poll_transmit().unwrap()).unwrap();
        if let Body::Bind(bind) = &mut bind.body {
            bind.max_recv_frag = offered;
        }
        pair.server.handle_bytes(&bind.encode().unwrap()).unwrap();
        let Body::BindAck(ack) = answer(&mut pair.server).body else { panic!("no bind_ack") };
        assert_eq!((ack.max_xmit_frag, ack.max_recv_frag), (agreed, agreed));
    }
}
