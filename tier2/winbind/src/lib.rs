//! Domain accounts by a joined machine's winbind: Samba's `ntlm_auth --helper-protocol=ntlm-server-1`.
//!
//! The helper is asked on its standard input and answers on its standard output, a line a fact (manual page ntlm_auth(1)):
//! challenge and response go in, a yes with the session key or a no with its reason comes out. No password passes here,
//! and nothing of a logon stands on a command line. One helper is started for each logon: it lives for some
//! milliseconds, and nothing of one logon can meet another.
//!
//! Left out: group membership (rights are the server's own business), and changing passwords.

mod dialogue;
mod helper;
#[cfg(test)]
mod tests;

pub use helper::{Winbind, WinbindError};
