//! The neighbours' part, over TCP.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fake::Fake;
use crate::api::{AccountRole, EventQuery, ProbeOrder, RetrySelector};
use crate::{Client, ClientError, OperationError, serve_tcp};

const TOKEN: &str = "0123456789abcdef";

async fn start() -> (SocketAddr, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Arc::new(Fake::new());
    tokio::spawn(serve_tcp(listener, TOKEN.into(), fake, std::future::pending()));
    (address, Client::tcp(&address.to_string(), TOKEN.into()))
}

/// The status line of the answer to a request, as it stands.
async fn status(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap().lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_neighbour_reads() {
    let (_, client) = start().await;
    assert_eq!(client.facts().await.unwrap().name, "EAST");
    assert_eq!(client.probe(ProbeOrder { peer: "WEST".to_owned() }).await.unwrap().len(), 1);
    assert_eq!(client.events(EventQuery::default()).await.unwrap().len(), 2);
    assert_eq!(client.ltab().await.unwrap().len(), 1);
    assert_eq!(client.queues().await.unwrap().len(), 1);
    assert!(client.metrics().await.is_ok());
}

#[tokio::test]
async fn a_neighbour_changes_nothing() {
    let (_, client) = start().await;
    let role = AccountRole { name: r"DEMO\a".to_owned(), role: "r".to_owned() };
    let refusals = [
        client.account_grant(role).await.err(),
        client.account_remove("a".to_owned()).await.err(),
        client.accounts().await.err(),
        client.retry(RetrySelector::All).await.err(),
        client.delete("m1".to_owned()).await.err(),
        client.reload().await.err(),
        client.send(crate::api::SendOrder::default()).await.err(),
    ];
    for refusal in refusals {
        let refusal = refusal.unwrap();
        assert!(
            matches!(refusal, ClientError::Refused(OperationError::NotFound(_))),
            "{refusal:?}"
        );
    }
    let following = client.follow(EventQuery::default()).await;
    assert!(matches!(following, Err(ClientError::Refused(OperationError::Invalid(_)))));
}

#[tokio::test]
async fn without_the_token_there_is_nothing() {
    let (address, _) = start().await;
    for wrong in ["0123456789abcdeX", "0123456789abcde", "0123456789abcdef0", "x"] {
        let client = Client::tcp(&address.to_string(), wrong.into());
        let error = client.facts().await.unwrap_err();
        assert!(matches!(error, ClientError::Unauthorized { .. }), "{error:?}");
        assert!(!format!("{error:?} {client:?}").contains(wrong) || wrong == "x");
    }
    for headers in [
        String::new(),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Authorization: {TOKEN}\r\n"),
        format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer x\r\n"),
        "Authorization: Bearer \r\n".to_owned(),
    ] {
        for path in ["/v1/facts", "/metrics", "/v1/accounts", "/"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
            let answer = status(address, &request).await;
            assert_eq!(answer, "HTTP/1.1 401 Unauthorized", "{request}");
        }
    }
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nauthorization: bearer {TOKEN}\r\n\r\n");
    assert_eq!(status(address, &request).await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn nobody_there_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::tcp(&address.to_string(), TOKEN.into());
    assert!(matches!(client.facts().await, Err(ClientError::Unreachable { .. })));
    // One that accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = silent.local_addr().unwrap().to_string();
    let client = Client::tcp(&target, TOKEN.into()).patience(std::time::Duration::from_millis(50));
    assert!(matches!(client.facts().await, Err(ClientError::Timeout { .. })));
}

#[tokio::test]
async fn whoever_is_silent_keeps_nobody_out() {
    let (address, client) = start().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /v1/facts HTTP/1.1\r\nHost: ").await.unwrap();
        silent.push(stream);
    }
    // Half a request is dropped after ten seconds; nobody has to wait for that.
    let client = client.patience(std::time::Duration::from_secs(5));
    assert_eq!(client.facts().await.unwrap().name, "EAST");
}
