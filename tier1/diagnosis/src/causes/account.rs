//! The states of an account, the account that is presented, and the directory behind both.
//!
//! On the wire all of these are "access denied". The refusing server's event 9297 has the exact code, its list of accounts the
//! state; which account is presented, and why that one, is in the caller's directory.

use finding::{Cause, Remedy};

use crate::causes::auth::{
    NO_KDC, account_command, account_words, denied, list_source, listed, refusal_says, subject,
};
use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::shell::command;
use crate::snapshot::DirectoryFacts;

const DISABLED: &[u32] = &[1331];
const LOCKED: &[u32] = &[1909];
const EXPIRED: &[u32] = &[1793];
const PASSWORD_OVER: &[u32] = &[1330, 1907];
const NO_NETWORK: &[u32] = &[1385];

macro_rules! rule {
    ($name:ident, $cause:ident, $slug:literal, $prior:literal, $clues:expr, $remedy:expr) => {
        pub(crate) const $name: Rule = Rule {
            cause: Cause::$cause,
            prior: $prior,
            clues: $clues,
            subject,
            remedy: $remedy,
            page: concat!("docs/findings/", $slug, ".md"),
            text: include_str!(concat!("../../../../docs/findings/", $slug, ".md")),
        };
    };
}

rule!(ACCOUNT_DISABLED, AccountDisabled, "account-disabled", 0.1, &[denied, disabled], enable);
rule!(ACCOUNT_LOCKED, AccountLockedOut, "account-locked-out", 0.12, &[denied, locked], unlock);
rule!(ACCOUNT_EXPIRED, AccountExpired, "account-expired", 0.08, &[denied, expired], never_expires);
rule!(
    PASSWORD_EXPIRED,
    PasswordExpired,
    "password-expired",
    0.15,
    &[denied, password_over],
    new_password
);
rule!(
    NETWORK_RIGHT,
    LogonRightMissing,
    "logon-right-missing",
    0.12,
    &[denied, no_network],
    give_right
);
/// What the group names is wrong for everybody who is called.
pub(crate) const WRONG_ACCOUNT: Rule = Rule {
    cause: Cause::ServiceAccountMismatch,
    prior: 0.12,
    clues: &[denied, legacy_wrong],
    subject: |case| format!("{} presents {}", case.actor(), account_words(case)),
    remedy: clear_legacy,
    page: "docs/findings/service-account-mismatch.md",
    text: include_str!("../../../../docs/findings/service-account-mismatch.md"),
};
rule!(
    WRONG_OVERRIDE,
    OverrideAccountWrong,
    "override-account-wrong",
    0.12,
    &[denied, override_wrong],
    clear_override
);
rule!(
    UNTRUSTED,
    UntrustedDomainsNoMatchingAccount,
    "untrusted-domains-no-matching-account",
    0.12,
    &[denied, untrusted],
    override_or_same
);
rule!(
    COPY_LAGS,
    DirectoryNotReplicated,
    "directory-not-replicated",
    0.08,
    &[denied, copy_lags],
    start_agent
);
rule!(NEEDS_RESTART, UpgradeNeedsRestart, "upgrade-needs-restart", 0.05, &[denied, waits], restart);
rule!(
    SPELLING,
    ServiceAccountExtendedCharacters,
    "service-account-extended-characters",
    0.05,
    &[denied, spelt],
    other_account
);

rule!(
    NO_LOGON_SERVER,
    LogonServerUnavailable,
    "logon-server-unavailable",
    0.08,
    &[no_ticket],
    reach_kdc
);

/// The account that was refused and the one that the target expects, where they differ.
pub(crate) fn another(case: Case<'_>) -> Option<(String, String)> {
    let seen = case.obstacle.refusals.iter().find_map(|refusal| refusal.user.clone())?;
    let expected = case.view.peer(case.target(), case.actor())?.account.clone();
    let same = identity::upcase(&seen) == identity::upcase(&expected);
    (!same && !expected.is_empty() && seen != "(nobody)").then_some((seen, expected))
}

/// What the target's copy of the directory does not have yet and would give the account its role.
pub(crate) fn behind(case: Case<'_>) -> impl Iterator<Item = &str> {
    let sid = listed(case).flatten().map(|found| found.sid.clone()).filter(|sid| !sid.is_empty());
    let missing = listed(case).flatten().is_some_and(|found| !found.missing.is_empty());
    let directory = directory(case, case.target());
    let lines = directory.into_iter().flat_map(|directory| &directory.behind);
    lines.map(String::as_str).filter(move |line| {
        missing
            && sid
                .as_ref()
                .is_some_and(|sid| line.contains(": + (A") && line.contains(sid.as_str()))
    })
}

fn directory<'a>(case: Case<'a>, server: &str) -> Option<&'a DirectoryFacts> {
    case.view.read(server)?.directory.as_ref()
}

/// The newest refusal has one of these codes, or another; the list of accounts says the same, or not.
fn state(case: Case<'_>, codes: &[u32], words: &[&str]) -> Vec<Clue> {
    let mut clues = Vec::new();
    if let Some(newest) = case.obstacle.refusals.first() {
        let says = refusal_says(case, newest);
        clues.push(if codes.contains(&newest.code) {
            Clue::speaks_for(Kind::Reason, 0.9, &newest.source, says)
        } else {
            Clue::against(Kind::Reason, 0.92, &newest.source, says)
        });
    }
    if let Some(Some(found)) = listed(case).filter(|_| !words.is_empty()) {
        let says = format!("the state of {} is: {}", found.name, found.state);
        if words.contains(&found.state.as_str()) {
            clues.push(Clue::speaks_for(Kind::Setting, 0.6, &list_source(case), says));
        } else if !found.state.is_empty() {
            clues.push(Clue::against(Kind::Setting, 0.85, &list_source(case), says));
        }
    }
    clues
}

fn disabled(case: Case<'_>) -> Vec<Clue> {
    state(case, DISABLED, &["disabled"])
}

fn locked(case: Case<'_>) -> Vec<Clue> {
    state(case, LOCKED, &["locked"])
}

fn expired(case: Case<'_>) -> Vec<Clue> {
    state(case, EXPIRED, &["expired"])
}

fn password_over(case: Case<'_>) -> Vec<Clue> {
    state(case, PASSWORD_OVER, &["password-expired", "must-change"])
}

fn no_network(case: Case<'_>) -> Vec<Clue> {
    let mut clues = state(case, NO_NETWORK, &[]);
    if let Some(Some(found)) = listed(case) {
        let says = format!("{}: {}", found.name, found.network_logon_source);
        match found.network_logon {
            Some(false) => {
                clues.push(Clue::speaks_for(Kind::Setting, 0.6, &list_source(case), says))
            }
            Some(true) => clues.push(Clue::against(Kind::Setting, 0.85, &list_source(case), says)),
            None => {}
        }
    }
    clues
}

/// The account that the actor's group names for older servers, where it is not the one that the target expects and another one is
/// presented in its place.
pub(crate) fn hidden_legacy(case: Case<'_>) -> Option<String> {
    let named = directory(case, case.actor())?.legacy_account.as_ref()?;
    let (_, source) = presented(case)?;
    let expected = &case.view.peer(case.target(), case.actor())?.account;
    let wrong = source != "legacy" && identity::upcase(named) != identity::upcase(expected);
    wrong.then(|| {
        format!(
            "the administrative group of {} names {named}, and {} expects {expected}",
            case.actor(),
            case.target()
        )
    })
}

/// The account that the actor presents to the target, and why that one.
fn presented(case: Case<'_>) -> Option<(&str, &str)> {
    let all = &directory(case, case.actor())?.presented;
    let found = all.iter().find(|(peer, _)| peer.eq_ignore_ascii_case(case.target()));
    found.map(|(_, (account, source))| (account.as_str(), source.as_str()))
}

/// Which account is presented is known, and it is not the one that the target expects.
fn wrongly(case: Case<'_>, expected_source: &str) -> Vec<Clue> {
    let place = format!("{} directory", case.actor());
    let Some((account, source)) = presented(case) else {
        let says = format!("which account {} presents is not known", case.actor());
        return vec![Clue::against(Kind::Setting, 0.6, &place, says)];
    };
    let says = format!("{} presents {account} ({source} account)", case.actor());
    if source != expected_source || !case.obstacle.denied() {
        return vec![Clue::against(Kind::Setting, 0.95, &place, says)];
    }
    let expected = case.view.peer(case.target(), case.actor()).map(|peer| peer.account.as_str());
    let same = expected.is_some_and(|one| identity::upcase(one) == identity::upcase(account));
    if same {
        return vec![Clue::against(Kind::Setting, 0.9, &place, says)];
    }
    let mut clues = vec![Clue::speaks_for(Kind::Setting, 0.85, &place, says)];
    if let Some((seen, expected)) = another(case) {
        let says = format!("{} got {seen} and expects {expected}", case.target());
        clues.push(Clue::speaks_for(Kind::Reason, 0.85, case.target(), says));
    }
    clues
}

fn legacy_wrong(case: Case<'_>) -> Vec<Clue> {
    wrongly(case, "legacy")
}

fn override_wrong(case: Case<'_>) -> Vec<Clue> {
    wrongly(case, "override")
}

/// The service account of another domain, which the target does not know.
fn untrusted(case: Case<'_>) -> Vec<Clue> {
    let place = format!("{} directory", case.actor());
    let domain =
        |name: &str| identity::upcase(name.split_once('\\').map_or("", |(domain, _)| domain));
    let own = case.view.server(case.target()).map(|server| domain(&server.service_account));
    let Some((account, source)) = presented(case) else {
        let says = format!("which account {} presents is not known", case.actor());
        return vec![Clue::against(Kind::Setting, 0.6, &place, says)];
    };
    let foreign = own.as_ref().is_some_and(|own| !own.is_empty() && *own != domain(account));
    let says = format!(
        "{} presents its service account {account}, of another domain than {}'s",
        case.actor(),
        case.target()
    );
    if source != "service" || !foreign || another(case).is_none() {
        let says = "the account is no stranger's".to_owned();
        return vec![Clue::against(Kind::Setting, 0.95, &place, says)];
    }
    let mut clues = state(case, &[1317, 1788], &[]);
    clues.push(Clue::speaks_for(Kind::Setting, 0.8, &place, says));
    clues
}

fn override_or_same(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let expected = another(case).map(|(_, expected)| expected);
    let said = expected.as_ref().map_or_else(String::new, |account| format!(" {account}"));
    let account = expected.as_deref().unwrap_or("ACCOUNT");
    let words = ["directory", "override-account", "set", target, "--account", account];
    // No command to be run as it is: the password is one that only its owner knows.
    in_words(format!(
        "On {actor}, give the connector to {target} the account{said} that {target} expects: {}, which asks for its password. Membership in Domain Admins is not needed.",
        on(case, actor, &words)
    ))
}

fn copy_lags(case: Case<'_>) -> Vec<Clue> {
    let place = format!("{} directory", case.target());
    let exact = case.obstacle.refusals.first().filter(|newest| newest.code != 5);
    if let Some(newest) = exact {
        let says = refusal_says(case, newest);
        return vec![Clue::against(Kind::Reason, 0.92, &newest.source, says)];
    }
    let Some(directory) = directory(case, case.target()) else {
        let says = "whether the site's copy lacks anything is not known".to_owned();
        return vec![Clue::against(Kind::Setting, 0.5, &place, says)];
    };
    let lines: Vec<&str> = behind(case).collect();
    let Some(first) = lines.first().filter(|_| case.obstacle.denied()) else {
        let says = "the site's copy lacks nothing that the account needs".to_owned();
        return vec![Clue::against(Kind::Setting, 0.95, &place, says)];
    };
    let since = directory.behind_since.map_or(String::new(), |since| format!(" since {since}"));
    let says =
        format!("the agent is {}, and the site's copy lacks{since}: {first}", directory.agent);
    let mut clues = vec![Clue::speaks_for(Kind::Setting, 0.9, &place, says)];
    clues.extend(step_refusal(case, &["organisation", "site", "configuration", "schema"]));
    clues
}

/// The newest refusal was at one of these steps.
fn step_refusal(case: Case<'_>, steps: &[&str]) -> Option<Clue> {
    let newest = case.obstacle.refusals.first()?;
    let step = newest.step.as_deref()?;
    let says = refusal_says(case, newest);
    steps.contains(&step).then(|| Clue::speaks_for(Kind::Reason, 0.85, &newest.source, says))
}

fn waits(case: Case<'_>) -> Vec<Clue> {
    let source = list_source(case);
    match listed(case) {
        Some(Some(found)) if found.waits_for_restart && case.obstacle.denied() => {
            let says = format!(
                "{} has the role on every object; {} read the schema before the grant and has to be restarted",
                found.name,
                case.target()
            );
            let mut clues = vec![Clue::speaks_for(Kind::Setting, 0.9, &source, says)];
            clues.extend(step_refusal(case, &["schema"]));
            clues
        }
        Some(_) => {
            let says = "no grant waits for a restart".to_owned();
            vec![Clue::against(Kind::Setting, 0.95, &source, says)]
        }
        None => Vec::new(),
    }
}

/// The actor got no ticket: nobody was asked, and nobody refused.
fn no_ticket(case: Case<'_>) -> Vec<Clue> {
    if let Some(newest) = case.obstacle.refusals.first() {
        let says = refusal_says(case, newest);
        return vec![Clue::against(Kind::Reason, 0.92, &newest.source, says)];
    }
    let witnesses = case.obstacle.witnesses.iter();
    let clues: Vec<Clue> = witnesses
        .filter(|witness| witness.code == NO_KDC && witness.first_hand)
        .map(|witness| Clue::speaks_for(Kind::Reason, 0.9, &witness.source, &*witness.says))
        .collect();
    if clues.is_empty() {
        let says = "no server says that it found no KDC".to_owned();
        return vec![Clue::against(Kind::Reason, 0.95, case.actor(), says)];
    }
    clues
}

fn reach_kdc(case: Case<'_>) -> Vec<Remedy> {
    in_words(format!(
        "On {}, make a KDC of its realm reachable: its name (rpc.kerberos_kdc), its port 88, or the machine itself; \"bindback doctor KDC-HOST\" shows which.",
        case.actor()
    ))
}

fn spelt(case: Case<'_>) -> Vec<Clue> {
    let found = another(case).and_then(|(seen, expected)| {
        let how = identity::mangled(&expected, &seen)?;
        Some(format!("{seen} is {expected} in another spelling: {how}"))
    });
    match found {
        Some(says) => vec![
            Clue::speaks_for(Kind::Setting, 0.85, case.target(), says.clone()),
            Clue::speaks_for(Kind::Reason, 0.85, case.target(), says),
        ],
        None => {
            let says = "no name is another one in another character set".to_owned();
            vec![Clue::against(Kind::Setting, 0.95, case.target(), says)]
        }
    }
}

/// `bindback account <words> NAME ... -c CONFIG` on the target.
fn on_target(case: Case<'_>, verb: &str, more: &[&str]) -> String {
    let user = account_words(case);
    let mut words = vec!["bindback", "account", verb, user.as_str()];
    words.extend(more);
    words.extend(case.view.config(case.target()).into_iter().flat_map(|config| ["-c", config]));
    command(&words)
}

fn on(case: Case<'_>, server: &str, words: &[&str]) -> String {
    let mut all = vec!["bindback"];
    all.extend(words);
    all.extend(case.view.config(server).into_iter().flat_map(|config| ["-c", config]));
    command(&all)
}

fn enable(case: Case<'_>) -> Vec<Remedy> {
    let text = format!("On {}, enable {}.", case.target(), account_words(case));
    with_command(text, on_target(case, "enable", &[]))
}

fn unlock(case: Case<'_>) -> Vec<Remedy> {
    let text = format!(
        "On {}, unlock {}; then find who tries wrong passwords, else it is locked again.",
        case.target(),
        account_words(case)
    );
    with_command(text, on_target(case, "unlock", &[]))
}

fn never_expires(case: Case<'_>) -> Vec<Remedy> {
    let text = format!("On {}, let {} be used again.", case.target(), account_words(case));
    with_command(text, on_target(case, "expire", &["--never"]))
}

fn new_password(case: Case<'_>) -> Vec<Remedy> {
    let text = format!(
        "On {}, set the password of {} to the one that {} uses; it counts from now on.",
        case.target(),
        account_words(case),
        case.actor()
    );
    with_command(text, account_command(case, "set-password", false, true))
}

fn give_right(case: Case<'_>) -> Vec<Remedy> {
    let source = listed(case).flatten().map(|found| found.network_logon_source.clone());
    let policy = source.filter(|source| source.contains("policy"));
    if let Some(policy) = policy {
        return in_words(format!(
            "On {}, change the policy file (accounts.policy_file), for {policy}; it is read again at once. Then let waiting mail be tried: bindback queue retry --all.",
            case.target()
        ));
    }
    let text = format!(
        "On {}, let {} log on from the network as everyone may.",
        case.target(),
        account_words(case)
    );
    with_command(text, on_target(case, "rights", &["--network-logon", "default"]))
}

fn clear_legacy(case: Case<'_>) -> Vec<Remedy> {
    let text = format!(
        "On {}, clear the account that the administrative group names for older servers: the service account counts then.",
        case.actor()
    );
    with_command(text, on(case, case.actor(), &["directory", "legacy-account", "clear"]))
}

fn clear_override(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let Some(directory) = directory(case, actor) else {
        return in_words(format!("On {actor}, correct the override account for {target}."));
    };
    let connector = format!(
        "/O={}/OU={}/CN=Configuration/CN=Connections/CN={target}",
        directory.organisation, directory.site
    );
    let text = format!("On {actor}, take the override account of the connector to {target} away.");
    with_command(text, on(case, actor, &["directory", "set", &connector, "overrideAccount"]))
}

fn start_agent(case: Case<'_>) -> Vec<Remedy> {
    let text = format!("On {}, start the agent that keeps the site's copy in step.", case.target());
    with_command(text, on(case, case.target(), &["directory", "agent", "start"]))
}

fn restart(case: Case<'_>) -> Vec<Remedy> {
    in_words(format!("Restart {}: it reads the schema at its start.", case.target()))
}

fn other_account(case: Case<'_>) -> Vec<Remedy> {
    in_words(format!(
        "Update {}, or give its connector to {} an override account whose name has no such characters.",
        case.actor(),
        case.target()
    ))
}
