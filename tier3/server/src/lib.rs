//! Listeners and runtime: the running server.
//!
//! The rooms below decide; here their decisions are carried out: sockets, tasks, the store,
//! events. [`run`] is the whole of it; [`Offline`] does what can be done while nothing runs.

mod account_table;
mod addresses;
mod admin_roles;
mod blocking;
mod clock;
mod delay_notice;
mod dial_up;
mod directory_ldap;
mod directory_table;
mod event_levels;
mod event_log;
pub mod examine;
mod facts;
mod failed_logons;
mod inbound;
mod keytab;
mod link;
mod local_delivery;
mod logon_policy;
mod machine_password;
mod mail_content;
mod mail_queue;
mod neighbour;
mod node;
mod notification;
mod opened;
mod operations;
mod outbound;
mod pace;
mod peer_state;
mod processing;
mod reassignment;
mod recipients;
mod reporting;
mod reroute;
mod resources;
mod route_table;
mod rpc_listener;
mod rpc_security;
pub mod rpc_tools;
mod runtime;
mod schedules;
mod self_watch;
mod service_manager;
mod settings;
pub mod shared_files;
mod smtp_limits;
mod smtp_listener;
mod smtp_out;
mod start_check;
mod store_check;
mod supervise;
mod taken_ports;
#[cfg(test)]
mod tests;
mod vault;
mod x400_link;
pub mod x400_tools;

pub use account_table::AccountError;
pub use directory_table::DirectoryTableError;
pub use facts::known_facts;
pub use neighbour::{Neighbour, Seen, checked, neighbours};
pub use operations::{Offline, OpenError};
pub use runtime::{ServeError, run, run_as};
pub use security::ntlm::OldNtlm;
pub use start_check::{account_fault, start_faults};
pub use store_check::{StoreCheck, check_store, is_in_use};
pub use taken_ports::taken_ports;
pub use vault::VaultError;
