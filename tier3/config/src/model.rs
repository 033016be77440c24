//! The typed configuration, as the rest of the server sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use identity::AccountName;
use ipnet::IpNet;
use routing::{AddressSpace, Restrictions};

use crate::model_dial_up::DialUp;
use crate::model_x400::{Rfc1006, Schedule, X400};

/// The file that a command reads when it is given none.
pub const DEFAULT_FILE: &str = "bindback.toml";

/// The file that a command reads when [`DEFAULT_FILE`] does not exist.
pub const SYSTEM_FILE: &str = "/etc/bindback/bindback.toml";

/// A whole configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    pub server: Server,
    pub smtp: Smtp,
    pub mail: Mail,
    pub rpc: Rpc,
    pub accounts: Accounts,
    pub directory: DirectoryPlace,
    /// In the order of the file; names are unique without regard to case.
    pub peers: Vec<Peer>,
    /// In the order of the file; each for another peer.
    pub dial_ups: Vec<DialUp>,
    /// In the order of the file; names are unique without regard to case, also among the peers.
    pub connectors: Vec<Connector>,
    pub rfc1006: Rfc1006,
    /// In the order of the file; names are unique among them and the peers.
    pub x400: Vec<X400>,
    /// Lower-case host name to addresses, asked before the system's resolver.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    pub queue: Queue,
    pub association: Association,
    pub admin: Admin,
    pub events: Events,
}

impl Config {
    /// The peer of that MTA name, without regard to case.
    pub fn peer(&self, name: &str) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.name.eq_ignore_ascii_case(name))
    }

    /// The dial-up connector to the peer of that name, without regard to case.
    pub fn dial_up(&self, peer: &str) -> Option<&DialUp> {
        self.dial_ups.iter().find(|one| one.peer.eq_ignore_ascii_case(peer))
    }

    /// The connector of that name, without regard to case.
    pub fn connector(&self, name: &str) -> Option<&Connector> {
        self.connectors.iter().find(|connector| connector.name.eq_ignore_ascii_case(name))
    }

    /// The X.400 connector to the MTA of that name, without regard to case.
    pub fn x400(&self, name: &str) -> Option<&X400> {
        self.x400.iter().find(|connector| connector.name.eq_ignore_ascii_case(name))
    }

    /// The peer that mail for this domain goes to, without regard to case.
    pub fn peer_for_domain(&self, domain: &str) -> Option<&Peer> {
        self.peers
            .iter()
            .find(|peer| peer.domains.iter().any(|known| known.eq_ignore_ascii_case(domain)))
    }
}

/// `[server]`: who this server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The MTA name, at most 32 characters (X.411, ub-mta-name-length), and so is its form in X.400.
    pub name: String,
    pub organisation: String,
    /// The organisation in X.400 addresses, a PrintableString.
    pub x400_organisation: String,
    pub site: String,
    pub data_dir: PathBuf,
    /// Of the whole process, in mebibytes; 0 where only the system sets a limit.
    pub memory_mib: u64,
    pub host_name: String,
    pub domain: GlobalDomain,
}

/// The global domain identifier of this MTA (X.411, GlobalDomainIdentifier).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalDomain {
    pub country: String,
    /// One space stands for "any", as X.400 has it.
    pub admd: String,
    /// Empty when the domain is an administration's own.
    pub prmd: String,
}

/// `[smtp]`: the listener for SMTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    pub listen: Vec<SocketAddr>,
    pub allow: Vec<IpNet>,
    /// Who may also send out of the organisation.
    pub relay: Vec<IpNet>,
    /// Asked for MX; empty for the system's.
    pub dns: Vec<SocketAddr>,
    /// In octets.
    pub max_message_size: u64,
    pub max_recipients: usize,
    pub max_per_address: usize,
    pub max_connections: usize,
    /// In mebibytes.
    pub memory_mib: usize,
}

/// `[mail]`: the mailboxes that live here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Lower case.
    pub domains: Vec<String>,
    pub mailboxes: Mailboxes,
    pub maildir: PathBuf,
    pub postmaster: Option<String>,
    /// The mailbox for names that nobody has.
    pub alternate_recipient: Option<String>,
}

impl Mail {
    /// The address of the mailbox for names that nobody has.
    #[must_use]
    pub fn alternate_address(&self) -> Option<String> {
        Some(format!("{}@{}", self.alternate_recipient.as_ref()?, self.domains.first()?))
    }

    /// True when the domain is delivered here, without regard to case.
    pub fn is_local_domain(&self, domain: &str) -> bool {
        self.domains.iter().any(|known| known.eq_ignore_ascii_case(domain))
    }
}

/// The local parts that have a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mailboxes {
    /// Any local part.
    Any,
    /// These and no other, in lower case.
    Only(BTreeSet<String>),
}

impl Mailboxes {
    /// True when this local part has a mailbox, without regard to case.
    pub fn contains(&self, local_part: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(&local_part.to_lowercase()),
        }
    }
}

/// `[rpc]`: the listener for server-to-server RPC and the account this server proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    pub listen: IpAddr,
    /// 0: the system chooses, the endpoint mapper tells.
    pub port: u16,
    pub mapper_port: u16,
    /// The name handed to peers for their bind-back.
    pub bind_back_name: String,
    pub account: AccountName,
    pub password_file: PathBuf,
    /// What a new server proves itself with towards new ones.
    pub machine: Option<MachineAccount>,
    pub kerberos: Option<Kerberos>,
    pub allow: Vec<IpNet>,
    pub call_timeout: Duration,
    pub idle_timeout: Duration,
    pub connect_timeout: Duration,
    pub bind_back_timeout: Duration,
    pub ltab_limit: usize,
    pub level: RpcLevel,
    /// What is taken of weaker callers.
    pub insecure: Insecure,
    /// Upper case.
    pub winbind_domains: Vec<String>,
    pub ntlm_auth: PathBuf,
    /// Connections of one address on one port.
    pub max_per_address: usize,
}

/// How calls between servers are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpcLevel {
    Integrity,
    Privacy,
}

/// What is taken of weaker peers besides NTLM version 2 with 128-bit keys; each holds the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Insecure {
    Nothing,
    Keys56,
    NtlmVersion1,
}

impl Insecure {
    /// The word that stands in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Keys56 => "56-bit",
            Self::NtlmVersion1 => "ntlm-v1",
        }
    }
}

/// The keys of `[rpc]` that begin with `kerberos_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kerberos {
    pub realm: String,
    /// `HOST` or `HOST:PORT`; empty where the system knows them.
    pub kdcs: Vec<String>,
    pub keytab: Option<PathBuf>,
    /// What exports the keytab anew.
    pub keytab_command: Option<String>,
}

/// `peer.auth`: how this server proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerAuth {
    #[default]
    Ntlm,
    Kerberos,
    /// SPNEGO, Kerberos first.
    Negotiate,
}

/// `[[peer]]`: a server that mail is exchanged with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub host: String,
    /// The name it hands over for our bind-back; its `host` when the file does not say.
    pub bind_back: String,
    pub mapper_port: u16,
    /// The account that the peer proves itself with here.
    pub account: AccountName,
    /// Lower case.
    pub domains: Vec<String>,
    pub auth: PeerAuth,
    /// The peer's service principal; `host/` and its host when absent.
    pub kerberos_service: Option<String>,
    /// The account this server uses towards the peer instead of `rpc.account`.
    pub override_account: Option<OverrideAccount>,
    /// What is taken of the peer when it is called.
    pub insecure: Insecure,
    /// Whether the copy of the directory here is kept in step with the peer's.
    pub replicated: bool,
    /// Where the doctor reads the peer's side.
    pub admin: Option<NeighbourApi>,
    /// The peer's own configuration file, where it is at hand.
    pub configuration: Option<PathBuf>,
}

/// `[[connector]]`: a way out of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    pub name: String,
    pub kind: ConnectorKind,
    pub address_spaces: Vec<AddressSpace>,
    pub restrictions: Restrictions,
    /// Failed tries after which a message goes another way; `None` without end.
    pub open_retries: Option<u32>,
    /// When this server opens connections; a connector of kind site is always open.
    pub schedule: Schedule,
}

/// How mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectorKind {
    Smtp(SmtpConnector),
    /// Through the peer of this name.
    Site {
        peer: String,
    },
}

/// What a connector of kind smtp has beside the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpConnector {
    /// Smart hosts in the order to try them; empty where MX is looked up.
    pub hosts: Vec<HostPort>,
    /// The port of hosts that are found by MX.
    pub port: u16,
    pub helo: String,
    pub max_associations: usize,
    pub messages_per_dialogue: u32,
    pub idle: Duration,
    pub connect_timeout: Duration,
}

/// A host with its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name in lower case, or an IP address.
    pub host: String,
    pub port: u16,
}

/// An account for one connector only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideAccount {
    pub account: AccountName,
    pub password_file: PathBuf,
}

/// The machine's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineAccount {
    pub account: AccountName,
    pub password_file: PathBuf,
    /// How old its password gets before it is changed; zero for ever.
    pub password_age: Duration,
}

/// The administrative HTTP API of a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourApi {
    /// `http://host:port`, without a slash at the end.
    pub url: String,
    /// `host:port` of the URL.
    pub authority: String,
    pub token_file: PathBuf,
}

/// `[accounts]`: how accounts are kept, and what locks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// The file of the key that encrypts verifiers.
    pub key_file: PathBuf,
    pub policy_file: Option<PathBuf>,
    /// 0 never locks.
    pub lockout_threshold: u32,
    pub lockout_reset: Duration,
    /// Zero leaves a lock to an administrator.
    pub lockout_duration: Duration,
    pub password_overlap: Duration,
}

/// `[directory]`: where the directory is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryPlace {
    /// In this server's store.
    Embedded {
        /// How often peers are asked whose directory is replicated.
        poll: Duration,
    },
    /// In an LDAP server.
    Ldap(LdapDirectory),
}

impl DirectoryPlace {
    /// How often whoever has a part of it is asked.
    #[must_use]
    pub fn poll(&self) -> Duration {
        match self {
            Self::Embedded { poll } | Self::Ldap(LdapDirectory { poll, .. }) => *poll,
        }
    }
}

/// What `[directory]` says of an LDAP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapDirectory {
    pub host: String,
    pub port: u16,
    pub protection: LdapProtection,
    /// What DNs end in; `None` for the domain of `server.host_name`.
    pub base: Option<String>,
    pub bind_name: String,
    pub password_file: PathBuf,
    pub ca_file: Option<PathBuf>,
    pub poll: Duration,
}

/// How the connection to an LDAP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LdapProtection {
    Ldaps,
    StartTls,
    Kerberos,
}

/// `[queue]`: retry and life times.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    pub retry_first: Duration,
    pub retry_factor: f64,
    pub retry_max: Duration,
    pub life_urgent: Duration,
    pub life_normal: Duration,
    pub life_non_urgent: Duration,
    /// Fixed waits, as the original has them, in place of growing ones.
    pub classic: bool,
    /// Zero means never.
    pub warn_after: Duration,
    /// How long a cause must stand until it is told.
    pub finding_after: Duration,
    pub max_messages: usize,
    /// In mebibytes.
    pub disk_reserve_mib: u64,
}

/// `[association]`: what is offered to RTSE, and when an idle association is released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Most of them to one peer.
    pub limit: u32,
    /// Messages that are worth a further one.
    pub threshold: u32,
    /// In kibibytes; 0 means no checkpoints (X.228).
    pub checkpoint_kib: u32,
    pub window: u32,
    pub idle: Duration,
}

/// `[admin]`: the administrative interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    pub socket: PathBuf,
    /// Who else has a role on the socket.
    pub roles_file: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    /// Always present when `listen` is.
    pub token_file: Option<PathBuf>,
}

/// `[events]`: where events go besides the event store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    pub json_file: Option<PathBuf>,
    pub stderr_level: StderrLevel,
    /// How many events the store keeps.
    pub keep: u64,
}

/// The least severe type of event that is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StderrLevel {
    Off,
    Error,
    Warning,
    Information,
}
