//! X.400 over TCP: what two MTAs prove to each other when they bind.
//!
//! The caller hears "authentication-error" and no more; the MTA that refuses logs 48 or 51 with both
//! names and with what differs. It checks callers and, as a caller, the answer.

use event::Layer;
use finding::{Cause, Remedy};

use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::obstacle::MtaRefusal;
use crate::shell::command;
use crate::snapshot::ConnectorFacts;

/// X.411 MTABindError: authentication-error.
const AUTHENTICATION_ERROR: u32 = 2;

pub(crate) const PASSWORD: Rule = Rule {
    cause: Cause::MtaPasswordMismatch,
    prior: 0.3,
    clues: &[password_refused, bind_refused],
    subject: |case| format!("{} refuses the password of the MTA {}", case.target(), case.actor()),
    remedy: set_password,
    page: "docs/findings/mta-password-mismatch.md",
    text: include_str!("../../../../docs/findings/mta-password-mismatch.md"),
};

pub(crate) const NAME: Rule = Rule {
    cause: Cause::ConnectorRemoteNameMismatch,
    prior: 0.2,
    clues: &[name_refused, bind_refused],
    subject: |case| format!("{} refuses the name of the MTA {}", case.target(), case.actor()),
    remedy: set_name,
    page: "docs/findings/connector-remote-name-mismatch.md",
    text: include_str!("../../../../docs/findings/connector-remote-name-mismatch.md"),
};

fn is_name(refusal: &MtaRefusal) -> bool {
    matches!(refusal.differs.as_str(), "name" | "name-case")
}

fn password_refused(case: Case<'_>) -> Vec<Clue> {
    refused(case, |refusal| !is_name(refusal))
}

fn name_refused(case: Case<'_>) -> Vec<Clue> {
    refused(case, is_name)
}

/// What the target refused, for the cause or against it.
fn refused(case: Case<'_>, mine: impl Fn(&MtaRefusal) -> bool) -> Vec<Clue> {
    let clues = case.obstacle.mta_refusals.iter().map(|refusal| {
        let what = match refusal.differs.as_str() {
            "password" => "the password that it presented is not the one expected",
            "password-case" => "the password that it presented differs only in case",
            "name-case" => "the MTA name that it presented differs only in case",
            "name" => "the MTA name that it presented is not the one expected",
            "unauthenticated" => "it presented no credentials",
            _ => "its credentials are of a kind that is not supported",
        };
        let says = format!(
            "{} refused the MTA {}: {what} (presented {:?}, expected {:?}), at {}",
            case.target(),
            case.actor(),
            refusal.presented,
            refusal.expected,
            refusal.time
        );
        if mine(refusal) {
            Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, says)
        } else {
            Clue::against(Kind::Reason, 0.92, &refusal.source, says)
        }
    });
    clues.collect()
}

/// The other MTA's word, which does not tell password and name apart; anything else speaks
/// against both.
fn bind_refused(case: Case<'_>) -> Vec<Clue> {
    let mut clues: Vec<Clue> = Vec::new();
    for witness in &case.obstacle.witnesses {
        let by_mta = witness.layer == Some(Layer::Authentication)
            && witness.code == AUTHENTICATION_ERROR
            && connector(case, case.actor(), case.target()).is_some();
        clues.push(if by_mta {
            Clue::speaks_for(Kind::Symptom, 0.5, &witness.source, &*witness.says)
        } else {
            let says = format!("{}: no credentials of an MTA were refused", witness.says);
            Clue::against(Kind::Symptom, 0.95, &witness.source, says)
        });
    }
    if clues.is_empty() && case.obstacle.mta_refusals.is_empty() {
        let says = format!("{} refused no credentials of an MTA", case.target());
        clues.push(Clue::against(Kind::Symptom, 0.95, case.target(), says));
    }
    clues
}

fn connector<'a>(case: Case<'a>, on: &str, to: &str) -> Option<&'a ConnectorFacts> {
    case.view.peer(on, to)?.x400.as_ref()
}

fn set_password(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let text = format!(
        "On {target}, set the password expected of the MTA {actor} to the one that {actor} presents."
    );
    let file = connector(case, actor, target).and_then(|own| own.local_password_file.as_deref());
    let Some(file) = file else {
        return in_words(format!(
            "{text} The file of {actor} with it is not known here: ask its operator, then use \"bindback x400 set-password \
             {actor} --remote\" on {target}."
        ));
    };
    let mut words =
        vec!["bindback", "x400", "set-password", actor, "--remote", "--password-file", file];
    if let Some(config) = case.view.config(target) {
        words.extend(["-c", config]);
    }
    with_command(text, command(&words))
}

fn set_name(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let newest = case.obstacle.mta_refusals.iter().find(|refusal| is_name(refusal));
    let Some(refusal) = newest else {
        return in_words(format!(
            "Give the [[x400]] table of {target} for {actor} the MTA name that {actor} presents."
        ));
    };
    let case_only = if refusal.differs == "name-case" {
        ", or set name_case = \"ignore\" there: it differs only in case"
    } else {
        ""
    };
    in_words(format!(
        "On {target}, give the [[x400]] table the name {:?} in place of {:?}{case_only}; or on {actor}, set local_name to {:?}.",
        refusal.presented, refusal.expected, refusal.expected
    ))
}
