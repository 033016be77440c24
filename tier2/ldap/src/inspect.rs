//! What the directory of a domain says of one account, for a diagnosis: asked once over a connection of its own, nothing is changed.
//!
//! Attributes as MS-ADTS 2.2.16 (userAccountControl), 2.2.7 (msDS-SupportedEncryptionTypes) and 3.1.1.4.5 have them, the owners
//! of service principal names, the account that older servers use, and whether the schema object NT-Security-Descriptor lets the account read.
//! Left out: other domains of the forest, whose names only a global catalogue has.

use std::collections::BTreeSet;

use directory::NT_SECURITY_DESCRIPTOR;
use identity::descriptor::access::{ObjectNode, Request, Token, check};
use identity::descriptor::rights::DS_READ_PROP;
use identity::{SecurityDescriptor, Sid, well_known};

use crate::account::domain;
use crate::connection::{Connection, Entry, Search};
use crate::error::{LdapError, code};
use crate::filter::Filter;
use crate::message::Scope;
use crate::place::Place;

/// Owner, group and list (MS-ADTS 3.1.1.3.4.1.11).
const DESCRIPTOR_PARTS: i64 = 7;
/// Names of one account that are kept: more than any has.
const MAX_PRINCIPALS: usize = 1000;
/// Protected Users (MS-DTYP 2.4.2.4), relative to the domain.
const PROTECTED_USERS: u32 = 525;
/// Where older servers' account stands.
const LEGACY: [&str; 2] = ["msExchLegacyAccount", "bindbackMsExchLegacyAccount"];
const ATTRIBUTES: &[&str] = &[
    "sAMAccountName",
    "objectSid",
    "objectClass",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "msDS-SupportedEncryptionTypes",
    "pwdLastSet",
    "lockoutTime",
    "accountExpires",
    "badPwdCount",
    "servicePrincipalName",
    "userPrincipalName",
    "userWorkstations",
];

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct InspectionQuestion {
    /// The domain of the account, by its NetBIOS name or by that of the DNS.
    pub domain: String,
    /// The account's name there (sAMAccountName).
    pub account: String,
    /// Service principal names, `host/east.demo.test`, whose owners are looked for.
    pub principals: Vec<String>,
}

/// What the directory says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The NetBIOS name of the domain.
    pub domain: Option<String>,
    /// The account, where there is one.
    pub account: Option<AccountAttributes>,
    /// Who has each principal: none, one, or more than one, which is a fault.
    pub owners: Vec<(String, Vec<String>)>,
    /// Entries with an account for older servers, and its name.
    pub legacy: Vec<(String, String)>,
    /// Whether the account may read descriptors by the schema object NT-Security-Descriptor, and the entry that decides; nothing where that object cannot be read.
    pub schema: Option<(bool, String)>,
}

/// The account's own attributes; times are those of FILETIME.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountAttributes {
    /// Its name.
    pub name: String,
    /// Its DN.
    pub dn: String,
    /// userAccountControl.
    pub control: u32,
    /// Its computed twin, which has the lock and the expired password.
    pub computed: u32,
    /// msDS-SupportedEncryptionTypes, where it is set.
    pub encryption_types: Option<u32>,
    /// pwdLastSet; 0 wants a new password at the next logon.
    pub password_set: Option<u64>,
    /// lockoutTime; 0 while nothing was locked.
    pub lockout_time: Option<u64>,
    /// accountExpires; nothing where it never does.
    pub expires: Option<u64>,
    /// badPwdCount.
    pub bad_passwords: Option<u32>,
    /// servicePrincipalName.
    pub principals: Vec<String>,
    /// userPrincipalName.
    pub user_principal: Option<String>,
    /// userWorkstations: the only machines that it may log on from.
    pub workstations: Option<String>,
    /// It is one of Protected Users: no NTLM, no RC4.
    pub is_protected: bool,
    /// It is a managed service account (its object class says so).
    pub is_managed: bool,
}

/// Asks.
///
/// # Errors
/// The server cannot be reached, refuses the logon, or answers what is no LDAP.
pub fn inspect(place: &Place, question: &InspectionQuestion) -> Result<Inspection, LdapError> {
    let broken = |source| LdapError::Broken { host: place.host.clone(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(broken)?;
    let mut connection = Connection::open(place, &runtime)?;
    let mut inspection =
        Inspection { domain: domain(&mut connection, &place.base)?, ..Inspection::default() };
    let mut token = Token::default();
    let mut found = Vec::new();
    if is_of(&question.domain, inspection.domain.as_deref(), &place.base) {
        let filter = Filter::Equal("sAMAccountName", question.account.as_bytes().to_vec());
        found = find(&mut connection, &place.base, filter, ATTRIBUTES)?;
    }
    if let Some(entry) = found.first() {
        token = token_of(&mut connection, entry)?;
        inspection.account = Some(account(entry, &token));
    }
    for principal in &question.principals {
        let filter = Filter::Equal("servicePrincipalName", principal.as_bytes().to_vec());
        let owners = find(&mut connection, &place.base, filter, &["sAMAccountName"])?;
        let names = owners.iter().filter_map(|one| one.text("sAMAccountName").map(str::to_owned));
        inspection.owners.push((principal.clone(), names.collect()));
    }
    inspection.legacy = legacy(&mut connection, &place.base)?;
    if inspection.account.is_some() {
        inspection.schema = schema(&mut connection, &place.base, &token)?;
    }
    connection.close();
    Ok(inspection)
}

/// Whether a domain is the one whose directory this is.
fn is_of(domain: &str, flat: Option<&str>, base: &str) -> bool {
    let dns = base.to_lowercase().replace("dc=", "").replace(',', ".");
    flat.is_some_and(|flat| flat.eq_ignore_ascii_case(domain)) || dns == domain.to_lowercase()
}

fn find(
    connection: &mut Connection,
    base: &str,
    filter: Filter,
    attributes: &[&str],
) -> Result<Vec<Entry>, LdapError> {
    connection.search(&Search {
        base,
        scope: Scope::Subtree,
        filter,
        attributes,
        descriptor_parts: None,
    })
}

/// The account and all its groups, and those that everybody is in who has logged on.
fn token_of(connection: &mut Connection, entry: &Entry) -> Result<Token, LdapError> {
    let sid = |octets: &Vec<u8>| Sid::from_bytes(octets).ok();
    // tokenGroups is computed, and only for one entry at a time.
    let groups = connection.search(&Search {
        base: &entry.name,
        scope: Scope::Base,
        filter: Filter::Present("objectClass"),
        attributes: &["tokenGroups"],
        descriptor_parts: None,
    })?;
    let mut sids: BTreeSet<Sid> = entry.values("objectSid").iter().filter_map(sid).collect();
    let groups = groups.first().map(|entry| entry.values("tokenGroups")).unwrap_or_default();
    sids.extend(groups.iter().filter_map(sid));
    sids.extend([well_known::everyone(), well_known::authenticated_users()]);
    Ok(Token::new(sids))
}

/// Reads the account's attributes.
pub(crate) fn account(entry: &Entry, token: &Token) -> AccountAttributes {
    let number = |name| entry.text(name).and_then(|text| text.parse::<i64>().ok());
    let bits = |name| number(name).and_then(|all| u32::try_from(all & i64::from(u32::MAX)).ok());
    let time = |name| number(name).and_then(|ticks| u64::try_from(ticks).ok());
    let text = |name| entry.text(name).map(shown);
    let principals = entry.values("servicePrincipalName").iter().take(MAX_PRINCIPALS);
    let class = |octets: &Vec<u8>| {
        octets.eq_ignore_ascii_case(b"msDS-ManagedServiceAccount")
            || octets.eq_ignore_ascii_case(b"msDS-GroupManagedServiceAccount")
    };
    let own = entry.value("objectSid").and_then(|octets| Sid::from_bytes(octets).ok());
    let protected = own.and_then(|sid| sid.split()?.0.member(PROTECTED_USERS).ok());
    AccountAttributes {
        name: text("sAMAccountName").unwrap_or_default(),
        dn: shown(&entry.name),
        control: bits("userAccountControl").unwrap_or_default(),
        computed: bits("msDS-User-Account-Control-Computed").unwrap_or_default(),
        encryption_types: bits("msDS-SupportedEncryptionTypes"),
        password_set: time("pwdLastSet"),
        lockout_time: time("lockoutTime"),
        // 0 and the highest number both mean never (MS-ADTS 3.1.1.4, accountExpires).
        expires: time("accountExpires").filter(|at| *at != 0 && *at < i64::MAX.unsigned_abs()),
        bad_passwords: bits("badPwdCount"),
        principals: principals.map(|octets| shown(&String::from_utf8_lossy(octets))).collect(),
        user_principal: text("userPrincipalName"),
        workstations: text("userWorkstations").filter(|list| !list.is_empty()),
        is_protected: protected.is_some_and(|group| token.sids.contains(&group)),
        is_managed: entry.values("objectClass").iter().any(class),
    }
}

/// Attributes that a server's schema lacks are on no entry.
fn legacy(connection: &mut Connection, base: &str) -> Result<Vec<(String, String)>, LdapError> {
    let mut all = Vec::new();
    let places = [format!("CN=Configuration,{base}"), base.to_owned()];
    for attribute in LEGACY {
        for place in &places {
            let found = match find(connection, place, Filter::Present(attribute), &[attribute]) {
                Err(error)
                    if [Some(code::UNDEFINED_ATTRIBUTE_TYPE), Some(code::NO_SUCH_OBJECT)]
                        .contains(&error.code()) =>
                {
                    continue;
                }
                found => found?,
            };
            let named = found.iter().filter_map(|entry| {
                Some((shown(&entry.name), shown(&String::from_utf8_lossy(entry.value(attribute)?))))
            });
            all.extend(named);
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// What the descriptor of CN=NT-Security-Descriptor in the schema gives the account.
fn schema(
    connection: &mut Connection,
    base: &str,
    token: &Token,
) -> Result<Option<(bool, String)>, LdapError> {
    let name = format!("CN=NT-Security-Descriptor,CN=Schema,CN=Configuration,{base}");
    let found = connection.search(&Search {
        base: &name,
        scope: Scope::Base,
        filter: Filter::Present("objectClass"),
        attributes: &["nTSecurityDescriptor"],
        descriptor_parts: Some(DESCRIPTOR_PARTS),
    });
    let found = match found {
        Err(error) if error.code() == Some(code::NO_SUCH_OBJECT) => return Ok(None),
        found => found?,
    };
    let octets = found.first().and_then(|entry| entry.value("nTSecurityDescriptor"));
    let descriptor = octets.and_then(|octets| SecurityDescriptor::from_bytes(octets).ok());
    Ok(descriptor.map(|descriptor| reads(&descriptor, token)))
}

/// Whether the descriptor lets the token read nTSecurityDescriptor, and why.
pub(crate) fn reads(descriptor: &SecurityDescriptor, token: &Token) -> (bool, String) {
    let tree = [ObjectNode { level: 0, guid: NT_SECURITY_DESCRIPTOR }];
    let answer = check(descriptor, token, &Request::directory(DS_READ_PROP).on(&tree));
    (answer.is_granted(), answer.explain(descriptor))
}

/// A value for a person's eyes.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
