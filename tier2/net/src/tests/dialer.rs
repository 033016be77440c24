//! On which step the way to a peer fails, with which code.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dcerpc::AuthLevel;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::fixture::*;
use crate::{
    Dialer, Evidence, FailureLayer, RefusedBy, Resolver, RpcClient, RpcFailure, RpcTarget,
    serve_rpc,
};

const HOST: &str = "east.demo.test";

fn dialer(addresses: &[IpAddr], call_timeout: Duration) -> Dialer {
    let hosts = BTreeMap::from([(HOST.to_owned(), addresses.to_vec())]);
    Dialer { resolver: Resolver::new(&hosts), connect_timeout: PATIENCE, call_timeout }
}

async fn open_with(
    dialer: &Dialer,
    host: &str,
    mapper_port: u16,
) -> Result<RpcClient, Vec<RpcFailure>> {
    let target = RpcTarget {
        host: host.to_owned(),
        mapper_port,
        interface: INTERFACE,
        level: AuthLevel::Privacy,
    };
    dialer.open(&target, || initiator(PASSWORD)).await
}

/// Opens EAST at one address, which has to fail.
async fn fail(mapper_port: u16) -> (FailureLayer, u32, String) {
    let dialer = dialer(&[Ipv4Addr::LOCALHOST.into()], PATIENCE);
    let failures = open_with(&dialer, HOST, mapper_port).await.unwrap_err();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let RpcFailure { layer, code, protocol_string, .. } = failures.into_iter().next().unwrap();
    (layer, code, protocol_string)
}

async fn closed_port() -> u16 {
    listener().await.1.port()
}

/// A server for [`INTERFACE`] on a port of its own.
async fn server() -> u16 {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = Arc::new(TestService::default());
            tokio::spawn(serve_rpc(stream, association(INTERFACE), service, PATIENCE));
        }
    });
    address.port()
}

/// Says something that is no RPC to everybody, or nothing, and hangs up.
async fn stranger(says: &'static [u8]) -> u16 {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(says).await;
            let _ = stream.shutdown().await;
            // What was sent must arrive before the socket is gone with the bind unread.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    });
    address.port()
}

fn at(port: u16) -> String {
    format!("ncacn_ip_tcp:127.0.0.1[{port}]")
}

#[tokio::test]
async fn a_server_that_is_there_is_reached() {
    let (rpc, dialer) = (server().await, dialer(&[Ipv4Addr::LOCALHOST.into()], PATIENCE));
    let client = open_with(&dialer, HOST, mapper(Some(rpc)).await).await.unwrap();
    assert_eq!(client.remote(), SocketAddr::from((Ipv4Addr::LOCALHOST, rpc)));
    let reply = client.call(ECHO, b"echo".to_vec(), PATIENCE).await.unwrap();
    assert_eq!(reply.stub, b"echo");
}

#[tokio::test]
async fn a_name_without_an_address_fails_at_the_name() {
    let dialer = dialer(&[], PATIENCE);
    // A label of more than 63 octets: no resolver asks anybody for it (RFC 1035 2.3.4).
    let host = format!("{}.invalid", "x".repeat(64));
    let failures = open_with(&dialer, &host, 135).await.unwrap_err();
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((failure.layer, failure.code), (FailureLayer::Name, 1722));
    assert_eq!(failure.protocol_string, format!("ncacn_ip_tcp:{host}[135]"));
}

#[tokio::test]
async fn a_closed_port_fails_at_tcp() {
    let port = closed_port().await;
    assert_eq!(fail(port).await, (FailureLayer::Tcp, 1722, at(port)));
    let mapper = mapper(Some(port)).await;
    assert_eq!(fail(mapper).await, (FailureLayer::Tcp, 1722, at(port)));
}

#[tokio::test]
async fn a_mapper_without_the_interface_fails_at_the_mapper() {
    let mapper = mapper(None).await;
    assert_eq!(fail(mapper).await, (FailureLayer::Mapper, 1753, at(mapper)));
}

#[tokio::test]
async fn another_interface_on_the_port_fails_at_the_bind() {
    let other = mapper(None).await;
    let mapper = mapper(Some(other)).await;
    assert_eq!(fail(mapper).await, (FailureLayer::Bind, 1717, at(other)));
}

#[tokio::test]
async fn who_speaks_no_rpc_fails_where_it_was_met() {
    let garbage = stranger(b"220 mail.demo.test ESMTP ready, nice to meet you\r\n").await;
    assert_eq!(fail(garbage).await, (FailureLayer::Mapper, 1726, at(garbage)));
    let behind = mapper(Some(garbage)).await;
    assert_eq!(fail(behind).await, (FailureLayer::Bind, 1726, at(garbage)));
    // Who hangs up at once is no better than a closed port.
    let mute = stranger(b"").await;
    assert_eq!(fail(mute).await, (FailureLayer::Mapper, 1722, at(mute)));
    let behind = mapper(Some(mute)).await;
    assert_eq!(fail(behind).await, (FailureLayer::Tcp, 1722, at(mute)));
}

#[tokio::test]
async fn silence_is_waited_for_no_longer_than_is_said() {
    let (_listener, address) = listener().await;
    let dialer = dialer(&[Ipv4Addr::LOCALHOST.into()], Duration::from_millis(50));
    let failures = open_with(&dialer, HOST, address.port()).await.unwrap_err();
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((failure.layer, failure.code), (FailureLayer::Mapper, 1722));
    assert!(failure.text.contains("no answer"), "{failure}");
}

#[tokio::test]
async fn every_address_is_tried_in_turn() {
    // The mapper of the second address has the port that nobody has at the first.
    let second = Ipv4Addr::new(127, 0, 0, 2);
    let listener = TcpListener::bind((second, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let both = dialer(&[Ipv4Addr::LOCALHOST.into(), second.into()], PATIENCE);
    drop(listener);
    let failures = open_with(&both, HOST, port).await.unwrap_err();
    let places: Vec<&str> = failures.iter().map(|one| one.protocol_string.as_str()).collect();
    assert_eq!(places, [at(port), format!("ncacn_ip_tcp:{second}[{port}]")]);

    let rpc = server().await;
    let mapper = mapper(Some(rpc)).await;
    // Nobody listens there on the mapper's port, and that does not matter.
    let both = dialer(&[second.into(), Ipv4Addr::LOCALHOST.into()], PATIENCE);
    assert_eq!(open_with(&both, HOST, mapper).await.unwrap().remote().port(), rpc);
}

#[tokio::test]
async fn a_knock_logs_nobody_on() {
    let dialer = dialer(&[], PATIENCE);
    let to = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    dialer.knock(to(server().await), &INTERFACE).await.unwrap();
    let closed = closed_port().await;
    let failure = dialer.knock(to(closed), &INTERFACE).await.unwrap_err();
    assert_eq!((failure.layer, failure.code), (FailureLayer::Tcp, 1722));
    assert_eq!(failure.evidence, Evidence::by(RefusedBy::Network));
    let failure = dialer.knock(to(mapper(None).await), &INTERFACE).await.unwrap_err();
    assert_eq!((failure.layer, failure.code), (FailureLayer::Bind, 1717));
    // Which PDU said it, with which number of its own, and who sent it.
    assert_eq!(failure.evidence, Evidence::in_pdu("bind_ack", 1));
}
