//! The generated pages.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::coverage::{self, COVERAGE};
use crate::tidy::Golden;
use crate::workspace::{self, Metadata};

/// Where the reference of the configuration stands.
pub const CONFIGURATION: &str = "docs/configuration.md";

/// The map, of which the table of rooms is generated.
pub const ARCHITECTURE: &str = "ARCHITECTURE.md";

const BEGIN: &str = "<!-- rooms: begin -->\n";
const END: &str = "<!-- rooms: end -->";

/// Writes every generated page.
pub fn write() -> Result<ExitCode> {
    let root = workspace::root()?;
    for (name, text) in generated(&root)? {
        let path = root.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            println!("{name} is fresh");
            continue;
        }
        std::fs::create_dir_all(root.join("docs")).context("cannot make docs/")?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{name} written");
    }
    Ok(ExitCode::SUCCESS)
}

/// The pages that are not what they would be if they were generated now.
pub fn stale(root: &Path) -> Result<Vec<&'static str>> {
    let fresh = |(name, text): &(&'static str, String)| {
        std::fs::read_to_string(root.join(name)).is_ok_and(|old| old == *text)
    };
    Ok(generated(root)?.into_iter().filter(|page| !fresh(page)).map(|(name, _)| name).collect())
}

fn generated(root: &Path) -> Result<[(&'static str, String); 3]> {
    Ok([
        (CONFIGURATION, config::reference_page()),
        (ARCHITECTURE, architecture(root)?),
        (COVERAGE, coverage::page(root)?),
    ])
}

/// The map with its table of rooms made anew.
fn architecture(root: &Path) -> Result<String> {
    let text = std::fs::read_to_string(root.join(ARCHITECTURE))
        .with_context(|| format!("cannot read {ARCHITECTURE}"))?;
    let Some((before, rest)) = text.split_once(BEGIN) else {
        bail!("{ARCHITECTURE} has no line {BEGIN}");
    };
    let Some((_, after)) = rest.split_once(END) else {
        bail!("{ARCHITECTURE} has no line {END}");
    };
    let table = rooms(&Golden::load(root)?, &workspace::metadata(root)?);
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn rooms(golden: &Golden, metadata: &Metadata) -> String {
    let mut table = "| tier | room | what it is | arrows |\n|---|---|---|---|\n".to_owned();
    for room in &golden.rooms {
        let package = metadata.packages.iter().find(|package| package.room() == room.name);
        let description = package.and_then(|package| package.description.as_deref()).unwrap_or("");
        let tier = if room.tier() > 4 { "dev".to_owned() } else { room.tier().to_string() };
        let arrows = room.arrows().join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {tier} | `{}` | {description} | {arrows} |", room.name);
    }
    table
}
