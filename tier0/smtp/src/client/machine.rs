//! One transaction on a connection of its own.

use std::sync::Arc;

use super::session::{SendSession, Transaction};
use crate::{RecipientParameters, Reply};

/// What is to be sent; addresses without angle brackets, an empty reverse path for the null one.
#[derive(Clone, PartialEq, Eq)]
pub struct SendRequest {
    pub reverse_path: String,
    pub recipients: Vec<String>,
    pub content: Vec<u8>,
}

/// How the transaction ended; every recipient is in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendResult {
    /// Recipients for whom the server took responsibility.
    pub accepted: Vec<String>,
    /// The others, each with the reply that stopped it.
    pub refused: Vec<(String, Reply)>,
    /// The reply that ended the transaction: to the content, or the refusal that came before it; `None` when the
    /// connection was lost.
    pub reply: Option<Reply>,
}

/// The sending side of a connection for one transaction.
#[derive(Debug)]
pub struct SendDialogue {
    session: SendSession,
    recipients: Vec<String>,
    waiting: Option<Transaction>,
    result: Option<SendResult>,
}

impl SendDialogue {
    pub fn new(helo: impl Into<String>, request: SendRequest) -> Self {
        let recipients = request.recipients.iter().cloned();
        let transaction = Transaction {
            reverse_path: request.reverse_path,
            recipients: recipients.map(|one| (one, RecipientParameters::default())).collect(),
            content: Arc::from(request.content),
            ..Transaction::default()
        };
        Self {
            session: SendSession::new(helo),
            recipients: request.recipients,
            waiting: Some(transaction),
            result: None,
        }
    }

    /// Takes octets of the server.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.session.handle_bytes(bytes);
        self.advance();
    }

    /// Tells that the server closed the connection, or that it was lost or given up.
    ///
    /// Lost between the content and its reply, the message may have been taken all the same (RFC 1047).
    pub fn handle_end(&mut self) {
        self.session.handle_end("the connection was lost");
        self.settle();
        if self.result.is_none() {
            self.conclude(self.session.refusal().cloned(), None);
        }
    }

    /// Octets for the server, until `None`.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.session.poll_transmit()
    }

    /// How it ended, as soon as that is known; the farewell may still be going on.
    pub fn result(&self) -> Option<SendResult> {
        self.result.clone()
    }

    /// Whether the connection is to be closed once [`Self::poll_transmit`] has no more.
    pub fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    fn advance(&mut self) {
        if self.session.is_ready()
            && let Some(transaction) = self.waiting.take()
        {
            self.session.begin(transaction);
        }
        self.settle();
        let refusal = self.session.refusal().cloned();
        if refusal.is_some() && self.result.is_none() {
            self.conclude(refusal.clone(), refusal);
        }
        if self.result.is_some() {
            self.session.quit();
        }
    }

    fn settle(&mut self) {
        if let Some(settled) = self.session.poll_settled() {
            let (mut accepted, mut refused) = (Vec::new(), Vec::new());
            for (recipient, reply) in self.recipients.iter().cloned().zip(settled.replies) {
                if reply.is_positive() {
                    accepted.push(recipient);
                } else {
                    refused.push((recipient, reply));
                }
            }
            self.result = Some(SendResult { accepted, refused, reply: settled.last });
        }
    }

    /// Nothing was begun: the server's refusal stands for every recipient.
    fn conclude(&mut self, reply: Option<Reply>, last: Option<Reply>) {
        let reply = reply.unwrap_or_else(|| Reply::new(451, None, "the connection was lost"));
        let refused = self.recipients.iter().map(|one| (one.clone(), reply.clone())).collect();
        self.result = Some(SendResult { accepted: Vec::new(), refused, reply: last });
    }
}

impl std::fmt::Debug for SendRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendRequest")
            .field("reverse_path", &self.reverse_path)
            .field("recipients", &self.recipients)
            .field("content_length", &self.content.len())
            .finish()
    }
}
