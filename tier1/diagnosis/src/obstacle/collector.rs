//! The collector: failed calls, failed bind-backs and live checks, each put to its obstacle unless something newer disproves it.

use std::collections::BTreeMap;

use event::{Layer, id};
use jiff::Timestamp;

use super::record::{Record, is_refusal, near, newest};
use super::refusals::is_mta_refusal;
use super::{LINE_CHECKS, Obstacle, ROAD_CHECKS, Refusal, Step};
use crate::snapshot::{FailureFacts, PeerFacts, ProbeFact, ProbeResult, ServerFacts};
use crate::view::View;

/// What an attempt failed by, as far as it matters for what disproves it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Denied,
    Name,
    Way,
}

/// One failed attempt of `caller` to open an association with `called`.
pub(super) struct Attempt<'a> {
    pub(super) caller: &'a str,
    pub(super) called: &'a str,
    pub(super) time: Timestamp,
    pub(super) step: Step,
    pub(super) trouble: Trouble,
}
/// Gathers what was seen by who cannot get into whom.
pub(super) struct Collector<'a> {
    pub(super) view: View<'a>,
    pub(super) obstacles: BTreeMap<(String, String), Obstacle<'a>>,
}
impl<'a> Collector<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self { view, obstacles: BTreeMap::new() }
    }

    pub(super) fn obstacle(&mut self, actor: &str, target: &str) -> &mut Obstacle<'a> {
        let key = (actor.to_ascii_uppercase(), target.to_ascii_uppercase());
        self.obstacles.entry(key).or_insert_with(|| Obstacle {
            actor: actor.to_owned(),
            target: target.to_owned(),
            witnesses: Vec::new(),
            refusals: Vec::new(),
            mta_refusals: Vec::new(),
            tls_refusals: Vec::new(),
            bind_events: Vec::new(),
            checks: Vec::new(),
        })
    }

    /// True when nothing newer disproves a failure.
    pub(super) fn is_current(&self, attempt: &Attempt<'_>) -> bool {
        let Attempt { caller, called, time, step, trouble } = *attempt;
        let since = |from, to| self.view.last_success(from, to).is_some_and(|at| at >= time);
        if since(caller, called) {
            return false;
        }
        let (actor, target) = match step {
            Step::Call => (caller, called),
            Step::BindBack => (called, caller),
        };
        let waiting = self.view.backlog(caller, called);
        if waiting.is_some_and(|messages| messages > 0) {
            // Mail that waits keeps a failure alive, but not a denial that both accounts have
            // outlived, where the server that denied does not answer anybody now.
            let outlived = trouble == Trouble::Denied && since(called, caller);
            return !(outlived && self.view.alive(target) == Some(false));
        }
        // Whichever side calls, both accounts are checked and both ways are used; only the names may be others.
        if since(called, caller) && trouble != Trouble::Name {
            return false;
        }
        // No mail waits and live checks get through: it was another time's trouble.
        trouble == Trouble::Denied || waiting.is_none() || !self.view.road_is_open(actor, target)
    }

    /// What `server` recorded of its own calls.
    pub(super) fn take_out(&mut self, server: &'a ServerFacts, peer: &'a PeerFacts) {
        let refused_here = |failure: &FailureFacts| {
            let mut own = server.events.iter().filter(|event| is_mta_refusal(event, &peer.name));
            own.any(|event| event.word("role") == Some("called") && near(event.time, failure.time))
        };
        if peer.x400.is_some() && peer.last_failure_out.as_ref().is_some_and(refused_here) {
            // Not that this server cannot get in: it refused what the other one answered with.
            return;
        }
        let logged = newest(server, id::BIND_FAILED, &peer.name);
        let Some(record) = Record::choose(server, logged, peer.last_failure_out.as_ref()) else {
            return;
        };
        let step = if record.bind == 0 { Step::Call } else { Step::BindBack };
        if !self.is_current(&record.attempt(&server.name, &peer.name, step)) {
            return;
        }
        if step == Step::Call {
            let witness = record.witness(
                Step::Call,
                true,
                format!("{} cannot call {}", server.name, peer.name),
            );
            self.obstacle(&server.name, &peer.name).witnesses.push(witness);
        } else {
            let says =
                format!("{} calls {}, and {} cannot bind back", server.name, peer.name, peer.name);
            let witness = record.witness(Step::BindBack, false, says);
            self.obstacle(&peer.name, &server.name).witnesses.push(witness);
        }
    }

    /// What `server` recorded of calls that came in.
    pub(super) fn take_in(&mut self, server: &'a ServerFacts, peer: &'a PeerFacts) {
        if peer.x400.is_some() {
            // There is no bind-back; a refusal stands in events 48 and 51.
            return;
        }
        let logged = newest(server, id::BIND_BACK_FAILED, &peer.name);
        let facts = peer.last_failure_in.as_ref();
        let (failed, refused) = match facts {
            Some(failure) if is_refusal(server, peer, failure) => (None, Some(failure)),
            other => (other, None),
        };
        if let Some(record) = Record::choose(server, logged, failed)
            && self.is_current(&record.attempt(&peer.name, &server.name, Step::BindBack))
        {
            let says =
                format!("{} was called by {} and cannot bind back to it", server.name, peer.name);
            let witness = record.witness(Step::BindBack, true, says);
            self.obstacle(&server.name, &peer.name).witnesses.push(witness);
        }
        let of_logon = refused.is_some_and(|failure| failure.layer == Some(Layer::Authentication));
        if let Some(failure) = refused
            && !(of_logon && self.is_somebody_else(&peer.name, server))
            && self.is_current(&Attempt {
                caller: &peer.name,
                called: &server.name,
                time: failure.time,
                step: Step::Call,
                trouble: Trouble::Denied,
            })
        {
            let refusal = Refusal {
                source: format!("{} peer {}", server.name, peer.name),
                time: failure.time,
                user: None,
                code: failure.code,
                reason: failure.text.clone(),
                step: None,
                differs: None,
            };
            self.obstacle(&peer.name, &server.name).refusals.push(refusal);
        }
    }

    /// The live checks; one that failed is an obstacle of its own.
    pub(super) fn take_checks(&mut self) {
        for check in &self.view.snapshot.checks {
            let Some(target) = self.view.target(check) else { continue };
            let is_line = LINE_CHECKS.contains(&check.check.as_str());
            if !(is_line || ROAD_CHECKS.contains(&check.check.as_str()))
                || target.eq_ignore_ascii_case(&check.from)
            {
                continue;
            }
            let key = (check.from.to_ascii_uppercase(), target.to_ascii_uppercase());
            let is_bad = is_line && check.result != ProbeResult::Ok;
            if self.obstacles.contains_key(&key) || is_bad || self.blocks(check, target) {
                self.obstacle(&check.from, target).checks.push(check);
            }
        }
        // A check that went well before the first that failed belongs to the same obstacle.
        for obstacle in self.obstacles.values_mut() {
            let view = self.view;
            let mine = view.snapshot.checks.iter().filter(|check| {
                (ROAD_CHECKS.contains(&check.check.as_str())
                    || LINE_CHECKS.contains(&check.check.as_str()))
                    && check.from.eq_ignore_ascii_case(&obstacle.actor)
                    && view
                        .target(check)
                        .is_some_and(|target| target.eq_ignore_ascii_case(&obstacle.target))
            });
            obstacle.checks = mine.collect();
        }
    }

    /// True when a check alone shows that the road is blocked.
    pub(super) fn blocks(&self, check: &ProbeFact, target: &str) -> bool {
        match check.result {
            ProbeResult::Ok | ProbeResult::Error => false,
            ProbeResult::Refused | ProbeResult::Timeout | ProbeResult::NotFound => true,
            // A port may close on a stranger and still serve its peers: somebody else must have seen it too.
            ProbeResult::Reset | ProbeResult::Denied => {
                let waits =
                    self.view.backlog(&check.from, target).is_some_and(|messages| messages > 0);
                waits || self.view.shut_out(&check.from, target) == Some(true)
            }
        }
    }
}
