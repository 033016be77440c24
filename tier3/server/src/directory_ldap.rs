//! The directory in an LDAP server, as this server's configuration has it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use config::{Config, DirectoryPlace, LdapDirectory, LdapProtection};
use identity::descriptor::access::Token;
use identity::{AccountName, Sid, well_known};
use ldap::{
    Credentials, DomainAccount, KerberosBind, LdapError, Place, Protection, Service, SimpleBind,
};
use net::Resolver;

/// How long one answer of the LDAP server may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The LDAP server, and what is known of the accounts of its domain.
pub struct Backing {
    pub service: Service,
    accounts: RwLock<HashMap<AccountName, DomainAccount>>,
}

impl Backing {
    /// The LDAP server that the configuration names, if it names one.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn of_config(config: &Config, base: &str) -> std::io::Result<Option<Self>> {
        let DirectoryPlace::Ldap(ldap) = &config.directory else { return Ok(None) };
        let resolver = Resolver::new(&config.hosts);
        let place = Place {
            host: ldap.host.clone(),
            port: ldap.port,
            base: base.to_owned(),
            ca_file: ldap.ca_file.clone(),
            patience: PATIENCE,
            poll: ldap.poll,
            resolver: resolver.clone(),
            credentials: credentials(config, ldap, resolver),
        };
        let service = Service::start(place)?;
        Ok(Some(Self { service, accounts: RwLock::default() }))
    }

    /// What was known of an account of the domain when it was last asked for.
    pub fn known(&self, name: &AccountName) -> Option<DomainAccount> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every account of the domain that was asked for.
    pub fn all_known(&self) -> Vec<DomainAccount> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<DomainAccount> = accounts.values().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Asks for an account of the domain.
    pub fn look_up(&self, name: &AccountName) -> Option<DomainAccount> {
        match self.service.account(name) {
            Ok(found) => {
                let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
                match &found {
                    Some(account) => drop(accounts.insert(name.clone(), account.clone())),
                    None => drop(accounts.remove(name)),
                }
                found
            }
            // What was known stays in force while nobody can be asked.
            Err(_) => self.known(name),
        }
    }

    /// The name that the domain has for an identifier.
    pub fn name_of(&self, sid: &Sid) -> Option<AccountName> {
        self.service.account_of(sid).ok().flatten().map(|account| account.name)
    }
}

/// The token of a domain's account that came over the network and proved itself.
pub fn token(account: &DomainAccount) -> Token {
    let all = [well_known::everyone(), well_known::authenticated_users(), well_known::network()];
    Token::new(account.groups.iter().cloned().chain(all).chain([account.sid.clone()]))
}

/// Secrets are read anew for each connection.
fn credentials(config: &Config, ldap: &LdapDirectory, resolver: Resolver) -> Credentials {
    let (config, ldap) = (config.clone(), ldap.clone());
    Arc::new(move || match ldap.protection {
        LdapProtection::Kerberos => {
            let bind = kerberos_bind(&config, &ldap, resolver.clone())?;
            Ok(Protection::Kerberos(Box::new(bind)))
        }
        LdapProtection::Ldaps => Ok(Protection::Ldaps(simple(&ldap)?)),
        LdapProtection::StartTls => Ok(Protection::StartTls(simple(&ldap)?)),
    })
}

fn simple(ldap: &LdapDirectory) -> Result<SimpleBind, LdapError> {
    Ok(SimpleBind { name: ldap.bind_name.clone(), password: password(ldap)? })
}

fn password(ldap: &LdapDirectory) -> Result<identity::Password, LdapError> {
    config::read_secret(&ldap.password_file)
        .map_err(|error| LdapError::Credentials(net::chain(&error)))
}

fn kerberos_bind(
    config: &Config,
    ldap: &LdapDirectory,
    resolver: Resolver,
) -> Result<KerberosBind, LdapError> {
    // The configuration is checked: whoever wants Kerberos has a realm.
    let missing = || LdapError::Credentials("rpc.kerberos_realm is missing".to_owned());
    let of_config = config.rpc.kerberos.as_ref().ok_or_else(missing)?;
    let realm = of_config.realm.as_str();
    let kdcs: Vec<_> = of_config.kdcs.iter().filter_map(|kdc| kdc.parse().ok()).collect();
    let mut realms = kerberos::Realms::of_system();
    if !kdcs.is_empty() {
        realms = realms.with_kdcs(realm, kdcs);
    }
    let name = ldap.bind_name.rsplit_once('\\').map_or(ldap.bind_name.as_str(), |(_, name)| name);
    let client = kerberos::Principal::account(name, realm);
    let keys = match &of_config.keytab {
        Some(path) => kerberos::read_keytab(path)?.keys_of(&client),
        None => Vec::new(),
    };
    let secret = if keys.is_empty() {
        kerberos::Secret::Password(password(ldap)?)
    } else {
        kerberos::Secret::Keys(keys)
    };
    Ok(KerberosBind {
        client: kerberos::Client { realms, resolver, patience: PATIENCE },
        login: kerberos::Login::Secret { client, secret },
        service: kerberos::Principal::service("ldap", &ldap.host, realm),
    })
}
