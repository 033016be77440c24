//! Every PDU by a hand-made vector (C706 12.6.4, MS-RPCE 2.2.2), and there and back in both orders.

use crate::ByteOrder;
use crate::epm::INTERFACE;
use crate::pdu::{
    AuthVerifier, Bind, BindAck, BindNak, Body, ContextElement, ContextResult, Fault, NakReason,
    Pdu, PduFlags, ProviderReason, Request, Response, SecTrailer,
};
use crate::{SyntaxId, Uuid};

fn bind() -> Bind {
    Bind {
        max_xmit_frag: 5840,
        max_recv_frag: 5840,
        assoc_group_id: 0,
        contexts: vec![ContextElement {
            id: 0,
            abstract_syntax: INTERFACE,
            transfer_syntaxes: vec![SyntaxId::NDR],
        }],
    }
}

fn ack() -> BindAck {
    BindAck {
        max_xmit_frag: 5840,
        max_recv_frag: 4280,
        assoc_group_id: 0x1234,
        secondary_address: b"135".to_vec(),
        results: vec![
            ContextResult::ACCEPTED,
            ContextResult::rejected(ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED),
        ],
    }
}

fn verifier(pad_length: u8) -> Option<AuthVerifier> {
    let trailer = SecTrailer { auth_type: 10, level: 6, pad_length, context_id: 1 };
    Some(AuthVerifier { trailer, value: b"token".to_vec() })
}

fn vectors() -> Vec<(Pdu, &'static str)> {
    let request = Request {
        alloc_hint: 3,
        context_id: 1,
        opnum: 3,
        object: None,
        stub: vec![0xaa, 0xbb, 0xcc],
    };
    let response = Response { alloc_hint: 1, context_id: 1, cancel_count: 0, stub: vec![0xdd] };
    let fault = Fault { context_id: 1, cancel_count: 0, status: 0x1c01_0003, stub: Vec::new() };
    let object = Some(Uuid::from_u128(0x00010203_0405_0607_0809_0a0b0c0d0e0f));
    let nak = BindNak::new(NakReason::INVALID_CHECKSUM);
    vec![
        (
            Pdu::new(1, Body::Bind(bind())),
            "05000b0310000000 4800 0000 01000000 d016 d016 00000000 01 000000 0000 01 00\
             0883afe11f5dc91191a408002b14a0fa 03000000 045d888aeb1cc9119fe808002b104860 02000000",
        ),
        (
            Pdu { auth: verifier(0), ..Pdu::new(1, Body::AlterContext(bind())) },
            "05000e0310000000 5500 0500 01000000 d016 d016 00000000 01 000000 0000 01 00\
             0883afe11f5dc91191a408002b14a0fa 03000000 045d888aeb1cc9119fe808002b104860 02000000\
             0a 06 00 00 01000000 746f6b656e",
        ),
        (
            Pdu::new(1, Body::BindAck(ack())),
            "05000c0310000000 5400 0000 01000000 d016 b810 34120000 0400 31333500 0000 02 000000\
             0000 0000 045d888aeb1cc9119fe808002b104860 02000000\
             0200 0100 00000000000000000000000000000000 00000000",
        ),
        (
            Pdu::new(1, Body::BindNak(nak)),
            "05000d0310000000 1800 0000 01000000 0900 01 0500 000000",
        ),
        (
            Pdu { auth: verifier(0), ..Pdu::new(1, Body::Auth3) },
            "0500100310000000 2100 0500 01000000 00000000 0a 06 00 00 01000000 746f6b656e",
        ),
        (
            Pdu::new(2, Body::Request(request.clone())),
            "0500000310000000 1b00 0000 02000000 03000000 0100 0300 aabbcc",
        ),
        (
            Pdu {
                flags: PduFlags::FIRST.with(PduFlags::OBJECT_UUID),
                auth: verifier(1),
                ..Pdu::new(2, Body::Request(Request { object, ..request }))
            },
            "0500008110000000 3900 0500 02000000 03000000 0100 0300\
             03020100 0504 0706 08090a0b0c0d0e0f aabbcc 00 0a 06 01 00 01000000 746f6b656e",
        ),
        (
            Pdu::new(2, Body::Response(response)),
            "0500020310000000 1900 0000 02000000 01000000 0100 00 00 dd",
        ),
        (
            Pdu::new(2, Body::Fault(fault)),
            "0500030310000000 2000 0000 02000000 20000000 0100 00 00 0300011c 00000000",
        ),
        (Pdu::new(2, Body::CoCancel), "0500120310000000 1000 0000 02000000"),
        (Pdu::new(2, Body::Orphaned), "0500130310000000 1000 0000 02000000"),
        (Pdu::new(0, Body::Shutdown), "0500110310000000 1000 0000 00000000"),
    ]
}

#[test]
fn vectors_decode_encode_and_fail_when_truncated() {
    for (pdu, vector) in vectors() {
        let octets = wire::from_hex(vector).unwrap();
        assert_eq!(wire::to_hex(&pdu.encode().unwrap()), wire::to_hex(&octets), "{pdu:?}");
        assert_eq!(Pdu::decode(&octets), Ok(pdu));
        for end in 0..octets.len() {
            Pdu::decode(&octets[..end]).unwrap_err();
        }
        Pdu::decode(&[&octets[..], &[0]].concat()).unwrap_err();
    }
}

#[test]
fn the_other_byte_order_says_the_same() {
    for (pdu, _) in vectors() {
        let big = Pdu { order: ByteOrder::Big, ..pdu };
        let octets = big.encode().unwrap();
        assert_eq!(octets[4], 0);
        assert_eq!(Pdu::decode(&octets), Ok(big));
    }
}

#[test]
fn bodies_that_end_early_fail_with_an_honest_length_too() {
    for (pdu, vector) in vectors() {
        let octets = wire::from_hex(vector).unwrap();
        if pdu.auth.is_some() || !matches!(pdu.body, Body::Bind(_) | Body::BindAck(_)) {
            continue;
        }
        for end in 16..octets.len() {
            let mut short = octets[..end].to_vec();
            short[8..10].copy_from_slice(&u16::try_from(end).unwrap().to_le_bytes());
            Pdu::decode(&short).unwrap_err();
        }
    }
}

#[test]
fn faults_of_old_servers_without_reserved_octets_are_read() {
    let octets =
        wire::from_hex("0500030310000000 1c00 0000 02000000 20000000 0000 00 00 05000000").unwrap();
    let pdu = Pdu::decode(&octets).unwrap();
    assert!(matches!(pdu.body, Body::Fault(fault) if fault.status == 5));
}

#[test]
fn what_is_too_long_for_its_length_is_not_encoded() {
    let stub = vec![0; 65_536];
    let body = Body::Response(Response { alloc_hint: 0, context_id: 0, cancel_count: 0, stub });
    Pdu::new(1, body).encode().unwrap_err();
}
