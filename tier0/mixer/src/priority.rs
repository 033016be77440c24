//! Priority from the header of a mail (RFC 2156 5.1.4 for `Priority:`, common use for others).

use x400::Priority;

use crate::header::header_value;

/// The priority that a mail's header asks for: `Priority:`, else `X-Priority:`, else
/// `Importance:`; normal when none is there or its value means nothing.
#[must_use]
pub fn priority_from_header(mail: &[u8]) -> Priority {
    let value = |field| header_value(mail, field);
    value("Priority")
        .and_then(|value| named(&value))
        .or_else(|| value("X-Priority").and_then(|value| numbered(&value)))
        .or_else(|| value("Importance").and_then(|value| named(&value)))
        .unwrap_or_default()
}

fn named(value: &str) -> Option<Priority> {
    let word = value.split([' ', '(']).next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "urgent" | "high" => Some(Priority::Urgent),
        "normal" => Some(Priority::Normal),
        "non-urgent" | "low" => Some(Priority::NonUrgent),
        _ => None,
    }
}

fn numbered(value: &str) -> Option<Priority> {
    match value.as_bytes() {
        [digit, rest @ ..] if !rest.first().is_some_and(u8::is_ascii_digit) => match digit {
            b'1' | b'2' => Some(Priority::Urgent),
            b'3' => Some(Priority::Normal),
            b'4' | b'5' => Some(Priority::NonUrgent),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_their_order() {
        let cases = [
            ("", Priority::Normal),
            ("Priority: urgent", Priority::Urgent),
            ("priority: Non-Urgent", Priority::NonUrgent),
            ("X-Priority: 1 (Highest)", Priority::Urgent),
            ("X-Priority: 5", Priority::NonUrgent),
            ("X-Priority: 10", Priority::Normal),
            ("Importance: low", Priority::NonUrgent),
            ("Importance: high\r\nX-Priority: 3", Priority::Normal),
            ("Importance: high\r\nPriority: whatever", Priority::Urgent),
            ("Subject: x\r\n\r\nPriority: urgent", Priority::Normal),
        ];
        for (header, expected) in cases {
            let mail = format!("{header}\r\n\r\nbody\r\n");
            assert_eq!(priority_from_header(mail.as_bytes()), expected, "{header}");
        }
    }
}
