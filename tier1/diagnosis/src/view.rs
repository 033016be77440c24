//! Questions to a snapshot that more than one cause asks.

use std::net::IpAddr;

use event::{Event, id};
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
        address::shut_out(self.allow(actor, target)?.1, from)
    }

    /// The list of `target` that `actor` has to be in, by the name that commands have for it.
    pub(crate) fn allow(self, actor: &str, target: &str) -> Option<(&'static str, &'a [String])> {
        let facts = self.server(target)?;
        let is_x400 = self.peer(actor, target).is_some_and(|peer| peer.x400.is_some());
        Some(if is_x400 { ("rfc1006", &facts.x400_allow) } else { ("rpc", &facts.rpc_allow) })
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

impl<'a> View<'a> {
    /// Where a key of a server's configuration stands: file and line as far as they are known.
    pub(crate) fn place(self, server: &str, key: &str) -> String {
        let known =
            self.server(server).and_then(|one| Some((one.config_path.as_ref()?, &one.lines)));
        let Some((file, lines)) = known else { return format!("the configuration of {server}") };
        // A key that stands on its default is written where its table begins.
        let table = key.rsplit_once('.').map_or(key, |(table, _)| table);
        match lines.get(key).or_else(|| lines.get(table)) {
            Some(line) => format!("{file}, line {line}"),
            None => file.clone(),
        }
    }

    /// Whether a key of a server's configuration stands in its file, where the file was looked at.
    pub(crate) fn has_line(self, server: &str, key: &str) -> Option<bool> {
        let lines = &self.server(server)?.lines;
        (!lines.is_empty()).then(|| lines.contains_key(key))
    }

    /// The port that `holder` calls `owner` on, and the one that `owner` listens on, with who says so; where both are known.
    pub(crate) fn ports(self, holder: &str, owner: &str) -> Option<(u16, u16, String)> {
        let peer = self.peer(holder, owner)?;
        let facts = self.read(owner);
        let (called, own) = match &peer.x400 {
            Some(connector) => (connector.port, facts.map(|one| one.x400_port)),
            None => (peer.mapper_port, facts.map(|one| one.mapper_port)),
        };
        if let Some(own) = own.filter(|port| *port != 0) {
            return Some((called, own, format!("{owner} facts")));
        }
        let (own, event) = self.handed_over(holder, owner)?;
        Some((called, own, format!("{holder} event {}", event.id)))
    }

    /// The port that `owner` asked `holder` to be bound back at, and was refused for, if that is not over.
    fn handed_over(self, holder: &str, owner: &str) -> Option<(u16, &'a Event)> {
        let events = &self.read(holder)?.events;
        let success = self.last_success(owner, holder).max(self.last_success(holder, owner));
        let mine = events.iter().filter(|event| {
            event.id == id::SECURITY_VIOLATION
                && event.word("step") == Some("bind-back-name")
                && event.peer.as_deref().is_some_and(|peer| peer.eq_ignore_ascii_case(owner))
                && success.is_none_or(|at| at < event.time)
        });
        let event = mine.max_by_key(|event| event.time)?;
        let port = address::binding(event.word("presented")?)?.1;
        Some((port, event))
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
