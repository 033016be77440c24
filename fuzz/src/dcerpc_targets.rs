//! DCE/RPC: PDUs, both machines, endpoint mapper, NDR, texts.

use dcerpc::epm::{EndpointMap, LookupAnswer, MapEntry, MapRequest, MapResponse, Tower};
use dcerpc::pdu::{Frame, Header, Pdu};
use dcerpc::{
    ByteOrder, ClientAssociation, ClientEvent, NdrReader, ServerAssociation, ServerEvent,
    StringBinding, SyntaxId, Uuid, echo, mgmt,
};

use crate::{choice, parties, parts, text};

const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];
/// Octets that a machine may hold for one connection, above what any honest peer needs.
const MAX_OUTPUT: usize = 4 << 20;
/// The first octets of a verification trailer (MS-RPCE 2.2.2.13.1).
const TRAILER: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];

pub fn pdu(octets: &[u8]) {
    let _ = Header::decode(octets);
    let Ok(frame) = Frame::parse(octets.to_vec()) else { return };
    assert!(frame.sealed_range().end <= octets.len());
    let Ok(pdu) = frame.decode() else { return };
    if let Ok(written) = pdu.encode() {
        let again = Pdu::decode(&written).expect("what was written can be read");
        assert_eq!(again.body, pdu.body);
    }
}

pub fn client(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let mut client = ClientAssociation::new(parties::client(first));
    let _ = client.call(1, b"before the bind");
    let mut sent = 0;
    for (index, part) in rest.chunks(if first & 0x80 == 0 { usize::MAX } else { 7 }).enumerate() {
        let taken = client.handle_bytes(part);
        while let Some(pdu) = client.poll_transmit() {
            sent += pdu.len();
        }
        while let Some(event) = client.poll_event() {
            if matches!(event, ClientEvent::Bound) {
                let _ = client.call(2, &[7; 9000]);
            }
        }
        if taken.is_err() {
            assert!(client.should_close());
            client.handle_bytes(b"x").expect_err("it is closed");
            break;
        }
        if index % 5 == 4 && client.outstanding() < 8 {
            let _ = client.call(3, &[]);
        }
    }
    assert!(sent <= MAX_OUTPUT, "{sent} octets sent");
}

pub fn server(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let mut server = ServerAssociation::new(parties::server());
    let mut sent = 0;
    for part in rest.chunks(if first & 0x80 == 0 { usize::MAX } else { 7 }) {
        let taken = server.handle_bytes(part);
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Request { call, stub, opnum, .. } = event {
                let _ = if opnum % 2 == 0 {
                    server.respond(call, &stub)
                } else {
                    server.fault(call, dcerpc::status::ACCESS_DENIED)
                };
            }
        }
        while let Some(pdu) = server.poll_transmit() {
            Pdu::decode(&pdu).expect("what a server sends can be read");
            sent += pdu.len();
        }
        if taken.is_err() {
            assert!(server.should_close());
            server.handle_bytes(b"x").expect_err("it is closed");
            break;
        }
    }
    assert!(sent <= MAX_OUTPUT + 16 * octets.len(), "{sent} octets sent");
}

pub fn epm(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    for order in ORDERS {
        if let Ok(request) = MapRequest::decode(rest, order) {
            // No object and the nil object are the same.
            let written = request.encode(order);
            let again = MapRequest::decode(&written, order).expect("a request");
            assert_eq!(again.encode(order), written);
        }
        if let Ok(response) = MapResponse::decode(rest, order) {
            let _ = response.port();
        }
        let _ = LookupAnswer::decode(rest, order);
        let mut map = EndpointMap::new();
        map.register(MapEntry {
            interface: parties::INTERFACE,
            object: Uuid::from_u128(0),
            address: std::net::Ipv4Addr::LOCALHOST,
            port: 4747,
            annotation: "fuzz".to_owned(),
        });
        let _ = map.dispatch(u16::from(first % 8), rest, order);
    }
    if let Ok(tower) = Tower::decode(rest) {
        let _ = (tower.interface(), tower.port(), tower.address(), tower.binding("host"));
        assert_eq!(Tower::decode(&tower.encode()).expect("a tower"), tower);
    }
}

/// Callers that change the map, one after the other: each part is an operation, a byte order and a stub.
pub fn epm_changes(octets: &[u8]) {
    let mut map = EndpointMap::new();
    for part in parts(octets).take(16) {
        let Some((first, stub)) = choice(part) else { continue };
        let before = map.entries().len();
        let order = ORDERS[usize::from(first & 1)];
        let answer = map.dispatch_mut(u16::from(first >> 1) % 8, stub, order);
        if answer.is_err() {
            assert_eq!(map.entries().len(), before, "a fault changes nothing");
        }
        assert!(map.entries().len() <= before + 500 && map.entries().len() <= 4096);
    }
}

/// A request with the octets as its stub, all of it or behind something: what is no verification trailer comes out
/// as it is, what is one is taken off or refused.
pub fn trailer(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let mut client = ClientAssociation::new(parties::client(0));
    let mut server = ServerAssociation::new(parties::server());
    let stub = [&vec![first; usize::from(first & 0x3c)][..], rest].concat();
    if client.call(u16::from(first & 3), &stub).is_err() {
        return;
    }
    let mut seen = false;
    for _ in 0..4 {
        let mut refused = false;
        while let Some(pdu) = client.poll_transmit() {
            refused |= !refused && server.handle_bytes(&pdu).is_err();
        }
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Request { stub: taken, .. } = event {
                assert!(stub.starts_with(&taken) && !seen);
                let off = &stub[taken.len()..];
                assert!(off.is_empty() || off.starts_with(&TRAILER));
                seen = true;
            }
        }
        if refused {
            assert!(!seen && server.should_close());
            return;
        }
        while let Some(pdu) = server.poll_transmit() {
            client.handle_bytes(&pdu).expect("an honest server");
        }
    }
    assert!(seen || stub.windows(8).any(|eight| eight == TRAILER), "a call was lost");
}

pub fn ndr(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let order = ORDERS[usize::from(first & 1)];
    let mut reader = NdrReader::new("fuzz", rest, order);
    // The octets choose what is read, too: each reads on where the one before stopped.
    for step in 0..16_u8 {
        let done = match (first >> 1).wrapping_add(step.wrapping_mul(first | 1)) % 12 {
            0 => reader.u8("a").is_ok(),
            1 => reader.u16("b").is_ok(),
            2 => reader.u32("c").is_ok(),
            3 => reader.u64("d").is_ok(),
            4 => reader.uuid("e").is_ok(),
            5 => reader.context_handle("f").is_ok(),
            6 => reader.pointer("g").is_ok(),
            7 => reader.conformant_octets("h", 4096).is_ok(),
            8 => reader.conformant_varying_octets("i", 4096).is_ok(),
            9 => reader.string8("j", 4096).is_ok(),
            10 => reader.string16("k", 4096).is_ok(),
            _ => reader.max_count("l", 4096).is_ok(),
        };
        if !done {
            return;
        }
        assert!(reader.rest().len() <= rest.len());
    }
}

pub fn interfaces(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    for order in ORDERS {
        let _ = echo::dispatch(u16::from(first % 10), rest, order);
        let managed = mgmt::Managed { interfaces: &[parties::INTERFACE], principal: "host/x" };
        let _ = managed.dispatch(u16::from(first % 6), rest, order);
        let _ = mgmt::decode_interfaces(rest, order);
    }
}

pub fn texts(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(binding) = text.parse::<StringBinding>() {
        let shown = binding.to_string();
        let again: StringBinding = shown.parse().expect("a binding that was shown");
        assert_eq!(again.to_string(), shown);
    }
    if let Ok(uuid) = text.parse::<Uuid>() {
        assert_eq!(uuid.to_string().parse::<Uuid>().ok(), Some(uuid));
        let _ = SyntaxId::new(uuid, 1, 0).bind_time_features();
    }
}
