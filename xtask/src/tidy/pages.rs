//! The pages: those that must exist, those that are generated, and what none may hold.

use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;
use super::architecture::Golden;
use crate::{docs, workspace};

/// Causes that can be probed live; each has a page (STYLE, 13).
const PROBED_CAUSES: [&str; 47] = [
    "service-account-password-mismatch",
    "service-account-missing",
    "service-account-lacks-directory-right",
    "remote-name-unresolvable",
    "bindback-name-unresolvable",
    "lmhosts-stale-entry",
    "port-filtered-by-firewall",
    "remote-server-unreachable",
    "mta-password-mismatch",
    "connector-remote-name-mismatch",
    "certificate-expired",
    "account-disabled",
    "account-locked-out",
    "account-expired",
    "password-expired",
    "logon-right-missing",
    "service-account-mismatch",
    "override-account-wrong",
    "untrusted-domains-no-matching-account",
    "directory-not-replicated",
    "upgrade-needs-restart",
    "service-account-extended-characters",
    "disk-space-low",
    "store-read-only",
    "store-disk-fault",
    "file-descriptors-exhausted",
    "low-memory",
    "logon-server-unavailable",
    "connector-schedule-never",
    "t-selector-mismatch",
    "x400-credentials-mismatch",
    "x400-conformance-mismatch",
    "two-way-alternate-mismatch",
    "ntlm-session-security-mismatch",
    "lm-compatibility-mismatch",
    "rpc-port-already-in-use",
    "network-unreliable",
    "mtu-path-limited",
    "network-insufficient-bandwidth",
    "nat-between-servers",
    "multihomed-source-address",
    "mta-database-corrupt",
    "message-loop-between-systems",
    "message-size-limit-exceeded",
    "address-space-missing",
    "connector-missing-on-remote",
    "x400-stack-address-mismatch",
];

/// The page that says by which test each thing is shown.
const PROOFS: &str = "docs/conformance.md";
/// What the tests of other projects begin with, of which the page tells, too.
const FOREIGN_TESTS: &str = "test_";

/// Folders of the machine somebody wrote on; a page that names one is of no use elsewhere.
const MACHINE_FOLDERS: [&str; 4] = ["/work", "/tmp", "/root", "/home"];

/// Checks every page.
pub fn check(root: &Path, golden: &Golden) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for page in docs::stale(root)? {
        violations.push(Violation::new(page, 1, "the page is stale; run `cargo xtask docs`"));
    }
    for cause in PROBED_CAUSES {
        let page = format!("docs/findings/{cause}.md");
        if !root.join(&page).is_file() {
            violations.push(Violation::new(
                page,
                1,
                "the cause can be probed and has no page; write it",
            ));
        }
    }
    let architecture = root.join("ARCHITECTURE.md");
    if architecture.is_file() {
        let text = std::fs::read_to_string(&architecture).context("cannot read ARCHITECTURE.md")?;
        violations.extend(rooms_missing(&text, golden.rooms.iter().map(|room| room.name.as_str())));
    }
    let mut pages: Vec<_> = workspace::files(&root.join("docs"), "md").unwrap_or_default();
    let top = workspace::files(root, "md")?;
    pages.extend(top.into_iter().filter(|path| path.parent() == Some(root)));
    for path in pages {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        violations.extend(machine_folders(&name, &text));
    }
    violations.extend(tests_missing(root)?);
    Ok(violations)
}

fn tests_missing(root: &Path) -> Result<Vec<Violation>> {
    let mut sources = String::new();
    for path in workspace::files(root, "rs")? {
        sources += &std::fs::read_to_string(path)?;
    }
    let text = std::fs::read_to_string(root.join(PROOFS))?;
    Ok(unknown_tests(&text, &sources))
}

/// Tests that the page names and the sources do not have; a name that ends in dots stands for those that begin so.
fn unknown_tests(text: &str, sources: &str) -> Vec<Violation> {
    let is_name = |word: &str| {
        word.matches('_').count() >= 3
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !word.starts_with(FOREIGN_TESTS)
    };
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in line.split('`').skip(1).step_by(2) {
            let (name, rest) = match word.strip_suffix("...") {
                Some(beginning) => (beginning, ""),
                None => (word, "("),
            };
            if is_name(name) && !sources.contains(&format!("fn {name}{rest}")) {
                let what = format!("there is no test {word}; name the one that shows it");
                violations.push(Violation::new(PROOFS, index + 1, what));
            }
        }
    }
    violations
}

/// Rooms that no heading, row or list entry of ARCHITECTURE.md names.
fn rooms_missing<'a>(text: &str, rooms: impl Iterator<Item = &'a str>) -> Vec<Violation> {
    let is_entry = |line: &&str| line.trim_start().starts_with(['#', '|', '-', '*']);
    let words: Vec<&str> = text
        .lines()
        .filter(is_entry)
        .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .collect();
    rooms
        .filter(|room| !words.contains(room))
        .map(|room| {
            Violation::new(
                "ARCHITECTURE.md",
                1,
                format!("the room {room} has no heading, row or list entry; add it"),
            )
        })
        .collect()
}

fn machine_folders(name: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let found = MACHINE_FOLDERS.into_iter().find(|folder| {
            line.match_indices(folder).any(|(at, _)| {
                let inside = |c: char| {
                    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '>' | '~')
                };
                let rest = &line[at + folder.len()..];
                !line[..at].ends_with(inside)
                    && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_')
            })
        });
        if let Some(folder) = found {
            violations.push(Violation::new(
                name,
                index + 1,
                format!("{folder} is a folder of one machine; write a path that every reader has"),
            ));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::{machine_folders, rooms_missing, unknown_tests};

    #[test]
    fn rooms_are_named_in_entries() {
        let text = "# The rooms\n| `wire` | cursors |\n- ber: encoding\nosi is only mentioned\n";
        let missing = rooms_missing(text, ["wire", "ber", "osi"].into_iter());
        assert_eq!(missing.len(), 1);
        assert!(missing[0].what.contains("osi"));
    }

    #[test]
    fn a_test_that_is_named_and_gone_is_found() {
        let sources = "fn mail_goes_both_ways() {}\nfn ten_of_them_pass() {}";
        let text = "| `mail_goes_both_ways`, `ten_of_them_...` | `local_name` |\n`test_of_samba_alone`\n`mail_goes_both_way` `ten_of_these_...`";
        let lines: Vec<_> = unknown_tests(text, sources).iter().map(|one| one.line).collect();
        assert_eq!(lines, [3, 3]);
    }

    #[test]
    fn folders_of_a_machine_are_found() {
        for bad in ["see /work/x", "in `/tmp/x`", "(/root)", "/home/anna"] {
            assert_eq!(machine_folders("a.md", bad).len(), 1, "{bad}");
        }
        for good in [
            "a/tmp/x",
            "network/worker",
            "/workers",
            "${DIR}/tmp",
            "https://host/work",
            "/etc/bindback",
        ] {
            assert!(machine_folders("a.md", good).is_empty(), "{good}");
        }
    }
}
