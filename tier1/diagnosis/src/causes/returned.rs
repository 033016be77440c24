//! Mail that came back: what a server's own non-delivery reports of the last minutes say of its routes.
//!
//! Nothing is stopped then, and no queue grows: the report is all that tells. A recipient that a server does not know although it
//! serves the domain is no fault of routes, and is not told.

use std::collections::BTreeMap;

use event::{Event, id};
use finding::{Cause, Diagnosis, Evidence, Remedy};
use jiff::SignedDuration;

use crate::snapshot::{ServerFacts, Snapshot};

/// Reports that are older than this are another time's.
const RECENT: SignedDuration = SignedDuration::from_mins(10);
/// The report is a fact; that somebody has to act is likely.
const CONFIDENCE: f64 = 0.85;

/// Names of X.411's diagnostics, as event 290 has them.
const LOOP: &str = "loop-detected";
const TOO_LONG: &str = "content-too-long";
const UNKNOWN: &str = "unrecognised-OR-name";

/// What the reports of each server say.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    for server in snapshot.servers.iter().filter(|server| server.reachable) {
        let mut by_cause: BTreeMap<Cause, Vec<&Event>> = BTreeMap::new();
        for event in &server.events {
            let recent = snapshot.now.duration_since(event.time) <= RECENT;
            if event.id == id::NON_DELIVERY
                && recent
                && let Some(cause) = cause(server, event)
            {
                by_cause.entry(cause).or_default().push(event);
            }
        }
        found.extend(by_cause.into_iter().map(|(cause, events)| diagnosis(server, cause, &events)));
    }
    found
}

fn cause(server: &ServerFacts, event: &Event) -> Option<Cause> {
    match event.word("diagnostic")? {
        LOOP => Some(Cause::MessageLoopBetweenSystems),
        TOO_LONG => Some(Cause::MessageSizeLimitExceeded),
        UNKNOWN => {
            let domain = domain(event.word("recipient")?)?;
            let serves = |own: &String| own.eq_ignore_ascii_case(domain);
            let known = server.mail_domains.is_empty() || server.mail_domains.iter().any(serves);
            (!known).then_some(Cause::AddressSpaceMissing)
        }
        _ => None,
    }
}

fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

fn diagnosis(server: &ServerFacts, cause: Cause, events: &[&Event]) -> Diagnosis {
    let mut diagnosis = Diagnosis::new(cause, CONFIDENCE);
    let mut newest: Vec<&&Event> = events.iter().collect();
    newest.sort_by_key(|event| std::cmp::Reverse(event.time));
    for event in newest.iter().take(3) {
        let word = |name| event.word(name).unwrap_or_default();
        let says = format!(
            "a report went back for {}: {} ({}), at {}",
            word("recipient"),
            word("diagnostic"),
            word("last_error"),
            event.time
        );
        let source = format!("{} event {}", server.name, event.id);
        diagnosis.evidence.push(Evidence::new(source, says, CONFIDENCE));
    }
    let recipient = newest.first().and_then(|event| event.word("recipient")).unwrap_or_default();
    let domain = domain(recipient).unwrap_or(recipient);
    let (name, file) = (&server.name, server.config_path.as_deref().unwrap_or("its configuration"));
    let text = match cause {
        Cause::MessageLoopBetweenSystems => format!(
            "Decide which server has the mailboxes of {domain}. There it stands in domains of [mail]; every other server has it in domains of the table that leads there, and {name} must not send it back ({file})."
        ),
        Cause::MessageSizeLimitExceeded => format!(
            "On {name}, raise max_message_size of the way to {domain} in {file}, or tell the sender the limit: bindback route {recipient} shows the way."
        ),
        _ => format!(
            "On {name}, say in {file} where mail for {domain} goes: in domains of [mail] if its mailboxes are here, in domains of a [[peer]], or as an address space of a [[connector]]."
        ),
    };
    diagnosis.remedy.push(Remedy { text, command: None });
    diagnosis.reads.push(format!("docs/findings/{}.md", cause.slug()));
    diagnosis
}

#[cfg(test)]
mod tests {
    use event::build::{self, NonDelivery};
    use jiff::Timestamp;

    use super::*;

    fn snapshot(diagnostic: &str, recipient: &str, age: i64) -> Snapshot {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        let report = build::non_delivery(&NonDelivery {
            reason: "unable-to-transfer".into(),
            diagnostic: diagnostic.into(),
            mts_id: "EAST.1".into(),
            recipient: recipient.into(),
            ..NonDelivery::default()
        });
        let east = ServerFacts {
            name: "EAST".into(),
            reachable: true,
            mail_domains: vec!["east.demo.test".into()],
            events: vec![report.stamp(now - SignedDuration::from_secs(age), "EAST")],
            ..ServerFacts::default()
        };
        Snapshot { now, local: "EAST".into(), servers: vec![east], checks: Vec::new() }
    }

    #[test]
    fn the_diagnostic_of_a_recent_report_tells_and_an_unknown_mailbox_does_not() {
        for (diagnostic, recipient, age, cause) in [
            (LOOP, "a@lost.test", 5, Some(Cause::MessageLoopBetweenSystems)),
            (TOO_LONG, "a@lost.test", 5, Some(Cause::MessageSizeLimitExceeded)),
            (UNKNOWN, "a@lost.test", 5, Some(Cause::AddressSpaceMissing)),
            (UNKNOWN, "nobody@east.demo.test", 5, None),
            ("maximum-time-expired", "a@lost.test", 5, None),
            (LOOP, "a@lost.test", 3600, None),
        ] {
            let answer = crate::diagnose(&snapshot(diagnostic, recipient, age));
            assert_eq!(answer.diagnoses.first().map(|one| one.cause), cause, "{diagnostic}");
            assert!(!answer.undecided);
        }
    }
}
