//! A ticket with what its holder must know to use it.

use std::fmt;

use crate::message::{Ticket, TicketFlags};
use crate::{Key, Principal};

/// A ticket and its session key.
#[derive(Clone)]
pub struct Credential {
    /// Who may use it.
    pub client: Principal,
    /// What it is for.
    pub server: Principal,
    /// The session key.
    pub key: Key,
    /// The ticket itself.
    pub ticket: Ticket,
    /// Its flags.
    pub flags: TicketFlags,
    /// From when on it is valid, seconds since 1970-01-01 UTC.
    pub start_time: i64,
    /// Until when it is valid.
    pub end_time: i64,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} for {})", self.client, self.server)
    }
}
