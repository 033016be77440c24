//! Where a key stands in a file: for faults that only show when the value is used, such as a
//! port that is taken.

use std::path::Path;

use crate::document::{Source, position};

/// `FILE:LINE:COLUMN` of a key's value written as `section.key`; of its section, or just the
/// file, where the key stands on its default.
#[must_use]
pub fn locate(file: &Path, dotted: &str) -> String {
    let found = std::fs::read_to_string(file).ok().and_then(|text| {
        let source = Source::parse(file, &text).ok()?;
        let at = source.value_offset(dotted)?;
        Some(position(&text, at))
    });
    match found {
        Some((line, column)) => format!("{}:{line}:{column}", file.display()),
        None => file.display().to_string(),
    }
}
