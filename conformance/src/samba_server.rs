//! A stand-alone Samba: its RPC server alone, on an address of its own.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::until;

const MAPPER: u16 = 135;
const START: Duration = Duration::from_secs(20);
/// A user of the system that is there on every one; its password is Samba's alone.
const USER: &str = "nobody";
/// Where distributions keep the RPC server.
const SERVERS: [&str; 3] = [
    "/usr/libexec/samba/samba-dcerpcd",
    "/usr/lib/x86_64-linux-gnu/samba/samba-dcerpcd",
    "/usr/lib/samba/samba-dcerpcd",
];

/// A running stand-alone Samba with one account.
#[derive(Debug)]
pub struct SambaServer {
    process: Option<Process>,
    _folder: TempDir,
}

impl SambaServer {
    pub const ACCOUNT: &str = "EAST\\nobody";
    pub const PASSWORD: &str = "Passw0rd!";

    /// Why none can run at this address, if so: what a proof says that skips itself.
    pub fn missing(address: Ipv4Addr) -> Option<String> {
        if server().is_none() {
            return Some(
                "Samba's RPC server is not there (Debian: apt-get install samba)".to_owned(),
            );
        }
        match TcpListener::bind((address, MAPPER)) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Some("port 135 needs root or CAP_NET_BIND_SERVICE".to_owned())
            }
            _ => None,
        }
    }

    /// Starts one; its endpoint mapper is on port 135.
    pub fn start(address: Ipv4Addr) -> Result<Self> {
        let server = server().context("Samba's RPC server is not there")?;
        let folder = tempfile::tempdir()?;
        let process = start(server, folder.path(), address)?;
        Ok(Self { process: Some(process), _folder: folder })
    }

    /// The process under which all of its run.
    pub fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }
}

impl Drop for SambaServer {
    fn drop(&mut self) {
        // In order, so that it ends its own children.
        if let Some(Err(error)) = self.process.take().map(|process| process.terminate(START)) {
            eprintln!("Samba does not end: {error:#}");
        }
    }
}

fn server() -> Option<&'static str> {
    SERVERS.into_iter().find(|path| Path::new(path).exists())
}

/// Gives a user of the system a password of Samba's own, in the accounts that a configuration names.
pub fn add_samba_account(configuration: &Path, user: &str, password: &str) -> Result<()> {
    let mut account = Command::new("smbpasswd")
        .arg("-c")
        .arg(configuration)
        .args(["-s", "-a", user])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("smbpasswd does not start")?;
    let mut input = account.stdin.take().context("no standard input")?;
    writeln!(input, "{password}\n{password}")?;
    drop(input);
    ensure!(account.wait()?.success(), "smbpasswd makes no account");
    Ok(())
}

fn start(server: &str, folder: &Path, address: Ipv4Addr) -> Result<Process> {
    let configuration = folder.join("smb.conf");
    let place = folder.display();
    std::fs::write(
        &configuration,
        format!(
            "[global]\nworkgroup = EAST\nnetbios name = SAMBA\nserver role = standalone server\n\
             interfaces = {address}/8\nbind interfaces only = yes\ndisable netbios = yes\n\
             private dir = {place}\nlock dir = {place}\nstate directory = {place}\n\
             cache directory = {place}\npid directory = {place}\nncalrpc dir = {place}/ncalrpc\n\
             log file = {place}/log.%m\npassdb backend = tdbsam\nrpc start on demand helpers = no\n"
        ),
    )?;
    add_samba_account(&configuration, USER, SambaServer::PASSWORD)?;
    let mut command = Command::new(server);
    command.arg("-s").arg(&configuration).args(["-F", "--libexec-rpcds", "--no-process-group"]);
    let log = folder.join("out");
    let mut process = Process::start(command, &log)?;
    until(START, "Samba's endpoint mapper", || {
        if let Some(status) = process.try_wait()? {
            bail!("Samba ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        Ok(TcpStream::connect((address, MAPPER)).ok().map(drop))
    })?;
    Ok(process)
}
