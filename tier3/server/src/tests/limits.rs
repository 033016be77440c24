//! A peer that calls again and again cannot make this server connect without end.

use std::sync::Arc;

use dcerpc::AuthLevel;
use mta::State;
use net::RpcClient;
use tokio::io::AsyncReadExt;

use super::fixture::*;
use crate::node::MAX_BIND_BACKS;

/// How many rows of the locality table say that a bind is under way.
fn opening(east: &Server) -> usize {
    east.node.ltab().rows().filter(|row| row.state == State::Opening).count()
}

/// Calls MtaBind and does not wait for its answer.
fn begin_bind(client: &Arc<RpcClient>, caller: &str, port: u16) -> tokio::task::JoinHandle<u32> {
    let low = caller.to_lowercase();
    let said = bind(caller, &format!("ncacn_ip_tcp:{low}-rpc.demo.test[{port}]"));
    let client = Arc::clone(client);
    tokio::spawn(async move { call_bind(&client, &said).await.map_or(0, |answer| answer.status) })
}

#[tokio::test]
async fn bind_backs_to_one_peer_are_limited() {
    let (silent, other) = (Trap::set(), Trap::set());
    let peers = [("WEST", silent.port), ("NORTH", other.port)];
    let mut east = Server::start("EAST", listener().await, &peers).await;
    // On connections of their own: the limit is not that of one connection.
    let (mut clients, mut visitors, mut binds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..MAX_BIND_BACKS {
        let client = Arc::new(east.dial(&account_of("WEST"), AuthLevel::Privacy).await);
        binds.push(begin_bind(&client, "WEST", silent.port));
        clients.push(client);
        visitors.push(silent.wait().await);
    }
    assert_eq!(opening(&east), MAX_BIND_BACKS);

    let client = Arc::new(east.dial(&account_of("WEST"), AuthLevel::Privacy).await);
    for caller in ["WEST", "west"] {
        assert_eq!(begin_bind(&client, caller, silent.port).await.unwrap(), 1723);
    }
    assert!(silent.visitor().is_none());
    assert!(east.refusals().is_empty(), "who is busy does not accuse");
    assert_eq!(opening(&east), MAX_BIND_BACKS);

    // Another peer is not kept waiting by this one.
    let north = Arc::new(east.dial(&account_of("NORTH"), AuthLevel::Privacy).await);
    let bind = begin_bind(&north, "NORTH", other.port);
    drop(other.wait().await);
    assert_eq!(bind.await.unwrap(), 1722);

    // A bind-back that failed makes room, and so does a caller that goes away.
    drop(visitors.remove(0));
    assert_eq!(binds.remove(0).await.unwrap(), 1722);
    let again = begin_bind(&client, "WEST", silent.port);
    visitors.push(silent.wait().await);
    for bind in binds {
        bind.abort();
    }
    again.abort();
    drop((clients, client));
    for mut visitor in visitors {
        let mut octets = Vec::new();
        visitor.read_to_end(&mut octets).await.unwrap();
    }
    until(|| (opening(&east) == 0).then_some(())).await;
    let client = Arc::new(east.dial(&account_of("WEST"), AuthLevel::Privacy).await);
    let bind = begin_bind(&client, "WEST", silent.port);
    drop(silent.wait().await);
    assert_eq!(bind.await.unwrap(), 1722);
}

/// However fast it asks, a peer is not bound back without end.
#[tokio::test]
async fn bind_backs_to_one_peer_come_at_a_pace() {
    let closed = {
        let (listener, port) = listener().await;
        drop(listener);
        port
    };
    let peers = [("WEST", closed), ("NORTH", closed)];
    let east = Server::start("EAST", listener().await, &peers).await;
    let client = Arc::new(east.dial(&account_of("WEST"), AuthLevel::Privacy).await);
    let mut said = Vec::new();
    for _ in 0..70 {
        said.push(begin_bind(&client, "WEST", closed).await.unwrap());
    }
    assert_eq!(said[0], 1722, "nobody listens there");
    let busy = said.iter().filter(|status| **status == 1723).count();
    assert!(busy > 0 && busy <= 10, "{said:?}");
    // Another peer has a pace of its own.
    let north = Arc::new(east.dial(&account_of("NORTH"), AuthLevel::Privacy).await);
    assert_eq!(begin_bind(&north, "NORTH", closed).await.unwrap(), 1722);
}
