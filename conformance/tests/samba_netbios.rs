//! `bindback doctor HOST` against Samba's nmbd: RFC 1002 4.2.12 (name query) and 4.2.17 (node status) of a host with two addresses.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Process, Program, binary, missing, one_object, skip, until};
use serde_json::Value;

const NAME: &str = "samba_netbios";
const START: Duration = Duration::from_secs(60);
/// The address that nmbd registers, and the other one of the host.
const REGISTERED: &str = "10.54.0.5";
const OTHER: &str = "10.54.1.5";

/// A host of its own, with two addresses, that runs nmbd and calls itself EAST.
struct Host {
    holder: Process,
    folder: tempfile::TempDir,
}

impl Host {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = folder.path().display();
        std::fs::write(
            folder.path().join("smb.conf"),
            format!(
                "[global]\nnetbios name = EAST\nworkgroup = FIELD\ninterfaces = {REGISTERED}/24\n\
                 bind interfaces only = no\nprivate dir = {place}\nlock dir = {place}\n\
                 state directory = {place}\ncache directory = {place}\npid directory = {place}\n\
                 log file = {place}/log.nmbd\n"
            ),
        )?;
        let names = format!(
            "127.0.0.1 localhost\n{REGISTERED} east.good.test\n{OTHER} east.field.test west.field.test\n"
        );
        std::fs::write(folder.path().join("hosts"), names)?;
        let script = format!(
            "set -e\nip link set lo up\nip link add eth0 type veth peer name eth1\n\
             ip link set eth0 up\nip link set eth1 up\n\
             ip addr add {REGISTERED}/24 brd + dev eth0\nip addr add {OTHER}/24 brd + dev eth0\n\
             mount --bind '{place}/hosts' /etc/hosts\n\
             exec nmbd -F -s '{place}/smb.conf' --no-process-group\n"
        );
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
        let log = folder.path().join("holder");
        let holder = Process::start(command, &log)?;
        let mut host = Self { holder, folder };
        until(START, "an answer of nmbd", || {
            if let Some(status) = host.holder.try_wait()? {
                bail!("nmbd ended with {status}: {}", std::fs::read_to_string(&log)?);
            }
            let Some(mut command) = host.command(Path::new("nmblookup")) else { return Ok(None) };
            command.arg("-s").arg(host.folder.path().join("smb.conf"));
            let status = command.args(["-U", OTHER, "EAST"]).status()?;
            Ok(status.success().then_some(()))
        })?;
        Ok(host)
    }

    /// A command on the host; none before it is there.
    fn command(&self, program: &Path) -> Option<Command> {
        let id = self.holder.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        let inside = children.split_whitespace().next()?;
        let mut command = Command::new("nsenter");
        command.args(["-t", inside, "-n", "-m", "--"]).arg(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Some(command)
    }

    fn ask(&self, host: &str) -> Result<Value> {
        let mut command = self.command(&binary()?).context("the host is gone")?;
        let output = command.args(["doctor", host, "--json", "--timeout", "5"]);
        let output = output.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
        one_object(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Claims: 30.
#[test]
fn the_doctor_compares_what_nmbd_says_with_where_the_name_leads() -> Result<()> {
    let lacking = missing(&["unshare", "nsenter", "ip", "nmbd", "nmblookup"]);
    if let Some(reason) = lacking {
        skip(NAME, &reason);
        return Ok(());
    }
    Program::find()?;
    let host = Host::start()?;

    let said = host.ask("east.good.test")?;
    let names = check(&said, "netbios")?;
    ensure!(names["detail"].as_str().is_some_and(|text| text.contains("EAST<20>")), "{names}");
    ensure!(check(&said, "netbios-name")?["result"] == "ok", "{said}");
    ensure!(!causes(&said).contains(&"multihomed-wrong-address-returned"), "{said}");

    let said = host.ask("east.field.test")?;
    let query = check(&said, "netbios-name")?;
    ensure!(query["result"] == "error", "{query}");
    let detail = query["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains(REGISTERED) && detail.contains(OTHER), "{detail}");
    ensure!(causes(&said).first() == Some(&"multihomed-wrong-address-returned"), "{said}");

    // The name of another machine leads here: it has no such name, and says which it has.
    let said = host.ask("west.field.test")?;
    let query = check(&said, "netbios-name")?;
    ensure!(query["result"] == "not-found", "{query}");
    ensure!(query["detail"].as_str().is_some_and(|text| text.contains("no name west")), "{query}");
    Ok(())
}

fn causes(said: &Value) -> Vec<&str> {
    let all = said["diagnoses"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|one| one["cause"].as_str()).collect()
}

fn check<'a>(said: &'a Value, name: &str) -> Result<&'a Value> {
    let checks = said["checks"].as_array().context("no checks")?;
    checks.iter().find(|check| check["check"] == name).with_context(|| format!("no {name}: {said}"))
}
