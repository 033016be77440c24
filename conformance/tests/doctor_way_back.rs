//! `bindback doctor HOST1 HOST2`: two hosts known by name only, which run Bindback; each is asked to try its bind-back to the other.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{MAPPER, Organisation, Plan, Program, Side, one_object, until};
use serde_json::Value;

const PASSWORD: &str = "to.look.around.1";
const READER: &str = r"DEMO\reader";
const LIMIT: Duration = Duration::from_secs(60);

/// Claims: 33, 38.
#[test]
fn two_hosts_are_looked_at_in_both_directions() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _servers = organisation.start_both()?;
    let hosts = Side::BOTH.map(|side| organisation.address(side).to_string());
    // Nobody's account is told that there is somebody to ask.
    let said = ask(&hosts, &[])?;
    ensure!(said["notes"].to_string().contains("run Bindback"), "{said}");
    ensure!(of(&said, "bind-back").is_empty(), "{said}");

    reader(&organisation)?;
    // Who has no role is let in and told nothing; the doctor says so.
    let said = ask(&hosts, &["--user", READER])?;
    for check in of(&said, "way-back") {
        ensure!(check["result"] == "denied", "{check}");
    }
    for side in Side::BOTH {
        organisation.command(
            side,
            &[
                "directory",
                "grant",
                "view-only-admin",
                READER,
                "--on",
                "/O=Proof/OU=HQ/CN=Configuration",
            ],
        )?;
    }
    let said = ask(&hosts, &["--user", READER])?;
    ensure!(said["diagnoses"] == serde_json::json!([]), "{said}");
    let back = of(&said, "bind-back");
    for side in Side::BOTH {
        let own = back.iter().find(|check| check["from"] == side.name());
        let own = own.with_context(|| format!("nothing from {}: {said}", side.name()))?;
        ensure!(own["result"] == "ok", "{own}");
    }
    ensure!(said["notes"].to_string().contains("one logon as DEMO\\\\reader over RPC"), "{said}");
    ensure!(!said.to_string().contains(PASSWORD), "a password is shown");

    // A fault that is seen from one side alone: EAST no longer takes WEST's account.
    organisation.command(Side::East, &["account", "disable", Side::West.account()])?;
    until(LIMIT, "the way back that fails", || {
        let said = ask(&hosts, &["--user", READER])?;
        let back = of(&said, "bind-back");
        let west = back.iter().find(|check| check["from"] == "WEST").context("no way back")?;
        Ok((west["result"] == "denied").then_some(()))
    })?;
    Ok(())
}

/// An account that both sides know.
fn reader(organisation: &Organisation) -> Result<()> {
    for side in Side::BOTH {
        let file = organisation.folder(side).join("reader.password");
        std::fs::write(&file, format!("{PASSWORD}\n"))?;
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        let file = file.display().to_string();
        organisation.command(side, &["account", "add", READER, "--password-file", &file])?;
    }
    Ok(())
}

fn ask(hosts: &[String], more: &[&str]) -> Result<Value> {
    let mapper = MAPPER.to_string();
    let mut command = Program::find()?.command(["doctor", "--json", "--mapper-port", &mapper]);
    command.args(hosts).args(more);
    if !more.is_empty() {
        command.args(["--password-env", "BINDBACK_TEST_PASSWORD"]);
        command.env("BINDBACK_TEST_PASSWORD", PASSWORD);
    }
    let Output { stdout, stderr, .. } = command.output()?;
    one_object(&stdout).with_context(|| String::from_utf8_lossy(&stderr).into_owned())
}

fn of<'a>(said: &'a Value, name: &str) -> Vec<&'a Value> {
    let checks = said["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    checks.iter().filter(|check| check["check"] == name).collect()
}
