//! `bindback send`: a message from a file.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use admin::api::{SendOrder, Sent};
use clap::Args;

use crate::backend;
use crate::cli::Setting;
use crate::failure::{Found, Unreadable, Usage};

/// The server holds a message that comes this way in memory, and takes no longer one.
const MAX_CONTENT: u64 = 256 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bindback send letter.eml --to bert@west.demo.test\n\nThe file is an RFC 5322 message, header and body. Lines that end in a bare LF get CRLF. A file named - is standard input."
)]
pub struct Arguments {
    /// The message
    file: PathBuf,
    /// The recipients of the envelope
    #[arg(long, value_name = "ADDRESS", num_args = 1.., required = true)]
    to: Vec<String>,
    /// The sender of the envelope [default: the server's postmaster]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let config = setting.config()?;
    let content = with_crlf(read(&arguments.file)?);
    let order = SendOrder { from: arguments.from, to: arguments.to, content };
    let id = backend::running(&config).send(order).await?;
    setting.output.answer(&Sent { id }, |sent| format!("accepted as {}", sent.id))?;
    Ok(Found::Nothing)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let failed = |source| Unreadable {
        what: path.display().to_string(),
        way_out: "name a file with the message, or - for standard input",
        source,
    };
    let mut content = Vec::new();
    let limit = MAX_CONTENT + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut content).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(limit).read_to_end(&mut content).map_err(failed)?;
    }
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if length > MAX_CONTENT {
        let text =
            format!("{} has more than {MAX_CONTENT} octets; send it over SMTP", path.display());
        return Err(Usage(text).into());
    }
    if content.is_empty() {
        return Err(Usage(format!("{} is empty; a message has a header", path.display())).into());
    }
    Ok(content)
}

/// Every line end becomes CRLF (RFC 5322, 2.3): files on this kind of system have bare LF.
fn with_crlf(content: Vec<u8>) -> Vec<u8> {
    let bare = |at: usize| content[at] == b'\n' && (at == 0 || content[at - 1] != b'\r');
    let missing = (0..content.len()).filter(|at| bare(*at)).count();
    if missing == 0 {
        return content;
    }
    let mut out = Vec::with_capacity(content.len() + missing);
    for (at, octet) in content.iter().enumerate() {
        if bare(at) {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_feeds_become_line_ends() {
        assert_eq!(with_crlf(b"\na\nb\r\nc\r\rd\n".to_vec()), b"\r\na\r\nb\r\nc\r\rd\r\n");
        assert_eq!(with_crlf(b"a\r\n".to_vec()), b"a\r\n");
        assert_eq!(with_crlf(Vec::new()), b"");
    }

    #[test]
    fn a_file_that_is_no_message_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read(&folder.path().join("no.eml")).unwrap_err();
        assert!(missing.is::<Unreadable>());
        let empty = folder.path().join("empty.eml");
        std::fs::write(&empty, "").unwrap();
        assert!(read(&empty).unwrap_err().is::<Usage>());
    }
}
