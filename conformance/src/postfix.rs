//! A Postfix of its own: configuration, queue and data in one folder, on one loopback address.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::maildir::Maildir;
use crate::smtp::Session;
use crate::wait::until;

/// How long it may take to greet.
const START_TIME: Duration = Duration::from_secs(20);

/// Who writes the mailboxes: nobody in particular.
const USER: u32 = 65_534;

/// Services that a host needs which takes mail, relays it and delivers it.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// A running Postfix; dropped, it is stopped.
#[derive(Debug)]
pub struct Postfix {
    folder: TempDir,
    address: SocketAddr,
}

impl Postfix {
    /// Why none can be run here; `None` when one can.
    pub fn why_not() -> Option<String> {
        if !Path::new("/usr/sbin/postfix").exists() {
            return Some("Postfix is not installed".to_owned());
        }
        if !rustix::process::geteuid().is_root() {
            return Some("Postfix needs root to start".to_owned());
        }
        None
    }

    /// Starts one that listens on `address`; `settings` are lines of main.cf, the later ones win.
    pub fn start(address: SocketAddr, settings: &[(&str, String)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pf").tempdir()?;
        // Its daemons run as other users and must come in.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let postfix = Self { folder, address };
        let at = |name: &str| postfix.folder.path().join(name);
        for name in ["etc", "spool", "data", "mail"] {
            std::fs::create_dir(at(name))?;
        }
        chown(at("mail"), Some(USER), Some(USER))?;
        let owner = Command::new("id").args(["-u", "postfix"]).output()?;
        let owner: u32 = String::from_utf8_lossy(&owner.stdout).trim().parse()?;
        chown(at("data"), Some(owner), None)?;
        let mut main = String::new();
        let mut set = |name: &str, value: &str| {
            let _ = writeln!(main, "{name} = {value}");
        };
        set("compatibility_level", "3.6");
        set("queue_directory", &at("spool").to_string_lossy());
        set("data_directory", &at("data").to_string_lossy());
        set("maillog_file", "");
        set("myhostname", "postfix.proof.test");
        set("mydestination", "");
        set("alias_maps", "");
        set("alias_database", "");
        // Only what the system lists as its own passes here; the listener below has the address itself.
        set("inet_interfaces", "127.0.0.1");
        set("inet_protocols", "ipv4");
        set("mynetworks", "127.0.0.0/8");
        set("disable_dns_lookups", "yes");
        set("smtp_dns_support_level", "disabled");
        set("smtp_bind_address", &address.ip().to_string());
        set("smtp_tls_security_level", "none");
        set("smtpd_tls_security_level", "none");
        set("virtual_mailbox_base", &at("mail").to_string_lossy());
        set("virtual_uid_maps", &format!("static:{USER}"));
        set("virtual_gid_maps", &format!("static:{USER}"));
        settings.iter().for_each(|(name, value)| set(name, value));
        std::fs::write(at("etc/main.cf"), main)?;
        let listener = format!("{address} inet n - n - - smtpd\n");
        std::fs::write(at("etc/master.cf"), listener + SERVICES)?;
        postfix.control("start")?;
        until(START_TIME, "the greeting of Postfix", || {
            Ok(Session::connect(address).ok().filter(|(_, greeting)| greeting.code == 220))
        })?;
        Ok(postfix)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Maildir of a mailbox; lines in it end in LF.
    pub fn maildir(&self, name: &str) -> Maildir {
        Maildir::new(&self.folder.path().join("mail").join(name))
    }

    /// The process that all the others belong to.
    pub fn master(&self) -> Result<u32> {
        let file: PathBuf = self.folder.path().join("spool/pid/master.pid");
        std::fs::read_to_string(file)?.trim().parse().context("master.pid")
    }

    /// Messages that wait in its queues.
    pub fn waiting(&self) -> Result<usize> {
        let mut count = 0;
        for queue in ["incoming", "active", "deferred", "maildrop"] {
            count += files(&self.folder.path().join("spool").join(queue))?;
        }
        Ok(count)
    }

    fn control(&self, what: &str) -> Result<()> {
        let etc = self.folder.path().join("etc");
        let output = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&etc)
            .arg(what)
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "postfix {what} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if let Err(error) = self.control("abort") {
            eprintln!("Postfix does not stop: {error:#}");
        }
    }
}

fn files(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            count += files(&entry.path())?;
        } else {
            count += 1;
        }
        if count > 10_000_000 {
            bail!("{} has too many files", folder.display());
        }
    }
    Ok(count)
}
