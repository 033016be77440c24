//! Two servers joined by hand, and what is mistyped in doing so: seen with both ends, and by the server that refuses alone.

use super::*;

/// `refuser` refused `caller` at a step that compares: 9297 as it stands in its log, and both sides' failed binds.
fn compared(mut snapshot: Snapshot, step: &str, presented: &str, expected: &str) -> Snapshot {
    let peer = (step != "peer").then(|| east(&mut snapshot).name.clone());
    let refuser = west(&mut snapshot);
    let said = SecurityViolation {
        user: refuser.peers[0].account.clone(),
        code: 5,
        reason: "words that nobody reads".to_owned(),
        peer,
        step: Some(step.to_owned()),
        presented: Some(presented.to_owned()),
        expected: Some(expected.to_owned()),
        layer: Some(Layer::AccessCheck),
        ..SecurityViolation::default()
    };
    refuser.events.push(build::security_violation(&said).stamp(at(FAILED), &refuser.name));
    call_failed(east(&mut snapshot), Codes::own(5), Layer::AccessCheck);
    snapshot
}

fn with_lines(mut snapshot: Snapshot) -> Snapshot {
    for server in &mut snapshot.servers {
        let other = server.peers[0].name.clone();
        for (line, key) in [(3, "server.name"), (40, "rpc.account"), (41, "rpc.mapper_port")] {
            server.lines.insert(key.to_owned(), line);
        }
        for (line, key) in [(60, ""), (61, ".name"), (65, ".account"), (64, ".mapper_port")] {
            server.lines.insert(format!("peer.{other}{key}"), line);
        }
    }
    snapshot
}

/// The cause is named, with confidence, and its remedy has this file and line.
fn told(snapshot: &Snapshot, cause: Cause, place: &str) -> Diagnosis {
    let answer = diagnose(snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, cause, "{answer:#?}");
    assert!(first.confidence > 0.9, "{first:#?}");
    assert!(first.headline.is_some(), "{first:#?}");
    assert!(first.remedy[0].text.contains(place), "{:?} lacks {place}", first.remedy[0].text);
    first.clone()
}

/// EAST was renamed OST: WEST knows it as EAST still.
fn renamed() -> Snapshot {
    let mut snapshot = with_lines(healthy());
    snapshot.local = "OST".to_owned();
    east(&mut snapshot).name = "OST".to_owned();
    let account = west(&mut snapshot).peers[0].account.clone();
    east(&mut snapshot).service_account = account;
    compared(snapshot, "peer", "OST", "EAST")
}

#[test]
fn a_caller_under_another_name_than_the_peer_table_has() {
    let both = renamed();
    let found = told(&both, Cause::ConnectorRemoteNameMismatch, "/srv/demo/west.toml, line 61");
    assert!(found.remedy[0].text.contains("name = \"OST\""), "{found:#?}");
    assert!(found.remedy[0].text.contains("/srv/demo/east.toml, line 3"), "{found:#?}");
    assert_eq!(found.stops.len(), 1, "both names are one server");
    // WEST alone: nothing was read of EAST, which is a name in the table of peers.
    let mut alone = only(both, "WEST");
    alone.servers.retain(|server| server.name == "WEST");
    alone.local = "WEST".to_owned();
    told(&alone, Cause::ConnectorRemoteNameMismatch, "/srv/demo/west.toml, line 61");
}

/// EAST's table has WESTX for WEST; WEST was read through EAST's table, and names itself.
#[test]
fn a_called_server_under_another_name_than_its_own() {
    let mut snapshot = healthy();
    east(&mut snapshot).peers[0].name = "WESTX".to_owned();
    west(&mut snapshot).known_as = Some("WESTX".to_owned());
    let snapshot = compared(with_lines(snapshot), "called-name", "WESTX", "WEST");
    let found = told(&snapshot, Cause::ConnectorRemoteNameMismatch, "/srv/demo/east.toml, line 61");
    assert!(found.remedy[0].text.contains("name = \"WEST\""), "{found:#?}");
    // The watch of EAST looks for the name that its queue has.
    assert!(found.stops.iter().all(|stop| stop.to == "WESTX"), "{found:#?}");
}

#[test]
fn a_name_that_differs_in_case_only() {
    let mut snapshot = healthy();
    east(&mut snapshot).peers[0].name = "West".to_owned();
    west(&mut snapshot).known_as = Some("West".to_owned());
    let snapshot = compared(with_lines(snapshot), "called-name", "West", "WEST");
    let found = told(&snapshot, Cause::ConnectorRemoteNameMismatch, "/srv/demo/east.toml, line 61");
    assert!(found.title().contains("case only"), "{found:#?}");
}

#[test]
fn a_caller_that_no_peer_table_has() {
    let mut snapshot = with_lines(healthy());
    west(&mut snapshot).peers[0].name = "NORTH".to_owned();
    west(&mut snapshot).peers[0].account = r"ORG\svc-north".to_owned();
    let mut snapshot = compared(snapshot, "peer", "EAST", "");
    for event in &mut west(&mut snapshot).events {
        event.params.insert("user".to_owned(), r"ORG\svc-east".into());
    }
    told(&snapshot, Cause::ConnectorMissingOnRemote, "name = \"EAST\"");
}

#[test]
fn an_account_that_is_misspelt_where_it_is_expected() {
    let (seen, expected) = (r"ORG\svc-east", r"ORG\svc-est");
    let mut snapshot = with_lines(healthy());
    west(&mut snapshot).peers[0].account = expected.to_owned();
    let mut snapshot = compared(snapshot, "account", seen, expected);
    for event in &mut west(&mut snapshot).events {
        event.params.insert("user".to_owned(), seen.into());
    }
    let found = told(&snapshot, Cause::ServiceAccountMismatch, "/srv/demo/west.toml, line 65");
    assert!(found.remedy[0].text.starts_with("On WEST"), "{found:#?}");
    assert!(found.remedy[0].text.contains(r"account = 'ORG\svc-east'"), "{found:#?}");
}

#[test]
fn an_account_that_is_misspelt_where_it_is_presented() {
    let mut snapshot = with_lines(healthy());
    east(&mut snapshot).service_account = r"ORG\svc-eats".to_owned();
    let mut snapshot = {
        let said = SecurityViolation {
            user: r"ORG\svc-eats".to_owned(),
            code: 1317,
            reason: "words that nobody reads".to_owned(),
            step: Some("authentication".to_owned()),
            layer: Some(Layer::Authentication),
            ..SecurityViolation::default()
        };
        let event = build::security_violation(&said).stamp(at(FAILED), "WEST");
        west(&mut snapshot).events.push(event);
        snapshot
    };
    call_failed(east(&mut snapshot), Codes::own(5), Layer::Authentication);
    let found = told(&snapshot, Cause::ServiceAccountMismatch, "/srv/demo/east.toml, line 40");
    assert!(found.remedy[0].text.starts_with("On EAST"), "{found:#?}");
}

/// WEST has EAST's old port; both directions stop, each in its own way.
#[test]
fn a_port_that_was_changed_at_its_owner() {
    let mut snapshot = with_lines(healthy());
    east(&mut snapshot).mapper_port = 40139;
    let place = ("east-rpc.demo.test[40139]", "east-rpc.demo.test[40135]");
    let mut snapshot = compared(snapshot, "bind-back-name", place.0, place.1);
    call_failed(west(&mut snapshot), Codes::own(1722), Layer::Tcp);
    for kept in ["both", "WEST"] {
        let snapshot = if kept == "both" { snapshot.clone() } else { only(snapshot.clone(), kept) };
        let place = "/srv/demo/west.toml, line 64";
        let found = told(&snapshot, Cause::X400StackAddressMismatch, place);
        assert!(found.remedy[0].text.contains("mapper_port = 40139"), "{found:#?}");
        assert!(found.title().contains("on port 40135"), "{found:#?}");
    }
}

/// EAST calls WEST on 135, which nobody wrote down; WEST listens on 40135. Mail has not flowed yet.
#[test]
fn a_port_that_was_left_out() {
    let mut snapshot = with_lines(healthy());
    east(&mut snapshot).peers[0].mapper_port = 135;
    east(&mut snapshot).lines.remove("peer.WEST.mapper_port");
    call_failed(east(&mut snapshot), Codes::own(1722), Layer::Tcp);
    snapshot.checks.push(check("tcp-mapper", "west.demo.test:135", ProbeResult::Refused));
    snapshot.checks.push(check("admin", "WEST", ProbeResult::Ok));
    let found = told(&snapshot, Cause::X400StackAddressMismatch, "/srv/demo/east.toml, line 60");
    for part in ["mapper_port = 40135", "135 counts without it"] {
        assert!(found.remedy[0].text.contains(part), "{found:#?}");
    }
    // The right port, and nobody answers on it: that is no matter of ports.
    east(&mut snapshot).peers[0].mapper_port = 40135;
    assert_ne!(diagnose(&snapshot).diagnoses[0].cause, Cause::X400StackAddressMismatch);
}
