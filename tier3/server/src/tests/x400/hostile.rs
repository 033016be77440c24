//! Callers that misbehave, before they have proved who they are and after: others are served, and no accepted mail is lost.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mta::{
    Association, Call, Expected, Output, Presented, Rfc1006, Selectors, Terms, TransferProtocol,
    TransportParameters,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use x400::Secret;

use super::super::fixture::{PATIENCE, listener, until};
use super::{Mta, pair};
use crate::x400_link::Line;

/// A caller that is let in as EAST.
async fn east_at(port: u16) -> Line {
    let association = Association::call(Call {
        protocol: TransferProtocol::MtsTransfer,
        two_way: false,
        recover: None,
        local: Presented { name: "EAST".to_owned(), password: Some(Secret::new("Secret of EAST")) },
        remote: Expected::anything(),
        terms: Terms { checkpoint_kib: 1, window: 3 },
        calling: Selectors::default(),
        called: Selectors::default(),
        reference: "hostile".to_owned(),
        utc_time: "261122120000Z".to_owned(),
    });
    let parameters = TransportParameters {
        tpdu: 65_531,
        calling_selector: Vec::new(),
        called_selector: Vec::new(),
    };
    let machine = Rfc1006::call(&parameters, association).unwrap();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let mut line = Line::new("WEST", machine, stream);
    let opened = line.next_output_within(PATIENCE).await.unwrap();
    assert!(matches!(opened, Output::Opened), "{opened:?}");
    line
}

async fn handed_over(line: &mut Line, apdu: Vec<u8>) -> Output {
    line.association().send(apdu).unwrap();
    line.next_output_within(PATIENCE).await.unwrap()
}

/// A message as EAST hands it over.
fn message(east: &Mta, text: &str) -> Vec<u8> {
    let site = crate::settings::site(&east.node.config());
    let envelope = mixer::build_message(&mixer::NewMessage {
        originator: &mixer::SmtpOriginator {
            reverse_path: "anna@east.demo.test".to_owned(),
            ..mixer::SmtpOriginator::default()
        },
        recipients: &[mixer::SmtpRecipient {
            address: "anna@west.demo.test".to_owned(),
            ..mixer::SmtpRecipient::default()
        }],
        identifier: site.mts_identifier(east.node.queue.next_id()),
        base: &site.base_address(),
        priority: x400::Priority::Normal,
        submitted: jiff::Timestamp::now(),
    });
    x400::encode_message(&envelope.unwrap(), format!("Subject: x\r\n\r\n{text}").as_bytes())
}

/// A bad O/R name in one message ended the association, and with it all mail of that MTA: the message is refused, and the next
/// one on the same association is taken.
#[tokio::test]
async fn q181263_the_association_outlives_what_cannot_be_read() {
    let (east, west) = pair(&[], &[]).await;
    let mut line = east_at(west.node.config().rfc1006.port).await;
    let good = message(&east, "before\r\n");
    // The recipient's name has the tag of something else.
    let name = b"anna(a)west.demo.test";
    let at = good.windows(name.len()).rposition(|window| window == name).unwrap();
    let mut bad = good.clone();
    let tag = bad[..at].iter().rposition(|octet| *octet == 0x60).unwrap();
    bad[tag] = 0x6f;
    assert!(x400::MtsApdu::decode(&bad).is_err());
    for apdu in [bad, vec![5, 0], vec![0xa0, 0x80, 0, 0]] {
        let told = handed_over(&mut line, apdu).await;
        assert!(matches!(told, Output::NotSent(_)), "{told:?}");
    }
    let told = handed_over(&mut line, good.clone()).await;
    assert!(matches!(told, Output::Sent), "{told:?}");
    // The same one again is confirmed and not taken.
    let told = handed_over(&mut line, good).await;
    assert!(matches!(told, Output::Sent), "{told:?}");
    let told = handed_over(&mut line, message(&east, "after\r\n")).await;
    assert!(matches!(told, Output::Sent), "{told:?}");
    assert_eq!(west.inbox(2).await.len(), 2);
    let rows = west.node.x400_table().rows().count();
    assert_eq!(rows, 1, "all of it on one association");
}

/// A caller falls silent in the middle of a transfer: its association is given up, and the message goes on from its last
/// checkpoint on the next one.
#[tokio::test]
async fn a_caller_that_falls_silent_is_given_up_and_goes_on() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let passed = Arc::new(AtomicUsize::new(0));
    let through = stalling_relay(west_port, 400_000, Arc::clone(&passed)).await;
    let more: &[(&'static str, &str)] = &[("checkpoint_kib", "30"), ("window", "3")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let impatient = [more, &[("receive_timeout_s", "1")]].concat();
    let mut west = Mta::start("WEST", "EAST", for_west, east_port, &impatient);
    let body = vec![b'z'; 1_000_000];
    east.submit("anna@west.demo.test", &body).await;
    east.call("WEST");
    let mails = west.inbox(1).await;
    assert!(mails[0].ends_with(&body));
    until(|| east.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    let passed = passed.load(Ordering::Relaxed);
    assert!((1_000_000..1_300_000).contains(&passed), "{passed} octets");
    assert_eq!(west.inbox(1).await.len(), 1);
    let mut why = String::new();
    while let Ok(event) = west.events.try_recv() {
        why.push_str(event.word("detail").unwrap_or_default());
    }
    assert!(why.contains("EAST gave no sign for 1 s"), "{why}");
}

/// Passes so many octets towards the server on its first connection, then none, and leaves it open until the server ends it.
async fn stalling_relay(to: u16, stall_after: usize, passed: Arc<AtomicUsize>) -> u16 {
    let (listener, port) = listener().await;
    let first = Arc::new(AtomicBool::new(true));
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let there = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.unwrap();
            let ((mut in_, mut out), (mut server_in, mut server_out)) =
                (from.into_split(), there.into_split());
            let mut left =
                if first.swap(false, Ordering::Relaxed) { stall_after } else { usize::MAX };
            let passed = Arc::clone(&passed);
            let towards = tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(count @ 1..) = in_.read(&mut buffer).await {
                    left = left.saturating_sub(count);
                    if left == 0 {
                        std::future::pending::<()>().await;
                    }
                    passed.fetch_add(count, Ordering::Relaxed);
                    if server_out.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut server_in, &mut out).await;
                // Both halves go, and with them the connection.
                towards.abort();
            });
        }
    });
    port
}

/// A class 0 connect request (X.224 13.3) in a TPKT.
const CONNECT: [u8; 11] = [3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0];

async fn connected(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(&CONNECT).await.unwrap();
    let mut confirm = [0; 6];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut confirm)).await.unwrap().unwrap();
    assert_eq!(confirm[5], 0xd0, "a connect confirm");
    stream
}

/// Data without an end before anything was proved: the server keeps 64 KiB of it and no more. Connections that say nothing
/// beside it, and an honest caller gets through.
#[tokio::test]
async fn who_has_not_bound_takes_no_memory_and_stops_nobody() {
    let (east, west) = pair(&[], &[]).await;
    let port = west.node.config().rfc1006.port;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(connected(port).await);
    }
    let mut endless = connected(port).await;
    let size = 8192_u16;
    let mut piece = [[3, 0].as_slice(), &size.to_be_bytes(), &[2, 0xf0, 0]].concat();
    piece.resize(usize::from(size), 0x5a);
    let mut sent = 0;
    let ended = async {
        let mut answer = [0; 64];
        loop {
            // The session ABORT, if any, then the end.
            let read = tokio::time::timeout(Duration::from_millis(50), endless.read(&mut answer));
            match read.await {
                Ok(Ok(1..)) => {}
                Ok(_) => return,
                Err(_) if sent < 4_000_000 => {
                    sent += piece.len();
                    if endless.write_all(&piece).await.is_err() {
                        return;
                    }
                }
                Err(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert!(sent < 1_000_000, "{sent} octets were taken");
    east.submit("anna@west.demo.test", b"through\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
    drop(silent);
}
