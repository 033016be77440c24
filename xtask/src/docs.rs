//! The generated pages.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace;

/// Where the reference of the configuration stands.
pub const CONFIGURATION: &str = "docs/configuration.md";

/// Writes every generated page.
pub fn write() -> Result<ExitCode> {
    let root = workspace::root()?;
    let path = root.join(CONFIGURATION);
    if is_fresh(&root) {
        println!("{CONFIGURATION} is fresh");
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(root.join("docs")).context("cannot make docs/")?;
    std::fs::write(&path, config::reference_page())
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{CONFIGURATION} written");
    Ok(ExitCode::SUCCESS)
}

/// True when the page is what the table of keys makes of it.
pub fn is_fresh(root: &Path) -> bool {
    std::fs::read_to_string(root.join(CONFIGURATION))
        .is_ok_and(|text| text == config::reference_page())
}
