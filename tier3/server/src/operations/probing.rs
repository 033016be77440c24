//! The way to one next hop, walked from here: what an administrator, a neighbour and the doctor over RPC ask for alike.

use std::time::Duration;

use admin::OperationError;
use diagnosis::ProbeFact;
use mta::rpc_interface::INTERFACE;
use probe::{Road, check_road, check_x400};

use crate::node::Node;

/// Longest wait of a probe for each answer: it asks for little, and somebody waits for it.
pub(crate) const PROBE_PATIENCE: Duration = Duration::from_secs(3);

/// Walks to a peer or connector of the configuration, as nobody.
///
/// # Errors
/// There is none of that name.
pub(crate) async fn probe_hop(node: &Node, name: &str) -> Result<Vec<ProbeFact>, OperationError> {
    let config = node.config();
    if let Some(connector) = config.x400(name) {
        let dialer = node.dialer().hurried(PROBE_PATIENCE);
        let (from, host) = (config.server.name.as_str(), connector.host.as_str());
        return Ok(check_x400(&dialer, from, host, connector.port).await);
    }
    let Some(peer) = config.peer(name) else {
        let text = format!("{name} is no peer of {}", config.server.name);
        return Err(OperationError::NotFound(text));
    };
    if let Some(connector) = config.dial_up(&peer.name)
        && !crate::dial_up::is_up(node, &peer.name)
    {
        let detail = match connector.waits_for_calls() {
            true => {
                "no call of the peer stands, and none is made for a check: it was not looked at"
            }
            false => "no call stands, and none is made for a check: it was not looked at",
        };
        return Ok(vec![ProbeFact {
            check: "line".to_owned(),
            from: config.server.name.clone(),
            target: peer.name.clone(),
            result: diagnosis::ProbeResult::Ok,
            detail: detail.to_owned(),
            ms: 0,
        }]);
    }
    let dialer = node.dialer().hurried(PROBE_PATIENCE);
    let road = |host| Road {
        from: &config.server.name,
        host,
        mapper_port: peer.mapper_port,
        interface: INTERFACE,
    };
    let other = !peer.bind_back.eq_ignore_ascii_case(&peer.host);
    let (host, bind_back) = (road(&peer.host), road(&peer.bind_back));
    let back =
        async { if other { check_road(&dialer, &bind_back, false).await } else { Vec::new() } };
    // At once: where nothing answers, each waits for its time.
    let (mut facts, back) = tokio::join!(check_road(&dialer, &host, true), back);
    facts.extend(back);
    facts.extend(session_security(&config));
    Ok(facts)
}

/// What the doctor is to show of settings that take weaker security than is right; nothing where none does. It is no
/// failure: mail flows, and that is why somebody set it.
fn session_security(config: &config::Config) -> Option<ProbeFact> {
    let weaknesses = crate::rpc_security::weaknesses(config);
    if weaknesses.is_empty() {
        return None;
    }
    let detail = format!(
        "weak session security is taken: {}; take it out once every peer can do NTLM version 2 with 128-bit keys",
        weaknesses.join(", ")
    );
    Some(ProbeFact {
        check: "session-security".to_owned(),
        from: config.server.name.clone(),
        target: config.server.name.clone(),
        result: diagnosis::ProbeResult::Ok,
        detail,
        ms: 0,
    })
}
