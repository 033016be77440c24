//! A server as a process of its own, which outlives neither this value nor this program.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// Octets of a log that an error quotes.
const TAIL: u64 = 2048;

/// How long a server may take to stop after SIGTERM: it drains, which takes a transfer's time at most.
pub(crate) const STOP_TIME: Duration = Duration::from_secs(20);

/// How long a process may take to die after SIGKILL.
const DEATH_TIME: Duration = Duration::from_secs(5);

/// Ends a group when its input ends, which happens when this program dies in whatever way.
const GUARD: &str = "read -r _; kill -s KILL -- \"-$1\"";

/// A running process at the head of its own group, with its output in a file.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    /// Holds the other end of its input; killed first, it does nothing.
    guard: Option<Child>,
    log: PathBuf,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// With exit code 0.
    Clean,
    /// In another way, in words.
    Unclean(String),
    /// Not within [`STOP_TIME`]; it was killed.
    Killed,
}

impl Process {
    /// Starts a command with its output appended to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C in a terminal goes to a whole group; the servers stop when this program says so.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut process = Self { child, group, guard: None, log: log.to_owned() };
        if let Some(group) = group {
            process.guard = Some(guard(group)?);
        }
        Ok(process)
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// In words, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Some(status.to_string()),
            Ok(None) => None,
            Err(error) => Some(format!("an unknown state: {error}")),
        }
    }

    /// The last lines that it wrote.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_else(|error| format!("(cannot read it: {error})"))
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn stop(mut self) -> End {
        self.signal(Signal::TERM);
        match tokio::time::timeout(STOP_TIME, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => End::Clean,
            Ok(Ok(status)) => End::Unclean(status.to_string()),
            Ok(Err(error)) => End::Unclean(error.to_string()),
            Err(_) => {
                self.signal(Signal::KILL);
                // Its end was asked for twice; that it lingers is told all the same.
                let _ = tokio::time::timeout(DEATH_TIME, self.child.wait()).await;
                End::Killed
            }
        }
    }

    /// Stops it where it stands, or lets it go on.
    pub(crate) fn hang(&self, hang: bool) {
        self.signal(if hang { Signal::STOP } else { Signal::CONT });
    }

    fn signal(&self, signal: Signal) {
        // Once waited for, its number may belong to another process.
        if self.child.id().is_some()
            && let Some(group) = self.group
        {
            // An error means that it is gone, which is what a signal is for.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(guard) = &mut self.guard {
            // It may be gone already, with its work undone all the same.
            let _ = guard.start_kill();
        }
        self.signal(Signal::KILL);
    }
}

fn guard(group: Pid) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", GUARD, "sh", &group.as_raw_nonzero().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut octets = Vec::new();
    file.take(TAIL).read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    let whole =
        if length > TAIL { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok(whole.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str, log: &Path) -> Process {
        let mut command = Command::new("sh");
        command.arg("-c").arg(line);
        Process::start(command, log).unwrap()
    }

    async fn until(mut condition: impl FnMut() -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(std::time::Instant::now() < deadline, "nothing within 10 s");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_process_is_asked_to_stop_and_says_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for (code, end) in [(0, End::Clean), (3, End::Unclean("exit status: 3".to_owned()))] {
            let line = format!(
                "trap 'echo stopping; exit {code}' TERM; echo ready >&2; while :; do sleep 0.05; done"
            );
            let mut process = shell(&line, &log);
            until(|| process.log_tail().ends_with("ready")).await;
            assert_eq!(process.ended(), None);
            assert_eq!(process.stop().await, end);
            assert!(tail(&log).unwrap().ends_with("stopping"));
        }
    }

    #[tokio::test]
    async fn a_dropped_process_dies_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = shell("sleep 1000 & echo $!; wait", &log);
        until(|| !process.log_tail().is_empty()).await;
        let child: i32 = process.log_tail().parse().unwrap();
        let child = Pid::from_raw(child).unwrap();
        assert!(rustix::process::test_kill_process(child).is_ok());
        drop(process);
        let state = format!("/proc/{}/stat", child.as_raw_nonzero());
        // Killed, and perhaps not yet waited for by the system's first process.
        until(|| std::fs::read_to_string(&state).map_or(true, |stat| stat.contains(") Z "))).await;
    }

    #[tokio::test]
    async fn a_process_dies_when_its_guard_hears_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("sleep 1000", &folder.path().join("log"));
        let mut held = process.guard.take().unwrap();
        assert_eq!(process.ended(), None);
        drop(held.stdin.take());
        until(|| process.ended().is_some()).await;
    }

    #[tokio::test]
    async fn an_early_end_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("exit 7", &folder.path().join("log"));
        until(|| process.ended().is_some()).await;
        assert_eq!(process.ended().as_deref(), Some("exit status: 7"));
    }

    #[test]
    fn a_tail_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let tail = tail(&path).unwrap();
        assert!(tail.starts_with("line ") && tail.ends_with("line 999"), "{tail}");
    }
}
