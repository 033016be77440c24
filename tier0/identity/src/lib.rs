//! Who may call, and what they may: account names, security identifiers, security descriptors, the access check.
//!
//! Names compare without regard to case, as Windows compares them. Verifiers and passwords are wiped when dropped and
//! never printed. Descriptors follow MS-DTYP 2.4 and 2.5.

mod account;
pub mod descriptor;
mod fold;
mod guid;
mod mangled;
mod name;
mod role;
mod secret;
mod sid;
pub mod well_known;

pub use account::{Account, AccountState, FOR_EVER, Lockout, OlderSecret};
pub use descriptor::{Ace, AceFlags, AceKind, Acl, SecurityDescriptor};
pub use fold::upcase;
pub use guid::{Guid, GuidError};
pub use mangled::{CodePage, Mangling, mangled};
pub use name::{AccountName, MAX_DOMAIN_CHARS, MAX_NAME_CHARS, NameError};
pub use role::{Role, UnknownRole};
pub use secret::{HashFormatError, NtHash, Password};
pub use sid::{MAX_SUB_AUTHORITIES, Sid, SidError};
