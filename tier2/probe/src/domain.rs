//! What the directory of a domain says of an account and of a host's service principal names, over LDAP sealed by Kerberos.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diagnosis::{ProbeFact, ProbeResult};
use identity::AccountName;
use kerberos::{Ccache, Client, KdcAddress, Login, Principal, Realms};
use ldap::{
    AccountAttributes, Inspection, InspectionQuestion, KerberosBind, LdapError, Place, Protection,
};
use net::Resolver;

use crate::fact::taken;

/// Seconds between two looks for changes; nobody waits for any here.
const POLL: Duration = Duration::from_secs(3600);

/// Where and what is asked.
pub struct DomainQuestion<'a> {
    pub from: &'a str,
    /// The name that the domain controller has a principal `ldap/NAME` for.
    pub host: &'a str,
    pub at: SocketAddr,
    pub realm: &'a str,
    /// What every DN ends in.
    pub base: &'a str,
    /// Who asks, logged on already.
    pub cache: Ccache,
    /// Who is asked about.
    pub account: &'a AccountName,
    /// Service principal names whose owners are looked for.
    pub principals: Vec<String>,
    pub resolver: Resolver,
    pub patience: Duration,
    /// Now, in the ticks of FILETIME.
    pub now: u64,
}

/// Asks with one connection.
pub async fn ask_domain(question: DomainQuestion<'_>) -> (Vec<ProbeFact>, Option<Inspection>) {
    let started = Instant::now();
    let target = question.at.to_string();
    let place = place(&question);
    let asked = InspectionQuestion {
        domain: question.account.domain().to_owned(),
        account: question.account.name().to_owned(),
        principals: question.principals.clone(),
    };
    let work = tokio::task::spawn_blocking(move || ldap::inspect(&place, &asked));
    let found = match work.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let denied = matches!(error, LdapError::Refused { .. } | LdapError::Kerberos(_));
            let result = if denied { ProbeResult::Denied } else { ProbeResult::Error };
            let said = (result, net::chain(&error));
            return (vec![taken(question.from, "ldap-account", &target, said, started)], None);
        }
        Err(error) => {
            let said = (ProbeResult::Error, error.to_string());
            return (vec![taken(question.from, "ldap-account", &target, said, started)], None);
        }
    };
    let mut facts = Vec::new();
    let mut add = |check: &str, result, detail: String| {
        facts.push(taken(question.from, check, &target, (result, detail), started));
    };
    match &found.account {
        Some(account) => {
            let bad = !hindrances(account, question.now).is_empty();
            let result = if bad { ProbeResult::Denied } else { ProbeResult::Ok };
            add("ldap-account", result, told(account, question.now));
        }
        None => {
            let detail = format!("its directory has no {}", question.account);
            add("ldap-account", ProbeResult::NotFound, detail);
        }
    }
    for (principal, owners) in &found.owners {
        let (result, detail) = match owners.as_slice() {
            [] => (ProbeResult::NotFound, format!("nobody has {principal}")),
            [one] => (ProbeResult::Ok, format!("{principal} belongs to {one}")),
            many => (ProbeResult::Error, format!("{principal} belongs to {}", many.join(" and "))),
        };
        add("ldap-principal", result, detail);
    }
    let legacy: Vec<String> =
        found.legacy.iter().map(|(entry, name)| format!("{name} ({entry})")).collect();
    let detail = if legacy.is_empty() {
        "no msExchLegacyAccount is set".to_owned()
    } else {
        format!("msExchLegacyAccount {}", legacy.join("; "))
    };
    add("ldap-legacy-account", ProbeResult::Ok, detail);
    if let Some((granted, why)) = &found.schema {
        let result = if *granted { ProbeResult::Ok } else { ProbeResult::Denied };
        add("ldap-schema-grant", result, format!("NT-Security-Descriptor: {why}"));
    }
    (facts, Some(found))
}

fn place(question: &DomainQuestion<'_>) -> Place {
    let kdc = KdcAddress { host: question.at.ip().to_string(), port: crate::kdc::PORT };
    let realms = Realms::of_system().with_kdcs(question.realm, vec![kdc]);
    let client =
        Client { realms, resolver: question.resolver.clone(), patience: question.patience };
    let service = Principal::service("ldap", question.host, question.realm);
    let login = Login::Cache(Box::new(question.cache.clone()));
    Place {
        // By address: the name may lead elsewhere from here, and the ticket is for the name.
        host: question.at.ip().to_string(),
        port: question.at.port(),
        base: question.base.to_owned(),
        ca_file: None,
        patience: question.patience,
        poll: POLL,
        resolver: question.resolver.clone(),
        credentials: Arc::new(move || {
            Ok(Protection::Kerberos(Box::new(KerberosBind {
                client: client.clone(),
                login: login.clone(),
                service: service.clone(),
            })))
        }),
    }
}

/// What keeps an account from logging on, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    Disabled,
    Locked,
    Expired,
    PasswordExpired,
    MustChange,
    /// A smart card is wanted; a service has none.
    SmartCard,
    /// DES alone, which nobody takes any more.
    DesOnly,
    /// No encryption type of Kerberos but RC4 or DES.
    NoAes,
}

/// userAccountControl and its computed twin (MS-ADTS 2.2.16).
const DISABLED: u32 = 0x2;
const LOCKED: u32 = 0x10;
const NEVER_EXPIRES: u32 = 0x1_0000;
const SMART_CARD: u32 = 0x4_0000;
const TRUSTED_FOR_DELEGATION: u32 = 0x8_0000;
const DES_ONLY: u32 = 0x20_0000;
const NO_PREAUTHENTICATION: u32 = 0x40_0000;
const PASSWORD_EXPIRED: u32 = 0x80_0000;
/// AES128 and AES256 (MS-KILE 2.2.7).
const AES: u32 = 0x18;
/// Bits of the encryption types that have names.
const ETYPES: [(u32, &str); 5] =
    [(1, "DES-CRC"), (2, "DES-MD5"), (4, "RC4"), (8, "AES128"), (16, "AES256")];
/// FILETIME: 100 ns, and 86,400 seconds to a day.
const DAY: u64 = 86_400 * 10_000_000;

/// What keeps an account from logging on at `now` (FILETIME), what has to be undone first coming first.
#[must_use]
pub fn hindrances(account: &AccountAttributes, now: u64) -> Vec<Hindrance> {
    let AccountAttributes { control, computed, .. } = *account;
    let must_change = account.password_set == Some(0) && control & NEVER_EXPIRES == 0;
    let kinds = account.encryption_types.filter(|kinds| *kinds & 0x1f != 0);
    [
        (control & DISABLED != 0, Hindrance::Disabled),
        (computed & LOCKED != 0, Hindrance::Locked),
        (account.expires.is_some_and(|at| at <= now), Hindrance::Expired),
        (must_change, Hindrance::MustChange),
        (!must_change && computed & PASSWORD_EXPIRED != 0, Hindrance::PasswordExpired),
        (control & SMART_CARD != 0, Hindrance::SmartCard),
        (control & DES_ONLY != 0, Hindrance::DesOnly),
        (kinds.is_some_and(|kinds| kinds & AES == 0), Hindrance::NoAes),
    ]
    .into_iter()
    .filter_map(|(so, hindrance)| so.then_some(hindrance))
    .collect()
}

impl Hindrance {
    /// In words.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::Expired => "expired",
            Self::PasswordExpired => "its password is expired",
            Self::MustChange => "its password must be changed before the first logon",
            Self::SmartCard => "a smart card is demanded",
            Self::DesOnly => "it may use DES alone",
            Self::NoAes => "its msDS-SupportedEncryptionTypes has no AES",
        }
    }
}

/// The attributes in words.
fn told(account: &AccountAttributes, now: u64) -> String {
    let mut parts: Vec<String> =
        hindrances(account, now).into_iter().map(|one| one.told().to_owned()).collect();
    if parts.is_empty() {
        parts.push("nothing keeps it from logging on".to_owned());
    }
    parts.push(format!("userAccountControl 0x{:x}", account.control));
    for (bit, what) in [
        (NEVER_EXPIRES, "its password never expires"),
        (TRUSTED_FOR_DELEGATION, "trusted for delegation"),
        (NO_PREAUTHENTICATION, "no pre-authentication"),
    ] {
        if account.control & bit != 0 {
            parts.push(what.to_owned());
        }
    }
    parts.push(match account.encryption_types {
        None => "msDS-SupportedEncryptionTypes not set".to_owned(),
        Some(bits) => {
            let names: Vec<&str> =
                ETYPES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
            format!("msDS-SupportedEncryptionTypes {bits} ({})", names.join(", "))
        }
    });
    if let Some(set) = account.password_set.filter(|set| *set != 0) {
        parts.push(format!("password set {} days ago", now.saturating_sub(set) / DAY));
    }
    if let Some(locked) = account.lockout_time.filter(|at| *at != 0) {
        let minutes = now.saturating_sub(locked) / (60 * 10_000_000);
        parts.push(format!("locked out {minutes} minutes ago"));
    }
    if let Some(count) = account.bad_passwords {
        parts.push(format!("{count} wrong passwords"));
    }
    if account.is_protected {
        parts.push("one of Protected Users, so no NTLM and no RC4".to_owned());
    }
    if account.is_managed {
        parts.push("a managed service account".to_owned());
    }
    if let Some(machines) = &account.workstations {
        parts.push(format!("may log on from {machines} alone"));
    }
    if !account.principals.is_empty() {
        parts.push(format!("has {}", account.principals.join(", ")));
    }
    format!("{}: {}", account.dn, parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_that_keeps_an_account_out_is_named() {
        let plain = AccountAttributes {
            dn: "CN=mta".to_owned(),
            control: 0x1_0200,
            encryption_types: Some(28),
            password_set: Some(DAY),
            ..AccountAttributes::default()
        };
        assert!(hindrances(&plain, 3 * DAY).is_empty());
        let said = told(&plain, 3 * DAY);
        assert_eq!(
            said,
            "CN=mta: nothing keeps it from logging on; userAccountControl 0x10200; its password never expires; \
             msDS-SupportedEncryptionTypes 28 (RC4, AES128, AES256); password set 2 days ago"
        );
        let one = |change: fn(&mut AccountAttributes)| {
            let mut account = plain.clone();
            change(&mut account);
            hindrances(&account, 3 * DAY)
        };
        assert_eq!(one(|a| a.control |= DISABLED), [Hindrance::Disabled]);
        assert_eq!(one(|a| a.computed = LOCKED), [Hindrance::Locked]);
        assert_eq!(one(|a| a.expires = Some(3 * DAY)), [Hindrance::Expired]);
        assert_eq!(one(|a| a.expires = Some(3 * DAY + 1)), []);
        assert_eq!(one(|a| a.computed = PASSWORD_EXPIRED), [Hindrance::PasswordExpired]);
        assert_eq!(one(|a| a.encryption_types = Some(4)), [Hindrance::NoAes]);
        assert_eq!(one(|a| a.encryption_types = Some(0)), [], "not restricted");
        assert_eq!(one(|a| a.control |= SMART_CARD), [Hindrance::SmartCard]);
        let change = |a: &mut AccountAttributes| {
            a.control = 0x200;
            a.computed = PASSWORD_EXPIRED;
            a.password_set = Some(0);
        };
        assert_eq!(one(change), [Hindrance::MustChange], "one word for one thing");
    }
}
