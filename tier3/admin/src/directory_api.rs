//! What is asked of the directory and of one account, and what is answered: one order and one answer each.

use std::collections::BTreeMap;

use identity::Password;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{AccountRow, password_in, password_out};
use crate::envelope::Shape;

/// How values are given to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// In place of those that it has.
    #[default]
    Replace,
    /// Beside them.
    Add,
    /// Away from them.
    Remove,
}

/// A change of one attribute. `nTSecurityDescriptor` takes SDDL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetOrder {
    pub object: String,
    pub attribute: String,
    pub values: Vec<String>,
    #[serde(default)]
    pub mode: Mode,
    /// Show the difference and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A role on an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantOrder {
    pub role: String,
    /// An account, a group, a well-known name or an identifier.
    pub account: String,
    pub object: String,
    /// Also for what lies below.
    #[serde(default)]
    pub inherit: bool,
    #[serde(default)]
    pub dry_run: bool,
}

/// What to do with the agent that keeps the site's copy in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentOrder {
    /// Let it run without lag; it catches up at once.
    Start,
    /// Stop it.
    Stop,
    /// Let each change reach the copy so many seconds later.
    Lag(u32),
    /// Bring the copy into step once, and leave the agent as it is.
    Once,
}

/// Objects of one page of a list: some megabytes.
pub const LIST_MOST: u32 = 10_000;

/// What is asked of the directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum DirectoryOrder {
    /// The objects at or below one, all without; so many at most, in a fixed order, behind a name.
    List {
        under: Option<String>,
        /// Those behind this one, which the page before ended with.
        #[serde(default)]
        after: Option<String>,
        /// At most [`LIST_MOST`], which is also what no number means.
        #[serde(default)]
        limit: Option<u32>,
        /// Only those directly below, or the outermost ones.
        #[serde(default)]
        children: bool,
    },
    /// One object with everything.
    Show { object: String },
    /// Change an attribute.
    Set(SetOrder),
    /// Make an object.
    Add { object: String, class: String },
    /// Remove an object.
    Remove { object: String },
    /// Put a change beside those that are staged.
    Stage(SetOrder),
    /// Show what is staged.
    Staged,
    /// Make the staged changes.
    Apply,
    /// Forget them.
    Discard,
    /// Take back the last change of the directory.
    Undo,
    /// Grant a role.
    Grant(GrantOrder),
    /// Take a role away.
    Revoke(GrantOrder),
    /// Say what an account may on an object, and why.
    Access { account: String, object: Option<String> },
    /// Everything as LDIF.
    Export,
    /// What an LDIF file would change, or the change.
    Import { ldif: String, dry_run: bool },
    /// The agent: its mode, what the copy does not have, and what to do.
    Agent { change: Option<AgentOrder> },
    /// The account that older servers use.
    LegacyAccount { group: Option<String>, change: Option<LegacyChange> },
    /// The account of a connector for the other side; the connector by its object or by the MTA that it leads to.
    OverrideAccount { connector: String, change: Option<LegacyChange> },
    /// Who changed what.
    Audit { limit: Option<u32> },
}

/// The account that older servers use: account, domain and password together, or nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegacyChange {
    /// Set all three; the logon was tested by whoever asks, or is not to be.
    Set {
        account: String,
        #[serde(serialize_with = "password_out", deserialize_with = "password_in")]
        password: Password,
        /// Store it although the peers could not be asked or refused it.
        #[serde(default)]
        untested: bool,
    },
    /// Take the attributes away: the service account of the configuration counts.
    Clear,
}

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectView {
    /// `/O=.../CN=...`.
    pub name: String,
    pub dn: String,
    pub class: String,
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// What was set on it, as SDDL.
    #[serde(default)]
    pub sddl: String,
    /// With what it inherits.
    #[serde(default)]
    pub effective_sddl: String,
    /// The effective entries for people.
    #[serde(default)]
    pub permissions: Vec<String>,
    pub changed: Timestamp,
}

/// One change: `-` what was, `+` what is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    pub object: String,
    pub lines: Vec<String>,
}

/// What an account may on one object, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessView {
    pub object: String,
    /// A role, or the step of a bind.
    pub what: String,
    pub granted: bool,
    pub why: String,
}

/// The agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// `running`, `lagging` or `stopped`.
    pub mode: String,
    pub lag_s: Option<i64>,
    /// Since when the copy is behind.
    pub behind_since: Option<Timestamp>,
    /// `ok`, or why the LDAP server cannot be reached; absent where the directory is in the server's own store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<String>,
    /// What could not be understood of the directory in LDAP, or of another server's copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The servers whose copies this one is kept in step with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceView>,
}

/// A server whose copy of the directory is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    pub server: String,
    /// When it was last read, or had nothing new; absent before.
    pub last_read: Option<Timestamp>,
    /// `ok`, or why it cannot be read.
    pub state: String,
}

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    pub time: Timestamp,
    pub who: String,
    pub what: String,
    pub lines: Vec<String>,
}

/// The account that older servers use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyView {
    pub group: String,
    pub account: Option<String>,
    pub domain: Option<String>,
    /// The account that this server uses towards older servers.
    pub in_use: String,
    /// Whether both are the same, where the attributes say anything.
    pub agrees: bool,
}

/// The account of a connector for the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideView {
    pub connector: String,
    pub account: Option<String>,
    /// Whether its password was given with it and is kept.
    pub password_kept: bool,
}

/// The answer to an order; what does not belong to the order is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectoryAnswer {
    pub objects: Vec<ObjectView>,
    /// Of a list that goes on, the name to ask for the next page with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
    pub changes: Vec<ChangeView>,
    /// Whether the changes were made.
    pub applied: bool,
    pub access: Vec<AccessView>,
    pub audit: Vec<AuditView>,
    pub agent: Option<AgentView>,
    pub legacy: Option<LegacyView>,
    #[serde(rename = "override")]
    pub overrides: Option<OverrideView>,
    pub ldif: Option<String>,
}

/// What is asked of one account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountOrder {
    pub name: String,
    pub action: AccountAction,
}

/// What to do with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountAction {
    /// Show it.
    Show,
    Enable,
    Disable,
    Unlock,
    /// When it can no longer be used; never without a time.
    Expires(Option<Timestamp>),
    /// When its password can no longer be used; never without a time.
    PasswordExpires(Option<Timestamp>),
    /// Its password has to be changed first.
    MustChange,
    /// Groups to put it into and to take it out of.
    Groups {
        add: Vec<String>,
        remove: Vec<String>,
    },
    /// Its own right to log on from the network: yes, no, or none of its own.
    NetworkLogon(Option<bool>),
    /// Keep it as it is now, password included, on the server's own disk: it can be put back.
    Keep,
    /// Put it back as it was kept.
    PutBack,
    /// Forget what was kept.
    Forget,
    /// A new password; the one before stays good for a while.
    Rotate {
        #[serde(serialize_with = "password_out", deserialize_with = "password_in")]
        password: Password,
        /// The configured time without.
        overlap_s: Option<u32>,
    },
}

/// One account with everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub account: AccountRow,
}

impl Shape for DirectoryAnswer {
    const NAME: &'static str = "directory";
}

impl Shape for AccountView {
    const NAME: &'static str = "account";
}
