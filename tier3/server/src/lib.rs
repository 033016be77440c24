//! Listeners and runtime: the running server.
//!
//! The rooms below decide; here their decisions are carried out: sockets, tasks, the store,
//! events. [`run`] is the whole of it; [`Offline`] does what can be done while nothing runs.

mod account_table;
mod blocking;
mod clock;
mod delay_notice;
mod event_log;
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
mod processing;
mod reporting;
mod route_table;
mod rpc_listener;
pub mod rpc_tools;
mod runtime;
mod settings;
mod smtp_limits;
mod smtp_listener;
mod store_check;
mod supervise;
#[cfg(test)]
mod tests;
mod x400_link;
pub mod x400_tools;

pub use facts::known_facts;
pub use operations::Offline;
pub use runtime::{ServeError, run};
pub use store_check::{StoreCheck, check_store};
