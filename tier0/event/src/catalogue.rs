//! The catalogue: one row for each event that this MTA logs.
//!
//! Number, type, category, wording and the number in brackets are those of the field. The square brackets name component,
//! thread and procedure in the original; here they are constants, taken from field examples where one is known. `{name}`
//! stands for a parameter; everything else, a literal `%10` included, is kept as the original left it.

use crate::words::{Category, EventType, Level};

/// The source of every event in the catalogue.
pub const SOURCE: &str = "MSExchangeMTA";

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unsigned number.
    Number,
    /// A text on one line.
    Text,
}

/// One parameter of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name among the structured parameters.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// One event of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The number.
    pub id: u32,
    /// The source.
    pub source: &'static str,
    /// The category.
    pub category: Category,
    /// The type.
    pub event_type: EventType,
    /// The number in brackets at the end of the text; 0 where the original has none.
    pub severity: u8,
    /// The level of its category from which on it is logged.
    pub level: Level,
    /// The wording, with `{name}` for each parameter that it shows.
    pub template: &'static str,
    /// The parameters, those that the wording does not show included.
    pub parameters: &'static [Parameter],
}

impl Definition {
    /// True when the classic rendering shows this parameter.
    #[must_use]
    pub fn shows(&self, name: &str) -> bool {
        crate::template::pieces(self.template)
            .any(|piece| piece == crate::template::Piece::Parameter(name))
    }

    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// The definition of an event of the catalogue.
#[must_use]
pub fn definition(id: u32) -> Option<&'static Definition> {
    all().find(|definition| definition.id == id)
}

/// Every event: those of the field, and those of [`crate::own`].
pub(crate) fn all() -> impl Iterator<Item = &'static Definition> {
    CATALOGUE.iter().chain(crate::own::OWN)
}

/// The numbers of the catalogue by name.
pub mod id {
    /// An MTA called while its connector is suspended.
    pub const SUSPENDED_CALLER: u32 = 37;
    /// Credentials of another MTA were refused.
    pub const CREDENTIALS_REFUSED: u32 = 48;
    /// An MTA bound that no connector knows.
    pub const UNKNOWN_MTA: u32 = 51;
    /// A caller wants another dialogue mode.
    pub const WRONG_DIALOGUE: u32 = 55;
    /// An association limit was reached.
    pub const ASSOCIATION_LIMIT: u32 = 57;
    /// The life time of a message ended.
    pub const MESSAGE_EXPIRED: u32 = 208;
    /// A connection could not be opened.
    pub const CONNECTION_NOT_OPENED: u32 = 289;
    /// A non-delivery report is made.
    pub const NON_DELIVERY: u32 = 290;
    /// The retry timer was started.
    pub const RETRY_TIMER: u32 = 301;
    /// An association opened from here was refused.
    pub const OUT_REFUSED: u32 = 1290;
    /// An association opened by another MTA was refused here.
    pub const IN_REFUSED: u32 = 1293;
    /// An association ended abnormally.
    pub const ASSOCIATION_ENDED: u32 = 1294;
    /// A caller called another transport selector.
    pub const WRONG_T_SELECTOR: u32 = 4293;
    /// A connection of a caller could not be used.
    pub const ACCEPT_FAILED: u32 = 9202;
    /// A TCP connection could not be opened.
    pub const CONNECT_FAILED: u32 = 9215;
    /// A call was cancelled.
    pub const CALL_CANCELLED: u32 = 9277;
    /// The locality table is full.
    pub const LOCALITY_TABLE_FULL: u32 = 9280;
    /// An account was refused.
    pub const SECURITY_VIOLATION: u32 = 9297;
    /// The service is up.
    pub const STARTED: u32 = 9298;
    /// The service is down.
    pub const STOPPED: u32 = 9299;
    /// No connector has the address that a call came from.
    pub const UNKNOWN_ADDRESS: u32 = 9301;
    /// A call of a dial-up connector failed.
    pub const DIAL_FAILED: u32 = 9309;
    /// The link of a dial-up connector failed while it stood.
    pub const LINK_FAILED: u32 = 9311;
    /// A connection broke before data was sent.
    pub const NO_DATA_SENT: u32 = 9316;
    /// The RPC bind failed.
    pub const BIND_FAILED: u32 = 9318;
    /// Listening failed.
    pub const LISTEN_FAILED: u32 = 9321;
    /// The bind-back failed.
    pub const BIND_BACK_FAILED: u32 = 9322;
    /// Ending the bind-back channel failed.
    pub const UNBIND_BACK_FAILED: u32 = 9323;
    /// A setting takes weaker security than is right; an event of this MTA's own.
    pub const WEAK_SECURITY: u32 = 9901;
}

pub(crate) const fn number(name: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Number }
}

pub(crate) const fn text(name: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Text }
}

/// A definition with what all have in common. Every event of this catalogue is logged at level 0: each stands for stopped
/// mail, a refused account or the life of the service, and the chain 1294, 289, 301 is only of use when it is whole.
const fn row(
    id: u32,
    event_type: EventType,
    category: Category,
    severity: u8,
    template: &'static str,
    parameters: &'static [Parameter],
) -> Definition {
    Definition {
        id,
        source: SOURCE,
        category,
        event_type,
        severity,
        level: Level::None,
        template,
        parameters,
    }
}

use Category::{
    Configuration, FieldEngineering, Interface, OperatingSystem, Resource, Security, X400Service,
};
use EventType::{Information, Warning};

/// What 9309 and 9311 say of a call: `kind` in a word, `exit` the code of the dial command, `output` its last words, `next`
/// the seconds until the next try.
const CALL_FAILED: &[Parameter] = &[
    text("gateway"),
    number("code"),
    number("index"),
    text("kind"),
    text("detail"),
    number("try"),
    number("next"),
    number("exit"),
    text("output"),
];

/// Every event that this MTA logs, by number.
pub const CATALOGUE: &[Definition] = &[
    row(
        id::SUSPENDED_CALLER,
        Warning,
        Security,
        14,
        "The {entity} entity attempted to open an association while suspended. [MTA XFER-IN 19 26] (14)",
        &[text("entity"), text("address")],
    ),
    row(
        id::CREDENTIALS_REFUSED,
        Warning,
        Security,
        14,
        "An error occurred authenticating credentials from the remote entity {entity}. [MTA XFER-IN 19 27] (14)",
        &[
            text("entity"),
            text("presented_name"),
            text("expected_name"),
            text("differs"),
            text("role"),
            text("address"),
        ],
    ),
    row(
        id::UNKNOWN_MTA,
        Warning,
        Security,
        14,
        "An unknown MTA has attempted to bind. The MTA name in bind is {presented_name}. The MTA presentation address \
         is {presentation_address}, Association index: {association_index}. [MTA XFER-IN 19 28] (14)",
        &[
            text("presented_name"),
            text("presentation_address"),
            number("association_index"),
            text("expected_name"),
            text("differs"),
        ],
    ),
    row(
        id::WRONG_DIALOGUE,
        Warning,
        Security,
        14,
        "The incorrect link option mode was specified by the binding remote entity {entity}, association index: \
         {association_index}. [MTA XFER-IN 19 29] (14)",
        &[text("entity"), number("association_index"), text("presented"), text("expected")],
    ),
    row(
        id::ASSOCIATION_LIMIT,
        Warning,
        X400Service,
        14,
        "The limit on the number of associations allowed to and from entity {entity} has been reached. The limit is \
         {limit}. [MTA MAIN BASE 1 43] (14)",
        &[text("entity"), number("limit")],
    ),
    row(
        id::MESSAGE_EXPIRED,
        Warning,
        Security,
        14,
        "The default latest delivery time for message {mts_id} has expired ({minutes} minutes after submission). A \
         non-delivery report has been generated with reason code Unable to Transfer and diagnostic code MAX TIME \
         EXPIRED. [MTA DISP:RESULT 16 136] (14)",
        &[text("mts_id"), number("minutes"), text("last_error")],
    ),
    row(
        id::CONNECTION_NOT_OPENED,
        Warning,
        X400Service,
        12,
        "A connection to {entity} could not be opened. [MTA XFER-IN 19 26] (12)",
        &[text("entity"), number("code"), text("detail")],
    ),
    row(
        id::NON_DELIVERY,
        Warning,
        X400Service,
        12,
        "A non-delivery report (reason code {reason} and diagnostic code {diagnostic}) is being generated for message \
         {mts_id}. It was originally destined for {recipient} (recipient number {recipient_number}), and was to be \
         redirected to {redirected_to}. [MTA DISP:RESULT 16 136] (12)",
        &[
            text("reason"),
            text("diagnostic"),
            text("mts_id"),
            text("recipient"),
            number("recipient_number"),
            text("redirected_to"),
            text("last_error"),
        ],
    ),
    row(
        id::RETRY_TIMER,
        Information,
        X400Service,
        0,
        "An open retry delay timer started on the association to {entity} on control block {control_block}. Another \
         attempt to reopen the association will be made in {seconds} seconds.",
        &[text("entity"), number("control_block"), number("seconds")],
    ),
    row(
        id::OUT_REFUSED,
        Warning,
        X400Service,
        12,
        "A locally initiated association to {entity} was refused. The failure reason provider was {provider} and the \
         reason was {reason}. Control block index {control_block}. Type {control_block_type}. [MTA XFER-OUT 20 30] (12)",
        &[
            text("entity"),
            number("provider"),
            number("reason"),
            number("control_block"),
            number("control_block_type"),
            text("detail"),
        ],
    ),
    row(
        id::IN_REFUSED,
        Warning,
        X400Service,
        12,
        "A remotely-initiated association from {entity} was refused. The failure reason provider is {provider} and the \
         reason is {reason}. Control block index {control_block}. Type {control_block_type}. [MTA XFER-IN 19 31] (12)",
        &[
            text("entity"),
            number("provider"),
            number("reason"),
            number("control_block"),
            number("control_block_type"),
            text("detail"),
        ],
    ),
    row(
        id::ASSOCIATION_ENDED,
        Warning,
        X400Service,
        10,
        "An association with entity {entity} ended abnormally. [1 1 0 0 PLATFORM KERNEL 22 130] (10)",
        &[text("entity"), number("code"), text("detail")],
    ),
    row(
        id::WRONG_T_SELECTOR,
        Warning,
        FieldEngineering,
        0,
        "(POP4 POP4 UP(7) PROC 39) Incoming Connection rejected due to an incorrect T-selector. Called T-Selector is: \
         {called}",
        &[text("called"), text("expected"), text("address")],
    ),
    row(
        id::ACCEPT_FAILED,
        Warning,
        OperatingSystem,
        12,
        "A sockets error {code} on an accept() call was detected. The MTA will attempt to recover the sockets \
         connection. Control block index: {control_block}. [BASE IL TCPIP DRVR 8 254] (12)",
        &[number("code"), number("control_block"), text("address"), text("detail")],
    ),
    row(
        id::CONNECT_FAILED,
        Warning,
        OperatingSystem,
        12,
        "A sockets error {code} on a connect() call was detected. The MTA will attempt to recover the sockets \
         connection. Control block index: {control_block}. [BASE IL TCPIP DRVR 8 256] (12)",
        &[number("code"), number("control_block"), text("address"), text("detail")],
    ),
    row(
        id::CALL_CANCELLED,
        Warning,
        Interface,
        14,
        "The MTA has issued an RPC Cancel call for thread {thread}, Locality Table Index: {ltab_index}, Time (ms): {ms}, \
         Cancel result: {cancel_result} [{remote_server} {call} {protocol_string} BASE IL] (14)",
        &[
            number("thread"),
            number("ltab_index"),
            number("ms"),
            number("cancel_result"),
            text("remote_server"),
            text("call"),
            text("protocol_string"),
        ],
    ),
    row(
        id::LOCALITY_TABLE_FULL,
        Warning,
        Resource,
        0,
        "A resource limit has been reached when attempting to open an association. The locality table is full.",
        &[number("limit")],
    ),
    row(
        id::SECURITY_VIOLATION,
        Warning,
        Security,
        14,
        "The user {user} has caused a security violation. Locality table (LTAB) index: {ltab_index}. Windows NT error \
         code: {code}. [BASE IL INCOMING RPC 39 507] (14)",
        &[
            text("user"),
            number("ltab_index"),
            number("code"),
            text("reason"),
            text("address"),
            text("step"),
            text("presented"),
            text("expected"),
            number("count"),
        ],
    ),
    row(
        id::STARTED,
        Information,
        X400Service,
        14,
        "Microsoft Exchange Server MTA Service startup complete, version {version} (build {build}). [BASE IL MAIN BASE \
         46 490] (14)",
        &[text("version"), text("build")],
    ),
    row(
        id::STOPPED,
        Information,
        X400Service,
        16,
        "Service closedown complete, version {version} (build {build}). [BASE IL MAIN BASE 46 490] (16)",
        &[text("version"), text("build")],
    ),
    row(
        id::UNKNOWN_ADDRESS,
        Information,
        Configuration,
        10,
        "The message transfer gateway that uses the network address {network_address} and the transport stack {stack} \
         could not be found. Check the configuration of the mail gateway. [BASE IL TCPIP DRVR 8 257] (10)",
        &[text("network_address"), text("stack"), text("address")],
    ),
    row(
        id::DIAL_FAILED,
        Warning,
        FieldEngineering,
        12,
        "A RAS Dial error has occurred for gateway {gateway}. RAS error code returned: {code}, RAS Table index: {index}. \
         The MTA will attempt to recover the RAS connection. [BASE IL RAS DRVR 8 310] (12)",
        CALL_FAILED,
    ),
    row(
        id::LINK_FAILED,
        Warning,
        FieldEngineering,
        12,
        "A RAS communications error has occurred for gateway {gateway}. RAS error code returned: {code}, RAS Table \
         index: {index}. The MTA will attempt to recover the RAS connection. [BASE IL RAS DRVR 8 312] (12)",
        CALL_FAILED,
    ),
    row(
        id::NO_DATA_SENT,
        Warning,
        Interface,
        12,
        "An RPC communications error occurred. No data was sent over the RPC connection. Locality table (LTAB) index: \
         {ltab_index}. Windows NT error: {code}. The MTA will attempt to recover the RPC connection. [BASE IL KERNEL 26 \
         512] (12)",
        &[number("ltab_index"), number("code"), text("remote_server"), text("detail")],
    ),
    row(
        id::BIND_FAILED,
        Warning,
        Interface,
        14,
        "An RPC communications error occurred. Unable to bind over RPC. Locality Table (LTAB) index: {ltab_index}, \
         NT/MTA error code: {code}. Comms error {comms}, Bind error {bind}, Remote Server Name {remote_server} [MAIN \
         BASE 1 500 %10] (14)",
        &[
            number("ltab_index"),
            number("code"),
            number("comms"),
            number("bind"),
            text("remote_server"),
            text("host"),
            text("address"),
            text("protocol_string"),
            text("account"),
            text("detail"),
        ],
    ),
    row(
        id::LISTEN_FAILED,
        Warning,
        Interface,
        14,
        "An RPC communications error occurred. An attempt to listen over RPC has failed. NT Error: {code}. \
         [ncacn_ip_tcp BASE IL MAIN BASE 1 504] (14)",
        &[number("code"), text("address"), text("detail")],
    ),
    row(
        id::BIND_BACK_FAILED,
        Warning,
        Interface,
        14,
        "An interface error has occurred. An MtaBindBack over RPC has failed. Locality Table (LTAB) index: {ltab_index}, \
         NT/MTA error code: {code}. Comms error {comms}, Bind error {bind}, Remote Server Name {remote_server}, Protocol \
         String {protocol_string} [BASE IL INCOMING RPC 39 507] (14)",
        &[
            number("ltab_index"),
            number("code"),
            number("comms"),
            number("bind"),
            text("remote_server"),
            text("protocol_string"),
            text("bind_back_name"),
            text("address"),
            text("account"),
            text("detail"),
        ],
    ),
    row(
        id::UNBIND_BACK_FAILED,
        Warning,
        Interface,
        14,
        "An interface error has occurred. An MtaUnBindBack over RPC has failed. Locality Table (LTAB) index: \
         {ltab_index}, NT/MTA error code: {code}. [BASE IL INCOMING RPC 39 507] (14)",
        &[number("ltab_index"), number("code"), text("remote_server"), text("detail")],
    ),
    row(
        id::WEAK_SECURITY,
        Warning,
        Security,
        12,
        "The setting {setting} takes logons that can be broken by whoever listens: NTLM version 2 with 128-bit keys is \
         not demanded. (12)",
        &[text("setting")],
    ),
];
