//! What an operator sees: the objects of `queue list` and `queue show`.

use crate::engine::{Entry, Queue, Recipient};
use crate::message::{Kind, MessageRecord, Priority};
use crate::name::{MessageId, NextHop};
use crate::state::{Phase, State};
use jiff::Timestamp;
use serde::Serialize;

/// How a hop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HopState {
    /// An association stands, or work is in flight.
    Active,
    /// Nothing is in the way.
    Ready,
    /// It failed and waits.
    Retry,
    /// It waits for the schedule of its connector.
    Scheduled,
    /// An operator stopped it.
    Held,
}

/// One hop and its backlog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HopView {
    /// Which.
    pub next_hop: NextHop,
    /// How it stands.
    pub state: HopState,
    /// Messages with a recipient for it.
    pub messages: u64,
    /// Their octets.
    pub bytes: u64,
    /// When the oldest of them was submitted.
    pub oldest: Option<Timestamp>,
    /// When something happens again, if a delay runs.
    pub next_attempt: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// Its number in this queue.
    pub id: MessageId,
    /// Message or report.
    pub kind: Kind,
    /// The MTS identifier.
    pub mts_id: String,
    /// The originator's address.
    pub from: String,
    /// Who is still to be served.
    pub recipients: Vec<RecipientView>,
    /// How urgent it is.
    pub priority: Priority,
    /// Octets.
    pub size: u64,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it comes back.
    pub expires: Timestamp,
}

/// The word for a recipient whose message its sender deferred.
const DEFERRED: &str = "deferred";

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecipientView {
    /// Its number in the message.
    pub number: u32,
    /// The address.
    pub address: String,
    /// Where it stands: `queued`, `in-flight`, `retry`, `deferred`, `failed`, `removing`.
    pub state: &'static str,
    /// Where it goes next.
    pub next_hop: NextHop,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it is tried again, if a delay of its own runs.
    pub next_attempt: Option<Timestamp>,
}

/// Which messages to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only this one.
    pub id: Option<MessageId>,
    /// Only those with a recipient for this hop.
    pub next_hop: Option<NextHop>,
    /// Only those from or to this address, in any case of letters.
    pub address: Option<String>,
    /// Only those behind this one, the last of the page before.
    pub after: Option<MessageId>,
    /// At most so many, oldest number first; all if not given.
    pub limit: Option<usize>,
}

impl MessageFilter {
    /// Whether it lets a message through, as far as its view tells; place and number of a list aside.
    #[must_use]
    pub fn takes(&self, view: &MessageView) -> bool {
        let for_hop = |hop: &NextHop| {
            let waits = |state: &str| matches!(state, "queued" | "in-flight" | "retry" | DEFERRED);
            view.recipients.iter().any(|one| one.next_hop == *hop && waits(one.state))
        };
        let concerns = |address: &String| {
            let mut addresses = view.recipients.iter().map(|one| &one.address).chain([&view.from]);
            addresses.any(|one| one.eq_ignore_ascii_case(address))
        };
        self.id.is_none_or(|id| view.id == id)
            && self.next_hop.as_ref().is_none_or(for_hop)
            && self.address.as_ref().is_none_or(concerns)
    }
}

impl Queue {
    /// All hops that were ever named, by name.
    #[must_use]
    pub fn hops(&self, _now: Timestamp) -> Vec<HopView> {
        self.hops
            .by_name()
            .map(|(_, hop)| {
                // What its sender defers is not tried again: it was not tried yet.
                let mut waits = hop.waits.iter().filter(|(due, id)| !self.is_deferral(*id, *due));
                let due = waits.next().map(|(due, _)| *due);
                let state = if hop.held {
                    HopState::Held
                } else if hop.closed.is_some() && hop.flying.is_empty() {
                    HopState::Scheduled
                } else if hop.retry_at.is_some() {
                    HopState::Retry
                } else if hop.up || !hop.flying.is_empty() {
                    HopState::Active
                } else if hop.backlog().0 == 0 && due.is_some() {
                    HopState::Retry
                } else {
                    HopState::Ready
                };
                let sets = [hop.flying.first(), hop.waiting.first()];
                let here = sets.into_iter().flatten().map(|(submitted, _)| *submitted);
                let parked = hop.parked_oldest.iter().flatten().copied();
                HopView {
                    next_hop: hop.name.clone(),
                    state,
                    messages: hop.messages.saturating_add(hop.parked.all()),
                    bytes: hop.bytes.saturating_add(hop.parked.bytes),
                    oldest: here.chain(hop.ready.oldest()).chain(parked).min(),
                    next_attempt: match hop.closed {
                        Some(until) => {
                            until.map(|until| hop.retry_at.map_or(until, |at| at.max(until)))
                        }
                        None => hop.retry_at.or(due),
                    },
                    last_error: hop.last_error.clone(),
                }
            })
            .collect()
    }

    /// Whether a message waits until then since its sender asked for it.
    fn is_deferral(&self, id: MessageId, due: Timestamp) -> bool {
        let entry = self.messages.get(&id);
        entry.is_some_and(|entry| entry.head.wishes.deferred_until == Some(due))
    }

    /// Whether a delay after a failure keeps this hop from being tried; takes no time.
    #[must_use]
    pub fn is_waiting(&self, hop: &NextHop) -> bool {
        self.hops.find(hop).is_some_and(|index| self.hops.at(index).retry_at.is_some())
    }

    /// Until when a delay after a failure keeps this hop from being tried; takes no time.
    #[must_use]
    pub fn retry_at(&self, hop: &NextHop) -> Option<Timestamp> {
        self.hops.find(hop).and_then(|index| self.hops.at(index).retry_at)
    }

    /// The hops that a delay after a failure keeps from being tried.
    #[must_use]
    pub fn waiting_hops(&self) -> Vec<NextHop> {
        let waiting = self.hops.by_name().filter(|(_, hop)| hop.retry_at.is_some());
        waiting.map(|(_, hop)| hop.name.clone()).collect()
    }

    /// How many messages in memory can be taken for this hop; takes no time.
    #[must_use]
    pub fn at_hand(&self, hop: &NextHop) -> usize {
        self.hops.find(hop).map_or(0, |index| self.hops.at(index).ready.len())
    }

    /// How many messages are ready for this hop; takes no time.
    #[must_use]
    pub fn backlog(&self, hop: &NextHop) -> usize {
        self.hops.find(hop).map_or(0, |index| self.hops.at(index).backlog().0)
    }

    /// One message in memory.
    #[must_use]
    pub fn message(&self, id: MessageId) -> Option<MessageView> {
        let entry = self.messages.get(&id).filter(|entry| entry.is_accepted())?;
        Some(self.message_view(entry))
    }

    /// A message that is in the store alone, as [`Queue::message`] shows those in memory.
    #[must_use]
    pub fn view_of(&self, record: MessageRecord, now: Timestamp) -> MessageView {
        let head = record.head;
        let recipients = record.recipients.into_iter().map(|recipient| {
            let hop = self.hops.find(&recipient.next_hop).map(|index| self.hops.at(index));
            let next_attempt = recipient.due.filter(|due| *due > now);
            let deferred = next_attempt.is_some() && next_attempt == head.wishes.deferred_until;
            RecipientView {
                number: recipient.number,
                address: recipient.address,
                state: match next_attempt {
                    Some(_) if deferred => DEFERRED,
                    Some(_) => "retry",
                    None => "queued",
                },
                next_hop: recipient.next_hop,
                attempts: recipient.attempts,
                last_error: hop.and_then(|hop| hop.last_error.clone()).or(recipient.last_error),
                next_attempt,
            }
        });
        MessageView {
            recipients: recipients.collect(),
            id: head.id,
            kind: head.kind,
            mts_id: head.mts_id,
            from: head.originator,
            priority: head.priority,
            size: head.size,
            submitted: head.submitted,
            expires: head.expires,
        }
    }

    /// The messages in memory that the filter lets through, by number.
    #[must_use]
    pub fn messages(&self, filter: &MessageFilter) -> Vec<MessageView> {
        self.messages
            .values()
            .filter(|entry| entry.is_accepted())
            .filter(|entry| filter.after.is_none_or(|after| entry.head.id > after))
            .filter(|entry| filter.id.is_none_or(|id| entry.head.id == id))
            .filter(|entry| match &filter.next_hop {
                None => true,
                Some(hop) => self.hops.find(hop).is_some_and(|index| {
                    let for_hop = |r: &Recipient| r.hop == index && r.is_waiting_for_hop();
                    entry.recipients.iter().any(for_hop)
                }),
            })
            .filter(|entry| filter.address.as_ref().is_none_or(|address| entry.concerns(address)))
            .take(filter.limit.unwrap_or(usize::MAX))
            .map(|entry| self.message_view(entry))
            .collect()
    }

    fn message_view(&self, entry: &Entry) -> MessageView {
        let recipients = entry
            .recipients
            .iter()
            .filter_map(|recipient| {
                let state = match recipient.state {
                    State::Waiting { due } if entry.head.wishes.deferred_until == Some(due) => {
                        DEFERRED
                    }
                    other => other.word()?,
                };
                let record = self.recipient_record(recipient);
                Some(RecipientView {
                    number: record.number,
                    address: record.address,
                    state,
                    next_hop: record.next_hop,
                    attempts: record.attempts,
                    last_error: record.last_error,
                    next_attempt: match recipient.state {
                        State::Waiting { due } => Some(due),
                        _ => None,
                    },
                })
            })
            .collect();
        let head = &entry.head;
        MessageView {
            id: head.id,
            kind: head.kind,
            mts_id: head.mts_id.clone(),
            from: head.originator.clone(),
            recipients,
            priority: head.priority,
            size: head.size,
            submitted: head.submitted,
            expires: head.expires,
        }
    }
}

impl Entry {
    /// Whether its acceptance is durable.
    pub(crate) fn is_accepted(&self) -> bool {
        !matches!(self.phase, Phase::Arriving | Phase::Gone)
    }

    fn concerns(&self, address: &str) -> bool {
        self.head.originator.eq_ignore_ascii_case(address)
            || self
                .recipients
                .iter()
                .any(|recipient| recipient.address.eq_ignore_ascii_case(address))
    }
}

impl Recipient {
    fn is_waiting_for_hop(&self) -> bool {
        self.is_pending() || self.state == State::Doomed
    }
}

impl State {
    /// The word for people; nothing for what is not in the queue any more or not yet.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Queued => Some("queued"),
            Self::InFlight | Self::Doomed => Some("in-flight"),
            Self::Waiting { .. } => Some("retry"),
            Self::Failed | Self::Reporting => Some("failed"),
            Self::Removing => Some("removing"),
            Self::Committing | Self::Gone => None,
        }
    }
}
