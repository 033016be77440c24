//! `bindback doctor`: why mail is stopped, and what to do about it.

mod gather;
mod import;
mod library;
mod offline;
mod render;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use admin::Shape;
use clap::Args;
use diagnosis::diagnose;
use finding::{Answer, Cause, NextProbe};
use serde::Serialize;

use crate::cli::Setting;
use crate::failure::Found;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback doctor\n  bindback doctor -v\n  bindback doctor --explain port-filtered-by-firewall\n  bindback doctor --events east.csv --note 'same site, worked until the update'\n  bindback doctor --case case.json --json\n\nReads this server (its store, where it does not run) and every neighbour whose admin address is in the configuration, and asks each of them to probe its peers. Exit status: 0 healthy, 1 something is wrong. With --case, --events or --note no server is asked: the answer rests on what is given, and the exit status is 0."
)]
pub struct Arguments {
    /// Explain a cause
    #[arg(long, value_name = "CAUSE", conflicts_with = "list_checks")]
    explain: Option<Cause>,
    /// Show what is checked and which causes can be found
    #[arg(long)]
    list_checks: bool,
    /// Say what stands behind the events and remarks of a file, without asking a server
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["explain", "list_checks"])]
    case: Option<PathBuf>,
    /// The same for exported events: JSON lines, CSV, or pasted text; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["explain", "list_checks"])]
    events: Vec<PathBuf>,
    /// A remark on environment or symptoms, in plain words; may be repeated
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["explain", "list_checks"])]
    note: Vec<String>,
    /// Show every check and all the evidence
    #[arg(short, long)]
    verbose: bool,
}

/// The answer, with what it rests on.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    answer: Answer,
    /// The server that the doctor was asked on.
    local: String,
    /// False when it does not answer; what is known of it comes from its store then, or from its configuration.
    running: bool,
    /// The servers whose own tables and logs were read.
    read: Vec<String>,
    /// What could not be read, and what to do about that.
    notes: Vec<String>,
}

impl Shape for Report {
    const NAME: &'static str = "doctor";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    if let Some(cause) = arguments.explain {
        return library::explain(cause, setting.output);
    }
    if arguments.list_checks {
        return library::list(setting.output);
    }
    if arguments.case.is_some() || !arguments.events.is_empty() || !arguments.note.is_empty() {
        let given = offline::Given {
            case: arguments.case.as_deref(),
            events: &arguments.events,
            notes: &arguments.note,
        };
        return offline::run(&given, setting, arguments.verbose);
    }
    let config = setting.config()?;
    let gathered = gather::gather(&config).await?;
    let mut answer = diagnose(&gathered.snapshot);
    if !gathered.runs {
        answer.undecided |= answer.is_healthy();
        answer.next_probe = Some(start(&config));
    }
    let report = Report {
        answer,
        local: gathered.snapshot.local,
        running: gathered.runs,
        read: gathered.read,
        notes: gathered.notes,
    };
    setting.output.answer(&report, |report| render::text(report, arguments.verbose))?;
    Ok(if report.answer.is_healthy() { Found::Nothing } else { Found::Something })
}

/// A server that does not run shows little; what else is wrong is seen once it does.
fn start(config: &config::Config) -> NextProbe {
    let file = diagnosis::quote(&config.file.display().to_string());
    NextProbe {
        check: format!("start {}, then ask again", config.server.name),
        would_tell: Vec::new(),
        command: Some(format!("bindback serve -c {file}")),
    }
}
