//! The causes that the engine knows, with the pages that explain them.

use finding::{Cause, Group};

use crate::causes::RULES;
use crate::offline::page;

/// One cause with its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The cause.
    pub cause: Cause,
    /// The page's path inside the project.
    pub path: &'static str,
    /// The page's text.
    pub page: &'static str,
}

/// Every cause that the live doctor can find, with its page.
#[must_use]
pub fn catalogue() -> Vec<Reading> {
    RULES
        .iter()
        .map(|rule| Reading { cause: rule.cause, path: rule.page, page: rule.text })
        .collect()
}

/// The page that explains a cause: written by hand for one that can be probed, else made from its row.
#[must_use]
pub fn explain(cause: Cause) -> String {
    let written = RULES.iter().find(|rule| rule.cause == cause);
    written.map_or_else(|| page(cause), |rule| rule.text.to_owned())
}

/// Every cause that a diagnosis can name: those of servers that run, and those of events and remarks.
pub fn known() -> impl Iterator<Item = Cause> {
    Cause::ALL.iter().copied().filter(|cause| cause.group() != Group::Defect)
}
