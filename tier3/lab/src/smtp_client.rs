//! One message over SMTP, as any mail program would hand it in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use smtp::{SendDialogue, SendRequest, SendResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest transaction; 50 MiB over loopback with an fsync take a few seconds.
const TRANSACTION_TIME: Duration = Duration::from_secs(60);

/// Octets read at once; replies are short.
const READ: usize = 4096;

/// Why a message was not handed in.
#[derive(Debug, thiserror::Error)]
pub enum HandInError {
    #[error("the SMTP connection to {server} failed")]
    Connection {
        server: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the SMTP server {server} gave no answer within {} s", TRANSACTION_TIME.as_secs())]
    TimeOut { server: SocketAddr },
    #[error("the SMTP server {server} refused {recipients}: {reply}")]
    Refused { server: SocketAddr, recipients: String, reply: String },
}

/// Hands in a message for all its recipients and gives back the identifier that the server told.
pub(crate) async fn hand_in(
    server: SocketAddr,
    request: SendRequest,
) -> Result<Option<String>, HandInError> {
    let result = tokio::time::timeout(TRANSACTION_TIME, transact(server, request))
        .await
        .map_err(|_| HandInError::TimeOut { server })?
        .map_err(|source| HandInError::Connection { server, source })?;
    if let Some((_, reply)) = result.refused.first() {
        let recipients: Vec<&str> = result.refused.iter().map(|(address, _)| &**address).collect();
        return Err(HandInError::Refused {
            server,
            recipients: recipients.join(", "),
            reply: reply.to_string().trim().to_owned(),
        });
    }
    Ok(result.reply.as_ref().and_then(|reply| told_identifier(&reply.lines)))
}

async fn transact(server: SocketAddr, request: SendRequest) -> io::Result<SendResult> {
    let mut stream = TcpStream::connect(server).await?;
    let mut dialogue = SendDialogue::new("demo.test", request);
    let mut buffer = [0; READ];
    while !dialogue.is_closed() {
        while let Some(octets) = dialogue.poll_transmit() {
            stream.write_all(&octets).await?;
        }
        match stream.read(&mut buffer).await? {
            0 => dialogue.handle_end(),
            count => dialogue.handle_bytes(&buffer[..count]),
        }
    }
    dialogue.result().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// The last word of `queued as ID`.
fn told_identifier(lines: &[String]) -> Option<String> {
    let line = lines.last()?;
    let (_, rest) = line.split_once("queued as ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::net::TcpListener;

    /// A server that answers each line in turn, and the content with the last reply.
    async fn server(replies: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut in_data = false;
            for reply in replies {
                stream.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                in_data |= reply.starts_with("354");
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap() > 0 {
                    if !in_data || line == ".\r\n" {
                        in_data = false;
                        break;
                    }
                    line.clear();
                }
            }
        });
        address
    }

    fn request() -> SendRequest {
        SendRequest {
            reverse_path: "anna@east.demo.test".to_owned(),
            recipients: vec!["bert@west.demo.test".to_owned()],
            content: b"Subject: a\r\n\r\nb\r\n".to_vec(),
        }
    }

    #[tokio::test]
    async fn a_message_is_handed_in_and_its_identifier_read() {
        let address = server(&[
            "220 x",
            "250 x",
            "250 ok",
            "250 ok",
            "354 go",
            "250 2.0.0 queued as M7",
            "221 bye",
        ])
        .await;
        assert_eq!(hand_in(address, request()).await.unwrap().as_deref(), Some("M7"));
    }

    #[tokio::test]
    async fn a_refusal_names_the_recipient_and_the_reply() {
        let address =
            server(&["220 x", "250 x", "250 ok", "550 5.1.1 no such mailbox", "221 bye"]).await;
        let told = hand_in(address, request()).await.unwrap_err().to_string();
        assert!(told.contains("bert@west.demo.test") && told.contains("no such mailbox"), "{told}");
    }

    #[tokio::test]
    async fn a_lost_connection_is_no_success() {
        let address = server(&["220 x", "250 x"]).await;
        assert!(hand_in(address, request()).await.is_err());
    }
}
