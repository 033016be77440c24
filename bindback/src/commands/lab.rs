//! `bindback lab`: every fault that this program can put in, played and judged.

use std::fmt::Write as _;
use std::path::PathBuf;

use admin::Shape;
use clap::{Args, Subcommand};
use lab::scenario::{self, LabReport, LabResult, Listed, MatrixOptions, RunOptions};
use serde::Serialize;

use crate::cli::Setting;
use crate::failure::Found;
use crate::output::Output;
use crate::table::Table;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the scenarios
    #[command(after_help = "Example:\n  bindback lab list")]
    List,
    /// Play one scenario for a person to watch
    #[command(
        after_help = "Examples:\n  bindback lab run schema-grant-missing\n  bindback lab run account-locked-out --seed 7 --dir /srv/lab\n\nServers are called and ordered by chance; --seed plays a run again. Exit status: 0 all went as it must, 1 something did not."
    )]
    Run {
        #[arg(value_name = "NAME")]
        name: String,
        /// Decides names, number and order of the servers [default: by chance]
        #[arg(long, value_name = "N", hide_default_value = true)]
        seed: Option<u64>,
        /// Where the servers live; it is kept [default: a temporary folder]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Play all, and say how often the doctor was right
    #[command(
        after_help = "Examples:\n  bindback lab matrix\n  bindback lab matrix --only account-disabled,account-expired --healthy 0 --pairs 0\n\nExit status: 0 all went as it must, 1 something did not."
    )]
    Matrix {
        /// Decides names, number and order of the servers [default: by chance]
        #[arg(long, value_name = "N", hide_default_value = true)]
        seed: Option<u64>,
        /// Only these scenarios
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
        /// Runs in which nothing is wrong
        #[arg(long, value_name = "N", default_value_t = 50)]
        healthy: u32,
        /// Runs with two faults at once
        #[arg(long, value_name = "N", default_value_t = 20)]
        pairs: u32,
        /// Runs with these two faults at once
        #[arg(long, value_name = "NAME+NAME", value_delimiter = ',')]
        pair: Vec<String>,
    },
    /// Run a server that does what an old implementation of NTLM does, for scenarios
    #[command(
        hide = true,
        after_help = "Example:\n  bindback lab old-peer 56-bit -c west.toml\n\nKinds: version-1, 56-bit, 56-bit-sealing."
    )]
    OldPeer {
        #[arg(value_name = "KIND")]
        kind: server::OldNtlm,
    },
}

#[derive(Debug, Serialize)]
struct List {
    scenarios: Vec<Listed>,
}

impl Shape for List {
    const NAME: &'static str = "lab";
}

pub async fn run(
    arguments: Arguments,
    setting: &Setting<'_>,
    output: &Output,
) -> anyhow::Result<Found> {
    match arguments.action {
        Action::OldPeer { kind } => {
            server::run_as(&setting.file()?, Some(kind)).await?;
            Ok(Found::Nothing)
        }
        Action::List => {
            let list = List { scenarios: scenario::list() };
            output.answer(&list, |list| listed(&list.scenarios))?;
            Ok(Found::Nothing)
        }
        Action::Run { name, seed, dir } => {
            let seed = seed.map_or_else(by_chance, Ok)?;
            let options = RunOptions { name, seed, dir, json: output.is_json() };
            finish(&scenario::run(options).await?, output)
        }
        Action::Matrix { seed, only, healthy, pairs, pair } => {
            let seed = seed.map_or_else(by_chance, Ok)?;
            let options = MatrixOptions { seed, only, healthy, pairs, chosen_pairs: pair };
            eprintln!("seed {seed}");
            let report = scenario::matrix(options, |result| eprintln!("{}", line(result))).await?;
            if !output.is_json() {
                output.text(&matrix(&report))?;
            }
            finish(&report, output)
        }
    }
}

fn finish(report: &LabReport, output: &Output) -> anyhow::Result<Found> {
    if output.is_json() {
        output.published(report)?;
    }
    Ok(if report.success() { Found::Nothing } else { Found::Something })
}

/// A seed that nobody chose; short, so that it can be typed.
fn by_chance() -> anyhow::Result<u64> {
    let mut octets = [0; 3];
    getrandom::fill(&mut octets).map_err(|error| anyhow::anyhow!("no random octets: {error}"))?;
    Ok(octets.iter().fold(0, |seed, octet| seed << 8 | u64::from(*octet)))
}

fn listed(scenarios: &[Listed]) -> String {
    let mut table = Table::new(&["SCENARIO", "CAUSE", "CLAIMS", "WHAT"]);
    for one in scenarios {
        let claims: Vec<String> = one.claims.iter().map(ToString::to_string).collect();
        let what = one.why_not.as_ref().map_or_else(
            || one.title.to_owned(),
            |why_not| format!("{} (not here: {why_not})", one.title),
        );
        let cause = one.cause.map_or("-", finding::Cause::slug).to_owned();
        table.row(vec![one.name.to_owned(), cause, claims.join(" "), what]);
    }
    table.render()
}

/// One line while the matrix runs.
fn line(result: &LabResult) -> String {
    let seconds = seconds(result.seconds_to_diagnosis);
    let problems: String =
        result.problems.iter().fold(String::new(), |out, problem| out + "\n    " + problem);
    format!(
        "{} {} ({seconds} s, seed {}){problems}",
        if result.success() { "ok  " } else { "MISS" },
        result.name,
        result.seed
    )
}

fn seconds(taken: Option<f64>) -> String {
    taken.map_or("-".to_owned(), |taken| format!("{taken:.2}"))
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "NO" }.to_owned()
}

/// The table that is printed at the end.
fn matrix(report: &LabReport) -> String {
    let mut table = Table::new(&[
        "SCENARIO",
        "STOPPED",
        "EVENTS",
        "NAMED AFTER S",
        "FIRST",
        "RIGHT",
        "FLOWS AFTER S",
        "LOST",
        "DOUBLE",
    ]);
    for one in &report.results {
        let mut events: Vec<String> = one
            .events
            .iter()
            .map(|event| match event.code {
                Some(code) => format!("{}:{code}", event.id),
                None => event.id.to_string(),
            })
            .collect();
        events.sort();
        events.dedup();
        table.row(vec![
            one.name.clone(),
            yes(one.stopped || one.cause.is_none()),
            events.join(" "),
            seconds(one.seconds_to_diagnosis),
            one.first.map_or("-", finding::Cause::slug).to_owned(),
            yes(one.right),
            seconds(one.recovery_s),
            one.lost.to_string(),
            one.duplicated.to_string(),
        ]);
    }
    let mut out = table.render();
    let totals = &report.totals;
    let all = totals.scenarios;
    let _ = writeln!(out, "\nseed {}", report.seed);
    let _ = writeln!(out, "named first:                 {} of {all}", totals.right);
    let _ = writeln!(out, "within 5 s:                  {} of {all}", totals.in_time);
    let _ = writeln!(out, "mail flowed within 5 s:      {} of {all}", totals.recovered);
    let _ = writeln!(out, "lost, doubled:               {}, {}", totals.lost, totals.duplicated);
    let _ = writeln!(out, "wrong with over 80 %:        {} of {all}", totals.confidently_wrong);
    let healthy = &report.healthy;
    let _ = writeln!(
        out,
        "alarms where all was well:   {} of {} runs",
        healthy.false_alarms, healthy.runs
    );
    healthy.said.iter().for_each(|said| {
        let _ = writeln!(out, "    {said}");
    });
    let pairs = &report.pairs;
    let _ = writeln!(out, "both of two in the first three: {} of {} pairs", pairs.both, pairs.runs);
    pairs.missed.iter().for_each(|missed| {
        let _ = writeln!(out, "    {missed}");
    });
    report.skipped.iter().for_each(|skipped| {
        let _ = writeln!(out, "SKIP {skipped}");
    });
    out
}
