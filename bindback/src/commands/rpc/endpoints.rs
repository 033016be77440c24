//! `bindback rpc endpoints`.

use std::time::Duration;

use admin::Shape;
use clap::Args;
use serde::Serialize;
use server::rpc_tools::{self, EndpointRow, Step, StepResult};

use super::{logon, show};
use crate::failure::Found;
use crate::output::Output;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bindback rpc endpoints east.demo.test\n\nExit status: 0 the endpoint mapper answered, 1 it stopped on the way."
)]
pub struct Arguments {
    /// Name or address of the server
    host: String,
    /// The port of the endpoint mapper
    #[arg(long, value_name = "PORT", default_value_t = 135)]
    mapper_port: u16,
    #[command(flatten)]
    logon: logon::Logon,
    /// Seconds that each step may take
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    steps: Vec<Step>,
    endpoints: Vec<EndpointRow>,
}

impl Shape for Report {
    const NAME: &'static str = "rpc-endpoints";
}

pub async fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    let patience = Duration::from_secs(arguments.timeout);
    let caller = arguments.logon.caller(patience)?;
    let (steps, endpoints) =
        rpc_tools::endpoints(&arguments.host, arguments.mapper_port, caller.as_ref(), patience)
            .await;
    let report = Report { steps, endpoints };
    let arrived = report.steps.last().is_some_and(|step| step.result == StepResult::Ok);
    output.answer(&report, |report| {
        if !arrived {
            return show(&report.steps);
        }
        let mut table = Table::new(&["INTERFACE", "VERSION", "NAME", "BINDING", "ANNOTATION"]);
        for row in &report.endpoints {
            table.row(vec![
                row.interface.clone(),
                row.version.clone(),
                row.name.unwrap_or_default().to_owned(),
                row.binding.clone().unwrap_or_default(),
                row.annotation.clone(),
            ]);
        }
        table.render()
    })?;
    Ok(if arrived { Found::Nothing } else { Found::Something })
}
