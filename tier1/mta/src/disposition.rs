//! What is to be done here with a recipient whose next hop is this server.

use routing::{Route, Table};
use x400::{
    DiagnosticCode, MessageTransferEnvelope, OtherActions, ReasonCode, RoutingAction,
    internal_trace,
};

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

/// Decides for one recipient by the routing table in force.
#[must_use]
pub fn dispose(
    site: &Site,
    routes: &Table,
    envelope: Option<&MessageTransferEnvelope>,
    address: &str,
) -> Disposition {
    if envelope.is_some_and(|envelope| has_looped(site, envelope)) {
        return Disposition::Fail {
            reason: ReasonCode::UNABLE_TO_TRANSFER,
            diagnostic: DiagnosticCode::LOOP_DETECTED,
            text: format!("the message was at {} before", site.mta_name),
        };
    }
    let choice = routes.choose(address);
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
