//! Lines that are bad while nothing has failed yet.

use super::*;

/// What WEST measured of the line to EAST.
fn measured(loss: ProbeResult, large: ProbeResult, throughput: ProbeResult) -> Snapshot {
    let mut snapshot = healthy();
    let check = |check: &str, result| ProbeFact {
        check: check.into(),
        from: "WEST".into(),
        target: "east.demo.test:40135".into(),
        result,
        detail: "measured".into(),
        ms: 1,
    };
    snapshot.checks =
        vec![check("loss", loss), check("large-packets", large), check("throughput", throughput)];
    snapshot
}

const OK: ProbeResult = ProbeResult::Ok;
const BAD: ProbeResult = ProbeResult::Error;
const SILENT: ProbeResult = ProbeResult::Timeout;

#[test]
fn a_measure_beyond_its_threshold_is_enough_and_loss_explains_the_others() {
    for (loss, large, throughput, cause) in [
        (BAD, OK, OK, Cause::NetworkUnreliable),
        (BAD, SILENT, OK, Cause::NetworkUnreliable),
        (BAD, OK, BAD, Cause::NetworkUnreliable),
        (OK, SILENT, OK, Cause::MtuPathLimited),
        (OK, OK, BAD, Cause::NetworkInsufficientBandwidth),
    ] {
        let answer = diagnose(&measured(loss, large, throughput));
        assert_eq!(answer.diagnoses[0].cause, cause, "{answer:#?}");
        assert!(!answer.undecided, "{answer:#?}");
    }
    assert!(diagnose(&measured(OK, OK, OK)).is_healthy());
}

/// Calls that are lost on a bad line make no firewall and no dead server.
#[test]
fn a_lost_call_on_a_bad_line_is_the_line_and_a_refused_account_is_not() {
    let mut lost = measured(BAD, OK, OK);
    let failure = |code, layer| FailureFacts {
        time: at(FAILED),
        code,
        comms: code,
        bind: 0,
        layer: Some(layer),
        text: String::new(),
        protocol_string: Some("ncacn_ip_tcp:127.0.0.2[40135]".into()),
    };
    lost.servers[1].peers[0].last_failure_out = Some(failure(1722, Layer::Tcp));
    assert_eq!(diagnose(&lost).diagnoses[0].cause, Cause::NetworkUnreliable);
    let mut refused = measured(BAD, OK, OK);
    refused.servers[1].peers[0].last_failure_out = Some(failure(5, Layer::Bind));
    let account = &mut refused.servers[0].accounts[0];
    (account.state, account.states) = ("disabled".into(), vec!["disabled".into()]);
    let violation = build::security_violation(&SecurityViolation {
        user: r"ORG\svc-west".into(),
        ltab_index: 1,
        code: 1331,
        reason: "disabled".into(),
        peer: Some("WEST".into()),
        step: Some("authentication".into()),
        ..SecurityViolation::default()
    });
    refused.servers[0].events.push(violation.stamp(at(FAILED), "EAST"));
    assert_eq!(diagnose(&refused).diagnoses[0].cause, Cause::AccountDisabled);
}
