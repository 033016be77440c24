//! What is too long, malformed, or simply not HTTP.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::socket::{Running, start};
use crate::parameters::MAX_ORDER;

async fn exchange(path: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // The server may refuse and close before all of it is written.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let running = start();
    let Running { path, fake, .. } = &running;
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(MAX_ORDER));
    let answer = exchange(path, &post("/v1/queue/delete", &long)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains(r#""schema":"bindback.error/1","error":{"kind":"invalid""#));
    // Chunks tell no length beforehand.
    let chunk = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let head = "POST /v1/queue/delete HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = exchange(path, format!("{head}{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_head_has_a_limit() {
    let running = start();
    let Running { path, .. } = &running;
    let request = format!("GET /v1/queue?{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(200_000));
    let answer = exchange(path, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let headers: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    let request = format!("GET /v1/queue HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let answer = exchange(path, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn what_is_wrong_is_told_without_repeating_it() {
    let running = start();
    let Running { path, fake, .. } = &running;
    let body = r#"{"name":"DEMO\\a","password":["hunter2"]}"#;
    let answer = exchange(path, &post("/v1/accounts/add", body)).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("line 1 column") && !answer.contains("hunter2"), "{answer}");
    for (request, expected) in [
        ("GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"),
        ("DELETE /v1/queue HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"),
        ("GET /v1/events?since=yesterday HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400"),
        ("GET /v1/events?sinc=x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400"),
        ("POST /v1/send?cc=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 400"),
        ("\x16\x03\x01\x02\x00", ""),
    ] {
        let answer = exchange(path, request.as_bytes()).await;
        assert!(answer.starts_with(expected), "{request}: {answer}");
    }
    assert!(fake.asked().is_empty());
}
