//! Where a key stands in a file: for faults that only show when the value is used, such as a
//! port that is taken.

use std::collections::BTreeMap;
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

/// On which line each key of a file stands: `section.key`, for a list of tables `section.NAME.key`; of a list's table itself
/// `section.NAME`, of any other `section`. Nothing where the file cannot be read.
#[must_use]
pub fn lines(file: &Path) -> BTreeMap<String, usize> {
    let Ok(text) = std::fs::read_to_string(file) else { return BTreeMap::new() };
    let Ok(source) = Source::parse(file, &text) else { return BTreeMap::new() };
    source.offsets().into_iter().map(|(key, at)| (key, position(&text, at).0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_line_and_a_table_of_a_list_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("east.toml");
        let text = "[server]\nname = \"EAST\"\n\n[[peer]]\nname = \"WEST\"\nmapper_port = 1135\n[[peer]]\nname = \"NORTH\"\n";
        std::fs::write(&file, text).unwrap();
        let lines = lines(&file);
        let at = |key: &str| lines.get(key).copied();
        assert_eq!(at("server"), Some(1));
        assert_eq!(at("server.name"), Some(2));
        assert_eq!(at("peer.WEST"), Some(4));
        assert_eq!(at("peer.WEST.mapper_port"), Some(6));
        assert_eq!(at("peer.NORTH"), Some(7));
        assert_eq!(at("peer.NORTH.mapper_port"), None);
        assert!(super::lines(&folder.path().join("none.toml")).is_empty());
    }
}
