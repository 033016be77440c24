//! Rooms, tiers and arrows: the manifests against the golden list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Violation;
use crate::workspace::{Dependency, Metadata, Package};

/// The golden list.
pub const FILE: &str = "xtask/architecture.toml";

/// The first tier that does I/O.
const IO_TIER: u8 = 2;

/// The first tier of programs.
const PROGRAM_TIER: u8 = 4;

/// The golden list, as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    pub rules: Rules,
    #[serde(rename = "room")]
    pub rooms: Vec<Room>,
    #[serde(skip)]
    text: String,
}

/// The names that the rules are about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    forbidden_names: Vec<String>,
    io_crates: Vec<String>,
    program_crates: Vec<String>,
    carriers: Vec<String>,
    mail: Vec<String>,
    meet: Vec<String>,
    meeting_rooms: Vec<String>,
}

/// One room.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    pub name: String,
    tier: u8,
    arrows: Vec<String>,
    #[serde(default)]
    dev: Vec<String>,
}

impl Room {
    /// 0 to 4, 5 for what only developers use.
    pub fn tier(&self) -> u8 {
        self.tier
    }

    /// The rooms that it may depend on.
    pub fn arrows(&self) -> &[String] {
        &self.arrows
    }
}

impl Golden {
    /// Reads the list.
    pub fn load(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(FILE))
            .with_context(|| format!("cannot read {FILE}"))?;
        Self::parse(text)
    }

    fn parse(text: String) -> Result<Self> {
        let mut golden: Self =
            toml::from_str(&text).with_context(|| format!("{FILE} is not as it should be"))?;
        golden.text = text;
        Ok(golden)
    }

    fn find(&self, name: &str) -> Option<(usize, &Room)> {
        self.rooms.iter().enumerate().find(|(_, room)| room.name == name)
    }

    fn violation(&self, room: &str, what: String) -> Violation {
        Violation::new(FILE, line_with(&self.text, &format!("name = \"{room}\"")), what)
    }
}

/// The manifest of a member, with what is needed to point into it.
struct Manifest<'a> {
    room: &'a str,
    path: String,
    text: String,
    package: &'a Package,
}

/// Checks the list in itself, and the manifests against it.
pub fn check(root: &Path, golden: &Golden, metadata: &Metadata) -> Vec<Violation> {
    let manifests: Vec<Manifest<'_>> =
        metadata.packages.iter().map(|package| manifest(root, package)).collect();
    let mut violations = list(golden);
    for manifest in &manifests {
        violations.extend(member(golden, manifest));
    }
    for room in &golden.rooms {
        if !manifests.iter().any(|manifest| manifest.room == room.name) {
            violations.push(golden.violation(
                &room.name,
                format!("there is no room {}; remove it from the list", room.name),
            ));
        }
    }
    violations
}

fn manifest<'a>(root: &Path, package: &'a Package) -> Manifest<'a> {
    let path = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path);
    Manifest {
        room: package.room(),
        path: path.display().to_string(),
        text: std::fs::read_to_string(&package.manifest_path).unwrap_or_default(),
        package,
    }
}

/// The list in itself: each name once, no arrow upwards (so that no cycle can be), and the rules about mail.
fn list(golden: &Golden) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, room) in golden.rooms.iter().enumerate() {
        let mut fail = |what: String| violations.push(golden.violation(&room.name, what));
        if golden.rooms[..index].iter().any(|earlier| earlier.name == room.name) {
            fail(format!("{} stands in the list twice; keep one", room.name));
        }
        for arrow in room.arrows.iter().chain(&room.dev) {
            match golden.find(arrow) {
                None => fail(format!("{} has an arrow to {arrow}, which is no room", room.name)),
                Some((at, target))
                    if target.tier > room.tier || (target.tier == room.tier && at >= index) =>
                {
                    fail(format!(
                        "the arrow {} -> {arrow} goes up; an arrow goes to a lower tier or an earlier room of its own, so move the code",
                        room.name
                    ))
                }
                Some(_) => {}
            }
        }
        if golden.rules.carriers.contains(&room.name) {
            let reached = reach(golden, &room.name);
            for mail in golden.rules.mail.iter().filter(|mail| reached.contains(mail.as_str())) {
                fail(format!("{} reaches {mail}; a carrier knows nothing of mail", room.name));
            }
        }
        let meets = golden.rules.meet.iter().all(|kind| room.arrows.contains(kind));
        if meets && room.tier < IO_TIER && !golden.rules.meeting_rooms.contains(&room.name) {
            let both = golden.rules.meet.join(" and ");
            fail(format!(
                "{both} meet in {}; below tier {IO_TIER} they meet only in {}",
                room.name,
                golden.rules.meeting_rooms.join(", ")
            ));
        }
    }
    violations
}

/// Every room that can be reached by arrows.
fn reach<'a>(golden: &'a Golden, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(name) = open.pop() {
        let arrows = golden.find(name).map(|(_, room)| room.arrows.as_slice()).unwrap_or_default();
        open.extend(arrows.iter().map(String::as_str).filter(|arrow| reached.insert(*arrow)));
    }
    reached
}

/// One manifest against the list.
fn member(golden: &Golden, manifest: &Manifest<'_>) -> Vec<Violation> {
    let name = manifest.room;
    let at_name = line_with(&manifest.text, "name = ");
    let fail = |line: usize, what: String| Violation::new(&manifest.path, line, what);
    if golden.rules.forbidden_names.iter().any(|forbidden| forbidden == name) {
        return vec![fail(
            at_name,
            format!("{name} is no name for a room; name it after what it knows"),
        )];
    }
    let Some((_, room)) = golden.find(name) else {
        return vec![fail(
            at_name,
            format!(
                "the room {name} is not in {FILE}; a new room is a design decision and is entered there"
            ),
        )];
    };
    let mut violations = Vec::new();
    let folder = if room.tier < PROGRAM_TIER {
        format!("tier{}/{name}/Cargo.toml", room.tier)
    } else {
        format!("{name}/Cargo.toml")
    };
    if manifest.path != folder {
        violations.push(fail(
            at_name,
            format!("the list has {name} in {folder}; move the room or correct its tier"),
        ));
    }
    let mut seen: BTreeMap<bool, BTreeSet<&str>> = BTreeMap::new();
    for dependency in &manifest.package.dependencies {
        let line = dependency.line(&manifest.text);
        let is_dev = dependency.kind.as_deref() == Some("dev");
        if dependency.path.is_none() {
            violations
                .extend(outside(golden, room, dependency, is_dev).map(|what| fail(line, what)));
            continue;
        }
        let target = dependency.room();
        seen.entry(is_dev).or_default().insert(target);
        let (listed, key) = if is_dev { (&room.dev, "dev") } else { (&room.arrows, "arrows") };
        if !listed.iter().any(|arrow| arrow == target) {
            let what = format!(
                "the arrow {name} -> {target} is not in {FILE}; a new arrow is a design decision and is entered under {key}"
            );
            violations.push(fail(line, what));
        }
    }
    for (is_dev, listed) in [(false, &room.arrows), (true, &room.dev)] {
        for arrow in listed
            .iter()
            .filter(|arrow| !seen.get(&is_dev).is_some_and(|seen| seen.contains(arrow.as_str())))
        {
            violations.push(golden.violation(
                name,
                format!("the manifest has no arrow {name} -> {arrow}; remove it from the list"),
            ));
        }
    }
    violations
}

/// What forbids a crate from outside in this room.
fn outside(golden: &Golden, room: &Room, dependency: &Dependency, is_dev: bool) -> Option<String> {
    let name = &dependency.name;
    if room.tier < IO_TIER && golden.rules.io_crates.contains(name) {
        return Some(format!(
            "{name} is not for tier {}, which is pure; pass in what it would fetch, or move the code to tier {IO_TIER}",
            room.tier
        ));
    }
    if room.tier < PROGRAM_TIER && !is_dev && golden.rules.program_crates.contains(name) {
        return Some(format!(
            "{name} is for programs; a library has an error enum and no command line"
        ));
    }
    None
}

/// The first line that begins with this text, from 1; 1 if there is none.
fn line_with(text: &str, start: &str) -> usize {
    text.lines().position(|line| line.trim_start().starts_with(start)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Golden, check, list};
    use crate::workspace::{Dependency, Metadata, Package};

    const RULES: &str = r#"
[rules]
forbidden_names = ["util"]
io_crates = ["tokio"]
program_crates = ["anyhow"]
carriers = ["osi"]
mail = ["x400", "smtp"]
meet = ["x400", "smtp"]
meeting_rooms = ["mixer"]
"#;

    fn golden(rooms: &[(&str, u8, &[&str])]) -> Golden {
        let mut text = RULES.to_owned();
        for (name, tier, arrows) in rooms {
            text.push_str(&format!(
                "[[room]]\nname = \"{name}\"\ntier = {tier}\narrows = {arrows:?}\n"
            ));
        }
        Golden::parse(text).unwrap()
    }

    fn package(folder: &str, name: &str, dependencies: &[(&str, Option<&str>, bool)]) -> Package {
        let dependency = |(name, kind, ours): &(&str, Option<&str>, bool)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
            path: ours.then(PathBuf::new),
        };
        Package {
            description: None,
            name: name.to_owned(),
            manifest_path: Path::new("/repo").join(folder).join("Cargo.toml"),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    fn found(golden: &Golden, packages: Vec<Package>) -> Vec<String> {
        let metadata = Metadata { packages, target_directory: PathBuf::new() };
        check(Path::new("/repo"), golden, &metadata)
            .into_iter()
            .map(|violation| violation.to_string())
            .collect()
    }

    #[test]
    fn a_house_in_order_has_no_violation() {
        let golden = golden(&[("wire", 0, &[]), ("ber", 0, &["wire"]), ("net", 2, &["ber"])]);
        let packages = vec![
            package(
                "tier0/wire",
                "bindback-wire",
                &[("thiserror", None, false), ("anyhow", Some("dev"), false)],
            ),
            package("tier0/ber", "bindback-ber", &[("bindback-wire", None, true)]),
            package(
                "tier2/net",
                "bindback-net",
                &[("bindback-ber", None, true), ("tokio", None, false)],
            ),
        ];
        assert!(found(&golden, packages).is_empty());
    }

    #[test]
    fn what_is_not_in_the_list_is_found() {
        let golden = golden(&[("wire", 0, &[]), ("ber", 0, &["wire"]), ("gone", 1, &[])]);
        let packages = vec![
            package(
                "tier0/wire",
                "bindback-wire",
                &[("tokio", None, false), ("anyhow", None, false)],
            ),
            package("tier1/ber", "bindback-ber", &[("bindback-wire", Some("dev"), true)]),
            package("tier0/new", "bindback-new", &[]),
            package("tier0/util", "bindback-util", &[]),
        ];
        let found = found(&golden, packages);
        for part in [
            "tier0/wire/Cargo.toml:1: tokio is not for tier 0",
            "tier0/wire/Cargo.toml:1: anyhow is for programs",
            "tier1/ber/Cargo.toml:1: the list has ber in tier0/ber/Cargo.toml",
            "the arrow ber -> wire is not in xtask/architecture.toml; a new arrow is a design decision and is entered under dev",
            "the manifest has no arrow ber -> wire",
            "tier0/new/Cargo.toml:1: the room new is not in",
            "util is no name for a room",
            "there is no room gone",
        ] {
            assert_eq!(
                found.iter().filter(|violation| violation.contains(part)).count(),
                1,
                "{part}: {found:#?}"
            );
        }
        assert_eq!(found.len(), 8);
    }

    #[test]
    fn arrows_of_the_list_go_down_and_mail_stays_apart() {
        let golden = golden(&[
            ("a", 0, &["b"]),
            ("b", 0, &["b", "nowhere"]),
            ("x400", 0, &[]),
            ("smtp", 0, &[]),
            ("between", 0, &["x400"]),
            ("osi", 0, &["between", "late"]),
            ("mixer", 0, &["x400", "smtp"]),
            ("server", 2, &["x400", "smtp"]),
            ("late", 1, &["x400", "smtp"]),
            ("a", 3, &[]),
        ]);
        let found: Vec<String> =
            list(&golden).into_iter().map(|violation| violation.what).collect();
        for part in [
            "a -> b goes up",
            "b -> b goes up",
            "b has an arrow to nowhere",
            "osi -> late goes up",
            "osi reaches x400",
            "osi reaches smtp",
            "x400 and smtp meet in late",
            "a stands in the list twice",
        ] {
            assert_eq!(
                found.iter().filter(|what| what.contains(part)).count(),
                1,
                "{part}: {found:#?}"
            );
        }
        assert_eq!(found.len(), 8, "{found:#?}");
    }
}
