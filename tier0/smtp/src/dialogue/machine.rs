//! The states of the receiving side and their transitions.

use super::input::Input;
use super::replies::{self, Canned};
use crate::command::{Command, CommandError};
use crate::data::{Content, DataReceiver, MAX_DISCARDED};
use crate::{
    Body, MailParameters, Outcome, ParameterError, Recipient, RecipientParameters,
    RecipientRequest, Reply, Request, Submission, Verdict,
};
use std::net::IpAddr;
use std::sync::Arc;

/// Limit of a command line with its CRLF: 512 octets (RFC 5321 4.5.3.1.4) and what SIZE, BODY, SMTPUTF8, DSN with a
/// 500-octet ORCPT, MT-PRIORITY and long X.400 addresses add to MAIL and RCPT.
const MAX_LINE: usize = 2048;
/// Limit of an over-long line that is skipped; no client needs more, and an endless one must not hold the connection.
const MAX_SKIPPED_LINE: usize = 1 << 20;
/// Limit of what may wait behind an unanswered request beside one content: about a thousand RCPT lines.
const MAX_WAITING_COMMANDS: usize = 64 * 1024;
/// Default limit of a content: 64 MiB.
const DEFAULT_MESSAGE_SIZE: usize = 64 << 20;
/// Default limit of recipients; RFC 5321 4.5.3.1.8 asks for at least 100.
const DEFAULT_RECIPIENTS: usize = 1000;
/// Default limit of bad commands, as is usual elsewhere.
const DEFAULT_BAD_COMMANDS: usize = 20;

/// What all dialogues of a listener share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogueConfig {
    /// The name in the greeting and in the EHLO reply.
    pub host_name: String,
    /// Limit of a content in octets, announced by SIZE.
    pub max_message_size: usize,
    /// Limit of the recipients of one transaction.
    pub max_recipients: usize,
    /// The dialogue is closed at this many bad commands.
    pub max_bad_commands: usize,
}

impl DialogueConfig {
    /// The usual limits: 64 MiB, 1000 recipients, 20 bad commands.
    pub fn new(host_name: impl Into<String>) -> Self {
        Self {
            host_name: host_name.into(),
            max_message_size: DEFAULT_MESSAGE_SIZE,
            max_recipients: DEFAULT_RECIPIENTS,
            max_bad_commands: DEFAULT_BAD_COMMANDS,
        }
    }
}

/// Why the owner ends a dialogue with 421 (RFC 5321 3.8, Terminating Sessions and Connections).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingReason {
    ShuttingDown,
    TimedOut,
    TooBusy,
}

/// The receiving side of one connection.
#[derive(Debug)]
pub struct Dialogue {
    config: Arc<DialogueConfig>,
    peer: IpAddr,
    phase: Phase,
    hello: Option<Hello>,
    transaction: Option<Transaction>,
    input: Input,
    output: Vec<u8>,
    request: Option<Request>,
    bad_commands: usize,
}

#[derive(Debug)]
enum Phase {
    Command,
    /// An over-long line is skipped up to its LF.
    SkippedLine {
        skipped: usize,
    },
    /// A recipient waits for its verdict.
    Verdict(Recipient),
    Data(Transaction, DataReceiver),
    /// A chunk that is kept.
    Chunk {
        left: u64,
        last: bool,
    },
    /// A chunk that is read past, then answered.
    SkippedChunk {
        left: u64,
        reply: Reply,
    },
    /// A message waits for its outcome.
    Outcome,
    Closed,
}

#[derive(Debug, Clone)]
struct Hello {
    name: String,
    extended: bool,
}

#[derive(Debug)]
struct Transaction {
    reverse_path: String,
    parameters: MailParameters,
    recipients: Vec<Recipient>,
    /// Set once BDAT has begun.
    chunks: Option<Content>,
}

impl Dialogue {
    pub fn new(config: Arc<DialogueConfig>, peer: IpAddr) -> Self {
        Self {
            config,
            peer,
            phase: Phase::Command,
            hello: None,
            transaction: None,
            input: Input::default(),
            output: Vec::new(),
            request: None,
            bad_commands: 0,
        }
    }

    /// Octets of mail that this dialogue holds, and of what came in and is not used yet.
    #[must_use]
    pub fn held(&self) -> usize {
        let content = match &self.phase {
            Phase::Data(_, receiver) => receiver.len(),
            _ => 0,
        };
        let chunks = self.transaction.as_ref().and_then(|one| one.chunks.as_ref());
        content + chunks.map_or(0, Content::len) + self.input.len()
    }

    /// Queues the 220 greeting (RFC 5321 3.1, Session Initiation).
    pub fn greeting(&mut self) {
        let text = format!("{} ESMTP Bindback", self.config.host_name);
        self.send(&Reply::new(220, None, &text));
    }

    /// Queues a 554 greeting and closes: this client may not send mail here (RFC 5321 3.1).
    pub fn refuse(&mut self) {
        self.close_with(&replies::CLIENT_REFUSED);
    }

    /// Takes octets of the client; replies and requests may come of them.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.is_closed() {
            return;
        }
        self.input.push(bytes);
        self.advance();
        let limit = MAX_WAITING_COMMANDS.saturating_add(self.config.max_message_size);
        if self.is_waiting() && self.input.len() > limit {
            self.close_with(&replies::TOO_MUCH_AHEAD);
        }
    }

    /// Whether octets are welcome; while a request is unanswered the owner had better stop reading.
    pub fn wants_input(&self) -> bool {
        !self.is_closed() && !self.is_waiting()
    }

    /// Octets for the client, until `None`.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.output.is_empty()).then(|| std::mem::take(&mut self.output))
    }

    /// The request to answer; there is never more than one.
    pub fn poll_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Whether the connection is to be closed once [`Self::poll_transmit`] has no more.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Answers [`Request::Recipient`]; does nothing when none is waiting, as after [`Self::shut_down`].
    pub fn answer_recipient(&mut self, verdict: Verdict) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Verdict(recipient) => {
                self.request = None;
                self.conclude_recipient(recipient, verdict);
                Phase::Command
            }
            other => other,
        };
        self.advance();
    }

    /// Answers [`Request::Message`]; does nothing when none is waiting, as after [`Self::shut_down`].
    pub fn answer_message(&mut self, outcome: Outcome) {
        if !matches!(self.phase, Phase::Outcome) {
            return;
        }
        self.request = None;
        self.phase = Phase::Command;
        let reply = match outcome {
            Outcome::Accepted { id } => replies::OK.with_text(&format!("queued as {id}")),
            Outcome::Refused { code, enhanced, text } => {
                let code = if (500..=599).contains(&code) { code } else { 554 };
                Reply::new(code, Some(enhanced), &text)
            }
            Outcome::TemporaryFailure { text } => replies::TEMPORARY.with_text(&text),
            Outcome::InsufficientStorage => replies::NO_STORAGE.reply(),
        };
        self.send(&reply);
        self.advance();
    }

    /// Queues 421 and closes, whatever the dialogue was about to do.
    pub fn shut_down(&mut self, reason: ClosingReason) {
        if self.is_closed() {
            return;
        }
        self.close_with(match reason {
            ClosingReason::ShuttingDown => &replies::SHUTTING_DOWN,
            ClosingReason::TimedOut => &replies::TIMED_OUT,
            ClosingReason::TooBusy => &replies::TOO_BUSY,
        });
    }

    fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Verdict(_) | Phase::Outcome)
    }

    /// Goes on until more octets or an answer are needed.
    fn advance(&mut self) {
        loop {
            let before = self.input.len();
            self.phase = match std::mem::replace(&mut self.phase, Phase::Command) {
                Phase::Command => self.read_line(),
                Phase::SkippedLine { skipped } => self.skip_line(skipped),
                Phase::Data(transaction, receiver) => self.read_data(transaction, receiver),
                Phase::Chunk { left, last } => self.read_chunk(left, last),
                Phase::SkippedChunk { left, reply } => self.skip_chunk(left, reply),
                waiting @ (Phase::Verdict(_) | Phase::Outcome) => waiting,
                Phase::Closed => {
                    self.input.clear();
                    Phase::Closed
                }
            };
            if self.input.len() == before {
                return;
            }
        }
    }

    fn read_line(&mut self) -> Phase {
        let window = self.input.rest();
        let Some(end) = window.iter().take(MAX_LINE).position(|&b| b == b'\n') else {
            if window.len() < MAX_LINE {
                return Phase::Command;
            }
            self.input.consume(MAX_LINE);
            return Phase::SkippedLine { skipped: MAX_LINE };
        };
        let line = window.get(..end).unwrap_or_default();
        let parsed = match line.strip_suffix(b"\r") {
            Some(line) if !line.contains(&b'\r') => match std::str::from_utf8(line) {
                Ok(text) => Ok(Command::parse(text)),
                Err(_) => Err(&replies::NOT_UTF8),
            },
            _ => Err(&replies::LINE_ENDS),
        };
        self.input.consume(end + 1);
        match parsed {
            Ok(Ok(command)) => self.execute(command),
            Ok(Err(error)) => self.refuse_command(&error),
            Err(canned) => self.complain(canned.reply()),
        }
    }

    fn skip_line(&mut self, skipped: usize) -> Phase {
        let window = self.input.rest();
        let end = window.iter().position(|&b| b == b'\n');
        let count = end.map_or(window.len(), |at| at + 1);
        self.input.consume(count);
        let skipped = skipped.saturating_add(count);
        if skipped > MAX_SKIPPED_LINE {
            return self.closing(&replies::ENDLESS);
        }
        match end {
            Some(_) => self.complain(replies::LINE_TOO_LONG.reply()),
            None => Phase::SkippedLine { skipped },
        }
    }

    fn read_data(&mut self, transaction: Transaction, mut receiver: DataReceiver) -> Phase {
        let (used, ended) = receiver.receive(self.input.rest());
        self.input.consume(used);
        if ended {
            return self.submit(transaction, receiver.into_content());
        }
        if receiver.is_endless() {
            return self.closing(&replies::ENDLESS);
        }
        Phase::Data(transaction, receiver)
    }

    fn read_chunk(&mut self, left: u64, last: bool) -> Phase {
        let Some(mut transaction) = self.transaction.take() else {
            return Phase::Command;
        };
        let content =
            transaction.chunks.get_or_insert_with(|| Content::new(self.config.max_message_size));
        let window = self.input.rest();
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(window.len());
        content.push(window.get(..count).unwrap_or_default());
        self.input.consume(count);
        let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        if left > 0 {
            self.transaction = Some(transaction);
            return Phase::Chunk { left, last };
        }
        if last && let Some(content) = transaction.chunks.take() {
            return self.submit(transaction, content);
        }
        self.transaction = Some(transaction);
        self.send(&replies::OK.with_text("chunk received"));
        Phase::Command
    }

    fn skip_chunk(&mut self, left: u64, reply: Reply) -> Phase {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.input.len());
        self.input.consume(count);
        let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        if left > 0 {
            return Phase::SkippedChunk { left, reply };
        }
        self.send(&reply);
        Phase::Command
    }

    /// Hands a complete content over, unless its size or its line ends forbid that.
    fn submit(&mut self, transaction: Transaction, content: Content) -> Phase {
        let refusal = if content.is_too_large() {
            Some(&replies::TOO_LARGE)
        } else if transaction.parameters.body != Body::Binary && content.has_bare_newline() {
            Some(&replies::BARE_NEWLINE)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.send(&refusal.reply());
            return Phase::Command;
        }
        let (helo, esmtp) =
            self.hello.as_ref().map_or((String::new(), false), |h| (h.name.clone(), h.extended));
        self.request = Some(Request::Message(Submission {
            helo,
            peer: self.peer,
            esmtp,
            reverse_path: transaction.reverse_path,
            parameters: transaction.parameters,
            recipients: transaction.recipients,
            content: content.into_octets(),
        }));
        Phase::Outcome
    }

    fn execute(&mut self, command: Command) -> Phase {
        match command {
            Command::Hello { name, extended } => self.hello(name, extended),
            Command::Mail { reverse_path, parameters, has_parameters } => {
                self.mail(reverse_path, parameters, has_parameters)
            }
            Command::Recipient { address, parameters, has_parameters } => {
                self.recipient(address, parameters, has_parameters)
            }
            Command::Data => self.data(),
            Command::Chunk { size, last } => self.chunk(size, last),
            Command::Reset => {
                self.transaction = None;
                self.answer(&replies::OK)
            }
            Command::Noop => self.answer(&replies::OK),
            Command::Verify => self.answer(&replies::CANNOT_VERIFY),
            Command::Help => self.answer(&replies::HELP),
            Command::Quit => self.closing(&replies::BYE),
        }
    }

    fn hello(&mut self, name: String, extended: bool) -> Phase {
        self.transaction = None;
        self.hello = Some(Hello { name, extended });
        let mut reply = Reply::new(250, None, &self.config.host_name);
        if extended {
            reply.lines.extend(
                [
                    "PIPELINING",
                    "8BITMIME",
                    "SMTPUTF8",
                    "CHUNKING",
                    "BINARYMIME",
                    "DSN",
                    "ENHANCEDSTATUSCODES",
                ]
                .map(str::to_owned),
            );
            reply.lines.push(format!("SIZE {}", self.config.max_message_size));
            reply.lines.push("MT-PRIORITY MIXER".to_owned());
            reply.lines.push("HELP".to_owned());
        }
        self.send(&reply);
        Phase::Command
    }

    fn mail(
        &mut self,
        reverse_path: String,
        parameters: MailParameters,
        has_parameters: bool,
    ) -> Phase {
        let Some(hello) = &self.hello else {
            return self.complain(replies::HELLO_FIRST.reply());
        };
        if self.transaction.is_some() {
            return self.complain(replies::NESTED_MAIL.reply());
        }
        if has_parameters && !hello.extended {
            return self.complain(replies::UNKNOWN_PARAMETER.with_text("parameters need EHLO"));
        }
        if !parameters.smtputf8 && !reverse_path.is_ascii() {
            return self.answer(&replies::NEEDS_SMTPUTF8);
        }
        let limit = u64::try_from(self.config.max_message_size).unwrap_or(u64::MAX);
        if parameters.size.is_some_and(|size| size > limit) {
            return self.answer(&replies::TOO_LARGE);
        }
        self.transaction =
            Some(Transaction { reverse_path, parameters, recipients: Vec::new(), chunks: None });
        self.answer(&replies::SENDER_OK)
    }

    fn recipient(
        &mut self,
        address: String,
        parameters: RecipientParameters,
        has_parameters: bool,
    ) -> Phase {
        let (Some(hello), Some(transaction)) = (&self.hello, &self.transaction) else {
            return self.answer(&replies::MAIL_FIRST);
        };
        if transaction.chunks.is_some() {
            return self.complain(replies::CHUNKS_BEGUN.reply());
        }
        if has_parameters && !hello.extended {
            return self.complain(replies::UNKNOWN_PARAMETER.with_text("parameters need EHLO"));
        }
        let ascii = address.is_ascii() && parameters.orcpt.as_deref().is_none_or(str::is_ascii);
        if !transaction.parameters.smtputf8 && !ascii {
            return self.answer(&replies::NEEDS_SMTPUTF8);
        }
        if transaction.recipients.len() >= self.config.max_recipients {
            return self.answer(&replies::TOO_MANY_RECIPIENTS);
        }
        self.request = Some(Request::Recipient(RecipientRequest {
            address: address.clone(),
            reverse_path: transaction.reverse_path.clone(),
            helo: hello.name.clone(),
            peer: self.peer,
        }));
        Phase::Verdict(Recipient { address, notify: parameters.notify, orcpt: parameters.orcpt })
    }

    fn conclude_recipient(&mut self, recipient: Recipient, verdict: Verdict) {
        let canned = match verdict {
            Verdict::Accept => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients.push(recipient);
                }
                &replies::RECIPIENT_OK
            }
            Verdict::NotLocal => &replies::NOT_LOCAL,
            Verdict::UnknownMailbox => &replies::UNKNOWN_MAILBOX,
            Verdict::TemporaryFailure => &replies::TEMPORARY,
            Verdict::InsufficientStorage => &replies::NO_STORAGE,
        };
        self.send(&canned.reply());
    }

    fn data(&mut self) -> Phase {
        let refusal = match &self.transaction {
            None => Some(&replies::MAIL_FIRST),
            Some(transaction) if transaction.chunks.is_some() => Some(&replies::CHUNKS_BEGUN),
            Some(transaction) if transaction.parameters.body == Body::Binary => {
                Some(&replies::BINARY_NEEDS_CHUNKS)
            }
            Some(transaction) if transaction.recipients.is_empty() => Some(&replies::NO_RECIPIENTS),
            Some(_) => None,
        };
        match (refusal, self.transaction.take()) {
            (None, Some(transaction)) => {
                self.send(&Reply::new(354, None, "end data with <CR><LF>.<CR><LF>"));
                Phase::Data(transaction, DataReceiver::new(self.config.max_message_size))
            }
            (refusal, transaction) => {
                self.transaction = transaction;
                self.answer(refusal.unwrap_or(&replies::MAIL_FIRST))
            }
        }
    }

    /// A refused chunk is still read past, else its octets would be taken for commands (RFC 3030 2).
    fn chunk(&mut self, size: u64, last: bool) -> Phase {
        let limit = u64::try_from(self.config.max_message_size).unwrap_or(u64::MAX);
        let refusal = match &self.transaction {
            None => Some(&replies::MAIL_FIRST),
            Some(transaction) if transaction.recipients.is_empty() => Some(&replies::NO_RECIPIENTS),
            Some(transaction)
                if size > transaction.chunks.as_ref().map_or(limit, Content::room) =>
            {
                Some(&replies::TOO_LARGE)
            }
            Some(_) => None,
        };
        let Some(refusal) = refusal else {
            return self.read_chunk(size, last);
        };
        self.transaction = None;
        if size > MAX_DISCARDED {
            return self.closing(refusal);
        }
        self.skip_chunk(size, refusal.reply())
    }

    fn refuse_command(&mut self, error: &CommandError) -> Phase {
        let reply = match error {
            CommandError::Unknown => replies::UNKNOWN_COMMAND.reply(),
            CommandError::NotImplemented => replies::NOT_IMPLEMENTED.reply(),
            CommandError::Syntax { .. } => replies::SYNTAX.with_text(&error.to_string()),
            CommandError::Sender(why) => replies::BAD_SENDER.with_text(&format!("{error}: {why}")),
            CommandError::Recipient(why) => {
                replies::BAD_RECIPIENT.with_text(&format!("{error}: {why}"))
            }
            CommandError::NullRecipient => replies::BAD_RECIPIENT.with_text(&error.to_string()),
            CommandError::Parameter(why @ ParameterError::Unknown(_)) => {
                replies::UNKNOWN_PARAMETER.with_text(&why.to_string())
            }
            CommandError::Parameter(why) => replies::SYNTAX.with_text(&why.to_string()),
            CommandError::ChunkSize => {
                self.send(&replies::SYNTAX.with_text("expected BDAT chunk-size [LAST], closing"));
                return self.close();
            }
        };
        self.complain(reply)
    }

    fn answer(&mut self, canned: &Canned) -> Phase {
        self.send(&canned.reply());
        Phase::Command
    }

    /// Sends the refusal of a bad command and counts it; what a pipelining client cannot help, such as RCPT behind a
    /// refused MAIL, is answered without counting.
    fn complain(&mut self, reply: Reply) -> Phase {
        self.send(&reply);
        self.bad_commands = self.bad_commands.saturating_add(1);
        if self.bad_commands >= self.config.max_bad_commands {
            return self.closing(&replies::TOO_MANY_ERRORS);
        }
        Phase::Command
    }

    fn close_with(&mut self, canned: &Canned) {
        self.phase = self.closing(canned);
    }

    fn closing(&mut self, canned: &Canned) -> Phase {
        self.send(&canned.reply());
        self.close()
    }

    fn close(&mut self) -> Phase {
        self.input.clear();
        self.request = None;
        self.transaction = None;
        Phase::Closed
    }

    fn send(&mut self, reply: &Reply) {
        self.output.extend_from_slice(&reply.encode());
    }
}
