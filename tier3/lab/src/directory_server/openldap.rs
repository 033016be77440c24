//! OpenLDAP's server on a loopback address, with the schema that is shipped and a certificate of its own, as
//! docs/directory.md tells to set it up.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use config::Section;
use tokio::process::Command;

use super::{
    DirectoryServerError, make_folder, missing, random_password, run, spelt, write, write_secret,
};
use crate::process::Process;

const SLAPD: &str = "/usr/sbin/slapd";
const SLAPADD: &str = "/usr/sbin/slapadd";
const OPENSSL: &str = "/usr/bin/openssl";
const CORE_SCHEMA: &str = "/etc/ldap/schema/core.ldif";
/// The schema extension that is shipped.
const SCHEMA: &str = include_str!("../../../../docs/schema/bindback-openldap.ldif");
const BASE: &str = "dc=demo,dc=test";
const ADMINISTRATOR: &str = "cn=admin,dc=demo,dc=test";
/// Longest wait until it listens.
const START: Duration = Duration::from_secs(30);

/// Where it lives, before it runs.
#[derive(Debug, Clone)]
pub(crate) struct OpenLdapPlan {
    folder: PathBuf,
    port: u16,
}

/// It runs until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenLdap {
    port: u16,
    _process: Process,
}

impl OpenLdap {
    pub(super) fn told(&self) -> String {
        format!("OpenLDAP runs on 127.0.0.1:{} (LDAPS) and keeps the directory", self.port)
    }
}

impl OpenLdapPlan {
    pub(super) fn look() -> Result<(), DirectoryServerError> {
        match missing(&[SLAPD, SLAPADD, OPENSSL, CORE_SCHEMA]) {
            None => Ok(()),
            Some(file) => Err(DirectoryServerError::Missing {
                what: format!("there is no {file} on this machine"),
                option: "openldap",
                remedy: "install OpenLDAP's server (Debian: apt-get install slapd openssl)",
            }),
        }
    }

    pub(super) fn make(root: &Path) -> Result<Self, DirectoryServerError> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(DirectoryServerError::Port)?
            .port();
        Ok(Self { folder: root.join("openldap"), port })
    }

    pub(super) fn settings(&self) -> Vec<(Section, &'static str, String)> {
        let path = |name: &str| spelt(&self.path(name).to_string_lossy());
        [
            ("kind", spelt("ldap")),
            ("host", spelt("127.0.0.1")),
            ("port", self.port.to_string()),
            ("protection", spelt("ldaps")),
            ("base", spelt(BASE)),
            ("bind_name", spelt(ADMINISTRATOR)),
            ("password_file", path("password")),
            ("ca_file", path("ca.pem")),
            ("poll_s", "1".to_owned()),
        ]
        .map(|(key, value)| (Section::Directory, key, value))
        .to_vec()
    }

    /// Makes an empty directory and starts its server.
    pub(super) async fn start(&self) -> Result<OpenLdap, DirectoryServerError> {
        let _ = std::fs::remove_dir_all(&self.folder);
        for name in ["config", "data"] {
            make_folder(&self.path(name))?;
        }
        let password = random_password()?;
        write_secret(&self.path("password"), &format!("{password}\n"))?;
        self.certify().await?;
        write(&self.path("schema.ldif"), SCHEMA)?;
        // The password of its administrator stands in it.
        write_secret(&self.path("config.ldif"), &self.configuration(&password))?;
        let root = "dn: dc=demo,dc=test\nobjectClass: dcObject\nobjectClass: organization\n\
                    dc: demo\no: Demo\n";
        write(&self.path("root.ldif"), root)?;
        for (database, file) in [("0", "config.ldif"), ("1", "root.ldif")] {
            let mut command = Command::new(SLAPADD);
            command.arg("-F").arg(self.path("config")).args(["-n", database, "-l"]);
            command.arg(self.path(file));
            run("slapadd", command, "").await?;
        }
        let mut command = Command::new(SLAPD);
        command.arg("-F").arg(self.path("config")).args(["-d", "0", "-h"]);
        command.arg(format!("ldaps://127.0.0.1:{}/", self.port));
        let process = Process::start(command, &self.path("log"))
            .map_err(|source| DirectoryServerError::Run { program: "slapd", source })?;
        self.listening(process).await
    }

    async fn listening(&self, mut process: Process) -> Result<OpenLdap, DirectoryServerError> {
        let deadline = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if let Some(status) = process.ended() {
                let said = format!("it ended with {status}: {}", process.log_tail());
                return Err(DirectoryServerError::Failed { program: "slapd", said });
            }
            if Instant::now() > deadline {
                let (seconds, tail) = (START.as_secs(), process.log_tail());
                return Err(DirectoryServerError::Silent { program: "slapd", seconds, tail });
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(OpenLdap { port: self.port, _process: process })
    }

    /// An authority, and a certificate of it with the server's address in it.
    async fn certify(&self) -> Result<(), DirectoryServerError> {
        write(
            &self.path("names"),
            "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n",
        )?;
        for words in [
            "req -x509 -days 2 -subj /CN=demo-authority -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem",
            "req -subj /CN=openldap -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr",
            "x509 -req -in server.csr -CA ca.pem -days 2 -CAkey ca.key -CAcreateserial -out server.pem -extfile names",
        ] {
            let mut command = Command::new(OPENSSL);
            command.args(words.split(' ')).current_dir(&self.folder);
            run("openssl", command, "").await?;
        }
        Ok(())
    }

    fn configuration(&self, password: &str) -> String {
        let place = self.folder.display();
        format!(
            "dn: cn=config\nobjectClass: olcGlobal\ncn: config\nolcPidFile: {place}/pid\n\
             olcTLSCertificateFile: {place}/server.pem\nolcTLSCertificateKeyFile: {place}/server.key\n\
             olcTLSCACertificateFile: {place}/ca.pem\n\n\
             dn: cn=module,cn=config\nobjectClass: olcModuleList\ncn: module\n\
             olcModulePath: /usr/lib/ldap\nolcModuleLoad: back_mdb\n\n\
             dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n\
             include: file://{CORE_SCHEMA}\n\ninclude: file://{place}/schema.ldif\n\n\
             dn: olcDatabase=mdb,cn=config\nobjectClass: olcDatabaseConfig\n\
             objectClass: olcMdbConfig\nolcDatabase: mdb\nolcDbDirectory: {place}/data\n\
             olcSuffix: {BASE}\nolcRootDN: {ADMINISTRATOR}\nolcRootPW: {password}\n\
             olcDbMaxSize: 268435456\n"
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
