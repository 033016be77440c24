//! The durable store: fjall behind one group-commit thread.
//!
//! Everybody hands writes in; one thread takes what is waiting, writes it as one atomic batch, syncs the journal once
//! and only then tells each caller. Reads go straight to the engine and see what was committed.
//!
//! Invariants:
//! - `done` of a commit is called exactly once, with success only when its writes are on the disk, not merely written.
//! - The writes of one commit become durable together or not at all, and commits in the order in which they came.
//! - One process at a time: the directory is locked as long as a handle lives.
//! - What nobody waits for (events, histories of peers) goes with the next commit, or at close.
//! - What stands on disk has a version of its own (`meta/format` for all, a first octet for each structured value) and
//!   types of its own, apart from those of the queue.
//!
//! - After a write that failed the engine is closed and opened again as soon as the disk takes writes; an acceptance
//!   that was answered with a failure is not there afterwards.
//!
//! Left out on purpose: a second node on the same store.

mod check;
#[cfg(test)]
mod check_tests;
mod committer;
mod copy;
mod disk;
mod error;
mod events;
mod group;
mod journal;
mod open;
mod order;
mod pace;
mod recover;
mod rows;
mod slot;
mod spaces;
mod store;
#[cfg(test)]
mod tests;
mod track;

pub use check::{Checked, Fault, check};
pub use copy::Copied;
pub use error::StoreError;
pub use rows::{Row, Table};
pub use slot::Trouble;
pub use store::{EventLimits, Store};
