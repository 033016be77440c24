//! Right accounts whose sessions are too weak, a machine whose process hangs, and one whose MTA is not started.

use super::*;

/// EAST refuses WEST at this step of its bind, with this code in its own log; the wire gives 5.
pub(super) fn refused_at(step: &str, code: u32) -> Snapshot {
    let mut snapshot = healthy();
    let violation = build::security_violation(&SecurityViolation {
        user: r"ORG\svc-west".into(),
        ltab_index: 1,
        code,
        reason: "refused".into(),
        peer: Some("WEST".into()),
        address: Some("127.0.0.3:1024".into()),
        step: Some(step.into()),
        layer: Some(Layer::Authentication),
        ..SecurityViolation::default()
    });
    snapshot.servers[0].events.push(violation.stamp(at(FAILED), "EAST"));
    snapshot.servers[1].peers[0].last_failure_out = Some(FailureFacts {
        time: at(FAILED),
        code: 5,
        comms: 5,
        bind: 0,
        layer: Some(Layer::Bind),
        text: "EAST denied access".into(),
        protocol_string: Some("ncacn_ip_tcp:127.0.0.2[40749]".into()),
    });
    snapshot
}

fn best(snapshot: &Snapshot) -> (Cause, f64) {
    let answer = diagnose(snapshot);
    assert!(!answer.undecided, "{answer:#?}");
    (answer.diagnoses[0].cause, answer.diagnoses[0].confidence)
}

/// One code, and the step tells: none of these is a missing role, a wrong password or another state of the account.
#[test]
fn the_step_of_a_refusal_tells_weak_sessions_from_accounts() {
    for (step, cause) in [
        ("level", Cause::NtlmSessionSecurityMismatch),
        ("session-security", Cause::NtlmSessionSecurityMismatch),
        ("session-keys", Cause::NtlmSessionSecurityMismatch),
        ("ntlm-version", Cause::LmCompatibilityMismatch),
    ] {
        let (named, confidence) = best(&refused_at(step, 5));
        assert_eq!(named, cause, "{step}");
        assert!(confidence > 0.8, "{step}: {confidence}");
    }
    let mut role = refused_at("role", 5);
    role.servers[0].accounts[0].roles.clear();
    assert_eq!(best(&role).0, Cause::ServiceAccountLacksDirectoryRight);
}

/// Claims: 15.
#[test]
fn keys_that_differ_are_cured_at_the_modules() {
    let answer = diagnose(&refused_at("session-keys", 5));
    let steps: Vec<&str> = answer.diagnoses[0].remedy.iter().map(|one| one.text.as_str()).collect();
    assert!(steps[0].contains("bindback doctor --modules"), "{steps:?}");
    assert!(steps[1].contains("128-bit") && steps[1].contains("matching 56-bit"), "{steps:?}");
}

/// A name that leads to another server is answered with code 5 as well: the called one has refused nobody.
#[test]
fn a_denial_of_somebody_else_is_a_name_that_leads_elsewhere() {
    let mut snapshot = refused_at("called-name", 5);
    let leads = |snapshot: &mut Snapshot, address: &str| {
        let hosts = &mut snapshot.servers[1].hosts;
        hosts.insert("east.demo.test".to_owned(), vec![address.to_owned()]);
    };
    leads(&mut snapshot, "127.0.0.3");
    let events = std::mem::take(&mut snapshot.servers[0].events);
    let (named, confidence) = best(&snapshot);
    assert_eq!(named, Cause::LmhostsStaleEntry);
    assert!(confidence > 0.8, "{confidence}");
    // Who is refused by EAST itself has reached it, whatever its table says.
    snapshot.servers[0].events = events;
    assert_ne!(diagnose(&snapshot).diagnoses[0].cause, Cause::LmhostsStaleEntry);
}

#[test]
fn levels_that_differ_need_no_event() {
    let mut snapshot = refused_at("level", 5);
    snapshot.servers[0].events.clear();
    snapshot.servers[0].rpc_level = "privacy".into();
    snapshot.servers[1].rpc_level = "integrity".into();
    assert_eq!(best(&snapshot).0, Cause::NtlmSessionSecurityMismatch);
    // The stronger side is refused by nobody for that.
    snapshot.servers[0].rpc_level = "integrity".into();
    snapshot.servers[1].rpc_level = "privacy".into();
    let answer = diagnose(&snapshot);
    assert_ne!(answer.diagnoses[0].cause, Cause::NtlmSessionSecurityMismatch);
}

/// WEST cannot call EAST, with these results of the checks of its ports and of its administrative interface.
fn silent(tcp: ProbeResult, map: ProbeResult, admin: ProbeResult, code: u32) -> Snapshot {
    let mut snapshot = healthy();
    snapshot.local = "WEST".to_owned();
    let east = &mut snapshot.servers[0];
    (east.reachable, east.role) = (false, Role::Unread);
    snapshot.servers[1].peers[0].last_failure_out = Some(FailureFacts {
        time: at(FAILED),
        code,
        comms: code,
        bind: 0,
        layer: Some(Layer::Mapper),
        text: String::new(),
        protocol_string: Some("ncacn_ip_tcp:127.0.0.2[40135]".into()),
    });
    let check = |check: &str, target: &str, result| ProbeFact {
        check: check.into(),
        from: "WEST".into(),
        target: target.into(),
        result,
        detail: String::new(),
        ms: 1,
    };
    snapshot.checks = vec![
        check("admin", "EAST", admin),
        check("tcp-mapper", "east.demo.test:40135", tcp),
        check("map", "east.demo.test:40135", map),
    ];
    snapshot
}

#[test]
fn a_process_that_hangs_is_no_firewall() {
    let hangs = silent(ProbeResult::Ok, ProbeResult::Timeout, ProbeResult::Timeout, 1722);
    assert_eq!(best(&hangs).0, Cause::RemoteServerUnreachable);
    let remedy = diagnose(&hangs).diagnoses.remove(0).remedy.remove(0).text;
    assert!(remedy.contains("hangs"), "{remedy}");
    // Where the administrator is answered, it does not hang.
    let lives = silent(ProbeResult::Ok, ProbeResult::Timeout, ProbeResult::Ok, 1722);
    assert_ne!(diagnose(&lives).diagnoses[0].cause, Cause::RemoteServerUnreachable);
}

#[test]
fn a_mapper_that_knows_no_mta_is_that_of_one_that_is_not_started() {
    let stopped = silent(ProbeResult::Ok, ProbeResult::NotFound, ProbeResult::Refused, 1753);
    assert_eq!(best(&stopped).0, Cause::RemoteServerUnreachable);
}
