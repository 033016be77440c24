//! What goes wrong: links that break, messages that stall, clocks that are set, and the death of the process.

use jiff::SignedDuration;
use queue::Queue;

use crate::{Run, config};

impl Run {
    pub(super) fn trouble(&mut self) {
        let hop = self.any_hop();
        match self.draw(13) {
            11 | 12 => self.hear_late(),
            8 => self.lose_work(),
            9 => self.crash_on_work(),
            10 => {
                let by = SignedDuration::from_secs(i64::try_from(self.draw(4000)).unwrap() - 2000);
                self.now += by;
                self.queue.clock_was_set(by);
            }
            0..=2 => {
                self.flying.retain(|(other, _)| *other != hop);
                self.queue.hop_failed(&hop, "cut".to_owned(), self.now);
            }
            3 => self.queue.hop_up(&hop, self.now),
            4 => self.queue.wake(&hop, self.now),
            5 => self.queue.hold(&hop, self.now),
            6 => self.queue.release(&hop, self.now),
            _ => self.operate(&hop),
        }
    }

    /// One of several associations to a hop breaks.
    fn lose_work(&mut self) {
        if let Some(at) = self.pick(self.flying.len()) {
            let (_, work) = self.flying.swap_remove(at);
            self.queue.work_lost(&work, "cut", self.now);
        }
    }

    /// A message stalls whoever processes it.
    fn crash_on_work(&mut self) {
        if let Some(at) = self.pick(self.flying.len()) {
            let (_, work) = self.flying.swap_remove(at);
            self.flying.retain(|(_, other)| other.id != work.id);
            for _ in 0..=self.draw(2) {
                drop(self.queue.crashed(work.id, "stalled", self.now));
            }
        }
    }

    /// The process dies: of the commits under way the first ones may have reached the disk.
    pub(super) fn crash(&mut self) {
        let reached = self.pick(self.pending.len() + 1).unwrap_or(0);
        self.crash_with(reached);
    }

    pub(super) fn crash_with(&mut self, reached: usize) {
        self.crashes += 1;
        let pending = std::mem::take(&mut self.pending);
        for (_, writes) in pending.into_iter().take(reached) {
            self.write(&writes);
        }
        self.flying.clear();
        self.late.clear();
        self.warned.clear();
        self.aside.clear();
        self.reports_needed.clear();
        // Nobody heard an answer to these.
        self.tickets.clear();
        // Numbers that never reached the disk are given out again.
        let last_id = self.last_id;
        self.reports.retain(|report, _| *report <= last_id);
        self.check_refused();
        self.refused.retain(|(message, _)| *message <= last_id);
        for record in self.disk.values() {
            let id = record.head.id;
            for recipient in &record.recipients {
                if self.done.contains(&(id, recipient.number)) {
                    self.tainted.insert((id, recipient.number));
                }
            }
        }
        self.queue = Queue::new(config(self.seed));
        self.queue.restore_holds(self.holds.clone());
        self.queue.restore_parked(self.holdings(), self.last_id, self.now);
    }
}
