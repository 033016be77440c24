//! Organisations of real server processes, with faults put in.
//!
//! Everything here uses what any user could: the command line of the one program, SMTP, the Maildirs and the administrative interface.
//!
//! Invariants:
//! - No process outlives the value that started it ([`demo::run`] and [`scenario::run`] end their servers on every way out).
//! - With the diagnosis this room shares the list of causes ([`finding::Cause`]) and nothing else: a demo learns the cause from the doctor as a reader of its
//!   output would.
//! - A message is known again by its octets; nothing is added to it.

mod cast;
mod chance;
pub mod demo;
mod directory_server;
mod engine;
pub mod faults;
mod kdc;
mod ledger;
mod letters;
mod observe;
mod organisation;
mod process;
mod program;
pub mod scenario;
mod smtp_client;
mod wires;

pub use cast::Side;
pub use directory_server::DirectoryKind;
pub use engine::LabError;
pub use letters::LetterError;
pub use observe::TellingEvent;
pub use organisation::{Carrier, Setting};
pub use program::CommandError;
pub use smtp_client::HandInError;
