//! What a cause is made of: clues with weights, a subject, a cure, a page.
//!
//! A clue looks at one obstacle and says what it saw. Clues of one kind do not add up (two events of the same refusal are
//! one sign, seen twice); clues of different kinds do.

use finding::{Cause, Evidence, Remedy};

use crate::obstacle::Obstacle;
use crate::view::View;

/// One obstacle in front of the whole snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) view: View<'a>,
    pub(crate) obstacle: &'a Obstacle<'a>,
}

impl<'a> Case<'a> {
    /// The server that cannot get in.
    pub(crate) fn actor(self) -> &'a str {
        &self.obstacle.actor
    }

    /// The server that it cannot get into.
    pub(crate) fn target(self) -> &'a str {
        &self.obstacle.target
    }
}

/// What a clue is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// What the failing side saw.
    Symptom,
    /// What the refusing side says.
    Reason,
    /// A table or a setting of a server.
    Setting,
    /// A live check.
    Probe,
    /// Whether the server is alive.
    Life,
}

/// One observation for or against a cause.
#[derive(Clone, Debug)]
pub(crate) struct Clue {
    pub(crate) kind: Kind,
    pub(crate) speaks_for: bool,
    pub(crate) evidence: Evidence,
}

impl Clue {
    pub(crate) fn speaks_for(
        kind: Kind,
        weight: f64,
        source: &str,
        says: impl Into<String>,
    ) -> Self {
        Self { kind, speaks_for: true, evidence: Evidence::new(source, says, weight) }
    }

    pub(crate) fn against(kind: Kind, weight: f64, source: &str, says: impl Into<String>) -> Self {
        Self { kind, speaks_for: false, evidence: Evidence::new(source, says, weight) }
    }
}

/// One cause as data.
pub(crate) struct Rule {
    pub(crate) cause: Cause,
    /// How likely it is among its like when nothing tells them apart.
    pub(crate) prior: f64,
    /// What to look at.
    pub(crate) clues: &'static [fn(Case<'_>) -> Vec<Clue>],
    /// What is at fault, in words: two obstacles with the same subject are one diagnosis.
    pub(crate) subject: fn(Case<'_>) -> String,
    /// How to cure it.
    pub(crate) remedy: fn(Case<'_>) -> Vec<Remedy>,
    /// The page, as a path inside the project.
    pub(crate) page: &'static str,
    /// The text of the page.
    pub(crate) text: &'static str,
}

/// A remedy that is one command.
pub(crate) fn with_command(text: String, command: String) -> Vec<Remedy> {
    vec![Remedy { text, command: Some(command) }]
}

/// A remedy that no command of ours can do.
pub(crate) fn in_words(text: String) -> Vec<Remedy> {
    vec![Remedy { text, command: None }]
}
