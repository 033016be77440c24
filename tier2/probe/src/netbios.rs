//! NetBIOS names over UDP 137 (RFC 1002 4.2): what a host calls itself, and whether it answers to the name that it is called by.
//!
//! Two questions, sent to the host alone and never to all: the node status, and a query for its name as a file server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

const PORT: u16 = 137;
/// `NB` and `NBSTAT`, RFC 1002 4.2.1.3.
const NAME: u16 = 0x0020;
const STATUS: u16 = 0x0021;
const INTERNET: u16 = 1;
/// A response, RFC 1002 4.2.1.1.
const RESPONSE: u8 = 0x80;
/// An encoded name: its length, 32 letters, the empty label of no scope.
const ENCODED: usize = 34;
/// The longest NetBIOS name.
const LONGEST: usize = 15;
/// The suffix of a file server.
const SERVER: u8 = 0x20;
/// A datagram is no longer.
const DATAGRAM: usize = 1500;
/// The name is a group's, RFC 1002 4.2.18.
const GROUP: u16 = 0x8000;
/// A datagram may get lost.
const TRIES: u32 = 2;

/// One name of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    pub name: String,
    /// What the name stands for: 00 workstation or domain, 20 file server, 1c domain controllers.
    pub suffix: u8,
    pub is_group: bool,
}

/// The names that a host has.
///
/// # Errors
/// It does not answer in time, or refuses; in words.
pub async fn node_status(host: IpAddr, patience: Duration) -> Result<Vec<NodeName>, String> {
    let answer = ask(host, patience, &question(STATUS, "*", 0)).await?;
    names(&answer).ok_or_else(|| "what it answers is no node status".to_owned())
}

/// The addresses that a host gives for its name as a file server.
///
/// # Errors
/// The same.
pub async fn name_query(
    host: IpAddr,
    name: &str,
    patience: Duration,
) -> Result<Vec<Ipv4Addr>, String> {
    let answer = ask(host, patience, &question(NAME, name, SERVER)).await?;
    addresses(&answer).ok_or_else(|| format!("it has no name {name}"))
}

async fn ask(host: IpAddr, patience: Duration, question: &[u8]) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| error.to_string();
    let own = if host.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await.map_err(said)?;
    socket.connect(SocketAddr::new(host, PORT)).await.map_err(said)?;
    let mut buffer = vec![0; DATAGRAM];
    for _ in 0..TRIES {
        socket.send(question).await.map_err(said)?;
        match tokio::time::timeout(patience / TRIES, socket.recv(&mut buffer)).await {
            Ok(Ok(length)) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Ok(Err(error)) => return Err(format!("refused ({error})")),
            Err(_) => {}
        }
    }
    Err("no answer; NetBIOS over TCP/IP is off there, or filtered".to_owned())
}

/// RFC 1002 4.2.12 and 4.2.17.
fn question(kind: u16, name: &str, suffix: u8) -> Vec<u8> {
    // Number 1, a plain question without recursion, one entry.
    let mut out = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend(encoded(name, suffix));
    out.extend(kind.to_be_bytes());
    out.extend(INTERNET.to_be_bytes());
    out
}

/// RFC 1001 14.1: each half of an octet is a letter. The `*` of a node status is filled up with zeros.
fn encoded(name: &str, suffix: u8) -> Vec<u8> {
    let fill = if name == "*" { 0 } else { b' ' };
    let upper = name.to_ascii_uppercase();
    let octets = upper.bytes().chain(std::iter::repeat(fill)).take(LONGEST).chain([suffix]);
    let mut out = vec![32];
    out.extend(octets.flat_map(|octet| [b'A' + (octet >> 4), b'A' + (octet & 0x0f)]));
    out.push(0);
    out
}

/// The data of the one record of an answer, if it is of this kind.
fn record(answer: &[u8], kind: u16) -> Option<&[u8]> {
    let word = |at: usize| Some(u16::from_be_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    let (flags, code) = (*answer.get(2)?, *answer.get(3)? & 0x0f);
    if flags & RESPONSE == 0 || code != 0 || word(6)? == 0 {
        return None;
    }
    let at = 12 + ENCODED;
    if word(at)? != kind {
        return None;
    }
    let length = usize::from(word(at + 8)?);
    answer.get(at + 10..at + 10 + length)
}

/// RFC 1002 4.2.18.
fn names(answer: &[u8]) -> Option<Vec<NodeName>> {
    let data = record(answer, STATUS)?;
    let (count, rest) = data.split_first()?;
    let entries = rest.chunks_exact(18).take(usize::from(*count));
    let found = entries.map(|entry| NodeName {
        name: entry[..LONGEST]
            .iter()
            .map(|octet| if octet.is_ascii_graphic() { char::from(*octet) } else { ' ' })
            .collect::<String>()
            .trim()
            .to_owned(),
        suffix: entry[LONGEST],
        is_group: u16::from_be_bytes([entry[16], entry[17]]) & GROUP != 0,
    });
    Some(found.collect())
}

/// RFC 1002 4.2.13: flags and an address each.
fn addresses(answer: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let data = record(answer, NAME)?;
    let found = data.chunks_exact(6).map(|one| Ipv4Addr::new(one[2], one[3], one[4], one[5]));
    Some(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, data: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 1, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        out.extend(encoded("EAST", SERVER));
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 0]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn names_are_encoded_as_the_standard_shows_them() {
        // RFC 1001 14.1, second-level encoding of "The NetBIOS name".
        assert_eq!(
            encoded("The NetBIOS nam", b'e'.to_ascii_uppercase()),
            [b" FEEIEFCAEOEFFEECEJEPFDCAEOEBENEF".as_slice(), &[0]].concat()
        );
        assert_eq!(
            encoded("*", 0),
            [b" CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".as_slice(), &[0]].concat()
        );
    }

    #[test]
    fn answers_are_read_and_truncated_ones_are_none() {
        let mut data = vec![2];
        data.extend(b"EAST           \x20\x04\x00");
        data.extend(b"ORG            \x1c\x84\x00");
        data.extend([0; 6]);
        let whole = answer(STATUS, &data);
        let expected = [("EAST", 0x20, false), ("ORG", 0x1c, true)]
            .map(|(name, suffix, is_group)| NodeName { name: name.to_owned(), suffix, is_group });
        assert_eq!(names(&whole).unwrap(), expected);
        let address = answer(NAME, &[0, 0, 192, 0, 2, 7]);
        assert_eq!(addresses(&address).unwrap(), [Ipv4Addr::new(192, 0, 2, 7)]);
        for end in 0..whole.len() {
            assert_eq!(names(&whole[..end]), None, "{end}");
        }
        // A refusal, and an echo of the question.
        let mut refused = address.clone();
        refused[3] = 3;
        assert_eq!((addresses(&refused), addresses(&question(NAME, "EAST", SERVER))), (None, None));
        // A count beyond what is there.
        let mut lying = data.clone();
        lying[0] = 255;
        assert_eq!(names(&answer(STATUS, &lying)).unwrap().len(), 2);
    }
}
