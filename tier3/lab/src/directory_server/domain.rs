//! Samba's Active Directory domain controllers: one for both servers, or one for each, in domains that do not know each other.
//!
//! A controller has mount and process namespaces of its own (`/run/samba` and `/etc/hosts` are its own there), and all of a demo
//! share one network namespace, in which the servers run, too: the controllers' addresses exist nowhere else. The first
//! process of a process namespace takes all others with it (pid_namespaces(7)). It needs root.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use config::Section;
use tokio::process::Command;

use super::{
    DirectoryServerError, make_folder, missing, random_password, run, spelt, write, write_secret,
};
use crate::cast::Side;
use crate::faults::Act;
use crate::letters::base64;
use crate::organisation::{Auth, Organisation};
use crate::process::Process;
use crate::program::quoted;
use crate::wires::is_root;

const SAMBA: &str = "/usr/sbin/samba";
const SAMBA_TOOL: &str = "/usr/bin/samba-tool";
const LDBMODIFY: &str = "/usr/bin/ldbmodify";
const NSENTER: &str = "/usr/bin/nsenter";
const UNSHARE: &str = "/usr/bin/unshare";
const NTLM_AUTH: &str = "/usr/bin/ntlm_auth";
const NEEDED: [&str; 7] = [
    SAMBA,
    SAMBA_TOOL,
    "/usr/share/samba/setup/provision.ldif",
    LDBMODIFY,
    NSENTER,
    UNSHARE,
    "/usr/sbin/ip",
];
/// Modules by which Samba keeps access lists; the folder is the distribution's.
const MODULE: &str = "samba/vfs/xattr_tdb.so";
/// The schema extension that is shipped.
const SCHEMA: &str = include_str!("../../../../docs/schema/bindback-ad.ldf");
/// What stands for the domain in it.
const SCHEMA_BASE: &str = "DC=X";
/// Between its parts the schema is read anew.
const SCHEMA_CUT: &str = "schemaUpdateNow: 1";
/// Longest wait for a namespace, and for a controller to listen.
const START: Duration = Duration::from_secs(120);
/// LDAP, endpoint mapper, SMB, Kerberos.
const PORTS: [u16; 4] = [389, 135, 445, 88];
/// MS-KILE 2.2.7: AES with keys of 128 and 256 bits.
const AES: u32 = 24;

/// The accounts of two domains, by the server that presents one to the other: each by the name that it is accepted under.
pub(super) const SAME_NAMES: [(Side, &str); 2] =
    [(Side::East, r"WEST\svc-mail"), (Side::West, r"EAST\svc-mail")];

/// What each connector has where two domains do not trust each other: the account of the other side, with the other side's
/// password.
pub(crate) const OVERRIDES: [Act; 2] = [WEST_OVERRIDE, EAST_OVERRIDE];

pub(crate) const WEST_OVERRIDE: Act = Act::Run(
    Side::West,
    &[
        "directory",
        "override-account",
        "set",
        "EAST",
        "--account",
        r"EAST\svc-mail",
        "--password-file",
        "{east.password}",
    ],
);
const EAST_OVERRIDE: Act = Act::Run(
    Side::East,
    &[
        "directory",
        "override-account",
        "set",
        "WEST",
        "--account",
        r"WEST\svc-mail",
        "--password-file",
        "{west.password}",
    ],
);

/// What a domain and its controller are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Domain {
    realm: &'static str,
    /// The NetBIOS name.
    name: &'static str,
    host: &'static str,
    base: &'static str,
    address: Ipv4Addr,
}

const DEMO: Domain = Domain {
    realm: "DEMO.TEST",
    name: "DEMO",
    host: "dc1.demo.test",
    base: "DC=demo,DC=test",
    address: Ipv4Addr::new(10, 53, 1, 10),
};
const EAST: Domain = Domain {
    realm: "EAST.TEST",
    name: "EAST",
    host: "dc1.east.test",
    base: "DC=east,DC=test",
    address: Ipv4Addr::new(10, 53, 1, 10),
};
const WEST: Domain = Domain {
    realm: "WEST.TEST",
    name: "WEST",
    host: "dc2.west.test",
    base: "DC=west,DC=test",
    address: Ipv4Addr::new(10, 53, 2, 10),
};

impl Domain {
    fn short(self) -> &'static str {
        self.host.split('.').next().unwrap_or(self.host)
    }
}

/// The domains of a demo, before anything of them is there.
#[derive(Debug, Clone)]
pub(crate) struct DomainPlan {
    root: PathBuf,
    domains: Vec<Domain>,
    auth: Auth,
}

impl DomainPlan {
    pub(super) fn look(auth: Auth) -> Result<(), DirectoryServerError> {
        let lacks = |what: String| DirectoryServerError::Missing {
            what,
            option: "samba",
            remedy: "install Samba with what a domain controller needs (Debian: apt-get install samba samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba ldb-tools winbind iproute2)",
        };
        if !is_root() {
            return Err(DirectoryServerError::Missing {
                what: "you are not root, who alone makes network namespaces".to_owned(),
                option: "samba",
                remedy: "run it as root",
            });
        }
        let helper = (auth == Auth::Ntlm).then_some(NTLM_AUTH);
        let needed: Vec<&'static str> = NEEDED.into_iter().chain(helper).collect();
        if let Some(file) = missing(&needed) {
            return Err(lacks(format!("there is no {file} on this machine")));
        }
        if !has_module() {
            return Err(lacks(format!("there is no {MODULE} below /usr/lib on this machine")));
        }
        Ok(())
    }

    pub(super) fn one(root: &Path, auth: Auth) -> Self {
        Self { root: root.to_owned(), domains: vec![DEMO], auth }
    }

    /// Between domains that do not trust each other no KDC gives tickets.
    pub(super) fn two(root: &Path) -> Self {
        Self { root: root.to_owned(), domains: vec![EAST, WEST], auth: Auth::Ntlm }
    }

    /// The domain that a server belongs to.
    fn of(&self, side: Side) -> Domain {
        let number = if side == Side::West { self.domains.len() - 1 } else { 0 };
        self.domains[number]
    }

    fn folder(&self, domain: Domain) -> PathBuf {
        self.root.join(format!("samba-{}", domain.name.to_lowercase()))
    }

    pub(super) fn hosts(&self) -> Vec<(String, Vec<IpAddr>)> {
        let host = |domain: &Domain| (domain.host.to_owned(), vec![IpAddr::V4(domain.address)]);
        self.domains.iter().map(host).collect()
    }

    pub(super) fn settings(
        &self,
        side: Side,
        host: &str,
        keytab: &Path,
    ) -> Vec<(Section, &'static str, String)> {
        let domain = self.of(side);
        let folder = self.folder(domain);
        let path = |name: &str| spelt(&folder.join(name).to_string_lossy());
        let mut set = vec![
            (Section::Directory, "kind", spelt("ldap")),
            (Section::Directory, "host", spelt(domain.host)),
            (Section::Directory, "protection", spelt("kerberos")),
            (Section::Directory, "base", spelt(domain.base)),
            (Section::Directory, "bind_name", spelt(&format!(r"{}\Administrator", domain.name))),
            (Section::Directory, "password_file", path("administrator")),
            (Section::Directory, "poll_s", "1".to_owned()),
            (Section::Rpc, "kerberos_realm", spelt(domain.realm)),
            (Section::Rpc, "kerberos_kdc", spelt(&domain.address.to_string())),
        ];
        match self.auth {
            Auth::Kerberos => {
                let command = export(&folder, &service(host, domain), keytab);
                set.push((Section::Rpc, "kerberos_keytab", spelt("secrets/service.keytab")));
                set.push((Section::Rpc, "kerberos_keytab_command", spelt(&command)));
            }
            Auth::Ntlm => {
                set.push((Section::Rpc, "winbind_domains", format!("[{}]", spelt(domain.name))));
                set.push((Section::Rpc, "ntlm_auth", path("ntlm_auth")));
            }
        }
        if self.domains.len() > 1 {
            // It proves itself at home with the account of its own domain.
            let own = format!(r"{}\svc-mail", domain.name);
            set.push((Section::Rpc, "account", spelt(&own)));
        }
        set
    }

    /// Makes every domain with the schema, the servers' accounts and, with Kerberos, their services, and starts it.
    pub(super) async fn start(
        &self,
        organisation: &Organisation,
    ) -> Result<Controllers, DirectoryServerError> {
        let mut held: Vec<Controller> = Vec::new();
        for domain in &self.domains {
            let beside = held.first().map(|first| first.inside);
            held.push(
                Controller::hold(self.folder(*domain), *domain, &self.domains, beside).await?,
            );
        }
        // They take half a minute each where the machine is slow, and know nothing of each other.
        let mut all = held.iter();
        match (all.next(), all.next()) {
            (Some(one), Some(other)) => {
                let one = self.fill(one, organisation);
                tokio::try_join!(one, self.fill(other, organisation))?;
            }
            (Some(one), None) => self.fill(one, organisation).await?,
            _ => {}
        }
        Ok(Controllers { plan: self.clone(), all: held })
    }

    async fn fill(
        &self,
        controller: &Controller,
        organisation: &Organisation,
    ) -> Result<(), DirectoryServerError> {
        controller.provision().await?;
        controller.modify(&self.accounts(controller.domain, organisation)?).await?;
        write_secret(&controller.path("administrator"), &controller.administrator)?;
        for part in schema(controller.domain.base) {
            controller.modify(&part).await?;
        }
        controller.serve().await?;
        if self.auth == Auth::Kerberos {
            for side in organisation.cast().sides() {
                let principal = service(organisation.cast().host(*side), controller.domain);
                controller.export(&principal, &organisation.keytab(*side)).await?;
            }
        }
        Ok(())
    }

    /// The administrator's password, the servers' accounts with those of their files, and what tickets are made for.
    fn accounts(
        &self,
        domain: Domain,
        organisation: &Organisation,
    ) -> Result<String, DirectoryServerError> {
        let base = domain.base;
        // The passwords of a demo's files are long, and of hexadecimal digits alone.
        let mut out =
            format!("dn: {base}\nchangetype: modify\nreplace: pwdProperties\npwdProperties: 0\n\n");
        let cast = organisation.cast();
        for side in cast.sides().iter().copied().filter(|side| self.of(*side) == domain) {
            let file = organisation.password_file(side);
            let password = std::fs::read_to_string(&file)
                .map_err(|source| DirectoryServerError::Read { path: file.clone(), source })?;
            let account = match self.domains.len() {
                1 => cast.account(side).rsplit('\\').next().unwrap_or_default().to_owned(),
                _ => "svc-mail".to_owned(),
            };
            let _ = write!(
                out,
                "dn: CN={account},CN=Users,{base}\nchangetype: add\nobjectClass: user\n\
                 sAMAccountName: {account}\nuserPrincipalName: {account}@{}\n\
                 userAccountControl: 514\nmsDS-SupportedEncryptionTypes: {AES}\n\n\
                 {}-\nreplace: userAccountControl\nuserAccountControl: 512\n\n",
                domain.realm.to_lowercase(),
                set_password(&format!("CN={account},CN=Users,{base}"), password.trim()),
            );
            if self.auth == Auth::Kerberos {
                let (host, name) = (cast.host(side), computer(side));
                let dn = format!("CN={name},CN=Computers,{base}");
                let _ = write!(
                    out,
                    "dn: {dn}\nchangetype: add\nobjectClass: computer\nsAMAccountName: {name}$\n\
                     userAccountControl: 4096\nservicePrincipalName: host/{host}\n\
                     dNSHostName: {host}\nmsDS-SupportedEncryptionTypes: {AES}\n\n{}\n",
                    set_password(&dn, &random_password()?),
                );
            }
        }
        Ok(out)
    }
}

/// The account whose key the service of a server has.
fn computer(side: Side) -> String {
    format!("{}-MTA", side.name())
}

/// The principal that a server is called by.
fn service(host: &str, domain: Domain) -> String {
    format!("host/{host}@{}", domain.realm)
}

/// Takes a keytab out of a domain anew, for a shell.
fn export(folder: &Path, principal: &str, keytab: &Path) -> String {
    let words = [
        SAMBA_TOOL.to_owned(),
        "domain".to_owned(),
        "exportkeytab".to_owned(),
        keytab.display().to_string(),
        format!("--principal={principal}"),
        "-s".to_owned(),
        folder.join("smb.conf").display().to_string(),
    ];
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A change record that gives an entry a password; a further change may follow.
fn set_password(dn: &str, password: &str) -> String {
    let octets: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let value: String = base64(&octets).split_whitespace().collect();
    format!(
        "dn: {dn}\nchangetype: modify\nreplace: clearTextPassword\nclearTextPassword:: {value}\n"
    )
}

/// The parts of the schema extension, each of which needs those before it to be in force.
fn schema(base: &str) -> Vec<String> {
    let text = SCHEMA.replace(SCHEMA_BASE, base);
    let (mut parts, mut part) = (Vec::new(), String::new());
    for record in text.split("\n\n").map(str::trim).filter(|one| one.contains("changetype:")) {
        if record.contains(SCHEMA_CUT) {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push_str(record);
            part.push_str("\n\n");
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

fn has_module() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut below = folders.map(|folder| folder.path()).chain([PathBuf::from("/usr/lib64")]);
    below.any(|folder| folder.join(MODULE).exists()) || Path::new("/usr/lib").join(MODULE).exists()
}

/// Running controllers; dropped, each ends with everything in its namespaces.
#[derive(Debug)]
pub(crate) struct Controllers {
    plan: DomainPlan,
    all: Vec<Controller>,
}

impl Controllers {
    /// What is put before a command so that it runs in their network.
    pub(super) fn inside(&self) -> Vec<String> {
        let id = self.all.first().map_or(0, |controller| controller.inside);
        [NSENTER, "-t", &id.to_string(), "-n", "--"].map(str::to_owned).to_vec()
    }

    pub(super) fn told(&self) -> Vec<String> {
        let told = |one: &Controller| {
            let Domain { realm, host, address, .. } = one.domain;
            format!(
                "Samba's domain controller of {realm} runs as {host} at {address}, in a network of the demo's own"
            )
        };
        self.all.iter().map(told).collect()
    }

    pub(super) async fn change_key(&self, side: Side) -> Result<(), DirectoryServerError> {
        let domain = self.plan.of(side);
        let Some(controller) = self.all.iter().find(|one| one.domain == domain) else {
            return Ok(());
        };
        let dn = format!("CN={},CN=Computers,{}", computer(side), domain.base);
        controller.modify(&format!("{}\n", set_password(&dn, &random_password()?))).await
    }
}

/// One controller.
#[derive(Debug)]
struct Controller {
    domain: Domain,
    folder: PathBuf,
    administrator: String,
    /// A process in its namespaces, as it is seen from outside.
    inside: u32,
    /// Its end ends the namespaces.
    _holder: Process,
}

impl Controller {
    /// Makes the namespaces: a network of its own, or that of another controller.
    async fn hold(
        folder: PathBuf,
        domain: Domain,
        all: &[Domain],
        beside: Option<u32>,
    ) -> Result<Self, DirectoryServerError> {
        let _ = std::fs::remove_dir_all(&folder);
        for name in ["run", "log", "ntp_signd"] {
            make_folder(&folder.join(name))?;
        }
        // What lies there is seen by nobody outside: each controller has its own in its place.
        make_folder(Path::new("/run/samba"))?;
        let hosts = all.iter().fold("127.0.0.1 localhost\n".to_owned(), |out, one| {
            format!("{out}{} {} {}\n", one.address, one.host, one.short())
        });
        write(&folder.join("hosts"), &hosts)?;
        let place = quoted(&folder.to_string_lossy());
        let script = format!(
            "set -e; cd {place}; ip link set lo up; ip address add {}/24 dev lo; \
             chmod 0750 ntp_signd; mount --bind run /run/samba; mount --bind hosts /etc/hosts; \
             touch held; exec sleep infinity",
            domain.address
        );
        let mut command = match beside {
            None => {
                let mut command = Command::new(UNSHARE);
                command.arg("--net");
                command
            }
            Some(inside) => {
                let mut command = Command::new(NSENTER);
                command.args(["-t", &inside.to_string(), "-n", "--", UNSHARE]);
                command
            }
        };
        command.args(["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", &script]);
        let mut holder = Process::start(command, &folder.join("log/holder"))
            .map_err(|source| DirectoryServerError::Run { program: "unshare", source })?;
        let deadline = Instant::now() + START;
        while !folder.join("held").exists() {
            if let Some(status) = holder.ended() {
                let said = format!("it ended with {status}: {}", holder.log_tail());
                return Err(DirectoryServerError::Failed { program: "unshare", said });
            }
            if Instant::now() > deadline {
                let (seconds, tail) = (START.as_secs(), holder.log_tail());
                return Err(DirectoryServerError::Silent { program: "unshare", seconds, tail });
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let inside = child_of(holder.id())?;
        let administrator = random_password()?;
        Ok(Self { domain, folder, administrator, inside, _holder: holder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A command where the controller lives.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(NSENTER);
        command.args(["-t", &self.inside.to_string(), "-n", "-m", "--", program]);
        command.env("KRB5_CONFIG", self.path("private/krb5.conf"));
        command
    }

    async fn provision(&self) -> Result<(), DirectoryServerError> {
        let Domain { realm, name, address, .. } = self.domain;
        write(&self.path("smb.conf"), &self.configuration())?;
        let helper =
            format!("#!/bin/sh\nexec {NSENTER} -t {} -m -- {NTLM_AUTH} \"$@\"\n", self.inside);
        write_program(&self.path("ntlm_auth"), &helper)?;
        let mut command = self.command(SAMBA_TOOL);
        command
            .args(["domain", "provision", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL"])
            .arg(format!("--host-name={}", self.domain.short()))
            .arg(format!("--targetdir={}", self.folder.display()))
            .arg(format!("--configfile={}", self.path("smb.conf").display()))
            .arg(format!("--realm={realm}"))
            .arg(format!("--domain={name}"))
            .arg(format!("--host-ip={address}"))
            .arg(format!("--option=interfaces={address}/24"))
            .arg("--option=bind interfaces only=yes")
            .arg("--option=vfs objects=acl_xattr xattr_tdb")
            .arg(format!("--option=xattr_tdb:file={}", self.path("xattr.tdb").display()));
        run("samba-tool domain provision", command, "").await?;
        // It made a password up for the administrator, and printed it to nobody; this one is known here.
        let dn = format!("CN=Administrator,CN=Users,{}", self.domain.base);
        self.modify(&format!("{}\n", set_password(&dn, &self.administrator))).await
    }

    fn configuration(&self) -> String {
        let Domain { realm, name, address, .. } = self.domain;
        let (own, lower) = (self.domain.short().to_uppercase(), realm.to_lowercase());
        let place = self.folder.display();
        // A DNS forwarder is left out: Kerberos clients would wait for it.
        format!(
            "[global]\nnetbios name = {own}\nrealm = {realm}\nworkgroup = {name}\n\
             server role = active directory domain controller\n\
             interfaces = {address}/24\nbind interfaces only = yes\n\
             private dir = {place}/private\nstate directory = {place}/state\n\
             cache directory = {place}/cache\nlock directory = {place}\n\
             binddns dir = {place}/bind-dns\nntp signd socket directory = {place}/ntp_signd\n\
             log file = {place}/log/log.%m\nlogging = file\nlog level = 1\npanic action =\n\
             dsdb:schema update allowed = yes\n\
             vfs objects = dfs_samba4 acl_xattr xattr_tdb\nxattr_tdb:file = {place}/xattr.tdb\n\
             [sysvol]\npath = {place}/state/sysvol\nread only = no\n\
             [netlogon]\npath = {place}/state/sysvol/{lower}/scripts\nread only = no\n"
        )
    }

    /// Changes entries of its directory, on its own files.
    async fn modify(&self, records: &str) -> Result<(), DirectoryServerError> {
        let mut command = self.command(LDBMODIFY);
        command
            .arg("-H")
            .arg(format!("tdb://{}", self.path("private/sam.ldb").display()))
            .arg(format!("--configfile={}", self.path("smb.conf").display()))
            .arg("--option=dsdb:schema update allowed=yes");
        run("ldbmodify", command, records).await
    }

    async fn export(&self, principal: &str, keytab: &Path) -> Result<(), DirectoryServerError> {
        let mut command = self.command("/bin/sh");
        command.arg("-c").arg(export(&self.folder, principal, keytab));
        run("samba-tool domain exportkeytab", command, "").await
    }

    async fn serve(&self) -> Result<(), DirectoryServerError> {
        let mut command = Command::new(NSENTER);
        // Into its process namespace, too, so that it ends with the first process there.
        command.args(["-t", &self.inside.to_string(), "-n", "-m", "-p", "--", SAMBA, "-D", "-s"]);
        command.arg(self.path("smb.conf")).arg("-l").arg(self.path("log"));
        command.env("KRB5_CONFIG", self.path("private/krb5.conf"));
        run("samba", command, "").await?;
        let address = self.domain.address;
        let probe = PORTS.map(|port| format!("exec 3<>/dev/tcp/{address}/{port} || exit 1"));
        let deadline = Instant::now() + START;
        loop {
            let mut command = self.command("/bin/bash");
            command.arg("-c").arg(probe.join("\n"));
            let Err(error) = run("bash", command, "").await else { return Ok(()) };
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.path("log/log.samba")).unwrap_or_default();
                let tail = log.lines().rev().take(5).collect::<Vec<_>>().join("; ");
                let (program, seconds) = ("samba", START.as_secs());
                let tail = format!("{error}; {tail}");
                return Err(DirectoryServerError::Silent { program, seconds, tail });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The first process inside: the only child of the one that made the namespaces (proc(5), children).
fn child_of(id: Option<u32>) -> Result<u32, DirectoryServerError> {
    let id = id.unwrap_or_default();
    let path = PathBuf::from(format!("/proc/{id}/task/{id}/children"));
    let children = std::fs::read_to_string(&path)
        .map_err(|source| DirectoryServerError::Read { path, source })?;
    children.trim().parse().map_err(|_| DirectoryServerError::Failed {
        program: "unshare",
        said: format!("it has the children {children:?}"),
    })
}

fn write_program(path: &Path, text: &str) -> Result<(), DirectoryServerError> {
    use std::os::unix::fs::PermissionsExt;

    write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|source| DirectoryServerError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_comes_in_parts_that_can_be_taken_one_after_the_other() {
        let parts = schema("DC=demo,DC=test");
        assert_eq!(parts.len(), 3, "{parts:#?}");
        assert!(parts[0].contains("lDAPDisplayName: bindbackClass"), "attributes first");
        assert!(parts[1].contains("governsID"), "then the class that has them: {}", parts[1]);
        assert!(parts[2].contains("possSuperiors: bindbackObject"), "{}", parts[2]);
        assert!(parts.iter().all(|part| !part.contains("DC=X") && !part.contains(SCHEMA_CUT)));
    }

    #[test]
    fn a_password_is_written_as_the_directory_wants_it() {
        let record = set_password("CN=a,DC=b", "Aé");
        assert!(record.ends_with("clearTextPassword:: QQDpAA==\n"), "{record}");
    }

    #[test]
    fn each_server_of_two_domains_has_its_own() {
        let plan = DomainPlan::two(Path::new("/d"));
        assert_eq!((plan.of(Side::East), plan.of(Side::West)), (EAST, WEST));
        let one = DomainPlan::one(Path::new("/d"), Auth::Kerberos);
        assert_eq!((one.of(Side::East), one.of(Side::West)), (DEMO, DEMO));
        let account = |side| {
            let set = plan.settings(side, "host", Path::new("/k"));
            set.into_iter().find(|(_, key, _)| *key == "account").map(|(_, _, value)| value)
        };
        assert_eq!(account(Side::East).as_deref(), Some(r#""EAST\\svc-mail""#));
        assert_eq!(account(Side::West).as_deref(), Some(r#""WEST\\svc-mail""#));
    }
}
