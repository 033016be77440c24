//! The servers that are compared: ours, a stand-alone Samba, a Samba domain controller.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Block, Process, Program, SambaDc, SambaServer, cpu_time, until};
use tempfile::TempDir;

pub(crate) const OURS: &str = "bindback rpc echo-server";
const STAND_ALONE: &str = "Samba, stand-alone";
const CONTROLLER: &str = "Samba, domain controller";
const MAPPER: u16 = 135;
const OUR_MAPPER: u16 = 1135;
const START: Duration = Duration::from_secs(20);
pub(crate) const USER: &str = "bench";
const PASSWORD: &str = "Bench.Pass.1";
/// Ours once more, in the controller's network; nothing else listens there.
const BESIDE: &str = "127.0.0.2";
/// Its principal, and the account in the domain that the principal belongs to.
const SERVICE: &str = "host/bench.east.test";
const SERVICE_ACCOUNT: &str = "BENCH-ECHO";
const SERVICE_PASSWORD: &str = "Secret!bench9";
/// AES with 128 and 256 bits; without a word of it the KDC makes tickets with RC4.
const AES: &str = "dn: CN=BENCH-ECHO,CN=Computers,DC=east,DC=test\nchangetype: modify\n\
                   replace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n";
const LDBMODIFY: &str = "/usr/bin/ldbmodify";

/// How the client logs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    Ntlm,
    Kerberos,
}

/// One of them.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) mapper_port: u16,
    pub(crate) account: String,
    pub(crate) password: String,
    /// Its service principal, where there is a KDC that gives tickets for it.
    pub(crate) service: Option<String>,
    /// Only a second place of one that is among the others: no figures but those of Kerberos.
    only_kerberos: bool,
    root: u32,
    /// A process in whose network the client has to be.
    inside: Option<u32>,
    binary: PathBuf,
}

impl Server {
    /// True where a figure with this way to log on can be measured.
    pub(crate) fn takes(&self, auth: Auth) -> bool {
        match auth {
            Auth::Ntlm => !self.only_kerberos,
            Auth::Kerberos => self.service.is_some(),
        }
    }

    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        cpu_time(self.root)
    }

    /// The client, where it can reach the server.
    pub(crate) fn client(&self) -> Result<Command> {
        let Some(inside) = self.inside else { return Ok(Command::new(&self.binary)) };
        Ok(within(inside, &self.binary))
    }
}

/// All that run here; dropped, they end.
pub(crate) struct Servers {
    servers: Vec<Server>,
    skipped: Vec<(String, String)>,
    _ours: Vec<Process>,
    _stand_alone: Option<SambaServer>,
    _controller: Option<SambaDc>,
    _folder: TempDir,
}

impl Servers {
    pub(crate) fn start() -> Result<Self> {
        let block = Block::take()?;
        let binary = conformance::release_binary()?;
        let folder = tempfile::tempdir()?;
        let mut skipped = Vec::new();
        let mut echo = Program::find()?.command(["rpc", "echo-server", "--address"]);
        echo.arg(block.address(0).to_string());
        let (process, server) =
            ours(&binary, echo, &block.address(0).to_string(), folder.path(), "alone")?;
        let (mut ours_all, mut servers) = (vec![process], vec![server]);

        let address = block.address(1);
        let stand_alone = match SambaServer::missing(address) {
            Some(reason) => {
                skipped.push((STAND_ALONE.to_owned(), reason));
                None
            }
            None => Some(SambaServer::start(address)?),
        };
        if let Some(samba) = &stand_alone {
            servers.push(Server {
                name: STAND_ALONE.to_owned(),
                host: address.to_string(),
                mapper_port: MAPPER,
                account: SambaServer::ACCOUNT.to_owned(),
                password: SambaServer::PASSWORD.to_owned(),
                service: None,
                only_kerberos: false,
                root: samba.id(),
                inside: None,
                binary: binary.clone(),
            });
        }
        let controller = match SambaDc::missing() {
            Some(reason) => {
                skipped.push((CONTROLLER.to_owned(), reason.clone()));
                skipped.push(("Kerberos bind".to_owned(), reason));
                None
            }
            None => {
                let keytab = folder.path().join("echo.keytab");
                let without = (!Path::new(LDBMODIFY).exists()).then(|| {
                    format!("there is no {LDBMODIFY} (Debian: apt-get install ldb-tools)")
                });
                let samba = SambaDc::start(|controller| {
                    controller.add_user(USER, PASSWORD)?;
                    if without.is_some() { Ok(()) } else { export(controller, &keytab) }
                })?;
                servers.push(Server {
                    name: CONTROLLER.to_owned(),
                    host: SambaDc::ADDRESS.to_owned(),
                    mapper_port: MAPPER,
                    account: format!("{}\\{USER}", SambaDc::DOMAIN),
                    password: PASSWORD.to_owned(),
                    service: without.is_none().then(|| format!("host/{}", SambaDc::HOST)),
                    only_kerberos: false,
                    root: samba.id(),
                    inside: Some(samba.inside()),
                    binary: binary.clone(),
                });
                match without {
                    Some(reason) => skipped.push(("Kerberos bind".to_owned(), reason)),
                    None => {
                        let (process, server) = with_keytab(&binary, &samba, &keytab, &folder)?;
                        ours_all.push(process);
                        servers.push(server);
                    }
                }
                Some(samba)
            }
        };
        Ok(Self {
            servers,
            skipped,
            _ours: ours_all,
            _stand_alone: stand_alone,
            _controller: controller,
            _folder: folder,
        })
    }

    pub(crate) fn all(&self) -> &[Server] {
        &self.servers
    }

    /// What could not be measured, and why.
    pub(crate) fn skipped(&self) -> &[(String, String)] {
        &self.skipped
    }
}

fn within(inside: u32, binary: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["-t", &inside.to_string(), "-n", "-m", "--"]).arg(binary);
    command
}

/// An account for our server in the controller's directory, and its keys in a file.
fn export(controller: &SambaDc, keytab: &Path) -> Result<()> {
    let database = controller.folder().join("private/sam.ldb");
    let local = format!("tdb://{}", database.display());
    let account = format!("{SERVICE_ACCOUNT}$");
    controller.tool(&["computer", "create", SERVICE_ACCOUNT, "-H", &local])?;
    controller.tool(&["spn", "add", SERVICE, &account, "-H", &local])?;
    let change = controller.folder().join("aes.ldif");
    std::fs::write(&change, AES)?;
    let modified = controller.command(LDBMODIFY).arg("-H").arg(&database).arg(&change).output()?;
    ensure!(modified.status.success(), "ldbmodify: {}", String::from_utf8_lossy(&modified.stderr));
    // Only with a password of its own does the account have AES keys.
    let password = format!("--newpassword={SERVICE_PASSWORD}");
    controller.tool(&["user", "setpassword", &account, &password, "-H", &local])?;
    let principal = format!("--principal={SERVICE}");
    let shown = keytab.to_string_lossy();
    controller.tool(&["domain", "exportkeytab", &shown, &principal]).map(drop)
}

/// Ours in the controller's network, where its KDC can be reached.
fn with_keytab(
    binary: &Path,
    samba: &SambaDc,
    keytab: &Path,
    folder: &TempDir,
) -> Result<(Process, Server)> {
    let mut echo = within(samba.inside(), binary);
    echo.args(["rpc", "echo-server", "--address", BESIDE, "--name", SERVICE_ACCOUNT]);
    echo.args(["--domain", SambaDc::DOMAIN, "--realm", SambaDc::REALM, "--keytab"]).arg(keytab);
    let (process, server) = ours(binary, echo, BESIDE, folder.path(), "beside")?;
    let server = Server {
        service: Some(SERVICE.to_owned()),
        only_kerberos: true,
        inside: Some(samba.inside()),
        ..server
    };
    Ok((process, server))
}

fn ours(
    binary: &Path,
    mut command: Command,
    address: &str,
    folder: &Path,
    name: &str,
) -> Result<(Process, Server)> {
    let file = |what: &str| folder.join(format!("{name}.{what}"));
    let [accounts, ready, log] = ["accounts", "ready", "log"].map(file);
    let account = format!("{}\\{USER}", SambaDc::DOMAIN);
    std::fs::write(&accounts, format!("{account}:{PASSWORD}\n"))?;
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o600))?;
    command.args(["--mapper-port", &OUR_MAPPER.to_string(), "--accounts"]).arg(&accounts);
    command.arg("--ready-file").arg(&ready);
    let mut process = Process::start(command, &log)?;
    until(START, "our echo server", || {
        if let Some(status) = process.try_wait()? {
            bail!("it ended with {status}");
        }
        Ok(ready.exists().then_some(()))
    })
    .with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
    let server = Server {
        name: OURS.to_owned(),
        host: address.to_owned(),
        mapper_port: OUR_MAPPER,
        account,
        password: PASSWORD.to_owned(),
        service: None,
        only_kerberos: false,
        root: process.id(),
        inside: None,
        binary: binary.to_owned(),
    };
    Ok((process, server))
}
