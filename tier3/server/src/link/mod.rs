//! Associations with peers over the RPC carrier: calling, being called, and the channels.

mod called;
mod caller;
mod channel;
mod further;
mod own_password;
mod probing;
mod proof;
mod records;
mod replication;
mod service;

#[cfg(test)]
pub(crate) use called::check_account;
pub use caller::run_peer;
pub(crate) use probing::Told;
pub(crate) use proof::Proof;
pub use replication::run_replication;
pub use service::{BoundBack, ServiceFactory};
