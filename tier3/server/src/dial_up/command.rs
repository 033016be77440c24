//! Programs of a connector: run without a shell, with a bounded memory of what they say, in a process group of their own.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dialup::Exit;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};

/// Octets of output that are kept, the last ones: enough to find the modem's words behind a verbose log.
const KEPT: usize = 8192;
/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How long the output of a program that has ended is waited for: what it left running may keep the pipe.
const REST: Duration = Duration::from_millis(200);

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Starts a program.
    ///
    /// # Errors
    /// It is not there, or may not be run.
    pub fn start(words: &[String]) -> std::io::Result<Self> {
        let [program, arguments @ ..] = words else {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "no program"));
        };
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(tokio::spawn(keep(pipe, Arc::clone(&output))));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(tokio::spawn(keep(pipe, Arc::clone(&output))));
        }
        Ok(Self { child, output, readers })
    }

    /// Its process group.
    #[must_use]
    pub fn group(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, and its last words. Can be cancelled.
    pub async fn ended(&mut self) -> (Exit, String) {
        use std::os::unix::process::ExitStatusExt;
        let exit = match self.child.wait().await {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Code(code),
                (None, signal) => Exit::Signal(signal.unwrap_or_default()),
            },
            Err(error) => Exit::NotStarted(error.to_string()),
        };
        let read = async {
            while let Some(reader) = self.readers.last_mut() {
                // Its end is all that counts.
                let _ = reader.await;
                self.readers.pop();
            }
        };
        if tokio::time::timeout(REST, read).await.is_err() {
            self.readers.iter().for_each(tokio::task::JoinHandle::abort);
        }
        self.readers.clear();
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        (exit, String::from_utf8_lossy(&output).into_owned())
    }

    /// Ends it and what it started: asked first, then by force.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            // Whoever is killed has ended.
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        // It has no number any more once it was waited for.
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // One that ended a moment ago cannot be told anything.
            let _ = kill_process_group(group, signal);
        }
    }
}

async fn keep(mut pipe: impl AsyncRead + Unpin, output: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
    }
}

/// Hangs up if this server dies: a process that waits for the end of its input, and does nothing where it reads a line
/// before. Its arguments are never read as a shell's words.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    input: Option<ChildStdin>,
}

/// Runs the hang-up command at the end of the input.
const HANG_UP: &str = "read -r _ || exec \"$@\"";
/// Ends the process group of the dial command then.
const END_GROUP: &str = "read -r _ || kill -TERM -- \"-$1\"";

impl Guard {
    /// One that runs a command.
    pub fn running(words: &[String]) -> std::io::Result<Self> {
        Self::start(HANG_UP, words)
    }

    /// One that ends a process group.
    pub fn ending(group: u32) -> std::io::Result<Self> {
        Self::start(END_GROUP, &[group.to_string()])
    }

    fn start(script: &str, words: &[String]) -> std::io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        // A group of its own: what ends the server's does not end this.
        command.args(["-c", script, "sh"]).args(words).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    /// Takes it away: the call was ended in order.
    pub async fn dismiss(mut self) {
        use tokio::io::AsyncWriteExt;
        if let Some(mut input) = self.input.take() {
            // One that is gone needs no word.
            let _ = input.write_all(b"over\n").await;
        }
        let _ = self.child.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn a_program_ends_with_its_code_and_its_last_words() {
        let script =
            "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo BUSY >&2; exit 7";
        let mut running = Running::start(&words(&["/bin/sh", "-c", script])).unwrap();
        let (exit, output) = running.ended().await;
        assert_eq!(exit, Exit::Code(7));
        assert!(output.len() <= KEPT && output.contains("BUSY") && output.contains("line 1999"));
        assert!(
            Running::start(&words(&["/nowhere/dial"])).is_err() && Running::start(&[]).is_err()
        );
    }

    #[tokio::test]
    async fn what_a_program_leaves_running_does_not_keep_its_end_back() {
        let mut running = Running::start(&words(&["/bin/sh", "-c", "sleep 60 & exit 0"])).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), running.ended()).await.unwrap();
        assert_eq!(ended.0, Exit::Code(0));
    }

    #[tokio::test]
    async fn one_that_is_stopped_goes_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("child");
        let script = format!("sleep 60 & echo $! > {}; wait", note.display());
        let running = Running::start(&words(&["/bin/sh", "-c", &script])).unwrap();
        let child = loop {
            let text = std::fs::read_to_string(&note).unwrap_or_default();
            match text.trim().parse::<i32>() {
                Ok(child) => break child,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        running.stop().await;
        let gone = || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        while !gone() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_guard_hangs_up_only_where_its_server_died() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("hung up; $(not this)");
        let touch = words(&["touch", note.to_str().unwrap()]);
        Guard::running(&touch).unwrap().dismiss().await;
        assert!(!note.exists());
        let mut guard = Guard::running(&touch).unwrap();
        guard.input = None;
        let _ = guard.child.wait().await;
        assert!(note.exists());
    }
}
