//! The directory as a deterministic engine: objects with typed attributes and a security descriptor each, and the question
//! whether an account may bind.
//!
//! An organisation, its sites, their configuration and the schema are four permission contexts: what is granted on one is
//! inherited below it and never into another. A bind needs the right to act as a message transfer agent on organisation,
//! site and configuration, and the right to read NT-Security-Descriptor on the schema object of that name.
//!
//! Invariants: names are unique without regard to case; every object but a context's root has its parent; times come in
//! with each change. Left out: storage, accounts (identifiers come in as tokens), and the wire of replication.

mod authorise;
mod change;
mod class;
mod copies;
mod error;
mod ldif;
mod legacy;
mod name;
mod object;
mod replica;
mod role;
mod seed;
mod stamps;
#[cfg(test)]
mod tests;
mod tree;

pub use authorise::{Authorisation, Step, StepAnswer, authorise};
pub use change::{Change, diff};
pub use class::{ATTRIBUTES, Attribute, Class, Syntax};
pub use copies::{Agent, Copies};
pub use error::DirectoryError;
pub use ldif::{MAX_LDIF, export, import};
pub use legacy::{LEGACY_ACCOUNT, LEGACY_DOMAIN, LegacyAccount};
pub use name::{Kind, MAX_DEPTH, MAX_VALUE, Name, NameError, Rdn};
pub use object::{Object, Value};
pub use replica::{MAX_TOMBSTONES, Replica, TOMBSTONE_MS, Tombstone, Tombstones};
pub use role::{ACT_AS_MTA, NT_SECURITY_DESCRIPTOR, Role, SEND_AS};
pub use seed::{Seed, SeedPeer, seed};
pub use tree::{Directory, MAX_OBJECTS};
