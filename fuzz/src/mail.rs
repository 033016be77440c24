//! SMTP, both sides, and the gateway to X.400.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use smtp::{
    AllowedNetworks, Dialogue, DialogueConfig, EnhancedCode, MailParameters, Outcome,
    RecipientParameters, Request, SendDialogue, SendRequest, SendSession, Transaction, Verdict,
};
use x400::{MessageTransferEnvelope, MtsApdu, OrAddress, OrName};

use crate::{choice, text};

pub fn dialogue(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let config = Arc::new(DialogueConfig {
        max_message_size: 10_000,
        max_recipients: 5,
        ..DialogueConfig::new("east.demo.test")
    });
    let mut dialogue = Dialogue::new(config, IpAddr::V4(Ipv4Addr::LOCALHOST));
    dialogue.greeting();
    for part in rest.chunks(if first & 1 == 0 { usize::MAX } else { 3 }) {
        dialogue.handle_bytes(part);
        while let Some(request) = dialogue.poll_request() {
            match request {
                Request::Recipient(_) => dialogue.answer_recipient(match first & 6 {
                    0 => Verdict::NotLocal,
                    2 => Verdict::TemporaryFailure,
                    _ => Verdict::Accept,
                }),
                Request::Message(message) => {
                    let _ = smtp::received_header(&message, "east", "1", "now");
                    dialogue.answer_message(Outcome::Accepted { id: "1".to_owned() });
                }
            }
        }
        while let Some(reply) = dialogue.poll_transmit() {
            assert!(reply.ends_with(b"\r\n"));
        }
        if dialogue.is_closed() {
            return;
        }
    }
}

pub fn client(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let request = SendRequest {
        reverse_path: "a@east.test".to_owned(),
        recipients: vec!["b@west.test".to_owned(), "c@west.test".to_owned()],
        content: b"Subject: x\r\n\r\n.dot\r\n".to_vec(),
    };
    let mut dialogue = SendDialogue::new("east.demo.test", request);
    for part in rest.chunks(if first & 1 == 0 { usize::MAX } else { 3 }) {
        dialogue.handle_bytes(part);
        while dialogue.poll_transmit().is_some() {}
    }
    dialogue.handle_end();
    let result = dialogue.result().expect("it is over");
    assert_eq!(result.accepted.len() + result.refused.len(), 2, "each recipient in one list");
}

/// One connection with several transactions, as the connectors use it.
pub fn session(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let recipients = 1 + usize::from(first >> 1) % 3;
    let transaction = Transaction {
        reverse_path: "a@east.test".to_owned(),
        parameters: MailParameters::parse("RET=HDRS ENVID=x").expect("parameters"),
        recipients: (0..recipients)
            .map(|n| (format!("b{n}@west.test"), RecipientParameters::default()))
            .collect(),
        content: Arc::from(&b"Subject: x\r\n\r\n.dot\r\n"[..]),
    };
    let mut session = SendSession::new("east.demo.test");
    let (mut begun, mut settled) = (0, 0);
    for part in rest.chunks(if first & 1 == 0 { usize::MAX } else { 3 }) {
        session.handle_bytes(part);
        while session.poll_transmit().is_some() {}
        while let Some(end) = session.poll_settled() {
            settled += 1;
            assert_eq!(end.replies.len(), recipients, "each recipient has a reply");
        }
        if session.is_ready() && begun < 20 {
            assert_eq!(begun, settled, "one after the other");
            session.begin(transaction.clone());
            begun += 1;
        }
        let _ = session.awaiting();
    }
    session.quit();
    session.handle_end("the connection was lost");
    settled += usize::from(session.poll_settled().is_some());
    assert_eq!(begun, settled, "what was begun ends");
    assert!(session.is_closed());
}

pub fn parameters(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(parameters) = MailParameters::parse(text) {
        let shown = parameters.to_string();
        assert_eq!(MailParameters::parse(&shown).ok(), Some(parameters), "{shown:?}");
    }
    let _ = RecipientParameters::parse(text);
    let _ = smtp::mailbox_parts(text);
    let _ = text.parse::<EnhancedCode>();
    let _ = AllowedNetworks::parse(text.split_whitespace());
}

pub fn message(octets: &[u8]) {
    let _ = mixer::header_value(octets, "subject");
    let _ = mixer::priority_from_header(octets);
    assert!(mixer::header_block(octets).len() <= octets.len());
    match MtsApdu::decode(octets) {
        Ok(MtsApdu::Message(message)) => {
            let _ = mixer::smtp_view(&message.envelope);
            interpersonal(&message.envelope, &message.content);
            interpersonal(&message.envelope, octets);
        }
        Ok(MtsApdu::Report(report)) => {
            let _ = mixer::report_originator(&report);
            let _ = mixer::report_recipients(&report);
        }
        _ => {}
    }
}

/// A mail that came of a content has one header, and the same one each time.
fn interpersonal(envelope: &MessageTransferEnvelope, content: &[u8]) {
    let Ok(mail) = mixer::ipm_to_mail(envelope, content) else { return };
    let header = mixer::header_block(&mail);
    assert_eq!(header.windows(7).filter(|window| window == b"\r\nFrom:").count(), 1);
    assert_eq!(mixer::ipm_to_mail(envelope, content).ok(), Some(mail));
}

pub fn address(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    let printable = mixer::to_printable(text);
    assert_eq!(mixer::from_printable(&printable).as_deref(), Some(text), "{printable:?}");
    let _ = mixer::from_printable(text);
    let base: OrAddress = "C=AA;A= ;P=DEMO".parse().expect("an address");
    let name = mixer::to_or_address(text, &base);
    let _ = mixer::to_rfc822(&name);
    if let Ok(name) = text.parse::<OrName>() {
        let _ = mixer::to_rfc822(&name);
    }
}

/// Any octets become a content that can be read, the same one each time.
pub fn converted(octets: &[u8]) {
    let base: OrAddress = "C=AA;A= ;P=DEMO".parse().expect("an address");
    for edition in [mixer::Edition::Of1984, mixer::Edition::Of1988] {
        let found = mixer::mail_to_ipm(octets, &base, edition);
        assert_eq!(found, mixer::mail_to_ipm(octets, &base, edition));
        let described = x400::describe::describe(&found.content, None, &|offset| offset);
        assert!(described.len() == 1 && described[0].faults.is_empty(), "{described:?}");
    }
}
