//! Commits: what is written for each step, and what follows when it is durable or failed.
//!
//! An operation is kept until its answer comes, not its writes: those are made anew for every attempt from the state
//! at that time, so that a late second attempt never brings back what was removed in between.

use crate::action::{Action, Failure, Haste, QueueError, Write};
use crate::config::after;
use crate::engine::{Entry, Queue, Recipient, Timer};
use crate::hop::HopIndex;
use crate::message::{MessageHead, MessageRecord, NewMessage, RecipientRecord, StoredMessage};
use crate::name::{BatchId, MessageId, Ticket};
use crate::state::{Input, Phase, State, Turn};
use crate::steps::{Step, StepKind};
use jiff::{SignedDuration, Timestamp};

/// A step that has to become durable.
#[derive(Debug)]
pub(crate) enum Op {
    /// A message comes in.
    Accept { id: MessageId, ticket: Ticket, seen: Vec<String> },
    /// Recipients are done with, `why` says how; `whole` when their commit removes the message too.
    Remove { id: MessageId, numbers: Vec<u32>, why: StepKind, whole: bool },
    /// A report takes the place of failed recipients.
    Report {
        id: MessageId,
        numbers: Vec<u32>,
        report: Box<StoredMessage>,
        seen: Vec<String>,
        whole: bool,
    },
    /// Attempts, last error or next hop of recipients changed.
    Note { id: MessageId, numbers: Vec<u32>, why: StepKind },
    /// What is true of the message as a whole changed.
    Head { id: MessageId, why: Option<StepKind> },
    /// A hop was stopped, or goes on.
    Hold { index: HopIndex },
    /// What stands in the store is brought in line with memory, so that the message can be parked.
    Settle { id: MessageId },
    /// Rows of the order lead to nothing.
    Stray,
    /// The message has no recipient left.
    Forget { id: MessageId },
}

impl Op {
    /// The messages that it is about.
    fn ids(&self) -> [Option<MessageId>; 2] {
        match self {
            Self::Report { id, report, .. } => [Some(*id), Some(report.record.head.id)],
            Self::Accept { id, .. }
            | Self::Remove { id, .. }
            | Self::Note { id, .. }
            | Self::Head { id, .. }
            | Self::Settle { id }
            | Self::Forget { id } => [Some(*id), None],
            Self::Hold { .. } | Self::Stray => [None, None],
        }
    }

    /// What was sent or delivered is seen outside already, and what is written of it here only keeps it from being done
    /// again; the same holds for notes of what failed.
    const fn haste(&self) -> Haste {
        match self {
            Self::Remove { why: StepKind::Delivered | StepKind::Transferred, .. }
            | Self::Note { why: StepKind::Retried, .. }
            | Self::Settle { .. }
            | Self::Stray
            | Self::Forget { .. } => Haste::Soon,
            Self::Accept { .. }
            | Self::Remove { .. }
            | Self::Report { .. }
            | Self::Note { .. }
            | Self::Head { .. }
            | Self::Hold { .. } => Haste::Now,
        }
    }

    /// The recipients of a message that it removes.
    fn removed_of(&self, of: MessageId) -> &[u32] {
        match self {
            Self::Remove { id, numbers, .. } | Self::Report { id, numbers, .. } if *id == of => {
                numbers
            }
            _ => &[],
        }
    }
}

impl Queue {
    /// Takes a message: it is committed, and [`Action::Accepted`] follows once it is durable.
    pub fn accept(&mut self, message: NewMessage, ticket: Ticket, now: Timestamp) {
        if let Err(error) = self.check_room().and_then(|()| self.check_new(&message)) {
            self.actions.push_back(Action::Refused { ticket, error: error.to_string() });
            return;
        }
        let (mut stored, seen) = message.into_stored();
        defer(&mut stored, now);
        let id = stored.record.head.id;
        self.enter(stored.record.clone(), State::Committing, Phase::Arriving);
        for key in &seen {
            self.seen_pending.insert(key.clone());
        }
        let steps = vec![Step::new(&stored.record, StepKind::Accepted, None, None, now)];
        let mut writes = vec![Write::PutMessage(Box::new(stored))];
        writes.extend(self.seen_writes(&seen, now));
        self.write_order(id, &mut writes);
        self.emit(Op::Accept { id, ticket, seen }, writes, steps);
    }

    /// The answer to [`Action::ReportNeeded`]: the report and the removal of the recipients become durable together.
    ///
    /// `None` when no report is wanted or possible: the recipients just end. A report of a report is not taken, nor one
    /// that names recipients that do not wait for it any more, because they were deleted or their success was heard
    /// late: another one is then asked for, about the rest.
    ///
    /// # Errors
    /// The report is no valid message; nothing changed and the call may be repeated.
    pub fn report_created(
        &mut self,
        id: MessageId,
        recipients: &[u32],
        report: Option<NewMessage>,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        let Some(entry) = self.messages.get(&id) else {
            return Ok(());
        };
        let report = report.filter(|_| entry.is_reportable());
        if report.is_some()
            && let Some(failures) = still_failed(entry, recipients)
        {
            // One of them was heard to be done meanwhile: a report that says otherwise must not go out.
            if !failures.is_empty() {
                self.actions.push_back(Action::ReportNeeded { id, failures });
            }
            return Ok(());
        }
        let input = if let Some(report) = &report {
            self.check_new(report)?;
            Input::Report
        } else {
            Input::End
        };
        let numbers = self.step_failed(id, recipients, input);
        if numbers.is_empty() {
            return Ok(());
        }
        let Some(report) = report else {
            self.start_removal(id, numbers, StepKind::Discarded, now);
            return Ok(());
        };
        let (mut stored, seen) = report.into_stored();
        defer(&mut stored, now);
        self.enter(stored.record.clone(), State::Committing, Phase::Arriving);
        let op = Op::Report { id, numbers, report: Box::new(stored), seen, whole: false };
        self.start(op, now);
        Ok(())
    }

    /// The commit is on disk.
    pub fn handle_durable(&mut self, batch: BatchId, now: Timestamp) {
        let op = self.batches.remove(&batch);
        let ids = op.as_ref().map_or([None; 2], Op::ids);
        for id in ids.into_iter().flatten() {
            self.op_durable(id);
        }
        match op {
            None => {}
            Some(Op::Accept { id, ticket, seen }) => {
                for key in &seen {
                    self.seen_pending.remove(key);
                }
                self.actions.push_back(Action::Accepted { ticket });
                self.queue_committed(id, now);
            }
            Some(Op::Remove { id, numbers, whole, .. }) => self.gone(id, &numbers, whole, now),
            Some(Op::Report { id, numbers, report, whole, .. }) => {
                self.gone(id, &numbers, whole, now);
                self.queue_committed(report.record.head.id, now);
            }
            Some(Op::Settle { .. }) => self.settling = self.settling.saturating_sub(1),
            Some(Op::Note { .. } | Op::Head { .. } | Op::Hold { .. } | Op::Stray) => {}
            Some(Op::Forget { id }) => self.drop_entry(id),
        }
        for id in ids.into_iter().flatten() {
            self.tidy_order(id, now);
            self.park_if_full(id, now);
        }
    }

    /// The commit failed: an acceptance is refused, everything else is tried again after a delay and never lost.
    pub fn handle_failed(&mut self, batch: BatchId, error: String, now: Timestamp) {
        match self.batches.remove(&batch) {
            None => {}
            Some(Op::Accept { id, ticket, seen }) => {
                for key in &seen {
                    self.seen_pending.remove(key);
                }
                self.step_all(id, Input::Refused, Turn::Refused);
                self.forget_entry(id);
                self.actions.push_back(Action::Refused { ticket, error });
            }
            // They are found again.
            Some(Op::Stray) => {}
            // It stays in memory.
            Some(Op::Settle { id }) => {
                self.settling = self.settling.saturating_sub(1);
                self.op_durable(id);
                self.doubt_order(id, &[]);
            }
            Some(op) => {
                for id in op.ids().into_iter().flatten() {
                    self.doubt_order(id, op.removed_of(id));
                }
                let delay = SignedDuration::from_secs(i64::from(self.config.commit_retry_s));
                self.failed_ops.insert(batch, op);
                self.timers.insert((after(now, delay), Timer::Commit(batch)));
            }
        }
    }

    /// Whether a dedupe key belongs to an acceptance that is not durable yet, so that the store cannot know it.
    #[must_use]
    pub fn is_committing(&self, key: &str) -> bool {
        self.seen_pending.contains(key)
    }

    /// Tries a failed commit again.
    pub(crate) fn retry_commit(&mut self, batch: BatchId, now: Timestamp) {
        if let Some(op) = self.failed_ops.remove(&batch) {
            for id in op.ids().into_iter().flatten() {
                self.op_durable(id);
            }
            self.start(op, now);
        }
    }

    /// Removes recipients that the table already moved.
    pub(crate) fn start_removal(
        &mut self,
        id: MessageId,
        numbers: Vec<u32>,
        why: StepKind,
        now: Timestamp,
    ) {
        let whole = false;
        self.start(Op::Remove { id, numbers, why, whole }, now);
    }

    /// Emits the commit of an operation, or drops it when nothing is left to write.
    pub(crate) fn start(&mut self, mut op: Op, now: Timestamp) {
        let mut steps = Vec::new();
        let mut writes = match &mut op {
            // Its content is with the store only; a failed acceptance is refused and never started again.
            Op::Accept { .. } | Op::Stray => return,
            Op::Remove { id, numbers, why, whole } => {
                *whole = self.is_last(*id, numbers);
                steps.extend(self.step_of(*id, *why, Some(numbers), now));
                removal(*id, numbers, *whole)
            }
            Op::Report { id, numbers, report, seen, whole } => {
                *whole = self.is_last(*id, numbers);
                steps.extend(self.step_of(*id, StepKind::Reported, Some(numbers), now));
                for step in &mut steps {
                    step.detail = Some(format!("report {}", report.record.head.id));
                }
                let subject = Some(format!("reports message {id}"));
                steps.push(Step::new(&report.record, StepKind::Accepted, None, subject, now));
                let mut writes = vec![Write::PutMessage(report.clone())];
                writes.extend(self.seen_writes(seen, now));
                writes.extend(removal(*id, numbers, *whole));
                writes
            }
            Op::Note { id, numbers, why } => {
                let writes = self.notes(*id, numbers);
                if !writes.is_empty() {
                    steps.extend(self.step_of(*id, *why, Some(numbers), now));
                }
                writes
            }
            Op::Head { id, why } => {
                if let Some(why) = *why {
                    steps.extend(self.step_of(*id, why, None, now));
                }
                // A message that is being removed must not come back.
                let standing =
                    |entry: &&Entry| matches!(entry.phase, Phase::Standing | Phase::Aside);
                let entry = self.messages.get(id).filter(standing);
                entry
                    .map(|entry| Write::PutHead(Box::new(self.head_on_disk(entry))))
                    .into_iter()
                    .collect()
            }
            Op::Hold { index } => {
                let hop = self.hops.at(*index);
                vec![Write::PutHold { hop: hop.name.clone(), held: hop.held }]
            }
            Op::Settle { id } => self.unsettled(*id),
            Op::Forget { id } => vec![Write::RemoveMessage { id: *id }],
        };
        if let Op::Remove { id, whole: true, .. }
        | Op::Report { id, whole: true, .. }
        | Op::Forget { id } = &op
            && let Some(entry) = self.messages.get_mut(id)
        {
            entry.turn(Turn::Emptied);
        }
        self.note_written(&op, &writes);
        if !writes.is_empty() {
            for id in op.ids().into_iter().flatten() {
                writes.extend(self.unknown(id));
            }
        }
        let settles = matches!(&op, Op::Settle { id } if self.stands(*id));
        if !writes.is_empty() || settles {
            for id in op.ids().into_iter().flatten() {
                self.write_order(id, &mut writes);
            }
        }
        if writes.is_empty() && matches!(op, Op::Settle { .. }) {
            self.settling = self.settling.saturating_sub(1);
        }
        if !writes.is_empty() {
            self.emit(op, writes, steps);
        }
    }

    pub(crate) fn emit(&mut self, op: Op, writes: Vec<Write>, steps: Vec<Step>) {
        self.last_batch += 1;
        let batch = BatchId(self.last_batch);
        for id in op.ids().into_iter().flatten() {
            if let Some(entry) = self.messages.get_mut(&id) {
                entry.ops += 1;
            }
        }
        let haste = op.haste();
        self.batches.insert(batch, op);
        self.actions.push_back(Action::Commit { batch, writes, steps, haste });
    }

    /// A step of a message in memory; its detail is the last error of the first recipient that has one.
    fn step_of(
        &self,
        id: MessageId,
        kind: StepKind,
        numbers: Option<&[u32]>,
        now: Timestamp,
    ) -> Option<Step> {
        let entry = self.messages.get(&id)?;
        let concerned = |r: &&Recipient| numbers.is_none_or(|numbers| numbers.contains(&r.number));
        let recipients: Vec<_> = entry
            .recipients
            .iter()
            .filter(concerned)
            .map(|recipient| self.recipient_record(recipient))
            .collect();
        let detail = match kind {
            StepKind::Retried | StepKind::Reported | StepKind::Discarded | StepKind::SetAside => {
                recipients.iter().find_map(|recipient| recipient.last_error.clone())
            }
            _ => None,
        };
        let record = MessageRecord { head: entry.head.clone(), recipients };
        Some(Step::new(&record, kind, None, detail, now))
    }

    /// Whether nobody else is left in the message.
    ///
    /// "Left" includes removals under way: one of them may carry a report that is not durable yet, and removing the
    /// message here would take its recipients away without it.
    fn is_last(&self, id: MessageId, numbers: &[u32]) -> bool {
        self.messages.get(&id).is_none_or(|entry| {
            entry.recipients.iter().all(|recipient| {
                recipient.state == State::Gone || numbers.binary_search(&recipient.number).is_ok()
            })
        })
    }

    /// The records of recipients that still are to be served.
    fn notes(&self, id: MessageId, numbers: &[u32]) -> Vec<Write> {
        let Some(entry) = self.messages.get(&id) else {
            return Vec::new();
        };
        entry
            .recipients
            .iter()
            .filter(|recipient| numbers.binary_search(&recipient.number).is_ok())
            .filter(|recipient| recipient.is_pending())
            .map(|recipient| Write::PutRecipient {
                id,
                recipient: self.recipient_on_disk(id, recipient),
            })
            .collect()
    }

    /// The records of recipients whose wait is not the one that the store knows.
    fn unsettled(&self, id: MessageId) -> Vec<Write> {
        let Some(entry) = self.messages.get(&id).filter(|entry| entry.phase == Phase::Standing)
        else {
            return Vec::new();
        };
        let moved = entry.recipients.iter().filter(|recipient| {
            recipient.is_pending() && recipient.disk_due != Some(recipient.waits_until())
        });
        moved
            .map(|recipient| Write::PutRecipient {
                id,
                recipient: self.recipient_on_disk(id, recipient),
            })
            .collect()
    }

    /// The records of recipients of which a commit that failed left it open how they stand on the disk.
    fn unknown(&mut self, id: MessageId) -> Vec<Write> {
        let unknown = |recipient: &&mut Recipient| {
            let there = !matches!(recipient.state, State::Committing | State::Gone);
            recipient.disk_due.is_none() && !recipient.leaving && there
        };
        let Some(entry) = self.messages.get_mut(&id) else {
            return Vec::new();
        };
        if matches!(entry.phase, Phase::Leaving | Phase::Gone) {
            return Vec::new();
        }
        let mut numbers = Vec::new();
        for recipient in entry.recipients.iter_mut().filter(unknown) {
            recipient.disk_due = Some(recipient.waits_until());
            numbers.push(recipient.number);
        }
        let Some(entry) = self.messages.get(&id).filter(|_| !numbers.is_empty()) else {
            return Vec::new();
        };
        entry
            .recipients
            .iter()
            .filter(|recipient| numbers.binary_search(&recipient.number).is_ok())
            .map(|recipient| Write::PutRecipient {
                id,
                recipient: self.recipient_on_disk(id, recipient),
            })
            .collect()
    }

    /// A record as it goes to the disk: in the time by which the message was stored.
    fn recipient_on_disk(&self, id: MessageId, recipient: &Recipient) -> RecipientRecord {
        let mut record = self.recipient_record(recipient);
        let shift = self.shift_of(id);
        record.due = record.due.map(|due| after(due, -shift));
        record
    }

    /// The same for a head.
    fn head_on_disk(&self, entry: &Entry) -> MessageHead {
        let mut head = entry.head.clone();
        let shift = self.shift_of(head.id);
        head.expires = after(head.expires, -shift);
        let wishes = &mut head.wishes;
        wishes.latest_delivery = wishes.latest_delivery.map(|time| after(time, -shift));
        wishes.deferred_until = wishes.deferred_until.map(|time| after(time, -shift));
        head
    }

    /// What a commit that goes out leaves in the store.
    fn note_written(&mut self, op: &Op, writes: &[Write]) {
        for write in writes {
            if let Write::PutRecipient { id, recipient } = write
                && let Some(entry) = self.messages.get_mut(id)
                && let Some(recipient) = entry.recipient_mut(recipient.number)
            {
                recipient.disk_due = Some(recipient.waits_until());
            }
        }
        if let Op::Report { report, .. } = op
            && let Some(entry) = self.messages.get_mut(&report.record.head.id)
        {
            for (recipient, record) in entry.recipients.iter_mut().zip(&report.record.recipients) {
                recipient.disk_due = Some(record.due);
            }
        }
        if let Op::Remove { id, numbers, .. } | Op::Report { id, numbers, .. } = op
            && let Some(entry) = self.messages.get_mut(id)
        {
            for number in numbers {
                if let Some(recipient) = entry.recipient_mut(*number) {
                    recipient.leaving = true;
                }
            }
        }
    }

    /// Adds the changes of a message's order, if there are any.
    fn write_order(&mut self, id: MessageId, writes: &mut Vec<Write>) {
        if let Some(order) = self.order_of(id) {
            writes.push(Write::Order(Box::new(order)));
        }
    }

    /// Whether a message is on the disk and no commit removes it.
    fn stands(&self, id: MessageId) -> bool {
        let phase = self.messages.get(&id).map(|entry| entry.phase);
        matches!(phase, Some(Phase::Standing | Phase::Aside))
    }

    /// Takes out the rows that were left because several commits were under way.
    fn tidy_order(&mut self, id: MessageId, now: Timestamp) {
        let left = self
            .messages
            .get(&id)
            .is_some_and(|entry| entry.ops == 0 && !entry.stale.is_empty() && !entry.stale_written);
        if left && self.stands(id) {
            self.settling += 1;
            self.start(Op::Settle { id }, now);
        }
    }

    /// A commit about a message has its answer.
    fn op_durable(&mut self, id: MessageId) {
        if let Some(entry) = self.messages.get_mut(&id) {
            entry.ops = entry.ops.saturating_sub(1);
            if entry.ops == 0 && entry.behind {
                entry.behind = false;
                entry.stale.append(&mut entry.replaced);
                entry.stale_written = false;
            } else if entry.ops == 0 {
                entry.replaced.clear();
                if entry.stale_written {
                    entry.stale.clear();
                }
            }
        }
    }

    fn seen_writes(&self, seen: &[String], now: Timestamp) -> Vec<Write> {
        let keep = SignedDuration::from_secs(i64::from(self.config.seen_s));
        let until = after(now, keep);
        seen.iter().map(|key| Write::PutSeen { key: key.clone(), until }).collect()
    }

    /// Only what comes in is limited: a report of our own takes the place of what it reports.
    fn check_room(&self) -> Result<(), QueueError> {
        let limit = self.config.max_messages;
        if self.is_full() {
            return Err(QueueError::Full { limit });
        }
        Ok(())
    }

    fn check_new(&self, message: &NewMessage) -> Result<(), QueueError> {
        let id = message.id;
        if id > self.last_id || self.messages.contains_key(&id) {
            return Err(QueueError::InvalidId { id });
        }
        let mut numbers: Vec<u32> = message.recipients.iter().map(|r| r.number).collect();
        numbers.sort_unstable();
        if numbers.is_empty() {
            return Err(QueueError::NoRecipient { id });
        }
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(QueueError::DuplicateRecipient { id, number: pair[0] }),
            None => Ok(()),
        }
    }

    /// A message became durable: its recipients are work, or fail at once if that was said in the meantime.
    fn queue_committed(&mut self, id: MessageId, now: Timestamp) {
        self.step_all(id, Input::Durable, Turn::Durable);
        if let Some(until) = self.defer_if_asked(id, now) {
            self.actions.push_back(Action::DeferralBegan { id, until });
        }
        let early =
            self.messages.get_mut(&id).map(|entry| std::mem::take(&mut entry.early_failures));
        self.reindex(id);
        if let Some(early) = early.filter(|early| !early.is_empty()) {
            self.fail(id, early, now);
        }
        self.expire_if_due(id, now);
        self.announce_hops_of(id);
    }

    /// Recipients left the disk, with `whole` the message too.
    fn gone(&mut self, id: MessageId, numbers: &[u32], whole: bool, now: Timestamp) {
        let Some(entry) = self.messages.get_mut(&id) else {
            return;
        };
        for recipient in &mut entry.recipients {
            if numbers.binary_search(&recipient.number).is_ok()
                && let Some(next) = recipient.state.next(Input::Durable)
            {
                recipient.state = next;
            }
        }
        if !entry.is_empty() {
            return;
        }
        if whole {
            self.drop_entry(id);
        } else {
            // Several removals were under way at once, so that none could know that it was the last.
            self.start(Op::Forget { id }, now);
        }
    }

    /// Moves the named recipients that wait for a report on; gives those that moved.
    fn step_failed(&mut self, id: MessageId, recipients: &[u32], input: Input) -> Vec<u32> {
        let mut moved = Vec::new();
        let Some(entry) = self.messages.get_mut(&id) else {
            return moved;
        };
        for recipient in &mut entry.recipients {
            if recipient.state == State::Failed
                && recipients.contains(&recipient.number)
                && let Some(next) = recipient.state.next(input)
            {
                recipient.state = next;
                moved.push(recipient.number);
            }
        }
        moved
    }

    fn step_all(&mut self, id: MessageId, input: Input, turn: Turn) {
        if let Some(entry) = self.messages.get_mut(&id) {
            entry.turn(turn);
            for recipient in &mut entry.recipients {
                if let Some(next) = recipient.state.next(input) {
                    recipient.state = next;
                }
            }
        }
    }

    fn drop_entry(&mut self, id: MessageId) {
        if let Some(entry) = self.messages.get_mut(&id) {
            entry.turn(Turn::Durable);
        }
        if self.forget_entry(id) {
            self.actions.push_back(Action::Finished { id });
        }
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.recipients.iter().all(|recipient| recipient.state == State::Gone)
    }
}

/// Those of the named recipients that still wait for their report, if not all of them do.
fn still_failed(entry: &Entry, named: &[u32]) -> Option<Vec<(u32, Failure)>> {
    let waiting = entry
        .recipients
        .iter()
        .filter(|recipient| recipient.state == State::Failed && named.contains(&recipient.number));
    let failures: Vec<(u32, Failure)> = waiting
        .filter_map(|recipient| Some((recipient.number, recipient.failure.as_deref()?.clone())))
        .collect();
    (failures.len() != named.len()).then_some(failures)
}

/// A message that is not to be delivered yet is stored as one that waits.
fn defer(stored: &mut StoredMessage, now: Timestamp) {
    let record = &mut stored.record;
    let due = record.head.wishes.deferred_until.filter(|due| *due > now);
    for recipient in &mut record.recipients {
        recipient.due = due;
    }
}

fn removal(id: MessageId, numbers: &[u32], whole: bool) -> Vec<Write> {
    if whole {
        return vec![Write::RemoveMessage { id }];
    }
    numbers.iter().map(|number| Write::RemoveRecipient { id, number: *number }).collect()
}
