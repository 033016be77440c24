//! Faults of the disk, of the clock and of the system for real, and a server that lives through them without a restart.
//!
//! What was answered with 250 arrives once, what was refused arrives never, and the server says what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{
    Disk, HandInError, Letter, Look, Organisation, Plan, Random, Side, has, missing, skip, until,
    while_it_moves,
};
/// How long a server gets to find that its disk is well again, and to deliver.
const RECOVERY: Duration = Duration::from_secs(40);

/// What became of each message that was handed in.
#[derive(Default)]
struct Ledger {
    next: u32,
    taken: Vec<u32>,
    refused: BTreeMap<u32, u16>,
}

impl Ledger {
    fn hand_in(&mut self, organisation: &Organisation, to: Side, octets: usize) -> Option<u16> {
        let number = self.next;
        self.next += 1;
        // Nothing that the store could make smaller.
        let noise = Random::new(u64::from(number) + 1).octets(octets);
        let text: Vec<String> = noise
            .chunks(70)
            .map(|line| line.iter().map(|octet| char::from(b'a' + octet % 26)).collect())
            .collect();
        let lines = text.join("\r\n");
        let letter =
            Letter::plain(&Side::East.user(), &to.user(), &format!("fault-{number}"), &lines);
        let answer = letter.hand_in(organisation.smtp(Side::East));
        match answer {
            Ok(_) => {
                self.taken.push(number);
                None
            }
            Err(HandInError::Refused(reply)) => {
                self.refused.insert(number, reply.code);
                Some(reply.code)
            }
            // Nobody knows what became of it.
            Err(HandInError::Unanswered(_)) => Some(0),
        }
    }

    /// Everything that was taken is there once, and nothing that was refused.
    fn judge(&self, organisation: &Organisation, at: Side) -> Result<()> {
        // Not as many as were taken: one that was refused and came all the same would stand for one that is late.
        let mut arrived = Arrived::default();
        while_it_moves(RECOVERY, "every message with a 250 in its Maildir", || {
            arrived.look(organisation, at)?;
            let missing = self.taken.iter().filter(|number| !arrived.copies.contains_key(number));
            let missing: Vec<&u32> = missing.collect();
            let came = arrived.copies.len();
            Ok(if missing.is_empty() {
                Look::Done(())
            } else {
                Look::Not(came, format!("{missing:?}"))
            })
        })?;
        // A second copy may be on its way.
        while_it_moves(RECOVERY, "an empty queue at EAST", || {
            let left = usize::try_from(organisation.waiting(Side::East)?)?;
            Ok(if left == 0 {
                Look::Done(())
            } else {
                Look::Not(usize::MAX - left, left.to_string())
            })
        })?;
        arrived.look(organisation, at)?;
        let copies = arrived.copies;
        for (number, copies) in &copies {
            ensure!(*copies == 1, "message {number} came {copies} times");
        }
        for (number, code) in &self.refused {
            ensure!(!copies.contains_key(number), "message {number} was refused with {code}");
            ensure!((400..500).contains(code), "message {number} was refused with {code}");
        }
        println!("taken {}, refused {}, lost 0, doubled 0", self.taken.len(), self.refused.len());
        Ok(())
    }
}

/// The copies of each message in a Maildir; no file is read twice.
#[derive(Default)]
struct Arrived {
    read: BTreeSet<PathBuf>,
    copies: BTreeMap<u32, u32>,
}

impl Arrived {
    fn look(&mut self, organisation: &Organisation, at: Side) -> Result<()> {
        for mail in organisation.maildir(at).read_except(&self.read)? {
            self.read.insert(mail.path.clone());
            let subject = mail.header("Subject").unwrap_or_default();
            let Some(number) = subject.strip_prefix("fault-") else { continue };
            *self.copies.entry(number.parse()?).or_default() += 1;
        }
        Ok(())
    }
}

fn run(command: &[&str], paths: &[&Path]) -> bool {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).args(paths);
    process.output().is_ok_and(|output| output.status.success())
}

fn plan(disk: &Disk) -> Plan {
    let data = format!("'{}'", disk.path().join("data").display());
    Plan::default().with_on(Side::East, "server", "data_dir", &data)
}

fn event(organisation: &Organisation, id: u64) -> Result<Option<serde_json::Value>> {
    let found = organisation.events(Side::East)?.into_iter().find(|event| event["id"] == id);
    Ok(found)
}

fn wait_for_event(organisation: &Organisation, id: u64) -> Result<serde_json::Value> {
    until(RECOVERY, &format!("event {id}"), || event(organisation, id))
}

fn fill_up(reserve: &str) -> Result<()> {
    let name = "a_disk_that_fills";
    if let Some(reason) = missing(&["mount"]) {
        skip(name, &reason);
        return Ok(());
    }
    let Some(disk) = Disk::memory(40)? else {
        skip(name, "cannot mount");
        return Ok(());
    };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 20 * 1024 * 1024])?;
    let plan = plan(&disk).with_on(Side::East, "queue", "disk_reserve_mib", reserve);
    let organisation = Organisation::make(&plan)?;
    let _east = organisation.start(Side::East)?;
    let mut ledger = Ledger::default();
    let begin = Instant::now();
    while ledger.refused.len() < 20 {
        ledger.hand_in(&organisation, Side::West, 200_000);
        ensure!(begin.elapsed() < Duration::from_secs(60), "the disk does not fill");
    }
    let causes = doctor(&organisation)?;
    ensure!(causes.first().is_some_and(|cause| cause == "disk-space-low"), "{causes:?}");
    let codes: Vec<u16> = ledger.refused.values().copied().collect();
    ensure!(codes.contains(&452), "refused with {codes:?}");
    ensure!(ledger.taken.len() > 20, "only {} were taken", ledger.taken.len());
    fs::remove_file(&ballast)?;
    let freed = Instant::now();
    while ledger.hand_in(&organisation, Side::West, 100).is_some() {
        ensure!(
            freed.elapsed() < RECOVERY,
            "it does not recover: {}",
            organisation.said(Side::East)
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("takes mail again {} ms after space was freed", freed.elapsed().as_millis());
    // With no reserve at all not even the event found room at that time; it was held until there was some.
    ensure!(wait_for_event(&organisation, 20001)?["params"]["cause"] == "disk-full", "the cause");
    wait_for_event(&organisation, 20002)?;
    let _west = organisation.start(Side::West)?;
    ledger.judge(&organisation, Side::West)
}

#[test]
fn a_disk_that_fills_to_its_reserve_refuses_mail_and_recovers() -> Result<()> {
    fill_up("8")
}

#[test]
fn a_disk_that_fills_to_the_last_octet_refuses_mail_and_recovers() -> Result<()> {
    fill_up("0")
}

/// Some syncs fail with this error: told by its name, survived without a restart.
fn failing_syncs(name: &str, error: &str, word: &str, cause: &str) -> Result<()> {
    if !has("strace") {
        skip(name, "strace is not installed");
        return Ok(());
    }
    let organisation = Organisation::make(&Plan::default())?;
    let mut strace = Command::new("strace");
    // The thread that commits syncs its journal; each thread has a count of its own.
    strace.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]);
    strace.args(["-e", &format!("inject=fdatasync:error={error}:when=30..36"), "--"]);
    let Ok(_east) = organisation.start_under(Side::East, strace) else {
        skip(name, "strace may not trace here");
        return Ok(());
    };
    let mut ledger = Ledger::default();
    let begin = Instant::now();
    let (mut since_fault, mut named) = (0, false);
    while since_fault < 30 {
        let refused = ledger.hand_in(&organisation, Side::East, 2000).is_some();
        // Asked in the midst of it, the doctor knows.
        named |= refused && doctor(&organisation)?.iter().any(|one| one == cause);
        if !ledger.refused.is_empty() && !refused {
            since_fault += 1;
        }
        ensure!(begin.elapsed() < Duration::from_secs(90), "no fault, or no recovery");
        std::thread::sleep(Duration::from_millis(20));
    }
    ensure!(named, "the doctor never named {cause}");
    ensure!(ledger.refused.values().all(|code| *code == 451), "{:?}", ledger.refused);
    // The event could not be kept while nothing could; it was held, and standard error had it at once.
    let said = organisation.said(Side::East);
    ensure!(said.contains(&format!("takes no new mail ({word})")), "{said}");
    ensure!(wait_for_event(&organisation, 20001)?["params"]["cause"] == word, "the cause");
    wait_for_event(&organisation, 20002)?;
    ledger.judge(&organisation, Side::East)?;
    organisation.until_empty_east(RECOVERY)
}

#[test]
fn a_sync_that_fails_loses_nothing_and_needs_no_restart() -> Result<()> {
    let name = "a_sync_that_fails_loses_nothing_and_needs_no_restart";
    failing_syncs(name, "EIO", "io-error", "store-disk-fault")
}

#[test]
fn a_filesystem_that_is_read_only_for_a_while_loses_nothing() -> Result<()> {
    let name = "a_filesystem_that_is_read_only_for_a_while_loses_nothing";
    failing_syncs(name, "EROFS", "read-only", "store-read-only")
}

/// The filesystem of the store finds a fault in itself under load and is read-only from then on, until it is repaired and
/// mounted anew. The server is not restarted.
#[test]
fn a_filesystem_that_turns_read_only_under_load_loses_nothing() -> Result<()> {
    let name = "a_filesystem_that_turns_read_only_under_load_loses_nothing";
    if let Some(reason) = missing(&["mount", "losetup", "mkfs.ext4", "e2fsck"]) {
        skip(name, &reason);
        return Ok(());
    }
    let Some(mut disk) = Disk::ext4(256)? else {
        skip(name, "cannot mount a file");
        return Ok(());
    };
    // The store alone lies on it: what else the server has open does not come along to the new one.
    let data = tempfile::tempdir()?;
    fs::create_dir(disk.path().join("store"))?;
    std::os::unix::fs::symlink(disk.path().join("store"), data.path().join("store"))?;
    let folder = format!("'{}'", data.path().display());
    let plan = Plan::default().with_on(Side::East, "server", "data_dir", &folder);
    let organisation = Organisation::make(&plan)?;
    let _east = organisation.start(Side::East)?;
    let mut ledger = Ledger::default();
    let begin = Instant::now();
    while ledger.taken.len() < 30 {
        ledger.hand_in(&organisation, Side::West, 20_000);
        ensure!(begin.elapsed() < RECOVERY, "{:?}", ledger.refused);
    }
    if !disk.turn_read_only()? {
        skip(name, "this kernel does not let a test turn ext4 read-only");
        return Ok(());
    }
    let begin = Instant::now();
    while ledger.refused.len() < 20 {
        ledger.hand_in(&organisation, Side::West, 20_000);
        ensure!(begin.elapsed() < RECOVERY, "the disk takes all");
        std::thread::sleep(Duration::from_millis(50));
    }
    ensure!(ledger.refused.values().all(|code| *code == 451), "{:?}", ledger.refused);
    let causes = doctor(&organisation)?;
    ensure!(causes.first().is_some_and(|cause| cause == "store-read-only"), "{causes:?}");
    let taken = ledger.taken.len();
    disk.mend()?;
    let mended = Instant::now();
    while ledger.taken.len() < taken + 10 {
        let waited = mended.elapsed();
        ensure!(waited < RECOVERY, "it does not recover: {}", organisation.said(Side::East));
        ledger.hand_in(&organisation, Side::West, 20_000);
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("takes mail again {} ms after the repair", mended.elapsed().as_millis());
    ensure!(wait_for_event(&organisation, 20001)?["params"]["cause"] == "read-only", "the cause");
    wait_for_event(&organisation, 20002)?;
    let _west = organisation.start(Side::West)?;
    ledger.judge(&organisation, Side::West)
}

/// What the doctor names, who learns nothing but what any user could see.
fn doctor(organisation: &Organisation) -> Result<Vec<String>> {
    let config = organisation.config(Side::East).to_string_lossy().into_owned();
    let told = organisation.program.run(["doctor", "--json", "-c", &config])?;
    let told: serde_json::Value = serde_json::from_slice(&told.stdout)?;
    let diagnoses = told["diagnoses"].as_array().context("diagnoses")?;
    let causes = diagnoses.iter().filter_map(|one| one["cause"].as_str().map(str::to_owned));
    Ok(causes.collect())
}

/// `BINDBACK_CUTS` says how often, else twice.
#[test]
fn a_power_cut_under_load_loses_nothing_that_was_answered() -> Result<()> {
    let name = "a_power_cut_under_load";
    if let Some(reason) = missing(&["mount", "losetup", "mkfs.ext4", "xfs_io"]) {
        skip(name, &reason);
        return Ok(());
    }
    let Some(mut disk) = Disk::ext4(256)? else {
        skip(name, "cannot mount a file");
        return Ok(());
    };
    let cuts: u32 = std::env::var("BINDBACK_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let organisation = Organisation::make(&plan(&disk))?;
    let mut ledger = Ledger::default();
    let mut unanswered = 0;
    for cut in 0..cuts {
        let mut east = organisation.start(Side::East)?;
        let life = Duration::from_millis(300 + u64::from(cut) * 137 % 900);
        std::thread::scope(|scope| -> Result<()> {
            let disk = &mut disk;
            let cutter = scope.spawn(move || {
                std::thread::sleep(life);
                // A machine without power answers nobody. This one lives on, and ext4 calls a sync done that was under
                // way when it was shut down: the server may not tell of it.
                east.freeze()?;
                disk.cut()?;
                east.kill()
            });
            while !cutter.is_finished() {
                if ledger.hand_in(&organisation, Side::West, 3000) == Some(0) {
                    unanswered += 1;
                }
            }
            cutter.join().map_err(|_| anyhow::anyhow!("the cutter panicked"))?
        })?;
        disk.mount_again()?;
    }
    println!("{cuts} cuts, {} refused, {unanswered} unanswered", ledger.refused.len());
    ensure!(ledger.taken.len() > 20, "only {} were taken", ledger.taken.len());
    let _servers = organisation.start_both()?;
    ledger.judge(&organisation, Side::West)
}

#[test]
fn a_clock_that_is_set_stops_no_retry_and_ends_no_life() -> Result<()> {
    let name = "a_clock_that_is_set";
    let Some(library) = faketime() else {
        skip(name, "faketime is not installed");
        return Ok(());
    };
    let organisation = Organisation::make(&Plan::default())?;
    let clock = organisation.root().join("clock");
    fs::write(&clock, "+0\n")?;
    let mut env = Command::new("env");
    env.arg(format!("LD_PRELOAD={library}"));
    env.arg(format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()));
    env.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
    let _east = organisation.start_under(Side::East, env)?;
    let mut ledger = Ledger::default();
    ensure!(ledger.hand_in(&organisation, Side::West, 100).is_none());
    let tries = || -> Result<usize> {
        Ok(organisation.events(Side::East)?.iter().filter(|event| event["id"] == 301).count())
    };
    until(RECOVERY, "a first retry", || Ok((tries()? >= 2).then_some(())))?;
    for (step, jump) in [(1, "-1d"), (2, "+60d")] {
        fs::write(&clock, format!("{jump}\n"))?;
        let told = || -> Result<usize> {
            let all = organisation.events(Side::East)?;
            Ok(all.iter().filter(|event| event["id"] == 20003).count())
        };
        until(RECOVERY, "event 20003", || Ok((told()? >= step).then_some(())))?;
        let before = tries()?;
        until(Duration::from_secs(15), "retries after the clock was set", || {
            Ok((tries()? >= before + 2).then_some(()))
        })?;
    }
    ensure!(organisation.waiting(Side::East)? == 1, "the message came back");
    ensure!(event(&organisation, 290)?.is_none(), "a report was made");
    fs::write(&clock, "+0\n")?;
    let _west = organisation.start(Side::West)?;
    ledger.judge(&organisation, Side::West)
}

#[test]
fn descriptors_that_run_out_are_told_of_and_come_back() -> Result<()> {
    if !has("prlimit") {
        skip("descriptors_that_run_out", "prlimit is not installed");
        return Ok(());
    }
    let organisation = Organisation::make(&Plan::default())?;
    let mut prlimit = Command::new("prlimit");
    prlimit.arg("--nofile=120:120");
    let _east = organisation.start_under(Side::East, prlimit)?;
    let address = organisation.smtp(Side::East);
    let idle: Vec<_> = (0..150).map_while(|_| std::net::TcpStream::connect(address).ok()).collect();
    let mut ledger = Ledger::default();
    until(RECOVERY, "a refusal", || {
        Ok(ledger.hand_in(&organisation, Side::East, 100).is_some().then_some(()))
    })?;
    // Clients leave some over: who asks what is wrong is answered while it is.
    let causes = doctor(&organisation)?;
    ensure!(causes.iter().any(|cause| cause == "file-descriptors-exhausted"), "{causes:?}");
    wait_for_event(&organisation, 20010)?;
    wait_for_event(&organisation, 20004)?;
    drop(idle);
    until(RECOVERY, "mail to be taken again", || {
        Ok(ledger.hand_in(&organisation, Side::East, 5000).is_none().then_some(()))
    })?;
    ledger.judge(&organisation, Side::East)
}

/// The library that gives a process another time.
fn faketime() -> Option<&'static str> {
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
}

#[test]
fn steps_are_forgotten_after_seven_days_and_not_before() -> Result<()> {
    let name = "steps_are_forgotten_after_seven_days_and_not_before";
    let Some(library) = faketime() else {
        skip(name, "faketime is not installed");
        return Ok(());
    };
    let organisation = Organisation::make(&Plan::default())?;
    let mut ledger = Ledger::default();
    let steps = |number: u32| -> Result<usize> {
        let what = format!("fault-{number}@proof.test");
        let answer = organisation.command(Side::East, &["track", &what])?;
        Ok(answer["steps"].as_array().context("steps")?.len())
    };
    for (day, left) in [(0, [2, 0]), (6, [2, 2]), (8, [0, 2])] {
        let mut env = Command::new("env");
        env.arg(format!("LD_PRELOAD={library}"));
        env.args([&format!("FAKETIME=+{day}d"), "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        let east = organisation.start_under(Side::East, env)?;
        if day < 8 {
            ensure!(ledger.hand_in(&organisation, Side::East, 100).is_none());
            organisation.until_empty_east(RECOVERY)?;
        }
        until(RECOVERY, &format!("{left:?} steps on day {day}"), || {
            Ok(([steps(0)?, steps(1)?] == left).then_some(()))
        })?;
        east.terminate(RECOVERY)?;
    }
    Ok(())
}

/// The first octets that are no zeros and lie in the middle of what was written.
fn damage(journal: &Path) -> Result<()> {
    let mut octets = fs::read(journal)?;
    let end = octets.iter().rposition(|octet| *octet != 0).context("an empty journal")?;
    let at = (end / 3..end)
        .find(|at| octets[*at].is_ascii_lowercase())
        .context("no mail in the journal")?;
    octets[at] ^= 0x40;
    fs::write(journal, octets)?;
    Ok(())
}

#[test]
fn a_damaged_store_is_named_repaired_and_loses_one_message_at_most() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let east = organisation.start(Side::East)?;
    let mut ledger = Ledger::default();
    for _ in 0..20 {
        ensure!(ledger.hand_in(&organisation, Side::West, 2000).is_none());
    }
    let config = organisation.config(Side::East);
    let check = |arguments: &[&str]| -> Result<(Option<i32>, serde_json::Value)> {
        let mut command = organisation.program.command(["check", "--json"]);
        let output = command.args(arguments).arg("-c").arg(&config).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.code(), serde_json::from_str(&text).unwrap_or_default()))
    };
    ensure!(check(&[])?.0 == Some(1), "a live store is checked");
    east.kill()?;
    let (code, sound) = check(&[])?;
    ensure!(code == Some(0) && sound["faults"] == serde_json::json!([]), "{sound}");
    let store = organisation.folder(Side::East).join("data/store");
    let store = if store.exists() { store } else { find_store(&organisation)? };
    let journals = fs::read_dir(&store)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut journals: Vec<PathBuf> =
        journals.filter(|path| path.extension().is_some_and(|end| end == "jnl")).collect();
    journals.sort();
    damage(journals.last().context("no journal")?)?;
    let (code, found) = check(&[])?;
    ensure!(code == Some(1), "{found}");
    let faults = found["faults"].as_array().context("faults")?;
    ensure!(!faults.is_empty() && faults.iter().all(|fault| fault["repaired"] == false), "{found}");
    // The server asks for the check itself.
    let _servers = organisation.start_both()?;
    wait_for_event(&organisation, 2219)?;
    let done = wait_for_event(&organisation, 2207)?;
    ensure!(done["params"]["faults"].as_u64() >= Some(1), "{done}");
    until(RECOVERY, "the messages beside the damage", || {
        Ok((organisation.maildir(Side::West).count() >= ledger.taken.len() - 1).then_some(()))
    })?;
    organisation.until_empty(RECOVERY)
}

fn find_store(organisation: &Organisation) -> Result<PathBuf> {
    let output = Command::new("find")
        .arg(organisation.folder(Side::East))
        .args(["-type", "d", "-name", "store"])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(PathBuf::from(text.lines().next().context("no store")?))
}

#[test]
fn every_step_can_be_tracked_and_a_running_store_copied() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let [east, _west] = organisation.start_both()?;
    let mut ledger = Ledger::default();
    ensure!(ledger.hand_in(&organisation, Side::West, 100).is_none());
    ledger.judge(&organisation, Side::West)?;
    let steps = |side, what: &str| -> Result<Vec<String>> {
        let answer = organisation.command(side, &["track", what])?;
        let steps = answer["steps"].as_array().context("steps")?;
        Ok(steps.iter().filter_map(|step| step["step"].as_str().map(str::to_owned)).collect())
    };
    organisation.until_empty(RECOVERY)?;
    for what in
        ["fault-0@proof.test", "<fault-0@proof.test>", &Side::West.user(), &Side::East.user()]
    {
        let east = steps(Side::East, what)?;
        ensure!(east == ["accepted", "transferred"], "{what} at EAST: {east:?}");
        let west = steps(Side::West, what)?;
        ensure!(west == ["accepted", "delivered"], "{what} at WEST: {west:?}");
    }
    ensure!(steps(Side::East, "nobody@nowhere.test")?.is_empty());

    organisation.command(Side::East, &["queue", "hold", "WEST"])?;
    ensure!(ledger.hand_in(&organisation, Side::West, 100).is_none());
    let (copy, files) = (organisation.root().join("copy"), organisation.root().join("files"));
    organisation.command(Side::East, &["store", "backup", &copy.to_string_lossy()])?;
    let exported =
        organisation.command(Side::East, &["queue", "export", &files.to_string_lossy()])?;
    ensure!(exported["count"] == 1, "{exported}");
    let lines = fs::read_to_string(files.join("messages.jsonl"))?;
    let line: serde_json::Value = serde_json::from_str(lines.trim())?;
    let content = fs::read(files.join(line["content"].as_str().context("content")?))?;
    ensure!(String::from_utf8_lossy(&content).contains("Subject: fault-1"));
    // A copy never mixes with what is there.
    let again = organisation.program.run([
        "store",
        "backup",
        &copy.to_string_lossy(),
        "-c",
        &organisation.config(Side::East).to_string_lossy(),
    ])?;
    ensure!(!again.status.success());

    // The hold outlasts the restart, and the copy takes the store's place.
    east.terminate(Duration::from_secs(30))?;
    let store = find_store(&organisation)?;
    fs::rename(&store, store.with_extension("old"))?;
    ensure!(run(&["cp", "-a"], &[&copy, &store]), "cannot put the copy in place");
    let _east = organisation.start(Side::East)?;
    std::thread::sleep(Duration::from_secs(3));
    ensure!(organisation.waiting(Side::East)? == 1, "the hold is gone");
    organisation.command(Side::East, &["queue", "release", "WEST"])?;
    ledger.judge(&organisation, Side::West)
}
