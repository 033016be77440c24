//! What a reply means for the queue and for a report.

use queue::Outcome;
use smtp::{EnhancedCode, Reply};
use x400::{DiagnosticCode, ReasonCode};

/// What became of a recipient: a positive reply is done, 4yz is tried again, 5yz comes back to the sender.
pub(super) fn of(host: &str, reply: &Reply) -> Outcome {
    if reply.is_positive() {
        return Outcome::Done;
    }
    // The form is read again where a report becomes a notification (mixer).
    let error = format!("{host} said: {reply}");
    if reply.code / 100 != 5 {
        return Outcome::Retry { error };
    }
    Outcome::Fail {
        reason: ReasonCode::UNABLE_TO_TRANSFER.0,
        diagnostic: diagnostic(reply).map(|code| code.0),
        error,
    }
}

/// The X.411 diagnostic that says the same as a reply (RFC 3463 3 against X.411 8.3.1.2.1.11).
fn diagnostic(reply: &Reply) -> Option<DiagnosticCode> {
    let Some(EnhancedCode { subject, detail, .. }) = reply.enhanced else {
        return match reply.code {
            550 | 551 | 553 => Some(DiagnosticCode::UNRECOGNISED_OR_NAME),
            552 => Some(DiagnosticCode::CONTENT_TOO_LONG),
            _ => None,
        };
    };
    match (subject, detail) {
        (1, 4) => Some(DiagnosticCode::AMBIGUOUS_OR_NAME),
        (1, 0..=3 | 6 | 9 | 10) => Some(DiagnosticCode::UNRECOGNISED_OR_NAME),
        (2, 3) | (3, 4) => Some(DiagnosticCode::CONTENT_TOO_LONG),
        (2, _) => Some(DiagnosticCode::RECIPIENT_UNAVAILABLE),
        (4, 6) => Some(DiagnosticCode::LOOP_DETECTED),
        (5, 3) => Some(DiagnosticCode::TOO_MANY_RECIPIENTS),
        (5, _) => Some(DiagnosticCode::PROTOCOL_VIOLATION),
        (6, 3) => Some(DiagnosticCode::CONVERSION_IMPRACTICAL),
        (6, _) => Some(DiagnosticCode::CONTENT_TYPE_NOT_SUPPORTED),
        (7, _) => Some(DiagnosticCode::NO_BILATERAL_AGREEMENT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_become_outcomes() {
        let reply = |code, enhanced| Reply::new(code, enhanced, "words");
        let code = |subject, detail| Some(EnhancedCode::new(5, subject, detail));
        assert_eq!(of("mx", &reply(250, None)), Outcome::Done);
        let error = "mx said: 451 words".to_owned();
        assert_eq!(of("mx", &reply(451, None)), Outcome::Retry { error });
        // A reply that fits nowhere settles nothing for good.
        assert!(matches!(of("mx", &reply(354, None)), Outcome::Retry { .. }));
        for (number, enhanced, expected) in [
            (550, None, Some(0)),
            (554, None, None),
            (552, None, Some(7)),
            (550, code(1, 1), Some(0)),
            (552, code(3, 4), Some(7)),
            (554, code(4, 6), Some(3)),
            (554, code(7, 1), Some(17)),
            (554, code(0, 0), None),
        ] {
            let Outcome::Fail { diagnostic, error, .. } = of("mx", &reply(number, enhanced)) else {
                panic!("{number}")
            };
            assert_eq!(diagnostic, expected, "{number} {enhanced:?}");
            assert!(error.starts_with(&format!("mx said: {number} ")), "{error}");
        }
    }
}
