//! Samba's raw protocol suite against `bindback rpc echo-server`: C706 chapter 12, MS-RPCE chapter 3.
//!
//! The suite (samba.tests.dcerpc.raw_protocol of Debian's python3-samba) says octet by octet what Windows answers to
//! clients that behave and to those that do not. What it runs stands in tests/samba/*.txt, what does not pass in
//! tests/samba/known-failures.txt, each with its reason.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Block, Process, Program, skip, until};
use serde_json::Value;

/// Debian's own: another one that comes first on PATH lacks Samba's modules.
const PYTHON: &str = "/usr/bin/python3";

/// The suite asks at this port and no other.
const MAPPER: u16 = 135;

/// How long the server may take to listen.
const START: Duration = Duration::from_secs(10);

/// Processes that share the tests of one set: they wait more than they work.
const SHARES: usize = 4;

/// How long one share may take; each of its tests has a limit of its own.
const SHARE_TIME: Duration = Duration::from_secs(150);

const KNOWN: &str = include_str!("samba/known-failures.txt");

#[test]
fn samba_raw_protocol_without_identity() -> Result<()> {
    prove("samba_raw_protocol_without_identity", include_str!("samba/mgmt-noauth.txt"), 72)
}

#[test]
fn samba_raw_protocol_with_ntlm_and_spnego() -> Result<()> {
    prove("samba_raw_protocol_with_ntlm_and_spnego", include_str!("samba/mgmt-ntlm.txt"), 83)
}

#[test]
fn samba_raw_protocol_fragments() -> Result<()> {
    prove("samba_raw_protocol_fragments", include_str!("samba/netlogon.txt"), 16)
}

fn prove(name: &str, set: &str, count: usize) -> Result<()> {
    let Some(()) = suite() else {
        skip(name, "Samba's suite is not there (Debian: apt-get install python3-samba)");
        return Ok(());
    };
    let address = Block::take()?.address(0);
    match TcpListener::bind((address, MAPPER)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skip(name, "port 135 needs root or CAP_NET_BIND_SERVICE");
            return Ok(());
        }
        other => drop(other.context("port 135 of an address of our own")?),
    }
    let tests: Vec<&str> = set.lines().filter(|line| !line.is_empty()).collect();
    ensure!(tests.len() == count, "the set has {} tests", tests.len());
    let folder = tempfile::tempdir()?;
    let _server = start(folder.path(), address)?;
    let results = run(folder.path(), address, &tests)?;
    judge(name, &tests, &results)
}

/// The suite, if it is there.
fn suite() -> Option<()> {
    let look = "import samba, samba.tests.dcerpc.raw_protocol; print(samba.version)";
    let output = Command::new(PYTHON)
        .args(["-c", look])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    println!("peer: Samba {}", String::from_utf8_lossy(&output.stdout).trim());
    Some(())
}

fn start(folder: &Path, address: Ipv4Addr) -> Result<Process> {
    let [accounts, ready] = ["accounts", "ready"].map(|name| folder.join(name));
    std::fs::write(&accounts, "EAST\\tester:Passw0rd!\n")?;
    std::fs::set_permissions(&accounts, Permissions::from_mode(0o600))?;
    let mut command = Program::find()?.command(["rpc", "echo-server"]);
    command
        .args(["--address", &address.to_string(), "--name", "ECHO", "--domain", "EAST"])
        .args(["--realm", "EAST.TEST", "--test-interface", "netlogon"])
        .arg("--accounts")
        .arg(&accounts)
        .arg("--ready-file")
        .arg(&ready);
    let log = folder.join("log");
    let mut server = Process::start(command, &log)?;
    until(START, "the ready file", || {
        if let Some(status) = server.try_wait()? {
            bail!("it ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        Ok(ready.exists().then_some(()))
    })?;
    Ok(server)
}

/// What became of each test, by name: the result and the reason.
fn run(
    folder: &Path,
    address: Ipv4Addr,
    tests: &[&str],
) -> Result<BTreeMap<String, (String, String)>> {
    let configuration = folder.join("smb.conf");
    let place = folder.display();
    std::fs::write(
        &configuration,
        format!(
            "[global]\nworkgroup = EAST\nnetbios name = CLIENT\nprivate dir = {place}\nlock dir = {place}\n\
             state directory = {place}\ncache directory = {place}\npid directory = {place}\n"
        ),
    )?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samba/raw.py");
    let mut shares = Vec::new();
    for share in 0..SHARES {
        let mut command = Command::new(PYTHON);
        command.arg(&script).args(tests.iter().skip(share).step_by(SHARES));
        let host = address.to_string();
        command.envs([
            ("SERVER", host.as_str()),
            ("TARGET_HOSTNAME", &host),
            ("DOMAIN", "EAST"),
            ("REALM", "EAST.TEST"),
            ("USERNAME", "tester"),
            ("PASSWORD", "Passw0rd!"),
            ("MAX_NUM_AUTH", "8"),
            ("IGNORE_RANDOM_PAD", "1"),
        ]);
        command.env("SMB_CONF_PATH", &configuration);
        let log = folder.join(format!("share-{share}"));
        shares.push((Process::start(command, &log)?, log));
    }
    let mut results = BTreeMap::new();
    for (mut process, log) in shares {
        // One that does not end has said by then how far it came.
        let _ = until(SHARE_TIME, "the end of the suite", || process.try_wait());
        let text = std::fs::read_to_string(&log)?;
        for line in text.lines() {
            let Ok(said) = serde_json::from_str::<Value>(line) else {
                println!("{line}");
                continue;
            };
            let field = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            results.insert(field("name"), (field("result"), field("why")));
        }
    }
    Ok(results)
}

fn judge(name: &str, tests: &[&str], results: &BTreeMap<String, (String, String)>) -> Result<()> {
    let known = |test: &str| {
        KNOWN.lines().any(|line| line.split_once(':').is_some_and(|(known, _)| known == test))
    };
    let mut wrong = Vec::new();
    let mut passed = 0;
    for test in tests {
        match results.get(*test).map(|(result, why)| (result.as_str(), why.as_str())) {
            Some(("passed", _)) if known(test) => {
                wrong.push(format!("{test} passes: take it out of tests/samba/known-failures.txt"))
            }
            Some(("passed", _)) => passed += 1,
            Some((_, why)) if known(test) => println!("known failure: {test}: {why}"),
            Some((result, why)) => wrong.push(format!("{test} {result}: {why}")),
            None => wrong.push(format!("{test} did not run")),
        }
    }
    println!("{name}: {passed} of {} pass", tests.len());
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
