//! Every fault of this room.

use config::Section;
use finding::Cause;

use super::{
    Act, BIND_BACK_FAILED, BIND_FAILED, ExpectedEvent, Fault, SECURITY_VIOLATION, dial_up, domain,
    generations, host, joining, line, names, peers, route, store, terms,
};
use crate::cast::Side;
use crate::organisation::Setting;

pub(super) const ACCESS_DENIED: u32 = 5;
pub(super) const SERVER_UNAVAILABLE: u32 = 1722;
const WRONG_PASSWORD: u32 = 1326;
const NO_SUCH_USER: u32 = 1317;
const PASSWORD_EXPIRED: u32 = 1330;
const ACCOUNT_DISABLED: u32 = 1331;
const LOGON_TYPE_NOT_GRANTED: u32 = 1385;
const ACCOUNT_EXPIRED: u32 = 1793;
const LOCKED_OUT: u32 = 1909;
const WRONG_KEY: u32 = 1396;

pub(super) const EAST: Side = Side::East;
pub(super) const WEST: Side = Side::West;
pub(super) const BOTH: &[Side] = &[EAST, WEST];

const SVC_WEST: &str = r"DEMO\svc-west";
const ROLE: &str = crate::organisation::ROLE;
const SCHEMA: &str = "/CN=Schema/CN=NT-Security-Descriptor";
const SITE: &str = "/O=Demo/OU=HQ";
const CONFIGURATION: &str = "/O=Demo/OU=HQ/CN=Configuration";
const SERVER_EAST: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=EAST";
const CONNECTOR_TO_EAST: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Connections/CN=EAST";

/// A name as another server should have it, and as one spells it that takes UTF-8 for Windows-1252.
const EXTENDED: &str = r"DEMO\svc-wést-ßØ日本";
const MANGLED: &str = r"DEMO\svc-wÃ©st-ÃŸÃ˜æ—¥æœ¬";

pub(super) const fn bind_failed(server: Side, code: u32, bind: u32) -> ExpectedEvent {
    ExpectedEvent { server, id: BIND_FAILED, code: Some(code), errors: Some((code, bind)) }
}

pub(super) const fn bind_back_failed(server: Side, code: u32) -> ExpectedEvent {
    ExpectedEvent { server, id: BIND_BACK_FAILED, code: Some(code), errors: Some((code, 0)) }
}

pub(super) const fn refused(server: Side, code: u32) -> ExpectedEvent {
    ExpectedEvent { server, id: SECURITY_VIOLATION, code: Some(code), errors: None }
}

pub(super) const fn x400(server: Side, id: u32) -> ExpectedEvent {
    ExpectedEvent { server, id, code: None, errors: None }
}

/// EAST refuses WEST's account: at WEST's bind, and at the bind back that WEST owes EAST.
macro_rules! account_refused {
    ($reason:expr) => {
        &[
            bind_failed(Side::West, ACCESS_DENIED, 0),
            bind_back_failed(Side::West, ACCESS_DENIED),
            bind_failed(Side::East, ACCESS_DENIED, ACCESS_DENIED),
            refused(Side::East, $reason),
        ]
    };
}

pub(super) const UNKNOWN_REFUSED: &[ExpectedEvent] = account_refused!(NO_SUCH_USER);

pub(super) const ROLE_REFUSED: &[ExpectedEvent] = account_refused!(ACCESS_DENIED);

pub(super) const fn setting(
    on: Option<Side>,
    section: Section,
    key: &'static str,
    value: &'static str,
) -> Setting {
    Setting { on, section, key, value }
}

/// What most faults have in common: EAST refuses WEST, and a command of the doctor cures it.
pub(super) const PLAIN: Fault = Fault {
    name: "",
    cause: Cause::ServiceAccountPasswordMismatch,
    title: "",
    what: "",
    put_in: &[],
    stops: BOTH,
    for_all: false,
    ask: WEST,
    expected: &[],
    cure: &[],
    set: &[],
    prepare: &[],
    accounts: &[],
    degrading: false,
    servers: 0,
    two_alone: false,
    returned: None,
    takes_none: false,
    needs: &[],
    wired: false,
    claims: &[],
};

/// Every fault of this room, the default first.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "service-account-password-mismatch",
        cause: Cause::ServiceAccountPasswordMismatch,
        title: "the password differs",
        what: r"On EAST the password of DEMO\svc-west is changed; WEST goes on using the old one.",
        put_in: &[Act::Run(
            EAST,
            &["account", "set-password", SVC_WEST, "--password-file", "{changed}"],
        )],
        expected: account_refused!(WRONG_PASSWORD),
        claims: &[22, 29, 36],
        ..PLAIN
    },
    Fault {
        name: "service-account-missing",
        cause: Cause::ServiceAccountMissing,
        title: "the account is gone",
        what: r"On EAST the account DEMO\svc-west is removed.",
        put_in: &[Act::Run(EAST, &["account", "remove", SVC_WEST])],
        expected: account_refused!(NO_SUCH_USER),
        claims: &[36],
        ..PLAIN
    },
    Fault {
        name: "service-account-lacks-directory-right",
        cause: Cause::ServiceAccountLacksDirectoryRight,
        title: "the account lacks its role",
        what: r"On EAST the account DEMO\svc-west loses the role service-account-admin.",
        put_in: &[Act::Run(EAST, &["account", "revoke", SVC_WEST, "--role", ROLE])],
        expected: account_refused!(ACCESS_DENIED),
        claims: &[22, 36],
        ..PLAIN
    },
    Fault {
        name: "remote-name-unresolvable",
        cause: Cause::RemoteNameUnresolvable,
        title: "the name of the remote server is unknown",
        what: "On WEST the name east.demo.test is taken out of the table of names.",
        put_in: &[Act::Run(WEST, &["hosts", "remove", "east.demo.test"])],
        stops: &[WEST],
        expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
        claims: &[7, 30],
        ..PLAIN
    },
    Fault {
        name: "bindback-name-unresolvable",
        cause: Cause::BindbackNameUnresolvable,
        title: "the name for the bind back is unknown",
        what: "On WEST the name east-rpc.demo.test, which EAST hands over for the bind back, is taken out of the table of names.",
        put_in: &[Act::Run(WEST, &["hosts", "remove", "east-rpc.demo.test"])],
        stops: &[EAST],
        ask: EAST,
        expected: &[
            bind_back_failed(WEST, SERVER_UNAVAILABLE),
            bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
        ],
        claims: &[7, 30],
        ..PLAIN
    },
    Fault {
        name: "lmhosts-stale-entry",
        cause: Cause::LmhostsStaleEntry,
        title: "the name of the remote server leads elsewhere",
        what: "On WEST the name east.demo.test leads to an address where nobody is.",
        put_in: &[Act::Run(WEST, &["hosts", "set", "east.demo.test", "{nowhere}"])],
        stops: &[WEST],
        expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
        claims: &[7, 30, 35],
        ..PLAIN
    },
    Fault {
        name: "bindback-name-leads-elsewhere",
        cause: Cause::LmhostsStaleEntry,
        title: "the name for the bind back leads elsewhere",
        what: "On WEST the name east-rpc.demo.test, which EAST hands over for the bind back, leads to an address where nobody is.",
        put_in: &[Act::Run(WEST, &["hosts", "set", "east-rpc.demo.test", "{nowhere}"])],
        stops: &[EAST],
        ask: EAST,
        expected: &[
            bind_back_failed(WEST, SERVER_UNAVAILABLE),
            bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
        ],
        claims: &[7, 30, 35],
        ..PLAIN
    },
    Fault {
        name: "port-filtered-by-firewall",
        cause: Cause::PortFilteredByFirewall,
        title: "the RPC port is closed to one server",
        what: "EAST's RPC port no longer lets the address of WEST in; its endpoint mapper still answers.",
        put_in: &[Act::Run(EAST, &["network", "remove", "rpc", "{west.network}"])],
        // Whoever calls a loopback address does so from WEST's.
        for_all: true,
        expected: &[
            bind_failed(WEST, SERVER_UNAVAILABLE, 0),
            bind_back_failed(WEST, SERVER_UNAVAILABLE),
            bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
        ],
        claims: &[7, 28, 35],
        ..PLAIN
    },
    Fault {
        name: "remote-server-unreachable",
        cause: Cause::RemoteServerUnreachable,
        title: "the remote server is down",
        what: "EAST is stopped.",
        put_in: &[Act::Stop(EAST)],
        stops: &[WEST],
        for_all: true,
        expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
        claims: &[7, 28],
        ..PLAIN
    },
    Fault {
        name: "account-disabled",
        cause: Cause::AccountDisabled,
        title: "the account is disabled",
        what: r"On EAST the account DEMO\svc-west is disabled.",
        put_in: &[Act::Run(EAST, &["account", "disable", SVC_WEST])],
        expected: account_refused!(ACCOUNT_DISABLED),
        claims: &[36],
        ..PLAIN
    },
    Fault {
        name: "account-expired",
        cause: Cause::AccountExpired,
        title: "the account has expired",
        what: r"On EAST the time of the account DEMO\svc-west is over.",
        put_in: &[Act::Run(EAST, &["account", "expire", SVC_WEST])],
        expected: account_refused!(ACCOUNT_EXPIRED),
        claims: &[36],
        ..PLAIN
    },
    Fault {
        name: "password-expired",
        cause: Cause::PasswordExpired,
        title: "the password has expired",
        what: r"On EAST the time of the password of DEMO\svc-west is over.",
        put_in: &[Act::Run(EAST, &["account", "expire", SVC_WEST, "--password"])],
        expected: account_refused!(PASSWORD_EXPIRED),
        claims: &[36],
        ..PLAIN
    },
    Fault {
        name: "logon-right-missing",
        cause: Cause::LogonRightMissing,
        title: "the account may not log on from the network",
        what: r"On EAST the account DEMO\svc-west is denied the right to log on from the network.",
        put_in: &[Act::Run(EAST, &["account", "rights", SVC_WEST, "--network-logon", "deny"])],
        expected: account_refused!(LOGON_TYPE_NOT_GRANTED),
        claims: &[32, 36],
        ..PLAIN
    },
    Fault {
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
        expected: account_refused!(NO_SUCH_USER),
        claims: &[23, 24, 36],
        // What WEST presents is presented to everybody.
        two_alone: true,
        ..PLAIN
    },
    Fault {
        name: "override-account-wrong",
        cause: Cause::OverrideAccountWrong,
        title: "the override account is wrong",
        what: r"On WEST the connector to EAST gets the override account EAST\svc-mail, which EAST does not know.",
        put_in: &[Act::Run(
            WEST,
            &["directory", "set", CONNECTOR_TO_EAST, "overrideAccount", r"EAST\svc-mail"],
        )],
        expected: account_refused!(NO_SUCH_USER),
        claims: &[22, 36],
        ..PLAIN
    },
    Fault {
        name: "directory-not-replicated",
        cause: Cause::DirectoryNotReplicated,
        title: "the directory's copy lags",
        what: r"On EAST the role of DEMO\svc-west is taken and granted again while the agent that brings changes to the site's copy stands still.",
        put_in: &[
            Act::Run(EAST, &["account", "revoke", SVC_WEST, "--role", ROLE]),
            Act::Run(EAST, &["directory", "agent", "stop"]),
            Act::Run(EAST, &["account", "grant", SVC_WEST, "--role", ROLE]),
        ],
        expected: account_refused!(ACCESS_DENIED),
        claims: &[36],
        ..PLAIN
    },
    lacks_role(
        "schema-grant-missing",
        "an upgrade leaves the schema without the account",
        r"On EAST the schema object NT-Security-Descriptor has no grant for DEMO\svc-west, as a mixed-version upgrade leaves it.",
        &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", SCHEMA, "--inherit"])],
        &[9, 11, 12, 36],
    ),
    lacks_role(
        "role-missing-on-organisation",
        "the role is missing on the organisation",
        r"On EAST the role of DEMO\svc-west is taken from the organisation alone.",
        &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", "/O=Demo", "--inherit"])],
        &[22, 36],
    ),
    lacks_role(
        "role-missing-on-site",
        "the role is missing on the site",
        r"On EAST the role of DEMO\svc-west is taken from the site alone.",
        &[Act::Run(EAST, &["directory", "revoke", ROLE, SVC_WEST, "--on", SITE, "--inherit"])],
        &[22, 36],
    ),
    lacks_role(
        "role-missing-on-configuration",
        "the role is missing on the configuration",
        r"On EAST the role of DEMO\svc-west is taken from the configuration alone.",
        &[Act::Run(
            EAST,
            &["directory", "revoke", ROLE, SVC_WEST, "--on", CONFIGURATION, "--inherit"],
        )],
        &[22, 36],
    ),
    Fault {
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
        expected: account_refused!(ACCESS_DENIED),
        cure: &[Act::Restart(EAST)],
        claims: &[13],
        ..PLAIN
    },
    Fault {
        name: "account-made-again",
        cause: Cause::ServiceAccountMissing,
        title: "the account was made again under its name",
        what: r"On EAST the account DEMO\svc-west is removed and made again under the same name: it has another identifier, and the rights are those of the first.",
        put_in: &[
            Act::Run(EAST, &["account", "remove", SVC_WEST]),
            Act::Run(EAST, &["account", "add", SVC_WEST, "--password-file", "{west.password}"]),
        ],
        expected: account_refused!(ACCESS_DENIED),
        claims: &[36],
        ..PLAIN
    },
    Fault {
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
        expected: account_refused!(LOCKED_OUT),
        claims: &[36],
        ..PLAIN
    },
    Fault {
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
        expected: account_refused!(LOGON_TYPE_NOT_GRANTED),
        cure: &[Act::Write(EAST, "policy.toml", ""), TRY_AGAIN],
        claims: &[28, 32, 36],
        ..PLAIN
    },
    Fault {
        name: "service-account-extended-characters",
        cause: Cause::ServiceAccountExtendedCharacters,
        title: "a name beyond ASCII is mangled",
        what: "WEST's account has a name beyond ASCII. WEST takes its UTF-8 for Windows-1252 from now on, as some old programs did.",
        accounts: &[(WEST, EXTENDED)],
        put_in: &[Act::Replace(WEST, EXTENDED, MANGLED), Act::Restart(WEST)],
        expected: account_refused!(NO_SUCH_USER),
        cure: &[Act::Replace(WEST, MANGLED, EXTENDED), Act::Restart(WEST)],
        claims: &[25, 26, 36],
        ..PLAIN
    },
    Fault {
        name: "untrusted-domains-no-matching-account",
        cause: Cause::UntrustedDomainsNoMatchingAccount,
        title: "two domains that do not trust each other",
        what: r"EAST and WEST are of domains that do not know each other; each has an account in the other's domain, as the override account of its connector. On WEST it is taken away.",
        put_in: &[Act::Run(WEST, &["directory", "override-account", "clear", "EAST"])],
        expected: account_refused!(NO_SUCH_USER),
        cure: &[WEST_OVERRIDE],
        claims: &[19, 20, 21, 36],
        ..UNTRUSTED
    },
    Fault {
        name: "override-account-lacks-role-on-organisation",
        put_in: &[Act::Run(
            EAST,
            &["directory", "revoke", ROLE, r"EAST\guest", "--on", "/O=Demo", "--inherit"],
        )],
        ..OVERRIDE_LACKS_ROLE
    },
    Fault {
        name: "override-account-lacks-role-on-site",
        put_in: &[Act::Run(
            EAST,
            &["directory", "revoke", ROLE, r"EAST\guest", "--on", SITE, "--inherit"],
        )],
        ..OVERRIDE_LACKS_ROLE
    },
    Fault {
        name: "override-account-lacks-role-on-configuration",
        put_in: &[Act::Run(
            EAST,
            &["directory", "revoke", ROLE, r"EAST\guest", "--on", CONFIGURATION, "--inherit"],
        )],
        ..OVERRIDE_LACKS_ROLE
    },
    Fault {
        name: "override-account-password-wrong",
        cause: Cause::ServiceAccountPasswordMismatch,
        title: "the password of an override account differs",
        what: r"On EAST the password of EAST\guest, WEST's account there, is changed.",
        put_in: &[Act::Run(
            EAST,
            &["account", "set-password", r"EAST\guest", "--password-file", "{changed}"],
        )],
        expected: account_refused!(WRONG_PASSWORD),
        claims: &[22, 36],
        ..UNTRUSTED
    },
    Fault {
        name: "rpc-port-dropped",
        title: "a firewall drops what goes to the RPC port",
        what: "On EAST a packet filter drops what comes from WEST to the static RPC port; the mapper's port is open.",
        put_in: &[filter("ip saddr {west.address} tcp dport 4747 drop")],
        ..FILTERED
    },
    Fault {
        name: "rpc-port-rejected",
        title: "a firewall rejects what goes to the RPC port",
        what: "On EAST a packet filter resets connections of WEST to the static RPC port; the mapper's port is open.",
        put_in: &[filter("ip saddr {west.address} tcp dport 4747 reject with tcp reset")],
        ..FILTERED
    },
    Fault {
        name: "mapper-port-dropped",
        title: "a firewall drops what goes to the endpoint mapper",
        what: "On EAST a packet filter drops what comes from WEST to port 135.",
        put_in: &[filter("ip saddr {west.address} tcp dport 135 drop")],
        ..FILTERED
    },
    Fault {
        name: "one-way-cut",
        title: "connections are let through in one direction alone",
        what: "A packet filter on EAST drops every connection that WEST opens to its mail ports; EAST's own to WEST go through.",
        put_in: &[filter("ip saddr {west.address} tcp dport { 25, 135, 4747 } ct state new drop")],
        ..FILTERED
    },
    Fault {
        name: "link-down",
        cause: Cause::RemoteServerUnreachable,
        title: "the remote server has lost its network",
        what: "The network link of EAST is taken down; its processes run.",
        put_in: &[Act::Shell(EAST, "ip link set eth0 down")],
        for_all: true,
        expected: &[
            bind_failed(WEST, SERVER_UNAVAILABLE, 0),
            bind_failed(EAST, SERVER_UNAVAILABLE, 0),
        ],
        cure: &[Act::Shell(EAST, "ip link set eth0 up"), TRY_AGAIN, TRY_AGAIN_EAST],
        ..FILTERED
    },
    Fault {
        name: "name-leads-to-a-dead-address",
        cause: Cause::LmhostsStaleEntry,
        title: "the name leads to an address that nobody has",
        what: "On WEST the name east.demo.test leads to an address of the same network that no machine has.",
        put_in: &[Act::Run(WEST, &["hosts", "set", "east.demo.test", "{nowhere}"])],
        stops: &[WEST],
        expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
        cure: &[],
        claims: &[28, 30, 35],
        ..FILTERED
    },
    generations::UPGRADE,
    host::PORT_TAKEN,
    host::MAPPER_ALONE,
    host::HANGS,
    host::LEVEL,
    joining::PEER_ACCOUNT,
    peers::VERSION_1,
    peers::KEYS_56,
    peers::SEALING_56,
    peers::CLOCK,
    names::HOST,
    names::BIND_BACK,
    domain::OF_SAMBA,
    line::LOSS,
    line::SMALL_MTU,
    line::SLOW,
    line::TRANSLATED,
    line::OTHER_ADDRESS,
    dial_up::DEVICE_BUSY,
    dial_up::LINE_BUSY,
    dial_up::ENTRY_WRONG,
    dial_up::NO_ANSWER,
    dial_up::PEER_SILENT,
    dial_up::NOT_INSTALLED,
    dial_up::DEFAULT_ROUTE,
    dial_up::SCHEDULE_NEVER,
    dial_up::NO_ACCOUNT,
    dial_up::NO_ACCOUNT_HERE,
    dial_up::PASSWORD,
    dial_up::ROLE_ON_ORGANISATION,
    dial_up::ROLE_ON_SITE,
    dial_up::ROLE_ON_CONFIGURATION,
    dial_up::NETWORK_LOGON,
    store::DISK_FULL,
    store::MEMORY_SHORT,
    store::DAMAGED,
    route::NO_ADDRESS_SPACE,
    route::LOOP,
    route::TOO_LARGE,
];

/// A rule of a packet filter on EAST, in a table of its own.
const fn filter(rule: &'static str) -> Act {
    Act::Filter(EAST, rule)
}

pub(super) const FILTERED: Fault = Fault {
    cause: Cause::PortFilteredByFirewall,
    expected: &[
        bind_failed(WEST, SERVER_UNAVAILABLE, 0),
        bind_back_failed(WEST, SERVER_UNAVAILABLE),
        bind_failed(EAST, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
    ],
    cure: &[Act::Shell(EAST, "nft delete table inet fault"), TRY_AGAIN],
    set: &[
        setting(None, Section::Rpc, "port", "4747"),
        setting(None, Section::Rpc, "connect_timeout_s", "2"),
    ],
    wired: true,
    claims: &[7, 28, 35],
    ..PLAIN
};

/// What a remedy says to do where no command tells the servers that something has changed.
pub(super) const TRY_AGAIN: Act = Act::Run(WEST, &["queue", "retry", "--all"]);
pub(super) const TRY_AGAIN_EAST: Act = Act::Run(EAST, &["queue", "retry", "--all"]);

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
    expected: account_refused!(ACCESS_DENIED),
    claims: &[20, 22, 36],
    ..UNTRUSTED
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

/// The faults of X.400 over TCP, the default first. EAST refuses WEST's password of every call of
/// WEST, and in the answers to its own.
pub const X400_FAULTS: &[Fault] = &[
    Fault {
        name: "mta-password-mismatch",
        cause: Cause::MtaPasswordMismatch,
        title: "the password of an MTA differs",
        what: "On EAST the password expected of the MTA WEST is changed; WEST goes on presenting the old one.",
        put_in: &[Act::Run(
            EAST,
            &["x400", "set-password", "WEST", "--remote", "--password-file", "{changed}"],
        )],
        expected: &[
            x400(EAST, event::id::CREDENTIALS_REFUSED),
            x400(EAST, event::id::IN_REFUSED),
            x400(EAST, event::id::OUT_REFUSED),
            x400(WEST, event::id::OUT_REFUSED),
        ],
        ..PLAIN
    },
    Fault {
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
    },
    Fault {
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
    },
    terms::SCHEDULE_NEVER,
    terms::T_SELECTOR,
    terms::S_SELECTOR,
    terms::MODE,
    terms::DIALOGUE,
    terms::CERTIFICATE,
];

/// WEST's table for EAST.
pub(super) const NAMES_EAST: &str = "\nname = \"EAST\"\n";

const NAME_DIFFERS: Fault = Fault {
    cause: Cause::ConnectorRemoteNameMismatch,
    expected: &[x400(EAST, event::id::IN_REFUSED), x400(WEST, event::id::OUT_REFUSED)],
    ..PLAIN
};

/// The password fault where accounts are proved by Kerberos: the key that a service has beside its keytab.
pub(super) const KEY_DIFFERS: Fault = Fault {
    name: "service-key-differs",
    cause: Cause::ServiceAccountPasswordMismatch,
    title: "the key differs",
    what: "In the KDC the key of host/east.demo.test is changed; EAST goes on using its old keytab.",
    put_in: &[Act::ChangeKey(EAST)],
    expected: account_refused!(WRONG_KEY),
    ..PLAIN
};
