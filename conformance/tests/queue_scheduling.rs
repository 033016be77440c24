//! Further associations, warnings, bounds, and deaths at chosen points, with real servers.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{
    Letter, Look, Organisation, Plan, Process, Session, Side, skip, until, while_it_moves,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn hand_in(organisation: &Organisation, number: u32, extra: &str) -> bool {
    let (from, to) = (Side::East.user(), Side::West.user());
    let mut letter = Letter::plain(&from, &to, &format!("queue-{number}"), "text");
    let content = [extra.as_bytes(), &letter.content].concat();
    letter.content = content;
    letter.hand_in(organisation.smtp(Side::East)).is_ok()
}

/// How often each number arrived at WEST.
fn copies(organisation: &Organisation) -> Result<BTreeMap<u32, u32>> {
    let mut copies: BTreeMap<u32, u32> = BTreeMap::new();
    for mail in organisation.maildir(Side::West).read()? {
        let subject = mail.header("Subject").unwrap_or_default();
        if let Some(number) = subject.strip_prefix("queue-") {
            *copies.entry(number.parse()?).or_default() += 1;
        }
    }
    Ok(copies)
}

#[test]
fn a_backlog_gets_further_associations_and_arrives_once() -> Result<()> {
    // Enough that the limit is reached while much still waits, also on a fast machine.
    const MESSAGES: u32 = 600;
    let plan =
        Plan::default().with("association", "threshold", "20").with("association", "limit", "3");
    let organisation = Organisation::make(&plan)?;
    let _servers = organisation.start_both()?;
    organisation.command(Side::East, &["queue", "hold", "WEST"])?;
    for number in 0..MESSAGES {
        let urgent = if number % 50 == 0 { "Priority: urgent\r\n" } else { "" };
        ensure!(hand_in(&organisation, number, urgent));
    }
    organisation.command(Side::East, &["queue", "release", "WEST"])?;
    let (mut most, mut all) = (0, 0);
    let begin = Instant::now();
    while_it_moves(PATIENCE, "an empty queue", || {
        let ltab = organisation.command(Side::East, &["ltab"])?;
        let rows = ltab["entries"].as_array().context("entries")?;
        let out = || rows.iter().filter(|row| row["direction"] == "out");
        most = most.max(out().filter(|row| row["state"] == "open").count());
        // Also those that opened and closed between two looks.
        all = all.max(out().count());
        let waiting = usize::try_from(organisation.waiting(Side::East)?)?;
        let gone = usize::try_from(MESSAGES)?.saturating_sub(waiting);
        Ok(if waiting == 0 { Look::Done(()) } else { Look::Not(gone, format!("{waiting}")) })
    })?;
    println!(
        "{MESSAGES} messages in {} ms over {all} associations, {most} of them seen at once",
        begin.elapsed().as_millis()
    );
    ensure!(all >= 2 && most <= 3, "{all} associations, {most} at once");
    let events = organisation.events(Side::East)?;
    ensure!(events.iter().any(|event| event["id"] == 57), "event 57 is missing");
    until(PATIENCE, "all in the Maildir", || {
        Ok((u32::try_from(copies(&organisation)?.len())? == MESSAGES).then_some(()))
    })?;
    ensure!(copies(&organisation)?.values().all(|count| *count == 1), "doubled");
    Ok(())
}

#[test]
fn a_sender_is_warned_of_a_delay_once() -> Result<()> {
    let plan = Plan::default().with("queue", "warn_after_s", "2");
    let organisation = Organisation::make(&plan)?;
    let _east = organisation.start(Side::East)?;
    ensure!(hand_in(&organisation, 1, ""));
    until(PATIENCE, "a warning", || {
        Ok((organisation.maildir(Side::East).count() > 0).then_some(()))
    })?;
    std::thread::sleep(Duration::from_secs(3));
    let mails = organisation.maildir(Side::East).read()?;
    ensure!(mails.len() == 1, "{} warnings", mails.len());
    let text = mails[0].text();
    for part in ["Action: delayed", "Will-Retry-Until:", &Side::West.user(), "Return-Path: <>"] {
        ensure!(text.contains(part), "{part} is missing in {text}");
    }
    let _west = organisation.start(Side::West)?;
    until(PATIENCE, "the message", || Ok((copies(&organisation)?.len() == 1).then_some(())))?;
    let steps = organisation.command(Side::East, &["track", "queue-1@proof.test"])?;
    let steps = steps["steps"].as_array().context("steps")?;
    ensure!(steps.iter().filter(|step| step["step"] == "warned").count() == 1, "{steps:?}");
    Ok(())
}

#[test]
fn mail_that_is_coming_in_has_a_bound_in_memory() -> Result<()> {
    const MIB: usize = 1024 * 1024;
    let plan =
        Plan::default().with("smtp", "memory_mib", "64").with("smtp", "max_per_address", "30");
    let organisation = Organisation::make(&plan)?;
    let east = organisation.start(Side::East)?;
    let before = east.memory()?;
    let mut sessions = Vec::new();
    let mut busy = 0;
    for _ in 0..40 {
        let (mut session, greeting) = Session::connect(organisation.smtp(Side::East))?;
        if greeting.code != 220 {
            ensure!(greeting.code == 421, "{greeting:?}");
            busy += 1;
            continue;
        }
        for line in ["EHLO x.test", "MAIL FROM:<a@x.test>"] {
            session.command(line)?;
        }
        session.command(&format!("RCPT TO:<{}>", Side::East.user()))?;
        session.command("DATA")?;
        sessions.push(session);
    }
    ensure!(busy == 10, "{busy} of 40 were too many for one address");
    let block = [b"x".repeat(998).as_slice(), b"\r\n"].concat().repeat(MIB / 1000);
    let mut cut = 0;
    for session in &mut sessions {
        for _ in 0..10 {
            if session.write_raw(&block).is_err() {
                cut += 1;
                break;
            }
        }
    }
    until(PATIENCE, "event 20007", || {
        let events = organisation.events(Side::East)?;
        Ok(events.iter().any(|event| event["id"] == 20007).then_some(()))
    })?;
    let grown = east.peak_memory()?.saturating_sub(before) / 1024 / 1024;
    println!("30 dialogues sent up to 10 MiB each: {cut} cut, memory grew by {grown} MiB");
    ensure!(grown < 250, "memory grew by {grown} MiB");
    drop(sessions);
    until(PATIENCE, "mail to be taken again", || Ok(hand_in(&organisation, 1, "").then_some(())))
}

/// `BINDBACK_DEATHS` says at how many points, else 6: the server is killed at its n-th write, sync or rename.
#[test]
fn death_at_a_chosen_call_loses_and_doubles_nothing() -> Result<()> {
    // A sync and some writes each: enough to come to every chosen one of these. Renames may be fewer.
    const LETTERS: u32 = 100;
    let name = "death_at_a_chosen_call";
    if !Command::new("strace").arg("-V").output().is_ok_and(|done| done.status.success()) {
        skip(name, "strace is not installed");
        return Ok(());
    }
    let deaths: u32 =
        std::env::var("BINDBACK_DEATHS").ok().and_then(|number| number.parse().ok()).unwrap_or(6);
    let organisation = Organisation::make(&Plan::default())?;
    let _west = organisation.start(Side::West)?;
    let (mut number, mut taken, mut died) = (0, Vec::new(), 0);
    for death in 0..deaths {
        let call = ["fdatasync", "write", "rename", "fsync"][usize::try_from(death % 4)?];
        let at = match call {
            "write" => 40 + death * 37 % 200,
            "fdatasync" => 5 + death * 7 % 40,
            // Few of them: the store renames when it is opened, and a Maildir for each mail.
            _ => 1 + death % 3,
        };
        let mut strace = Command::new("strace");
        strace.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:signal=KILL:when={at}"), "--"]);
        strace
            .arg(conformance::binary()?)
            .arg("serve")
            .arg("-c")
            .arg(organisation.config(Side::East));
        let mut east = Process::start(strace, &organisation.log(Side::East))?;
        until(PATIENCE, "a server that listens, or its death", || {
            let listens = TcpStream::connect(organisation.smtp(Side::East)).is_ok();
            Ok((listens || east.try_wait()?.is_some()).then_some(()))
        })?;
        for _ in 0..LETTERS {
            if east.try_wait()?.is_some() {
                break;
            }
            number += 1;
            if hand_in(&organisation, number, "") {
                taken.push(number);
            }
        }
        died += u32::from(east.try_wait()?.is_some());
        drop(east);
    }
    let _east = organisation.start(Side::East)?;
    until(PATIENCE, "every message with a 250", || {
        let there = copies(&organisation)?;
        Ok(taken.iter().all(|number| there.contains_key(number)).then_some(()))
    })?;
    organisation.until_empty(PATIENCE)?;
    let there = copies(&organisation)?;
    let doubled: Vec<_> = there.iter().filter(|(_, count)| **count > 1).collect();
    println!(
        "{died} deaths, handed in {number}, answered {}, delivered {}, doubled {}",
        taken.len(),
        there.len(),
        doubled.len()
    );
    ensure!(doubled.is_empty(), "{doubled:?}");
    ensure!(died > 0 && taken.len() > 10, "{died} deaths, {} answered", taken.len());
    Ok(())
}
