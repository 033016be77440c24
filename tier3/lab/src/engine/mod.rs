//! What a demo and the laboratory share: servers on a stage, a fault put in, seen, diagnosed and cured.
//!
//! Whatever was not as it must be becomes a problem of the stage, which its user reports.

mod error;
mod fault;
mod narration;
mod stage;
mod workplace;

pub use error::LabError;
pub(crate) use fault::RECOVERY_LIMIT;
pub(crate) use narration::{Narrator, count};
pub(crate) use stage::{LOOK, PATIENCE, Setup, Stage};
pub(crate) use workplace::Workplace;
