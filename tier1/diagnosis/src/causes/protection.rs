//! How two servers protect what they say: an account that is right is refused because its session is too weak.
//!
//! On the wire all of it is "access denied". The refusing server's security event 9297 names the step at which it refused, and the
//! settings of both servers stand beside each other.

use finding::{Cause, Remedy};

use crate::causes::auth::{ACCESS_DENIED, account_words, denied, refusal_says};
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words};

/// What a server may ask of its callers' sessions, weakest first.
const LEVELS: [&str; 2] = ["integrity", "privacy"];

pub(crate) const SESSION_SECURITY: Rule = Rule {
    cause: Cause::NtlmSessionSecurityMismatch,
    prior: 0.1,
    clues: &[denied, |case| steps(case, &["session-security", "level", KEYS]), levels],
    subject,
    remedy: strengthen,
    page: "docs/findings/ntlm-session-security-mismatch.md",
    text: include_str!("../../../../docs/findings/ntlm-session-security-mismatch.md"),
};

pub(crate) const NTLM_VERSION: Rule = Rule {
    cause: Cause::LmCompatibilityMismatch,
    prior: 0.1,
    clues: &[denied, |case| steps(case, &["ntlm-version"])],
    subject: |case| format!("{} answers {} with an old NTLM", case.actor(), case.target()),
    remedy: raise_version,
    page: "docs/findings/lm-compatibility-mismatch.md",
    text: include_str!("../../../../docs/findings/lm-compatibility-mismatch.md"),
};

/// The step of a refusal after the logon: what was protected cannot be read.
const KEYS: &str = "session-keys";

/// Keys that differ are the trouble of both, whoever calls.
fn subject(case: Case<'_>) -> String {
    let (actor, target) = (case.actor(), case.target());
    if keys_differ(case) {
        return format!(
            "{} and {} derive other session keys",
            actor.min(target),
            actor.max(target)
        );
    }
    format!("{actor} protects its calls to {target} too little")
}

fn keys_differ(case: Case<'_>) -> bool {
    let newest = case.obstacle.refusals.first();
    newest.is_some_and(|refusal| refusal.step.as_deref() == Some(KEYS))
}

/// The newest refusal was at one of these steps, or at another.
fn steps(case: Case<'_>, mine: &[&str]) -> Vec<Clue> {
    let Some(newest) = case.obstacle.refusals.first() else { return Vec::new() };
    let (source, says) = (&*newest.source, refusal_says(case, newest));
    match newest.step.as_deref() {
        Some(step) if mine.contains(&step) => {
            vec![Clue::speaks_for(Kind::Reason, 0.9, source, says)]
        }
        // A record without a step may be of any, as far as its code allows.
        None if newest.code == ACCESS_DENIED => {
            vec![Clue::against(Kind::Reason, 0.6, source, says)]
        }
        _ => vec![Clue::against(Kind::Reason, 0.92, source, says)],
    }
}

/// The level of the actor's calls and the least that the target takes, where both are known.
fn both(case: Case<'_>) -> Option<(&str, &str)> {
    let of = |name| case.view.server(name).map(|server| server.rpc_level.as_str());
    let (actor, target) = (of(case.actor())?, of(case.target())?);
    (!actor.is_empty() && !target.is_empty()).then_some((actor, target))
}

fn is_weaker(actor: &str, target: &str) -> bool {
    let place = |level: &str| LEVELS.iter().position(|one| *one == level);
    place(actor) < place(target)
}

fn levels(case: Case<'_>) -> Vec<Clue> {
    let Some((actor, target)) = both(case) else { return Vec::new() };
    if !is_weaker(actor, target) || !case.obstacle.denied() {
        return Vec::new();
    }
    let says = format!(
        "{} protects its calls by {actor}, and {} takes {target} at least",
        case.actor(),
        case.target()
    );
    vec![Clue::speaks_for(Kind::Setting, 0.9, &format!("{} rpc.level", case.actor()), says)]
}

fn strengthen(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let file = |server| {
        let path = case.view.config(server);
        path.map_or_else(String::new, |path| format!(" in {path}"))
    };
    if let Some((_, wanted)) = both(case).filter(|(has, wants)| is_weaker(has, wants)) {
        return in_words(format!(
            "On {actor}, set level = \"{wanted}\" in [rpc]{}, and restart {actor}.",
            file(actor)
        ));
    }
    if keys_differ(case) {
        let text = format!(
            "{actor} and {target} agree on 128-bit keys, and one of them seals with fewer. Compare the modules of both where one is no Bindback \
             server (bindback doctor --modules FOLDER --modules FOLDER): schannel.dll, ntlmssps.dll and security.dll of one server have to be of one strength."
        );
        let cure = "Make all of them 128-bit, or put back the matching 56-bit ones, and restart that server: the pages of this cause say how.";
        return [text, cure.to_owned()].into_iter().flat_map(in_words).collect();
    }
    in_words(format!(
        "Give {actor} NTLM with 128-bit keys, as {target} asks for. Until that can be done, {target} can take 56-bit keys, which can be \
         broken: insecure = \"56-bit\" in [rpc]{}.",
        file(target)
    ))
}

fn raise_version(case: Case<'_>) -> Vec<Remedy> {
    in_words(format!(
        "Let {} answer with NTLM version 2 (on Windows: LmCompatibilityLevel 3 or higher) when it logs on as {}. {} refuses version 1, \
         which can be broken.",
        case.actor(),
        account_words(case),
        case.target()
    ))
}
