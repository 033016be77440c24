//! The queue's states and scheduling, as a deterministic engine.
//!
//! Input and the time go in, [`Action`]s come out; the engine does no I/O, reads no clock and draws no random number.
//! The caller carries the actions out (a store commits, associations transfer, a reporter writes reports) and tells
//! the engine what became of them.
//!
//! Invariants:
//! - A transition is durable before anyone outside can see its effect: a ticket is accepted only once its commit is
//!   durable, a report becomes work only once it is on disk together with the removal of what it reports.
//! - A recipient that was transferred is removed from disk afterwards. A crash between the two leaves it queued, so it
//!   is done again: the receiving side recognises it (dedupe keys, file names derived from message and recipient).
//! - An accepted recipient is, at any moment, exactly one of: still queued, done, or reported.
//! - The identifier of a message that was ever stored is not used again, also not after a restart ([`Queue::restore`]
//!   takes the last one); one that a crash or a refusal kept from the disk may be.
//! - Reports never produce reports.
//!
//! The states of a recipient and their transitions are one table, in `state.rs`.
//!
//! Left out on purpose: contents and envelopes (they go through to the store and are read back from there), routing
//! (next hops are handed in), and the hold of a hop over a restart.

mod action;
mod commit;
mod config;
mod engine;
mod hop;
mod message;
mod name;
mod operator;
mod schedule;
mod state;
mod view;

pub use action::{Action, Failure, Outcome, QueueError, Work, Write};
pub use config::{Life, QueueConfig, Retry};
pub use engine::Queue;
pub use message::{
    Kind, MessageHead, MessageRecord, NewMessage, NewRecipient, Priority, RecipientRecord,
    StoredMessage,
};
pub use name::{BatchId, MessageId, NextHop, ParseNameError, Ticket};
pub use view::{HopState, HopView, MessageFilter, MessageView, RecipientView};
