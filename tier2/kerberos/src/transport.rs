//! One request to a KDC and its answer (RFC 4120 section 7.2): TCP first, UDP where no TCP port is open.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use net::Resolver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::error::KerberosError;
use crate::realms::KdcAddress;

/// Octets of an answer: tickets with a thousand groups have some 64 KiB.
const ANSWER_MAX: u32 = 1 << 20;
/// Octets of a datagram.
const DATAGRAM_MAX: usize = 65_535;
/// How often a datagram is sent that gets no answer.
const DATAGRAMS: u32 = 3;

/// Asks the KDCs in turn until one answers; `patience` is for each address.
pub(crate) async fn ask(
    resolver: &Resolver,
    realm: &str,
    kdcs: &[KdcAddress],
    request: &[u8],
    patience: Duration,
) -> Result<Vec<u8>, KerberosError> {
    let mut tried = Vec::new();
    for kdc in kdcs {
        let resolved = match resolver.resolve(&kdc.host).await {
            Ok(resolved) => resolved,
            Err(error) => {
                tried.push(format!("{kdc}: {error}"));
                continue;
            }
        };
        for address in resolved.addresses {
            let to = SocketAddr::new(address, kdc.port);
            match tokio::time::timeout(patience, ask_one(to, request, patience)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => tried.push(format!("{to}: {error}")),
                Err(_) => tried.push(format!("{to}: no answer within {} s", patience.as_secs())),
            }
        }
    }
    Err(KerberosError::NoKdc { realm: realm.to_owned(), tried: tried.join("; ") })
}

async fn ask_one(to: SocketAddr, request: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    match TcpStream::connect(to).await {
        Ok(stream) => over_tcp(stream, request).await,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            over_udp(to, request, patience / DATAGRAMS).await.map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

async fn over_tcp(mut stream: TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(request.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes()[..], request].concat()).await?;
    let length = stream.read_u32().await?;
    if length > ANSWER_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
    }
    // Grows with what comes, not with what is announced.
    let mut answer = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut answer).await?;
    if u32::try_from(answer.len()) != Ok(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

async fn over_udp(to: SocketAddr, request: &[u8], each: Duration) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    let mut buffer = vec![0; DATAGRAM_MAX];
    for _ in 0..DATAGRAMS {
        socket.send(request).await?;
        if let Ok(received) = tokio::time::timeout(each, socket.recv(&mut buffer)).await {
            buffer.truncate(received?);
            return Ok(buffer);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
