//! Messages that crash or stall whoever processes them: counted, and set aside when it happens again.

use crate::action::{Action, QueueError};
use crate::commit::Op;
use crate::engine::Queue;
use crate::name::MessageId;
use crate::state::{Input, State, Turn};
use crate::steps::StepKind;
use jiff::Timestamp;

/// A message that crashed or stalled processing so often is set aside. Once can be bad luck, such as a kill at the wrong
/// moment; the second time it is the message.
pub const CRASHES: u32 = 2;

impl Queue {
    /// Processing this message crashed or stalled: it goes back to the backlog, or is set aside with `evidence`.
    ///
    /// # Errors
    /// The message is not in the queue.
    pub fn crashed(
        &mut self,
        id: MessageId,
        evidence: &str,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        self.check_accepted(id)?;
        let Some(entry) = self.messages.get_mut(&id) else {
            return Ok(());
        };
        let trouble = &mut entry.head.trouble;
        trouble.crashes = trouble.crashes.saturating_add(1);
        if trouble.crashes >= CRASHES && entry.turn(Turn::SetAside) {
            entry.head.trouble.aside = Some(evidence.to_owned());
            self.actions.push_back(Action::SetAside { id, evidence: evidence.to_owned() });
        }
        let mut removed = Vec::new();
        for recipient in &mut entry.recipients {
            recipient.last_error = Some(evidence.to_owned());
            if recipient.step(Input::Return) && recipient.state == State::Removing {
                removed.push(recipient.number);
            }
        }
        self.reindex(id);
        let why = self.messages.get(&id).filter(|entry| entry.is_aside());
        let why = why.map(|_| StepKind::SetAside);
        self.start(Op::Head { id, why }, now);
        self.settle(id, removed, StepKind::Deleted, now);
        self.announce_hops_of(id);
        Ok(())
    }

    /// Lets a message that was set aside go on; its crashes are forgotten.
    ///
    /// # Errors
    /// The message is not in the queue.
    pub fn release_message(&mut self, id: MessageId, now: Timestamp) -> Result<bool, QueueError> {
        self.check_accepted(id)?;
        let Some(entry) = self.messages.get_mut(&id) else {
            return Ok(false);
        };
        if !entry.turn(Turn::Release) {
            return Ok(false);
        }
        entry.head.trouble.aside = None;
        entry.head.trouble.crashes = 0;
        self.reindex(id);
        self.start(Op::Head { id, why: Some(StepKind::Released) }, now);
        self.announce_hops_of(id);
        Ok(true)
    }
}
