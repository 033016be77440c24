//! The dial-up connector between real servers on hosts of their own (network namespaces): the line is the wire between
//! them, which EAST's dial command sets up and its hang-up command down. The test reaches both hosts over other wires.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::Program;
use conformance::{Letter, Network, Organisation, Plan, Process, Side, one_object, skip, until};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(90);
/// Longest run of a set of scenarios, each of which takes a quarter of a minute.
const SCENARIOS: Duration = Duration::from_secs(600);
/// Octets of a message that takes the wire, which carries 4 Mbit/s, some seconds.
const LARGE: usize = 3_000_000;

struct Lab {
    organisation: Organisation,
    scripts: TempDir,
    east: Option<Process>,
    _west: Process,
}

impl Lab {
    /// Both servers, and the line down; `None` where there can be no hosts.
    fn start(name: &str, keys: &str) -> Result<Option<Self>> {
        if let Some(why_not) = Network::why_not() {
            skip(name, &why_not);
            return Ok(None);
        }
        let scripts = tempfile::Builder::new().prefix("bbdial").tempdir()?;
        let at = |name: &str| scripts.path().join(name).display().to_string();
        let east = format!(
            "\n[[dial_up]]\npeer = 'WEST'\ndial = ['{}', 'west']\nhang_up = ['{}']\ninterface = 'wire'\n{keys}",
            at("dial"),
            at("hang-up")
        );
        let west = "\n[[dial_up]]\npeer = 'EAST'\nschedule = 'remote-initiated'\nidle_s = 8\n";
        // The test and the other server call from addresses that are no loopback ones.
        let anybody = "['127.0.0.0/8', '10.0.0.0/8']";
        let plan = Plan::default()
            .with("smtp", "allow", anybody)
            .with("smtp", "relay", anybody)
            .with("rpc", "allow", anybody)
            .with("rpc", "call_timeout_s", "10")
            .with_more(Side::East, east)
            .with_more(Side::West, west.to_owned());
        let organisation = Organisation::make_on(&plan, Network::make()?)?;
        let [own, other] = Side::BOTH.map(|side| organisation.address(side));
        let route =
            format!("ip link set wire up && ip route replace {other}/32 dev wire src {own}");
        script(scripts.path(), "dial", &route)?;
        script(scripts.path(), "hang-up", "ip link set wire down")?;
        network(&organisation)?.run_on(Side::East, "ip link set wire down")?;
        let (west, east) = (organisation.start(Side::West)?, organisation.start(Side::East)?);
        Ok(Some(Self { organisation, scripts, east: Some(east), _west: west }))
    }

    /// What was asked of the modem.
    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.scripts.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn hand_in(&self, from: Side, subject: &str, size: usize) -> Result<()> {
        let text = "seventy octets of text in each line, so that nothing has to be folded..\r\n";
        let text = text.repeat(size / text.len() + 1);
        let letter = Letter::plain(&from.user(), &from.other().user(), subject, &text);
        letter
            .hand_in(self.organisation.smtp(from))
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(())
    }

    /// Events of a server, once there are any of this number.
    fn told(&self, side: Side, id: u32) -> Result<Vec<Value>> {
        until(PATIENCE, &format!("event {id} of {}", side.name()), || {
            let events = self.events(side, id)?;
            Ok((!events.is_empty()).then_some(events))
        })
    }

    /// How often mail of this subject arrived.
    fn copies(&self, at: Side, subject: &str) -> Result<usize> {
        let mail = self.organisation.maildir(at).read()?;
        Ok(mail.iter().filter(|one| one.header("Subject").as_deref() == Some(subject)).count())
    }

    /// Events of a server, with their codes.
    fn events(&self, side: Side, id: u32) -> Result<Vec<Value>> {
        let events = self.organisation.events(side)?;
        Ok(events.into_iter().filter(|event| event["id"] == id).collect())
    }

    fn until_arrived(&self, at: Side, subject: &str) -> Result<()> {
        until(PATIENCE, &format!("{subject} at {}", at.name()), || {
            Ok((self.copies(at, subject)? > 0).then_some(()))
        })
    }

    fn until_hung_up(&self) -> Result<()> {
        until(PATIENCE, "the line hung up", || {
            let down = !wire(&self.organisation)?.contains("state UP");
            Ok(down.then_some(()))
        })
    }

    /// Waits until a call stands and the large message is on its way.
    fn until_under_way(&self, calls: usize) -> Result<()> {
        until(PATIENCE, "a call that stands", || {
            Ok((self.events(Side::East, 20040)?.len() >= calls).then_some(()))
        })?;
        let sent = || -> Result<u64> {
            let wire = network(&self.organisation)?;
            let text = wire.run_on(Side::East, "cat /sys/class/net/wire/statistics/tx_bytes")?;
            Ok(text.trim().parse()?)
        };
        let before = sent()?;
        until(PATIENCE, "a transfer under way", || Ok((sent()? > before + 200_000).then_some(())))
    }
}

fn network(organisation: &Organisation) -> Result<&Network> {
    organisation.network().context("the servers have hosts")
}

fn wire(organisation: &Organisation) -> Result<String> {
    network(organisation)?.run_on(Side::East, "ip -br link show wire").map(|text| {
        // `ip -br` prints the state as the second word.
        let state = text.split_whitespace().nth(1).unwrap_or_default();
        format!("state {state}")
    })
}

fn script(folder: &Path, name: &str, body: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let (file, log) = (folder.join(name), folder.join("log"));
    std::fs::write(&file, format!("#!/bin/sh\necho {name} \"$@\" >> {}\n{body}\n", log.display()))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Claims: 18.
#[test]
fn mail_waits_the_line_is_dialled_both_sides_send_and_it_is_hung_up() -> Result<()> {
    let name = "mail_waits_the_line_is_dialled_both_sides_send_and_it_is_hung_up";
    // Long enough that no pause of a busy machine ends the call.
    let Some(lab) = Lab::start(name, "idle_s = 8\nopen_interval_s = 1\n")? else { return Ok(()) };
    lab.hand_in(Side::West, "from-west", 100)?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(lab.asked().is_empty(), "nothing waits where it is dialled: {:?}", lab.asked());
    let waits = lab.organisation.command(Side::West, &["queue", "list"])?;
    let row =
        &waits["queues"].as_array().context("queues")?.iter().find(|row| row["next_hop"] == "EAST");
    let row = row.context("EAST")?;
    ensure!(row["line"] == "waiting for a call of the peer" && row["messages"] == 1, "{waits}");
    // One call carries all of them: it is made once all are there.
    lab.organisation.command(Side::East, &["queue", "hold", "WEST"])?;
    for number in 0..5 {
        lab.hand_in(Side::East, &format!("from-east-{number}"), 2000)?;
    }
    ensure!(lab.asked().is_empty(), "held mail makes no call: {:?}", lab.asked());
    lab.organisation.command(Side::East, &["queue", "release", "WEST"])?;
    lab.until_arrived(Side::East, "from-west")?;
    for number in 0..5 {
        lab.until_arrived(Side::West, &format!("from-east-{number}"))?;
    }
    lab.until_hung_up()?;
    let over = lab.told(Side::East, 20041)?;
    ensure!(lab.asked() == ["dial west", "hang-up"], "{:?}", lab.asked());
    // Bind and bind-back stood for an association of each direction, over the addresses of the line.
    let table = lab.organisation.command(Side::East, &["ltab"])?;
    let rows = table["entries"].as_array().context("entries")?;
    for direction in ["out", "in"] {
        let row = rows.iter().find(|row| row["direction"] == direction).context(direction)?;
        ensure!(row["bind"] == "bound" && row["bind_back"] == "bound", "{row}");
        ensure!(row["state"] == "closed" && row["messages"].as_u64() > Some(0), "{row}");
    }
    ensure!(over.len() == 1, "{over:?}");
    ensure!(over[0]["params"]["reason"] == "nothing crossed for 8 s", "{}", over[0]);
    for number in 0..5 {
        ensure!(lab.copies(Side::West, &format!("from-east-{number}"))? == 1);
    }
    Ok(())
}

/// Claims: 18.
#[test]
fn a_line_that_is_cut_in_the_middle_of_a_transfer_loses_and_doubles_nothing() -> Result<()> {
    let name = "a_line_that_is_cut_in_the_middle_of_a_transfer_loses_and_doubles_nothing";
    let Some(lab) = Lab::start(name, "idle_s = 2\nopen_interval_s = 1\n")? else { return Ok(()) };
    lab.hand_in(Side::East, "large", LARGE)?;
    for calls in 1..=2 {
        lab.until_under_way(calls)?;
        network(&lab.organisation)?.run_on(Side::East, "ip link set wire down")?;
        until(PATIENCE, "an event of the lost line", || {
            let told = lab.events(Side::East, 9311)?;
            ensure!(told.iter().all(|event| event["params"]["code"] == 629), "{told:?}");
            Ok((told.len() >= calls).then_some(()))
        })?;
        ensure!(lab.copies(Side::West, "large")? == 0, "it was not on its way any more");
    }
    lab.until_arrived(Side::West, "large")?;
    lab.until_hung_up()?;
    lab.organisation.until_empty(PATIENCE)?;
    ensure!(lab.copies(Side::West, "large")? == 1);
    Ok(())
}

/// Claims: 18.
#[test]
fn a_server_that_dies_during_a_call_leaves_no_line_standing_and_loses_nothing() -> Result<()> {
    let name = "a_server_that_dies_during_a_call_leaves_no_line_standing_and_loses_nothing";
    let Some(mut lab) = Lab::start(name, "idle_s = 2\nopen_interval_s = 1\n")? else {
        return Ok(());
    };
    lab.hand_in(Side::East, "large", LARGE)?;
    lab.until_under_way(1)?;
    lab.east.take().context("EAST")?.kill()?;
    lab.until_hung_up()?;
    ensure!(lab.asked() == ["dial west", "hang-up"], "its guard hangs up: {:?}", lab.asked());
    lab.east = Some(lab.organisation.start(Side::East)?);
    lab.until_arrived(Side::West, "large")?;
    lab.organisation.until_empty(PATIENCE)?;
    ensure!(lab.copies(Side::West, "large")? == 1);
    lab.until_hung_up()
}

/// Claims: 19.
#[test]
fn without_a_matching_account_the_dialling_server_logs_9318_and_289_and_the_dialled_one_9322()
-> Result<()> {
    let name =
        "without_a_matching_account_the_dialling_server_logs_9318_and_289_and_the_dialled_one_9322";
    let Some(lab) = Lab::start(name, "idle_s = 2\nopen_interval_s = 600\n")? else { return Ok(()) };
    lab.organisation.command(Side::East, &["account", "remove", Side::West.account()])?;
    lab.hand_in(Side::East, "waits", 100)?;
    until(PATIENCE, "the retry timer", || {
        Ok((!lab.events(Side::East, 301)?.is_empty()).then_some(()))
    })?;
    let codes = |event: &Value| {
        let of = |name: &str| event["params"][name].as_u64();
        (of("code"), of("comms"), of("bind"))
    };
    let bind = lab.events(Side::East, 9318)?;
    ensure!(bind.len() == 1 && codes(&bind[0]) == (Some(5), Some(5), Some(5)), "{bind:?}");
    let not_opened = lab.events(Side::East, 289)?;
    ensure!(not_opened.len() == 1 && codes(&not_opened[0]).0 == Some(5), "{not_opened:?}");
    let back = lab.told(Side::West, 9322)?;
    ensure!(back.len() == 1 && codes(&back[0]) == (Some(5), Some(5), Some(0)), "{back:?}");
    lab.until_hung_up()?;
    ensure!(lab.asked() == ["dial west", "hang-up"], "one call, and no more: {:?}", lab.asked());
    ensure!(lab.organisation.waiting(Side::East)? == 1, "the mail is kept");
    Ok(())
}

/// Plays scenarios of the laboratory; each must be named first, be cured, and cost nothing.
fn all_well(name: &str, chosen: &str) -> Result<()> {
    let listed = one_object(&Program::find()?.run(["lab", "list", "--json"])?.stdout)?;
    let scenarios = listed["scenarios"].as_array().context("scenarios")?;
    let one = scenarios.iter().find(|one| one["name"] == "ras-line-busy").context("listed")?;
    if let Some(why_not) = one["why_not"].as_str() {
        skip(name, why_not);
        return Ok(());
    }
    let words = ["lab", "matrix", "--json", "--only", chosen, "--healthy", "0", "--pairs", "0"];
    let output = Program::find()?.run_within(SCENARIOS, words)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = one_object(&output.stdout).with_context(|| said.clone())?;
    let results = report["results"].as_array().context("results")?;
    ensure!(results.len() == chosen.split(',').count(), "{said}");
    for result in results {
        for key in ["stopped", "right", "recovered"] {
            ensure!(result[key] == true, "{key}: {result}\n{said}");
        }
        ensure!(result["lost"] == 0 && result["duplicated"] == 0, "{result}\n{said}");
        ensure!(result["problems"] == serde_json::json!([]), "{result}\n{said}");
    }
    Ok(())
}

/// Claims: 18.
#[test]
fn calls_that_do_not_come_about_are_named_first_and_cured() -> Result<()> {
    all_well(
        "calls_that_do_not_come_about_are_named_first_and_cured",
        "ras-device-busy,ras-line-busy,ras-phonebook-entry-wrong,ras-no-answer,ras-peer-silent,\
         ras-dial-command-missing,ras-default-gateway",
    )
}

/// Two untrusted domains and one line: what keeps them apart is told apart, and no Domain Admins are needed.
///
/// Claims: 19, 20, 21, 22.
#[test]
fn accounts_of_two_untrusted_domains_over_a_line_are_told_apart_and_cured() -> Result<()> {
    all_well(
        "accounts_of_two_untrusted_domains_over_a_line_are_told_apart_and_cured",
        "dial-up-no-matching-account,dial-up-no-override-on-the-caller,\
         dial-up-override-password-wrong,dial-up-role-missing-on-organisation,\
         dial-up-role-missing-on-site,dial-up-role-missing-on-configuration,\
         dial-up-logon-right-missing",
    )
}
