//! The administrative interface: HTTP and JSON over a Unix socket and TCP.
//!
//! The server implements [`Operations`]; [`serve_unix`] puts all of it on a Unix socket that only its owner may open unless roles are given to others, and [`serve_tcp`] puts the few
//! read-only parts that a neighbour's doctor needs on TCP, behind a token. [`Client`] is the other end of both. Commands and the HTTP interface share
//! the types of [`api`], so what a command prints with `--json` is what the server sent.
//!
//! Invariants:
//! - Every operation needs a role, and reaches the server only on behalf of somebody who has it.
//! - Nothing that changes an account, a queue or the configuration can be reached over TCP.
//! - A request is bounded in header, body, time and number of connections before it reaches the server.
//! - No password and no token appears in an address, a log or an error.
//!
//! Left out on purpose: what the operations do, any text for a terminal, and TLS (the neighbours' interface is for loopback and protected networks).

pub mod api;
mod caller;
mod client;
pub mod directory_api;
mod envelope;
mod exporter;
mod follow;
mod guard;
mod listen;
mod neighbour;
mod operations;
mod parameters;
pub mod queue_api;
mod reply;
mod role;
mod routes;

#[cfg(test)]
mod tests;

pub use caller::{Caller, caller, user_in_words};
pub use client::{Client, ClientError, Following};
pub use envelope::{Shape, WrongSchema, enveloped, enveloped_as, opened};
pub use exporter::{Exporter, ExporterError};
pub use listen::{ServeError, UnixSocket, open_to, serve_tcp, serve_unix};
pub use operations::{OperationError, Operations};
pub use reply::Refusal;
pub use role::AdminRole;
