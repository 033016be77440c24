//! What the engine asks of its caller, and what the caller hands in beside messages.

use crate::message::{Clock, MessageHead, RecipientRecord, StoredMessage};
use crate::name::{BatchId, MessageId, NextHop, Ticket};
use crate::steps::Step;
use crate::window::{Load, Order};
use jiff::Timestamp;

/// What the caller has to do next.
#[derive(Debug)]
pub enum Action {
    /// Write this atomically, then call `handle_durable` or `handle_failed` with the batch.
    Commit {
        /// Names the answer.
        batch: BatchId,
        /// In this order.
        writes: Vec<Write>,
        /// What becomes of messages by it, for tracking; written with it.
        steps: Vec<Step>,
        /// How soon.
        haste: Haste,
    },
    /// The message of this ticket is on disk: the sender may be told.
    Accepted {
        /// The ticket of the call.
        ticket: Ticket,
    },
    /// The message of this ticket was not taken; nothing of it is kept.
    Refused {
        /// The ticket of the call.
        ticket: Ticket,
        /// Why.
        error: String,
    },
    /// There is work and no retry delay: open an association or dispatch, and call `take` until it returns `None`.
    /// Comes once; again after `take` returned `None`, or after a failure, hold or wake.
    Ready {
        /// The hop that has work.
        hop: NextHop,
    },
    /// These recipients failed for good: answer with `report_created`.
    ReportNeeded {
        /// The message.
        id: MessageId,
        /// Recipient numbers and why each failed.
        failures: Vec<(u32, Failure)>,
    },
    /// A report could not be delivered to these recipients and just ends; for the log.
    ReportDiscarded {
        /// The report.
        id: MessageId,
        /// Recipient numbers and why each failed.
        failures: Vec<(u32, Failure)>,
    },
    /// The attempts to open a link are used up: send each of these another way with `set_next_hop`, or `fail` it.
    RetriesUsedUp {
        /// The hop that could not be reached.
        hop: NextHop,
        /// All that waits for it.
        work: Vec<Work>,
    },
    /// These recipients wait longer than the originator was promised: warn the originator. Comes once a message.
    Delayed {
        /// The message.
        id: MessageId,
        /// Recipient numbers.
        recipients: Vec<u32>,
    },
    /// The message is on disk and is not to be delivered before this time; for the log.
    DeferralBegan {
        /// The message.
        id: MessageId,
        /// When it may be delivered.
        until: Timestamp,
    },
    /// That time has come; for the log.
    DeferralEnded {
        /// The message.
        id: MessageId,
    },
    /// The message crashed or stalled processing too often and is not processed any more.
    SetAside {
        /// The message.
        id: MessageId,
        /// What was seen.
        evidence: String,
    },
    /// Read this of the store, and call `loaded` with it before anything else is told to the engine.
    Load(Load),
    /// Nothing of this message is left, neither here nor on disk.
    Finished {
        /// The message.
        id: MessageId,
    },
}

/// How soon a commit has to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// Somebody waits for it: a sender, an operator, a report.
    Now,
    /// Nobody outside can see whether it is there yet. Some milliseconds later it may go with what others wait for, and
    /// costs no write and no sync of its own.
    Soon,
}

/// One change of the durable state.
#[derive(Clone, Debug)]
pub enum Write {
    /// A whole message with its recipients.
    PutMessage(Box<StoredMessage>),
    /// What is true of a message as a whole, in place of what stood there.
    PutHead(Box<MessageHead>),
    /// An operator stopped a hop, or let it go on.
    PutHold {
        /// The hop.
        hop: NextHop,
        /// Whether it is stopped.
        held: bool,
    },
    /// The durable part of one recipient, in place of what stood there.
    PutRecipient {
        /// The message.
        id: MessageId,
        /// The recipient.
        recipient: RecipientRecord,
    },
    /// One recipient is served.
    RemoveRecipient {
        /// The message.
        id: MessageId,
        /// The recipient.
        number: u32,
    },
    /// The message with envelope, content and whatever recipients are left.
    RemoveMessage {
        /// The message.
        id: MessageId,
    },
    /// Changes of the order in which messages are found.
    Order(Box<Order>),
    /// A dedupe key, to be kept until the given time.
    PutSeen {
        /// The key.
        key: String,
        /// When it may be forgotten.
        until: Timestamp,
    },
    /// A dedupe key is not needed any more.
    RemoveSeen {
        /// The key.
        key: String,
    },
}

/// One message for one hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The message.
    pub id: MessageId,
    /// Its recipients for this hop that are now in flight, by number.
    pub recipients: Vec<u32>,
}

/// What became of one recipient of a [`Work`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered, or responsibility handed over.
    Done,
    /// May work later.
    Retry {
        /// Why it did not work now.
        error: String,
    },
    /// Will never work.
    Fail {
        /// The non-delivery reason code of X.411.
        reason: i64,
        /// The non-delivery diagnostic code of X.411.
        diagnostic: Option<i64>,
        /// Why, for people.
        error: String,
    },
}

/// Why a recipient failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The non-delivery reason code of X.411.
    pub reason: i64,
    /// The non-delivery diagnostic code of X.411.
    pub diagnostic: Option<i64>,
    /// Why, for people: the last error when time ran out.
    pub error: String,
    /// Which clock ended first, if time ran out.
    pub ended: Option<Clock>,
}

impl Failure {
    /// What a report tells its reader: which clock ended first, and the last error.
    #[must_use]
    pub fn words(&self) -> String {
        match self.ended {
            Some(clock) => format!("{}; {}", clock.words(), self.error),
            None => self.error.clone(),
        }
    }
}

/// A call that the engine cannot follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// There is no such message (any more).
    #[error("message {id} is not in the queue")]
    UnknownMessage {
        /// The message asked for.
        id: MessageId,
    },
    /// The message has no recipient.
    #[error("message {id} has no recipient")]
    NoRecipient {
        /// The message handed in.
        id: MessageId,
    },
    /// The identifier is in use, or was not given out by this queue.
    #[error("message identifier {id} is in use or was not given out by this queue")]
    InvalidId {
        /// The message handed in.
        id: MessageId,
    },
    /// Two recipients have the same number.
    #[error("message {id} has two recipients with the number {number}")]
    DuplicateRecipient {
        /// The message handed in.
        id: MessageId,
        /// The number.
        number: u32,
    },
    /// The queue holds as many messages as it may.
    #[error("the queue is full with {limit} messages")]
    Full {
        /// `max_messages` of the configuration.
        limit: usize,
    },
}
