//! A Samba Active Directory domain controller of its own: network, mount and process namespace, one realm.
//!
//! Nothing of it meets the machine: its address exists only inside, `/run/samba` and `/etc/hosts` are its own there,
//! and the first process of its namespace takes all others with it when the value is dropped. It needs root, util-linux,
//! iproute2 and Debian's `samba` with the packages of an AD domain controller (`samba-ad-provision`,
//! `samba-dsdb-modules`, `samba-vfs-modules`, `python3-samba`). Provisioning takes about 15 s, the start 2 to 9 s.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::until;

/// What has to be there, and where.
const NEEDED: [&str; 9] = [
    "/usr/sbin/samba",
    "/usr/bin/samba-tool",
    "/usr/share/samba/setup/provision.ldif",
    "/usr/lib/x86_64-linux-gnu/samba/vfs/xattr_tdb.so",
    "/usr/bin/ldbmodify",
    "/usr/bin/ldapmodify",
    "/usr/bin/unshare",
    "/usr/bin/nsenter",
    "/usr/sbin/ip",
];
/// Longest wait for the namespace, and for the controller to listen.
const START: Duration = Duration::from_secs(150);
/// What a controller listens on once it is ready: LDAP, endpoint mapper, SMB, Kerberos.
const PORTS: [u16; 4] = [389, 135, 445, 88];

/// What a controller and its domain are called, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    pub realm: &'static str,
    /// The NetBIOS name.
    pub name: &'static str,
    pub host: &'static str,
    pub address: &'static str,
    /// `DC=east,DC=test`.
    pub base: &'static str,
}

impl Domain {
    pub const EAST: Self = Self {
        realm: SambaDc::REALM,
        name: SambaDc::DOMAIN,
        host: SambaDc::HOST,
        address: SambaDc::ADDRESS,
        base: "DC=east,DC=test",
    };
    /// One that neither trusts the other nor knows it.
    pub const WEST: Self = Self {
        realm: "WEST.TEST",
        name: "WEST",
        host: "dc2.west.test",
        address: "10.53.2.10",
        base: "DC=west,DC=test",
    };

    fn short(self) -> &'static str {
        self.host.split('.').next().unwrap_or(self.host)
    }
}

/// A running domain controller; dropped, it and everything in its namespace ends.
#[derive(Debug)]
pub struct SambaDc {
    /// Outlives everything else: its end ends the namespace.
    holder: Process,
    inside: u32,
    folder: TempDir,
    domain: Domain,
}

impl SambaDc {
    pub const REALM: &'static str = "EAST.TEST";
    pub const DOMAIN: &'static str = "EAST";
    /// DNS name of the controller, which its namespace's hosts file knows.
    pub const HOST: &'static str = "dc1.east.test";
    pub const ADDRESS: &'static str = "10.53.1.10";
    pub const ADMINISTRATOR: &'static str = "EAST\\Administrator";
    pub const PASSWORD: &'static str = "Passw0rd!2026";

    /// Why no domain controller can run here, if so: what a proof says that skips itself.
    pub fn missing() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("a domain controller needs root (namespaces of its own)".to_owned());
        }
        NEEDED.into_iter().find(|path| !Path::new(path).exists()).map(|path| {
            format!("there is no {path} (Debian: apt-get install samba samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba ldb-tools ldap-utils iproute2)")
        })
    }

    /// Provisions a controller and starts it; `prepare` runs between the two, on a directory that nobody serves yet
    /// (see [`Self::tool`]): the time to make accounts, principals and keytabs.
    pub fn start(prepare: impl FnOnce(&Self) -> Result<()>) -> Result<Self> {
        Self::start_in(Domain::EAST, None, prepare)
    }

    /// The same for any domain; in the network of another controller, if there is one, else in one of its own.
    pub fn start_in(
        domain: Domain,
        beside: Option<&Self>,
        prepare: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bindback-dc").tempdir()?;
        let place = folder.path();
        for name in ["run", "log", "ntp_signd"] {
            std::fs::create_dir(place.join(name))?;
        }
        std::fs::create_dir_all("/run/samba")?;
        std::fs::write(
            place.join("hosts"),
            [Domain::EAST, Domain::WEST]
                .iter()
                .fold("127.0.0.1 localhost\n".to_owned(), |all, one| {
                    format!("{all}{} {} {}\n", one.address, one.host, one.short())
                }),
        )?;
        let (holder, inside) = hold(place, domain, beside.map(Self::inside))?;
        let controller = Self { holder, inside, folder, domain };
        controller.provision()?;
        prepare(&controller)?;
        controller.serve()?;
        Ok(controller)
    }

    /// A command that runs where the controller's address is.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command.args(["-t", &self.inside.to_string(), "-n", "-m", "--"]).arg(program);
        command.env("KRB5_CONFIG", self.krb5_config()).stdin(Stdio::null());
        command
    }

    /// Runs `samba-tool` on the controller's own files, and gives what it printed. A password among the arguments is
    /// one of this controller only.
    pub fn tool(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command("/usr/bin/samba-tool");
        command.args(arguments).arg("-s").arg(self.configuration());
        said(&format!("samba-tool {}", arguments.first().unwrap_or(&"")), command.output()?)
    }

    /// A plain account `EAST\name`.
    pub fn add_user(&self, name: &str, password: &str) -> Result<()> {
        let local = format!("tdb://{}", self.folder().join("private/sam.ldb").display());
        self.tool(&["user", "create", name, password, "-H", &local]).map(drop)
    }

    /// Lets an account be a service, with AES keys, and puts its keys and those of the service into a keytab.
    pub fn add_service(&self, name: &str, service: &str, keytab: &Path) -> Result<()> {
        let local = format!("tdb://{}", self.folder().join("private/sam.ldb").display());
        self.tool(&["spn", "add", service, name, "-H", &local])?;
        let change = format!(
            "dn: CN={name},CN=Users,{}\nchangetype: modify\n\
             replace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n",
            self.domain.base
        );
        let file = self.folder().join("aes.ldif");
        std::fs::write(&file, change)?;
        let mut command = self.command("/usr/bin/ldbmodify");
        said("ldbmodify", command.args(["-H", &local]).arg(&file).output()?)?;
        let keytab = keytab.to_string_lossy();
        for principal in [name, service] {
            let principal = format!("--principal={principal}@{}", self.domain.realm);
            self.tool(&["domain", "exportkeytab", &keytab, &principal])?;
        }
        Ok(())
    }

    /// Loads the schema that is shipped, as docs/schema says.
    pub fn extend_schema(&self) -> Result<()> {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/bindback-ad.ldf");
        let text = std::fs::read_to_string(shipped)?.replace("DC=X", self.domain.base);
        let file = self.folder().join("schema.ldif");
        std::fs::write(&file, text)?;
        self.ldap("ldapmodify", &["-f", &file.to_string_lossy()]).map(drop)
    }

    /// Runs one of OpenLDAP's clients as the administrator, over TLS, and gives what it printed.
    pub fn ldap(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let password = self.folder().join("password");
        std::fs::write(&password, Self::PASSWORD)?;
        let mut command = self.command(program);
        // The controller made its certificate itself.
        command
            .env("LDAPTLS_REQCERT", "never")
            .arg("-H")
            .arg(format!("ldaps://{}", self.domain.host));
        let who = format!("administrator@{}", self.domain.realm);
        command.args(["-x", "-o", "ldif-wrap=no", "-D", &who, "-y"]);
        said(program, command.arg(&password).args(arguments).output()?)
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder().join("smb.conf")
    }

    pub fn krb5_config(&self) -> PathBuf {
        self.folder().join("private/krb5.conf")
    }

    /// Where all of its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process, seen from outside, under which all of the controller's run.
    pub fn id(&self) -> u32 {
        self.holder.id()
    }

    /// A process inside its namespaces.
    pub fn inside(&self) -> u32 {
        self.inside
    }

    /// Ends it and starts it again with these lines more in `[global]`, instead of those of the last time.
    pub fn restart_with(&self, lines: &[&str]) -> Result<()> {
        let pid = std::fs::read_to_string(self.folder().join("run/samba.pid"))?;
        let mut command = Command::new("/usr/bin/nsenter");
        command.args(["-t", &self.inside.to_string(), "-p", "--", "/bin/kill", pid.trim()]);
        said("kill", command.output()?)?;
        until(START, "the end of the domain controller", || Ok((!self.is_alive()?).then_some(())))?;
        let more = lines.iter().fold("[global]\n".to_owned(), |all, line| format!("{all}{line}\n"));
        std::fs::write(self.configuration(), self.smb_conf().replacen("[global]\n", &more, 1))?;
        self.serve()
    }

    /// Whether anything but the first process runs inside. Nobody waits there for those that have ended.
    fn is_alive(&self) -> Result<bool> {
        let space = |process: &Path| std::fs::read_link(process.join("ns/pid"));
        let first = PathBuf::from(format!("/proc/{}", self.inside));
        let own = space(&first)?;
        let runs = |process: &Path| {
            let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']))
        };
        let processes = std::fs::read_dir("/proc")?.filter_map(Result::ok).map(|one| one.path());
        let mut others =
            processes.filter(|one| *one != first && space(one).is_ok_and(|space| space == own));
        Ok(others.any(|one| runs(&one)))
    }

    fn provision(&self) -> Result<()> {
        let place = self.folder();
        std::fs::write(self.configuration(), self.smb_conf())?;
        let mut command = self.command("/usr/bin/samba-tool");
        command
            .args(["domain", "provision", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL"])
            .arg("--use-rfc2307")
            .arg(format!("--host-name={}", self.domain.short()))
            .arg(format!("--targetdir={}", place.display()))
            .arg(format!("--configfile={}", self.configuration().display()))
            .arg(format!("--realm={}", self.domain.realm))
            .arg(format!("--domain={}", self.domain.name))
            .arg(format!("--host-ip={}", self.domain.address))
            .arg(format!("--adminpass={}", Self::PASSWORD))
            .arg(format!("--option=interfaces={}/24", self.domain.address))
            .arg("--option=bind interfaces only=yes")
            .arg("--option=vfs objects=acl_xattr xattr_tdb")
            .arg(format!("--option=xattr_tdb:file={}", place.join("xattr.tdb").display()));
        said("samba-tool domain provision", command.output()?)?;
        Ok(())
    }

    fn smb_conf(&self) -> String {
        let place = self.folder().display();
        let Domain { realm, name: domain, address, .. } = self.domain;
        let own = self.domain.short().to_uppercase();
        let lower = realm.to_lowercase();
        // `dns forwarder` is left out, else Kerberos clients wait for it; the standard process model is the default.
        format!(
            "[global]\nnetbios name = {own}\nrealm = {realm}\nworkgroup = {domain}\n\
             server role = active directory domain controller\n\
             interfaces = {address}/24\nbind interfaces only = yes\n\
             private dir = {place}/private\nstate directory = {place}/state\n\
             cache directory = {place}/cache\nlock directory = {place}\n\
             binddns dir = {place}/bind-dns\nntp signd socket directory = {place}/ntp_signd\n\
             log file = {place}/log/log.%m\nlogging = file\nlog level = 1\npanic action =\n\
             dsdb:schema update allowed = yes\n\
             idmap_ldb:use rfc2307 = yes\nvfs objects = dfs_samba4 acl_xattr xattr_tdb\n\
             xattr_tdb:file = {place}/xattr.tdb\n\
             [sysvol]\npath = {place}/state/sysvol\nread only = no\n\
             [netlogon]\npath = {place}/state/sysvol/{lower}/scripts\nread only = no\n"
        )
    }

    fn serve(&self) -> Result<()> {
        // -p: into the process namespace too, so that it ends with the first process there.
        let mut command = Command::new("/usr/bin/nsenter");
        command.args(["-t", &self.inside.to_string(), "-n", "-m", "-p", "--", "/usr/sbin/samba"]);
        command.arg("-D").arg("-s").arg(self.configuration());
        command.arg("-l").arg(self.folder().join("log"));
        command.env("KRB5_CONFIG", self.krb5_config()).stdin(Stdio::null());
        said("samba", command.output()?)?;
        let log = self.folder().join("log/log.samba");
        let probe = PORTS
            .map(|port| format!("exec 3<>/dev/tcp/{}/{port} || exit 1", self.domain.address))
            .join("\n");
        let listening = until(START, "the domain controller's ports", || {
            let mut command = self.command("/bin/bash");
            command.args(["-c", &probe]).stderr(Stdio::null());
            Ok(command.status()?.success().then_some(()))
        });
        listening.with_context(|| std::fs::read_to_string(log).unwrap_or_default())
    }
}

/// The namespaces, and the process whose end ends them: the one started, and the first inside.
fn hold(place: &Path, domain: Domain, beside: Option<u32>) -> Result<(Process, u32)> {
    let shown = place.display();
    let script = format!(
        "set -e\nip link set lo up\nip addr add {}/24 dev lo\nchmod 0750 '{shown}/ntp_signd'\n\
         mount --bind '{shown}/run' /run/samba\nmount --bind '{shown}/hosts' /etc/hosts\n\
         touch '{shown}/held'\nexec sleep infinity\n",
        domain.address
    );
    let mut command = match beside {
        None => {
            let mut command = Command::new("/usr/bin/unshare");
            command.arg("--net");
            command
        }
        Some(inside) => {
            let mut command = Command::new("/usr/bin/nsenter");
            command.args(["-t", &inside.to_string(), "-n", "--", "/usr/bin/unshare"]);
            command
        }
    };
    command.args(["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", &script]);
    let log = place.join("log/holder");
    let mut holder = Process::start(command, &log)?;
    until(START, "a namespace", || {
        if let Some(status) = holder.try_wait()? {
            bail!("unshare ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        Ok(place.join("held").exists().then_some(()))
    })?;
    let id = holder.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    let inside =
        children.trim().parse().with_context(|| format!("children of unshare: {children:?}"))?;
    Ok((holder, inside))
}

fn said(what: &str, output: Output) -> Result<String> {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(output.status.success(), "{what} ended with {}: {out}{err}", output.status);
    Ok(out.into_owned())
}
