//! MtaBindBack, and the handles that it and MtaBind give out.

use dcerpc::status::{BAD_STUB_DATA, NCA_FAULT_CONTEXT_MISMATCH, NCA_OP_RNG_ERROR};
use dcerpc::{AuthLevel, ContextHandle};
use mta::rpc_interface::{
    AssociationToken, BindBack, BindBackAnswer, MTA_BIND_BACK, MTA_TRANSFER, MTA_UNBIND,
    MTA_UNBIND_BACK, Piece, Transfer, Unbind, decode_status,
};
use net::{CallError, Reply, RpcClient};
use tokio::sync::oneshot;

use super::fixture::*;
use crate::link::BoundBack;
use crate::node::ExpectedBindBack;

const TOKEN: AssociationToken = AssociationToken([7; 16]);

/// EAST made a bind to WEST with [`TOKEN`] and waits for the bind-back.
fn expect(east: &Server) -> oneshot::Receiver<BoundBack> {
    let (bound, back) = oneshot::channel();
    let waiting = ExpectedBindBack { peer: "WEST".to_owned(), bound };
    east.node.expected().insert(TOKEN, waiting);
    back
}

async fn call_bind_back(client: &RpcClient, token: AssociationToken) -> BindBackAnswer {
    let said = BindBack { called_name: "WEST".to_owned(), token, max_piece: 1000 };
    let reply = client.call(MTA_BIND_BACK, said.encode(), PATIENCE).await.unwrap();
    BindBackAnswer::decode(&reply.stub, reply.order).unwrap()
}

async fn transfer(client: &RpcClient, channel: ContextHandle) -> Result<Reply, CallError> {
    let piece = Piece { sequence: 0, end: true, octets: b"piece".to_vec() };
    client.call(MTA_TRANSFER, Transfer { channel, piece }.encode(), PATIENCE).await
}

fn is_mismatch(answer: &Result<Reply, CallError>) -> bool {
    matches!(answer, Err(CallError::Fault { status: NCA_FAULT_CONTEXT_MISMATCH }))
}

#[tokio::test]
async fn only_the_peer_that_was_called_binds_back_and_only_once() {
    let peers = [("WEST", 1), ("NORTH", 1)];
    let mut east = Server::start("EAST", listener().await, &peers).await;
    let mut back = expect(&east);
    let west = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    let north = east.dial(&account_of("NORTH"), AuthLevel::Privacy).await;

    assert_eq!(call_bind_back(&west, AssociationToken([8; 16])).await.status, 5);
    assert_eq!(east.refusals(), ["token"]);
    // Who only knows the token takes nothing from whom it is for.
    assert_eq!(call_bind_back(&north, TOKEN).await.status, 5);
    assert_eq!(east.refusals(), ["account"]);
    assert!(back.try_recv().is_err());

    let answer = call_bind_back(&west, TOKEN).await;
    assert_eq!((answer.status, answer.agreed_piece), (0, 1000));
    let mut incoming = back.try_recv().unwrap().incoming;
    let reply = transfer(&west, answer.channel).await.unwrap();
    assert_eq!(decode_status(&reply.stub, reply.order), Ok(0));
    assert_eq!(incoming.recv().await.unwrap().octets, b"piece");

    assert_eq!(call_bind_back(&west, TOKEN).await.status, 5);
    assert_eq!(east.refusals(), ["token"]);
}

#[tokio::test]
async fn a_handle_is_worth_nothing_on_another_connection_or_once_it_is_closed() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let back = expect(&east);
    let owner = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    let other = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    let channel = call_bind_back(&owner, TOKEN).await.channel;
    let mut incoming = back.await.unwrap().incoming;

    assert!(is_mismatch(&transfer(&other, channel).await));
    assert!(is_mismatch(&transfer(&owner, ContextHandle::NULL).await));
    for operation in [MTA_UNBIND, MTA_UNBIND_BACK] {
        let foreign = other.call(operation, Unbind { channel }.encode(), PATIENCE).await;
        assert!(is_mismatch(&foreign), "{foreign:?}");
    }
    assert!(incoming.try_recv().is_err(), "nothing came in by a foreign handle");
    transfer(&owner, channel).await.unwrap();
    assert!(incoming.recv().await.is_some());

    // A handle of MtaBindBack is none of MtaBind.
    let other_sort = owner.call(MTA_UNBIND, Unbind { channel }.encode(), PATIENCE).await;
    assert!(is_mismatch(&other_sort), "{other_sort:?}");
    owner.call(MTA_UNBIND_BACK, Unbind { channel }.encode(), PATIENCE).await.unwrap();
    assert!(incoming.recv().await.is_none(), "the channel is closed");
    assert!(is_mismatch(&transfer(&owner, channel).await));
}

#[tokio::test]
async fn the_end_of_a_connection_is_the_end_of_its_channels() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let back = expect(&east);
    let client = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    assert_eq!(call_bind_back(&client, TOKEN).await.status, 0);
    let mut incoming = back.await.unwrap().incoming;
    drop(client);
    let end = tokio::time::timeout(PATIENCE, incoming.recv()).await.unwrap();
    assert!(end.is_none());
}

#[tokio::test]
async fn what_is_no_call_of_the_interface_is_a_fault() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let client = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    for operation in [MTA_BIND_BACK, MTA_TRANSFER, MTA_UNBIND, MTA_UNBIND_BACK] {
        let answer = client.call(operation, b"rubbish".to_vec(), PATIENCE).await;
        let fault = matches!(answer, Err(CallError::Fault { status: BAD_STUB_DATA }));
        assert!(fault, "{operation}: {answer:?}");
    }
    let answer = client.call(99, Vec::new(), PATIENCE).await;
    assert!(matches!(answer, Err(CallError::Fault { status: NCA_OP_RNG_ERROR })), "{answer:?}");
}
