//! What the laboratory found: the objects `bindback.lab/1`.

use std::collections::BTreeSet;

use finding::{Answer, Cause, Diagnosis, Remedy};
use serde::Serialize;

use crate::observe::TellingEvent;

/// The cause must be the first one named so soon after the first failed attempt ended.
pub(super) const DIAGNOSIS_LIMIT_S: f64 = 5.0;
/// From here on the doctor is sure enough to be followed.
const DECIDED: f64 = 0.5;

/// One scenario of `lab list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub name: &'static str,
    /// Absent where nothing is wrong, and nothing must be found.
    pub cause: Option<Cause>,
    pub title: &'static str,
    pub what: &'static str,
    pub claims: Vec<u8>,
    /// What the machine must have.
    pub needs: Vec<&'static str>,
    pub runnable: bool,
    pub why_not: Option<String>,
}

/// What became of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabResult {
    pub name: String,
    pub cause: Option<Cause>,
    /// The mail that had to stop waits, and no other.
    pub stopped: bool,
    /// Logged by all servers since the fault was put in, each sort once.
    pub events: Vec<TellingEvent>,
    /// Mail need not stop and nothing need fail: the answer is due once a threshold is crossed, whenever that is.
    pub degrading: bool,
    /// From the end of the first failed attempt to the answer that named the cause first; absent if none did.
    pub seconds_to_diagnosis: Option<f64>,
    /// The first cause of the answer once all symptoms were there.
    pub first: Option<Cause>,
    /// Its confidence.
    pub confidence: f64,
    pub top3: Vec<Cause>,
    /// The first cause of the very first answer.
    pub first_answer: Option<Cause>,
    /// The cause was named first, in an answer before the symptoms were complete or in the one after.
    pub right: bool,
    pub remedy: Vec<Remedy>,
    /// All stopped mail was delivered within 5 seconds of the cure.
    pub recovered: bool,
    pub recovery_s: Option<f64>,
    pub lost: usize,
    pub duplicated: usize,
    pub servers: usize,
    pub seed: u64,
    /// What was not as it must be, in words.
    pub problems: Vec<String>,
}

/// Runs in which nothing was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Healthy {
    pub runs: u32,
    pub false_alarms: u32,
    /// What was said, where it was.
    pub said: Vec<String>,
}

/// Runs with two faults at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pairs {
    pub runs: u32,
    /// Both were among the first three.
    pub both: u32,
    /// The others: what was put in, and what was named.
    pub missed: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabReport {
    schema: &'static str,
    pub seed: u64,
    pub results: Vec<LabResult>,
    /// Scenarios that could not be played here, with the reason.
    pub skipped: Vec<String>,
    pub healthy: Healthy,
    pub pairs: Pairs,
    pub totals: Totals,
}

/// Totals beside the aims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Totals {
    pub scenarios: usize,
    pub right: usize,
    /// Right within 5 seconds of the first failed attempt.
    pub in_time: usize,
    pub recovered: usize,
    pub lost: usize,
    pub duplicated: usize,
    /// Wrong with a confidence over 0.8.
    pub confidently_wrong: usize,
}

impl LabResult {
    /// Nothing known yet.
    pub(super) fn new(name: &str, cause: Option<Cause>, servers: usize, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            cause,
            stopped: false,
            degrading: false,
            events: Vec::new(),
            seconds_to_diagnosis: None,
            first: None,
            confidence: 0.0,
            top3: Vec::new(),
            first_answer: None,
            right: false,
            remedy: Vec::new(),
            recovered: false,
            recovery_s: None,
            lost: 0,
            duplicated: 0,
            servers,
            seed,
            problems: Vec::new(),
        }
    }

    /// Takes over what an answer says.
    pub(super) fn take(&mut self, answer: &Answer) {
        let best = answer.diagnoses.first();
        self.first = best.map(|one| one.cause);
        self.confidence = best.map_or(0.0, |one| one.confidence);
        self.top3 = answer.diagnoses.iter().take(3).map(|one| one.cause).collect();
        self.remedy = remedy_of(answer);
        self.right = self.first == self.cause && !answer.undecided;
    }

    /// Whether all was as it must be, however long the diagnosis took.
    #[must_use]
    pub fn success(&self) -> bool {
        self.right
            && self.recovered
            && self.lost == 0
            && self.duplicated == 0
            && self.problems.is_empty()
    }

    fn in_time(&self) -> bool {
        let in_time = |taken| taken <= DIAGNOSIS_LIMIT_S;
        self.right && (self.degrading || self.seconds_to_diagnosis.is_none_or(in_time))
    }
}

impl LabReport {
    pub(super) fn new(
        seed: u64,
        results: Vec<LabResult>,
        skipped: Vec<String>,
        (healthy, pairs): (Healthy, Pairs),
    ) -> Self {
        let count = |what: &dyn Fn(&LabResult) -> bool| {
            results.iter().filter(|result| what(result)).count()
        };
        let totals = Totals {
            scenarios: results.len(),
            right: count(&|one| one.right),
            in_time: count(&LabResult::in_time),
            recovered: count(&|one| one.recovered),
            lost: results.iter().map(|one| one.lost).sum(),
            duplicated: results.iter().map(|one| one.duplicated).sum(),
            confidently_wrong: count(&|one| !one.right && one.confidence > 0.8),
        };
        Self { schema: "bindback.lab/1", seed, results, skipped, healthy, pairs, totals }
    }

    /// Whether every scenario went as it must, and nothing was found where nothing was wrong.
    #[must_use]
    pub fn success(&self) -> bool {
        self.results.iter().all(LabResult::success) && self.healthy.false_alarms == 0
    }
}

/// The remedy of the best cause, and of the same cause on other ways, which the screen names after it.
fn remedy_of(answer: &Answer) -> Vec<Remedy> {
    let Some(best) = answer.diagnoses.first() else { return Vec::new() };
    let ways = |one: &Diagnosis| -> BTreeSet<BTreeSet<String>> {
        let ends = one.stops.iter().map(|stop| [stop.from.to_uppercase(), stop.to.to_uppercase()]);
        ends.map(BTreeSet::from).collect()
    };
    let first = ways(best);
    let further = answer.diagnoses.iter().skip(1).filter(|one| {
        one.cause == best.cause && one.confidence >= DECIDED && !ways(one).is_subset(&first)
    });
    std::iter::once(best).chain(further).flat_map(|one| one.remedy.clone()).collect()
}

#[cfg(test)]
mod tests {
    use finding::Diagnosis;

    use super::*;

    fn result(cause: Cause, named: Cause) -> LabResult {
        let mut result = LabResult::new("x", Some(cause), 2, 1);
        let mut answer = Answer::default();
        answer.diagnoses.push(Diagnosis::new(named, 0.9));
        result.take(&answer);
        result.seconds_to_diagnosis = Some(1.0);
        result.recovered = true;
        result
    }

    #[test]
    fn totals_count_what_they_say() {
        let right = result(Cause::AccountDisabled, Cause::AccountDisabled);
        let wrong = result(Cause::AccountDisabled, Cause::AccountExpired);
        let mut late = right.clone();
        late.seconds_to_diagnosis = Some(6.0);
        let mut lossy = right.clone();
        lossy.lost = 2;
        let none = (Healthy::default(), Pairs::default());
        let report = LabReport::new(7, vec![right.clone(), wrong, late, lossy], Vec::new(), none);
        let totals = report.totals;
        assert_eq!((totals.scenarios, totals.right, totals.in_time), (4, 3, 2));
        assert_eq!((totals.confidently_wrong, totals.lost), (1, 2));
        assert!(!report.success());
        let none = (Healthy::default(), Pairs::default());
        assert!(LabReport::new(7, vec![right.clone()], Vec::new(), none).success());
        let alarm = (Healthy { runs: 1, false_alarms: 1, said: Vec::new() }, Pairs::default());
        assert!(!LabReport::new(7, vec![right], Vec::new(), alarm).success());
    }

    #[test]
    fn what_is_undecided_is_not_right() {
        let mut result = result(Cause::AccountDisabled, Cause::AccountDisabled);
        let mut answer = Answer { undecided: true, ..Answer::default() };
        answer.diagnoses.push(Diagnosis::new(Cause::AccountDisabled, 0.4));
        result.take(&answer);
        assert!(!result.right && result.first == Some(Cause::AccountDisabled));
    }
}
