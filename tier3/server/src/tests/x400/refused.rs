//! Calls that are refused, and what both sides write down; which connector a call belongs to.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::fixture::{PATIENCE, listener, until};
use super::{Mta, pair};
use crate::rpc_tools::StepResult;
use crate::x400_tools::{Presented, ProbeSettings, Secret, probe};

/// The called side refuses: 48 and 1293 there, 1290 and 289 with the caller; put right, mail flows.
#[tokio::test]
async fn a_wrong_password_is_refused_logged_and_cured() {
    let (mut east, mut west) = pair(&[], &[]).await;
    west.set_secret("remote", "wrong-secret");
    east.submit("anna@west.demo.test", b"waits\r\n").await;
    east.call("WEST");
    let there = west.events_until(1293).await;
    let numbers: Vec<u32> = there.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [48, 1293]);
    assert_eq!(there[0].word("differs"), Some("password"));
    assert_eq!(there[0].word("presented_name"), Some("EAST"));
    assert_eq!(there[0].word("role"), Some("caller"));
    assert_eq!((there[1].number("provider"), there[1].number("reason")), (Some(6), Some(2)));
    let here = east.events_until(301).await;
    let numbers: Vec<u32> = here.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [1290, 289, 301]);
    for event in here.iter().chain(&there) {
        let text = serde_json::to_string(event).unwrap();
        assert!(!text.contains("Secret of") && !text.contains("wrong-secret"), "{text}");
    }
    west.set_secret("remote", "Secret of EAST");
    east.node.wake_peer("WEST");
    west.inbox(1).await;
}

/// The answer of the called side is checked, too: 48 and 1290 with the caller.
#[tokio::test]
async fn a_wrong_password_in_the_answer_is_refused_by_the_caller() {
    let (mut east, _west) = pair(&[], &[]).await;
    east.set_secret("remote", "SECRET OF WEST");
    east.call("WEST");
    let events = east.events_until(289).await;
    let numbers: Vec<u32> = events.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [48, 1290, 289]);
    assert_eq!(events[0].word("differs"), Some("password-case"));
    assert_eq!(events[0].word("role"), Some("called"));
}

#[tokio::test]
async fn a_name_in_another_case_is_unknown_unless_the_connector_says_so() {
    let (east, mut west) = pair(&[("local_name", "\"East\"")], &[]).await;
    east.call("WEST");
    let events = west.events_until(1293).await;
    assert_eq!(events[0].id, 51);
    assert_eq!(events[0].word("differs"), Some("name-case"));
    assert_eq!(events[0].word("expected_name"), Some("EAST"));
    assert_eq!(events[0].word("presentation_address"), Some("/n:0x7f000001"));

    let (east, west) = pair(
        &[("local_name", "\"East\"")],
        &[("name_case", "\"ignore\""), ("local_name", "\"WEST\"")],
    )
    .await;
    east.submit("anna@west.demo.test", b"x\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
}

#[tokio::test]
async fn an_address_that_no_connector_has_is_refused() {
    let (mut east, mut west) = pair(&[], &[("host", "\"192.0.2.1\"")]).await;
    east.call("WEST");
    let there = west.events_until(9202).await;
    let numbers: Vec<u32> = there.iter().map(|event| event.id).collect();
    assert_eq!(numbers, [9301, 9202]);
    assert_eq!(there[0].word("network_address"), Some("0x7f000001"));
    let here = east.events_until(289).await;
    assert_eq!(here[0].id, 1290);
    assert_eq!(here[0].number("provider"), Some(1));
}

#[tokio::test]
async fn nobody_listens_and_a_connector_that_is_never_open() {
    let (mut east, mut west) = pair(&[], &[("schedule", "\"never\"")]).await;
    east.call("WEST");
    let there = west.events_until(1293).await;
    assert_eq!(there[0].id, 37);
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("reason")), (1290, Some(0)));

    let gone = listener().await.1;
    let port = gone.to_string();
    let (mut east, _west) = pair(&[("port", &port)], &[]).await;
    east.call("WEST");
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].code()), (9215, Some(10_061)));
}

/// Busy is no verdict: the caller comes again by itself, and mail flows once the other MTA can tell who calls.
#[tokio::test]
async fn p1_06_a_caller_that_is_told_busy_comes_again() {
    let (mut east, west) = pair(&[("open_interval_s", "1")], &[]).await;
    std::fs::remove_file(west.folder.path().join("secrets/remote")).unwrap();
    east.submit("anna@west.demo.test", b"after a while\r\n").await;
    east.call("WEST");
    let told = east.events_until(1290).await.pop().unwrap();
    assert_eq!(told.number("reason"), Some(0));
    west.set_secret("remote", "Secret of EAST");
    assert!(west.inbox(1).await[0].ends_with(b"after a while\r\n"));
}

#[tokio::test]
async fn a_dialogue_that_the_connector_does_not_have_is_refused() {
    let (mut east, mut west) = pair(&[("dialogue", "\"two-way-alternate\"")], &[]).await;
    east.call("WEST");
    let there = west.events_until(1293).await;
    assert_eq!(there[0].id, 55);
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("reason")), (1290, Some(3)));
}

/// Two connectors of one address are told apart by the selector that is called, and each may say
/// in which mode its MTA calls.
#[tokio::test]
async fn a_call_is_dispatched_by_selector_and_mode() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let port = east_port.to_string();
    let third: &[(&'static str, &str)] = &[
        ("name", "\"NORTH\""),
        ("host", "\"127.0.0.1\""),
        ("port", &port),
        ("domains", "[\"north.demo.test\"]"),
        ("own_t_selector", "\"FORNORTH\""),
    ];
    let for_the_caller: &[(&'static str, &str)] =
        &[("own_t_selector", "\"FOREAST\""), ("incoming_mode", "\"same\""), ("mode", "\"x410\"")];
    let mut west = Mta::start_with("WEST", "EAST", for_west, west_port, for_the_caller, third);
    // The right selector in the right mode.
    let right: &[(&'static str, &str)] = &[("t_selector", "\"FOREAST\""), ("mode", "\"x410\"")];
    let east = Mta::start("EAST", "WEST", for_east, west_port, right);
    east.submit("anna@west.demo.test", b"x\r\n").await;
    east.call("WEST");
    west.inbox(1).await;
    // Another mode: refused by a layer below the MTA bind.
    let mode: &[(&'static str, &str)] = &[("t_selector", "\"FOREAST\""), ("mode", "\"1984\"")];
    let mut other = Mta::start("EAST", "WEST", listener().await, west_port, mode);
    other.call("WEST");
    let there = west.events_until(1293).await.pop().unwrap();
    assert_ne!(there.number("provider"), Some(6), "{there:?}");
    assert_eq!(other.events_until(289).await[0].id, 1290);
    // The selector of another connector: its name and password do not fit.
    let north: &[(&'static str, &str)] = &[("t_selector", "\"FORNORTH\"")];
    let mut other = Mta::start("EAST", "WEST", listener().await, west_port, north);
    other.call("WEST");
    let there = west.events_until(1293).await.pop().unwrap();
    assert_eq!((there.number("provider"), there.number("reason")), (Some(6), Some(2)), "{there:?}");
    assert_eq!(other.events_until(289).await[0].id, 1290);
    // One that nobody has.
    let nobody: &[(&'static str, &str)] = &[("t_selector", "\"NOBODY\"")];
    let mut other = Mta::start("EAST", "WEST", listener().await, west_port, nobody);
    other.call("WEST");
    let there = west.events_until(4293).await.pop().unwrap();
    assert_eq!(there.word("expected"), Some("0x464f5245415354 or 0x464f524e4f525448"));
    let here = other.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("provider")), (1290, Some(1)));
}

/// Two connectors of one address and one transport selector, told apart by the selectors above it.
#[tokio::test]
async fn a_call_is_dispatched_by_session_and_presentation_selector() {
    for (layer, refused_by) in [("s", 2), ("p", 3)] {
        let own: &'static str = if layer == "s" { "own_s_selector" } else { "own_p_selector" };
        let called: &'static str = if layer == "s" { "s_selector" } else { "p_selector" };
        let (for_east, for_west) = (listener().await, listener().await);
        let (east_port, west_port) = (for_east.1, for_west.1);
        let port = east_port.to_string();
        let third: &[(&'static str, &str)] = &[
            ("name", "\"NORTH\""),
            ("host", "\"127.0.0.1\""),
            ("port", &port),
            ("domains", "[\"north.demo.test\"]"),
            (own, "\"NORTH\""),
        ];
        let mut west =
            Mta::start_with("WEST", "EAST", for_west, west_port, &[(own, "\"EAST\"")], third);
        let right: &[(&'static str, &str)] = &[(called, "\"EAST\"")];
        let east = Mta::start("EAST", "WEST", for_east, west_port, right);
        east.submit("anna@west.demo.test", b"x\r\n").await;
        east.call("WEST");
        west.inbox(1).await;
        // The selector of the other connector: name and password do not fit.
        let mut other =
            Mta::start("EAST", "WEST", listener().await, west_port, &[(called, "\"NORTH\"")]);
        other.call("WEST");
        let there = west.events_until(1293).await.pop().unwrap();
        let said = (there.number("provider"), there.number("reason"));
        assert_eq!(said, (Some(6), Some(2)), "{layer}: {there:?}");
        assert_eq!(other.events_until(289).await[0].id, 1290);
        // One that nobody has is refused by its layer.
        let other =
            Mta::start("EAST", "WEST", listener().await, west_port, &[(called, "\"NOBODY\"")]);
        other.call("WEST");
        let there = west.events_until(1293).await.pop().unwrap();
        assert_eq!(there.number("provider"), Some(refused_by), "{layer}: {there:?}");
    }
}

/// On the real clock: the first attempt and two retries, a second apart.
///
/// Claims: 4.
#[tokio::test]
async fn mail_comes_back_when_the_attempts_to_open_a_link_are_used_up() {
    let port = listener().await.1.to_string();
    let more = [("port", port.as_str()), ("open_retries", "2"), ("open_interval_s", "1")];
    let (mut east, _west) = pair(&more, &[]).await;
    let begun = std::time::Instant::now();
    east.submit("bert@west.demo.test", b"nobody there\r\n").await;
    east.call("WEST");
    let report = east.inbox(1).await.remove(0);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    let report = String::from_utf8_lossy(&report);
    // The words may be folded anywhere.
    let words = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the attempts to reach the next server were used up"), "{report}");
    let seen = east.events_until(301).await;
    let timer = seen.last().unwrap();
    assert!(timer.number("seconds").is_some_and(|seconds| seconds <= 1), "{timer:?}");
}

/// The first failure to open an association returned the mail: it waits for the next try, and no
/// report is made.
#[tokio::test]
async fn q152955_the_first_failure_returns_nothing() {
    let gone = listener().await.1.to_string();
    let (mut east, west) = pair(&[("port", &gone), ("open_interval_s", "1")], &[]).await;
    east.submit("anna@west.demo.test", b"waits\r\n").await;
    east.call("WEST");
    for _ in 0..3 {
        east.events_until(301).await;
    }
    let hops = east.node.queue.view(|queue, now| queue.hops(now));
    assert_eq!(hops.iter().map(|hop| hop.messages).sum::<u64>(), 1, "{hops:?}");
    let inbox = east.node.config().mail.maildir.join("anna").join("new");
    assert_eq!(std::fs::read_dir(inbox).map_or(0, Iterator::count), 0, "a report was delivered");
    drop(west);
}

/// Relays with the credentials of the caller, or of the called side, made strong: the octets of the password become those of
/// a bind token.
async fn strengthening_relay(to: u16, callers: bool) -> u16 {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let Ok(mut there) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await
            else {
                continue;
            };
            tokio::spawn(async move {
                let (mut out, mut back) = (vec![0; 65_536], vec![0; 65_536]);
                loop {
                    tokio::select! {
                        read = from.read(&mut out) => match read {
                            Ok(count @ 1..) => {
                                if callers { strengthen(&mut out[..count]) }
                                if there.write_all(&out[..count]).await.is_err() { return }
                            }
                            _ => return,
                        },
                        read = there.read(&mut back) => match read {
                            Ok(count @ 1..) => {
                                if !callers { strengthen(&mut back[..count]) }
                                if from.write_all(&back[..count]).await.is_err() { return }
                            }
                            _ => return,
                        },
                    }
                }
            });
        }
    });
    port
}

/// IA5String of the password, 14 octets, to `StrongCredentials` with a bind token of 12.
fn strengthen(octets: &mut [u8]) {
    let simple = b"\x16\x0eSecret of ";
    if let Some(at) = octets.windows(simple.len()).position(|window| window == simple) {
        octets[at..at + 4].copy_from_slice(&[0xa0, 14, 0x80, 12]);
    }
}

fn settings(port: u16, name: &str) -> ProbeSettings {
    ProbeSettings {
        host: "127.0.0.1".to_owned(),
        hosts: std::collections::BTreeMap::new(),
        port,
        presented: Presented {
            name: name.to_owned(),
            password: Some(Secret::new(format!("Secret of {name}"))),
        },
        transport: Vec::new(),
        session: Vec::new(),
        presentation: Vec::new(),
        tls: None,
        patience: PATIENCE,
    }
}

/// Strong credentials cannot be checked: authentication error, and what was presented stands in the events of both sides.
#[tokio::test]
async fn strong_credentials_are_refused_with_what_was_presented() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let through = strengthening_relay(west_port, true).await;
    let mut east = Mta::start("EAST", "WEST", for_east, through, &[]);
    let mut west = Mta::start("WEST", "EAST", for_west, east_port, &[]);
    east.call("WEST");
    let there = west.events_until(1293).await;
    assert_eq!(there.iter().map(|event| event.id).collect::<Vec<_>>(), [48, 1293]);
    assert_eq!(there[0].word("differs"), Some("strong-authentication"));
    assert_eq!((there[1].number("provider"), there[1].number("reason")), (Some(6), Some(2)));
    let detail = there[1].word("detail").unwrap();
    assert!(detail.contains("strong credentials: bind token of 14 octets"), "{detail}");
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("reason")), (1290, Some(2)));
    // An answer of that kind: its caller refuses it, and who only looks is told what it is.
    let through = strengthening_relay(west_port, false).await;
    let mut east = Mta::start("EAST", "WEST", listener().await, through, &[]);
    east.call("WEST");
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].word("role")), (48, Some("called")));
    assert_eq!(here[0].word("differs"), Some("strong-authentication"));
    let detail = here[1].word("detail").unwrap();
    assert!(detail.contains("strong credentials: bind token of 14 octets"), "{detail}");
    let step = probe(&settings(through, "EAST")).await.swap_remove(2);
    let told = "the MTA WEST, which presents strong credentials: bind token of 14 octets; ";
    assert!(step.text.starts_with(told), "{step:?}");
    assert_eq!(step.result, StepResult::Ok);
}

/// Two connectors of one address: the terms of RTSE are those of whom the bind proves.
#[tokio::test]
async fn the_terms_are_those_of_the_connector_that_the_bind_proves() {
    let third: &[(&'static str, &str)] = &[
        ("name", "\"NORTH\""),
        ("host", "\"127.0.0.1\""),
        ("domains", "[\"north.demo.test\"]"),
        ("remote_password_file", "\"secrets/north\""),
        ("checkpoint_kib", "20"),
        ("window", "2"),
    ];
    let for_west = listener().await;
    let port = for_west.1;
    let own: &[(&'static str, &str)] = &[("checkpoint_kib", "10"), ("window", "1")];
    let west = Mta::start_with("WEST", "EAST", for_west, listener().await.1, own, third);
    west.set_secret("north", "Secret of NORTH");
    let told =
        |name: &'static str| async move { probe(&settings(port, name)).await.swap_remove(2) };
    assert_eq!(told("EAST").await.text, "the MTA WEST; checkpoints of 10 KiB, window 1");
    assert_eq!(told("NORTH").await.text, "the MTA WEST; checkpoints of 20 KiB, window 2");
}

/// A password that one side has wrong stops mail between the two in both directions, and no other: it stands in the queues for
/// the other MTA, can be looked at, and flows once the password is right.
///
/// Claims: 2, 3.
#[tokio::test]
async fn a_refused_bind_stops_mail_both_ways_between_those_two_alone() {
    let (for_east, for_west, for_north) = (listener().await, listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let north_port = for_north.1.to_string();
    let third: &[(&'static str, &str)] = &[
        ("name", "\"NORTH\""),
        ("host", "\"127.0.0.1\""),
        ("port", &north_port),
        ("domains", "[\"north.demo.test\"]"),
        ("local_password_file", "\"secrets/local\""),
    ];
    let mut east = Mta::start_with("EAST", "WEST", for_east, west_port, &[], third);
    let mut west = Mta::start("WEST", "EAST", for_west, east_port, &[]);
    let north = Mta::start(
        "NORTH",
        "EAST",
        for_north,
        east_port,
        &[("remote_password_file", "\"secrets/remote\"")],
    );
    west.set_secret("remote", "another secret");
    east.submit("anna@west.demo.test", b"to west\r\n").await;
    west.submit("anna@east.demo.test", b"to east\r\n").await;
    for (mta, peer) in [(&east, "WEST"), (&west, "EAST")] {
        mta.call(peer);
    }
    east.events_until(301).await;
    west.events_until(301).await;
    // Beside it EAST and NORTH exchange mail.
    east.submit("anna@north.demo.test", b"to north\r\n").await;
    east.call("NORTH");
    assert!(north.inbox(1).await[0].ends_with(b"to north\r\n"));
    let waiting = |mta: &Mta| {
        let filter = queue::MessageFilter::default();
        let messages = mta.node.queue.messages(&filter).unwrap();
        let told = messages.into_iter().flat_map(|message| {
            let size = message.size;
            message.recipients.into_iter().map(move |one| (one.address, one.next_hop, size))
        });
        told.collect::<Vec<_>>()
    };
    let size = |body: &[u8]| u64::try_from(b"Subject: across\r\n\r\n".len() + body.len()).unwrap();
    let peer = |name: &str| queue::NextHop::Peer(name.to_owned());
    let west_waits = ("anna@west.demo.test".to_owned(), peer("WEST"), size(b"to west\r\n"));
    // What NORTH has is out of EAST's queue a moment after it is in the mailbox.
    until(|| (waiting(&east) == [west_waits.clone()]).then_some(())).await;
    let east_waits = ("anna@east.demo.test".to_owned(), peer("EAST"), size(b"to east\r\n"));
    assert_eq!(waiting(&west), [east_waits]);
    // Put right, it flows both ways.
    west.set_secret("remote", "Secret of EAST");
    east.node.wake_peer("WEST");
    west.node.wake_peer("EAST");
    assert!(west.inbox(1).await[0].ends_with(b"to west\r\n"));
    assert!(east.inbox(1).await[0].ends_with(b"to east\r\n"));
}
