//! Whose password a call over RPC changes: the caller's own, if it is a peer's machine account, and nobody's else.

use std::net::Ipv4Addr;

use admin::directory_api::{DirectoryOrder, Mode, SetOrder};
use config::Config;
use dcerpc::AuthLevel;
use identity::{AccountName, Password};
use mta::account_interface::{INTERFACE, SET_OWN_PASSWORD, decode_answer, encode_set_own_password};
use net::{CallError, Dialer, Resolver, RpcClient, RpcFailure, RpcTarget};

use super::fixture::*;
use crate::operations::{Ledger, follow};

const FRESH: &str = "a password of its own making";

fn machine(server: &str) -> AccountName {
    format!("DEMO\\{server}$").parse().unwrap()
}

/// Names an account as the machine account of a server in EAST's directory.
fn name_machine(east: &Server, server: &str) {
    let config: &Config = &east.node.config();
    let ledger = Ledger {
        accounts: east.node.accounts.clone(),
        directory: east.node.directory.clone(),
        who: "a test".to_owned(),
    };
    let object = format!("/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN={server}");
    let set = SetOrder {
        object: object.clone(),
        attribute: "machineAccount".to_owned(),
        values: vec![machine(server).to_string()],
        mode: Mode::Replace,
        dry_run: false,
    };
    let add = DirectoryOrder::Add { object, class: "server".to_owned() };
    for order in [add, DirectoryOrder::Set(set)] {
        follow(&ledger, config, order).unwrap();
    }
}

async fn dial(
    east: &Server,
    account: &AccountName,
    (password, level): (&str, AuthLevel),
) -> Result<RpcClient, RpcFailure> {
    let dialer =
        Dialer { resolver: Resolver::default(), connect_timeout: PATIENCE, call_timeout: PATIENCE };
    let host = Ipv4Addr::LOCALHOST.to_string();
    let target = RpcTarget { host, mapper_port: east.mapper_port, interface: INTERFACE, level };
    let opened = dialer.open(&target, || initiator(account, password)).await;
    opened.map_err(|mut failures| failures.remove(0))
}

async fn set(
    east: &Server,
    account: &AccountName,
    own: &str,
    fresh: &str,
) -> Result<u32, CallError> {
    let client = dial(east, account, (own, AuthLevel::Privacy)).await.unwrap();
    let reply = client.call(SET_OWN_PASSWORD, encode_set_own_password(fresh), PATIENCE).await?;
    Ok(decode_answer(&reply.stub, reply.order).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_account_of_a_peer_changes_its_own_password_and_keeps_the_one_before() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let west = machine("WEST");
    add_account(&east.node, &west, &[]);
    name_machine(&east, "WEST");
    let stored = || east.node.accounts.find(&west).unwrap();
    assert_eq!(set(&east, &west, PASSWORD, "too short").await.unwrap(), 1325);
    assert!(stored().older.is_none(), "it was changed all the same");
    assert_eq!(set(&east, &west, PASSWORD, FRESH).await.unwrap(), 0);
    let fresh = security::ntlm::nt_hash(&Password::from(FRESH));
    assert!(stored().nt_hash == fresh && stored().older.is_some());
    // Its answer was lost: asked again with the password before, nothing is forgotten.
    assert_eq!(set(&east, &west, PASSWORD, FRESH).await.unwrap(), 0);
    let before = security::ntlm::nt_hash(&Password::from(PASSWORD));
    assert!(stored().older.is_some_and(|older| older.nt_hash == before));
    assert_eq!(set(&east, &west, FRESH, FRESH).await.unwrap(), 0);
    let trail = east.node.directory.audit().unwrap();
    let told: Vec<_> =
        trail.iter().filter(|entry| entry.what == format!("account {west}")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].who.starts_with(r"DEMO\WEST$, from 127.0.0.1"), "{}", told[0].who);
    assert!(told[0].lines.iter().all(|line| !line.contains(FRESH)), "{:?}", told[0].lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_changes_a_password() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let (stranger, unnamed, service) = (machine("NORTH"), machine("WEST"), account_of("WEST"));
    add_account(&east.node, &stranger, &[]);
    add_account(&east.node, &unnamed, &[]);
    // Its object is there, and it is no peer of EAST's.
    name_machine(&east, "NORTH");
    for account in [&stranger, &unnamed, &service] {
        let answer = set(&east, account, PASSWORD, FRESH).await;
        assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{account}: {answer:?}");
        let stored = east.node.accounts.find(account).unwrap();
        assert!(stored.nt_hash == security::ntlm::nt_hash(&Password::from(PASSWORD)), "{account}");
    }
    assert_eq!(east.refusals(), ["account"; 3]);
    // Less than privacy would show the password on the wire.
    name_machine(&east, "WEST");
    for level in [AuthLevel::Connect, AuthLevel::Integrity] {
        let Ok(client) = dial(&east, &unnamed, (PASSWORD, level)).await else { continue };
        let stub = encode_set_own_password(FRESH);
        let answer = client.call(SET_OWN_PASSWORD, stub, PATIENCE).await;
        assert!(matches!(answer, Err(CallError::Fault { .. })), "{level:?}: {answer:?}");
    }
    let client = dial(&east, &unnamed, (PASSWORD, AuthLevel::Privacy)).await.unwrap();
    for (opnum, stub) in [(0, vec![0xff; 12]), (0, Vec::new()), (1, Vec::new())] {
        let answer = client.call(opnum, stub, PATIENCE).await;
        assert!(matches!(answer, Err(CallError::Fault { .. })), "{opnum}: {answer:?}");
    }
    assert!(east.node.accounts.find(&unnamed).unwrap().older.is_none());
}
