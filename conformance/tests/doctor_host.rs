//! `bindback doctor HOST` against a stand-alone Samba: MS-SMB2 2.2.3 to 2.2.9, MS-NLMP 2.2.1.2, the STATUS_* of a logon.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Block, Process, Program, add_samba_account, one_object, skip, until};
use serde_json::Value;

const NAME: &str = "doctor_host";
const PORT: u16 = 445;
const START: Duration = Duration::from_secs(20);
const PASSWORD: &str = "Passw0rd!";
/// Users of the system that are there on every one; their passwords are Samba's alone.
const KNOWN: &str = "nobody";
const DISABLED: &str = "daemon";

#[test]
fn doctor_host_is_told_by_samba_why_a_logon_fails() -> Result<()> {
    if Command::new("smbd").arg("-V").stdout(Stdio::null()).status().is_err() {
        skip(NAME, "smbd is not there (Debian: apt-get install samba)");
        return Ok(());
    }
    let address = Block::take()?.address(0);
    match TcpListener::bind((address, PORT)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skip(NAME, "port 445 needs root or CAP_NET_BIND_SERVICE");
            return Ok(());
        }
        other => drop(other.context("port 445 of an address of our own")?),
    }
    let folder = tempfile::tempdir()?;
    let samba = start(folder.path(), address)?;
    let outcome = look(address);
    samba.terminate(START)?;
    outcome
}

fn start(folder: &Path, address: Ipv4Addr) -> Result<Process> {
    let configuration = folder.join("smb.conf");
    let place = folder.display();
    std::fs::write(
        &configuration,
        format!(
            "[global]\nworkgroup = EAST\nnetbios name = SAMBA\nserver role = standalone server\n\
             interfaces = {address}/8\nbind interfaces only = yes\ndisable netbios = yes\nsmb ports = {PORT}\n\
             private dir = {place}\nlock dir = {place}\nstate directory = {place}\ncache directory = {place}\n\
             pid directory = {place}\nncalrpc dir = {place}/ncalrpc\nlog file = {place}/log.%m\n\
             passdb backend = tdbsam:{place}/passdb.tdb\nmap to guest = never\nrpc start on demand helpers = no\n"
        ),
    )?;
    for user in [KNOWN, DISABLED] {
        add_samba_account(&configuration, user, PASSWORD)?;
    }
    let disabled = Command::new("smbpasswd")
        .arg("-c")
        .arg(&configuration)
        .args(["-d", DISABLED])
        .stdout(Stdio::null())
        .status()?;
    ensure!(disabled.success(), "smbpasswd does not disable");
    let mut command = Command::new("smbd");
    // In a group of its own, which it ends as a whole.
    command.arg("-s").arg(&configuration).arg("-F");
    let log = folder.join("out");
    let mut process = Process::start(command, &log)?;
    until(START, "Samba's SMB server", || {
        if let Some(status) = process.try_wait()? {
            bail!("Samba ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        Ok(TcpStream::connect((address, PORT)).ok().map(drop))
    })?;
    Ok(process)
}

fn look(address: Ipv4Addr) -> Result<()> {
    let program = Program::find()?;
    let host = address.to_string();
    let (_, right) = ask(&program, &host, KNOWN, PASSWORD)?;
    ensure!(check(&right, "logon")?["result"] == "ok", "{right}");
    ensure!(
        check(&right, "smb")?["detail"].as_str().is_some_and(|text| text.contains("0210")),
        "{right}"
    );
    let ntlm = check(&right, "ntlm")?["detail"].as_str().unwrap_or_default();
    ensure!(ntlm.contains("128-bit keys") && ntlm.contains("its clock"), "{ntlm}");
    for (user, password, cause, status) in [
        (KNOWN, "An0ther!", "service-account-password-mismatch", "C000006D"),
        (DISABLED, PASSWORD, "account-disabled", "C0000072"),
    ] {
        let (code, said) = ask(&program, &host, user, password)?;
        ensure!(code == Some(1), "{said}");
        ensure!(said["diagnoses"][0]["cause"] == cause, "{said}");
        ensure!(said["diagnoses"].as_array().is_some_and(|list| list.len() >= 3), "{said}");
        let detail = check(&said, "logon")?["detail"].as_str().unwrap_or_default();
        ensure!(detail.contains(status), "{detail}");
        // What was sent is told, and no password with it.
        let whole = said.to_string();
        ensure!(whole.contains("one logon as") && !whole.contains(password), "{whole}");
    }
    Ok(())
}

fn check<'a>(said: &'a Value, name: &str) -> Result<&'a Value> {
    let checks = said["checks"].as_array().context("no checks")?;
    checks.iter().find(|check| check["check"] == name).with_context(|| format!("no {name}: {said}"))
}

fn ask(program: &Program, host: &str, user: &str, password: &str) -> Result<(Option<i32>, Value)> {
    let output = program
        .command(["doctor", host, "--json", "--user", &format!("EAST\\{user}")])
        .args(["--password-env", "BINDBACK_TEST_PASSWORD"])
        .env("BINDBACK_TEST_PASSWORD", password)
        .output()?;
    Ok((output.status.code(), one_object(&output.stdout)?))
}
