//! Who may call: account names, roles, password verifiers.
//!
//! Names compare without regard to case, as Windows compares them. Verifiers and passwords are wiped when dropped and
//! never printed. Left out: security identifiers, security descriptors and the access check, which come with the
//! directory.

mod account;
mod fold;
mod name;
mod role;
mod secret;

pub use account::Account;
pub use fold::upcase;
pub use name::{AccountName, MAX_DOMAIN_CHARS, MAX_NAME_CHARS, NameError};
pub use role::{Role, UnknownRole};
pub use secret::{HashFormatError, NtHash, Password};
