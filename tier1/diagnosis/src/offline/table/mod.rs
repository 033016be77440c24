//! The table: one row for each cause, in one file for each family.

use finding::Cause;

use super::sign::Sign;

mod auth;
mod benign;
mod content;
mod database;
mod directory;
pub(super) mod events;
mod links;
mod names;
mod network;
mod policy;
mod resources;
mod routing;
mod rpc;
mod x400;

/// One cause as data.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) cause: Cause,
    /// How often it is met: 0 seldom, 1 at times, 2 often.
    pub(super) prior: f64,
    /// Words that people use when they have it.
    pub(super) words: &'static str,
    pub(super) signs: &'static [Sign],
    /// The check that confirms or excludes it.
    pub(super) probe: &'static str,
    /// What to do, in order.
    pub(super) remedy: &'static [&'static str],
}

/// A row, in the order in which its parts are read.
const fn rule(
    cause: Cause,
    prior: f64,
    words: &'static str,
    signs: &'static [Sign],
    probe: &'static str,
    remedy: &'static [&'static str],
) -> Rule {
    Rule { cause, prior, words, signs, probe, remedy }
}

/// Every row.
pub(super) fn rules() -> Vec<&'static Rule> {
    [
        auth::RULES,
        names::RULES,
        rpc::RULES,
        network::RULES,
        links::RULES,
        x400::RULES,
        routing::RULES,
        directory::RULES,
        content::RULES,
        policy::RULES,
        database::RULES,
        resources::RULES,
        benign::RULES,
    ]
    .into_iter()
    .flatten()
    .collect()
}
