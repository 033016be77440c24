//! The keys of the directory.

use super::Fallback::{Absent, Value};
use super::Kind::{Choice, Host, Integer, Path, Text};
use super::{Key, counted, key};
use crate::section::Section::Directory;

pub(super) const KEYS: &[Key] = &[
    key(
        Directory,
        "kind",
        Choice(&["embedded", "ldap"]),
        Value("\"embedded\""),
        "\"embedded\"",
        "Where the directory is kept: in this server's store, or in an LDAP server.",
    ),
    key(
        Directory,
        "host",
        Host,
        Absent,
        "\"dc1.demo.test\"",
        "The LDAP server, by the name that its certificate or its Kerberos principal has; kind ldap needs it.",
    ),
    key(
        Directory,
        "port",
        Integer { min: 1, max: 65_535 },
        Absent,
        "636",
        "Port of the LDAP server; 636 for protection ldaps and 389 for the others where none is given.",
    ),
    key(
        Directory,
        "protection",
        Choice(&["ldaps", "starttls", "kerberos"]),
        Value("\"ldaps\""),
        "\"ldaps\"",
        "How the connection is protected: TLS at once, TLS after StartTLS, or sealed by Kerberos, which needs rpc.kerberos_realm. There is none without.",
    ),
    key(
        Directory,
        "base",
        Text { min: 3, max: 255 },
        Absent,
        "\"DC=demo,DC=test\"",
        "The DN that the directory lies below; the domain of server.host_name where none is given.",
    ),
    key(
        Directory,
        "bind_name",
        Text { min: 1, max: 512 },
        Absent,
        "\"cn=bindback,dc=demo,dc=test\"",
        "Who logs on to the LDAP server: a DN, or DOMAIN\\\\name on Active Directory and with Kerberos; rpc.account where nobody is given.",
    ),
    key(
        Directory,
        "password_file",
        Path,
        Absent,
        "\"secrets/ldap.password\"",
        "File with the password of bind_name, mode 0600; rpc.password_file where none is given.",
    ),
    key(
        Directory,
        "ca_file",
        Path,
        Absent,
        "\"/etc/ssl/certs/demo-ca.pem\"",
        "Certificates in PEM that the LDAP server's has to lead to; those that the system trusts where none is given.",
    ),
    counted(
        Directory,
        "poll_s",
        Integer { min: 1, max: 3600 },
        "2",
        "seconds",
        "How often the LDAP server, or a peer whose directory is replicated, is asked what changed.",
    ),
];
