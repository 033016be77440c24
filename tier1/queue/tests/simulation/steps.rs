//! What is asked of the queue, and what becomes of the actions that it answers with.

use jiff::SignedDuration;
use queue::{
    Action, Kind, MessageId, NewMessage, NewRecipient, NextHop, Priority, Queue, Ticket, Work,
};

use crate::{Key, Run};

impl Run {
    pub(super) fn step(&mut self) {
        match self.draw(100) {
            0..15 => self.submit(),
            15..45 => self.act(),
            45..62 => self.answer_commit(true),
            62..65 => self.answer_commit(false),
            65..77 => {
                let hop = self.any_hop();
                self.take(hop);
            }
            77..87 => self.finish_work(false),
            87..92 => self.trouble(),
            92..98 => self.pass_time(),
            _ if self.crashes_by_chance => self.crash(),
            _ => {}
        }
    }

    fn submit(&mut self) {
        let id = self.queue.next_id();
        let count = u32::try_from(1 + self.draw(3)).unwrap();
        let recipients: Vec<NewRecipient> = (0..count).map(|n| self.recipient(n)).collect();
        let keys = (0..count).map(|number| (id, number)).collect();
        self.tickets.insert(id.number(), keys);
        let priority = match self.draw(3) {
            0 => Priority::Urgent,
            1 => Priority::Normal,
            _ => Priority::NonUrgent,
        };
        let message = self.message(id, Kind::Message, priority, recipients);
        let mut message = message;
        if self.draw(8) == 0 {
            let later = i64::try_from(self.draw(300)).unwrap();
            message.wishes.deferred_until = Some(self.now + SignedDuration::from_secs(later));
        }
        if self.draw(8) == 0 {
            let latest = i64::try_from(self.draw(300)).unwrap();
            message.wishes.latest_delivery = Some(self.now + SignedDuration::from_secs(latest));
        }
        self.queue.accept(message, Ticket(id.number()), self.now);
    }

    fn recipient(&mut self, number: u32) -> NewRecipient {
        let next_hop = self.any_hop();
        NewRecipient { number, address: String::new(), next_hop, report_wanted: true }
    }

    fn message(
        &self,
        id: MessageId,
        kind: Kind,
        priority: Priority,
        recipients: Vec<NewRecipient>,
    ) -> NewMessage {
        NewMessage {
            id,
            kind,
            mts_id: String::new(),
            message_id_header: None,
            originator: String::new(),
            priority,
            submitted: self.now,
            expires: self.queue.expires(priority, self.now),
            wishes: queue::Wishes::default(),
            size: 1,
            recipients,
            envelope: Vec::new(),
            content: [].into(),
            seen: Vec::new(),
        }
    }

    /// Carries out one action.
    pub(super) fn act(&mut self) {
        match self.queue.poll_action() {
            None => {}
            Some(Action::Commit { batch, writes, .. }) => self.pending.push((batch, writes)),
            Some(Action::Accepted { ticket }) => {
                let keys = self.tickets.remove(&ticket.0).unwrap();
                let message = keys[0].0;
                assert!(
                    self.disk.contains_key(&message),
                    "seed {}: told before durable",
                    self.seed
                );
                self.accepted.extend(keys);
            }
            Some(Action::Refused { ticket, .. }) => {
                let keys = self.tickets.remove(&ticket.0).unwrap();
                assert!(!self.disk.contains_key(&keys[0].0), "seed {}", self.seed);
                self.refused.extend(keys);
                self.refusals += 1;
            }
            Some(Action::Ready { hop }) => self.take(hop),
            Some(Action::ReportNeeded { id, failures }) => {
                let numbers = failures.iter().map(|(number, _)| *number).collect();
                self.reports_needed.push((id, numbers));
            }
            Some(Action::ReportDiscarded { id, .. }) => {
                assert!(
                    self.reports.contains_key(&id),
                    "seed {}: a message is discarded",
                    self.seed
                );
            }
            Some(Action::Load(load)) => {
                self.load(&load);
                // It is no step of its own.
                self.act();
            }
            Some(Action::RetriesUsedUp { hop, work }) => self.go_another_way(&hop, work),
            Some(Action::Delayed { id, .. }) => {
                assert!(self.warned.insert(id), "seed {}: warned twice {id}", self.seed);
            }
            // It may have been released before this was heard.
            Some(Action::SetAside { id, .. }) if self.is_aside(id) => {
                self.set_aside += 1;
                self.aside.insert(id);
            }
            Some(
                Action::SetAside { .. }
                | Action::DeferralBegan { .. }
                | Action::DeferralEnded { .. },
            ) => {}
            Some(Action::Finished { id }) => {
                assert!(!self.disk.contains_key(&id), "seed {}: finished on disk", self.seed);
            }
        }
        if self.draw(3) == 0 {
            self.write_report();
        }
    }

    /// The attempts to open a link are used up: half goes another way, half comes back.
    fn go_another_way(&mut self, hop: &NextHop, work: Vec<Work>) {
        self.used_up += 1;
        for work in work {
            self.bring(work.id);
            if self.draw(2) == 0 {
                let other = self.any_hop();
                drop(self.queue.set_next_hop(work.id, &work.recipients, &other, self.now));
            } else {
                let failure = Queue::retries_used_up(Some(&format!("no way to {hop}")));
                let failures = work.recipients.iter().map(|n| (*n, failure.clone())).collect();
                self.queue.fail(work.id, failures, self.now);
            }
        }
    }

    pub(super) fn write_report(&mut self) {
        let Some((id, numbers)) = self.reports_needed.pop() else {
            return;
        };
        let report_id = self.queue.next_id();
        let recipient = self.recipient(0);
        let report = self.message(report_id, Kind::Report, Priority::Normal, vec![recipient]);
        let keys: Vec<Key> = numbers.iter().map(|number| (id, *number)).collect();
        self.reports.insert(report_id, keys);
        self.queue.report_created(id, &numbers, Some(report), self.now).unwrap();
    }

    pub(super) fn operate(&mut self, hop: &NextHop) {
        let known: Vec<MessageId> = self.disk.keys().copied().collect();
        let Some(at) = self.pick(known.len()) else {
            return;
        };
        let id = known[at];
        self.bring(id);
        // The engine may refuse what it does not hold; the promises are checked all the same.
        match self.draw(5) {
            4 => {
                if self.queue.release_message(id, self.now) == Ok(true) {
                    self.aside.remove(&id);
                }
            }
            0 => {
                if self.queue.delete(id, self.now).is_ok() {
                    self.deleted.insert(id);
                }
            }
            1 => drop(self.queue.retry(id, self.now)),
            _ => drop(self.queue.set_next_hop(id, &[0, 1], hop, self.now)),
        }
    }

    fn is_aside(&self, id: MessageId) -> bool {
        self.queue.record(id).is_some_and(|record| record.head.trouble.aside.is_some())
    }

    fn pass_time(&mut self) {
        let due = self.queue.next_timeout();
        let seconds = i64::try_from(self.draw(100)).unwrap();
        let somewhat = self.now + SignedDuration::from_secs(seconds);
        self.now = match due {
            Some(due) if self.draw(2) == 0 => due.max(self.now),
            _ => somewhat,
        };
        self.queue.handle_timeout(self.now);
    }
}
