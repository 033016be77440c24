//! Work out and results in: backlogs, attempts, delays, expiry.

use crate::action::{Action, Failure, Outcome, Work};
use crate::commit::Op;
use crate::config::after;
use crate::engine::{Queue, Timer};
use crate::hop::HopIndex;
use crate::name::{MessageId, NextHop};
use crate::state::{Input, State};
use jiff::Timestamp;

/// X.411 8.3.1.2.1.10 (Non-delivery-reason-code): unable-to-transfer.
const REASON_UNABLE_TO_TRANSFER: i64 = 1;
/// X.411 8.3.1.2.1.11 (Non-delivery-diagnostic-code): maximum-time-expired.
const DIAGNOSTIC_MAXIMUM_TIME_EXPIRED: i64 = 5;
/// Longest error text that is kept, in octets: it is stored with every recipient and shown in lists.
const ERROR_LIMIT: usize = 1024;

impl Queue {
    /// The next message for this hop, urgent ones first, then the oldest; its recipients for the hop are in flight.
    ///
    /// Nothing comes out while the hop is held or waits out a delay.
    pub fn take(&mut self, hop: &NextHop, now: Timestamp) -> Option<Work> {
        let index = self.hops.find(hop)?;
        if !self.hops.at(index).open() {
            return None;
        }
        while let Some((_, _, id)) = self.hops.at_mut(index).ready.pop_first() {
            // The timer may be late; what has expired does not go out any more.
            self.expire_if_due(id, now);
            let mut recipients = Vec::new();
            if let Some(entry) = self.messages.get_mut(&id) {
                for recipient in entry.recipients.iter_mut().filter(|r| r.hop == index) {
                    if recipient.step(Input::Take) {
                        recipient.attempts = recipient.attempts.saturating_add(1);
                        recipients.push(recipient.number);
                    }
                }
            }
            self.reindex(id);
            if !recipients.is_empty() {
                return Some(Work { id, recipients });
            }
        }
        self.hops.at_mut(index).announced = false;
        None
    }

    /// What became of recipients in flight; late results of recipients that are not in flight count only if done.
    pub fn complete(&mut self, id: MessageId, results: Vec<(u32, Outcome)>, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let expires = entry.head.expires;
        let mut removed = Vec::new();
        let mut noted = Vec::new();
        let mut failures = Vec::new();
        for (number, outcome) in results {
            let Some(recipient) = entry.recipient_mut(number) else {
                continue;
            };
            let was_flying = matches!(recipient.state, State::InFlight | State::Doomed);
            if !was_flying && outcome != Outcome::Done {
                continue;
            }
            let (input, failure) = match outcome {
                Outcome::Done => (Input::Done, None),
                Outcome::Fail { reason, diagnostic, error } => {
                    (Input::Fail, Some(permanent(reason, diagnostic, error)))
                }
                Outcome::Retry { error } if now >= expires => {
                    (Input::Fail, Some(expired(Some(&clip(error)))))
                }
                Outcome::Retry { error } => {
                    recipient.last_error = Some(clip(error));
                    let salt = id.number().rotate_left(32) ^ u64::from(number);
                    let delay = self.config.retry.delay(recipient.attempts.max(1), salt);
                    let due = after(now, delay);
                    (Input::Retry { due }, None)
                }
            };
            if !recipient.step(input) {
                continue;
            }
            match (recipient.state, failure) {
                (State::Removing, _) => removed.push(number),
                (State::Failed, Some(failure)) => {
                    recipient.last_error = Some(failure.error.clone());
                    failures.push((number, failure));
                }
                _ => noted.push(number),
            }
        }
        self.reindex(id);
        self.settle(id, removed, noted, now);
        self.report_failures(id, failures, now);
    }

    /// Recipients fail for good without an attempt, as when routing finds nothing for them.
    ///
    /// May follow [`Queue::accept`] at once: it then takes effect when the message is durable.
    pub fn fail(&mut self, id: MessageId, failures: Vec<(u32, Failure)>, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let mut failed = Vec::new();
        for (number, mut failure) in failures {
            failure.error = clip(failure.error);
            let Some(recipient) = entry.recipient_mut(number) else {
                continue;
            };
            if recipient.state == State::Committing {
                entry.early_failures.push((number, failure));
            } else if recipient.state != State::InFlight && recipient.step(Input::Fail) {
                recipient.last_error = Some(failure.error.clone());
                failed.push((number, failure));
            }
        }
        self.reindex(id);
        self.report_failures(id, failed, now);
    }

    /// An association stands: delays of the hop are over and its failures forgotten.
    pub fn hop_up(&mut self, hop: &NextHop, now: Timestamp) {
        let index = self.hop_index(hop);
        let state = self.hops.at_mut(index);
        state.up = true;
        state.last_error = None;
        self.reset_delays(index, now);
    }

    /// The association was closed in good order, for want of work.
    pub fn hop_closed(&mut self, hop: &NextHop, _now: Timestamp) {
        let index = self.hop_index(hop);
        let state = self.hops.at_mut(index);
        state.up = false;
        state.announced = false;
        self.announce(index);
    }

    /// An association could not be opened or broke: the hop waits, what was in flight goes back to the backlog.
    pub fn hop_failed(&mut self, hop: &NextHop, error: String, now: Timestamp) {
        let index = self.hop_index(hop);
        let salt = u64::try_from(index).unwrap_or(u64::MAX);
        let state = self.hops.at_mut(index);
        state.up = false;
        state.announced = false;
        state.failures_ever = state.failures_ever.saturating_add(1);
        state.last_error = Some(clip(error));
        // Several attempts at once count as one failure.
        if state.retry_at.is_none() {
            state.failures = state.failures.saturating_add(1);
            let due = after(now, self.config.retry.delay(state.failures, salt));
            state.retry_at = Some(due);
            self.timers.insert((due, Timer::Hop(index)));
        }
        let back: Vec<MessageId> = self.hops.at(index).flying.iter().copied().collect();
        for id in back {
            self.give_back(id, index, now);
        }
    }

    /// The cause of a failure was mended: delays of the hop are over at once and its failures forgotten.
    pub fn wake(&mut self, hop: &NextHop, now: Timestamp) {
        let index = self.hop_index(hop);
        self.hops.at_mut(index).announced = false;
        self.reset_delays(index, now);
    }

    /// Ends the delays of a hop and of the recipients that wait for it.
    pub(crate) fn reset_delays(&mut self, index: HopIndex, now: Timestamp) {
        let state = self.hops.at_mut(index);
        state.failures = 0;
        if let Some(due) = state.retry_at.take() {
            self.timers.remove(&(due, Timer::Hop(index)));
        }
        let waiting: Vec<MessageId> = state.waiting.iter().copied().collect();
        for id in waiting {
            self.end_waits(id, Some(index));
            self.expire_if_due(id, now);
        }
        self.announce(index);
    }

    /// Queues the waiting recipients of a message again, those of one hop or all.
    pub(crate) fn end_waits(&mut self, id: MessageId, only: Option<HopIndex>) {
        if let Some(entry) = self.messages.get_mut(&id) {
            for recipient in &mut entry.recipients {
                if only.is_none_or(|index| recipient.hop == index) {
                    recipient.step(Input::Due);
                }
            }
        }
        self.reindex(id);
    }

    /// The message's timer ran out: recipients whose delay is over are queued, or all fail when its life is over.
    pub(crate) fn message_due(&mut self, id: MessageId, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        entry.timer = None;
        for recipient in &mut entry.recipients {
            if let State::Waiting { due } = recipient.state
                && due <= now
            {
                recipient.step(Input::Due);
            }
        }
        self.reindex(id);
        self.expire_if_due(id, now);
        self.announce_hops_of(id);
    }

    /// At the end of a message's life every recipient that is not in flight fails.
    pub(crate) fn expire_if_due(&mut self, id: MessageId, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        if now < entry.head.expires {
            return;
        }
        let mut failures = Vec::new();
        for recipient in &mut entry.recipients {
            if recipient.step(Input::Expire) {
                let hop_error = &self.hops.at(recipient.hop).last_error;
                let failure = expired(hop_error.as_ref().or(recipient.last_error.as_ref()));
                failures.push((recipient.number, failure));
            }
        }
        self.reindex(id);
        self.report_failures(id, failures, now);
    }

    /// Asks for a report; a report's own failures just end it.
    fn report_failures(&mut self, id: MessageId, failures: Vec<(u32, Failure)>, now: Timestamp) {
        if failures.is_empty() {
            return;
        }
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        if entry.is_reportable() {
            self.actions.push_back(Action::ReportNeeded { id, failures });
            return;
        }
        let mut numbers = Vec::new();
        for (number, _) in &failures {
            if let Some(recipient) = entry.recipient_mut(*number)
                && recipient.step(Input::End)
            {
                numbers.push(*number);
            }
        }
        self.actions.push_back(Action::ReportDiscarded { id, failures });
        self.settle(id, numbers, Vec::new(), now);
    }

    /// Starts the commits that follow from steps.
    pub(crate) fn settle(
        &mut self,
        id: MessageId,
        mut removed: Vec<u32>,
        mut noted: Vec<u32>,
        now: Timestamp,
    ) {
        if !removed.is_empty() {
            removed.sort_unstable();
            self.start_removal(id, removed, now);
        }
        if !noted.is_empty() {
            noted.sort_unstable();
            self.start(Op::Note { id, numbers: noted }, now);
        }
    }

    /// What was in flight to a broken hop is queued again, or ends where that was asked for.
    fn give_back(&mut self, id: MessageId, index: HopIndex, now: Timestamp) {
        let hop = self.hops.at(index);
        let (failures_ever, error) = (hop.failures_ever, hop.last_error.clone());
        let mut removed = Vec::new();
        if let Some(entry) = self.messages.get_mut(&id) {
            for recipient in entry.recipients.iter_mut().filter(|r| r.hop == index) {
                if !recipient.step(Input::Return) {
                    continue;
                }
                // Its own attempt and the failure of the hop are one.
                recipient.hop_base = failures_ever;
                recipient.last_error.clone_from(&error);
                if recipient.state == State::Removing {
                    removed.push(recipient.number);
                }
            }
        }
        self.reindex(id);
        self.settle(id, removed, Vec::new(), now);
        self.expire_if_due(id, now);
    }
}

fn permanent(reason: i64, diagnostic: Option<i64>, error: String) -> Failure {
    Failure { reason, diagnostic, error: clip(error), expired: false }
}

fn expired(last_error: Option<&String>) -> Failure {
    Failure {
        reason: REASON_UNABLE_TO_TRANSFER,
        diagnostic: Some(DIAGNOSTIC_MAXIMUM_TIME_EXPIRED),
        error: last_error
            .cloned()
            .unwrap_or_else(|| "the time to deliver it has run out".to_owned()),
        expired: true,
    }
}

fn clip(mut text: String) -> String {
    if text.len() > ERROR_LIMIT {
        text.truncate(text.floor_char_boundary(ERROR_LIMIT));
    }
    text
}
