//! The one program, as a user would call it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// Longest run of one command; the doctor's checks have deadlines of their own far below.
const COMMAND_TIME: Duration = Duration::from_secs(60);

/// The executable that runs now, called anew for every command.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    exe: PathBuf,
    /// What PATH is while a remedy runs: `bindback` in it is this executable.
    path: OsString,
    /// What stands before every command.
    before: Vec<String>,
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot run {command}")]
    Start {
        command: String,
        #[source]
        source: io::Error,
    },
    #[error("no end of {command} within {} s", COMMAND_TIME.as_secs())]
    TimeOut { command: String },
    #[error("{command} ended with {status}: {said}")]
    Failed { command: String, status: String, said: String },
}

impl Program {
    /// The running executable, made callable as `bindback` by a link in `folder`.
    pub(crate) fn current(folder: &Path) -> io::Result<Self> {
        let exe = std::env::current_exe()?;
        std::fs::create_dir_all(folder)?;
        let link = folder.join("bindback");
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::os::unix::fs::symlink(&exe, &link)?,
        }
        let mut path = folder.as_os_str().to_owned();
        if let Some(others) = std::env::var_os("PATH") {
            path.push(":");
            path.push(others);
        }
        Ok(Self { exe, path, before: Vec::new() })
    }

    pub(crate) fn exe(&self) -> &Path {
        &self.exe
    }

    /// Runs a command of the program to its end; exit codes in `fine` are no failure.
    pub(crate) async fn run<I, S>(&self, arguments: I, fine: &[i32]) -> Result<Output, CommandError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let arguments: Vec<S> = arguments.into_iter().collect();
        let shown = shown(arguments.iter().map(AsRef::as_ref));
        let mut command = self.command();
        command.args(&arguments);
        finish(command, shown, fine).await
    }

    /// Runs a command line as printed, in a shell that finds this program under its name.
    pub(crate) async fn run_line(&self, line: &str) -> Result<Output, CommandError> {
        finish(self.shell(line), line.to_owned(), &[0]).await
    }

    /// A shell for a command line.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = self.behind("sh".as_ref());
        command.arg("-c").arg(line).env("PATH", &self.path);
        command
    }

    /// The same program with this before every command.
    pub(crate) fn inside(&self, before: Vec<String>) -> Self {
        Self { before, ..self.clone() }
    }

    /// The same program with these words before every command, behind those that stand there already.
    pub(crate) fn behind_all(mut self, words: &[&str]) -> Self {
        self.before.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The program without its arguments.
    pub(crate) fn command(&self) -> Command {
        self.behind(self.exe.as_os_str())
    }

    fn behind(&self, program: &OsStr) -> Command {
        let Some((first, rest)) = self.before.split_first() else { return Command::new(program) };
        let mut command = Command::new(first);
        command.args(rest).arg(program);
        command
    }
}

async fn finish(mut command: Command, shown: String, fine: &[i32]) -> Result<Output, CommandError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // Ctrl-C is for this program alone, which ends what it began.
    command.process_group(0);
    let output = match tokio::time::timeout(COMMAND_TIME, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(source)) => return Err(CommandError::Start { command: shown, source }),
        Err(_) => return Err(CommandError::TimeOut { command: shown }),
    };
    if output.status.code().is_some_and(|code| fine.contains(&code)) {
        return Ok(output);
    }
    let said = [&output.stderr, &output.stdout]
        .map(|text| String::from_utf8_lossy(text).trim().to_owned());
    let said =
        said.into_iter().find(|text| !text.is_empty()).unwrap_or("it said nothing".to_owned());
    Err(CommandError::Failed { command: shown, status: output.status.to_string(), said })
}

/// `bindback` and its arguments, as they are typed into a POSIX shell (XCU 2.2, Quoting).
pub(crate) fn shown<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> String {
    let words = arguments.into_iter().map(|argument| quoted(&argument.to_string_lossy()));
    std::iter::once("bindback".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

pub(crate) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let words = ["account", "remove", r"DEMO\svc-west", "-c", "/a b/c.toml"].map(OsStr::new);
        assert_eq!(shown(words), r"bindback account remove 'DEMO\svc-west' -c '/a b/c.toml'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[tokio::test]
    async fn a_shell_finds_this_program_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        let program = Program::current(&bin).unwrap();
        let output = program.run_line("command -v bindback").await.unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        assert_eq!(found.trim(), bin.join("bindback").to_str().unwrap());
        assert_eq!(
            std::fs::canonicalize(found.trim()).unwrap(),
            program.exe().canonicalize().unwrap()
        );
        // A second organisation in the same folder is no trouble.
        Program::current(&bin).unwrap();
    }

    #[tokio::test]
    async fn a_failed_command_says_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::current(&folder.path().join("bin")).unwrap();
        let error = program.run_line("echo no such account >&2; exit 1").await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains("exit 1") && told.ends_with("no such account"), "{told}");
    }
}
