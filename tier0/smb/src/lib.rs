//! As much of SMB 2 ([MS-SMB2]) as it takes to log on and be told why not.
//!
//! NEGOTIATE, SESSION_SETUP, TREE_CONNECT to a share and LOGOFF, in the dialects 2.0.2 and 2.1 (a later one asks for more and
//! tells no more about a logon). Many servers say over RPC only "access denied"; over SMB the same host names the
//! reason. Deliberately left out: signing, files, pipes, credits beyond one request at a time.
//!
//! Invariants: pure; a length that the peer gives is checked before it is used.

mod message;
mod reply;
mod request;
mod status;

pub use message::{MAX_MESSAGE, MORE_PROCESSING_REQUIRED, message_length};
pub use reply::{Negotiated, Reply, SmbError};
pub use request::{logoff, negotiate, session_setup, tree_connect};
pub use status::{Reason, reason};
