//! One RPC connection as its caller uses it: bind once, then call.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use dcerpc::{
    BindRefusal, ByteOrder, CallId, ClientAssociation, ClientConfig, ClientEvent, RpcError,
};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

use crate::pump::{Machine, Progress, Pump, PumpError};

/// Calls that may wait for the drive task.
const COMMANDS: usize = 16;

/// A call on a bound connection failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the server answered with {}", dcerpc::status::Status(*status))]
    Fault { status: u32 },
    #[error("no answer within {} s", waited.as_secs())]
    TimedOut { waited: Duration },
    #[error("the connection was lost")]
    Lost,
    #[error("the call could not be made")]
    Refused(#[source] RpcError),
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub stub: Vec<u8>,
    /// The byte order of the stub.
    pub order: ByteOrder,
}

/// Binding a connection failed after TCP stood.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("the server does not take the bind")]
    Refused(#[source] BindRefusal),
    #[error("the connection failed while binding")]
    Connection(#[source] PumpError<RpcError>),
    #[error("the server closed the connection while binding")]
    Closed,
}

/// A bound RPC connection; dropping it closes the connection.
#[derive(Debug)]
pub struct RpcClient {
    commands: mpsc::Sender<Command>,
    closed: watch::Receiver<bool>,
    local: SocketAddr,
    remote: SocketAddr,
}

struct Command {
    opnum: u16,
    stub: Vec<u8>,
    answer: oneshot::Sender<Result<Reply, CallError>>,
}

impl Machine for ClientAssociation {
    type Error = RpcError;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), RpcError> {
        Self::handle_bytes(self, bytes)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        Self::poll_transmit(self)
    }
}

impl RpcClient {
    /// Binds on a connected stream; how long that may take is up to the caller.
    ///
    /// # Errors
    /// The server refuses the bind, or the connection fails meanwhile.
    pub async fn bind(stream: TcpStream, config: ClientConfig) -> Result<Self, BindError> {
        let lost = |error| BindError::Connection(PumpError::Io(error));
        let local = stream.local_addr().map_err(lost)?;
        let remote = stream.peer_addr().map_err(lost)?;
        let mut pump = Pump::new(ClientAssociation::new(config), stream);
        loop {
            match pump.machine.poll_event() {
                Some(ClientEvent::Bound) => break,
                Some(ClientEvent::Refused(refusal)) => return Err(BindError::Refused(refusal)),
                Some(ClientEvent::Reply { .. } | ClientEvent::Fault { .. }) => {}
                None => {
                    if pump.drive().await.map_err(BindError::Connection)? == Progress::Closed {
                        return Err(BindError::Closed);
                    }
                }
            }
        }
        let (commands, waiting) = mpsc::channel(COMMANDS);
        let (closing, closed) = watch::channel(false);
        tokio::spawn(async move {
            run(pump, waiting).await;
            let _ = closing.send(true);
        });
        Ok(Self { commands, closed, local, remote })
    }

    /// Calls operation `opnum` and waits at most `patience` for its answer.
    ///
    /// # Errors
    /// A fault, silence, or a lost connection.
    pub async fn call(
        &self,
        opnum: u16,
        stub: Vec<u8>,
        patience: Duration,
    ) -> Result<Reply, CallError> {
        let (answer, answered) = oneshot::channel();
        let command = Command { opnum, stub, answer };
        self.commands.send(command).await.map_err(|_| CallError::Lost)?;
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(CallError::Lost),
            Err(_) => Err(CallError::TimedOut { waited: patience }),
        }
    }

    /// Returns when the connection is gone.
    pub async fn closed(&self) {
        let mut closed = self.closed.clone();
        // An error means that the drive task is gone, which is the same.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// This end's address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The server's address.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }
}

type Waiting = HashMap<CallId, oneshot::Sender<Result<Reply, CallError>>>;

async fn run(mut pump: Pump<ClientAssociation>, mut commands: mpsc::Receiver<Command>) {
    let mut waiting = Waiting::new();
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { break };
                match pump.machine.call(command.opnum, &command.stub) {
                    Ok(call) => drop(waiting.insert(call, command.answer)),
                    Err(error) => drop(command.answer.send(Err(CallError::Refused(error)))),
                }
            }
            progress = pump.drive() => {
                answer(&mut pump.machine, &mut waiting);
                if !matches!(progress, Ok(Progress::Received)) {
                    break;
                }
            }
        }
    }
    // Best effort: the connection ends either way.
    let _ = pump.flush().await;
}

fn answer(machine: &mut ClientAssociation, waiting: &mut Waiting) {
    while let Some(event) = machine.poll_event() {
        let (call, result) = match event {
            ClientEvent::Reply { call, stub, order } => (call, Ok(Reply { stub, order })),
            ClientEvent::Fault { call, status } => (call, Err(CallError::Fault { status })),
            ClientEvent::Bound | ClientEvent::Refused(_) => continue,
        };
        if let Some(answer) = waiting.remove(&call) {
            // The caller may have stopped waiting.
            let _ = answer.send(result);
        }
    }
}
