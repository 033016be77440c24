//! How many connections are served at the same time, and who makes room when there are too many.
//!
//! A connection whose caller has proved who it is keeps its place. Of the others the oldest makes room for the next one
//! that comes: whoever holds thousands of connections without a word keeps nobody out, and costs a bounded amount.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use dcerpc::{RpcError, ServerAssociation};
use identity::AccountName;
use security::SecurityError;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::pump::PumpError;
use crate::rpc_server::{RpcRequest, RpcService, serve_rpc};

/// Admits connections up to a limit.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    state: Mutex<State>,
    /// One that was told to go is gone.
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// All that are there, whatever they were told.
    open: usize,
    /// Told to go, and not gone yet.
    leaving: usize,
    /// Who has not proved who it is, by age, each with what tells it to go.
    unproved: BTreeMap<u64, Arc<Notify>>,
}

/// What an admission comes to.
enum Admission {
    In(Pass),
    Full,
    Wait,
}

/// The place of one connection; dropped, it is free again.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    number: u64,
    go: Arc<Notify>,
    proved: OnceLock<()>,
}

impl Gate {
    /// A gate for so many connections.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::default(), left: Notify::new() })
    }

    /// A place for one more connection, once there is one; `None` when all are taken by callers who have proved who
    /// they are.
    pub async fn admit(self: &Arc<Self>) -> Option<Pass> {
        loop {
            match self.try_admit() {
                Admission::In(pass) => return Some(pass),
                Admission::Full => return None,
                // It has only to be dropped: that is soon.
                Admission::Wait => self.left.notified().await,
            }
        }
    }

    fn try_admit(self: &Arc<Self>) -> Admission {
        let mut state = self.state();
        if state.open < self.limit {
            let number = state.next;
            state.next += 1;
            state.open += 1;
            let go = Arc::new(Notify::new());
            state.unproved.insert(number, Arc::clone(&go));
            let (gate, proved) = (Arc::clone(self), OnceLock::new());
            return Admission::In(Pass { gate, number, go, proved });
        }
        if state.leaving == 0 {
            let Some((_, oldest)) = state.unproved.pop_first() else { return Admission::Full };
            state.leaving += 1;
            oldest.notify_one();
        }
        Admission::Wait
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The caller has proved who it is: the connection keeps its place.
    pub fn prove(&self) {
        // One that was told to go is not among them any more.
        if self.proved.get().is_none() && self.gate.state().unproved.remove(&self.number).is_some()
        {
            // Set before: the same.
            let _ = self.proved.set(());
        }
    }

    /// Returns when the connection has to make room.
    pub async fn told_to_go(&self) {
        self.go.notified().await;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.open -= 1;
        if self.proved.get().is_none() && state.unproved.remove(&self.number).is_none() {
            state.leaving -= 1;
            self.gate.left.notify_one();
        }
    }
}

/// Serves one connection as [`serve_rpc`] does, until it has to make room.
///
/// # Errors
/// The stream failed or the peer broke the protocol.
pub async fn serve_admitted<S: RpcService>(
    stream: TcpStream,
    association: ServerAssociation,
    service: Arc<S>,
    idle: Duration,
    pass: Pass,
) -> Result<(), PumpError<RpcError>> {
    let pass = Arc::new(pass);
    let watched = Arc::new(Watched { service, pass: Arc::clone(&pass) });
    tokio::select! {
        served = serve_rpc(stream, association, watched, idle) => served,
        () = pass.told_to_go() => Ok(()),
    }
}

/// A service whose first request of a known caller keeps the connection its place.
struct Watched<S> {
    service: Arc<S>,
    pass: Arc<Pass>,
}

impl<S: RpcService> RpcService for Watched<S> {
    fn call(&self, request: RpcRequest) -> impl Future<Output = Result<Vec<u8>, u32>> + Send {
        if request.principal.is_some() {
            self.pass.prove();
        }
        self.service.call(request)
    }

    fn authentication_failed(&self, claimed: Option<AccountName>, why: &SecurityError) {
        self.service.authentication_failed(claimed, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(pass: &Pass) -> bool {
        let mut told = Box::pin(pass.told_to_go());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        told.as_mut().poll(&mut context).is_ready()
    }

    fn admitted(gate: &Arc<Gate>) -> Option<Pass> {
        match gate.try_admit() {
            Admission::In(pass) => Some(pass),
            Admission::Full | Admission::Wait => None,
        }
    }

    #[test]
    fn the_oldest_unknown_caller_makes_room() {
        let gate = Gate::new(2);
        let first = admitted(&gate).unwrap();
        let second = admitted(&gate).unwrap();
        first.prove();
        assert!(matches!(gate.try_admit(), Admission::Wait));
        assert!(!is_told(&first) && is_told(&second));
        // It is too late for it.
        second.prove();
        assert!(matches!(gate.try_admit(), Admission::Wait), "no other is told");
        drop(second);
        let third = admitted(&gate).unwrap();
        third.prove();
        assert!(matches!(gate.try_admit(), Admission::Full), "known callers keep their places");
        drop(first);
        assert!(admitted(&gate).is_some());
    }

    #[tokio::test]
    async fn an_admission_waits_until_there_is_room() {
        let gate = Gate::new(1);
        let first = gate.admit().await.unwrap();
        let leaving = tokio::spawn(async move {
            first.told_to_go().await;
            drop(first);
        });
        let second = gate.admit().await.unwrap();
        leaving.await.unwrap();
        second.prove();
        assert!(gate.admit().await.is_none());
    }

    #[test]
    fn a_place_is_free_again_however_its_connection_ended() {
        let gate = Gate::new(1);
        for proved in [false, true, true, false] {
            let pass = admitted(&gate).unwrap();
            if proved {
                pass.prove();
                pass.prove();
            }
        }
        let state = gate.state();
        assert_eq!((state.open, state.leaving), (0, 0));
        assert!(state.unproved.is_empty());
    }
}
