//! Questions to a snapshot that more than one cause asks.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::address;
use crate::snapshot::{PeerFacts, ProbeFact, ProbeResult, ServerFacts, Snapshot};

/// A snapshot with the questions that are put to it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) snapshot: &'a Snapshot,
}

impl<'a> View<'a> {
    pub(crate) fn server(self, name: &str) -> Option<&'a ServerFacts> {
        self.snapshot.server(name)
    }

    /// The server of this name, if its own log and tables were read.
    pub(crate) fn read(self, name: &str) -> Option<&'a ServerFacts> {
        self.server(name).filter(|server| server.reachable)
    }

    /// What `server` knows of `peer`.
    pub(crate) fn peer(self, server: &str, peer: &str) -> Option<&'a PeerFacts> {
        self.server(server)?.peer(peer)
    }

    /// True or false when the administrative interface of `name` is known to answer or not; a check beats the flag.
    pub(crate) fn alive(self, name: &str) -> Option<bool> {
        let mut checks = self.admin_checks(name).peekable();
        if checks.peek().is_some() {
            // "denied" is an answer too: somebody lives there.
            return Some(
                checks.any(|check| matches!(check.result, ProbeResult::Ok | ProbeResult::Denied)),
            );
        }
        self.read(name).map(|_| true)
    }

    /// The checks of the administrative interface of `name`.
    pub(crate) fn admin_checks<'b>(
        self,
        name: &'b str,
    ) -> impl Iterator<Item = &'a ProbeFact> + use<'a, 'b> {
        let about = move |check: &&ProbeFact| {
            self.target(check).is_some_and(|target| target.eq_ignore_ascii_case(name))
        };
        self.checks("admin").filter(about)
    }

    /// The checks of one kind.
    pub(crate) fn checks(self, kind: &str) -> impl Iterator<Item = &'a ProbeFact> {
        self.snapshot.checks.iter().filter(move |check| check.check == kind)
    }

    /// The server that a check was made on.
    pub(crate) fn target(self, check: &ProbeFact) -> Option<&'a str> {
        let (host, port) = address::host_port(strip_url(&check.target));
        let from = self.server(&check.from);
        let others = || {
            self.snapshot.servers.iter().filter(|one| !one.name.eq_ignore_ascii_case(&check.from))
        };
        let by_name = others().find(|one| one.name.eq_ignore_ascii_case(host));
        let by_port = || {
            let port = port?;
            let ports = others()
                .filter(|one| port != 0 && (one.mapper_port == port || one.rpc_port == port));
            ports.into_iter().find(|one| {
                names(one, from).any(|name| name.eq_ignore_ascii_case(host)) || one.rpc == host
            })
        };
        let by_host =
            || others().find(|one| names(one, from).any(|name| name.eq_ignore_ascii_case(host)));
        let by_address = || {
            // An address that several servers share, the checking one included, tells nobody apart.
            let address = address::parse(host)?;
            let mut there = self
                .snapshot
                .servers
                .iter()
                .filter(|one| address::parse(&one.rpc) == Some(address));
            let first = there.next()?;
            (there.next().is_none() && !first.name.eq_ignore_ascii_case(&check.from))
                .then_some(first)
        };
        let found = by_name.or_else(by_port).or_else(by_host).or_else(by_address);
        let by_peer = || {
            let known = |peer: &&PeerFacts| {
                let all =
                    [Some(peer.name.as_str()), Some(peer.host.as_str()), peer.bind_back.as_deref()];
                all.into_iter()
                    .flatten()
                    .any(|name| !name.is_empty() && name.eq_ignore_ascii_case(host))
            };
            from?.peers.iter().find(known).map(|peer| peer.name.as_str())
        };
        found.map(|one| one.name.as_str()).or_else(by_peer)
    }

    /// The name under which `actor` calls `target`.
    pub(crate) fn host_name(self, actor: &str, target: &str) -> Option<&'a str> {
        let configured = self.peer(actor, target).map(|peer| peer.host.as_str());
        let own = self.server(target).map(|server| server.host_name.as_str());
        configured.into_iter().chain(own).find(|name| !name.is_empty())
    }

    /// The name that `target` hands over to `actor` for the bind-back.
    pub(crate) fn bind_back_name(self, actor: &str, target: &str) -> Option<&'a str> {
        let own = self.server(target).map(|server| server.bind_back_name.as_str());
        let configured = self.peer(actor, target).and_then(|peer| peer.bind_back.as_deref());
        own.into_iter().chain(configured).find(|name| !name.is_empty())
    }

    /// The address of `target`, from its own listener or from anybody's table of names.
    pub(crate) fn address_of(self, target: &str, name: &str) -> Option<IpAddr> {
        let own = self.server(target).and_then(|server| address::usable(&server.rpc));
        own.or_else(|| {
            let tables = self.snapshot.servers.iter().flat_map(|server| &server.hosts);
            let rows = tables.filter(|(host, _)| host.eq_ignore_ascii_case(name));
            rows.flat_map(|(_, addresses)| addresses).find_map(|text| address::usable(text))
        })
    }

    /// True when `target` has a list of networks and `actor`'s address is in none of them.
    pub(crate) fn shut_out(self, actor: &str, target: &str) -> Option<bool> {
        let from = address::usable(&self.server(actor)?.rpc)?;
        address::shut_out(&self.server(target)?.rpc_allow, from)
    }

    /// True when live checks went all the way from `actor` to the mail port of `target`, and none failed.
    pub(crate) fn road_is_open(self, actor: &str, target: &str) -> bool {
        let about = |check: &&ProbeFact| {
            let kinds = crate::obstacle::ROAD_CHECKS.contains(&check.check.as_str());
            let there = self.target(check).is_some_and(|name| name.eq_ignore_ascii_case(target));
            kinds && there && check.from.eq_ignore_ascii_case(actor)
        };
        let mut mine = self.snapshot.checks.iter().filter(about);
        let arrived =
            mine.clone().any(|check| matches!(check.check.as_str(), "tcp-rpc" | "tcp-x400"));
        arrived && mine.all(|check| check.result == ProbeResult::Ok)
    }

    /// How many messages wait on `from` for `to`, where it is known.
    pub(crate) fn backlog(self, from: &str, to: &str) -> Option<u64> {
        let queues = &self.read(from)?.queues;
        Some(
            queues
                .iter()
                .filter(|queue| queue.next_hop.eq_ignore_ascii_case(to))
                .map(|queue| queue.messages)
                .sum(),
        )
    }

    /// When an association from `caller` to `called` was last opened, by either one's account.
    pub(crate) fn last_success(self, caller: &str, called: &str) -> Option<Timestamp> {
        let out = self.peer(caller, called).and_then(|peer| peer.last_success_out);
        let into = self.peer(called, caller).and_then(|peer| peer.last_success_in);
        out.max(into)
    }

    /// The `-c FILE` of a command for `server`, where its configuration is known.
    pub(crate) fn config(self, server: &str) -> Option<&'a str> {
        self.server(server)?.config_path.as_deref()
    }
}

/// Every name under which a server may be asked for.
fn names<'a>(
    server: &'a ServerFacts,
    from: Option<&'a ServerFacts>,
) -> impl Iterator<Item = &'a str> {
    let seen = from.and_then(|from| from.peer(&server.name));
    let own = [server.host_name.as_str(), server.bind_back_name.as_str()];
    let configured = seen
        .map(|peer| peer.host.as_str())
        .into_iter()
        .chain(seen.and_then(|peer| peer.bind_back.as_deref()));
    own.into_iter().chain(configured).filter(|name| !name.is_empty())
}

/// `scheme://host:port/path` without scheme and path.
fn strip_url(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}
