//! Organisations of real server processes, with faults put in.
//!
//! Everything here uses what any user could: the command line of the one program, SMTP, the Maildirs and the administrative interface.
//!
//! Invariants:
//! - No process outlives the value that started it ([`demo::run`] ends its servers on every way out).
//! - With the diagnosis this room shares the list of causes ([`finding::Cause`]) and nothing else: a demo learns the cause from the doctor as a reader of its
//!   output would.
//! - A message is known again by its octets; nothing is added to it.

pub mod demo;
pub mod faults;
mod ledger;
mod letters;
mod observe;
mod organisation;
mod process;
mod program;
mod smtp_client;

pub use organisation::{Carrier, Side};
