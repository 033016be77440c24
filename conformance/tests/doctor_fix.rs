//! `bindback doctor --fix` with real servers: a fault, the remedy, a test message, mail; and a remedy that does not help.

use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Letter, Organisation, Plan, Side, one_object, until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const WEST: &str = r"PROOF\svc-west";
/// As long as a loaded machine may need for what takes a second.
const LONG: &str = "60";

struct Stage {
    organisation: Organisation,
}

impl Stage {
    fn make() -> Result<Self> {
        let plan = Plan { neighbours: true, ..Plan::default() };
        let plan = plan.with("association", "idle_s", "1").with("queue", "finding_after_s", "1");
        Ok(Self { organisation: Organisation::make(&plan)? })
    }

    fn send(&self, from: Side, subject: &str) -> Result<()> {
        let letter = Letter::plain(&from.user(), &from.other().user(), subject, "Across.");
        let reply = letter.hand_in(self.organisation.smtp(from))?;
        ensure!(reply.code == 250, "{reply:?}");
        Ok(())
    }

    /// Letters of this subject in the mailbox of a side.
    fn letters(&self, at: Side, subject: &str) -> Result<usize> {
        let all = self.organisation.maildir(at).read()?;
        Ok(all.iter().filter(|one| one.header("Subject").as_deref() == Some(subject)).count())
    }

    fn until_arrived(&self, at: Side, subject: &str) -> Result<()> {
        until(LIMIT, subject, || Ok((self.letters(at, subject)? == 1).then_some(())))
    }

    fn doctor(&self, on: Side, words: &[&str]) -> Result<Output> {
        let config = self.organisation.config(on).to_string_lossy().into_owned();
        let words = ["doctor", "-c", &config].into_iter().chain(words.iter().copied());
        self.organisation.program.run_within(LIMIT * 3, words)
    }

    fn fix(&self, on: Side, wait: &str) -> Result<(Option<i32>, Value)> {
        let output = self.doctor(on, &["--fix", "--yes", "--wait", wait, "--json"])?;
        Ok((output.status.code(), one_object(&output.stdout)?))
    }

    /// The doctor is sure of this cause.
    fn until_diagnosed(&self, cause: &str) -> Result<()> {
        let mut last = Value::Null;
        let found = until(LIMIT, cause, || {
            last = one_object(&self.doctor(Side::West, &["--json"])?.stdout)?;
            let sure = last["undecided"] == false && last["diagnoses"][0]["cause"] == cause;
            Ok(sure.then_some(()))
        });
        found.with_context(|| last.to_string())
    }

    /// No association from before knows of a fault.
    fn until_quiet(&self) -> Result<()> {
        let mut since = Instant::now();
        until(LIMIT, "released associations", || {
            for side in Side::BOTH {
                let ltab = self.organisation.command(side, &["ltab"])?;
                let rows = ltab["entries"].as_array().context("entries")?;
                if rows.iter().any(|row| row["state"] == "open" || row["state"] == "opening") {
                    since = Instant::now();
                }
            }
            // A greeting between two looks opens one more: it must stay quiet for longer than they idle.
            Ok((since.elapsed() > Duration::from_secs(2)).then_some(()))
        })
    }

    /// What the server itself says of its way to the other one.
    fn finding(&self, on: Side) -> Result<Value> {
        let listed = self.organisation.command(on, &["queue", "list"])?;
        let queues = listed["queues"].as_array().context("queues")?;
        let found = queues.iter().find(|queue| queue["next_hop"] == on.other().name());
        Ok(found.map_or(Value::Null, |queue| queue["finding"].clone()))
    }

    /// Events of this number about this cause.
    fn told(&self, on: Side, id: u64, cause: &str) -> Result<usize> {
        let all = self.organisation.events(on)?;
        Ok(all.iter().filter(|one| one["id"] == id && one["params"]["cause"] == cause).count())
    }

    fn account(&self) -> Result<Value> {
        let shown = self.organisation.command(Side::East, &["account", "show", WEST])?;
        Ok(shown["account"].clone())
    }

    fn change_password(&self) -> Result<()> {
        let other = self.organisation.root().join("other.password");
        std::fs::write(&other, "Another 17, downstairs\n")?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&other, mode)?;
        let file = other.to_string_lossy().into_owned();
        let words = ["account", "set-password", WEST, "--password-file", &file];
        self.organisation.command(Side::East, &words).map(drop)
    }
}

/// Claims: 37, 38.
#[test]
fn a_fault_is_mended_and_a_test_message_shows_it() -> Result<()> {
    let stage = Stage::make()?;
    let servers = stage.organisation.start_both()?;
    stage.send(Side::West, "before")?;
    stage.until_arrived(Side::East, "before")?;
    let (code, said) = stage.fix(Side::West, LONG)?;
    ensure!(code == Some(0) && said["fix"]["end"] == "healthy", "{said}");

    stage.until_quiet()?;
    stage.change_password()?;
    stage.send(Side::West, "meanwhile")?;
    stage.until_diagnosed("service-account-password-mismatch")?;
    // The servers find it by themselves, and tell it once.
    let cause = "service-account-password-mismatch";
    until(LIMIT, "a finding beside the queue", || {
        Ok((stage.finding(Side::West)? == cause && stage.told(Side::West, 20008, cause)? == 1)
            .then_some(()))
    })?;
    let before = stage.account()?;
    let asked = stage.doctor(Side::West, &["--fix", "--json"])?;
    ensure!(asked.status.code() == Some(2), "nobody could agree: {asked:?}");
    ensure!(stage.account()? == before, "something was changed without asking");

    let (code, said) = stage.fix(Side::West, LONG)?;
    ensure!(code == Some(0) && said["fix"]["end"] == "fixed", "{said}");
    let fix = &said["fix"];
    ensure!(fix["causes"] == serde_json::json!(["service-account-password-mismatch"]), "{fix}");
    let tests = fix["tests"].as_array().context("tests")?;
    ensure!(tests.len() == 2 && tests.iter().all(|test| test["result"] == "delivered"), "{fix}");
    ensure!(!said.to_string().contains(Organisation::PASSWORD), "a password is told");
    stage.until_arrived(Side::East, "meanwhile")?;
    until(LIMIT, "the end of the finding", || {
        let over = stage.told(Side::West, 20009, cause)? == 1;
        Ok((over && stage.finding(Side::West)?.is_null()).then_some(()))
    })?;
    ensure!(stage.told(Side::West, 20008, cause)? == 1, "it was told more than once");
    for side in Side::BOTH {
        ensure!(stage.letters(side, "Test message of bindback doctor")? == 1, "{side:?}");
    }

    // The table of names, which is a file.
    stage.until_quiet()?;
    let host = Side::East.host();
    stage.organisation.command(Side::West, &["hosts", "remove", host])?;
    stage.send(Side::West, "by name")?;
    stage.until_diagnosed("remote-name-unresolvable")?;
    let (code, said) = stage.fix(Side::West, LONG)?;
    ensure!(code == Some(0) && said["fix"]["end"] == "fixed", "{said}");
    ensure!(
        said["fix"]["steps"][0]["before"].as_str().is_some_and(|text| text.contains(host)),
        "{said}"
    );
    stage.until_arrived(Side::East, "by name")?;
    for server in servers {
        server.terminate(LIMIT)?;
    }
    Ok(())
}

#[test]
fn a_remedy_that_does_not_help_is_taken_back() -> Result<()> {
    let stage = Stage::make()?;
    let servers = stage.organisation.start_both()?;
    stage.send(Side::West, "before")?;
    stage.until_arrived(Side::East, "before")?;
    stage.until_quiet()?;
    stage.change_password()?;
    // What reaches EAST cannot be delivered there: a file stands where the mailboxes were.
    let folder = stage.organisation.folder(Side::East);
    std::fs::rename(folder.join("maildir"), folder.join("aside"))?;
    std::fs::write(folder.join("maildir"), "")?;
    stage.send(Side::West, "meanwhile")?;
    stage.until_diagnosed("service-account-password-mismatch")?;
    let before = stage.account()?;

    let (code, said) = stage.fix(Side::West, "10")?;
    ensure!(code == Some(1) && said["fix"]["end"] == "undone", "{said}");
    let undone = said["fix"]["steps"][0]["undone"].as_str().unwrap_or_default();
    ensure!(undone.contains(WEST), "{said}");
    ensure!(stage.account()? == before, "{before} is {} now", stage.account()?);

    // The password is the one from before, too: with it on the other side mail flows.
    std::fs::remove_file(folder.join("maildir"))?;
    std::fs::rename(folder.join("aside"), folder.join("maildir"))?;
    let west = stage.organisation.folder(Side::West).join("secrets/service.password");
    std::fs::copy(stage.organisation.root().join("other.password"), west)?;
    stage.organisation.command(Side::West, &["queue", "retry", "--all"])?;
    stage.until_arrived(Side::East, "meanwhile")?;
    for server in servers {
        server.terminate(LIMIT)?;
    }
    Ok(())
}
