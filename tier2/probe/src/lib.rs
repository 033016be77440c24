//! Read-only checks that give typed facts for a snapshot.
//!
//! Each check asks one question of one place, within the dialer's deadlines, and changes nothing. None sends credentials
//! but the one logon of [`ask_host`] and those of [`ask_authority`], [`read_files`] and [`ask_tickets`], with an account that was
//! given for it.

mod authority;
mod domain;
mod fact;
mod files;
mod host;
mod kdc;
mod line;
mod lsa;
mod msrpc;
mod netbios;
mod policy;
mod road;
mod root_dse;
mod sam;
mod share;
mod srv;
mod tickets;

pub use authority::{Authority, AuthorityQuestion, ask_authority};
pub use domain::{DomainQuestion, Hindrance, ask_domain, hindrances};
pub use files::{FilesQuestion, SharedFile, read_files};
pub use host::{ACCESS_DENIED, Learned, PORTS, Question, SMB_PORT, ask_host};
pub use krb5::AccountAnswer;
pub use lsa::Trust;
pub use netbios::{NodeName, name_query, node_status};
pub use policy::Policy;
pub use sam::SamAccount;
pub use smb::{Reason, reason};
pub use tickets::{Refusal, TicketQuestion, Tickets, ask_tickets};

pub use line::{SLOWEST, check_line};
pub use road::{Road, check_road, check_x400};

#[cfg(test)]
mod tests;
