//! Who may have the way back tried over RPC, which ways are gone, and what is told of them.

use std::net::Ipv4Addr;
use std::time::Duration;

use config::Config;
use diagnosis::ProbeResult;
use directory::{Role as DirectoryRole, Step};
use event::Layer;
use identity::{AccountName, Password};
use jiff::Timestamp;
use mta::LastError;

use super::fixture::*;
use crate::examine::{Examination, Examined, WayBack, examine};
use crate::operations::{Ledger, follow};
use crate::peer_state::Failure;

fn account(text: &str) -> AccountName {
    text.parse().unwrap()
}

/// Asks a server on loopback as somebody.
async fn ask(server: &Server, who: &AccountName, password: &str, towards: &[&str]) -> Examined {
    examine(&Examination {
        host: Ipv4Addr::LOCALHOST.to_string(),
        mapper_port: server.mapper_port,
        hosts: std::collections::BTreeMap::new(),
        account: Some((who.clone(), Password::from(password))),
        about: None,
        towards: towards.iter().map(|one| (*one).to_owned()).collect(),
        patience: Duration::from_secs(10),
    })
    .await
}

fn found<'a>(examined: &'a Examined, check: &str) -> Vec<&'a diagnosis::ProbeFact> {
    examined.checks.iter().filter(|one| one.check == check).collect()
}

/// EAST and WEST, each the other's peer; WEST's account at EAST is in order, EAST's at WEST too.
async fn pair() -> (Server, Server) {
    let (east, west) = (listener().await, listener().await);
    let (at_east, at_west) = (east.1, west.1);
    let east = Server::start("EAST", east, &[("WEST", at_west)]).await;
    let west = Server::start("WEST", west, &[("EAST", at_east)]).await;
    (east, west)
}

fn grant(server: &Server, who: &AccountName, role: DirectoryRole) {
    let config: &Config = &server.node.config();
    let ledger = Ledger {
        accounts: server.node.accounts.clone(),
        directory: server.node.directory.clone(),
        who: "a test".to_owned(),
    };
    let place = server.node.directory.place();
    let object = Step::Configuration.object(&place.organisation, &place.site);
    let order = admin::directory_api::GrantOrder {
        account: who.to_string(),
        role: role.as_str().to_owned(),
        object: object.to_string(),
        inherit: false,
        dry_run: false,
    };
    follow(&ledger, config, admin::directory_api::DirectoryOrder::Grant(order)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_server_tries_the_way_back_for_its_peer() {
    let (east, _west) = pair().await;
    let examined = ask(&east, &account_of("WEST"), PASSWORD, &["WEST"]).await;
    assert_eq!(examined.way_back, WayBack::Told, "{examined:?}");
    assert!(examined.let_in);
    let back = found(&examined, "bind-back");
    assert!(back.iter().any(|one| one.from == "EAST" && one.result == ProbeResult::Ok), "{back:?}");
    for from in ["here", "EAST"] {
        let walked = found(&examined, "tcp-rpc").into_iter().any(|one| one.from == from);
        assert!(walked, "{from}: {:?}", examined.checks);
    }
    assert!(examined.sent.iter().any(|one| one.contains("one logon as DEMO\\svc-west over RPC")));
    assert_eq!(examined.facts.told, []);
    // By host and by address, too; and nobody else's names lead anywhere.
    for other in ["west.demo.test", "WEST-RPC.demo.test", "127.0.0.1"] {
        let examined = ask(&east, &account_of("WEST"), PASSWORD, &[other]).await;
        assert_eq!(examined.way_back, WayBack::Told, "{other}: {examined:?}");
    }
    let trap = Trap::set();
    for other in ["stranger.demo.test", "192.0.2.1", &format!("127.0.0.1:{}", trap.port)] {
        let examined = ask(&east, &account_of("WEST"), PASSWORD, &[other]).await;
        let there = other == "stranger.demo.test";
        // That name leads to loopback by EAST's own table, where WEST is.
        let expected = if there { WayBack::Told } else { WayBack::NotTold };
        assert_eq!(examined.way_back, expected, "{other}: {examined:?}");
    }
    assert!(trap.visitor().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_peer_and_whoever_has_the_role_may_ask() {
    let (mut east, _west) = pair().await;
    let reader = account("DEMO\\reader");
    add_account(&east.node, &reader, &[]);
    let examined = ask(&east, &reader, PASSWORD, &[]).await;
    assert_eq!(examined.way_back, WayBack::NotTold, "{examined:?}");
    assert_eq!(found(&examined, "way-back")[0].result, ProbeResult::Denied);
    assert_eq!(east.refusals(), ["admin-role"]);
    assert!(examined.facts.logon.is_none() && examined.let_in, "its password is right");
    grant(&east, &reader, DirectoryRole::ViewOnlyAdmin);
    assert_eq!(ask(&east, &reader, PASSWORD, &[]).await.way_back, WayBack::Told);
    // A wrong password is a wrong password, and shown once.
    let examined = ask(&east, &reader, "another", &[]).await;
    assert_eq!(examined.way_back, WayBack::NotTold);
    assert!(examined.facts.logon.is_some() && !examined.let_in, "{examined:?}");
    let refusals = until(|| Some(east.refusals()).filter(|all| !all.is_empty())).await;
    assert_eq!(refusals, ["authentication"]);
    // Whoever has proved nothing learns that there is somebody to ask.
    let nobody = Examination {
        host: Ipv4Addr::LOCALHOST.to_string(),
        mapper_port: east.mapper_port,
        hosts: std::collections::BTreeMap::new(),
        account: None,
        about: None,
        towards: Vec::new(),
        patience: Duration::from_secs(10),
    };
    assert_eq!(examine(&nobody).await.way_back, WayBack::NotAsked);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_far_server_met_is_the_cause() {
    let (east, mut west) = pair().await;
    // WEST no longer knows EAST's account by this password.
    let changed = security::ntlm::nt_hash(&Password::from("changed meanwhile"));
    west.node
        .accounts
        .change(&account_of("EAST"), Vec::new(), |one| one.nt_hash = changed)
        .unwrap();
    let asked = ask(&east, &account_of("WEST"), PASSWORD, &["WEST"]).await;
    let back = found(&asked, "bind-back")[0].clone();
    assert_eq!(back.result, ProbeResult::Denied, "{back:?}");
    let refusals = until(|| Some(west.refusals()).filter(|all| !all.is_empty())).await;
    assert_eq!(refusals, ["authentication"]);
    // Once a bind is known to have failed for it, it is not shown again.
    let error = LastError {
        code: 5,
        comms: 5,
        bind: 0,
        layer: Layer::Bind.to_string(),
        text: "access denied".to_owned(),
    };
    let failure =
        Failure { time: Timestamp::now(), error, protocol_string: "127.0.0.1[1]".to_owned() };
    east.node.histories.update("WEST", |history| history.last_failure_out = Some(failure));
    let asked = ask(&east, &account_of("WEST"), PASSWORD, &["WEST"]).await;
    let back = found(&asked, "bind-back")[0].clone();
    assert!(back.detail.contains("not tried"), "{back:?}");
    assert_eq!(found(&asked, "last-bind").len(), 1, "{:?}", asked.checks);
    assert!(west.refusals().is_empty(), "the wrong password was shown again");
    let answer = diagnosis::judge_host(&asked.facts, asked.checks.clone());
    let causes: Vec<String> = answer.diagnoses.iter().map(|one| one.cause.to_string()).collect();
    assert!(causes.contains(&"service-account-password-mismatch".to_owned()), "{causes:?}");
}
