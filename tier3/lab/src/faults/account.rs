//! Faults of whose account a server proves itself with.

use finding::Cause;

use super::table::{EAST, PLAIN, ROLE_REFUSED, WEST};
use super::{Act, Fault};

/// Both accounts are known on EAST, with the right password and the role; only one of them speaks for WEST.
pub(super) const OF_ANOTHER_NAME: Fault = Fault {
    name: "service-account-of-another-name",
    cause: Cause::ServiceAccountMismatch,
    title: "the account on one side does not match",
    what: r"WEST proves itself with DEMO\svc-other from now on. EAST knows that account and its password, and it has the role; but EAST expects DEMO\svc-west of WEST.",
    prepare: &[Act::Run(
        EAST,
        &[
            "account",
            "add",
            r"DEMO\svc-other",
            "--role",
            crate::organisation::ROLE,
            "--password-file",
            "{west.password}",
        ],
    )],
    put_in: &[Act::Replace(WEST, r"DEMO\svc-west", r"DEMO\svc-other"), Act::Restart(WEST)],
    expected: ROLE_REFUSED,
    cure: &[Act::Replace(WEST, r"DEMO\svc-other", r"DEMO\svc-west"), Act::Restart(WEST)],
    claims: &[36],
    ..PLAIN
};
