//! Servers, organisation and site whose names are beyond ASCII: mail both ways over RPC, commands, the doctor, and the form in X.400.

use anyhow::{Context, Result, ensure};
use conformance::{Organisation, Plan, Side};

use super::{LIMIT, RECOVERY, stage};

/// With a combining mark, and of characters that no code page of the West has.
const EAST: &str = "Ko\u{308}ln-ß";
const WEST: &str = "東京";
const SITE: &str = "/O=Müller & Söhne/OU=Größe";

fn plan() -> Plan {
    let quoted = |name: &str| format!("'{name}'");
    Plan::default()
        .with("server", "organisation", &quoted("Müller & Söhne"))
        .with("server", "x400_organisation", "'Mueller'")
        .with("server", "site", &quoted("Größe"))
        .with_on(Side::East, "server", "name", &quoted(EAST))
        .with_on(Side::West, "server", "name", &quoted(WEST))
}

fn east(organisation: &Organisation, words: &[&str]) -> Result<serde_json::Value> {
    organisation.command(Side::East, words).with_context(|| format!("{words:?}"))
}

/// Claims: 25.
#[test]
fn servers_with_names_beyond_ascii_exchange_mail_and_are_administered() -> Result<()> {
    let mut stage = stage(&plan())?;
    let _servers = stage.organisation.start_both()?;
    stage.send_both("names")?;
    stage.arrived(LIMIT)?;
    let ltab = east(&stage.organisation, &["ltab"])?;
    let rows = ltab["entries"].as_array().context("entries")?;
    ensure!(!rows.is_empty() && rows.iter().all(|row| row["peer"] == WEST), "{ltab}");
    let mta = format!("{SITE}/CN=Configuration/CN=Servers/CN={EAST}/CN=Microsoft MTA");
    let shown = east(&stage.organisation, &["directory", "show", &mta])?;
    ensure!(shown["objects"][0]["class"] == "mta", "{shown}");

    // Refused, seen on screen with the names as they are, put right.
    stage.quiet()?;
    let account = Side::West.account();
    east(&stage.organisation, &["account", "disable", account])?;
    stage.send_both("meanwhile")?;
    conformance::until(LIMIT, "the refusal", || {
        let queues = east(&stage.organisation, &["queue", "list"])?.to_string();
        Ok((queues.contains(WEST) && queues.contains("account-disabled")).then_some(()))
    })?;
    let refused = east(&stage.organisation, &["events", "--id", "9318"])?;
    let newest = refused["events"].as_array().and_then(|all| all.last()).context("no event")?;
    ensure!(newest["server"] == EAST, "{newest}");
    let text = newest["text"].as_str().unwrap_or_default();
    ensure!(text.contains(&format!("Remote Server Name {WEST}")), "{text}");
    east(&stage.organisation, &["account", "enable", account])?;
    stage.arrived(RECOVERY)?;

    // What other X.400 systems see is of ASCII.
    let held = ["queue", "hold", WEST];
    east(&stage.organisation, &held)?;
    stage.send_both("kept")?;
    let folder = stage.organisation.root().join("queue");
    east(&stage.organisation, &["queue", "export", &folder.to_string_lossy()])?;
    let mut octets = Vec::new();
    for file in std::fs::read_dir(&folder)? {
        let path = file?.path();
        // The list beside them is this program's own.
        if path.extension().is_none_or(|kind| kind != "jsonl") {
            octets.extend(std::fs::read(&path)?);
        }
    }
    let has = |text: &str| octets.windows(text.len()).any(|part| part == text.as_bytes());
    ensure!(has("xn--Koln--pqa189a"), "no name in X.400's form");
    ensure!(!has(EAST) && has("Mueller"), "a name beyond ASCII in X.400");
    east(&stage.organisation, &["queue", "release", WEST])?;
    stage.arrived(LIMIT)
}
