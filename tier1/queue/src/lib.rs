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
//! The states of recipients and messages and their transitions are two tables, in `state.rs` and `docs/queue.md`.
//!
//! What does not fit into the window of its hop is parked: in the store alone, see `window.rs`.
//!
//! Left out on purpose: contents and envelopes (they go through to the store and are read back from there) and routing
//! (next hops are handed in).

mod action;
mod aside;
mod clock;
mod commit;
mod config;
mod engine;
mod hop;
mod links;
mod message;
mod name;
mod operator;
mod schedule;
mod state;
mod steps;
mod view;
mod window;

pub use action::{Action, Failure, Haste, Outcome, QueueError, Work, Write};
pub use aside::CRASHES;
pub use config::{Life, Link, Profile, QueueConfig, Retry};
pub use engine::Queue;
pub use links::Demand;
pub use message::{
    Clock, Kind, MessageHead, MessageRecord, NewMessage, NewRecipient, Priority, RecipientRecord,
    StoredMessage, Trouble, Wishes,
};
pub use name::{BatchId, MessageId, NextHop, ParseNameError, Ticket};
pub use steps::{Step, StepKind, StepRecipient};
pub use view::{HopState, HopView, MessageFilter, MessageView, RecipientView};
pub use window::{Class, Holdings, HopCount, Load, Loaded, Order, Place, Position};
