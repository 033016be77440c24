//! The message transfer agent's decisions: transfer in and out, associations and the
//! locality table, reports.
//!
//! X.411 (1999) clause 14 for the procedures. Pure: envelopes, pieces and the time go in,
//! queue entries, APDUs and pieces come out.

pub mod account_interface;
mod association;
mod credentials;
mod criticality;
pub mod directory_interface;
mod disposition;
mod distribution_list;
mod ltab;
mod numbers;
mod pieces;
pub mod probe_interface;
mod reassign;
mod report;
mod rfc1006;
pub mod rpc_interface;
mod site;
mod transfer_in;
mod transfer_out;

pub use association::{
    Association, AssociationError, AssociationNames, BindRequest, Call, Output, Refusal,
    RefusalProvider, Selectors, Terms, TransferProtocol,
};
pub use credentials::{Expected, Mismatch, Presented};
pub use disposition::{Disposition, came_by, dispose};
pub use distribution_list::{
    DistributionList, ReportPolicy, SubmitPermission, expand, forward_report, may_expand,
};
pub use ltab::{BindState, Direction, LastError, Ltab, LtabFull, Row, State};
pub use osi::rtse::Negotiation;
pub use osi::{OpenedMode, Partial, Sending, SessionIdentifier, Unfinished};
pub use pieces::{Joiner, PieceError, Splitter};
pub use reassign::{NotReassigned, reassigned_entry, redirect};
pub use report::{delivery, non_delivery, probed};
pub use rfc1006::{
    CallError, Called, DisconnectReason, Rfc1006, TransportError, TransportParameters,
};
pub use site::Site;
pub use transfer_in::{
    Entry, Submission, TransferError, from_apdu, from_submission, once_key, report_entry,
    smtp_originator, smtp_recipient, way,
};
pub use transfer_out::{
    OutboundError, Subject, apdu, converted, downgrade, rerouted, subject, transfer,
};
