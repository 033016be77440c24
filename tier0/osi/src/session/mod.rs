//! X.225 session protocol data units and the serial numbers of synchronisation.
//!
//! Left out: expedited data, extended concatenation, segmenting.

mod connect;
mod parameter;
mod spdu;
mod sync;

pub use connect::{Accept, Connect, REQUIRED_UNITS, Reference, Refuse, RefuseCode, Versions};
pub use spdu::{Abort, DATA_PREFIX, ExceptionReason, Prefix, Resume, Spdu, Tsdu};
pub use sync::SyncPoints;
