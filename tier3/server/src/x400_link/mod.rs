//! X.400 over TCP: associations with the MTAs of `[[x400]]`, calling and being called.
//!
//! RFC 1006 below, P1 above; who may call is judged by address, MTA name and password, and every
//! refusal is logged with what was presented and expected, never with a password.

mod called;
mod caller;
mod exchange;
mod line;
mod listener;
mod memory;
mod records;
mod resume;
mod secrets;
mod security;
mod sent;
mod spool;

pub use caller::run_connector;
pub use line::{Line, LineEnd};
pub use listener::run as listen;
pub use memory::Memory;
pub use security::credentials;
