//! What the doctor says, in the shape of `bindback doctor --json`.
//!
//! Keys are only ever added here; the shape of those that exist is fixed by the published interface.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::group::{Group, Owner, Severity};

/// One observation and how much it speaks for (or against) a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it was seen, for example `EAST event 9297`.
    pub source: String,
    /// What was seen, in one sentence.
    pub says: String,
    /// From 0 (says nothing) to 1 (settles it).
    pub weight: f64,
}

impl Evidence {
    /// An observation with its weight, which is held between 0 and 1.
    #[must_use]
    pub fn new(source: impl Into<String>, says: impl Into<String>, weight: f64) -> Self {
        Self { source: source.into(), says: says.into(), weight: weight.clamp(0.0, 1.0) }
    }
}

/// One step of a cure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What to do, in words.
    pub text: String,
    /// The command that does it, ready for a POSIX shell; absent where no command of ours can.
    #[serde(default)]
    pub command: Option<String>,
}

/// A way between two servers that a cause stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stop {
    /// The server that cannot get in.
    pub from: String,
    /// The server that it cannot get into.
    pub to: String,
}

/// One cause with what speaks for it, what speaks against it, and its cure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The cause.
    pub cause: Cause,
    /// What the cause is here, in one line, where that says more than what the cause means everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// The group of the cause.
    pub group: Group,
    /// How much is stopped.
    pub severity: Severity,
    /// Who must act.
    pub owner: Owner,
    /// From 0 to 1.
    pub confidence: f64,
    /// What speaks for it.
    pub evidence: Vec<Evidence>,
    /// What speaks against it.
    pub against: Vec<Evidence>,
    /// What to do, in order.
    pub remedy: Vec<Remedy>,
    /// Pages that explain it, as paths inside this project.
    pub reads: Vec<String>,
    /// The ways that it stops, where servers were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stop>,
}

impl Diagnosis {
    /// A diagnosis whose group, severity and owner follow from its cause; evidence and cure are filled in by the engine.
    #[must_use]
    pub fn new(cause: Cause, confidence: f64) -> Self {
        Self {
            cause,
            headline: None,
            group: cause.group(),
            severity: cause.group().severity(),
            owner: cause.group().owner(),
            confidence: confidence.clamp(0.0, 1.0),
            evidence: Vec::new(),
            against: Vec::new(),
            remedy: Vec::new(),
            reads: Vec::new(),
            stops: Vec::new(),
        }
    }

    /// The cause in one line, without a full stop.
    #[must_use]
    pub fn title(&self) -> &str {
        self.headline.as_deref().unwrap_or_else(|| self.cause.meaning()).trim_end_matches('.')
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// It went well.
    Ok,
    /// The connection was refused.
    Refused,
    /// Nothing answered in time.
    Timeout,
    /// The other side answered that this is not allowed.
    Denied,
    /// The name, endpoint or object does not exist.
    NotFound,
    /// The connection was made and then reset or closed.
    Reset,
    /// Anything else; the detail says what.
    Error,
}

/// One check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked: `resolve`, `tcp-mapper`, `map`, `tcp-rpc` or `admin`.
    pub check: String,
    /// The server that made the check.
    pub from: String,
    /// What it was made on: a name, `host:port` or a server.
    pub target: String,
    /// How it ended.
    pub result: CheckResult,
    /// The same in words, with addresses and numbers.
    #[serde(default)]
    pub detail: String,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// The check that would tell the remaining causes apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextProbe {
    /// What to check, and where.
    pub check: String,
    /// The causes that it would tell apart.
    pub would_tell: Vec<Cause>,
    /// The command that makes the check, where one of ours does.
    #[serde(default)]
    pub command: Option<String>,
}

/// The whole answer of the doctor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// True when something is wrong and the facts at hand do not settle what.
    pub undecided: bool,
    /// The causes, best first; empty when nothing is wrong.
    pub diagnoses: Vec<Diagnosis>,
    /// What to check next, where a check would tell more.
    #[serde(default)]
    pub next_probe: Option<NextProbe>,
    /// The checks that were made.
    #[serde(default)]
    pub checks: Vec<Check>,
}

impl Answer {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.diagnoses.is_empty() && !self.undecided
    }

    /// The best cause, if anything is wrong.
    #[must_use]
    pub fn first(&self) -> Option<&Diagnosis> {
        self.diagnoses.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnosis_follows_its_cause() {
        let diagnosis = Diagnosis::new(Cause::PortFilteredByFirewall, 1.5);
        assert_eq!(diagnosis.group, Group::Network);
        assert_eq!(diagnosis.owner, Owner::NetworkAdministrator);
        assert!((diagnosis.confidence - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn an_empty_answer_is_healthy() {
        assert!(Answer::default().is_healthy());
        let undecided = Answer { undecided: true, ..Answer::default() };
        assert!(!undecided.is_healthy());
        assert!(undecided.first().is_none());
    }
}
