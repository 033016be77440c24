//! Notifications, read back as a mail program reads them.

use super::*;

const MAIL: &[u8] =
    b"From: Jo <jo@east.test>\r\nMessage-ID: <1@east.test>\r\nSubject: hello\r\n\r\nbody\r\n";

fn failed(address: &str) -> DsnRecipient {
    DsnRecipient {
        address: address.into(),
        orcpt: Some("rfc822;Jo+2BX@west.test".into()),
        action: Action::Failed {
            reason: ReasonCode::TRANSFER_FAILURE,
            diagnostic: Some(DiagnosticCode::MAXIMUM_TIME_EXPIRED),
        },
        supplementary: None,
        last_error: Some(LastError::Text(
            "west.demo.test refused the bind: access denied (5)\r\nBcc: evil@x".into(),
        )),
        remote_mta: Some("west.demo.test".into()),
        last_attempt: Some("2026-11-24T06:47:00Z".parse().unwrap()),
    }
}

fn dsn(recipients: &[DsnRecipient]) -> Dsn<'_> {
    Dsn {
        report_id: "c=US;a= ;p=ORG;l=R-1",
        subject_id: "c=US;a= ;p=ORG;l=EAST-1",
        reporting_mta: "east.demo.test",
        x400_mta: None,
        postmaster: "postmaster@east.test",
        reverse_path: "jo@east.test",
        envid: Some("E+2B1"),
        smtputf8: false,
        arrival: Some("2026-11-22T06:47:00Z".parse().unwrap()),
        date: "2026-11-24T06:48:00Z".parse().unwrap(),
        recipients,
        original: Some(OriginalMessage::Header(MAIL)),
    }
}

/// A mail taken apart: header, then each part with its type.
fn parsed(message: &DsnMessage) -> (String, Vec<(String, String)>) {
    let text = String::from_utf8(message.octets.clone()).unwrap();
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "only CRLF ends lines");
    assert!(text.split("\r\n").all(|line| line.len() <= 998));
    let (header, body) = text.split_once("\r\n\r\n").unwrap();
    let boundary = header.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let body = body.strip_suffix(&format!("--{boundary}--\r\n")).unwrap();
    let delimiter = format!("--{boundary}\r\n");
    let parts = body.split(&delimiter).skip(1).map(|part| {
        let (header, content) = part.split_once("\r\n\r\n").unwrap();
        let kind = header_value(header.as_bytes(), "Content-Type").unwrap();
        (kind, content.strip_suffix("\r\n").unwrap().to_owned())
    });
    (header.to_owned(), parts.collect())
}

#[test]
fn a_non_delivery() {
    let recipients = [failed("jo@west.test")];
    let message = build_dsn(&dsn(&recipients)).unwrap();
    assert!(!message.smtputf8 && !message.eight_bit);
    assert_eq!(message, build_dsn(&dsn(&recipients)).unwrap());
    let (header, parts) = parsed(&message);
    let field = |name| header_value(header.as_bytes(), name).unwrap();
    assert_eq!(field("From"), "Mail delivery <postmaster@east.test>");
    assert_eq!(field("To"), "<jo@east.test>");
    assert_eq!(field("Auto-Submitted"), "auto-replied");
    assert_eq!(field("Date"), "Tue, 24 Nov 2026 06:48:00 +0000");
    assert_eq!(field("In-Reply-To"), "<1@east.test>");
    assert!(field("Message-ID").ends_with("@east.demo.test>"));
    assert!(field("Content-Type").starts_with("multipart/report; report-type=delivery-status;"));
    let kinds: Vec<&str> = parts.iter().map(|part| part.0.as_str()).collect();
    assert_eq!(
        kinds,
        ["text/plain; charset=us-ascii", "message/delivery-status", "text/rfc822-headers"]
    );
    let words = parts[0].1.replace("\r\n    ", " ");
    for text in [
        "<jo@west.test>",
        "Reason: transfer-failure (0): the message could not be transferred.",
        "maximum-time-expired (5): the message could not be delivered within its time.",
        "Last error: west.demo.test refused the bind: access denied (5) Bcc: evil@x",
    ] {
        assert!(words.contains(text), "{text} in {words}");
    }
    assert!(parts[2].1.ends_with("Subject: hello\r\n"));
}

#[test]
fn the_status_fields() {
    let recipients = [failed("jo@west.test")];
    let (_, parts) = parsed(&build_dsn(&dsn(&recipients)).unwrap());
    let (message, recipient) = parts[1].1.split_once("\r\n\r\n").unwrap();
    let value = |block: &str, name: &str| header_value(block.as_bytes(), name);
    assert_eq!(value(message, "Reporting-MTA").unwrap(), "dns; east.demo.test");
    assert_eq!(value(message, "DSN-Gateway"), None);
    let foreign = Dsn { x400_mta: Some("WEST"), ..dsn(&recipients) };
    let (_, foreign) = parsed(&build_dsn(&foreign).unwrap());
    assert_eq!(value(&foreign[1].1, "Reporting-MTA").unwrap(), "x400; WEST");
    assert_eq!(value(&foreign[1].1, "DSN-Gateway").unwrap(), "dns; east.demo.test");
    assert_eq!(value(message, "Original-Envelope-Id").unwrap(), "E+1");
    let expected = [
        ("Original-Recipient", "rfc822; Jo+X@west.test"),
        ("Final-Recipient", "rfc822; jo@west.test"),
        ("Action", "failed"),
        ("Status", "4.4.7"),
        ("Remote-MTA", "dns; west.demo.test"),
        (
            "Diagnostic-Code",
            "X400; reason transfer-failure (0), diagnostic maximum-time-expired (5)",
        ),
        ("Last-Attempt-Date", "Tue, 24 Nov 2026 06:47:00 +0000"),
    ];
    for (name, text) in expected {
        assert_eq!(value(recipient, name).unwrap(), text, "{name}");
    }
    assert_eq!(value(recipient, "Bcc"), None);
    let mut smtp = failed("jo@west.test");
    smtp.last_error = Some(LastError::Smtp("550 5.1.1 no such user".into()));
    let (_, parts) = parsed(&build_dsn(&dsn(&[smtp])).unwrap());
    assert_eq!(parts[1].1.matches("Diagnostic-Code").count(), 1);
    assert!(parts[1].1.contains("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
}

#[test]
fn several_recipients_and_actions() {
    let mut recipients = [failed("a@x"), failed("b@x"), failed("c@x")];
    recipients[1].action = Action::Delivered;
    recipients[2].action =
        Action::Delayed { retried_until: Some("2026-11-29T00:00:00Z".parse().unwrap()) };
    let (header, parts) = parsed(&build_dsn(&dsn(&recipients)).unwrap());
    assert_eq!(header_value(header.as_bytes(), "Subject").unwrap(), "Undelivered mail");
    let blocks: Vec<&str> = parts[1].1.trim_end().split("\r\n\r\n").skip(1).collect();
    let actions: Vec<String> =
        blocks.iter().map(|block| header_value(block.as_bytes(), "Action").unwrap()).collect();
    assert_eq!(actions, ["failed", "delivered", "delayed"]);
    assert!(blocks[1].contains("Status: 2.0.0"));
    assert!(blocks[2].contains("Will-Retry-Until: Sun, 29 Nov 2026"));
}

#[test]
fn internationalized_addresses() {
    let recipients = [failed("j\u{f6}rg@b\u{fc}cher.test")];
    let ascii = build_dsn(&dsn(&recipients)).unwrap();
    assert!(!ascii.smtputf8 && ascii.eight_bit);
    let (_, parts) = parsed(&ascii);
    assert_eq!(parts[1].0, "message/delivery-status");
    assert!(parts[1].1.contains("Final-Recipient: utf-8; j\\x{F6}rg@b\\x{FC}cher.test\r\n"));
    let mail = "Subject: gr\u{fc}n\r\n\r\nx\r\n".as_bytes();
    let global = Dsn {
        smtputf8: true,
        reverse_path: "h\u{f6}@east.test",
        original: Some(OriginalMessage::Full(mail)),
        ..dsn(&recipients)
    };
    let global = build_dsn(&global).unwrap();
    assert!(global.smtputf8);
    let (header, parts) = parsed(&global);
    assert_eq!(header_value(header.as_bytes(), "To").unwrap(), "<h\u{f6}@east.test>");
    assert_eq!(parts[0].0, "text/plain; charset=utf-8");
    assert_eq!(parts[1].0, "message/global-delivery-status");
    assert!(parts[1].1.contains("Final-Recipient: utf-8; j\u{f6}rg@b\u{fc}cher.test\r\n"));
    assert_eq!(parts[2].0, "message/global");
    assert_eq!(parts[2].1.as_bytes(), mail);
}

#[test]
fn what_goes_back() {
    let recipients = [failed("a@x")];
    let kind = |original: Option<OriginalMessage<'_>>| {
        let message = build_dsn(&Dsn { original, ..dsn(&recipients) }).unwrap();
        parsed(&message).1.get(2).map(|part| part.0.clone())
    };
    assert_eq!(kind(None), None);
    assert_eq!(kind(Some(OriginalMessage::Full(MAIL))).unwrap(), "message/rfc822");
    let binary = [MAIL, b"\0\r\n"].concat();
    let bare = [MAIL, b"a\nb\r\n"].concat();
    let long = [MAIL, &b"x".repeat(2000), b"\r\n"].concat();
    let large = [MAIL, &b"0123456789\r\n".repeat(100_000)].concat();
    for mail in [binary, bare, long, large] {
        let original = Some(OriginalMessage::Full(&mail));
        assert_eq!(kind(original).unwrap(), "text/rfc822-headers");
    }
    let (_, first) = parsed(&build_dsn(&dsn(&recipients)).unwrap());
    let own = build_dsn(&dsn(&recipients)).unwrap().octets;
    let nested = [MAIL, &own].concat();
    let again = Dsn { original: Some(OriginalMessage::Full(&nested)), ..dsn(&recipients) };
    let (_, parts) = parsed(&build_dsn(&again).unwrap());
    assert_eq!(parts.len(), first.len(), "the boundary is not one of the mail inside");
}

#[test]
fn refusals() {
    let recipients = [failed("a@x")];
    let null = build_dsn(&Dsn { reverse_path: "", ..dsn(&recipients) });
    assert_eq!(null, Err(MixerError::NullReversePath));
    assert_eq!(build_dsn(&dsn(&[])), Err(MixerError::NoRecipient));
    let evil = build_dsn(&Dsn { reverse_path: "a@x\r\nBcc: b@x", ..dsn(&recipients) });
    assert!(matches!(evil, Err(MixerError::NotForSmtp(_))));
}
