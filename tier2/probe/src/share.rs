//! A session of SMB 2 with one share of a host, and the RPC interfaces that stand behind its pipes (MS-RPCE 2.1.1.2).

use std::net::SocketAddr;
use std::time::Duration;

use dcerpc::{
    AuthLevel, ByteOrder, ClientAssociation, ClientConfig, ClientEvent, DEFAULT_FRAGMENT, SyntaxId,
};
use security::{Initiator, SecurityContext, Step};
use smb::{
    BUFFER_OVERFLOW, END_OF_FILE, FileId, MORE_PROCESSING_REQUIRED, NO_MORE_FILES, NO_SUCH_FILE,
    NO_SUCH_PATH, PENDING, PIPE_ACCESS, Place, READ_ACCESS, Reply, message_length,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Octets that are read of a pipe at once.
const AT_ONCE: u32 = 64 * 1024;
/// Names of one folder that are read.
const MOST_NAMES: usize = 10_000;

/// Why a share or a pipe is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShareError {
    #[error("no answer within {} s", .0.as_secs())]
    Silence(Duration),
    #[error("the connection failed")]
    Lost(#[source] std::io::Error),
    #[error("{0}")]
    Malformed(#[from] smb::SmbError),
    /// A status of [MS-ERREF] 2.3.1, and what was asked.
    #[error("{what}: {}", dcerpc::status::Status(*status))]
    Refused { what: &'static str, status: u32 },
    #[error("the logon cannot be made")]
    Logon(#[source] security::SecurityError),
    #[error("an answer is not signed as it has to be")]
    Unsigned,
    #[error("what the pipe answers is no RPC")]
    Rpc(#[source] dcerpc::RpcError),
    #[error("the interface is refused")]
    Interface(#[source] dcerpc::BindRefusal),
    #[error("the operation is refused with {}", dcerpc::status::Status(*.0))]
    Fault(u32),
    #[error("the pipe ended before its answer did")]
    Short,
}

impl ShareError {
    /// The peer understood and said no.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Interface(_) | Self::Fault(_))
    }
}

/// A share that somebody is let into.
pub(crate) struct Share {
    stream: TcpStream,
    patience: Duration,
    place: Place,
    /// What is signed with, where the session has a key.
    key: Option<zeroize::Zeroizing<[u8; 16]>>,
}

impl Share {
    /// Logs on and connects to `\\host\share`.
    pub(crate) async fn open(
        to: SocketAddr,
        host: &str,
        share: &str,
        client: [u8; 16],
        mut initiator: Box<dyn Initiator>,
        patience: Duration,
    ) -> Result<Self, ShareError> {
        let connecting = tokio::time::timeout(patience, TcpStream::connect(to)).await;
        let stream =
            connecting.map_err(|_| ShareError::Silence(patience))?.map_err(ShareError::Lost)?;
        let place = Place { message_id: 0, session: 0, tree: 0 };
        let mut open = Self { stream, patience, place, key: None };
        open.ask("negotiation", |_| smb::negotiate(client), &[0]).await?;
        let mut token = None;
        loop {
            let step = initiator.step(token.as_deref()).map_err(ShareError::Logon)?;
            let (Step::Continue(mine) | Step::Done { token: Some(mine) }) = step else { break };
            let request = |place: Place| smb::session_setup(place.message_id, place.session, &mine);
            let answer = open.ask("logon", request, &[0, MORE_PROCESSING_REQUIRED]).await?;
            let reply = Reply::read(&answer)?;
            open.place.session = reply.session;
            if reply.status == 0 {
                // Nobody and guests have no key, and sign nothing.
                if !reply.is_guest() {
                    let context: Box<dyn SecurityContext> =
                        initiator.into_context().map_err(ShareError::Logon)?;
                    open.key = context.session_key();
                }
                break;
            }
            token = Some(reply.token()?.to_vec());
        }
        open.enter(host, share).await?;
        Ok(open)
    }

    /// Goes on in another share.
    pub(crate) async fn enter(&mut self, host: &str, share: &str) -> Result<(), ShareError> {
        let path = format!("\\\\{host}\\{share}");
        let request = |place: Place| smb::tree_connect(place.message_id, place.session, &path);
        let answer = self.ask("connection to the share", request, &[0]).await?;
        self.place.tree = Reply::read(&answer)?.tree()?;
        Ok(())
    }

    /// Opens an interface behind a pipe.
    pub(crate) async fn pipe(
        self,
        name: &'static str,
        interface: SyntaxId,
    ) -> Result<Pipe, (Self, ShareError)> {
        let mut share = self;
        let request = |place: Place| smb::create(place, name, PIPE_ACCESS);
        let file = match share.ask("opening the pipe", request, &[0]).await {
            Ok(answer) => Reply::read(&answer).and_then(|reply| reply.file()),
            Err(error) => return Err((share, error)),
        };
        let file = match file {
            Ok(file) => file,
            Err(error) => return Err((share, error.into())),
        };
        // The session is who calls: the pipe carries no further proof.
        let association = ClientAssociation::new(ClientConfig {
            interface,
            level: AuthLevel::None,
            initiator: None,
            max_fragment: DEFAULT_FRAGMENT,
        });
        let mut pipe = Pipe { share, file, association };
        match pipe.drive().await {
            Ok(ClientEvent::Bound) => Ok(pipe),
            Ok(ClientEvent::Refused(refusal)) => Err((pipe.share, ShareError::Interface(refusal))),
            Ok(_) => Err((pipe.share, ShareError::Short)),
            Err(error) => Err((pipe.share, error)),
        }
    }

    /// The names in a folder of the share, without those of itself and the one above; none where there is no such folder.
    pub(crate) async fn list(&mut self, folder: &str) -> Result<Option<Vec<String>>, ShareError> {
        let request = |place: Place| smb::open_folder(place, folder);
        let Some(file) = self.open_file("opening a folder", request).await? else {
            return Ok(None);
        };
        let mut names = Vec::new();
        while names.len() < MOST_NAMES {
            let request = |place: Place| smb::list(place, file, AT_ONCE);
            let fine = [0, NO_MORE_FILES];
            let answer = self.ask("reading a folder", request, &fine).await?;
            let reply = Reply::read(&answer)?;
            if reply.status == NO_MORE_FILES {
                break;
            }
            let more = reply.names()?;
            names.extend(more.into_iter().filter(|name| name != "." && name != ".."));
        }
        self.ask("closing a folder", |place| smb::close(place, file), &[0]).await?;
        Ok(Some(names))
    }

    /// A file of the share, `most` octets of it; none where there is no such file.
    pub(crate) async fn file(
        &mut self,
        path: &str,
        most: usize,
    ) -> Result<Option<Vec<u8>>, ShareError> {
        let request = |place: Place| smb::create(place, path, READ_ACCESS);
        let Some(file) = self.open_file("opening a file", request).await? else {
            return Ok(None);
        };
        let mut octets = Vec::new();
        while octets.len() < most {
            let offset = u64::try_from(octets.len()).unwrap_or(u64::MAX);
            let request = |place: Place| smb::read(place, file, offset, AT_ONCE);
            let answer = self.ask("reading a file", request, &[0, END_OF_FILE]).await?;
            let reply = Reply::read(&answer)?;
            if reply.status == END_OF_FILE || reply.data()?.is_empty() {
                break;
            }
            octets.extend(reply.data()?);
        }
        octets.truncate(most);
        self.ask("closing a file", |place| smb::close(place, file), &[0]).await?;
        Ok(Some(octets))
    }

    async fn open_file(
        &mut self,
        what: &'static str,
        request: impl FnOnce(Place) -> Vec<u8>,
    ) -> Result<Option<FileId>, ShareError> {
        let fine = [0, NO_SUCH_FILE, NO_SUCH_PATH];
        let answer = self.ask(what, request, &fine).await?;
        let reply = Reply::read(&answer)?;
        if reply.status == 0 { Ok(Some(reply.file()?)) } else { Ok(None) }
    }

    /// One request and the answer to it, whose status has to be one of `fine`.
    async fn ask(
        &mut self,
        what: &'static str,
        request: impl FnOnce(Place) -> Vec<u8>,
        fine: &[u32],
    ) -> Result<Vec<u8>, ShareError> {
        let mut request = request(self.place);
        self.place.message_id += 1;
        if let Some(key) = &self.key {
            smb::sign(&mut request, key);
        }
        let patience = self.patience;
        let exchange = async {
            self.stream.write_all(&request).await.map_err(ShareError::Lost)?;
            loop {
                let answer = self.message().await?;
                let status = Reply::read(&answer)?.status;
                // A pipe that has no answer yet says so first.
                if status != PENDING {
                    return Ok::<_, ShareError>((answer, status));
                }
            }
        };
        let (answer, status) = tokio::time::timeout(patience, exchange)
            .await
            .map_err(|_| ShareError::Silence(patience))??;
        if self.key.as_ref().is_some_and(|key| !smb::is_signed(&answer, key)) {
            return Err(ShareError::Unsigned);
        }
        if !fine.contains(&status) {
            return Err(ShareError::Refused { what, status });
        }
        Ok(answer)
    }

    async fn message(&mut self) -> Result<Vec<u8>, ShareError> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).await.map_err(ShareError::Lost)?;
        let length = message_length(prefix).ok_or(smb::SmbError::Malformed { offset: 0 })?;
        let mut message = vec![0; length];
        self.stream.read_exact(&mut message).await.map_err(ShareError::Lost)?;
        Ok(message)
    }
}

/// A bound interface behind a pipe.
pub(crate) struct Pipe {
    share: Share,
    file: FileId,
    association: ClientAssociation,
}

impl Pipe {
    /// Calls an operation.
    pub(crate) async fn call(
        &mut self,
        opnum: u16,
        stub: &[u8],
    ) -> Result<(Vec<u8>, ByteOrder), ShareError> {
        self.association.call(opnum, stub).map_err(ShareError::Rpc)?;
        match self.drive().await? {
            ClientEvent::Reply { stub, order, .. } => Ok((stub, order)),
            ClientEvent::Fault { status, .. } => Err(ShareError::Fault(status)),
            _ => Err(ShareError::Short),
        }
    }

    /// The pipe is closed; the share stays.
    pub(crate) async fn close(mut self) -> Share {
        let file = self.file;
        // It is closed with the session at the latest.
        let _ = self.share.ask("closing the pipe", |place| smb::close(place, file), &[0]).await;
        self.share
    }

    /// Writes what is to be said, and reads until something comes of it.
    async fn drive(&mut self) -> Result<ClientEvent, ShareError> {
        let file = self.file;
        loop {
            if let Some(event) = self.association.poll_event() {
                return Ok(event);
            }
            let answer = match self.association.poll_transmit() {
                Some(octets) => {
                    let request = |place| smb::transceive(place, file, &octets, AT_ONCE);
                    let fine = [0, BUFFER_OVERFLOW];
                    let answer = self.share.ask("a call through the pipe", request, &fine).await?;
                    Reply::read(&answer)?.output()?.to_vec()
                }
                None => {
                    let request = |place| smb::read(place, file, 0, AT_ONCE);
                    let fine = [0, BUFFER_OVERFLOW];
                    let answer = self.share.ask("reading the pipe", request, &fine).await?;
                    Reply::read(&answer)?.data()?.to_vec()
                }
            };
            if answer.is_empty() {
                return Err(ShareError::Short);
            }
            self.association.handle_bytes(&answer).map_err(ShareError::Rpc)?;
        }
    }
}

#[cfg(test)]
mod tests;
