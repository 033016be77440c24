//! Who may bind, and where it is bound back: refusals by a real server on a real connection.

use std::net::Ipv4Addr;

use dcerpc::{AuthLevel, ContextHandle};
use mta::rpc_interface::MTA_BIND;
use mta::{Direction, State};
use net::{CallError, Dialer, Resolver, RpcTarget};

use super::fixture::*;

/// One bind that has to be refused.
struct Case {
    account: &'static str,
    caller: &'static str,
    called: &'static str,
    /// Before the port.
    host: &'static str,
    /// After the host: `*` stands for the port that the peer is configured with, `!` for another one.
    port: &'static str,
    step: &'static str,
}

const RIGHT: Case = Case {
    account: "WEST",
    caller: "WEST",
    called: "EAST",
    host: "ncacn_ip_tcp:west-rpc.demo.test",
    port: "[*]",
    step: "",
};

const REFUSED: &[Case] = &[
    Case { account: "NORTH", step: "account", ..RIGHT },
    Case { account: "SOUTH", caller: "SOUTH", step: "organisation", ..RIGHT },
    Case { account: "SOUTH", step: "account", ..RIGHT },
    Case { caller: "STRANGER", step: "peer", ..RIGHT },
    Case { caller: "", step: "peer", ..RIGHT },
    Case { called: "WEST", step: "called-name", ..RIGHT },
    Case { called: "", step: "called-name", ..RIGHT },
    Case { host: "ncacn_ip_tcp:stranger.demo.test", step: "bind-back-name", ..RIGHT },
    Case { host: "ncacn_ip_tcp:north-rpc.demo.test", step: "bind-back-name", ..RIGHT },
    Case { host: "ncacn_ip_tcp:127.0.0.1", step: "bind-back-name", ..RIGHT },
    Case { host: "ncacn_ip_tcp:west-rpc.demo.test.", step: "bind-back-name", ..RIGHT },
    Case { port: "[!]", step: "bind-back-name", ..RIGHT },
    Case { port: "[0]", step: "bind-back-name", ..RIGHT },
    Case { port: "", step: "bind-back-name", ..RIGHT },
    Case { host: "ncacn_np:west-rpc.demo.test", step: "bind-back-name", ..RIGHT },
    Case { host: "west-rpc.demo.test", step: "bind-back-name", ..RIGHT },
    Case { host: "", port: "", step: "bind-back-name", ..RIGHT },
];

/// EAST with the peers WEST, NORTH and SOUTH; the account of SOUTH has no role.
async fn east(peer_port: u16) -> Server {
    let peers = [("WEST", peer_port), ("NORTH", peer_port), ("SOUTH", peer_port)];
    let east = Server::start("EAST", listener().await, &peers).await;
    let south = east.node.accounts.find(&account_of("SOUTH")).unwrap();
    east.node.directory.set_service_role("a test", &south.sid, false).unwrap();
    east
}

#[tokio::test]
async fn what_is_not_configured_is_refused_and_nothing_is_connected_to() {
    let (configured, other) = (Trap::set(), Trap::set());
    let mut east = east(configured.port).await;
    for case in REFUSED {
        let port = case.port.replace('*', &configured.port.to_string());
        let port = port.replace('!', &other.port.to_string());
        let binding = format!("{}{port}", case.host);
        let about = format!("{} as {} at {} by {binding}", case.account, case.caller, case.called);
        let client = east.dial(&account_of(case.account), AuthLevel::Privacy).await;
        let mut said = bind(case.caller, &binding);
        case.called.clone_into(&mut said.called_name);
        let answer = call_bind(&client, &said).await.unwrap();
        assert_eq!((answer.status, answer.bind_status), (5, 0), "{about}");
        assert_eq!(answer.channel, ContextHandle::NULL, "{about}");
        assert_eq!(east.refusals(), [case.step], "{about}");
        assert!(configured.visitor().is_none() && other.visitor().is_none(), "{about}");
    }
    let rows: Vec<State> = east.node.ltab().rows().map(|row| row.state).collect();
    assert!(rows.iter().all(|state| *state == State::Failed), "{rows:?}");
}

/// The test above could see a connection: the same bind with nothing wrong makes one.
#[tokio::test]
async fn what_is_configured_is_bound_back() {
    let configured = Trap::set();
    let mut east = east(configured.port).await;
    let client = east.dial(&account_of("WEST"), AuthLevel::Privacy).await;
    let names = ["west-rpc.demo.test", "WEST-RPC.demo.test", "west.demo.test"];
    for (caller, name) in ["WEST", "WEST", "west"].into_iter().zip(names) {
        let said = bind(caller, &format!("ncacn_ip_tcp:{name}[{}]", configured.port));
        let (answer, ()) =
            tokio::join!(call_bind(&client, &said), async { drop(configured.wait().await) });
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.bind_status), (1722, 1722), "{name}");
    }
    assert!(east.refusals().is_empty());
    // However the caller spells itself, it is one peer.
    let ltab = east.node.ltab();
    let rows: Vec<_> = ltab.rows().map(|row| (row.direction, row.peer.as_str())).collect();
    assert_eq!(rows, [(Direction::In, "WEST")]);
}

#[tokio::test]
async fn calls_below_privacy_are_refused() {
    let configured = Trap::set();
    let mut east = east(configured.port).await;
    let said = bind("WEST", &format!("ncacn_ip_tcp:west-rpc.demo.test[{}]", configured.port));
    for level in [AuthLevel::None, AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity] {
        let client = east.dial(&account_of("WEST"), level).await;
        let answer = client.call(MTA_BIND, said.encode(), PATIENCE).await;
        assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{level:?}: {answer:?}");
    }
    assert!(configured.visitor().is_none());
    // Whoever proved itself is written down as refused; no association stands.
    assert!(east.node.ltab().rows().all(|row| row.state == State::Failed));
    assert_eq!(east.refusals(), ["level"; 3]);
}

#[tokio::test]
async fn who_does_not_prove_itself_is_refused_for_the_exact_reason() {
    let mut east = east(1).await;
    let off = |account: &mut identity::Account| account.enabled = false;
    east.node.accounts.change(&account_of("NORTH"), Vec::new(), off).unwrap();
    let nobody = "DEMO\\nobody".parse().unwrap();
    let cases = [
        (account_of("WEST"), "wrong", 1326, Some("WEST")),
        (account_of("NORTH"), PASSWORD, 1331, Some("NORTH")),
        (nobody, PASSWORD, 1317, None),
    ];
    let dialer =
        Dialer { resolver: Resolver::default(), connect_timeout: PATIENCE, call_timeout: PATIENCE };
    let target = RpcTarget {
        host: Ipv4Addr::LOCALHOST.to_string(),
        mapper_port: east.mapper_port,
        interface: mta::rpc_interface::INTERFACE,
        level: AuthLevel::Privacy,
    };
    for (account, password, code, peer) in cases {
        let client = dialer.open(&target, || initiator(&account, password)).await.unwrap();
        let answer = call_bind(&client, &bind("WEST", "")).await;
        assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{account}: {answer:?}");
        let event = east.events.recv().await.unwrap();
        assert_eq!(event.id, event::id::SECURITY_VIOLATION);
        assert_eq!((event.code(), event.peer.as_deref()), (Some(code), peer), "{account}");
        assert_eq!(event.word("step"), Some("authentication"));
        assert_eq!(event.word("user"), Some(account.to_string().as_str()));
        if let Some(peer) = peer {
            let failure = east.node.histories.get(peer).last_failure_in.unwrap();
            assert_eq!(failure.error.code, code);
        }
    }
}
