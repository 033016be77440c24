//! What a KDC says of an account before anything is proved, over TCP (RFC 4120 7.2.2).

use std::net::SocketAddr;

use krb5::{AccountAnswer, ExchangeSeed, Principal, Time, account_answer, account_question};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The port of a KDC.
pub const PORT: u16 = 88;
/// An answer to who proves nothing has a few hundred octets.
const MAX_ANSWER: u32 = 64 * 1024;

/// Asks about an account. Nothing is proved, so that no wrong password is counted.
///
/// # Errors
/// It cannot be reached, or its answer cannot be read; in words.
pub async fn ask(
    target: SocketAddr,
    client: &Principal,
    nonce: u32,
    now_s: i64,
) -> Result<AccountAnswer, String> {
    let said = |error: std::io::Error| error.to_string();
    let now = Time { seconds: now_s, micros: 0 };
    let seed = ExchangeSeed { nonce, confounder: [0; 16] };
    let question = account_question(client, seed, now);
    let mut stream = TcpStream::connect(target).await.map_err(said)?;
    let length = u32::try_from(question.len()).unwrap_or(u32::MAX);
    stream.write_all(&[&length.to_be_bytes(), question.as_slice()].concat()).await.map_err(said)?;
    let length = stream.read_u32().await.map_err(said)?;
    if length > MAX_ANSWER {
        return Err(format!("its answer would have {length} octets"));
    }
    let mut octets = vec![0; usize::try_from(length).unwrap_or_default()];
    stream.read_exact(&mut octets).await.map_err(said)?;
    account_answer(&octets, now).map_err(|error| error.to_string())
}
