//! The three messages (MS-NLMP 2.2.1), one codec each.
//!
//! All three begin with a signature, a type and fixed fields; names and responses follow in a payload to which the
//! fixed fields point. A pointer must stay inside the message; that payload parts overlap is harmless and allowed.

mod authenticate;
mod challenge;
mod frame;
mod negotiate;

pub use authenticate::Authenticate;
pub(super) use authenticate::MIC_RANGE;
pub use challenge::Challenge;
pub use frame::{MAX_TOKEN, Version};
pub use negotiate::Negotiate;

use frame::{Payload, Pointer, begin, open};
