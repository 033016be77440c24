//! Read-only checks that give typed facts for a snapshot.
//!
//! Each check asks one question of one place, within the dialer's deadlines, and changes nothing. None sends credentials
//! but the one logon of [`ask_host`], and that only with an account that was given for it.

mod host;
mod kdc;
mod line;
mod netbios;
mod road;
mod root_dse;

pub use host::{Learned, PORTS, Question, ask_host};
pub use krb5::AccountAnswer;
pub use netbios::{NodeName, name_query, node_status};
pub use smb::{Reason, reason};

pub use line::SLOWEST;
pub use road::{Road, check_road, check_x400};
