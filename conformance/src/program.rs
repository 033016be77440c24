//! The release binary on its command line.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{Process, interrupt};
use crate::wait::until;

/// Longest run of an ordinary command.
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// The binary under test: environment variable BINDBACK_BIN, else the newer of this workspace's release and debug builds.
///
/// # Errors
/// There is none, or a source that it is made of has changed since: a proof about another program proves nothing.
pub fn binary() -> Result<PathBuf> {
    chosen(&["release", "debug"])
}

/// The same of the release build alone: for what is measured.
///
/// # Errors
/// As [`binary`].
pub fn release_binary() -> Result<PathBuf> {
    chosen(&["release"])
}

fn chosen(profiles: &[&str]) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("BINDBACK_BIN").map(PathBuf::from) {
        ensure!(path.is_file(), "BINDBACK_BIN names {}, which is no file", path.display());
        return Ok(path);
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    let built = profiles.iter().filter_map(|profile| {
        let path = target.join(profile).join("bindback");
        Some((modified(&path)?, path))
    });
    let Some((made, path)) = built.max() else {
        bail!(
            "there is no bindback under {}; build it first: cargo build --release -p bindback (or name one in BINDBACK_BIN)",
            target.display()
        );
    };
    if let Some(changed) = sources(&path).into_iter().find(|one| modified(one) > Some(made)) {
        bail!(
            "{} is older than {}; build it again: cargo build -p bindback (or name one in BINDBACK_BIN)",
            path.display(),
            changed.display()
        );
    }
    Ok(path)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The files that a binary was made of: cargo lists them beside it, as rules for make do, with spaces behind a backslash.
fn sources(binary: &Path) -> Vec<PathBuf> {
    let rule = std::fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let Some((_, list)) = rule.split_once(": ") else { return Vec::new() };
    let marked = list.replace("\\ ", "\0");
    marked.split_whitespace().map(|name| PathBuf::from(name.replace('\0', " "))).collect()
}

/// Runs commands of the binary.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    pub fn find() -> Result<Self> {
        Ok(Self { path: binary()? })
    }

    /// A command, not yet started.
    pub fn command<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(&self.path);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, whatever its exit status.
    pub fn run<I, S>(&self, arguments: I) -> Result<Output>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.run_within(COMMAND_TIME, arguments)
    }

    /// The same with another limit; a command that exceeds it is interrupted, then killed.
    pub fn run_within<I, S>(&self, limit: Duration, arguments: I) -> Result<Output>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let folder = tempfile::tempdir()?;
        let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
        let mut command = self.command(arguments);
        command.stdout(std::fs::File::create(&out)?).stderr(std::fs::File::create(&err)?);
        let shown = format!("{command:?}");
        let mut child =
            Process::adopt(command.spawn().with_context(|| format!("cannot run {shown}"))?);
        let ended = until(limit, &format!("the end of {shown}"), || child.try_wait());
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                interrupt(&mut child);
                bail!("{error}\n{}", std::fs::read_to_string(&err).unwrap_or_default());
            }
        };
        Ok(Output { status, stdout: std::fs::read(out)?, stderr: std::fs::read(err)? })
    }

    /// Runs a command that must succeed with exactly one JSON object, and gives that.
    pub fn json<I, S>(&self, arguments: I) -> Result<Value>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let arguments: Vec<S> = arguments.into_iter().collect();
        let words: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        let output = self.run(words.iter().copied().chain([OsStr::new("--json")]))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{words:?} ended with {}: {said}", output.status);
        one_object(&output.stdout).with_context(|| format!("{words:?}"))
    }
}

/// The one JSON object of a standard output.
pub fn one_object(stdout: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(stdout).context("standard output is not UTF-8")?;
    let value: Value = serde_json::from_str(text)
        .with_context(|| format!("standard output is not exactly one JSON object: {text}"))?;
    ensure!(value.is_object(), "standard output is no JSON object: {text}");
    Ok(value)
}
