//! A Samba domain controller in namespaces of its own: network, mounts and processes, all of which end with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Process, until};

pub const REALM: &str = "KRB.TEST";
pub const DOMAIN: &str = "KRB";
/// The controller's name, as its service principals have it.
pub const CONTROLLER: &str = "kdc1.krb.test";
/// Its address, on the loopback device of its own network.
pub const ADDRESS: &str = "10.53.77.10";
pub const USER: &str = "tester";
pub const PASSWORD: &str = "Passw0rd!t";
/// The service whose keys are exported, and where it is served.
pub const SERVICE: &str = "host/echo.krb.test";
pub const ECHO: &str = "127.0.0.2";

const START: Duration = Duration::from_secs(60);
/// Where Debian's samba-ad-provision keeps what a new domain is made of.
const SETUP: &str = "/usr/share/samba/setup";
/// Where it keeps attributes of files on a filesystem that has none.
const XATTR: &str = "/usr/lib/x86_64-linux-gnu/samba/vfs/xattr_tdb.so";

/// A running domain controller.
pub struct Domain {
    folder: PathBuf,
    /// A process inside, as the system outside numbers it.
    inside: u32,
    _controller: Process,
    _holder: Process,
}

/// Why there can be none here; nothing when there can.
pub fn obstacle() -> Option<&'static str> {
    let missing = |path: &str| !Path::new(path).exists();
    if !rustix::process::geteuid().is_root() {
        Some("namespaces need root")
    } else if missing("/usr/bin/samba-tool")
        || missing("/usr/sbin/samba")
        || missing(SETUP)
        || missing(XATTR)
    {
        Some(
            "Samba's domain controller is not there (Debian: apt-get install samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind python3-samba)",
        )
    } else if missing("/usr/bin/ldbmodify") {
        Some("ldbmodify is not there (Debian: apt-get install ldb-tools)")
    } else if ["/usr/bin/unshare", "/usr/bin/nsenter"].into_iter().any(missing) {
        Some("unshare and nsenter are not there (Debian: apt-get install util-linux)")
    } else if !["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].into_iter().any(|ip| !missing(ip)) {
        Some("ip is not there (Debian: apt-get install iproute2)")
    } else if !may_unshare() {
        Some("this system lets nobody make namespaces")
    } else {
        None
    }
}

fn may_unshare() -> bool {
    let tried = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "true"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

impl Domain {
    /// Provisions and starts it, with an account and a service whose keytab is exported.
    pub fn start(folder: &Path) -> Result<Self> {
        let place = folder.display();
        for name in ["run", "log", "ntp_signd"] {
            std::fs::create_dir_all(folder.join(name))?;
        }
        let files = [
            ("hosts", format!("127.0.0.1 localhost\n{ADDRESS} {CONTROLLER} kdc1\n")),
            ("resolv.conf", format!("nameserver {ADDRESS}\nsearch krb.test\n")),
        ];
        for (name, text) in files {
            std::fs::write(folder.join(name), text)?;
        }
        let enter = format!(
            "ip link set lo up && ip addr add {ADDRESS}/24 dev lo && mkdir -p /run/samba && \
             mount --bind {place}/hosts /etc/hosts && mount --bind {place}/resolv.conf /etc/resolv.conf && \
             mount --bind {place}/run /run/samba && : > {place}/inside && exec sleep infinity"
        );
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["sh", "-c", &enter]);
        let mut holder = Process::start(command, &folder.join("holder.log"))?;
        until(START, "the namespaces", || {
            if let Some(status) = holder.try_wait()? {
                let said = std::fs::read_to_string(folder.join("holder.log"))?;
                bail!("they ended with {status}: {said}");
            }
            Ok(folder.join("inside").exists().then_some(()))
        })?;
        let inside = child_of(holder.id())?;
        provision(folder, inside)?;
        let mut command = within(inside, "/usr/sbin/samba");
        command.args(["-F", "--no-process-group", "-s"]).arg(folder.join("smb.conf"));
        let mut controller = Process::start(command, &folder.join("samba.log"))?;
        let ports = "for p in 389 135 445 88; do exec 3<>/dev/tcp/127.0.0.1/$p || exit 1; done";
        until(START, "the domain controller", || {
            if let Some(status) = controller.try_wait()? {
                let said = std::fs::read_to_string(folder.join("samba.log"))?;
                bail!("Samba ended with {status}: {said}");
            }
            let looked = within(inside, "bash").args(["-c", ports]).stderr(Stdio::null()).status();
            Ok(looked?.success().then_some(()))
        })?;
        let domain =
            Self { folder: folder.to_owned(), inside, _controller: controller, _holder: holder };
        domain.populate()?;
        Ok(domain)
    }

    /// The configuration that Samba's own programs take.
    pub fn samba_configuration(&self) -> PathBuf {
        self.folder.join("smb.conf")
    }

    /// The configuration of MIT's programs.
    pub fn kerberos_configuration(&self) -> PathBuf {
        self.folder.join("private/krb5.conf")
    }

    /// Keys of [`SERVICE`] and of the account that it belongs to.
    pub fn keytab(&self) -> PathBuf {
        self.folder.join("echo.keytab")
    }

    /// A command in the controller's network.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        within(self.inside, program)
    }

    /// An account of the domain.
    pub fn add_user(&self, name: &str, password: &str) -> Result<()> {
        self.tool(&["user", "create", name, password])
    }

    fn populate(&self) -> Result<()> {
        self.tool(&["user", "create", USER, PASSWORD])?;
        self.tool(&["computer", "create", "ECHO"])?;
        self.tool(&["spn", "add", SERVICE, "ECHO$"])?;
        let change = "dn: CN=ECHO,CN=Computers,DC=krb,DC=test\nchangetype: modify\nreplace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n";
        let file = self.folder.join("aes.ldif");
        std::fs::write(&file, change)?;
        let database = self.folder.join("private/sam.ldb");
        let modified = self.command("ldbmodify").arg("-H").arg(database).arg(&file).output()?;
        succeeded("ldbmodify", &modified)?;
        // Only with a password of its own does the account have AES keys.
        self.tool(&["user", "setpassword", "ECHO$", "--newpassword=Secret!pass9"])?;
        let keytab = self.keytab();
        let keytab = keytab.to_string_lossy();
        for principal in [SERVICE, "ECHO$"] {
            let which = format!("--principal={principal}");
            self.tool(&["domain", "exportkeytab", &keytab, &which])?;
        }
        Ok(())
    }

    fn tool(&self, arguments: &[&str]) -> Result<()> {
        let output = self
            .command("/usr/bin/samba-tool")
            .args(arguments)
            .arg("-s")
            .arg(self.samba_configuration())
            .output()?;
        succeeded(&format!("samba-tool {arguments:?}"), &output)
    }
}

fn provision(folder: &Path, inside: u32) -> Result<()> {
    let place = folder.display();
    let options = [
        format!("--targetdir={place}"),
        format!("--realm={REALM}"),
        format!("--domain={DOMAIN}"),
        "--host-name=kdc1".to_owned(),
        format!("--host-ip={ADDRESS}"),
        "--adminpass=Passw0rd!2026".to_owned(),
        "--server-role=dc".to_owned(),
        "--dns-backend=SAMBA_INTERNAL".to_owned(),
        format!("--option=interfaces=lo {ADDRESS}/24"),
        "--option=bind interfaces only=yes".to_owned(),
        "--option=vfs objects=acl_xattr xattr_tdb".to_owned(),
        format!("--option=xattr_tdb:file={place}/xattr.tdb"),
    ];
    let output = within(inside, "/usr/bin/samba-tool")
        .args(["domain", "provision"])
        .args(options)
        .output()
        .context("samba-tool does not start")?;
    succeeded("samba-tool domain provision", &output)?;
    // What it wrote names folders of the system; nothing of this domain may lie there.
    std::fs::write(
        folder.join("smb.conf"),
        format!(
            "[global]\n netbios name = KDC1\n realm = {REALM}\n workgroup = {DOMAIN}\n\
             \x20server role = active directory domain controller\n\
             \x20interfaces = 127.0.0.1/32 {ADDRESS}/24\n bind interfaces only = yes\n\
             \x20server services = rpc, ldap, kdc, drepl, winbindd, dns, s3fs, cldap\n\
             \x20private dir = {place}/private\n state directory = {place}/state\n\
             \x20cache directory = {place}/cache\n lock directory = {place}\n\
             \x20binddns dir = {place}/bind-dns\n ntp signd socket directory = {place}/ntp_signd\n\
             \x20log file = {place}/log/log.%m\n logging = file\n\
             \x20vfs objects = dfs_samba4 acl_xattr xattr_tdb\n xattr_tdb:file = {place}/xattr.tdb\n\
             [sysvol]\n path = {place}/state/sysvol\n read only = no\n\
             [netlogon]\n path = {place}/state/sysvol/krb.test/scripts\n read only = no\n"
        ),
    )?;
    Ok(())
}

fn within(inside: u32, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &inside.to_string(), "--net", "--mount", "--pid", "--"]);
    command.arg(program).stdin(Stdio::null());
    command
}

/// The one process that `unshare --fork` started.
fn child_of(pid: u32) -> Result<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let first = children.split_whitespace().next().context("no process in the namespaces")?;
    Ok(first.parse()?)
}

fn succeeded(what: &str, output: &Output) -> Result<()> {
    let said = || {
        let text = [&output.stdout[..], &output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    };
    ensure!(output.status.success(), "{what} ended with {}: {}", output.status, said());
    Ok(())
}
