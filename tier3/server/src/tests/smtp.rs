//! SMTP in, as far as it is the server's: the dialogue itself is tested in its own room.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::fixture::*;
use crate::smtp_listener;

/// Sends lines and gives the last reply.
async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> String {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    hear(stream).await
}

async fn hear(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    }
}

#[tokio::test]
async fn what_gets_250_is_in_the_store_and_a_stop_tells_everybody() {
    let east = Server::start("EAST", listener().await, &[("WEST", 1)]).await;
    let (smtp, port) = listener().await;
    let running = tokio::spawn(smtp_listener::run(Arc::clone(&east.node), smtp));
    let connect = || async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let mut stream = BufReader::new(stream);
        assert!(hear(&mut stream).await.starts_with("220 "));
        stream
    };
    let (mut client, mut idle) = (connect().await, connect().await);
    for (line, reply) in [
        ("EHLO client.demo.test", "250"),
        ("MAIL FROM:<anna@east.demo.test>", "250"),
        ("RCPT TO:<bert@elsewhere.test>", "550"),
        ("RCPT TO:<bert@west.demo.test>", "250"),
        ("DATA", "354"),
    ] {
        let said = say(&mut client, line).await;
        assert!(said.starts_with(reply), "{line}: {said}");
    }
    let said = say(&mut client, "Subject: kept\r\n\r\nbody\r\n.").await;
    assert!(said.starts_with("250 "), "{said}");
    let stored = east.node.queue.store().load_messages().unwrap();
    assert_eq!(stored[0].recipients[0].address, "bert@west.demo.test");
    let content = east.node.queue.store().content(stored[0].head.id).unwrap().unwrap();
    assert!(content.ends_with(b"Subject: kept\r\n\r\nbody\r\n"));

    east.node.stop();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    for stream in [&mut client, &mut idle] {
        assert!(hear(stream).await.starts_with("421 "));
    }
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err());
}
