//! Limits of a server that others try: connections without end, memory, a full disk at the receiver, ends of data that
//! are none (RFC 5321 4.1.1.4, 4.5.3). The others are unaffected, and what was taken is kept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{
    Carrier, Disk, HandInError, Letter, Organisation, Plan, Session, Side, missing, skip, until,
};

/// How long a server gets to see that it is well again, and to deliver.
const RECOVERY: Duration = Duration::from_secs(60);

/// Connections of clients that say nothing.
const IDLE: usize = 10_000;

/// Memory that one of them may cost the server.
const IDLE_OCTETS: u64 = 64 * 1024;

/// Descriptors that this test needs beside those connections.
const OWN_FILES: u64 = 200;

fn letter(number: u32, to: Side, octets: usize) -> Letter {
    let text = "a line of sixty-two octets that is repeated as often as needed".to_owned();
    let text = vec![text; octets / 64 + 1].join("\r\n");
    Letter::plain(&Side::East.user(), &to.user(), &format!("limit-{number}"), &text)
}

/// How often each of these letters stands in a Maildir, once all of them do.
fn once(organisation: &Organisation, at: Side, letters: &[Letter]) -> Result<()> {
    let maildir = organisation.maildir(at);
    until(RECOVERY, "the letters that were taken", || {
        Ok((maildir.count() >= letters.len()).then_some(()))
    })
    .with_context(|| organisation.said(Side::East))?;
    organisation.until_empty_east(RECOVERY)?;
    let mails = maildir.read()?;
    for letter in letters {
        let copies = mails.iter().filter(|mail| mail.is(&letter.content)).count();
        ensure!(
            copies == 1,
            "{copies} copies of {}",
            String::from_utf8_lossy(&letter.content[..80])
        );
    }
    ensure!(mails.len() == letters.len(), "{} mails", mails.len());
    Ok(())
}

/// What the doctor names, asked by a user who only has the configuration.
fn doctor(organisation: &Organisation) -> Result<Vec<String>> {
    let config = organisation.config(Side::East).to_string_lossy().into_owned();
    let told = organisation.program.run(["doctor", "--json", "-c", &config])?;
    let told: serde_json::Value = serde_json::from_slice(&told.stdout)?;
    let diagnoses = told["diagnoses"].as_array().context("diagnoses")?;
    let causes = diagnoses.iter().filter_map(|one| one["cause"].as_str().map(str::to_owned));
    Ok(causes.collect())
}

/// Waits for an event of EAST.
fn until_told(organisation: &Organisation, id: u64, cause: &str) -> Result<()> {
    until(RECOVERY, &format!("event {id} of {cause}"), || {
        let events = organisation.events(Side::East)?;
        let is_it =
            |event: &serde_json::Value| event["id"] == id && event["params"]["cause"] == cause;
        Ok(events.iter().any(is_it).then_some(()))
    })
}

#[test]
fn ten_thousand_idle_connections_disturb_nobody() -> Result<()> {
    let name = "ten_thousand_idle_connections_disturb_nobody";
    let wanted = u64::try_from(IDLE)? + OWN_FILES;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // The server needs some more for its peers, and raises its own limit to the hard one.
    if limit.maximum.is_some_and(|most| most < wanted + 1000) {
        skip(name, &format!("the hard limit of open files is {:?}", limit.maximum));
        return Ok(());
    }
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?;
    let plan = Plan::default().with("smtp", "max_per_address", "100000");
    let organisation = Organisation::make(&plan)?;
    let [east, _west] = organisation.start_both()?;
    let mut letters = vec![letter(0, Side::West, 2000)];
    letters[0].hand_in(organisation.smtp(Side::East))?;
    once(&organisation, Side::West, &letters)?;
    let before = east.memory()?;
    let begin = Instant::now();
    let mut idle = Vec::with_capacity(IDLE);
    for number in 0..IDLE {
        let (session, greeting) = Session::connect(organisation.smtp(Side::East))?;
        ensure!(greeting.code == 220, "connection {number}: {greeting:?}");
        idle.push(session);
    }
    let let_in = begin.elapsed();
    let memory = east.memory()?.saturating_sub(before) / u64::try_from(IDLE)?;
    let begin = Instant::now();
    for number in 1..=20 {
        let one = letter(number, Side::West, 2000);
        one.hand_in(organisation.smtp(Side::East))?;
        letters.push(one);
    }
    let taken = begin.elapsed();
    once(&organisation, Side::West, &letters)?;
    println!(
        "{IDLE} let in after {} ms, {memory} octets each; 20 letters taken after {} ms, all there after {} ms",
        let_in.as_millis(),
        taken.as_millis(),
        begin.elapsed().as_millis()
    );
    ensure!(memory < IDLE_OCTETS, "{memory} octets for each");
    // They were kept, not dropped for the sake of the letters.
    for session in idle.iter_mut().step_by(IDLE / 10) {
        ensure!(session.command("NOOP")?.code == 250);
    }
    ensure!(doctor(&organisation)?.is_empty(), "{:?}", doctor(&organisation)?);
    Ok(())
}

/// What limits the memory of a server.
enum Bound {
    /// Its configuration.
    Configured,
    /// A control group of its own.
    Group(Group),
    /// `ulimit -v`.
    AddressSpace,
}

/// A control group below the one of this process, removed when this is dropped.
struct Group {
    folder: PathBuf,
    limit: &'static str,
}

impl Group {
    /// `None` where none may be made.
    fn make() -> Option<Self> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, own) = (fields.next()?, fields.next()?);
            let (root, limit) = match controllers {
                "" => ("/sys/fs/cgroup", "memory.max"),
                "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                _ => return None,
            };
            let name = format!("bindback-{}", std::process::id());
            let folder = Path::new(root).join(own.trim_start_matches('/')).join(name);
            std::fs::create_dir(&folder).ok()?;
            let group = Self { folder, limit };
            // Without the controller of memory there is no such file.
            group.folder.join(limit).exists().then_some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It goes once its last process is gone, which was ended before.
        let gone = || std::fs::remove_dir(&self.folder).ok();
        let _ = until(Duration::from_secs(5), "the group to be empty", || Ok(gone()));
    }
}

fn memory_runs_short(bound: &Bound) -> Result<()> {
    const MIB: u64 = 1024 * 1024;
    const ROOM: u64 = 160;
    // Sessions of 10 MB each: several times what there is room for.
    const FILLING: usize = 100;
    let organisation = Organisation::make(&Plan::default())?;
    let east = organisation.start(Side::East)?;
    let used = match bound {
        Bound::AddressSpace => east.address_space()?,
        Bound::Configured | Bound::Group(_) => east.memory()?,
    };
    // The last eighth is not given to mail.
    let limit = (used / MIB + ROOM) * 8 / 7;
    east.terminate(RECOVERY)?;
    let mut shell = Command::new("sh");
    shell.arg("-c");
    let east = match bound {
        Bound::Configured => {
            let file = organisation.config(Side::East);
            let text = std::fs::read_to_string(&file)?;
            let limited = text.replace("[server]\n", &format!("[server]\nmemory_mib = {limit}\n"));
            ensure!(limited != text, "no [server] in {text}");
            std::fs::write(&file, limited)?;
            organisation.start(Side::East)?
        }
        Bound::Group(group) => {
            std::fs::write(group.folder.join(group.limit), (limit * MIB).to_string())?;
            let procs = group.folder.join("cgroup.procs");
            shell.arg(format!("echo $$ >'{}' && exec \"$0\" \"$@\"", procs.display()));
            organisation.start_under(Side::East, shell)?
        }
        Bound::AddressSpace => {
            shell.arg(format!("ulimit -v {} && exec \"$0\" \"$@\"", limit * 1024));
            organisation.start_under(Side::East, shell)?
        }
    };
    let mut letters = vec![letter(0, Side::West, 2000)];
    letters[0].hand_in(organisation.smtp(Side::East))?;

    // Mail that is never finished, until the process has too much of it in memory.
    let block = [b"x".repeat(998).as_slice(), b"\r\n"].concat().repeat(1000);
    let mut sessions = Vec::new();
    let refused = loop {
        match letter(1, Side::West, 2000).hand_in(organisation.smtp(Side::East)) {
            Ok(_) => letters.push(letter(1, Side::West, 2000)),
            Err(HandInError::Refused(reply)) => break reply,
            Err(error) => return Err(error.into()),
        }
        ensure!(sessions.len() < FILLING, "never short with {} MiB", east.memory()? / MIB);
        let (mut session, _) = Session::connect(organisation.smtp(Side::East))?;
        for line in ["EHLO x.test", "MAIL FROM:<a@x.test>"] {
            session.command(line)?;
        }
        session.command(&format!("RCPT TO:<{}>", Side::East.user()))?;
        // What runs short while this session speaks refuses its data, and the next letter sees it.
        let filled = session.command("DATA")?.code == 354
            && (0..10).all(|_| session.write_raw(&block).is_ok());
        if filled {
            sessions.push(session);
        }
        // The server looks at itself every second.
        std::thread::sleep(Duration::from_millis(300));
    };
    println!("refused at {} of {limit} MiB: {refused:?}", east.memory()? / MIB);
    ensure!(refused.code == 452, "{refused:?}");
    let causes = doctor(&organisation)?;
    ensure!(causes.iter().any(|cause| cause == "low-memory"), "{causes:?}");
    until_told(&organisation, 20001, "memory")?;
    drop(sessions);
    until(RECOVERY, "mail to be taken again", || {
        let last = letter(2, Side::West, 2000);
        let taken = last.hand_in(organisation.smtp(Side::East)).is_ok();
        Ok(taken.then(|| letters.push(last)))
    })?;
    until_told(&organisation, 20002, "memory")?;
    let _west = organisation.start(Side::West)?;
    // Letters of the same number may have been taken before the refusal, each on its own.
    let all = letters.len();
    let maildir = organisation.maildir(Side::West);
    until(RECOVERY, "what was taken", || Ok((maildir.count() >= all).then_some(())))?;
    organisation.until_empty_east(RECOVERY)?;
    ensure!(maildir.count() == all, "{} of {all} letters", maildir.count());
    Ok(())
}

#[test]
fn memory_that_runs_short_refuses_mail_and_recovers() -> Result<()> {
    memory_runs_short(&Bound::Configured)
}

#[test]
fn memory_of_a_control_group_that_runs_short_refuses_mail_and_recovers() -> Result<()> {
    let Some(group) = Group::make() else {
        let name = "memory_of_a_control_group_that_runs_short_refuses_mail_and_recovers";
        skip(name, "no control group with a limit of memory may be made");
        return Ok(());
    };
    memory_runs_short(&Bound::Group(group))
}

#[test]
fn an_address_space_that_runs_short_refuses_mail_and_recovers() -> Result<()> {
    memory_runs_short(&Bound::AddressSpace)
}

/// The receiver's disk is full: it does not take responsibility, and the sender keeps the message.
fn full_at_the_receiver(name: &str, carrier: Carrier) -> Result<()> {
    const MIB: u64 = 1024 * 1024;
    const RESERVE: u64 = 8;
    if let Some(reason) = missing(&["mount"]) {
        skip(name, &reason);
        return Ok(());
    }
    let Some(disk) = Disk::memory(64)? else {
        skip(name, "cannot mount");
        return Ok(());
    };
    let data = format!("'{}'", disk.path().join("data").display());
    let plan = Plan { carrier, ..Plan::default() }
        .with_on(Side::West, "server", "data_dir", &data)
        .with_on(Side::West, "queue", "disk_reserve_mib", &RESERVE.to_string());
    let organisation = Organisation::make(&plan)?;
    let _servers = organisation.start_both()?;
    let mut letters = vec![letter(0, Side::West, 20_000)];
    letters[0].hand_in(organisation.smtp(Side::East))?;
    once(&organisation, Side::West, &letters[..1])?;

    let ballast = disk.path().join("ballast");
    let free = || -> Result<u64> {
        let stat = rustix::fs::statvfs(disk.path())?;
        Ok(stat.f_bavail * stat.f_frsize)
    };
    let size = free()?.saturating_sub(RESERVE * MIB / 2);
    std::fs::write(&ballast, vec![1; usize::try_from(size)?])?;
    // The server looks at its disk now and then: some may still be taken. What is refused is the transfer; the
    // association stands.
    let begin = Instant::now();
    for number in 1.. {
        let one = letter(number, Side::West, 20_000);
        one.hand_in(organisation.smtp(Side::East))?;
        letters.push(one);
        if organisation.said(Side::West).contains("the transfer cannot be kept") {
            break;
        }
        ensure!(begin.elapsed() < RECOVERY, "WEST takes all: {}", organisation.said(Side::West));
        std::thread::sleep(Duration::from_millis(200));
    }
    // What WEST has taken it delivers; the rest waits at EAST, and stays there however often EAST tries.
    let all = u64::try_from(letters.len())?;
    let (mut waiting, mut there) = (0, 0);
    let split = || -> Result<Option<()>> {
        waiting = organisation.waiting(Side::East)?;
        there = u64::try_from(organisation.maildir(Side::West).count())?;
        Ok((waiting > 0 && waiting + there == all).then_some(()))
    };
    let whole = until(RECOVERY, "each letter at EAST or in the Maildir", split);
    println!("{there} were taken, {waiting} wait at EAST");
    whole.with_context(|| format!("{there} taken, {waiting} wait of {all}"))?;
    ensure!(organisation.maildir(Side::East).count() == 0, "reported");
    until(RECOVERY, "WEST to say that its disk is full", || {
        let said = organisation.said(Side::West);
        Ok(said.contains("takes no new mail (disk-full)").then_some(()))
    })?;
    std::fs::remove_file(&ballast)?;
    once(&organisation, Side::West, &letters)
}

#[test]
fn a_full_disk_at_the_peer_leaves_the_mail_with_its_sender() -> Result<()> {
    let name = "a_full_disk_at_the_peer_leaves_the_mail_with_its_sender";
    full_at_the_receiver(name, Carrier::Rpc)
}

#[test]
fn a_full_disk_at_the_x400_neighbour_leaves_the_mail_with_its_sender() -> Result<()> {
    let name = "a_full_disk_at_the_x400_neighbour_leaves_the_mail_with_its_sender";
    full_at_the_receiver(name, Carrier::Rfc1006)
}

#[test]
fn no_end_of_data_is_smuggled_in_and_no_line_or_chunk_lies() -> Result<()> {
    let organisation = Organisation::make(&Plan::default())?;
    let _east = organisation.start(Side::East)?;
    let to = Side::East.user();
    let open = format!("MAIL FROM:<a@x.test>\r\nRCPT TO:<{to}>\r\n");
    // What other servers have taken for the end of the data: the letter behind it would be a second one.
    let ends = [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\n.\r",
        "\r.\n",
        "\n\0.\r\n",
        "\r\n\0.\n",
    ];
    for end in ends {
        let (mut session, _) = Session::connect(organisation.smtp(Side::East))?;
        session.command("EHLO x.test")?;
        session.write_raw(format!("{open}DATA\r\n").as_bytes())?;
        for code in [250, 250, 354] {
            ensure!(session.read()?.code == code, "{end:?}");
        }
        let inner =
            format!("Subject: outer\r\n\r\nhello{end}{open}DATA\r\nSubject: smuggled\r\n\r\nevil");
        session.write_raw(format!("{inner}\r\n.\r\n").as_bytes())?;
        let answer = session.read()?;
        ensure!((500..600).contains(&answer.code), "{end:?} is no way to write mail: {answer:?}");
        ensure!(session.command("NOOP")?.code == 250, "{end:?}: one answer too many");
    }
    // A command line without end, and a chunk that is longer than it says: what is left over is a command, and none.
    for (lie, classes) in [
        (format!("NOOP {}\r\n", "x".repeat(100_000)), vec![5]),
        (format!("{open}BDAT 5 LAST\r\nhelloMAIL FROM:<evil@x.test>\r\n"), vec![2, 2, 2, 2]),
        (format!("{open}BDAT 99999999999999999999\r\n"), vec![2, 2, 5]),
        (format!("{open}BDAT -1 LAST\r\n"), vec![2, 2, 5]),
    ] {
        let (mut session, _) = Session::connect(organisation.smtp(Side::East))?;
        session.command("EHLO x.test")?;
        session.write_raw(lie.as_bytes())?;
        for class in classes {
            let answer = session.read()?;
            ensure!(answer.code / 100 == class, "{lie:.80}: {answer:?}");
        }
    }
    let last = letter(1, Side::East, 100);
    last.hand_in(organisation.smtp(Side::East))?;
    organisation.until_empty_east(RECOVERY)?;
    let mails = organisation.maildir(Side::East).read()?;
    ensure!(mails.iter().any(|mail| mail.is(&last.content)), "the last letter");
    for mail in mails {
        ensure!(!mail.text().contains("smuggled"), "smuggled: {}", mail.text());
    }
    Ok(())
}
