//! Those who take what is sent: they answer, late, twice or never.

use queue::{NextHop, Outcome, Work};

use crate::{Key, Run};

impl Run {
    pub(super) fn take(&mut self, hop: NextHop) {
        let Some(work) = self.queue.take(&hop, self.now) else {
            return;
        };
        for number in &work.recipients {
            let key = (work.id, *number);
            if self.done.contains(&key) {
                assert!(self.tainted.contains(&key), "seed {}: done again {key:?}", self.seed);
                self.repeated += 1;
            }
            assert!(!self.reported.contains(&key), "seed {}: reported, then tried", self.seed);
            assert!(self.disk.contains_key(&work.id), "seed {}: tried before durable", self.seed);
            assert!(!self.aside.contains(&work.id), "seed {}: tried though aside", self.seed);
        }
        self.flying.push((hop, work));
    }

    pub(super) fn finish_work(&mut self, always_done: bool) {
        let Some(at) = self.pick(self.flying.len()) else {
            return;
        };
        let (_, work) = self.flying.swap_remove(at);
        if !always_done && self.draw(8) == 0 {
            self.answer_astray(work);
            return;
        }
        let mut results = Vec::new();
        for number in work.recipients {
            let outcome = match self.draw(10) {
                0..=5 => Outcome::Done,
                _ if always_done => Outcome::Done,
                6..=7 => Outcome::Retry { error: "busy".to_owned() },
                _ => Outcome::Fail { reason: 1, diagnostic: None, error: "no".to_owned() },
            };
            if outcome == Outcome::Done {
                self.done.insert((work.id, number));
            }
            results.push((number, outcome));
        }
        self.queue.complete(work.id, results, self.now);
    }

    /// The peer took a message, and its answer is lost, comes late, or comes twice.
    fn answer_astray(&mut self, work: Work) {
        let done: Vec<(u32, Outcome)> =
            work.recipients.iter().map(|number| (*number, Outcome::Done)).collect();
        let keys: Vec<Key> = work.recipients.iter().map(|number| (work.id, *number)).collect();
        self.done.extend(keys.iter().copied());
        self.astray += 1;
        match self.draw(3) {
            // Lost with the association: it goes out again, and the peer knows it by its identifier.
            0 => {
                self.tainted.extend(keys);
                self.queue.work_lost(&work, "cut before the answer", self.now);
            }
            // Late: the association was given up, and the answer comes after all.
            1 => {
                self.tainted.extend(keys);
                self.queue.work_lost(&work, "cut before the answer", self.now);
                self.late.push((work.id, done));
            }
            // Twice.
            _ => {
                self.queue.complete(work.id, done.clone(), self.now);
                self.queue.complete(work.id, done, self.now);
            }
        }
    }

    /// An answer of an association that was given up arrives.
    pub(super) fn hear_late(&mut self) {
        if let Some(at) = self.pick(self.late.len()) {
            let (id, done) = self.late.swap_remove(at);
            self.bring(id);
            // It may be going out again at this moment; what comes of that counts no more.
            self.queue.complete(id, done, self.now);
        }
    }
}
