//! Names: that of the server to call, and the one that a caller hands over for the bind-back.

use event::Layer;
use finding::{Cause, Remedy};

use crate::address;
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::obstacle::{Step, Witness};
use crate::shell::command;
use crate::snapshot::ProbeResult;

pub(crate) const REMOTE_NAME: Rule = Rule {
    cause: Cause::RemoteNameUnresolvable,
    prior: 0.3,
    clues: &[call_failed, host_checked, host_table, bind_back_shares_host],
    subject: |case| {
        format!("{} cannot resolve {}", case.actor(), host(case).unwrap_or(case.target()))
    },
    remedy: |case| remedy(case, host(case)),
    page: "docs/findings/remote-name-unresolvable.md",
    text: include_str!("../../../../docs/findings/remote-name-unresolvable.md"),
};

pub(crate) const BIND_BACK_NAME: Rule = Rule {
    cause: Cause::BindbackNameUnresolvable,
    prior: 0.25,
    clues: &[bind_back_failed, bind_back_checked, bind_back_table, host_fails_alike],
    subject: |case| {
        format!("{} cannot resolve {}", case.actor(), bind_back(case).unwrap_or(case.target()))
    },
    remedy: |case| remedy(case, bind_back(case)),
    page: "docs/findings/bindback-name-unresolvable.md",
    text: include_str!("../../../../docs/findings/bindback-name-unresolvable.md"),
};

fn host(case: Case<'_>) -> Option<&str> {
    case.view.host_name(case.actor(), case.target())
}

/// The name handed over; where nobody's configuration is known, the protocol string shows it while it is unresolved.
fn bind_back(case: Case<'_>) -> Option<&str> {
    let shown = || {
        let strings = case
            .obstacle
            .of_step(Step::BindBack)
            .filter_map(|witness| witness.protocol_string.as_deref());
        strings.map(bare_name).find(|name| !name.is_empty() && address::parse(name).is_none())
    };
    case.view.bind_back_name(case.actor(), case.target()).or_else(shown)
}

/// `ncacn_ip_tcp:name[port]` without protocol sequence and port.
fn bare_name(protocol_string: &str) -> &str {
    let rest =
        protocol_string.split_once("ncacn_ip_tcp:").map_or(protocol_string, |(_, rest)| rest);
    rest.split('[').next().unwrap_or(rest).trim()
}

fn same_name(case: Case<'_>) -> bool {
    matches!((host(case), bind_back(case)), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

fn call_failed(case: Case<'_>) -> Vec<Clue> {
    failed(case, Step::Call)
}

fn bind_back_failed(case: Case<'_>) -> Vec<Clue> {
    failed(case, Step::BindBack)
}

/// How far the step got: not past the name, or further.
fn failed(case: Case<'_>, step: Step) -> Vec<Clue> {
    let mut clues: Vec<Clue> =
        case.obstacle.of_step(step).map(|witness| by_layer(case, witness)).collect();
    if clues.is_empty() && case.obstacle.denied() {
        let says = format!("{} was reached and denied access", case.target());
        clues.push(Clue::against(Kind::Symptom, 0.9, case.target(), says));
    }
    clues
}

fn by_layer(case: Case<'_>, witness: &Witness) -> Clue {
    let clearly = if witness.first_hand { 0.85 } else { 0.6 };
    match (witness.layer, witness.code) {
        (Some(Layer::Name), _) => {
            Clue::speaks_for(Kind::Symptom, clearly, &witness.source, &*witness.says)
        }
        (None, 1722) => Clue::speaks_for(Kind::Symptom, 0.3, &witness.source, &*witness.says),
        _ => {
            let says = format!("{}: the name of {} was resolved", witness.says, case.target());
            Clue::against(Kind::Symptom, 0.92, &witness.source, says)
        }
    }
}

fn host_checked(case: Case<'_>) -> Vec<Clue> {
    checked(case, host(case))
}

fn bind_back_checked(case: Case<'_>) -> Vec<Clue> {
    checked(case, bind_back(case))
}

/// What live checks of this very name gave.
fn checked(case: Case<'_>, name: Option<&str>) -> Vec<Clue> {
    let Some(name) = name else { return Vec::new() };
    let mine = case.obstacle.checks.iter().filter(|check| {
        let (host, _) = address::host_port(&check.target);
        check.check == "resolve" && host.eq_ignore_ascii_case(name)
    });
    let clues = mine.map(|check| {
        let source = format!("{} check resolve", check.from);
        match check.result {
            ProbeResult::Ok => {
                let says = format!("{} resolves {name} now {}", check.from, check.detail);
                Clue::against(Kind::Probe, 0.85, &source, says.trim_end())
            }
            _ => {
                let says = format!("{} does not resolve {name} {}", check.from, check.detail);
                Clue::speaks_for(Kind::Probe, 0.7, &source, says.trim_end())
            }
        }
    });
    clues.collect()
}

fn host_table(case: Case<'_>) -> Vec<Clue> {
    table(case, host(case), Step::Call)
}

fn bind_back_table(case: Case<'_>) -> Vec<Clue> {
    table(case, bind_back(case), Step::BindBack)
}

/// Whether the actor's own table of names has this one; said only where the step failed by the name.
fn table(case: Case<'_>, name: Option<&str>, step: Step) -> Vec<Clue> {
    let (Some(name), Some(actor)) = (name, case.view.read(case.actor())) else { return Vec::new() };
    let by_name = case.obstacle.of_step(step).any(|witness| witness.layer == Some(Layer::Name));
    if !by_name || actor.hosts.keys().any(|host| host.eq_ignore_ascii_case(name)) {
        return Vec::new();
    }
    let says = format!("{name} is not in the table of names of {}", actor.name);
    vec![Clue::speaks_for(Kind::Setting, 0.2, &format!("{} hosts", actor.name), says)]
}

/// Nothing is known of a call, but the bind-back failed by a name that is the host name too.
fn bind_back_shares_host(case: Case<'_>) -> Vec<Clue> {
    let calls = case.obstacle.of_step(Step::Call).count();
    let mut by_name =
        case.obstacle.of_step(Step::BindBack).filter(|witness| witness.layer == Some(Layer::Name));
    match by_name.next() {
        Some(witness) if calls == 0 && same_name(case) => {
            vec![Clue::speaks_for(
                Kind::Symptom,
                0.3,
                &witness.source,
                format!("{}: it is the host name too", witness.says),
            )]
        }
        _ => Vec::new(),
    }
}

/// One name serves both, and ordinary calls fail by it too: then it is the host name that is missing.
fn host_fails_alike(case: Case<'_>) -> Vec<Clue> {
    let mut calls =
        case.obstacle.of_step(Step::Call).filter(|witness| witness.layer == Some(Layer::Name));
    match calls.next() {
        Some(witness) if same_name(case) => {
            let says = format!(
                "{}: the name is the host name, and calls fail by it as well",
                witness.says
            );
            vec![Clue::against(Kind::Setting, 0.5, &witness.source, says)]
        }
        _ => Vec::new(),
    }
}

fn remedy(case: Case<'_>, name: Option<&str>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let Some(name) = name else {
        return in_words(format!(
            "Make the name of {target} resolvable on {actor}, in DNS or in its table of names."
        ));
    };
    let Some(address) = case.view.address_of(target, name) else {
        return in_words(format!(
            "Make {name} resolvable on {actor}: find the address of {target}, then enter it in DNS or with \"bindback hosts \
             set {name} ADDRESS\"."
        ));
    };
    let address = address.to_string();
    let mut words = vec!["bindback", "hosts", "set", name, address.as_str()];
    if let Some(config) = case.view.config(actor) {
        words.extend(["-c", config]);
    }
    with_command(
        format!("On {actor}, enter {name} with the address {address} of {target}."),
        command(&words),
    )
}
