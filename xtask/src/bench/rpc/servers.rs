//! The servers that are compared: ours, a stand-alone Samba, a Samba domain controller.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use conformance::{Block, Process, Program, SambaDc, SambaServer, cpu_time, until};
use tempfile::TempDir;

pub(crate) const OURS: &str = "bindback rpc echo-server";
const STAND_ALONE: &str = "Samba, stand-alone";
const CONTROLLER: &str = "Samba, domain controller";
const MAPPER: u16 = 135;
const OUR_MAPPER: u16 = 1135;
const START: Duration = Duration::from_secs(20);
const USER: &str = "bench";
const PASSWORD: &str = "Bench.Pass.1";

/// One of them.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) mapper_port: u16,
    pub(crate) account: String,
    pub(crate) password: String,
    root: u32,
    /// A process in whose network the client has to be.
    inside: Option<u32>,
    binary: PathBuf,
}

impl Server {
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        cpu_time(self.root)
    }

    /// The client, where it can reach the server.
    pub(crate) fn client(&self) -> Result<Command> {
        let Some(inside) = self.inside else { return Ok(Command::new(&self.binary)) };
        let mut command = Command::new("nsenter");
        command.args(["-t", &inside.to_string(), "-n", "-m", "--"]).arg(&self.binary);
        Ok(command)
    }
}

/// All that run here; dropped, they end.
pub(crate) struct Servers {
    servers: Vec<Server>,
    skipped: Vec<(String, String)>,
    _ours: Process,
    _stand_alone: Option<SambaServer>,
    _controller: Option<SambaDc>,
    _folder: TempDir,
}

impl Servers {
    pub(crate) fn start() -> Result<Self> {
        let block = Block::take()?;
        let binary = conformance::binary()?;
        let folder = tempfile::tempdir()?;
        let mut skipped = Vec::new();
        let (ours, server) = ours(&binary, &block.address(0).to_string(), &folder)?;
        let mut servers = vec![server];

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
                root: samba.id(),
                inside: None,
                binary: binary.clone(),
            });
        }
        let controller = match SambaDc::missing() {
            Some(reason) => {
                skipped.push((CONTROLLER.to_owned(), reason));
                None
            }
            None => Some(SambaDc::start(|controller| controller.add_user(USER, PASSWORD))?),
        };
        if let Some(samba) = &controller {
            servers.push(Server {
                name: CONTROLLER.to_owned(),
                host: SambaDc::ADDRESS.to_owned(),
                mapper_port: MAPPER,
                account: format!("{}\\{USER}", SambaDc::DOMAIN),
                password: PASSWORD.to_owned(),
                root: samba.id(),
                inside: Some(samba.inside()),
                binary,
            });
        }
        skipped.push(("Kerberos bind".to_owned(), "no Kerberos in the echo server yet".to_owned()));
        Ok(Self {
            servers,
            skipped,
            _ours: ours,
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

fn ours(binary: &Path, address: &str, folder: &TempDir) -> Result<(Process, Server)> {
    let [accounts, ready, log] = ["accounts", "ready", "log"].map(|name| folder.path().join(name));
    let account = format!("EAST\\{USER}");
    std::fs::write(&accounts, format!("{account}:{PASSWORD}\n"))?;
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o600))?;
    let mut command = Program::find()?.command(["rpc", "echo-server", "--address", address]);
    command.args(["--mapper-port", &OUR_MAPPER.to_string(), "--accounts"]).arg(&accounts);
    command.arg("--ready-file").arg(&ready);
    let process = Process::start(command, &log)?;
    until(START, "our echo server", || Ok(ready.exists().then_some(())))
        .with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
    let server = Server {
        name: OURS.to_owned(),
        host: address.to_owned(),
        mapper_port: OUR_MAPPER,
        account,
        password: PASSWORD.to_owned(),
        root: process.id(),
        inside: None,
        binary: binary.to_owned(),
    };
    Ok((process, server))
}
