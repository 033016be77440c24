//! Kerberos version 5 as pure machines (RFC 4120, RFC 4121, MS-KILE): time and randomness are passed in, nothing is sent.
//!
//! [`AsExchange`] and [`TgsExchange`] get tickets from a KDC, [`Ccache`] and [`Keytab`] read them and the keys from
//! files, [`KerberosInitiator`] logs on with a ticket, [`KerberosAcceptor`] is logged on to with the keys of a
//! [`Service`]. Both give a [`KerberosSession`], which signs and seals PDUs of DCE/RPC and wraps messages of others.
//!
//! Only AES is spoken (encryption types 17 to 20). Left out on purpose: DES and RC4, FAST, PKINIT, user-to-user,
//! delegation, renewal, channel bindings, and the contents of the privilege attribute certificate: a name is all that
//! an acceptor takes from a ticket.

mod acceptor;
mod ccache;
mod credential;
mod crypto;
mod etype;
mod exchange;
mod gss;
mod initiator;
mod keytab;
pub mod message;
mod principal;
mod question;
mod replay;
mod session;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod time;

pub use acceptor::{KerberosAcceptor, MAX_SKEW, Service};
pub use ccache::Ccache;
pub use credential::Credential;
pub use crypto::{Key, KeyError, Sealed, StringToKeyError, UsageKeys, Wrong, string_to_key, usage};
pub use etype::{Etype, etype_name};
pub use exchange::{AsExchange, ExchangeError, ExchangeSeed, Progress, Secret, TgsExchange};
pub use gss::AUTH_TYPE;
pub use initiator::{ContextSeed, KerberosInitiator, Style};
pub use keytab::{Keytab, KeytabEntry};
pub use message::RawKey;
pub use principal::{NT_PRINCIPAL, NT_SRV_HST, NT_SRV_INST, Principal, PrincipalError};
pub use question::{AccountAnswer, account_answer, account_question};
pub use replay::{ReplayCache, Seen};
pub use session::KerberosSession;
pub use time::Time;
