//! Faults of the account that a server presents: its password, its state, its right to log on, its name.

use config::Section;
use finding::Cause;

use super::table::{
    ACCESS_DENIED, EAST, NO_SUCH_USER, PLAIN, SVC_WEST, TRY_AGAIN, WEST, WRONG_PASSWORD,
    account_refused, setting,
};
use super::{Act, Fault};

const PASSWORD_EXPIRED: u32 = 1330;
const ACCOUNT_DISABLED: u32 = 1331;
const LOGON_TYPE_NOT_GRANTED: u32 = 1385;
const ACCOUNT_EXPIRED: u32 = 1793;
const LOCKED_OUT: u32 = 1909;
const WRONG_KEY: u32 = 1396;

/// A name as another server should have it, and as one spells it that takes UTF-8 for Windows-1252.
const EXTENDED: &str = r"DEMO\svc-wést-ßØ日本";
const MANGLED: &str = r"DEMO\svc-wÃ©st-ÃŸÃ˜æ—¥æœ¬";

pub(super) const PASSWORD: Fault = Fault {
    name: "service-account-password-mismatch",
    cause: Cause::ServiceAccountPasswordMismatch,
    title: "the password differs",
    what: r"On EAST the password of DEMO\svc-west is changed; WEST goes on using the old one.",
    put_in: &[Act::Run(
        EAST,
        &["account", "set-password", SVC_WEST, "--password-file", "{changed}"],
    )],
    expected: &account_refused(WRONG_PASSWORD),
    claims: &[22, 29, 36],
    ..PLAIN
};

pub(super) const MISSING: Fault = Fault {
    name: "service-account-missing",
    cause: Cause::ServiceAccountMissing,
    title: "the account is gone",
    what: r"On EAST the account DEMO\svc-west is removed.",
    put_in: &[Act::Run(EAST, &["account", "remove", SVC_WEST])],
    expected: &account_refused(NO_SUCH_USER),
    claims: &[36],
    ..PLAIN
};

pub(super) const DISABLED: Fault = Fault {
    name: "account-disabled",
    cause: Cause::AccountDisabled,
    title: "the account is disabled",
    what: r"On EAST the account DEMO\svc-west is disabled.",
    put_in: &[Act::Run(EAST, &["account", "disable", SVC_WEST])],
    expected: &account_refused(ACCOUNT_DISABLED),
    claims: &[36],
    ..PLAIN
};

pub(super) const EXPIRED: Fault = Fault {
    name: "account-expired",
    cause: Cause::AccountExpired,
    title: "the account has expired",
    what: r"On EAST the time of the account DEMO\svc-west is over.",
    put_in: &[Act::Run(EAST, &["account", "expire", SVC_WEST])],
    expected: &account_refused(ACCOUNT_EXPIRED),
    claims: &[36],
    ..PLAIN
};

pub(super) const PASSWORD_TOO_OLD: Fault = Fault {
    name: "password-expired",
    cause: Cause::PasswordExpired,
    title: "the password has expired",
    what: r"On EAST the time of the password of DEMO\svc-west is over.",
    put_in: &[Act::Run(EAST, &["account", "expire", SVC_WEST, "--password"])],
    expected: &account_refused(PASSWORD_EXPIRED),
    claims: &[36],
    ..PLAIN
};

pub(super) const NETWORK_LOGON: Fault = Fault {
    name: "logon-right-missing",
    cause: Cause::LogonRightMissing,
    title: "the account may not log on from the network",
    what: r"On EAST the account DEMO\svc-west is denied the right to log on from the network.",
    put_in: &[Act::Run(EAST, &["account", "rights", SVC_WEST, "--network-logon", "deny"])],
    expected: &account_refused(LOGON_TYPE_NOT_GRANTED),
    claims: &[32, 36],
    ..PLAIN
};

pub(super) const LEGACY: Fault = Fault {
    name: "service-account-mismatch",
    cause: Cause::ServiceAccountMismatch,
    title: "the legacy account is another one",
    what: r"On WEST the administrative group names DEMO\svc-wets for older servers.",
    put_in: &[Act::Run(
        WEST,
        &[
            "directory",
            "legacy-account",
            "set",
            "--account",
            r"DEMO\svc-wets",
            "--password-file",
            "{west.password}",
            "--untested",
        ],
    )],
    expected: &account_refused(NO_SUCH_USER),
    claims: &[23, 24, 36],
    // What WEST presents is presented to everybody.
    two_alone: true,
    ..PLAIN
};

pub(super) const MADE_AGAIN: Fault = Fault {
    name: "account-made-again",
    cause: Cause::ServiceAccountMissing,
    title: "the account was made again under its name",
    what: r"On EAST the account DEMO\svc-west is removed and made again under the same name: it has another identifier, and the rights are those of the first.",
    put_in: &[
        Act::Run(EAST, &["account", "remove", SVC_WEST]),
        Act::Run(EAST, &["account", "add", SVC_WEST, "--password-file", "{west.password}"]),
    ],
    expected: &account_refused(ACCESS_DENIED),
    claims: &[36],
    ..PLAIN
};

pub(super) const LOCKED: Fault = Fault {
    name: "account-locked-out",
    cause: Cause::AccountLockedOut,
    title: "the account is locked",
    what: r"Somebody tries three wrong passwords of DEMO\svc-west at EAST.",
    put_in: &[
        Act::Fails(EAST, WRONG_LOGON),
        Act::Fails(EAST, WRONG_LOGON),
        Act::Fails(EAST, WRONG_LOGON),
    ],
    set: &[setting(Some(EAST), Section::Accounts, "lockout_threshold", "3")],
    expected: &account_refused(LOCKED_OUT),
    claims: &[36],
    ..PLAIN
};

pub(super) const POLICY: Fault = Fault {
    name: "logon-right-taken-by-policy",
    cause: Cause::LogonRightMissing,
    title: "a policy takes the right to log on from the network",
    what: r"A policy of EAST's domain denies DEMO\svc-west the right to log on from the network.",
    prepare: &[Act::Write(EAST, "policy.toml", "")],
    put_in: &[Act::Write(
        EAST,
        "policy.toml",
        "[[policy]]\nname = 'Mail'\nlevel = 'domain'\ndeny_network_logon = ['DEMO\\svc-west']\n",
    )],
    set: &[setting(Some(EAST), Section::Accounts, "policy_file", "'policy.toml'")],
    expected: &account_refused(LOGON_TYPE_NOT_GRANTED),
    cure: &[Act::Write(EAST, "policy.toml", ""), TRY_AGAIN],
    claims: &[28, 32, 36],
    ..PLAIN
};

pub(super) const EXTENDED_CHARACTERS: Fault = Fault {
    name: "service-account-extended-characters",
    cause: Cause::ServiceAccountExtendedCharacters,
    title: "a name beyond ASCII is mangled",
    what: "WEST's account has a name beyond ASCII. WEST takes its UTF-8 for Windows-1252 from now on, as some old programs did.",
    accounts: &[(WEST, EXTENDED)],
    put_in: &[Act::Replace(WEST, EXTENDED, MANGLED), Act::Restart(WEST)],
    expected: &account_refused(NO_SUCH_USER),
    cure: &[Act::Replace(WEST, MANGLED, EXTENDED), Act::Restart(WEST)],
    claims: &[25, 26, 36],
    ..PLAIN
};

/// A logon with a wrong password, as somebody else would try it.
const WRONG_LOGON: &[&str] = &[
    "rpc",
    "ping",
    "{east.address}",
    "--mapper-port",
    "{east.mapper}",
    "--interface",
    "6f8d2c1a-3e57-4b0e-9c64-a1d05be27f93",
    "--user",
    SVC_WEST,
    "--password-file",
    "{changed}",
    "-n",
    "1",
];

/// The password fault where accounts are proved by Kerberos: the key that a service has beside its keytab.
pub(super) const KEY_DIFFERS: Fault = Fault {
    name: "service-key-differs",
    cause: Cause::ServiceAccountPasswordMismatch,
    title: "the key differs",
    what: "In the KDC the key of host/east.demo.test is changed; EAST goes on using its old keytab.",
    put_in: &[Act::ChangeKey(EAST)],
    expected: &account_refused(WRONG_KEY),
    ..PLAIN
};
