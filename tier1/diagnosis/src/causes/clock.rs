//! Clocks: Kerberos takes no proof of a server whose clock is more than five minutes from its own (RFC 4120 3.2.3).

use finding::{Cause, Remedy};
use jiff::SignedDuration;

use crate::causes::rule::{Case, Clue, Kind, Rule, in_words};

/// `ERROR_TIME_SKEW`, what Kerberos means by KRB_AP_ERR_SKEW and by tickets of another time.
const TIME_SKEW: u32 = 1398;
/// What Kerberos takes (RFC 4120 3.2.3).
const TAKEN: SignedDuration = SignedDuration::from_mins(5);

pub(crate) const CLOCK_SKEW: Rule = Rule {
    cause: Cause::ClockSkew,
    prior: 0.1,
    clues: &[code, clocks],
    subject: |case| {
        let (one, other) = (case.actor(), case.target());
        format!("the clocks of {} and {}", one.min(other), one.max(other))
    },
    remedy: set_clock,
    page: "docs/findings/clock-skew.md",
    text: include_str!("../../../../docs/findings/clock-skew.md"),
};

/// The code of the newest refusal, and of the actor's own failure to get a ticket.
fn code(case: Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    for witness in case.obstacle.witnesses.iter().filter(|witness| !witness.denied()) {
        clues.push(if witness.code == TIME_SKEW {
            Clue::speaks_for(Kind::Symptom, 0.85, &witness.source, &*witness.says)
        } else {
            let says = format!("{}: no clock was looked at", witness.says);
            Clue::against(Kind::Symptom, 0.9, &witness.source, says)
        });
    }
    if let Some(newest) = case.obstacle.refusals.first() {
        let says = super::auth::refusal_says(case, newest);
        clues.push(if newest.code == TIME_SKEW {
            Clue::speaks_for(Kind::Reason, 0.9, &newest.source, says)
        } else {
            Clue::against(Kind::Reason, 0.92, &newest.source, says)
        });
    } else if clues.is_empty() {
        let says = format!("{} refused no proof for its time", case.target());
        clues.push(Clue::against(Kind::Reason, 0.6, case.target(), says));
    }
    clues
}

/// How far the target's clock is ahead of the actor's, where both were read.
fn ahead(case: Case<'_>) -> Option<SignedDuration> {
    let clock = |name| case.view.read(name)?.clock;
    Some(clock(case.target())?.duration_since(clock(case.actor())?))
}

fn clocks(case: Case<'_>) -> Vec<Clue> {
    let Some(ahead) = ahead(case).filter(|ahead| ahead.abs() > TAKEN) else { return Vec::new() };
    vec![Clue::speaks_for(
        Kind::Setting,
        0.9,
        &format!("{} clock", case.target()),
        apart(case, ahead),
    )]
}

fn apart(case: Case<'_>, ahead: SignedDuration) -> String {
    let (way, seconds) = if ahead.is_negative() {
        ("behind", -ahead.as_secs())
    } else {
        ("ahead of", ahead.as_secs())
    };
    format!("the clock of {} is {seconds} s {way} that of {}", case.target(), case.actor())
}

fn set_clock(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let known = ahead(case).map_or_else(String::new, |ahead| format!(": {}", apart(case, ahead)));
    let text = format!(
        "Set the clock of the one of {actor} and {target} that differs from the domain controllers' (5 minutes are taken), and keep it by NTP{known}."
    );
    let again = format!(
        "Restart the server whose clock was set, and send what waits: bindback queue retry --all, on {actor} and on {target}."
    );
    [text, again].into_iter().flat_map(in_words).collect()
}
