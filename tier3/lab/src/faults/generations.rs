//! Three old servers, of which one is upgraded: what a mixed-version upgrade leaves behind.

use finding::Cause;

use super::table::{
    EAST, PLAIN, ROLE, ROLE_REFUSED, SCHEMA, SERVER_EAST, SVC_WEST, TRY_AGAIN, TRY_AGAIN_EAST, WEST,
};
use super::{Act, Fault};
use crate::cast::Side;

const NORTH: Side = Side::North;
const SERVER_WEST: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=WEST";
const SERVER_NORTH: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=NORTH";
const SVC_NORTH: &str = r"DEMO\svc-north";

/// EAST is upgraded and gets a machine identity; towards the others, which stay old, it goes on with its service account. The
/// upgrade makes the schema anew, without them.
pub(super) const UPGRADE: Fault = Fault {
    name: "upgrade-of-one-of-three",
    cause: Cause::ServiceAccountLacksDirectoryRight,
    title: "one of three old servers is upgraded",
    what: r"EAST, WEST and NORTH are old servers. EAST is upgraded: a machine identity, the legacy account for the others, and a schema object NT-Security-Descriptor without their accounts. Old and old keep flowing, old and new stop.",
    prepare: &[
        Act::Run(EAST, &["directory", "set", SERVER_EAST, "generation", "old"]),
        Act::Run(WEST, &["directory", "set", SERVER_WEST, "generation", "old"]),
        Act::Run(NORTH, &["directory", "set", SERVER_NORTH, "generation", "old"]),
        Act::Restart(EAST),
        Act::Restart(WEST),
        Act::Restart(NORTH),
        // Who called one that was just away would wait for a retry.
        TRY_AGAIN_EAST,
        TRY_AGAIN,
        Act::Run(NORTH, &["queue", "retry", "--all"]),
    ],
    put_in: &[
        Act::Shell(
            EAST,
            "umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \\n' > {east.folder}/secrets/machine.password",
        ),
        Act::Replace(
            EAST,
            "\n[rpc]\n",
            "\n[rpc]\nmachine_account = 'DEMO\\EAST$'\nmachine_password_file = \"secrets/machine.password\"\n",
        ),
        Act::Run(EAST, &["directory", "set", SERVER_EAST, "generation", "new"]),
        Act::Run(
            EAST,
            &[
                "directory",
                "legacy-account",
                "set",
                "--account",
                r"DEMO\svc-east",
                "--password-file",
                "{east.password}",
            ],
        ),
        Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", SCHEMA, "--inherit"]),
        Act::Run(EAST, &["directory", "revoke", ROLE, SVC_NORTH, "--on", SCHEMA, "--inherit"]),
        Act::Restart(EAST),
    ],
    for_all: true,
    servers: 3,
    expected: ROLE_REFUSED,
    claims: &[1, 2, 9, 11, 36],
    ..PLAIN
};
