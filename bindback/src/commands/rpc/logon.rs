//! Who calls: the options that `rpc ping` and `rpc endpoints` share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use identity::AccountName;
use server::rpc_tools::kerberos::{
    Client, KdcAddress, KerberosError, Login, Principal, ReadError, Realms, Secret, read_ccache,
    read_keytab,
};
use server::rpc_tools::{AuthLevel, Caller, KerberosCaller, Mechanisms};

use crate::failure::{Usage, chain};
use crate::password;

#[derive(Debug, Args)]
pub struct Logon {
    /// Log on as this account: DOMAIN\NAME or NAME@REALM
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    user: Option<AccountName>,
    #[command(flatten)]
    password: password::Source,
    /// How to log on [default: ntlm with --user, else none]
    #[arg(long, value_name = "MECHANISM", hide_default_value = true)]
    auth: Option<Auth>,
    /// How much is protected [default: privacy with a logon, else none]
    #[arg(long, value_name = "LEVEL", hide_default_value = true)]
    level: Option<Level>,
    /// Kerberos: log on with the keys of this keytab instead of a password
    #[arg(long, value_name = "FILE", conflicts_with = "ccache")]
    keytab: Option<PathBuf>,
    /// Kerberos: use the tickets of this credential cache
    #[arg(long, value_name = "FILE")]
    ccache: Option<PathBuf>,
    /// Kerberos: ask this KDC [default: those of krb5.conf, else the realm's name]
    #[arg(long, value_name = "HOST[:PORT]")]
    kdc: Vec<KdcAddress>,
    /// Kerberos: the account's realm
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// Kerberos: the service that is called [default: host/ and the name of the host]
    #[arg(long, value_name = "SERVICE/HOST")]
    service: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// NTLM version 2
    Ntlm,
    /// Kerberos version 5
    Kerberos,
    /// SPNEGO: Kerberos where its options are given, and NTLM version 2 where there is a password
    Negotiate,
    /// Nobody
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    None,
    Connect,
    Packet,
    Integrity,
    Privacy,
}

/// `DOMAIN\NAME`, or `NAME@REALM`.
fn account(text: &str) -> Result<AccountName, String> {
    match text.rsplit_once('@') {
        Some((name, realm)) if !text.contains('\\') => AccountName::new(realm, name),
        _ => text.parse(),
    }
    .map_err(|error| format!("{error}, or NAME@REALM"))
}

impl Logon {
    /// Who calls; nobody where nothing is said of it.
    pub fn caller(&self, patience: Duration) -> anyhow::Result<Option<Caller>> {
        let auth = match (self.auth, &self.user) {
            (Some(auth), _) => auth,
            (None, _) if self.keytab.is_some() || self.ccache.is_some() => Auth::Kerberos,
            (None, Some(_)) => Auth::Ntlm,
            (None, None) => Auth::None,
        };
        let level = self.level.unwrap_or(match auth {
            Auth::None => Level::None,
            _ => Level::Privacy,
        });
        let level = match level {
            Level::None => AuthLevel::None,
            Level::Connect => AuthLevel::Connect,
            Level::Packet => AuthLevel::Packet,
            Level::Integrity => AuthLevel::Integrity,
            Level::Privacy => AuthLevel::Privacy,
        };
        let mechanisms = match auth {
            Auth::Ntlm => Mechanisms::Ntlm,
            Auth::Kerberos => Mechanisms::Kerberos,
            Auth::Negotiate => Mechanisms::Negotiate,
            Auth::None if level == AuthLevel::None => return Ok(None),
            Auth::None => {
                return usage("nothing is protected as nobody; give --user, or --level none");
            }
        };
        if level == AuthLevel::None {
            return usage("a logon protects something; give another --level, or --auth none");
        }
        let from_file = self.keytab.is_some() || self.ccache.is_some();
        if mechanisms == Mechanisms::Ntlm && from_file {
            return usage("NTLM knows neither keytab nor credential cache; give --auth kerberos");
        }
        if self.user.is_none() && !from_file {
            return usage("who is to log on? give --user 'DOMAIN\\NAME'");
        }
        let ntlm = match &self.user {
            Some(account) if !from_file => {
                let password = self.password.read_existing(&account.to_string())?;
                Some((account.clone(), password))
            }
            _ => None,
        };
        // SPNEGO alone says nothing of Kerberos: that a KDC is asked must be wanted.
        let wanted = from_file || !self.kdc.is_empty() || self.realm.is_some();
        let kerberos = match mechanisms {
            Mechanisms::Ntlm => None,
            Mechanisms::Negotiate if !wanted => None,
            _ => Some(self.kerberos(ntlm.as_ref(), patience)?),
        };
        Ok(Some(Caller { ntlm, kerberos, mechanisms, level }))
    }

    fn kerberos(
        &self,
        ntlm: Option<&(AccountName, identity::Password)>,
        patience: Duration,
    ) -> anyhow::Result<KerberosCaller> {
        let mut realms = Realms::of_system();
        let client = self.user.as_ref().map(|account| {
            let realm = self.realm_of(account, &realms);
            Principal::account(account.name(), &realm)
        });
        let unreadable = |error: ReadError| Usage(chain(&error));
        let login = match (&self.keytab, &self.ccache, client, ntlm) {
            (Some(path), ..) => {
                let keytab = read_keytab(path).map_err(unreadable)?;
                let client = self.user.as_ref().map(|account| {
                    let realm = self.realm_of(account, &realms);
                    Principal::account(account.name(), &realm)
                });
                Login::with_keytab(client.as_ref(), &keytab)
                    .map_err(|error: KerberosError| Usage(chain(&error)))?
            }
            (None, Some(path), ..) => {
                Login::Cache(Box::new(read_ccache(path).map_err(unreadable)?))
            }
            (None, None, Some(client), Some((_, password))) => {
                Login::Secret { client, secret: Secret::Password(password.clone()) }
            }
            _ => return usage("who is to log on? give --user 'DOMAIN\\NAME'"),
        };
        if !self.kdc.is_empty() {
            realms = realms.with_kdcs(&login.client().realm, self.kdc.clone());
        }
        let client = Client { realms, resolver: server::rpc_tools::resolver(), patience };
        Ok(KerberosCaller { client, login, service: self.service.clone() })
    }

    /// The realm of an account: as said, else the domain where it is a DNS name, else the one of this machine.
    fn realm_of(&self, account: &AccountName, realms: &Realms) -> String {
        match (&self.realm, realms.default_realm()) {
            (Some(realm), _) => realm.clone(),
            (None, Some(default)) if !account.domain().contains('.') => default.to_owned(),
            (None, _) => account.domain().to_uppercase(),
        }
    }
}

fn usage<T>(text: &str) -> anyhow::Result<T> {
    Err(Usage(text.to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_as_people_write_them() {
        assert_eq!(account("EAST\\ann").unwrap().to_string(), "EAST\\ann");
        assert_eq!(account("ann@EAST.TEST").unwrap().to_string(), "EAST.TEST\\ann");
        for wrong in ["ann", "@EAST", "ann@", "host/x@EAST"] {
            account(wrong).unwrap_err();
        }
    }
}
