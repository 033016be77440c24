//! Causes, findings, evidence and remedies as data.
//!
//! Pure: values and their published JSON shapes. The list of causes is closed; what decides between them lives in the
//! diagnosis room. Deliberately left out: any text for a terminal, and any knowledge of how a fact was gathered.

mod answer;
mod cause;
mod group;

pub use answer::{Answer, Check, CheckResult, Diagnosis, Evidence, NextProbe, Remedy, Stop};
pub use cause::{Cause, UnknownCause};
pub use group::{Group, Owner, Severity};
