//! Work out and results in: backlogs, attempts, delays, expiry.

use crate::action::{Action, Failure, Outcome, Work};
use crate::commit::Op;
use crate::config::after;
use crate::engine::{Queue, Timer};
use crate::hop::{Backlog, BacklogKey, HopIndex};
use crate::message::Clock;
use crate::name::{MessageId, NextHop};
use crate::state::{Input, State};
use crate::steps::StepKind;
use jiff::Timestamp;

/// X.411 8.3.1.2.1.10 (Non-delivery-reason-code): unable-to-transfer.
const REASON_UNABLE_TO_TRANSFER: i64 = 1;
/// X.411 8.3.1.2.1.11 (Non-delivery-diagnostic-code): maximum-time-expired.
const DIAGNOSTIC_MAXIMUM_TIME_EXPIRED: i64 = 5;
/// Longest error text that is kept, in octets: it is stored with every recipient and shown in lists.
const ERROR_LIMIT: usize = 1024;

impl Queue {
    /// The next message for this hop, urgent ones first, then the oldest; its recipients for the hop are in flight.
    /// A class that was passed over too often has its turn, so that none starves.
    ///
    /// Nothing comes out while the hop is held or waits out a delay.
    pub fn take(&mut self, hop: &NextHop, now: Timestamp) -> Option<Work> {
        let index = self.hops.find(hop)?;
        let work = self.take_by(index, Backlog::pop, now);
        if work.is_none() {
            self.hops.at_mut(index).announced = false;
        }
        work
    }

    /// The next urgent message for this hop, for an association that is kept for those.
    pub fn take_urgent(&mut self, hop: &NextHop, now: Timestamp) -> Option<Work> {
        let index = self.hops.find(hop)?;
        self.take_by(index, Backlog::pop_urgent, now)
    }

    fn take_by(
        &mut self,
        index: HopIndex,
        pop: fn(&mut Backlog) -> Option<BacklogKey>,
        now: Timestamp,
    ) -> Option<Work> {
        if !self.hops.at(index).open() {
            return None;
        }
        while let Some((_, _, id)) = pop(&mut self.hops.at_mut(index).ready) {
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
            self.refill(index);
            if !recipients.is_empty() {
                return Some(Work { id, recipients });
            }
        }
        None
    }

    /// What became of recipients in flight; late results of recipients that are not in flight count only if done.
    pub fn complete(&mut self, id: MessageId, results: Vec<(u32, Outcome)>, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let (end, clock) = entry.head.end();
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
                Outcome::Retry { error } if now >= end => {
                    (Input::Fail, Some(expired(Some(&clip(error)), clock)))
                }
                Outcome::Retry { error } => {
                    recipient.last_error = Some(clip(error));
                    let salt = id.number().rotate_left(32) ^ u64::from(number);
                    let hop = &self.hops.at(recipient.hop).name;
                    let attempts = recipient.attempts.max(1);
                    let due = after(now, self.config.transfer_delay(hop, attempts, salt));
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
        let (local, passed_on): (Vec<u32>, Vec<u32>) =
            removed.into_iter().partition(|number| self.is_local(id, *number));
        self.settle(id, local, StepKind::Delivered, now);
        self.settle(id, passed_on, StepKind::Transferred, now);
        self.note(id, noted, StepKind::Retried, now);
        self.report_failures(id, failures, now);
    }

    fn is_local(&self, id: MessageId, number: u32) -> bool {
        let recipients = self.messages.get(&id).map(|entry| &entry.recipients);
        recipients.into_iter().flatten().any(|recipient| {
            recipient.number == number && self.hops.at(recipient.hop).name == NextHop::Local
        })
    }

    /// An association broke while it carried this work: the recipients go back to the backlog. The hop itself did not
    /// fail, others may stand.
    pub fn work_lost(&mut self, work: &Work, error: &str, now: Timestamp) {
        let mut removed = Vec::new();
        if let Some(entry) = self.messages.get_mut(&work.id) {
            for number in &work.recipients {
                if let Some(recipient) = entry.recipient_mut(*number)
                    && recipient.step(Input::Return)
                {
                    recipient.last_error = Some(clip(error.to_owned()));
                    if recipient.state == State::Removing {
                        removed.push(*number);
                    }
                }
            }
        }
        self.reindex(work.id);
        self.settle(work.id, removed, StepKind::Deleted, now);
        self.expire_if_due(work.id, now);
        self.announce_hops_of(work.id);
    }

    /// A message that is not to be delivered yet waits.
    pub(crate) fn defer_if_asked(&mut self, id: MessageId, now: Timestamp) -> Option<Timestamp> {
        let entry = self.messages.get_mut(&id)?;
        let due = entry.head.wishes.deferred_until.filter(|due| *due > now)?;
        for recipient in &mut entry.recipients {
            recipient.step(Input::Defer { due });
        }
        Some(due)
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
        let mut failed = false;
        // Several attempts at once count as one failure.
        if state.retry_at.is_none() {
            state.failures = state.failures.saturating_add(1);
            let due = after(now, self.config.open_delay(&state.name, state.failures, salt));
            state.retry_at = Some(due);
            self.timers.insert((due, Timer::Hop(index)));
            failed = true;
        }
        let back: Vec<MessageId> = self.hops.at(index).flying.iter().map(|(_, id)| *id).collect();
        for id in back {
            self.give_back(id, index, now);
        }
        if failed {
            self.count_open_retry(index, now);
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
        state.down_since = None;
        if let Some(due) = state.retry_at.take() {
            self.timers.remove(&(due, Timer::Hop(index)));
        }
        let waiting: Vec<MessageId> = state.waiting.iter().map(|(_, id)| *id).collect();
        for id in waiting {
            self.end_waits(id, Some(index));
            self.expire_if_due(id, now);
        }
        self.sweep(index, true);
        self.announce(index);
    }

    /// Queues the waiting recipients of a message again, those of one hop or all; a deferral stays.
    pub(crate) fn end_waits(&mut self, id: MessageId, only: Option<HopIndex>) {
        if let Some(entry) = self.messages.get_mut(&id) {
            let deferral = entry.head.wishes.deferred_until;
            let mine = entry.recipients.iter_mut().filter(
                |recipient| !matches!(recipient.state, State::Waiting { due } if Some(due) == deferral),
            );
            for recipient in mine {
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
        let deferral = entry.head.wishes.deferred_until;
        let mut was_deferred = false;
        for recipient in &mut entry.recipients {
            if let State::Waiting { due } = recipient.state
                && due <= now
            {
                was_deferred |= Some(due) == deferral;
                recipient.step(Input::Due);
            }
        }
        if was_deferred {
            self.actions.push_back(Action::DeferralEnded { id });
        }
        self.reindex(id);
        self.expire_if_due(id, now);
        self.warn_if_due(id, now);
        self.announce_hops_of(id);
        self.park_if_full(id, now);
    }

    /// Asks once for a warning to the originator of what still waits.
    fn warn_if_due(&mut self, id: MessageId, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        if entry.warn_at.is_none_or(|warn_at| warn_at > now) {
            return;
        }
        entry.warn_at = None;
        let pending = entry.recipients.iter().filter(|recipient| recipient.is_pending());
        let recipients: Vec<u32> = pending.map(|recipient| recipient.number).collect();
        // A deferral is what the originator asked for.
        let deferred = entry.head.wishes.deferred_until.is_some_and(|due| due > now);
        let wanted = entry.is_reportable() && !deferred && !recipients.is_empty();
        entry.head.trouble.warned = true;
        self.reindex(id);
        let why = wanted.then_some(StepKind::Warned);
        self.start(Op::Head { id, why }, now);
        if wanted {
            self.actions.push_back(Action::Delayed { id, recipients });
        }
    }

    /// At the end of a message's life every recipient that is not in flight fails.
    pub(crate) fn expire_if_due(&mut self, id: MessageId, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        let (end, clock) = entry.head.end();
        if now < end || entry.is_hopeless() {
            return;
        }
        let mut failures = Vec::new();
        for recipient in &mut entry.recipients {
            if recipient.step(Input::Expire) {
                let hop_error = &self.hops.at(recipient.hop).last_error;
                let failure = expired(hop_error.as_ref().or(recipient.last_error.as_ref()), clock);
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
            for (number, failure) in &failures {
                if let Some(recipient) = entry.recipient_mut(*number) {
                    recipient.failure = Some(Box::new(failure.clone()));
                }
            }
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
        self.settle(id, numbers, StepKind::Discarded, now);
    }

    /// Starts the removal that follows from steps.
    pub(crate) fn settle(
        &mut self,
        id: MessageId,
        mut removed: Vec<u32>,
        why: StepKind,
        now: Timestamp,
    ) {
        if !removed.is_empty() {
            removed.sort_unstable();
            self.start_removal(id, removed, why, now);
        }
    }

    /// Writes down what changed of recipients that stay.
    pub(crate) fn note(
        &mut self,
        id: MessageId,
        mut numbers: Vec<u32>,
        why: StepKind,
        now: Timestamp,
    ) {
        if !numbers.is_empty() {
            numbers.sort_unstable();
            self.start(Op::Note { id, numbers, why }, now);
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
        self.settle(id, removed, StepKind::Deleted, now);
        self.expire_if_due(id, now);
    }
}

fn permanent(reason: i64, diagnostic: Option<i64>, error: String) -> Failure {
    Failure { reason, diagnostic, error: clip(error), ended: None }
}

fn expired(last_error: Option<&String>, clock: Clock) -> Failure {
    Failure {
        reason: REASON_UNABLE_TO_TRANSFER,
        diagnostic: Some(DIAGNOSTIC_MAXIMUM_TIME_EXPIRED),
        error: last_error
            .cloned()
            .unwrap_or_else(|| "the time to deliver it has run out".to_owned()),
        ended: Some(clock),
    }
}

fn clip(mut text: String) -> String {
    if text.len() > ERROR_LIMIT {
        text.truncate(text.floor_char_boundary(ERROR_LIMIT));
    }
    text
}
