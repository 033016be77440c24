//! A snapshot for each cause, seen from both sides and from one, and snapshots in which nothing is wrong.
//!
//! Faults are told to the engine only by what they leave behind: events, last failures, tables and live checks, as the
//! table "which event on which side" has them.

mod accounts;
mod clock;
mod current;
mod joining;
mod line;
mod protection;
mod source;
mod terms;
mod two;
mod x400;

use event::build::{self, BindBackFailed, BindFailed, Codes, SecurityViolation};
use event::{Event, Layer};
use finding::{Answer, Cause, Diagnosis};
use jiff::{SignedDuration, Timestamp};

use crate::{
    AccountFacts, FailureFacts, PeerFacts, ProbeFact, ProbeResult, QueueFacts, Role, ServerFacts,
    Snapshot, catalogue, diagnose, explain,
};

const EAST_CONFIG: &str = "/srv/demo/east.toml";
const WEST_CONFIG: &str = "/srv/demo/west.toml";

fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(second)
}

/// Mail last flowed at second 10; faults show at second 60; the snapshot is taken at second 90.
const FLOWED: i64 = 10;
const FAILED: i64 = 60;

fn server(name: &str, other: &str, address: &str, other_address: &str) -> ServerFacts {
    let low = name.to_lowercase();
    let far = other.to_lowercase();
    ServerFacts {
        name: name.to_owned(),
        reachable: true,
        role: Role::Neighbour,
        config_path: Some(format!("/srv/demo/{low}.toml")),
        host_name: format!("{low}.demo.test"),
        bind_back_name: format!("{low}-rpc.demo.test"),
        service_account: format!(r"ORG\svc-{low}"),
        password_file: Some(format!("/srv/demo/{low}.password")),
        rpc: address.to_owned(),
        mapper_port: 40135,
        rpc_port: 40749,
        rpc_allow: vec!["127.0.0.0/8".to_owned()],
        peers: vec![PeerFacts {
            name: other.to_owned(),
            host: format!("{far}.demo.test"),
            bind_back: Some(format!("{far}-rpc.demo.test")),
            mapper_port: 40135,
            account: format!(r"ORG\svc-{far}"),
            last_success_out: Some(at(FLOWED)),
            last_success_in: Some(at(FLOWED)),
            ..PeerFacts::default()
        }],
        accounts: vec![AccountFacts {
            name: format!(r"ORG\svc-{far}"),
            enabled: true,
            roles: vec!["service-account-admin".to_owned()],
            password_set: at(0),
            ..AccountFacts::default()
        }],
        hosts: [format!("{far}.demo.test"), format!("{far}-rpc.demo.test")]
            .into_iter()
            .map(|name| (name, vec![other_address.to_owned()]))
            .collect(),
        ..ServerFacts::default()
    }
}

fn healthy() -> Snapshot {
    let mut east = server("EAST", "WEST", "127.0.0.2", "127.0.0.3");
    east.role = Role::Local;
    let west = server("WEST", "EAST", "127.0.0.3", "127.0.0.2");
    Snapshot {
        now: at(90),
        local: "EAST".to_owned(),
        servers: vec![east, west],
        checks: Vec::new(),
    }
}

fn east(snapshot: &mut Snapshot) -> &mut ServerFacts {
    &mut snapshot.servers[0]
}

fn west(snapshot: &mut Snapshot) -> &mut ServerFacts {
    &mut snapshot.servers[1]
}

fn failure(codes: Codes, layer: Layer) -> FailureFacts {
    FailureFacts {
        time: at(FAILED),
        code: codes.code,
        comms: codes.comms,
        bind: codes.bind,
        layer: Some(layer),
        text: "failed".to_owned(),
        protocol_string: None,
    }
}

/// A call of `caller` failed: 9318 and its memory of it.
fn call_failed(caller: &mut ServerFacts, codes: Codes, layer: Layer) {
    let peer = caller.peers[0].name.clone();
    let said =
        BindFailed { codes, remote_server: peer, layer: Some(layer), ..BindFailed::default() };
    caller.events.push(build::bind_failed(&said).stamp(at(FAILED), &caller.name));
    caller.peers[0].last_failure_out = Some(failure(codes, layer));
    let next_hop = caller.peers[0].name.clone();
    caller.queues.push(QueueFacts {
        next_hop,
        state: "retry".to_owned(),
        messages: 3,
        ..QueueFacts::default()
    });
}

/// A bind-back of `called` failed: 9322 and its memory of it.
fn bind_back_failed(called: &mut ServerFacts, codes: Codes, layer: Layer, protocol_string: &str) {
    let said = BindBackFailed {
        codes,
        remote_server: called.peers[0].name.clone(),
        protocol_string: protocol_string.to_owned(),
        layer: Some(layer),
        ..BindBackFailed::default()
    };
    called.events.push(build::bind_back_failed(&said).stamp(at(FAILED), &called.name));
    let remembered =
        FailureFacts { protocol_string: Some(protocol_string.to_owned()), ..failure(codes, layer) };
    called.peers[0].last_failure_in = Some(remembered);
}

/// `refuser` refused the account of its peer: 9297 and its memory of it.
fn refused(refuser: &mut ServerFacts, code: u32, reason: &str) {
    let layer = if code == 5 { Layer::AccessCheck } else { Layer::Authentication };
    let said = SecurityViolation {
        user: refuser.peers[0].account.clone(),
        code,
        reason: reason.to_owned(),
        peer: Some(refuser.peers[0].name.clone()),
        layer: Some(layer),
        ..SecurityViolation::default()
    };
    refuser.events.push(build::security_violation(&said).stamp(at(FAILED), &refuser.name));
    refuser.peers[0].last_failure_in = Some(failure(Codes { code, comms: 0, bind: 0 }, layer));
}

/// EAST refuses the account of WEST with `code`: both directions stop.
fn east_refuses_west(code: u32, reason: &str) -> Snapshot {
    let mut snapshot = healthy();
    // WEST calls EAST.
    call_failed(west(&mut snapshot), Codes::own(5), Layer::Authentication);
    refused(east(&mut snapshot), code, reason);
    // EAST calls WEST, which cannot bind back.
    call_failed(east(&mut snapshot), Codes::reported(5), Layer::BindBack);
    bind_back_failed(
        west(&mut snapshot),
        Codes::own(5),
        Layer::Authentication,
        "ncacn_ip_tcp:127.0.0.2[40749]",
    );
    snapshot
}

fn wrong_password() -> Snapshot {
    let mut snapshot = east_refuses_west(1326, "wrong password");
    east(&mut snapshot).accounts[0].password_set = at(50);
    snapshot
}

fn unknown_account() -> Snapshot {
    let mut snapshot = east_refuses_west(1317, "no such account");
    east(&mut snapshot).accounts.clear();
    snapshot
}

fn without_role() -> Snapshot {
    let mut snapshot = east_refuses_west(5, "the account lacks the role service-account-admin");
    east(&mut snapshot).accounts[0].roles.clear();
    snapshot
}

/// WEST cannot resolve EAST's host name.
fn no_host_name() -> Snapshot {
    let mut snapshot = healthy();
    call_failed(west(&mut snapshot), Codes::own(1722), Layer::Name);
    west(&mut snapshot).hosts.remove("east.demo.test");
    snapshot
}

/// WEST cannot resolve the name that EAST hands over.
fn no_bind_back_name() -> Snapshot {
    let mut snapshot = healthy();
    call_failed(east(&mut snapshot), Codes::reported(1722), Layer::BindBack);
    bind_back_failed(west(&mut snapshot), Codes::own(1722), Layer::Name, "east-rpc.demo.test");
    west(&mut snapshot).hosts.remove("east-rpc.demo.test");
    snapshot
}

/// EAST's list of networks leaves WEST out: WEST's calls and its bind-backs are cut off.
fn port_closed() -> Snapshot {
    let mut snapshot = healthy();
    call_failed(west(&mut snapshot), Codes::own(1722), Layer::Tcp);
    call_failed(east(&mut snapshot), Codes::reported(1722), Layer::BindBack);
    bind_back_failed(
        west(&mut snapshot),
        Codes::own(1722),
        Layer::Tcp,
        "ncacn_ip_tcp:127.0.0.2[40749]",
    );
    east(&mut snapshot).rpc_allow = vec!["127.0.0.2/32".to_owned()];
    snapshot
}

/// WEST is down; EAST sees it.
fn west_down() -> Snapshot {
    let mut snapshot = healthy();
    call_failed(east(&mut snapshot), Codes::own(1722), Layer::Tcp);
    let dead = west(&mut snapshot);
    *dead = ServerFacts {
        name: "WEST".to_owned(),
        host_name: "west.demo.test".to_owned(),
        config_path: Some(WEST_CONFIG.to_owned()),
        rpc: "127.0.0.3".to_owned(),
        mapper_port: 40135,
        ..ServerFacts::default()
    };
    snapshot.checks.push(check("resolve", "west.demo.test", ProbeResult::Ok));
    snapshot.checks.push(check("tcp-mapper", "west.demo.test:40135", ProbeResult::Refused));
    snapshot.checks.push(check("admin", "WEST", ProbeResult::Refused));
    snapshot
}

fn check(kind: &str, target: &str, result: ProbeResult) -> ProbeFact {
    ProbeFact {
        check: kind.to_owned(),
        from: "EAST".to_owned(),
        target: target.to_owned(),
        result,
        detail: String::new(),
        ms: 1,
    }
}

/// Only the facts of `kept` were read; of the other server nothing but its name is known.
fn only(mut snapshot: Snapshot, kept: &str) -> Snapshot {
    for server in snapshot.servers.iter_mut().filter(|server| server.name != kept) {
        *server = ServerFacts { name: server.name.clone(), ..ServerFacts::default() };
    }
    snapshot
}

fn decided(answer: &Answer) -> &Diagnosis {
    let shown: Vec<_> =
        answer.diagnoses.iter().map(|one| (one.cause.slug(), one.confidence)).collect();
    assert!(!answer.undecided, "{shown:?}");
    assert_eq!(answer.next_probe, None);
    let causes: std::collections::BTreeSet<Cause> =
        answer.diagnoses.iter().map(|one| one.cause).collect();
    assert!(causes.len() >= 3, "{shown:?}");
    assert!(answer.diagnoses[0].confidence >= 0.7, "{shown:?}");
    assert!(answer.diagnoses[1].confidence < 0.5, "{shown:?}");
    for weaker in &answer.diagnoses[1..] {
        assert!(!weaker.against.is_empty(), "{weaker:?}");
    }
    &answer.diagnoses[0]
}

fn command(diagnosis: &Diagnosis) -> &str {
    diagnosis.remedy[0].command.as_deref().unwrap()
}

fn sources(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.evidence.iter().map(|one| one.source.as_str()).collect()
}

#[test]
fn a_wrong_password_is_told_from_both_logs() {
    let answer = diagnose(&wrong_password());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::ServiceAccountPasswordMismatch);
    let expected = format!(
        r"bindback account set-password 'ORG\svc-west' --password-file /srv/demo/west.password -c {EAST_CONFIG}"
    );
    assert_eq!(command(first), expected);
    let sources = sources(first);
    for source in ["EAST event 9297", "WEST event 9318", "WEST event 9322", "EAST event 9318"] {
        assert!(sources.contains(&source), "{sources:?} lacks {source}");
    }
    assert!(
        first
            .evidence
            .iter()
            .any(|one| one.says.contains("1326") && one.says.contains("wrong password"))
    );
    let same: Vec<_> = answer.diagnoses.iter().filter(|one| one.cause == first.cause).collect();
    assert_eq!(same.len(), 1, "both directions are one diagnosis");
}

#[test]
fn a_keytab_with_an_old_key_is_told_although_nobody_is_named() {
    let mut snapshot = east_refuses_west(5, "not looked at");
    let refuser = east(&mut snapshot);
    refuser.events.retain(|event| event.id != event::id::SECURITY_VIOLATION);
    let said = SecurityViolation {
        user: "(nobody)".to_owned(),
        code: 1396,
        reason: "KRB_AP_ERR_BADKEYVER (44): another version of the key".to_owned(),
        layer: Some(Layer::Authentication),
        ..SecurityViolation::default()
    };
    refuser.events.push(build::security_violation(&said).stamp(at(FAILED), "EAST"));
    refuser.peers[0].last_failure_in = None;
    refuser.keytab_command = Some("kadmin -q 'ktadd host/east'".to_owned());
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::ServiceAccountPasswordMismatch);
    assert_eq!(command(first), "kadmin -q 'ktadd host/east'");
    east(&mut snapshot).keytab_command = None;
    let remedy = &diagnose(&snapshot).diagnoses[0].remedy[0];
    assert!(remedy.command.is_none() && remedy.text.contains("keytab"), "{remedy:?}");
}

#[test]
fn an_unknown_account_is_told() {
    let answer = diagnose(&unknown_account());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::ServiceAccountMissing);
    let expected = format!(
        r"bindback account add 'ORG\svc-west' --role service-account-admin --password-file /srv/demo/west.password -c {EAST_CONFIG}"
    );
    assert_eq!(command(first), expected);
}

#[test]
fn a_missing_role_is_told() {
    let answer = diagnose(&without_role());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::ServiceAccountLacksDirectoryRight);
    let expected = format!(
        r"bindback account grant 'ORG\svc-west' --role service-account-admin -c {EAST_CONFIG}"
    );
    assert_eq!(command(first), expected);
}

#[test]
fn an_unresolvable_host_name_is_told() {
    let answer = diagnose(&no_host_name());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::RemoteNameUnresolvable);
    assert_eq!(
        command(first),
        format!("bindback hosts set east.demo.test 127.0.0.2 -c {WEST_CONFIG}")
    );
}

#[test]
fn an_unresolvable_bind_back_name_is_told() {
    let answer = diagnose(&no_bind_back_name());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::BindbackNameUnresolvable);
    assert_eq!(
        command(first),
        format!("bindback hosts set east-rpc.demo.test 127.0.0.2 -c {WEST_CONFIG}")
    );
    assert!(
        sources(first).contains(&"WEST event 9322") && sources(first).contains(&"EAST event 9318")
    );
}

#[test]
fn one_name_for_both_is_the_host_name_once_calls_fail_too() {
    let mut snapshot = no_bind_back_name();
    call_failed(west(&mut snapshot), Codes::own(1722), Layer::Name);
    east(&mut snapshot).bind_back_name = "east.demo.test".to_owned();
    let answer = diagnose(&snapshot);
    assert_eq!(answer.first().unwrap().cause, Cause::RemoteNameUnresolvable);
    assert!(!answer.undecided);
}

/// WEST's table has an address for EAST at which EAST does not listen; whether anybody refuses there or nobody answers.
#[test]
fn a_name_that_leads_elsewhere_is_told() {
    let mut snapshot = healthy();
    call_failed(west(&mut snapshot), Codes::own(1722), Layer::Tcp);
    let old = vec!["127.0.0.9".to_owned()];
    west(&mut snapshot).hosts.insert("east.demo.test".to_owned(), old);
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::LmhostsStaleEntry);
    let right = format!("bindback hosts set east.demo.test 127.0.0.2 -c {WEST_CONFIG}");
    assert_eq!(command(first), right);
}

/// The same name from DNS, as a live check gives it; the table knows nothing of it.
#[test]
fn a_name_that_dns_leads_elsewhere_is_told() {
    let mut snapshot = healthy();
    call_failed(west(&mut snapshot), Codes::own(1722), Layer::Tcp);
    west(&mut snapshot).hosts.remove("east.demo.test");
    for (kind, target, result, detail) in [
        ("resolve", "east.demo.test", ProbeResult::Ok, "127.0.0.9, from the system's resolver"),
        ("tcp-mapper", "east.demo.test:40135", ProbeResult::Timeout, "no answer from 127.0.0.9"),
    ] {
        let check = ProbeFact {
            from: "WEST".to_owned(),
            detail: detail.to_owned(),
            ..check(kind, target, result)
        };
        snapshot.checks.push(check);
    }
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::LmhostsStaleEntry);
    assert_eq!(first.remedy[0].command, None);
    assert!(first.remedy[0].text.contains("hosts set east.demo.test 127.0.0.2"));
}

#[test]
fn a_closed_port_is_told() {
    let answer = diagnose(&port_closed());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::PortFilteredByFirewall);
    assert_eq!(command(first), format!("bindback network allow rpc 127.0.0.3/32 -c {EAST_CONFIG}"));
    let sources = sources(first);
    assert!(
        sources.contains(&"WEST event 9318") && sources.contains(&"WEST event 9322"),
        "{sources:?}"
    );
}

#[test]
fn a_mapper_that_answers_does_not_speak_against_a_closed_port() {
    let mut snapshot = port_closed();
    for (kind, port, result) in [
        ("tcp-mapper", 40135, ProbeResult::Ok),
        ("map", 40135, ProbeResult::Ok),
        ("tcp-rpc", 40749, ProbeResult::Reset),
    ] {
        let mut seen = check(kind, &format!("east.demo.test:{port}"), result);
        seen.from = "WEST".to_owned();
        snapshot.checks.push(seen);
    }
    let answer = diagnose(&snapshot);
    assert_eq!(decided(&answer).cause, Cause::PortFilteredByFirewall);
}

#[test]
fn a_closed_port_without_a_list_names_host_port_and_direction() {
    let mut snapshot = port_closed();
    east(&mut snapshot).rpc_allow.clear();
    let answer = diagnose(&snapshot);
    let first = answer.first().unwrap();
    assert_eq!(first.cause, Cause::PortFilteredByFirewall);
    assert!(!answer.undecided);
    assert_eq!(first.remedy[0].command, None);
    for part in ["40135 and 40749", "east.demo.test", "127.0.0.2", "from WEST"] {
        assert!(first.remedy[0].text.contains(part), "{}", first.remedy[0].text);
    }
}

#[test]
fn a_dead_server_is_told() {
    let answer = diagnose(&west_down());
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::RemoteServerUnreachable);
    assert_eq!(command(first), format!("bindback serve -c {WEST_CONFIG}"));
    // Why it does not run cannot be seen from here; where it can is told.
    let there = format!("bindback doctor -c {WEST_CONFIG}");
    assert!(first.remedy[0].text.contains(&there), "{}", first.remedy[0].text);
}

#[test]
fn a_dead_server_is_told_by_checks_alone() {
    let mut snapshot = west_down();
    east(&mut snapshot).events.clear();
    east(&mut snapshot).peers[0].last_failure_out = None;
    let answer = diagnose(&snapshot);
    assert_eq!(answer.first().unwrap().cause, Cause::RemoteServerUnreachable);
    assert!(!answer.undecided);
}

#[test]
fn the_refusing_side_alone_decides() {
    let cases = [
        (wrong_password(), Cause::ServiceAccountPasswordMismatch),
        (unknown_account(), Cause::ServiceAccountMissing),
        (without_role(), Cause::ServiceAccountLacksDirectoryRight),
    ];
    for (snapshot, cause) in cases {
        let answer = diagnose(&only(snapshot, "EAST"));
        assert_eq!(decided(&answer).cause, cause);
        assert!(command(decided(&answer)).contains(EAST_CONFIG));
    }
}

#[test]
fn the_refused_side_alone_says_where_to_look() {
    for snapshot in [wrong_password(), unknown_account(), without_role()] {
        let answer = diagnose(&only(snapshot, "WEST"));
        assert!(answer.undecided);
        let causes: Vec<Cause> = answer.diagnoses.iter().take(3).map(|one| one.cause).collect();
        assert!(causes.iter().all(|cause| cause.group() == finding::Group::Auth), "{causes:?}");
        let next = answer.next_probe.unwrap();
        assert!(next.check.contains("on EAST") && next.check.contains("9297"), "{}", next.check);
        assert_eq!(next.command.as_deref(), Some("bindback events --id 9297"));
        assert_eq!(next.would_tell.len(), 14);
    }
}

#[test]
fn the_side_that_cannot_resolve_decides_alone() {
    let answer = diagnose(&only(no_host_name(), "WEST"));
    assert_eq!(decided(&answer).cause, Cause::RemoteNameUnresolvable);
    assert_eq!(decided(&answer).remedy[0].command, None, "nobody knows the address");
    let answer = diagnose(&only(no_bind_back_name(), "WEST"));
    assert_eq!(decided(&answer).cause, Cause::BindbackNameUnresolvable);
}

#[test]
fn the_caller_alone_cannot_tell_why_it_is_not_bound_back_to() {
    let answer = diagnose(&only(no_bind_back_name(), "EAST"));
    assert!(answer.undecided);
    let next = answer.next_probe.unwrap();
    assert!(next.check.contains("on WEST") && next.check.contains("9322"), "{}", next.check);
    assert!(next.would_tell.contains(&Cause::BindbackNameUnresolvable));
}

#[test]
fn a_blocked_way_seen_from_one_side_is_undecided() {
    let answer = diagnose(&only(port_closed(), "WEST"));
    assert!(answer.undecided);
    assert!(answer.next_probe.unwrap().would_tell.contains(&Cause::RemoteServerUnreachable));
}

#[test]
fn events_alone_are_enough() {
    let mut snapshot = wrong_password();
    for server in &mut snapshot.servers {
        server.peers[0].last_failure_in = None;
        server.peers[0].last_failure_out = None;
    }
    assert_eq!(decided(&diagnose(&snapshot)).cause, Cause::ServiceAccountPasswordMismatch);
}

#[test]
fn memories_alone_are_enough() {
    for (mut snapshot, cause) in [
        (wrong_password(), Cause::ServiceAccountPasswordMismatch),
        (no_bind_back_name(), Cause::BindbackNameUnresolvable),
        (port_closed(), Cause::PortFilteredByFirewall),
    ] {
        for server in &mut snapshot.servers {
            server.events.clear();
        }
        assert_eq!(decided(&diagnose(&snapshot)).cause, cause);
    }
}

#[test]
fn the_order_of_the_facts_does_not_matter() {
    for snapshot in
        [wrong_password(), unknown_account(), no_bind_back_name(), port_closed(), west_down()]
    {
        let answer = diagnose(&snapshot);
        assert_eq!(answer, diagnose(&snapshot.clone()));
        let mut turned = snapshot;
        turned.servers.reverse();
        turned.servers.iter_mut().for_each(|server| server.events.reverse());
        let turned = diagnose(&turned);
        assert_eq!(turned.diagnoses[0].cause, answer.diagnoses[0].cause);
        assert_eq!(turned.diagnoses[0].remedy, answer.diagnoses[0].remedy);
        assert!(
            (turned.diagnoses[0].confidence - answer.diagnoses[0].confidence).abs() < f64::EPSILON
        );
    }
}

#[test]
fn every_known_cause_has_its_page() {
    let known = catalogue();
    assert_eq!(known.len(), 52);
    for reading in known {
        assert_eq!(reading.path, format!("docs/findings/{}.md", reading.cause));
        assert!(reading.page.contains(reading.cause.slug()));
        for part in ["## What you see", "## Why", "## How the doctor tells", "## What to do"] {
            assert!(reading.page.contains(part), "{} lacks {part}", reading.path);
        }
        assert_eq!(explain(reading.cause), reading.page);
    }
    assert!(explain(Cause::MailStorm).starts_with("# mail-storm\n"));
}

#[test]
fn one_dead_server_is_one_diagnosis_for_all_who_miss_it() {
    let mut snapshot = west_down();
    let mut north = server("NORTH", "WEST", "127.0.0.4", "127.0.0.3");
    call_failed(&mut north, Codes::own(1722), Layer::Tcp);
    snapshot.servers.push(north);
    let answer = diagnose(&snapshot);
    let first = decided(&answer);
    assert_eq!(first.cause, Cause::RemoteServerUnreachable);
    assert!(
        sources(first).contains(&"NORTH event 9318") && sources(first).contains(&"EAST event 9318")
    );
    assert_eq!(answer.diagnoses.iter().filter(|one| one.cause == first.cause).count(), 1);
}

#[test]
fn a_name_that_fails_a_live_check_is_told_before_mail_does() {
    let mut snapshot = healthy();
    snapshot.checks.push(check("resolve", "west.demo.test", ProbeResult::NotFound));
    let answer = diagnose(&snapshot);
    assert_eq!(answer.first().unwrap().cause, Cause::RemoteNameUnresolvable);
    assert!(!answer.undecided);
}

#[test]
fn a_refusal_that_is_not_about_the_role_is_left_undecided() {
    let mut snapshot = east_refuses_west(5, r"ORG\svc-west does not speak for WEST");
    for event in east(&mut snapshot).events.iter_mut().filter(|event| event.id == 9297) {
        event.params.insert("step".to_owned(), "account".into());
    }
    let answer = diagnose(&snapshot);
    assert!(answer.undecided, "{:?}", answer.first());
}
