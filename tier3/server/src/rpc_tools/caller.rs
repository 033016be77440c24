//! Who calls, and the security exchange that proves it.

use identity::{AccountName, Password};
use kerberos::{Client, Credential, KerberosError, KerberosInitiator, Login, Principal, Style};
use net::chain;
use security::Initiator;
use security::ntlm::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};
use security::spnego::{Mechanism, SpnegoInitiator};

use super::AuthLevel;
use super::steps::{KerberosFault, StepResult, Stop, Walk};
use crate::node::{filetime_now, random};

/// How the caller proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanisms {
    /// NTLM alone.
    Ntlm,
    /// Kerberos alone.
    Kerberos,
    /// Kerberos, where it is set up, and NTLM in SPNEGO.
    Negotiate,
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For NTLM.
    pub ntlm: Option<(AccountName, Password)>,
    /// For Kerberos.
    pub kerberos: Option<KerberosCaller>,
    pub mechanisms: Mechanisms,
    pub level: AuthLevel,
}

/// Who calls with Kerberos, and how tickets are got.
#[derive(Debug, Clone)]
pub struct KerberosCaller {
    pub client: Client,
    pub login: Login,
    /// The service as `SERVICE/HOST`; `host/` and the name that is called when absent.
    pub service: Option<String>,
}

impl Caller {
    /// Somebody with a password for NTLM, in SPNEGO or not.
    #[must_use]
    pub fn with_password(
        account: AccountName,
        password: Password,
        mechanisms: Mechanisms,
        level: AuthLevel,
    ) -> Self {
        Self { ntlm: Some((account, password)), kerberos: None, mechanisms, level }
    }

    /// Gets what the exchanges need beforehand, telling each step: a ticket for the service on `host`. Nothing when the
    /// caller cannot prove who it is.
    pub(super) async fn prepare(&self, host: &str, walk: &mut Walk) -> Option<Prepared> {
        let mut credential = None;
        if let Some(kerberos) = &self.kerberos
            && self.mechanisms != Mechanisms::Ntlm
        {
            credential = kerberos.credential(host, walk).await;
            let ntlm_instead = self.mechanisms == Mechanisms::Negotiate && self.ntlm.is_some();
            if credential.is_none() && !ntlm_instead {
                return None;
            }
        }
        Some(Prepared { caller: self.clone(), credential })
    }
}

impl KerberosCaller {
    fn service(&self, host: &str) -> Result<Principal, Stop> {
        let realm = &self.login.client().realm;
        let text = match &self.service {
            Some(service) => format!("{service}@{realm}"),
            None => format!("host/{}@{realm}", host.trim_end_matches('.').to_lowercase()),
        };
        text.parse().map_err(|_| {
            let text = format!("{text} is no service; write --service SERVICE/HOST");
            Stop::new(StepResult::Error, 87, text)
        })
    }

    async fn credential(&self, host: &str, walk: &mut Walk) -> Option<Credential> {
        let service = match self.service(host) {
            Ok(service) => service,
            Err(stop) => {
                return walk.step("ticket", host, async { Err(stop) }, |_| String::new()).await;
            }
        };
        let client = self.login.client().to_string();
        let said = |one: &Credential| {
            let hours = (one.end_time - kerberos::now().seconds) / 3600;
            format!("{}, {}, for {hours} more hours", one.client, one.key.etype())
        };
        if let Login::Cache(cache) = &self.login
            && let Some(found) = cache.find(&service, kerberos::now().seconds).cloned()
        {
            let target = format!("{service} in the cache");
            return walk.step("ticket", target, async { Ok(found) }, said).await;
        }
        let log_on = async { self.client.log_on(&self.login).await.map_err(|error| stop(&error)) };
        let first = walk.step("kdc", client, log_on, said).await?;
        let ticket =
            async { self.client.ticket_for(&first, &service).await.map_err(|error| stop(&error)) };
        walk.step("ticket", service.to_string(), ticket, said).await
    }
}

/// A resolver for those who have no configuration: the system's alone.
#[must_use]
pub fn resolver() -> net::Resolver {
    net::Resolver::default()
}

/// A caller that has all it needs.
pub(super) struct Prepared {
    caller: Caller,
    credential: Option<Credential>,
}

impl Prepared {
    pub(super) fn level(&self) -> AuthLevel {
        self.caller.level
    }

    /// The exchange of one bind.
    pub(super) fn initiator(&self) -> Box<dyn Initiator> {
        let kerberos = || -> Option<Box<dyn Initiator>> {
            let seed = kerberos::context_seed();
            let credential = self.credential.clone()?;
            let initiator = KerberosInitiator::new(credential, seed, Style::Dce);
            Some(Box::new(initiator.with_level(self.caller.level)))
        };
        let ntlm = || self.caller.ntlm.as_ref().map(|(account, password)| ntlm(account, password));
        let first = match self.caller.mechanisms {
            Mechanisms::Ntlm => ntlm(),
            Mechanisms::Kerberos => kerberos(),
            Mechanisms::Negotiate => None,
        };
        first.unwrap_or_else(|| {
            let offered = [(Mechanism::kerberos_ms(), kerberos()), (Mechanism::ntlm(), ntlm())];
            let offered = offered.into_iter().filter_map(|(name, one)| Some((name, one?)));
            Box::new(SpnegoInitiator::new(offered.collect()))
        })
    }
}

fn ntlm(account: &AccountName, password: &Password) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: account.clone(),
        secret: NtlmSecret::Password(password.clone()),
        workstation: String::new(),
    };
    let seed = NtlmSeed {
        client_challenge: random(),
        exported_session_key: random(),
        now: filetime_now(),
    };
    Box::new(NtlmInitiator::new(credentials, seed, None))
}

fn stop(error: &KerberosError) -> Stop {
    let result = match error {
        KerberosError::NoKdc { .. } => StepResult::Timeout,
        KerberosError::Exchange(_) | KerberosError::NoTicket { .. } => StepResult::Denied,
        _ => StepResult::Error,
    };
    let text = format!("{}; what to do: {}", chain(error), error.remedy());
    let fault = error.code().map(KerberosFault::new);
    Stop { kerberos: fault, ..Stop::new(result, error.win32(), text) }
}
