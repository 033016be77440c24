//! Dialogues as tables: client octets, then the replies.

use super::*;
use crate::{Body, Notify, Outcome, Request, Return, Submission, Verdict};
use proptest::prelude::*;
use std::sync::Arc;

/// A dialogue whose owner knows the domain `here.example`, without `nobody` and with an unsure `later`.
struct Session {
    dialogue: Dialogue,
    submissions: Vec<Submission>,
    transcript: Vec<u8>,
}

impl Session {
    fn new(config: DialogueConfig) -> Self {
        let mut dialogue = Dialogue::new(Arc::new(config), "192.0.2.1".parse().unwrap());
        dialogue.greeting();
        Self { dialogue, submissions: Vec::new(), transcript: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.dialogue.handle_bytes(bytes);
        while let Some(request) = self.dialogue.poll_request() {
            match request {
                Request::Recipient(recipient) => {
                    self.dialogue.answer_recipient(verdict(&recipient.address))
                }
                Request::Message(submission) => {
                    self.submissions.push(submission);
                    let id = format!("M{}", self.submissions.len());
                    self.dialogue.answer_message(Outcome::Accepted { id });
                }
            }
        }
        while let Some(octets) = self.dialogue.poll_transmit() {
            self.transcript.extend_from_slice(&octets);
        }
    }

    fn replies(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.transcript).lines().map(str::to_owned).collect()
    }
}

fn verdict(address: &str) -> Verdict {
    match address {
        "nobody@here.example" => Verdict::UnknownMailbox,
        "later@here.example" => Verdict::TemporaryFailure,
        "postmaster" => Verdict::Accept,
        _ if address.ends_with("@here.example") => Verdict::Accept,
        _ => Verdict::NotLocal,
    }
}

fn config() -> DialogueConfig {
    DialogueConfig {
        max_message_size: 1000,
        max_recipients: 3,
        max_bad_commands: 5,
        ..DialogueConfig::new("mx.example")
    }
}

/// Sends `client` to a fresh dialogue and compares the start of each reply line after greeting.
fn check(client: &str, expected: &[&str]) -> Session {
    let mut session = Session::new(config());
    session.send(client.as_bytes());
    let replies = session.replies();
    let seen: Vec<&str> = replies.iter().skip(1).map(String::as_str).collect();
    let same =
        seen.len() == expected.len() && seen.iter().zip(expected).all(|(s, e)| s.starts_with(e));
    assert!(same, "client {client:?}\nexpected {expected:#?}\nseen {seen:#?}");
    session
}

const OPEN: &str = "HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@here.example>\r\n";

/// `OPEN`, then `client`; the replies to `OPEN` are left out of `expected`.
fn check_open(client: &str, expected: &[&str]) -> Session {
    let all: Vec<&str> =
        ["250 mx", "250 2.1.0", "250 2.1.5"].iter().chain(expected).copied().collect();
    check(&format!("{OPEN}{client}"), &all)
}

#[test]
fn greeting_and_extensions() {
    let session = check(
        "EHLO c\r\n",
        &[
            "250-mx.example",
            "250-PIPELINING",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-CHUNKING",
            "250-BINARYMIME",
            "250-DSN",
            "250-ENHANCEDSTATUSCODES",
            "250-SIZE 1000",
            "250-MT-PRIORITY MIXER",
            "250 HELP",
        ],
    );
    assert_eq!(session.replies()[0], "220 mx.example ESMTP Bindback");
}

#[test]
fn order_of_commands() {
    check("MAIL FROM:<a@b>\r\n", &["503 5.5.1"]);
    check("RCPT TO:<x@here.example>\r\nDATA\r\n", &["503 5.5.1", "503 5.5.1"]);
    check(
        "NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nQUIT\r\n",
        &["250 2.0.0", "250 2.0.0", "252 2.0.0", "214 2.0.0", "221 2.0.0"],
    );
    check("HELO c\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", &["250", "250", "503 5.5.1"]);
    check("HELO c\r\nMAIL FROM:<a@b>\r\nDATA\r\n", &["250", "250", "554 5.5.1"]);
    check("HELO c\r\nMAIL FROM:<a@b> SIZE=1\r\n", &["250", "555 5.5.4"]);
    check_open("RSET\r\nDATA\r\n", &["250 2.0.0", "503 5.5.1"]);
    check_open("HELO d\r\nDATA\r\n", &["250 mx", "503 5.5.1"]);
    let session = check("QUIT\r\nNOOP\r\n", &["221 2.0.0"]);
    assert!(session.dialogue.is_closed());
}

#[test]
fn recipients() {
    check_open("RCPT TO:<nobody@here.example>\r\n", &["550 5.1.1"]);
    check_open("RCPT TO:<x@there.example>\r\n", &["550 5.7.1"]);
    check_open("RCPT TO:<later@here.example>\r\n", &["451 4.3.0"]);
    check_open("RCPT TO:<>\r\n", &["501 5.1.3"]);
    check_open("RCPT TO:<x@here.example\r\n", &["501 5.1.3"]);
    check_open("RCPT TO:<ü@here.example>\r\n", &["553 5.6.7"]);
    let over = "RCPT TO:<y@here.example>\r\n".repeat(3);
    check_open(&over, &["250", "250", "452 4.5.3"]);
    let session = check_open(
        "RCPT TO:<PostMaster>\r\nDATA\r\n.\r\n",
        &["250 2.1.5", "354", "250 2.0.0 queued as M1"],
    );
    assert_eq!(session.submissions[0].recipients[1].address, "postmaster");
}

#[test]
fn parameters() {
    let client = "EHLO c\r\nMAIL FROM:<> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q+20q SIZE=7 MT-PRIORITY=-3\r\n\
        RCPT TO:<ü@here.example> NOTIFY=SUCCESS,DELAY ORCPT=x400;/G+3DAda/\r\nDATA\r\n..ü\r\n.\r\n";
    let mut session = Session::new(config());
    session.send(client.as_bytes());
    let submission = &session.submissions[0];
    assert!(submission.esmtp && submission.parameters.smtputf8);
    assert_eq!(submission.helo, "c");
    assert_eq!(submission.reverse_path, "");
    assert_eq!(submission.parameters.body, Body::EightBit);
    assert_eq!(submission.parameters.ret, Some(Return::Headers));
    assert_eq!(submission.parameters.envid.as_deref(), Some("q+20q"));
    assert_eq!(submission.parameters.size, Some(7));
    assert_eq!(submission.parameters.mt_priority, Some(-3));
    assert_eq!(
        submission.recipients[0].notify,
        Some(Notify::On { success: true, failure: false, delay: true })
    );
    assert_eq!(submission.recipients[0].orcpt.as_deref(), Some("x400;/G+3DAda/"));
    assert_eq!(submission.content, ".ü\r\n".as_bytes());

    let mail = |line: &str, expected: &str| {
        let mut session = Session::new(config());
        session.send(format!("EHLO c\r\nMAIL FROM:<a@b> {line}\r\n").as_bytes());
        let replies = session.replies();
        assert!(replies.last().unwrap().starts_with(expected), "{line}: {replies:?}");
    };
    mail("SIZE=1000", "250 2.1.0");
    mail("SIZE=1001", "552 5.3.4");
    mail("SIZE=99999999999999999999", "552 5.3.4");
    mail("SIZE=x", "501 5.5.4");
    mail("AUTH=<>", "555 5.5.4");
}

#[test]
fn sizes() {
    let fits = format!("DATA\r\n{}\r\n.\r\n", "x".repeat(998));
    let session = check_open(&fits, &["354", "250 2.0.0"]);
    assert_eq!(session.submissions[0].content.len(), 1000);
    let over = format!("DATA\r\n{}\r\n.\r\nNOOP\r\n", "x".repeat(999));
    assert!(check_open(&over, &["354", "552 5.3.4", "250 2.0.0"]).submissions.is_empty());
}

#[test]
fn chunks() {
    // A size too small leaves octets that are no command; one too large waits for more.
    let session = check_open("BDAT 2\r\na\r\nNOOP\r\n", &["250 2.0.0", "500 5.5.2", "250 2.0.0"]);
    assert!(session.submissions.is_empty());
    let session = check_open("BDAT 9 LAST\r\na\r\nQUIT\r", &[]);
    assert!(session.submissions.is_empty());

    let session =
        check_open("BDAT 3\r\na\r\nBDAT 3 LAST\r\n.\r\n", &["250 2.0.0", "250 2.0.0 queued"]);
    assert_eq!(session.submissions.len(), 1);
    assert_eq!(session.submissions[0].content, b"a\r\n.\r\n");
    let session = check_open("BDAT 0 LAST\r\n", &["250 2.0.0 queued"]);
    assert_eq!(session.submissions[0].content, b"");

    check("BDAT 6\r\nNOOP\r\nNOOP\r\n", &["503 5.5.1", "250 2.0.0"]);
    check("HELO c\r\nMAIL FROM:<a@b>\r\nBDAT 6 LAST\r\nQUIT\r\n", &["250", "250", "554 5.5.1"]);
    check_open(
        "BDAT 2\r\nxxDATA\r\nRCPT TO:<y@here.example>\r\nRSET\r\nDATA\r\n",
        &["250", "503", "503", "250", "503"],
    );
    let big =
        format!("BDAT 600\r\n{}BDAT 401 LAST\r\n{}NOOP\r\n", "x".repeat(600), "y".repeat(401));
    assert!(check_open(&big, &["250", "552 5.3.4", "250 2.0.0"]).submissions.is_empty());
    assert!(check_open("BDAT 18446744073709551615\r\nxx", &["552 5.3.4"]).dialogue.is_closed());
    assert!(
        check_open("BDAT 184467440737095516155\r\nNOOP\r\n", &["501 5.5.4"]).dialogue.is_closed()
    );
    check_open("BDAT 3 LAST\r\na\nb", &["554 5.6.0"]);
}

#[test]
fn binary_content_needs_chunks_and_is_not_checked() {
    let mut session = Session::new(config());
    session.send(b"EHLO c\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<x@here.example>\r\nDATA\r\nBDAT 4 LAST\r\n\r\0\n\n");
    let replies = session.replies();
    let tail: Vec<&str> = replies.iter().rev().take(2).map(String::as_str).collect();
    assert!(
        tail[1].starts_with("503 5.5.1") && tail[0].starts_with("250 2.0.0 queued"),
        "{replies:?}"
    );
    assert_eq!(session.submissions[0].content, b"\r\0\n\n");
}

/// The variants of SMTP smuggling: no one may end the data, and the content is refused after the true end.
#[test]
fn smuggling_variants() {
    const VARIANTS: [&str; 12] = [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\n.\r",
        "\r.\n",
        "\n\0.\r\n",
        "\r\n\0.\n",
    ];
    const SMUGGLED: &str =
        "MAIL FROM:<evil@b>\r\nRCPT TO:<y@here.example>\r\nDATA\r\nevil\r\n.\r\n";
    for variant in VARIANTS {
        let client = format!("{OPEN}DATA\r\nhello{variant}{SMUGGLED}NOOP\r\n");
        for cut in 0..=client.len() {
            let mut session = Session::new(config());
            let (head, tail) = client.as_bytes().split_at(cut);
            session.send(head);
            session.send(tail);
            let replies = session.replies();
            let codes: Vec<&str> = replies.iter().map(|r| r.get(..9).unwrap_or(r)).collect();
            assert_eq!(
                codes,
                [
                    "220 mx.ex",
                    "250 mx.ex",
                    "250 2.1.0",
                    "250 2.1.5",
                    "354 end d",
                    "554 5.6.0",
                    "250 2.0.0"
                ],
                "{variant:?} cut at {cut}"
            );
            assert!(session.submissions.is_empty());
        }
    }
    // With a NUL and proper line ends it is plain content.
    let session = check_open("DATA\r\nhello\r\n\0.\r\n.\0\r\n.\r\n", &["354", "250 2.0.0"]);
    assert_eq!(session.submissions[0].content, b"hello\r\n\0.\r\n\0\r\n");
}

#[test]
fn lines() {
    check("NOOP\n", &["500 5.5.2"]);
    check("NO\rOP\r\n", &["500 5.5.2"]);
    check("NOOP \u{fc}\r\n", &["250 2.0.0"]);
    let mut session = Session::new(config());
    session.send(b"NOOP \xff\r\n");
    assert!(session.replies()[1].starts_with("500 5.5.2"));
    check(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(2041)), &["250", "250"]);
    check(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(2042)), &["500 5.5.6", "250"]);
    check(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(9000)), &["500 5.5.6", "250"]);
    assert!(check(&"x".repeat(1 << 21), &["421 4.3.4"]).dialogue.is_closed());
    let session = check(&"FOO\r\n".repeat(9), &["500", "500", "500", "500", "500", "421 4.7.0"]);
    assert!(session.dialogue.is_closed());
}

#[test]
fn waiting_is_bounded_and_ordered() {
    let mut dialogue = Dialogue::new(Arc::new(config()), "192.0.2.1".parse().unwrap());
    dialogue.handle_bytes(OPEN.as_bytes());
    dialogue.handle_bytes(b"NOOP\r\n");
    assert!(!dialogue.wants_input());
    assert!(matches!(dialogue.poll_request(), Some(Request::Recipient(_))));
    assert!(dialogue.poll_request().is_none());
    let sent = String::from_utf8(dialogue.poll_transmit().unwrap()).unwrap();
    assert_eq!(sent.lines().count(), 2, "NOOP waits: {sent}");
    dialogue.answer_recipient(Verdict::Accept);
    let sent = String::from_utf8(dialogue.poll_transmit().unwrap()).unwrap();
    assert!(sent.starts_with("250 2.1.5") && sent.lines().count() == 2);

    dialogue.handle_bytes(b"RCPT TO:<y@here.example>\r\n");
    for _ in 0..70 {
        dialogue.handle_bytes(&[b'x'; 1000]);
    }
    assert!(dialogue.is_closed());
    assert!(dialogue.poll_transmit().unwrap().starts_with(b"421 4.3.2"));
    assert!(dialogue.poll_request().is_none());
    dialogue.answer_recipient(Verdict::Accept);
    assert!(dialogue.poll_transmit().is_none());
}

#[test]
fn outcomes_and_closing() {
    use crate::EnhancedCode;
    for (outcome, expected) in [
        (Outcome::Accepted { id: "7".to_owned() }, "250 2.0.0 queued as 7\r\n"),
        (Outcome::TemporaryFailure { text: "disk\r\nsick".to_owned() }, "451 4.3.0 disk??sick\r\n"),
        (Outcome::InsufficientStorage, "452 4.3.1 insufficient storage, try again later\r\n"),
        (
            Outcome::Refused {
                code: 550,
                enhanced: EnhancedCode::new(5, 4, 6),
                text: "loop".to_owned(),
            },
            "550 5.4.6 loop\r\n",
        ),
        (
            Outcome::Refused {
                code: 250,
                enhanced: EnhancedCode::new(5, 0, 0),
                text: "no".to_owned(),
            },
            "554 5.0.0 no\r\n",
        ),
    ] {
        let mut dialogue = Dialogue::new(Arc::new(config()), "192.0.2.1".parse().unwrap());
        dialogue.handle_bytes(OPEN.as_bytes());
        dialogue.answer_recipient(Verdict::Accept);
        dialogue.handle_bytes(b"DATA\r\n.\r\n");
        while dialogue.poll_transmit().is_some() {}
        assert!(matches!(dialogue.poll_request(), Some(Request::Message(_))));
        dialogue.answer_message(outcome);
        assert_eq!(dialogue.poll_transmit().unwrap(), expected.as_bytes());
        dialogue.shut_down(ClosingReason::TimedOut);
        assert!(
            dialogue.is_closed() && dialogue.poll_transmit().unwrap().starts_with(b"421 4.4.2")
        );
    }
    let mut dialogue = Dialogue::new(Arc::new(config()), "192.0.2.1".parse().unwrap());
    dialogue.refuse();
    assert!(dialogue.is_closed() && dialogue.poll_transmit().unwrap().starts_with(b"554 5.7.1"));
}

const PIPELINED: &str = "EHLO c\r\nMAIL FROM:<a@b> BODY=8BITMIME\r\nRCPT TO:<x@here.example>\r\n\
    RCPT TO:<nobody@here.example>\r\nFOO\r\nDATA\r\n..a\r\n.\r\nMAIL FROM:<c@d>\r\nRCPT TO:<y@here.example>\r\n\
    BDAT 5\r\na\r\n.\rBDAT 3 LAST\r\n\nb\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<z@here.example>\r\nBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n";

#[test]
fn every_cut_of_a_pipeline_gives_the_same() {
    let mut whole = Session::new(config());
    whole.send(PIPELINED.as_bytes());
    assert_eq!(whole.submissions.len(), 2);
    assert_eq!(whole.replies().last().map(|r| r.starts_with("221")), Some(true));
    for cut in 0..=PIPELINED.len() {
        let (head, tail) = PIPELINED.as_bytes().split_at(cut);
        let mut session = Session::new(config());
        session.send(head);
        session.send(tail);
        assert_eq!(session.transcript, whole.transcript, "cut at {cut}");
        assert_eq!(session.submissions, whole.submissions, "cut at {cut}");
    }
    let mut single = Session::new(config());
    PIPELINED.bytes().for_each(|octet| single.send(&[octet]));
    assert_eq!((single.transcript, single.submissions), (whole.transcript, whole.submissions));
}

proptest! {
    #[test]
    fn garbage_gets_replies_only(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
        let mut session = Session::new(config());
        pieces.iter().for_each(|piece| session.send(piece));
        prop_assert!(session.submissions.is_empty());
        prop_assert!(session.replies().iter().all(|line| line.get(..3).is_some_and(|c| c.parse::<u16>().is_ok())));
    }

    #[test]
    fn shuffled_dialogues_do_not_depend_on_the_cut(
        words in prop::collection::vec(prop::sample::select(vec![
            "EHLO c\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<x@here.example>\r\n", "DATA\r\n", "BDAT 3\r\n", "BDAT 7 LAST\r\n",
            ".\r\n", "\r\n", "\n", "\r", ".", "RSET\r\n", "abc", "\0",
        ]), 0..24),
        cut in any::<prop::sample::Index>(),
    ) {
        let client = words.concat();
        let mut whole = Session::new(config());
        whole.send(client.as_bytes());
        let (head, tail) = client.as_bytes().split_at(cut.index(client.len() + 1));
        let mut parts = Session::new(config());
        parts.send(head);
        parts.send(tail);
        prop_assert_eq!(whole.transcript, parts.transcript);
        prop_assert_eq!(whole.submissions, parts.submissions);
    }
}
