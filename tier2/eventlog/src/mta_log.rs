//! The MTA's own text logs (EV0.LOG and its like): a line that names type, severity and place, then the text.
//!
//! The heading reads like `Monitoring Event, severity 8 (DB Server RTSE(7) Proc 310) 2-14-99 3:04:05am`: it holds no
//! number, so these events are known by their wording.

use crate::record::Record;
use crate::text::describe;
use crate::words::time;

/// Between type and severity.
const SEVERITY: &str = ", severity ";

/// True for a text with such headings near its beginning.
pub fn is_mta_log(text: &str) -> bool {
    text.lines().take(50).any(|line| heading(line).is_some())
}

/// Hands on each event.
pub fn read(text: &str, each: &mut impl FnMut(Record)) {
    let mut current: Option<Record> = None;
    for line in text.lines() {
        if let Some(record) = heading(line) {
            current.replace(record).into_iter().for_each(&mut *each);
        } else if let Some(record) = &mut current
            && !line.trim().is_empty()
        {
            describe(record, line.trim());
        }
    }
    current.into_iter().for_each(each);
}

fn heading(line: &str) -> Option<Record> {
    let (kind, rest) = line.split_once(SEVERITY)?;
    let severity: u8 = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let place = rest.split_once('(')?.1;
    let (place, after) = place.rsplit_once(')')?;
    // A kind is a few words; a sentence that has the word severity in it is none.
    if kind.split_whitespace().count() > 6 || !place.contains("Proc") {
        return None;
    }
    let event_type = match severity {
        0..=10 => "information",
        11..=15 => "warning",
        _ => "error",
    };
    Some(Record {
        time: time(after),
        source: Some(event::SOURCE.to_owned()),
        event_type: Some(event_type.to_owned()),
        text: Some(format!("{} [{}]", kind.trim(), place.trim())),
        ..Record::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_begin_events() {
        let text = "Monitoring Event, severity 8 (DB Server RTSE(7) Proc 310) 2-14-99 3:04:05am\nThread pausing due to cache shortage\nResource in shortage DB buffer\n\nInternal Operating System Error, severity 14 (DB Server XFER-IN(17) Proc 205) 2-14-99 3:05:05pm\nObject Data file causing I/O error\n";
        assert!(is_mta_log(text));
        let mut found = Vec::new();
        read(text, &mut |record| found.push(record));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].time.unwrap().to_string(), "1999-02-14T03:04:05Z");
        assert!(found[0].text.as_ref().unwrap().contains("cache shortage Resource in shortage"));
        assert_eq!(found[1].event_type.as_deref(), Some("warning"));
        assert!(!is_mta_log("It is of high severity, severity 3 to us\n"));
    }
}
