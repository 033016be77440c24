//! `bindback doctor HOST` against a stand-alone Samba: MS-SMB2 2.2.3 to 2.2.9, MS-NLMP 2.2.1.2, the STATUS_* of a logon.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use conformance::{Block, Program, SambaFiles, one_object, skip};
use serde_json::Value;

const NAME: &str = "doctor_host";
const PASSWORD: &str = "Passw0rd!";
/// Users of the system that are there on every one; their passwords are Samba's alone.
const KNOWN: &str = "nobody";
const DISABLED: &str = "daemon";

#[test]
fn doctor_host_is_told_by_samba_why_a_logon_fails() -> Result<()> {
    let address = Block::take()?.address(0);
    if let Some(reason) = SambaFiles::missing(address) {
        skip(NAME, &reason);
        return Ok(());
    }
    let samba = SambaFiles::start(address, &[KNOWN, DISABLED], PASSWORD, |_| Ok(Vec::new()))?;
    let disabled = Command::new("smbpasswd")
        .arg("-c")
        .arg(samba.configuration())
        .args(["-d", DISABLED])
        .stdout(Stdio::null())
        .status()?;
    ensure!(disabled.success(), "smbpasswd does not disable");
    look(address)
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
