//! Messages as they come in and as they stand in the queue.

use crate::name::{MessageId, NextHop};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How urgent a message is; decides its place in the backlog and its life in the queue.
///
/// X.411 8.2.1.1.1.7 (Priority).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Waits longest and goes last.
    NonUrgent,
    /// What a message is when nothing was said.
    #[default]
    Normal,
    /// Goes first and comes back soonest.
    Urgent,
}

/// What a queued item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A message; what cannot be delivered of it is reported.
    Message,
    /// A report; what cannot be delivered of it just ends.
    Report,
}

/// One recipient of a message that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecipient {
    /// The recipient's number, unique in its message.
    pub number: u32,
    /// The address for people.
    pub address: String,
    /// Where routing sends it.
    pub next_hop: NextHop,
    /// Whether the originator wants a non-delivery report.
    pub report_wanted: bool,
}

/// A message that comes in.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// From [`Queue::next_id`](crate::Queue::next_id).
    pub id: MessageId,
    /// Message or report.
    pub kind: Kind,
    /// The MTS identifier, as text.
    pub mts_id: String,
    /// The `Message-ID` header of an RFC 5322 content.
    pub message_id_header: Option<String>,
    /// The originator's address for people.
    pub originator: String,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it comes back; see [`Queue::expires`](crate::Queue::expires).
    pub expires: Timestamp,
    /// What the originator asked for beside that.
    pub wishes: Wishes,
    /// Octets, for people.
    pub size: u64,
    /// At least one.
    pub recipients: Vec<NewRecipient>,
    /// The envelope as the caller encodes it.
    pub envelope: Vec<u8>,
    /// The content, shared and never copied by the engine.
    pub content: Arc<[u8]>,
    /// Dedupe keys that become durable together with the message.
    pub seen: Vec<String>,
}

/// What an originator may ask of the time of delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Not to be delivered before (X.411 8.2.1.1.1.12, Deferred-delivery-time).
    pub deferred_until: Option<Timestamp>,
    /// Not to be delivered after (X.411 8.2.1.1.1.13, Latest-delivery-time).
    pub latest_delivery: Option<Timestamp>,
}

/// What is true of a message as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHead {
    /// Its number in this queue.
    pub id: MessageId,
    /// Message or report.
    pub kind: Kind,
    /// The MTS identifier, as text.
    pub mts_id: String,
    /// The `Message-ID` header of an RFC 5322 content.
    pub message_id_header: Option<String>,
    /// The originator's address for people.
    pub originator: String,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it comes back.
    pub expires: Timestamp,
    /// What the originator asked for beside that.
    pub wishes: Wishes,
    /// Octets, for people.
    pub size: u64,
    /// What went wrong while it was processed.
    pub trouble: Trouble,
}

/// What went wrong while a message was processed, and whether the originator was warned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// How often the server crashed or stalled while it processed the message.
    pub crashes: u32,
    /// Set when it is not processed any more: what was seen.
    pub aside: Option<String>,
    /// The originator was told that it is delayed.
    pub warned: bool,
}

impl MessageHead {
    /// Which clock ends first, and when: the message's life or its latest delivery time.
    ///
    /// A message that is deferred beyond its end comes back on the deferred date, not before.
    pub(crate) fn end(&self) -> (Timestamp, Clock) {
        let (end, clock) = match self.wishes.latest_delivery {
            Some(latest) if latest < self.expires => (latest, Clock::LatestDelivery),
            _ => (self.expires, Clock::Life),
        };
        (self.wishes.deferred_until.map_or(end, |deferred| end.max(deferred)), clock)
    }
}

/// What ended a message's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// The life that its priority gives it.
    Life,
    /// The latest delivery time that its originator asked for.
    LatestDelivery,
    /// The attempts to open the link that it waited for.
    OpenRetries,
}

impl Clock {
    /// What a report says about it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Life => "the life of the message ended before it could be delivered",
            Self::LatestDelivery => "its latest delivery time came before it could be delivered",
            Self::OpenRetries => {
                "the attempts to reach the next server were used up before the message's life ended"
            }
        }
    }
}

/// What is durable of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientRecord {
    /// The recipient's number, unique in its message.
    pub number: u32,
    /// The address for people.
    pub address: String,
    /// Where it goes next.
    pub next_hop: NextHop,
    /// Whether the originator wants a non-delivery report.
    pub report_wanted: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Until when it waits, if it does.
    pub due: Option<Timestamp>,
}

/// A message without envelope and content: what the queue holds in memory and gets back at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// What is true of the message as a whole.
    pub head: MessageHead,
    /// The recipients that are still to be served, by number.
    pub recipients: Vec<RecipientRecord>,
}

/// A message as it goes to the store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The record.
    pub record: MessageRecord,
    /// The envelope as the caller encodes it.
    pub envelope: Vec<u8>,
    /// The content, shared.
    pub content: Arc<[u8]>,
}

impl std::fmt::Debug for NewMessage {
    /// Leaves envelope and content out: mail does not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("mts_id", &self.mts_id)
            .field("recipients", &self.recipients)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StoredMessage {
    /// Leaves envelope and content out: mail does not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredMessage").field("record", &self.record).finish_non_exhaustive()
    }
}

impl NewMessage {
    /// Splits what goes to the store from the dedupe keys; recipients come out ordered by number.
    pub(crate) fn into_stored(self) -> (StoredMessage, Vec<String>) {
        let mut recipients: Vec<RecipientRecord> = self
            .recipients
            .into_iter()
            .map(|recipient| RecipientRecord {
                number: recipient.number,
                address: recipient.address,
                next_hop: recipient.next_hop,
                report_wanted: recipient.report_wanted,
                attempts: 0,
                last_error: None,
                due: None,
            })
            .collect();
        recipients.sort_by_key(|recipient| recipient.number);
        let head = MessageHead {
            id: self.id,
            kind: self.kind,
            mts_id: self.mts_id,
            message_id_header: self.message_id_header,
            originator: self.originator,
            priority: self.priority,
            submitted: self.submitted,
            expires: self.expires,
            wishes: self.wishes,
            size: self.size,
            trouble: Trouble::default(),
        };
        let stored = StoredMessage {
            record: MessageRecord { head, recipients },
            envelope: self.envelope,
            content: self.content,
        };
        (stored, self.seen)
    }
}
