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
        self.shift_parked(by);
        for hop in self.hops.all_mut() {
            let waits = std::mem::take(&mut hop.waits);
            hop.waits = waits.into_iter().map(|(due, id)| (after(due, by), id)).collect();
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
            for (_, waits) in &mut entry.indexed {
                *waits = waits.map(|due| after(due, by));
            }
            for placed in
                entry.stale.iter_mut().chain(&mut entry.replaced).chain([&mut entry.placed])
            {
                placed.due = placed.due.map(|due| after(due, by));
            }
            for recipient in &mut entry.recipients {
                recipient.disk_due = recipient.disk_due.map(|due| due.map(|due| after(due, by)));
                if let State::Waiting { due } = &mut recipient.state {
                    *due = after(*due, by);
                }
            }
        }
    }
}
