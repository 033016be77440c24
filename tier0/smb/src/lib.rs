//! As much of SMB 2 ([MS-SMB2]) as it takes to log on and be told why not, and to read a pipe or a file.
//!
//! NEGOTIATE, SESSION_SETUP, TREE_CONNECT to a share, CREATE of what is there, pipes, READ, CLOSE and LOGOFF, in the dialects 2.0.2
//! and 2.1 with their signing (a later one asks for more and tells no more about a logon). Many servers say over RPC only "access
//! denied"; over SMB the same host names the reason. Deliberately left out: all that changes something, encryption, credits beyond
//! one request at a time.
//!
//! Invariants: pure; a length that the peer gives is checked before it is used.

mod message;
mod reply;
mod request;
mod signing;
mod status;

pub use message::{
    BUFFER_OVERFLOW, END_OF_FILE, MAX_MESSAGE, MORE_PROCESSING_REQUIRED, NO_MORE_FILES,
    NO_SUCH_FILE, NO_SUCH_PATH, PENDING, message_length,
};
pub use reply::{Negotiated, Reply, SmbError};
pub use request::{
    FileId, PIPE_ACCESS, Place, READ_ACCESS, close, create, list, logoff, negotiate, open_folder,
    read, session_setup, transceive, tree_connect,
};
pub use signing::{is_signed, sign};
pub use status::{Reason, reason};
