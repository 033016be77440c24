//! What the servers say of their refusals: of accounts, of MTA names and passwords, of certificates, of associations.

use std::collections::BTreeMap;

use event::own::id as own_id;
use event::{Event, id};
use jiff::Timestamp;

use super::collector::Collector;
use super::record::{near, newest};
use super::{BindEvent, MtaRefusal, Obstacle, PEER_STEP, Refusal, TlsRefusal};
use crate::snapshot::{FailureFacts, ServerFacts};

/// The step of a refused command of an administrator.
const ADMIN_STEP: &str = "admin-role";

/// Events of X.400 associations that came to nothing, and whether it was the logging server that called.
const BIND_EVENTS: [(u32, bool); 4] = [
    (id::SUSPENDED_CALLER, false),
    (id::WRONG_DIALOGUE, false),
    (id::IN_REFUSED, false),
    (id::OUT_REFUSED, true),
];

/// Refusals that one diagnosis looks at: they repeat themselves.
const MAX_MTA_REFUSALS: usize = 4;

impl<'a> Collector<'a> {
    /// The security violations that `server` logged.
    pub(super) fn take_refusals(&mut self, server: &'a ServerFacts) {
        let mut latest: BTreeMap<String, &Event> = BTreeMap::new();
        for event in server.events.iter().filter(|event| event.id == id::SECURITY_VIOLATION) {
            if event.word("step") == Some(ADMIN_STEP) {
                // An administrator who may not do something is no fault of mail.
                continue;
            }
            let Some(actor) = self.who(server, event) else { continue };
            let of_logon = event.word("step") == Some("authentication");
            if of_logon && self.is_somebody_else(actor, server) {
                continue;
            }
            let kept = latest.entry(actor.to_owned()).or_insert(event);
            if event.time >= kept.time {
                *kept = event;
            }
        }
        for (actor, event) in latest {
            let out = self.view.last_success(&server.name, &actor);
            let into = self.view.last_success(&actor, &server.name);
            let key = (actor.to_ascii_uppercase(), server.name.to_ascii_uppercase());
            let known = self.obstacles.get(&key).is_some_and(Obstacle::denied);
            // With nothing else to go by, any later success disproves it; beside a current denial it only has to be newer
            // than the older of the two ways.
            let bound = if known { out.min(into) } else { out.max(into) };
            if bound.is_some_and(|success| success >= event.time) {
                continue;
            }
            let obstacle = self.obstacle(&actor, &server.name);
            obstacle.refusals.push(Refusal {
                source: format!("{} event {}", server.name, event.id),
                time: event.time,
                user: event.word("user").map(str::to_owned),
                code: event.code().unwrap_or(5),
                reason: event.word("reason").unwrap_or_default().to_owned(),
                step: event.word("step").map(str::to_owned),
                differs: event.word("presented").map(|presented| {
                    let expected = event.word("expected").unwrap_or_default();
                    (presented.to_owned(), expected.to_owned())
                }),
            });
            // The event has the account's name: at the same moment it is the better record of the two.
            obstacle
                .refusals
                .sort_by(|a, b| b.time.cmp(&a.time).then(b.user.is_some().cmp(&a.user.is_some())));
            prefer_events(&mut obstacle.refusals);
        }
    }

    /// True when a failed logon with the account of `actor` was not made by that server: it has an association here, or says itself
    /// that none of its own attempts failed.
    pub(super) fn is_somebody_else(&self, actor: &str, server: &ServerFacts) -> bool {
        let waits = self.view.backlog(actor, &server.name).is_some_and(|messages| messages > 0);
        if waits {
            return false;
        }
        let stands = server.ltab.iter().any(|row| {
            row.direction == "in" && row.state == "open" && row.peer.eq_ignore_ascii_case(actor)
        });
        stands || self.says_all_is_well(actor, &server.name)
    }

    /// True when the tables of `actor` were read, mail has flowed between it and `peer`, and no attempt has failed since.
    fn says_all_is_well(&self, actor: &str, peer: &str) -> bool {
        let Some(facts) = self.view.read(actor).and_then(|server| server.peer(peer)) else {
            return false;
        };
        let good = |success: Option<Timestamp>, failure: &Option<FailureFacts>| match failure {
            Some(failure) => success.is_some_and(|at| at > failure.time),
            None => true,
        };
        facts.last_success_out.max(facts.last_success_in).is_some()
            && good(facts.last_success_out, &facts.last_failure_out)
            && good(facts.last_success_in, &facts.last_failure_in)
    }

    /// The MTA credentials that `server` refused: of callers, and in answers to its own calls.
    pub(super) fn take_mta_refusals(&mut self, server: &'a ServerFacts) {
        for peer in server.peers.iter().filter(|peer| peer.x400.is_some()) {
            let success = self.view.last_success(&server.name, &peer.name);
            let success = success.max(self.view.last_success(&peer.name, &server.name));
            let current = |event: &&Event| {
                is_mta_refusal(event, &peer.name) && success.is_none_or(|at| at < event.time)
            };
            let mut events: Vec<&Event> = server.events.iter().filter(current).collect();
            events.sort_by_key(|event| std::cmp::Reverse(event.time));
            for event in events.into_iter().take(MAX_MTA_REFUSALS) {
                let word = |name| event.word(name).unwrap_or_default().to_owned();
                let refusal = MtaRefusal {
                    source: format!("{} event {}", server.name, event.id),
                    time: event.time,
                    presented: word("presented_name"),
                    expected: word("expected_name"),
                    differs: word("differs"),
                };
                self.obstacle(&peer.name, &server.name).mta_refusals.push(refusal);
            }
        }
    }

    /// The TLS that came to nothing, as `server` logged it of calls in both directions.
    pub(super) fn take_tls_refusals(&mut self, server: &'a ServerFacts) {
        for peer in server.peers.iter().filter(|peer| peer.x400.is_some()) {
            let success = self.view.last_success(&server.name, &peer.name);
            let success = success.max(self.view.last_success(&peer.name, &server.name));
            let mine = |event: &&Event| {
                event.id == own_id::TLS_REFUSED
                    && event
                        .peer
                        .as_deref()
                        .is_some_and(|name| name.eq_ignore_ascii_case(&peer.name))
                    && success.is_none_or(|at| at < event.time)
            };
            let mut events: Vec<&Event> = server.events.iter().filter(mine).collect();
            events.sort_by_key(|event| std::cmp::Reverse(event.time));
            for event in events.into_iter().take(MAX_MTA_REFUSALS) {
                let word = |name| event.word(name).unwrap_or_default();
                let (actor, target) = if word("role") == "caller" {
                    (&peer.name, &server.name)
                } else {
                    (&server.name, &peer.name)
                };
                let whose = if word("refused_by") == "local" { &peer.name } else { &server.name };
                let refusal = TlsRefusal {
                    source: format!("{} event {}", server.name, event.id),
                    time: event.time,
                    cause: word("cause").to_owned(),
                    whose: whose.clone(),
                    detail: word("detail").to_owned(),
                };
                self.obstacle(actor, target).tls_refusals.push(refusal);
            }
        }
        for obstacle in self.obstacles.values_mut() {
            obstacle.tls_refusals.sort_by_key(|one| std::cmp::Reverse(one.time));
        }
    }

    /// The X.400 associations that `server` refused or was refused.
    pub(super) fn take_bind_events(&mut self, server: &'a ServerFacts) {
        for peer in server.peers.iter().filter(|peer| peer.x400.is_some()) {
            for (id, outgoing) in BIND_EVENTS {
                let (actor, target) = match outgoing {
                    true => (&server.name, &peer.name),
                    false => (&peer.name, &server.name),
                };
                let success = self.view.last_success(actor, target);
                let Some(event) = newest(server, id, &peer.name)
                    .filter(|event| success.is_none_or(|at| at < event.time))
                else {
                    continue;
                };
                let number = |name| event.number(name).unwrap_or_default();
                let found = BindEvent {
                    source: format!("{} event {id}", server.name),
                    time: event.time,
                    id,
                    reason: (number("provider"), number("reason")),
                    text: event.word("detail").unwrap_or(&event.text).to_owned(),
                };
                self.obstacle(actor, target).bind_events.push(found);
            }
        }
        for obstacle in self.obstacles.values_mut() {
            obstacle.bind_events.sort_by_key(|one| std::cmp::Reverse(one.time));
        }
    }

    /// The server whose account a security violation names.
    fn who(&self, server: &'a ServerFacts, event: &'a Event) -> Option<&'a str> {
        let named = event.peer.as_deref().filter(|peer| !peer.is_empty());
        let user = event.word("user").unwrap_or_default();
        let by_account = || {
            server
                .peers
                .iter()
                .find(|peer| !user.is_empty() && peer.account.eq_ignore_ascii_case(user))
        };
        let by_server = || {
            let others = self.view.snapshot.servers.iter().filter(|one| one.name != server.name);
            others
                .into_iter()
                .find(|one| !user.is_empty() && one.service_account.eq_ignore_ascii_case(user))
        };
        let only = || match server.peers.as_slice() {
            [peer] => Some(peer.name.as_str()),
            _ => None,
        };
        let known = named.or_else(|| by_account().map(|peer| peer.name.as_str()));
        let known = known.or_else(|| by_server().map(|one| one.name.as_str()));
        if event.word("step") == Some(PEER_STEP) {
            // It said who it is: nobody else is meant.
            return known.or_else(|| event.word("presented"));
        }
        known.or_else(only)
    }
}

pub(super) fn is_mta_refusal(event: &Event, peer: &str) -> bool {
    matches!(event.id, id::CREDENTIALS_REFUSED | id::UNKNOWN_MTA)
        && event.peer.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(peer))
        && event.word("differs").is_some()
}

/// Of the refusals of one attempt only the event is kept, which names the account.
fn prefer_events(refusals: &mut Vec<Refusal>) {
    let times: Vec<Timestamp> =
        refusals.iter().filter(|one| one.user.is_some()).map(|one| one.time).collect();
    refusals.retain(|one| one.user.is_some() || !times.iter().any(|time| near(*time, one.time)));
}
