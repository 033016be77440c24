//! What an administrator can ask of a server: the running one, or its store while it rests.

mod offline;
mod orders;
mod route;
mod running;
mod shared;

pub use offline::{Offline, store_folder};
pub use running::Running;
pub use shared::{hop_name, queues as queue_rows};
