//! The end: everything gets well, nothing is left, and every promise was kept.

use jiff::SignedDuration;
use queue::{MessageId, NextHop};

use crate::Run;

impl Run {
    /// Everything gets well: after that nothing may be left.
    pub(super) fn drain(&mut self) {
        let hops =
            [NextHop::Local, NextHop::Peer("EAST".to_owned()), NextHop::Peer("WEST".to_owned())];
        for hop in &hops {
            self.queue.release(hop, self.now);
        }
        for round in 0..400 {
            let stuck: Vec<MessageId> = self.disk.keys().copied().collect();
            for id in stuck {
                self.bring(id);
                drop(self.queue.release_message(id, self.now));
                self.aside.remove(&id);
            }
            for hop in &hops {
                self.queue.hop_up(hop, self.now);
                self.take(hop.clone());
            }
            for _ in 0..10 {
                self.act();
                self.write_report();
                self.answer_commit(true);
                self.finish_work(true);
            }
            // A hold that could not be written is still to be.
            if self.queue.is_empty() && self.disk.is_empty() && self.queue.next_timeout().is_none()
            {
                break;
            }
            // A clock that was set back in between leaves deferrals far away.
            self.now += SignedDuration::from_secs(if round < 200 { 5 } else { 500 });
            self.queue.handle_timeout(self.now);
        }
        assert!(self.queue.is_empty() && self.disk.is_empty(), "seed {}: stuck", self.seed);
        assert_eq!(self.queue.next_timeout(), None, "seed {}: a timer is left", self.seed);
        self.check_strays();
    }

    /// Rows that a crash left behind are taken out once they are read; no count stays wrong by them.
    fn check_strays(&mut self) {
        self.crash();
        self.now = self.now.checked_add(SignedDuration::from_hours(10_000)).unwrap();
        for _ in 0..10 {
            self.queue.handle_timeout(self.now);
            if self.places.is_empty() && self.pending.is_empty() && self.queue.is_empty() {
                break;
            }
            for _ in 0..30 {
                self.act();
                self.answer_commit(true);
            }
        }
        let seed = self.seed;
        assert!(self.places.is_empty(), "seed {seed}: rows are left: {:?}", self.places);
        assert!(self.queue.is_empty(), "seed {seed}: {} left", self.queue.len());
    }

    pub(super) fn check_promises(&self) {
        for key in &self.accepted {
            let kept = self.done.contains(key)
                || self.reported.contains(key)
                || self.deleted.contains(&key.0);
            assert!(kept, "seed {}: lost {key:?}", self.seed);
        }
        self.check_refused();
    }

    pub(super) fn check_refused(&self) {
        for key in &self.refused {
            assert!(!self.done.contains(key), "seed {}: refused and done {key:?}", self.seed);
        }
    }
}
