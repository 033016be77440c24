//! The schedules of connectors: when this server opens associations to them.

use std::collections::HashMap;

use config::{Config, DialUp, Schedule};
use jiff::{SignedDuration, Timestamp};

use crate::node::Node;

/// A link that is closed, and until when.
pub type Closed = Option<Option<Timestamp>>;

/// What the queue was told last.
#[derive(Debug, Default)]
pub struct Schedules {
    told: HashMap<String, Closed>,
}

impl Schedules {
    /// Tells the queue of every link whose schedule opened or closed, or that is not there any more.
    pub fn follow(&mut self, node: &Node, now: Timestamp) {
        let config = node.config();
        let mut gone: Vec<String> = self.told.keys().cloned().collect();
        let dial_ups = config.dial_ups.iter();
        let dial_ups = dial_ups.map(|one| (one.peer.as_str(), closed_for_call(node, one, now)));
        let others = scheduled(&config).map(|(name, schedule)| (name, closed(schedule, now)));
        for (name, closed) in others.chain(dial_ups) {
            gone.retain(|known| known != name);
            if self.told.get(name).copied().flatten() != closed {
                node.queue.set_schedule(name, closed);
                self.told.insert(name.to_owned(), closed);
            }
        }
        for name in gone {
            node.queue.set_schedule(&name, None);
            self.told.remove(&name);
        }
    }
}

/// Every connector with its schedule.
fn scheduled(config: &Config) -> impl Iterator<Item = (&str, &Schedule)> {
    let connectors = config.connectors.iter().map(|one| (one.name.as_str(), &one.schedule));
    connectors.chain(config.x400.iter().map(|one| (one.name.as_str(), &one.schedule)))
}

/// The same of a dial-up connector: while a call of the peer stands the way is open, whatever the schedule says.
pub fn closed_for_call(node: &Node, connector: &DialUp, now: Timestamp) -> Closed {
    let closed = closed(&connector.schedule, now);
    closed.filter(|_| !crate::dial_up::stands(node, &connector.peer))
}

/// Whether a schedule keeps this server from calling, and until when.
pub fn closed(schedule: &Schedule, now: Timestamp) -> Closed {
    let day = now.as_second().rem_euclid(86_400);
    let minute = u16::try_from(day / 60).unwrap_or(0);
    let wait = schedule.closed(minute)?;
    let begun = Timestamp::from_second(now.as_second() - day % 60).unwrap_or(now);
    Some(wait.and_then(|minutes| begun.checked_add(SignedDuration::from_mins(minutes.into())).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_opens_on_the_minute() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let hours = Schedule::Selected(vec![(480, 720), (810, 1080)]);
        for (now, until) in [
            ("2026-03-01T07:59:59Z", Some("2026-03-01T08:00:00Z")),
            ("2026-03-01T08:00:00Z", None),
            ("2026-03-01T12:00:30Z", Some("2026-03-01T13:30:00Z")),
            ("2026-03-01T18:00:00Z", Some("2026-03-02T08:00:00Z")),
        ] {
            assert_eq!(closed(&hours, at(now)), until.map(|until| Some(at(until))), "{now}");
        }
        assert_eq!(closed(&Schedule::Always, at("2026-03-01T07:59:59Z")), None);
        assert_eq!(closed(&Schedule::Never, at("2026-03-01T07:59:59Z")), Some(None));
    }
}
