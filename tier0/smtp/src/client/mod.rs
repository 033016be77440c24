//! The sending side: one transaction (RFC 5321 3.3, Mail Transactions; 4.5.3.2 leaves timeouts to the owner).
//!
//! Commands go out one at a time. A content is sent by DATA with dot-stuffing; what DATA cannot carry exactly (a bare CR
//! or LF, a last line without CRLF) goes by BDAT where the server offers it. What a server cannot take at all is refused
//! here, with the reply that a server would have given, and is never altered.

mod machine;
#[cfg(test)]
mod tests;

pub use machine::{SendDialogue, SendRequest, SendResult};
