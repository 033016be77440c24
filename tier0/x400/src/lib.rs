//! X.400 values: O/R addresses, P1 messages and reports, report codes, trace.
//!
//! Standards: X.411 (1999) for the transfer protocol, X.402 for O/R addresses, X.419 for
//! the application contexts. Everything is bytes and values: decoders take octets in any
//! order that BER allows, encoders write one definite form. Elements and extensions that
//! are not known are kept as the octets they came in, so that a relay passes them on.
//! Contents (P2, P22, P772) are read by [`describe`] alone, to be shown.

mod address_text;
mod bind;
mod codec;
mod content_type;
pub mod describe;
mod domain;
mod downgrade;

mod extensions;
mod histories;
mod message;
mod mta_name;
mod mts;
mod or_address;
mod p2;
mod probe;
mod report;
mod report_codes;

mod teletex;
mod trace;
mod utc_time;

pub use address_text::AddressError;
pub use bind::{
    Credentials, Manner, MtaBindArgument, MtaBindError, MtaBindResult, MtaIdentity, Secret,
};
pub use codec::Raw;
pub use content_type::{ContentType, Priority};
pub use domain::{GlobalDomainIdentifier, MtsIdentifier};
pub use downgrade::DowngradeError;
pub use extensions::{Criticality, ExtensionField, ExtensionKind, standard};
pub use histories::{
    DlExpansion, MAX_STEPS, Redirection, add_dl_expansion, add_redirection, dl_exempted_recipients,
    dl_expansion_history, latest_delivery_time, originator_and_dl_expansion_history,
    originator_requested_alternate, prohibits, redirection_history,
    set_originator_and_dl_expansion_history, set_reporting_dl_name,
};
pub use message::{MessageTransferEnvelope, PerRecipientFields, PerRecipientIndicators};
pub use mta_name::ia5_name;
pub use mts::{Message, MtsApdu, decode_message_parts, encode_message};
pub use or_address::{
    AddressForm, DomainDefinedAttribute, ExtensionAttribute, OrAddress, OrName, PersonalName,
};
pub use probe::Probe;
pub use report::{
    DeliveryOutcome, PerRecipientReportFields, Report, ReportContent, ReportTransferEnvelope,
    SupplementaryInformation,
};
pub use report_codes::{DiagnosticCode, MtsUserType, ReasonCode};
pub use teletex::{from_teletex, to_teletex};
pub use trace::{
    Attempted, InternalTraceElement, OtherActions, RoutingAction, SuppliedInformation,
    TraceElement, Traced, append_trace, detects_domain_loop, detects_loop, has_domain_looped,
    internal_trace, note_actions, note_reroute, returns,
};
pub use utc_time::{REFERENCE_YEAR, format_utc_time, parse_utc_time};
