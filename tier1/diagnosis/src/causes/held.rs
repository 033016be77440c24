//! A next hop that an administrator holds: no attempt is made, so that no failure shows it.

use finding::{Cause, Diagnosis, Evidence, Remedy, Stop};

use crate::shell::command;
use crate::snapshot::{QueueFacts, ServerFacts, Snapshot};

/// The state of a queue that an administrator holds.
const HELD: &str = "held";
/// The server says so itself, of itself, at this moment.
const CERTAIN: f64 = 0.97;

/// The hops that hold mail back.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let waiting = held(snapshot).filter(|(_, queue)| queue.messages > 0);
    waiting.map(|(server, queue)| of_queue(server, queue)).collect()
}

/// The hops that will hold mail back once there is some.
pub(crate) fn remarks(snapshot: &Snapshot) -> Vec<String> {
    let empty = held(snapshot).filter(|(_, queue)| queue.messages == 0);
    let remark = |(server, queue): (&ServerFacts, &QueueFacts)| {
        format!(
            "{}; mail for it will wait until it is released: {}",
            says(server, queue),
            release(server, queue)
        )
    };
    empty.map(remark).collect()
}

fn held(snapshot: &Snapshot) -> impl Iterator<Item = (&ServerFacts, &QueueFacts)> {
    let queues = snapshot
        .servers
        .iter()
        .flat_map(|server| server.queues.iter().map(move |queue| (server, queue)));
    queues.filter(|(_, queue)| queue.state == HELD)
}

fn says(server: &ServerFacts, queue: &QueueFacts) -> String {
    let since =
        queue.held.as_ref().map_or_else(String::new, |(time, who)| format!(" ({who}, at {time})"));
    format!("on {} an administrator holds {}{since}", server.name, queue.next_hop)
}

fn release(server: &ServerFacts, queue: &QueueFacts) -> String {
    let mut words = vec!["bindback", "queue", "release", queue.next_hop.as_str()];
    words.extend(server.config_path.as_deref().into_iter().flat_map(|config| ["-c", config]));
    command(&words)
}

fn of_queue(server: &ServerFacts, queue: &QueueFacts) -> Diagnosis {
    // Of all causes the one that means: nobody calls, since somebody said so.
    let mut diagnosis = Diagnosis::new(Cause::ConnectorScheduleNever, CERTAIN);
    let waiting = match queue.messages {
        1 => "1 message waits".to_owned(),
        many => format!("{many} messages wait"),
    };
    let says = says(server, queue);
    diagnosis.headline = Some(format!("{waiting}: {says}"));
    let source = format!("{} queue", server.name);
    diagnosis.evidence.push(Evidence::new(source, format!("{waiting}, and {says}"), CERTAIN));
    diagnosis.remedy.push(Remedy {
        text: format!(
            "On {}, release {}, if what it was held for is done.",
            server.name, queue.next_hop
        ),
        command: Some(release(server, queue)),
    });
    diagnosis.reads.push(format!("docs/findings/{}.md", diagnosis.cause.slug()));
    diagnosis.stops = vec![Stop { from: server.name.clone(), to: queue.next_hop.clone() }];
    diagnosis
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_hop_that_is_held_is_remarked_and_found_once_mail_waits() {
        let snapshot = |messages| {
            let queue = QueueFacts {
                next_hop: "WEST".to_owned(),
                state: HELD.to_owned(),
                messages,
                held: Some((Timestamp::UNIX_EPOCH, "root".to_owned())),
                ..QueueFacts::default()
            };
            let server = ServerFacts {
                name: "EAST".to_owned(),
                config_path: Some("/srv/east.toml".to_owned()),
                queues: vec![queue],
                ..ServerFacts::default()
            };
            Snapshot {
                now: Timestamp::UNIX_EPOCH,
                local: "EAST".to_owned(),
                servers: vec![server],
                checks: Vec::new(),
            }
        };
        let release = "bindback queue release WEST -c /srv/east.toml";
        let empty = snapshot(0);
        assert!(crate::diagnose(&empty).is_healthy());
        let remarks = crate::remarks(&empty);
        assert!(remarks[0].contains(release) && remarks[0].contains("root"), "{remarks:?}");
        let waiting = snapshot(3);
        let answer = crate::diagnose(&waiting);
        assert!(!answer.undecided);
        assert_eq!(answer.diagnoses[0].remedy[0].command.as_deref(), Some(release));
        assert!(answer.diagnoses[0].title().starts_with("3 messages wait"), "{answer:?}");
        assert!(crate::remarks(&waiting).is_empty());
    }
}
