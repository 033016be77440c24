//! One RPC connection as its server serves it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dcerpc::{AuthLevel, ByteOrder, CallId, RpcError, ServerAssociation, ServerEvent};
use identity::AccountName;
use security::SecurityError;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::pump::{Machine, Progress, Pump, PumpError};

/// Answers that may wait for the drive task.
const ANSWERS: usize = 64;
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
}

/// Serves one connection until the peer closes it, breaks the protocol, or is idle for `idle`.
///
/// # Errors
/// The stream failed or the peer broke the protocol.
pub async fn serve_rpc<S: RpcService>(
    stream: TcpStream,
    association: ServerAssociation,
    service: Arc<S>,
    idle: Duration,
) -> Result<(), PumpError<RpcError>> {
    let mut pump = Pump::new(association, stream);
    let (answers, mut answered) = mpsc::channel::<(CallId, Result<Vec<u8>, u32>)>(ANSWERS);
    let mut calls = tokio::task::JoinSet::new();
    let mut proved = false;
    let result = loop {
        // Who has not proved an identity is nobody: many of them must not keep others out for
        // long, not even by binding.
        let patience = if proved { idle } else { idle.min(UNBOUND) };
        let mut ended = None;
        tokio::select! {
            Some((call, answer)) = answered.recv() => {
                let said = match answer {
                    Ok(stub) => pump.machine.respond(call, &stub),
                    Err(status) => pump.machine.fault(call, status),
                };
                // A cancelled call is not outstanding any more; nothing is owed for it.
                let _ = said;
            }
            progress = pump.drive() => match progress {
                Ok(Progress::Received) => {}
                Ok(Progress::Closed) => break Ok(()),
                // Why an identity was refused is told before the connection ends for it.
                Err(error) => ended = Some(error),
            },
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
            () = tokio::time::sleep(patience), if calls.is_empty() => break Ok(()),
        }
        while let Some(event) = pump.machine.poll_event() {
            match event {
                ServerEvent::Request { call, interface, opnum, stub, order, principal, level } => {
                    proved |= principal.is_some();
                    let request = RpcRequest { interface, opnum, stub, order, principal, level };
                    let (service, answers) = (Arc::clone(&service), answers.clone());
                    calls.spawn(async move {
                        let answer = service.call(request).await;
                        let _ = answers.send((call, answer)).await;
                    });
                }
                ServerEvent::AuthenticationFailed { account, failure } => {
                    service.authentication_failed(account, &failure);
                }
                ServerEvent::Cancelled { .. } | ServerEvent::Broken { .. } => {}
            }
        }
        if let Some(error) = ended {
            break Err(error);
        }
        if pump.machine.should_close() {
            break Ok(());
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, pump.flush()).await;
    result
}
