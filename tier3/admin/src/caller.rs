//! Who asks: the user at the other end of the Unix socket, as the kernel says it, for the audit trail.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{UnixListener, UnixStream};

tokio::task_local! {
    static CALLER: String;
}

/// Who asked for what is being done now: `user 1000`, `neighbour 10.0.0.2:5000`; nobody in particular outside a request.
#[must_use]
pub fn caller() -> String {
    CALLER.try_with(Clone::clone).unwrap_or_else(|_| "this machine".to_owned())
}

/// Does work on behalf of a caller.
pub(crate) async fn called_by<F: Future>(who: String, work: F) -> F::Output {
    CALLER.scope(who, work).await
}

/// An address that says who is there.
pub(crate) trait Who {
    fn who(&self) -> String;
}

impl Who for SocketAddr {
    fn who(&self) -> String {
        format!("neighbour {self}")
    }
}

/// The user of a process on this machine.
pub(crate) struct LocalUser(Option<u32>);

impl Who for LocalUser {
    fn who(&self) -> String {
        self.0.map_or_else(|| "an unknown user".to_owned(), |user| format!("user {user}"))
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
        let user = stream.peer_cred().ok().map(|found| found.uid());
        (stream, LocalUser(user))
    }

    fn local_addr(&self) -> io::Result<LocalUser> {
        Ok(LocalUser(None))
    }
}
