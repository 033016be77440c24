//! Recipients to next hops.
//!
//! For now a recipient is an RFC 5321 mailbox, its domain names the server that holds it,
//! and a server reaches every other one directly. Address spaces, costs and connectors
//! come with the queue's own issue; the choice already says why it fell as it did.

mod table;

pub use table::{Choice, DomainError, Domains, Route, Table, canonical};
