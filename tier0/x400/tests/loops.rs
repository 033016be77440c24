//! Trace information and the loop rules.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use ber::{BitString, Encoder, Tag};
use x400::{
    Attempted, GlobalDomainIdentifier, MessageTransferEnvelope, MtsApdu, OtherActions,
    RoutingAction, SuppliedInformation, append_trace, detects_domain_loop, detects_loop,
    internal_trace,
};

const PLAIN: &[u8] = include_bytes!("vectors/plain.ber");

fn envelope() -> MessageTransferEnvelope {
    let MtsApdu::Message(message) = MtsApdu::decode(PLAIN).unwrap() else { panic!("a message") };
    message.envelope
}

fn domain(prmd: &str) -> GlobalDomainIdentifier {
    format!("c=XX;a=ICAO;p={prmd}").parse().unwrap()
}

fn relayed() -> SuppliedInformation {
    SuppliedInformation::relayed("2026-11-22T06:48:00Z".parse().unwrap())
}

#[test]
fn one_external_element_per_domain_and_one_internal_per_mta() {
    let mut envelope = envelope();
    for (prmd, mta) in [("eddd", "A"), ("EDDD", "B"), ("LFFF", "C")] {
        assert!(!detects_loop(&envelope, &domain(prmd), mta));
        assert!(!detects_domain_loop(&envelope, &domain(prmd)));
        append_trace(&mut envelope, &domain(prmd), mta, relayed()).unwrap();
    }
    assert_eq!(envelope.trace.len(), 2);
    assert_eq!(internal_trace(&envelope.extensions).unwrap().len(), 3);
    assert_eq!(envelope.extensions.len(), 1);
    assert!(detects_loop(&envelope, &domain("EDDD"), "b"));
    assert!(!detects_loop(&envelope, &domain("LFFF"), "B"));
    assert!(detects_domain_loop(&envelope, &domain("EDDD")));
    assert!(!detects_domain_loop(&envelope, &domain("LFFF")), "still in it");
}

#[test]
fn rerouting_redirection_and_lists_excuse_a_return() {
    let excuses: [fn(&mut SuppliedInformation); 3] = [
        |supplied| supplied.routing_action = RoutingAction::Rerouted,
        |supplied| supplied.other_actions.redirected = true,
        |supplied| supplied.other_actions.dl_operation = true,
    ];
    for excuse in excuses {
        let mut envelope = envelope();
        append_trace(&mut envelope, &domain("EDDD"), "A", relayed()).unwrap();
        let mut supplied = relayed();
        excuse(&mut supplied);
        append_trace(&mut envelope, &domain("EDDD"), "B", supplied).unwrap();
        assert!(!detects_loop(&envelope, &domain("EDDD"), "A"));
        append_trace(&mut envelope, &domain("EDDD"), "A", relayed()).unwrap();
        assert!(detects_loop(&envelope, &domain("EDDD"), "A"), "an excuse counts once");
    }
}

/// KB Q164838: a message went to and fro 512 times.
#[test]
fn a_full_trace_is_a_loop() {
    let mut envelope = envelope();
    for hop in 0..512 {
        let mut supplied = relayed();
        supplied.routing_action = RoutingAction::Rerouted;
        assert!(!detects_loop(&envelope, &domain("EDDD"), "A"), "{hop}");
        append_trace(&mut envelope, &domain("EDDD"), "A", supplied).unwrap();
    }
    assert!(detects_loop(&envelope, &domain("EDDD"), "A"));
}

#[test]
fn all_that_a_trace_element_may_hold() {
    let mut envelope = envelope();
    let mut supplied = relayed();
    supplied.routing_action = RoutingAction::Other(7);
    supplied.attempted = Some(Attempted::Mta("C".into()));
    supplied.deferred = Some("2026-11-23T00:00:00Z".parse().unwrap());
    supplied.other_actions = OtherActions { redirected: true, dl_operation: false };
    append_trace(&mut envelope, &domain("EDDD"), "A", supplied.clone()).unwrap();
    envelope.trace[0].supplied.attempted = Some(Attempted::Domain(domain("LFFF")));
    let read = MessageTransferEnvelope::decode(&envelope.encode()).unwrap();
    assert_eq!(read, envelope);
    assert_eq!(internal_trace(&read.extensions).unwrap()[0].supplied, supplied);
}

#[test]
fn a_malformed_internal_trace_is_refused_and_kept() {
    let mut envelope = envelope();
    envelope.extensions.push(x400::ExtensionField::standard(38, |encoder: &mut Encoder| {
        encoder.bits(Tag::BIT_STRING, &BitString::default());
    }));
    let before = envelope.clone();
    assert!(append_trace(&mut envelope, &domain("LFFF"), "A", relayed()).is_err());
    assert_eq!(envelope, before);
    assert!(!detects_loop(&envelope, &domain("LFFF"), "A"));
}
