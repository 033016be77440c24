//! X.400 over TCP: associations with the MTAs of `[[x400]]`, calling and being called.
//!
//! RFC 1006 below, P1 above; who may call is judged by address, MTA name and password, and every
//! refusal is logged with what was presented and expected, never with a password.

mod called;
mod caller;
mod line;
mod listener;
mod records;
mod secrets;

pub use caller::run_connector;
pub use listener::run as listen;
