//! The two listeners: a Unix socket for the owner, TCP for neighbours.
//!
//! A connection counts against the few that are served only once the head of its request is there. Those that have said
//! nothing yet stand in a room of their own, where the oldest makes way for a new one: whoever opens connections and is
//! silent keeps nobody out.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use identity::Password;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::caller::{Local, Who, called_by};
use crate::guard::Guard;
use crate::neighbour;
use crate::operations::{OperationError, Operations};
use crate::reply::refuse_with;
use crate::routes::{self, Shared};

/// A request whose head is not complete by then is dropped, so that nobody holds a connection with nothing.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A probe of several addresses that do not answer takes longest; its own deadlines are shorter.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// On TCP no connection is older than a request and the time to read its answer.
const NEIGHBOUR_LIFETIME: Duration = Duration::from_secs(120);
/// Octets of a request's head: sent addresses are part of it, hundreds of them.
const MAX_HEAD: usize = 64 * 1024;
/// Headers of a request; our client sends four.
const MAX_HEADERS: usize = 32;
/// Requests at once: those who follow events stay.
const MAX_LOCAL: usize = 64;
/// Requests at once on TCP: a few neighbours and a collector of metrics.
const MAX_NEIGHBOURS: usize = 16;
/// Connections at once whose request has not come yet.
const MAX_SILENT: usize = 64;
/// Connections at once in all, with those whose request waits to be served.
const MAX_CONNECTIONS: usize = 512;
/// Connections that the system holds for us while all are in use.
const BACKLOG: u32 = 64;
/// When stopping, answers that are on their way get so long.
const GRACE: Duration = Duration::from_secs(5);

/// Modes of the socket: to connect is to write.
const OWNER_ONLY: u32 = 0o600;
const EVERYBODY: u32 = 0o666;

/// Why the administrative interface cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("another server listens on {} already; stop it first, or name another admin.socket in the configuration", path.display())]
    InUse { path: PathBuf },
    #[error("{} exists and is no socket; move it away, or name another admin.socket in the configuration", path.display())]
    NotASocket { path: PathBuf },
    #[error("cannot listen on {}; make sure that its folder exists and belongs to you, and that the path has at most 107 octets (admin.socket)", path.display())]
    Listen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A listening Unix socket that only its owner may open; its file is removed when it is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    file: SocketFile,
}

impl UnixSocket {
    /// Listens. A socket file that nobody listens on, left by a server that was killed, is replaced.
    ///
    /// # Errors
    /// Somebody listens there, something else is there, or the system refuses.
    pub fn bind(path: &Path) -> Result<Self, ServeError> {
        Self::bind_with(path, OWNER_ONLY)
    }

    /// The same for everybody on this machine: whoever has no role is told so.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_for_all(path: &Path) -> Result<Self, ServeError> {
        Self::bind_with(path, EVERYBODY)
    }

    fn bind_with(path: &Path, mode: u32) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(ServeError::NotASocket { path: path.to_owned() });
            }
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).map_err(failed)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // A full backlog or a lack of rights shows that somebody is there, too.
                _ => return Err(ServeError::InUse { path: path.to_owned() }),
            },
        }
        let socket = tokio::net::UnixSocket::new_stream().map_err(failed)?;
        socket.bind(path).map_err(failed)?;
        // Before it listens, so that nobody else gets in between.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        let listener = socket.listen(BACKLOG).map_err(failed)?;
        let file = SocketFile { path: path.to_owned(), identity: identity_of(path) };
        Ok(Self { listener, file })
    }
}

/// Lets everybody on this machine connect to a socket, or its owner alone.
///
/// # Errors
/// The system refuses.
pub fn open_to(path: &Path, everybody: bool) -> io::Result<()> {
    let mode = if everybody { EVERYBODY } else { OWNER_ONLY };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode of our file, so that another one at the same path is left alone.
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity_of(&self.path) == self.identity {
            // Best effort: a file that stays is replaced by the next server.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Serves every operation on a Unix socket until `stop`; returns when the answers on their way are out.
pub async fn serve_unix<O: Operations>(
    socket: UnixSocket,
    operations: Arc<O>,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopped, stopping) = watch::channel(false);
    let operations = Guard::new(operations);
    let router = routes::all(Shared { operations, stopping: stopping.clone() });
    let connections = Connections::new(router, MAX_LOCAL, None, stopping);
    let UnixSocket { listener, file } = socket;
    serve(Local(listener), connections, stop, stopped).await;
    drop(file);
}

/// Serves the neighbours' part over TCP until `stop`; every request has to present the token.
pub async fn serve_tcp<O: Operations>(
    listener: TcpListener,
    token: Password,
    operations: Arc<O>,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopped, stopping) = watch::channel(false);
    let operations = Guard::new(operations);
    let router = neighbour::read_only(Shared { operations, stopping: stopping.clone() }, token);
    let connections = Connections::new(router, MAX_NEIGHBOURS, Some(NEIGHBOUR_LIFETIME), stopping);
    serve(listener, connections, stop, stopped).await;
}

async fn serve<L: Listener<Addr: Who>>(
    mut listener: L,
    mut connections: Connections,
    stop: impl Future<Output = ()>,
    stopped: watch::Sender<bool>,
) {
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = connections.accept_one(&mut listener) => {}
        }
    }
    // The receivers live in the connections; without any there is nobody to tell.
    let _ = stopped.send(true);
    connections.drain().await;
}

/// The connections of one listener.
struct Connections {
    router: Router,
    slots: Arc<Semaphore>,
    lifetime: Option<Duration>,
    stopping: watch::Receiver<bool>,
    tasks: JoinSet<()>,
    /// Those that had said nothing when they were looked at last, the oldest first.
    silent: VecDeque<(AbortHandle, Arc<AtomicBool>)>,
}

impl Connections {
    fn new(
        router: Router,
        slots: usize,
        lifetime: Option<Duration>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(slots));
        let (tasks, silent) = (JoinSet::new(), VecDeque::new());
        Self { router, slots, lifetime, stopping, tasks, silent }
    }

    async fn accept_one<L: Listener<Addr: Who>>(&mut self, listener: &mut L) {
        while self.tasks.len() >= MAX_CONNECTIONS {
            let _ = self.tasks.join_next().await;
        }
        // It waits by itself after a failure, as a rule that no file descriptor is left.
        let (stream, address) = listener.accept().await;
        while self.tasks.try_join_next().is_some() {}
        self.make_room();
        let has_asked = Arc::new(AtomicBool::new(false));
        let turn = Turn { slots: Arc::clone(&self.slots), has_asked: Arc::clone(&has_asked) };
        let work = one(stream, self.router.clone(), turn, self.stopping.clone());
        let connection = called_by(address.who(), work);
        let lifetime = self.lifetime;
        let task = self.tasks.spawn(async move {
            match lifetime {
                // Whether it ended or was cut makes no difference here.
                Some(lifetime) => drop(timeout(lifetime, connection).await),
                None => connection.await,
            }
        });
        self.silent.push_back((task, has_asked));
    }

    /// Makes room for one more that may be silent.
    fn make_room(&mut self) {
        if self.silent.len() < MAX_SILENT {
            return;
        }
        self.silent
            .retain(|(task, has_asked)| !task.is_finished() && !has_asked.load(Ordering::Acquire));
        while self.silent.len() >= MAX_SILENT
            && let Some((oldest, _)) = self.silent.pop_front()
        {
            oldest.abort();
        }
    }

    async fn drain(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

/// What a connection needs to be served.
struct Turn {
    slots: Arc<Semaphore>,
    has_asked: Arc<AtomicBool>,
}

impl Turn {
    /// Waits until fewer requests than the limit are being served; the turn lasts as long as what is given back.
    async fn come(&self) -> Option<OwnedSemaphorePermit> {
        self.has_asked.store(true, Ordering::Release);
        // It is never closed.
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }
}

/// Serves one request on one connection: short connections need no bookkeeping of idle ones.
async fn one<S>(stream: S, router: Router, turn: Turn, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The answer may take long to be read, so the slot stays taken until the connection ends.
    let slot = Mutex::new(None);
    let (turn, slot) = (&turn, &slot);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let answered = async move {
                let taken = turn.come().await;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = taken;
                TowerToHyperService::new(router).call(request).await
            };
            Ok::<_, Infallible>(match timeout(REQUEST_TIMEOUT, answered).await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => refuse_with(
                    StatusCode::GATEWAY_TIMEOUT,
                    OperationError::Unavailable(format!(
                        "no answer within {} s; see `bindback events` on the server",
                        REQUEST_TIMEOUT.as_secs()
                    )),
                ),
            })
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .keep_alive(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // A connection that breaks is the other side's matter: it never learnt the answer and asks again.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
