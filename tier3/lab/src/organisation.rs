//! The organisation of a demo or of the laboratory: two to four servers, each with its own folder, address, ports and account.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use config::{ConfigError, InitAnswers, PeerAnswers, RANDOM_BYTES, Section, X400Answers};
use finding::Cause;

use crate::cast::{Cast, Mailbox, Side, mailboxes};
use crate::directory_server::DirectoryPlan;
use crate::kdc::{KdcPlan, REALM};
use crate::wires::Wires;

/// The role without which an account exchanges no mail.
pub(crate) const ROLE: &str = "service-account-admin";

/// The files with the passwords of binds over TCP, in the folder of each server.
const LOCAL_PASSWORD: &str = "secrets/mta-local.password";

/// The first retry of a demo is so late that a recovery within seconds cannot come from a timer.
const RETRY_FIRST_S: u32 = 60;

/// Any loopback addresses but the usual one, by place; that of WEST is the usual one.
const ADDRESSES: [Ipv4Addr; 4] = [
    Ipv4Addr::new(127, 0, 1, 1),
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 1, 3),
    Ipv4Addr::new(127, 0, 1, 4),
];

/// A loopback address that no server has.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 99);

/// unix(7): the longest path of a socket, without its final zero.
const SOCKET_PATH_MAX: usize = 107;

/// What mail crosses by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// DCE/RPC, bind and bind back.
    Rpc,
    /// X.400 P1 over TCP.
    Rfc1006,
}

impl Carrier {
    /// The fault that a demo puts in unless it is told another one.
    #[must_use]
    pub const fn default_fault(self) -> Cause {
        match self {
            Self::Rpc => Cause::ServiceAccountPasswordMismatch,
            Self::Rfc1006 => Cause::MtaPasswordMismatch,
        }
    }
}

/// How servers prove themselves over RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// With passwords and NTLM.
    #[default]
    Ntlm,
    /// With tickets of a KDC that is started for them.
    Kerberos,
}

/// A key of one server's file, or of every server's: its value is spelt as in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub on: Option<Side>,
    pub section: Section,
    pub key: &'static str,
    pub value: &'static str,
}

/// What an organisation is to be.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) cast: Cast,
    pub(crate) carrier: Carrier,
    /// How the servers prove themselves over RPC.
    pub(crate) auth: Auth,
    /// The KDC that is started for them, unless a domain has one.
    pub(crate) kdc: Option<KdcPlan>,
    /// Who keeps the directory, unless the servers do.
    pub(crate) directory: Option<DirectoryPlan>,
    /// Keys beyond the usual ones, or in their place.
    pub(crate) set: &'static [Setting],
    /// Seconds that an association stays open without mail: few, so that a fault shows soon.
    pub(crate) idle_s: u32,
    /// Each server in a network of its own, not on loopback.
    pub(crate) wired: bool,
}

/// Where one server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listeners {
    pub(crate) address: IpAddr,
    pub(crate) smtp: u16,
    pub(crate) mapper: u16,
    pub(crate) admin: u16,
    pub(crate) rfc1006: u16,
}

impl Listeners {
    pub(crate) fn smtp(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.smtp)
    }

    /// In a network of its own every port is free.
    fn wired(side: Side) -> Self {
        let address = IpAddr::V4(Wires::address(side));
        Self { address, smtp: 25, mapper: 135, admin: 9100, rfc1006: 102 }
    }

    /// Finds free ports by binding them; between this and the start of the server somebody else may take one.
    fn find(address: IpAddr) -> io::Result<Self> {
        // Held together, so that the system cannot give one port twice.
        let held = [(); 4].map(|()| TcpListener::bind((address, 0)));
        let mut ports = [0; 4];
        for (port, listener) in ports.iter_mut().zip(held) {
            *port = listener?.local_addr()?.port();
        }
        let [smtp, mapper, admin, rfc1006] = ports;
        Ok(Self { address, smtp, mapper, admin, rfc1006 })
    }

    fn ports(&self) -> [u16; 4] {
        [self.smtp, self.mapper, self.admin, self.rfc1006]
    }

    /// Whether another server wants one of these ports at the same address.
    fn collides(&self, other: &Self) -> bool {
        self.address == other.address
            && self.ports().iter().any(|port| other.ports().contains(port))
    }

    /// Whether every port can be bound now.
    pub(crate) fn are_free(&self) -> bool {
        self.ports().iter().all(|port| TcpListener::bind((self.address, *port)).is_ok())
    }
}

/// Servers in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Organisation {
    pub(crate) root: PathBuf,
    plan: Plan,
    /// By [`Side::index`].
    listeners: Vec<Listeners>,
}

/// Why an organisation could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(
        "cannot find free ports on {address}; check that this machine has a loopback interface"
    )]
    Ports {
        address: IpAddr,
        #[source]
        source: io::Error,
    },
    #[error("the folder {} is too long a path for a Unix socket in it; choose a shorter one with --dir", root.display())]
    PathTooLong { root: PathBuf },
    #[error("cannot write the configuration of {side}")]
    Config {
        side: Side,
        #[source]
        source: ConfigError,
    },
    #[error("cannot write the MTA passwords of {side}")]
    Secret {
        side: Side,
        #[source]
        source: config::SecretError,
    },
    #[error("the system gives no random octets for passwords: {0}")]
    Random(getrandom::Error),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Organisation {
    /// Writes the folders of all servers into `root`: configuration, password, token. `root` must be absolute.
    pub(crate) fn make(root: &Path, plan: Plan) -> Result<Self, MakeError> {
        let servers = plan.cast.sides().len();
        let listeners = if plan.wired {
            Side::ALL[..servers].iter().map(|side| Listeners::wired(*side)).collect()
        } else {
            find_listeners(servers)?
        };
        let organisation = Self { root: root.to_owned(), plan, listeners };
        let sides = organisation.cast().sides();
        for side in sides {
            if organisation.socket(*side).as_os_str().len() > SOCKET_PATH_MAX {
                return Err(MakeError::PathTooLong { root: root.to_owned() });
            }
        }
        for side in sides.iter().copied() {
            let mut random = [0; RANDOM_BYTES];
            getrandom::fill(&mut random).map_err(MakeError::Random)?;
            config::init(&organisation.folder(side), &organisation.answers(side), &random)
                .map_err(|source| MakeError::Config { side, source })?;
        }
        if organisation.plan.carrier == Carrier::Rfc1006 {
            organisation.write_mta_passwords()?;
        }
        Ok(organisation)
    }

    /// One password for each MTA: what it presents, and what the others expect of it.
    fn write_mta_passwords(&self) -> Result<(), MakeError> {
        for side in self.cast().sides().iter().copied() {
            let password = identity::Password::new(random_password()?);
            let others = self.cast().others(side).map(|other| (other, remote_password(side)));
            for (on, name) in others.chain([(side, LOCAL_PASSWORD.to_owned())]) {
                config::replace_secret(&self.folder(on).join(name), &password)
                    .map_err(|source| MakeError::Secret { side: on, source })?;
            }
        }
        Ok(())
    }

    pub(crate) fn cast(&self) -> &Cast {
        &self.plan.cast
    }

    pub(crate) fn listeners(&self, side: Side) -> Listeners {
        self.listeners[side.index()]
    }

    pub(crate) fn folder(&self, side: Side) -> PathBuf {
        self.root.join(side.folder())
    }

    pub(crate) fn config(&self, side: Side) -> PathBuf {
        self.folder(side).join(config::DEFAULT_FILE)
    }

    pub(crate) fn password_file(&self, side: Side) -> PathBuf {
        self.folder(side).join("secrets/service.password")
    }

    pub(crate) fn keytab(&self, side: Side) -> PathBuf {
        self.folder(side).join("secrets/service.keytab")
    }

    /// The KDC that is to run, if there is to be one.
    pub(crate) fn kdc(&self) -> Option<&KdcPlan> {
        self.plan.kdc.as_ref()
    }

    /// The directory server that is to run, if there is to be one.
    pub(crate) fn directory(&self) -> Option<&DirectoryPlan> {
        self.plan.directory.as_ref()
    }

    pub(crate) fn maildirs(&self, side: Side) -> PathBuf {
        self.folder(side).join("maildir")
    }

    pub(crate) fn maildir(&self, mailbox: Mailbox) -> PathBuf {
        self.maildirs(mailbox.side).join(mailbox.name)
    }

    pub(crate) fn socket(&self, side: Side) -> PathBuf {
        self.folder(side).join("run/bindback.sock")
    }

    pub(crate) fn log(&self, side: Side) -> PathBuf {
        self.folder(side).join("server.log")
    }

    /// The network that a server's calls come from.
    pub(crate) fn network(&self, side: Side) -> String {
        single(self.listeners(side).address)
    }

    /// An address of the same sort where nobody is.
    pub(crate) fn nowhere(&self) -> IpAddr {
        IpAddr::V4(if self.plan.wired { Wires::nowhere() } else { NOWHERE })
    }

    /// A new random password in a file that nobody else may read.
    pub(crate) fn write_password(&self, name: &str) -> Result<PathBuf, MakeError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;

        let password = random_password()?;
        let path = self.root.join(name);
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{password}"))
            .map_err(|source| MakeError::Write { path: path.clone(), source })?;
        Ok(path)
    }

    fn answers(&self, side: Side) -> InitAnswers {
        let (own, cast) = (self.listeners(side), self.cast());
        let names: Vec<String> = mailboxes(side).map(|mailbox| mailbox.name.to_owned()).collect();
        let mut networks: Vec<String> =
            cast.sides().iter().map(|side| format!("\"{}\"", self.network(*side))).collect();
        // On a machine with one loopback address all servers have the same network.
        networks.sort();
        networks.dedup();
        let others = || cast.others(side);
        InitAnswers {
            name: cast.name(side).to_owned(),
            host_name: cast.host(side).to_owned(),
            smtp_listen: vec![own.smtp()],
            domains: vec![cast.host(side).to_owned()],
            postmaster: names.first().cloned(),
            mailboxes: names,
            rpc_listen: own.address,
            mapper_port: own.mapper,
            bind_back_name: Some(cast.bind_back(side).to_owned()),
            account: account(cast, side),
            peers: match self.plan.carrier {
                Carrier::Rpc => others().map(|other| self.peer(other)).collect(),
                Carrier::Rfc1006 => Vec::new(),
            },
            x400: match self.plan.carrier {
                Carrier::Rpc => Vec::new(),
                Carrier::Rfc1006 => others().map(|other| self.connector(other)).collect(),
            },
            hosts: self.hosts(),
            admin_listen: Some(SocketAddr::new(own.address, own.admin)),
            set: self.settings(side, format!("[{}]", networks.join(", "))),
            ..InitAnswers::default()
        }
    }

    fn settings(&self, side: Side, networks: String) -> Vec<(Section, &'static str, String)> {
        let own = self.listeners(side);
        let mut set = vec![
            (Section::Rpc, "allow", networks.clone()),
            (Section::Queue, "retry_first_s", RETRY_FIRST_S.to_string()),
            (Section::Association, "idle_s", self.plan.idle_s.to_string()),
        ];
        set.extend(self.kerberos(side));
        if let Some(directory) = &self.plan.directory {
            let host = self.cast().host(side);
            set.extend(directory.settings(side, (host, &self.keytab(side))));
        }
        if self.plan.carrier == Carrier::Rfc1006 {
            set.push((Section::Rfc1006, "listen", format!("[\"{}\"]", own.address)));
            set.push((Section::Rfc1006, "port", own.rfc1006.to_string()));
            set.push((Section::Rfc1006, "allow", networks));
        }
        let mine = self.plan.set.iter().filter(|one| one.section != Section::X400);
        let mine = mine.filter(|one| one.on.is_none_or(|on| on == side));
        set.extend(mine.map(|one| (one.section, one.key, self.cast().told(one.value))));
        set
    }

    fn connector(&self, side: Side) -> X400Answers {
        let listeners = self.listeners(side);
        let admin = SocketAddr::new(listeners.address, listeners.admin);
        let text = |text: &str| format!("\"{text}\"");
        let host = self.cast().host(side);
        X400Answers {
            set: vec![
                ("name", text(self.cast().name(side))),
                ("host", text(host)),
                ("port", listeners.rfc1006.to_string()),
                ("domains", format!("[\"{host}\"]")),
                ("remote_password_file", text(&remote_password(side))),
                ("local_password_file", text(LOCAL_PASSWORD)),
                ("lifetime_s", self.plan.idle_s.to_string()),
                ("admin", text(&format!("http://{admin}"))),
                ("admin_token_file", text(&format!("../{}/secrets/admin.token", side.folder()))),
                // Absolute: the doctor prints it for a shell in any folder.
                ("configuration", format!("{:?}", self.config(side).to_string_lossy())),
            ],
        }
    }

    fn kerberos(&self, side: Side) -> Vec<(Section, &'static str, String)> {
        let Some(kdc) = &self.plan.kdc else { return Vec::new() };
        let keytab = self.keytab(side);
        let values = [
            ("kerberos_realm", REALM.to_owned()),
            ("kerberos_kdc", format!("127.0.0.1:{}", kdc.port)),
            ("kerberos_keytab", "secrets/service.keytab".to_owned()),
            ("kerberos_keytab_command", kdc.export(self.cast().host(side), &keytab)),
        ];
        let spelt =
            |text: String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        values.map(|(key, value)| (Section::Rpc, key, spelt(value))).to_vec()
    }

    fn peer(&self, side: Side) -> PeerAnswers {
        let (listeners, cast) = (self.listeners(side), self.cast());
        let admin = SocketAddr::new(listeners.address, listeners.admin);
        PeerAnswers {
            name: cast.name(side).to_owned(),
            host: cast.host(side).to_owned(),
            bind_back: Some(cast.bind_back(side).to_owned()),
            mapper_port: listeners.mapper,
            account: account(cast, side),
            domains: vec![cast.host(side).to_owned()],
            admin: Some((
                format!("http://{admin}"),
                format!("../{}/secrets/admin.token", side.folder()),
            )),
            // Absolute: the doctor prints it for a shell in any folder.
            configuration: Some(self.config(side).to_string_lossy().into_owned()),
            auth: (self.plan.auth == Auth::Kerberos).then(|| "kerberos".to_owned()),
        }
    }

    fn hosts(&self) -> Vec<(String, Vec<IpAddr>)> {
        let cast = self.cast();
        let names = cast
            .sides()
            .iter()
            .flat_map(|side| [(cast.host(*side), *side), (cast.bind_back(*side), *side)]);
        let names = names.map(|(name, side)| (name.to_owned(), vec![self.listeners(side).address]));
        let of_directory = self.plan.directory.iter().flat_map(DirectoryPlan::hosts);
        names.chain(of_directory).collect()
    }
}

/// Each server has an address of its own where the machine has more than one loopback address.
///
/// WEST lives at 127.0.0.1: the system lets every call to a loopback address come from there, and it is WEST's calls that a fault shuts out by address.
fn find_listeners(servers: usize) -> Result<Vec<Listeners>, MakeError> {
    let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let failed = |source| MakeError::Ports { address: home, source };
    let mut found: Vec<Listeners> = Vec::new();
    for address in ADDRESSES.iter().take(servers) {
        let mut listeners =
            Listeners::find(IpAddr::V4(*address)).or_else(|_| Listeners::find(home));
        // The ports of the others were free again when these were looked for.
        while let Ok(one) = &listeners
            && found.iter().any(|other| other.collides(one))
        {
            listeners = Listeners::find(home);
        }
        found.push(listeners.map_err(failed)?);
    }
    Ok(found)
}

/// The file with the password that is expected of the MTA of `side`.
fn remote_password(side: Side) -> String {
    format!("secrets/mta-{}.password", side.folder())
}

fn random_password() -> Result<String, MakeError> {
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(MakeError::Random)?;
    Ok(random.iter().map(|octet| format!("{octet:02x}")).collect())
}

fn single(address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("{address}/32"),
        IpAddr::V6(_) => format!("{address}/128"),
    }
}

#[expect(clippy::expect_used, reason = "account names of this room, which tests parse")]
fn account<A: std::str::FromStr<Err: fmt::Debug>>(cast: &Cast, side: Side) -> A {
    cast.account(side).parse().expect("an account name")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use config::{Config, read_secret};

    use super::*;

    fn plan(cast: Cast, carrier: Carrier) -> Plan {
        let auth = Auth::Ntlm;
        Plan { cast, carrier, auth, kdc: None, directory: None, set: &[], idle_s: 2, wired: false }
    }

    fn organisation() -> (tempfile::TempDir, Organisation) {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(Cast::demo(), Carrier::Rpc);
        let organisation = Organisation::make(folder.path(), plan).unwrap();
        (folder, organisation)
    }

    /// Four servers that all know each other, whatever they are called.
    #[test]
    fn a_larger_organisation_fits_together() {
        for seed in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let cast = Cast::random(&mut crate::chance::Chance::new(seed), 4);
            let plan = plan(cast.clone(), Carrier::Rpc);
            let organisation = Organisation::make(folder.path(), plan).unwrap();
            for side in Side::ALL {
                let own = Config::load(&organisation.config(side)).unwrap();
                assert_eq!(own.server.name, cast.name(side));
                assert_eq!(own.rpc.account.to_string(), cast.account(side));
                assert_eq!(own.peers.len(), 3);
                for other in cast.others(side) {
                    let peer = own.peer(cast.name(other)).unwrap();
                    assert_eq!(peer.mapper_port, organisation.listeners(other).mapper);
                    assert_eq!(
                        own.hosts[cast.host(other)],
                        [organisation.listeners(other).address]
                    );
                }
            }
        }
    }

    #[test]
    fn both_configurations_load_and_fit_together() {
        let (_folder, organisation) = organisation();
        let [east, west] = Side::BOTH.map(|side| Config::load(&organisation.config(side)).unwrap());
        for (side, own, other) in [(Side::East, &east, &west), (Side::West, &west, &east)] {
            assert_eq!(own.server.name, side.name());
            assert_eq!(own.smtp.listen, [organisation.listeners(side).smtp()]);
            assert_eq!(own.rpc.password_file, organisation.password_file(side));
            assert_eq!(own.admin.socket, organisation.socket(side));
            assert_eq!(own.mail.maildir, organisation.maildirs(side));
            assert_eq!(own.queue.retry_first, Duration::from_secs(60));
            assert_eq!(own.association.idle, Duration::from_secs(2));
            for mailbox in mailboxes(side) {
                assert!(own.mail.mailboxes.contains(mailbox.name));
            }
            let peer = own.peer(other.server.name.as_str()).unwrap();
            assert_eq!(peer.host, other.server.host_name);
            assert_eq!(peer.bind_back, other.rpc.bind_back_name);
            assert_eq!(peer.account, other.rpc.account);
            assert_eq!(peer.mapper_port, other.rpc.mapper_port);
            assert_eq!(peer.domains, other.mail.domains);
            assert_eq!(peer.configuration, Some(organisation.config(side.other())));
            let api = peer.admin.as_ref().unwrap();
            assert_eq!(api.authority, other.admin.listen.unwrap().to_string());
            let token = read_secret(&api.token_file).unwrap();
            let expected = read_secret(other.admin.token_file.as_ref().unwrap()).unwrap();
            assert_eq!(token.expose(), expected.expose());
        }
        for config in [&east, &west] {
            for side in Side::BOTH {
                let addresses = vec![organisation.listeners(side).address];
                assert_eq!(config.hosts.get(Cast::demo().host(side)), Some(&addresses));
                assert_eq!(config.hosts.get(Cast::demo().bind_back(side)), Some(&addresses));
            }
        }
    }

    #[test]
    fn both_configurations_fit_together_over_tcp() {
        let folder = tempfile::tempdir().unwrap();
        let organisation =
            Organisation::make(folder.path(), plan(Cast::demo(), Carrier::Rfc1006)).unwrap();
        let [east, west] = Side::BOTH.map(|side| Config::load(&organisation.config(side)).unwrap());
        for (own, other) in [(&east, &west), (&west, &east)] {
            assert!(own.peers.is_empty());
            let connector = own.x400(&other.server.name).unwrap();
            assert_eq!(connector.port, other.rfc1006.port);
            let back = other.x400(&own.server.name).unwrap();
            let presented = read_secret(connector.local_password_file.as_ref().unwrap()).unwrap();
            let expected = read_secret(back.remote_password_file.as_ref().unwrap()).unwrap();
            assert_eq!(presented.expose(), expected.expose());
            let addresses = own.hosts.get(&connector.host).unwrap();
            assert_eq!(addresses, &other.rfc1006.listen);
        }
    }

    #[test]
    fn the_fault_of_the_firewall_shuts_out_west_and_only_west() {
        let (_folder, organisation) = organisation();
        let file = organisation.config(Side::East);
        let network = organisation.network(Side::West).parse().unwrap();
        config::edit::remove_network(&file, config::edit::Listener::Rpc, network).unwrap();
        let allow = Config::load(&file).unwrap().rpc.allow;
        let lets_in = |side: Side| {
            let address = organisation.listeners(side).address;
            allow.iter().any(|network| network.contains(&address))
        };
        assert!(!lets_in(Side::West));
        let distinct = organisation.network(Side::East) != organisation.network(Side::West);
        assert_eq!(lets_in(Side::East), distinct);
    }

    #[test]
    fn passwords_are_secret_and_differ() {
        let (_folder, organisation) = organisation();
        let other = organisation.write_password("other.password").unwrap();
        assert_eq!(std::fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o600);
        let all = [
            read_secret(&other).unwrap(),
            read_secret(&organisation.password_file(Side::East)).unwrap(),
            read_secret(&organisation.password_file(Side::West)).unwrap(),
        ];
        let distinct: HashSet<&str> = all.iter().map(|password| password.expose()).collect();
        assert_eq!(distinct.len(), 3);
    }

    #[test]
    fn a_folder_with_too_long_a_path_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("d".repeat(100));
        assert!(matches!(
            Organisation::make(&root, plan(Cast::demo(), Carrier::Rpc)),
            Err(MakeError::PathTooLong { .. })
        ));
        assert!(!root.exists());
    }

    #[test]
    fn ports_are_free_until_taken() {
        let listeners = Listeners::find(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        assert!(listeners.are_free());
        let _taken = TcpListener::bind(listeners.smtp()).unwrap();
        assert!(!listeners.are_free());
    }
}
