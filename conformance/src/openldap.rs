//! OpenLDAP's server of its own, on a loopback address, with the schema that is shipped and a certificate of its own.
//!
//! It needs Debian's `slapd` and `openssl`; no rights. It is configured as docs/directory.md says.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::address::Block;
use crate::organisation::Plan;
use crate::process::Process;
use crate::wait::until;

const SLAPD: &str = "/usr/sbin/slapd";
const NEEDED: [&str; 5] = [
    SLAPD,
    "/usr/sbin/slapadd",
    "/usr/bin/openssl",
    "/usr/bin/ldapsearch",
    "/etc/ldap/schema/core.ldif",
];
/// Longest wait for it to listen.
const START: Duration = Duration::from_secs(60);
const PLAIN: u16 = 3389;
const TLS: u16 = 3636;

/// A running server; dropped, it ends.
#[derive(Debug)]
pub struct OpenLdap {
    process: Option<Process>,
    address: Ipv4Addr,
    folder: TempDir,
}

impl OpenLdap {
    pub const BASE: &'static str = "dc=proof,dc=test";
    pub const ADMINISTRATOR: &'static str = "cn=admin,dc=proof,dc=test";
    pub const PASSWORD: &'static str = "Ladder 9, downstairs";

    /// Why it cannot run here, if so: what a proof says that skips itself.
    pub fn missing() -> Option<String> {
        let missing = NEEDED.into_iter().find(|path| !Path::new(path).exists())?;
        Some(format!("there is no {missing} (Debian: apt-get install slapd ldap-utils openssl)"))
    }

    /// Makes an empty directory and starts its server.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bindback-ldap").tempdir()?;
        let address = Block::take()?.address(0);
        let mut server = Self { process: None, address, folder };
        for name in ["config", "data"] {
            std::fs::create_dir(server.path(name))?;
        }
        server.certificates()?;
        std::fs::write(server.path("config.ldif"), server.configuration())?;
        let config = server.path("config");
        let add = |more: &[&str], file: PathBuf| {
            let mut command = Command::new("/usr/sbin/slapadd");
            command.arg("-F").arg(&config).args(more).arg("-l").arg(file);
            said("slapadd", &mut command)
        };
        add(&["-n", "0"], server.path("config.ldif"))?;
        let root = "dn: dc=proof,dc=test\nobjectClass: dcObject\nobjectClass: organization\ndc: proof\no: Proof\n";
        std::fs::write(server.path("root.ldif"), root)?;
        add(&["-n", "1"], server.path("root.ldif"))?;
        server.resume()?;
        Ok(server)
    }

    /// Ends the server; [`Self::resume`] starts it again on the same directory.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        process.terminate(START).map(drop)
    }

    /// Starts the server on what is there.
    pub fn resume(&mut self) -> Result<()> {
        let address = self.address;
        let mut command = Command::new(SLAPD);
        command.arg("-F").arg(self.path("config")).args(["-d", "0", "-h"]);
        command.arg(format!("ldap://{address}:{PLAIN}/ ldaps://{address}:{TLS}/"));
        let log = self.path("log");
        let mut process = Process::start(command, &log)?;
        until(START, "OpenLDAP's port", || {
            if let Some(status) = process.try_wait()? {
                bail!("slapd ended with {status}: {}", std::fs::read_to_string(&log)?);
            }
            Ok(std::net::TcpStream::connect((address, TLS)).ok())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// The keys that let servers keep their directory here.
    pub fn plan(&self, plan: Plan, protection: &str) -> Plan {
        let quoted = |text: &dyn std::fmt::Display| format!("'{text}'");
        let port = if protection == "ldaps" { TLS } else { PLAIN };
        plan.with("directory", "kind", "'ldap'")
            .with("directory", "host", &quoted(&self.address))
            .with("directory", "port", &port.to_string())
            .with("directory", "protection", &quoted(&protection))
            .with("directory", "base", &quoted(&Self::BASE))
            .with("directory", "bind_name", &quoted(&Self::ADMINISTRATOR))
            .with("directory", "password_file", &quoted(&self.path("password").display()))
            .with("directory", "ca_file", &quoted(&self.path("ca.pem").display()))
            .with("directory", "poll_s", "1")
    }

    /// Runs one of OpenLDAP's own clients against it, and gives what it printed.
    pub fn client(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.args(["-x", "-o", "ldif-wrap=no", "-D", Self::ADMINISTRATOR, "-y"]);
        command.arg(self.path("password-bare"));
        command.arg("-H").arg(format!("ldap://{}:{PLAIN}", self.address)).args(arguments);
        said(program, &mut command)
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn certificates(&self) -> Result<()> {
        for (name, text) in [
            ("password", format!("{}\n", Self::PASSWORD)),
            ("password-bare", Self::PASSWORD.to_owned()),
        ] {
            std::fs::write(self.path(name), text)?;
            std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600))?;
        }
        let openssl = |words: &[&str]| {
            let mut command = Command::new("/usr/bin/openssl");
            command.args(words).current_dir(self.folder.path());
            said("openssl", &mut command)
        };
        let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let mut words = vec!["req", "-x509", "-days", "2", "-subj", "/CN=Proof CA"];
        words.extend(ec);
        words.extend(["-keyout", "ca.key", "-out", "ca.pem"]);
        openssl(&words)?;
        let mut words = vec!["req", "-subj", "/CN=ldap.proof.test"];
        words.extend(ec);
        words.extend(["-keyout", "server.key", "-out", "server.csr"]);
        openssl(&words)?;
        std::fs::write(
            self.path("names"),
            format!(
                "subjectAltName=IP:{},DNS:ldap.proof.test\nbasicConstraints=CA:FALSE\n",
                self.address
            ),
        )?;
        let mut words = vec!["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-days", "2"];
        words.extend(["-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem"]);
        words.extend(["-extfile", "names"]);
        openssl(&words).map(drop)
    }

    fn configuration(&self) -> String {
        let place = self.folder.path().display();
        let schema =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/bindback-openldap.ldif");
        format!(
            "dn: cn=config\nobjectClass: olcGlobal\ncn: config\nolcPidFile: {place}/pid\n\
             olcTLSCertificateFile: {place}/server.pem\nolcTLSCertificateKeyFile: {place}/server.key\n\
             olcTLSCACertificateFile: {place}/ca.pem\n\n\
             dn: cn=module,cn=config\nobjectClass: olcModuleList\ncn: module\n\
             olcModulePath: /usr/lib/ldap\nolcModuleLoad: back_mdb\n\n\
             dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n\
             include: file:///etc/ldap/schema/core.ldif\n\ninclude: file://{}\n\n\
             dn: olcDatabase=mdb,cn=config\nobjectClass: olcDatabaseConfig\nobjectClass: olcMdbConfig\n\
             olcDatabase: mdb\nolcDbDirectory: {place}/data\nolcSuffix: {}\nolcRootDN: {}\nolcRootPW: {}\n\
             olcDbMaxSize: 268435456\n",
            schema.display(),
            Self::BASE,
            Self::ADMINISTRATOR,
            Self::PASSWORD,
        )
    }
}

fn said(what: &str, command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| what.to_owned())?;
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(output.status.success(), "{what} ended with {}: {out}{err}", output.status);
    Ok(out.into_owned())
}
