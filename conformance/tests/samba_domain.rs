//! `bindback rpc` against a Samba Active Directory domain controller: C706 chapter 12, MS-RPCE, MS-NLMP, MS-SPNG.

use anyhow::{Context, Result, ensure};
use conformance::{Program, SambaDc, binary, one_object, skip};
use serde_json::Value;

const NAME: &str = "samba_domain";
const PASSWORD: &str = "Letters.And.1";
/// lsarpc, on the port that the mapper names.
const LSARPC: &str = "12345778-1234-abcd-ef00-0123456789ab:0.0";

#[test]
fn a_samba_domain_controller_takes_our_calls_and_refuses_a_wrong_password() -> Result<()> {
    if let Some(reason) = SambaDc::missing() {
        skip(NAME, &reason);
        return Ok(());
    }
    Program::find()?;
    let controller = SambaDc::start(|controller| controller.add_user("mta", PASSWORD))?;
    let mut command = controller.command(binary()?);
    let listed =
        one_object(&command.args(["rpc", "endpoints", SambaDc::HOST, "--json"]).output()?.stdout)?;
    let rows = listed["endpoints"].as_array().context("no endpoints")?;
    for name in ["lsarpc", "netlogon", "samr", "drsuapi"] {
        let known = |row: &Value| row["name"].as_str().is_some_and(|text| text.starts_with(name));
        ensure!(rows.iter().any(known), "{name} is not listed: {listed}");
    }
    for mechanism in ["ntlm", "negotiate"] {
        for level in ["packet", "integrity", "privacy"] {
            let (code, said) = ping(&controller, "EAST\\mta", PASSWORD, mechanism, level)?;
            ensure!(code == Some(0), "{mechanism} {level}: {said}");
        }
        for (account, password) in [("EAST\\mta", "wrong"), ("EAST\\nobody-there", PASSWORD)] {
            let (code, said) = ping(&controller, account, password, mechanism, "privacy")?;
            ensure!(code == Some(1), "{account} with {mechanism}: {said}");
            let steps = said["steps"].as_array().context("no steps")?;
            let last = steps.last().context("no step")?;
            ensure!(last["step"] == "authentication" && last["result"] != "ok", "{said}");
        }
    }
    Ok(())
}

fn ping(
    controller: &SambaDc,
    account: &str,
    password: &str,
    mechanism: &str,
    level: &str,
) -> Result<(Option<i32>, Value)> {
    let mut command = controller.command(binary()?);
    command
        .args(["rpc", "ping", SambaDc::HOST, "--json", "-n", "3", "--interface", LSARPC])
        .args(["--user", account, "--password-env", "BINDBACK_TEST_PASSWORD"])
        .args(["--auth", mechanism, "--level", level])
        .env("BINDBACK_TEST_PASSWORD", password);
    let output = command.output()?;
    let said = one_object(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    println!("{account} {mechanism} {level}: {said}");
    Ok((output.status.code(), said))
}
