//! A key distribution centre for a demo: MIT's krb5kdc with a database, a configuration and a port of its own.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::organisation::Organisation;
use crate::process::Process;
use crate::program::quoted;

/// The realm of a demo.
pub(crate) const REALM: &str = "DEMO.TEST";

/// Where distributions keep programs of administrators, which are not always on the path.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/sbin"];

/// How long the KDC may take to listen.
const START: Duration = Duration::from_secs(10);

/// The KDC itself, what makes its database, and what puts accounts into it.
const PROGRAMS: [&str; 3] = ["krb5kdc", "kdb5_util", "kadmin.local"];

/// Why there is no KDC.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KdcError {
    #[error(
        "there is no {0} on this machine, which a demo with Kerberos needs; install MIT's KDC (Debian: apt-get install krb5-kdc krb5-admin-server), or leave out --auth kerberos"
    )]
    Missing(&'static str),
    #[error("no free port for the KDC on loopback")]
    Port(#[source] io::Error),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{program} does not run")]
    Run {
        program: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed: {said}")]
    Failed { program: &'static str, said: String },
    #[error("the KDC does not listen after {} s; it says: {tail}", START.as_secs())]
    Silent { tail: String },
}

/// Where the KDC of a demo lives, before it runs.
#[derive(Debug, Clone)]
pub(crate) struct KdcPlan {
    folder: PathBuf,
    pub(crate) port: u16,
    kdc: PathBuf,
    make: PathBuf,
    admin: PathBuf,
}

/// A KDC that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Kdc {
    plan: KdcPlan,
    _process: Process,
}

impl KdcPlan {
    /// Looks for the programs, before anything is made.
    pub(crate) fn look() -> Result<(), KdcError> {
        PROGRAMS.into_iter().try_for_each(|program| find(program).map(drop))
    }

    /// Finds the programs and a port.
    pub(crate) fn make(root: &Path) -> Result<Self, KdcError> {
        let [kdc, make, admin] = PROGRAMS.map(find);
        Ok(Self {
            folder: root.join("kdc"),
            port: free_port().map_err(KdcError::Port)?,
            kdc: kdc?,
            make: make?,
            admin: admin?,
        })
    }

    /// The principal that a host is called by.
    pub(crate) fn service(host: &str) -> String {
        format!("host/{host}@{REALM}")
    }

    /// What exports the keytab of a server anew, for a shell.
    pub(crate) fn export(&self, host: &str, keytab: &Path) -> String {
        // With the folder of a demo as it is made here, no word has a quote in it.
        let query = format!("ktadd -k {} {}", keytab.display(), Self::service(host));
        let words = [
            "env".to_owned(),
            format!("KRB5_CONFIG={}", self.folder.join("krb5.conf").display()),
            format!("KRB5_KDC_PROFILE={}", self.folder.join("kdc.conf").display()),
            self.admin.display().to_string(),
            "-r".to_owned(),
            REALM.to_owned(),
            "-q".to_owned(),
            query,
        ];
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    /// Makes the database with every account and service, writes the keytabs, and starts the KDC.
    pub(crate) async fn start(self, organisation: &Organisation) -> Result<Kdc, KdcError> {
        let _ = std::fs::remove_dir_all(&self.folder);
        self.write_files()?;
        let master = random_word();
        let create = ["create", "-s", "-r", REALM];
        // Secrets go in by standard input, where no list of processes shows them.
        self.run("kdb5_util", &self.make, &create, &format!("{master}\n{master}\n")).await?;
        let mut words = String::new();
        let cast = organisation.cast();
        for side in cast.sides().iter().copied() {
            let file = organisation.password_file(side);
            let failed = |source| KdcError::Write { path: file.clone(), source };
            let password = std::fs::read_to_string(&file).map_err(failed)?;
            let account = cast.account(side).rsplit('\\').next().unwrap_or_default();
            let service = Self::service(cast.host(side));
            let keytab = organisation.keytab(side);
            words.push_str(&format!("addprinc -pw {} {account}\n", password.trim()));
            words.push_str(&format!("addprinc -randkey {service}\n"));
            words.push_str(&format!("ktadd -k {} {service}\n", keytab.display()));
        }
        self.administrate(&words).await?;
        let mut command = self.command(&self.kdc);
        command.args(["-n", "-r", REALM]);
        let log = self.folder.join("kdc.log");
        let process = Process::start(command, &log)
            .map_err(|source| KdcError::Run { program: "krb5kdc", source })?;
        let deadline = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if Instant::now() > deadline {
                return Err(KdcError::Silent { tail: process.log_tail() });
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(Kdc { plan: self, _process: process })
    }

    fn write_files(&self) -> Result<(), KdcError> {
        let (folder, port) = (self.folder.display(), self.port);
        let files = [
            (
                "krb5.conf",
                format!(
                    "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n\
                     [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
                ),
            ),
            (
                "kdc.conf",
                format!(
                    "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
                     [realms]\n {REALM} = {{\n  database_name = {folder}/principal\n  \
                     key_stash_file = {folder}/stash\n }}\n"
                ),
            ),
        ];
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| KdcError::Write { path, source }
        };
        std::fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        for (name, text) in files {
            let path = self.folder.join(name);
            std::fs::write(&path, text).map_err(failed(&path))?;
        }
        Ok(())
    }

    async fn administrate(&self, words: &str) -> Result<(), KdcError> {
        let admin = self.admin.clone();
        let said = self.run("kadmin.local", &admin, &["-r", REALM], words).await?;
        // It ends with 0 whatever became of its orders.
        match said.lines().find(|line| line.contains(" while ")) {
            Some(line) => Err(KdcError::Failed { program: "kadmin.local", said: line.to_owned() }),
            None => Ok(()),
        }
    }

    async fn run(
        &self,
        program: &'static str,
        path: &Path,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, KdcError> {
        let failed = |source| KdcError::Run { program, source };
        let mut command = self.command(path);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await.map_err(failed)?;
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            return Err(KdcError::Failed { program, said });
        }
        Ok(said)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("KRB5_CONFIG", self.folder.join("krb5.conf"));
        command.env("KRB5_KDC_PROFILE", self.folder.join("kdc.conf"));
        command
    }
}

impl Kdc {
    /// Gives the service of a server another key, which its keytab does not have.
    pub(crate) async fn change_key(&self, host: &str) -> Result<(), KdcError> {
        let words = format!("change_password -randkey {}\n", KdcPlan::service(host));
        self.plan.administrate(&words).await
    }
}

fn find(name: &'static str) -> Result<PathBuf, KdcError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    known.map(|folder| folder.join(name)).find(|file| file.is_file()).ok_or(KdcError::Missing(name))
}

/// A port that is free for TCP and UDP alike; between this and the start somebody else may take it.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    Ok(port)
}

/// For a key that nobody ever needs again.
fn random_word() -> String {
    let mut random = [0; 16];
    // Without randomness the passwords before it could not be made.
    let _ = getrandom::fill(&mut random);
    random.iter().map(|octet| format!("{octet:02x}")).collect()
}
