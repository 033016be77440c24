//! The machines against each other, and against octets that no machine sends.

mod asked;
mod association;
mod authentication;
mod fixture;
mod hostile;
mod identities;
mod multiplexing;
mod ndr;
mod pdus;
