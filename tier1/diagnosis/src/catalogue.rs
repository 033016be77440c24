//! The causes that the engine knows, with the pages that explain them.

use finding::Cause;

use crate::causes::RULES;

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

/// The page that explains a cause; `None` for a cause that only logs tell of.
#[must_use]
pub fn explain(cause: Cause) -> Option<&'static str> {
    RULES.iter().find(|rule| rule.cause == cause).map(|rule| rule.text)
}
