//! The counts, and how they are printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Answer, Case};

/// So many confusions are printed.
const CONFUSIONS: usize = 25;
/// A wrong answer above this confidence misleads.
const SURE: f64 = 0.8;

/// One case with its answer.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub case: &'a Case,
    pub has_events: bool,
    pub answer: &'a Answer,
}

/// Right ones of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    right: u32,
    all: u32,
}

impl Share {
    fn add(&mut self, right: bool) {
        self.all += 1;
        self.right += u32::from(right);
    }

    fn shown(self) -> String {
        let percent = f64::from(self.right) * 100.0 / f64::from(self.all.max(1));
        format!("{percent:5.1} %  ({} of {})", self.right, self.all)
    }
}

/// How one cause fared.
#[derive(Debug, Default)]
struct Support {
    known: u32,
    first: u32,
    three: u32,
    /// Cases of other causes that it was the first answer to.
    wrong: u32,
}

/// All counts.
#[derive(Default)]
pub struct Tally {
    rows: Vec<(String, Share)>,
    sure: Share,
    undecided: Share,
    confusions: BTreeMap<(String, String), u32>,
    support: BTreeMap<String, Support>,
    misses: String,
}

impl Tally {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn add(&mut self, given: Given<'_>) {
        let (known, answer) = (&given.case.answer, given.answer);
        let Some(best) = answer.diagnoses.first() else { return };
        let accepted =
            |cause: &str| known.accept.iter().any(|one| one == cause) || cause == known.cause;
        // An accept list that leaves the original label out means that an expert would not give it.
        let listed = |cause: &str| {
            if known.accept.is_empty() {
                cause == known.cause
            } else {
                known.accept.iter().any(|one| one == cause)
            }
        };
        let three = || answer.diagnoses.iter().take(3);
        let first = listed(&best.cause);
        let in_three = three().any(|one| listed(&one.cause));
        self.row("first, by the accept list", first);
        self.row("first three, by the accept list", in_three);
        self.row("first, by the original label", best.cause == known.cause);
        self.row("first three, by the original label", three().any(|one| one.cause == known.cause));
        self.row("group of the first", best.group == known.group);
        let with = if given.has_events { "with events" } else { "without events" };
        self.row(&format!("first, {with}"), first);
        self.row(&format!("first three, {with}"), in_three);
        if !given.case.plain {
            self.row("first, plain cases left out", first);
            self.row("first three, plain cases left out", in_three);
        }
        if best.confidence > SURE {
            self.sure.add(first);
        }
        if answer.undecided {
            self.undecided.add(first);
        }
        let entry = self.support.entry(known.cause.clone()).or_default();
        entry.known += 1;
        entry.first += u32::from(first);
        entry.three += u32::from(in_three);
        if !first {
            if !accepted(&best.cause) {
                self.support.entry(best.cause.clone()).or_default().wrong += 1;
            }
            *self.confusions.entry((known.cause.clone(), best.cause.clone())).or_default() += 1;
            let named: Vec<String> = answer
                .diagnoses
                .iter()
                .map(|one| format!("{} {:.2}", one.cause, one.confidence))
                .collect();
            line(
                &mut self.misses,
                &format!("  {}: {} | {}", given.case.case, known.cause, named.join(", ")),
            );
        }
    }

    fn row(&mut self, name: &str, right: bool) {
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, share)) => share.add(right),
            None => {
                let mut share = Share::default();
                share.add(right);
                self.rows.push((name.to_owned(), share));
            }
        }
    }

    pub fn report(&self, verbose: bool) -> String {
        let mut out = String::new();
        for (name, share) in &self.rows {
            line(&mut out, &format!("{name:<36} {}", share.shown()));
        }
        let name = format!("right where confidence is over {SURE}");
        line(&mut out, &format!("{name:<36} {}", self.sure.shown()));
        line(
            &mut out,
            &format!("{:<36} {}", "right although called undecided", self.undecided.shown()),
        );

        line(&mut out, "\nSupport: cause, cases, first, in three, first answer to other cases");
        for (cause, one) in &self.support {
            let row = format!(
                "  {cause:<42} {:>3} {:>3} {:>3} {:>3}",
                one.known, one.first, one.three, one.wrong
            );
            line(&mut out, &row);
        }
        line(&mut out, "\nConfusions: known cause, first answer, cases");
        let mut confusions: Vec<_> = self.confusions.iter().collect();
        confusions.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        for ((known, got), count) in confusions.iter().take(CONFUSIONS) {
            line(&mut out, &format!("  {known:<42} {got:<42} {count}"));
        }
        if confusions.len() > CONFUSIONS {
            line(&mut out, &format!("  and {} more", confusions.len() - CONFUSIONS));
        }
        if verbose {
            line(&mut out, "\nWrong first answers: case, known cause, what was named");
            out.push_str(&self.misses);
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_by_the_accept_list() {
        let case: Case = serde_json::from_str(
            r#"{"case":"x","events":[{"id":1}],"answer":{"cause":"a","group":"g","accept":["b"]}}"#,
        )
        .unwrap();
        let answer: Answer = serde_json::from_str(
            r#"{"undecided":false,"diagnoses":[{"cause":"b","group":"h","confidence":0.9}]}"#,
        )
        .unwrap();
        let mut tally = Tally::default();
        tally.add(Given { case: &case, has_events: true, answer: &answer });
        let text = tally.report(true);
        assert!(text.contains("first, by the accept list            100.0 %  (1 of 1)"), "{text}");
        assert!(text.contains("first, by the original label           0.0 %  (0 of 1)"), "{text}");
        assert!(!text.contains("without events"));
    }
}
