//! `cargo xtask fuzz`: hostile input for every decoder, with libFuzzer, on the stable toolchain.
//!
//! The crate `fuzz/` is laid out for cargo-fuzz but does not need it: the flags that it would give are given here. They
//! are those of a stable compiler, unless `--sanitizer address` is asked for, which needs `RUSTC_BOOTSTRAP=1`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;

use crate::workspace;

/// What instruments the code for libFuzzer: edges counted, comparisons seen.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// Octets of one input: what no honest message of a logon or a bind exceeds.
const MAX_INPUT: u32 = 16_384;
/// Seconds that one input may take, beside everything else that the machine does; more is a find.
const SLOW: u32 = 30;
/// Mebibytes of memory; more is a find.
const MEMORY: u32 = 1024;

/// What to fuzz.
#[derive(clap::Args)]
pub struct Options {
    /// Minutes for all targets together; 0 only tries the corpus.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Look for faults of memory, too; slower.
    #[arg(long, value_name = "SANITIZER", default_value = "none")]
    sanitizer: Sanitizer,
    /// Write new inputs into the corpus, then reduce it to those that reach something of their own.
    #[arg(long)]
    keep: bool,
    /// Add what honest parties say, and the vectors, to the corpus first.
    #[arg(long)]
    seed: bool,
    /// Only these; without any, all of fuzz/targets.toml.
    targets: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sanitizer {
    None,
    Address,
}

/// `fuzz/targets.toml`.
#[derive(Debug, Deserialize)]
pub struct List {
    #[serde(rename = "room")]
    pub rooms: Vec<Room>,
}

/// What a room has.
#[derive(Debug, Deserialize)]
pub struct Room {
    pub name: String,
    #[serde(default)]
    pub targets: Vec<String>,
    /// Why it has none.
    pub none: Option<String>,
}

impl List {
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join("fuzz/targets.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Every target, each once.
    pub fn targets(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.rooms.iter().flat_map(|room| &room.targets).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Builds, runs target after target, and tells of finds; the last line is JSON.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let list = List::load(&root)?;
    let chosen = chosen(&list, &options.targets)?;
    if Command::new("c++").arg("--version").stdout(Stdio::null()).status().is_err() {
        let reason = "libFuzzer is C++ and there is no c++ (Debian: apt-get install g++)";
        println!("SKIP fuzz: {reason}");
        println!(
            "{}",
            json!({"schema": "bindback.fuzz/1", "targets": [], "finds": [], "skipped": reason})
        );
        return Ok(ExitCode::SUCCESS);
    }
    let fuzz = root.join("fuzz");
    let built = build(&fuzz, options.sanitizer)?;
    let corpus = fuzz.join("corpus");
    if options.seed {
        let status = Command::new(built.join("decoders"))
            .env("BINDBACK_FUZZ_SEED", &corpus)
            .arg("-runs=1")
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("the seeds were not written: {status}");
        }
    }
    let count = u32::try_from(chosen.len()).unwrap_or(u32::MAX).max(1);
    let seconds = options.minutes * 60.0 / f64::from(count);
    let mut finds = Vec::new();
    for target in &chosen {
        println!("== {target}");
        let run = Run { program: &built.join("decoders"), fuzz: &fuzz, target, keep: options.keep };
        finds.extend(run.go(seconds)?);
    }
    for find in &finds {
        let shown = find.strip_prefix(&root).unwrap_or(find).display();
        eprintln!(
            "find: {shown}; make it a vector of the decoder's tests, mend the decoder, and remove it"
        );
    }
    let shown: Vec<String> = finds.iter().map(|find| find.display().to_string()).collect();
    println!("{}", json!({"schema": "bindback.fuzz/1", "targets": chosen, "finds": shown}));
    Ok(if finds.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen<'a>(list: &'a List, asked: &'a [String]) -> Result<Vec<&'a str>> {
    let known = list.targets();
    if asked.is_empty() {
        return Ok(known);
    }
    match asked.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => bail!("there is no target {unknown:?}; there are: {}", known.join(" ")),
        None => Ok(asked.iter().map(String::as_str).collect()),
    }
}

/// Builds the targets; gives the folder of the programs.
fn build(fuzz: &Path, sanitizer: Sanitizer) -> Result<PathBuf> {
    let mut flags = FLAGS.to_vec();
    let folder = match sanitizer {
        Sanitizer::None => "target",
        Sanitizer::Address => {
            flags.push("-Zsanitizer=address");
            "target/address"
        }
    };
    let triple = host()?;
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--target", &triple, "--target-dir"])
        .arg(fuzz.join(folder))
        .current_dir(fuzz)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if sanitizer == Sanitizer::Address {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the targets do not build: {status}");
    }
    Ok(fuzz.join(folder).join(triple).join("release"))
}

/// The target triple of this machine: with `--target`, build scripts are not instrumented.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc does not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc does not say its host")
}

struct Run<'a> {
    program: &'a Path,
    fuzz: &'a Path,
    target: &'a str,
    keep: bool,
}

impl Run<'_> {
    /// Gives the inputs that were finds.
    fn go(&self, seconds: f64) -> Result<Vec<PathBuf>> {
        let corpus = self.fuzz.join("corpus").join(self.target);
        let artifacts = self.fuzz.join("artifacts").join(self.target);
        std::fs::create_dir_all(&corpus)?;
        std::fs::create_dir_all(&artifacts)?;
        let before = files(&artifacts)?;
        let grown = self.fuzz.join("target/grown").join(self.target);
        std::fs::create_dir_all(&grown)?;
        let mut command = self.command(&artifacts);
        if seconds > 0.0 {
            command.arg(format!("-max_total_time={}", seconds.ceil()));
            command.arg(format!("-max_len={MAX_INPUT}"));
        } else {
            command.arg("-runs=0");
        }
        // New inputs go into the first folder.
        command.arg(&grown).arg(&corpus);
        let output = command.output().context("the target does not start")?;
        let said = String::from_utf8_lossy(&output.stderr);
        match said.lines().rev().find(|line| line.starts_with("Done") || line.contains("DONE")) {
            Some(line) if output.status.success() => println!("{line}"),
            _ => println!("{said}"),
        }
        if self.keep && output.status.success() {
            self.reduce(&corpus, &grown, &artifacts)?;
        }
        let mut finds = files(&artifacts)?;
        finds.retain(|find| !before.contains(find));
        if finds.is_empty() && !output.status.success() {
            bail!("{} ended with {}", self.target, output.status);
        }
        Ok(finds)
    }

    /// Replaces the corpus by the fewest inputs that reach as much.
    fn reduce(&self, corpus: &Path, grown: &Path, artifacts: &Path) -> Result<()> {
        let small = self.fuzz.join("target/small").join(self.target);
        if small.exists() {
            std::fs::remove_dir_all(&small)?;
        }
        std::fs::create_dir_all(&small)?;
        let mut command = self.command(artifacts);
        // By edges alone, not by how often each was passed: a fraction of the inputs, and as much code.
        command.args(["-set_cover_merge=1", "-use_counters=0"]).arg(&small).arg(corpus).arg(grown);
        let output = command.output().context("the target does not start")?;
        if !output.status.success() {
            bail!("the corpus of {} is not reduced: {}", self.target, output.status);
        }
        std::fs::remove_dir_all(corpus)?;
        std::fs::create_dir_all(corpus)?;
        for file in files(&small)? {
            if let Some(name) = file.file_name() {
                std::fs::copy(&file, corpus.join(name))?;
            }
        }
        Ok(())
    }

    fn command(&self, artifacts: &Path) -> Command {
        // One core, and after everything else that the machine has to do.
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(self.program).env("BINDBACK_FUZZ_TARGET", self.target);
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.arg(format!("-timeout={SLOW}")).arg(format!("-rss_limit_mb={MEMORY}"));
        command.stdin(Stdio::null());
        command
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}
