//! The sending side against written replies and against the receiving side.

use super::*;
use crate::{Dialogue, DialogueConfig, Outcome, Request, Submission, Verdict};
use proptest::prelude::*;
use std::sync::Arc;

fn request(recipients: &[&str], content: &[u8]) -> SendRequest {
    SendRequest {
        reverse_path: "a@b".to_owned(),
        recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
        content: content.to_vec(),
    }
}

/// Joins both sides and carries octets in pieces of `piece` until neither has any more.
fn pair(request: SendRequest, piece: usize) -> (SendResult, Vec<Submission>) {
    let config = DialogueConfig { max_message_size: 100_000, ..DialogueConfig::new("mx.example") };
    let mut server = Dialogue::new(Arc::new(config), "127.0.0.1".parse().unwrap());
    let mut client = SendDialogue::new("c.example", request);
    let mut submissions = Vec::new();
    server.greeting();
    loop {
        let mut quiet = true;
        while let Some(octets) = server.poll_transmit() {
            quiet = false;
            octets.chunks(piece).for_each(|part| client.handle_bytes(part));
        }
        while let Some(octets) = client.poll_transmit() {
            quiet = false;
            octets.chunks(piece).for_each(|part| server.handle_bytes(part));
        }
        while let Some(asked) = server.poll_request() {
            quiet = false;
            match asked {
                Request::Recipient(recipient) if recipient.address.starts_with("no") => {
                    server.answer_recipient(Verdict::UnknownMailbox);
                }
                Request::Recipient(_) => server.answer_recipient(Verdict::Accept),
                Request::Message(submission) => {
                    submissions.push(submission);
                    server.answer_message(Outcome::Accepted { id: "1".to_owned() });
                }
            }
        }
        if quiet {
            break;
        }
    }
    assert!(client.is_closed() && server.is_closed());
    (client.result().expect("a result"), submissions)
}

/// Feeds written replies and gives back what the client sent and how it ended.
fn against(replies: &[&str], request: SendRequest) -> (String, SendDialogue) {
    let mut client = SendDialogue::new("c.example", request);
    let mut sent = Vec::new();
    for reply in replies {
        client.handle_bytes(format!("{reply}\r\n").as_bytes());
        while let Some(octets) = client.poll_transmit() {
            sent.extend_from_slice(&octets);
        }
    }
    (String::from_utf8(sent).unwrap(), client)
}

#[test]
fn each_recipient_has_its_own_answer() {
    let (result, submissions) =
        pair(request(&["x@y", "nobody@y", "Postmaster", "bad\r\nRSET"], b".hi\r\n"), 7);
    assert_eq!(result.accepted, ["x@y", "Postmaster"]);
    let refused: Vec<(&str, u16)> =
        result.refused.iter().map(|(r, reply)| (r.as_str(), reply.code)).collect();
    assert_eq!(refused, [("nobody@y", 550), ("bad\r\nRSET", 501)]);
    assert_eq!(result.reply.map(|r| r.to_string()).as_deref(), Some("250 2.0.0 queued as 1"));
    assert_eq!(submissions[0].content, b".hi\r\n");
    assert_eq!(submissions[0].recipients.len(), 2);
}

#[test]
fn no_recipient_left() {
    let (result, submissions) = pair(request(&["nobody@y"], b"hi\r\n"), 1000);
    assert!(result.accepted.is_empty() && submissions.is_empty());
    assert_eq!(result.refused.len(), 1);
    assert_eq!(result.reply.map(|r| r.code), Some(550));
}

#[test]
fn servers_without_extensions() {
    let plain =
        ["220 x", "502 what", "250 x", "250 ok", "250 ok", "354 go", "250 taken", "221 bye"];
    let (sent, client) = against(&plain, request(&["x@y"], b"..\r\nhi"));
    assert_eq!(
        sent,
        "EHLO c.example\r\nHELO c.example\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@y>\r\nDATA\r\n...\r\nhi\r\n.\r\nQUIT\r\n"
    );
    assert!(client.is_closed());
    assert_eq!(client.result().unwrap().accepted, ["x@y"]);

    for (content, code) in [("ü\r\n", 554), ("a\n", 554)] {
        let (sent, client) = against(&plain[..3], request(&["x@y"], content.as_bytes()));
        assert!(sent.ends_with("QUIT\r\n") && !sent.contains("MAIL"), "{sent}");
        assert_eq!(client.result().unwrap().refused[0].1.code, code);
    }
    let (_, client) = against(&plain[..4], request(&["ü@y"], b""));
    assert_eq!(client.result().unwrap().refused[0].1.code, 553);
    let (_, client) = against(&["220 x", "250-x\r\n250 SIZE 3"], request(&["x@y"], b"1234"));
    assert_eq!(client.result().unwrap().refused[0].1.code, 552);
}

#[test]
fn parameters_are_used_when_offered() {
    let hello = "250-x\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE";
    let (sent, _) =
        against(&["220 x", hello], request(&["ü@y"], "Subject: ü\r\n\r\nü\r\n".as_bytes()));
    assert!(sent.ends_with("MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8 SIZE=19\r\n"), "{sent}");
    let (sent, _) =
        against(&["220 x", hello], request(&["x@y"], "Subject: u\r\n\r\nü\r\n".as_bytes()));
    assert!(sent.ends_with("MAIL FROM:<a@b> BODY=8BITMIME SIZE=18\r\n"), "{sent}");
}

#[test]
fn failures_settle_every_recipient() {
    let recipients = ["x@y", "z@y"];
    for (replies, code, reply) in [
        (vec!["554 go away"], 554, Some(554)),
        (vec!["220 x", "421 later"], 421, Some(421)),
        (vec!["220 x", "250 x", "451 later"], 451, Some(451)),
        (vec!["220 x", "250 x", "250 ok", "250 ok", "250 ok", "452 full"], 452, Some(452)),
        (vec!["220 x", "250 x", "250 ok", "250 ok", "250 ok", "354 go", "554 no"], 554, Some(554)),
        (vec!["220 x", "250 x", "250 ok", "250 ok", "250 ok", "354 go", "250x"], 451, None),
        (vec!["220 x", "250 x", "250 ok", "250 ok"], 451, None),
    ] {
        let (_, mut client) = against(&replies, request(&recipients, b"hi\r\n"));
        client.handle_end();
        let result = client.result().expect("a result");
        assert!(client.is_closed() && result.accepted.is_empty(), "{replies:?}");
        assert!(
            result.refused.iter().all(|(_, r)| r.code == code) && result.refused.len() == 2,
            "{replies:?} {result:?}"
        );
        assert_eq!(result.reply.map(|r| r.code), reply, "{replies:?}");
    }
}

proptest! {
    #[test]
    fn any_content_arrives_as_it_was(
        content in prop::collection::vec(prop_oneof![3 => prop::sample::select(b".\r\n\0a".to_vec()), 1 => any::<u8>()], 0..200),
        piece in 1_usize..64,
    ) {
        let (result, submissions) = pair(request(&["x@y"], &content), piece);
        prop_assert_eq!(result.accepted.len(), 1);
        prop_assert_eq!(&submissions[0].content, &content);
    }

    #[test]
    fn any_lines_arrive_as_they_were(lines in prop::collection::vec("[.aü]{0,5}", 0..20), piece in 1_usize..64) {
        let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let (result, submissions) = pair(request(&["x@y"], content.as_bytes()), piece);
        prop_assert_eq!(result.accepted.len(), 1);
        prop_assert_eq!(&submissions[0].content, content.as_bytes());
    }

    #[test]
    fn garbage_replies_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut client = SendDialogue::new("c", request(&["x@y"], b"hi\r\n"));
        client.handle_bytes(&bytes);
        client.handle_end();
        prop_assert!(client.result().is_some());
    }
}
