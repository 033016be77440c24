//! `bindback doctor --modules`: folders of this machine, and the administrative share of a Samba server (MS-SMB2 2.2.13, 2.2.19).

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use conformance::{Block, Program, SambaFiles, one_object, skip};
use serde_json::Value;

const NAME: &str = "modules_of_a_share";
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
    let address = Block::take()?.address(0);
    if let Some(reason) = SambaFiles::missing(address) {
        skip(NAME, &reason);
        return Ok(());
    }
    let _samba = SambaFiles::start(address, &[USER], PASSWORD, shares)?;
    look(address)
}

/// A Windows folder and a drive as a server shares them with its administrators.
fn shares(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
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
    let share = |name: &str, path: &str| (name.to_owned(), folder.join(path));
    Ok(vec![share("ADMIN$", "winnt"), share("D$", "drive")])
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
