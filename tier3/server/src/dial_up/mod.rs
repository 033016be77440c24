//! Dial-up connectors: the line to a peer is dialled when mail waits, and hung up when all of it is across.
//!
//! [`dialup::Line`] decides, [`run_line`] performs: one task for each connector runs its commands and looks at the link. The
//! task of the peer asks it for a call with [`raise`] before it binds, and gives the call back. The called server dials
//! nothing: what waits there for the caller goes while a call stands ([`follow_call`]).
//!
//! A server that dies during a call leaves a guard behind which hangs up, and a note in its data folder by which the next
//! start does.

mod board;
mod call;
mod command;
mod line_task;
mod look;

pub use board::DialUps;
pub use call::{Call, Raised, follow_call, heed, is_up, link_down, raise, stands};
pub use line_task::run_line;
