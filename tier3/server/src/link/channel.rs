//! The two channels of one association: this side's calls, and the peer's pieces.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dcerpc::ContextHandle;
use mta::rpc_interface::{MTA_TRANSFER, Piece, Transfer, Unbind, decode_status};
use mta::{Association, Output};
use net::{CallError, Reply, RpcClient};
use tokio::sync::mpsc;

/// Why an association's channels are of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum ChannelEnd {
    #[error("the channel to {peer} was lost")]
    OwnLost { peer: String },
    #[error("the channel from {peer} was lost")]
    PeerLost { peer: String },
    #[error("{peer} ended the association: {why}")]
    Ended { peer: String, why: String },
    #[error("a call to {peer} failed")]
    Call {
        peer: String,
        #[source]
        source: CallError,
    },
    #[error("{peer} refused a piece with error {status}")]
    Refused { peer: String, status: u32 },
    #[error("{peer} answered with something that is no answer")]
    Answer { peer: String },
    #[error("{peer} broke a protocol")]
    Protocol {
        peer: String,
        #[source]
        source: mta::AssociationError,
    },
    #[error("{peer} gave no sign for {} s", waited.as_secs())]
    Silent { peer: String, waited: Duration },
    #[error("nothing was called on the channel to {peer} for {} s", waited.as_secs())]
    Inactive { peer: String, waited: Duration },
}

/// Whoever wants to know that something crosses.
type Heed = Box<dyn Fn() + Send + Sync>;

type Sending = Pin<Box<dyn Future<Output = Result<Reply, CallError>> + Send>>;

/// Both channels of one association.
pub struct Channel {
    peer: String,
    client: Arc<RpcClient>,
    handle: ContextHandle,
    incoming: mpsc::Receiver<Piece>,
    sending: Option<Sending>,
    call_timeout: Duration,
    /// How long the channel may stay without a call, and since when it is.
    idle: Option<Duration>,
    last_call: Instant,
    /// Hears of every piece that crosses.
    heed: Option<Heed>,
}

impl Channel {
    /// Joins this side's bound channel to the peer's pieces.
    #[must_use]
    pub fn new(
        peer: &str,
        client: RpcClient,
        handle: ContextHandle,
        incoming: mpsc::Receiver<Piece>,
        call_timeout: Duration,
    ) -> Self {
        let peer = peer.to_owned();
        Self {
            peer,
            client: Arc::new(client),
            handle,
            incoming,
            sending: None,
            call_timeout,
            idle: None,
            last_call: Instant::now(),
            heed: None,
        }
    }

    /// Tells of every piece that crosses, in either direction.
    #[must_use]
    pub fn heeded(self, heed: impl Fn() + Send + Sync + 'static) -> Self {
        Self { heed: Some(Box::new(heed)), ..self }
    }

    /// Ends when nothing was called for so long.
    #[must_use]
    pub fn ends_when_idle(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// Moves pieces both ways until the association has something to say. Can be cancelled.
    ///
    /// # Errors
    /// A channel was lost or the peer broke a protocol.
    pub async fn next_output(
        &mut self,
        association: &mut Association,
    ) -> Result<Output, ChannelEnd> {
        loop {
            if let Some(output) = association.poll_output() {
                return Ok(output);
            }
            self.start_sending(association);
            let sending = self.sending.is_some();
            tokio::select! {
                answer = wait(&mut self.sending) => self.take_answer(answer)?,
                piece = self.incoming.recv() => {
                    let Some(piece) = piece else {
                        return Err(ChannelEnd::PeerLost { peer: self.peer.clone() });
                    };
                    self.heard();
                    association.handle_piece(&piece).map_err(|source| {
                        ChannelEnd::Protocol { peer: self.peer.clone(), source }
                    })?;
                }
                waited = inactive(self.idle, self.last_call), if !sending => {
                    return Err(ChannelEnd::Inactive { peer: self.peer.clone(), waited });
                }
                () = self.client.closed() => {
                    return Err(ChannelEnd::OwnLost { peer: self.peer.clone() });
                }
            }
        }
    }

    /// As [`next_output`](Self::next_output), but not longer than `patience`.
    ///
    /// # Errors
    /// As there, or silence.
    pub async fn next_output_within(
        &mut self,
        association: &mut Association,
        patience: Duration,
    ) -> Result<Output, ChannelEnd> {
        match tokio::time::timeout(patience, self.next_output(association)).await {
            Ok(result) => result,
            Err(_) => Err(ChannelEnd::Silent { peer: self.peer.clone(), waited: patience }),
        }
    }

    /// Sends the pieces that are left, for at most `patience`.
    pub async fn flush(&mut self, association: &mut Association, patience: Duration) {
        let until = Instant::now() + patience;
        loop {
            self.start_sending(association);
            if self.sending.is_none() {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, wait(&mut self.sending)).await {
                Ok(answer) => {
                    if self.take_answer(answer).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Closes this side's channel with operation `opnum`.
    ///
    /// # Errors
    /// The peer did not answer.
    pub async fn unbind(&mut self, opnum: u16, patience: Duration) -> Result<(), CallError> {
        let stub = Unbind { channel: self.handle }.encode();
        self.client.call(opnum, stub, patience).await.map(|_| ())
    }

    fn heard(&self) {
        if let Some(heed) = &self.heed {
            heed();
        }
    }

    fn start_sending(&mut self, association: &mut Association) {
        if self.sending.is_none()
            && let Some(piece) = association.poll_piece()
        {
            let stub = Transfer { channel: self.handle, piece }.encode();
            let (client, patience) = (Arc::clone(&self.client), self.call_timeout);
            self.sending =
                Some(Box::pin(async move { client.call(MTA_TRANSFER, stub, patience).await }));
        }
    }

    fn take_answer(&mut self, answer: Result<Reply, CallError>) -> Result<(), ChannelEnd> {
        self.sending = None;
        self.last_call = Instant::now();
        self.heard();
        let peer = || self.peer.clone();
        let reply = answer.map_err(|source| ChannelEnd::Call { peer: peer(), source })?;
        match decode_status(&reply.stub, reply.order) {
            Ok(0) => Ok(()),
            Ok(status) => Err(ChannelEnd::Refused { peer: peer(), status }),
            Err(_) => Err(ChannelEnd::Answer { peer: peer() }),
        }
    }
}

/// Ends once nothing was called for `idle`; never where there is no such limit.
async fn inactive(idle: Option<Duration>, last_call: Instant) -> Duration {
    let Some(idle) = idle else { return std::future::pending().await };
    tokio::time::sleep_until((last_call + idle).into()).await;
    idle
}

/// Waits for the call under way; for ever when there is none.
async fn wait(sending: &mut Option<Sending>) -> Result<Reply, CallError> {
    match sending {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}
