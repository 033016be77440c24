//! MTAs whose connectors do not agree, seen with both ends and with one.

use super::x400::{connected, failure};
use super::*;
use event::build::AssociationRefused;

/// WEST calls EAST and hears this.
fn heard(layer: Layer, code: u32, provider: u32) -> Snapshot {
    let mut snapshot = connected();
    let west = &mut snapshot.servers[1];
    west.peers[0].last_failure_out = Some(failure(layer, code));
    let refused = build::out_refused(&AssociationRefused {
        entity: "EAST".into(),
        peer: Some("EAST".into()),
        provider,
        reason: code,
        control_block: 1,
        detail: "refused".into(),
    });
    west.events.push(refused.stamp(at(FAILED), "WEST"));
    snapshot
}

fn terms(snapshot: &mut Snapshot, index: usize) -> &mut crate::ConnectorFacts {
    snapshot.servers[index].peers[0].x400.as_mut().unwrap()
}

/// Takes away what was read of a server, as when its administrative interface is closed.
fn unread(mut snapshot: Snapshot, index: usize) -> Snapshot {
    let server = &mut snapshot.servers[index];
    (server.reachable, server.role) = (false, Role::Unread);
    server.peers.clear();
    server.events.clear();
    snapshot
}

fn first(snapshot: &Snapshot) -> Option<Cause> {
    diagnose(snapshot).diagnoses.first().map(|one| one.cause)
}

#[test]
fn both_ends_beside_each_other_tell_what_differs() {
    let selector = |hex: &str| hex.to_owned();
    let mut never = heard(Layer::Authentication, 0, 6);
    terms(&mut never, 0).schedule = selector("never");
    let mut transport = heard(Layer::Tcp, 2, 1);
    terms(&mut transport, 0).own.transport = selector("4d5441");
    let mut session = heard(Layer::Bind, 129, 2);
    terms(&mut session, 0).own.session = selector("58343030");
    terms(&mut session, 1).called.session = selector("58344f4f");
    let mut mode = heard(Layer::Authentication, 2, 6);
    terms(&mut mode, 0).same_mode = true;
    terms(&mut mode, 1).mode = selector("1984");
    let mut dialogue = heard(Layer::Authentication, 3, 6);
    terms(&mut dialogue, 1).dialogue = selector("two-way-alternate");
    for (snapshot, cause) in [
        (never, Cause::ConnectorScheduleNever),
        (transport, Cause::TSelectorMismatch),
        (session, Cause::X400CredentialsMismatch),
        (mode, Cause::X400ConformanceMismatch),
        (dialogue, Cause::TwoWayAlternateMismatch),
    ] {
        let answer = diagnose(&snapshot);
        let best = &answer.diagnoses[0];
        assert_eq!(best.cause, cause, "{answer:#?}");
        assert!(!answer.undecided && best.confidence > 0.8, "{answer:#?}");
        assert_eq!(best.stops[0].from, "WEST");
    }
}

/// With the caller alone the layer that refused tells; where it does not (busy, authentication-error), nobody is accused.
#[test]
fn the_caller_alone_knows_what_the_wire_says() {
    for (layer, code, provider, cause) in [
        (Layer::Tcp, 2, 1, Some(Cause::TSelectorMismatch)),
        (Layer::Bind, 129, 2, Some(Cause::X400CredentialsMismatch)),
        (Layer::Bind, 2, 4, Some(Cause::X400ConformanceMismatch)),
        (Layer::Authentication, 3, 6, Some(Cause::TwoWayAlternateMismatch)),
        (Layer::Authentication, 2, 6, None),
    ] {
        let snapshot = unread(heard(layer, code, provider), 0);
        let answer = diagnose(&snapshot);
        match cause {
            Some(cause) => assert_eq!(first(&snapshot), Some(cause), "{answer:#?}"),
            None => assert!(answer.undecided, "{answer:#?}"),
        }
    }
}

/// The side that refuses has an event of each.
#[test]
fn the_called_side_alone_knows_why_it_refused() {
    for (draft, cause) in [
        (build::suspended_caller("WEST", "127.0.0.3"), Cause::ConnectorScheduleNever),
        (
            build::wrong_dialogue("WEST", 1, "monologue", "two-way-alternate"),
            Cause::TwoWayAlternateMismatch,
        ),
    ] {
        let mut snapshot = unread(connected(), 1);
        snapshot.servers[0].events.push(draft.stamp(at(FAILED), "EAST"));
        assert_eq!(first(&snapshot), Some(cause), "{:#?}", diagnose(&snapshot));
    }
}

#[test]
fn mail_behind_a_connector_that_never_calls_needs_no_failure() {
    let mut snapshot = connected();
    terms(&mut snapshot, 0).schedule = "never".into();
    assert_eq!(first(&snapshot), None, "no mail waits");
    snapshot.servers[0].queues.push(QueueFacts {
        next_hop: "WEST".into(),
        state: "scheduled".into(),
        messages: 2,
        ..QueueFacts::default()
    });
    let answer = diagnose(&snapshot);
    assert_eq!(answer.diagnoses[0].cause, Cause::ConnectorScheduleNever, "{answer:#?}");
    assert!(!answer.undecided);
    assert!(answer.diagnoses[0].remedy[0].text.contains("/srv/demo/east.toml"));
}

/// What mail has crossed since is over, whatever stands in the log.
#[test]
fn a_refusal_before_the_last_success_is_nothing() {
    let mut snapshot = heard(Layer::Tcp, 2, 1);
    snapshot.servers[1].peers[0].last_success_out = Some(at(FAILED + 5));
    assert_eq!(first(&snapshot), None);
}
