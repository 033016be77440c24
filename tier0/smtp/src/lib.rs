//! The SMTP dialogue as a protocol machine (RFC 5321), receiving and sending.
//!
//! [`Dialogue`] is the receiving side: octets in, replies and [`Request`]s out; the owner answers each request with a
//! [`Verdict`] or an [`Outcome`]. [`SendSession`] carries transactions to another server, [`SendDialogue`] a single one.
//!
//! Invariants:
//! - Only CRLF.CRLF ends the data, and no content with a bare CR or a bare LF is taken unless `BODY=BINARYMIME` declared
//!   it, so that no two servers can disagree about where a message ends.
//! - Commands behind an unanswered request wait; replies come in the order of the commands (RFC 2920).
//! - No relaying is decided here: every recipient is asked for.
//! - Addresses, ENVID and ORCPT stay as they came, quotes and xtext included.
//!
//! Left out: TLS, AUTH, timeouts (the drive loop owns the clock) and the conversion of contents.
//!
//! Of the parser crate only the recognition of plain commands is used. Its data receiver takes CRLF.CRCRLF for the end
//! of data, its chunk sizes wrap around at 2^64, and its addresses lose quotes and turn `<Postmaster>` into `<>`:
//! the modules data, parameters, address and command are exact instead.

pub mod address;
mod client;
mod command;
mod data;
mod dialogue;
pub mod parameters;
mod policy;
mod received;
mod reply;
mod submission;

pub use address::{AddressError, mailbox_parts};
pub use client::{
    Awaiting, MAX_RECIPIENTS, SendDialogue, SendRequest, SendResult, SendSession, Settled,
    Transaction,
};
pub use dialogue::{ClosingReason, Dialogue, DialogueConfig};
pub use parameters::{Body, MailParameters, Notify, ParameterError, RecipientParameters, Return};
pub use policy::{AllowedNetworks, PolicyError};
pub use received::received_header;
pub use reply::{EnhancedCode, Reply, ReplyDecoder, ReplyError};
pub use submission::{Outcome, Recipient, RecipientRequest, Request, Submission, Verdict};
