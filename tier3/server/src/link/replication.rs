//! The agent that keeps this server's copy of the directory in step with a peer's: it reads the peer's copy over RPC, with the
//! account that this server shows the peer.
//!
//! A stopped agent reads on, so that it can be said what the copy lacks; what it read waits until it is started.

use std::sync::Arc;
use std::time::Duration;

use mta::directory_interface::{DIRECTORY_READ, INTERFACE, Read, ReadAnswer};
use net::{FailureLayer, RpcClient, RpcTarget, chain};

use super::proof::Proof;
use crate::blocking::blocking;
use crate::directory_table::{Heard, PageError, Received};
use crate::node::Node;
use crate::rpc_security;

/// The longest wait after readings that failed, so that a wrong password is not shown too often.
const REST: Duration = Duration::from_secs(60);
/// Readings that begin anew since the copy changed meanwhile, until the next time is waited for.
const ANEW: u32 = 5;

/// Why a peer's copy was not read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("it is no longer configured")]
    Gone,
    #[error("this server has nothing to show")]
    Credentials(#[from] config::SecretError),
    #[error("there is no ticket")]
    Ticket(#[from] kerberos::KerberosError),
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("it does not tell")]
    Call(#[from] net::CallError),
    #[error("it refuses: {}", dcerpc::status::Status(*.0))]
    Refused(u32),
    #[error("the answer is malformed: {0}")]
    Malformed(String),
    #[error("what it tells")]
    Page(#[from] PageError),
    #[error("its copy changes faster than it is read")]
    Unquiet,
    #[error("what it told cannot be taken over")]
    Table(#[from] crate::directory_table::DirectoryTableError),
}

/// Keeps the copy in step with that of one peer until the server stops.
pub async fn run_replication(node: Arc<Node>, peer: String) {
    let mut reader = Reader { node: Arc::clone(&node), peer, client: None, known: 0 };
    let mut wait = Duration::ZERO;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = node.directory.sources_asked() => {}
            () = node.stopped() => return,
        }
        let poll = node.config().directory.poll();
        let read = tokio::select! {
            read = reader.read() => read,
            () = node.stopped() => return,
        };
        match read {
            Ok(changed) => {
                wait = poll;
                if changed {
                    // Something may have been put right: nothing waits for a timer.
                    node.wake_all_peers();
                }
            }
            Err(error) => {
                reader.client = None;
                node.directory.note_source(&reader.peer, Some(chain(&error)));
                // Where nobody was there nothing was shown to anybody.
                wait = match error {
                    ReadError::Absent(_) => poll,
                    _ => wait.max(poll).saturating_mul(2).min(REST),
                };
            }
        }
    }
}

struct Reader {
    node: Arc<Node>,
    peer: String,
    client: Option<RpcClient>,
    /// The version of the peer's copy that was taken over.
    known: u64,
}

impl Reader {
    /// Reads the peer's copy where it has a new one; whether this site's copy changed.
    async fn read(&mut self) -> Result<bool, ReadError> {
        if self.client.is_none() {
            self.client = Some(self.open().await?);
        }
        let Some(client) = &self.client else { return Ok(false) };
        let Some((version, heard)) = self.pages(client).await? else {
            self.node.directory.note_source(&self.peer, None);
            return Ok(false);
        };
        let (directory, peer) = (self.node.directory.clone(), self.peer.clone());
        let changed = blocking(move || directory.replicate(&peer, heard)).await?;
        self.known = version;
        Ok(changed)
    }

    async fn open(&self) -> Result<RpcClient, ReadError> {
        let config = self.node.config();
        let peer = config.peer(&self.peer).ok_or(ReadError::Gone)?;
        let (account, password) = self.node.credentials_for(peer).await?;
        let proof = Proof::new(&self.node, peer, &account, &password).await?;
        let target = RpcTarget {
            host: peer.host.clone(),
            mapper_port: peer.mapper_port,
            interface: INTERFACE,
            level: rpc_security::level(&config),
        };
        let opened = self.node.dialer().open(&target, || proof.initiator()).await;
        opened.map_err(|failures| {
            let Some(last) = failures.last() else {
                return ReadError::Absent("it has no address".to_owned());
            };
            match last.layer {
                FailureLayer::Name | FailureLayer::Tcp | FailureLayer::Mapper => {
                    ReadError::Absent(last.to_string())
                }
                _ => ReadError::Unreachable(last.to_string()),
            }
        })
    }

    async fn pages(&self, client: &RpcClient) -> Result<Option<(u64, Heard)>, ReadError> {
        let patience = self.node.config().rpc.call_timeout;
        for _ in 0..ANEW {
            let (mut received, mut after, mut of) = (Received::default(), String::new(), None);
            loop {
                let read = Read { known: self.known, after: after.clone() };
                let reply = client.call(DIRECTORY_READ, read.encode(), patience).await?;
                let answer = ReadAnswer::decode(&reply.stub, reply.order)
                    .map_err(|error| ReadError::Malformed(error.to_string()))?;
                if answer.status != 0 {
                    return Err(ReadError::Refused(answer.status));
                }
                if of.is_none() && answer.version == self.known {
                    return Ok(None);
                }
                if *of.get_or_insert(answer.version) != answer.version {
                    break;
                }
                // The pages of a large copy are worth a thread of their own.
                let taken;
                (received, taken) = blocking(move || {
                    let taken = received.take(&answer.page, &after);
                    (received, taken)
                })
                .await;
                after = taken?;
                if let (true, Some(version)) = (after.is_empty(), of) {
                    return Ok(Some((version, received.whole()?)));
                }
            }
        }
        Err(ReadError::Unquiet)
    }
}
