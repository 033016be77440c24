//! X.400 over TLS: mail crosses where both sides know each other, and what is logged where not.

use std::path::Path;

use super::x400::{Mta, pair};
use event::Event;

macro_rules! certificate {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tier2/net/src/tests/certificates/", $name))
    };
}

const NAMES: [(&str, &[u8], &[u8]); 4] = [
    ("east", certificate!("east.pem"), certificate!("east.key")),
    ("west", certificate!("west.pem"), certificate!("west.key")),
    ("expired", certificate!("expired.pem"), certificate!("expired.key")),
    ("stranger", certificate!("stranger.pem"), certificate!("stranger.key")),
];

/// Puts certificate, key and authority where the configuration of these tests has them.
fn set_certificate(mta: &Mta, name: &str) {
    let (_, certificate, key) = NAMES.iter().find(|(known, _, _)| *known == name).unwrap();
    let folder = mta.folder.path();
    std::fs::write(folder.join("own.pem"), certificate).unwrap();
    std::fs::write(folder.join("trust.pem"), certificate!("authority.pem")).unwrap();
    write_key(&folder.join("own.key"), key);
}

fn write_key(file: &Path, key: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, key).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

type Keys<'a> = &'a [(&'static str, &'a str)];

const TO_WEST: Keys<'static> = &[("tls", "\"required\""), ("tls_name", "\"mta.west.test\"")];
const TO_EAST: Keys<'static> = &[("tls", "\"required\""), ("tls_name", "\"mta.east.test\"")];

async fn secured(east: &str, west: &str, to_west: Keys<'_>, to_east: Keys<'_>) -> (Mta, Mta) {
    let (one, other) = pair(to_west, to_east).await;
    set_certificate(&one, east);
    set_certificate(&other, west);
    (one, other)
}

#[tokio::test]
async fn mail_crosses_over_tls() {
    let (east, west) = secured("east", "west", TO_WEST, TO_EAST).await;
    let body = vec![b'x'; 300_000];
    east.submit("anna@west.demo.test", &body).await;
    east.call("WEST");
    assert!(west.inbox(1).await[0].ends_with(&body));
    west.submit("anna@east.demo.test", b"back\r\n").await;
    west.call("EAST");
    assert!(east.inbox(1).await[0].ends_with(b"back\r\n"));
}

/// One line of a refusal: cause, who refused, and whose connection it was.
fn told(event: &Event) -> [Option<&str>; 3] {
    assert_eq!(event.id, 20020, "{event:?}");
    ["cause", "refused_by", "role"].map(|name| event.word(name))
}

/// Both sides log who refused whom and why; with a good certificate mail flows, without a restart.
#[tokio::test]
async fn a_bad_certificate_is_refused_logged_on_both_sides_and_cured() {
    for (bad, cause) in [("expired", "expired"), ("stranger", "untrusted")] {
        let (mut east, mut west) = secured(bad, "west", TO_WEST, TO_EAST).await;
        east.submit("anna@west.demo.test", b"waits\r\n").await;
        east.call("WEST");
        let there = west.events_until(20020).await;
        assert_eq!(told(&there[0]), [Some(cause), Some("local"), Some("caller")]);
        assert_eq!(there[0].peer.as_deref(), Some("EAST"));
        let here = east.events_until(289).await;
        assert_eq!(told(&here[0]), [Some(cause), Some("remote"), Some("called")]);
        assert_eq!(here[1].code(), here[0].code());
        let failure = east.node.histories.get("WEST").last_failure_out.unwrap();
        assert_eq!(failure.error.code, here[0].code().unwrap());
        set_certificate(&east, "east");
        east.node.wake_peer("WEST");
        west.inbox(1).await;
    }
}

#[tokio::test]
async fn an_expired_certificate_of_the_called_side_is_refused_by_the_caller() {
    let to_west: Keys<'_> = &[("tls", "\"required\""), ("tls_name", "\"mta.east.test\"")];
    let (mut east, mut west) = secured("east", "expired", to_west, TO_EAST).await;
    east.call("WEST");
    let here = east.events_until(289).await;
    assert_eq!(told(&here[0]), [Some("expired"), Some("local"), Some("called")]);
    let there = west.events_until(20020).await;
    assert_eq!(told(&there[0]), [Some("expired"), Some("remote"), Some("caller")]);
}

/// A certificate that an authority has signed opens the connector of its own name and no other.
#[tokio::test]
async fn a_certificate_of_another_name_opens_no_connector() {
    let (mut east, mut west) = secured("west", "west", TO_WEST, TO_EAST).await;
    east.call("WEST");
    let there = west.events_until(20020).await;
    assert_eq!(told(&there[0]), [Some("wrong-name"), Some("local"), Some("caller")]);
    assert!(there[0].word("detail").unwrap().contains("mta.east.test"));
    let here = east.events_until(289).await;
    assert_eq!((here[0].id, here[0].number("provider")), (1290, Some(1)));

    let other: Keys<'_> = &[("tls", "\"required\""), ("tls_name", "\"mta.other.test\"")];
    let (mut east, _west) = secured("east", "west", other, TO_EAST).await;
    east.call("WEST");
    let here = east.events_until(289).await;
    assert_eq!(told(&here[0]), [Some("wrong-name"), Some("local"), Some("called")]);
}

/// Neither side falls back to a connection without TLS, nor takes one that nobody asked for.
#[tokio::test]
async fn one_side_with_tls_and_one_without_come_to_nothing() {
    let (mut east, mut west) = secured("east", "west", &[], TO_EAST).await;
    east.call("WEST");
    let there = west.events_until(20020).await;
    assert_eq!(told(&there[0]), [Some("required"), Some("local"), Some("caller")]);
    assert_eq!(east.events_until(289).await[0].id, 1290);

    let (mut east, mut west) = secured("east", "west", TO_WEST, &[]).await;
    east.call("WEST");
    let there = west.events_until(20020).await;
    assert_eq!(told(&there[0]), [Some("not-asked-for"), Some("local"), Some("caller")]);
    assert_eq!(east.events_until(289).await[0].id, 1290);
}

/// A key that others may read is not used.
#[tokio::test]
async fn an_exposed_key_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let (mut east, _west) = secured("east", "west", TO_WEST, TO_EAST).await;
    let key = east.folder.path().join("own.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    east.call("WEST");
    let here = east.events_until(289).await;
    assert!(here[0].word("detail").unwrap().contains("chmod 600"), "{here:?}");
}
