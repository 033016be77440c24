//! `cargo xtask tidy`: the rules of the house as a test. Each violation says file, line, and what to do.

mod architecture;
mod fuzz;
mod pages;
mod source;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

pub use architecture::Golden;

use crate::workspace;

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Relative to the repository.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Violation {
    fn new(file: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.into(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Checks everything and prints every violation.
pub fn run() -> Result<ExitCode> {
    let root = workspace::root()?;
    let golden = architecture::Golden::load(&root)?;
    let metadata = workspace::metadata(&root)?;
    let mut violations = architecture::check(&root, &golden, &metadata);
    let (files, found) = source::check(&root, &metadata)?;
    violations.extend(found);
    violations.extend(pages::check(&root, &golden)?);
    violations.extend(fuzz::check(&root, &golden, &metadata)?);
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    let rooms = golden.rooms.len();
    if violations.is_empty() {
        println!("tidy: {rooms} rooms and {files} source files keep the rules");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tidy: {} broken rules in {rooms} rooms and {files} source files", violations.len());
    Ok(ExitCode::FAILURE)
}
