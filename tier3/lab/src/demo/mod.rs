//! The demo: two servers, real mail, one fault, the doctor, the cure.
//!
//! Everything told is told as it happens; whatever was not as it must be becomes a problem of the report, and one problem is enough for the demo to fail.

mod report;
mod run;

pub use report::{DemoOptions, DemoReport, FaultReport, ServerReport};
pub use run::run;

pub use crate::organisation::Auth as DemoAuth;
