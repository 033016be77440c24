//! The one loop that moves octets between a protocol machine and a stream.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// Octets read at once: one of the largest RPC fragments fits.
const READ_SIZE: usize = 64 * 1024;
/// While more than this waits to be sent nothing is read, so that a peer that does not read
/// cannot make the machine produce without end.
const MAX_OUTGOING: usize = 1024 * 1024;
/// Pieces that are sent at once.
const MAX_PIECES: usize = 64;

/// A protocol machine: octets in, octets out.
pub trait Machine {
    type Error;

    /// Takes what the peer sent.
    ///
    /// # Errors
    /// The peer broke the protocol; what the machine still wants to say can be polled.
    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// The next octets to send.
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;

    /// False while what the peer sends had better wait in the connection.
    fn wants_input(&self) -> bool {
        true
    }
}

/// What [`Pump::drive`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The machine took octets: poll it.
    Received,
    /// The peer closed its side.
    Closed,
}

/// The stream failed, or the machine refused what came.
#[derive(Debug, thiserror::Error)]
pub enum PumpError<E: std::error::Error + 'static> {
    #[error("the connection failed")]
    Io(#[source] io::Error),
    #[error("the peer broke the protocol")]
    Protocol(#[source] E),
}

/// A machine and its stream. Every method can be cancelled and called again without loss.
pub struct Pump<M> {
    pub machine: M,
    stream: TcpStream,
    outgoing: Outgoing,
    incoming: Box<[u8]>,
}

/// What is to be sent, piece by piece as the machine gave it.
#[derive(Default)]
struct Outgoing {
    pieces: VecDeque<Vec<u8>>,
    /// Octets of the first piece that were sent.
    done: usize,
    /// Octets of all pieces that are still to be sent.
    octets: usize,
}

impl Outgoing {
    fn is_empty(&self) -> bool {
        self.octets == 0
    }

    fn push(&mut self, piece: Vec<u8>) {
        if !piece.is_empty() {
            self.octets += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Tries to send some; gives how many octets went.
    fn write_to(&self, stream: &TcpStream) -> io::Result<usize> {
        let first = self.pieces.front().and_then(|piece| piece.get(self.done..));
        let first = first.unwrap_or_default();
        if self.pieces.len() < 2 {
            return stream.try_write(first);
        }
        let rest = self.pieces.iter().skip(1).take(MAX_PIECES - 1);
        let pieces: Vec<_> =
            std::iter::once(first).chain(rest.map(Vec::as_slice)).map(IoSlice::new).collect();
        stream.try_write_vectored(&pieces)
    }

    fn sent(&mut self, count: usize) {
        self.octets -= count;
        self.done += count;
        while let Some(first) = self.pieces.front()
            && first.len() <= self.done
        {
            self.done -= first.len();
            self.pieces.pop_front();
        }
    }
}

impl<M: Machine> Pump<M>
where
    M::Error: std::error::Error + 'static,
{
    /// Joins `machine` to `stream`.
    pub fn new(machine: M, stream: TcpStream) -> Self {
        // Requests and their answers are small: waiting to fill a segment only costs time.
        let _ = stream.set_nodelay(true);
        let incoming = vec![0; READ_SIZE].into_boxed_slice();
        Self { machine, stream, outgoing: Outgoing::default(), incoming }
    }

    /// Sends what there is to send until something arrives.
    ///
    /// # Errors
    /// The stream failed or the machine refused the octets.
    pub async fn drive(&mut self) -> Result<Progress, PumpError<M::Error>> {
        loop {
            self.collect();
            let reads = self.machine.wants_input() && self.outgoing.octets <= MAX_OUTGOING;
            let interest = match (reads, self.outgoing.is_empty()) {
                (true, true) => Interest::READABLE,
                (true, false) => Interest::READABLE | Interest::WRITABLE,
                (false, false) => Interest::WRITABLE,
                // Nothing to do until the machine was told something.
                (false, true) => return std::future::pending().await,
            };
            let ready = self.stream.ready(interest).await.map_err(PumpError::Io)?;
            if ready.is_writable() {
                self.write().map_err(PumpError::Io)?;
            }
            if reads
                && ready.is_readable()
                && let Some(count) = self.read().map_err(PumpError::Io)?
            {
                if count == 0 {
                    return Ok(Progress::Closed);
                }
                let taken = self.machine.handle_bytes(&self.incoming[..count]);
                return taken.map(|()| Progress::Received).map_err(PumpError::Protocol);
            }
        }
    }

    /// Sends everything that the machine still has to say.
    ///
    /// # Errors
    /// The stream failed.
    pub async fn flush(&mut self) -> io::Result<()> {
        loop {
            self.collect();
            if self.outgoing.is_empty() {
                return Ok(());
            }
            self.stream.writable().await?;
            self.write()?;
        }
    }

    /// Sends everything that the machine still has to say, ends this side of the stream, and reads
    /// on until the peer ends its own: a stream that is dropped with octets unread takes the last
    /// words with it (RFC 9293 3.10.7: reset).
    ///
    /// # Errors
    /// The stream failed.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        loop {
            self.stream.readable().await?;
            if self.read()? == Some(0) {
                return Ok(());
            }
        }
    }

    fn collect(&mut self) {
        while self.outgoing.octets <= MAX_OUTGOING
            && let Some(octets) = self.machine.poll_transmit()
        {
            self.outgoing.push(octets);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.outgoing.write_to(&self.stream) {
                Ok(count) => self.outgoing.sent(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<Option<usize>> {
        match self.stream.try_read(&mut self.incoming) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}
