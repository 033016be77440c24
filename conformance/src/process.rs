//! A child process that ends with the value that started it.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// How long a process may take to die after SIGKILL.
const DEATH_TIME: Duration = Duration::from_secs(5);

/// How long a program of several processes gets to end its own children.
const GRACE: Duration = Duration::from_secs(20);

/// A child process; dropped, it is killed and waited for.
///
/// It stays in the group of the test, so that whoever ends the test by its group ends it, too.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

/// How a process ended after SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub after: Duration,
}

impl Process {
    /// Starts a command whose output is appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = std::fs::File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self { child })
    }

    pub(crate) fn adopt(child: Child) -> Self {
        Self { child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// SIGKILL, as by the kernel when memory runs out.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops all its threads where they are: from here on it says nothing to anybody. A call to the kernel that is
    /// under way may still end.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.id());
        until(DEATH_TIME, "all threads to stop", || {
            let mut stopped = true;
            for task in std::fs::read_dir(&tasks)? {
                // A thread may end in between. In the brackets before its state anything may stand (proc(5)).
                let stat = std::fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
                let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
                stopped &= state.is_none_or(|state| !matches!(state, 'R' | 'S'));
            }
            Ok(stopped.then_some(()))
        })
    }

    /// SIGTERM; gives how and when it ended.
    pub fn terminate(mut self, limit: Duration) -> Result<End> {
        let begin = Instant::now();
        self.signal(Signal::TERM);
        let status = until(limit, "the end after SIGTERM", || self.try_wait())?;
        Ok(End { code: status.code(), after: begin.elapsed() })
    }

    /// Octets of memory that are its own now (VmRSS of proc(5)).
    pub fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// Octets of memory that were its own at most so far (VmHWM of proc(5)).
    pub fn peak_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// Octets of its address space (VmSize of proc(5)).
    pub fn address_space(&self) -> Result<u64> {
        self.status("VmSize:")
    }

    fn status(&self, field: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024)
    }

    fn signal(&mut self, signal: Signal) {
        // Once waited for, its number may belong to another process.
        if matches!(self.child.try_wait(), Ok(None))
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            // An error means that it is gone.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // A child that does not even die is left to the system; a test does not hang for it.
        let _ = until(DEATH_TIME, "its death", || self.try_wait());
    }
}

/// Lets a program of several processes end them; it is killed when dropped.
pub(crate) fn interrupt(process: &mut Process) {
    process.signal(Signal::INT);
    let _ = until(GRACE, "its end", || process.try_wait());
}
