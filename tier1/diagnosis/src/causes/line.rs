//! The quality of the line: what arrives late, in part, or slowly.
//!
//! Mail may crawl over such a line and nothing have failed yet: a measure beyond its threshold is enough. Loss explains large calls
//! that are not answered and low throughput, so it goes before both.

use finding::{Cause, Remedy};

use crate::causes::rule::{Case, Clue, Kind, Rule, in_words};
use crate::snapshot::{ProbeFact, ProbeResult};

pub(crate) const LOSS: Rule = Rule {
    cause: Cause::NetworkUnreliable,
    prior: 0.1,
    clues: &[|case| measure(case, "loss", &[]), not_refused],
    subject,
    remedy: |case| {
        mend(
            case,
            "Packets are lost on the way. Look for the link that loses them: counters of errors and drops on each interface (ip -s link), cables, duplex, radio, an overloaded line.",
        )
    },
    page: "docs/findings/network-unreliable.md",
    text: include_str!("../../../../docs/findings/network-unreliable.md"),
};

pub(crate) const LARGE_PACKETS: Rule = Rule {
    cause: Cause::MtuPathLimited,
    prior: 0.1,
    clues: &[|case| measure(case, "large-packets", &["loss"]), not_refused],
    subject,
    remedy: |case| {
        mend(
            case,
            "Large packets are dropped on the way, and nobody says so. Let routers and firewalls send ICMP \"fragmentation needed\" (type 3, code 4; packet too big in IPv6), or set a smaller MTU at both ends, or clamp the MSS of TCP on the tunnel; net.ipv4.tcp_mtu_probing = 1 helps the sender.",
        )
    },
    page: "docs/findings/mtu-path-limited.md",
    text: include_str!("../../../../docs/findings/mtu-path-limited.md"),
};

pub(crate) const THROUGHPUT: Rule = Rule {
    cause: Cause::NetworkInsufficientBandwidth,
    prior: 0.1,
    clues: &[|case| measure(case, "throughput", &["loss"]), not_refused],
    subject,
    remedy: |case| {
        mend(
            case,
            "The line is slower than 128 kbit/s: give it more, take other traffic off it, or let large mail wait for the night (schedule of a connector, a limit of size).",
        )
    },
    page: "docs/findings/network-insufficient-bandwidth.md",
    text: include_str!("../../../../docs/findings/network-insufficient-bandwidth.md"),
};

/// One line, whoever looks along it.
fn subject(case: Case<'_>) -> String {
    let mut both = [case.actor(), case.target()];
    both.sort_unstable();
    format!("the line between {} and {}", both[0], both[1])
}

fn checks<'a>(case: Case<'a>, kind: &str) -> impl Iterator<Item = &'a ProbeFact> {
    case.obstacle.checks.iter().copied().filter(move |check| check.check == kind)
}

/// True when the line was looked at and found bad: what waits on it waits for that.
pub(crate) fn is_bad(case: Case<'_>) -> Option<&ProbeFact> {
    let kinds = crate::obstacle::LINE_CHECKS;
    let mut bad =
        case.obstacle.checks.iter().copied().filter(|check| {
            kinds.contains(&check.check.as_str()) && check.result != ProbeResult::Ok
        });
    bad.next()
}

fn measure(case: Case<'_>, kind: &str, explained_by: &[&str]) -> Vec<Clue> {
    let bad = |kind: &str| checks(case, kind).find(|check| check.result != ProbeResult::Ok);
    let source = |check: &ProbeFact| format!("{} check {}", check.from, check.check);
    if let Some(check) = bad(kind) {
        let says = format!("{}: {}", check.target, check.detail);
        let mut clues = vec![Clue::speaks_for(Kind::Probe, 0.85, &source(check), says)];
        for other in explained_by.iter().filter_map(|kind| bad(kind)) {
            let says = format!("{}: that explains it", other.detail);
            clues.push(Clue::against(Kind::Life, 0.6, &source(other), says));
        }
        return clues;
    }
    let says = match checks(case, kind).next() {
        Some(check) => format!("{}: {}", check.target, check.detail),
        None => "the line was not measured".to_owned(),
    };
    vec![Clue::against(Kind::Probe, 0.95, case.actor(), says)]
}

/// A refusal came through: whatever the line is like, it is not what stops mail.
fn not_refused(case: Case<'_>) -> Vec<Clue> {
    if !case.obstacle.denied() {
        return Vec::new();
    }
    let says = format!("{} was reached and denied access", case.target());
    vec![Clue::against(Kind::Symptom, 0.5, case.target(), says)]
}

fn mend(case: Case<'_>, what: &str) -> Vec<Remedy> {
    in_words(format!(
        "Between {} and {}: {what} Then let waiting mail be tried: bindback queue retry --all.",
        case.actor(),
        case.target()
    ))
}
