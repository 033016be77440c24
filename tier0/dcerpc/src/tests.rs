//! The machines against each other, and against octets that no machine sends.

mod association;
mod authentication;
mod fixture;
mod hostile;
mod identities;
mod ndr;
mod pdus;
