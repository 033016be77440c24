//! Calls over a connection that both sides have proved themselves on.

use std::time::Duration;

use dcerpc::AuthLevel;
use dcerpc::status::NCA_OP_RNG_ERROR;
use security::LogonFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::*;
use crate::{CallError, serve_rpc};

async fn privacy() -> Link {
    Link::new(PASSWORD, AuthLevel::Privacy, PATIENCE).await
}

#[tokio::test]
async fn a_call_is_answered() {
    let link = privacy().await;
    // Of every kind of size: empty, one fragment, many.
    for length in [0, 1, 5000, 300_000] {
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
        let reply = link.client.call(ECHO, b"between".to_vec(), PATIENCE).await.unwrap();
        assert_eq!(reply.stub, b"between");
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
    let reply = link.client.call(ECHO, b"still here".to_vec(), PATIENCE).await.unwrap();
    assert_eq!(reply.stub, b"still here");
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
