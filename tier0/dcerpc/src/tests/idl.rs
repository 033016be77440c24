//! The code against the interface definitions under idl/: identifiers, numbers, and every stub that the code writes.

use std::net::Ipv4Addr;

use idl::{Interface, Way};

use crate::epm::{self, Endpoint, EndpointMap, MapEntry, MapRequest, Tower};
use crate::mgmt::{self, Managed};
use crate::{ByteOrder, ContextHandle, SyntaxId, Uuid, echo};

fn read(text: &str, syntax: SyntaxId, operations: &[(u16, &str)]) -> Interface {
    let version = (syntax.major, syntax.minor);
    Interface::parse_as(text, &syntax.uuid.to_string(), version, operations).unwrap()
}

/// The answer of a server of ours fits, and nothing less than the whole of it does.
fn fits(interface: &Interface, opnum: u16, way: Way, stub: &[u8]) {
    interface.walk(opnum, way, stub).unwrap();
    for end in 0..stub.len() {
        assert!(interface.walk(opnum, way, &stub[..end]).is_err(), "{opnum} {way:?} cut at {end}");
    }
    interface.walk(opnum, way, &[stub, &[0; 4]].concat()).unwrap_err();
}

fn endpoints() -> Vec<Endpoint> {
    let of = |port, annotation: &str| Endpoint {
        object: Uuid::NIL,
        tower: Tower::tcp(echo::INTERFACE, Ipv4Addr::LOCALHOST, port),
        annotation: annotation.to_owned(),
    };
    // Texts of lengths that leave every kind of gap.
    vec![of(1, ""), of(2, "a"), of(3, "ab"), of(4, "abcd")]
}

#[test]
fn the_endpoint_mapper_is_the_one_of_its_idl() {
    let operations = [
        (epm::OP_INSERT, "ept_insert"),
        (epm::OP_DELETE, "ept_delete"),
        (epm::OP_LOOKUP, "ept_lookup"),
        (epm::OP_MAP, "ept_map"),
        (epm::OP_LOOKUP_HANDLE_FREE, "ept_lookup_handle_free"),
        (epm::OP_INQ_OBJECT, "ept_inq_object"),
        (epm::OP_MGMT_DELETE, "ept_mgmt_delete"),
    ];
    let idl = read(include_str!("../../../../idl/epmapper.idl"), epm::INTERFACE, &operations);
    let order = ByteOrder::Little;
    let mut map = EndpointMap::new();
    let mut call = |opnum, stub: &[u8]| {
        fits(&idl, opnum, Way::Request, stub);
        let answer = map.dispatch_mut(opnum, stub, order).unwrap();
        fits(&idl, opnum, Way::Response, &answer);
        answer
    };
    let insert = epm::encode_insert(order, &endpoints(), false);
    call(epm::OP_INSERT, &insert);
    let lookup = epm::encode_lookup(order, &ContextHandle::NULL);
    let answer = call(epm::OP_LOOKUP, &lookup);
    let found = epm::LookupAnswer::decode(&answer, order).unwrap().endpoints;
    assert_eq!(found, endpoints());
    let ask = MapRequest { max_towers: 10, ..MapRequest::tcp(echo::INTERFACE) };
    let answer = call(epm::OP_MAP, &ask.encode(order));
    assert_eq!(epm::MapResponse::decode(&answer, order).unwrap().towers.len(), 4);
    call(epm::OP_MAP, &MapRequest::tcp(mgmt::INTERFACE).encode(order));
    call(epm::OP_LOOKUP_HANDLE_FREE, &[0; 20]);
    call(epm::OP_INQ_OBJECT, &[]);
    let tower = &endpoints()[0].tower;
    for object in [None, Some(echo::INTERFACE.uuid)] {
        call(epm::OP_MGMT_DELETE, &epm::encode_mgmt_delete(order, object, tower));
    }
    call(epm::OP_DELETE, &epm::encode_delete(order, &endpoints()));
}

#[test]
fn management_is_that_of_its_idl() {
    let operations = [
        (mgmt::OP_INQ_IF_IDS, "rpc_mgmt_inq_if_ids"),
        (mgmt::OP_INQ_STATS, "rpc_mgmt_inq_stats"),
        (mgmt::OP_IS_SERVER_LISTENING, "rpc_mgmt_is_server_listening"),
        (mgmt::OP_STOP_SERVER_LISTENING, "rpc_mgmt_stop_server_listening"),
        (mgmt::OP_INQ_PRINC_NAME, "rpc_mgmt_inq_princ_name"),
    ];
    let idl = read(include_str!("../../../../idl/mgmt.idl"), mgmt::INTERFACE, &operations);
    let interfaces = [mgmt::INTERFACE, epm::INTERFACE, echo::INTERFACE];
    let managed = Managed { interfaces: &interfaces, principal: "host/east.demo.test" };
    for (opnum, stub) in [
        (mgmt::OP_INQ_IF_IDS, &[][..]),
        (mgmt::OP_INQ_STATS, &[4, 0, 0, 0]),
        (mgmt::OP_IS_SERVER_LISTENING, &[]),
        (mgmt::OP_STOP_SERVER_LISTENING, &[]),
        (mgmt::OP_INQ_PRINC_NAME, &[10, 0, 0, 0, 64, 0, 0, 0]),
        (mgmt::OP_INQ_PRINC_NAME, &[10, 0, 0, 0, 3, 0, 0, 0]),
    ] {
        fits(&idl, opnum, Way::Request, stub);
        let answer = managed.dispatch(opnum, stub, ByteOrder::Little).unwrap();
        fits(&idl, opnum, Way::Response, &answer);
    }
}

#[test]
fn the_echo_is_that_of_its_idl() {
    let operations = [
        (echo::OP_ADD_ONE, "echo_AddOne"),
        (echo::OP_ECHO_DATA, "echo_EchoData"),
        (echo::OP_SINK_DATA, "echo_SinkData"),
        (echo::OP_SOURCE_DATA, "echo_SourceData"),
    ];
    let idl = read(include_str!("../../../../idl/rpcecho.idl"), echo::INTERFACE, &operations);
    assert_eq!(idl.constants["MAX_DATA"], u64::try_from(echo::MAX_DATA).unwrap());
    let data = echo::encode_echo(b"abcde");
    for (opnum, stub) in [
        (echo::OP_ADD_ONE, &[7, 0, 0, 0][..]),
        (echo::OP_ECHO_DATA, &data),
        (echo::OP_SINK_DATA, &data),
        (echo::OP_SOURCE_DATA, &[5, 0, 0, 0]),
    ] {
        fits(&idl, opnum, Way::Request, stub);
        let answer = echo::dispatch(opnum, stub, ByteOrder::Little).unwrap();
        if !answer.is_empty() {
            fits(&idl, opnum, Way::Response, &answer);
        }
    }
}

/// A walk that took anything would hold nobody to anything.
#[test]
fn a_stub_that_disagrees_is_found() {
    let idl = Interface::parse(include_str!("../../../../idl/epmapper.idl")).unwrap();
    let entry = MapEntry {
        interface: echo::INTERFACE,
        object: Uuid::NIL,
        address: Ipv4Addr::LOCALHOST,
        port: 7,
        annotation: "x".to_owned(),
    };
    let mut map = EndpointMap::new();
    map.register(entry);
    let ask = MapRequest::tcp(echo::INTERFACE).encode(ByteOrder::Little);
    let answer = map.dispatch(epm::OP_MAP, &ask, ByteOrder::Little).unwrap();
    idl.walk(epm::OP_MAP, Way::Response, &answer).unwrap();
    // The answer of one operation is none of another, and a count that two places give differently is found.
    idl.walk(epm::OP_LOOKUP, Way::Response, &answer).unwrap_err();
    idl.walk(epm::OP_MAP, Way::Request, &answer).unwrap_err();
    let mut lying = answer.clone();
    lying[20] = 2;
    idl.walk(epm::OP_MAP, Way::Response, &lying).unwrap_err();
    let mut without_terminator = epm::encode_insert(ByteOrder::Little, &endpoints()[3..], false);
    let last = without_terminator.windows(5).position(|part| part == b"abcd\0").unwrap() + 4;
    without_terminator[last] = b'e';
    idl.walk(epm::OP_INSERT, Way::Request, &without_terminator).unwrap_err();
}
