//! The receiving side of a dialogue (RFC 5321 4.1.4, Order of Commands; RFC 2920; RFC 3030).
//!
//! Leaves out: timeouts (call [`Dialogue::shut_down`]) and the decision about recipients and messages.

mod input;
mod machine;
mod replies;
#[cfg(test)]
mod tests;

pub use machine::{ClosingReason, Dialogue, DialogueConfig};
