//! One connection that carries transaction after transaction, and its states.
//!
//! Commands are sent in groups where the server offers PIPELINING (RFC 2920 3.1): MAIL, every RCPT and DATA together, and
//! their replies come in that order. A server that takes no recipient of a group but answers DATA with 354 gets an empty
//! content, so that it accepts nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use super::offered::Offered;
use crate::address::mailbox_parts;
use crate::data::{has_bare_newline, stuff};
use crate::{Body, EnhancedCode, MailParameters, RecipientParameters, Reply, ReplyDecoder};

/// Recipients of one transaction; the least that every server takes (RFC 5321 4.5.3.1.8). More go in a further one.
pub const MAX_RECIPIENTS: usize = 100;

/// What is to be sent; addresses without angle brackets, an empty reverse path for the null one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    pub reverse_path: String,
    /// ENVID and RET, passed on where the server offers DSN; the rest is set here.
    pub parameters: MailParameters,
    /// With NOTIFY and ORCPT, passed on in the same way.
    pub recipients: Vec<(String, RecipientParameters)>,
    pub content: Arc<[u8]>,
}

/// How one transaction ended; every recipient has one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// In the order of the recipients: what became of each. A positive one means that the server took responsibility.
    pub replies: Vec<Reply>,
    /// The reply that ended the transaction; `None` when the connection was lost.
    pub last: Option<Reply>,
    /// The whole content was sent and its reply never came: the server may have taken it all the same (RFC 1047).
    pub in_doubt: bool,
    /// NOTIFY and the like were asked for, and the server does not know them.
    pub dsn_lost: bool,
}

/// Which deadline of RFC 5321 4.5.3.2 runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaiting {
    Greeting,
    /// EHLO, MAIL, RSET, QUIT.
    Command,
    Recipient,
    DataStart,
    /// The content is being sent, or its reply is due.
    DataEnd,
    /// Nothing: a transaction may be begun.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Greeting,
    Ehlo,
    Helo,
    Mail,
    Recipient(usize),
    Data,
    Content,
    Reset,
    Quit,
}

/// A connection as its sending side.
pub struct SendSession {
    helo: String,
    offered: Offered,
    replies: ReplyDecoder,
    output: Vec<u8>,
    /// Replies that are owed, in order.
    expected: VecDeque<Expected>,
    current: Option<Current>,
    settled: Option<Settled>,
    state: State,
    /// The server may still hold a transaction.
    dirty: bool,
    /// Why the server would not talk to us, for good or for now.
    refusal: Option<Reply>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Ready,
    Busy,
    Closed,
}

/// A transaction under way.
struct Current {
    transaction: Transaction,
    bare: bool,
    /// One for each recipient once it is known; a positive one before the content is a promise only.
    replies: Vec<Option<Reply>>,
    mail: Option<Reply>,
    content_sent: bool,
}

impl SendSession {
    pub fn new(helo: impl Into<String>) -> Self {
        Self {
            helo: helo.into(),
            offered: Offered::default(),
            replies: ReplyDecoder::default(),
            output: Vec::new(),
            expected: VecDeque::from([Expected::Greeting]),
            current: None,
            settled: None,
            state: State::Opening,
            dirty: false,
            refusal: None,
        }
    }

    /// Whether a transaction may be begun.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the connection is to be closed once [`Self::poll_transmit`] has no more.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Why the server does not serve us; only until the first transaction.
    pub fn refusal(&self) -> Option<&Reply> {
        self.refusal.as_ref()
    }

    /// Which deadline runs.
    pub fn awaiting(&self) -> Awaiting {
        match self.expected.front() {
            None => Awaiting::Nothing,
            Some(Expected::Greeting) => Awaiting::Greeting,
            Some(Expected::Recipient(_)) => Awaiting::Recipient,
            Some(Expected::Data) => Awaiting::DataStart,
            Some(Expected::Content) => Awaiting::DataEnd,
            Some(_) => Awaiting::Command,
        }
    }

    /// Begins a transaction; its end comes out of [`Self::poll_settled`].
    ///
    /// What this server cannot take at all is settled at once, with the reply that a server would have given.
    pub fn begin(&mut self, transaction: Transaction) {
        let bare = has_bare_newline(&transaction.content);
        let replies = transaction.recipients.iter().map(|(r, _)| self.local_refusal_of(r));
        let mut current = Current {
            replies: replies.collect(),
            bare,
            mail: None,
            content_sent: false,
            transaction,
        };
        if let Some(refusal) = self.local_refusal(&current) {
            self.settled = Some(current.settle(&refusal, Some(refusal.clone()), false));
            return;
        }
        if current.replies.iter().all(Option::is_some) {
            let last = current.replies.last().cloned().flatten();
            let refusal = last.clone().unwrap_or_else(no_recipient);
            self.settled = Some(current.settle(&refusal, last, false));
            return;
        }
        self.state = State::Busy;
        self.current = Some(current);
        if std::mem::take(&mut self.dirty) {
            self.command(Expected::Reset, "RSET");
            if !self.offered.pipelining {
                return;
            }
        }
        self.send_mail();
    }

    fn send_mail(&mut self) {
        let Some(current) = &self.current else { return };
        let parameters = self.mail_parameters(current).to_string();
        let space = if parameters.is_empty() { "" } else { " " };
        let path = &current.transaction.reverse_path;
        let line = format!("MAIL FROM:<{path}>{space}{parameters}");
        self.command(Expected::Mail, &line);
        if self.offered.pipelining {
            while self.send_recipient() {}
            // BDAT would carry the content along before a recipient is known; DATA asks first.
            if !self.needs_chunk() {
                self.command(Expected::Data, "DATA");
            }
        }
    }

    /// Says farewell.
    pub fn quit(&mut self) {
        if self.state == State::Ready {
            self.command(Expected::Quit, "QUIT");
        }
    }

    /// Takes octets of the server.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.replies.handle_bytes(bytes);
        while self.state != State::Closed {
            match self.replies.poll_reply() {
                Ok(Some(reply)) => self.handle_reply(reply),
                Ok(None) => return,
                Err(error) => {
                    let reply =
                        local(451, (4, 5, 0), &format!("the server broke the protocol: {error}"));
                    self.close(&reply, None);
                }
            }
        }
    }

    /// Tells that the server closed the connection, or that it was lost or given up, in these words.
    ///
    /// Lost between the content and its reply, the message may have been taken all the same (RFC 1047).
    pub fn handle_end(&mut self, why: &str) {
        self.close(&local(451, (4, 4, 2), why), None);
    }

    /// Octets for the server, until `None`.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.output.is_empty()).then(|| std::mem::take(&mut self.output))
    }

    /// The end of the transaction.
    pub fn poll_settled(&mut self) -> Option<Settled> {
        self.settled.take()
    }

    fn handle_reply(&mut self, reply: Reply) {
        // 421 may come at any time and ends everything (RFC 5321 3.8).
        if reply.code == 421 && self.expected.front() != Some(&Expected::Quit) {
            self.close(&reply, Some(reply.clone()));
            return;
        }
        let Some(expected) = self.expected.pop_front() else {
            let reply = local(451, (4, 5, 0), "the server broke the protocol: it spoke unasked");
            self.close(&reply, None);
            return;
        };
        match expected {
            Expected::Greeting if reply.is_positive() => {
                self.command(Expected::Ehlo, &format!("EHLO {}", self.helo));
            }
            Expected::Ehlo if reply.is_positive() => {
                self.offered = Offered::read(&reply);
                self.state = State::Ready;
            }
            // Any refusal of EHLO for good means a server before extensions (RFC 5321 3.2).
            Expected::Ehlo if !reply.is_transient() => {
                self.command(Expected::Helo, &format!("HELO {}", self.helo));
            }
            Expected::Helo if reply.is_positive() => self.state = State::Ready,
            Expected::Greeting | Expected::Ehlo | Expected::Helo => self.refuse(reply),
            Expected::Mail => self.handle_mail(reply),
            Expected::Recipient(index) => self.handle_recipient(index, reply),
            Expected::Data => self.handle_data(reply),
            Expected::Content => self.handle_content(reply),
            Expected::Reset if reply.is_positive() => {
                if !self.offered.pipelining {
                    self.send_mail();
                }
            }
            Expected::Reset => self.close(&reply, Some(reply.clone())),
            Expected::Quit => self.state = State::Closed,
        }
    }

    /// The server does not talk to us: told once, and the connection ends in good order.
    fn refuse(&mut self, reply: Reply) {
        self.refusal = Some(reply);
        self.command(Expected::Quit, "QUIT");
    }

    fn handle_mail(&mut self, reply: Reply) {
        let Some(current) = &mut self.current else { return };
        let taken = reply.is_positive();
        current.mail = Some(reply);
        if self.offered.pipelining {
            if self.expected.is_empty() {
                // BDAT waits for the recipients, and here there are none: only a bad MAIL comes to this.
                self.finish_refused();
            }
        } else if !taken || !self.send_recipient() {
            self.finish_refused();
        }
    }

    fn handle_recipient(&mut self, index: usize, reply: Reply) {
        if let Some(current) = &mut self.current
            && let Some(slot) = current.replies.get_mut(index)
        {
            *slot = Some(reply);
        }
        if !self.expected.is_empty() || (!self.offered.pipelining && self.send_recipient()) {
            return;
        }
        if !self.some_accepted() {
            self.finish_refused();
        } else if self.needs_chunk() {
            self.send_chunk();
        } else {
            self.command(Expected::Data, "DATA");
        }
    }

    fn handle_data(&mut self, reply: Reply) {
        let some_accepted = self.some_accepted();
        let Some(current) = &mut self.current else { return };
        if !reply.is_intermediate() {
            if some_accepted {
                let mut current = self.current.take();
                self.settled =
                    current.as_mut().map(|one| one.settle(&reply, Some(reply.clone()), false));
                self.reset();
            } else {
                self.finish_refused();
            }
            return;
        }
        if some_accepted {
            self.output.extend_from_slice(&stuff(&current.transaction.content));
            current.content_sent = true;
        } else {
            self.output.extend_from_slice(b".\r\n");
        }
        self.expected.push_back(Expected::Content);
    }

    fn handle_content(&mut self, reply: Reply) {
        if !self.some_accepted() {
            self.finish_refused();
            return;
        }
        let Some(mut current) = self.current.take() else { return };
        let taken = reply.is_positive();
        self.settled = Some(current.settle(&reply, Some(reply.clone()), false));
        if taken {
            self.state = State::Ready;
        } else {
            self.reset();
        }
        self.note_dsn(&current);
    }

    /// The transaction ends before its content; every recipient has a refusal of its own, or that of MAIL.
    fn finish_refused(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        let refusal = current.mail.clone().filter(|reply| !reply.is_positive());
        let last = refusal.clone().or_else(|| current.replies.last().cloned().flatten());
        let reply = last.clone().unwrap_or_else(no_recipient);
        if let Some(refusal) = refusal {
            // What the server said of recipients after it refused MAIL means nothing.
            for slot in &mut current.replies {
                *slot = Some(refusal.clone());
            }
        }
        self.settled = Some(current.settle(&reply, last, false));
        self.reset();
    }

    /// What is left of the transaction at the server is cleared before the next one begins, if there is one.
    fn reset(&mut self) {
        self.dirty = true;
        self.state = State::Ready;
    }

    fn note_dsn(&mut self, current: &Current) {
        let asked = current.transaction.recipients.iter().any(|(_, p)| p.notify.is_some());
        if let Some(settled) = &mut self.settled {
            settled.dsn_lost = asked && !self.offered.dsn;
        }
    }

    /// The connection is over; what was under way is settled with this reply.
    fn close(&mut self, reply: &Reply, last: Option<Reply>) {
        if self.state == State::Opening && self.refusal.is_none() {
            self.refusal = Some(reply.clone());
        }
        self.state = State::Closed;
        self.expected.clear();
        self.output.clear();
        if let Some(mut current) = self.current.take() {
            let in_doubt = current.content_sent && last.is_none();
            self.settled = Some(current.settle(reply, last, in_doubt));
        }
    }

    fn some_accepted(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            current.mail.as_ref().is_some_and(Reply::is_positive)
                && current.replies.iter().flatten().any(Reply::is_positive)
        })
    }

    /// Sends the next recipient that may be sent; false when none is left.
    fn send_recipient(&mut self) -> bool {
        let asked = self.expected.iter().filter_map(|expected| match expected {
            Expected::Recipient(index) => Some(index + 1),
            _ => None,
        });
        let from = asked.max().unwrap_or(0);
        let Some(current) = &self.current else { return false };
        let open = current.replies.iter().enumerate().skip(from);
        let next = open.filter(|(_, reply)| reply.is_none()).map(|(index, _)| index).next();
        let Some((index, (address, parameters))) =
            next.and_then(|index| Some((index, current.transaction.recipients.get(index)?)))
        else {
            return false;
        };
        let parameters = if self.offered.dsn { parameters.to_string() } else { String::new() };
        let space = if parameters.is_empty() { "" } else { " " };
        let line = format!("RCPT TO:<{address}>{space}{parameters}");
        self.command(Expected::Recipient(index), &line);
        true
    }

    /// What DATA cannot carry exactly: a bare CR or LF, a last line without CRLF.
    fn needs_chunk(&self) -> bool {
        self.offered.chunking
            && self.current.as_ref().is_some_and(|current| {
                let content = &current.transaction.content;
                current.bare || !(content.is_empty() || content.ends_with(b"\r\n"))
            })
    }

    fn send_chunk(&mut self) {
        let Some(current) = &mut self.current else { return };
        current.content_sent = true;
        let content = Arc::clone(&current.transaction.content);
        self.command(Expected::Content, &format!("BDAT {} LAST", content.len()));
        self.output.extend_from_slice(&content);
    }

    fn local_refusal_of(&self, recipient: &str) -> Option<Reply> {
        if !recipient.eq_ignore_ascii_case("postmaster") && mailbox_parts(recipient).is_err() {
            Some(local(501, (5, 1, 3), "bad recipient address"))
        } else if !recipient.is_ascii() && !self.offered.smtputf8 {
            Some(local(553, (5, 6, 7), "the server does not offer SMTPUTF8"))
        } else {
            None
        }
    }

    /// What this server cannot take, whatever it would say.
    fn local_refusal(&self, current: &Current) -> Option<Reply> {
        let offered = self.offered;
        let Transaction { reverse_path, content, .. } = &current.transaction;
        let refuse = |code, enhanced, text| Some(local(code, enhanced, text));
        if !reverse_path.is_empty() && mailbox_parts(reverse_path).is_err() {
            return refuse(501, (5, 1, 7), "bad sender address");
        }
        if !reverse_path.is_ascii() && !offered.smtputf8 {
            return refuse(553, (5, 6, 7), "the server does not offer SMTPUTF8");
        }
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if offered.size && offered.size_limit > 0 && size > offered.size_limit {
            return refuse(552, (5, 3, 4), "the content exceeds the size limit of the server");
        }
        if current.bare && !(offered.binary && offered.chunking) {
            let text = "the content has a bare CR or LF and the server does not offer BINARYMIME";
            return refuse(554, (5, 6, 1), text);
        }
        if !content.is_ascii() && !offered.eight_bit {
            let text = "the content has 8-bit octets and the server does not offer 8BITMIME";
            return refuse(554, (5, 6, 3), text);
        }
        None
    }

    fn mail_parameters(&self, current: &Current) -> MailParameters {
        let Transaction { reverse_path, recipients, content, parameters } = &current.transaction;
        let ascii_content = content.is_ascii();
        let ascii = reverse_path.is_ascii()
            && recipients.iter().all(|(recipient, _)| recipient.is_ascii())
            && (ascii_content || has_ascii_header(content));
        let body = if current.bare {
            Body::Binary
        } else if ascii_content {
            Body::SevenBit
        } else {
            Body::EightBit
        };
        MailParameters {
            body,
            smtputf8: !ascii && self.offered.smtputf8,
            size: self.offered.size.then(|| u64::try_from(content.len()).unwrap_or(u64::MAX)),
            ret: parameters.ret.filter(|_| self.offered.dsn),
            envid: parameters.envid.clone().filter(|_| self.offered.dsn),
            mt_priority: parameters.mt_priority.filter(|_| self.offered.mt_priority),
        }
    }

    fn command(&mut self, expected: Expected, line: &str) {
        self.expected.push_back(expected);
        // Addresses are checked before they get here; the name in EHLO is the only word of the owner's.
        self.output.extend(line.bytes().filter(|b| !b.is_ascii_control()));
        self.output.extend_from_slice(b"\r\n");
    }
}

impl Current {
    /// `reply` stands for every recipient that has no refusal of its own.
    fn settle(&mut self, reply: &Reply, last: Option<Reply>, in_doubt: bool) -> Settled {
        let replies = std::mem::take(&mut self.replies).into_iter().map(|own| match own {
            Some(own) if !own.is_positive() => own,
            _ => reply.clone(),
        });
        Settled { replies: replies.collect(), last, in_doubt, dsn_lost: false }
    }
}

impl std::fmt::Debug for SendSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendSession")
            .field("state", &self.state)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("reverse_path", &self.reverse_path)
            .field("recipients", &self.recipients)
            .field("content_length", &self.content.len())
            .finish_non_exhaustive()
    }
}

fn no_recipient() -> Reply {
    local(554, (5, 5, 1), "there is no recipient")
}

fn local(code: u16, enhanced: (u8, u16, u16), text: &str) -> Reply {
    let (class, subject, detail) = enhanced;
    Reply::new(code, Some(EnhancedCode::new(class, subject, detail)), text)
}

/// Whether the lines before the first empty one are ASCII (RFC 6532 asks for SMTPUTF8 otherwise).
fn has_ascii_header(content: &[u8]) -> bool {
    let end = content.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(content.len());
    content.get(..end).is_none_or(<[u8]>::is_ascii)
}
