//! What a row is.

use finding::Cause;

use crate::offline::sign::Sign;

/// One cause as data.
#[derive(Debug)]
pub(in crate::offline) struct Rule {
    pub(in crate::offline) cause: Cause,
    /// Words that people use when they have it.
    pub(in crate::offline) words: &'static str,
    pub(in crate::offline) signs: &'static [Sign],
    /// The check that confirms or excludes it.
    pub(in crate::offline) probe: &'static str,
    /// What to do, in order.
    pub(in crate::offline) remedy: &'static [&'static str],
}

/// A row, in the order in which its parts are read.
pub(super) const fn rule(
    cause: Cause,
    words: &'static str,
    signs: &'static [Sign],
    probe: &'static str,
    remedy: &'static [&'static str],
) -> Rule {
    Rule { cause, words, signs, probe, remedy }
}
