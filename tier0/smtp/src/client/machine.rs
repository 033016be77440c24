//! The states of the sending side and their transitions.

use crate::address::mailbox_parts;
use crate::data::{has_bare_newline, stuff};
use crate::{Body, EnhancedCode, MailParameters, Reply, ReplyDecoder};

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

/// The sending side of one connection.
#[derive(Debug)]
pub struct SendDialogue {
    helo: String,
    reverse_path: String,
    recipients: Vec<String>,
    content: Vec<u8>,
    has_bare_newline: bool,
    step: Step,
    offered: Offered,
    accepted: Vec<String>,
    refused: Vec<(String, Reply)>,
    result: Option<SendResult>,
    replies: ReplyDecoder,
    output: Vec<u8>,
}

/// The command whose reply is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Greeting,
    Ehlo,
    Helo,
    Mail,
    Recipient(usize),
    Data,
    Content,
    Quit,
    Closed,
}

#[derive(Debug, Clone, Copy, Default)]
struct Offered {
    eight_bit: bool,
    smtputf8: bool,
    size: bool,
    size_limit: u64,
    chunking: bool,
    binary: bool,
}

impl SendDialogue {
    pub fn new(helo: impl Into<String>, request: SendRequest) -> Self {
        Self {
            helo: helo.into(),
            reverse_path: request.reverse_path,
            recipients: request.recipients,
            has_bare_newline: has_bare_newline(&request.content),
            content: request.content,
            step: Step::Greeting,
            offered: Offered::default(),
            accepted: Vec::new(),
            refused: Vec::new(),
            result: None,
            replies: ReplyDecoder::default(),
            output: Vec::new(),
        }
    }

    /// Takes octets of the server.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.is_closed() {
            return;
        }
        self.replies.handle_bytes(bytes);
        while self.step != Step::Closed {
            match self.replies.poll_reply() {
                Ok(Some(reply)) => self.handle_reply(reply),
                Ok(None) => return,
                Err(error) => {
                    let reply =
                        local(451, (4, 5, 0), &format!("the server broke the protocol: {error}"));
                    self.conclude(&reply, None);
                    self.step = Step::Closed;
                }
            }
        }
    }

    /// Tells that the server closed the connection, or that it was lost or given up.
    ///
    /// Lost between the content and its reply, the message may have been taken all the same (RFC 1047).
    pub fn handle_end(&mut self) {
        self.conclude(&local(451, (4, 4, 2), "the connection was lost"), None);
        self.step = Step::Closed;
    }

    /// Octets for the server, until `None`.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.output.is_empty()).then(|| std::mem::take(&mut self.output))
    }

    /// How it ended, as soon as that is known; the farewell may still be going on.
    pub fn result(&self) -> Option<SendResult> {
        self.result.clone()
    }

    /// Whether the connection is to be closed once [`Self::poll_transmit`] has no more.
    pub fn is_closed(&self) -> bool {
        self.step == Step::Closed
    }

    fn handle_reply(&mut self, reply: Reply) {
        if reply.code == 421 && self.step != Step::Quit {
            self.conclude(&reply, Some(reply.clone()));
            self.step = Step::Closed;
            return;
        }
        match self.step {
            Step::Greeting if reply.is_positive() => {
                self.command(Step::Ehlo, &format!("EHLO {}", self.helo))
            }
            Step::Ehlo if reply.is_positive() => {
                self.offered = Offered::read(&reply);
                self.send_mail();
            }
            // Any refusal of EHLO for good means a server before extensions (RFC 5321 3.2).
            Step::Ehlo if !reply.is_transient() => {
                self.command(Step::Helo, &format!("HELO {}", self.helo))
            }
            Step::Helo if reply.is_positive() => self.send_mail(),
            Step::Mail if reply.is_positive() => self.send_recipient(0),
            Step::Recipient(index) => self.handle_recipient_reply(index, reply),
            Step::Data if reply.is_intermediate() => {
                self.output.extend_from_slice(&stuff(&self.content));
                self.step = Step::Content;
            }
            Step::Content if reply.is_positive() => {
                let accepted = std::mem::take(&mut self.accepted);
                let refused = std::mem::take(&mut self.refused);
                self.result = Some(SendResult { accepted, refused, reply: Some(reply) });
                self.quit();
            }
            Step::Quit | Step::Closed => self.step = Step::Closed,
            _ => self.give_up(&reply),
        }
    }

    fn handle_recipient_reply(&mut self, index: usize, reply: Reply) {
        if let Some(recipient) = self.recipients.get(index).cloned() {
            if reply.is_positive() {
                self.accepted.push(recipient);
            } else {
                self.refused.push((recipient, reply));
            }
        }
        self.send_recipient(index + 1);
    }

    fn send_mail(&mut self) {
        if let Some(refusal) = self.local_refusal() {
            self.give_up(&refusal);
            return;
        }
        let parameters = self.mail_parameters().to_string();
        let space = if parameters.is_empty() { "" } else { " " };
        self.command(Step::Mail, &format!("MAIL FROM:<{}>{space}{parameters}", self.reverse_path));
    }

    /// What this server cannot take, whatever it would say.
    fn local_refusal(&self) -> Option<Reply> {
        let offered = self.offered;
        if !self.reverse_path.is_empty() && mailbox_parts(&self.reverse_path).is_err() {
            return Some(local(501, (5, 1, 7), "bad sender address"));
        }
        if !self.reverse_path.is_ascii() && !offered.smtputf8 {
            return Some(local(553, (5, 6, 7), "the server does not offer SMTPUTF8"));
        }
        if offered.size && offered.size_limit > 0 && self.size() > offered.size_limit {
            return Some(local(552, (5, 3, 4), "the content exceeds the size limit of the server"));
        }
        if self.has_bare_newline && !(offered.binary && offered.chunking) {
            return Some(local(
                554,
                (5, 6, 1),
                "the content has a bare CR or LF and the server does not offer BINARYMIME",
            ));
        }
        if !self.content.is_ascii() && !offered.eight_bit {
            return Some(local(
                554,
                (5, 6, 3),
                "the content has 8-bit octets and the server does not offer 8BITMIME",
            ));
        }
        None
    }

    fn mail_parameters(&self) -> MailParameters {
        let ascii = self.reverse_path.is_ascii()
            && self.recipients.iter().all(|r| r.is_ascii())
            && has_ascii_header(&self.content);
        let body = if self.has_bare_newline {
            Body::Binary
        } else if self.content.is_ascii() {
            Body::SevenBit
        } else {
            Body::EightBit
        };
        MailParameters {
            body,
            smtputf8: !ascii && self.offered.smtputf8,
            size: self.offered.size.then(|| self.size()),
            ..MailParameters::default()
        }
    }

    /// Sends the next recipient that may be sent, or the content when none is left.
    fn send_recipient(&mut self, mut index: usize) {
        while let Some(recipient) = self.recipients.get(index) {
            let refusal = if !recipient.eq_ignore_ascii_case("postmaster")
                && mailbox_parts(recipient).is_err()
            {
                local(501, (5, 1, 3), "bad recipient address")
            } else if !recipient.is_ascii() && !self.offered.smtputf8 {
                local(553, (5, 6, 7), "the server does not offer SMTPUTF8")
            } else {
                self.command(Step::Recipient(index), &format!("RCPT TO:<{recipient}>"));
                return;
            };
            self.refused.push((recipient.clone(), refusal));
            index += 1;
        }
        self.send_content();
    }

    fn send_content(&mut self) {
        let complete = self.content.is_empty() || self.content.ends_with(b"\r\n");
        if self.accepted.is_empty() {
            let reply = self.refused.last().map(|(_, reply)| reply.clone());
            let refused = std::mem::take(&mut self.refused);
            self.result = Some(SendResult { accepted: Vec::new(), refused, reply });
            self.quit();
        } else if self.offered.chunking && (!complete || self.has_bare_newline) {
            self.command(Step::Content, &format!("BDAT {} LAST", self.content.len()));
            self.output.extend_from_slice(&self.content);
        } else {
            self.command(Step::Data, "DATA");
        }
    }

    fn give_up(&mut self, reply: &Reply) {
        self.conclude(reply, Some(reply.clone()));
        self.quit();
    }

    /// Settles every recipient that has no refusal of its own, unless the result stands already.
    fn conclude(&mut self, reply: &Reply, last: Option<Reply>) {
        if self.result.is_some() {
            return;
        }
        let settled = self.refused.len() + self.accepted.len();
        let mut refused = std::mem::take(&mut self.refused);
        let unsettled = self.recipients.iter().skip(settled).cloned();
        refused.extend(
            std::mem::take(&mut self.accepted)
                .into_iter()
                .chain(unsettled)
                .map(|r| (r, reply.clone())),
        );
        self.result = Some(SendResult { accepted: Vec::new(), refused, reply: last });
    }

    fn quit(&mut self) {
        self.command(Step::Quit, "QUIT");
    }

    fn command(&mut self, step: Step, line: &str) {
        self.step = step;
        // Addresses are checked before they get here; the name in EHLO is the only word of the owner's.
        self.output.extend(line.bytes().filter(|b| !b.is_ascii_control()));
        self.output.extend_from_slice(b"\r\n");
    }

    fn size(&self) -> u64 {
        u64::try_from(self.content.len()).unwrap_or(u64::MAX)
    }
}

impl Offered {
    fn read(reply: &Reply) -> Self {
        let mut offered = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "8BITMIME" => offered.eight_bit = true,
                "SMTPUTF8" => offered.smtputf8 = true,
                "CHUNKING" => offered.chunking = true,
                "BINARYMIME" => offered.binary = true,
                "SIZE" => {
                    offered.size = true;
                    offered.size_limit =
                        words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                }
                _ => {}
            }
        }
        offered
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

fn local(code: u16, enhanced: (u8, u16, u16), text: &str) -> Reply {
    let (class, subject, detail) = enhanced;
    Reply::new(code, Some(EnhancedCode::new(class, subject, detail)), text)
}

/// Whether the lines before the first empty one are ASCII (RFC 6532 asks for SMTPUTF8 otherwise).
fn has_ascii_header(content: &[u8]) -> bool {
    let end = content.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(content.len());
    content.get(..end).is_none_or(<[u8]>::is_ascii)
}
