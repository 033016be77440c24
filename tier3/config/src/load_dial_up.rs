//! From `[[dial_up]]` to its type.

use crate::document::{Checked, Source, TableReader};
use crate::fault::FaultKind;
use crate::load_x400::schedule;
use crate::model_dial_up::DialUp;
use crate::model_x400::Schedule;

/// Reads one dial-up connector.
pub(crate) fn dial_up(table: &TableReader<'_>, source: &Source) -> Checked<DialUp> {
    let command = |name| table.optional(name)?.map(|found| found.command()).transpose();
    let text = |name| table.optional(name)?.map(|found| found.text()).transpose();
    let (dial, hang_up) = (command("dial")?, command("hang_up")?);
    let lock_file = table.optional("lock_file")?.map(|found| found.path()).transpose()?;
    // Both ends may send on a link that either of them dialled.
    let schedule = schedule(table, source, "dial_up", true)?;
    let conflict = |key: &str, what: String, way_out: &str| {
        Err(source.fault(table.at_key(key), FaultKind::Conflict, what, way_out.to_owned()))
    };
    let calls = matches!(schedule, Schedule::Always | Schedule::Selected(_));
    match (&dial, calls) {
        (None, true) => {
            let what = "dial_up.dial is missing, and this server is to dial".to_owned();
            let way_out = "write `dial = [\"pppd\", \"call\", \"west\", \"updetach\"]` and `hang_up = [\"poff\", \"west\"]`, or `schedule = \"remote-initiated\"` where the peer dials";
            return Err(source.fault(
                table.at_key("schedule"),
                FaultKind::Missing,
                what,
                way_out.to_owned(),
            ));
        }
        (Some(_), false) if schedule == Schedule::RemoteInitiated => {
            return conflict(
                "dial",
                "dial_up.dial is of no use with schedule \"remote-initiated\": the peer dials"
                    .to_owned(),
                "remove dial and hang_up, or write another schedule",
            );
        }
        (None, false) if hang_up.is_some() => {
            return conflict(
                "hang_up",
                "dial_up.hang_up has no dial beside it".to_owned(),
                "add dial, or remove hang_up",
            );
        }
        _ => {}
    }
    let found = DialUp {
        peer: table.value("peer")?.text()?,
        dial: dial.unwrap_or_default(),
        hang_up,
        interface: text("interface")?,
        device: text("device")?,
        lock_file,
        dial_timeout: table.value("dial_timeout_s")?.seconds()?,
        tries: table.value("tries")?.integer()?,
        redial: table.value("redial_s")?.seconds()?,
        open_interval: table.value("open_interval_s")?.seconds()?,
        open_retries: table.value("open_retries")?.integer()?,
        idle: table.value("idle_s")?.seconds()?,
        longest_call: table.value("longest_call_s")?.seconds()?,
        schedule,
    };
    if found.idle >= found.longest_call {
        return conflict(
            "idle_s",
            format!(
                "dial_up.idle_s: {} is as long as longest_call_s, so that every call would be cut and none hung up",
                found.idle.as_secs()
            ),
            "make idle_s shorter or longest_call_s longer",
        );
    }
    Ok(found)
}
