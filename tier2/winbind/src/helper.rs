//! One helper for each logon: started, asked, read to its end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use security::{LogonFailure, LogonQuestion, LogonVerdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::dialogue::{answer, request};

/// Helpers at the same time: winbind itself asks its domain controller one by one.
const HELPERS: usize = 8;
/// Octets of an answer: a few short lines.
const ANSWER_MAX: u64 = 16 * 1024;

/// A helper that gave no answer: the verdict is [`LogonFailure::NoLogonServers`], and this is why.
#[derive(Debug, thiserror::Error)]
pub enum WinbindError {
    #[error("{} cannot be run; it is in Debian's package winbind", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} broke off", program.display())]
    Talk {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} gave no answer within {} s", program.display(), waited.as_secs())]
    TimedOut { program: PathBuf, waited: Duration },
    #[error("{} answered what is no answer: {text}", program.display())]
    Nonsense { program: PathBuf, text: String },
}

/// The helper.
#[derive(Debug)]
pub struct Winbind {
    program: PathBuf,
    patience: Duration,
    helpers: Semaphore,
}

impl Winbind {
    /// Asks by `program`, such as `/usr/bin/ntlm_auth`, at most `patience` long for each logon.
    #[must_use]
    pub fn new(program: &Path, patience: Duration) -> Self {
        Self { program: program.to_owned(), patience, helpers: Semaphore::new(HELPERS) }
    }

    /// Asks whether a logon is right; `trouble` hears of a helper that gave no answer.
    pub async fn judge(
        &self,
        question: &LogonQuestion,
        trouble: impl FnOnce(&WinbindError),
    ) -> LogonVerdict {
        let asked = tokio::time::timeout(self.patience, self.ask(question)).await;
        let asked = asked.unwrap_or_else(|_| {
            Err(WinbindError::TimedOut { program: self.program.clone(), waited: self.patience })
        });
        asked.unwrap_or_else(|error| {
            trouble(&error);
            Err(LogonFailure::NoLogonServers)
        })
    }

    async fn ask(&self, question: &LogonQuestion) -> Result<LogonVerdict, WinbindError> {
        let program = || self.program.clone();
        let talk = |source| WinbindError::Talk { program: program(), source };
        // Never closed.
        let _helper = self.helpers.acquire().await;
        let mut child = Command::new(&self.program)
            .arg("--helper-protocol=ntlm-server-1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| WinbindError::Start { program: program(), source })?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(request(question).as_bytes()).await.map_err(talk)?;
            // Dropped here: the end of the input is the end of the helper.
        }
        let mut text = Zeroizing::new(String::new());
        if let Some(output) = child.stdout.take() {
            output.take(ANSWER_MAX).read_to_string(&mut text).await.map_err(talk)?;
        }
        // The answer is whole, whatever the helper's end says.
        let _ = child.wait().await;
        answer(&text).ok_or_else(|| {
            // Without the key, should there be one.
            let first = text.lines().find(|line| !line.starts_with("User-Session-Key"));
            WinbindError::Nonsense { program: program(), text: first.unwrap_or("").to_owned() }
        })
    }
}
