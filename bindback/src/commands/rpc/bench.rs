//! `bindback rpc bench`.

use std::time::Duration;

use admin::Shape;
use clap::{Args, ValueEnum};
use serde::Serialize;
use server::rpc_tools::{self, Bench, BenchSettings, Figures, Operation, StepResult};

use super::{ping, show};
use crate::cli::Setting;
use crate::failure::Found;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback rpc bench echo.demo.test\n  bindback rpc bench dc1.east.test --user 'EAST\\ann' --password-file ann.password --level integrity\n\nEach caller has a connection of its own and calls again as soon as it has an answer. A server with the echo interface (bindback rpc echo-server) takes octets by SinkData and gives octets by SourceData, and tells what the line carries by plain TCP; of any other server inq_if_ids of its management interface is called, with the octets behind its parameters. Exit status: 0 measured, 1 it stopped on the way."
)]
pub struct Arguments {
    #[command(flatten)]
    reach: ping::Reach,
    /// Seconds of each figure
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Octets of each call
    #[arg(long, value_name = "OCTETS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    size: u32,
    /// Callers at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Which calls
    #[arg(long, value_name = "OPERATION", default_value = "any")]
    operation: Calls,
    /// Measure how often it can be connected, bound and called once instead
    #[arg(long)]
    binds: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Calls {
    /// Echo where the server has it, else mgmt
    Any,
    /// SinkData and SourceData of the echo interface
    Echo,
    /// inq_if_ids of the management interface
    Mgmt,
}

#[derive(Debug, Serialize)]
struct Report {
    host: String,
    size: u32,
    concurrency: u16,
    level: String,
    #[serde(flatten)]
    bench: Bench,
}

impl Shape for Report {
    const NAME: &'static str = "rpc-bench";
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let reach = ping::settings(arguments.reach, 1, setting)?;
    let host = reach.host.clone();
    let level = match &reach.caller {
        Some(caller) => format!("{:?}", caller.level).to_lowercase(),
        None => "none".to_owned(),
    };
    let settings = BenchSettings {
        reach,
        operation: match arguments.operation {
            Calls::Any => Operation::Any,
            Calls::Echo => Operation::Echo,
            Calls::Mgmt => Operation::Mgmt,
        },
        duration: Duration::from_secs(arguments.seconds),
        size: usize::try_from(arguments.size)?,
        concurrency: usize::from(arguments.concurrency),
        binds: arguments.binds,
    };
    let bench = rpc_tools::bench(&settings).await;
    let (size, concurrency) = (arguments.size, arguments.concurrency);
    let report = Report { host, size, concurrency, level, bench };
    setting.output.answer(&report, text)?;
    let arrived = report.bench.steps.last().is_some_and(|step| step.result == StepResult::Ok);
    Ok(if arrived { Found::Nothing } else { Found::Something })
}

fn text(report: &Report) -> String {
    let mut out = show(&report.bench.steps);
    let mut table = Table::new(&[
        "FIGURE",
        "CALLS/S",
        "MB/S",
        "P50 MS",
        "P90 MS",
        "P99 MS",
        "MAX MS",
        "FAILED",
        "OPERATION",
    ]);
    let bench = &report.bench;
    let directions = [
        ("binds", &bench.binds),
        ("to server", &bench.to_server),
        ("from server", &bench.from_server),
    ];
    for (name, figures) in directions {
        if let Some(figures) = figures {
            table.row(row(name, figures));
        }
    }
    out.push('\n');
    out.push_str(&table.render());
    if let Some(line) = &bench.line {
        let rate =
            |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.0} MB/s"));
        let (up, down) = (rate(line.to_server_mb_per_s), rate(line.from_server_mb_per_s));
        out.push_str(&match &line.why_not {
            Some(why) => format!("\nthe line was not measured: {why}"),
            None => format!("\nthe line by plain TCP: {up} to the server, {down} from it"),
        });
    }
    out
}

fn row(name: &str, figures: &Figures) -> Vec<String> {
    let latency = &figures.latency;
    vec![
        name.to_owned(),
        format!("{:.0}", figures.calls_per_s),
        format!("{:.1}", figures.mb_per_s),
        format!("{:.3}", latency.p50_ms),
        format!("{:.3}", latency.p90_ms),
        format!("{:.3}", latency.p99_ms),
        format!("{:.3}", latency.max_ms),
        figures.failed.to_string(),
        figures.operation.to_owned(),
    ]
}
