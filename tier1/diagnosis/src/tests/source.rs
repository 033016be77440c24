//! Callers that are cut off for an address that nobody knows.

use super::*;

/// EAST cut off a call from this address when WEST's call failed.
fn cut_off(from: &str, own: &[&str]) -> Snapshot {
    let mut snapshot = healthy();
    let [east, west] = &mut snapshot.servers[..] else { panic!("two servers") };
    east.cut_off = vec![(from.to_owned(), at(FAILED))];
    west.addresses = own.iter().map(|one| (*one).to_owned()).collect();
    west.peers[0].last_failure_out = Some(FailureFacts {
        time: at(FAILED),
        code: 1722,
        comms: 1722,
        bind: 0,
        layer: Some(Layer::Tcp),
        text: "reset".into(),
        protocol_string: Some("ncacn_ip_tcp:127.0.0.2[40749]".into()),
    });
    snapshot
}

fn first(snapshot: &Snapshot) -> Cause {
    diagnose(snapshot).diagnoses[0].cause
}

#[test]
fn whose_the_address_is_tells_a_translation_from_a_second_address() {
    let translated = cut_off("192.0.2.50", &["127.0.0.3"]);
    assert_eq!(first(&translated), Cause::NatBetweenServers);
    let remedy = diagnose(&translated).diagnoses[0].remedy[0].command.clone().unwrap();
    assert_eq!(remedy, "bindback network allow rpc 192.0.2.50/32 -c /srv/demo/east.toml");
    let second = cut_off("192.0.2.50", &["127.0.0.3", "192.0.2.50"]);
    assert_eq!(first(&second), Cause::MultihomedSourceAddress);
}

/// Neither a stranger of another moment, nor a known server's address, nor a caller of whom nothing is known.
#[test]
fn a_stranger_who_has_nothing_to_do_with_it_accuses_nobody() {
    let mut long_ago = cut_off("192.0.2.50", &["127.0.0.3"]);
    long_ago.servers[0].cut_off[0].1 = at(FAILED - 60);
    let known = cut_off("127.0.0.3", &["127.0.0.3"]);
    let unread = cut_off("192.0.2.50", &[]);
    for snapshot in [long_ago, known, unread] {
        let named = first(&snapshot);
        let accused = [Cause::NatBetweenServers, Cause::MultihomedSourceAddress];
        assert!(!accused.contains(&named), "{named:?}");
    }
}
