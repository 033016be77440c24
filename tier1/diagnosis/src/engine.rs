//! The engine: lets every cause speak to every obstacle, weighs, merges, ranks.

use std::collections::BTreeMap;

use finding::{Answer, Cause, Diagnosis, Evidence, NextProbe, Stop};

use crate::alias;
use crate::causes::{
    Case, Clue, Kind, RULES, Rule, dial_up, held, joining, returned, schedule, store,
};
use crate::latent;
use crate::obstacle::{Obstacle, Step, collect};
use crate::shell::command;
use crate::snapshot::Snapshot;
use crate::view::View;

/// A cause is listed on its own merit from this confidence on; weaker ones only to make up the three best.
const LISTED: f64 = 0.35;
/// A cause below this score is no rival of the best: it does not share.
const RIVAL: f64 = 0.1;
/// The best cause must reach this much to be the answer.
const DECIDED: f64 = 0.5;
/// The best cause must lead the next one of its obstacle by this much to be the answer.
const LEAD: f64 = 0.1;
/// So many causes are always named when anything is wrong.
const BEST: usize = 3;
/// No diagnosis shows more observations than this: nobody reads on.
const MAX_EVIDENCE: usize = 16;

/// What is wrong between the servers of a snapshot, best cause first; nothing when nothing is.
#[must_use]
pub fn diagnose(snapshot: &Snapshot) -> Answer {
    let aliases = alias::of(snapshot);
    if aliases.is_empty() {
        return judged(snapshot);
    }
    let mut answer = judged(&alias::unified(snapshot, &aliases));
    alias::restore(&mut answer, snapshot, &aliases);
    answer
}

/// The answer to a snapshot in which every server has one name.
fn judged(snapshot: &Snapshot) -> Answer {
    let view = View { snapshot };
    let obstacles = collect(view);
    let mut judged: Vec<Judged<'_>> =
        obstacles.iter().map(|obstacle| judge(Case { view, obstacle })).collect();
    // The clearest case leads; the names decide between equals.
    judged.sort_by(|a, b| b.best().total_cmp(&a.best()));
    let leaders = judged.iter().filter(|one| one.best() > 0.0).count().min(1);
    let own = store::diagnoses(snapshot);
    let undecided = own.is_empty() && judged.first().is_some_and(Judged::is_undecided);
    let next_probe = judged.iter().find(|one| one.is_undecided()).and_then(Judged::next_probe);
    // What a server says of its own disk needs no weighing, and stops its mail with everybody.
    let mut diagnoses: Vec<Diagnosis> = own.into_iter().chain(rank(&judged)).collect();
    let calls = dial_up::diagnoses(snapshot);
    // What the modem says of a call is no guess: nothing that was weighed leaves it open.
    let undecided = undecided && calls.iter().all(|one| one.stops.is_empty());
    calls.into_iter().for_each(|call| take_held(&mut diagnoses, call));
    let closed = schedule::diagnoses(snapshot).into_iter().chain(held::diagnoses(snapshot));
    closed.for_each(|closed| take_held(&mut diagnoses, closed));
    // Mail that came back is over; what stops mail now goes before it, and what is no more than a guess after it.
    let place = diagnoses.iter().position(|one| one.confidence < LISTED).unwrap_or(diagnoses.len());
    // A way that is stopped has its best guess first, however weak it is.
    let place = place.max(leaders.min(diagnoses.len()));
    diagnoses.splice(place..place, returned::diagnoses(snapshot));
    let mut checks = snapshot.checks.clone();
    checks.extend(schedule::checks(snapshot));
    Answer { undecided, diagnoses, next_probe, checks }
}

/// Puts a schedule that holds mail where it belongs: the same one may have been met by a caller from the other side.
fn take_held(diagnoses: &mut Vec<Diagnosis>, held: Diagnosis) {
    let same = |known: &&mut Diagnosis| {
        known.cause == held.cause
            && known
                .stops
                .iter()
                .any(|stop| held.stops.iter().any(|own| own.from == stop.to && own.to == stop.from))
    };
    if let Some(known) = diagnoses.iter_mut().find(same) {
        known.confidence = known.confidence.max(held.confidence);
        known.evidence.extend(held.evidence);
        known.stops.extend(held.stops);
        return;
    }
    let place = diagnoses.iter().position(|one| one.confidence < held.confidence);
    diagnoses.insert(place.unwrap_or(diagnoses.len()), held);
}

/// One cause, weighed against one obstacle.
struct Weighed {
    rule: &'static Rule,
    /// What the weighing gave, unrounded: it orders the causes and decides.
    score: f64,
    /// What is shown: the causes of one obstacle have 100 % together.
    confidence: f64,
    evidence: Vec<Evidence>,
    against: Vec<Evidence>,
}

/// One obstacle with all causes, best first.
struct Judged<'a> {
    case: Case<'a>,
    causes: Vec<Weighed>,
}

fn judge(case: Case<'_>) -> Judged<'_> {
    let mut causes: Vec<Weighed> = RULES.iter().map(|rule| weigh(rule, case)).collect();
    causes.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rule.cause.cmp(&b.rule.cause)));
    let mut judged = Judged { case, causes };
    judged.share();
    judged
}

/// The confidence in one cause: what speaks for it joins like independent signs, what speaks against it takes its share.
fn weigh(rule: &'static Rule, case: Case<'_>) -> Weighed {
    let clues: Vec<Clue> = rule.clues.iter().flat_map(|clue| clue(case)).collect();
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut against: Vec<Evidence> = Vec::new();
    for clue in &clues {
        let list = if clue.speaks_for { &mut evidence } else { &mut against };
        if !list.contains(&clue.evidence) {
            list.push(clue.evidence.clone());
        }
    }
    let doubt: f64 = strongest(&clues, true).values().map(|weight| 1.0 - weight).product();
    let rest: f64 = strongest(&clues, false).values().map(|weight| 1.0 - weight).product();
    // Where nothing tells the causes of a group apart, the prior orders them.
    let support =
        if evidence.is_empty() { rule.prior * 0.1 } else { (1.0 - doubt) + rule.prior * 0.05 };
    if evidence.is_empty() && against.is_empty() {
        against.push(Evidence::new("doctor", "nothing that was seen speaks for it", 0.0));
    }
    heaviest_first(&mut evidence);
    heaviest_first(&mut against);
    let score = support * rest;
    Weighed { rule, score: hundredths(score), confidence: hundredths(score), evidence, against }
}

/// The heaviest clue of each kind.
fn strongest(clues: &[Clue], speaks_for: bool) -> BTreeMap<Kind, f64> {
    let mut best = BTreeMap::new();
    for clue in clues.iter().filter(|clue| clue.speaks_for == speaks_for) {
        let kept = best.entry(clue.kind).or_insert(0.0_f64);
        *kept = kept.max(clue.evidence.weight);
    }
    best
}

fn heaviest_first(list: &mut Vec<Evidence>) {
    list.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.source.cmp(&b.source)));
    list.truncate(MAX_EVIDENCE);
}

/// Two digits are all that these numbers are worth; neither certainty nor impossibility is ever claimed.
fn hundredths(confidence: f64) -> f64 {
    (confidence.clamp(0.01, 0.99) * 100.0).round() / 100.0
}

/// The list that is shown: of each obstacle the cause that leads, then what else would be refused, then every other cause that
/// stands on its own, then the best of the rest.
fn rank(judged: &[Judged<'_>]) -> Vec<Diagnosis> {
    let mut listed: Vec<(String, Diagnosis)> = Vec::new();
    for one in judged {
        let leader = one.causes.first().filter(|weighed| weighed.score >= LISTED);
        leader.into_iter().for_each(|weighed| add(&mut listed, one.case, weighed));
    }
    let by_confidence = |list: &mut [(String, Diagnosis)]| {
        // A stable sort: equals keep the order in which they were found.
        list.sort_by(|(_, a), (_, b)| b.confidence.total_cmp(&a.confidence));
    };
    by_confidence(&mut listed);
    // One cause at three servers must not push another one out of sight.
    let mut seen = Vec::new();
    let (mut listed, again): (Vec<_>, Vec<_>) = listed.into_iter().partition(|(_, diagnosis)| {
        let new = !seen.contains(&diagnosis.cause);
        seen.push(diagnosis.cause);
        new
    });
    for (subject, further) in judged.iter().flat_map(|one| latent::diagnoses(one.case)) {
        if listed.iter().all(|(_, known)| known.cause != further.cause) {
            listed.push((subject, further));
        }
    }
    listed.extend(again);
    let first = listed.len();
    for one in judged {
        for weighed in one.causes.iter().filter(|weighed| weighed.score >= LISTED) {
            add(&mut listed, one.case, weighed);
        }
    }
    let rest = judged.iter().flat_map(|one| one.causes.iter().map(|weighed| (one.case, weighed)));
    for (case, weighed) in rest {
        if listed.len() >= BEST {
            break;
        }
        if listed.iter().all(|(_, diagnosis)| diagnosis.cause != weighed.rule.cause) {
            add(&mut listed, case, weighed);
        }
    }
    // Two causes of one obstacle are one trouble: they never come before the leader of another.
    by_confidence(&mut listed[first..]);
    listed.into_iter().map(|(_, diagnosis)| diagnosis).collect()
}

/// Adds a cause to the list, or its evidence to the diagnosis that has the same cause and subject.
fn add(listed: &mut Vec<(String, Diagnosis)>, case: Case<'_>, weighed: &Weighed) {
    let subject = (weighed.rule.subject)(case);
    let stop = Stop { from: case.actor().to_owned(), to: case.target().to_owned() };
    let same =
        listed.iter_mut().find(|(known, one)| *known == subject && one.cause == weighed.rule.cause);
    if let Some((_, known)) = same {
        known.confidence = known.confidence.max(weighed.confidence);
        merge(&mut known.evidence, &weighed.evidence);
        merge(&mut known.against, &weighed.against);
        if !known.stops.contains(&stop) {
            known.stops.push(stop);
        }
        return;
    }
    let mut diagnosis = Diagnosis::new(weighed.rule.cause, weighed.confidence);
    diagnosis.evidence.clone_from(&weighed.evidence);
    diagnosis.against.clone_from(&weighed.against);
    diagnosis.remedy = (weighed.rule.remedy)(case);
    diagnosis.reads = vec![weighed.rule.page.to_owned()];
    diagnosis.stops = vec![stop];
    diagnosis.headline = joining::headline(weighed.rule, case);
    listed.push((subject, diagnosis));
}

fn merge(into: &mut Vec<Evidence>, more: &[Evidence]) {
    let new: Vec<Evidence> = more.iter().filter(|one| !into.contains(one)).cloned().collect();
    into.extend(new);
    heaviest_first(into);
}

impl Judged<'_> {
    fn best(&self) -> f64 {
        self.causes.first().map_or(0.0, |weighed| weighed.confidence)
    }

    fn is_undecided(&self) -> bool {
        let score = |at: usize| self.causes.get(at).map_or(0.0, |weighed| weighed.score);
        // The next cause, and not another way in which the same one shows.
        let first = self.causes.first().map(|weighed| weighed.rule.cause);
        let rival = self.causes.iter().find(|weighed| Some(weighed.rule.cause) != first);
        let second = rival.map_or(0.0, |weighed| weighed.score);
        score(0) < DECIDED || score(0) - second < LEAD - f64::EPSILON
    }

    /// Makes of the scores what is shown. A cause that is decided keeps its own, which is half or more, and the others share what it
    /// leaves; where nothing is decided all of them share, and none is shown with half.
    fn share(&mut self) {
        let undecided = self.is_undecided();
        let rivals = self.causes.iter().skip(1);
        let rivals: f64 = rivals.map(|weighed| weighed.score).filter(|score| *score >= RIVAL).sum();
        let best = self.causes.first().map_or(0.0, |weighed| weighed.score);
        let (of_best, of_rest) = if undecided {
            let factor = 1.0 / (best + rivals).max(1.0);
            ((best * factor).min(DECIDED - 0.01), factor)
        } else {
            (best, ((1.0 - best) / rivals.max(f64::EPSILON)).min(1.0))
        };
        for (at, weighed) in self.causes.iter_mut().enumerate() {
            let shown = if at == 0 { of_best } else { (weighed.score * of_rest).min(of_best) };
            weighed.confidence = hundredths(shown);
        }
    }

    /// The check that would tell the leading causes of this obstacle apart.
    fn next_probe(&self) -> Option<NextProbe> {
        let obstacle: &Obstacle<'_> = self.case.obstacle;
        let view = self.case.view;
        let (actor, target) = (self.case.actor(), self.case.target());
        if view.peer(actor, target).is_some_and(|peer| peer.x400.is_some())
            && obstacle.witnesses.iter().any(|one| one.layer == Some(event::Layer::Authentication))
        {
            let check = format!(
                "on {target}: the newest event 48 or 51; it has both MTA names and says what differs"
            );
            return Some(self.probe(check, events_command(view, target, "48"), &MTA_BIND));
        }
        if obstacle.denied() {
            let check = match view.read(target) {
                None => format!(
                    "on {target}: the newest security event 9297; its code and reason name what is wrong"
                ),
                Some(_) => {
                    format!("on {target}: its accounts, beside its newest security event 9297")
                }
            };
            return Some(self.probe(check, events_command(view, target, "9297"), &AUTH));
        }
        let second_hand = obstacle.of_step(Step::BindBack).any(|witness| !witness.first_hand);
        if second_hand && view.read(actor).is_none() {
            let check = format!(
                "on {actor}: the newest event 9322; its protocol string shows how far the bind-back got"
            );
            return Some(self.probe(check, events_command(view, actor, "9322"), &BIND_BACK));
        }
        let name = view.host_name(actor, target).unwrap_or(target);
        let check = format!(
            "on {actor}: whether {name} is resolved, and whether its ports answer; on {target}: whether it runs"
        );
        Some(self.probe(check, ping_command(view, actor, target, name), &WAY))
    }

    fn probe(&self, check: String, command: String, tells: &[Cause]) -> NextProbe {
        let mut would_tell: Vec<Cause> = Vec::new();
        for cause in self.causes.iter().map(|weighed| weighed.rule.cause) {
            // A cause that shows in two ways has a rule for each.
            if tells.contains(&cause) && !would_tell.contains(&cause) {
                would_tell.push(cause);
            }
        }
        NextProbe { check, would_tell, command: Some(command) }
    }
}

const AUTH: [Cause; 14] = [
    Cause::ServiceAccountPasswordMismatch,
    Cause::ServiceAccountMissing,
    Cause::ServiceAccountLacksDirectoryRight,
    Cause::AccountDisabled,
    Cause::AccountLockedOut,
    Cause::AccountExpired,
    Cause::PasswordExpired,
    Cause::LogonRightMissing,
    Cause::ServiceAccountMismatch,
    Cause::OverrideAccountWrong,
    Cause::UntrustedDomainsNoMatchingAccount,
    Cause::DirectoryNotReplicated,
    Cause::UpgradeNeedsRestart,
    Cause::ServiceAccountExtendedCharacters,
];
const MTA_BIND: [Cause; 2] = [Cause::MtaPasswordMismatch, Cause::ConnectorRemoteNameMismatch];
const BIND_BACK: [Cause; 2] = [Cause::BindbackNameUnresolvable, Cause::PortFilteredByFirewall];
const WAY: [Cause; 4] = [
    Cause::RemoteNameUnresolvable,
    Cause::LmhostsStaleEntry,
    Cause::PortFilteredByFirewall,
    Cause::RemoteServerUnreachable,
];

/// A call from `actor` to `target` as mail makes it: with the actor's table of names, to the port that its configuration has.
fn ping_command(view: View<'_>, actor: &str, target: &str, name: &str) -> String {
    let peer = view.peer(actor, target);
    let connector = peer.and_then(|peer| peer.x400.as_ref());
    let place = connector.map(|connector| format!("{name}:{}", connector.port));
    let port = peer.map(|peer| peer.mapper_port.to_string()).filter(|port| port != "0");
    let mut words = match &place {
        Some(place) => vec!["bindback", "x400", "probe", place],
        None => vec!["bindback", "rpc", "ping", name],
    };
    if let (None, Some(port)) = (&place, &port) {
        words.extend(["--mapper-port", port]);
    }
    words.extend(view.config(actor).into_iter().flat_map(|config| ["-c", config]));
    command(&words)
}

fn events_command(view: View<'_>, server: &str, number: &str) -> String {
    let mut words = vec!["bindback", "events", "--id", number];
    if let Some(config) = view.config(server) {
        words.extend(["-c", config]);
    }
    command(&words)
}
