//! Logons that somebody else judges, while the connection waits.

use security::{AuthLevel, Initiator, LogonFailure, LogonKey, LogonVerdict};

use super::fixture::{PASSWORD, Pair, client, negotiated, ntlm, server};
use crate::{BindRefusal, ClientEvent, RpcError, ServerEvent, status};

const ACCOUNT: &str = "FAR\\ann";

/// What a domain controller computes of a version 2 answer.
fn domain(pair: &mut Pair) -> LogonVerdict {
    let [ServerEvent::LogonAsked { question }] = <[_; 1]>::try_from(pair.server_events()).unwrap()
    else {
        panic!("nobody asked");
    };
    assert_eq!(question.account.to_string(), ACCOUNT);
    let key = key_of(&question.nt_response, question.challenge, &question.user, &question.domain);
    key.map(LogonKey::new).ok_or(LogonFailure::WrongPassword)
}

fn key_of(response: &[u8], challenge: [u8; 8], user: &str, domain: &str) -> Option<[u8; 16]> {
    security::ntlm::verify(
        &security::ntlm::nt_hash(&identity::Password::from(PASSWORD)),
        response,
        challenge,
        user,
        domain,
    )
}

fn asked(initiator: Option<Box<dyn Initiator>>) -> Pair {
    let mut pair = Pair::new(client(AuthLevel::Privacy, initiator), server(AuthLevel::Privacy));
    pair.client.call(3, b"call").unwrap();
    pair.run();
    assert!(pair.server.is_asking());
    pair
}

#[test]
fn what_comes_meanwhile_is_served_once_the_verdict_is_there() {
    for initiator in [ntlm(ACCOUNT, PASSWORD), negotiated(ACCOUNT, PASSWORD)] {
        let mut pair = asked(initiator);
        let verdict = domain(&mut pair);
        // Raw NTLM is bound by now as far as the client knows, and its call waits in the server.
        assert!(pair.server_events().is_empty());
        pair.server.judge(verdict).unwrap();
        assert!(!pair.server.is_asking());
        let events = pair.run_echo();
        let Some(ClientEvent::Reply { stub, .. }) = events.last() else { panic!("{events:?}") };
        assert_eq!(stub, b"llac");
    }
}

#[test]
fn a_refusal_is_told_with_its_reason_and_the_wire_hears_access_denied() {
    let refused = Err(LogonFailure::LockedOut);
    // Raw NTLM: at the first call.
    let mut pair = asked(ntlm(ACCOUNT, PASSWORD));
    pair.server_events();
    assert!(matches!(pair.server.judge(refused), Err(RpcError::Protocol { .. })));
    let failed = pair.server.poll_event();
    assert!(
        matches!(failed, Some(ServerEvent::AuthenticationFailed { account: Some(ref who), ref failure }) if who.to_string() == ACCOUNT && failure.logon_failure() == LogonFailure::LockedOut),
        "{failed:?}"
    );
    pair.client.handle_bytes(&pair.server.poll_transmit().unwrap()).unwrap();
    let events = pair.client_events();
    assert!(
        matches!(
            events[..],
            [ClientEvent::Bound, ClientEvent::Fault { status: status::ACCESS_DENIED, .. }]
        ),
        "{events:?}"
    );
    // SPNEGO: in the answer that waited.
    let mut pair = asked(negotiated(ACCOUNT, PASSWORD));
    pair.server_events();
    assert!(pair.server.judge(Err(LogonFailure::Disabled)).is_err());
    pair.client.handle_bytes(&pair.server.poll_transmit().unwrap()).unwrap();
    let events = pair.client_events();
    assert!(
        matches!(
            events[..],
            [ClientEvent::Refused(BindRefusal::Fault { status: status::ACCESS_DENIED })]
        ),
        "{events:?}"
    );
}

#[test]
fn a_verdict_that_nobody_asked_for_changes_nothing() {
    let mut pair = Pair::new(client(AuthLevel::None, None), server(AuthLevel::None));
    pair.run();
    pair.server.judge(Ok(LogonKey::new([1; 16]))).unwrap();
    pair.client.call(0, b"").unwrap();
    assert!(matches!(pair.run_echo().last(), Some(ClientEvent::Reply { .. })));
}
