//! The way messages go: TCP, TLS on it, or Kerberos' seal on it (RFC 4752 section 3.3).

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use krb5::KerberosSession;
use rustls::{ClientConnection, StreamOwned};
use security::SignatureError;

use crate::error::LdapError;
use crate::message::{MAX_MESSAGE, message_len};

/// Octets that are read at once.
const CHUNK: usize = 64 * 1024;
/// What sealing adds to a piece at most: header, confounder, header again, filling, checksum.
const SEAL_ROOM: usize = 128;
/// Octets of a length before a sealed piece.
const LENGTH: usize = 4;

/// A socket that waits no longer than until an instant, however little comes at a time: TLS reads again and again until a
/// record is whole.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer).map_err(in_words)
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(octets).map_err(in_words)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What the system calls a socket whose time is over would puzzle people.
fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

enum Wire {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Wire {
    fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &mut tls.sock,
        }
    }
}

struct Seal {
    session: KerberosSession,
    /// Most octets of plain text in one piece.
    piece: usize,
}

/// A connection that carries whole messages.
pub(crate) struct Channel {
    host: String,
    wire: Wire,
    seal: Option<Seal>,
    inbox: Vec<u8>,
    /// Octets at the begin of the inbox that were given out.
    given: usize,
    patience: Duration,
}

impl Channel {
    pub(crate) fn new(host: &str, stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = Timed { stream, until: Instant::now() + patience };
        let (host, wire) = (host.to_owned(), Wire::Plain(stream));
        Ok(Self { host, wire, seal: None, inbox: Vec::new(), given: 0, patience })
    }

    /// Puts TLS on the connection.
    pub(crate) fn start_tls(self, mut tls: ClientConnection) -> Result<Self, LdapError> {
        let Wire::Plain(mut stream) = self.wire else {
            return Ok(self);
        };
        // RFC 4513 section 3.1.2: what came before in the clear counts for nothing.
        let host = self.host;
        stream.until = Instant::now() + self.patience;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).map_err(|error| tls_error(&host, error))?;
        }
        let wire = Wire::Tls(Box::new(StreamOwned::new(tls, stream)));
        let patience = self.patience;
        Ok(Self { host, wire, seal: None, inbox: Vec::new(), given: 0, patience })
    }

    /// Seals everything from now on; `most` is the longest piece that the server takes.
    pub(crate) fn seal(&mut self, session: KerberosSession, most: usize) {
        let piece = most.saturating_sub(SEAL_ROOM).clamp(1, CHUNK);
        self.seal = Some(Seal { session, piece });
    }

    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), LdapError> {
        let mut out = Vec::new();
        match &mut self.seal {
            None => out.extend_from_slice(message),
            Some(seal) => {
                for piece in message.chunks(seal.piece) {
                    let token = seal.session.wrap(piece, true);
                    let length = u32::try_from(token.len()).unwrap_or(u32::MAX);
                    out.extend_from_slice(&length.to_be_bytes());
                    out.extend_from_slice(&token);
                }
            }
        }
        self.wire.timed().until = Instant::now() + self.patience;
        let written = match &mut self.wire {
            Wire::Plain(stream) => stream.write_all(&out),
            Wire::Tls(stream) => stream.write_all(&out).and_then(|()| stream.flush()),
        };
        written.map_err(|source| self.broken(source))
    }

    /// The octets of the next message.
    pub(crate) fn receive(&mut self) -> Result<Vec<u8>, LdapError> {
        self.wire.timed().until = Instant::now() + self.patience;
        loop {
            let waiting = self.inbox.get(self.given..).unwrap_or_default();
            match message_len(waiting)? {
                Some(length) if length > MAX_MESSAGE => {
                    return Err(LdapError::TooLong { length, limit: MAX_MESSAGE });
                }
                Some(length) if length <= waiting.len() => {
                    let message = waiting.get(..length).unwrap_or_default().to_vec();
                    self.given += length;
                    return Ok(message);
                }
                _ => {}
            }
            // Once for many small messages, not for each.
            self.inbox.drain(..std::mem::take(&mut self.given));
            self.more()?;
        }
    }

    fn more(&mut self) -> Result<(), LdapError> {
        if self.seal.is_none() {
            let octets = self.read(CHUNK)?;
            self.inbox.extend_from_slice(&octets);
            return Ok(());
        }
        let length = self.exactly(LENGTH)?;
        let length = length.iter().fold(0usize, |sum, octet| sum << 8 | usize::from(*octet));
        if length > MAX_MESSAGE {
            return Err(LdapError::TooLong { length, limit: MAX_MESSAGE });
        }
        let token = self.exactly(length)?;
        if let Some(seal) = &mut self.seal {
            let (plain, sealed) = seal.session.unwrap(&token)?;
            if !sealed {
                return Err(SignatureError::Mismatch.into());
            }
            self.inbox.extend_from_slice(&plain);
        }
        Ok(())
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, LdapError> {
        let mut out = Vec::new();
        // Grows with what comes, not with what is announced.
        while out.len() < length {
            out.extend(self.read((length - out.len()).min(CHUNK))?);
        }
        Ok(out)
    }

    fn read(&mut self, most: usize) -> Result<Vec<u8>, LdapError> {
        let mut buffer = vec![0; most];
        let read = match &mut self.wire {
            Wire::Plain(stream) => stream.read(&mut buffer),
            Wire::Tls(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(0) => Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                buffer.truncate(count);
                Ok(buffer)
            }
            Err(source) => Err(self.broken(source)),
        }
    }

    fn broken(&self, source: io::Error) -> LdapError {
        tls_error(&self.host, source)
    }
}

/// TLS tells its errors inside those of the socket.
fn tls_error(host: &str, error: io::Error) -> LdapError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(source) => LdapError::Tls { host: host.to_owned(), source: source.clone() },
        // What TLS says of a connection that was cut is for its programmers.
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            LdapError::Broken { host: host.to_owned(), source: error.kind().into() }
        }
        None => LdapError::Broken { host: host.to_owned(), source: error },
    }
}
