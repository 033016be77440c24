//! Tools for RPC that need no MTA: a server to try clients against, and a client that tells each of its steps.

mod accounts_file;
mod echo_server;
mod netlogon;

pub use accounts_file::{AccountsFile, AccountsFileError};
pub use echo_server::{EchoError, EchoServer, EchoSettings};
