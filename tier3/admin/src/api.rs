//! What is asked and what is answered, one type each.
//!
//! Times are RFC 3339 in UTC. Words for states are given by the server; a reader shows a word that it does not know as it is.

use diagnosis::{ProbeFact, ServerFacts};
use event::{Category, Event, Level};
use finding::Cause;
use identity::Password;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::envelope::Shape;

/// One queue: what waits for one next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// The server or mailbox host that it waits for.
    pub next_hop: String,
    /// For example `active`, `retry`, `idle`.
    pub state: String,
    /// How many messages and reports wait.
    pub messages: u64,
    /// Their content in octets.
    pub bytes: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    /// When the next hop is tried again.
    pub next_attempt: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// The cause that the server itself suspects.
    pub finding: Option<Cause>,
    /// Where the line stands, in words, for a next hop that is dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// Every queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queues {
    pub queues: Vec<QueueRow>,
}

/// Which messages to show; without any field, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageQuery {
    /// This message only.
    #[serde(default)]
    pub id: Option<String>,
    /// Only messages with a recipient that waits for this next hop.
    #[serde(default)]
    pub next_hop: Option<String>,
    /// Only messages behind this one: the last of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many, oldest first.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// One message in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    pub id: String,
    /// The originator's address; empty where there is none (a report).
    pub from: String,
    pub recipients: Vec<RecipientRow>,
    /// `urgent`, `normal` or `non-urgent`.
    pub priority: String,
    /// In octets.
    pub size: u64,
    pub submitted: Timestamp,
    /// When it becomes undeliverable.
    pub expires: Timestamp,
}

/// One recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientRow {
    pub address: String,
    /// For example `waiting`, `in-transfer`, `delivered`.
    pub state: String,
    pub next_hop: Option<String>,
    pub attempts: u32,
    pub last_error: Option<String>,
}

/// Messages in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    pub messages: Vec<MessageRow>,
}

/// What is tried again at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrySelector {
    /// One message, by its identifier.
    Message(String),
    /// All that waits for one next hop.
    NextHop(String),
    /// Every queue.
    All,
}

/// How much is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// How many messages were woken.
    pub messages: u64,
    /// The next hops that are tried now.
    pub next_hops: Vec<String>,
    /// Next hops whose mail goes on waiting, since an operator holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
    /// Next hops whose mail goes on waiting, since their schedule is closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduled: Vec<String>,
}

/// A message that was taken out of the queue, without a report to its originator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub id: String,
}

/// One row of the locality table: one RPC association.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LtabEntry {
    pub index: u32,
    /// `out`: this server called; `in`: the peer called.
    pub direction: String,
    pub peer: String,
    pub account: String,
    pub protocol_string: String,
    /// `none`, `waiting`, `bound` or `refused`.
    pub bind: String,
    /// The same for the return channel.
    pub bind_back: String,
    /// `opening`, `open`, `closed` or `failed`.
    pub state: String,
    pub since: Timestamp,
    pub last_error: Option<LtabError>,
    /// How many messages and reports it carried.
    pub messages: u64,
}

/// The codes of the last failure of an association.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LtabError {
    pub code: u32,
    pub comms: u32,
    pub bind: u32,
    pub layer: String,
    pub text: String,
}

/// The locality table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LtabEntries {
    pub entries: Vec<LtabEntry>,
}

/// Which events to show; without any field, all that the server keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Not older than this.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// With this number only.
    #[serde(default)]
    pub id: Option<u32>,
    /// The newest so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Asks for the logging levels; sets one first where a category and a level are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelOrder {
    /// This category only.
    #[serde(default)]
    pub category: Option<Category>,
    #[serde(default)]
    pub level: Option<Level>,
}

/// How much a category of events logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLevel {
    pub category: Category,
    /// 0, 1, 3, 5 or 7.
    pub level: Level,
}

/// The logging levels, in the order of the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLevels {
    pub levels: Vec<EventLevel>,
}

impl Shape for EventLevels {
    const NAME: &'static str = "event-levels";
}

impl LevelOrder {
    /// What is asked for, out of all.
    #[must_use]
    pub fn answer(&self, all: impl IntoIterator<Item = (Category, Level)>) -> EventLevels {
        let all = all.into_iter().map(|(category, level)| EventLevel { category, level });
        let asked = |one: &EventLevel| self.category.is_none_or(|only| only == one.category);
        EventLevels { levels: all.filter(asked).collect() }
    }
}

impl EventQuery {
    /// True when the query asks for this event; the limit is not looked at.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.id.is_none_or(|id| event.id == id)
            && self.since.is_none_or(|since| event.time >= since)
    }
}

/// Events, oldest first; also one line of those that are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    pub events: Vec<Event>,
    /// How many events came faster than they were read here, and were left out in front of these.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One account that the server accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// `DOMAIN\name`.
    pub name: String,
    pub enabled: bool,
    pub roles: Vec<String>,
    /// When its password was last set.
    pub password_set: Timestamp,
    /// Its identifier; another account of the same name has another one.
    #[serde(default)]
    pub sid: String,
    /// `ok`, or why it may not log on: `disabled`, `locked`, `expired`, `password-expired`, `must-change`.
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub created: Option<Timestamp>,
    #[serde(default)]
    pub expires: Option<Timestamp>,
    #[serde(default)]
    pub password_expires: Option<Timestamp>,
    /// Until when it is locked; in the far future where an administrator has to unlock it.
    #[serde(default)]
    pub locked_until: Option<Timestamp>,
    /// Until when the password before the present one is good.
    #[serde(default)]
    pub older_password_until: Option<Timestamp>,
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether it may log on from the network, and where that comes from.
    #[serde(default)]
    pub network_logon: bool,
    #[serde(default)]
    pub network_logon_source: String,
}

/// Every account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    pub accounts: Vec<AccountRow>,
}

/// One account as it is after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChanged {
    pub account: AccountRow,
}

/// An account that is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRemoved {
    pub removed: String,
}

/// A new account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountAdd {
    /// `DOMAIN\name`.
    pub name: String,
    #[serde(serialize_with = "password_out", deserialize_with = "password_in")]
    pub password: Password,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// A new password for an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountPassword {
    pub name: String,
    #[serde(serialize_with = "password_out", deserialize_with = "password_in")]
    pub password: Password,
}

/// A role given to, or taken from, an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRole {
    pub name: String,
    pub role: String,
}

/// An account, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountNamed {
    pub name: String,
}

/// A message, by its identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageNamed {
    pub id: String,
}

// Passwords cross the Unix socket only; `Password` itself refuses to be serialised, so that none is written by accident.
pub(crate) fn password_out<S: Serializer>(
    password: &Password,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(password.expose())
}

pub(crate) fn password_in<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Password, D::Error> {
    String::deserialize(deserializer).map(Password::new)
}

/// What a server knows, for the doctor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub facts: ServerFacts,
}

/// The peer to probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeOrder {
    /// The peer's MTA name.
    pub peer: String,
}

/// What a probe saw, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    pub checks: Vec<ProbeFact>,
}

/// A message to send: an RFC 5322 text, as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendOrder {
    /// The envelope's originator; the server's postmaster where it is not given.
    pub from: Option<String>,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Header and body.
    pub content: Vec<u8>,
}

/// The recipient whose way is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteQuery {
    /// An address of any type.
    pub address: String,
    /// The sender, for restrictions.
    #[serde(default)]
    pub from: Option<String>,
    /// Octets of the message, for restrictions.
    #[serde(default)]
    pub size: Option<u64>,
    /// The peer or connector that the message comes from.
    #[serde(default)]
    pub came_by: Option<String>,
}

/// The way of a recipient, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteAnswer {
    pub address: String,
    /// What was looked at, in order.
    pub steps: Vec<String>,
    /// `None` where there is no way.
    pub choice: Option<RouteChoice>,
    pub considered: Vec<RouteNotTaken>,
    /// Why there is no way.
    pub refusal: Option<String>,
}

/// The way that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteChoice {
    /// `local`, a peer or a connector.
    pub route: String,
    /// The queue in which the mail waits.
    pub next_hop: String,
    pub address_space: Option<String>,
    pub cost: Option<u32>,
    /// Leads out of the organisation: only networks in `smtp.relay` may use it.
    pub outside: bool,
    pub why: String,
}

/// A way that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteNotTaken {
    pub route: String,
    pub why_not: String,
}

/// The routing table, in an order that does not depend on the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    pub rows: Vec<RouteRow>,
}

/// One line of the routing table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRow {
    /// `smtp`, `x400` or `dn`.
    #[serde(rename = "type")]
    pub address_type: String,
    pub pattern: String,
    pub cost: u32,
    /// `local`, a peer or a connector.
    pub route: String,
    /// `local`, `peer`, `connector` or `domains` (a queue for each mail domain).
    pub outlet: String,
    /// Octets.
    pub max_message_size: Option<u64>,
}

/// A message that was accepted and is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub id: String,
}

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The parts of the configuration that are in force from now on, for example `hosts`; empty when nothing had changed.
    pub applied: Vec<String>,
    /// The parts that differ in the file and need a restart.
    #[serde(default)]
    pub needs_restart: Vec<String>,
}

macro_rules! shapes {
    ($($name:ident $shape:literal,)*) => {
        $(impl Shape for $name { const NAME: &'static str = $shape; })*
    };
}

shapes! {
    Queues "queue-list",
    Messages "queue-show",
    Retried "queue-retry",
    Deleted "queue-delete",
    LtabEntries "ltab",
    Events "events",
    Accounts "account-list",
    AccountChanged "account",
    AccountRemoved "account-remove",
    Facts "facts",
    Probes "probe",
    RouteAnswer "route",
    RouteTable "route-table",
    Sent "send",
    Reloaded "reload",
}
