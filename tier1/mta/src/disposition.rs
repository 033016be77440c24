//! What is to be done here with a recipient whose next hop is this server.

use routing::{Route, Table};
use x400::{
    DiagnosticCode, MessageTransferEnvelope, OtherActions, ReasonCode, RoutingAction,
    internal_trace,
};

use crate::criticality::unsupported;
use crate::site::Site;

/// Deliver or fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    Deliver {
        mailbox: String,
    },
    Fail {
        reason: ReasonCode,
        diagnostic: DiagnosticCode,
        text: String,
    },
    /// The mailbox moved to another server since the message was queued.
    Move {
        peer: String,
    },
}

/// Decides for one recipient by the routing table in force; `subject` is the message and the
/// recipient's number in it.
#[must_use]
pub fn dispose(
    site: &Site,
    routes: &Table,
    subject: Option<(&MessageTransferEnvelope, u32)>,
    address: &str,
) -> Disposition {
    if subject.is_some_and(|(envelope, _)| has_looped(site, envelope)) {
        return Disposition::Fail {
            reason: ReasonCode::UNABLE_TO_TRANSFER,
            diagnostic: DiagnosticCode::LOOP_DETECTED,
            text: format!("the message was at {} before", site.mta_name),
        };
    }
    let choice = routes.choose(address);
    let delivers = matches!(choice.route, Route::Local { .. });
    if let Some((envelope, number)) = subject {
        if let Some(field) = unsupported(envelope, number, |criticality| {
            if delivers { criticality.for_delivery() } else { criticality.for_transfer() }
        }) {
            return Disposition::Fail {
                reason: ReasonCode::UNABLE_TO_TRANSFER,
                diagnostic: DiagnosticCode::UNSUPPORTED_CRITICAL_FUNCTION,
                text: format!("extension {} is critical and not known here", field.kind),
            };
        }
        if delivers && !mixer::is_mail(&envelope.content_type) {
            return Disposition::Fail {
                reason: ReasonCode::UNABLE_TO_TRANSFER,
                diagnostic: DiagnosticCode::CONTENT_TYPE_NOT_SUPPORTED,
                text: format!("mailboxes here take no content of type {}", envelope.content_type),
            };
        }
    }
    match choice.route {
        Route::Local { mailbox } => Disposition::Deliver { mailbox },
        Route::Peer { name } => Disposition::Move { peer: name },
        Route::UnknownMailbox | Route::NoRoute => Disposition::Fail {
            reason: ReasonCode::UNABLE_TO_TRANSFER,
            diagnostic: DiagnosticCode::UNRECOGNISED_OR_NAME,
            text: choice.why,
        },
    }
}

/// The last element of the internal trace is this server's own, stamped on arrival. An
/// earlier one is a loop, unless something done since excuses the return (X.411 14.3.1).
fn has_looped(site: &Site, envelope: &MessageTransferEnvelope) -> bool {
    let Ok(trace) = internal_trace(&envelope.extensions) else { return false };
    let Some((_, earlier)) = trace.split_last() else { return false };
    let visit = earlier.iter().rposition(|element| {
        element.domain == site.domain && element.mta_name.eq_ignore_ascii_case(&site.mta_name)
    });
    visit.is_some_and(|at| {
        earlier[at..].iter().all(|element| {
            element.supplied.routing_action == RoutingAction::Relayed
                && element.supplied.other_actions == OtherActions::default()
        })
    })
}
