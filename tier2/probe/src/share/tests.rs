//! A server that has the password and signs as it is told to: what is not signed as it has to be is refused ([MS-SMB2] 3.2.5.1.3).

use std::sync::Arc;

use identity::{AccountName, NtHash, Password};
use security::ntlm::{
    AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed, ServerIdentity,
    nt_hash,
};
use security::{Acceptor, Accounts, FileTime, LogonFailure};
use tokio::net::TcpListener;

use super::*;

const PASSWORD: &str = "Letters.And.1";
const NOW: FileTime = FileTime(134_000_000_000_000_000);
const HEADER: usize = 64;
const SESSION_SETUP: u16 = 1;
const TREE_CONNECT: u16 = 3;

/// How a server signs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Signs {
    Rightly,
    /// Not at all.
    Not,
    /// With another key.
    Wrongly,
    /// Rightly, and then somebody changes an octet on the way.
    Changed,
}

struct Book;

impl Accounts for Book {
    fn nt_hash(&self, _: &AccountName) -> Result<NtHash, LogonFailure> {
        Ok(nt_hash(&Password::from(PASSWORD)))
    }
}

fn initiator() -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: "EAST\\mta".parse().unwrap(),
        secret: NtlmSecret::Password(Password::from(PASSWORD)),
        workstation: String::new(),
    };
    let seed = NtlmSeed { client_challenge: [3; 8], exported_session_key: [4; 16], now: NOW };
    Box::new(NtlmInitiator::new(credentials, seed, None))
}

/// The answer to a request: its head with another status and body.
fn answer(request: &[u8], status: u32, body: &[u8]) -> Vec<u8> {
    let mut message = request[..HEADER].to_vec();
    message[8..12].copy_from_slice(&status.to_le_bytes());
    // From the server, and not signed yet.
    message[16] = 1;
    message[36..40].copy_from_slice(&7_u32.to_le_bytes());
    message[40..48].copy_from_slice(&9_u64.to_le_bytes());
    message[48..HEADER].fill(0);
    message.extend(body);
    let length = u32::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message.as_slice()].concat()
}

fn setup(token: &[u8]) -> Vec<u8> {
    let mut body = vec![9, 0, 0, 0, 72, 0];
    body.extend(u16::try_from(token.len()).unwrap().to_le_bytes());
    body.extend(token);
    body
}

async fn serve(listener: TcpListener, signs: Signs) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let identity = ServerIdentity {
        computer: "EAST".to_owned(),
        domain: "EAST".to_owned(),
        dns_name: "east.demo.test".to_owned(),
    };
    let seed = AcceptSeed { server_challenge: *b"server-1", now: NOW };
    let mut acceptor = Some(Box::new(NtlmAcceptor::new(Arc::new(Book), identity, seed)));
    let mut key = None;
    let mut prefix = [0; 4];
    while stream.read_exact(&mut prefix).await.is_ok() {
        let mut request = vec![0; message_length(prefix).unwrap()];
        stream.read_exact(&mut request).await.unwrap();
        let command = u16::from_le_bytes([request[12], request[13]]);
        let mut answer = match command {
            SESSION_SETUP => {
                let token = &request[88..];
                match acceptor.as_mut().unwrap().step(token).unwrap() {
                    Step::Continue(challenge) => {
                        answer(&request, MORE_PROCESSING_REQUIRED, &setup(&challenge))
                    }
                    _ => {
                        key = acceptor.take().unwrap().into_context().unwrap().session_key();
                        answer(&request, 0, &setup(&[]))
                    }
                }
            }
            TREE_CONNECT => answer(&request, 0, &[16, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            _ => {
                let mut body = vec![65, 0, 1, 0, 0x10, 0x02, 0, 0];
                body.resize(65, 0);
                answer(&request, 0, &body)
            }
        };
        match (&key, signs) {
            (Some(key), Signs::Rightly) => smb::sign(&mut answer, key),
            (Some(_), Signs::Wrongly) => smb::sign(&mut answer, &[5; 16]),
            (Some(key), Signs::Changed) => {
                smb::sign(&mut answer, key);
                *answer.last_mut().unwrap() ^= 1;
            }
            _ => {}
        }
        stream.write_all(&answer).await.unwrap();
    }
}

async fn opened(signs: Signs) -> Result<Share, ShareError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, signs));
    let patience = Duration::from_secs(20);
    let opened = Share::open(to, "east.demo.test", "IPC$", [1; 16], initiator(), patience).await;
    serving.abort();
    opened
}

#[tokio::test]
async fn an_answer_that_is_not_signed_with_the_session_s_key_is_refused() {
    assert!(opened(Signs::Rightly).await.is_ok());
    for signs in [Signs::Not, Signs::Wrongly, Signs::Changed] {
        let error = opened(signs).await.err().unwrap();
        assert!(matches!(error, ShareError::Unsigned), "{signs:?}: {error:?}");
    }
}

/// A server that answers for ever with "later", or sends nothing, keeps nobody longer than the patience.
#[tokio::test]
async fn an_answer_that_never_comes_ends_with_the_patience() {
    for later in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; HEADER + 4];
            stream.read_exact(&mut request).await.unwrap();
            let pending = answer(&request[4..], PENDING, &[9, 0]);
            loop {
                if later && stream.write_all(&pending).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let patience = Duration::from_millis(300);
        let started = std::time::Instant::now();
        let opened = Share::open(to, "east", "IPC$", [1; 16], initiator(), patience).await;
        assert!(matches!(opened.err(), Some(ShareError::Silence(_))), "{later}");
        assert!(started.elapsed() < Duration::from_secs(20), "{later}");
        serving.abort();
    }
}
