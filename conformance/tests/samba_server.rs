//! `bindback rpc ping` and `rpc endpoints` against a stand-alone Samba: C706 chapter 12 and appendix O, MS-RPCE,
//! MS-NLMP, MS-SPNG.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use conformance::{Block, Program, SambaServer, one_object, skip};
use serde_json::Value;

const NAME: &str = "samba_server";
/// lsarpc, which Samba serves on a TCP port of its own.
const LSARPC: &str = "12345778-1234-abcd-ef00-0123456789ab:0.0";

/// samr, which the same process serves.
const SAMR: &str = "12345778-1234-abcd-ef00-0123456789ac:1.0";
/// Of nobody.
const NONE: &str = "b15db15d-0000-4000-8000-0123456789ab:1.0";

/// Claims: 33.
#[test]
fn samba_server_takes_our_calls_and_refuses_a_wrong_password() -> Result<()> {
    let address = Block::take()?.address(0);
    if let Some(reason) = SambaServer::missing(address) {
        skip(NAME, &reason);
        return Ok(());
    }
    let _samba = SambaServer::start(address)?;
    calls(address)
}

fn calls(address: Ipv4Addr) -> Result<()> {
    let program = Program::find()?;
    let host = address.to_string();
    let listed = program.json(["rpc", "endpoints", &host])?;
    let rows = listed["endpoints"].as_array().context("no endpoints")?;
    let known = |name: &str| {
        rows.iter().any(|row| row["name"].as_str().is_some_and(|text| text.starts_with(name)))
    };
    ensure!(known("epmapper") && known("lsarpc"), "{listed}");
    let anonymous = program.json(["rpc", "ping", &host, "-n", "2"])?;
    ensure!(steps(&anonymous) == ["name", "tcp", "bind", "call", "call"], "{anonymous}");
    for mechanism in ["ntlm", "negotiate"] {
        for level in ["packet", "integrity", "privacy"] {
            let (code, said) = ping(&program, &host, SambaServer::PASSWORD, mechanism, level)?;
            ensure!(code == Some(0), "{mechanism} {level}: {said}");
        }
        let (code, said) = ping(&program, &host, "wrong", mechanism, "privacy")?;
        ensure!(code == Some(1), "{mechanism}: {said}");
        ensure!(steps(&said).last().is_some_and(|last| last == "authentication"), "{said}");
    }
    further(&program, &host)
}

/// More interfaces on the connection of the first, sealed like it.
fn further(program: &Program, host: &str) -> Result<()> {
    let ask = |interface: &str| {
        program
            .command(["rpc", "ping", host, "--json", "-n", "2", "--interface", LSARPC])
            .args(["--interface", interface, "--auth", "ntlm", "--level", "privacy"])
            .args(["--user", SambaServer::ACCOUNT, "--password-env", "BINDBACK_TEST_PASSWORD"])
            .env("BINDBACK_TEST_PASSWORD", SambaServer::PASSWORD)
            .output()
    };
    let output = ask(SAMR)?;
    let said = one_object(&output.stdout)?;
    ensure!(output.status.success(), "{said}");
    ensure!(steps(&said).ends_with(&["alter", "call", "call", "call", "call"].map(str::to_owned)));
    let output = ask(NONE)?;
    let said = one_object(&output.stdout)?;
    ensure!(output.status.code() == Some(1), "{said}");
    let last = said["steps"].as_array().and_then(|steps| steps.last()).context("no steps")?;
    ensure!(last["step"] == "alter" && last["pdu"] == "alter_context_resp", "{said}");
    Ok(())
}

fn ping(
    program: &Program,
    host: &str,
    password: &str,
    mechanism: &str,
    level: &str,
) -> Result<(Option<i32>, Value)> {
    let output = program
        .command(["rpc", "ping", host, "--json", "-n", "3", "--interface", LSARPC])
        .args(["--user", SambaServer::ACCOUNT, "--password-env", "BINDBACK_TEST_PASSWORD"])
        .args(["--auth", mechanism, "--level", level])
        .env("BINDBACK_TEST_PASSWORD", password)
        .output()?;
    let said = one_object(&output.stdout)?;
    println!("{mechanism} {level}: {said}");
    Ok((output.status.code(), said))
}

fn steps(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    steps.iter().filter_map(|step| step["step"].as_str().map(str::to_owned)).collect()
}
