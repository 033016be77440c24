//! What an administrator can ask of a server: the running one, or its store while it rests.

mod accounts;
mod directory;
mod hops;
mod links;
mod offline;
mod orders;
mod probing;
mod route;
mod running;
mod shared;

pub(crate) use accounts::overlap_ms;
pub use accounts::{Ledger, missing_steps};
pub use directory::LEGACY_SECRET;
#[cfg(test)]
pub use directory::follow;
pub use hops::hop_name;
pub use offline::{Offline, OpenError, store_folder};
pub use orders::held_words;
pub(crate) use probing::{PROBE_PATIENCE, probe_hop};
#[cfg(test)]
pub use route::route;
pub use route::table as route_rows;
pub use running::Running;
pub(crate) use running::compare;
pub use shared::queues as queue_rows;
