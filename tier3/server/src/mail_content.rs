//! The mail that a message is, for mailboxes and for SMTP.

use std::sync::Arc;

use queue::Outcome;
use x400::{DiagnosticCode, ReasonCode};

use crate::opened::Opened;

/// The octets of the mail: the content itself, or what an interpersonal message becomes (RFC 2156).
///
/// # Errors
/// The outcome for every recipient: the content is malformed, or of a type that is no mail.
pub fn mail_of(opened: &Opened) -> Result<Arc<[u8]>, Outcome> {
    let envelope = &opened.subject.envelope;
    if mixer::is_mail(&envelope.content_type) {
        return Ok(Arc::clone(&opened.content));
    }
    if !mixer::is_interpersonal(&envelope.content_type) {
        let error = format!("a content of type {} is no mail", envelope.content_type);
        return Err(unfit(DiagnosticCode::CONTENT_TYPE_NOT_SUPPORTED, error));
    }
    mixer::ipm_to_mail(envelope, &opened.content)
        .map(Arc::from)
        .map_err(|error| unfit(DiagnosticCode::CONTENT_SYNTAX_ERROR, error.to_string()))
}

fn unfit(diagnostic: DiagnosticCode, error: String) -> Outcome {
    Outcome::Fail {
        reason: ReasonCode::UNABLE_TO_TRANSFER.0,
        diagnostic: Some(diagnostic.0),
        error,
    }
}
