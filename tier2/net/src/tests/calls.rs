//! Calls over a connection that both sides have proved themselves on.

use std::time::Duration;

use dcerpc::status::NCA_OP_RNG_ERROR;
use dcerpc::{AuthLevel, BindRefusal, CallTarget, ContextNumber, IdentityNumber, SyntaxId};
use security::LogonFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::*;
use crate::{AddError, CallError, serve_rpc};

async fn privacy() -> Link {
    Link::new(PASSWORD, AuthLevel::Privacy, PATIENCE).await
}

#[tokio::test]
async fn a_call_is_answered() {
    let link = privacy().await;
    // Of every kind of size: empty, one fragment, many.
    for length in [0, 4, 5000, 300_000] {
        let stub: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[1]).collect();
        let reply = link.client.call(ECHO, stub.clone(), PATIENCE).await.unwrap();
        assert!(reply.stub == stub, "{length}");
    }
    let callers = link.service.callers.lock().unwrap();
    assert!(callers.iter().all(|caller| *caller == (Some(account()), AuthLevel::Privacy)));
    assert_eq!(callers.len(), 4);
}

#[tokio::test]
async fn a_fault_is_an_answer_and_the_connection_goes_on() {
    let link = privacy().await;
    for status in [5, 1753, NCA_OP_RNG_ERROR] {
        let stub = status.to_le_bytes().to_vec();
        let answer = link.client.call(FAULT, stub, PATIENCE).await;
        let same = matches!(answer, Err(CallError::Fault { status: got }) if got == status);
        assert!(same, "{status}: {answer:?}");
    }
    link.client.call(ECHO, Vec::new(), PATIENCE).await.unwrap();
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let link = privacy().await;
    let first = async {
        let reply = link.client.call(WAIT, Vec::new(), PATIENCE).await.unwrap();
        assert_eq!(reply.stub, b"waited");
    };
    let second = async {
        link.service.begun.notified().await;
        let reply = link.client.call(ECHO, b"between!".to_vec(), PATIENCE).await.unwrap();
        assert_eq!(reply.stub, b"between!");
        let reply = link.client.call(OPEN, Vec::new(), PATIENCE).await.unwrap();
        assert_eq!(reply.stub, b"opened");
    };
    // The first can only end after the second had two answers.
    tokio::join!(first, second);
}

#[tokio::test]
async fn a_server_that_goes_away_takes_the_call_with_it() {
    let link = privacy().await;
    let gone = async {
        link.service.begun.notified().await;
        link.server.abort();
    };
    let (answer, ()) = tokio::join!(link.client.call(SILENCE, Vec::new(), PATIENCE), gone);
    assert!(matches!(answer, Err(CallError::Lost)), "{answer:?}");
    tokio::time::timeout(PATIENCE, link.client.closed()).await.unwrap();
    let answer = link.client.call(ECHO, Vec::new(), PATIENCE).await;
    assert!(matches!(answer, Err(CallError::Lost)), "{answer:?}");
}

#[tokio::test]
async fn patience_ends_and_the_connection_goes_on() {
    let link = privacy().await;
    let patience = Duration::from_millis(20);
    let answer = link.client.call(SILENCE, Vec::new(), patience).await;
    assert!(matches!(answer, Err(CallError::TimedOut { waited }) if waited == patience));
    let reply = link.client.call(ECHO, b"still here!!".to_vec(), PATIENCE).await.unwrap();
    assert_eq!(reply.stub, b"still here!!");
}

/// What is given up here ends there: by patience that ends, and by a caller that stops waiting.
#[tokio::test]
async fn a_call_that_is_given_up_ends_at_the_server() {
    let link = privacy().await;
    let answer = link.client.call(SILENCE, Vec::new(), Duration::from_millis(20)).await;
    assert!(matches!(answer, Err(CallError::TimedOut { .. })), "{answer:?}");
    tokio::time::timeout(PATIENCE, link.service.ended.notified()).await.unwrap();
    let begun = async {
        link.service.begun.notified().await;
        link.service.begun.notified().await;
    };
    tokio::select! {
        answer = link.client.call(SILENCE, Vec::new(), PATIENCE) => panic!("{answer:?}"),
        () = begun => {}
    }
    tokio::time::timeout(PATIENCE, link.service.ended.notified()).await.unwrap();
    link.client.call(ECHO, Vec::new(), PATIENCE).await.unwrap();
}

/// More calls than may be outstanding are given up one after the other: nothing is left of them.
#[tokio::test]
async fn calls_given_up_leave_nothing_behind() {
    let link = privacy().await;
    for _ in 0..200 {
        let answer = link.client.call(SILENCE, Vec::new(), Duration::from_millis(1)).await;
        assert!(matches!(answer, Err(CallError::TimedOut { .. })), "{answer:?}");
        link.client.call(ECHO, Vec::new(), PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_stops_asks_to_be_let_go() {
    let link = privacy().await;
    let waiting = link.client.call(WAIT, Vec::new(), PATIENCE);
    let stop = async {
        link.service.begun.notified().await;
        link.service.stop.notify_waiters();
        // A call that began before still has its answer, and only then the connection ends.
        let opened = link.client.call(OPEN, Vec::new(), PATIENCE).await.unwrap();
        assert_eq!(opened.stub, b"opened");
    };
    let (answer, ()) = tokio::join!(waiting, stop);
    assert_eq!(answer.unwrap().stub, b"waited");
    tokio::time::timeout(PATIENCE, link.client.closed()).await.unwrap();
    tokio::time::timeout(PATIENCE, link.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn somebody_else_is_asked_about_an_account_of_another_domain() {
    for (password, right) in [(PASSWORD, true), ("wrong", false)] {
        let (near, far) = connection().await;
        let service = std::sync::Arc::new(TestService::default());
        let serving = std::sync::Arc::clone(&service);
        // As a listener does it, so that a question finds its way through the gate.
        let pass = crate::Gate::new(1).admit().await.unwrap();
        tokio::spawn(crate::serve_admitted(far, association(INTERFACE), serving, PATIENCE, pass));
        let who: identity::AccountName = "FAR\\ann".parse().unwrap();
        let initiator = Some(initiator_of(who.clone(), password));
        let config = dcerpc::ClientConfig { initiator, ..client_config("", AuthLevel::Privacy) };
        let client = crate::RpcClient::bind(near, config).await.unwrap();
        let answer = client.call(ECHO, b"call".to_vec(), PATIENCE).await;
        if right {
            assert_eq!(answer.unwrap().stub, b"call");
            let callers = service.callers.lock().unwrap();
            assert_eq!(callers[..], [(Some(who), AuthLevel::Privacy)]);
        } else {
            assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{answer:?}");
            let failed = service.failed.lock().unwrap();
            assert_eq!(failed[..], [(Some(who), LogonFailure::WrongPassword)]);
        }
    }
}

/// An octet now and then is no sign of life of somebody who has not said who it is.
#[tokio::test(start_paused = true)]
async fn who_never_binds_is_let_go_however_slowly_it_speaks() {
    let (mut near, far) = connection().await;
    let service = std::sync::Arc::new(TestService::default());
    let server = tokio::spawn(serve_rpc(far, association(INTERFACE), service, PATIENCE * 60));
    let begun = tokio::time::Instant::now();
    for octet in [5, 0, 11, 3, 16, 0, 0, 0] {
        if near.write_all(&[octet]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    server.await.unwrap().unwrap();
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(60), "{waited:?}");
}

#[tokio::test]
async fn a_wrong_password_is_named_there_and_denied_here() {
    let link = Link::new("wrong", AuthLevel::Privacy, PATIENCE).await;
    let answer = link.client.call(ECHO, Vec::new(), PATIENCE).await;
    assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{answer:?}");
    // Who was refused has nothing more to say on this connection.
    tokio::time::timeout(PATIENCE, link.client.closed()).await.unwrap();
    let failed = link.service.failed.lock().unwrap();
    assert_eq!(*failed, [(Some(account()), LogonFailure::WrongPassword)]);
    assert!(link.service.callers.lock().unwrap().is_empty(), "nothing was executed");
}

#[tokio::test]
async fn less_than_privacy_reaches_nobody() {
    for level in [AuthLevel::None, AuthLevel::Connect, AuthLevel::Integrity] {
        let link = Link::new(PASSWORD, level, PATIENCE).await;
        let answer = link.client.call(ECHO, Vec::new(), PATIENCE).await;
        assert!(matches!(answer, Err(CallError::Fault { status: 5 })), "{level:?}: {answer:?}");
        assert!(link.service.callers.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn dropping_the_client_ends_the_server_and_its_calls() {
    let link = privacy().await;
    let begun = async { link.service.begun.notified().await };
    tokio::select! {
        answer = link.client.call(SILENCE, Vec::new(), PATIENCE) => panic!("{answer:?}"),
        () = begun => {}
    }
    drop(link.client);
    tokio::time::timeout(PATIENCE, link.server).await.unwrap().unwrap();
    // The call that was under way held a handle to the service.
    assert_eq!(std::sync::Arc::strong_count(&link.service), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_while_a_call_is_under_way() {
    let idle = Duration::from_millis(20);
    let link = Link::new(PASSWORD, AuthLevel::Privacy, idle).await;
    link.client.call(ECHO, Vec::new(), PATIENCE).await.unwrap();
    tokio::time::timeout(PATIENCE, link.client.closed()).await.unwrap();

    let link = Link::new(PASSWORD, AuthLevel::Privacy, idle).await;
    let answer = link.client.call(SILENCE, Vec::new(), idle * 5).await;
    assert!(matches!(answer, Err(CallError::TimedOut { .. })), "{answer:?}");
    link.client.call(ECHO, Vec::new(), PATIENCE).await.unwrap();
}

#[tokio::test]
async fn who_never_binds_or_says_rubbish_is_cut_off() {
    for rubbish in [b"".as_slice(), b"GET / HTTP/1.0\r\n\r\n", b"\x05\x00\x0b\x03\x10\x00\x00\x00"]
    {
        let (mut near, far) = connection().await;
        let service = std::sync::Arc::new(TestService::default());
        let idle = Duration::from_millis(20);
        let server = tokio::spawn(serve_rpc(far, association(INTERFACE), service, idle));
        near.write_all(rubbish).await.unwrap();
        let mut said = Vec::new();
        // A reset is an end too.
        let _ = tokio::time::timeout(PATIENCE, near.read_to_end(&mut said)).await.unwrap();
        let result = tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap();
        assert_eq!(result.is_err(), rubbish.starts_with(b"GET"), "{result:?}");
    }
}

#[tokio::test]
async fn interfaces_and_identities_are_added_while_calls_go_on() {
    let link = Link::new(PASSWORD, AuthLevel::Privacy, PATIENCE).await;
    let waits = async {
        let reply = link.client.call(WAIT, Vec::new(), PATIENCE).await.unwrap();
        assert_eq!(reply.stub, b"waited");
    };
    let adds = async {
        link.service.begun.notified().await;
        let second = link.client.add_interface(SECOND, PATIENCE).await.unwrap();
        // One that the server does not have is refused; nothing else is lost.
        let unknown = SyntaxId::new(SECOND.uuid, 9, 0);
        let refused = link.client.add_interface(unknown, PATIENCE).await;
        assert!(matches!(refused, Err(AddError::Refused(BindRefusal::Context { .. }))));
        let signs = initiator(PASSWORD);
        let signs = link.client.add_identity(AuthLevel::Integrity, signs, PATIENCE).await.unwrap();
        for (context, identity) in [
            (second, IdentityNumber::FIRST),
            (second, signs),
            (ContextNumber::FIRST, IdentityNumber::FIRST),
        ] {
            let target = CallTarget { context, identity, object: None };
            let called = link.client.call_with(target, ECHO, b"here".to_vec(), PATIENCE).await;
            assert_eq!(called.unwrap().stub, b"here");
        }
        link.client.call(OPEN, Vec::new(), PATIENCE).await.unwrap();
    };
    tokio::join!(waits, adds);
    let levels: Vec<AuthLevel> =
        link.service.callers.lock().unwrap().iter().map(|caller| caller.1).collect();
    let privacy = AuthLevel::Privacy;
    assert_eq!(levels, [privacy, privacy, AuthLevel::Integrity, privacy, privacy]);
}

#[tokio::test]
async fn an_identity_with_a_wrong_password_never_calls() {
    let link = privacy().await;
    let wrong = initiator("wrong");
    // Its last leg has no answer: the refusal may come before or with the first call.
    let refused = match link.client.add_identity(AuthLevel::Integrity, wrong, PATIENCE).await {
        Ok(identity) => {
            let target = CallTarget { identity, ..CallTarget::default() };
            link.client.call_with(target, ECHO, Vec::new(), PATIENCE).await.is_err()
        }
        Err(_) => true,
    };
    assert!(refused);
    assert!(link.service.callers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_never_added_cannot_be_called() {
    let (one, other) = (privacy().await, privacy().await);
    let context = one.client.add_interface(SECOND, PATIENCE).await.unwrap();
    let target = CallTarget { context, ..CallTarget::default() };
    let called = other.client.call_with(target, ECHO, Vec::new(), PATIENCE).await;
    assert!(matches!(called, Err(CallError::Refused(_))), "{called:?}");
    other.client.call(ECHO, Vec::new(), PATIENCE).await.unwrap();
}
