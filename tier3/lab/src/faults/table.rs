//! What faults have in common, and the list of every fault of this room; each stands in the file of what it is about.

use config::Section;
use finding::Cause;

use super::{
    Act, BIND_BACK_FAILED, BIND_FAILED, ExpectedEvent, Fault, SECURITY_VIOLATION, accounts,
    credentials, dial_up, domain, generations, host, joining, line, names, network, overrides,
    peers, roles, route, store, terms,
};
use crate::cast::Side;
use crate::organisation::Setting;

/// Every fault of this room, the default first.
pub const FAULTS: &[Fault] = &[
    accounts::PASSWORD,
    accounts::MISSING,
    roles::OF_ACCOUNT,
    names::UNKNOWN_HOST,
    names::UNKNOWN_BIND_BACK,
    names::STALE_HOST,
    names::STALE_BIND_BACK,
    network::ADDRESS_NOT_LET_IN,
    host::STOPPED,
    accounts::DISABLED,
    accounts::EXPIRED,
    accounts::PASSWORD_TOO_OLD,
    accounts::NETWORK_LOGON,
    accounts::LEGACY,
    overrides::WRONG,
    roles::NOT_REPLICATED,
    roles::ON_SCHEMA,
    roles::ON_ORGANISATION,
    roles::ON_SITE,
    roles::ON_CONFIGURATION,
    roles::NOT_RESTARTED,
    accounts::MADE_AGAIN,
    accounts::LOCKED,
    accounts::POLICY,
    accounts::EXTENDED_CHARACTERS,
    overrides::TAKEN_AWAY,
    overrides::ROLE_ON_ORGANISATION,
    overrides::ROLE_ON_SITE,
    overrides::ROLE_ON_CONFIGURATION,
    overrides::PASSWORD,
    network::RPC_DROPPED,
    network::RPC_REJECTED,
    network::MAPPER_DROPPED,
    network::ONE_WAY,
    network::LINK_DOWN,
    names::DEAD_ADDRESS,
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

/// The faults of X.400 over TCP, the default first. EAST refuses WEST's password of every call of
/// WEST, and in the answers to its own.
pub const X400_FAULTS: &[Fault] = &[
    credentials::PASSWORD,
    credentials::NAME,
    credentials::CASE,
    terms::SCHEDULE_NEVER,
    terms::T_SELECTOR,
    terms::S_SELECTOR,
    terms::MODE,
    terms::DIALOGUE,
    terms::CERTIFICATE,
];

pub(super) const EAST: Side = Side::East;
pub(super) const WEST: Side = Side::West;
pub(super) const BOTH: &[Side] = &[EAST, WEST];

pub(super) const SVC_WEST: &str = r"DEMO\svc-west";
pub(super) const ROLE: &str = crate::organisation::ROLE;
pub(super) const SITE: &str = "/O=Demo/OU=HQ";
pub(super) const CONFIGURATION: &str = "/O=Demo/OU=HQ/CN=Configuration";
pub(super) const SCHEMA: &str = "/CN=Schema/CN=NT-Security-Descriptor";
pub(super) const SERVER_EAST: &str = "/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=EAST";

/// WEST's table for EAST.
pub(super) const NAMES_EAST: &str = "\nname = \"EAST\"\n";

// Codes of Win32, which events carry.
pub(super) const ACCESS_DENIED: u32 = 5;
pub(super) const WRONG_PASSWORD: u32 = 1326;
pub(super) const NO_SUCH_USER: u32 = 1317;
pub(super) const SERVER_UNAVAILABLE: u32 = 1722;

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
pub(super) const fn account_refused(reason: u32) -> [ExpectedEvent; 4] {
    [
        bind_failed(WEST, ACCESS_DENIED, 0),
        bind_back_failed(WEST, ACCESS_DENIED),
        bind_failed(EAST, ACCESS_DENIED, ACCESS_DENIED),
        refused(EAST, reason),
    ]
}

pub(super) const UNKNOWN_REFUSED: &[ExpectedEvent] = &account_refused(NO_SUCH_USER);

pub(super) const ROLE_REFUSED: &[ExpectedEvent] = &account_refused(ACCESS_DENIED);

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

/// What the faults have in common that take connections or names away.
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
