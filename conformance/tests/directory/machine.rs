//! The password of a machine's own account changes by itself, and no mail notices.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::until;
use serde_json::Value;

use crate::LIMIT;
use crate::generations::{Organisation, now, object};

/// Seconds that a password of NEWA's machine gets old.
const AGE_S: u64 = 3;
const MACHINE: &str = r"PROOF\NEWA$";

fn secret(organisation: &Organisation) -> Result<String> {
    Ok(std::fs::read_to_string(organisation.path("NEWA", "secrets/machine.password"))?)
}

/// When the password was set that NEWB takes of NEWA's machine.
fn set_at_newb(organisation: &Organisation) -> Result<Value> {
    let shown = organisation.command("NEWB", &["account", "show", MACHINE])?;
    Ok(shown["account"]["password_set"].clone())
}

fn until_another(organisation: &Organisation, known: &str) -> Result<String> {
    until(LIMIT, "another password of the machine", || {
        let secret = secret(organisation)?;
        Ok((secret != known).then_some(secret))
    })
}

/// While mail flows the password changes several times; one change waits for a server that is away; the last is what a new
/// start goes by.
///
/// Claims: 10.
#[test]
fn a_machine_s_password_changes_by_itself_and_mail_never_stops() -> Result<()> {
    let organisation = Organisation::make()?;
    let age = format!("machine_password_age_s = {AGE_S}\n");
    for (server, other, keys) in [("NEWA", "NEWB", age.as_str()), ("NEWB", "NEWA", "")] {
        organisation.upgrade_with(server, keys)?;
        organisation.add_account(server, &format!(r"PROOF\{other}$"))?;
    }
    let first = secret(&organisation)?;
    let (_newa, newb) = (organisation.start("NEWA")?, organisation.start("NEWB")?);
    for (server, other) in [("NEWB", "NEWA"), ("NEWA", "NEWB")] {
        let machine = format!(r"PROOF\{other}$");
        organisation.in_step(&[server], &object(other), "machineAccount", &machine)?;
    }
    // Before they knew of each other's machines they refused them.
    let since = now()?;
    let mut sent = 0;
    let mut send = |organisation: &Organisation| -> Result<usize> {
        organisation.send("NEWA", "NEWB", "while it changes")?;
        organisation.send("NEWB", "NEWA", "while it changes")?;
        sent += 1;
        Ok(sent)
    };
    let (mut known, mut seen) = (first.clone(), Vec::new());
    let begun = Instant::now();
    while seen.len() < 3 {
        ensure!(begun.elapsed() < 3 * LIMIT, "{} changes", seen.len());
        let count = send(&organisation)?;
        organisation.arrived([0, count, count], LIMIT)?;
        let shown = organisation.shown("NEWA", "NEWB")?;
        ensure!(shown == MACHINE, "NEWA shows {shown:?}");
        let now = secret(&organisation)?;
        if now != known {
            ensure!(!seen.contains(&now), "an old password came again");
            seen.push(now.clone());
            known = now;
        }
        // An idle association is released after a second: the next mail needs a new logon.
        std::thread::sleep(Duration::from_millis(1200));
    }
    let audit = organisation.command("NEWB", &["directory", "audit"])?;
    let told = audit.to_string();
    ensure!(told.contains("another password, the one before is good for 3600 s"), "{audit}");
    ensure!(seen.iter().all(|one| !told.contains(one.trim())), "a password stands in the trail");
    for server in ["NEWA", "NEWB"] {
        for id in [9297, 9318, 9322] {
            let failed = organisation.event(server, id, &since)?;
            ensure!(failed.is_none(), "{server}: {failed:?}");
        }
    }

    // Away, it takes none: the file keeps what it has.
    let before = set_at_newb(&organisation)?;
    newb.terminate(LIMIT)?;
    let known = secret(&organisation)?;
    // Long enough for it to have become due.
    std::thread::sleep(Duration::from_secs(2 * AGE_S));
    ensure!(secret(&organisation)? == known, "a password was changed that nobody took");
    let _newb = organisation.start("NEWB")?;
    let known = until_another(&organisation, &known)?;
    ensure!(set_at_newb(&organisation)? != before, "NEWB has the password of before");
    let count = send(&organisation)?;
    organisation.arrived([0, count, count], 2 * LIMIT)?;

    ensure!(known != first, "the first password again");
    let entries = organisation.command("NEWA", &["directory", "audit"])?;
    let own = entries["audit"]
        .as_array()
        .context("audit")?
        .iter()
        .rev()
        .find(|entry| entry["lines"].to_string().contains("taken by NEWB"));
    ensure!(own.is_some_and(|entry| entry["who"] == "the server"), "{entries}");
    Ok(())
}
