//! How callers prove themselves: mechanisms, levels, weaker peers, and limits on those who cannot.

use std::net::Ipv4Addr;
use std::sync::Arc;

use dcerpc::AuthLevel;
use mta::State;
use mta::rpc_interface::{INTERFACE, MTA_BIND};
use net::{CallError, Dialer, FailureLayer, RefusedBy, Resolver, RpcClient, RpcFailure, RpcTarget};
use security::Initiator;
use security::ntlm::{Flags, NtlmCredentials, NtlmInitiator, NtlmPolicy, NtlmSecret, NtlmSeed};
use tokio::io::AsyncReadExt;

use super::fixture::*;
use crate::link::run_peer;
use crate::node::{filetime_now, random};

async fn dial(
    east: &Server,
    level: AuthLevel,
    initiator: impl FnMut() -> Box<dyn Initiator>,
) -> Result<RpcClient, RpcFailure> {
    let dialer =
        Dialer { resolver: Resolver::default(), connect_timeout: PATIENCE, call_timeout: PATIENCE };
    let host = Ipv4Addr::LOCALHOST.to_string();
    let target = RpcTarget { host, mapper_port: east.mapper_port, interface: INTERFACE, level };
    dialer.open(&target, initiator).await.map_err(|mut failures| failures.remove(0))
}

/// WEST's account, with less than is offered otherwise.
fn offering(offer: Flags) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: account_of("WEST"),
        secret: NtlmSecret::Password(PASSWORD.into()),
        workstation: "TEST".to_owned(),
    };
    let seed = NtlmSeed {
        client_challenge: random(),
        exported_session_key: random(),
        now: filetime_now(),
    };
    let initiator = NtlmInitiator::new(credentials, seed, None);
    Box::new(initiator.with_offer(offer).with_policy(NtlmPolicy::AllowVersion1))
}

const ONLY_56: Flags = Flags(Flags::OFFER.0 & !Flags::KEY_128.0);

/// The next security violation: code and reason.
async fn violation(east: &mut Server) -> (u32, String) {
    loop {
        let event = tokio::time::timeout(PATIENCE, east.events.recv()).await.unwrap().unwrap();
        if event.id == event::id::SECURITY_VIOLATION {
            return (event.code().unwrap(), event.word("reason").unwrap().to_owned());
        }
    }
}

#[tokio::test]
async fn servers_talk_in_spnego_where_they_are_told_to() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let east = Server::start("EAST", for_east, &[("WEST", west_port)]).await;
    let mut config = (*east.node.config()).clone();
    config.peers[0].auth = config::PeerAuth::Negotiate;
    east.node.replace_config(config).unwrap();
    // WEST binds back with NTLM alone: each side says for itself how it proves who it is.
    let west = Server::start("WEST", for_west, &[("EAST", east_port)]).await;
    tokio::spawn(run_peer(Arc::clone(&east.node), "WEST".to_owned()));
    east.node.wake_peer("WEST");
    for server in [&east, &west] {
        let open = || server.node.ltab().rows().any(|row| row.state == State::Open).then_some(());
        until(open).await;
    }
}

#[tokio::test]
async fn integrity_is_enough_only_where_it_is_configured() {
    let rpc = [("level", "\"integrity\"")];
    let east = Server::start_with("EAST", listener().await, &[("WEST", 1)], &rpc).await;
    let said = bind("WEST", "");
    for (level, enough) in [
        (AuthLevel::Connect, false),
        (AuthLevel::Packet, false),
        (AuthLevel::Integrity, true),
        (AuthLevel::Privacy, true),
    ] {
        let client = east.dial(&account_of("WEST"), level).await;
        let answer = client.call(MTA_BIND, said.encode(), PATIENCE).await;
        // An answer, though it says no to the empty bind-back name, is no fault.
        let denied = matches!(answer, Err(CallError::Fault { status: 5 }));
        assert_eq!(denied, !enough, "{level:?}: {answer:?}");
    }
}

#[tokio::test]
async fn short_keys_are_refused_by_name_unless_the_setting_takes_them() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    crate::runtime::warn_of_weaknesses(&east.node);
    assert!(east.events.try_recv().is_err(), "nothing to warn of");
    let failure = dial(&east, AuthLevel::Privacy, || offering(ONLY_56)).await.unwrap_err();
    // The wire says no more than that the token is not taken.
    assert_eq!((failure.layer, failure.code), (FailureLayer::Authentication, 5));
    assert_eq!(failure.evidence.pdu, Some("bind_nak"));
    assert_eq!(failure.evidence.refused_by, Some(RefusedBy::Server));
    let (code, reason) = violation(&mut east).await;
    assert_eq!(code, 5);
    assert!(reason.contains("56-bit"), "{reason}");

    let rpc = [("insecure", "\"56-bit\"")];
    let mut east = Server::start_with("EAST", listener().await, &[("WEST", 1)], &rpc).await;
    crate::runtime::warn_of_weaknesses(&east.node);
    let event = east.events.try_recv().unwrap();
    assert_eq!((event.id, event.word("setting")), (9901, Some("rpc.insecure = \"56-bit\"")));
    let client = dial(&east, AuthLevel::Privacy, || offering(ONLY_56)).await.unwrap();
    let answer = call_bind(&client, &bind("STRANGER", "")).await.unwrap();
    assert_eq!(answer.status, 5, "known, and refused for what it asks");
    let only_40 = Flags(ONLY_56.0 & !Flags::KEY_56.0);
    dial(&east, AuthLevel::Privacy, || offering(only_40)).await.unwrap_err();
}

/// This side says so too, where the other one is the weak one.
#[tokio::test]
async fn a_peer_that_offers_too_little_is_refused_here_with_the_reason() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    // What a server that can do 56 bits alone answers, seen by an initiator that offers both.
    let strict_of_56 = || -> Box<dyn Initiator> {
        let credentials = NtlmCredentials {
            account: account_of("WEST"),
            secret: NtlmSecret::Password(PASSWORD.into()),
            workstation: String::new(),
        };
        let seed = NtlmSeed {
            client_challenge: random(),
            exported_session_key: random(),
            now: filetime_now(),
        };
        Box::new(NtlmInitiator::new(credentials, seed, None).with_offer(ONLY_56))
    };
    let rpc = [("insecure", "\"56-bit\"")];
    drop(east);
    let weak = Server::start_with("EAST", listener().await, &[("WEST", 1)], &rpc).await;
    let failure = dial(&weak, AuthLevel::Privacy, strict_of_56).await.unwrap_err();
    assert_eq!(failure.layer, FailureLayer::Authentication);
    assert_eq!(failure.evidence.refused_by, Some(RefusedBy::ThisSide));
    assert!(failure.text.contains("56-bit"), "{}", failure.text);
}

#[tokio::test]
async fn failed_logons_of_one_kind_are_told_three_times_and_counted() {
    let mut east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let account = account_of("WEST");
    for _ in 0..8 {
        let client =
            dial(&east, AuthLevel::Privacy, || initiator(&account, "wrong")).await.unwrap();
        let answer = call_bind(&client, &bind("WEST", "")).await;
        assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{answer:?}");
    }
    for _ in 0..3 {
        assert_eq!(violation(&mut east).await.0, 1326);
    }
    assert!(east.refusals().is_empty(), "the rest is told together, later");
    // What is not the same kind is told at once.
    let nobody = "DEMO\\nobody".parse().unwrap();
    let client = dial(&east, AuthLevel::Privacy, || initiator(&nobody, "wrong")).await.unwrap();
    let _ = call_bind(&client, &bind("WEST", "")).await;
    assert_eq!(violation(&mut east).await.0, 1317);
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let rpc = [("max_per_address", "3")];
    let east = Server::start_with("EAST", listener().await, &[("WEST", 1)], &rpc).await;
    let connect = || tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, east.mapper_port));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect().await.unwrap());
    }
    // Cut as soon as it stands, which may be before this side knows that it stands.
    if let Ok(mut over) = connect().await {
        let mut octets = Vec::new();
        let cut = tokio::time::timeout(PATIENCE, over.read_to_end(&mut octets)).await.unwrap();
        assert!(octets.is_empty(), "{cut:?}");
    }
    // One that ends makes room.
    held.pop();
    let again = async {
        loop {
            let dialer = Dialer {
                resolver: Resolver::default(),
                connect_timeout: PATIENCE,
                call_timeout: PATIENCE,
            };
            if dialer.map(Ipv4Addr::LOCALHOST.into(), east.mapper_port, &INTERFACE).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

/// Anybody may ask a server whether it is there, and what it serves; nobody stops it from afar.
#[tokio::test]
async fn both_ports_can_be_managed() {
    use crate::rpc_tools::{PingSettings, StepResult, ping};
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    for port in [east.mapper_port, east.node.rpc_port()] {
        let settings = PingSettings {
            host: Ipv4Addr::LOCALHOST.to_string(),
            hosts: std::collections::BTreeMap::new(),
            port: Some(port),
            mapper_port: east.mapper_port,
            interface: None,
            further: Vec::new(),
            caller: None,
            count: 1,
            patience: PATIENCE,
        };
        let steps = ping(&settings).await;
        let last = steps.last().unwrap();
        assert_eq!((last.step, last.result), ("call", StepResult::Ok), "{steps:?}");
    }
}
