//! Answers who asks over RPC to have the way back tried: `bindback doctor HOST` on another machine.
//!
//! Only configured peers are gone to, so that nobody makes this server connect anywhere else. A logon is part of it, as the
//! account that binds to the peer are made with, unless the last bind failed because of the account: no password that is
//! known to be wrong is counted once more because somebody asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use config::{Config, Peer};
use dcerpc::ContextHandle;
use dcerpc::status::{BAD_STUB_DATA, NCA_FAULT_CONTEXT_MISMATCH, NCA_OP_RNG_ERROR, Status};
use diagnosis::{ProbeFact, ProbeResult};
use directory::Role;
use event::Layer;
use identity::AccountName;
use mta::probe_interface::{PAGE_LIMIT, PROBE_BIND_BACK, Probe, ProbeAnswer};
use mta::rpc_interface::{INTERFACE, MTA_UNBIND, Unbind};
use net::{CallError, FailureLayer, RpcRequest, RpcTarget, chain};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::called::{ACCESS_DENIED, Denied, barred, check_state, refuse};
use super::proof::Proof;
use crate::failed_logons::Say;
use crate::node::Node;
use crate::operations::{PROBE_PATIENCE, probe_hop};
use crate::peer_state::Failure;
use crate::rpc_security;

/// Win32 `ERROR_NOT_FOUND`.
const NOT_FOUND: u32 = 1168;
/// Next hops that one call looks at.
const MAX_HOPS: usize = 16;

/// A check as it is told, with the Win32 code that was met where there was one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    pub(crate) check: ProbeFact,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u32>,
}

impl From<ProbeFact> for Told {
    fn from(check: ProbeFact) -> Self {
        Self { check, code: None }
    }
}

/// Whom a caller may ask about.
enum Scope {
    /// It has the role: all that is configured, and how it went last.
    Everything,
    /// It speaks for these peers.
    Peers(Vec<String>),
}

/// One call of the interface.
pub(super) async fn call(
    node: &Arc<Node>,
    from: SocketAddr,
    request: RpcRequest,
) -> Result<Vec<u8>, u32> {
    // The interface's rule lets no unauthenticated request through to here.
    let principal = request.principal.clone().ok_or(ACCESS_DENIED)?;
    if request.opnum != PROBE_BIND_BACK {
        return Err(NCA_OP_RNG_ERROR);
    }
    let asked = Probe::decode(&request.stub, request.order).map_err(|_| BAD_STUB_DATA)?;
    let nothing = |status| ProbeAnswer { page: Vec::new(), status }.encode();
    let scope = match scope(node, &principal) {
        Ok(scope) => scope,
        Err(denied) => {
            // Whoever asks again and again pushes no other event out.
            let kind = (principal.to_string(), from.ip().to_canonical(), ACCESS_DENIED);
            if node.failed_logons().note(Instant::now(), &kind) == Say::Now {
                refuse(node, &principal, &from.to_string(), None, &denied);
            }
            return Ok(nothing(ACCESS_DENIED));
        }
    };
    let hops = hops(node, &scope, asked.towards.trim(), from.ip()).await;
    if hops.is_empty() {
        return Ok(nothing(NOT_FOUND));
    }
    let tells_history = matches!(scope, Scope::Everything);
    let mut running = JoinSet::new();
    for (at, hop) in hops.into_iter().enumerate() {
        let node = Arc::clone(node);
        running.spawn(async move { (at, look(&node, &hop, tells_history).await) });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(at, _)| *at);
    let mut checks: Vec<Told> = done.into_iter().flat_map(|(_, checks)| checks).collect();
    let page = loop {
        let page = serde_json::to_vec(&checks).unwrap_or_default();
        // The last are those of the last peer; most of an answer is worth more than none.
        if page.len() <= PAGE_LIMIT || checks.pop().is_none() {
            break page;
        }
    };
    Ok(ProbeAnswer { page, status: 0 }.encode())
}

/// What the caller may ask about: the directory says it, or whose account it is.
fn scope(node: &Node, principal: &AccountName) -> Result<Scope, Denied> {
    let may_view = node.directory.has_role(&node.accounts, principal, Role::ViewOnlyAdmin);
    if may_view && barred(node, principal).is_none() {
        return Ok(Scope::Everything);
    }
    let config = node.config();
    let speaks = |peer: &&Peer| check_state(node, peer, principal).is_ok();
    let peers: Vec<String> =
        config.peers.iter().filter(speaks).map(|peer| peer.name.clone()).collect();
    if peers.is_empty() {
        let reason = format!(
            "{principal} speaks for no peer and does not have the role view-only-admin on the configuration, and would have the way back tried"
        );
        return Err(Denied::new(reason, "admin-role"));
    }
    Ok(Scope::Peers(peers))
}

/// A next hop and the names that it is reached by.
struct Hop<'a> {
    name: &'a str,
    hosts: Vec<&'a str>,
}

fn configured(config: &Config) -> impl Iterator<Item = Hop<'_>> {
    let peers = config
        .peers
        .iter()
        .map(|peer| Hop { name: &peer.name, hosts: vec![&peer.host, &peer.bind_back] });
    let x400 = config.x400.iter().map(|one| Hop { name: &one.name, hosts: vec![&one.host] });
    peers.chain(x400)
}

/// The names of the next hops that are meant and may be asked about.
async fn hops(node: &Node, scope: &Scope, towards: &str, from: IpAddr) -> Vec<String> {
    let config = node.config();
    let mut known: Vec<Hop<'_>> = configured(&config).collect();
    if let Scope::Peers(peers) = scope {
        known.retain(|hop| peers.iter().any(|name| name == hop.name));
    }
    known.truncate(MAX_HOPS);
    let all: Vec<String> = known.iter().map(|hop| hop.name.to_owned()).collect();
    if towards.is_empty() {
        let there = at(node, &known, &[from.to_canonical()]).await;
        return if there.is_empty() { all } else { there };
    }
    let is_called = |name: &str| name.eq_ignore_ascii_case(towards);
    let named =
        known.iter().filter(|hop| is_called(hop.name) || hop.hosts.iter().any(|h| is_called(h)));
    let named: Vec<String> = named.map(|hop| hop.name.to_owned()).collect();
    if !named.is_empty() {
        return named;
    }
    // Called by a name that this server does not use: it may still be one of theirs.
    let meant = node.resolver.resolve(towards).await.map(|found| found.addresses);
    at(node, &known, &meant.unwrap_or_default()).await
}

/// The next hops that have a name which leads to one of these addresses.
async fn at(node: &Node, known: &[Hop<'_>], addresses: &[IpAddr]) -> Vec<String> {
    let mut there = Vec::new();
    for hop in known.iter().filter(|_| !addresses.is_empty()) {
        for host in &hop.hosts {
            let found = node.resolver.resolve(host).await.map(|found| found.addresses);
            if found.unwrap_or_default().iter().any(|one| addresses.contains(&one.to_canonical())) {
                there.push(hop.name.to_owned());
                break;
            }
        }
    }
    there
}

/// The way to one next hop, step by step; then a logon there, and how it went last.
async fn look(node: &Arc<Node>, name: &str, tells_history: bool) -> Vec<Told> {
    let Ok(walked) = probe_hop(node, name).await else { return Vec::new() };
    let config = node.config();
    let is_there = walked.iter().any(|one| one.check == "tcp-rpc" && one.result == ProbeResult::Ok);
    let mut checks: Vec<Told> = walked.into_iter().map(Told::from).collect();
    if let Some(peer) = config.peer(name).filter(|_| is_there) {
        checks.push(log_on(node, &config, peer).await);
    }
    if tells_history {
        let history = node.histories.get(name);
        let own = config.server.name.as_str();
        let said = [
            (own, name, history.last_success_out, history.last_failure_out),
            (name, own, history.last_success_in, history.last_failure_in),
        ];
        checks.extend(said.into_iter().filter_map(|(caller, called, success, failure)| {
            let failure = failure.filter(|one| Some(one.time) > success)?;
            let time = failure.time.strftime("%Y-%m-%dT%H:%M:%SZ");
            let detail = format!("{}, at {time}", told(&failure));
            let check = ProbeFact {
                check: "last-bind".to_owned(),
                from: caller.to_owned(),
                target: called.to_owned(),
                result: ProbeResult::Error,
                detail,
                ms: 0,
            };
            Some(Told { check, code: Some(failure.error.code) })
        }));
    }
    checks
}

fn told(failure: &Failure) -> String {
    let error = &failure.error;
    format!("{} (error {}, at {})", error.text, error.code, error.layer)
}

/// Whether the peer did not take this server's account. Where it was the peer's own bind-back that failed, it did.
fn refuses_account(failure: &Failure) -> bool {
    let error = &failure.error;
    let layers = [Layer::Authentication, Layer::AccessCheck].map(|layer| layer.to_string());
    error.bind == 0 && (error.comms == ACCESS_DENIED || layers.contains(&error.layer))
}

/// Logs on to the peer at the name that it is bound back to, and calls what changes nothing there.
async fn log_on(node: &Arc<Node>, config: &Config, peer: &Peer) -> Told {
    let started = Instant::now();
    let (result, detail, code) = match try_log_on(node, config, peer).await {
        Ok(account) => (ProbeResult::Ok, format!("{account} is let in for the bind-back"), None),
        Err(Refused { result, detail, code }) => (result, detail, code),
    };
    let check = ProbeFact {
        check: "bind-back".to_owned(),
        from: config.server.name.clone(),
        target: format!("{}:{}", peer.bind_back, peer.mapper_port),
        result,
        detail,
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    Told { check, code }
}

/// Why nobody was logged on.
struct Refused {
    result: ProbeResult,
    detail: String,
    code: Option<u32>,
}

impl Refused {
    fn denied(detail: String, code: Option<u32>) -> Self {
        Self { result: ProbeResult::Denied, detail, code }
    }
}

async fn try_log_on(
    node: &Arc<Node>,
    config: &Config,
    peer: &Peer,
) -> Result<AccountName, Refused> {
    let history = node.histories.get(&peer.name);
    let last = history.last_failure_out.filter(|one| Some(one.time) > history.last_success_out);
    if let Some(failure) = last.filter(refuses_account) {
        let detail = format!(
            "not tried, so that no wrong password is counted again: the last bind failed with {}",
            told(&failure)
        );
        return Err(Refused::denied(detail, Some(failure.error.code)));
    }
    let shown = node.credentials_for(peer).await;
    let (account, password) = shown.map_err(|error| Refused::denied(chain(&error), None))?;
    let proof = Proof::new(node, peer, &account, &password).await.map_err(|error| {
        Refused::denied(format!("{account}: {}", chain(&error)), Some(error.win32()))
    })?;
    let target = RpcTarget {
        host: peer.bind_back.clone(),
        mapper_port: peer.mapper_port,
        interface: INTERFACE,
        level: rpc_security::level(config),
    };
    let dialer = node.dialer().hurried(PROBE_PATIENCE);
    let client = dialer.open(&target, || proof.initiator()).await.map_err(|failures| {
        let Some(last) = failures.last() else {
            let detail = "the name has no address".to_owned();
            return Refused { result: ProbeResult::NotFound, detail, code: None };
        };
        let detail = format!("{account}: {last}");
        match last.layer {
            FailureLayer::Authentication | FailureLayer::AccessCheck => {
                Refused::denied(detail, Some(last.code))
            }
            _ => Refused { result: ProbeResult::Error, detail, code: None },
        }
    })?;
    // There is no such channel: that it says so shows that the call came through.
    let unbind = Unbind { channel: ContextHandle::NULL };
    match client.call(MTA_UNBIND, unbind.encode(), PROBE_PATIENCE).await {
        Err(CallError::Fault { status: NCA_FAULT_CONTEXT_MISMATCH }) | Ok(_) => Ok(account),
        Err(error @ CallError::Fault { status }) => {
            let detail = format!("{account} is not let in: {}", chain(&error));
            Err(Refused::denied(detail, Some(Status(status).win32())))
        }
        Err(error) => {
            let detail = format!("{account}: {}", chain(&error));
            Err(Refused { result: ProbeResult::Error, detail, code: None })
        }
    }
}
