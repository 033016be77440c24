//! Messages of X.400 users for people who read mail: into a mailbox, and out by SMTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::{Config, Connector, ConnectorKind, HostPort, SmtpConnector};
use jiff::Timestamp;
use mixer::{SmtpOriginator, SmtpRecipient};
use routing::{AddressSpace, AddressType, Restrictions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use x400::{ContentType, MessageTransferEnvelope, PerRecipientIndicators, Priority, Probe};

use super::fixture::*;
use crate::{inbound, local_delivery, reporting, settings, smtp_out};

/// A P22 message as an aeronautical system writes it: no mail address in its heading, a subject in teletex.
const P22: &[u8] = &[
    0xa0, b'V', b'1', 0x3d, b'k', 0x24, 0x60, 0x18, b'0', 0x16, b'a', 0x04, 0x13, 0x02, b'X', b'X',
    b'b', 0x06, 0x13, 0x04, b'I', b'C', b'A', b'O', 0xa2, 0x06, 0x13, 0x04, b'E', b'D', b'D', b'D',
    0x13, 0x08, b'2', b'6', b'1', b'1', b'2', b'2', b' ', b'1', 0xa8, 0x15, 0x14, 0x13, b'p', b'l',
    b'a', b'i', b'n', b' ', b't', b'e', b's', b't', b' ', b'o', b'f', b' ', b'G', b'r', 0xc8, b'u',
    b'n', b'0', 0x15, 0xa0, 0x13, b'1', 0x00, 0x16, 0x0f, b'H', b'e', b'l', b'l', b'o', b' ', b'f',
    b'r', b'o', b'm', b' ', b'E', b'D', b'D', b'D',
];

fn envelope(to: &str, content_type: i64) -> MessageTransferEnvelope {
    let recipient = SmtpRecipient { address: to.to_owned(), ..SmtpRecipient::default() };
    let mut envelope = mixer::build_message(&mixer::NewMessage {
        originator: &SmtpOriginator {
            reverse_path: "anna@east.demo.test".to_owned(),
            ..SmtpOriginator::default()
        },
        recipients: &[recipient],
        identifier: "c=XX;a= ;p=OTHER;l=1".parse().unwrap(),
        base: &"/C=XX/ADMD= /PRMD=OTHER/".parse().unwrap(),
        priority: Priority::Normal,
        submitted: Timestamp::now(),
    })
    .unwrap();
    // What an MTA writes that knows nothing of mail.
    envelope.extensions.clear();
    envelope.content_type = ContentType::BuiltIn(content_type);
    let fields = &mut envelope.recipients[0];
    fields.extensions.clear();
    fields.indicators = PerRecipientIndicators {
        responsibility: true,
        mta_report: true,
        originator_report: true,
        ..PerRecipientIndicators::default()
    };
    envelope
}

/// Commands that a server heard, and the content of each mail.
#[derive(Default)]
struct Heard {
    commands: Mutex<Vec<String>>,
    mails: Mutex<Vec<String>>,
}

/// A server of RFC 821, without any extension.
async fn plain_server() -> (Arc<Heard>, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Heard::default());
    let shared = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&shared)));
        }
    });
    (heard, address)
}

async fn answer(stream: TcpStream, heard: Arc<Heard>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 plain.test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        heard.commands.lock().unwrap().push(line.clone());
        let reply = match line.get(..4) {
            Some("DATA") => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                let mut mail = String::new();
                while let Ok(Some(line)) = lines.next_line().await
                    && line != "."
                {
                    mail.push_str(&line);
                    mail.push_str("\r\n");
                }
                heard.mails.lock().unwrap().push(mail);
                "250 taken\r\n"
            }
            Some("QUIT") => "221 bye\r\n",
            _ => "250 plain.test\r\n",
        };
        if write.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A server that delivers and reports, and sends what is for elsewhere to `hub`.
async fn start(hub: SocketAddr) -> Server {
    let mut server = Server::start("EAST", listener().await, &[]).await;
    let mut config = Config::clone(&server.node.config());
    config.connectors = vec![Connector {
        name: "hub".to_owned(),
        kind: ConnectorKind::Smtp(SmtpConnector {
            hosts: vec![HostPort { host: hub.ip().to_string(), port: hub.port() }],
            port: 25,
            helo: "east.demo.test".to_owned(),
            max_associations: 2,
            messages_per_dialogue: 100,
            idle: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
        }),
        address_spaces: vec![AddressSpace::new(AddressType::Smtp, "far.test", 1).unwrap()],
        restrictions: Restrictions::default(),
        open_retries: None,
        schedule: config::Schedule::Always,
    }];
    server.node.replace_config(config).unwrap();
    let node = || Arc::clone(&server.node);
    tokio::spawn(smtp_out::run(node()));
    tokio::spawn(local_delivery::run(node()));
    let timers = node();
    tokio::spawn(async move { timers.queue.run_timers().await });
    let reports = node();
    let (_, none) = tokio::sync::mpsc::unbounded_channel();
    let orders = std::mem::replace(&mut server.orders, none);
    tokio::spawn(reporting::run(reports, orders));
    server
}

/// Mails in the only mailbox, once there are so many.
async fn inbox(server: &Server, count: usize) -> Vec<String> {
    let folder = server.node.config().mail.maildir.join("anna/new");
    let paths = until(|| {
        let files = std::fs::read_dir(&folder).ok()?;
        let paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        (paths.len() >= count).then_some(paths)
    })
    .await;
    paths.iter().map(|path| String::from_utf8(std::fs::read(path).unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn an_interpersonal_message_can_be_read_in_a_mailbox() {
    let (_, nowhere) = plain_server().await;
    let server = start(nowhere).await;
    let apdu = x400::encode_message(&envelope("anna@east.demo.test", 22), P22);
    inbound::take(&server.node, "NORTH", apdu).await.unwrap();
    // The message, and the report that its originator asked for, who is the same person here.
    let mails = inbox(&server, 2).await;
    let mail = mails.iter().find(|mail| mail.contains("X400-Content-Type")).unwrap();
    assert!(mail.starts_with("Return-Path: <anna@east.demo.test>\r\n"), "{mail}");
    assert!(mail.contains("\r\nSubject: =?UTF-8?B?cGxhaW4gdGVzdCBvZiBHcsO8bg==?=\r\n"), "{mail}");
    assert!(mail.ends_with("\r\n\r\nHello from EDDD\r\n"), "{mail}");
}

/// One that is cut short comes back, and is not delivered by half.
#[tokio::test]
async fn a_malformed_message_comes_back() {
    let (_, nowhere) = plain_server().await;
    let server = start(nowhere).await;
    let apdu = x400::encode_message(&envelope("anna@east.demo.test", 22), &P22[..40]);
    inbound::take(&server.node, "NORTH", apdu).await.unwrap();
    let mails = inbox(&server, 1).await;
    assert!(
        mails[0].contains("multipart/report") && mails[0].contains("content-syntax-error"),
        "{}",
        mails[0]
    );
    assert_eq!(mails.len(), 1);
}

/// RFC 3461 5.2.2: a next server that knows no reports sends none, so this one tells that it passed the mail on.
#[tokio::test]
async fn what_goes_on_by_smtp_is_a_mail_and_is_reported_as_passed_on() {
    let (heard, hub) = plain_server().await;
    let server = start(hub).await;
    let apdu = x400::encode_message(&envelope("x@far.test", 22), P22);
    inbound::take(&server.node, "NORTH", apdu).await.unwrap();
    let report = inbox(&server, 1).await.remove(0);
    assert!(report.contains("\r\nAction: relayed\r\n"), "{report}");
    let mails = heard.mails.lock().unwrap().clone();
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].contains("\r\nSubject: =?UTF-8?B?") && mails[0].ends_with("Hello from EDDD\r\n"),
        "{mails:?}"
    );
}

/// A probe asks whether a message would be taken; nobody gets a mail of it.
#[tokio::test]
async fn a_probe_is_answered_and_not_sent() {
    let (heard, hub) = plain_server().await;
    let server = start(hub).await;
    let probe = Probe { envelope: envelope("x@far.test", 22), content_length: Some(100) };
    inbound::take(&server.node, "NORTH", probe.encode()).await.unwrap();
    let report = inbox(&server, 1).await.remove(0);
    assert!(report.contains("\r\nAction: relayed\r\n"), "{report}");
    until(|| server.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    let commands = heard.commands.lock().unwrap().clone();
    assert!(commands.iter().all(|line| !line.starts_with("MAIL")), "{commands:?}");
}

/// A content that no program for mail can show stays with who wrote it.
#[tokio::test]
async fn a_content_that_is_no_mail_comes_back_from_the_way_to_smtp() {
    let (heard, hub) = plain_server().await;
    let server = start(hub).await;
    // EDI
    let apdu = x400::encode_message(&envelope("x@far.test", 35), b"\x30\x00");
    inbound::take(&server.node, "NORTH", apdu).await.unwrap();
    let report = inbox(&server, 1).await.remove(0);
    assert!(report.contains("content-type-not-supported"), "{report}");
    assert!(heard.mails.lock().unwrap().is_empty());
    // The site is known by its settings; a report is from its postmaster.
    assert!(!settings::site(&server.node.config()).mta_name.is_empty());
}
