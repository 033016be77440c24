//! One RPC connection as its server serves it.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dcerpc::status::NCA_FAULT_CANCEL;
use dcerpc::{AuthLevel, ByteOrder, CallId, RpcError, ServerAssociation, ServerEvent, Uuid};
use identity::AccountName;
use security::{LogonFailure, LogonQuestion, LogonVerdict, SecurityError};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::pump::{Machine, Progress, Pump, PumpError};

/// How long a connection may be silent before its caller has proved who it is.
const UNBOUND: Duration = Duration::from_secs(30);
/// How long a peer may take to read the last words of a closing connection.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A request that passed the association's checks.
#[derive(Debug)]
pub struct RpcRequest {
    /// Index into the interfaces that the association was configured with.
    pub interface: usize,
    pub opnum: u16,
    pub stub: Vec<u8>,
    /// The object that the call is for.
    pub object: Option<Uuid>,
    /// The byte order of the stub.
    pub order: ByteOrder,
    /// Who called; `None` without authentication.
    pub principal: Option<AccountName>,
    pub level: AuthLevel,
}

/// What answers the requests of one connection; dropped when the connection ends, which is
/// the rundown of its context handles.
pub trait RpcService: Send + Sync + 'static {
    /// Answers one request with its stub, or a fault status.
    fn call(&self, request: RpcRequest) -> impl Future<Output = Result<Vec<u8>, u32>> + Send;

    /// Asks whoever knows the password of an account that [`security::Accounts::elsewhere`] names.
    fn judge(&self, question: LogonQuestion) -> impl Future<Output = LogonVerdict> + Send {
        drop(question);
        std::future::ready(Err(LogonFailure::NoLogonServers))
    }

    /// Ends when the server stops: the caller is asked to let go (C706 12.6.4.12 shutdown), and the
    /// connection ends once nothing is owed any more.
    fn let_go(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// The caller did not prove who it claims to be.
    fn authentication_failed(&self, claimed: Option<AccountName>, why: &SecurityError);
}

impl Machine for ServerAssociation {
    type Error = RpcError;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), RpcError> {
        Self::handle_bytes(self, bytes)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        Self::poll_transmit(self)
    }

    fn wants_input(&self) -> bool {
        !self.is_asking()
    }
}

/// Serves one connection until the peer closes it, breaks the protocol, or makes no call for `idle`.
///
/// # Errors
/// The stream failed or the peer broke the protocol.
pub async fn serve_rpc<S: RpcService>(
    stream: TcpStream,
    association: ServerAssociation,
    service: Arc<S>,
    idle: Duration,
) -> Result<(), PumpError<RpcError>> {
    let mut connection = Connection {
        pump: Pump::new(association, stream),
        service: Arc::clone(&service),
        work: JoinSet::new(),
        running: HashMap::new(),
        idle,
        proved: false,
        // Who has not proved an identity is nobody: many of them must not keep others out for long, not even by binding
        // or by an octet now and then.
        deadline: Instant::now() + idle.min(UNBOUND),
    };
    let result = connection.serve(service.let_go()).await;
    let _ = tokio::time::timeout(LAST_WORDS, connection.pump.flush()).await;
    result
}

struct Connection<S> {
    pump: Pump<ServerAssociation>,
    service: Arc<S>,
    /// Calls being executed, and a logon being judged; ended with the connection.
    work: JoinSet<Work>,
    running: HashMap<CallId, AbortHandle>,
    idle: Duration,
    proved: bool,
    deadline: Instant,
}

/// What was done in a task of its own.
enum Work {
    Answered(CallId, Result<Vec<u8>, u32>),
    Judged(LogonVerdict),
}

impl<S: RpcService> Connection<S> {
    async fn serve(
        &mut self,
        let_go: impl Future<Output = ()> + Send,
    ) -> Result<(), PumpError<RpcError>> {
        let mut let_go = std::pin::pin!(let_go);
        let mut letting_go = false;
        // The deadline moves with each call. The timer is set anew only when it goes off too early.
        let mut silent = std::pin::pin!(tokio::time::sleep_until(self.deadline));
        loop {
            let mut ended = None;
            tokio::select! {
                Some(done) = self.work.join_next(), if !self.work.is_empty() => {
                    // One that was ended has no answer; a panic is reported by the runtime, and its call never ends.
                    if let Ok(work) = done {
                        ended = self.take(work).err().map(PumpError::Protocol);
                    }
                }
                progress = self.pump.drive() => match progress {
                    Ok(Progress::Received) => {}
                    Ok(Progress::Closed) => return Ok(()),
                    // Why an identity was refused is told before the connection ends for it.
                    Err(error) => ended = Some(error),
                },
                () = &mut let_go, if !letting_go => {
                    letting_go = true;
                    // One that is not bound has nothing to let go of: it ends by its deadline.
                    let _ = self.pump.machine.ask_to_let_go();
                    self.deadline = self.deadline.min(Instant::now() + LAST_WORDS);
                    silent.as_mut().reset(self.deadline);
                }
                () = &mut silent, if self.work.is_empty() => {
                    if self.deadline <= Instant::now() {
                        return Ok(());
                    }
                    silent.as_mut().reset(self.deadline);
                }
            }
            self.handle_events().await;
            if let Some(error) = ended {
                return Err(error);
            }
            if self.pump.machine.should_close() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, work: Work) -> Result<(), RpcError> {
        match work {
            Work::Judged(verdict) => self.pump.machine.judge(verdict),
            Work::Answered(call, answer) => {
                self.running.remove(&call);
                let said = match answer {
                    Ok(stub) => self.pump.machine.respond(call, &stub),
                    Err(status) => self.pump.machine.fault(call, status),
                };
                // A call whose association is over is not outstanding any more; nothing is owed for it.
                let _ = said;
                Ok(())
            }
        }
    }

    async fn handle_events(&mut self) {
        while let Some(event) = self.pump.machine.poll_event() {
            match event {
                ServerEvent::Request {
                    call,
                    interface,
                    opnum,
                    stub,
                    object,
                    order,
                    principal,
                    level,
                } => {
                    self.proved |= principal.is_some();
                    let patience = if self.proved { self.idle } else { self.idle.min(UNBOUND) };
                    self.deadline = Instant::now() + patience;
                    let request =
                        RpcRequest { interface, opnum, stub, object, order, principal, level };
                    let service = Arc::clone(&self.service);
                    let mut work = Box::pin(async move {
                        let answer = service.call(request).await;
                        Work::Answered(call, answer)
                    });
                    // Most calls are answered at once: a task for each would cost more than the call.
                    match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
                        Poll::Ready(done) => {
                            // Only a judgement can be refused.
                            let _ = self.take(done);
                        }
                        Poll::Pending => {
                            let task = self.work.spawn(work);
                            self.running.insert(call, task);
                        }
                    }
                }
                ServerEvent::LogonAsked { question } => {
                    let service = Arc::clone(&self.service);
                    self.work.spawn(async move { Work::Judged(service.judge(*question).await) });
                }
                ServerEvent::AuthenticationFailed { account, failure } => {
                    self.service.authentication_failed(account, &failure);
                }
                ServerEvent::Cancelled { call } => {
                    if let Some(task) = self.running.remove(&call) {
                        task.abort();
                        // Nothing is sent for a call that was given up.
                        let _ = self.pump.machine.fault(call, NCA_FAULT_CANCEL);
                    }
                }
                ServerEvent::Broken { .. } => {}
            }
        }
    }
}
