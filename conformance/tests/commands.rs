//! What commands say and how they end, on a running server; and the page on joining two servers, as it is typed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Carrier, Letter, Organisation, Plan, Program, Side, binary, skip, until};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);
const PAGE: &str = include_str!("../../docs/joining.md");

struct Asked {
    program: Program,
    organisation: Organisation,
}

impl Asked {
    fn run(&self, words: &[&str]) -> Result<Output> {
        let config = self.organisation.config(Side::East);
        let config = config.to_string_lossy();
        self.program.run(words.iter().copied().chain(["--json", "-c", &config]))
    }

    /// A command that must fail with this status and kind; gives its text.
    fn refused(&self, words: &[&str], status: i32, kind: &str) -> Result<String> {
        let output = self.run(words)?;
        let said = conformance::one_object(&output.stdout).with_context(|| format!("{words:?}"))?;
        ensure!(output.status.code() == Some(status), "{words:?}: {} {said}", output.status);
        ensure!(said["error"]["kind"] == kind, "{words:?}: {said}");
        Ok(said["error"]["text"].as_str().context("no text")?.to_owned())
    }

    fn done(&self, words: &[&str]) -> Result<Value> {
        self.organisation.command(Side::East, words)
    }

    fn hand_in(&self, subject: &str) -> Result<()> {
        let letter = Letter::plain(&Side::East.user(), &Side::West.user(), subject, "x");
        ensure!(letter.hand_in(self.organisation.smtp(Side::East))?.code == 250, "not taken");
        Ok(())
    }

    /// Events of a number at EAST.
    fn count(&self, number: u32) -> Result<usize> {
        let events = self.done(&["events", "--id", &number.to_string()])?;
        Ok(events["events"].as_array().context("no events")?.len())
    }
}

fn asked() -> Result<Asked> {
    Ok(Asked { program: Program::find()?, organisation: Organisation::make(&Plan::default())? })
}

#[test]
fn orders_are_held_to_what_there_is_and_say_what_they_did() -> Result<()> {
    let asked = asked()?;
    let _servers = asked.organisation.start_both()?;
    for order in
        [["queue", "hold", "nope"], ["queue", "release", "nope"], ["queue", "retry", "nope"]]
    {
        let text = asked.refused(&order, 1, "not-found")?;
        ensure!(text.contains("WEST") && text.contains("local"), "{text}");
    }
    ensure!(asked.done(&["queue", "hold", "west"])?["schema"] == "bindback.queue-hold/1");
    asked.hand_in("held")?;
    for words in [&["queue", "retry", "--all"][..], &["queue", "retry", "WEST"]] {
        let retried = asked.done(words)?;
        ensure!(retried["messages"] == 0 && retried["held"][0] == "WEST", "{retried}");
    }
    let list = asked.done(&["queue", "list"])?.to_string();
    ensure!(!list.contains("nope"), "{list}");
    ensure!(asked.done(&["queue", "release", "WEST"])?["schema"] == "bindback.queue-release/1");

    let text = asked.refused(&["account", "show", r"PROOF\nix"], 1, "not-found")?;
    ensure!(!text.contains("meanwhile"), "{text}");
    asked.refused(&["account", "rights", r"PROOF\nix"], 1, "not-found")?;

    let root = asked.organisation.root();
    let [bare, whole, copy] = ["bare.eml", "whole.eml", "copy"].map(|name| root.join(name));
    std::fs::write(&bare, "hello\n")?;
    std::fs::write(&whole, "Subject: x\n\ny\n")?;
    let [bare, whole, copy] = [&bare, &whole, &copy].map(|path| path.to_string_lossy());
    let (to, nobody) = (Side::East.user(), "nobody@east.proof.test");
    asked.refused(&["send", &bare, "--to", &to], 2, "invalid")?;
    asked.refused(&["send", &whole, "--to", &to, "--from", "not an address"], 2, "invalid")?;
    asked.refused(&["send", &whole, "--to", nobody], 1, "not-found")?;
    ensure!(asked.run(&["route", nobody])?.status.code() == Some(1));

    ensure!(asked.done(&["queue", "export", &copy])?["schema"] == "bindback.queue-export/1");
    asked.refused(&["queue", "export", &copy], 1, "conflict")?;
    asked.refused(&["store", "backup", &copy], 1, "conflict")?;
    asked.refused(&["check"], 1, "conflict")?;
    let backup = root.join("backup").to_string_lossy().into_owned();
    let backup = asked.done(&["store", "backup", &backup])?;
    ensure!(backup["schema"] == "bindback.store-backup/1", "{backup}");
    ensure!(backup["key_file"].as_str().is_some_and(|key| key.ends_with("accounts.key")));
    Ok(())
}

#[test]
fn a_logging_level_is_in_force_at_once_and_after_a_restart() -> Result<()> {
    let asked = asked()?;
    let west = asked.organisation.start(Side::West)?;
    let east = asked.organisation.start(Side::East)?;
    asked.hand_in("at level 0")?;
    asked.organisation.until_empty(PATIENCE)?;
    ensure!(asked.count(271)? == 0, "a line for each message at level 0");
    let set = asked.done(&["events", "level", "x400-service", "3"])?;
    ensure!(set["schema"] == "bindback.event-levels/1", "{set}");
    let expected = serde_json::json!([{"category": "X.400 Service", "level": 3}]);
    ensure!(set["levels"] == expected, "{set}");
    asked.hand_in("at level 3")?;
    until(PATIENCE, "event 271", || Ok((asked.count(271)? == 1).then_some(())))?;
    east.terminate(PATIENCE)?;
    // Where no server runs, the store answers.
    ensure!(asked.done(&["events", "level", "1"])?["levels"] == expected);
    let _east = asked.organisation.start(Side::East)?;
    asked.hand_in("after a restart")?;
    until(PATIENCE, "event 271 again", || Ok((asked.count(271)? == 2).then_some(())))?;
    let all = asked.done(&["events", "level"])?;
    ensure!(all["levels"].as_array().is_some_and(|levels| levels.len() == 12), "{all}");
    drop(west);
    Ok(())
}

/// The commands of the page: its indented blocks.
fn typed() -> String {
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix("    "));
    let mut script = String::new();
    for line in lines {
        script.push_str(line);
        script.push('\n');
        if line.starts_with("bindback serve -c west") {
            script.push_str(
                "wait_for '[ -S east/run/bindback.sock ] && [ -S west/run/bindback.sock ]'\n",
            );
        }
        if line.starts_with("bindback send") {
            script.push_str("wait_for '[ -n \"$(ls west/maildir/bert/new)\" ]'\n");
        }
    }
    script
}

#[test]
fn two_servers_are_joined_as_the_page_says() -> Result<()> {
    if !is_root()? {
        skip("joining", "a network of its own takes root");
        return Ok(());
    }
    let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
    std::os::unix::fs::symlink(binary()?, folder.path().join("bindback"))?;
    let script = format!(
        "set -e\nip link set lo up\nexport PATH=\"$PWD:$PATH\"\ntrap 'kill $(jobs -p) && wait' EXIT\n\
         wait_for() {{ for i in $(seq 600); do eval \"$1\" 2>/dev/null && return; sleep 0.1; done; echo \"never: $1\" >&2; false; }}\n{}",
        typed()
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "bash", "-c", &script]).current_dir(folder.path());
    let output = command.output().context("unshare")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}\n{said}\n{errors}", output.status);
    ensure!(said.contains("accepted as ") && said.contains("delivered"), "{said}");
    ensure!(said.matches("Nothing is wrong. Read: ").count() == 2, "{said}");
    Ok(())
}

/// A password that others have taken must not be gone with the power: its file is renamed, and the folder is synced then.
#[test]
fn a_password_that_was_replaced_outlives_a_loss_of_power() -> Result<()> {
    if !Command::new("strace").arg("-V").output().is_ok_and(|done| done.status.success()) {
        skip("a_password_that_was_replaced_outlives_a_loss_of_power", "strace is not installed");
        return Ok(());
    }
    let plan = Plan { carrier: Carrier::Rfc1006, ..Plan::default() };
    let organisation = Organisation::make(&plan)?;
    let [fresh, trace] = ["fresh", "trace"].map(|name| organisation.root().join(name));
    std::fs::write(&fresh, "another password\n")?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-qq", "-e", "trace=rename,renameat,renameat2,fsync", "-o"]);
    command.arg(&trace).arg(binary()?).args(["x400", "set-password", "WEST", "--local"]);
    command.arg("--password-file").arg(&fresh).arg("-c").arg(organisation.config(Side::East));
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trace = std::fs::read_to_string(trace)?;
    let renamed = trace.lines().skip_while(|line| !line.contains("rename"));
    let synced = renamed.filter(|line| line.contains("fsync(") && line.contains("/secrets>)"));
    ensure!(synced.count() == 1, "{trace}");
    Ok(())
}

fn is_root() -> Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}
