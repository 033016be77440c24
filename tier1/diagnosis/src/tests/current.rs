//! Only what is current counts: snapshots in which nothing is wrong, or no longer.

use super::*;

#[test]
fn health_gives_no_diagnosis() {
    assert!(diagnose(&healthy()).is_healthy());
    let mut checked = healthy();
    checked.checks.push(check("resolve", "west.demo.test", ProbeResult::Ok));
    checked.checks.push(check("tcp-mapper", "west.demo.test:40135", ProbeResult::Ok));
    checked.checks.push(check("tcp-rpc", "127.0.0.3:40749", ProbeResult::Reset));
    let answer = diagnose(&checked);
    assert!(answer.is_healthy() && answer.checks.len() == 3);
}

#[test]
fn what_was_cured_is_not_reported() {
    for mut snapshot in [
        wrong_password(),
        unknown_account(),
        without_role(),
        no_host_name(),
        no_bind_back_name(),
        port_closed(),
    ] {
        for server in &mut snapshot.servers {
            server.peers[0].last_success_out = Some(at(80));
            server.queues.clear();
        }
        let answer = diagnose(&snapshot);
        assert!(answer.is_healthy(), "{:?}", answer.first());
    }
}

#[test]
fn a_denial_is_disproved_by_a_later_success_the_other_way() {
    let mut snapshot = wrong_password();
    for server in &mut snapshot.servers {
        server.queues.clear();
    }
    west(&mut snapshot).peers[0].last_success_out = Some(at(80));
    assert!(diagnose(&snapshot).is_healthy());
    let next_hop = "WEST".to_owned();
    east(&mut snapshot).queues.push(QueueFacts { next_hop, messages: 1, ..QueueFacts::default() });
    assert!(!diagnose(&snapshot).is_healthy(), "mail still waits on the other way");
}

#[test]
fn strangers_in_the_log_do_not_confuse() {
    let mut snapshot = healthy();
    let said = SecurityViolation {
        user: r"ORG\guest".to_owned(),
        code: 1317,
        ..SecurityViolation::default()
    };
    let stray: Event = build::security_violation(&said).stamp(at(5), "EAST");
    east(&mut snapshot).events.push(stray);
    assert!(diagnose(&snapshot).is_healthy());
}

#[test]
fn a_blocked_way_is_disproved_by_a_later_success_the_other_way_but_a_name_is_not() {
    for (mut snapshot, healed) in [(port_closed(), true), (no_host_name(), false)] {
        west(&mut snapshot).queues.clear();
        east(&mut snapshot).queues.clear();
        east(&mut snapshot).peers[0].last_success_out = Some(at(80));
        assert_eq!(diagnose(&snapshot).is_healthy(), healed);
    }
}

#[test]
fn a_failure_that_left_no_mail_waiting_is_disproved_by_checks() {
    let mut snapshot = healthy();
    call_failed(east(&mut snapshot), Codes::own(1722), Layer::Tcp);
    for (kind, target) in [
        ("resolve", "west.demo.test"),
        ("tcp-mapper", "west.demo.test:40135"),
        ("tcp-rpc", "west.demo.test:40749"),
    ] {
        snapshot.checks.push(check(kind, target, ProbeResult::Ok));
    }
    assert!(!diagnose(&snapshot).is_healthy(), "mail waits");
    east(&mut snapshot).queues.clear();
    assert!(diagnose(&snapshot).is_healthy());
    snapshot.checks[2].result = ProbeResult::Refused;
    assert!(!diagnose(&snapshot).is_healthy(), "a check failed");
}

#[test]
fn silence_outweighs_a_denial_older_than_a_success_the_other_way() {
    let mut snapshot = healthy();
    snapshot.local = "WEST".to_owned();
    *east(&mut snapshot) = ServerFacts {
        name: "EAST".to_owned(),
        host_name: "east.demo.test".to_owned(),
        bind_back_name: "east-rpc.demo.test".to_owned(),
        service_account: r"ORG\svc-east".to_owned(),
        mapper_port: 40135,
        ..ServerFacts::default()
    };
    west(&mut snapshot).role = Role::Local;
    // At 60 EAST denied WEST, whose mail waits; at 80 EAST called WEST.
    call_failed(west(&mut snapshot), Codes::own(5), Layer::Authentication);
    west(&mut snapshot).peers[0].last_success_in = Some(at(80));
    for (kind, target) in [
        ("admin", "EAST"),
        ("tcp-mapper", "east.demo.test:40135"),
        ("tcp-mapper", "east-rpc.demo.test:40135"),
    ] {
        let refused = check(kind, target, ProbeResult::Refused);
        snapshot.checks.push(ProbeFact { from: "WEST".to_owned(), ..refused });
    }
    let answer = diagnose(&snapshot);
    assert!(!answer.undecided);
    assert_eq!(answer.first().unwrap().cause, Cause::RemoteServerUnreachable);
}

/// EAST logs a wrong password for WEST's account; WEST's own calls go well.
fn somebody_else() -> Snapshot {
    let mut snapshot = healthy();
    refused(east(&mut snapshot), 1326, "wrong password");
    for event in &mut east(&mut snapshot).events {
        event.params.insert("step".to_owned(), "authentication".into());
    }
    snapshot
}

#[test]
fn a_wrong_password_of_somebody_else_stops_no_mail() {
    let mut snapshot = somebody_else();
    assert!(diagnose(&snapshot).is_healthy(), "WEST was read, and nothing of it failed");
    // Of WEST nothing is known, but its association stands.
    snapshot = only(snapshot, "EAST");
    assert!(!diagnose(&snapshot).is_healthy());
    let row = crate::LtabFacts {
        index: 1,
        direction: "in".to_owned(),
        peer: "WEST".to_owned(),
        state: "open".to_owned(),
    };
    east(&mut snapshot).ltab.push(row.clone());
    assert!(diagnose(&snapshot).is_healthy(), "it stands");
    east(&mut snapshot).ltab[0].state = "closed".to_owned();
    assert!(!diagnose(&snapshot).is_healthy());
    // WEST's mail waits: whoever it was, something is wrong.
    let mut snapshot = somebody_else();
    east(&mut snapshot).ltab.push(row);
    call_failed(west(&mut snapshot), Codes::own(5), Layer::Authentication);
    assert!(!diagnose(&snapshot).is_healthy());
}

#[test]
fn a_refused_administrator_is_no_fault_of_mail() {
    let mut snapshot = healthy();
    let said = SecurityViolation {
        user: "ben".to_owned(),
        code: 5,
        step: Some("admin-role".to_owned()),
        ..SecurityViolation::default()
    };
    let event = build::security_violation(&said).stamp(at(FAILED), "EAST");
    east(&mut snapshot).events.push(event);
    assert!(diagnose(&snapshot).is_healthy());
}

#[test]
fn mail_that_came_back_stands_behind_what_stops_mail_now() {
    let mut snapshot = only(port_closed(), "WEST");
    snapshot.local = "WEST".to_owned();
    let report = build::non_delivery(&build::NonDelivery {
        reason: "unable-to-transfer".into(),
        diagnostic: "loop-detected".into(),
        recipient: "a@lost.test".into(),
        ..build::NonDelivery::default()
    });
    west(&mut snapshot).events.push(report.stamp(at(FAILED), "WEST"));
    let answer = diagnose(&snapshot);
    assert_ne!(answer.diagnoses[0].cause, Cause::MessageLoopBetweenSystems, "{answer:#?}");
    let told = answer.diagnoses.iter().any(|one| one.cause == Cause::MessageLoopBetweenSystems);
    assert!(told, "{answer:#?}");
}

/// The causes of one stopped way have 100 % together; half or more is an answer, less is none.
#[test]
fn what_is_shown_adds_up() {
    let snapshots = [
        wrong_password(),
        no_host_name(),
        no_bind_back_name(),
        port_closed(),
        west_down(),
        only(port_closed(), "WEST"),
        only(wrong_password(), "WEST"),
        only(no_bind_back_name(), "EAST"),
    ];
    for snapshot in snapshots {
        let answer = diagnose(&snapshot);
        let shown: Vec<f64> = answer.diagnoses.iter().map(|one| one.confidence).collect();
        assert!(shown.iter().sum::<f64>() < 1.06, "{shown:?}");
        assert_eq!(answer.undecided, shown[0] < 0.5, "{shown:?}");
    }
}

#[test]
fn the_next_command_calls_as_mail_does() {
    let answer = diagnose(&only(port_closed(), "WEST"));
    let mut snapshot = only(port_closed(), "WEST");
    west(&mut snapshot).peers[0].mapper_port = 1135;
    let next = diagnose(&snapshot).next_probe.unwrap();
    let expected = format!("bindback rpc ping east.demo.test --mapper-port 1135 -c {WEST_CONFIG}");
    assert_eq!(next.command.as_deref(), Some(expected.as_str()), "{answer:#?}");
}
