//! X.225 session protocol data units and the serial numbers of synchronisation.
//!
//! Left out: expedited data, extended concatenation, segmenting.

mod abort;
mod activity;
mod connect;
mod parameter;
mod spdu;
mod sync;

pub use abort::Abort;
pub use activity::{ExceptionReason, Resume};
pub use connect::{Accept, Connect, REQUIRED_UNITS, Reference, Refuse, RefuseCode, Versions};
pub use spdu::{DATA_PREFIX, Prefix, Spdu, Tsdu};
pub use sync::SyncPoints;
