//! Mail that waits because the schedule of its connector is closed: no attempt is made, so that no failure shows it.

use finding::{Cause, Diagnosis, Evidence, Remedy, Stop};

use crate::snapshot::{QueueFacts, ServerFacts, Snapshot};

/// The state of a queue whose link is closed by its schedule.
const SCHEDULED: &str = "scheduled";
/// The server says so itself, of itself, at this moment, and nothing will change that.
const NEVER: f64 = 0.97;
/// The same, and it opens by itself: as a rule that is meant.
const CLOSED: f64 = 0.6;

/// Every queue of a snapshot's servers that waits for its schedule.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let queues = snapshot
        .servers
        .iter()
        .flat_map(|server| server.queues.iter().map(move |queue| (server, queue)));
    let held = queues.filter(|(_, queue)| queue.state == SCHEDULED && queue.messages > 0);
    held.map(|(server, queue)| of_queue(server, queue)).collect()
}

fn of_queue(server: &ServerFacts, queue: &QueueFacts) -> Diagnosis {
    let (hop, file) = (&queue.next_hop, server.config_path.as_deref());
    let file = file.unwrap_or("its configuration");
    let called = server
        .dial_ups
        .iter()
        .any(|one| one.peer.eq_ignore_ascii_case(hop) && one.schedule == "remote-initiated");
    let (weight, when, text) = match queue.next_attempt {
        _ if called => (
            CLOSED,
            "lets it wait for a call of the other side".to_owned(),
            format!(
                "Nothing, if {hop} calls often enough: the mail goes with its next call. Else see on {hop} why it does not, \
                 or let {} dial itself (schedule and dial in its [[dial_up]] table in {file}).",
                server.name
            ),
        ),
        Some(opens) => (
            CLOSED,
            format!("is closed until {opens}"),
            format!(
                "Nothing, if the hours are meant so: the mail goes by itself at {opens}. Else give the connector {hop} other \
                 hours in {file}, and let the server read it (SIGHUP)."
            ),
        ),
        None => (
            NEVER,
            "never lets this server call".to_owned(),
            format!(
                "Set the schedule of the connector {hop} to \"always\", or to hours, in {file} on {}, and let the server \
                 read it (SIGHUP); where it is \"remote-initiated\" the other side has to call.",
                server.name
            ),
        ),
    };
    let waiting = match queue.messages {
        1 => "1 message waits".to_owned(),
        many => format!("{many} messages wait"),
    };
    let mut diagnosis = Diagnosis::new(Cause::ConnectorScheduleNever, weight);
    diagnosis.evidence.push(Evidence::new(
        format!("{} queue", server.name),
        format!("{waiting} for {hop}, and its schedule {when}"),
        weight,
    ));
    diagnosis.remedy.push(Remedy { text, command: None });
    diagnosis.reads.push(format!("docs/findings/{}.md", diagnosis.cause.slug()));
    diagnosis.stops = vec![Stop { from: server.name.clone(), to: hop.clone() }];
    diagnosis
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn mail_that_a_schedule_holds_is_named_with_the_time_at_which_it_goes() {
        let queue = |state: &str, messages, next_attempt| QueueFacts {
            next_hop: "hub".to_owned(),
            state: state.to_owned(),
            messages,
            next_attempt,
            ..QueueFacts::default()
        };
        let answer = |queue| {
            let server = ServerFacts {
                name: "EAST".to_owned(),
                config_path: Some("/srv/east.toml".to_owned()),
                queues: vec![queue],
                ..ServerFacts::default()
            };
            crate::diagnose(&Snapshot {
                now: Timestamp::UNIX_EPOCH,
                local: "EAST".to_owned(),
                servers: vec![server],
                checks: Vec::new(),
            })
        };
        assert!(answer(queue("scheduled", 0, None)).diagnoses.is_empty(), "nothing is held");
        assert!(answer(queue("ready", 7, None)).diagnoses.is_empty());
        let opens = Some("2026-03-01T08:00:00Z".parse().unwrap());
        for (opens, confidence, says) in [
            (None, NEVER, "7 messages wait for hub, and its schedule never lets this server call"),
            (
                opens,
                CLOSED,
                "7 messages wait for hub, and its schedule is closed until 2026-03-01T08:00:00Z",
            ),
        ] {
            let answer = answer(queue("scheduled", 7, opens));
            let best = &answer.diagnoses[0];
            assert_eq!((best.cause, best.confidence), (Cause::ConnectorScheduleNever, confidence));
            assert_eq!(best.evidence[0].says, says);
            assert!(best.remedy[0].text.contains("/srv/east.toml"));
            assert!(!answer.undecided);
        }
    }
}
