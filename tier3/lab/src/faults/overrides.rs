//! Faults of the override accounts of connectors, most of them between two domains that do not know each other.

use config::Section;
use finding::Cause;

use super::table::{
    ACCESS_DENIED, CONFIGURATION, EAST, NO_SUCH_USER, PLAIN, ROLE, SITE, WEST, WRONG_PASSWORD,
    account_refused, setting,
};
use super::{Act, Fault};

const CONNECTOR_TO_EAST: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Connections/CN=EAST";

pub(super) const WRONG: Fault = Fault {
    name: "override-account-wrong",
    cause: Cause::OverrideAccountWrong,
    title: "the override account is wrong",
    what: r"On WEST the connector to EAST gets the override account EAST\svc-mail, which EAST does not know.",
    put_in: &[Act::Run(
        WEST,
        &["directory", "set", CONNECTOR_TO_EAST, "overrideAccount", r"EAST\svc-mail"],
    )],
    expected: &account_refused(NO_SUCH_USER),
    claims: &[22, 36],
    ..PLAIN
};

pub(super) const TAKEN_AWAY: Fault = Fault {
    name: "untrusted-domains-no-matching-account",
    cause: Cause::UntrustedDomainsNoMatchingAccount,
    title: "two domains that do not trust each other",
    what: r"EAST and WEST are of domains that do not know each other; each has an account in the other's domain, as the override account of its connector. On WEST it is taken away.",
    put_in: &[Act::Run(WEST, &["directory", "override-account", "clear", "EAST"])],
    expected: &account_refused(NO_SUCH_USER),
    cure: &[WEST_OVERRIDE],
    claims: &[19, 20, 21, 36],
    ..UNTRUSTED
};

pub(super) const ROLE_ON_ORGANISATION: Fault = Fault {
    name: "override-account-lacks-role-on-organisation",
    put_in: &[Act::Run(
        EAST,
        &["directory", "revoke", ROLE, r"EAST\guest", "--on", "/O=Demo", "--inherit"],
    )],
    ..OVERRIDE_LACKS_ROLE
};

pub(super) const ROLE_ON_SITE: Fault = Fault {
    name: "override-account-lacks-role-on-site",
    put_in: &[Act::Run(
        EAST,
        &["directory", "revoke", ROLE, r"EAST\guest", "--on", SITE, "--inherit"],
    )],
    ..OVERRIDE_LACKS_ROLE
};

pub(super) const ROLE_ON_CONFIGURATION: Fault = Fault {
    name: "override-account-lacks-role-on-configuration",
    put_in: &[Act::Run(
        EAST,
        &["directory", "revoke", ROLE, r"EAST\guest", "--on", CONFIGURATION, "--inherit"],
    )],
    ..OVERRIDE_LACKS_ROLE
};

pub(super) const PASSWORD: Fault = Fault {
    name: "override-account-password-wrong",
    cause: Cause::ServiceAccountPasswordMismatch,
    title: "the password of an override account differs",
    what: r"On EAST the password of EAST\guest, WEST's account there, is changed.",
    put_in: &[Act::Run(
        EAST,
        &["account", "set-password", r"EAST\guest", "--password-file", "{changed}"],
    )],
    expected: &account_refused(WRONG_PASSWORD),
    claims: &[22, 36],
    ..UNTRUSTED
};

/// Two domains that do not know each other. An account is called by the domain that accepts it.
const UNTRUSTED: Fault = Fault {
    accounts: &[(WEST, r"EAST\guest"), (EAST, r"WEST\guest")],
    set: &[
        setting(Some(EAST), Section::Rpc, "account", r"'EAST\svc-own'"),
        setting(Some(WEST), Section::Rpc, "account", r"'WEST\svc-own'"),
    ],
    prepare: &[WEST_OVERRIDE, EAST_OVERRIDE],
    ..PLAIN
};

const OVERRIDE_LACKS_ROLE: Fault = Fault {
    cause: Cause::ServiceAccountLacksDirectoryRight,
    title: "the override account lacks its role on one of three levels",
    what: r"On EAST the role of EAST\guest, WEST's account there, is taken from one level alone.",
    expected: &account_refused(ACCESS_DENIED),
    claims: &[20, 22, 36],
    ..UNTRUSTED
};

/// What EAST's and WEST's connectors have in two domains that do not know each other.
const WEST_OVERRIDE: Act = Act::Run(
    WEST,
    &[
        "directory",
        "override-account",
        "set",
        "EAST",
        "--account",
        r"EAST\guest",
        "--password-file",
        "{west.password}",
    ],
);

const EAST_OVERRIDE: Act = Act::Run(
    EAST,
    &[
        "directory",
        "override-account",
        "set",
        "WEST",
        "--account",
        r"WEST\guest",
        "--password-file",
        "{east.password}",
    ],
);
