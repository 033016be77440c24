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
//! Left out on purpose: a second node on the same store, and repair.

mod committer;
mod disk;
mod error;
mod events;
mod group;
mod open;
mod rows;
mod spaces;
mod store;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use rows::{Row, Table};
pub use store::{EventLimits, Store};
