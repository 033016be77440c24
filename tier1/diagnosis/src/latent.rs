//! What else would be refused once the cause that shows is cured.
//!
//! A server looks at one thing after the other and refuses at the first: a disabled account is not asked for its password's age, and of
//! an account that is not presented nobody looks at the role. Where an account was refused, its other defects stand in the list of
//! the server that refused, and so do those of the account that it expects.

use finding::{Cause, Diagnosis, Evidence, Remedy, Stop};

use crate::causes::{
    Case, RULES, account_command, behind, hidden_legacy, list_source, presented_account,
};
use crate::shell::command;
use crate::snapshot::AccountFacts;

/// Sure of the fact, and not that it stops anything yet.
const CONFIDENCE: f64 = 0.4;

/// The defects behind a refusal that no refusal showed yet.
pub(crate) fn diagnoses(case: Case<'_>) -> Vec<(String, Diagnosis)> {
    if !case.obstacle.denied() {
        return Vec::new();
    }
    let Some(target) = case.view.read(case.target()) else { return Vec::new() };
    let presented = presented_account(case);
    let expected = case.view.peer(case.target(), case.actor()).map(|peer| peer.account.clone());
    let mut names: Vec<String> = presented.iter().cloned().collect();
    names.extend(expected.filter(|name| !presented.as_ref().is_some_and(|one| same(one, name))));
    let mut found = Vec::new();
    if let Some(says) = hidden_legacy(case) {
        let (_, one) = diagnosis(case, ("", true), Cause::ServiceAccountMismatch, says);
        found.push((format!("{} presents it", case.actor()), one));
    }
    for name in names {
        let is_presented = presented.as_ref() == Some(&name);
        let Some(account) = target.account(&name) else { continue };
        for (cause, says) in defects(case, account) {
            found.push(diagnosis(case, (&name, is_presented), cause, says));
        }
    }
    found
}

fn same(a: &str, b: &str) -> bool {
    identity::upcase(a) == identity::upcase(b)
}

/// All that is wrong with an account, as the list has it.
fn defects(case: Case<'_>, account: &AccountFacts) -> Vec<(Cause, String)> {
    let mut found = Vec::new();
    for state in &account.states {
        let cause = match state.as_str() {
            "disabled" => Cause::AccountDisabled,
            "locked" => Cause::AccountLockedOut,
            "expired" => Cause::AccountExpired,
            "password-expired" | "must-change" => Cause::PasswordExpired,
            _ => continue,
        };
        found.push((cause, format!("{} is {state}, too", account.name)));
    }
    if account.network_logon == Some(false) {
        let says = format!("{}: {}", account.name, account.network_logon_source);
        found.push((Cause::LogonRightMissing, says));
    }
    // A role that an earlier account had, that waits for a restart or for the copy, is a cause of its own.
    let otherwise =
        account.rights_of_earlier || account.waits_for_restart || behind(case).next().is_some();
    if !account.missing.is_empty() && !otherwise {
        let says = format!("{} lacks its role on: {}", account.name, account.missing.join(", "));
        found.push((Cause::ServiceAccountLacksDirectoryRight, says));
    }
    found
}

fn diagnosis(
    case: Case<'_>,
    (name, is_presented): (&str, bool),
    cause: Cause,
    says: String,
) -> (String, Diagnosis) {
    let mut diagnosis = Diagnosis::new(cause, CONFIDENCE);
    diagnosis.evidence.push(Evidence::new(list_source(case), says, 0.5));
    let rule = RULES.iter().find(|rule| rule.cause == cause);
    if let Some(rule) = rule {
        diagnosis.reads = vec![rule.page.to_owned()];
        diagnosis.remedy =
            if is_presented { (rule.remedy)(case) } else { vec![remedy(case, name, cause)] };
    }
    diagnosis.stops = vec![Stop { from: case.actor().to_owned(), to: case.target().to_owned() }];
    (format!("{} refuses {name}", case.target()), diagnosis)
}

/// The cure for the account that is expected and was not presented.
fn remedy(case: Case<'_>, name: &str, cause: Cause) -> Remedy {
    let target = case.target();
    let words: &[&str] = match cause {
        Cause::AccountDisabled => &["enable"],
        Cause::AccountLockedOut => &["unlock"],
        Cause::AccountExpired => &["expire", "--never"],
        Cause::LogonRightMissing => &["rights", "--network-logon", "default"],
        Cause::ServiceAccountLacksDirectoryRight => &["grant", "--role", "service-account-admin"],
        _ => &["set-password"],
    };
    let (verb, more) = words.split_first().unwrap_or((&"show", &[]));
    let mut all = vec!["bindback", "account", verb, name];
    all.extend(more);
    all.extend(case.view.config(target).into_iter().flat_map(|config| ["-c", config]));
    Remedy {
        text: format!(
            "On {target}, mend {name} as well: it is the account that is expected of {}.",
            case.actor()
        ),
        command: Some(if cause == Cause::PasswordExpired {
            account_command(case, "set-password", false, true)
        } else {
            command(&all)
        }),
    }
}
