//! An SMTP client that does one thing after the other (RFC 5321), and shows every reply.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one reply may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Octets of a reply line; RFC 5321 4.5.3.1.5 has 512.
const MAX_LINE: usize = 4096;

/// A reply with all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

/// One message with its envelope.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    /// Empty for the null reverse path.
    pub from: String,
    pub mail_parameters: String,
    /// Address and parameters.
    pub to: Vec<(String, String)>,
    pub content: Vec<u8>,
}

/// Why a message was not taken.
#[derive(Debug)]
pub enum HandInError {
    /// The server said no.
    Refused(Reply),
    /// The connection was refused or broke: nobody knows what the server did.
    Unanswered(io::Error),
}

/// A connection to an SMTP server.
#[derive(Debug)]
pub struct Session {
    stream: BufReader<TcpStream>,
}

impl Letter {
    /// A plain message of one recipient; `subject` tells it from others.
    pub fn plain(from: &str, to: &str, subject: &str, text: &str) -> Self {
        let content = format!(
            "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@proof.test>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n{text}\r\n"
        );
        Self {
            from: from.to_owned(),
            mail_parameters: String::new(),
            to: vec![(to.to_owned(), String::new())],
            content: content.into_bytes(),
        }
    }

    /// Hands it in over a connection of its own.
    pub fn hand_in(&self, server: SocketAddr) -> Result<Reply, HandInError> {
        let (mut session, greeting) = Session::connect(server)?;
        greeting.expect(220)?;
        session.command("EHLO client.proof.test")?.expect(250)?;
        let mail = format!("MAIL FROM:<{}> {}", self.from, self.mail_parameters);
        session.command(mail.trim_end())?.expect(250)?;
        for (address, parameters) in &self.to {
            session.command(format!("RCPT TO:<{address}> {parameters}").trim_end())?.expect(250)?;
        }
        session.command("DATA")?.expect(354)?;
        let taken = session.data(&self.content)?;
        taken.expect(250)?;
        // It is taken, whatever becomes of the farewell.
        let _ = session.command("QUIT");
        Ok(taken)
    }
}

impl Reply {
    fn expect(&self, code: u16) -> Result<(), HandInError> {
        if self.code == code { Ok(()) } else { Err(HandInError::Refused(self.clone())) }
    }
}

impl Session {
    /// Connects and reads the greeting.
    pub fn connect(server: SocketAddr) -> io::Result<(Self, Reply)> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Self { stream: BufReader::new(stream) };
        let greeting = session.reply()?;
        Ok((session, greeting))
    }

    /// Sends a command and reads its reply.
    pub fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends octets as they are, and reads nothing.
    pub fn write_raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// Sends a content after 354, with its dots doubled (RFC 5321 4.5.2).
    pub fn data(&mut self, content: &[u8]) -> io::Result<Reply> {
        let mut out = Vec::with_capacity(content.len() + 64);
        for line in content.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b".\r\n");
        self.stream.get_mut().write_all(&out)?;
        self.reply()
    }

    /// Reads one reply.
    pub fn read(&mut self) -> io::Result<Reply> {
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let mut limited =
                io::Read::take(&mut self.stream, u64::try_from(MAX_LINE).unwrap_or(0));
            if limited.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let last = line.as_bytes().get(3) != Some(&b'-');
            let code = line.get(..3).and_then(|code| code.parse().ok());
            lines.push(line);
            let Some(code) = code else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, lines.join("\n")));
            };
            if last {
                return Ok(Reply { code, lines });
            }
        }
    }
}

impl From<io::Error> for HandInError {
    fn from(error: io::Error) -> Self {
        Self::Unanswered(error)
    }
}

impl std::fmt::Display for HandInError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(reply) => write!(f, "refused: {}", reply.lines.join(" / ")),
            Self::Unanswered(error) => write!(f, "unanswered: {error}"),
        }
    }
}

impl std::error::Error for HandInError {}
