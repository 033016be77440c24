//! States of accounts, other accounts than expected, and a directory that is not in step.

use super::*;
use crate::DirectoryFacts;

/// The answer's cause and the command of its remedy.
fn told(snapshot: &Snapshot) -> (Cause, Option<String>) {
    let answer = diagnose(snapshot);
    let first = decided(&answer);
    (first.cause, first.remedy[0].command.clone())
}

/// The last refusal of EAST, to be changed.
fn violation(snapshot: &mut Snapshot) -> &mut Event {
    east(snapshot).events.iter_mut().find(|event| event.id == 9297).unwrap()
}

#[test]
fn each_state_is_told_by_its_code_and_by_the_list() {
    for (code, state, cause, words) in [
        (1331, "disabled", Cause::AccountDisabled, "enable"),
        (1909, "locked", Cause::AccountLockedOut, "unlock"),
        (1793, "expired", Cause::AccountExpired, "expire"),
        (1330, "password-expired", Cause::PasswordExpired, "set-password"),
        (1907, "must-change", Cause::PasswordExpired, "set-password"),
    ] {
        let mut snapshot = east_refuses_west(code, state);
        east(&mut snapshot).accounts[0].state = state.to_owned();
        let (found, command) = told(&snapshot);
        assert_eq!(found, cause, "{code}");
        let start = format!(r"bindback account {words} 'ORG\svc-west'");
        assert!(command.unwrap().starts_with(&start), "{code}");
    }
}

#[test]
fn a_caller_that_finds_no_kdc_was_refused_by_nobody() {
    let mut snapshot = healthy();
    call_failed(west(&mut snapshot), Codes::own(1311), Layer::Authentication);
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::LogonServerUnavailable);
    assert!(first.remedy[0].text.starts_with("On WEST, make a KDC"), "{:?}", first.remedy);
    // A refusal in the other log says that the call arrived.
    let mut snapshot = east_refuses_west(1326, "wrong password");
    call_failed(west(&mut snapshot), Codes::own(1311), Layer::Authentication);
    assert_ne!(
        diagnose(&snapshot).first().map(|one| one.cause),
        Some(Cause::LogonServerUnavailable)
    );
}

#[test]
fn the_right_to_log_on_from_the_network_is_told_with_where_it_comes_from() {
    let mut snapshot = east_refuses_west(1385, "no right");
    let account = &mut east(&mut snapshot).accounts[0];
    (account.state, account.network_logon) = ("ok".to_owned(), Some(false));
    account.network_logon_source = "the account is denied it here".to_owned();
    let (cause, command) = told(&snapshot);
    assert_eq!(cause, Cause::LogonRightMissing);
    assert!(command.unwrap().contains("--network-logon default"));
    let account = &mut east(&mut snapshot).accounts[0];
    account.network_logon_source = "the policy \"D\" denies it to Everyone".to_owned();
    let answer = diagnose(&snapshot);
    assert!(decided(&answer).remedy[0].text.contains("the policy \"D\" denies it"));
}

fn presents(account: &str, source: &str) -> DirectoryFacts {
    DirectoryFacts {
        organisation: "Org".to_owned(),
        site: "HQ".to_owned(),
        agent: "running".to_owned(),
        presented: [("EAST".to_owned(), (account.to_owned(), source.to_owned()))].into(),
        ..DirectoryFacts::default()
    }
}

#[test]
fn a_wrong_legacy_or_override_account_lies_with_who_presents_it() {
    for (source, cause, words) in [
        (
            "legacy",
            Cause::ServiceAccountMismatch,
            "bindback directory legacy-account clear -c /srv/demo/west.toml",
        ),
        (
            "override",
            Cause::OverrideAccountWrong,
            "bindback directory set /O=Org/OU=HQ/CN=Configuration/CN=Connections/CN=EAST overrideAccount -c /srv/demo/west.toml",
        ),
    ] {
        let mut snapshot = east_refuses_west(1317, "no such account");
        violation(&mut snapshot).params.insert("user".to_owned(), r"ORG\other".into());
        west(&mut snapshot).directory = Some(presents(r"ORG\other", source));
        assert_eq!(told(&snapshot), (cause, Some(words.to_owned())));
    }
}

#[test]
fn a_copy_that_lags_is_not_a_missing_role() {
    let mut snapshot = without_role();
    let account = &mut east(&mut snapshot).accounts[0];
    account.sid = "S-1-5-21-1-2-3-1000".to_owned();
    account.missing = vec!["organisation".to_owned()];
    let line = "/O=Org: + (A;OICI;CCDC;;;S-1-5-21-1-2-3-1000)".to_owned();
    let facts = DirectoryFacts {
        agent: "stopped".to_owned(),
        behind: vec![line],
        ..DirectoryFacts::default()
    };
    east(&mut snapshot).directory = Some(facts);
    let expected = format!("bindback directory agent start -c {EAST_CONFIG}");
    assert_eq!(told(&snapshot), (Cause::DirectoryNotReplicated, Some(expected)));
}

#[test]
fn an_account_made_again_is_missing_although_its_name_is_there() {
    let mut snapshot = without_role();
    let account = &mut east(&mut snapshot).accounts[0];
    account.rights_of_earlier = true;
    account.missing = vec!["organisation".to_owned(), "site".to_owned()];
    let (cause, command) = told(&snapshot);
    assert_eq!(cause, Cause::ServiceAccountMissing);
    assert!(command.unwrap().starts_with("bindback account grant"));
}

#[test]
fn a_grant_that_waits_for_a_restart_is_recognised() {
    let mut snapshot = without_role();
    east(&mut snapshot).accounts[0].waits_for_restart = true;
    violation(&mut snapshot).params.insert("step".to_owned(), "schema".into());
    assert_eq!(told(&snapshot), (Cause::UpgradeNeedsRestart, None));
}

#[test]
fn a_name_in_another_character_set_is_recognised() {
    let mut snapshot = east_refuses_west(1317, "no such account");
    east(&mut snapshot).peers[0].account = r"ORG\svc-jürgen".to_owned();
    east(&mut snapshot).accounts[0].name = r"ORG\svc-jürgen".to_owned();
    violation(&mut snapshot).params.insert("user".to_owned(), r"ORG\svc-jÃ¼rgen".into());
    assert_eq!(told(&snapshot).0, Cause::ServiceAccountExtendedCharacters);
}

#[test]
fn the_contexts_that_lack_the_role_are_named() {
    let mut snapshot = without_role();
    east(&mut snapshot).accounts[0].missing = vec!["site".to_owned(), "schema".to_owned()];
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::ServiceAccountLacksDirectoryRight);
    assert!(
        first
            .evidence
            .iter()
            .any(|one| one.says.contains("on: site, schema (NT-Security-Descriptor"))
    );
}

#[test]
fn a_service_account_of_an_untrusted_domain_is_told() {
    let mut snapshot = east_refuses_west(1317, "no such account");
    violation(&mut snapshot).params.insert("user".to_owned(), r"FAR\svc-west".into());
    west(&mut snapshot).service_account = r"FAR\svc-west".to_owned();
    west(&mut snapshot).directory = Some(presents(r"FAR\svc-west", "service"));
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::UntrustedDomainsNoMatchingAccount);
    assert!(
        first.remedy[0].text.contains(
            r"the account ORG\svc-west that EAST expects: bindback directory override-account set EAST --account 'ORG\svc-west'"
        ),
        "{first:?}"
    );
}
