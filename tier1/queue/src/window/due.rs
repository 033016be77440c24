//! What is due for parked messages, and how the stored times follow a clock that is set.

use super::{CHUNK, Load};
use crate::action::Action;
use crate::config::after;
use crate::engine::{Queue, Timer};
use crate::name::MessageId;
use jiff::{SignedDuration, Timestamp};

impl Queue {
    /// Something is due for a parked message, not before this time.
    pub(super) fn note_parked_due(&mut self, due: Timestamp) {
        if self.parked_due.is_some_and(|known| known <= due) {
            return;
        }
        if let Some(known) = self.parked_due.replace(due) {
            self.timers.remove(&(known, Timer::Parked));
        }
        if !self.loading_due {
            self.timers.insert((due, Timer::Parked));
        }
    }

    /// Asks for the parked messages that something is due for, as long as those that came before are dealt with.
    pub(crate) fn ask_due(&mut self, now: Timestamp) {
        let window = self.config.window.max(2);
        if self.loading_due || self.due_busy.len() > window {
            return;
        }
        let Some(due) = self.parked_due.filter(|due| *due <= now) else {
            return;
        };
        self.timers.remove(&(due, Timer::Parked));
        self.loading_due = true;
        let until = later_by(now, -self.least_shift());
        let limit = window.min(CHUNK);
        self.actions.push_back(Action::Load(Load::Due { after: self.due_after, until, limit }));
    }

    /// A message that was due is dealt with.
    pub(crate) fn due_done(&mut self, id: MessageId) {
        let window = self.config.window.max(2);
        if self.due_busy.remove(&id)
            && self.due_busy.len() == window
            && let Some(due) = self.parked_due
            && !self.loading_due
        {
            // The timer may have rung while too many were busy.
            self.timers.insert((due, Timer::Parked));
        }
    }

    /// By how much the clock was set since a message was stored.
    pub(crate) fn shift_of(&self, id: MessageId) -> SignedDuration {
        let jumps = self.jumps.iter().filter(|(last, _)| id <= *last);
        jumps.fold(SignedDuration::ZERO, |sum, (_, by)| sum.saturating_add(*by))
    }

    /// The least of these of all messages.
    pub(super) fn least_shift(&self) -> SignedDuration {
        let (mut sum, mut least) = (SignedDuration::ZERO, SignedDuration::ZERO);
        for (_, by) in self.jumps.iter().rev() {
            sum = sum.saturating_add(*by);
            least = least.min(sum);
        }
        least
    }

    /// The clock was set: what the store holds of the messages so far is in the old time.
    pub(crate) fn shift_parked(&mut self, by: SignedDuration) {
        self.jumps.push((self.last_id, by));
        self.due_after = None;
        // Rather too early than too late.
        if let Some(due) = self.parked_due.take() {
            self.timers.retain(|(_, timer)| *timer != Timer::Parked);
            self.note_parked_due(later_by(due, by.min(SignedDuration::ZERO)));
        }
    }
}

pub(super) fn later_by(time: Timestamp, by: SignedDuration) -> Timestamp {
    after(time, by)
}
