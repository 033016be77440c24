use std::collections::BTreeSet;

use super::*;

#[test]
fn the_causes_of_a_demo_stand_once_each() {
    let mut slugs: Vec<&str> = Vec::new();
    for fault in FAULTS.iter().filter(|fault| fault.suits_a_demo()) {
        if !slugs.contains(&fault.cause.slug()) {
            slugs.push(fault.cause.slug());
            assert_eq!(find(Carrier::Rpc, fault.cause), Some(fault));
        }
    }
    assert_eq!(
        slugs,
        [
            "service-account-password-mismatch",
            "service-account-missing",
            "service-account-lacks-directory-right",
            "remote-name-unresolvable",
            "bindback-name-unresolvable",
            "lmhosts-stale-entry",
            "port-filtered-by-firewall",
            "remote-server-unreachable",
            "account-disabled",
            "account-expired",
            "password-expired",
            "logon-right-missing",
            "service-account-mismatch",
            "override-account-wrong",
            "directory-not-replicated",
        ]
    );
    assert_eq!(find(Carrier::Rpc, Cause::NicTeamingDriverConflict), None);
    for carrier in [Carrier::Rpc, Carrier::Rfc1006] {
        assert_eq!(of(carrier)[0].cause, carrier.default_fault());
    }
}

#[test]
fn no_two_scenarios_have_one_name() {
    let all = || FAULTS.iter().chain(X400_FAULTS);
    let names: BTreeSet<&str> = all().map(|fault| fault.name).collect();
    assert_eq!(names.len(), all().count());
}

#[test]
fn with_kerberos_a_key_differs_instead_of_a_password() {
    let fault = find_with_kerberos(Cause::ServiceAccountPasswordMismatch).unwrap();
    assert_eq!(fault.put_in, [Act::ChangeKey(Side::East)]);
    assert_eq!(fault.expected[3].to_string(), "EAST event 9297 with code 1396");
    assert_eq!(find_with_kerberos(Cause::ServiceAccountMissing), None);
    let same = Cause::RemoteNameUnresolvable;
    assert_eq!(find_with_kerberos(same), find(Carrier::Rpc, same));
}

#[test]
fn every_fault_stops_mail_where_it_is_asked_about_and_is_logged_there() {
    let stopping =
        |fault: &&Fault| !fault.stops.is_empty() && !fault.degrading && !fault.takes_none;
    for fault in FAULTS.iter().filter(stopping).filter(|fault| !fault.claims.contains(&18)) {
        // A server that cannot start is asked itself; the others miss it.
        let cannot_start = fault.put_in.iter().any(|act| matches!(act, Act::Fails(_, ["serve"])));
        assert!(fault.stops.contains(&fault.ask) || cannot_start, "{}", fault.title);
        for side in fault.stops {
            let logged = |event: &&ExpectedEvent| event.server == *side && event.id == 9318;
            // What EAST makes of a clock of its own depends on the KDC.
            let by_clock = fault.cause == Cause::ClockSkew && *side == Side::East;
            let wanted = usize::from(!by_clock);
            assert_eq!(fault.expected.iter().filter(logged).count(), wanted, "{}", fault.title);
        }
        assert!(fault.expected.iter().all(|event| TELLING_EVENTS.contains(&event.id)));
    }
}

/// What is dialled stops both ways, since the called server waits for the call; the dialling one tells of it.
#[test]
fn a_call_that_fails_is_logged_by_the_server_that_dials() {
    let dialled = || FAULTS.iter().filter(|fault| fault.claims.contains(&18));
    assert_eq!(dialled().count(), 15);
    for fault in dialled() {
        assert_eq!((fault.stops, fault.ask), (&[Side::East, Side::West][..], Side::East));
        let silent = fault.degrading || fault.cause == Cause::ConnectorScheduleNever;
        let by_east = fault.expected.iter().any(|event| event.server == Side::East);
        assert!(by_east != silent, "{}", fault.name);
    }
}

#[test]
fn a_bind_error_stands_only_with_the_caller_and_beside_a_failed_bind_back() {
    for fault in FAULTS {
        for event in fault.expected {
            let Some((comms, bind)) = event.errors else {
                let of_call = [event::id::DIAL_FAILED, event::id::LINK_FAILED].contains(&event.id);
                assert!(event.id == 9297 || fault.takes_none || of_call);
                continue;
            };
            assert_eq!(Some(comms), event.code);
            let by_east = event.id == 9318 && event.server == Side::East;
            if fault.name == "dial-up-no-override-on-the-caller" {
                // The dialled server refuses the bind itself.
                assert_eq!(bind, 0, "{event}");
                continue;
            }
            // A server without a network hears no answer.
            let hears = !(fault.wired && fault.for_all);
            // Nor does one that itself refuses what it is offered.
            let binds = !fault
                .put_in
                .iter()
                .any(|act| matches!(act, Act::Pose(_, Some("56-bit" | "56-bit-sealing"))));
            assert_eq!(bind != 0, by_east && hears && binds, "{event}");
        }
    }
}

#[test]
fn what_is_the_trouble_of_everybody_stops_for_all() {
    let down = find(Carrier::Rpc, Cause::RemoteServerUnreachable).unwrap();
    let sides = [Side::North, Side::East, Side::West];
    assert_eq!(down.stopped(&sides), [(Side::North, Side::East), (Side::West, Side::East)]);
    let pairs = FAULTS[0].stopped(&sides);
    assert_eq!(pairs, [(Side::East, Side::West), (Side::West, Side::East)]);
}

#[test]
fn expectations_are_told_in_words() {
    let told: Vec<String> = FAULTS[0].expected.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "WEST event 9318 with code 5, comms 5, bind 0");
    assert_eq!(told[3], "EAST event 9297 with code 1326");
}
