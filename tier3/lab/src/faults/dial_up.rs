//! Faults of a line that is dialled: EAST calls WEST, which only takes calls.
//!
//! The line is a pair of interfaces between the two servers' namespaces, beside the network in which their administrators
//! reach them. EAST's modem is a script: it looks into its phone book, says what a modem would say, and sets its end of the
//! pair up or down.

use config::Section;
use event::id;
use finding::Cause;

use super::table::{
    ACCESS_DENIED, BOTH, EAST, NO_SUCH_USER, PLAIN, ROLE, WEST, WRONG_PASSWORD, bind_back_failed,
    bind_failed, refused, setting,
};
use super::{Act, ExpectedEvent, Fault};
use crate::organisation::Setting;

const MODEM: &str = r#"#!/bin/sh
# modem call ENTRY | modem hang-up
cd "$(dirname "$0")" || exit 1
case $1 in
call)
    echo "ATDT $2"
    interface=$(sed -n "s/^$2 //p" phonebook)
    [ -n "$interface" ] || { echo "$2: no such entry"; exit 1; }
    [ ! -s line ] || { cat line; exit 1; }
    ip link set "$interface" up
    [ ! -x after ] || ./after
    ;;
hang-up) ip link set ras0 down ;;
esac
"#;

/// Lays the line, and gives both servers their connector.
macro_rules! line {
    ($($more:expr),*) => {
        &[
            Act::Shell(
                EAST,
                "ip link add ras0 type veth peer name ras0 netns {west.pid} && ip address add 10.78.0.1/30 dev ras0",
            ),
            Act::Shell(WEST, "ip address add 10.78.0.2/30 dev ras0 && ip link set ras0 up"),
            Act::Write(EAST, "modem", MODEM),
            Act::Write(EAST, "phonebook", "home ras0\n"),
            Act::Shell(EAST, "chmod 700 {east.folder}/modem"),
            Act::Replace(EAST, "= \"{west.address}\"", "= \"10.78.0.2\""),
            Act::Replace(WEST, "= \"{east.address}\"", "= \"10.78.0.1\""),
            Act::Replace(EAST, "\n[rfc1006]\n", EASTS_CONNECTOR),
            Act::Replace(WEST, "\n[rfc1006]\n", WESTS_CONNECTOR),
            Act::Restart(WEST),
            Act::Restart(EAST),
            $($more),*
        ]
    };
}

const EASTS_CONNECTOR: &str = r#"
[[dial_up]]
peer = "WEST"
dial = ["{east.folder}/modem", "call", "home"]
hang_up = ["{east.folder}/modem", "hang-up"]
interface = "ras0"
device = "modem"
lock_file = "{east.folder}/LCK..modem"
dial_timeout_s = 3
tries = 2
redial_s = 1
idle_s = 3
[rfc1006]
"#;
const WESTS_CONNECTOR: &str =
    "\n[[dial_up]]\npeer = \"EAST\"\nschedule = \"remote-initiated\"\nidle_s = 3\n[rfc1006]\n";

const NETWORKS: &[Setting] = &[
    setting(None, Section::Rpc, "listen", "\"0.0.0.0\""),
    setting(None, Section::Rpc, "allow", "[\"10.77.0.0/24\", \"10.78.0.0/30\"]"),
];

/// What waits at WEST waits for a call, too.
const LINE: Fault = Fault {
    stops: BOTH,
    ask: EAST,
    two_alone: true,
    wired: true,
    set: NETWORKS,
    prepare: line!(),
    claims: &[18],
    ..PLAIN
};

const fn call_failed(code: u32) -> ExpectedEvent {
    ExpectedEvent { server: EAST, id: id::DIAL_FAILED, code: Some(code), errors: None }
}

pub(super) const DEVICE_BUSY: Fault = Fault {
    name: "ras-device-busy",
    cause: Cause::RasDeviceBusy,
    title: "another program has the modem",
    what: "On EAST another program takes the modem: its lock file holds the number of a process that lives.",
    put_in: &[Act::Shell(
        EAST,
        "sleep 600 >/dev/null 2>&1 & printf '%10d\\n' $! > {east.folder}/LCK..modem",
    )],
    expected: &[call_failed(602)],
    cure: &[Act::Shell(EAST, "kill $(cat {east.folder}/LCK..modem)")],
    ..LINE
};

pub(super) const LINE_BUSY: Fault = Fault {
    name: "ras-line-busy",
    cause: Cause::RasDeviceBusy,
    title: "the line is engaged",
    what: "WEST's line is engaged: EAST's modem says BUSY.",
    put_in: &[Act::Write(EAST, "line", "BUSY\n")],
    expected: &[call_failed(676)],
    cure: &[Act::Write(EAST, "line", "")],
    ..LINE
};

pub(super) const ENTRY_WRONG: Fault = Fault {
    name: "ras-phonebook-entry-wrong",
    cause: Cause::RasPhonebookEntryWrong,
    title: "the entry is not in the phone book",
    what: "On EAST the entry is taken out of the phone book.",
    put_in: &[Act::Write(EAST, "phonebook", "nobody ras1\n")],
    expected: &[call_failed(623)],
    cure: &[Act::Write(EAST, "phonebook", "home ras0\n")],
    ..LINE
};

pub(super) const NO_ANSWER: Fault = Fault {
    name: "ras-no-answer",
    cause: Cause::RemoteServerUnreachable,
    title: "nobody answers the call",
    what: "WEST's modem is off: EAST's says NO ANSWER.",
    put_in: &[Act::Write(EAST, "line", "NO ANSWER\n")],
    expected: &[call_failed(678)],
    cure: &[Act::Write(EAST, "line", "")],
    ..LINE
};

pub(super) const PEER_SILENT: Fault = Fault {
    name: "ras-peer-silent",
    cause: Cause::RemoteServerUnreachable,
    title: "the link is up, and the peer is silent",
    what: "On WEST a packet filter drops whatever comes over the line.",
    put_in: &[Act::Filter(WEST, "iifname ras0 drop")],
    expected: &[ExpectedEvent { server: EAST, id: id::LINK_FAILED, code: Some(721), errors: None }],
    cure: &[Act::Shell(WEST, "nft delete table inet fault")],
    ..LINE
};

pub(super) const NOT_INSTALLED: Fault = Fault {
    name: "ras-dial-command-missing",
    cause: Cause::MtaStackNotInstalled,
    title: "the program that dials is not there",
    what: "On EAST the dial command is moved away.",
    put_in: &[Act::Shell(EAST, "mv {east.folder}/modem {east.folder}/modem.away")],
    expected: &[call_failed(651)],
    cure: &[Act::Shell(EAST, "mv {east.folder}/modem.away {east.folder}/modem")],
    ..LINE
};

pub(super) const DEFAULT_ROUTE: Fault = Fault {
    name: "ras-default-gateway",
    cause: Cause::RasDefaultGateway,
    title: "the link becomes the default route",
    what: "On EAST the dial command makes the line the default route of the machine.",
    put_in: &[
        Act::Write(EAST, "after", "#!/bin/sh\nip route add default dev ras0\n"),
        Act::Shell(EAST, "chmod 700 {east.folder}/after"),
    ],
    degrading: true,
    expected: &[],
    // Else the next call shows that it is right again.
    cure: &[Act::Shell(EAST, "rm {east.folder}/after"), Act::Restart(EAST)],
    ..LINE
};

pub(super) const SCHEDULE_NEVER: Fault = Fault {
    name: "ras-schedule-never",
    cause: Cause::ConnectorScheduleNever,
    title: "the schedule of the line is never",
    what: "On EAST the schedule of the connector is set to never.",
    put_in: &[Act::Replace(EAST, "\ndevice = \"modem\"\n", NEVER), Act::Restart(EAST)],
    expected: &[],
    cure: &[Act::Replace(EAST, NEVER, "\ndevice = \"modem\"\n"), Act::Restart(EAST)],
    ..LINE
};
const NEVER: &str = "\ndevice = \"modem\"\nschedule = \"never\"\n";

/// The account that the other domain has for this server; while the line is down nobody there can be asked about it.
macro_rules! override_account {
    ($on:expr, $peer:literal, $account:literal, $password:literal) => {
        Act::Run(
            $on,
            &[
                "directory",
                "override-account",
                "set",
                $peer,
                "--account",
                $account,
                "--password-file",
                $password,
                "--untested",
            ],
        )
    };
}
const WEST_OVERRIDE: Act = override_account!(WEST, "EAST", r"EAST\guest", "{west.password}");
const EAST_OVERRIDE: Act = override_account!(EAST, "WEST", r"WEST\guest", "{east.password}");

/// Two domains that do not know each other, joined by the line alone.
const UNTRUSTED: Fault = Fault {
    accounts: &[(WEST, r"EAST\guest"), (EAST, r"WEST\guest")],
    set: &[
        NETWORKS[0],
        NETWORKS[1],
        setting(Some(EAST), Section::Rpc, "account", r"'EAST\svc-own'"),
        setting(Some(WEST), Section::Rpc, "account", r"'WEST\svc-own'"),
    ],
    prepare: line!(WEST_OVERRIDE, EAST_OVERRIDE),
    ..LINE
};

/// WEST, the dialled one, is refused when it binds back.
macro_rules! bind_back_refused {
    ($reason:expr) => {
        &[
            bind_failed(EAST, ACCESS_DENIED, ACCESS_DENIED),
            bind_back_failed(WEST, ACCESS_DENIED),
            refused(EAST, $reason),
        ]
    };
}

const ROLE_REFUSED: &[ExpectedEvent] = bind_back_refused!(ACCESS_DENIED);

/// WEST refuses EAST, the dialling one.
macro_rules! bind_refused {
    ($reason:expr) => {
        &[bind_failed(EAST, ACCESS_DENIED, 0), refused(WEST, $reason)]
    };
}

/// The line is down again by the time that WEST is put right: EAST has to be told to call.
const CALL: Act = Act::Run(EAST, &["queue", "retry", "--all"]);

pub(super) const NO_ACCOUNT: Fault = Fault {
    name: "dial-up-no-matching-account",
    cause: Cause::UntrustedDomainsNoMatchingAccount,
    title: "a line between two domains that do not trust each other",
    what: r"EAST dials WEST; the two are of domains that do not know each other, and each has the other's account as the override account of its connector. On WEST it is taken away.",
    put_in: &[Act::Run(WEST, &["directory", "override-account", "clear", "EAST"])],
    expected: bind_back_refused!(NO_SUCH_USER),
    cure: &[WEST_OVERRIDE, CALL],
    claims: &[18, 19, 20, 21, 22],
    ..UNTRUSTED
};

pub(super) const NO_ACCOUNT_HERE: Fault = Fault {
    name: "dial-up-no-override-on-the-caller",
    cause: Cause::UntrustedDomainsNoMatchingAccount,
    title: "the dialling server lacks its override account",
    what: r"EAST dials WEST, which is of another domain. On EAST the override account of the connector is taken away.",
    put_in: &[Act::Run(EAST, &["directory", "override-account", "clear", "WEST"])],
    expected: bind_refused!(NO_SUCH_USER),
    cure: &[EAST_OVERRIDE],
    claims: &[18, 19, 20, 22],
    ..UNTRUSTED
};

pub(super) const PASSWORD: Fault = Fault {
    name: "dial-up-override-password-wrong",
    cause: Cause::ServiceAccountPasswordMismatch,
    title: "the password of an override account differs",
    what: r"EAST dials WEST, which is of another domain. On EAST the password of EAST\guest, WEST's account there, is changed.",
    put_in: &[Act::Run(
        EAST,
        &["account", "set-password", r"EAST\guest", "--password-file", "{changed}"],
    )],
    expected: bind_back_refused!(WRONG_PASSWORD),
    cure: &[],
    claims: &[18, 22],
    ..UNTRUSTED
};

const fn lacks_role(name: &'static str, put_in: &'static [Act]) -> Fault {
    Fault {
        name,
        cause: Cause::ServiceAccountLacksDirectoryRight,
        title: "the override account lacks its role on one of three levels",
        what: r"EAST dials WEST, which is of another domain. On EAST the role of EAST\guest, WEST's account there, is taken from one level alone.",
        put_in,
        expected: ROLE_REFUSED,
        claims: &[18, 20, 21, 22],
        ..UNTRUSTED
    }
}

pub(super) const ROLE_ON_ORGANISATION: Fault = lacks_role(
    "dial-up-role-missing-on-organisation",
    &[Act::Run(
        EAST,
        &["directory", "revoke", ROLE, r"EAST\guest", "--on", "/O=Demo", "--inherit"],
    )],
);
pub(super) const ROLE_ON_SITE: Fault = lacks_role(
    "dial-up-role-missing-on-site",
    &[Act::Run(
        EAST,
        &["directory", "revoke", ROLE, r"EAST\guest", "--on", "/O=Demo/OU=HQ", "--inherit"],
    )],
);
pub(super) const ROLE_ON_CONFIGURATION: Fault = lacks_role(
    "dial-up-role-missing-on-configuration",
    &[Act::Run(
        EAST,
        &[
            "directory",
            "revoke",
            ROLE,
            r"EAST\guest",
            "--on",
            "/O=Demo/OU=HQ/CN=Configuration",
            "--inherit",
        ],
    )],
);
pub(super) const NETWORK_LOGON: Fault = Fault {
    name: "dial-up-logon-right-missing",
    cause: Cause::LogonRightMissing,
    title: "the override account may not log on from the network",
    what: r"EAST dials WEST, which is of another domain. On EAST the right to log on from the network is taken from EAST\guest, WEST's account there.",
    put_in: &[Act::Run(EAST, &["account", "rights", r"EAST\guest", "--network-logon", "deny"])],
    expected: bind_back_refused!(1385),
    claims: &[18, 20, 22],
    ..UNTRUSTED
};
