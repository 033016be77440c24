//! An event on one line, for standard error and for the journal.

use std::fmt::Write as _;

use crate::record::Event;

/// The event on one line; `prefix` puts the `<4>` of sd-daemon(3) in front, by which the journal knows the priority.
///
/// The text is followed by what only the structured parameters say, so that a line alone is enough to act on.
#[must_use]
pub fn line(event: &Event, prefix: bool) -> String {
    let mut out = String::with_capacity(event.text.len() + 128);
    if prefix {
        put(&mut out, format_args!("<{}>", event.event_type.syslog_priority()));
    } else {
        put(&mut out, format_args!("{} ", event.time));
    }
    let head = format_args!(
        "{} {} {} {} {}: ",
        event.server, event.source, event.id, event.event_type, event.category
    );
    put(&mut out, head);
    out.push_str(&event.text);
    if let Some(layer) = event.layer {
        put(&mut out, format_args!(" layer={layer}"));
    }
    for name in ["reason", "detail", "last_error"] {
        let shown = event.definition().is_some_and(|definition| definition.shows(name));
        if let Some(value) = event.word(name)
            && !shown
        {
            put(&mut out, format_args!(" {name}=\"{}\"", value.replace('"', "'")));
        }
    }
    out.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    out.write_fmt(what).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{self, SecurityViolation};
    use crate::words::Layer;

    fn violation() -> Event {
        let said = SecurityViolation {
            user: r"ORG\svc-west".to_owned(),
            ltab_index: 3,
            code: 1326,
            reason: "wrong password\r\n<0>forged line".to_owned(),
            peer: Some("WEST".to_owned()),
            layer: Some(Layer::Authentication),
            ..SecurityViolation::default()
        };
        build::security_violation(&said).stamp("2026-01-02T03:04:05Z".parse().unwrap(), "EAST")
    }

    #[test]
    fn the_journal_learns_the_priority() {
        assert!(
            line(&violation(), true)
                .starts_with("<4>EAST MSExchangeMTA 9297 Warning Security: The user")
        );
        assert!(line(&violation(), false).starts_with("2026-01-02T03:04:05Z EAST MSExchangeMTA"));
    }

    #[test]
    fn a_line_stays_one_line() {
        let mut event = violation();
        event.text.push_str("\n<0>forged");
        let line = line(&event, true);
        assert!(!line.contains('\n') && !line.contains('\r'));
        assert!(line.contains("layer=authentication") && line.contains("reason=\"wrong password"));
    }
}
