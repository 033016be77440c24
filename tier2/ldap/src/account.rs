//! Accounts of an Active Directory domain: who they are, what groups they are in, what keeps them from logging on.

use identity::{AccountName, AccountState, Sid};

use crate::connection::{Connection, Entry, Search};
use crate::error::LdapError;
use crate::filter::Filter;
use crate::message::Scope;
use crate::tree::{Flavour, flavour};

/// userAccountControl and its computed twin (MS-ADTS 2.2.16, 3.1.1.4.5.17).
const DISABLED: u32 = 0x2;
const LOCKED: u32 = 0x10;
const PASSWORD_EXPIRED: u32 = 0x0080_0000;
/// Seconds between 1601 and 1970.
const EPOCHS: i64 = 11_644_473_600;

/// An account of the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainAccount {
    /// Its name, with the NetBIOS name of the domain.
    pub name: AccountName,
    /// Its identifier.
    pub sid: Sid,
    /// The identifiers of all its groups, those that are in groups included.
    pub groups: Vec<Sid>,
    /// What keeps it from logging on.
    pub state: Option<AccountState>,
    /// When its password was set, in milliseconds since 1970-01-01 UTC; absent where it never was, or where it must be changed.
    pub password_set_ms: Option<i64>,
}

/// The NetBIOS name of the domain; nothing where the server is none of a domain's.
pub(crate) fn domain(connection: &mut Connection, base: &str) -> Result<Option<String>, LdapError> {
    if flavour(connection)? == Flavour::Plain {
        return Ok(None);
    }
    let partitions = format!("CN=Partitions,CN=Configuration,{base}");
    let found = connection.search(&Search {
        base: &partitions,
        scope: Scope::Subtree,
        filter: Filter::And(vec![
            Filter::Equal("nCName", base.as_bytes().to_vec()),
            Filter::Present("nETBIOSName"),
        ]),
        attributes: &["nETBIOSName"],
        descriptor_parts: None,
    })?;
    Ok(found.first().and_then(|entry| entry.text("nETBIOSName")).map(str::to_owned))
}

const ATTRIBUTES: &[&str] = &[
    "sAMAccountName",
    "objectSid",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "pwdLastSet",
];

/// Looks an account up by its name.
pub(crate) fn by_name(
    connection: &mut Connection,
    base: &str,
    domain: &str,
    name: &str,
    now_ms: i64,
) -> Result<Option<DomainAccount>, LdapError> {
    let filter = Filter::Equal("sAMAccountName", name.as_bytes().to_vec());
    find(connection, base, domain, filter, now_ms)
}

/// Looks an account or group up by its identifier.
pub(crate) fn by_sid(
    connection: &mut Connection,
    base: &str,
    domain: &str,
    sid: &Sid,
    now_ms: i64,
) -> Result<Option<DomainAccount>, LdapError> {
    find(connection, base, domain, Filter::Equal("objectSid", sid.to_bytes()), now_ms)
}

fn find(
    connection: &mut Connection,
    base: &str,
    domain: &str,
    filter: Filter,
    now_ms: i64,
) -> Result<Option<DomainAccount>, LdapError> {
    let found = connection.search(&Search {
        base,
        scope: Scope::Subtree,
        filter,
        attributes: ATTRIBUTES,
        descriptor_parts: None,
    })?;
    let Some(entry) = found.first() else { return Ok(None) };
    let Some(sid) = entry.value("objectSid").and_then(|octets| Sid::from_bytes(octets).ok()) else {
        return Ok(None);
    };
    let name = entry.text("sAMAccountName").unwrap_or_default();
    let Ok(name) = AccountName::new(domain, name) else { return Ok(None) };
    // tokenGroups is computed, and only for one entry at a time.
    let groups = connection.search(&Search {
        base: &entry.name,
        scope: Scope::Base,
        filter: Filter::Present("objectClass"),
        attributes: &["tokenGroups"],
        descriptor_parts: None,
    })?;
    let groups = groups.first().map(|entry| entry.values("tokenGroups")).unwrap_or_default();
    let groups = groups.iter().filter_map(|octets| Sid::from_bytes(octets).ok()).collect();
    let password_set_ms = password_set_ms(entry);
    Ok(Some(DomainAccount { name, sid, groups, state: state(entry, now_ms), password_set_ms }))
}

/// pwdLastSet counts 100 ns since 1601; 0 means that the password must be changed (MS-ADTS 3.1.1.4, pwdLastSet).
pub(crate) fn password_set_ms(entry: &Entry) -> Option<i64> {
    let ticks: i64 = entry.text("pwdLastSet")?.parse().ok()?;
    (ticks > 0).then(|| ticks / 10_000 - EPOCHS * 1000)
}

/// What an administrator has to undo comes first, as for accounts of our own.
pub(crate) fn state(entry: &Entry, now_ms: i64) -> Option<AccountState> {
    let number = |name| entry.text(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let bits = |name| u32::try_from(number(name) & i64::from(u32::MAX)).unwrap_or(0);
    let control = bits("userAccountControl");
    let computed = bits("msDS-User-Account-Control-Computed");
    // 0 and the highest number both mean never (MS-ADTS 3.1.1.4, accountExpires).
    let expires = number("accountExpires");
    let expired = expires != 0
        && expires != i64::MAX
        && (expires / 10_000_000 - EPOCHS).saturating_mul(1000) <= now_ms;
    let must_change = entry.text("pwdLastSet") == Some("0");
    [
        (control & DISABLED != 0, AccountState::Disabled),
        (computed & LOCKED != 0, AccountState::Locked),
        (expired, AccountState::Expired),
        (must_change, AccountState::MustChange),
        (computed & PASSWORD_EXPIRED != 0, AccountState::PasswordExpired),
    ]
    .into_iter()
    .find_map(|(so, state)| so.then_some(state))
}
