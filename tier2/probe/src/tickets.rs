//! Kerberos as an account sees it: one logon at the KDC, then a ticket for each name of a host (RFC 4120 3.1 and 3.3).
//!
//! The logon proves the password once; asking for tickets with what it gave proves nothing further and counts nothing.

use std::time::{Duration, Instant};

use diagnosis::{ProbeFact, ProbeResult};
use kerberos::{Ccache, Client, KdcAddress, KerberosError, Login, Principal, Realms, Secret};
use krb5::{Credential, etype_name};
use net::Resolver;
use security::KerberosCode;

use crate::fact::taken;

/// Whose tickets, of whom, for what.
pub struct TicketQuestion<'a> {
    pub from: &'a str,
    pub realm: &'a str,
    /// The KDC; without one that of krb5.conf, or the realm's own name.
    pub kdc: Option<KdcAddress>,
    pub account: &'a str,
    pub password: identity::Password,
    /// Services with the name of their host, `("host", "east.demo.test")`.
    pub services: Vec<(&'a str, String)>,
    pub resolver: Resolver,
    /// For each answer.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tickets {
    /// The tickets that were got, to log on with elsewhere.
    pub cache: Option<Ccache>,
    /// Why there is no first ticket.
    pub logon: Option<Refusal>,
    /// The services that there is no ticket for.
    pub services: Vec<(String, Refusal)>,
}

/// Why there is no ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The KDC's code, where it gave one.
    pub code: Option<KerberosCode>,
    /// In words, with what to do.
    pub text: String,
}

impl Refusal {
    fn of(error: &KerberosError) -> Self {
        Self { code: error.code(), text: format!("{}; {}", net::chain(error), error.remedy()) }
    }

    fn result(&self) -> ProbeResult {
        match self.code {
            Some(KerberosCode::KDC_ERR_S_PRINCIPAL_UNKNOWN) => ProbeResult::NotFound,
            Some(_) => ProbeResult::Denied,
            None => ProbeResult::Error,
        }
    }
}

/// Asks.
pub async fn ask_tickets(question: TicketQuestion<'_>) -> (Vec<ProbeFact>, Tickets) {
    let mut facts = Vec::new();
    let mut tickets = Tickets::default();
    let mut realms = Realms::of_system();
    if let Some(kdc) = &question.kdc {
        realms = realms.with_kdcs(question.realm, vec![kdc.clone()]);
    }
    let client =
        Client { realms, resolver: question.resolver.clone(), patience: question.patience };
    let who = Principal::account(question.account, question.realm);
    let secret = Secret::Password(question.password.clone());
    let login = Login::Secret { client: who.clone(), secret };
    let started = Instant::now();
    let first = client.log_on(&login).await;
    let (result, detail) = match &first {
        Ok(first) => (ProbeResult::Ok, format!("{who} is logged on, {}", told(first))),
        Err(error) => {
            let refusal = Refusal::of(error);
            let said = (refusal.result(), refusal.text.clone());
            tickets.logon = Some(refusal);
            said
        }
    };
    facts.push(taken(question.from, "kerberos-logon", question.realm, (result, detail), started));
    let Ok(first) = first else { return (facts, tickets) };
    for (service, host) in &question.services {
        let started = Instant::now();
        let service = Principal::service(service, host, question.realm);
        let (result, detail) = match client.ticket_for(&first, &service).await {
            Ok(ticket) => (ProbeResult::Ok, format!("a ticket {}", told(&ticket))),
            Err(error) => {
                let refusal = Refusal::of(&error);
                let said = (refusal.result(), refusal.text.clone());
                tickets.services.push((service.name(), refusal));
                said
            }
        };
        let target = service.to_string();
        facts.push(taken(question.from, "kerberos-ticket", &target, (result, detail), started));
    }
    tickets.cache = Some(Ccache { client: first.client.clone(), credentials: vec![first] });
    (facts, tickets)
}

/// How a ticket is protected: its own key is the service's, the other one that of the session.
fn told(ticket: &Credential) -> String {
    format!(
        "encrypted with {}, for a session with {}",
        etype_name(ticket.ticket.encrypted.etype),
        etype_name(ticket.key.etype().number())
    )
}
