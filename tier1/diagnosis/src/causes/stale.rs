//! A name that is resolved, and leads to an address where the server is not.
//!
//! The called server says itself which address it listens on. A name that leads elsewhere was right once, or never; whether
//! anybody answers there does not matter.

use std::net::IpAddr;

use event::Layer;
use finding::{Cause, Remedy};

use crate::address;
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::shell::command;
use crate::snapshot::ProbeResult;

pub(crate) const STALE_ENTRY: Rule = Rule {
    cause: Cause::LmhostsStaleEntry,
    prior: 0.1,
    clues: &[elsewhere, not_by_the_way],
    subject: |case| format!("{} looks for {} elsewhere", case.actor(), case.target()),
    remedy: correct,
    page: "docs/findings/lmhosts-stale-entry.md",
    text: include_str!("../../../../docs/findings/lmhosts-stale-entry.md"),
};

/// A name of the target with the addresses that the actor takes for its.
struct Resolved<'a> {
    name: &'a str,
    from: String,
    addresses: Vec<IpAddr>,
    /// From the actor's own table.
    in_table: bool,
    kind: Kind,
}

/// The address that the target listens on, by its own word.
fn home(case: Case<'_>) -> Option<IpAddr> {
    address::usable(&case.view.read(case.target())?.rpc)
}

/// What the actor makes of the target's names: by its table, and by live checks.
fn resolved(case: Case<'_>) -> Vec<Resolved<'_>> {
    let (actor, target) = (case.actor(), case.target());
    let names = [case.view.host_name(actor, target), case.view.bind_back_name(actor, target)];
    let mut found = Vec::new();
    for name in names.into_iter().flatten() {
        let table = case.view.read(actor).into_iter().flat_map(|server| &server.hosts);
        for (_, list) in table.filter(|(host, _)| host.eq_ignore_ascii_case(name)) {
            let addresses: Vec<IpAddr> =
                list.iter().filter_map(|text| address::parse(text)).collect();
            let from = format!("{actor} hosts");
            found.push(Resolved { name, from, addresses, in_table: true, kind: Kind::Setting });
        }
        let checks = case.obstacle.checks.iter().filter(|check| {
            let (host, _) = address::host_port(&check.target);
            check.check == "resolve"
                && check.result == ProbeResult::Ok
                && host.eq_ignore_ascii_case(name)
        });
        for check in checks {
            let addresses: Vec<IpAddr> =
                check.detail.split(',').filter_map(address::parse).collect();
            let from = format!("{} check resolve", check.from);
            found.push(Resolved { name, from, addresses, in_table: false, kind: Kind::Probe });
        }
    }
    found.retain(|one| !one.addresses.is_empty());
    found
}

/// The names that lead elsewhere.
fn wrong(case: Case<'_>) -> Vec<Resolved<'_>> {
    let Some(home) = home(case) else { return Vec::new() };
    let mut all = resolved(case);
    all.retain(|one| one.addresses.iter().all(|address| address.to_canonical() != home));
    all
}

/// What speaks against a trouble of the target's ports: it was not the target that was called.
pub(crate) fn not_the_target(case: Case<'_>) -> Vec<Clue> {
    let one = wrong(case).into_iter().next();
    let clue = one.map(|one| {
        let says = format!("{} does not lead to {}", one.name, case.target());
        Clue::against(Kind::Reason, 0.7, &one.from, says)
    });
    clue.into_iter().collect()
}

fn elsewhere(case: Case<'_>) -> Vec<Clue> {
    let Some(home) = home(case) else {
        let says = format!("where {} listens is not known", case.target());
        return vec![Clue::against(Kind::Setting, 0.8, case.target(), says)];
    };
    let clues = wrong(case).into_iter().map(|one| {
        let list: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
        let says = format!(
            "{} leads to {}, and {} listens on {home}",
            one.name,
            list.join(", "),
            case.target()
        );
        let weight = if one.kind == Kind::Setting { 0.9 } else { 0.7 };
        Clue::speaks_for(one.kind, weight, &one.from, says)
    });
    let clues: Vec<Clue> = clues.collect();
    if clues.is_empty() {
        let says = format!("no name of {} leads elsewhere than to {home}", case.target());
        return vec![Clue::against(Kind::Setting, 0.95, case.target(), says)];
    }
    clues
}

/// Access was denied by whoever has the address, and not by the target, which would have written it down.
pub(crate) fn denied_by_another(case: Case<'_>) -> bool {
    let by_table = |one: Resolved<'_>| one.in_table;
    case.obstacle.refusals.is_empty()
        && case.view.read(case.target()).is_some()
        && wrong(case).into_iter().any(by_table)
}

/// A way that failed is what such a name leads to; a denial is not, and a name that is not resolved is another trouble.
fn not_by_the_way(case: Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    for witness in &case.obstacle.witnesses {
        if witness.denied() && denied_by_another(case) {
            let says = format!("{}, and {} has refused nobody", witness.says, case.target());
            clues.push(Clue::speaks_for(Kind::Symptom, 0.5, &witness.source, says));
            continue;
        }
        let elsewhere = witness.denied()
            || matches!(
                witness.layer,
                Some(Layer::Name | Layer::Authentication | Layer::AccessCheck)
            );
        clues.push(if elsewhere {
            let says = format!("{}: it did not fail by the way", witness.says);
            Clue::against(Kind::Symptom, 0.92, &witness.source, says)
        } else {
            Clue::speaks_for(Kind::Symptom, 0.3, &witness.source, &*witness.says)
        });
    }
    if clues.is_empty() && case.obstacle.denied() {
        let says = format!("{} was reached and denied access", case.target());
        clues.push(Clue::against(Kind::Symptom, 0.92, case.target(), says));
    }
    clues
}

fn correct(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let mut remedies = Vec::new();
    let Some(home) = home(case) else { return remedies };
    let mut done: Vec<&str> = Vec::new();
    for one in wrong(case) {
        if done.contains(&one.name) {
            continue;
        }
        done.push(one.name);
        let address = home.to_string();
        let text =
            format!("On {actor}, let {} lead to {address}, where {target} listens.", one.name);
        if one.in_table {
            let mut words = vec!["bindback", "hosts", "set", one.name, address.as_str()];
            words.extend(case.view.config(actor).into_iter().flat_map(|config| ["-c", config]));
            remedies.extend(with_command(text, command(&words)));
        } else {
            remedies.extend(in_words(format!(
                "{text} It comes from DNS or the system's table of names: correct it there, or enter it with \
                 \"bindback hosts set {} {address}\", which comes first.",
                one.name
            )));
        }
    }
    remedies
}
