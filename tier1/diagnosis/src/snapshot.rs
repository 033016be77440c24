//! The facts that a diagnosis starts from.
//!
//! Whoever gathers them fills in what it knows and leaves the rest empty: an empty field says nothing, it never says "no".

use std::collections::BTreeMap;

use event::{Event, Layer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One live check: the same shape as the doctor prints.
pub use finding::Check as ProbeFact;
/// How a live check ended.
pub use finding::CheckResult as ProbeResult;

/// All that is known at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Timestamp,
    /// Name of the server that it was taken on.
    pub local: String,
    /// That server and its neighbours; a neighbour that could not be reached is listed with what is known of it.
    pub servers: Vec<ServerFacts>,
    /// The live checks that were made.
    #[serde(default)]
    pub checks: Vec<ProbeFact>,
}

/// How the facts of a server were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is the server that the snapshot was taken on.
    Local,
    /// Its administrative interface answered.
    Neighbour,
    /// Nothing answered: what is known of it comes from its neighbours or from its configuration.
    #[default]
    Unread,
}

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerFacts {
    /// Its name.
    pub name: String,
    /// True when its administrative interface answered, or when it is the local server and runs.
    pub reachable: bool,
    /// How these facts were read.
    pub role: Role,
    /// Path of its configuration file, as a command on its machine would name it.
    pub config_path: Option<String>,
    /// On which line of that file a key has its value: `section.key`, or `peer.NAME.key`; a table without the key, `peer.NAME`.
    pub lines: BTreeMap<String, usize>,
    /// The name that whoever read it has for it, where that is another one than it gives itself.
    pub known_as: Option<String>,
    /// Its host name.
    pub host_name: String,
    /// The name that it hands over for the bind-back.
    pub bind_back_name: String,
    /// The account that it presents to others, `DOMAIN\name`.
    pub service_account: String,
    /// The file that holds the password of that account.
    pub password_file: Option<String>,
    /// The command that exports its keytab anew, where it has one.
    pub keytab_command: Option<String>,
    /// The address that its RPC listener is bound to; also the address that its calls come from.
    pub rpc: String,
    /// Port of its endpoint mapper.
    pub mapper_port: u16,
    /// Port of its MTA interface.
    pub rpc_port: u16,
    /// How its calls are protected, and the least that it takes: `integrity` or `privacy`; empty where it is not known.
    pub rpc_level: String,
    /// Parts of its configuration file that differ from what it runs with, and that it would take over without a restart.
    pub unread: Vec<String>,
    /// Those that only a restart would put in force.
    pub needs_restart: Vec<String>,
    /// Why its file cannot be used any more, if it was changed so.
    pub file_fault: Option<String>,
    /// Networks that may reach its RPC ports; empty when there is no such list.
    pub rpc_allow: Vec<String>,
    /// Port on which it takes X.400 over TCP; 0 where it takes none.
    pub x400_port: u16,
    /// Networks that may reach that port; empty when there is no such list.
    pub x400_allow: Vec<String>,
    /// The mail domains whose mailboxes it has; empty where they are not known.
    pub mail_domains: Vec<String>,
    /// What its clock said when these facts were read.
    pub clock: Option<Timestamp>,
    /// The addresses that its machine has; empty where they are not known.
    pub addresses: Vec<String>,
    /// Callers of its RPC port that were cut off because its list of networks does not hold their address, each with its newest call.
    pub cut_off: Vec<(String, Timestamp)>,
    /// The peers that it is configured for.
    pub peers: Vec<PeerFacts>,
    /// The accounts that it accepts.
    pub accounts: Vec<AccountFacts>,
    /// Its directory.
    pub directory: Option<DirectoryFacts>,
    /// Its own table of names.
    pub hosts: BTreeMap<String, Vec<String>>,
    /// Its recent events.
    pub events: Vec<Event>,
    /// How much each category of its events logs, 0 to 7; empty where it is not known, and then an absent event is no evidence.
    pub event_levels: BTreeMap<String, u8>,
    /// Its queues.
    pub queues: Vec<QueueFacts>,
    /// Its dial-up connectors.
    pub dial_ups: Vec<DialUpFacts>,
    /// Its locality table.
    pub ltab: Vec<LtabFacts>,
    /// The files with its certificate and its private key, where it speaks TLS.
    pub tls_files: Option<(String, String)>,
    /// What keeps its store from taking mail, if anything does.
    pub store_trouble: Option<StoreTrouble>,
    /// Its own addresses that somebody else has, looked at where it does not run: the key of the configuration, and the address.
    pub taken_ports: Vec<(String, String)>,
    /// What keeps it from starting, looked at where it does not run: `secret`, `admin-token`, `accounts-key`, `folder`, `port`.
    pub start_faults: Vec<StoreTrouble>,
    /// What else it lacks, or lacked a moment ago: `memory`, `file-descriptors`.
    pub shortages: Vec<StoreTrouble>,
}

/// What keeps a store from taking mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreTrouble {
    /// `disk-full`, `read-only`, `file-descriptors`, `io-error` or `damaged`.
    pub cause: String,
    /// What failed, in words.
    pub text: String,
}

/// What a server knows of one of its peers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerFacts {
    /// The peer's name.
    pub name: String,
    /// The host name under which this server calls it.
    pub host: String,
    /// The name that it may hand over for the bind-back, if it is another one.
    pub bind_back: Option<String>,
    /// Port of its endpoint mapper.
    pub mapper_port: u16,
    /// The account that the peer is expected to use here.
    pub account: String,
    /// When an association to it was last opened from here (bind and bind-back both stood).
    pub last_success_out: Option<Timestamp>,
    /// The last failure to open one from here.
    pub last_failure_out: Option<FailureFacts>,
    /// When an association from it was last opened.
    pub last_success_in: Option<Timestamp>,
    /// The last failure on a call from it: our refusal (exact code) or our failed bind-back.
    pub last_failure_in: Option<FailureFacts>,
    /// Present where mail crosses by X.400 over TCP, and not by RPC.
    pub x400: Option<ConnectorFacts>,
    /// The name as the configuration spells it, where `name` was set to the one that the peer gives itself.
    #[serde(skip)]
    pub spelt: Option<String>,
}

impl PeerFacts {
    /// The name as the configuration has it.
    #[must_use]
    pub fn spelling(&self) -> &str {
        self.spelt.as_deref().unwrap_or(&self.name)
    }
}

/// What a server's X.400 connector says of both ends; of passwords only where they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectorFacts {
    /// The port that is called.
    pub port: u16,
    /// The MTA name that this server presents.
    pub local_name: String,
    /// The file with the password that it presents.
    pub local_password_file: Option<String>,
    /// The file with the password that the other MTA must present.
    pub remote_password_file: Option<String>,
    /// Why one of these files cannot be read, if that is so: what it names, and what to do.
    pub unreadable: Option<String>,
    /// When this server calls: `always`, `selected`, `never` or `remote-initiated`; empty where it is not known.
    pub schedule: String,
    /// `monologue` or `two-way-alternate`; empty where it is not known.
    pub dialogue: String,
    /// The mode in which this server calls: `normal`, `x410` or `1984`; empty where it is not known.
    pub mode: String,
    /// True when the other MTA may call in `mode` alone.
    pub same_mode: bool,
    /// Transport, session and presentation selector that are called, in hexadecimal; empty for none.
    pub called: Selectors,
    /// Those of this server, which calls of the other MTA must name; empty for any.
    pub own: Selectors,
}

/// Three selectors, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selectors {
    /// Transport selector.
    pub transport: String,
    /// Session selector.
    pub session: String,
    /// Presentation selector.
    pub presentation: String,
}

/// One failure to open an association.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureFacts {
    /// When.
    pub time: Timestamp,
    /// NT/MTA error code.
    pub code: u32,
    /// Status of this server's own RPC.
    #[serde(default)]
    pub comms: u32,
    /// Status that the other side reported for its bind-back.
    #[serde(default)]
    pub bind: u32,
    /// Where it failed.
    #[serde(default)]
    pub layer: Option<Layer>,
    /// The status in words.
    #[serde(default)]
    pub text: String,
    /// Protocol string: the name while it is unresolved, else address and port.
    #[serde(default)]
    pub protocol_string: Option<String>,
}

/// One account that a server accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// `DOMAIN\name`.
    pub name: String,
    /// False when it may not log on.
    pub enabled: bool,
    /// Its roles, for example `service-account-admin`.
    pub roles: Vec<String>,
    /// When its password was last set.
    pub password_set: Timestamp,
    /// Its identifier.
    #[serde(default)]
    pub sid: String,
    /// `ok`, or why it may not log on: `disabled`, `locked`, `expired`, `password-expired`, `must-change`.
    #[serde(default)]
    pub state: String,
    /// Every state that keeps it from logging on, and not only the first one.
    #[serde(default)]
    pub states: Vec<String>,
    /// When it was made.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// Its groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether it may log on from the network.
    #[serde(default)]
    pub network_logon: Option<bool>,
    /// Where that comes from.
    #[serde(default)]
    pub network_logon_source: String,
    /// Where it lacks the role: `organisation`, `site`, `configuration`, `schema`.
    #[serde(default)]
    pub missing: Vec<String>,
    /// True when the directory still has rights of an earlier account of this name.
    #[serde(default)]
    pub rights_of_earlier: bool,
    /// True when a grant on the schema counts only after a restart.
    #[serde(default)]
    pub waits_for_restart: bool,
}

/// What a server's directory says, as far as binds depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectoryFacts {
    /// The organisation.
    pub organisation: String,
    /// The site.
    pub site: String,
    /// The administrative group whose attributes name the account for older servers; empty while they say nothing.
    pub legacy_group: String,
    /// That account, as both attributes spell it.
    pub legacy_account: Option<String>,
    /// The service account of the configuration.
    pub service_account: String,
    /// `running`, `lagging` or `stopped`.
    pub agent: String,
    /// Since when the site's copy is behind.
    pub behind_since: Option<Timestamp>,
    /// What it does not have yet.
    pub behind: Vec<String>,
    /// By peer: the account that is presented to it, and why (`override`, `legacy`, `service`).
    pub presented: BTreeMap<String, (String, String)>,
}

/// One queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFacts {
    /// The server that it waits for.
    pub next_hop: String,
    /// Its state in one word.
    pub state: String,
    /// How many messages wait.
    pub messages: u64,
    /// Why they wait.
    pub last_error: Option<String>,
    /// When it is tried again, or its schedule opens.
    pub next_attempt: Option<Timestamp>,
    /// Where an administrator holds it: when that began and who it was, as far as the audit trail has it.
    pub held: Option<(Timestamp, String)>,
}

/// A dial-up connector and its line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DialUpFacts {
    /// The peer that it leads to.
    pub peer: String,
    /// Where the line stands, in one word.
    pub state: String,
    /// When this server dials: `always`, `selected`, `never` or `remote-initiated`.
    pub schedule: String,
    /// The command that dials.
    pub dial: String,
    /// The device's name.
    pub device: Option<String>,
    /// The file in which other programs say that they have it.
    pub lock_file: Option<String>,
    /// How the last call failed, if none stood since.
    pub failure: Option<CallFailureFacts>,
    /// The interface of the last call, if it became the default route.
    pub default_route: Option<String>,
}

/// A call that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFailureFacts {
    /// When.
    pub time: Option<Timestamp>,
    /// In a word: `device-busy`, `line-busy`, `no-answer`, `silent`, ...
    pub kind: String,
    /// The field's number for it.
    pub code: u32,
    /// With which code the dial command ended.
    pub exit: Option<i32>,
    /// In words.
    pub text: String,
}

/// One row of a locality table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LtabFacts {
    /// Row number.
    pub index: u32,
    /// `out` or `in`.
    pub direction: String,
    /// The other server.
    pub peer: String,
    /// Its state in one word.
    pub state: String,
}

impl Snapshot {
    /// The server of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&ServerFacts> {
        self.servers.iter().find(|server| server.name.eq_ignore_ascii_case(name))
    }
}

impl ServerFacts {
    /// What this server knows of the peer of this name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<&PeerFacts> {
        self.peers.iter().find(|peer| peer.name.eq_ignore_ascii_case(name))
    }

    /// The account of this name in the list of those that this server accepts.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&AccountFacts> {
        self.accounts.iter().find(|account| account.name.eq_ignore_ascii_case(name))
    }
}
