//! The sending side: transactions (RFC 5321 3.3, Mail Transactions; 4.5.3.2 leaves timeouts to the owner).
//!
//! [`SendSession`] carries one transaction after the other over a connection, [`SendDialogue`] a single one. A content is
//! sent by DATA with dot-stuffing; what DATA cannot carry exactly (a bare CR or LF, a last line without CRLF) goes by BDAT
//! where the server offers it. What a server cannot take at all is refused here, with the reply that a server would have
//! given, and is never altered: a content with 8-bit octets comes back where 8BITMIME is not offered (RFC 6152 3 leaves that
//! choice), since a conversion would break signatures and nearly every server offers it.

mod machine;
mod offered;
mod session;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests;

pub use machine::{SendDialogue, SendRequest, SendResult};
pub use session::{Awaiting, MAX_RECIPIENTS, SendSession, Settled, Transaction};
