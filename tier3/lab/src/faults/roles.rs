//! Faults of the role that an account must have on each level of the directory, and of when a server learns that it has it.

use finding::Cause;

use super::table::{
    ACCESS_DENIED, CONFIGURATION, EAST, PLAIN, ROLE, ROLE_REFUSED, SCHEMA, SERVER_EAST, SITE,
    SVC_WEST, account_refused,
};
use super::{Act, Fault};

pub(super) const OF_ACCOUNT: Fault = Fault {
    name: "service-account-lacks-directory-right",
    cause: Cause::ServiceAccountLacksDirectoryRight,
    title: "the account lacks its role",
    what: r"On EAST the account DEMO\svc-west loses the role service-account-admin.",
    put_in: &[Act::Run(EAST, &["account", "revoke", SVC_WEST, "--role", ROLE])],
    expected: &account_refused(ACCESS_DENIED),
    claims: &[22, 36],
    ..PLAIN
};

pub(super) const NOT_REPLICATED: Fault = Fault {
    name: "directory-not-replicated",
    cause: Cause::DirectoryNotReplicated,
    title: "the directory's copy lags",
    what: r"On EAST the role of DEMO\svc-west is taken and granted again while the agent that brings changes to the site's copy stands still.",
    put_in: &[
        Act::Run(EAST, &["account", "revoke", SVC_WEST, "--role", ROLE]),
        Act::Run(EAST, &["directory", "agent", "stop"]),
        Act::Run(EAST, &["account", "grant", SVC_WEST, "--role", ROLE]),
    ],
    expected: &account_refused(ACCESS_DENIED),
    claims: &[36],
    ..PLAIN
};

pub(super) const ON_SCHEMA: Fault = lacks_role(
    "schema-grant-missing",
    "an upgrade leaves the schema without the account",
    r"On EAST the schema object NT-Security-Descriptor has no grant for DEMO\svc-west, as a mixed-version upgrade leaves it.",
    &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", SCHEMA, "--inherit"])],
    &[9, 11, 12, 36],
);

pub(super) const ON_ORGANISATION: Fault = lacks_role(
    "role-missing-on-organisation",
    "the role is missing on the organisation",
    r"On EAST the role of DEMO\svc-west is taken from the organisation alone.",
    &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", "/O=Demo", "--inherit"])],
    &[22, 36],
);

pub(super) const ON_SITE: Fault = lacks_role(
    "role-missing-on-site",
    "the role is missing on the site",
    r"On EAST the role of DEMO\svc-west is taken from the site alone.",
    &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", SITE, "--inherit"])],
    &[22, 36],
);

pub(super) const ON_CONFIGURATION: Fault = lacks_role(
    "role-missing-on-configuration",
    "the role is missing on the configuration",
    r"On EAST the role of DEMO\svc-west is taken from the configuration alone.",
    &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", CONFIGURATION, "--inherit"])],
    &[22, 36],
);

pub(super) const NOT_RESTARTED: Fault = Fault {
    name: "upgrade-needs-restart",
    cause: Cause::UpgradeNeedsRestart,
    title: "granted, but not restarted",
    what: r"EAST is an old server: it reads the schema when it starts. It started without the grant for DEMO\svc-west, which was made after it.",
    prepare: &[Act::Run(EAST, &["directory", "set", SERVER_EAST, "generation", "old"])],
    put_in: &[
        Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", SCHEMA, "--inherit"]),
        Act::Restart(EAST),
        Act::Run(EAST, &["directory", "grant", ROLE, SVC_WEST, "--on", SCHEMA, "--inherit"]),
    ],
    expected: &account_refused(ACCESS_DENIED),
    cure: &[Act::Restart(EAST)],
    claims: &[13],
    ..PLAIN
};

const fn lacks_role(
    name: &'static str,
    title: &'static str,
    what: &'static str,
    put_in: &'static [Act],
    claims: &'static [u8],
) -> Fault {
    Fault {
        name,
        cause: Cause::ServiceAccountLacksDirectoryRight,
        title,
        what,
        put_in,
        expected: ROLE_REFUSED,
        claims,
        ..PLAIN
    }
}
