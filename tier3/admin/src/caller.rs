//! Who asks: the user at the other end of the Unix socket, as the kernel says it, for the audit trail.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{UnixListener, UnixStream};

tokio::task_local! {
    static CALLER: Caller;
}

/// Who asks, as the kernel or the token says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In words: `user 1000`, `neighbour 10.0.0.2:5000`.
    pub who: String,
    /// The user and its first group, of a process on this machine.
    pub user: Option<u32>,
    pub group: Option<u32>,
    /// Somebody over TCP, who showed the token.
    pub is_neighbour: bool,
}

/// Who asked for what is being done now: `user 1000`, `neighbour 10.0.0.2:5000`; nobody in particular outside a request.
#[must_use]
pub fn caller() -> String {
    CALLER.try_with(|caller| caller.who.clone()).unwrap_or_else(|_| "this machine".to_owned())
}

/// The same with all that is known; outside a request nobody, who may nothing.
pub(crate) fn identity() -> Caller {
    CALLER.try_with(Clone::clone).unwrap_or_else(|_| Caller {
        who: "nobody".to_owned(),
        user: None,
        group: None,
        is_neighbour: false,
    })
}

/// Does work on behalf of a caller.
pub(crate) async fn called_by<F: Future>(who: Caller, work: F) -> F::Output {
    CALLER.scope(who, work).await
}

/// An address that says who is there.
pub(crate) trait Who {
    fn who(&self) -> Caller;
}

impl Who for SocketAddr {
    fn who(&self) -> Caller {
        let who = format!("neighbour {self}");
        Caller { who, user: None, group: None, is_neighbour: true }
    }
}

/// The user of a process on this machine, and its first group.
pub(crate) struct LocalUser(Option<(u32, u32)>);

impl Who for LocalUser {
    fn who(&self) -> Caller {
        let user = self.0.map(|(user, _)| user);
        Caller {
            who: user.map_or_else(|| "an unknown user".to_owned(), |user| format!("user {user}")),
            user,
            group: self.0.map(|(_, group)| group),
            is_neighbour: false,
        }
    }
}

/// A Unix socket whose connections have the user for an address.
pub(crate) struct Local(pub(crate) UnixListener);

impl Listener for Local {
    type Io = UnixStream;
    type Addr = LocalUser;

    async fn accept(&mut self) -> (UnixStream, LocalUser) {
        // The library's own, for what it does when no file descriptor is left.
        let (stream, _) = <UnixListener as Listener>::accept(&mut self.0).await;
        let user = stream.peer_cred().ok().map(|found| (found.uid(), found.gid()));
        (stream, LocalUser(user))
    }

    fn local_addr(&self) -> io::Result<LocalUser> {
        Ok(LocalUser(None))
    }
}
