//! Lines that break, stall or are slow.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::fixture::{listener, until};
use super::Mta;

/// A relay that can be cut after so many octets; it counts those that passed towards the server.
async fn relay(to: u16, cut_after: usize, passed: Arc<AtomicUsize>) -> u16 {
    relay_counting(to, (cut_after, true), passed).await
}

/// The same for octets that pass from the server.
async fn relay_back(to: u16, cut_after: usize, passed: Arc<AtomicUsize>) -> u16 {
    relay_counting(to, (cut_after, false), passed).await
}

async fn relay_counting(to: u16, cut: (usize, bool), passed: Arc<AtomicUsize>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (listener, port) = listener().await;
    let (cut_after, towards) = cut;
    tokio::spawn(async move {
        let mut cut_after = Some(cut_after);
        while let Ok((mut from, _)) = listener.accept().await {
            let Ok(mut there) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await
            else {
                continue;
            };
            let mut left = cut_after.take().unwrap_or(usize::MAX);
            let mut may_pass = |count: usize| {
                passed.fetch_add(count, Ordering::Relaxed);
                left = left.saturating_sub(count);
                left > 0
            };
            let (mut out, mut back) = (vec![0; 4096], vec![0; 4096]);
            loop {
                tokio::select! {
                    read = from.read(&mut out) => match read {
                        Ok(count) if count > 0 && (!towards || may_pass(count)) => {
                            if there.write_all(&out[..count]).await.is_err() { break }
                        }
                        _ => break,
                    },
                    read = there.read(&mut back) => match read {
                        Ok(count) if count > 0 && (towards || may_pass(count)) => {
                            if from.write_all(&back[..count]).await.is_err() { break }
                        }
                        _ => break,
                    },
                }
            }
        }
    });
    port
}

/// Two-way alternate: what the called side was sending when the connection broke goes on, too, once the
/// caller has opened another association.
#[tokio::test]
async fn a_cut_transfer_of_the_called_side_goes_on() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let passed = Arc::new(AtomicUsize::new(0));
    let through = relay_back(west_port, 400_000, Arc::clone(&passed)).await;
    let two_way = ("dialogue", "\"two-way-alternate\"");
    let more: &[(&'static str, &str)] = &[two_way, ("checkpoint_kib", "30"), ("window", "3")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, more);
    let body = vec![b'z'; 1_000_000];
    west.submit("anna@east.demo.test", &body).await;
    // Only EAST calls.
    east.call("WEST");
    let mails = east.inbox(1).await;
    assert!(mails[0].ends_with(&body));
    until(|| west.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    let passed = passed.load(Ordering::Relaxed);
    assert!((1_000_000..1_250_000).contains(&passed), "{passed} octets");
    assert_eq!(east.inbox(1).await.len(), 1);
}

/// A large transfer is cut in the middle: it goes on from its last checkpoint on a new connection.
#[tokio::test]
async fn a_cut_transfer_goes_on_from_its_last_checkpoint() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let passed = Arc::new(AtomicUsize::new(0));
    let through = relay(west_port, 400_000, Arc::clone(&passed)).await;
    let more: &[(&'static str, &str)] = &[("checkpoint_kib", "30"), ("window", "3")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, more);
    let body = vec![b'z'; 1_000_000];
    east.submit("anna@west.demo.test", &body).await;
    east.call("WEST");
    let mails = west.inbox(1).await;
    assert!(mails[0].ends_with(&body));
    until(|| east.node.queue.view(|queue, _| queue.is_empty()).then_some(())).await;
    // What came before the cut was not sent again, but for what no checkpoint had confirmed.
    let passed = passed.load(Ordering::Relaxed);
    assert!((1_000_000..1_250_000).contains(&passed), "{passed} octets");
    // One association broke and one went on; the second carried the message.
    let rows: Vec<_> = west.node.x400_table().rows().cloned().collect();
    assert_eq!(rows.iter().map(|row| row.messages).sum::<u64>(), 1, "{rows:?}");
    assert_eq!(west.inbox(1).await.len(), 1);
    let attempts: Vec<_> = east.node.x400_table().rows().cloned().collect();
    assert_eq!(attempts.len(), 1, "the row of the broken one is used again: {attempts:?}");
}

/// A large message of ordinary priority is under way on the only association: urgent mail gets one
/// of its own, and is there first.
#[tokio::test]
async fn urgent_mail_has_an_association_of_its_own() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let through = slow_relay(west_port).await;
    let more: &[(&'static str, &str)] = &[("max_associations", "2"), ("threshold", "1")];
    let east = Mta::start("EAST", "WEST", for_east, through, more);
    let west = Mta::start("WEST", "EAST", for_west, east_port, &[]);
    // About ten seconds on the relay.
    east.submit("anna@west.demo.test", &vec![b'z'; 2_000_000]).await;
    east.call("WEST");
    until(|| {
        let rows: Vec<_> = east.node.x400_table().rows().cloned().collect();
        rows.iter().any(|row| row.state == mta::State::Open).then_some(())
    })
    .await;
    east.submit_with("Priority: urgent\r\n", "anna@west.demo.test", b"quick\r\n").await;
    let mails = west.inbox(1).await;
    assert!(mails[0].ends_with(b"quick\r\n"), "the large one was first");
    assert_eq!(west.inbox(2).await.len(), 2);
}

/// A relay that passes 200,000 octets a second on each connection.
async fn slow_relay(to: u16) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let Ok(there) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else {
                continue;
            };
            let ((mut client_in, mut client_out), (mut server_in, mut server_out)) =
                (from.into_split(), there.into_split());
            tokio::spawn(async move {
                let mut buffer = vec![0; 4_000];
                while let Ok(count @ 1..) = client_in.read(&mut buffer).await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if server_out.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
            tokio::spawn(async move {
                // The ways back are short.
                let _ = tokio::io::copy(&mut server_in, &mut client_out).await;
            });
        }
    });
    port
}

/// One connector whose MTA takes the call and says nothing held up the mail of all others.
#[tokio::test]
async fn q169691_a_silent_mta_stalls_no_other() {
    let (silent, silent_port) = listener().await;
    // Calls are taken by the system, and nobody reads them.
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let port = silent_port.to_string();
    let third: &[(&'static str, &str)] = &[
        ("name", "\"SILENT\""),
        ("host", "\"127.0.0.1\""),
        ("port", &port),
        ("domains", "[\"silent.demo.test\"]"),
    ];
    let east = Mta::start_with("EAST", "WEST", for_east, west_port, &[], third);
    let west = Mta::start("WEST", "EAST", for_west, east_port, &[]);
    for body in [&b"one\r\n"[..], b"two\r\n"] {
        east.submit("anna@silent.demo.test", body).await;
    }
    east.call("SILENT");
    until(|| {
        let mut rows = east.node.x400_table().rows().cloned().collect::<Vec<_>>().into_iter();
        rows.any(|row| row.peer == "SILENT").then_some(())
    })
    .await;
    east.submit("anna@west.demo.test", b"passes\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
    let hops = east.node.queue.view(|queue, now| queue.hops(now));
    let waits = hops.iter().filter(|hop| hop.messages > 0).map(|hop| &hop.next_hop);
    let silent_hop = queue::NextHop::Peer("SILENT".to_owned());
    assert_eq!(waits.collect::<Vec<_>>(), [&silent_hop], "that one still waits");
    drop(silent);
}
