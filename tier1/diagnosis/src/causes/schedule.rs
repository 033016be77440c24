//! Mail that waits because the schedule of its connector is closed: no attempt is made, so that no failure shows it.
//!
//! A schedule that never opens for this server stops its mail. One that is closed for now is as somebody configured it: that is told
//! as a check that went well, with the time at which the mail goes, and is nothing wrong.

use finding::{Cause, Check, CheckResult, Diagnosis, Evidence, Remedy, Stop};

use crate::snapshot::{QueueFacts, ServerFacts, Snapshot};

/// The state of a queue whose link is closed by its schedule.
const SCHEDULED: &str = "scheduled";
/// The check that tells of one that opens again.
pub const SCHEDULE_CHECK: &str = "schedule";
/// The server says so itself, of itself, at this moment, and nothing will change that.
const NEVER: f64 = 0.97;

/// Every queue of a snapshot's servers that waits for a schedule that never opens.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let never = held(snapshot)
        .filter(|(server, queue)| queue.next_attempt.is_none() && !is_called(server, queue));
    never.map(|(server, queue)| of_queue(server, queue)).collect()
}

/// Every queue of a snapshot's servers that waits until its schedule opens, or until the other side calls.
pub(crate) fn checks(snapshot: &Snapshot) -> Vec<Check> {
    let closed = held(snapshot).filter_map(|(server, queue)| {
        let (waiting, hop) = (waiting(queue), &queue.next_hop);
        let detail = match queue.next_attempt {
            _ if is_called(server, queue) => format!(
                "{waiting} for {hop}, which calls this server and not the reverse; the mail goes with its next call"
            ),
            Some(opens) => format!(
                "{waiting} for {hop}, which is closed by its schedule until {opens}; the mail goes by itself then"
            ),
            None => return None,
        };
        Some(Check {
            check: SCHEDULE_CHECK.to_owned(),
            from: server.name.clone(),
            target: queue.next_hop.clone(),
            result: CheckResult::Ok,
            detail,
            ms: 0,
        })
    });
    closed.collect()
}

fn held(snapshot: &Snapshot) -> impl Iterator<Item = (&ServerFacts, &QueueFacts)> {
    let queues = snapshot
        .servers
        .iter()
        .flat_map(|server| server.queues.iter().map(move |queue| (server, queue)));
    queues.filter(|(_, queue)| queue.state == SCHEDULED && queue.messages > 0)
}

/// Whether the other side dials, so that mail for it waits for its call.
fn is_called(server: &ServerFacts, queue: &QueueFacts) -> bool {
    server.dial_ups.iter().any(|one| {
        one.peer.eq_ignore_ascii_case(&queue.next_hop) && one.schedule == "remote-initiated"
    })
}

fn waiting(queue: &QueueFacts) -> String {
    match queue.messages {
        1 => "1 message waits".to_owned(),
        many => format!("{many} messages wait"),
    }
}

fn of_queue(server: &ServerFacts, queue: &QueueFacts) -> Diagnosis {
    let hop = &queue.next_hop;
    let text = format!(
        "Set the schedule of the connector {hop} to \"always\", or to hours, in {} on {}, and let the server read it (SIGHUP); \
         where it is \"remote-initiated\" the other side has to call.",
        server.config_path.as_deref().unwrap_or("its configuration"),
        server.name
    );
    let mut diagnosis = Diagnosis::new(Cause::ConnectorScheduleNever, NEVER);
    diagnosis.evidence.push(Evidence::new(
        format!("{} queue", server.name),
        format!("{} for {hop}, and its schedule never lets this server call", waiting(queue)),
        NEVER,
    ));
    diagnosis.remedy.push(Remedy { text, command: None });
    diagnosis.reads.push(format!("docs/findings/{}.md", diagnosis.cause.slug()));
    diagnosis.stops = vec![Stop { from: server.name.clone(), to: hop.clone() }];
    diagnosis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::east;

    #[test]
    fn mail_that_a_schedule_holds_is_named_with_the_time_at_which_it_goes() {
        let queue = |state: &str, messages, next_attempt| QueueFacts {
            next_hop: "hub".to_owned(),
            state: state.to_owned(),
            messages,
            next_attempt,
            ..QueueFacts::default()
        };
        let answer = |queue| east::answer(queue, Vec::new());
        assert!(answer(queue("scheduled", 0, None)).diagnoses.is_empty(), "nothing is held");
        assert!(answer(queue("ready", 7, None)).diagnoses.is_empty());
        let never = answer(queue("scheduled", 7, None));
        let best = &never.diagnoses[0];
        assert_eq!((best.cause, best.confidence), (Cause::ConnectorScheduleNever, NEVER));
        let says = "7 messages wait for hub, and its schedule never lets this server call";
        assert_eq!(best.evidence[0].says, says);
        assert!(best.remedy[0].text.contains("/srv/east.toml"));
        assert!(!never.undecided && never.checks.is_empty());

        let opens = Some("2026-03-01T08:00:00Z".parse().unwrap());
        let closed = answer(queue("scheduled", 1, opens));
        assert!(closed.is_healthy(), "all is as it was configured: {closed:?}");
        let says = "1 message waits for hub, which is closed by its schedule until 2026-03-01T08:00:00Z; the mail goes by \
                    itself then";
        assert_eq!(closed.checks[0].detail, says);
    }
}
