//! Files as servers write them, against what was sent.

use super::*;
use crate::cast::MAILBOXES;

const TRACE: &str = "Return-Path: <anna@east.demo.test>\r\nReceived: from x ([127.0.0.1])\r\n\tby east.demo.test with ESMTP id M7;\r\n\tSun, 22 Nov 2026 12:00:00 +0000\r\n";

fn letter(text: &str) -> Arc<[u8]> {
    Arc::from(text.as_bytes())
}

fn file(ledger: &mut Ledger, mailbox: Mailbox, name: &str, text: &str) {
    ledger.handle_file(mailbox, PathBuf::from(name), text.as_bytes());
}

#[test]
fn a_delivery_is_counted_once_and_a_second_one_is_a_duplicate() {
    let mut ledger = Ledger::default();
    let content = letter("Subject: a\r\n\r\n.dot\r\n");
    ledger.enter(&content, Some("M7"), &MAILBOXES[..2]);
    assert_eq!((ledger.sent(), ledger.delivered(), ledger.lost()), (2, 0, 2));
    let whole = format!("{TRACE}Subject: a\r\n\r\n.dot\r\n");
    file(&mut ledger, MAILBOXES[0], "1", &whole);
    assert!(ledger.has_read(Path::new("1")) && !ledger.has_read(Path::new("2")));
    assert_eq!((ledger.delivered(), ledger.lost(), ledger.duplicated()), (1, 1, 0));
    file(&mut ledger, MAILBOXES[0], "2", &whole);
    assert_eq!((ledger.delivered(), ledger.lost(), ledger.duplicated()), (1, 1, 1));
    file(&mut ledger, MAILBOXES[1], "3", "Subject: a\r\n\r\n.dot\r\n");
    assert_eq!((ledger.delivered(), ledger.lost(), ledger.duplicated()), (2, 0, 1));
    assert!(ledger.strays().is_empty());
}

#[test]
fn equal_contents_are_told_apart_by_their_identifier() {
    let mut ledger = Ledger::default();
    let content = letter("Subject: same\r\n\r\nsame\r\n");
    ledger.enter(&content, Some("M1"), &MAILBOXES[..1]);
    ledger.enter(&content, Some("M7"), &MAILBOXES[..1]);
    // M7 twice and M1 never is one lost and one duplicated, not two delivered.
    for name in ["1", "2"] {
        file(&mut ledger, MAILBOXES[0], name, &format!("{TRACE}Subject: same\r\n\r\nsame\r\n"));
    }
    assert_eq!((ledger.delivered(), ledger.lost(), ledger.duplicated()), (1, 1, 1));
}

#[test]
fn equal_contents_without_identifiers_are_counted_together() {
    let mut ledger = Ledger::default();
    let content = letter("same\r\n");
    ledger.enter(&content, None, &MAILBOXES[..1]);
    ledger.enter(&content, None, &MAILBOXES[..1]);
    file(&mut ledger, MAILBOXES[0], "1", "same\r\n");
    file(&mut ledger, MAILBOXES[0], "2", "same\r\n");
    assert_eq!((ledger.delivered(), ledger.duplicated()), (2, 0));
    file(&mut ledger, MAILBOXES[0], "3", "same\r\n");
    assert_eq!((ledger.delivered(), ledger.duplicated()), (2, 1));
}

#[test]
fn an_altered_file_says_where() {
    let mut ledger = Ledger::default();
    ledger.enter(&letter("Subject: other\r\n\r\nx\r\n"), None, &MAILBOXES[..1]);
    ledger.enter(&letter("Subject: a\r\n\r\n.dot\r\n"), None, &MAILBOXES[..1]);
    file(&mut ledger, MAILBOXES[0], "m", &format!("{TRACE}Subject: a\r\n\r\n..dot\r\n"));
    let stray = &ledger.strays()[0];
    assert_eq!(
        stray.difference,
        Some(Difference { offset: 15, sent: Some(b'd'), found: Some(b'.') })
    );
    let told = "m differs from what was sent: at octet 15 it has 2e in place of 64";
    assert_eq!(stray.to_string(), told);
    assert_eq!(ledger.delivered(), 0);
}

#[test]
fn what_stands_in_front_must_be_trace() {
    for front in ["X-Added: 1\r\n", "Received: x\r\nX-Added: 1\r\n", "Received: cut", "\tfold\r\n"]
    {
        let mut ledger = Ledger::default();
        ledger.enter(&letter("Subject: a\r\n\r\nb\r\n"), None, &MAILBOXES[..1]);
        file(&mut ledger, MAILBOXES[0], "m", &format!("{front}Subject: a\r\n\r\nb\r\n"));
        assert_eq!((ledger.delivered(), ledger.strays().len()), (0, 1), "{front:?}");
    }
}

#[test]
fn a_message_that_brings_trace_fields_is_known_whole() {
    let mut ledger = Ledger::default();
    let short = letter("Subject: a\r\n\r\nb\r\n");
    let long = letter("Received: by elsewhere\r\nSubject: a\r\n\r\nb\r\n");
    ledger.enter(&short, None, &MAILBOXES[..1]);
    ledger.enter(&long, None, &MAILBOXES[..1]);
    file(
        &mut ledger,
        MAILBOXES[0],
        "1",
        &format!("{TRACE}{}", "Received: by elsewhere\r\nSubject: a\r\n\r\nb\r\n"),
    );
    file(&mut ledger, MAILBOXES[0], "2", &format!("{TRACE}Subject: a\r\n\r\nb\r\n"));
    assert_eq!((ledger.delivered(), ledger.duplicated()), (2, 0));
}

#[test]
fn another_mailbox_is_no_delivery() {
    let mut ledger = Ledger::default();
    ledger.enter(&letter("a\r\n"), None, &MAILBOXES[..1]);
    file(&mut ledger, MAILBOXES[1], "1", "a\r\n");
    assert_eq!((ledger.delivered(), ledger.lost(), ledger.strays().len()), (0, 1, 1));
    assert_eq!(ledger.strays()[0].to_string(), "1 is nothing that was sent");
}

#[test]
fn reports_are_counted_by_recipient() {
    let mut ledger = Ledger::default();
    ledger.enter(&letter("a\r\n"), None, &MAILBOXES[..3]);
    let report = "Content-Type: multipart/report; report-type=delivery-status\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; e\r\n\r\nAction: failed\r\n\r\nAction: failed (gave up)\r\n--x--\r\n";
    file(&mut ledger, MAILBOXES[0], "1", report);
    assert_eq!((ledger.reported(), ledger.lost(), ledger.strays().len()), (2, 1, 0));
}

#[test]
fn words() {
    assert!(has_word(b"id M7;", "M7") && has_word(b"M7", "M7"));
    assert!(!has_word(b"id M77;", "M7") && !has_word(b"xM7", "M7") && !has_word(b"M7", ""));
}
