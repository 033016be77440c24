//! One RPC connection as its caller uses it: bind once, then call.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dcerpc::{
    BindRefusal, ByteOrder, CallId, CallTarget, ClientAssociation, ClientConfig, ClientEvent,
    ContextNumber, IdentityNumber, RpcError, SyntaxId,
};
use security::{AuthLevel, Initiator};
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

/// An interface or an identity could not be added to a bound connection.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("the server does not take it")]
    Refused(#[source] BindRefusal),
    #[error("no answer within {} s", waited.as_secs())]
    TimedOut { waited: Duration },
    #[error("the connection was lost")]
    Lost,
    #[error("it could not be asked for")]
    NotAsked(#[source] RpcError),
}

/// A bound RPC connection; dropping it closes the connection.
#[derive(Debug)]
pub struct RpcClient {
    commands: mpsc::Sender<Command>,
    given_up: mpsc::UnboundedSender<Ticket>,
    next_ticket: AtomicU64,
    closed: watch::Receiver<bool>,
    local: SocketAddr,
    remote: SocketAddr,
}

/// Names a call before it has a number on the wire.
type Ticket = u64;

enum Command {
    Call(Call),
    Interface(SyntaxId, Adding<ContextNumber>),
    Identity(AuthLevel, Box<dyn Initiator>, Adding<IdentityNumber>),
}

struct Call {
    ticket: Ticket,
    target: CallTarget,
    opnum: u16,
    stub: Vec<u8>,
    answer: oneshot::Sender<Result<Reply, CallError>>,
}

/// Where to tell what became of something that was to be added.
type Adding<Number> = oneshot::Sender<Result<Number, AddError>>;

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
                Some(_) => {}
                None => {
                    if pump.drive().await.map_err(BindError::Connection)? == Progress::Closed {
                        return Err(BindError::Closed);
                    }
                }
            }
        }
        let (commands, waiting) = mpsc::channel(COMMANDS);
        let (given_up, abandoned) = mpsc::unbounded_channel();
        let (closing, closed) = watch::channel(false);
        tokio::spawn(async move {
            run(pump, waiting, abandoned).await;
            let _ = closing.send(true);
        });
        Ok(Self { commands, given_up, next_ticket: AtomicU64::new(0), closed, local, remote })
    }

    /// Calls operation `opnum` of the interface that was bound, as who bound it.
    ///
    /// # Errors
    /// As [`Self::call_with`].
    pub async fn call(
        &self,
        opnum: u16,
        stub: Vec<u8>,
        patience: Duration,
    ) -> Result<Reply, CallError> {
        self.call_with(CallTarget::default(), opnum, stub, patience).await
    }

    /// Calls operation `opnum` and waits at most `patience` for its answer. A call that is given up,
    /// by that or by dropping the future, is cancelled at the server and leaves nothing behind.
    ///
    /// # Errors
    /// A fault, silence, a lost connection, or a target that was not added.
    pub async fn call_with(
        &self,
        target: CallTarget,
        opnum: u16,
        stub: Vec<u8>,
        patience: Duration,
    ) -> Result<Reply, CallError> {
        let (answer, answered) = oneshot::channel();
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        let call = Call { ticket, target, opnum, stub, answer };
        let mut pending = Pending { given_up: Some(&self.given_up), ticket };
        self.commands.send(Command::Call(call)).await.map_err(|_| CallError::Lost)?;
        let outcome = tokio::time::timeout(patience, answered).await;
        match outcome {
            Ok(answered) => {
                pending.given_up = None;
                answered.unwrap_or(Err(CallError::Lost))
            }
            Err(_) => Err(CallError::TimedOut { waited: patience }),
        }
    }

    /// Adds an interface to the connection (alter_context, C706 12.6.4.1); calls go on meanwhile.
    ///
    /// # Errors
    /// The server refuses it, is silent, or the connection is lost; in the first case the rest goes on.
    pub async fn add_interface(
        &self,
        interface: SyntaxId,
        patience: Duration,
    ) -> Result<ContextNumber, AddError> {
        self.add(|adding| Command::Interface(interface, adding), patience).await
    }

    /// Adds an identity to the connection (MS-RPCE 3.3.1.5.4); calls go on meanwhile. Whether the server
    /// believes it shows at its first call where the last leg of the logon has no answer.
    ///
    /// # Errors
    /// The server refuses it, is silent, or the connection is lost: most servers end it with a refusal.
    pub async fn add_identity(
        &self,
        level: AuthLevel,
        initiator: Box<dyn Initiator>,
        patience: Duration,
    ) -> Result<IdentityNumber, AddError> {
        self.add(|adding| Command::Identity(level, initiator, adding), patience).await
    }

    async fn add<Number>(
        &self,
        command: impl FnOnce(Adding<Number>) -> Command,
        patience: Duration,
    ) -> Result<Number, AddError> {
        let (adding, added) = oneshot::channel();
        self.commands.send(command(adding)).await.map_err(|_| AddError::Lost)?;
        match tokio::time::timeout(patience, added).await {
            Ok(added) => added.unwrap_or(Err(AddError::Lost)),
            Err(_) => Err(AddError::TimedOut { waited: patience }),
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

/// A call that somebody waits for; dropped before its answer it is given up.
struct Pending<'a> {
    given_up: Option<&'a mpsc::UnboundedSender<Ticket>>,
    ticket: Ticket,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(given_up) = self.given_up {
            // Where the drive task is gone the call is gone too.
            let _ = given_up.send(self.ticket);
        }
    }
}

#[derive(Default)]
struct Waiting {
    answers: HashMap<CallId, (Ticket, oneshot::Sender<Result<Reply, CallError>>)>,
    calls: HashMap<Ticket, CallId>,
    interfaces: HashMap<ContextNumber, Adding<ContextNumber>>,
    identities: HashMap<IdentityNumber, Adding<IdentityNumber>>,
}

impl Waiting {
    fn take(&mut self, call: CallId) -> Option<oneshot::Sender<Result<Reply, CallError>>> {
        let (ticket, answer) = self.answers.remove(&call)?;
        self.calls.remove(&ticket);
        Some(answer)
    }
}

async fn run(
    mut pump: Pump<ClientAssociation>,
    mut commands: mpsc::Receiver<Command>,
    mut given_up: mpsc::UnboundedReceiver<Ticket>,
) {
    let mut waiting = Waiting::default();
    loop {
        tokio::select! {
            // In this order: a call that is given up was begun before.
            biased;
            command = commands.recv() => {
                let Some(command) = command else { break };
                begin(&mut pump.machine, &mut waiting, command);
                // What this side refuses by itself is told at once.
                answer(&mut pump.machine, &mut waiting);
            }
            Some(ticket) = given_up.recv() => {
                if !abandon(&mut pump.machine, &mut waiting, ticket) {
                    break;
                }
            }
            progress = pump.drive() => {
                answer(&mut pump.machine, &mut waiting);
                if !matches!(progress, Ok(Progress::Received)) || pump.machine.should_close() {
                    break;
                }
            }
        }
    }
    // Best effort: the connection ends either way.
    let _ = pump.flush().await;
}

fn begin(machine: &mut ClientAssociation, waiting: &mut Waiting, command: Command) {
    // Whoever asked may have stopped waiting: what cannot be told is dropped.
    match command {
        Command::Call(Call { ticket, target, opnum, stub, answer }) => {
            match machine.call_with(target, opnum, &stub) {
                Ok(call) => {
                    waiting.answers.insert(call, (ticket, answer));
                    waiting.calls.insert(ticket, call);
                }
                Err(error) => drop(answer.send(Err(CallError::Refused(error)))),
            }
        }
        Command::Interface(interface, adding) => match machine.add_interface(interface) {
            Ok(number) => drop(waiting.interfaces.insert(number, adding)),
            Err(error) => drop(adding.send(Err(AddError::NotAsked(error)))),
        },
        Command::Identity(level, initiator, adding) => {
            match machine.add_identity(level, initiator) {
                Ok(number) => drop(waiting.identities.insert(number, adding)),
                Err(error) => drop(adding.send(Err(AddError::NotAsked(error)))),
            }
        }
    }
}

/// Cancels a call and gives it up; false when the connection has to end for it.
fn abandon(machine: &mut ClientAssociation, waiting: &mut Waiting, ticket: Ticket) -> bool {
    let Some(call) = waiting.calls.get(&ticket).copied() else {
        // It was answered meanwhile.
        return true;
    };
    drop(waiting.take(call));
    // One that has not gone out yet ends with the cancel; its event finds nobody.
    let _ = machine.cancel(call);
    match machine.orphan(call) {
        Ok(kept) => kept,
        Err(RpcError::UnknownCall(_)) => true,
        Err(_) => false,
    }
}

fn answer(machine: &mut ClientAssociation, waiting: &mut Waiting) {
    while let Some(event) = machine.poll_event() {
        let (call, result) = match event {
            ClientEvent::Reply { call, stub, order } => (call, Ok(Reply { stub, order })),
            ClientEvent::Fault { call, status } => (call, Err(CallError::Fault { status })),
            other => {
                added(waiting, other);
                continue;
            }
        };
        if let Some(answer) = waiting.take(call) {
            // The caller may have stopped waiting.
            let _ = answer.send(result);
        }
    }
}

fn added(waiting: &mut Waiting, event: ClientEvent) {
    let (interfaces, identities) = (&mut waiting.interfaces, &mut waiting.identities);
    match event {
        ClientEvent::InterfaceAdded(number) => tell(interfaces, number, Ok(number)),
        ClientEvent::InterfaceRefused(number, refusal) => {
            tell(interfaces, number, Err(AddError::Refused(refusal)));
        }
        ClientEvent::IdentityAdded(number) => tell(identities, number, Ok(number)),
        ClientEvent::IdentityRefused(number, refusal) => {
            tell(identities, number, Err(AddError::Refused(refusal)));
        }
        ClientEvent::Bound
        | ClientEvent::Refused(_)
        | ClientEvent::Reply { .. }
        | ClientEvent::Fault { .. } => {}
    }
}

fn tell<Number: std::hash::Hash + Eq>(
    waiting: &mut HashMap<Number, Adding<Number>>,
    number: Number,
    outcome: Result<Number, AddError>,
) {
    if let Some(adding) = waiting.remove(&number) {
        // Whoever asked may have stopped waiting.
        let _ = adding.send(outcome);
    }
}
