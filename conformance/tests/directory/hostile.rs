//! An LDAP server that wants to do harm, between two running servers and OpenLDAP: answers without end, lengths that lie, references
//! in circles, broken descriptors. Commands answer, mail flows, memory stays bounded, the reason is told, and all is well after it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{OpenLdap, Organisation, Plan, Process, Side, skip, until};
use serde_json::Value;

use super::{LIMIT, stage};

const NAME: &str = "hostile";
const PYTHON: &str = "/usr/bin/python3";
const PORT: &str = "3637";
/// The server's patience with one answer is 15 s; one attack gets some of these.
const TOLD: Duration = Duration::from_secs(90);
/// Commands go by the copy: whatever the LDAP server does, nobody waits for it.
const PROMPT: Duration = Duration::from_secs(10);
/// Octets of memory: a server at rest, and the most that one answer may take (512 MiB, and as much for what is made of it).
const MEMORY: u64 = 1280 << 20;
const SITE: &str = "/O=Proof/OU=HQ";
const RECIPIENTS: &str = "CN=Recipients,CN=HQ,CN=Administrative Groups,CN=Proof,CN=Microsoft Exchange,CN=Services,CN=Configuration,dc=proof,dc=test";

/// What is done, and what `directory agent` says of it.
const LIES: &[(&str, &str)] = &[
    ("a length of two gigabytes", "sent a message of 2147483653 octets"),
    ("an indefinite length", "indefinite, or of more than four octets"),
    ("a length within that lies", "what is no LDAP message"),
    ("elements within elements", "what is no LDAP message"),
    ("the number of another message", "where an answer to what was asked was due"),
    ("a negative number", "where an answer to what was asked was due"),
    ("the answer to another question", "the response to a change where entries was due"),
    ("a referral", "10 (it refers to another server, and that is not followed)"),
    ("a long refusal", "53 (unwilling to perform): no no no"),
    ("a notice of disconnection", "52 (unavailable): come back never"),
    ("the end", "the connection to the LDAP server"),
    ("pages in circles", "go in circles"),
    ("an octet now and then", "timed out"),
];

/// The same for those that take a while without optimisation.
const LONG_LIES: &[(&str, &str)] = &[
    ("children without end", "more than 500000 objects below CN=Configuration"),
    ("references without end", "512 MiB"),
    ("values without end", "16 million attributes and values"),
];

fn lie(server: &OpenLdap, what: &str) -> Result<()> {
    // In one step: it is read while it is written.
    let next = server.path("lie-next");
    std::fs::write(&next, what)?;
    Ok(std::fs::rename(next, server.path("lie"))?)
}

fn between(server: &OpenLdap, address: &str) -> Result<Process> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/directory/hostile.py");
    let mut command = Command::new(PYTHON);
    command.arg(script).args([address, PORT, "3636"]).arg(server.path(""));
    let process = Process::start(command, &server.path("hostile.log"))?;
    until(LIMIT, "the hostile server", || {
        Ok(std::net::TcpStream::connect(format!("{address}:{PORT}")).ok().map(drop))
    })?;
    Ok(process)
}

fn agent(organisation: &Organisation) -> Result<Value> {
    let shown = organisation.command(Side::East, &["directory", "agent"])?;
    Ok(shown["agent"].clone())
}

/// What people ask while it goes on: each answer comes at once, from what is known.
fn asked(organisation: &Organisation) -> Result<()> {
    let west = Side::West.account();
    for words in [
        &["directory", "list"][..],
        &["directory", "show", SITE],
        &["directory", "access", west],
        &["directory", "export"],
    ] {
        let began = Instant::now();
        let said = organisation.command(Side::East, words)?;
        let took = began.elapsed();
        ensure!(took < PROMPT, "{words:?} took {took:?}");
        ensure!(said.to_string().len() < 1 << 20, "{words:?} is endless");
    }
    Ok(())
}

/// Plays each, which has to be told within some time.
fn play(lies: &[(&str, &str)], told: Duration) -> Result<()> {
    if let Some(reason) = OpenLdap::missing() {
        skip(NAME, &reason);
        return Ok(());
    }
    if !Path::new(PYTHON).exists() {
        skip(NAME, &format!("there is no {PYTHON}"));
        return Ok(());
    }
    let server = OpenLdap::start()?;
    lie(&server, "")?;
    let plan = server.plan(Plan::default(), "ldaps");
    let quoted = |key| plan.set.iter().rev().find(|(_, _, name, _)| *name == key);
    let address = quoted("host").context("no host")?.3.trim_matches('\'').to_owned();
    let _between = between(&server, &address)?;
    let mut stage = stage(&plan.with("directory", "port", PORT))?;
    let servers = stage.organisation.start_both()?;
    for (what, expected) in lies {
        lie(&server, what)?;
        let organisation = &stage.organisation;
        let mut last = String::new();
        until(told, what, || {
            asked(organisation)?;
            last = agent(organisation)?["ldap"].as_str().unwrap_or_default().to_owned();
            Ok(last.contains(expected).then_some(()))
        })
        .with_context(|| format!("{what}: {last:?} has no {expected:?}"))?;
        ensure!(last.len() < 1000 && !last.chars().any(char::is_control), "{what}: {last}");
        stage.send_both(what)?;
        stage.arrived(LIMIT)?;
        for process in &servers {
            let peak = process.peak_memory()?;
            ensure!(peak < MEMORY, "{what}: {peak} octets of memory");
        }
        lie(&server, "")?;
        let organisation = &stage.organisation;
        until(told, "the end of the trouble", || {
            Ok((agent(organisation)?["ldap"] == "ok").then_some(()))
        })?;
        println!("{what}: {last}");
    }
    let organisation = &stage.organisation;
    descriptors(&server, organisation)?;
    organisation.command(Side::East, &["directory", "set", SITE, "description", "all is well"])?;
    Ok(())
}

/// Descriptors of an object, one worse than the other: told, and nobody gets in by one.
fn descriptors(server: &OpenLdap, organisation: &Organisation) -> Result<()> {
    let head = |owner: u32, group: u32, sacl: u32, dacl: u32| {
        let mut octets = vec![1, 0, 0x14, 0x80];
        [owner, group, sacl, dacl].iter().for_each(|one| octets.extend(one.to_le_bytes()));
        octets
    };
    let acl = |size: u16, count: u16, entries: &[u8]| {
        let mut octets = vec![2, 0];
        octets.extend(size.to_le_bytes());
        octets.extend(count.to_le_bytes());
        octets.extend([0, 0]);
        octets.extend(entries);
        octets
    };
    let everyone = [0, 0, 20, 0, 255, 255, 255, 255, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let broken: [(&str, Vec<u8>, &str); 8] = [
        ("a head that is cut", head(0, 0, 0, 20)[..19].to_vec(), "OffsetDacl"),
        ("an owner within the head", head(4, 0, 0, 0), "OffsetOwner"),
        ("a list far behind the end", head(0, 0, 0, u32::MAX), "OffsetDacl"),
        ("a list without its size", [head(0, 0, 0, 20), acl(7, 0, &[])].concat(), "AclSize"),
        ("a size behind the end", [head(0, 0, 0, 20), acl(9999, 1, &everyone)].concat(), "entries"),
        (
            "more entries than room",
            [head(0, 0, 0, 20), acl(28, 999, &everyone)].concat(),
            "AceCount",
        ),
        (
            "an audit list that lies beside a list that is right",
            [head(0, 0, 48, 20), acl(28, 1, &everyone), acl(65_535, 9, &[])].concat(),
            "entries",
        ),
        (
            "an entry longer than its list",
            [head(0, 0, 0, 20), acl(28, 1, &[&[0, 0, 24, 0], &everyone[4..]].concat())].concat(),
            "body",
        ),
    ];
    let name = format!("{SITE}/CN=Recipients");
    for (what, octets, expected) in broken {
        let file = server.path("octets");
        std::fs::write(&file, &octets)?;
        let ldif = server.path("change.ldif");
        let text = format!(
            "dn: {RECIPIENTS}\nchangetype: modify\nreplace: bindbackSecurityDescriptor\nbindbackSecurityDescriptor:< file://{}\n",
            file.display()
        );
        std::fs::write(&ldif, text)?;
        server.client("ldapmodify", &["-f", &ldif.to_string_lossy()])?;
        let mut faults = String::new();
        until(LIMIT, what, || {
            faults = agent(organisation)?["faults"].to_string();
            let told = faults.contains("lets nobody in") && faults.contains(expected);
            Ok(told.then_some(()))
        })
        .with_context(|| format!("{what}: {faults}"))?;
        let words = ["directory", "access", Side::West.account(), "--on", &name];
        let mut access = String::new();
        // The copy that counts follows what was read a moment later.
        until(LIMIT, what, || {
            access = organisation.command(Side::East, &words)?.to_string();
            Ok((!access.contains("\"granted\":true")).then_some(()))
        })
        .with_context(|| format!("{what}: {access}"))?;
        asked(organisation)?;
    }
    let new = ["--attribute", "nTSecurityDescriptor", "--set", "O:BAG:SYD:(A;OICI;GA;;;BA)"];
    let words = [&["directory", "raw", name.as_str()][..], &new].concat();
    organisation.command(Side::East, &words)?;
    organisation.command(Side::East, &["directory", "apply"])?;
    until(LIMIT, "a descriptor that is whole again", || {
        Ok(agent(organisation)?["faults"].is_null().then_some(()))
    })
}

#[test]
fn a_hostile_ldap_server_is_told_and_stops_nothing() -> Result<()> {
    play(LIES, TOLD)
}

#[test]
#[ignore = "long; run with --full"]
fn children_and_references_without_end_are_told_and_stop_nothing() -> Result<()> {
    play(LONG_LIES, 8 * TOLD)
}
