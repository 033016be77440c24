//! Faults of what the two ends of an X.400 connector must agree on.

use event::id;
use finding::Cause;

use super::table::{BOTH, EAST, NAMES_EAST, PLAIN, WEST, x400};
use super::{Act, Fault};

/// EAST's table for WEST.
const NAMES_WEST: &str = "\nname = \"WEST\"\n";

/// A line in a server's table for another one.
macro_rules! line {
    ($name:literal, $line:literal) => {
        concat!("\nname = \"", $name, "\"\n", $line, "\n")
    };
}

/// The line stands in a server's table, and its cure is to take it out again.
macro_rules! connector_line {
    ($on:expr, $names:expr, $with:expr) => {
        Fault {
            put_in: &[Act::Replace($on, $names, $with), Act::Restart($on)],
            cure: &[Act::Replace($on, $with, $names), Act::Restart($on)],
            ..PLAIN
        }
    };
}

/// Makes a certificate and its key, for a name and until a time.
macro_rules! certificate {
    ($file:literal, $name:literal, $until:literal) => {
        concat!(
            "cd {east.folder} && umask 077 && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ",
            $file,
            ".key -out ",
            $file,
            ".csr -subj /CN=",
            $name,
            " 2>/dev/null && openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -extensions ",
            $name,
            " -startdate 20200101000000Z -enddate ",
            $until,
            " -in ",
            $file,
            ".csr -out ",
            $file,
            ".pem 2>/dev/null"
        )
    };
}

pub(super) const SCHEDULE_NEVER: Fault = Fault {
    name: "connector-schedule-never",
    cause: Cause::ConnectorScheduleNever,
    title: "the schedule of a connector is never",
    what: "On WEST the schedule of the connector to EAST is set to never.",
    expected: &[
        x400(WEST, id::SUSPENDED_CALLER),
        x400(WEST, id::IN_REFUSED),
        x400(EAST, id::OUT_REFUSED),
    ],
    ..connector_line!(WEST, NAMES_EAST, line!("EAST", "schedule = \"never\""))
};

pub(super) const T_SELECTOR: Fault = Fault {
    name: "t-selector-mismatch",
    cause: Cause::TSelectorMismatch,
    title: "the transport selectors differ",
    what: "EAST wants to be called with the transport selector MTA-1, and WEST calls without one.",
    stops: &[WEST],
    expected: &[x400(EAST, id::WRONG_T_SELECTOR), x400(WEST, id::OUT_REFUSED)],
    ..connector_line!(EAST, NAMES_WEST, line!("WEST", "own_t_selector = \"MTA-1\""))
};

pub(super) const S_SELECTOR: Fault = Fault {
    name: "s-selector-mismatch",
    cause: Cause::X400CredentialsMismatch,
    title: "the session selectors differ",
    what: "EAST wants to be called with the session selector X400, and WEST calls it with X4OO.",
    prepare: &[Act::Replace(WEST, NAMES_EAST, CALLED_S), Act::Restart(WEST)],
    stops: &[WEST],
    expected: &[x400(EAST, id::IN_REFUSED), x400(WEST, id::OUT_REFUSED)],
    ..connector_line!(EAST, NAMES_WEST, line!("WEST", "own_s_selector = \"X400\""))
};
const CALLED_S: &str = line!("EAST", "s_selector = \"X4OO\"");

pub(super) const MODE: Fault = Fault {
    name: "x400-conformance-mismatch",
    cause: Cause::X400ConformanceMismatch,
    title: "one end calls in another mode than the other end takes",
    what: "WEST calls EAST in the mode of 1984; EAST takes the normal mode alone.",
    prepare: &[Act::Replace(EAST, NAMES_WEST, SAME_MODE), Act::Restart(EAST)],
    put_in: &[Act::Replace(WEST, NAMES_EAST, OLD_MODE), Act::Restart(WEST)],
    stops: &[WEST],
    expected: &[x400(EAST, id::IN_REFUSED), x400(WEST, id::OUT_REFUSED)],
    cure: &[Act::Replace(WEST, OLD_MODE, NAMES_EAST), Act::Restart(WEST)],
    ..PLAIN
};
const SAME_MODE: &str = line!("WEST", "incoming_mode = \"same\"");
const OLD_MODE: &str = line!("EAST", "mode = \"1984\"");

pub(super) const DIALOGUE: Fault = Fault {
    name: "two-way-alternate-mismatch",
    cause: Cause::TwoWayAlternateMismatch,
    title: "one end wants a monologue, the other one both in turn",
    what: "On WEST the connector to EAST is set to two-way-alternate; EAST goes on with a monologue.",
    stops: BOTH,
    expected: &[
        x400(EAST, id::WRONG_DIALOGUE),
        x400(WEST, id::OUT_REFUSED),
        x400(WEST, id::WRONG_DIALOGUE),
        x400(EAST, id::OUT_REFUSED),
    ],
    ..connector_line!(WEST, NAMES_EAST, line!("EAST", "dialogue = \"two-way-alternate\""))
};

/// Two servers over TLS, with certificates of an authority of the laboratory; then WEST's expires.
pub(super) const CERTIFICATE: Fault = Fault {
    name: "certificate-expired",
    cause: Cause::CertificateExpired,
    title: "a certificate expires",
    what: "EAST and WEST speak TLS, each with a certificate. WEST gets one that expired in 2021.",
    prepare: &[
        Act::Write(EAST, "ca.cnf", AUTHORITY),
        Act::Shell(EAST, MAKE_AUTHORITY),
        Act::Shell(EAST, certificate!("own", "east.demo.test", "21200101000000Z")),
        Act::Shell(EAST, certificate!("west", "west.demo.test", "21200101000000Z")),
        Act::Shell(EAST, certificate!("old", "west.demo.test", "20210101000000Z")),
        Act::Shell(
            EAST,
            "cd {east.folder} && cp ca.pem {west.folder}/ && cp -p west.pem {west.folder}/own.pem && cp -p west.key {west.folder}/own.key",
        ),
        Act::Replace(EAST, RFC1006, SECURED),
        Act::Replace(EAST, NAMES_WEST, line!("WEST", "tls = \"required\"")),
        Act::Replace(WEST, RFC1006, SECURED),
        Act::Replace(WEST, NAMES_EAST, line!("EAST", "tls = \"required\"")),
        Act::Restart(EAST),
        Act::Restart(WEST),
        Act::Run(EAST, &["queue", "retry", "--all"]),
    ],
    put_in: &[Act::Shell(
        EAST,
        "cd {east.folder} && cp -p old.pem {west.folder}/own.pem && cp -p old.key {west.folder}/own.key",
    )],
    stops: BOTH,
    two_alone: true,
    expected: &[x400(EAST, event::own::id::TLS_REFUSED), x400(WEST, event::own::id::TLS_REFUSED)],
    cure: &[
        Act::Shell(
            EAST,
            "cd {east.folder} && cp -p west.pem {west.folder}/own.pem && cp -p west.key {west.folder}/own.key",
        ),
        super::table::TRY_AGAIN,
        super::table::TRY_AGAIN_EAST,
    ],
    needs: &["openssl"],
    ..PLAIN
};
const RFC1006: &str = "\n[rfc1006]\n";
const SECURED: &str =
    "\n[rfc1006]\ncertificate = \"own.pem\"\nkey = \"own.key\"\ntrust = \"ca.pem\"\n";

/// What `openssl ca` needs to be told; the name of a certificate is in the section that is chosen by `-extensions`.
const AUTHORITY: &str = "[ca]
default_ca = d
[d]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = supplied
[east.demo.test]
subjectAltName = DNS:east.demo.test
[west.demo.test]
subjectAltName = DNS:west.demo.test
";
const MAKE_AUTHORITY: &str = "cd {east.folder} && umask 077 && : > index.txt && echo 01 > serial && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 3650 -subj /CN=Laboratory 2>/dev/null";

/// Differences that RTSE settles by the smaller of the two (X.228, 7.1): mail flows, and nothing may be found.
pub const HARMLESS: &[Fault] = &[Fault {
    name: "checkpoints-and-windows-differ",
    title: "checkpoint sizes and windows differ, which is no fault",
    what: "On WEST the connector to EAST gets checkpoints of 1 KiB and a window of 32, on EAST none at all and a window of 1.",
    put_in: &[
        Act::Replace(WEST, NAMES_EAST, line!("EAST", "checkpoint_kib = 1\nwindow = 32")),
        Act::Restart(WEST),
        Act::Replace(EAST, NAMES_WEST, line!("WEST", "checkpoint_kib = 0\nwindow = 1")),
        Act::Restart(EAST),
        Act::Run(WEST, &["queue", "retry", "--all"]),
    ],
    stops: &[],
    ..PLAIN
}];
