//! Accounts: a wrong password, an account that is not there, an account without the role.
//!
//! All three look alike from the caller's side (code 5, as the wire gave it). They are told apart by the exact code in the
//! refusing server's security event 9297, and by its list of accounts.

use finding::{Cause, Remedy};

use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::causes::stale::denied_by_another;
use crate::obstacle::Refusal;
use crate::shell::command;
use crate::snapshot::AccountFacts;

/// The role that an account needs to exchange mail.
const ROLE: &str = "service-account-admin";

const WRONG_PASSWORD: u32 = 1326;
/// What a Kerberos ticket is refused with that does not fit the keys of the service's keytab.
const WRONG_KEY: u32 = 1396;
pub(crate) const NO_SUCH_USER: u32 = 1317;
pub(crate) const ACCESS_DENIED: u32 = 5;
/// How a security event names a caller whom nothing names.
pub(crate) const NOBODY: &str = "(nobody)";

pub(crate) const PASSWORD_MISMATCH: Rule = Rule {
    cause: Cause::ServiceAccountPasswordMismatch,
    prior: 0.33,
    clues: &[denied, wrong_password, password_list, another_account],
    subject,
    remedy: set_password,
    page: "docs/findings/service-account-password-mismatch.md",
    text: include_str!("../../../../docs/findings/service-account-password-mismatch.md"),
};

pub(crate) const ACCOUNT_MISSING: Rule = Rule {
    cause: Cause::ServiceAccountMissing,
    prior: 0.28,
    clues: &[denied, no_such_user, missing_list, made_again, another_account],
    subject,
    remedy: add_account,
    page: "docs/findings/service-account-missing.md",
    text: include_str!("../../../../docs/findings/service-account-missing.md"),
};

pub(crate) const LACKS_RIGHT: Rule = Rule {
    cause: Cause::ServiceAccountLacksDirectoryRight,
    prior: 0.3,
    clues: &[denied, no_right, role_list, not_the_grant, another_account],
    subject,
    remedy: grant_role,
    page: "docs/findings/service-account-lacks-directory-right.md",
    text: include_str!("../../../../docs/findings/service-account-lacks-directory-right.md"),
};

/// Steps of the access check at which the role was not the question.
const NOT_THE_ROLE: [&str; 10] = [
    "peer",
    "called-name",
    "bind-back-name",
    "account",
    "token",
    "authentication",
    "ntlm-version",
    "session-security",
    "session-keys",
    "level",
];

/// The account that the actor presents to the target.
pub(crate) fn account(case: Case<'_>) -> Option<String> {
    // A ticket that cannot be read does not tell whose it is.
    let named = |refusal: &Refusal| refusal.user.clone().filter(|user| user != NOBODY);
    let refused = case.obstacle.refusals.iter().find_map(named);
    let own = || case.view.server(case.actor()).map(|server| server.service_account.clone());
    let expected = || case.view.peer(case.target(), case.actor()).map(|peer| peer.account.clone());
    let known = refused.or_else(|| own().filter(|name| !name.is_empty()));
    known.or_else(expected).filter(|name| !name.is_empty())
}

pub(crate) fn account_words(case: Case<'_>) -> String {
    account(case).unwrap_or_else(|| format!("the service account of {}", case.actor()))
}

pub(crate) fn subject(case: Case<'_>) -> String {
    format!("{} refuses {}", case.target(), account_words(case))
}

/// Who proves itself with Kerberos found no KDC: `ERROR_NO_LOGON_SERVERS` of its own call.
pub(crate) const NO_KDC: u32 = 1311;

/// Access was denied, or it failed in another way and accounts have nothing to do with it.
pub(crate) fn denied(case: Case<'_>) -> Vec<Clue> {
    let mut clues = Vec::new();
    for witness in &case.obstacle.witnesses {
        if witness.code == NO_KDC && witness.first_hand {
            let says =
                format!("{}: no KDC was found, so that no account was looked at", witness.says);
            clues.push(Clue::against(Kind::Symptom, 0.9, &witness.source, says));
        } else if witness.denied() && denied_by_another(case) {
            let says = format!("{}, and it was not {} that denied it", witness.says, case.target());
            clues.push(Clue::against(Kind::Symptom, 0.9, &witness.source, says));
        } else if witness.denied() {
            clues.push(Clue::speaks_for(Kind::Symptom, 0.3, &witness.source, &*witness.says));
        } else if !case.obstacle.denied() {
            let says = format!("{}: no account was refused", witness.says);
            clues.push(Clue::against(Kind::Symptom, 0.95, &witness.source, says));
        }
    }
    if !case.obstacle.denied() && clues.is_empty() {
        let says = format!("{} denied nothing to {}", case.target(), case.actor());
        clues.push(Clue::against(Kind::Symptom, 0.95, case.target(), says));
    }
    clues
}

fn wrong_password(case: Case<'_>) -> Vec<Clue> {
    reason(case, if wrong_key(case) { WRONG_KEY } else { WRONG_PASSWORD })
}

/// True when it is the refusing server whose stored key is not the one that the KDC has.
fn wrong_key(case: Case<'_>) -> bool {
    case.obstacle.refusals.first().is_some_and(|newest| newest.code == WRONG_KEY)
}

fn no_such_user(case: Case<'_>) -> Vec<Clue> {
    reason(case, NO_SUCH_USER)
}

fn no_right(case: Case<'_>) -> Vec<Clue> {
    reason(case, ACCESS_DENIED)
}

/// An account that was made again under its name: its rights stand for another identifier.
fn made_again(case: Case<'_>) -> Vec<Clue> {
    let Some(Some(found)) = listed(case) else { return Vec::new() };
    if !found.rights_of_earlier || found.missing.is_empty() || !case.obstacle.denied() {
        return Vec::new();
    }
    let says = format!(
        "{} was made again at {}: the directory's rights are those of an earlier account of this name, and {} has none",
        found.name,
        found.created.unwrap_or(found.password_set),
        found.sid
    );
    let mut clues = vec![Clue::speaks_for(Kind::Setting, 0.9, &list_source(case), says)];
    clues.extend(
        case.obstacle.refusals.first().filter(|refusal| refusal.code == ACCESS_DENIED).map(
            |refusal| {
                let says = refusal_says(case, refusal);
                Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, says)
            },
        ),
    );
    clues
}

/// What looks like a missing role, and is a role that was given to an earlier account, or is not in force yet.
fn not_the_grant(case: Case<'_>) -> Vec<Clue> {
    let Some(Some(found)) = listed(case) else { return Vec::new() };
    let source = list_source(case);
    let mut clues = Vec::new();
    if found.rights_of_earlier && !found.missing.is_empty() {
        let says =
            format!("{} was made again: an earlier account of this name has the role", found.name);
        clues.push(Clue::against(Kind::Setting, 0.9, &source, says));
    }
    if found.waits_for_restart {
        let says =
            format!("{} has the role on every object, and it counts after a restart", found.name);
        clues.push(Clue::against(Kind::Setting, 0.9, &source, says));
    }
    if super::account::behind(case).next().is_some() {
        let says =
            format!("the role of {} was granted and is not in the site's copy yet", found.name);
        clues.push(Clue::against(Kind::Setting, 0.9, &source, says));
    }
    clues
}

/// The account that was refused is not the one that the target expects: what is wrong lies with who presents it.
fn another_account(case: Case<'_>) -> Vec<Clue> {
    super::account::another(case)
        .map(|(seen, expected)| {
            let says = format!(
                "{} expects {expected} from {}, and got {seen}",
                case.target(),
                case.actor()
            );
            Clue::against(Kind::Setting, 0.95, &list_source(case), says)
        })
        .into_iter()
        .collect()
}

/// The exact reason of the newest refusal is `expected`, or another one.
fn reason(case: Case<'_>, expected: u32) -> Vec<Clue> {
    let Some(newest) = case.obstacle.refusals.first() else { return Vec::new() };
    let mut clues = Vec::new();
    for refusal in case.obstacle.refusals.iter().filter(|one| one.code == newest.code) {
        let says = refusal_says(case, refusal);
        // Code 5 has other reasons than a missing role: a name that the account does not speak for, for one.
        let step = refusal.step.as_deref().unwrap_or_default();
        let elsewhere = expected == ACCESS_DENIED && NOT_THE_ROLE.contains(&step);
        // The one code has two causes: the account of before had the right.
        let again = expected == NO_SUCH_USER
            && matches!(listed(case), Some(Some(found)) if found.rights_of_earlier && !found.missing.is_empty());
        if again && refusal.code == ACCESS_DENIED {
            continue;
        }
        clues.push(if refusal.code == expected && !elsewhere {
            Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, says)
        } else {
            Clue::against(Kind::Reason, 0.92, &refusal.source, says)
        });
    }
    clues
}

pub(crate) fn refusal_says(case: Case<'_>, refusal: &Refusal) -> String {
    let words = match refusal.code {
        WRONG_PASSWORD => "wrong password",
        NO_SUCH_USER => "no such user",
        WRONG_KEY => "the ticket does not fit the key",
        ACCESS_DENIED => "access denied",
        _ => "refused",
    };
    let named = refusal.user.clone().filter(|user| user != NOBODY);
    let user = named.unwrap_or_else(|| account_words(case));
    let exact = if refusal.reason.is_empty() { words } else { &refusal.reason };
    format!("{} refused {user}: code {}, {exact}, at {}", case.target(), refusal.code, refusal.time)
}

/// The account as the target knows it: `None` when its list was not read, `Some(None)` when it is not in the list.
pub(crate) fn listed(case: Case<'_>) -> Option<Option<&AccountFacts>> {
    let target = case.view.read(case.target())?;
    Some(target.account(&account(case)?))
}

pub(crate) fn list_source(case: Case<'_>) -> String {
    format!("{} accounts", case.target())
}

fn password_list(case: Case<'_>) -> Vec<Clue> {
    let (source, user) = (list_source(case), account_words(case));
    match listed(case) {
        None => Vec::new(),
        Some(None) => {
            vec![Clue::against(
                Kind::Setting,
                0.9,
                &source,
                format!("{user} is not in the list: it has no password here"),
            )]
        }
        Some(Some(_)) if !case.obstacle.denied() => Vec::new(),
        Some(Some(found)) => {
            let since = case.view.last_success(case.actor(), case.target());
            let changed = since.is_some_and(|success| found.password_set > success);
            if changed {
                let says = format!(
                    "the password of {user} was set at {}, after mail last flowed",
                    found.password_set
                );
                return vec![Clue::speaks_for(Kind::Setting, 0.4, &source, says)];
            }
            let weight = if found.roles.iter().any(|role| role == ROLE) { 0.2 } else { 0.05 };
            // A domain may not say when.
            let says = if found.password_set == jiff::Timestamp::UNIX_EPOCH {
                format!("{user} is in the list")
            } else {
                format!("{user} is in the list; its password was set at {}", found.password_set)
            };
            vec![Clue::speaks_for(Kind::Setting, weight, &source, says)]
        }
    }
}

fn missing_list(case: Case<'_>) -> Vec<Clue> {
    let (source, user) = (list_source(case), account_words(case));
    match listed(case) {
        None => Vec::new(),
        Some(None) if case.obstacle.denied() => {
            vec![Clue::speaks_for(
                Kind::Setting,
                0.6,
                &source,
                format!("{user} is not in the list"),
            )]
        }
        Some(None) => Vec::new(),
        // Told apart by `made_again`.
        Some(Some(found)) if found.rights_of_earlier && !found.missing.is_empty() => Vec::new(),
        Some(Some(_)) => {
            vec![Clue::against(Kind::Setting, 0.9, &source, format!("{user} is in the list"))]
        }
    }
}

fn role_list(case: Case<'_>) -> Vec<Clue> {
    let (source, user) = (list_source(case), account_words(case));
    match listed(case) {
        None => Vec::new(),
        Some(None) => {
            vec![Clue::against(
                Kind::Setting,
                0.7,
                &source,
                format!("{user} is not in the list at all"),
            )]
        }
        Some(Some(found)) if found.roles.iter().any(|role| role == ROLE) => {
            vec![Clue::against(Kind::Setting, 0.85, &source, format!("{user} has the role {ROLE}"))]
        }
        Some(Some(found)) if case.obstacle.denied() => {
            vec![Clue::speaks_for(Kind::Setting, 0.6, &source, without(&user, found))]
        }
        Some(Some(_)) => Vec::new(),
    }
}

/// On which objects the role is missing.
fn without(user: &str, found: &AccountFacts) -> String {
    if found.missing.is_empty() {
        return format!("{user} is in the list without the role {ROLE}");
    }
    let schema = found.missing.iter().any(|step| step == "schema");
    let note = if schema {
        " (NT-Security-Descriptor, without which descriptors cannot be read)"
    } else {
        ""
    };
    format!("{user} lacks the role {ROLE} on: {}{note}", found.missing.join(", "))
}

/// `bindback account <verb> NAME ... -c CONFIG`, with the options whose values are known.
pub(crate) fn account_command(case: Case<'_>, verb: &str, role: bool, password: bool) -> String {
    let user = account_words(case);
    let mut words = vec!["bindback", "account", verb, user.as_str()];
    if role {
        words.extend(["--role", ROLE]);
    }
    let file = case.view.server(case.actor()).and_then(|server| server.password_file.as_deref());
    if let Some(file) = file.filter(|_| password) {
        words.extend(["--password-file", file]);
    }
    if let Some(config) = case.view.config(case.target()) {
        words.extend(["-c", config]);
    }
    command(&words)
}

fn set_password(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    if wrong_key(case) {
        let text = format!(
            "On {target}, export the service's keytab anew: its keys are not those that the KDC has."
        );
        let server = case.view.server(target);
        return match server.and_then(|server| server.keytab_command.clone()) {
            Some(command) => with_command(text, command),
            None => in_words(text),
        };
    }
    let text = format!(
        "On {target}, set the password of {} to the one that {actor} uses.",
        account_words(case)
    );
    with_command(text, account_command(case, "set-password", false, true))
}

fn add_account(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    if matches!(listed(case), Some(Some(_))) {
        let text = format!(
            "On {target}, give {}, which was made again, the role {ROLE}: what the earlier account had is not its own.",
            account_words(case)
        );
        return with_command(text, account_command(case, "grant", true, false));
    }
    let text = format!(
        "On {target}, add the account {} with the role {ROLE} and the password that {actor} uses.",
        account_words(case)
    );
    with_command(text, account_command(case, "add", true, true))
}

fn grant_role(case: Case<'_>) -> Vec<Remedy> {
    let text = format!("On {}, give {} the role {ROLE}.", case.target(), account_words(case));
    with_command(text, account_command(case, "grant", true, false))
}
