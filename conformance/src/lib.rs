//! Proofs from outside: the release binary, and software that nobody here wrote.
//!
//! Everything is used as a user would: a configuration file, the command line, sockets, Maildirs. No room of the
//! house is imported, so that a fault in one cannot hide behind itself.
//!
//! Invariants:
//! - No process outlives the value that started it, not even in a panic.
//! - Two proofs never share an address: each takes a [`Block`] of loopback addresses of its own.
//! - Whatever waits has a deadline and says what it waited for.

mod address;
mod capture;
mod cpu;
mod disk;
mod load;
mod maildir;
mod network;
mod openldap;
mod organisation;
mod postfix;
mod process;
mod program;
mod relay;
mod samba_dc;
mod samba_files;
mod samba_server;
mod smtp;
mod soak;
mod tool;
mod wait;
mod windows_log;
mod x400;

pub use address::Block;
pub use capture::{Capture, Conversation, Direction, tpkt};
pub use cpu::cpu_time;
pub use disk::{Disk, has, missing};
pub use maildir::{Delivered, Maildir, is_only_trace};
pub use network::{Cut, Network};
pub use openldap::OpenLdap;
pub use organisation::{ADMIN, Carrier, MAPPER, Organisation, Plan, RPC, SMTP, Side};
pub use postfix::Postfix;
pub use process::{End, Process};
pub use program::{Program, binary, one_object, release_binary};
pub use relay::Relay;
pub use samba_dc::{Domain, SambaDc};
pub use samba_files::SambaFiles;
pub use samba_server::{SambaServer, add_samba_account};
pub use smtp::{HandInError, Letter, Reply, Session};
pub use soak::{Blow, Counts, Soak};
pub use tool::{Tshark, skip};
pub use wait::{Look, Random, until, while_it_moves};
pub use windows_log::{WindowsEvent, evt, evtx};
pub use x400::Connector;
