//! Tickets: from a KDC, or from a cache.

use std::time::Duration;

use krb5::{AsExchange, Ccache, Credential, Keytab, Principal, Progress, Secret, TgsExchange};
use net::Resolver;

use crate::error::KerberosError;
use crate::realms::Realms;
use crate::seed::{exchange_seed, now};
use crate::transport::ask;

/// Realms on the way to a service: more than any forest has.
const MAX_REFERRALS: usize = 8;

/// Who logs on, and with what.
#[derive(Debug, Clone)]
pub enum Login {
    /// An account, with its password or keys.
    Secret {
        /// Who.
        client: Principal,
        /// With what.
        secret: Secret,
    },
    /// Whoever the tickets belong to.
    Cache(Box<Ccache>),
}

impl Login {
    /// A login with the keys of `client` in a keytab; of its first principal when nobody is named.
    ///
    /// # Errors
    /// The keytab has no key of that account.
    pub fn with_keytab(client: Option<&Principal>, keytab: &Keytab) -> Result<Self, KerberosError> {
        let holders = keytab.principals();
        let client = match (client, holders.first()) {
            (Some(client), _) => client,
            (None, Some(first)) => *first,
            (None, None) => {
                let account = "anybody".to_owned();
                return Err(KerberosError::NotInKeytab { account, has: "nobody".to_owned() });
            }
        };
        let keys = keytab.keys_of(client);
        if keys.is_empty() {
            let has: Vec<String> = holders.iter().map(ToString::to_string).collect();
            let (account, has) = (client.to_string(), has.join(", "));
            return Err(KerberosError::NotInKeytab { account, has });
        }
        // The spelling of the keytab: the KDC may want it exactly so.
        let spelt = holders.into_iter().find(|one| one.matches(client)).unwrap_or(client);
        Ok(Self::Secret { client: spelt.clone(), secret: Secret::Keys(keys) })
    }

    /// Who logs on.
    #[must_use]
    pub fn client(&self) -> &Principal {
        match self {
            Self::Secret { client, .. } => client,
            Self::Cache(cache) => &cache.client,
        }
    }
}

/// Gets tickets.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where the KDCs are.
    pub realms: Realms,
    /// How their names are looked up.
    pub resolver: Resolver,
    /// How long one KDC may take for one answer.
    pub patience: Duration,
}

impl Client {
    /// The first ticket: from the KDC of the client's realm, or from the cache.
    ///
    /// # Errors
    /// [`KerberosError`] says why there is none.
    pub async fn log_on(&self, login: &Login) -> Result<Credential, KerberosError> {
        let (client, secret) = match login {
            Login::Secret { client, secret } => (client.clone(), secret.clone()),
            Login::Cache(cache) => {
                let found = cache.ticket_granting(now().seconds).cloned();
                let client = cache.client.to_string();
                return found.ok_or(KerberosError::NoTicket { client });
            }
        };
        let realm = client.realm.clone();
        let (mut exchange, mut request) = AsExchange::new(client, secret, exchange_seed(), now());
        loop {
            let answer = self.ask(&realm, &request).await?;
            // Ends: the exchange asks for one more request at most once.
            match exchange.handle_answer(&answer, now())? {
                Progress::Send(next) => request = next,
                Progress::Done(credential) => return Ok(*credential),
            }
        }
    }

    /// A ticket for a service, with the first ticket; across trusts where KDCs point there.
    ///
    /// # Errors
    /// [`KerberosError`] says why there is none.
    pub async fn ticket_for(
        &self,
        first: &Credential,
        service: &Principal,
    ) -> Result<Credential, KerberosError> {
        let mut ticket = first.clone();
        for _ in 0..MAX_REFERRALS {
            let (exchange, request) = TgsExchange::new(&ticket, service, exchange_seed(), now());
            let answer = self.ask(exchange.realm(), &request).await?;
            let got = exchange.handle_answer(&answer, now())?;
            let wanted = service.ticket_granting_for().is_some();
            if wanted || got.server.ticket_granting_for().is_none() {
                return Ok(got);
            }
            ticket = got;
        }
        let realm = ticket.server.ticket_granting_for().unwrap_or_default().to_owned();
        Err(KerberosError::Referrals { realm })
    }

    /// A ticket for a service: from the cache if it is there, otherwise from KDCs.
    ///
    /// # Errors
    /// [`KerberosError`] says why there is none.
    pub async fn ticket(
        &self,
        login: &Login,
        service: &Principal,
    ) -> Result<Credential, KerberosError> {
        if let Login::Cache(cache) = login
            && let Some(found) = cache.find(service, now().seconds)
        {
            return Ok(found.clone());
        }
        let first = self.log_on(login).await?;
        self.ticket_for(&first, service).await
    }

    async fn ask(&self, realm: &str, request: &[u8]) -> Result<Vec<u8>, KerberosError> {
        let kdcs = self.realms.kdcs(realm);
        ask(&self.resolver, realm, &kdcs, request, self.patience).await
    }
}
