//! The page that says which claims have a test, made from `xtask/claims.toml` and the tests themselves.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

/// Where the page stands.
pub const COVERAGE: &str = "docs/coverage.md";

const CLAIMS: &str = "xtask/claims.toml";

#[derive(Deserialize)]
struct Claims {
    group: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    title: String,
    claims: Vec<String>,
}

/// The tests that show a claim, by its number: file and name.
type Tests = BTreeMap<u32, Vec<(String, String)>>;

/// The page as it should be now.
pub fn page(root: &Path) -> Result<String> {
    let text = std::fs::read_to_string(root.join(CLAIMS))
        .with_context(|| format!("cannot read {CLAIMS}"))?;
    let claims: Claims = toml::from_str(&text).with_context(|| format!("cannot read {CLAIMS}"))?;
    let mut tests = Tests::new();
    for file in workspace::files(root, "rs")? {
        let source = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        for (number, test) in claimed(&source) {
            tests.entry(number).or_default().push((name.clone(), test));
        }
    }
    render(&claims, &mut tests)
}

fn render(claims: &Claims, tests: &mut Tests) -> Result<String> {
    let mut rows = String::new();
    let (mut shown, mut all) = (0, 0);
    for group in &claims.group {
        let _ = write!(rows, "\n## {}\n\n| claim | tests |\n|---|---|\n", group.title);
        for claim in &group.claims {
            let number = claim.split_once('.').and_then(|(number, _)| number.parse::<u32>().ok());
            let Some(number) = number else {
                bail!("{CLAIMS}: {claim:?} does not begin with its number");
            };
            let mut found = tests.remove(&number).unwrap_or_default();
            found.sort();
            all += 1;
            shown += usize::from(!found.is_empty());
            let names: Vec<_> =
                found.iter().map(|(file, test)| format!("`{test}` ({file})")).collect();
            let cell =
                if names.is_empty() { "**none yet**".to_owned() } else { names.join("<br>") };
            let _ = writeln!(rows, "| {claim} | {cell} |");
        }
    }
    if let Some((number, found)) = tests.iter().next() {
        let (file, test) = &found[0];
        bail!("{file}: {test} is said to show claim {number}, which is not in {CLAIMS}");
    }
    Ok(format!(
        "# Which claims have a test\n\nWritten by `cargo xtask docs`. {shown} of {all} claims have at least one test.\n{rows}"
    ))
}

/// The claims that tests of a source say they show: by their name, or by a line `Claims:` in the comment above.
fn claimed(source: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut waiting: Vec<u32> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(list) = line.strip_prefix("/// Claims:") {
            waiting.extend(
                list.trim_end_matches('.').split(',').filter_map(|n| n.trim().parse::<u32>().ok()),
            );
            continue;
        }
        let rest = line.strip_prefix("pub ").unwrap_or(line);
        let rest = rest.strip_prefix("async ").unwrap_or(rest);
        let Some(rest) = rest.strip_prefix("fn ") else { continue };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let by_name = name
            .strip_prefix("claim_")
            .and_then(|rest| rest.split('_').next())
            .and_then(|number| number.parse::<u32>().ok());
        waiting.extend(by_name);
        waiting.sort_unstable();
        waiting.dedup();
        found.extend(waiting.drain(..).map(|number| (number, name.clone())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Claims, Tests, claimed, render};

    #[test]
    fn names_and_comments_claim() {
        let source = "/// It does.\n/// Claims: 5, 6.\n#[test]\nfn events() {}\n    async fn claim_07_five() {}\nfn other() {}\n";
        assert_eq!(
            claimed(source),
            [(5, "events".to_owned()), (6, "events".to_owned()), (7, "claim_07_five".to_owned())]
        );
    }

    #[test]
    fn a_claim_without_a_test_is_shown_and_an_unknown_claim_refused() {
        let claims: Claims =
            toml::from_str("[[group]]\ntitle = \"G\"\nclaims = [\"1. A.\", \"2. B.\"]\n").unwrap();
        let mut tests = Tests::from([(1, vec![("a.rs".to_owned(), "t".to_owned())])]);
        let page = render(&claims, &mut tests).unwrap();
        assert!(page.contains("1 of 2 claims"), "{page}");
        assert!(page.contains("| 2. B. | **none yet** |"), "{page}");
        let mut tests = Tests::from([(9, vec![("a.rs".to_owned(), "t".to_owned())])]);
        assert!(render(&claims, &mut tests).is_err());
    }
}
