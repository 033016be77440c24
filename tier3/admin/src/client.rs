//! The other end: commands and the doctor.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnosis::{ProbeFact, ServerFacts};
use event::Event;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use identity::Password;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::api::{
    AccountAdd, AccountChanged, AccountNamed, AccountPassword, AccountRemoved, AccountRole,
    AccountRow, Accounts, Deleted, EventLevels, EventQuery, Events, Facts, LevelOrder, LtabEntries,
    LtabEntry, MessageNamed, MessageQuery, MessageRow, Messages, ProbeOrder, Probes, QueueRow,
    Queues, Reloaded, Retried, RetrySelector, RouteAnswer, RouteQuery, RouteTable, SendOrder, Sent,
};
use crate::directory_api::{AccountOrder, AccountView, DirectoryAnswer, DirectoryOrder};
use crate::envelope::{Shape, WrongSchema, opened};
use crate::operations::OperationError;
use crate::parameters::with_query;
use crate::queue_api::{QueueAnswer, QueueOrder};
use crate::reply::Refusal;

/// What keeps somebody from a socket: a folder on the way to it, or its own mode.
fn whose_fault(socket: &Path) -> String {
    let mut folders: Vec<&Path> = socket.ancestors().skip(1).collect();
    folders.reverse();
    let closed = folders.into_iter().find(|folder| {
        // To look up even `.` in a folder takes the right to pass it.
        let passed = std::fs::metadata(folder.join("."));
        passed.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    });
    match closed {
        Some(folder) => format!(
            "its folder {folder} is closed to you; run the command as the user of the server, or, if admin.roles_file gives you a role, have its owner open the folder with `chmod o+x {folder}`",
            folder = folder.display()
        ),
        None => "run the command as the user of the server; for others it takes admin.roles_file and a restart".to_owned(),
    }
}

/// A little longer than a server works on a request, so that its own words about it arrive.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(75);
/// The same for a copy of a whole store.
const COPY_TIMEOUT: Duration = Duration::from_secs(3600);
/// Octets of an answer: some hundred thousand events.
const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// Octets of one line of a followed stream: one event.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no server runs with this configuration: nobody listens on {}; start it with `bindback serve -c FILE`", path.display())]
    NoServer { path: PathBuf },
    #[error("you may not use the socket {}: {}", path.display(), whose_fault(path))]
    NotAllowed { path: PathBuf },
    #[error("cannot connect to {target}")]
    Unreachable {
        target: String,
        #[source]
        source: io::Error,
    },
    #[error("{target} gave no answer within {} s", after.as_secs())]
    Timeout { target: String, after: Duration },
    #[error(
        "{target} does not accept the token; give it the content of the file that admin.token_file names there"
    )]
    Unauthorized { target: String },
    /// The server's own refusal.
    #[error(transparent)]
    Refused(OperationError),
    #[error("the connection to {target} broke")]
    Broken {
        target: String,
        #[source]
        source: hyper::Error,
    },
    #[error("{target} answered with more than {limit} octets; ask for less")]
    TooLong { target: String, limit: usize },
    #[error("{target} answered what this program does not read")]
    Unexpected {
        target: String,
        #[source]
        source: WrongSchema,
    },
    #[error(
        "the request cannot be written as HTTP: an address or the token holds a character that has no place there"
    )]
    Request(#[source] hyper::http::Error),
}

#[derive(Clone, Debug)]
enum Way {
    Unix(PathBuf),
    Tcp { authority: String, token: Password },
}

/// A server's administrative interface. Each request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    way: Way,
    patience: Duration,
}

impl Client {
    /// The server that listens on this socket.
    #[must_use]
    pub fn unix(path: &Path) -> Self {
        Self { way: Way::Unix(path.to_owned()), patience: ANSWER_TIMEOUT }
    }

    /// A neighbour, at `host:port`. It answers [`Self::facts`], [`Self::probe`], [`Self::events`], [`Self::ltab`], [`Self::queues`] and
    /// [`Self::metrics`], and knows no other operation.
    #[must_use]
    pub fn tcp(authority: &str, token: Password) -> Self {
        let way = Way::Tcp { authority: authority.to_owned(), token };
        Self { way, patience: ANSWER_TIMEOUT }
    }

    /// The same, for one who waits only so long: for the connection and for the answer together.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub async fn queues(&self) -> Result<Vec<QueueRow>, ClientError> {
        Ok(self.get::<Queues>("/v1/queue").await?.queues)
    }

    pub async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageRow>, ClientError> {
        let limit = query.limit.map(|limit| limit.to_string());
        let parameters = [
            ("id", query.id),
            ("next_hop", query.next_hop),
            ("after", query.after),
            ("limit", limit),
        ];
        Ok(self.get::<Messages>(&with_query("/v1/messages", &parameters)).await?.messages)
    }

    pub async fn route(&self, query: RouteQuery) -> Result<RouteAnswer, ClientError> {
        let size = query.size.map(|size| size.to_string());
        let parameters = [
            ("address", Some(query.address)),
            ("from", query.from),
            ("size", size),
            ("came_by", query.came_by),
        ];
        self.get(&with_query("/v1/route", &parameters)).await
    }

    pub async fn route_table(&self) -> Result<RouteTable, ClientError> {
        self.get("/v1/route/table").await
    }

    pub async fn retry(&self, selector: RetrySelector) -> Result<Retried, ClientError> {
        self.post("/v1/queue/retry", &selector).await
    }

    pub async fn delete(&self, id: String) -> Result<(), ClientError> {
        self.post::<Deleted>("/v1/queue/delete", &MessageNamed { id }).await.map(drop)
    }

    pub async fn queue_order(&self, order: QueueOrder) -> Result<QueueAnswer, ClientError> {
        // A copy takes as long as the disk takes.
        let patient = Self { patience: self.patience.max(COPY_TIMEOUT), ..self.clone() };
        patient.post("/v1/queue/order", &order).await
    }

    pub async fn account(&self, order: AccountOrder) -> Result<AccountView, ClientError> {
        self.post("/v1/account", &order).await
    }

    pub async fn directory(&self, order: DirectoryOrder) -> Result<DirectoryAnswer, ClientError> {
        self.post("/v1/directory", &order).await
    }

    pub async fn ltab(&self) -> Result<Vec<LtabEntry>, ClientError> {
        Ok(self.get::<LtabEntries>("/v1/ltab").await?.entries)
    }

    pub async fn events(&self, query: EventQuery) -> Result<Vec<Event>, ClientError> {
        Ok(self.get::<Events>(&events_path(&query, false)).await?.events)
    }

    pub async fn event_levels(&self, order: LevelOrder) -> Result<EventLevels, ClientError> {
        self.post("/v1/events/levels", &order).await
    }

    /// Events as they happen; with a time or a limit in the query, those of the past first.
    pub async fn follow(&self, query: EventQuery) -> Result<Following, ClientError> {
        let request = self.request(Method::GET, &events_path(&query, true), Bytes::new())?;
        let response = self.in_time(self.exchange(request)).await?;
        if response.status() != StatusCode::OK {
            return self.in_time(self.refusal(response)).await;
        }
        Ok(Following { body: response.into_body(), buffer: Vec::new(), target: self.target() })
    }

    pub async fn accounts(&self) -> Result<Vec<AccountRow>, ClientError> {
        Ok(self.get::<Accounts>("/v1/accounts").await?.accounts)
    }

    pub async fn account_add(&self, account: AccountAdd) -> Result<AccountRow, ClientError> {
        self.post::<AccountChanged>("/v1/accounts/add", &account).await.map(|done| done.account)
    }

    pub async fn account_set_password(
        &self,
        change: AccountPassword,
    ) -> Result<AccountRow, ClientError> {
        let changed = self.post::<AccountChanged>("/v1/accounts/set-password", &change).await;
        changed.map(|done| done.account)
    }

    pub async fn account_grant(&self, change: AccountRole) -> Result<AccountRow, ClientError> {
        self.post::<AccountChanged>("/v1/accounts/grant", &change).await.map(|done| done.account)
    }

    pub async fn account_revoke(&self, change: AccountRole) -> Result<AccountRow, ClientError> {
        self.post::<AccountChanged>("/v1/accounts/revoke", &change).await.map(|done| done.account)
    }

    pub async fn account_remove(&self, name: String) -> Result<(), ClientError> {
        self.post::<AccountRemoved>("/v1/accounts/remove", &AccountNamed { name }).await.map(drop)
    }

    pub async fn facts(&self) -> Result<ServerFacts, ClientError> {
        Ok(self.get::<Facts>("/v1/facts").await?.facts)
    }

    pub async fn probe(&self, order: ProbeOrder) -> Result<Vec<ProbeFact>, ClientError> {
        self.post::<Probes>("/v1/probe", &order).await.map(|done| done.checks)
    }

    pub async fn send(&self, order: SendOrder) -> Result<String, ClientError> {
        let mut parameters = vec![("from", order.from)];
        parameters.extend(order.to.into_iter().map(|address| ("to", Some(address))));
        let path = with_query("/v1/send", &parameters);
        let request = self.request(Method::POST, &path, Bytes::from(order.content))?;
        Ok(self.in_time(self.answer::<Sent>(request)).await?.id)
    }

    pub async fn reload(&self) -> Result<Reloaded, ClientError> {
        let request = self.request(Method::POST, "/v1/reload", Bytes::new())?;
        self.in_time(self.answer(request)).await
    }

    pub async fn metrics(&self) -> Result<String, ClientError> {
        let request = self.request(Method::GET, "/metrics", Bytes::new())?;
        let octets = self.in_time(self.octets(request)).await?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    async fn get<T: Shape + DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path, Bytes::new())?;
        self.in_time(self.answer(request)).await
    }

    async fn post<T: Shape + DeserializeOwned>(
        &self,
        path: &str,
        order: &impl Serialize,
    ) -> Result<T, ClientError> {
        let order = serde_json::to_vec(order).map_err(|error| ClientError::Unexpected {
            target: "this program".to_owned(),
            source: WrongSchema::Malformed(error),
        })?;
        let request = self.request(Method::POST, path, Bytes::from(order))?;
        self.in_time(self.answer(request)).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder().method(method).uri(path);
        request = match &self.way {
            Way::Unix(_) => request.header(header::HOST, "localhost"),
            Way::Tcp { authority, token } => request
                .header(header::HOST, authority)
                .header(header::AUTHORIZATION, format!("Bearer {}", token.expose())),
        };
        request.body(Full::new(body)).map_err(ClientError::Request)
    }

    async fn answer<T: Shape + DeserializeOwned>(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<T, ClientError> {
        let octets = self.octets(request).await?;
        opened(&octets).map_err(|source| ClientError::Unexpected { target: self.target(), source })
    }

    async fn octets(&self, request: Request<Full<Bytes>>) -> Result<Bytes, ClientError> {
        let response = self.exchange(request).await?;
        if response.status() == StatusCode::OK {
            self.collect(response.into_body()).await
        } else {
            self.refusal(response).await
        }
    }

    /// What a response that is not 200 means.
    async fn refusal<T>(&self, response: Response<Incoming>) -> Result<T, ClientError> {
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(ClientError::Unauthorized { target: self.target() });
        }
        let octets = self.collect(response.into_body()).await?;
        Err(match opened::<Refusal>(&octets) {
            Ok(refusal) => ClientError::Refused(refusal.error),
            Err(source) => ClientError::Unexpected { target: self.target(), source },
        })
    }

    async fn collect(&self, body: Incoming) -> Result<Bytes, ClientError> {
        match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) => Err(match error.downcast::<hyper::Error>() {
                Ok(source) => ClientError::Broken { target: self.target(), source: *source },
                Err(_) => self.too_long(),
            }),
        }
    }

    fn too_long(&self) -> ClientError {
        ClientError::TooLong { target: self.target(), limit: MAX_ANSWER }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        match &self.way {
            Way::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                let stream = stream.map_err(|source| match source.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        ClientError::NoServer { path: path.clone() }
                    }
                    io::ErrorKind::PermissionDenied => {
                        ClientError::NotAllowed { path: path.clone() }
                    }
                    _ => ClientError::Unreachable { target: self.target(), source },
                })?;
                self.over(stream, request).await
            }
            Way::Tcp { authority, .. } => {
                let stream = TcpStream::connect(authority)
                    .await
                    .map_err(|source| ClientError::Unreachable { target: self.target(), source })?;
                self.over(stream, request).await
            }
        }
    }

    async fn over<S>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |source| ClientError::Broken { target: self.target(), source };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its error reaches the sender or the body as well.
        tokio::spawn(async move { drop(connection.await) });
        sender.send_request(request).await.map_err(broken)
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        match timeout(self.patience, work).await {
            Ok(done) => done,
            Err(_) => Err(ClientError::Timeout { target: self.target(), after: self.patience }),
        }
    }

    fn target(&self) -> String {
        match &self.way {
            Way::Unix(path) => path.display().to_string(),
            Way::Tcp { authority, .. } => authority.clone(),
        }
    }
}

fn events_path(query: &EventQuery, follow: bool) -> String {
    let parameters = [
        ("since", query.since.map(|since| since.to_string())),
        ("id", query.id.map(|id| id.to_string())),
        ("limit", query.limit.map(|limit| limit.to_string())),
        ("follow", follow.then(|| "true".to_owned())),
    ];
    with_query("/v1/events", &parameters)
}

/// Events that are followed.
#[derive(Debug)]
pub struct Following {
    body: Incoming,
    buffer: Vec<u8>,
    target: String,
}

impl Following {
    /// The next events, one as a rule; `None` when the server has stopped. It may be dropped while it waits, nothing is lost then.
    ///
    /// # Errors
    /// The connection broke, or a line is no event.
    pub async fn next(&mut self) -> Result<Option<Events>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let read = opened(&line).map_err(|source| ClientError::Unexpected {
                    target: self.target.clone(),
                    source,
                })?;
                return Ok(Some(read));
            }
            if self.buffer.len() > MAX_LINE {
                let target = self.target.clone();
                return Err(ClientError::TooLong { target, limit: MAX_LINE });
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame
                .map_err(|source| ClientError::Broken { target: self.target.clone(), source })?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
