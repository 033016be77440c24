//! A stand-alone Samba's file server alone, on an address of its own: port 445.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::Process;
use crate::samba_server::add_samba_account;
use crate::wait::until;

const PORT: u16 = 445;
const START: Duration = Duration::from_secs(20);

/// A running file server, which calls itself SAMBA in the domain EAST.
#[derive(Debug)]
pub struct SambaFiles {
    process: Option<Process>,
    folder: TempDir,
}

impl SambaFiles {
    /// Why none can run at this address, if so: what a proof says that skips itself.
    pub fn missing(address: Ipv4Addr) -> Option<String> {
        if Command::new("smbd").arg("-V").stdout(Stdio::null()).status().is_err() {
            return Some("smbd is not there (Debian: apt-get install samba)".to_owned());
        }
        match TcpListener::bind((address, PORT)) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Some("port 445 needs root or CAP_NET_BIND_SERVICE".to_owned())
            }
            _ => None,
        }
    }

    /// Starts one for users of the system with a password of Samba's own; `shares` makes folders below the one that it is
    /// given and names them: share and path.
    pub fn start(
        address: Ipv4Addr,
        users: &[&str],
        password: &str,
        shares: impl FnOnce(&Path) -> Result<Vec<(String, PathBuf)>>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Whoever logs on reads the files by their own rights.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let sections = shares(folder.path())?
            .into_iter()
            .map(|(name, path)| format!("[{name}]\npath = {}\nread only = yes\n", path.display()));
        let place = folder.path().display();
        let text = format!(
            "[global]\nworkgroup = EAST\nnetbios name = SAMBA\nserver role = standalone server\n\
             interfaces = {address}/8\nbind interfaces only = yes\ndisable netbios = yes\nsmb ports = {PORT}\n\
             private dir = {place}\nlock dir = {place}\nstate directory = {place}\ncache directory = {place}\n\
             pid directory = {place}\nncalrpc dir = {place}/ncalrpc\nlog file = {place}/log.%m\n\
             passdb backend = tdbsam:{place}/passdb.tdb\nmap to guest = never\nrpc start on demand helpers = no\n{}",
            sections.collect::<String>()
        );
        let configuration = folder.path().join("smb.conf");
        std::fs::write(&configuration, text)?;
        for user in users {
            add_samba_account(&configuration, user, password)?;
        }
        let mut command = Command::new("smbd");
        // In a group of its own, which it ends as a whole.
        command.arg("-s").arg(&configuration).arg("-F");
        let log = folder.path().join("out");
        let mut process = Process::start(command, &log)?;
        until(START, "Samba's SMB server", || {
            if let Some(status) = process.try_wait()? {
                bail!("Samba ended with {status}: {}", std::fs::read_to_string(&log)?);
            }
            Ok(TcpStream::connect((address, PORT)).ok().map(drop))
        })?;
        Ok(Self { process: Some(process), folder })
    }

    /// The file that Samba's programs take with `-c` or `-s`.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("smb.conf")
    }
}

impl Drop for SambaFiles {
    fn drop(&mut self) {
        // In order, so that it ends its own children.
        let ended = self.process.take().context("no process").and_then(|one| one.terminate(START));
        if let Err(error) = ended {
            eprintln!("Samba does not end: {error:#}");
        }
    }
}
