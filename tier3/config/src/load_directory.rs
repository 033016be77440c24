//! From `[directory]` to its type.

use crate::document::{Checked, Source, TableReader};
use crate::fault::FaultKind;
use crate::model::{DirectoryPlace, LdapDirectory, LdapProtection, Rpc};

/// Ports of LDAP with TLS from the first octet, and without (RFC 4511 section 5.2.1).
const LDAPS: u16 = 636;
const LDAP: u16 = 389;

pub(crate) fn directory(
    table: &TableReader<'_>,
    source: &Source,
    rpc: &Rpc,
) -> Checked<DirectoryPlace> {
    let host = table.optional("host")?.map(|found| found.host()).transpose()?;
    let port = table.optional("port")?.map(|found| found.integer()).transpose()?;
    let base = table.optional("base")?.map(|found| found.text()).transpose()?;
    let bind_name = table.optional("bind_name")?.map(|found| found.text()).transpose()?;
    let path = |name| table.optional(name)?.map(|found| found.path()).transpose();
    let (password_file, ca_file) = (path("password_file")?, path("ca_file")?);
    let protection = match table.value("protection")?.choice()? {
        0 => LdapProtection::Ldaps,
        1 => LdapProtection::StartTls,
        _ => LdapProtection::Kerberos,
    };
    let poll = table.value("poll_s")?.seconds()?;
    if table.value("kind")?.choice()? == 0 {
        return Ok(DirectoryPlace::Embedded { poll });
    }
    let Some(host) = host else {
        let what = "directory.host is missing, and directory.kind is ldap".to_owned();
        let way_out =
            "write the name of the LDAP server, as in `host = \"dc1.demo.test\"`".to_owned();
        return Err(source.fault(table.at_key("kind"), FaultKind::Missing, what, way_out));
    };
    if protection == LdapProtection::Kerberos && rpc.kerberos.is_none() {
        let what = "directory.protection is kerberos, and rpc.kerberos_realm is missing".to_owned();
        let way_out = "write rpc.kerberos_realm, or another directory.protection".to_owned();
        return Err(source.fault(table.at_key("protection"), FaultKind::Missing, what, way_out));
    }
    let usual = if protection == LdapProtection::Ldaps { LDAPS } else { LDAP };
    Ok(DirectoryPlace::Ldap(LdapDirectory {
        host,
        port: port.unwrap_or(usual),
        protection,
        base,
        bind_name: bind_name.unwrap_or_else(|| rpc.account.to_string()),
        password_file: password_file.unwrap_or_else(|| rpc.password_file.clone()),
        ca_file,
        poll,
    }))
}
