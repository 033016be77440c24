//! Tools for RPC that need no MTA: a server to try clients against, and a client that tells each of its steps.

mod accounts_file;
mod bench;
mod echo_server;
mod endpoints;
mod histogram;
mod line;
mod netlogon;
mod ping;
mod steps;
#[cfg(test)]
mod tests;

pub use accounts_file::{AccountsFile, AccountsFileError};
pub use bench::{Bench, BenchSettings, Figures, Line, Operation, bench};
pub use dcerpc::{AuthLevel, SyntaxId, Uuid};
pub use echo_server::{EchoError, EchoServer, EchoSettings};
pub use endpoints::{EndpointRow, endpoints};
pub use histogram::Latency;
pub use ping::{Caller, Mechanisms, PingSettings, ping};
pub use steps::{Step, StepResult, interface_name};
