//! Listeners and runtime: the running server.
//!
//! The rooms below decide; here their decisions are carried out: sockets, tasks, the store,
//! events. [`run`] is the whole of it; [`Offline`] does what can be done while nothing runs.

mod account_table;
mod blocking;
mod event_log;
pub mod examine;
mod facts;
mod inbound;
mod link;
mod local_delivery;
mod mail_queue;
mod node;
mod notification;
mod operations;
mod outbound;
mod peer_state;
mod reporting;
mod route_table;
mod rpc_listener;
pub mod rpc_tools;
mod runtime;
mod settings;
mod smtp_listener;
#[cfg(test)]
mod tests;

pub use facts::known_facts;
pub use operations::Offline;
pub use runtime::{ServeError, run};
