//! Links: how many associations a backlog is worth, and when the attempts to open one are used up.

use crate::action::{Action, Failure, Work};
use crate::config::Profile;
use crate::engine::Queue;
use crate::hop::HopIndex;
use crate::message::Clock;
use crate::name::{MessageId, NextHop};
use crate::state::State;
use crate::window::Position;
use jiff::{SignedDuration, Timestamp};

/// X.411 8.3.1.2.1.10 (Non-delivery-reason-code): transfer-failure.
const REASON_TRANSFER_FAILURE: i64 = 0;

/// X.411 8.3.1.2.1.11 (Non-delivery-diagnostic-code): transfer-attempts-limit-reached.
const DIAGNOSTIC_ATTEMPTS: i64 = 49;

/// How many associations the backlog of a hop is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// For all mail: one, and a further one for each threshold of messages, up to the limit.
    pub general: u32,
    /// One more, for urgent mail alone.
    pub urgent: bool,
    /// The backlog is worth more than the limit allows.
    pub limited: bool,
}

impl Queue {
    /// What the backlog of a hop is worth now; nothing while it is held or waits out a delay.
    #[must_use]
    pub fn demand(&self, hop: &NextHop) -> Demand {
        let Some(index) = self.hops.find(hop) else {
            return Demand::default();
        };
        let state = self.hops.at(index);
        if !state.open() || state.closed.is_some() {
            return Demand::default();
        }
        let link = self.config.link(hop);
        let (all, urgent) = state.backlog();
        let rest = all - urgent;
        let threshold = usize::try_from(link.threshold).unwrap_or(usize::MAX).max(1);
        let worth = u32::try_from(rest.div_ceil(threshold)).unwrap_or(u32::MAX);
        let most = link.associations.saturating_sub(link.reserved).max(1);
        Demand {
            general: worth.min(most),
            urgent: urgent > 0 && link.reserved > 0,
            limited: worth > most,
        }
    }

    /// The failure of recipients whose link could not be opened, for [`Queue::fail`].
    #[must_use]
    pub fn retries_used_up(last_error: Option<&str>) -> Failure {
        Failure {
            reason: REASON_TRANSFER_FAILURE,
            diagnostic: Some(DIAGNOSTIC_ATTEMPTS),
            error: last_error.unwrap_or("the next server could not be reached").to_owned(),
            ended: Some(Clock::OpenRetries),
        }
    }

    /// After a failure: whether the attempts to open this link are used up. If so, everything that waits for it is
    /// handed out to go another way or come back, whatever its priority, and the attempts count anew.
    pub(crate) fn count_open_retry(&mut self, index: HopIndex, now: Timestamp) {
        let state = self.hops.at_mut(index);
        let since = *state.down_since.get_or_insert(now);
        let failures = state.failures;
        let name = state.name.clone();
        let link = self.config.link(&name);
        let Some(retries) = link.open_retries else {
            return;
        };
        let used_up = match self.config.profile {
            // The first failure is no retry.
            Profile::Classic => failures > retries,
            Profile::Growth => {
                let interval = i64::from(link.open_interval_s);
                let budget = SignedDuration::from_secs(i64::from(retries).saturating_mul(interval));
                now.duration_since(since) >= budget
            }
        };
        if !used_up {
            return;
        }
        let state = self.hops.at_mut(index);
        state.down_since = None;
        state.failures = 0;
        let work = self.all_waiting(index);
        if !work.is_empty() {
            self.actions.push_back(Action::RetriesUsedUp { hop: name, work });
        }
        // What is in the store alone follows, piece by piece.
        self.sweep(index, false);
    }

    /// Everything in memory that waits for a hop, with the recipients that do.
    fn all_waiting(&self, index: HopIndex) -> Vec<Work> {
        let state = self.hops.at(index);
        let ready = state.ready.iter().map(|(_, _, id)| *id);
        let waiting = state.waiting.iter().map(|(_, id): &Position| *id);
        let mut ids: Vec<MessageId> = ready.chain(waiting).collect();
        ids.sort_unstable();
        ids.dedup();
        self.work_of(index, ids.into_iter())
    }

    /// Those of the named messages that wait for a hop, with the recipients that do.
    pub(crate) fn work_of(
        &self,
        index: HopIndex,
        ids: impl Iterator<Item = MessageId>,
    ) -> Vec<Work> {
        let work = ids.filter_map(|id| {
            let entry = self.messages.get(&id).filter(|entry| !entry.is_aside())?;
            let recipients: Vec<u32> = entry
                .recipients
                .iter()
                .filter(|recipient| recipient.hop == index)
                .filter(|r| matches!(r.state, State::Queued | State::Waiting { .. }))
                .map(|recipient| recipient.number)
                .collect();
            (!recipients.is_empty()).then_some(Work { id, recipients })
        });
        work.collect()
    }
}
