//! Kerberos against a Samba domain controller: RFC 4120, RFC 4121, MS-KILE, MS-RPCE 3.3.1.5.2.
//!
//! One domain serves all: its KDC gives tickets for our echo server, which Samba's raw protocol suite calls, and for
//! Samba's own services, which our client calls.

mod domain;
mod names;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Process, Tshark, binary, one_object, skip, until};
use domain::{ADDRESS, CONTROLLER, DOMAIN, Domain, ECHO, PASSWORD, REALM, SERVICE, USER};
use serde_json::Value;

const NAME: &str = "kerberos_with_a_samba_domain_controller";
/// Debian's own: another one that comes first on PATH lacks Samba's modules.
const PYTHON: &str = "/usr/bin/python3";
const START: Duration = Duration::from_secs(10);
const SUITE: Duration = Duration::from_secs(120);
/// lsarpc and the directory's replication, each on a TCP port of its own.
const LSARPC: &str = "12345778-1234-abcd-ef00-0123456789ab:0.0";
const DRSUAPI: &str = "e3514235-4b06-11d1-ab04-00c04fc2dcd2:4.0";

#[test]
fn kerberos_with_a_samba_domain_controller() -> Result<()> {
    if let Some(reason) = domain::obstacle() {
        skip(NAME, reason);
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let domain = Domain::start(folder.path())?;
    let server = echo_server(&domain, folder.path())?;
    raw_suite(&domain, folder.path())?;
    our_client(&domain)?;
    files_of_others(&domain, folder.path())?;
    refusals(&domain)?;
    names::with_samba(&domain)?;
    dissected(&domain, folder.path())?;
    drop(server);
    Ok(())
}

fn echo_server(domain: &Domain, folder: &Path) -> Result<Process> {
    let [accounts, ready, log] = ["accounts", "ready", "echo.log"].map(|name| folder.join(name));
    std::fs::write(&accounts, format!("{DOMAIN}\\{USER}:{PASSWORD}\n"))?;
    std::fs::set_permissions(&accounts, Permissions::from_mode(0o600))?;
    let mut command = domain.command(binary()?);
    command.args(["rpc", "echo-server", "--address", ECHO, "--name", "ECHO"]);
    command.args(["--domain", DOMAIN, "--realm", REALM]);
    command.arg("--accounts").arg(&accounts).arg("--keytab").arg(domain.keytab());
    command.arg("--ready-file").arg(&ready);
    let mut server = Process::start(command, &log)?;
    until(START, "the ready file", || {
        if let Some(status) = server.try_wait()? {
            bail!("the echo server ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        Ok(ready.exists().then_some(()))
    })?;
    Ok(server)
}

/// Samba's suite against our server: the 11 tests of Kerberos, and those of SPNEGO that now choose it.
fn raw_suite(domain: &Domain, folder: &Path) -> Result<()> {
    let sets = [include_str!("../samba/krb5.txt"), include_str!("../samba/krb5-spnego.txt")];
    let tests: Vec<&str> = sets.iter().flat_map(|set| set.lines()).collect();
    ensure!(tests.len() == 18, "the sets have {} tests", tests.len());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba/raw.py");
    let mut command = domain.command(PYTHON);
    command.arg(&script).args(&tests);
    command.envs([
        ("SERVER", ECHO),
        ("TARGET_HOSTNAME", "echo.krb.test"),
        ("DOMAIN", DOMAIN),
        ("REALM", REALM),
        ("USERNAME", USER),
        ("PASSWORD", PASSWORD),
        ("MAX_NUM_AUTH", "8"),
        ("IGNORE_RANDOM_PAD", "1"),
    ]);
    command.env("SMB_CONF_PATH", domain.samba_configuration());
    command.env("KRB5_CONFIG", domain.kerberos_configuration());
    let log = folder.join("suite");
    let mut process = Process::start(command, &log)?;
    // One that does not end has said by then how far it came.
    let _ = until(SUITE, "the end of the suite", || process.try_wait());
    let text = std::fs::read_to_string(&log)?;
    let mut results = BTreeMap::new();
    for line in text.lines() {
        if let Ok(said) = serde_json::from_str::<Value>(line) {
            results.insert(said["name"].as_str().unwrap_or_default().to_owned(), said);
        }
    }
    let failed: Vec<String> = tests
        .iter()
        .filter(|test| results.get(**test).is_none_or(|said| said["result"] != "passed"))
        .map(|test| format!("{test}: {}", results.get(*test).unwrap_or(&Value::Null)))
        .collect();
    println!("{NAME}: {} of {} of Samba's raw tests pass", tests.len() - failed.len(), tests.len());
    ensure!(failed.is_empty(), "{}\n{text}", failed.join("\n"));
    Ok(())
}

/// Our client against Samba's services and ours, with a password.
fn our_client(domain: &Domain) -> Result<()> {
    let account = format!("{USER}@{REALM}");
    for auth in ["kerberos", "negotiate"] {
        for level in ["packet", "integrity", "privacy"] {
            // Samba lets nobody replicate the directory below privacy.
            let private = (level == "privacy").then_some(DRSUAPI);
            for interface in [LSARPC].into_iter().chain(private) {
                let arguments = ["--interface", interface, "--auth", auth, "--level", level];
                let logon = ["--user", &account, "--realm", REALM, "--kdc", ADDRESS];
                let (code, said) = ping(domain, CONTROLLER, &arguments, &logon, PASSWORD)?;
                ensure!(code == Some(0), "{auth} {level} {interface}: {said}");
                ensure!(steps(&said).contains(&"ticket".to_owned()), "{said}");
            }
            // The management interface answers with a result: a sealed response, not a fault.
            let arguments = ["--auth", auth, "--level", level];
            let logon = ["--user", &account, "--realm", REALM, "--kdc", ADDRESS];
            let (code, said) = ping(domain, CONTROLLER, &arguments, &logon, PASSWORD)?;
            ensure!(code == Some(0), "{auth} {level} mgmt: {said}");
            let arguments = ["--auth", auth, "--level", level, "--service", SERVICE];
            let (code, said) = ping(domain, ECHO, &arguments, &logon, PASSWORD)?;
            ensure!(code == Some(0), "{auth} {level} our own server: {said}");
        }
    }
    Ok(())
}

/// A keytab that Samba wrote, and a credential cache that MIT's kinit wrote.
fn files_of_others(domain: &Domain, folder: &Path) -> Result<()> {
    let keytab = domain.keytab();
    let keytab = keytab.to_string_lossy();
    let logon = ["--keytab", &keytab, "--user", "ECHO$@KRB.TEST", "--kdc", ADDRESS];
    let (code, said) = ping(domain, CONTROLLER, &["--auth", "kerberos"], &logon, "")?;
    ensure!(code == Some(0), "keytab: {said}");
    if !Path::new("/usr/bin/kinit").exists() {
        println!(
            "{NAME}: without MIT's kinit (Debian: apt-get install krb5-user) no cache is tried"
        );
        return Ok(());
    }
    let cache = folder.join("tickets");
    let script = format!("printf '%s\\n' \"$WORD\" | kinit -c FILE:{} {USER}", cache.display());
    let made = domain
        .command("sh")
        .args(["-c", &script])
        .env("WORD", PASSWORD)
        .env("KRB5_CONFIG", domain.kerberos_configuration())
        .output()?;
    ensure!(made.status.success(), "kinit: {}", String::from_utf8_lossy(&made.stderr));
    let logon = ["--ccache", &cache.to_string_lossy(), "--kdc", ADDRESS];
    let (code, said) = ping(domain, CONTROLLER, &["--auth", "kerberos"], &logon, "")?;
    ensure!(code == Some(0), "cache: {said}");
    Ok(())
}

/// Wireshark, which has the service's keys, opens what our two sides sealed and finds no fault in it.
fn dissected(domain: &Domain, folder: &Path) -> Result<()> {
    const NAME: &str = "sealed_with_kerberos_is_dissected";
    let Some(tshark) = Tshark::find().filter(|_| Path::new("/usr/bin/dumpcap").exists()) else {
        skip(NAME, "tshark is not installed");
        return Ok(());
    };
    let file = folder.join("sealed.pcapng");
    let mut command = domain.command("/usr/bin/dumpcap");
    command.args(["-q", "-i", "lo", "-f", &format!("tcp and host {ECHO}"), "-w"]).arg(&file);
    let log = folder.join("dumpcap.log");
    let mut recorder = Process::start(command, &log)?;
    until(START, "the recording", || {
        let said = std::fs::read_to_string(&log)?;
        if recorder.try_wait()?.is_some() {
            bail!("dumpcap ended: {said}");
        }
        Ok(said.contains("File:").then_some(()))
    })?;
    let account = format!("{USER}@{REALM}");
    let logon = ["--user", &account, "--realm", REALM, "--kdc", ADDRESS];
    for auth in ["kerberos", "negotiate"] {
        let arguments = ["--auth", auth, "--level", "privacy", "--service", SERVICE];
        let (code, said) = ping(domain, ECHO, &arguments, &logon, PASSWORD)?;
        ensure!(code == Some(0), "{auth}: {said}");
    }
    // The kernel hands over what it recorded some time later. A file that is being written may end within a packet.
    until(START, "the last answers in the file", || {
        let rows = tshark.fields(&file, "dcerpc.pkt_type == 2", &["dcerpc.auth_type"]);
        Ok(rows
            .is_ok_and(|rows| rows.iter().filter(|row| row[0] == "9").count() == 2)
            .then_some(()))
    })?;
    // It is the only one of its name in there.
    let ended = domain.command("pkill").args(["-INT", "-x", "dumpcap"]).status()?;
    ensure!(ended.success(), "dumpcap is gone");
    until(START, "the end of the recording", || recorder.try_wait())?;

    let open = tshark
        .clone()
        .with("kerberos.decrypt:TRUE")
        .with(&format!("kerberos.file:{}", domain.keytab().display()));
    for tshark in [&tshark, &open] {
        let mut faults = tshark.faults(&file)?;
        // The KDC signed the tickets with a key that is not given here.
        faults.retain(|row| !row[2].contains("Missing KDC checksum"));
        ensure!(faults.is_empty(), "tshark finds fault: {faults:?}");
    }
    // Type 16 is Kerberos, 9 SPNEGO (MS-RPCE 2.2.1.1.7).
    for auth_type in [16, 9] {
        let sealed = format!(
            "dcerpc.pkt_type in {{0, 2}} && dcerpc.auth_level == 6 && dcerpc.auth_type == {auth_type}"
        );
        let fields =
            ["dcerpc.pkt_type", "dcerpc.encrypted_stub_data", "dcerpc.decrypted_stub_data"];
        let closed = tshark.fields(&file, &sealed, &fields)?;
        // Two requests, two answers.
        ensure!(closed.len() == 4, "{auth_type}: {closed:?}");
        ensure!(closed.iter().all(|row| !row[1].is_empty() && row[2].is_empty()), "{closed:?}");
        let opened = open.fields(&file, &sealed, &fields)?;
        // What the answer of is_server_listening says: true, and no error.
        let answers = opened.iter().filter(|row| row[0] == "2" && row[2].starts_with("00000000"));
        println!("{NAME}: type {auth_type}: {opened:?}");
        ensure!(answers.count() == 2, "{auth_type}: {opened:?}");
    }
    Ok(())
}

/// What the KDC refuses keeps its code and name.
fn refusals(domain: &Domain) -> Result<()> {
    let known = format!("{USER}@{REALM}");
    let unknown = format!("nobody-of-that-name@{REALM}");
    for (account, password, service, code, name) in [
        (&known, "wrong", "host/kdc1.krb.test", 24, "KDC_ERR_PREAUTH_FAILED"),
        (&unknown, PASSWORD, "host/kdc1.krb.test", 6, "KDC_ERR_C_PRINCIPAL_UNKNOWN"),
        (&known, PASSWORD, "host/no-such.krb.test", 7, "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
    ] {
        let arguments = ["--auth", "kerberos", "--service", service];
        let logon = ["--user", account.as_str(), "--kdc", ADDRESS];
        let (status, said) = ping(domain, CONTROLLER, &arguments, &logon, password)?;
        let last = said["steps"].as_array().and_then(|steps| steps.last()).context("no step")?;
        ensure!(status == Some(1) && last["kerberos"]["code"] == code, "{said}");
        ensure!(last["kerberos"]["name"] == name && last["result"] == "denied", "{said}");
    }
    Ok(())
}

fn ping(
    domain: &Domain,
    host: &str,
    arguments: &[&str],
    logon: &[&str],
    password: &str,
) -> Result<(Option<i32>, Value)> {
    let mut command: Command = domain.command(binary()?);
    command.args(["rpc", "ping", host, "--json", "-n", "2"]).args(arguments).args(logon);
    if !password.is_empty() {
        command.args(["--password-env", "BINDBACK_TEST_PASSWORD"]);
        command.env("BINDBACK_TEST_PASSWORD", password);
    }
    // No file of this machine may tell where a KDC is.
    command.env("KRB5_CONFIG", "/nonexistent").stderr(Stdio::inherit());
    let output = command.output()?;
    let said = one_object(&output.stdout)?;
    Ok((output.status.code(), said))
}

fn steps(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    steps.iter().filter_map(|step| step["step"].as_str().map(str::to_owned)).collect()
}
