//! The demo: two servers, real mail, one fault, the doctor, the cure.
//!
//! Everything told is told as it happens; whatever was not as it must be becomes a problem of the report, and one problem is enough for the demo to fail.

mod error;
mod fault;
mod narration;
mod report;
mod run;
mod stage;
mod workplace;

pub use error::DemoError;
pub use report::{DemoAuth, DemoOptions, DemoReport, FaultReport, ServerReport};
pub use run::run;

pub use crate::letters::LetterError;
pub use crate::observe::TellingEvent;
pub use crate::program::CommandError;
pub use crate::smtp_client::HandInError;
