//! Where the directory of a demo is kept when the servers do not keep it themselves: OpenLDAP on loopback, or a Samba domain
//! controller in a network namespace, which has the servers' accounts, too.
//!
//! Both are programs of others, started as a person would start them, with nothing of theirs outside the folder of the demo.
//! Passwords reach them in files and by standard input, never by a command line.

mod domain;
mod openldap;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use config::Section;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use domain::{Controllers, DomainPlan};
pub(crate) use domain::{OVERRIDES, WEST_OVERRIDE};
use openldap::{OpenLdap, OpenLdapPlan};

use crate::cast::{Cast, Side};
use crate::organisation::{Auth, Organisation};

/// Longest run of one of their programs; provisioning a domain takes half a minute where it is slow.
const TOOL_TIME: Duration = Duration::from_secs(300);

/// Who keeps the directory, and with it the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DirectoryKind {
    /// The servers themselves.
    #[default]
    Embedded,
    /// OpenLDAP, which both servers share; accounts are each server's own.
    OpenLdap,
    /// A domain controller of Samba, which both servers share, with their accounts.
    Samba,
    /// Two domain controllers of Samba whose domains do not trust each other, one for each server. Both have an account of the
    /// same name, each with a password of its own.
    TwoDomains,
}

impl DirectoryKind {
    /// The servers' accounts are a domain's.
    pub(crate) const fn has_accounts(self) -> bool {
        matches!(self, Self::Samba | Self::TwoDomains)
    }

    /// The servers with the names that their accounts have.
    pub(crate) fn cast(self) -> Cast {
        match self {
            Self::TwoDomains => domain::SAME_NAMES
                .into_iter()
                .fold(Cast::demo(), |cast, (side, account)| cast.with_account(side, account)),
            _ => Cast::demo(),
        }
    }
}

/// Why there is no directory server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryServerError {
    #[error(
        "{what}, which a demo with --directory {option} needs; {remedy}, or leave out --directory"
    )]
    Missing { what: String, option: &'static str, remedy: &'static str },
    #[error("no free port on loopback for OpenLDAP")]
    Port(#[source] io::Error),
    #[error("the system gives no random octets for passwords: {0}")]
    Random(getrandom::Error),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read {}", path.display())]
    Read {
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
    #[error("no end of {program} within {} s", TOOL_TIME.as_secs())]
    TimeOut { program: &'static str },
    #[error("{program} failed: {said}")]
    Failed { program: &'static str, said: String },
    #[error("{program} does not listen after {seconds} s; it says: {tail}")]
    Silent { program: &'static str, seconds: u64, tail: String },
}

/// A directory server before it runs.
#[derive(Debug, Clone)]
pub(crate) enum DirectoryPlan {
    OpenLdap(OpenLdapPlan),
    Domains(DomainPlan),
}

impl DirectoryPlan {
    /// Looks for the programs and rights, before anything is made.
    pub(crate) fn look(kind: DirectoryKind, auth: Auth) -> Result<(), DirectoryServerError> {
        match kind {
            DirectoryKind::Embedded => Ok(()),
            DirectoryKind::OpenLdap => OpenLdapPlan::look(),
            DirectoryKind::Samba | DirectoryKind::TwoDomains => DomainPlan::look(auth),
        }
    }

    /// A plan for a demo in this folder; none where the servers keep the directory.
    pub(crate) fn make(
        kind: DirectoryKind,
        auth: Auth,
        root: &Path,
    ) -> Result<Option<Self>, DirectoryServerError> {
        Ok(match kind {
            DirectoryKind::Embedded => None,
            DirectoryKind::OpenLdap => Some(Self::OpenLdap(OpenLdapPlan::make(root)?)),
            DirectoryKind::Samba => Some(Self::Domains(DomainPlan::one(root, auth))),
            DirectoryKind::TwoDomains => Some(Self::Domains(DomainPlan::two(root))),
        })
    }

    /// What the file of a server says of it: keys, and their values as they are spelt there.
    pub(crate) fn settings(
        &self,
        side: Side,
        (host, keytab): (&str, &Path),
    ) -> Vec<(Section, &'static str, String)> {
        match self {
            Self::OpenLdap(plan) => plan.settings(),
            Self::Domains(plan) => plan.settings(side, host, keytab),
        }
    }

    /// Names that the servers have to know.
    pub(crate) fn hosts(&self) -> Vec<(String, Vec<IpAddr>)> {
        match self {
            Self::OpenLdap(_) => Vec::new(),
            Self::Domains(plan) => plan.hosts(),
        }
    }

    /// Whether the servers' accounts are there.
    pub(crate) fn has_accounts(&self) -> bool {
        matches!(self, Self::Domains(_))
    }

    /// Starts it, with everything that the servers of an organisation need in it.
    pub(crate) async fn start(
        &self,
        organisation: &Organisation,
    ) -> Result<DirectoryServers, DirectoryServerError> {
        Ok(match self {
            Self::OpenLdap(plan) => DirectoryServers::OpenLdap(Box::new(plan.start().await?)),
            Self::Domains(plan) => DirectoryServers::Domains(plan.start(organisation).await?),
        })
    }
}

/// Directory servers that run until they are dropped.
#[derive(Debug)]
pub(crate) enum DirectoryServers {
    OpenLdap(Box<OpenLdap>),
    Domains(Controllers),
}

impl DirectoryServers {
    /// What is put before a command so that it runs where they can be reached; nothing where that is everywhere.
    pub(crate) fn inside(&self) -> Option<Vec<String>> {
        match self {
            Self::OpenLdap(_) => None,
            Self::Domains(controllers) => Some(controllers.inside()),
        }
    }

    /// What runs and where, in words.
    pub(crate) fn told(&self) -> Vec<String> {
        match self {
            Self::OpenLdap(server) => vec![server.told()],
            Self::Domains(controllers) => controllers.told(),
        }
    }

    /// Gives the service of a server another key, which its keytab does not have.
    pub(crate) async fn change_key(&self, side: Side) -> Result<(), DirectoryServerError> {
        match self {
            Self::OpenLdap(_) => Ok(()),
            Self::Domains(controllers) => controllers.change_key(side).await,
        }
    }
}

/// The first of these files that is not there.
fn missing(files: &[&'static str]) -> Option<&'static str> {
    files.iter().copied().find(|file| !Path::new(file).exists())
}

/// A text between quotes, as it stands in a configuration.
fn spelt(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A password that nobody chose. It has letters of both cases, digits and more, as policies of domains want it.
fn random_password() -> Result<String, DirectoryServerError> {
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(DirectoryServerError::Random)?;
    Ok(random.iter().fold("Pw-".to_owned(), |out, octet| format!("{out}{octet:02x}")))
}

fn write(path: &Path, text: &str) -> Result<(), DirectoryServerError> {
    std::fs::write(path, text).map_err(failed_to_write(path))
}

/// A file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> Result<(), DirectoryServerError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(failed_to_write(path))
}

fn make_folder(path: &Path) -> Result<(), DirectoryServerError> {
    std::fs::create_dir_all(path).map_err(failed_to_write(path))
}

fn failed_to_write(path: &Path) -> impl FnOnce(io::Error) -> DirectoryServerError {
    let path = path.to_owned();
    move |source| DirectoryServerError::Write { path, source }
}

/// Runs a program to its end, with this as its input.
async fn run(
    program: &'static str,
    mut command: Command,
    input: &str,
) -> Result<(), DirectoryServerError> {
    let failed = |source| DirectoryServerError::Run { program, source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends early says why by itself.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let ended = tokio::time::timeout(TOOL_TIME, child.wait_with_output()).await;
    let output = ended.map_err(|_| DirectoryServerError::TimeOut { program })?.map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [&output.stderr, &output.stdout]
        .map(|text| String::from_utf8_lossy(text).trim().to_owned())
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or("it said nothing".to_owned());
    Err(DirectoryServerError::Failed { program, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_quotes_and_backslashes_is_spelt_as_toml_has_it() {
        assert_eq!(spelt(r#"DEMO\a"b"#), r#""DEMO\\a\"b""#);
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat >&2; exit 3"]);
        let error = run("sh", command, "no such domain").await.unwrap_err();
        assert_eq!(error.to_string(), "sh failed: no such domain");
    }

    #[test]
    fn secrets_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let password = random_password().unwrap();
        write_secret(&file, &password).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(random_password().unwrap(), password);
    }
}
