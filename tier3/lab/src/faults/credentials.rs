//! Faults of what an MTA says of itself to another one over X.400: its name and its password.

use event::id;
use finding::Cause;

use super::table::{EAST, NAMES_EAST, PLAIN, WEST, x400};
use super::{Act, Fault};

pub(super) const PASSWORD: Fault = Fault {
    name: "mta-password-mismatch",
    cause: Cause::MtaPasswordMismatch,
    title: "the password of an MTA differs",
    what: "On EAST the password expected of the MTA WEST is changed; WEST goes on presenting the old one.",
    put_in: &[Act::Run(
        EAST,
        &["x400", "set-password", "WEST", "--remote", "--password-file", "{changed}"],
    )],
    expected: &[
        x400(EAST, id::CREDENTIALS_REFUSED),
        x400(EAST, id::IN_REFUSED),
        x400(EAST, id::OUT_REFUSED),
        x400(WEST, id::OUT_REFUSED),
    ],
    ..PLAIN
};

pub(super) const NAME: Fault = Fault {
    name: "connector-remote-name-mismatch",
    title: "an MTA presents another name",
    what: "WEST presents the MTA name WEST-2 to EAST, which knows WEST.",
    put_in: &[
        Act::Replace(WEST, NAMES_EAST, "\nname = \"EAST\"\nlocal_name = \"WEST-2\"\n"),
        Act::Restart(WEST),
    ],
    cure: &[
        Act::Replace(WEST, "\nname = \"EAST\"\nlocal_name = \"WEST-2\"\n", NAMES_EAST),
        Act::Restart(WEST),
    ],
    ..NAME_DIFFERS
};

pub(super) const CASE: Fault = Fault {
    name: "connector-remote-name-differs-in-case",
    title: "an MTA presents its name in lower case",
    what: "WEST presents its MTA name to EAST in lower case.",
    put_in: &[
        Act::Replace(WEST, NAMES_EAST, "\nname = \"EAST\"\nlocal_name = \"{west.lower}\"\n"),
        Act::Restart(WEST),
    ],
    cure: &[
        Act::Replace(WEST, "\nname = \"EAST\"\nlocal_name = \"{west.lower}\"\n", NAMES_EAST),
        Act::Restart(WEST),
    ],
    ..NAME_DIFFERS
};

const NAME_DIFFERS: Fault = Fault {
    cause: Cause::ConnectorRemoteNameMismatch,
    expected: &[x400(EAST, id::IN_REFUSED), x400(WEST, id::OUT_REFUSED)],
    ..PLAIN
};
