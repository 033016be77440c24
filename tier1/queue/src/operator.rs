//! What an operator or a new route does to the queue.

use crate::action::QueueError;
use crate::commit::Op;
use crate::engine::Queue;
use crate::name::{MessageId, NextHop};
use crate::state::{Input, State};
use crate::steps::StepKind;
use jiff::Timestamp;

impl Queue {
    /// Stops handing out work for a hop; what is in flight goes on, lives run on. It outlasts a restart.
    pub fn hold(&mut self, hop: &NextHop, now: Timestamp) {
        let index = self.hop_index(hop);
        let state = self.hops.at_mut(index);
        state.held = true;
        state.announced = false;
        self.start(Op::Hold { index }, now);
    }

    /// Ends a hold.
    pub fn release(&mut self, hop: &NextHop, now: Timestamp) {
        let index = self.hop_index(hop);
        self.hops.at_mut(index).held = false;
        self.start(Op::Hold { index }, now);
        self.announce(index);
    }

    /// The schedule of a link closed or opened: while it is closed nothing is announced for its hops, so that no
    /// association is opened for them; one that stands may go on. `closed` holds until when, where that is known.
    pub fn set_schedule(&mut self, link: &str, closed: Option<Option<Timestamp>>) {
        for index in self.hops.set_closed(link, closed) {
            self.hops.at_mut(index).announced = false;
            self.announce(index);
        }
    }

    /// Whether the schedule of a hop's link is closed, and until when if that is known.
    #[must_use]
    pub fn closed(&self, hop: &NextHop) -> Option<Option<Timestamp>> {
        self.hops.closed(hop)
    }

    /// Tries a message now: its own delays and those of its hops are over.
    ///
    /// # Errors
    /// The message is not in the queue.
    pub fn retry(&mut self, id: MessageId, now: Timestamp) -> Result<(), QueueError> {
        self.check_accepted(id)?;
        self.end_waits(id, None);
        self.expire_if_due(id, now);
        for index in self.hops_of(id) {
            self.hops.at_mut(index).announced = false;
            self.reset_delays(index, now);
        }
        Ok(())
    }

    /// Removes a message without a report; recipients in flight end with their attempt, whatever comes of it.
    ///
    /// [`Action::Finished`](crate::Action::Finished) follows once nothing is left.
    ///
    /// # Errors
    /// The message is not in the queue.
    pub fn delete(&mut self, id: MessageId, now: Timestamp) -> Result<(), QueueError> {
        self.check_accepted(id)?;
        let mut removed = Vec::new();
        if let Some(entry) = self.messages.get_mut(&id) {
            for recipient in &mut entry.recipients {
                if recipient.step(Input::End) && recipient.state == State::Removing {
                    removed.push(recipient.number);
                }
            }
        }
        self.reindex(id);
        self.settle(id, removed, StepKind::Deleted, now);
        Ok(())
    }

    /// Sends the named recipients that are not in flight another way; their delays are over.
    ///
    /// # Errors
    /// The message is not in the queue.
    pub fn set_next_hop(
        &mut self,
        id: MessageId,
        recipients: &[u32],
        hop: &NextHop,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        self.check_accepted(id)?;
        let index = self.hop_index(hop);
        let failures_ever = self.hops.at(index).failures_ever;
        self.unindex(id);
        let mut noted = Vec::new();
        if let Some(entry) = self.messages.get_mut(&id) {
            for number in recipients {
                let Some(recipient) = entry.recipient_mut(*number) else {
                    continue;
                };
                recipient.step(Input::Due);
                if recipient.state == State::Queued && recipient.hop != index {
                    recipient.hop = index;
                    recipient.hop_base = failures_ever;
                    noted.push(*number);
                }
            }
        }
        self.reindex(id);
        self.note(id, noted, StepKind::Rerouted, now);
        self.announce_hops_of(id);
        Ok(())
    }

    /// A message whose acceptance is not durable yet does not exist for an operator.
    pub(crate) fn check_accepted(&self, id: MessageId) -> Result<(), QueueError> {
        self.messages
            .get(&id)
            .filter(|entry| entry.is_accepted())
            .map(|_| ())
            .ok_or(QueueError::UnknownMessage { id })
    }
}
