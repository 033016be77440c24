//! Command lines (RFC 5321 4.1.1, Command Semantics and Syntax).

use crate::address::{AddressError, Path, parse_path};
use crate::parameters::{MailParameters, ParameterError, RecipientParameters};

/// A command of the receiving side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Hello {
        name: String,
        extended: bool,
    },
    /// The parameters are kept apart until it is known whether EHLO allowed any.
    Mail {
        reverse_path: String,
        parameters: MailParameters,
        has_parameters: bool,
    },
    Recipient {
        address: String,
        parameters: RecipientParameters,
        has_parameters: bool,
    },
    Data,
    Chunk {
        size: u64,
        last: bool,
    },
    Reset,
    Noop,
    Verify,
    Help,
    Quit,
}

/// Why a line is not a command that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("command not known")]
    Unknown,
    #[error("command not implemented")]
    NotImplemented,
    #[error("expected {usage}")]
    Syntax { usage: &'static str },
    #[error("bad sender address")]
    Sender(#[source] AddressError),
    #[error("bad recipient address")]
    Recipient(#[source] AddressError),
    #[error("a recipient cannot be the null path")]
    NullRecipient,
    #[error("bad parameter")]
    Parameter(#[source] ParameterError),
    /// The octets that follow cannot be told from commands any more.
    #[error("bad chunk size")]
    ChunkSize,
}

const MAIL_USAGE: &str = "MAIL FROM:<address> [parameters]";
const RECIPIENT_USAGE: &str = "RCPT TO:<address> [parameters]";

impl Command {
    /// Reads one line without its CRLF.
    pub(crate) fn parse(line: &str) -> Result<Self, CommandError> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "MAIL" => parse_mail(rest),
            "RCPT" => parse_recipient(rest),
            "BDAT" => parse_chunk(rest),
            _ => parse_plain(line, rest),
        }
    }
}

fn parse_mail(rest: &str) -> Result<Command, CommandError> {
    let path = after_keyword(rest, "FROM:").ok_or(CommandError::Syntax { usage: MAIL_USAGE })?;
    let (path, rest) = parse_path(path).map_err(CommandError::Sender)?;
    let reverse_path = match path {
        Path::Null => String::new(),
        Path::Mailbox(mailbox) => mailbox.to_owned(),
        // RFC 5321 4.1.1.2 has no <Postmaster> in a reverse path: no report could go there.
        Path::Postmaster => return Err(CommandError::Sender(AddressError::Domain)),
    };
    let text = parameters(rest).ok_or(CommandError::Syntax { usage: MAIL_USAGE })?;
    let parameters = MailParameters::parse(text).map_err(CommandError::Parameter)?;
    Ok(Command::Mail { reverse_path, parameters, has_parameters: !text.is_empty() })
}

fn parse_recipient(rest: &str) -> Result<Command, CommandError> {
    let path = after_keyword(rest, "TO:").ok_or(CommandError::Syntax { usage: RECIPIENT_USAGE })?;
    let (path, rest) = parse_path(path).map_err(CommandError::Recipient)?;
    let address = match path {
        Path::Null => return Err(CommandError::NullRecipient),
        Path::Postmaster => "postmaster".to_owned(),
        Path::Mailbox(mailbox) => mailbox.to_owned(),
    };
    let text = parameters(rest).ok_or(CommandError::Syntax { usage: RECIPIENT_USAGE })?;
    let parameters = RecipientParameters::parse(text).map_err(CommandError::Parameter)?;
    Ok(Command::Recipient { address, parameters, has_parameters: !text.is_empty() })
}

/// Clients in the field write `MAIL FROM: <..>`, so spaces around the keyword are skipped.
fn after_keyword<'a>(rest: &'a str, keyword: &str) -> Option<&'a str> {
    let rest = rest.trim_start_matches(' ');
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| tail.trim_start_matches(' '))
}

/// What follows a path is nothing or a space and parameters.
fn parameters(rest: &str) -> Option<&str> {
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_matches(' '))
}

fn parse_chunk(rest: &str) -> Result<Command, CommandError> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let size = words
        .next()
        .filter(|word| word.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|word| word.parse().ok())
        .ok_or(CommandError::ChunkSize)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(CommandError::ChunkSize),
    };
    if words.next().is_some() {
        return Err(CommandError::ChunkSize);
    }
    Ok(Command::Chunk { size, last })
}

fn parse_plain(line: &str, rest: &str) -> Result<Command, CommandError> {
    use smtp_proto::Request;
    let framed = format!("{line}\r\n");
    let request = Request::parse(&mut framed.as_bytes().iter()).map_err(|error| match error {
        smtp_proto::Error::SyntaxError { syntax } => CommandError::Syntax { usage: syntax },
        _ => CommandError::Unknown,
    })?;
    let alone = |command: Command, usage: &'static str| {
        if rest.trim_matches(' ').is_empty() {
            Ok(command)
        } else {
            Err(CommandError::Syntax { usage })
        }
    };
    match request {
        Request::Ehlo { host } => Ok(Command::Hello { name: host.into_owned(), extended: true }),
        Request::Helo { host } => Ok(Command::Hello { name: host.into_owned(), extended: false }),
        Request::Data => alone(Command::Data, "DATA"),
        Request::Rset => alone(Command::Reset, "RSET"),
        Request::Quit => alone(Command::Quit, "QUIT"),
        Request::Noop { .. } => Ok(Command::Noop),
        Request::Vrfy { .. } => Ok(Command::Verify),
        Request::Help { .. } => Ok(Command::Help),
        _ => Err(CommandError::NotImplemented),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        for (line, command) in [
            ("ehlo x.example", Command::Hello { name: "x.example".to_owned(), extended: true }),
            (
                "HELO [127.0.0.1]",
                Command::Hello { name: "[127.0.0.1]".to_owned(), extended: false },
            ),
            ("DATA", Command::Data),
            ("data ", Command::Data),
            ("RSET", Command::Reset),
            ("NOOP whatever", Command::Noop),
            ("VRFY ada", Command::Verify),
            ("HELP", Command::Help),
            ("quit", Command::Quit),
            ("BDAT 0 last", Command::Chunk { size: 0, last: true }),
            ("BDAT 18446744073709551615", Command::Chunk { size: u64::MAX, last: false }),
            (
                "MAIL FROM: <> SIZE=1",
                Command::Mail {
                    reverse_path: String::new(),
                    parameters: MailParameters { size: Some(1), ..MailParameters::default() },
                    has_parameters: true,
                },
            ),
            (
                "rcpt to:<POSTMASTER>",
                Command::Recipient {
                    address: "postmaster".to_owned(),
                    parameters: RecipientParameters::default(),
                    has_parameters: false,
                },
            ),
        ] {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_commands() {
        for (line, error) in [
            ("", CommandError::Unknown),
            ("GET / HTTP/1.1", CommandError::Unknown),
            ("EHLOX y", CommandError::Unknown),
            ("MAILX", CommandError::Unknown),
            ("EHLO", CommandError::Syntax { usage: "EHLO domain" }),
            ("DATA x", CommandError::Syntax { usage: "DATA" }),
            ("STARTTLS", CommandError::NotImplemented),
            ("AUTH PLAIN AAAA", CommandError::NotImplemented),
            ("EXPN list", CommandError::NotImplemented),
            ("MAIL", CommandError::Syntax { usage: MAIL_USAGE }),
            ("MAIL TO:<a@b>", CommandError::Syntax { usage: MAIL_USAGE }),
            ("MAIL FROM:<a@b>SIZE=1", CommandError::Syntax { usage: MAIL_USAGE }),
            ("MAIL FROM:a@b", CommandError::Sender(AddressError::NoBrackets)),
            ("MAIL FROM:<postmaster>", CommandError::Sender(AddressError::Domain)),
            ("RCPT TO:<>", CommandError::NullRecipient),
            ("BDAT", CommandError::ChunkSize),
            ("BDAT -1", CommandError::ChunkSize),
            ("BDAT +1", CommandError::ChunkSize),
            ("BDAT 1 LAST x", CommandError::ChunkSize),
            ("BDAT 18446744073709551616", CommandError::ChunkSize),
            // The parser crate wraps around here and would take this for 5.
            ("BDAT 184467440737095516155", CommandError::ChunkSize),
        ] {
            assert_eq!(Command::parse(line), Err(error), "{line}");
        }
    }
}
