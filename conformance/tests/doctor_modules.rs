//! `bindback doctor --modules`: folders of this machine, and the administrative share of a Samba server (MS-SMB2 2.2.13, 2.2.19).

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use conformance::{Block, Process, Program, add_samba_account, one_object, skip, until};
use serde_json::Value;

const NAME: &str = "modules_of_a_share";
const PORT: u16 = 445;
const START: Duration = Duration::from_secs(20);
const PASSWORD: &str = "Passw0rd!";
/// A user of the system that is there on every one; its password is Samba's alone.
const USER: &str = "nobody";

/// Files that GNU windres made; the same that the room's own tests read.
fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tier1/modules/vectors")
}

fn ask(words: &[&str]) -> Result<Value> {
    let output = Program::find()?.run([&["doctor", "--json"], words].concat())?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    one_object(&output.stdout)
}

/// Claims: 16, 17, 27.
#[test]
fn modules_of_folders_are_compared_as_sets() -> Result<()> {
    let folder = |name: &str| vectors().join(name).display().to_string();
    let said = ask(&["--modules", &folder("mixed")])?;
    let first = &said["diagnoses"][0];
    ensure!(first["cause"] == "ntlm-session-security-mismatch", "{said}");
    let says = first["evidence"][0]["says"].as_str().context("says")?;
    ensure!(
        says.contains("schannel.dll 4.87.1961.1878") && says.contains("ntlmssps.dll"),
        "{says}"
    );
    let remedy = first["remedy"].to_string();
    ensure!(
        remedy.contains("all of them 128-bit") && remedy.contains("matching 56-bit"),
        "{remedy}"
    );
    let said = ask(&["--modules", &folder("half")])?;
    ensure!(said["diagnoses"][0]["cause"] == "incompatible-dll", "{said}");
    ensure!(said["diagnoses"].as_array().is_some_and(|list| list.len() >= 3), "{said}");
    for whole in [vec!["whole"], vec!["strong", "strong"]] {
        let words = whole.iter().flat_map(|name| ["--modules".to_owned(), folder(name)]);
        let words: Vec<String> = words.collect();
        let said = ask(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
        ensure!(said["diagnoses"] == serde_json::json!([]), "{said}");
    }
    // A table of one's own takes the place of the one that is shipped.
    let place = tempfile::tempdir()?;
    let table = place.path().join("table.toml");
    let shipped = ask(&["--show-module-table"])?;
    let shipped = shipped["table"].as_str().context("table")?;
    std::fs::write(&table, shipped.replace("5.5.2655.1\"\n", "5.5.2655.10\"\n"))?;
    let said = ask(&["--modules", &folder("whole"), "--module-table", &table.to_string_lossy()])?;
    ensure!(said["diagnoses"][0]["cause"] == "service-account-extended-characters", "{said}");
    ensure!(said["undecided"] == true, "{said}");
    std::fs::write(&table, shipped.replace("at_least =", "atleast ="))?;
    let wrong =
        ["doctor", "--modules", &folder("whole"), "--module-table", &table.to_string_lossy()];
    let output = Program::find()?.run(wrong)?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(2) && text.contains("at line"), "{text}");
    Ok(())
}

/// Claims: 16, 27.
#[test]
fn modules_of_a_share_are_read_as_the_account() -> Result<()> {
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

/// A Windows folder and a drive as a server shares them with its administrators.
fn start(folder: &Path, address: Ipv4Addr) -> Result<Process> {
    let configuration = folder.join("smb.conf");
    let place = folder.display();
    let copy = |from: &str, to: &str| -> Result<()> {
        let to = folder.join(to);
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(vectors().join(from))? {
            let path = entry?.path();
            std::fs::copy(&path, to.join(path.file_name().context("a name")?))?;
        }
        Ok(())
    };
    copy("mixed", "winnt/System32")?;
    copy("half", "drive/exchsrvr/bin")?;
    let shares = [("ADMIN$", "winnt"), ("D$", "drive")]
        .map(|(name, path)| format!("[{name}]\npath = {place}/{path}\nread only = yes\n"));
    std::fs::write(
        &configuration,
        format!(
            "[global]\nworkgroup = EAST\nnetbios name = SAMBA\nserver role = standalone server\n\
             interfaces = {address}/8\nbind interfaces only = yes\ndisable netbios = yes\nsmb ports = {PORT}\n\
             private dir = {place}\nlock dir = {place}\nstate directory = {place}\ncache directory = {place}\n\
             pid directory = {place}\nncalrpc dir = {place}/ncalrpc\nlog file = {place}/log.%m\n\
             passdb backend = tdbsam:{place}/passdb.tdb\nmap to guest = never\nrpc start on demand helpers = no\n{}",
            shares.concat()
        ),
    )?;
    // Whoever logs on reads the files by their own rights.
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    add_samba_account(&configuration, USER, PASSWORD)?;
    let mut command = Command::new("smbd");
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
    let asked = |password: &str, places: &[&str]| -> Result<Value> {
        let mut command = program.command(["doctor", &host, "--json", "--user", "EAST\\nobody"]);
        command.args(["--password-env", "BINDBACK_TEST_PASSWORD"]);
        command.args(places.iter().flat_map(|place| ["--modules", place]));
        let output = command.env("BINDBACK_TEST_PASSWORD", password).output()?;
        one_object(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let said = asked(PASSWORD, &["ADMIN$", "D$\\exchsrvr\\bin"])?;
    let causes: Vec<&str> = said["diagnoses"]
        .as_array()
        .context("diagnoses")?
        .iter()
        .filter_map(|one| one["cause"].as_str())
        .collect();
    ensure!(causes.contains(&"ntlm-session-security-mismatch"), "{said}");
    ensure!(causes.contains(&"incompatible-dll"), "{said}");
    let checks = said["checks"].as_array().context("checks")?;
    let found = checks.iter().filter(|check| check["check"] == "module" && check["result"] == "ok");
    ensure!(found.count() == 10, "{said}");
    ensure!(said.to_string().contains("to read ADMIN$"), "{said}");
    // A share that is not there is told; a wrong password is not tried a second time.
    let said = asked(PASSWORD, &["C$"])?;
    ensure!(said.to_string().contains("No modules were read from C$"), "{said}");
    let said = asked("An0ther!", &["ADMIN$"])?;
    ensure!(!said.to_string().contains("to read ADMIN$"), "{said}");
    Ok(())
}
