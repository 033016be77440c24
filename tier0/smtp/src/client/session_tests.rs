//! A session against written replies: groups, several transactions, and every way to end one.

use std::sync::Arc;

use super::*;
use crate::{MailParameters, Notify, RecipientParameters, Return};

const FULL: &str = "250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250-8BITMIME\r\n250 SIZE 1000";

fn to(recipients: &[&str], content: &[u8]) -> Transaction {
    Transaction {
        reverse_path: "a@b".to_owned(),
        recipients: recipients
            .iter()
            .map(|one| ((*one).to_owned(), RecipientParameters::default()))
            .collect(),
        content: Arc::from(content),
        ..Transaction::default()
    }
}

/// Says replies and gives back what the client sent.
fn say(session: &mut SendSession, replies: &[&str]) -> String {
    for reply in replies {
        session.handle_bytes(format!("{reply}\r\n").as_bytes());
    }
    let mut sent = Vec::new();
    while let Some(octets) = session.poll_transmit() {
        sent.extend(octets);
    }
    String::from_utf8(sent).unwrap()
}

fn open(hello: &str) -> SendSession {
    let mut session = SendSession::new("c");
    assert_eq!(say(&mut session, &["220 x", hello]), "EHLO c\r\n");
    assert!(session.is_ready());
    session
}

fn codes(settled: &Settled) -> Vec<u16> {
    settled.replies.iter().map(|reply| reply.code).collect()
}

#[test]
fn commands_go_in_groups_and_a_connection_carries_many() {
    let mut session = open(FULL);
    for _ in 0..2 {
        session.begin(to(&["x@y", "z@y"], b"hi\r\n"));
        assert_eq!(
            say(&mut session, &[]),
            "MAIL FROM:<a@b> SIZE=4\r\nRCPT TO:<x@y>\r\nRCPT TO:<z@y>\r\nDATA\r\n"
        );
        assert_eq!(say(&mut session, &["250 ok", "550 5.1.1 who", "250 ok"]), "");
        assert_eq!(session.awaiting(), Awaiting::DataStart);
        assert_eq!(say(&mut session, &["354 go"]), "hi\r\n.\r\n");
        assert!(session.poll_settled().is_none());
        say(&mut session, &["250 2.0.0 taken"]);
        let settled = session.poll_settled().unwrap();
        assert_eq!(codes(&settled), [550, 250]);
        assert!(session.is_ready() && !settled.in_doubt && !settled.dsn_lost);
    }
    session.quit();
    assert_eq!(say(&mut session, &[]), "QUIT\r\n");
    say(&mut session, &["221 bye"]);
    assert!(session.is_closed());
}

#[test]
fn a_refused_transaction_is_cleared_before_the_next() {
    let mut session = open(FULL);
    session.begin(to(&["x@y"], b"hi\r\n"));
    // A server that answers DATA with 354 although it took nobody gets nothing.
    let sent = say(&mut session, &["250 ok", "451 4.2.0 later", "354 go"]);
    assert!(sent.ends_with("DATA\r\n.\r\n"), "{sent}");
    say(&mut session, &["554 no recipients"]);
    assert_eq!(codes(&session.poll_settled().unwrap()), [451]);
    session.begin(to(&["z@y"], b"hi\r\n"));
    let sent = say(&mut session, &[]);
    assert!(sent.starts_with("RSET\r\nMAIL FROM"), "{sent}");
    say(&mut session, &["250 reset", "250 ok", "250 ok", "354 go", "250 taken"]);
    assert_eq!(codes(&session.poll_settled().unwrap()), [250]);

    let mut plain = open("250 mx");
    plain.begin(to(&["x@y"], b"hi\r\n"));
    assert_eq!(say(&mut plain, &["550 not you"]), "MAIL FROM:<a@b>\r\n");
    assert_eq!(codes(&plain.poll_settled().unwrap()), [550]);
    plain.begin(to(&["x@y"], b"hi\r\n"));
    assert_eq!(say(&mut plain, &["250 reset"]), "RSET\r\nMAIL FROM:<a@b>\r\n");
}

#[test]
fn a_refused_sender_settles_all_whatever_is_said_of_recipients() {
    let mut session = open(FULL);
    session.begin(to(&["x@y", "z@y"], b"hi\r\n"));
    say(&mut session, &["452 4.3.1 full", "503 no MAIL", "503 no MAIL", "503 no MAIL"]);
    let settled = session.poll_settled().unwrap();
    assert_eq!(codes(&settled), [452, 452]);
    assert!(session.is_ready());
}

#[test]
fn report_requests_go_where_they_are_understood() {
    let mut asked = to(&["x@y"], b"hi\r\n");
    asked.parameters = MailParameters {
        ret: Some(Return::Headers),
        envid: Some("e1".to_owned()),
        ..MailParameters::default()
    };
    asked.recipients[0].1 = RecipientParameters {
        notify: Some(Notify::On { success: true, failure: true, delay: false }),
        orcpt: Some("rfc822;x@y".to_owned()),
    };
    let mut session = open(FULL);
    session.begin(asked.clone());
    assert_eq!(
        say(&mut session, &[]),
        "MAIL FROM:<a@b> RET=HDRS ENVID=e1 SIZE=4\r\nRCPT TO:<x@y> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y\r\nDATA\r\n"
    );
    let mut plain = open("250 mx");
    plain.begin(asked);
    assert_eq!(say(&mut plain, &["250 ok"]), "MAIL FROM:<a@b>\r\nRCPT TO:<x@y>\r\n");
    say(&mut plain, &["250 ok", "354 go", "250 taken"]);
    assert!(plain.poll_settled().unwrap().dsn_lost);
}

#[test]
fn only_a_lost_reply_to_a_whole_content_is_in_doubt() {
    for (replies, doubt) in [
        (vec!["250 ok", "250 ok"], false),
        (vec!["250 ok", "250 ok", "354 go"], true),
        (vec!["250 ok", "550 no", "354 go"], false),
        (vec!["250 ok", "250 ok", "354 go", "421 down"], false),
    ] {
        let mut session = open(FULL);
        session.begin(to(&["x@y"], b"hi\r\n"));
        say(&mut session, &replies);
        session.handle_end("lost");
        let settled = session.poll_settled().unwrap();
        assert_eq!(settled.in_doubt, doubt, "{replies:?}");
        assert!(settled.replies.iter().all(|reply| !reply.is_positive()) && session.is_closed());
    }
}

#[test]
fn what_a_server_says_unasked_ends_the_connection() {
    let mut session = open(FULL);
    say(&mut session, &["250 hello again"]);
    assert!(session.is_closed() && session.poll_settled().is_none());
    let mut refused = SendSession::new("c");
    assert_eq!(say(&mut refused, &["554 go away"]), "QUIT\r\n");
    assert_eq!(refused.refusal().unwrap().code, 554);
}
