//! Replies, written and read (RFC 5321 4.2, SMTP Replies; RFC 2034, enhanced status codes).

use std::fmt;
use std::str::FromStr;

/// Limit of a reply line that is written (RFC 5321 4.5.3.1.5), without CRLF.
const MAX_WRITTEN_LINE: usize = 510;
/// Limit of a reply line that is read; servers in the field write more than 512 octets.
const MAX_READ_LINE: usize = 4096;
/// Limit of the lines of one reply; an EHLO reply has one a keyword, and about 60 keywords are registered.
const MAX_LINES: usize = 128;

/// An enhanced mail system status code (RFC 3463 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnhancedCode {
    pub class: u8,
    pub subject: u16,
    pub detail: u16,
}

impl EnhancedCode {
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl FromStr for EnhancedCode {
    type Err = ReplyError;

    fn from_str(text: &str) -> Result<Self, ReplyError> {
        let mut parts = text.split('.').map(|part| {
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        });
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some(Some(class @ (2 | 4 | 5))), Some(Some(subject)), Some(Some(detail)), None] => {
                let class = u8::try_from(class).map_err(|_| ReplyError::Malformed)?;
                Ok(Self { class, subject, detail })
            }
            _ => Err(ReplyError::Malformed),
        }
    }
}

/// What a server's reply did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("the reply is malformed")]
    Malformed,
    #[error("a line of the reply has more than {MAX_READ_LINE} octets")]
    LineTooLong,
    #[error("the reply has more than {MAX_LINES} lines")]
    TooManyLines,
}

/// One reply; its text has no CR, LF or enhanced code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<EnhancedCode>,
    pub lines: Vec<String>,
}

impl Reply {
    pub fn new(code: u16, enhanced: Option<EnhancedCode>, text: &str) -> Self {
        Self { code, enhanced, lines: vec![text.to_owned()] }
    }

    /// 2yz
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3yz
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4yz: the same command may succeed later.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// The lines joined by spaces.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// The octets of the reply; characters that a reply cannot carry become `?` (RFC 5321 4.2, textstring).
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        let last = self.lines.len().saturating_sub(1);
        let empty = [String::new()];
        let lines = if self.lines.is_empty() { empty.as_slice() } else { self.lines.as_slice() };
        for (index, line) in lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            let mut text = format!("{:03}{separator}", self.code);
            if let Some(enhanced) = self.enhanced {
                text.push_str(&enhanced.to_string());
                text.push(' ');
            }
            text.extend(line.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }));
            text.truncate(MAX_WRITTEN_LINE);
            octets.extend_from_slice(text.as_bytes());
            octets.extend_from_slice(b"\r\n");
        }
        octets
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text())
    }
}

/// Reads replies out of a stream of octets, however it is cut.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    buffer: Vec<u8>,
    partial: Option<Reply>,
}

impl ReplyDecoder {
    /// Takes octets; call [`Self::poll_reply`] until it has no more.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply.
    pub fn poll_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        loop {
            let Some(end) = self.buffer.iter().take(MAX_READ_LINE + 1).position(|&b| b == b'\n')
            else {
                if self.buffer.len() > MAX_READ_LINE {
                    return Err(ReplyError::LineTooLong);
                }
                return Ok(None);
            };
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            if self.take_line(&line)? {
                return Ok(self.partial.take());
            }
        }
    }

    /// Adds one line and tells whether it was the last of its reply.
    fn take_line(&mut self, line: &[u8]) -> Result<bool, ReplyError> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        let (digits, rest) = line.split_at_checked(3).ok_or(ReplyError::Malformed)?;
        let code: u16 = digits.parse().map_err(|_| ReplyError::Malformed)?;
        let more = match rest.chars().next() {
            Some('-') => true,
            Some(' ') | None => false,
            Some(_) => return Err(ReplyError::Malformed),
        };
        if !(200..=599).contains(&code) || digits.starts_with('+') {
            return Err(ReplyError::Malformed);
        }
        let text = rest.get(1..).unwrap_or_default();
        let (enhanced, text) = match text.split_once(' ').unwrap_or((text, "")) {
            (first, after) if first.parse::<EnhancedCode>().is_ok() => (first.parse().ok(), after),
            _ => (None, text),
        };
        let partial = self.partial.get_or_insert(Reply { code, enhanced, lines: Vec::new() });
        if partial.code != code {
            return Err(ReplyError::Malformed);
        }
        if partial.lines.len() == MAX_LINES {
            return Err(ReplyError::TooManyLines);
        }
        partial.lines.push(text.to_owned());
        Ok(!more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(octets: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let mut decoder = ReplyDecoder::default();
        decoder.handle_bytes(octets);
        decoder.poll_reply()
    }

    #[test]
    fn replies_round_trip_and_truncations_wait() {
        for (text, reply) in [
            ("250 2.1.0 ok\r\n", Reply::new(250, Some(EnhancedCode::new(2, 1, 0)), "ok")),
            ("354 go on\r\n", Reply::new(354, None, "go on")),
            (
                "250-2.7.509 a\r\n250 2.7.509 b c\r\n",
                Reply {
                    code: 250,
                    enhanced: Some(EnhancedCode::new(2, 7, 509)),
                    lines: vec!["a".to_owned(), "b c".to_owned()],
                },
            ),
            (
                "250-x.example\r\n250 SIZE 10\r\n",
                Reply {
                    code: 250,
                    enhanced: None,
                    lines: vec!["x.example".to_owned(), "SIZE 10".to_owned()],
                },
            ),
        ] {
            assert_eq!(reply.encode(), text.as_bytes());
            assert_eq!(decode(text.as_bytes()), Ok(Some(reply)));
            for cut in 0..text.len() {
                assert_eq!(decode(&text.as_bytes()[..cut]), Ok(None), "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn bad_replies_are_errors() {
        for text in [
            "hi\r\n",
            "99 x\r\n",
            "600 x\r\n",
            "+50 x\r\n",
            "250x\r\n",
            "250-a\r\n251 b\r\n",
            "\r\n",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(ReplyError::Malformed), "{text:?}");
        }
        assert_eq!(decode(&[b'2'; MAX_READ_LINE + 1]), Err(ReplyError::LineTooLong));
        let endless = "250-a\r\n".repeat(MAX_LINES + 1);
        assert_eq!(decode(endless.as_bytes()), Err(ReplyError::TooManyLines));
        assert_eq!(decode(b"250\r\n").unwrap().unwrap().code, 250);
    }

    #[test]
    fn text_cannot_break_out_of_its_line() {
        let reply = Reply::new(550, None, "a\r\n250 ok\u{0}\u{fc}");
        assert_eq!(reply.encode(), b"550 a??250 ok??\r\n");
        assert_eq!(Reply::new(550, None, &"x".repeat(2000)).encode().len(), 512);
    }
}
