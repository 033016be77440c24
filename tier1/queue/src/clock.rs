//! A clock that was set: everything that runs keeps the time that it still has.

use crate::config::after;
use crate::engine::Queue;
use crate::state::State;
use jiff::SignedDuration;

impl Queue {
    /// The wall clock jumped by `by`, for another reason than that the time passed. From now on `now` is in the new
    /// time; delays, lives and deferrals end when they would have ended.
    ///
    /// In memory only: what stands on disk is absolute time, as lives run on while the server is down.
    pub fn clock_was_set(&mut self, by: SignedDuration) {
        let timers = std::mem::take(&mut self.timers);
        self.timers = timers.into_iter().map(|(due, timer)| (after(due, by), timer)).collect();
        for hop in self.hops.all_mut() {
            hop.retry_at = hop.retry_at.map(|due| after(due, by));
            hop.down_since = hop.down_since.map(|since| after(since, by));
        }
        for entry in self.messages.values_mut() {
            entry.timer = entry.timer.map(|due| after(due, by));
            entry.warn_at = entry.warn_at.map(|due| after(due, by));
            let head = &mut entry.head;
            head.expires = after(head.expires, by);
            head.wishes.latest_delivery = head.wishes.latest_delivery.map(|due| after(due, by));
            head.wishes.deferred_until = head.wishes.deferred_until.map(|due| after(due, by));
            for recipient in &mut entry.recipients {
                if let State::Waiting { due } = &mut recipient.state {
                    *due = after(*due, by);
                }
            }
        }
    }
}
