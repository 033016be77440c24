//! What a dialogue asks its owner, and the answers (RFC 5321 3.3, Mail Transactions).

use crate::{EnhancedCode, MailParameters, Notify};
use std::fmt;
use std::net::IpAddr;

/// A question of the dialogue that only its owner can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// May this recipient be taken? Answer with [`crate::Dialogue::answer_recipient`].
    Recipient(RecipientRequest),
    /// A complete message; answer with [`crate::Dialogue::answer_message`] once it is durable.
    Message(Submission),
}

/// One RCPT command that waits for its verdict (RFC 5321 4.1.1.3, RECIPIENT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRequest {
    /// The mailbox without angle brackets; `postmaster` without a domain for `<Postmaster>` in any case.
    pub address: String,
    /// The reverse path of the transaction; empty for the null path.
    pub reverse_path: String,
    /// The name that the client gave in EHLO or HELO.
    pub helo: String,
    pub peer: IpAddr,
}

/// The answer to a [`RecipientRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 250 2.1.5
    Accept,
    /// 550 5.7.1: the domain is not ours and this client may not relay.
    NotLocal,
    /// 550 5.1.1: the domain is ours, the mailbox does not exist.
    UnknownMailbox,
    /// 451 4.3.0: nobody could tell at this moment.
    TemporaryFailure,
    /// 452 4.3.1: there is no room for mail at this moment.
    InsufficientStorage,
}

/// The answer to a [`Submission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 250 2.0.0: responsibility is taken; `id` is told to the client.
    Accepted { id: String },
    /// A refusal for good; a `code` outside 500..=599 becomes 554.
    Refused { code: u16, enhanced: EnhancedCode, text: String },
    /// 451 4.3.0
    TemporaryFailure { text: String },
    /// 452 4.3.1
    InsufficientStorage,
}

/// A recipient that was accepted, with its DSN parameters as they came (RFC 3461 4, DSN extension).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub address: String,
    pub notify: Option<Notify>,
    /// `addr-type;xtext` as received.
    pub orcpt: Option<String>,
}

/// A whole message with its envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    /// The name that the client gave in EHLO or HELO.
    pub helo: String,
    pub peer: IpAddr,
    /// Whether the client opened with EHLO.
    pub esmtp: bool,
    /// Without angle brackets; empty for the null path.
    pub reverse_path: String,
    pub parameters: MailParameters,
    pub recipients: Vec<Recipient>,
    /// The content after dot removal, octet for octet.
    pub content: Vec<u8>,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("helo", &self.helo)
            .field("peer", &self.peer)
            .field("esmtp", &self.esmtp)
            .field("reverse_path", &self.reverse_path)
            .field("parameters", &self.parameters)
            .field("recipients", &self.recipients)
            .field("content_length", &self.content.len())
            .finish()
    }
}
