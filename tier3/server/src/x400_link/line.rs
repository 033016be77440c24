//! One association with its TCP connection: outputs out, octets moved.

use std::time::{Duration, Instant};

use mta::{Association, Called, Output, Rfc1006, TransportError};
use net::{
    Credentials, CredentialsError, Machine, Progress, Pump, PumpError, Secured, SecuredError,
    TlsError, chain,
};
use tokio::net::TcpStream;

/// How long the last words of an association may take to be sent.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why a line is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum LineEnd {
    #[error("the connection to {peer} was lost")]
    Lost { peer: String },
    #[error("{peer} broke a protocol: {detail}")]
    Protocol { peer: String, detail: String },
    #[error("{peer} gave no sign for {} s", waited.as_secs())]
    Silent { peer: String, waited: Duration },
    #[error("TLS with {peer} failed")]
    Tls {
        peer: String,
        #[source]
        source: TlsError,
    },
}

/// The machine as the drive loop wants it.
struct Wire(Rfc1006);

impl Machine for Wire {
    type Error = TransportError;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        self.0.handle_octets(bytes)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.0.poll_octets()
    }
}

/// An association and its connection.
pub struct Line {
    peer: String,
    pump: Pump<Secured<Wire>>,
    lost: bool,
    heard: Instant,
}

impl Line {
    pub fn new(peer: &str, machine: Rfc1006, stream: TcpStream) -> Self {
        Self::over(peer, Secured::plain(Wire(machine)), stream)
    }

    /// Calls over TLS, an MTA whose certificate must have `name`.
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub fn secured_call(
        peer: &str,
        machine: Rfc1006,
        stream: TcpStream,
        (credentials, name): (Credentials, &str),
    ) -> Result<Self, CredentialsError> {
        Ok(Self::over(peer, Secured::call(Wire(machine), credentials, name)?, stream))
    }

    /// Is called over TLS.
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub fn secured_answer(
        peer: &str,
        machine: Rfc1006,
        stream: TcpStream,
        credentials: Credentials,
    ) -> Result<Self, CredentialsError> {
        Ok(Self::over(peer, Secured::answer(Wire(machine), credentials)?, stream))
    }

    fn over(peer: &str, machine: Secured<Wire>, stream: TcpStream) -> Self {
        // Without it a host that vanished is noticed when something is sent to it.
        let _ = net::keep_alive(&stream);
        let pump = Pump::new(machine, stream);
        Self { peer: peer.to_owned(), pump, lost: false, heard: Instant::now() }
    }

    /// Waits until TLS is agreed on, where there is any.
    ///
    /// # Errors
    /// It is not in time, or one side refuses the other.
    pub async fn secure(&mut self, patience: Duration) -> Result<(), LineEnd> {
        let agreed = async {
            while self.pump.machine.is_negotiating() {
                self.drive().await?;
                if self.lost {
                    return Err(LineEnd::Lost { peer: self.peer.clone() });
                }
            }
            Ok(())
        };
        match tokio::time::timeout(patience, agreed).await {
            Ok(agreed) => agreed,
            Err(_) => Err(LineEnd::Silent { peer: self.peer.clone(), waited: patience }),
        }
    }

    /// When octets came last.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// The connection is gone.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// TLS is under the association.
    pub fn is_secured(&self) -> bool {
        self.pump.machine.is_secured()
    }

    /// Whether the certificate of the other side has this name.
    pub fn peer_is(&self, name: &str) -> bool {
        self.pump.machine.peer_is(name)
    }

    /// Version and cipher suite of TLS, where there is any.
    pub fn suite(&self) -> Option<String> {
        self.pump.machine.suite()
    }

    /// The other MTA is known now.
    pub fn set_peer(&mut self, peer: &str) {
        peer.clone_into(&mut self.peer);
    }

    pub fn machine(&mut self) -> &mut Rfc1006 {
        &mut self.pump.machine.machine.0
    }

    pub fn association(&mut self) -> &mut Association {
        self.pump.machine.machine.0.association()
    }

    /// Waits for the call of the transport connection.
    ///
    /// # Errors
    /// There is none in time, or it cannot be read.
    pub async fn called(&mut self, patience: Duration) -> Result<Called, LineEnd> {
        let called = async {
            loop {
                if let Some(called) = self.machine().poll_called() {
                    return Ok(called);
                }
                self.drive().await?;
                if self.lost {
                    return Err(LineEnd::Lost { peer: self.peer.clone() });
                }
            }
        };
        match tokio::time::timeout(patience, called).await {
            Ok(called) => called,
            Err(_) => Err(LineEnd::Silent { peer: self.peer.clone(), waited: patience }),
        }
    }

    /// Moves octets both ways until the association has something to say. Can be cancelled.
    ///
    /// # Errors
    /// The connection was lost or the peer broke a protocol.
    pub async fn next_output(&mut self) -> Result<Output, LineEnd> {
        loop {
            if let Some(output) = self.machine().poll_output() {
                return Ok(output);
            }
            if self.lost {
                return Err(LineEnd::Lost { peer: self.peer.clone() });
            }
            self.drive().await?;
        }
    }

    /// As [`next_output`](Self::next_output), but not longer than `patience`.
    ///
    /// # Errors
    /// As there, or silence.
    pub async fn next_output_within(&mut self, patience: Duration) -> Result<Output, LineEnd> {
        match tokio::time::timeout(patience, self.next_output()).await {
            Ok(result) => result,
            Err(_) => Err(LineEnd::Silent { peer: self.peer.clone(), waited: patience }),
        }
    }

    /// Sends what is left, and closes the connection.
    pub async fn close(mut self) {
        // What cannot be sent any more, nobody waits for.
        let _ = tokio::time::timeout(LAST_WORDS, async {
            self.pump.flush().await?;
            self.pump.machine.close();
            if self.lost { self.pump.flush().await } else { self.pump.finish().await }
        })
        .await;
    }

    async fn drive(&mut self) -> Result<(), LineEnd> {
        match self.pump.drive().await {
            Ok(Progress::Received) => {
                self.heard = Instant::now();
                Ok(())
            }
            Ok(Progress::Closed) | Err(PumpError::Io(_)) => {
                self.lost = true;
                self.machine().handle_lost();
                Ok(())
            }
            Err(PumpError::Protocol(error)) => {
                let _ = tokio::time::timeout(LAST_WORDS, self.pump.flush()).await;
                let peer = self.peer.clone();
                Err(match error {
                    SecuredError::Tls(source) => LineEnd::Tls { peer, source },
                    SecuredError::Machine(error) => {
                        LineEnd::Protocol { peer, detail: chain(&error) }
                    }
                })
            }
        }
    }
}
