//! `cargo xtask test`: the release binary, then every test with the runner that is there.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::scan::Scan;
use crate::summary::{Counts, Runner, Skip, skips};
use crate::workspace;

/// What to test.
#[derive(clap::Args)]
pub struct Options {
    /// Only tests whose path contains this.
    name: Option<String>,
    /// Also the tests that are ignored by default because they take long.
    #[arg(long)]
    full: bool,
    /// A test that must not be skipped; may be given more than once.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    require: Vec<String>,
}

/// The last line.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    passed: usize,
    failed: usize,
    skipped: Vec<Skip>,
    /// Why the result is not one of the tests alone: the build broke, or a required test was skipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
}

/// Builds, tests and reports.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let target = workspace::metadata(&root)?.target_directory;
    let skip_file = SkipFile::new(&target)?;
    let mut counts = Counts::default();
    let mut errors = Vec::new();

    if build(&root)? {
        for (name, runner, mut command) in runs(options) {
            command.current_dir(&root);
            command
                .env("BINDBACK_BIN", target.join("release/bindback"))
                .env("BINDBACK_SKIPS", &skip_file.path);
            let (good, heard) =
                stream(runner, command).with_context(|| format!("cannot run {name}"))?;
            if !good && heard.failed == 0 {
                errors.push(format!("{name} failed without a failed test; see its output above"));
            }
            if good && heard.summaries == 0 {
                errors.push(format!("{name} gave no summary that is understood"));
            }
            counts.passed += heard.passed;
            counts.failed += heard.failed;
            counts.passed_names.extend(heard.passed_names);
        }
    } else {
        errors.push("the release binary does not build; see the output above".to_owned());
    }

    let mut skipped = skips(&std::fs::read_to_string(&skip_file.path).unwrap_or_default());
    skipped.iter().for_each(|skip| counts.take_out(skip));
    if !options.full {
        skipped.extend(ignored(&root, options.name.as_deref())?);
    }
    errors.extend(required(&options.require, &skipped));
    if let Some(name) = &options.name
        && counts.passed + counts.failed + skipped.len() == 0
    {
        errors.push(format!("no test has {name} in its path"));
    }
    let failed = counts.failed > 0 || !errors.is_empty();
    let report = Report {
        schema: "bindback.test/1",
        passed: counts.passed,
        failed: counts.failed,
        skipped,
        errors,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn build(root: &Path) -> Result<bool> {
    let status = Command::new(workspace::cargo())
        .args(["build", "--release", "-p", "bindback"])
        .current_dir(root)
        .stdout(Stdio::inherit())
        .status()
        .context("cannot run cargo build")?;
    Ok(status.success())
}

/// The runners to start, with their names.
fn runs(options: &Options) -> Vec<(&'static str, Runner, Command)> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(workspace::cargo());
        command.args(arguments);
        command
    };
    let filter = |command: &mut Command| {
        if let Some(name) = &options.name {
            command.arg(name);
        }
    };
    if !has_nextest() {
        let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
        filter(&mut command);
        if options.full {
            command.args(["--", "--include-ignored"]);
        }
        return vec![("cargo test", Runner::CargoTest, command)];
    }
    let mut command =
        cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "pass"]);
    if options.full {
        command.args(["--run-ignored", "all"]);
    }
    filter(&mut command);
    let mut runs = vec![("cargo nextest", Runner::Nextest, command)];
    if options.name.is_none() {
        // The examples in documentation, which nextest leaves out.
        runs.push((
            "cargo test --doc",
            Runner::CargoTest,
            cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]),
        ));
    }
    runs
}

fn has_nextest() -> bool {
    let version = Command::new(workspace::cargo())
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Runs a command, passing on what it writes while counting. True when it succeeded.
fn stream(runner: Runner, mut command: Command) -> Result<(bool, Counts)> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("its output is not there");
    };
    let counts = Arc::new(Mutex::new(Counts::default()));
    let other = Arc::clone(&counts);
    // Both go to standard output, so that one stream has everything, the report at its end.
    let thread = std::thread::spawn(move || pass_on(out, runner, &other));
    pass_on(err, runner, &counts)?;
    match thread.join() {
        Ok(done) => done?,
        Err(_) => bail!("reading its output failed"),
    }
    let good = child.wait()?.success();
    let counts = std::mem::take(&mut *counts.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((good, counts))
}

fn pass_on(from: impl Read, runner: Runner, counts: &Mutex<Counts>) -> Result<()> {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        // A closed terminal is no reason to lose the count.
        let _ = std::io::stdout().write_all(&line);
        counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(runner, &String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

/// The tests that are left out unless `--full` is given.
fn ignored(root: &Path, filter: Option<&str>) -> Result<Vec<Skip>> {
    let mut found = Vec::new();
    for file in workspace::files(root, "rs")? {
        let source = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        for test in Scan::new(&source).ignored() {
            if filter.is_none_or(|filter| test.name.contains(filter)) {
                let reason = format!(
                    "needs --full: {}",
                    test.reason.as_deref().unwrap_or("no reason given")
                );
                found.push(Skip { name: test.name, reason });
            }
        }
    }
    Ok(found)
}

/// A message for each skip that was not allowed.
fn required(names: &[String], skipped: &[Skip]) -> Vec<String> {
    let wanted = |skip: &&Skip| names.contains(&skip.name);
    let message =
        |skip: &Skip| format!("{} is required and was skipped: {}", skip.name, skip.reason);
    skipped.iter().filter(wanted).map(message).collect()
}

/// The file in which tests tell that they skipped themselves; gone at the end.
struct SkipFile {
    path: PathBuf,
}

impl SkipFile {
    fn new(target: &Path) -> Result<Self> {
        std::fs::create_dir_all(target)
            .with_context(|| format!("cannot make {}", target.display()))?;
        let path = target.join(format!("skips.{}", std::process::id()));
        std::fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for SkipFile {
    fn drop(&mut self) {
        // Best effort: it stands in the build folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{required, stream};
    use crate::summary::{Runner, Skip};

    #[test]
    fn a_required_test_must_not_be_skipped() {
        let skipped = [Skip { name: "tshark".to_owned(), reason: "not on PATH".to_owned() }];
        assert!(required(&[], &skipped).is_empty());
        assert!(required(&["other".to_owned()], &skipped).is_empty());
        assert_eq!(
            required(&["tshark".to_owned()], &skipped),
            ["tshark is required and was skipped: not on PATH"]
        );
    }

    #[test]
    fn both_outputs_are_counted() {
        let script =
            "echo 'test a ... ok'; echo 'test result: ok. 2 passed; 0 failed;' >&2; exit 3";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let (good, counts) = stream(Runner::CargoTest, command).unwrap();
        assert!(!good);
        assert_eq!((counts.passed, counts.failed, counts.passed_names.len()), (2, 0, 1));
    }
}
