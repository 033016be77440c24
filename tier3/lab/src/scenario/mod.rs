//! The laboratory: every fault of this room in organisations of two to four servers, with names and order by a seed.
//!
//! A scenario lets mail flow, puts its fault in, asks the doctor as soon as the first attempt has failed, waits until all has
//! stopped that must stop, carries out the remedy and counts. The doctor is another process and learns no more than any user could.

mod interrupt;
mod matrix;
mod play;
mod report;
mod table;

pub use matrix::{MatrixOptions, matrix};
pub use play::{RunOptions, run};
pub use report::{Healthy, LabReport, LabResult, Listed, Pairs, Totals};
pub use table::list;
