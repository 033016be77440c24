//! What can go wrong between us and an LDAP server.

use std::io;
use std::time::Duration;

use directory::{DirectoryError, Name};
use kerberos::{KerberosError, ReadError};
use security::{SecurityError, SignatureError};
use wire::DecodeError;

/// Why the directory in LDAP cannot be read or written, grouped by whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum LdapError {
    /// The server's answer is no LDAP.
    #[error("the LDAP server sent what is no LDAP message")]
    Malformed(#[from] DecodeError),
    /// The answer is longer than anybody's.
    #[error("the LDAP server sent a message of {length} octets, and {limit} are taken at most")]
    TooLong {
        /// What was announced.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The answer is to another question.
    #[error("the LDAP server answered {got} where {expected} was due")]
    OutOfTurn {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// The server says no.
    #[error("the LDAP server refused to {operation} {name:?}: {code} ({}){}", meaning(*.code), said(.text))]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// Of which entry.
        name: String,
        /// The result code, RFC 4511 appendix A.
        code: u32,
        /// The server's words.
        text: String,
    },
    /// The name of the server leads nowhere.
    #[error("the LDAP server {host} has no address: {why}")]
    Resolve {
        /// The server.
        host: String,
        /// Why.
        why: String,
    },
    /// Nobody listens there, or the way is blocked.
    #[error("cannot connect to the LDAP server {host}, port {port}; tried {tried}")]
    Connect {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// Each address, and what came of it.
        tried: String,
    },
    /// The connection broke.
    #[error("the connection to the LDAP server {host} broke")]
    Broken {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be agreed on, or the server's certificate is not what it should be.
    #[error("TLS with the LDAP server {host} failed; see directory.ca_file")]
    Tls {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read certificates to trust from {path}: {why}")]
    Trust {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// Name or password for the server cannot be had.
    #[error("no credentials for the LDAP server: {0}")]
    Credentials(String),
    /// No ticket for the server.
    #[error("no Kerberos ticket for the LDAP server")]
    Kerberos(#[from] KerberosError),
    /// The keytab cannot be read.
    #[error("the keytab for the LDAP server")]
    Keytab(#[from] ReadError),
    /// The server did not prove itself.
    #[error("the LDAP server did not prove who it is")]
    Security(#[from] SecurityError),
    /// Somebody tampered with what came.
    #[error("what the LDAP server sent is not sealed as it should be")]
    Seal(#[from] SignatureError),
    /// The server seals nothing.
    #[error(
        "the LDAP server offers no sealing with Kerberos; set directory.protection to ldaps or starttls"
    )]
    NoSeal,
    /// More than is taken.
    #[error("the directory in LDAP has more than {limit} objects below {base}")]
    TooMany {
        /// The limit.
        limit: usize,
        /// Where.
        base: String,
    },
    /// More octets, attributes or values than are taken, in however few objects.
    #[error(
        "the LDAP server sends more than 512 MiB, or 16 million attributes and values, for what lies below {base}"
    )]
    TooMuch {
        /// Where.
        base: String,
    },
    /// It trickles.
    #[error("what lies below {base} did not come within {} s", .limit.as_secs())]
    TooSlow {
        /// Where.
        base: String,
        /// The limit.
        limit: Duration,
    },
    /// Pages without an entry, again and again.
    #[error("the pages of what lies below {base} go in circles")]
    Circle {
        /// Where.
        base: String,
    },
    /// The schema extension is not there.
    #[error(
        "the LDAP server does not know the object class bindbackObject; load docs/schema first, as docs/directory.md says"
    )]
    NoSchema,
    /// Somebody else changed it meanwhile.
    #[error("{0} was changed meanwhile; look at the difference again")]
    Outdated(Name),
    /// What is there is no directory of ours.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A descriptor that cannot be written.
    #[error("the descriptor of {0} cannot be written: it is too long")]
    Descriptor(Name),
    /// Others wait for the worker already.
    #[error("the LDAP server {host} has not answered {waiting} earlier questions yet")]
    Busy {
        /// The server.
        host: String,
        /// How many wait.
        waiting: usize,
    },
    /// The worker did not answer.
    #[error("the LDAP server {host} gave no answer within {seconds} s")]
    NoAnswer {
        /// The server.
        host: String,
        /// The limit.
        seconds: u64,
    },
}

impl LdapError {
    /// Whether the connection can be used after this.
    pub(crate) fn leaves_connection(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Circle { .. }
                | Self::NoSchema
                | Self::Outdated(_)
                | Self::Directory(_)
                | Self::Descriptor(_)
        )
    }

    /// The result code, where the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        if let Self::Refused { code, .. } = self { Some(*code) } else { None }
    }
}

/// Result codes of RFC 4511 appendix A that a directory's operator meets.
pub(crate) mod code {
    pub const SUCCESS: u32 = 0;
    pub const SASL_BIND_IN_PROGRESS: u32 = 14;
    pub const NO_SUCH_ATTRIBUTE: u32 = 16;
    pub const UNDEFINED_ATTRIBUTE_TYPE: u32 = 17;
    pub const ATTRIBUTE_OR_VALUE_EXISTS: u32 = 20;
    pub const INVALID_ATTRIBUTE_SYNTAX: u32 = 21;
    pub const NO_SUCH_OBJECT: u32 = 32;
    pub const OBJECT_CLASS_VIOLATION: u32 = 65;
    pub const ENTRY_ALREADY_EXISTS: u32 = 68;
}

fn meaning(code: u32) -> &'static str {
    match code {
        1 => "operations error",
        2 => "protocol error",
        3 => "time limit exceeded",
        4 => "size limit exceeded",
        7 => "authentication method not supported",
        8 => "stronger authentication required",
        10 => "it refers to another server, and that is not followed",
        11 => "administrative limit exceeded",
        13 => "confidentiality required",
        16 => "no such attribute",
        17 => "undefined attribute type; is the schema extension loaded?",
        18 => "inappropriate matching",
        19 => "constraint violation",
        20 => "attribute or value exists",
        21 => "invalid attribute syntax",
        32 => "no such object",
        34 => "invalid DN syntax",
        48 => "inappropriate authentication",
        49 => "invalid credentials",
        50 => "insufficient access rights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwilling to perform",
        64 => "naming violation",
        65 => "object class violation",
        66 => "not allowed on an entry with others below it",
        68 => "entry already exists",
        _ => "another result",
    }
}

/// What the server said, without what a terminal would act on.
fn said(text: &str) -> String {
    /// Servers of the field say less.
    const MOST: usize = 300;
    let shown: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    if shown.is_empty() { String::new() } else { format!(": {shown}") }
}
