//! A host's domain asked by Kerberos: tickets for the host's names, and what its directory says of the account.

use std::net::{IpAddr, SocketAddr};

use diagnosis::{HostFacts, ProbeFact, ProbeResult, Told};
use finding::Cause;
use identity::{AccountName, mangled};
use ldap::Inspection;
use net::Dialer;
use probe::{
    DomainQuestion, Hindrance, Learned, Refusal, TicketQuestion, Tickets, ask_domain, ask_tickets,
    hindrances,
};
use security::KerberosCode;

use super::{Examination, NTLM_BLOCKED};
use crate::node::filetime_now;

const KDC_PORT: u16 = 88;
const LDAP_PORT: u16 = 389;

/// Asks both, where there are an account that may log on once more, and a realm.
pub(super) async fn ask(
    examination: &Examination,
    dialer: &Dialer,
    learned: &Learned,
    facts: &mut HostFacts,
    checks: &mut Vec<ProbeFact>,
    sent: &mut Vec<String>,
) {
    let Some((account, password)) = &examination.account else { return };
    let Some(realm) = &learned.realm else { return };
    let usable = learned.kdc.as_ref().is_some_and(probe::AccountAnswer::is_usable);
    let unspent = match learned.logon {
        // Of the last two no password is counted as wrong: it was not looked at, or it was right.
        Some(0 | NTLM_BLOCKED | probe::ACCESS_DENIED) => true,
        Some(_) => false,
        // Nobody was logged on over SMB; the KDC knows the account, and counts one wrong password at most.
        None => usable,
    };
    if !unspent {
        return;
    }
    let is_open = |port| learned.ports.contains(&(port, ProbeResult::Ok));
    let addresses = dialer.resolver.resolve(&examination.host).await;
    let Some(address) = addresses.ok().and_then(|found| found.addresses.first().copied()) else {
        return;
    };
    let names = names(examination, learned);
    let question = TicketQuestion {
        from: "here",
        realm,
        kdc: is_open(KDC_PORT)
            .then(|| kerberos::KdcAddress { host: address.to_string(), port: KDC_PORT }),
        account: account.name(),
        password: password.clone(),
        services: services(&names, learned.base.is_some()),
        resolver: dialer.resolver.clone(),
        patience: examination.patience,
    };
    let asked = question.services.len();
    let (more, tickets) = ask_tickets(question).await;
    checks.extend(more);
    sent.push(format!("one logon as {account} to the KDC of {realm}"));
    if tickets.cache.is_some() {
        sent.push(format!("requests for {asked} tickets with what it gave"));
    }
    facts.told.extend(told_by_kdc(&tickets));
    let (Some(cache), Some(base), Some(host)) =
        (tickets.cache, &learned.base, learned.dns_name.as_deref())
    else {
        return;
    };
    if !is_open(LDAP_PORT) {
        return;
    }
    let about = examination.about.as_ref().unwrap_or(account);
    let now = filetime_now().0;
    let at = SocketAddr::new(address, LDAP_PORT);
    let question = DomainQuestion {
        from: "here",
        host,
        at,
        realm,
        base,
        cache,
        account: about,
        principals: names.iter().map(|name| format!("host/{name}")).collect(),
        resolver: dialer.resolver.clone(),
        patience: examination.patience,
        now,
    };
    let (more, found) = ask_domain(question).await;
    checks.extend(more);
    sent.push(format!("searches for {about} and its names over sealed LDAP to {at}"));
    // It has just proved that it may log on; what would keep another account out keeps nobody back here.
    let proved = about == account;
    facts.told.extend(found.iter().flat_map(|found| told_by_directory(found, about, proved, now)));
}

/// The names that a client may call the host by: the one that was given, and its own.
fn names(examination: &Examination, learned: &Learned) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let called = Some(&examination.host).filter(|host| host.parse::<IpAddr>().is_err());
    for name in called.into_iter().chain(&learned.dns_name) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.clone());
        }
    }
    names
}

/// `host` of every name, for RPC; of its own name that of SMB too, and of LDAP where it is a domain controller.
fn services(names: &[String], is_controller: bool) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = names.iter().map(|name| ("host", name.clone())).collect();
    if let Some(own) = names.last() {
        all.push(("cifs", own.clone()));
        all.extend(is_controller.then(|| ("ldap", own.clone())));
    }
    all
}

/// What the KDC's codes stand for (RFC 4120 7.5.9).
fn told_by_kdc(tickets: &Tickets) -> Vec<Told> {
    let logon = tickets.logon.iter().filter_map(|refusal| {
        let (cause, percent) = match refusal.code? {
            KerberosCode::KDC_ERR_C_PRINCIPAL_UNKNOWN => (Cause::ServiceAccountMissing, 90),
            KerberosCode::KDC_ERR_NAME_EXP => (Cause::AccountExpired, 90),
            // Disabled, locked or expired: the status behind it would tell, and was asked for before.
            KerberosCode::KDC_ERR_CLIENT_REVOKED => (Cause::AccountDisabled, 60),
            KerberosCode::KDC_ERR_KEY_EXPIRED => (Cause::PasswordExpired, 90),
            KerberosCode::KDC_ERR_PREAUTH_FAILED => (Cause::ServiceAccountPasswordMismatch, 85),
            KerberosCode::KDC_ERR_ETYPE_NOSUPP => (Cause::KerberosRc4Refused, 75),
            KerberosCode::KRB_AP_ERR_SKEW => (Cause::ClockSkew, 90),
            _ => return None,
        };
        Some(told("kdc", cause, percent, refusal.text.clone()))
    });
    let services =
        tickets.services.iter().filter_map(|(service, refusal)| of_service(service, refusal));
    logon.chain(services).collect()
}

fn of_service(service: &str, refusal: &Refusal) -> Option<Told> {
    let (cause, percent) = match refusal.code? {
        // Who calls by NTLM does not need it; who calls by Kerberos gets nowhere.
        KerberosCode::KDC_ERR_S_PRINCIPAL_UNKNOWN => (Cause::ServicePrincipalNameMissing, 55),
        KerberosCode::KDC_ERR_PRINCIPAL_NOT_UNIQUE => (Cause::ServicePrincipalNameDuplicate, 90),
        KerberosCode::KDC_ERR_ETYPE_NOSUPP => (Cause::KerberosRc4Refused, 75),
        KerberosCode::KDC_ERR_SERVICE_REVOKED => (Cause::AccountDisabled, 60),
        KerberosCode::KRB_AP_ERR_SKEW => (Cause::ClockSkew, 90),
        _ => return None,
    };
    Some(told("kdc", cause, percent, format!("{service}: {}", refusal.text)))
}

fn told_by_directory(found: &Inspection, about: &AccountName, proved: bool, now: u64) -> Vec<Told> {
    let mut all = Vec::new();
    if let Some(account) = &found.account {
        for hindrance in hindrances(account, now) {
            let (cause, percent) = match hindrance {
                Hindrance::Disabled => (Cause::AccountDisabled, 90),
                Hindrance::Locked => (Cause::AccountLockedOut, 90),
                Hindrance::Expired => (Cause::AccountExpired, 90),
                Hindrance::PasswordExpired | Hindrance::MustChange => (Cause::PasswordExpired, 90),
                Hindrance::NoAes | Hindrance::DesOnly => (Cause::KerberosRc4Refused, 60),
                // A logon with a password fails, and no cause of the list is that.
                Hindrance::SmartCard => continue,
            };
            all.push(told("directory", cause, percent, format!("{about}: {}", hindrance.told())));
        }
        if account.is_protected && !proved {
            let text = format!("{about} is one of Protected Users, who may not use NTLM or RC4");
            all.push(told("directory", Cause::ProtectedUsersMember, 70, text));
        }
    }
    for (principal, owners) in found.owners.iter().filter(|(_, owners)| owners.len() > 1) {
        let text = format!("{principal} belongs to {}", owners.join(" and "));
        all.push(told("directory", Cause::ServicePrincipalNameDuplicate, 90, text));
    }
    for (entry, name) in &found.legacy {
        let bare = name.rsplit('\\').next().unwrap_or(name);
        if mangled(about.name(), bare).is_some() {
            let text =
                format!("msExchLegacyAccount of {entry} is {name}, which is {about} misread");
            all.push(told("directory", Cause::ServiceAccountExtendedCharacters, 70, text));
        }
    }
    if let Some((false, why)) = &found.schema {
        let text = format!("{about} may not read NT-Security-Descriptor by the schema: {why}");
        all.push(told("directory", Cause::ServiceAccountLacksDirectoryRight, 60, text));
    }
    all
}

fn told(by: &'static str, cause: Cause, percent: u8, text: String) -> Told {
    Told { by, cause, percent, text }
}
