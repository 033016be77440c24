//! The fuzz targets: every room that decodes has one, and every target is written down and has a corpus.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;
use super::architecture::Golden;
use crate::fuzz::List;
use crate::workspace::{self, Metadata};

const LIST: &str = "fuzz/targets.toml";
const TARGETS: &str = "fuzz/src/lib.rs";
/// How functions begin that read what others wrote.
const DECODERS: [&str; 6] = [
    "fn decode",
    "fn parse(",
    "fn from_str(",
    "fn handle_bytes(",
    "fn handle_octets(",
    "fn handle_tsdu(",
];
/// The tier of the developers' own rooms: nothing that others wrote gets there.
const DEVELOPERS: u8 = 5;

pub fn check(root: &Path, golden: &Golden, metadata: &Metadata) -> Result<Vec<Violation>> {
    let list = List::load(root)?;
    let mut violations = Vec::new();
    for room in golden.rooms.iter().filter(|room| room.tier() < DEVELOPERS) {
        let listed = list.rooms.iter().any(|known| known.name == room.name);
        if !listed && let Some((file, line)) = decoder(root, metadata, &room.name)? {
            let what = format!(
                "{} decodes and stands not in {LIST}; write a target, or say why it has none",
                room.name
            );
            violations.push(Violation::new(file, line, what));
        }
    }
    let golden: BTreeSet<&str> = golden.rooms.iter().map(|room| room.name.as_str()).collect();
    for room in &list.rooms {
        if !golden.contains(room.name.as_str()) {
            violations.push(Violation::new(LIST, 1, format!("there is no room {}", room.name)));
        }
        if room.targets.is_empty() == room.none.is_none() {
            let what = format!("{}: either `targets` or `none` with a reason", room.name);
            violations.push(Violation::new(LIST, 1, what));
        }
    }
    violations.extend(targets(root, &list)?);
    Ok(violations)
}

/// The list, the table of the crate and the folders of the corpus name the same targets.
fn targets(root: &Path, list: &List) -> Result<Vec<Violation>> {
    let text = std::fs::read_to_string(root.join(TARGETS)).context(TARGETS)?;
    let written: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("(\""))
        .filter_map(|rest| rest.split_once("\", ").map(|(name, _)| name))
        .collect();
    let listed: BTreeSet<&str> = list.targets().into_iter().collect();
    let mut violations = Vec::new();
    for name in listed.symmetric_difference(&written) {
        let what = format!("target {name} stands in only one of {LIST} and {TARGETS}");
        violations.push(Violation::new(LIST, 1, what));
    }
    for name in &listed {
        let folder = root.join("fuzz/corpus").join(name);
        let empty = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
        if empty {
            let what =
                format!("target {name} has no corpus; run `cargo xtask fuzz --seed --keep {name}`");
            violations.push(Violation::new(LIST, 1, what));
        }
    }
    Ok(violations)
}

/// Where a room decodes, if it does.
fn decoder(root: &Path, metadata: &Metadata, room: &str) -> Result<Option<(String, usize)>> {
    let Some(package) = metadata.packages.iter().find(|package| package.room() == room) else {
        return Ok(None);
    };
    let Some(folder) = package.manifest_path.parent() else { return Ok(None) };
    for file in workspace::files(&folder.join("src"), "rs")? {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        if name.contains("/tests") {
            continue;
        }
        let text = std::fs::read_to_string(&file).with_context(|| name.clone())?;
        for (index, line) in text.lines().enumerate() {
            let line =
                line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
            if DECODERS.iter().any(|begin| line.starts_with(begin)) {
                return Ok(Some((name, index + 1)));
            }
        }
    }
    Ok(None)
}
