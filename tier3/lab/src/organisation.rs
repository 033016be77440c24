//! The organisation of a demo: two servers, EAST and WEST, each with its own folder, address, ports and account.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use config::{ConfigError, InitAnswers, PeerAnswers, RANDOM_BYTES, Section, X400Answers};
use finding::Cause;

/// The role without which an account exchanges no mail.
pub(crate) const ROLE: &str = "service-account-admin";

/// How long an association of a demo stays open without mail: short, so that a fault shows soon.
const IDLE_S: u32 = 2;

/// The files with the passwords of binds over TCP, in the folder of each server.
const LOCAL_PASSWORD: &str = "secrets/mta-local.password";
const REMOTE_PASSWORD: &str = "secrets/mta-remote.password";

/// The first retry of a demo is so late that a recovery within seconds cannot come from a timer.
const RETRY_FIRST_S: u32 = 60;

/// Any loopback address but the usual one.
const EAST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);

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

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    East,
    West,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::East, Self::West];

    /// The MTA name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::East => "EAST",
            Self::West => "WEST",
        }
    }

    /// The other server.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::East => Self::West,
            Self::West => Self::East,
        }
    }

    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::East => "east",
            Self::West => "west",
        }
    }

    /// Host name and mail domain.
    pub(crate) const fn host(self) -> &'static str {
        match self {
            Self::East => "east.demo.test",
            Self::West => "west.demo.test",
        }
    }

    /// The name handed over for the bind back.
    pub(crate) const fn bind_back_host(self) -> &'static str {
        match self {
            Self::East => "east-rpc.demo.test",
            Self::West => "west-rpc.demo.test",
        }
    }

    /// The account that this server proves itself with.
    pub(crate) const fn account(self) -> &'static str {
        match self {
            Self::East => r"DEMO\svc-east",
            Self::West => r"DEMO\svc-west",
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::East => 0,
            Self::West => 1,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mailbox of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mailbox {
    pub(crate) side: Side,
    pub(crate) name: &'static str,
}

impl Mailbox {
    pub(crate) fn address(self) -> String {
        format!("{}@{}", self.name, self.side.host())
    }
}

/// Every mailbox, two on each server.
pub(crate) const MAILBOXES: [Mailbox; 4] = [
    Mailbox { side: Side::East, name: "anna" },
    Mailbox { side: Side::East, name: "arno" },
    Mailbox { side: Side::West, name: "bert" },
    Mailbox { side: Side::West, name: "bianca" },
];

/// The mailboxes of one server.
pub(crate) fn mailboxes(side: Side) -> impl Iterator<Item = Mailbox> {
    MAILBOXES.into_iter().filter(move |mailbox| mailbox.side == side)
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

    /// Whether every port can be bound now.
    pub(crate) fn are_free(&self) -> bool {
        self.ports().iter().all(|port| TcpListener::bind((self.address, *port)).is_ok())
    }
}

/// Two servers in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Organisation {
    pub(crate) root: PathBuf,
    carrier: Carrier,
    listeners: [Listeners; 2],
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
    /// Writes the folders of both servers into `root`: configuration, password, token. `root` must be absolute.
    pub(crate) fn make(root: &Path, carrier: Carrier) -> Result<Self, MakeError> {
        let listeners = find_listeners()?;
        let organisation = Self { root: root.to_owned(), carrier, listeners };
        for side in Side::BOTH {
            if organisation.socket(side).as_os_str().len() > SOCKET_PATH_MAX {
                return Err(MakeError::PathTooLong { root: root.to_owned() });
            }
        }
        for side in Side::BOTH {
            let mut random = [0; RANDOM_BYTES];
            getrandom::fill(&mut random).map_err(MakeError::Random)?;
            config::init(&organisation.folder(side), &organisation.answers(side), &random)
                .map_err(|source| MakeError::Config { side, source })?;
        }
        if carrier == Carrier::Rfc1006 {
            organisation.write_mta_passwords()?;
        }
        Ok(organisation)
    }

    /// One password for each MTA: what it presents, and what the other one expects of it.
    fn write_mta_passwords(&self) -> Result<(), MakeError> {
        for side in Side::BOTH {
            let password = identity::Password::new(random_password()?);
            for (on, name) in [(side, LOCAL_PASSWORD), (side.other(), REMOTE_PASSWORD)] {
                config::replace_secret(&self.folder(on).join(name), &password)
                    .map_err(|source| MakeError::Secret { side: on, source })?;
            }
        }
        Ok(())
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
        let own = self.listeners(side);
        let names: Vec<String> = mailboxes(side).map(|mailbox| mailbox.name.to_owned()).collect();
        let networks: Vec<String> =
            Side::BOTH.iter().map(|side| format!("\"{}\"", self.network(*side))).collect();
        // On a machine with one loopback address both servers have the same network.
        let networks = if networks[0] == networks[1] { &networks[..1] } else { &networks[..] };
        InitAnswers {
            name: side.name().to_owned(),
            host_name: side.host().to_owned(),
            smtp_listen: vec![own.smtp()],
            domains: vec![side.host().to_owned()],
            postmaster: names.first().cloned(),
            mailboxes: names,
            rpc_listen: own.address,
            mapper_port: own.mapper,
            bind_back_name: Some(side.bind_back_host().to_owned()),
            account: account(side),
            peers: match self.carrier {
                Carrier::Rpc => vec![self.peer(side.other())],
                Carrier::Rfc1006 => Vec::new(),
            },
            x400: match self.carrier {
                Carrier::Rpc => Vec::new(),
                Carrier::Rfc1006 => vec![self.connector(side.other())],
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
            (Section::Association, "idle_s", IDLE_S.to_string()),
        ];
        if self.carrier == Carrier::Rfc1006 {
            set.push((Section::Rfc1006, "listen", format!("[\"{}\"]", own.address)));
            set.push((Section::Rfc1006, "port", own.rfc1006.to_string()));
            set.push((Section::Rfc1006, "allow", networks));
        }
        set
    }

    fn connector(&self, side: Side) -> X400Answers {
        let listeners = self.listeners(side);
        let admin = SocketAddr::new(listeners.address, listeners.admin);
        let text = |text: &str| format!("\"{text}\"");
        X400Answers {
            set: vec![
                ("name", text(side.name())),
                ("host", text(side.host())),
                ("port", listeners.rfc1006.to_string()),
                ("domains", format!("[\"{}\"]", side.host())),
                ("remote_password_file", text(REMOTE_PASSWORD)),
                ("local_password_file", text(LOCAL_PASSWORD)),
                ("lifetime_s", IDLE_S.to_string()),
                ("admin", text(&format!("http://{admin}"))),
                ("admin_token_file", text(&format!("../{}/secrets/admin.token", side.folder()))),
                // Absolute: the doctor prints it for a shell in any folder.
                ("configuration", format!("{:?}", self.config(side).to_string_lossy())),
            ],
        }
    }

    fn peer(&self, side: Side) -> PeerAnswers {
        let listeners = self.listeners(side);
        let admin = SocketAddr::new(listeners.address, listeners.admin);
        PeerAnswers {
            name: side.name().to_owned(),
            host: side.host().to_owned(),
            bind_back: Some(side.bind_back_host().to_owned()),
            mapper_port: listeners.mapper,
            account: account(side),
            domains: vec![side.host().to_owned()],
            admin: Some((
                format!("http://{admin}"),
                format!("../{}/secrets/admin.token", side.folder()),
            )),
            // Absolute: the doctor prints it for a shell in any folder.
            configuration: Some(self.config(side).to_string_lossy().into_owned()),
        }
    }

    fn hosts(&self) -> Vec<(String, Vec<IpAddr>)> {
        Side::BOTH
            .iter()
            .flat_map(|side| [(side.host(), *side), (side.bind_back_host(), *side)])
            .map(|(name, side)| (name.to_owned(), vec![self.listeners(side).address]))
            .collect()
    }
}

/// EAST has an address of its own where the machine has more than one loopback address.
///
/// WEST lives at 127.0.0.1: the system lets every call to a loopback address come from there, and it is WEST's calls that a fault shuts out by address.
fn find_listeners() -> Result<[Listeners; 2], MakeError> {
    let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let failed = |source| MakeError::Ports { address: home, source };
    let mut listeners = [Listeners::find(home).map_err(failed)?; 2];
    if let Ok(east) = Listeners::find(IpAddr::V4(EAST_ADDRESS)) {
        listeners[Side::East.index()] = east;
        return Ok(listeners);
    }
    let taken = listeners[Side::West.index()].ports();
    loop {
        let east = Listeners::find(home).map_err(failed)?;
        // The ports of WEST were free again when these were looked for.
        if !east.ports().iter().any(|port| taken.contains(port)) {
            listeners[Side::East.index()] = east;
            return Ok(listeners);
        }
    }
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

#[expect(clippy::expect_used, reason = "constant account names, which a test parses")]
fn account<A: std::str::FromStr<Err: fmt::Debug>>(side: Side) -> A {
    side.account().parse().expect("an account name")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use config::{Config, read_secret};

    use super::*;

    fn organisation() -> (tempfile::TempDir, Organisation) {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::make(folder.path(), Carrier::Rpc).unwrap();
        (folder, organisation)
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
                assert_eq!(config.hosts.get(side.host()), Some(&addresses));
                assert_eq!(config.hosts.get(side.bind_back_host()), Some(&addresses));
            }
        }
    }

    #[test]
    fn both_configurations_fit_together_over_tcp() {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::make(folder.path(), Carrier::Rfc1006).unwrap();
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
            Organisation::make(&root, Carrier::Rpc),
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
