//! Names and passwords beyond ASCII with MIT's KDC and with Samba's: RFC 4120 5.2.1 has names in ISO 646, and everybody writes
//! UTF-8 into them, as Active Directory does. A KDC compares octets, so that composed and combining forms are two names.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use conformance::{Block, Process, Program, binary, one_object, skip, until};
use serde_json::Value;

use crate::START;
use crate::domain::{ADDRESS, CONTROLLER, Domain, ECHO, REALM, SERVICE};

/// Umlaut, sharp s, slashed o, ideographs, and a letter with a combining accent; with a password of the same sort.
pub const NAMES: [(&str, &str); 5] = [
    ("jürgen", "Pässwort-1"),
    ("strauß", "Straße 9 zurück"),
    ("Ørsted", "blåbærgrød-Ø1"),
    ("日本太郎", "合言葉-Ab1"),
    ("e\u{301}lise", "mot de passe e\u{301}-Ab1"),
];

/// The same name as another one of [`NAMES`], in other characters: nobody's.
const NOBODY: [&str; 3] = ["strauss", "\u{e9}lise", "ju\u{308}rgen"];

/// Accounts of Samba's domain, for our client and both sorts of services.
pub fn with_samba(domain: &Domain) -> Result<()> {
    for (name, password) in NAMES {
        domain.add_user(name, password)?;
        let account = format!("{name}@{REALM}");
        let logon = ["--user", &account, "--kdc", ADDRESS];
        for (host, more) in [(CONTROLLER, &[][..]), (ECHO, &["--service", SERVICE])] {
            let arguments = [&["--auth", "kerberos"], more].concat();
            let (code, said) = crate::ping(domain, host, &arguments, &logon, password)?;
            ensure!(code == Some(0), "{account} at {host}: {said}");
        }
    }
    for name in NOBODY {
        let account = format!("{name}@{REALM}");
        let logon = ["--user", &account, "--kdc", ADDRESS];
        let (_, said) =
            crate::ping(domain, CONTROLLER, &["--auth", "kerberos"], &logon, "anything-Ab1")?;
        unknown(&account, &said)?;
    }
    Ok(())
}

fn unknown(account: &str, said: &Value) -> Result<()> {
    let last = said["steps"].as_array().and_then(|steps| steps.last()).context("no step")?;
    ensure!(last["kerberos"]["name"] == "KDC_ERR_C_PRINCIPAL_UNKNOWN", "{account}: {said}");
    Ok(())
}

/// MIT's KDC on loopback, with a database of its own.
struct Mit {
    folder: PathBuf,
    block: Block,
    process: Option<Process>,
}

const MIT_REALM: &str = "MIT.TEST";
const MIT_SERVICE: &str = "host/echo.mit.test";
/// A port that needs no rights, on an address of the test's own.
const KDC_PORT: u16 = 1088;
const KDC: &str = "/usr/sbin/krb5kdc";

impl Mit {
    fn start(folder: &Path) -> Result<Self> {
        let mut kdc = Self { folder: folder.to_owned(), block: Block::take()?, process: None };
        let at = kdc.at();
        let place = folder.display();
        std::fs::write(
            folder.join("krb5.conf"),
            format!(
                "[libdefaults]\n default_realm = {MIT_REALM}\n dns_lookup_kdc = false\n\
                 [realms]\n {MIT_REALM} = {{\n  kdc = {at}\n }}\n"
            ),
        )?;
        std::fs::write(
            folder.join("kdc.conf"),
            format!(
                "[kdcdefaults]\n kdc_listen = {at}\n kdc_tcp_listen = {at}\n\
                 [realms]\n {MIT_REALM} = {{\n  database_name = {place}/principal\n  key_stash_file = {place}/stash\n }}\n"
            ),
        )?;
        kdc.run("/usr/sbin/kdb5_util", &["create", "-s", "-r", MIT_REALM], "master\nmaster\n")?;
        let mut command = kdc.command(KDC);
        command.args(["-n", "-r", MIT_REALM]);
        kdc.process = Some(Process::start(command, &folder.join("kdc.log"))?);
        until(START, "MIT's KDC", || Ok(TcpStream::connect(&at).ok().map(drop)))?;
        Ok(kdc)
    }

    /// Where it answers.
    fn at(&self) -> String {
        format!("{}:{KDC_PORT}", self.block.address(0))
    }

    /// The address of our echo server.
    fn echo(&self) -> String {
        self.block.address(1).to_string()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KRB5_CONFIG", self.folder.join("krb5.conf"));
        command.env("KRB5_KDC_PROFILE", self.folder.join("kdc.conf"));
        command
    }

    fn run(&self, program: &str, words: &[&str], input: &str) -> Result<()> {
        let mut command = self.command(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| program.to_owned())?;
        child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // kadmin.local ends with 0 whatever became of its orders.
        ensure!(output.status.success() && !said.contains(" while "), "{program}: {said}");
        Ok(())
    }

    fn keytab(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn ping(&self, logon: &[&str], password: Option<&str>) -> Result<(Option<i32>, Value)> {
        let mut command = Command::new(binary()?);
        command.args(["rpc", "ping", &self.echo(), "--json", "-n", "2", "--mapper-port"]);
        command.arg(MAPPER).args(["--auth", "kerberos", "--service", MIT_SERVICE]);
        command.arg("--kdc").arg(self.at()).args(logon);
        command.env("KRB5_CONFIG", "/nonexistent").stderr(Stdio::inherit());
        if let Some(password) = password {
            command.args(["--password-env", "WORD"]).env("WORD", password);
        }
        let output = command.output()?;
        Ok((output.status.code(), one_object(&output.stdout)?))
    }
}

/// A port that needs no rights.
const MAPPER: &str = "13577";

#[test]
fn names_and_passwords_beyond_ascii_with_mits_kdc() -> Result<()> {
    const NAME: &str = "names_and_passwords_beyond_ascii_with_mits_kdc";
    if !Path::new(KDC).exists() || !Path::new("/usr/sbin/kadmin.local").exists() {
        skip(NAME, "MIT's KDC is not there (Debian: apt-get install krb5-kdc krb5-admin-server)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let kdc = Mit::start(folder.path())?;
    let (service, keys) = (kdc.keytab("service.keytab"), kdc.keytab("account.keytab"));
    let mut orders = format!("addprinc -randkey {MIT_SERVICE}\nktadd -k {service} {MIT_SERVICE}\n");
    for (name, password) in NAMES {
        orders.push_str(&format!("addprinc -pw \"{password}\" {name}\n"));
        orders.push_str(&format!("ktadd -norandkey -k {keys} {name}\n"));
    }
    kdc.run("/usr/sbin/kadmin.local", &["-r", MIT_REALM], &orders)?;
    let _server = echo_server(folder.path(), &kdc.echo(), &service)?;
    for (name, password) in NAMES {
        let account = format!("{name}@{MIT_REALM}");
        let (code, said) = kdc.ping(&["--user", &account], Some(password))?;
        ensure!(code == Some(0), "{account} with its password: {said}");
        let (code, said) = kdc.ping(&["--user", &account], Some("another"))?;
        ensure!(code == Some(1), "{account} with a wrong password: {said}");
        let (code, said) = kdc.ping(&["--keytab", &keys, "--user", &account], None)?;
        ensure!(code == Some(0), "{account} with its keys: {said}");
    }
    for name in NOBODY {
        let account = format!("{name}@{MIT_REALM}");
        unknown(&account, &kdc.ping(&["--user", &account], Some("anything"))?.1)?;
    }
    Ok(())
}

/// Our echo server with a keytab of MIT's.
fn echo_server(folder: &Path, at: &str, keytab: &str) -> Result<Process> {
    let [accounts, ready, log] = ["accounts", "ready", "echo.log"].map(|name| folder.join(name));
    std::fs::write(&accounts, "MIT\\nobody:unused password\n")?;
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o600))?;
    let mut command = Program::find()?.command([
        "rpc",
        "echo-server",
        "--address",
        at,
        "--mapper-port",
        MAPPER,
        "--name",
        "ECHO",
        "--domain",
        "MIT",
        "--realm",
        MIT_REALM,
        "--keytab",
        keytab,
    ]);
    command.arg("--accounts").arg(&accounts).arg("--ready-file").arg(&ready);
    let mut server = Process::start(command, &log)?;
    until(START, "the ready file", || {
        ensure!(server.try_wait()?.is_none(), "{}", std::fs::read_to_string(&log)?);
        Ok(ready.exists().then_some(()))
    })?;
    Ok(server)
}
