//! Obstacles: who cannot get into whom, with everything that was seen of it.
//!
//! A failed call of C to D and a failed bind-back of C to D meet in the same obstacle (C, D), so one fault gives one
//! diagnosis although it stops both directions. The table "which event on which side" of the published interface says whose
//! failure a record is: a bind error other than 0 on the caller means that the called server could not get back in.

use std::collections::BTreeMap;

use event::own::id as own_id;
use event::{Event, Layer, id};
use jiff::{SignedDuration, Timestamp};

use crate::snapshot::{FailureFacts, PeerFacts, ProbeFact, ProbeResult, ServerFacts};
use crate::view::View;

/// The kinds of live check that go from one server to another's mail ports.
pub(crate) const ROAD_CHECKS: [&str; 5] = ["resolve", "tcp-mapper", "map", "tcp-rpc", "tcp-x400"];

/// The kinds of live check that look at the quality of the line: it may be bad and mail still crawl.
pub(crate) const LINE_CHECKS: [&str; 3] = ["loss", "large-packets", "throughput"];

/// An event and a peer's last failure are of the same attempt when they are no further apart.
const SAME_ATTEMPT: SignedDuration = SignedDuration::from_secs(10);

/// Exact reasons of a refusal, as the refusing server logs them: no such account, wrong password, password expired, disabled, no
/// right to log on from the network, no trust, expired, password to be changed, locked, nobody to ask.
const EXACT: [u32; 10] = [1317, 1326, 1330, 1331, 1385, 1788, 1793, 1907, 1909, 1311];

/// On which of the two binds it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The actor called.
    Call,
    /// The actor was called and bound back.
    BindBack,
}

/// One record of a failure.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// Where it stands, for example `WEST event 9318`.
    pub(crate) source: String,
    pub(crate) step: Step,
    /// True when the actor itself recorded it.
    pub(crate) first_hand: bool,
    pub(crate) code: u32,
    pub(crate) layer: Option<Layer>,
    pub(crate) says: String,
    /// The name or address that was tried.
    pub(crate) protocol_string: Option<String>,
}

impl Witness {
    /// True when access was denied: 5 is what the wire gives; the exact codes stand in records of other systems.
    pub(crate) fn denied(&self) -> bool {
        self.code == 5 || EXACT.contains(&self.code)
    }
}

/// One refusal in the words of the server that refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    pub(crate) user: Option<String>,
    pub(crate) code: u32,
    pub(crate) reason: String,
    /// What was checked when it was refused (`authentication`, `role`, `peer` ...), where the event says so.
    pub(crate) step: Option<String>,
    /// What the caller showed at that step, and what the server is configured with in its place.
    pub(crate) differs: Option<(String, String)>,
}

/// Credentials of an MTA that another one refused, in the words of that one (events 48 and 51).
#[derive(Clone, Debug)]
pub(crate) struct MtaRefusal {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    pub(crate) presented: String,
    pub(crate) expected: String,
    /// What differs: `password`, `password-case`, `name`, `name-case` ...
    pub(crate) differs: String,
}

/// TLS that one of two MTAs refused, in the words of one of them (event 20020).
#[derive(Clone, Debug)]
pub(crate) struct TlsRefusal {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    /// `expired`, `untrusted`, `wrong-name` ...
    pub(crate) cause: String,
    /// Whose certificate it is.
    pub(crate) whose: String,
    pub(crate) detail: String,
}

/// What either of two MTAs logged of an association that `actor` could not open with `target` (events 37, 55, 1290, 1293).
#[derive(Clone, Debug)]
pub(crate) struct BindEvent {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    pub(crate) id: u32,
    /// The layer that refused, as docs/x400.md numbers them, and its reason.
    pub(crate) reason: (u32, u32),
    pub(crate) text: String,
}

/// `actor` cannot get into `target`.
#[derive(Clone, Debug)]
pub(crate) struct Obstacle<'a> {
    pub(crate) actor: String,
    pub(crate) target: String,
    pub(crate) witnesses: Vec<Witness>,
    /// Newest first.
    pub(crate) refusals: Vec<Refusal>,
    /// Newest first.
    pub(crate) mta_refusals: Vec<MtaRefusal>,
    /// Newest first.
    pub(crate) tls_refusals: Vec<TlsRefusal>,
    /// Events of the X.400 associations that came to nothing, newest first.
    pub(crate) bind_events: Vec<BindEvent>,
    pub(crate) checks: Vec<&'a ProbeFact>,
}

impl Obstacle<'_> {
    /// True when somebody recorded that access was denied.
    pub(crate) fn denied(&self) -> bool {
        !self.refusals.is_empty() || self.witnesses.iter().any(|witness| witness.denied())
    }

    /// What was refused and what did not even arrive are two troubles, each with a cause of its own: a call that fails by its way, beside a
    /// bind-back that is denied. Neither speaks about the other.
    fn parted(mut self) -> Vec<Self> {
        let arrived = self.denied();
        let (denied, lost): (Vec<Witness>, Vec<Witness>) =
            std::mem::take(&mut self.witnesses).into_iter().partition(Witness::denied);
        if !arrived || lost.is_empty() || lost.iter().any(|one| !one.first_hand) {
            self.witnesses = denied.into_iter().chain(lost).collect();
            return vec![self];
        }
        let way = Self {
            witnesses: lost,
            refusals: Vec::new(),
            mta_refusals: Vec::new(),
            tls_refusals: Vec::new(),
            bind_events: Vec::new(),
            ..self.clone()
        };
        self.witnesses = denied;
        vec![self, way]
    }

    /// The witnesses of one step.
    pub(crate) fn of_step(&self, step: Step) -> impl Iterator<Item = &Witness> {
        self.witnesses.iter().filter(move |witness| witness.step == step)
    }
}

/// The obstacles of a snapshot that are current, in the order of the names.
pub(crate) fn collect(view: View<'_>) -> Vec<Obstacle<'_>> {
    let mut all = Collector { view, obstacles: BTreeMap::new() };
    for server in &view.snapshot.servers {
        for peer in &server.peers {
            all.take_out(server, peer);
            all.take_in(server, peer);
        }
    }
    for server in &view.snapshot.servers {
        all.take_refusals(server);
        all.take_mta_refusals(server);
        all.take_tls_refusals(server);
        all.take_bind_events(server);
    }
    all.take_checks();
    all.obstacles.into_values().flat_map(Obstacle::parted).collect()
}

/// What an attempt failed by, as far as it matters for what disproves it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Denied,
    Name,
    Way,
}

/// One failed attempt of `caller` to open an association with `called`.
struct Attempt<'a> {
    caller: &'a str,
    called: &'a str,
    time: Timestamp,
    step: Step,
    trouble: Trouble,
}

struct Collector<'a> {
    view: View<'a>,
    obstacles: BTreeMap<(String, String), Obstacle<'a>>,
}

impl<'a> Collector<'a> {
    fn obstacle(&mut self, actor: &str, target: &str) -> &mut Obstacle<'a> {
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
    fn is_current(&self, attempt: &Attempt<'_>) -> bool {
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
    fn take_out(&mut self, server: &'a ServerFacts, peer: &'a PeerFacts) {
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
    fn take_in(&mut self, server: &'a ServerFacts, peer: &'a PeerFacts) {
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

    /// The security violations that `server` logged.
    fn take_refusals(&mut self, server: &'a ServerFacts) {
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
    fn is_somebody_else(&self, actor: &str, server: &ServerFacts) -> bool {
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
    fn take_mta_refusals(&mut self, server: &'a ServerFacts) {
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
    fn take_tls_refusals(&mut self, server: &'a ServerFacts) {
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
    fn take_bind_events(&mut self, server: &'a ServerFacts) {
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

    /// The live checks; one that failed is an obstacle of its own.
    fn take_checks(&mut self) {
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
    fn blocks(&self, check: &ProbeFact, target: &str) -> bool {
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

/// The step of a refused command of an administrator.
const ADMIN_STEP: &str = "admin-role";

/// The step of the access check at which the caller's name is looked up.
pub(crate) const PEER_STEP: &str = "peer";

/// The schedule of a connector that neither calls nor is called.
pub(crate) const NEVER: &str = "never";

/// Events of X.400 associations that came to nothing, and whether it was the logging server that called.
const BIND_EVENTS: [(u32, bool); 4] = [
    (id::SUSPENDED_CALLER, false),
    (id::WRONG_DIALOGUE, false),
    (id::IN_REFUSED, false),
    (id::OUT_REFUSED, true),
];

/// Refusals that one diagnosis looks at: they repeat themselves.
const MAX_MTA_REFUSALS: usize = 4;

fn is_mta_refusal(event: &Event, peer: &str) -> bool {
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

/// Whether a failure on an incoming call is our refusal, and not our own failed bind-back.
///
/// The log tells, where it has an event of that attempt; else the code does: exact codes never go over the wire, and in a
/// refusal no call of our own failed.
fn is_refusal(server: &ServerFacts, peer: &PeerFacts, failure: &FailureFacts) -> bool {
    let distance = |number| {
        let event = newest(server, number, &peer.name)?;
        let distance = event.time.duration_since(failure.time).abs();
        (distance <= SAME_ATTEMPT).then_some(distance)
    };
    match (distance(id::SECURITY_VIOLATION), distance(id::BIND_BACK_FAILED)) {
        (Some(refused), Some(failed)) if refused != failed => return refused < failed,
        (Some(_), None) => return true,
        (None, Some(_)) => return false,
        _ => {}
    }
    let exact = EXACT.contains(&failure.code);
    let here = matches!(failure.layer, Some(Layer::Authentication | Layer::AccessCheck) | None);
    exact || (failure.code == 5 && failure.comms == 0 && failure.protocol_string.is_none() && here)
}

fn near(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b).abs() <= SAME_ATTEMPT
}

fn newest<'a>(server: &'a ServerFacts, number: u32, peer: &str) -> Option<&'a Event> {
    let about = |event: &&Event| {
        let named = event.peer.as_deref().or_else(|| event.word("remote_server"));
        event.id == number && named.is_some_and(|name| name.eq_ignore_ascii_case(peer))
    };
    server.events.iter().filter(about).max_by_key(|event| event.time)
}

/// A failure, from the log or from what the server remembers of its peer.
struct Record {
    source: String,
    time: Timestamp,
    code: u32,
    comms: u32,
    bind: u32,
    layer: Option<Layer>,
    text: String,
    protocol_string: Option<String>,
}

impl Record {
    /// The newer of the two; of the same attempt the event, which says more.
    fn choose(
        server: &ServerFacts,
        event: Option<&Event>,
        facts: Option<&FailureFacts>,
    ) -> Option<Self> {
        match (event, facts) {
            (Some(event), Some(facts)) if facts.time.duration_since(event.time) > SAME_ATTEMPT => {
                Some(Self::from_facts(server, facts))
            }
            (Some(event), _) => Some(Self::from_event(server, event)),
            (None, Some(facts)) => Some(Self::from_facts(server, facts)),
            (None, None) => None,
        }
    }

    fn from_event(server: &ServerFacts, event: &Event) -> Self {
        let code = event.code().unwrap_or_default();
        Self {
            source: format!("{} event {}", server.name, event.id),
            time: event.time,
            code,
            comms: event.comms().unwrap_or(code),
            bind: event.bind().unwrap_or_default(),
            layer: event.layer,
            text: event.word("detail").unwrap_or_default().to_owned(),
            protocol_string: event.word("protocol_string").map(str::to_owned),
        }
    }

    fn from_facts(server: &ServerFacts, facts: &FailureFacts) -> Self {
        Self {
            source: format!("{} last failure", server.name),
            time: facts.time,
            code: facts.code,
            comms: facts.comms,
            bind: facts.bind,
            layer: facts.layer,
            text: facts.text.clone(),
            protocol_string: facts.protocol_string.clone(),
        }
    }

    fn attempt<'a>(&self, caller: &'a str, called: &'a str, step: Step) -> Attempt<'a> {
        let trouble = match self.layer {
            _ if self.code == 5 || EXACT.contains(&self.code) => Trouble::Denied,
            Some(Layer::Name) => Trouble::Name,
            _ => Trouble::Way,
        };
        Attempt { caller, called, time: self.time, step, trouble }
    }

    fn witness(self, step: Step, first_hand: bool, mut says: String) -> Witness {
        says.push_str(&format!(
            ": code {}, comms error {}, bind error {}",
            self.code, self.comms, self.bind
        ));
        if let Some(layer) = self.layer {
            says.push_str(&format!(", at layer {layer}"));
        }
        if !self.text.is_empty() {
            says.push_str(&format!(" ({})", self.text));
        }
        says.push_str(&format!(", at {}", self.time));
        // The caller's layer of a failed bind-back says no more than that it was the bind-back.
        let layer = self.layer.filter(|layer| first_hand || *layer != Layer::BindBack);
        Witness {
            source: self.source,
            step,
            first_hand,
            code: self.code,
            layer,
            says,
            protocol_string: self.protocol_string,
        }
    }
}
