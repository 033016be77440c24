//! `cargo xtask score`: how often the offline doctor is right.
//!
//! Each case of a file goes to the release binary, events and notes only, as a user would hand them over; its answer is
//! then compared with the one that is known. The doctor sees neither the name nor the answer of a case.

mod perturb;
mod tally;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::workspace;
use tally::{Given, Tally};

/// What to score.
#[derive(clap::Args)]
pub struct Options {
    /// The cases, one JSON object a line
    #[arg(value_name = "CASES.jsonl")]
    cases: PathBuf,
    /// Change each case first: hosts, numbers, order, fields, words
    #[arg(long, value_name = "SEED")]
    perturb: Option<u64>,
    /// Show each case that was answered wrongly
    #[arg(short, long)]
    verbose: bool,
    /// Score this program instead of building the release binary
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// One line of the file.
#[derive(Debug, Deserialize)]
struct Case {
    case: String,
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default)]
    notes: Vec<Value>,
    answer: Known,
    #[serde(default)]
    plain: bool,
}

/// The answer that is known.
#[derive(Debug, Deserialize)]
struct Known {
    cause: String,
    group: String,
    #[serde(default)]
    accept: Vec<String>,
}

/// What is read of the doctor's answer.
#[derive(Debug, Deserialize)]
struct Answer {
    undecided: bool,
    diagnoses: Vec<Diagnosis>,
}

#[derive(Debug, Deserialize)]
struct Diagnosis {
    cause: String,
    group: String,
    confidence: f64,
}

/// Scores and prints.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let target = workspace::metadata(&root)?.target_directory;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(&root, &target)?,
    };
    let text = fs::read_to_string(&options.cases)
        .with_context(|| format!("cannot read {}", options.cases.display()))?;
    let scratch = target.join("score");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let file = scratch.join(format!("case-{}.json", std::process::id()));
    let mut tally = Tally::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line)
            .with_context(|| format!("{}:{}", options.cases.display(), index + 1))?;
        let mut input = json!({ "events": case.events, "notes": case.notes });
        if let Some(seed) = options.perturb {
            perturb::change(&mut input, seed, index);
        }
        fs::write(&file, input.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
        let answer = ask(&binary, &file).with_context(|| format!("case {}", case.case))?;
        let has_events = !case.events.is_empty();
        tally.add(Given { case: &case, has_events, answer: &answer });
    }
    fs::remove_file(&file).ok();
    if tally.is_empty() {
        bail!("{} holds no case", options.cases.display());
    }
    print!("{}", tally.report(options.verbose));
    Ok(ExitCode::SUCCESS)
}

fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    let done = Command::new("cargo")
        .args(["build", "--release", "-p", "bindback"])
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    if !done.success() {
        bail!("the release binary does not build; see the output above");
    }
    Ok(target.join("release/bindback"))
}

fn ask(binary: &Path, file: &Path) -> Result<Answer> {
    let out = Command::new(binary)
        .args(["doctor", "--json", "--case"])
        .arg(file)
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    if !out.status.success() {
        bail!(
            "the doctor ended with {}: {}",
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    let answer: Answer =
        serde_json::from_slice(&out.stdout).context("the doctor's answer is not understood")?;
    if answer.diagnoses.len() < 3 {
        bail!("the doctor names {} causes, and three are promised", answer.diagnoses.len());
    }
    Ok(answer)
}
