//! One constructor for each event of the catalogue.
//!
//! A constructor takes everything that the event can say and gives a [`Draft`]; whoever logs it stamps it with time and
//! server. Values come from peers too: control characters are replaced and every value is cut at [`MAX_VALUE`].

mod dial_up;
mod x400;

use jiff::Timestamp;
use serde_json::Value;

use crate::catalogue::{Definition, definition, id};
use crate::record::{Event, Params};
use crate::template;
use crate::words::Layer;

pub use dial_up::{
    CallFailed, call_begun, call_over, default_route_taken, dial_failed, link_failed,
};
pub use x400::{
    AssociationRefused, CredentialsRefused, TlsRefused, UnknownMta, accept_failed, connect_failed,
    credentials_refused, in_refused, out_refused, suspended_caller, tls_refused, unknown_address,
    unknown_mta, wrong_dialogue, wrong_t_selector,
};

/// A parameter is cut at this many characters: longer than any name or address that a standard allows.
pub const MAX_VALUE: usize = 1024;

/// An event that was not stamped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a draft is logged only once it is stamped and stored"]
pub struct Draft {
    definition: &'static Definition,
    params: Params,
    layer: Option<Layer>,
    peer: Option<String>,
}

impl Draft {
    /// The number of the event.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.definition.id
    }

    /// The event, logged at `time` by `server`.
    #[must_use]
    pub fn stamp(self, time: Timestamp, server: &str) -> Event {
        let Self { definition, params, layer, peer } = self;
        Event {
            time,
            server: server.to_owned(),
            id: definition.id,
            source: definition.source.to_owned(),
            category: definition.category,
            severity: definition.severity,
            event_type: definition.event_type,
            text: template::render(definition, &params),
            params,
            layer,
            peer,
        }
    }

    pub(crate) fn new(number: u32) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "called with the numbers of the catalogue only; a test builds every one"
        )]
        let definition = definition(number).expect("a number of the catalogue");
        Self { definition, params: Params::new(), layer: None, peer: None }
    }

    pub(crate) fn number(mut self, name: &str, value: impl Into<u64>) -> Self {
        self.params.insert(name.to_owned(), Value::from(value.into()));
        self
    }

    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        let value = one_line(value);
        if !value.is_empty() {
            self.params.insert(name.to_owned(), Value::from(value));
        }
        self
    }

    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn layer(mut self, layer: Layer) -> Self {
        self.layer = Some(layer);
        self
    }

    fn peer(mut self, peer: Option<&str>) -> Self {
        self.peer = peer.map(one_line).filter(|peer| !peer.is_empty());
        self
    }
}

/// A value on one line, cut at the limit.
fn one_line(value: &str) -> String {
    let clean = value.trim().chars().take(MAX_VALUE).map(|c| if c.is_control() { '?' } else { c });
    clean.collect()
}

/// The three status codes of an RPC event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// NT/MTA error code.
    pub code: u32,
    /// Comms error: the status of the logging server's own RPC.
    pub comms: u32,
    /// Bind error: the status that the other side reported for its bind-back.
    pub bind: u32,
}

impl Codes {
    /// The logging server's own RPC failed with `code`.
    #[must_use]
    pub const fn own(code: u32) -> Self {
        Self { code, comms: code, bind: 0 }
    }

    /// The other side reported `code` for its bind-back.
    #[must_use]
    pub const fn reported(code: u32) -> Self {
        Self { code, comms: code, bind: code }
    }
}

/// What 9318 says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindFailed {
    /// Row of the locality table.
    pub ltab_index: u32,
    /// The status codes.
    pub codes: Codes,
    /// Name of the server that was called.
    pub remote_server: String,
    /// The host name that was called.
    pub host: Option<String>,
    /// Address and port, once resolved.
    pub address: Option<String>,
    /// Protocol string of the call.
    pub protocol_string: Option<String>,
    /// The account that was presented.
    pub account: Option<String>,
    /// Where it failed.
    pub layer: Option<Layer>,
    /// The status in words.
    pub detail: String,
}

/// 9318: the RPC bind to another server failed.
pub fn bind_failed(said: &BindFailed) -> Draft {
    let draft = Draft::new(id::BIND_FAILED)
        .number("ltab_index", said.ltab_index)
        .number("code", said.codes.code)
        .number("comms", said.codes.comms)
        .number("bind", said.codes.bind)
        .text("remote_server", &said.remote_server)
        .maybe("host", said.host.as_deref())
        .maybe("address", said.address.as_deref())
        .maybe("protocol_string", said.protocol_string.as_deref())
        .maybe("account", said.account.as_deref())
        .text("detail", &said.detail)
        .peer(Some(&said.remote_server));
    Draft { layer: said.layer, ..draft }
}

/// What 9322 says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindBackFailed {
    /// Row of the locality table.
    pub ltab_index: u32,
    /// The status codes.
    pub codes: Codes,
    /// Name of the server that called and could not be bound back to.
    pub remote_server: String,
    /// The name that it handed over.
    pub bind_back_name: String,
    /// Address and port, once resolved.
    pub address: Option<String>,
    /// What the text shows: the name handed over while it is unresolved, else address and port.
    pub protocol_string: String,
    /// The account that was presented.
    pub account: Option<String>,
    /// Where it failed.
    pub layer: Option<Layer>,
    /// The status in words.
    pub detail: String,
}

/// 9322: the bind-back to a caller failed.
pub fn bind_back_failed(said: &BindBackFailed) -> Draft {
    let draft = Draft::new(id::BIND_BACK_FAILED)
        .number("ltab_index", said.ltab_index)
        .number("code", said.codes.code)
        .number("comms", said.codes.comms)
        .number("bind", said.codes.bind)
        .text("remote_server", &said.remote_server)
        .text("protocol_string", &said.protocol_string)
        .text("bind_back_name", &said.bind_back_name)
        .maybe("address", said.address.as_deref())
        .maybe("account", said.account.as_deref())
        .text("detail", &said.detail)
        .peer(Some(&said.remote_server));
    Draft { layer: said.layer, ..draft }
}

/// What 9297 says: the exact reason, which never goes over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityViolation {
    /// The account, `DOMAIN\name`.
    pub user: String,
    /// Row of the locality table.
    pub ltab_index: u32,
    /// Windows NT error code: 1326 wrong password, 1317 no such user, 5 no right.
    pub code: u32,
    /// The exact reason in words.
    pub reason: String,
    /// The server that presented the account, if it is known.
    pub peer: Option<String>,
    /// The address that it came from.
    pub address: Option<String>,
    /// `bind` or `bind-back`.
    pub step: Option<String>,
    /// Authentication or access check.
    pub layer: Option<Layer>,
    /// How many refusals of the same kind this event stands for; 0 and 1 for one.
    pub count: u32,
    /// What the caller showed at that step: a name, an account, or a place to be bound back at.
    pub presented: Option<String>,
    /// What this server is configured with in its place.
    pub expected: Option<String>,
}

/// 9297: an account was refused here.
pub fn security_violation(said: &SecurityViolation) -> Draft {
    let draft = Draft::new(id::SECURITY_VIOLATION)
        .text("user", &said.user)
        .number("ltab_index", said.ltab_index)
        .number("code", said.code)
        .text("reason", &said.reason)
        .maybe("address", said.address.as_deref())
        .maybe("step", said.step.as_deref())
        .maybe("presented", said.presented.as_deref())
        .maybe("expected", said.expected.as_deref())
        .peer(said.peer.as_deref());
    let draft = if said.count > 1 { draft.number("count", said.count) } else { draft };
    Draft { layer: said.layer, ..draft }
}

/// 9901: a setting takes weaker security than is right.
pub fn weak_security(setting: &str) -> Draft {
    Draft::new(id::WEAK_SECURITY).text("setting", setting)
}

/// What 9323 and 9316 say of a channel that broke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelBroken {
    /// Row of the locality table.
    pub ltab_index: u32,
    /// NT/MTA error code.
    pub code: u32,
    /// Name of the other server.
    pub remote_server: String,
    /// The status in words.
    pub detail: String,
}

/// 9323: the bind-back channel could not be ended in order.
pub fn unbind_back_failed(said: &ChannelBroken) -> Draft {
    channel(Draft::new(id::UNBIND_BACK_FAILED), said).layer(Layer::BindBack)
}

/// 9316: the connection broke before data was sent; it is tried again.
pub fn no_data_sent(said: &ChannelBroken) -> Draft {
    channel(Draft::new(id::NO_DATA_SENT), said).layer(Layer::Call)
}

fn channel(draft: Draft, said: &ChannelBroken) -> Draft {
    draft
        .number("ltab_index", said.ltab_index)
        .number("code", said.code)
        .text("remote_server", &said.remote_server)
        .text("detail", &said.detail)
        .peer(Some(&said.remote_server))
}

/// What 9277 says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallCancelled {
    /// Number of the thread, or of the task in its place.
    pub thread: u32,
    /// Row of the locality table.
    pub ltab_index: u32,
    /// How long it was waited, in milliseconds.
    pub ms: u32,
    /// Result of the cancel.
    pub cancel_result: u32,
    /// Name of the other server.
    pub remote_server: String,
    /// The call, for example `MtaBind`; `RPC inactive` for an idle binding.
    pub call: String,
    /// Protocol string with address and port.
    pub protocol_string: String,
}

/// 9277: a call got no answer in time, or a binding was idle for too long.
pub fn call_cancelled(said: &CallCancelled) -> Draft {
    Draft::new(id::CALL_CANCELLED)
        .number("thread", said.thread)
        .number("ltab_index", said.ltab_index)
        .number("ms", said.ms)
        .number("cancel_result", said.cancel_result)
        .text("remote_server", &said.remote_server)
        .text("call", &said.call)
        .text("protocol_string", &said.protocol_string)
        .layer(Layer::Call)
        .peer(Some(&said.remote_server))
}

/// 9280: the locality table holds `limit` rows and is full.
pub fn locality_table_full(limit: u32) -> Draft {
    Draft::new(id::LOCALITY_TABLE_FULL).number("limit", limit)
}

/// 9321: listening on `address` failed.
pub fn listen_failed(code: u32, address: &str, detail: &str) -> Draft {
    Draft::new(id::LISTEN_FAILED)
        .number("code", code)
        .text("address", address)
        .text("detail", detail)
}

/// What 289 and 1294 say of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The connector or server, as the operator knows it.
    pub entity: String,
    /// Name of the other server.
    pub peer: Option<String>,
    /// The code behind it.
    pub code: Option<u32>,
    /// The status in words.
    pub detail: String,
}

/// 289: a connection could not be opened.
pub fn connection_not_opened(said: &Connection) -> Draft {
    connection(Draft::new(id::CONNECTION_NOT_OPENED), said)
}

/// 1294: an association ended abnormally.
pub fn association_ended(said: &Connection) -> Draft {
    connection(Draft::new(id::ASSOCIATION_ENDED), said)
}

fn connection(draft: Draft, said: &Connection) -> Draft {
    let draft =
        draft.text("entity", &said.entity).text("detail", &said.detail).peer(said.peer.as_deref());
    match said.code {
        Some(code) => draft.number("code", code),
        None => draft,
    }
}

/// 301: the next attempt for `entity` is made in `seconds`.
pub fn retry_timer(entity: &str, peer: Option<&str>, control_block: u32, seconds: u32) -> Draft {
    Draft::new(id::RETRY_TIMER)
        .text("entity", entity)
        .number("control_block", control_block)
        .number("seconds", seconds)
        .peer(peer)
}

/// 57: no more associations to `entity` than `limit`.
pub fn association_limit(entity: &str, peer: Option<&str>, limit: u32) -> Draft {
    Draft::new(id::ASSOCIATION_LIMIT).text("entity", entity).number("limit", limit).peer(peer)
}

/// 208: the life time of a message ended; `last_error` is why it was not delivered.
pub fn message_expired(mts_id: &str, minutes: u32, last_error: Option<&str>) -> Draft {
    Draft::new(id::MESSAGE_EXPIRED)
        .text("mts_id", mts_id)
        .number("minutes", minutes)
        .maybe("last_error", last_error)
}

/// What 290 says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NonDelivery {
    /// Name of the reason, for example `transfer-failure`.
    pub reason: String,
    /// Name of the diagnostic, or `Omit any diagnostic code`.
    pub diagnostic: String,
    /// The message.
    pub mts_id: String,
    /// The recipient.
    pub recipient: String,
    /// The recipient's number in the message, from 1.
    pub recipient_number: u32,
    /// The alternate recipient, if there was one.
    pub redirected_to: Option<String>,
    /// The last error before the report.
    pub last_error: Option<String>,
}

/// 290: a non-delivery report is made.
pub fn non_delivery(said: &NonDelivery) -> Draft {
    Draft::new(id::NON_DELIVERY)
        .text("reason", &said.reason)
        .text("diagnostic", &said.diagnostic)
        .text("mts_id", &said.mts_id)
        .text("recipient", &said.recipient)
        .number("recipient_number", said.recipient_number)
        .maybe("redirected_to", said.redirected_to.as_deref())
        .maybe("last_error", said.last_error.as_deref())
}

/// 9298: the service is up.
pub fn started(version: &str, build: &str) -> Draft {
    Draft::new(id::STARTED).text("version", version).text("build", build)
}

/// 9299: the service is down.
pub fn stopped(version: &str, build: &str) -> Draft {
    Draft::new(id::STOPPED).text("version", version).text("build", build)
}
