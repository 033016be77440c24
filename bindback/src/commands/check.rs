//! `bindback check`: is the store whole, and if not, make it so.

use std::fs;
use std::path::PathBuf;

use admin::queue_api::{Check, CheckFault};
use admin::{OperationError, enveloped};
use anyhow::Context as _;
use clap::Args;

use crate::cli::Setting;
use crate::failure::Found;
use crate::output::clean;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback check -c east.toml\n  bindback check --repair --report check.json\n\nThe server must not run. Without --repair nothing is changed. Exit status 1: there are faults that are not repaired."
)]
pub struct Arguments {
    /// Repair what is damaged; what cannot be kept is moved into a folder beside the store
    #[arg(long)]
    repair: bool,
    /// Write the answer, as JSON, into this file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let config = setting.config()?;
    let checked = server::check_store(&config.server.data_dir, arguments.repair);
    let done = match checked {
        Err(error) if server::is_in_use(&error) => {
            return Err(OperationError::Conflict(format!(
                "the store in {} is in use, by the server as a rule; stop it first: a store that lives is never checked",
                config.server.data_dir.display()
            ))
            .into());
        }
        done => done.context("the store cannot be checked")?,
    };
    let faults = done.checked.faults.into_iter().map(|fault| CheckFault {
        object: fault.object,
        what: fault.what,
        loses: fault.loses,
        repaired: fault.repaired,
    });
    let check =
        Check { objects: done.checked.objects, faults: faults.collect(), aside: done.aside };
    if let Some(file) = &arguments.report {
        let text = enveloped(&check).context("the answer cannot be written as JSON")?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    setting.output.answer(&check, text)?;
    let left = check.faults.iter().any(|fault| !fault.repaired);
    Ok(if left { Found::Something } else { Found::Nothing })
}

fn text(check: &Check) -> String {
    if check.faults.is_empty() {
        return format!("{} objects, no fault", check.objects);
    }
    let mut lines = vec![format!("{} objects, {} faults", check.objects, check.faults.len())];
    for fault in &check.faults {
        let state = if fault.repaired { "repaired" } else { "not repaired" };
        lines.push(clean(&format!("{}: {} ({state})", fault.object, fault.what)));
        lines.push(clean(&format!("    loses: {}", fault.loses)));
    }
    if let Some(aside) = &check.aside {
        lines.push(format!("what was taken out is in {}", aside.display()));
    }
    lines.join("\n")
}
