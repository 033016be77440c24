//! Where the directory is, and how the connection is protected.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use identity::Password;
use kerberos::{Client, Login, Principal};
use net::Resolver;

use crate::error::LdapError;

/// How passwords and content are protected. There is no way without.
pub enum Protection {
    /// TLS from the first octet.
    Ldaps(SimpleBind),
    /// TLS after StartTLS (RFC 4513 section 3).
    StartTls(SimpleBind),
    /// Sealed by Kerberos: SASL mechanism GSSAPI (RFC 4752).
    Kerberos(Box<KerberosBind>),
}

/// A name and its password.
pub struct SimpleBind {
    /// A DN; Active Directory takes `DOMAIN\name` and `name@domain` too.
    pub name: String,
    /// Its password.
    pub password: Password,
}

/// A login by ticket.
pub struct KerberosBind {
    /// Gets the ticket.
    pub client: Client,
    /// Who logs on.
    pub login: Login,
    /// The server's principal, `ldap/HOST@REALM`.
    pub service: Principal,
}

/// What gives name and secrets anew for each connection, so that a changed password needs no restart.
pub type Credentials = Arc<dyn Fn() -> Result<Protection, LdapError> + Send + Sync>;

/// Where the directory is.
#[derive(Clone)]
pub struct Place {
    /// Name of the server, as its certificate and its principal have it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What every DN ends in, `DC=demo,DC=test`.
    pub base: String,
    /// Certificates to trust; the system's where there is none.
    pub ca_file: Option<PathBuf>,
    /// How long one answer may take.
    pub patience: Duration,
    /// Between two looks for changes.
    pub poll: Duration,
    /// How the server's name is looked up.
    pub resolver: Resolver,
    /// Name and secrets.
    pub credentials: Credentials,
}
