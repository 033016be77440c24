//! Associations with peers over the RPC carrier: calling, being called, and the channels.

mod called;
mod caller;
mod channel;
mod further;
mod records;
mod service;

pub use caller::run_peer;
pub use service::{BoundBack, ServiceFactory};
