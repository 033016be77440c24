//! All rows.

use super::rule::Rule;
use super::{
    auth, benign, content, database, directory, links, names, network, policy, resources, routing,
    rpc, today, x400,
};

/// Every row.
pub(in crate::offline) fn rules() -> Vec<&'static Rule> {
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
        today::RULES,
    ]
    .into_iter()
    .flatten()
    .collect()
}
