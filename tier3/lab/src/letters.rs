//! The mail of a demo: given files, or five messages of its own that are told apart by their Message-ID. The laboratory's is one short
//! message for each other server.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::cast::{Cast, Mailbox, Side, mailboxes};

mod picture;

/// Octets of the built-in attachment before base64: 5 MB.
const ATTACHMENT: usize = 5_000_000;

/// Octets of a given file: what a server takes by default (`smtp.max_message_size`).
const MAX_FILE: usize = 52_428_800;

/// Characters of a base64 line (RFC 2045 6.8).
const BASE64_LINE: usize = 76;

/// Why a given file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    #[error("cannot read the mail {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the mail {} is empty; give a file with a message in it", path.display())]
    Empty { path: PathBuf },
    #[error("the mail {} has {length} octets, and a server of the demo takes {MAX_FILE}", path.display())]
    TooLong { path: PathBuf, length: usize },
}

/// One message to send.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) title: String,
    pub(crate) content: Arc<[u8]>,
    pub(crate) recipients: Vec<Mailbox>,
}

/// Where letters come from.
#[derive(Debug)]
pub(crate) enum Letters {
    Given(Vec<(String, Arc<[u8]>)>),
    BuiltIn,
    /// One short message for each other server.
    Short,
}

/// What makes the built-in letters of one round different from those of another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) round: u32,
    pub(crate) entering: Side,
    pub(crate) time: Timestamp,
}

impl Letters {
    /// Reads the given files; without any, the letters are built in.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Self, LetterError> {
        if files.is_empty() {
            return Ok(Self::BuiltIn);
        }
        files.iter().map(|path| read(path)).collect::<Result<_, _>>().map(Self::Given)
    }

    /// The letters of one round.
    pub(crate) fn of(&self, stamp: Stamp, cast: &Cast) -> Vec<Letter> {
        match self {
            Self::Given(files) => {
                let letters = files.iter().enumerate().map(|(index, (title, content))| Letter {
                    title: title.clone(),
                    content: Arc::clone(content),
                    recipients: recipients(index, stamp.entering, cast),
                });
                letters.collect()
            }
            Self::BuiltIn => built_in(stamp, cast),
            Self::Short => short(stamp, cast),
        }
    }
}

/// Who gets the letter of this number: every fifth goes to everybody, the others to a mailbox of the other server in turn.
fn recipients(index: usize, entering: Side, cast: &Cast) -> Vec<Mailbox> {
    if index % 5 == 4 {
        return cast.mailboxes().collect();
    }
    let others: Vec<Mailbox> = mailboxes(entering.other()).collect();
    vec![others[index % others.len()]]
}

/// Whom the letters come from.
#[expect(clippy::expect_used, reason = "every side has mailboxes, which a test counts")]
pub(crate) fn sender(entering: Side) -> Mailbox {
    mailboxes(entering).next().expect("a mailbox")
}

fn read(path: &Path) -> Result<(String, Arc<[u8]>), LetterError> {
    let octets = std::fs::read(path)
        .map_err(|source| LetterError::Read { path: path.to_owned(), source })?;
    if octets.is_empty() {
        return Err(LetterError::Empty { path: path.to_owned() });
    }
    let content = with_crlf(&octets);
    if content.len() > MAX_FILE {
        return Err(LetterError::TooLong { path: path.to_owned(), length: content.len() });
    }
    Ok((path.display().to_string(), Arc::from(content)))
}

/// Each LF without a CR before it becomes CRLF; nothing else changes.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut before = 0;
    for octet in octets {
        if *octet == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*octet);
        before = *octet;
    }
    out
}

fn built_in(stamp: Stamp, cast: &Cast) -> Vec<Letter> {
    let bodies = [plain(), utf8(), html(), attachment(), circular()].into_iter().enumerate();
    let letter = |(index, body): (usize, Body)| {
        let recipients = recipients(index, stamp.entering, cast);
        body.letter(index, recipients, stamp, cast)
    };
    bodies.map(letter).collect()
}

fn short(stamp: Stamp, cast: &Cast) -> Vec<Letter> {
    let first = |side| mailboxes(side).take(1).collect::<Vec<Mailbox>>();
    let others = cast.others(stamp.entering).map(first).enumerate();
    let body = || Body { title: "a short message", ..circular() };
    others.map(|(index, to)| body().letter(index, to, stamp, cast)).collect()
}

/// What one built-in letter has besides its addresses and its identity.
struct Body {
    title: &'static str,
    subject: &'static str,
    /// Display name of the sender; letters beyond ASCII make it a letter for SMTPUTF8.
    name: &'static str,
    content_type: String,
    encoding: &'static str,
    text: String,
}

impl Body {
    fn letter(self, index: usize, recipients: Vec<Mailbox>, stamp: Stamp, cast: &Cast) -> Letter {
        let from = sender(stamp.entering);
        let to: Vec<String> = recipients.iter().map(|mailbox| cast.address(*mailbox)).collect();
        let date = DateTimePrinter::new()
            .timestamp_to_string(&stamp.time)
            .unwrap_or_else(|_| "Sun, 22 Nov 2026 12:00:00 -0000".to_owned());
        let content = format!(
            "From: {} <{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <demo.{}.{}@{}>\r\nMIME-Version: 1.0\r\nContent-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n{}",
            self.name,
            cast.address(from),
            to.join(",\r\n\t"),
            self.subject,
            stamp.round,
            index + 1,
            cast.host(stamp.entering),
            self.content_type,
            self.encoding,
            self.text,
        );
        Letter {
            title: self.title.to_owned(),
            content: Arc::from(content.into_bytes()),
            recipients,
        }
    }
}

fn plain() -> Body {
    Body {
        title: "plain text",
        subject: "Minutes of Monday",
        name: "The first floor",
        content_type: "text/plain; charset=us-ascii".to_owned(),
        encoding: "7bit",
        // Lines of dots are what a careless transfer loses or doubles.
        text: "Good morning,\r\n\r\nthe minutes are below.\r\n.\r\n..\r\n.signature follows, with blanks at the end   \r\n\r\n-- \r\nThe first floor\r\n"
            .to_owned(),
    }
}

fn utf8() -> Body {
    Body {
        title: "UTF-8 in header and body",
        subject: "Grüße aus Köln, поздрав, 東から西へ",
        name: "Anna Müller-Đorđević",
        content_type: "text/plain; charset=utf-8".to_owned(),
        encoding: "8bit",
        text: "Grüße!\r\n\r\nΚαλημέρα · Добрый день · おはよう · 🌍\r\n.Ein Punkt am Anfang – und ein schmales\u{202f}Leerzeichen.\r\n".to_owned(),
    }
}

fn html() -> Body {
    let picture = base64(&picture::png());
    Body {
        title: "HTML with an inline picture",
        subject: "A picture",
        name: "The graphics desk",
        content_type: "multipart/related; type=\"text/html\"; boundary=\"=_related\"".to_owned(),
        encoding: "7bit",
        text: format!(
            "This is a message of two parts.\r\n--=_related\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<html><body><p>East and west:</p>\r\n<img src=\"cid:flag@east.demo.test\" alt=\"a flag\"></body></html>\r\n\r\n--=_related\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <flag@east.demo.test>\r\nContent-Disposition: inline; filename=\"flag.png\"\r\n\r\n{picture}--=_related--\r\n"
        ),
    }
}

fn attachment() -> Body {
    Body {
        title: "an attachment of 5 MB",
        subject: "The plans, 5 MB",
        name: "The drawing office",
        content_type: "multipart/mixed; boundary=\"=_mixed\"".to_owned(),
        encoding: "7bit",
        text: format!(
            "--=_mixed\r\nContent-Type: text/plain\r\n\r\nThe plans are attached.\r\n--=_mixed\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"plans.bin\"\r\n\r\n{}--=_mixed--\r\n",
            base64(&noise(ATTACHMENT))
        ),
    }
}

fn circular() -> Body {
    Body {
        title: "several recipients on both servers",
        subject: "To all: the lift is out of order",
        name: "The caretaker",
        content_type: "text/plain; charset=us-ascii".to_owned(),
        encoding: "7bit",
        text: "Please take the stairs until Thursday.\r\n".to_owned(),
    }
}

/// Octets that no compression shortens and that are the same in every run (xorshift64*).
fn noise(count: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    out.truncate(count);
    out
}

/// base64 in lines (RFC 2045 6.8), each with its CRLF.
pub(crate) fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(octets.len() / 54 * (BASE64_LINE + 2) + BASE64_LINE + 2);
    for line in octets.chunks(BASE64_LINE / 4 * 3) {
        for group in line.chunks(3) {
            let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            for digit in 0..4 {
                let value = usize::try_from(bits >> (18 - 6 * digit) & 63).unwrap_or(0);
                out.push(if digit > group.len() { '=' } else { char::from(ALPHABET[value]) });
            }
        }
        let _ = out.write_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests;
