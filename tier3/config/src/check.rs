//! What no key can know alone: clashes between keys.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;

use crate::document::{Checked, Source, shown};
use crate::fault::FaultKind;
use crate::model::{Config, ConnectorKind, PeerAuth};
use crate::section::Section;

/// unix(7): `sun_path` has 108 octets with the final zero.
const SOCKET_PATH_MAX: usize = 107;

/// Checks a configuration as a whole.
pub(crate) fn whole(config: &Config, source: &Source) -> Checked<()> {
    peer_names(config, source)?;
    dial_ups(config, source)?;
    domains(config, source)?;
    connectors(config, source)?;
    listeners(config, source)?;
    retry(config, source)?;
    kerberos(config, source)?;
    tls(config, source)?;
    socket_path(config, source)
}

fn kerberos(config: &Config, source: &Source) -> Checked<()> {
    let rpc = source.section(Section::Rpc);
    if config.rpc.kerberos.is_some() {
        return Ok(());
    }
    for key in ["kerberos_kdc", "kerberos_keytab", "kerberos_keytab_command"] {
        if rpc.optional(key)?.is_some() {
            let what = format!("rpc.{key} has no kerberos_realm beside it");
            let way_out = format!("add kerberos_realm, or remove {key}");
            return Err(source.fault(rpc.at_key(key), FaultKind::Missing, what, way_out));
        }
    }
    for (peer, table) in config.peers.iter().zip(source.peers()) {
        // SPNEGO without a realm negotiates NTLM.
        if peer.auth == PeerAuth::Kerberos {
            let what = "peer.auth asks for Kerberos, and there is no rpc.kerberos_realm".to_owned();
            let way_out = "add kerberos_realm to [rpc], or write auth = \"ntlm\"".to_owned();
            return Err(source.fault(table.at_key("auth"), FaultKind::Missing, what, way_out));
        }
    }
    Ok(())
}

fn tls(config: &Config, source: &Source) -> Checked<()> {
    for (connector, table) in config.x400.iter().zip(source.x400()) {
        if connector.tls_name.is_some() && config.rfc1006.tls.is_none() {
            let what = "x400.tls asks for TLS, and [rfc1006] has no certificate".to_owned();
            let way_out =
                "add certificate, key and trust to [rfc1006], or remove tls here".to_owned();
            return Err(source.fault(table.at_key("tls"), FaultKind::Missing, what, way_out));
        }
    }
    Ok(())
}

fn peer_names(config: &Config, source: &Source) -> Checked<()> {
    let mut seen: Vec<&str> = vec![&config.server.name];
    for (peer, table) in config.peers.iter().zip(source.peers()) {
        if let Some(index) = seen.iter().position(|name| name.eq_ignore_ascii_case(&peer.name)) {
            let whose = if index == 0 { "this server itself" } else { "another peer" };
            let what = format!("peer.name: {} is the name of {whose}", shown(&peer.name));
            let way_out =
                "give every server its own MTA name, or remove one of the tables".to_owned();
            return Err(source.fault(table.at_key("name"), FaultKind::Duplicate, what, way_out));
        }
        seen.push(&peer.name);
    }
    for (connector, table) in config.x400.iter().zip(source.x400()) {
        if let Some(index) = seen.iter().position(|name| name.eq_ignore_ascii_case(&connector.name))
        {
            let whose = if index == 0 { "this server itself" } else { "another MTA" };
            let what = format!("x400.name: {} is the name of {whose}", shown(&connector.name));
            let way_out = "give every MTA its own name, or remove one of the tables".to_owned();
            return Err(source.fault(table.at_key("name"), FaultKind::Duplicate, what, way_out));
        }
        seen.push(&connector.name);
    }
    Ok(())
}

/// A dial-up connector leads to a peer, in its very spelling, and no other one leads there; nor does its device get two locks.
fn dial_ups(config: &Config, source: &Source) -> Checked<()> {
    let mut seen: Vec<&str> = Vec::new();
    for (one, table) in config.dial_ups.iter().zip(source.dial_ups()) {
        let (at, name) = (table.at_key("peer"), shown(&one.peer));
        let (kind, what, way_out) = match config.peer(&one.peer) {
            None => (
                FaultKind::Conflict,
                format!("dial_up.peer: there is no peer {name}"),
                "name one of the [[peer]] tables, or add one".to_owned(),
            ),
            Some(peer) if peer.name != one.peer => (
                FaultKind::Conflict,
                format!(
                    "dial_up.peer: {name} differs from the peer {} in upper and lower case, which count in the remote server's name",
                    shown(&peer.name)
                ),
                format!("write `peer = {}`", shown(&peer.name)),
            ),
            Some(_) if seen.contains(&one.peer.as_str()) => (
                FaultKind::Duplicate,
                format!("dial_up.peer: {name} has a dial-up connector already"),
                "remove one of the two tables".to_owned(),
            ),
            Some(peer) if peer.replicated => (
                FaultKind::Conflict,
                format!(
                    "dial_up.peer: the directory of {name} is replicated, which reads it all the time and not by calls"
                ),
                "remove `directory = \"replicated\"` from the [[peer]], or the [[dial_up]] table"
                    .to_owned(),
            ),
            Some(_) => {
                seen.push(&one.peer);
                continue;
            }
        };
        return Err(source.fault(at, kind, what, way_out));
    }
    Ok(())
}

fn domains(config: &Config, source: &Source) -> Checked<()> {
    let mut owners: BTreeMap<&str, &str> =
        config.mail.domains.iter().map(|domain| (domain.as_str(), "mail.domains")).collect();
    let peers = config.peers.iter().map(|peer| (&peer.name, &peer.domains)).zip(source.peers());
    let connectors = config.x400.iter().map(|connector| (&connector.name, &connector.domains));
    for ((name, domains), table) in peers.chain(connectors.zip(source.x400())) {
        for domain in domains {
            if let Some(owner) = owners.insert(domain, name) {
                let what = format!(
                    "{}.domains: {} of {} belongs to {owner} already",
                    table.section().name(),
                    shown(domain),
                    shown(name)
                );
                let way_out =
                    "leave the domain where its mailboxes are, and remove it here".to_owned();
                return Err(source.fault(
                    table.at_key("domains"),
                    FaultKind::Conflict,
                    what,
                    way_out,
                ));
            }
        }
    }
    Ok(())
}

fn connectors(config: &Config, source: &Source) -> Checked<()> {
    let mut seen: Vec<&str> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
    seen.extend([config.server.name.as_str(), "local"]);
    seen.extend(config.x400.iter().map(|connector| connector.name.as_str()));
    for (connector, table) in config.connectors.iter().zip(source.connectors()) {
        let name = &connector.name;
        if seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let what = format!("connector.name: {} is the name of something else", shown(name));
            let way_out =
                "give the connector a name that no server and no other connector has".to_owned();
            return Err(source.fault(table.at_key("name"), FaultKind::Duplicate, what, way_out));
        }
        seen.push(name);
        if let ConnectorKind::Site { peer } = &connector.kind
            && config.peer(peer).is_none()
        {
            let what = format!("connector.peer: there is no peer {}", shown(peer));
            let way_out = "name one of the [[peer]] tables, or add one".to_owned();
            return Err(source.fault(table.at_key("peer"), FaultKind::Conflict, what, way_out));
        }
    }
    Ok(())
}

fn listeners(config: &Config, source: &Source) -> Checked<()> {
    let smtp = source.section(Section::Smtp).at_key("listen");
    let rpc = source.section(Section::Rpc);
    let admin = source.section(Section::Admin).at_key("listen");
    let mut all: Vec<(SocketAddr, &str, usize)> =
        config.smtp.listen.iter().map(|at| (*at, "smtp.listen", smtp)).collect();
    all.push((
        SocketAddr::new(config.rpc.listen, config.rpc.mapper_port),
        "rpc.mapper_port",
        rpc.at_key("mapper_port"),
    ));
    all.push((SocketAddr::new(config.rpc.listen, config.rpc.port), "rpc.port", rpc.at_key("port")));
    all.extend(config.admin.listen.map(|at| (at, "admin.listen", admin)));
    let rfc1006 = source.section(Section::Rfc1006).at_key("listen");
    all.extend(config.rfc1006.listen.iter().map(|address| {
        (SocketAddr::new(*address, config.rfc1006.port), "rfc1006.listen", rfc1006)
    }));
    for (index, (address, key, at)) in all.iter().enumerate() {
        for (earlier, other, _) in &all[..index] {
            if clash(*address, *earlier) {
                let what = format!("{key}: {address} clashes with {other}, which is {earlier}");
                let way_out = "give each listener its own port".to_owned();
                return Err(source.fault(*at, FaultKind::Conflict, what, way_out));
            }
        }
    }
    Ok(())
}

/// True when the system would not let both be bound. The address `::` takes IPv4 with it, as Linux does by default.
fn clash(left: SocketAddr, right: SocketAddr) -> bool {
    if left.port() == 0 || left.port() != right.port() {
        return false;
    }
    let covers = |wide: IpAddr, narrow: IpAddr| {
        wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
    };
    left.ip() == right.ip() || covers(left.ip(), right.ip()) || covers(right.ip(), left.ip())
}

fn retry(config: &Config, source: &Source) -> Checked<()> {
    let (first, max) = (config.queue.retry_first, config.queue.retry_max);
    if first <= max {
        return Ok(());
    }
    let what = format!(
        "queue.retry_first_s: {} is longer than retry_max_s, which is {}",
        first.as_secs(),
        max.as_secs()
    );
    let at = source.section(Section::Queue).at_key("retry_first_s");
    Err(source.fault(
        at,
        FaultKind::Conflict,
        what,
        "make retry_first_s smaller or retry_max_s larger".to_owned(),
    ))
}

fn socket_path(config: &Config, source: &Source) -> Checked<()> {
    let length = config.admin.socket.as_os_str().as_bytes().len();
    if length <= SOCKET_PATH_MAX {
        return Ok(());
    }
    let what = format!(
        "admin.socket: the path has {length} octets with its folder, and a Unix socket at most {SOCKET_PATH_MAX}"
    );
    let at = source.section(Section::Admin).at_key("socket");
    Err(source.fault(
        at,
        FaultKind::BadValue,
        what,
        "give a short absolute path, as in `socket = \"/run/bindback/east.sock\"`".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::clash;

    #[test]
    fn listeners_clash_as_the_system_has_it() {
        let cases = [
            ("127.0.0.1:25", "127.0.0.1:25", true),
            ("127.0.0.1:25", "127.0.0.1:26", false),
            ("127.0.0.1:25", "127.0.0.2:25", false),
            ("0.0.0.0:25", "127.0.0.2:25", true),
            ("127.0.0.2:25", "0.0.0.0:25", true),
            ("[::]:25", "127.0.0.2:25", true),
            ("0.0.0.0:25", "[::1]:25", false),
            ("[::1]:25", "127.0.0.1:25", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ];
        for (left, right, expected) in cases {
            assert_eq!(
                clash(left.parse().unwrap(), right.parse().unwrap()),
                expected,
                "{left} {right}"
            );
        }
    }
}
