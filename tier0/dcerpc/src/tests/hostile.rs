//! Octets that no honest peer sends: nothing may panic, grow without bound or get through.

use super::fixture::{ACCOUNT, PASSWORD, Pair, client, ntlm, server};
use crate::epm::{EndpointMap, MapRequest, MapResponse, Tower};
use crate::pdu::{Body, Frame, Header, NakReason, Pdu, PduFlags, Request};
use crate::{AuthLevel, ByteOrder, Limits, NdrReader, RpcError, ServerAssociation, status};

/// A small generator, so that a failure can be repeated: xorshift by Marsaglia.
struct Garbage(u64);

impl Garbage {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn octets(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

/// A whole conversation, so that changed PDUs come in every state.
fn conversation() -> Vec<(bool, Vec<u8>)> {
    let mut pair =
        Pair::new(client(AuthLevel::Privacy, ntlm(ACCOUNT, PASSWORD)), server(AuthLevel::Privacy));
    pair.client.call(1, &[7; 9000]).unwrap();
    pair.run_echo();
    pair.log
}

#[test]
fn other_protocols_are_refused_with_their_first_octets() {
    for (octets, limit) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 1),
        (b"EHLO there\r\n", 1),
        (b"\x16\x03\x01\x02\x00\x01", 1),
        (b"\x03\x00\x00\x16\x11\xe0", 1),
        (b"\x05\x07\x0b", 2),
        (b"\x05\x00\x01\x03\x10\0\0\0\x20\0\0\0\x01\0\0\0", 16),
    ] {
        let mut association = ServerAssociation::new(server(AuthLevel::None));
        let refused = octets
            .iter()
            .position(|octet| association.handle_bytes(std::slice::from_ref(octet)).is_err());
        assert_eq!(refused, Some(limit - 1));
        assert!(association.should_close());
        assert!(matches!(association.handle_bytes(b"x"), Err(RpcError::Closed)));
    }
}

#[test]
fn a_bind_of_a_later_version_learns_ours() {
    let mut association = ServerAssociation::new(server(AuthLevel::None));
    let octets = b"\x05\x07\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0";
    let error = association.handle_bytes(octets).unwrap_err();
    assert!(matches!(error, RpcError::Version { major: 5, minor: 7 }));
    let nak = Pdu::decode(&association.poll_transmit().unwrap()).unwrap();
    let Body::BindNak(nak) = nak.body else {
        panic!("no bind_nak");
    };
    assert_eq!(nak.reason, NakReason::PROTOCOL_VERSION_NOT_SUPPORTED);
}

#[test]
fn lying_lengths_are_refused() {
    let bind = conversation().remove(0).1;
    for (at, value) in [(8, 0_u16), (8, 15), (8, 16), (10, 0xffff), (10, 60), (8, 40)] {
        let mut association = ServerAssociation::new(server(AuthLevel::None));
        let mut lying = bind.clone();
        lying[at..at + 2].copy_from_slice(&value.to_le_bytes());
        association.handle_bytes(&lying).unwrap_err();
        assert!(association.should_close(), "{at} {value}");
    }
    // The padding that the trailer claims.
    let mut association = ServerAssociation::new(server(AuthLevel::None));
    let mut lying = bind.clone();
    let trailer = lying.len() - usize::from(u16::from_le_bytes([bind[10], bind[11]])) - 8;
    lying[trailer + 2] = 0xff;
    association.handle_bytes(&lying).unwrap_err();
    let nak = Pdu::decode(&association.poll_transmit().unwrap()).unwrap();
    assert!(matches!(nak.body, Body::BindNak(_)));
}

#[test]
fn a_fragment_over_the_size_agreed_is_refused_before_it_is_read() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    let octets = b"\x05\x00\x00\x03\x10\0\0\0\xd1\x16\0\0\x02\0\0\0";
    assert!(matches!(pair.server.handle_bytes(octets), Err(RpcError::Limit { limit: 5840, .. })));
    let fault = Pdu::decode(&pair.server.poll_transmit().unwrap()).unwrap();
    assert!(matches!(fault.body, Body::Fault(fault) if fault.status == status::NCA_PROTO_ERROR));
}

#[test]
fn fragments_without_end_are_ended() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    let limits = Limits::default();
    let request = |call, flags, stub: &[u8]| {
        let stub = stub.to_vec();
        let body =
            Body::Request(Request { alloc_hint: 0, context_id: 0, opnum: 0, object: None, stub });
        Pdu { flags, ..Pdu::new(call, body) }.encode().unwrap()
    };
    pair.server.handle_bytes(&request(2, PduFlags::FIRST, &[])).unwrap();
    let empty = request(2, PduFlags(0), &[]);
    let taken =
        (0..limits.fragments + 1).take_while(|_| pair.server.handle_bytes(&empty).is_ok()).count();
    assert_eq!(taken, limits.fragments - 1);

    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    let first = |call| request(call, PduFlags::FIRST, &[1; 5000]);
    pair.server.handle_bytes(&first(2)).unwrap();
    // One call at a time comes in.
    assert!(matches!(pair.server.handle_bytes(&first(3)), Err(RpcError::Protocol { .. })));

    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    let orphan = request(2, PduFlags::LAST, &[]);
    assert!(matches!(pair.server.handle_bytes(&orphan), Err(RpcError::Protocol { .. })));
}

#[test]
fn a_stub_that_announces_too_much_is_refused_at_its_first_fragment() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    let alloc_hint = u32::try_from(Limits::default().stub).unwrap() + 1;
    let body =
        Body::Request(Request { alloc_hint, context_id: 0, opnum: 0, object: None, stub: vec![0] });
    let pdu = Pdu { flags: PduFlags::FIRST, ..Pdu::new(2, body) };
    assert!(matches!(
        pair.server.handle_bytes(&pdu.encode().unwrap()),
        Err(RpcError::Limit { .. })
    ));
    let fault = Pdu::decode(&pair.server.poll_transmit().unwrap()).unwrap();
    assert!(matches!(fault.body, Body::Fault(fault) if fault.status == status::ACCESS_DENIED));
}

#[test]
fn the_wrong_pdu_in_the_wrong_state_ends_the_association() {
    let log = conversation();
    for (from_client, pdu) in &log {
        let mut association = ServerAssociation::new(server(AuthLevel::None));
        assert_eq!(association.handle_bytes(pdu).is_ok(), *from_client && pdu[2] == 11);
        if !from_client {
            let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
            pair.run();
            pair.server.handle_bytes(pdu).unwrap_err();
        } else {
            let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
            pair.client.handle_bytes(pdu).unwrap_err();
        }
    }
}

#[test]
fn truncated_pdus_never_decode() {
    for (_, pdu) in conversation() {
        for end in 0..pdu.len() {
            Pdu::decode(&pdu[..end]).unwrap_err();
            // The same with a length that owns up to it.
            let mut shorter = pdu[..end].to_vec();
            if end >= Header::LEN {
                shorter[8..10].copy_from_slice(&u16::try_from(end).unwrap().to_le_bytes());
                let _ = Pdu::decode(&shorter);
            }
        }
    }
}

#[test]
fn garbage_never_panics() {
    let mut garbage = Garbage(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let length = garbage.below(120);
        let mut octets = garbage.octets(length);
        if octets.len() >= Header::LEN {
            octets[0] = 5;
            octets[1] = 0;
            octets[2] %= 20;
            octets[4] &= 0x1f;
            let length = u16::try_from(octets.len()).unwrap().to_le_bytes();
            octets[8..10].copy_from_slice(&length);
            octets[10] %= 40;
            octets[11] = 0;
        }
        if let Ok(frame) = Frame::parse(octets.clone()) {
            assert!(frame.sealed_range().end <= octets.len());
            if let Ok(pdu) = frame.decode() {
                let _ = pdu.encode();
            }
        }
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let _ = MapRequest::decode(&octets, order);
            let _ = MapResponse::decode(&octets, order);
            let _ = EndpointMap::new().dispatch(2, &octets, order);
            let mut reader = NdrReader::new("garbage", &octets, order);
            let _ = reader.string16("text", 100);
            let _ = reader.string8("text", 100);
            let _ = reader.u64("number");
        }
        let _ = Tower::decode(&octets);
    }
}

#[test]
fn changed_conversations_never_panic() {
    let log = conversation();
    let mut garbage = Garbage(0x0123_4567_89ab_cdef);
    for _ in 0..2_000 {
        let mut pair = Pair::new(
            client(AuthLevel::Privacy, ntlm(ACCOUNT, PASSWORD)),
            server(AuthLevel::Privacy),
        );
        let victim = garbage.below(log.len());
        for (index, (from_client, pdu)) in log.iter().enumerate() {
            let mut pdu = pdu.clone();
            if index == victim {
                for _ in 0..=garbage.below(3) {
                    // The beginning is where the structure is.
                    let at = garbage.below(pdu.len().min(160));
                    pdu[at] = garbage.next().to_le_bytes()[0];
                }
            }
            let outcome = if *from_client {
                pair.server.handle_bytes(&pdu)
            } else {
                pair.client.handle_bytes(&pdu)
            };
            if outcome.is_err() {
                break;
            }
            while pair.client.poll_transmit().is_some() || pair.server.poll_transmit().is_some() {}
        }
    }
}
