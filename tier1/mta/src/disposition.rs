//! What is to be done here with a recipient whose next hop is this server.

use queue::NextHop;
use routing::{Closed, Request, Restriction, Route, Router};
use x400::{
    DiagnosticCode, MessageTransferEnvelope, OtherActions, ReasonCode, RoutingAction,
    internal_trace,
};

use crate::criticality::unsupported;
use crate::site::Site;
use crate::transfer_in::hop;

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
    /// The mailbox moved, or a way opened, since the message was queued.
    Move {
        hop: NextHop,
        /// What changed.
        text: String,
    },
}

/// Decides for one recipient by the routing table in force; `subject` is the message and the
/// recipient's number in it. `keeps` says of a mailbox whether mail ends there: a list, or a recipient with an
/// alternate, is no mailbox that must understand what it is sent.
#[must_use]
pub fn dispose(
    site: &Site,
    routes: Router<'_>,
    subject: Option<(&MessageTransferEnvelope, u32)>,
    request: &Request<'_>,
    keeps: impl Fn(&str) -> bool,
) -> Disposition {
    if subject.is_some_and(|(envelope, _)| has_looped(site, envelope)) {
        return Disposition::Fail {
            reason: ReasonCode::UNABLE_TO_TRANSFER,
            diagnostic: DiagnosticCode::LOOP_DETECTED,
            text: format!("the message was at {} before", site.mta_name),
        };
    }
    let choice = routes.choose(request);
    let delivers = matches!(&choice.route, Route::Local { mailbox } if keeps(mailbox));
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
        let content_type = &envelope.content_type;
        if delivers && !mixer::is_mail(content_type) && !mixer::is_interpersonal(content_type) {
            return Disposition::Fail {
                reason: ReasonCode::UNABLE_TO_TRANSFER,
                diagnostic: DiagnosticCode::CONTENT_TYPE_NOT_SUPPORTED,
                text: format!("mailboxes here take no content of type {content_type}"),
            };
        }
    }
    if let Route::Local { mailbox } = choice.route {
        return Disposition::Deliver { mailbox };
    }
    if let Some((reason, diagnostic)) = refusal(&choice.route) {
        return Disposition::Fail { reason, diagnostic, text: choice.why };
    }
    match hop(choice.route) {
        Some(hop) => Disposition::Move { hop, text: choice.why },
        // Every route without a hop has a refusal.
        None => Disposition::Fail {
            reason: ReasonCode::UNABLE_TO_TRANSFER,
            diagnostic: DiagnosticCode::UNRECOGNISED_OR_NAME,
            text: choice.why,
        },
    }
}

/// Reason and diagnostic of a non-delivery for want of a way, X.411 8.3.1.2.1.10 and 11.
fn refusal(route: &Route) -> Option<(ReasonCode, DiagnosticCode)> {
    let diagnostic = match route {
        Route::Local { .. } | Route::Peer { .. } | Route::Connector { .. } => return None,
        Route::UnknownMailbox | Route::NoRoute => DiagnosticCode::UNRECOGNISED_OR_NAME,
        Route::Closed(Closed::CameFromThere) => DiagnosticCode::LOOP_DETECTED,
        Route::Closed(Closed::RetriesExhausted) => DiagnosticCode::MAXIMUM_TIME_EXPIRED,
        Route::Closed(Closed::Restricted(restriction)) => match restriction {
            Restriction::TooLarge { .. } => DiagnosticCode::CONTENT_TOO_LONG,
            Restriction::TooManyRecipients { .. } => DiagnosticCode::TOO_MANY_RECIPIENTS,
            Restriction::Sender { .. } => DiagnosticCode::NO_BILATERAL_AGREEMENT,
        },
    };
    Some((ReasonCode::UNABLE_TO_TRANSFER, diagnostic))
}

/// The MTA that handed a message over, as its trace tells; `None` for one that was submitted here.
#[must_use]
pub fn came_by(envelope: &MessageTransferEnvelope) -> Option<String> {
    let trace = internal_trace(&envelope.extensions).ok()?;
    let (own, earlier) = trace.split_last()?;
    // Another recipient may be where the message came from (X.411 14.3.1).
    if own.supplied.other_actions != OtherActions::default() {
        return None;
    }
    earlier.last().map(|element| element.mta_name.to_string())
}

/// The last element of the internal trace is this server's own, stamped on arrival. An
/// earlier one is a loop, unless something done since excuses the return (X.411 14.3.1). So is a way out of the domain and
/// back, should somebody on it have dropped the internal trace.
fn has_looped(site: &Site, envelope: &MessageTransferEnvelope) -> bool {
    if x400::has_domain_looped(envelope, &site.domain) {
        return true;
    }
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
