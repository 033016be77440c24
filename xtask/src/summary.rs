//! What the test runners say: their summary lines and the names of tests that passed.

use std::collections::BTreeSet;

use serde::Serialize;

/// Who writes the output. Each is read by its own rules only: nextest repeats what a failed test wrote, and that
/// looks like
/// the other's summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    Nextest,
    CargoTest,
}

/// Counts read from a runner's output, line by line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    /// Paths of the tests that passed.
    pub passed_names: BTreeSet<String>,
    /// Summary lines seen.
    pub summaries: usize,
}

/// A test that could not be run here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Skip {
    pub name: String,
    pub reason: String,
}

impl Counts {
    /// Takes one line of a runner's output.
    pub fn line(&mut self, runner: Runner, line: &str) {
        let line = line.trim();
        match runner {
            Runner::Nextest => {
                if let Some((_, counts)) =
                    line.strip_prefix("Summary [").and_then(|rest| rest.split_once(" run: "))
                {
                    // One for the whole run, at its end.
                    (self.passed, self.failed) = (0, 0);
                    self.summary(counts, ',');
                } else if line.starts_with("PASS [") {
                    self.passed_names.extend(line.split_whitespace().last().map(str::to_owned));
                }
            }
            Runner::CargoTest => {
                if let Some((_, counts)) =
                    line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
                {
                    // One for each test program.
                    self.summary(counts, ';');
                } else if let Some(name) =
                    line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ok"))
                {
                    self.passed_names.insert(name.to_owned());
                }
            }
        }
    }

    fn summary(&mut self, counts: &str, separator: char) {
        self.summaries += 1;
        for part in without_parentheses(counts).split(separator) {
            let mut words = part.split_whitespace();
            let Some(number) = words.next().and_then(|number| number.parse::<usize>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => self.passed += number,
                // `timed out` and `exec failed` are failures under names of their own.
                Some("failed" | "timed" | "exec") => self.failed += number,
                _ => {}
            }
        }
    }

    /// Counts a test that skipped itself, and so passed in the eyes of its runner, as not passed.
    pub fn take_out(&mut self, skip: &Skip) {
        let is_it = |path: &&String| {
            **path == skip.name || path.rsplit("::").next() == Some(skip.name.as_str())
        };
        if let Some(path) = self.passed_names.iter().find(is_it).cloned() {
            self.passed_names.remove(&path);
            self.passed = self.passed.saturating_sub(1);
        }
    }
}

/// nextest details a count in parentheses: `39 passed (1 slow, 2 flaky), 1 failed`.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// The lines `SKIP <name>: <reason>` that tests left in the file named by BINDBACK_SKIPS; each once.
pub fn skips(text: &str) -> Vec<Skip> {
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("SKIP ").unwrap_or(line);
        let (name, reason) = line.split_once(": ").unwrap_or((line, "no reason given"));
        found.insert(Skip { name: name.trim().to_owned(), reason: reason.trim().to_owned() });
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::Runner::{CargoTest, Nextest};
    use super::{Counts, Runner, Skip, skips};

    fn count(runner: Runner, text: &str) -> Counts {
        let mut counts = Counts::default();
        text.lines().for_each(|line| counts.line(runner, line));
        counts
    }

    #[test]
    fn nextest() {
        let counts = count(
            Nextest,
            "        PASS [   0.006s] (38/39) bindback-config tests::files::a\n        FAIL [   0.1s] (39/39) x b\n    test result: FAILED. 0 passed; 1 failed; 0 ignored;\n────────────\n     Summary [   0.161s] 39/45 tests run: 31 passed (2 slow, 1 flaky), 3 failed, 2 timed out, 1 exec failed, 4 skipped\n",
        );
        assert_eq!((counts.passed, counts.failed, counts.summaries), (31, 6, 1));
        assert!(counts.passed_names.contains("tests::files::a"));
        let one = count(Nextest, "     Summary [   0.1s] 1 test run: 1 passed, 0 skipped");
        assert_eq!((one.passed, one.failed), (1, 0));
    }

    #[test]
    fn cargo_test() {
        let counts = count(
            CargoTest,
            "test tests::a ... ok\ntest tests::b ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!((counts.passed, counts.failed, counts.summaries), (4, 1, 2));
        assert!(counts.passed_names.contains("tests::a") && counts.passed_names.len() == 1);
    }

    #[test]
    fn a_skip_is_not_a_pass() {
        let mut counts = count(
            CargoTest,
            "test tshark::decodes ... ok\ntest other ... ok\ntest result: ok. 2 passed; 0 failed;",
        );
        let found = skips(
            "SKIP decodes: no tshark: not on PATH\n\nSKIP decodes: no tshark: not on PATH\nbare\n",
        );
        let skip =
            |name: &str, reason: &str| Skip { name: name.to_owned(), reason: reason.to_owned() };
        assert_eq!(
            found,
            [skip("bare", "no reason given"), skip("decodes", "no tshark: not on PATH")]
        );
        found.iter().for_each(|skip| counts.take_out(skip));
        assert_eq!(counts.passed, 1);
    }
}
