//! The server's configuration file, `bindback.toml`.
//!
//! The file is parsed once at the edge into typed values ([`Config::load`]); nothing behind it sees a string that has
//! not been checked. A fault is told
//! with file, line and column, with the nearest known key where a name is unknown, and with the way out ([`Fault`]).
//!
//! Invariants:
//! - [`KEYS`] is the only table of keys. Defaults, units, ranges and doc lines are read from it by the parser, by the
//!   reference page ([`reference_page`])
//!   and by the commented file that `bindback init` writes ([`template`]).
//! - Every path in a [`Config`] is absolute, taken against the folder of the file.
//! - An edit ([`edit`]) never leaves a file behind that would not load.
//!
//! Left out on purpose: reading secrets at load (see [`read_secret`]), resolving names, and opening anything that the
//! file names.

mod address;
mod check;
mod connector;
mod document;
pub mod edit;
mod fault;
mod init;
mod keys;
mod load;
mod load_dial_up;
mod load_directory;
mod load_x400;
mod locate;
mod model;
mod model_dial_up;
mod model_x400;
mod names;
mod nearest;
mod reference;
mod secret;
mod section;
mod template;
mod value;

#[cfg(test)]
mod tests;

pub use fault::{ConfigError, Fault, FaultKind};
pub use init::{Initialised, RANDOM_BYTES, init};
pub use keys::{Fallback, KEYS, Key, Kind};
pub use locate::{lines, locate};
pub use model::{
    Accounts, Admin, Association, Config, Connector, ConnectorKind, DEFAULT_FILE, DirectoryPlace,
    Events, GlobalDomain, HostPort, Insecure, Kerberos, LdapDirectory, LdapProtection,
    MachineAccount, Mail, Mailboxes, NeighbourApi, OverrideAccount, Peer, PeerAuth, Queue, Rpc,
    RpcLevel, SYSTEM_FILE, Server, Smtp, SmtpConnector, StderrLevel,
};
pub use model_dial_up::DialUp;
pub use model_x400::{
    ConnectorRetry, MailContent, Rfc1006, Schedule, Selectors, TlsFiles, TransferMode,
    TransferTerms, X400,
};
pub use reference::reference_page;
pub use secret::{SecretError, read_key, read_secret, replace_secret};
pub use section::Section;
pub use template::{InitAnswers, PeerAnswers, X400Answers, template};
