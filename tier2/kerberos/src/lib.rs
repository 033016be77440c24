//! Kerberos with a network, files and a clock: [`Client`] gets tickets from KDCs, [`read_keytab`] and [`read_ccache`] read
//! files, [`Realms`] knows where the KDCs are. The protocol itself is in the room `krb5`.
//!
//! KDCs are those that the caller names, then those of krb5.conf, then the realm's own name, which is how domain
//! controllers of Active Directory are found in DNS. Left out: SRV records, caches in a keyring or a daemon, and writing
//! a cache.

mod client;
mod error;
mod files;
mod realms;
mod seed;
#[cfg(test)]
mod tests;
mod transport;

pub use client::{Client, Login};
pub use error::KerberosError;
pub use files::{ReadError, read_ccache, read_keytab};
pub use krb5::{
    AUTH_TYPE, Ccache, Credential, KerberosAcceptor, KerberosInitiator, Key, Keytab, KeytabEntry,
    Principal, Secret, Service, Style,
};
pub use realms::{KdcAddress, KdcAddressError, Realms};
pub use seed::{context_seed, now};
