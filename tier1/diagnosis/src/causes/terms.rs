//! X.400 over TCP: what the two ends of a connector must agree on before they prove anything: schedule, selectors, mode, dialogue.
//!
//! Where both ends can be read, their settings stand beside each other and say it all. With one end only, the layer that refused
//! and its reason tell (events 1290, 1293), and events 37 and 55 name two of the causes outright.

use event::{Layer, id};
use finding::{Cause, Remedy};

use crate::causes::rule::{Case, Clue, Kind, Rule, in_words};
use crate::obstacle::{BindEvent, NEVER, Witness};
use crate::snapshot::{ConnectorFacts, Selectors};

/// X.411 MTABindError: busy, unacceptable-dialogue-mode.
const BUSY: u32 = 0;
const DIALOGUE_MODE: u32 = 3;
/// Layers that refuse, as docs/x400.md numbers them.
const TRANSPORT: u32 = 1;
const SESSION: u32 = 2;
const PRESENTATION: u32 = 3;
const ACSE: u32 = 4;
/// X.224, 13.5.3 and X.225, 8.3.5.13: nobody listens at the selector, or it is not known.
const NOBODY_AT_T_SELECTOR: [u32; 2] = [2, 3];
const NOBODY_AT_S_SELECTOR: [u32; 2] = [129, 130];
/// X.226, Provider-reason: called-presentation-address-unknown.
const NOBODY_AT_P_SELECTOR: u32 = 3;
/// X.227, application-context-name-not-supported; X.226, user-data-not-readable and the like are no matter of modes.
const CONTEXT_NOT_SUPPORTED: u32 = 2;

pub(crate) const SCHEDULE: Rule = Rule {
    cause: Cause::ConnectorScheduleNever,
    prior: 0.1,
    clues: &[never, suspended, |case| symptom(case, |one| by_mta(one, BUSY))],
    subject: |case| match sleeper(case) {
        Some((on, to)) => format!("{on} never calls {to}"),
        None => format!("{} or {} never calls", case.actor(), case.target()),
    },
    remedy: set_schedule,
    page: "docs/findings/connector-schedule-never.md",
    text: include_str!("../../../../docs/findings/connector-schedule-never.md"),
};

pub(crate) const TRANSPORT_SELECTOR: Rule = Rule {
    cause: Cause::TSelectorMismatch,
    prior: 0.1,
    clues: &[
        |case| selectors_differ(case, &[T]),
        |case| {
            refused(
                case,
                |one| matches!(one.reason, (TRANSPORT, reason) if NOBODY_AT_T_SELECTOR.contains(&reason)),
            )
        },
        |case| {
            symptom(case, |one| {
                one.layer == Some(Layer::Tcp) && NOBODY_AT_T_SELECTOR.contains(&one.code)
            })
        },
    ],
    subject: |case| {
        format!("{} calls {} by a wrong transport selector", case.actor(), case.target())
    },
    remedy: |case| set_selectors(case, &[T]),
    page: "docs/findings/t-selector-mismatch.md",
    text: include_str!("../../../../docs/findings/t-selector-mismatch.md"),
};

pub(crate) const UPPER_SELECTORS: Rule = Rule {
    cause: Cause::X400CredentialsMismatch,
    prior: 0.1,
    clues: &[
        |case| selectors_differ(case, &[S, P]),
        |case| {
            refused(case, |one| match one.reason {
                (SESSION, reason) => NOBODY_AT_S_SELECTOR.contains(&reason),
                other => other == (PRESENTATION, NOBODY_AT_P_SELECTOR),
            })
        },
        |case| symptom(case, |one| one.layer == Some(Layer::Bind)),
    ],
    subject: |case| format!("{} calls {} by a wrong selector", case.actor(), case.target()),
    remedy: |case| set_selectors(case, &[S, P]),
    page: "docs/findings/x400-credentials-mismatch.md",
    text: include_str!("../../../../docs/findings/x400-credentials-mismatch.md"),
};

pub(crate) const MODE: Rule = Rule {
    cause: Cause::X400ConformanceMismatch,
    prior: 0.1,
    clues: &[
        modes_differ,
        |case| {
            refused(case, |one| matches!(one.reason, (PRESENTATION | ACSE, CONTEXT_NOT_SUPPORTED)))
        },
        // Over X.410 there is no reason of its own: the refusal says "validation".
        |case| {
            symptom(case, |one| {
                one.layer == Some(Layer::Bind) || by_mta(one, CONTEXT_NOT_SUPPORTED)
            })
        },
    ],
    subject: |case| {
        format!("{} calls {} in a mode that it does not take", case.actor(), case.target())
    },
    remedy: set_mode,
    page: "docs/findings/x400-conformance-mismatch.md",
    text: include_str!("../../../../docs/findings/x400-conformance-mismatch.md"),
};

pub(crate) const DIALOGUE: Rule = Rule {
    cause: Cause::TwoWayAlternateMismatch,
    prior: 0.1,
    clues: &[dialogues_differ, wrong_dialogue, |case| {
        symptom(case, |one| by_mta(one, DIALOGUE_MODE))
    }],
    subject: |case| {
        let mut both = [case.actor(), case.target()];
        both.sort_unstable();
        format!("{} and {} differ in the dialogue", both[0], both[1])
    },
    remedy: set_dialogue,
    page: "docs/findings/two-way-alternate-mismatch.md",
    text: include_str!("../../../../docs/findings/two-way-alternate-mismatch.md"),
};

/// A selector of three: its name, its key where it is called, its key where it is its owner's, and where it stands.
struct Kept {
    name: &'static str,
    called: &'static str,
    own: &'static str,
    of: fn(&Selectors) -> &str,
}

const T: Kept = Kept {
    name: "transport selector",
    called: "t_selector",
    own: "own_t_selector",
    of: |all| &all.transport,
};
const S: Kept = Kept {
    name: "session selector",
    called: "s_selector",
    own: "own_s_selector",
    of: |all| &all.session,
};
const P: Kept = Kept {
    name: "presentation selector",
    called: "p_selector",
    own: "own_p_selector",
    of: |all| &all.presentation,
};

/// The connector of the actor to the target, and that of the target for the actor, where their settings were read.
fn ends<'a>(case: Case<'a>) -> (Option<&'a ConnectorFacts>, Option<&'a ConnectorFacts>) {
    let of = |on: &str, to: &str| case.view.peer(on, to)?.x400.as_ref();
    (of(case.actor(), case.target()), of(case.target(), case.actor()))
}

fn by_mta(witness: &Witness, code: u32) -> bool {
    witness.layer == Some(Layer::Authentication) && witness.code == code
}

/// What the caller heard fits the cause, or does not.
fn symptom(case: Case<'_>, fits: impl Fn(&Witness) -> bool) -> Vec<Clue> {
    let is_x400 = ends(case).0.is_some();
    let clues = case.obstacle.witnesses.iter().map(|witness| {
        if is_x400 && fits(witness) {
            Clue::speaks_for(Kind::Symptom, 0.3, &witness.source, &*witness.says)
        } else {
            Clue::against(Kind::Symptom, 0.9, &witness.source, &*witness.says)
        }
    });
    let mut clues: Vec<Clue> = clues.collect();
    if !is_x400 {
        let says = format!("{} calls {} by no X.400 connector", case.actor(), case.target());
        clues.push(Clue::against(Kind::Setting, 0.95, case.actor(), says));
    }
    clues
}

/// What either side logged of the layer that refused, and its reason.
fn refused(case: Case<'_>, fits: impl Fn(&BindEvent) -> bool) -> Vec<Clue> {
    let events = case.obstacle.bind_events.iter();
    let mut fitting =
        events.filter(|one| matches!(one.id, id::IN_REFUSED | id::OUT_REFUSED) && fits(one));
    fitting.next().map(|one| event_clue(one, 0.6)).into_iter().collect()
}

fn event_clue(event: &BindEvent, weight: f64) -> Clue {
    let says = format!("{}, at {}", event.text, event.time);
    Clue::speaks_for(Kind::Reason, weight, &event.source, says)
}

fn logged(case: Case<'_>, number: u32) -> Vec<Clue> {
    let event = case.obstacle.bind_events.iter().find(|one| one.id == number);
    event.map(|event| event_clue(event, 0.9)).into_iter().collect()
}

fn setting(case: Case<'_>, on: &str, says: String) -> Clue {
    let source = format!(
        "{on} connector to {}",
        if on == case.actor() { case.target() } else { case.actor() }
    );
    Clue::speaks_for(Kind::Setting, 0.9, &source, says)
}

/// Both ends were read, and they agree.
fn agree(case: Case<'_>, what: &str) -> Clue {
    let says = format!("{} and {} agree in their {what}", case.actor(), case.target());
    Clue::against(Kind::Setting, 0.95, case.actor(), says)
}

/// The server whose connector never calls, and whom.
fn sleeper<'a>(case: Case<'a>) -> Option<(&'a str, &'a str)> {
    let never = |end: Option<&ConnectorFacts>| end.is_some_and(|end| end.schedule == NEVER);
    let (caller, called) = ends(case);
    if never(called) {
        return Some((case.target(), case.actor()));
    }
    never(caller).then_some((case.actor(), case.target()))
}

fn never(case: Case<'_>) -> Vec<Clue> {
    if let Some((on, to)) = sleeper(case) {
        return vec![setting(
            case,
            on,
            format!(
                "{on} has the schedule {NEVER} for {to}: it neither calls it nor takes its calls"
            ),
        )];
    }
    let known = |end: Option<&ConnectorFacts>| end.is_some_and(|end| !end.schedule.is_empty());
    let (caller, called) = ends(case);
    if known(caller) && known(called) {
        vec![agree(case, "schedules: both call")]
    } else {
        Vec::new()
    }
}

fn suspended(case: Case<'_>) -> Vec<Clue> {
    logged(case, id::SUSPENDED_CALLER)
}

fn set_schedule(case: Case<'_>) -> Vec<Remedy> {
    let (on, to) = sleeper(case).unwrap_or((case.target(), case.actor()));
    in_words(format!(
        "On {on}, set schedule = \"always\" (or \"selected\" with hours) in the [[x400]] table for {to}{}, and restart {on}.",
        in_file(case, on)
    ))
}

fn in_file(case: Case<'_>, server: &str) -> String {
    case.view.config(server).map_or_else(String::new, |file| format!(" in {file}"))
}

/// Those of these selectors by which the actor calls the target wrongly.
fn wrong<'a>(case: Case<'a>, kept: &'a [Kept]) -> Option<Vec<(&'a Kept, &'a str, &'a str)>> {
    let (Some(caller), Some(called)) = ends(case) else { return None };
    // Without its configuration nobody knows what it wants.
    if called.mode.is_empty() || caller.mode.is_empty() {
        return None;
    }
    let differ = kept.iter().filter_map(|one| {
        let (says, wants) = ((one.of)(&caller.called), (one.of)(&called.own));
        // Session and presentation of a caller that names none are taken as they come.
        let named = !says.is_empty() || one.name == T.name;
        (!wants.is_empty() && named && says != wants).then_some((one, says, wants))
    });
    Some(differ.collect())
}

fn selectors_differ(case: Case<'_>, kept: &'static [Kept]) -> Vec<Clue> {
    let Some(differ) = wrong(case, kept) else { return Vec::new() };
    if differ.is_empty() {
        return vec![agree(case, "selectors")];
    }
    let clues = differ.iter().map(|(one, says, wants)| {
        let says = format!(
            "{} calls {} with the {} {}, and {} wants {}",
            case.actor(),
            case.target(),
            one.name,
            shown(says),
            case.target(),
            shown(wants)
        );
        setting(case, case.target(), says)
    });
    clues.collect()
}

/// A selector as a configuration may have it.
fn shown(hex: &str) -> String {
    if hex.is_empty() { "none".to_owned() } else { format!("0x{hex}") }
}

fn set_selectors(case: Case<'_>, kept: &'static [Kept]) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let differ = wrong(case, kept).unwrap_or_default();
    if differ.is_empty() {
        let keys: Vec<String> =
            kept.iter().map(|one| format!("{} with {}", one.called, one.own)).collect();
        return in_words(format!(
            "Compare {}: the first stands in the [[x400]] table of {actor} for {target}, the second in that of {target} for {actor}.",
            keys.join(", ")
        ));
    }
    let remedies = differ.iter().flat_map(|(one, _, wants)| {
        in_words(format!(
            "On {actor}, set {} = \"{}\" in the [[x400]] table for {target}{}; or on {target}, take {} out of the one for {actor}. Restart the server that was changed.",
            one.called,
            shown(wants),
            in_file(case, actor),
            one.own
        ))
    });
    remedies.collect()
}

fn modes_differ(case: Case<'_>) -> Vec<Clue> {
    let (Some(caller), Some(called)) = ends(case) else { return Vec::new() };
    if caller.mode.is_empty() || called.mode.is_empty() {
        return Vec::new();
    }
    if !called.same_mode || called.mode == caller.mode {
        return vec![agree(case, "modes")];
    }
    let says = format!(
        "{} calls in mode {}, and {} takes {} alone",
        case.actor(),
        caller.mode,
        case.target(),
        called.mode
    );
    vec![setting(case, case.target(), says)]
}

fn set_mode(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let mode = ends(case).1.map(|end| end.mode.as_str()).filter(|mode| !mode.is_empty());
    let mode = mode.map_or_else(
        || format!("as in that of {target} for {actor}"),
        |mode| format!("= \"{mode}\""),
    );
    in_words(format!(
        "On {actor}, set mode {mode} in the [[x400]] table for {target}{}; or on {target}, set incoming_mode = \"any\" in the one for {actor}. Restart the server that was changed.",
        in_file(case, actor)
    ))
}

fn dialogues_differ(case: Case<'_>) -> Vec<Clue> {
    let (Some(caller), Some(called)) = ends(case) else { return Vec::new() };
    if caller.dialogue.is_empty() || called.dialogue.is_empty() {
        return Vec::new();
    }
    if caller.dialogue == called.dialogue {
        return vec![agree(case, "dialogue")];
    }
    let says = format!(
        "{} says {}, and {} says {}",
        case.actor(),
        caller.dialogue,
        case.target(),
        called.dialogue
    );
    vec![setting(case, case.actor(), says)]
}

fn wrong_dialogue(case: Case<'_>) -> Vec<Clue> {
    logged(case, id::WRONG_DIALOGUE)
}

fn set_dialogue(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    in_words(format!(
        "Set dialogue alike in the [[x400]] table of {actor} for {target}{} and in that of {target} for {actor}{}: \"monologue\", or \"two-way-alternate\" in both. Restart the servers that were changed.",
        in_file(case, actor),
        in_file(case, target)
    ))
}
