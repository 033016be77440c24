//! `bindback rpc ping` and `rpc endpoints` against a stand-alone Samba: C706 chapter 12 and appendix O, MS-RPCE,
//! MS-NLMP, MS-SPNG.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Block, Process, Program, one_object, skip, until};
use serde_json::Value;

const NAME: &str = "samba_server";
const MAPPER: u16 = 135;
const START: Duration = Duration::from_secs(20);
/// A user of the system that is there on every one; its password is Samba's alone.
const USER: &str = "nobody";
const PASSWORD: &str = "Passw0rd!";
/// Where distributions keep the RPC server.
const SERVERS: [&str; 3] = [
    "/usr/libexec/samba/samba-dcerpcd",
    "/usr/lib/x86_64-linux-gnu/samba/samba-dcerpcd",
    "/usr/lib/samba/samba-dcerpcd",
];
/// lsarpc, which Samba serves on a TCP port of its own.
const LSARPC: &str = "12345778-1234-abcd-ef00-0123456789ab:0.0";

/// Claims: 33.
#[test]
fn samba_server_takes_our_calls_and_refuses_a_wrong_password() -> Result<()> {
    let Some(server) = SERVERS.into_iter().find(|path| Path::new(path).exists()) else {
        skip(NAME, "Samba's RPC server is not there (Debian: apt-get install samba)");
        return Ok(());
    };
    let address = Block::take()?.address(0);
    match TcpListener::bind((address, MAPPER)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skip(NAME, "port 135 needs root or CAP_NET_BIND_SERVICE");
            return Ok(());
        }
        other => drop(other.context("port 135 of an address of our own")?),
    }
    let folder = tempfile::tempdir()?;
    let samba = start(server, folder.path(), address)?;
    let outcome = calls(address);
    // In order, so that it ends its own children.
    samba.terminate(START)?;
    outcome
}

fn start(server: &str, folder: &Path, address: Ipv4Addr) -> Result<Process> {
    let configuration = folder.join("smb.conf");
    let place = folder.display();
    std::fs::write(
        &configuration,
        format!(
            "[global]\nworkgroup = EAST\nnetbios name = SAMBA\nserver role = standalone server\n\
             interfaces = {address}/8\nbind interfaces only = yes\ndisable netbios = yes\n\
             private dir = {place}\nlock dir = {place}\nstate directory = {place}\n\
             cache directory = {place}\npid directory = {place}\nncalrpc dir = {place}/ncalrpc\n\
             log file = {place}/log.%m\npassdb backend = tdbsam\nrpc start on demand helpers = no\n"
        ),
    )?;
    let mut account = Command::new("smbpasswd")
        .arg("-c")
        .arg(&configuration)
        .args(["-s", "-a", USER])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("smbpasswd does not start")?;
    let mut input = account.stdin.take().context("no standard input")?;
    writeln!(input, "{PASSWORD}\n{PASSWORD}")?;
    drop(input);
    ensure!(account.wait()?.success(), "smbpasswd makes no account");
    let mut command = Command::new(server);
    command.arg("-s").arg(&configuration).args(["-F", "--libexec-rpcds", "--no-process-group"]);
    let log = folder.join("out");
    let mut process = Process::start(command, &log)?;
    until(START, "Samba's endpoint mapper", || {
        if let Some(status) = process.try_wait()? {
            bail!("Samba ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        Ok(TcpStream::connect((address, MAPPER)).ok().map(drop))
    })?;
    Ok(process)
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
            let (code, said) = ping(&program, &host, PASSWORD, mechanism, level)?;
            ensure!(code == Some(0), "{mechanism} {level}: {said}");
        }
        let (code, said) = ping(&program, &host, "wrong", mechanism, "privacy")?;
        ensure!(code == Some(1), "{mechanism}: {said}");
        ensure!(steps(&said).last().is_some_and(|last| last == "authentication"), "{said}");
    }
    Ok(())
}

fn ping(
    program: &Program,
    host: &str,
    password: &str,
    mechanism: &str,
    level: &str,
) -> Result<(Option<i32>, Value)> {
    let account = format!("EAST\\{USER}");
    let output = program
        .command(["rpc", "ping", host, "--json", "-n", "3", "--interface", LSARPC])
        .args(["--user", &account, "--password-env", "BINDBACK_TEST_PASSWORD"])
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
