//! Enhanced status codes of X.400 reasons and diagnostics (RFC 2156 5.3.4, RFC 3463).

use std::fmt;
use x400::{DiagnosticCode, ReasonCode};

/// An enhanced mail system status code (RFC 3463 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8, pub u8, pub u8);

impl Status {
    /// Delivered.
    pub const DELIVERED: Self = Self(2, 0, 0);

    /// The status of a non-delivery; the diagnostic decides where the table has it, else the
    /// reason. A diagnostic that RFC 2156 lists under one reason counts under any.
    #[must_use]
    pub fn of(reason: ReasonCode, diagnostic: Option<DiagnosticCode>) -> Self {
        diagnostic.and_then(Self::of_diagnostic).unwrap_or_else(|| Self::of_reason(reason))
    }

    /// The enhanced code of a reply such as `550 5.1.1 no such user`; only of a refusal.
    #[must_use]
    pub fn in_reply(reply: &str) -> Option<Self> {
        let mut parts = reply.split_whitespace().nth(1)?.split('.');
        let mut next = || parts.next()?.parse().ok();
        let status = Self(next()?, next()?, next()?);
        (matches!(status.0, 4 | 5) && parts.next().is_none()).then_some(status)
    }

    fn of_diagnostic(diagnostic: DiagnosticCode) -> Option<Self> {
        Some(match diagnostic.0 {
            0 => Self(5, 1, 1),
            1 => Self(5, 1, 4),
            2 => Self(4, 3, 1),
            3 | 27 => Self(5, 4, 6),
            4 => Self(4, 2, 1),
            5 | 49 => Self(4, 4, 7),
            6 | 15 => Self(5, 6, 1),
            7 => Self(5, 2, 3),
            8 | 9 => Self(5, 6, 3),
            11..=13 => Self(5, 5, 2),
            14 => Self(5, 5, 0),
            16 => Self(5, 5, 3),
            17 => Self(5, 4, 4),
            18 | 47 => Self(5, 3, 3),
            19 => Self(5, 6, 2),
            26 => Self(5, 4, 0),
            28 => Self(5, 7, 2),
            29 => Self(5, 7, 1),
            30 => Self(4, 2, 4),
            46 => Self(5, 7, 0),
            48 => Self(5, 3, 4),
            _ => return None,
        })
    }

    fn of_reason(reason: ReasonCode) -> Self {
        match reason.0 {
            0 => Self(4, 4, 0),
            2 => Self(5, 6, 3),
            5 => Self(5, 7, 1),
            6 => Self(5, 4, 3),
            7 => Self(5, 3, 3),
            // Later than RFC 2156: X.411 (1999) has a reason for security of its own.
            8 => Self(5, 7, 0),
            _ => Self(5, 0, 0),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_a_code_of_its_own() {
        assert_eq!(Status::in_reply("550 5.1.1 no"), Some(Status(5, 1, 1)));
        for none in ["550 no such user", "250 2.0.0 ok", "550", "550 5.1", "550 5.1.1.1 x"] {
            assert_eq!(Status::in_reply(none), None, "{none}");
        }
    }

    #[test]
    fn the_table() {
        let table = [
            (0, None, "4.4.0"),
            (0, Some(5), "4.4.7"),
            (0, Some(49), "4.4.7"),
            (0, Some(48), "5.3.4"),
            (1, None, "5.0.0"),
            (1, Some(0), "5.1.1"),
            (1, Some(3), "5.4.6"),
            (1, Some(77), "5.0.0"),
            (2, Some(9), "5.6.3"),
            (2, None, "5.6.3"),
            (2, Some(47), "5.3.3"),
            (5, None, "5.7.1"),
            (6, None, "5.4.3"),
            (99, None, "5.0.0"),
        ];
        for (reason, diagnostic, text) in table {
            let status = Status::of(ReasonCode(reason), diagnostic.map(DiagnosticCode));
            assert_eq!(status.to_string(), text, "{reason}/{diagnostic:?}");
        }
    }
}
