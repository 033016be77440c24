//! How a check is written down.

use std::time::Instant;

use diagnosis::{ProbeFact, ProbeResult};

/// What a check of `target` gave, and how long it took since `started`.
pub(crate) fn taken(
    from: &str,
    check: &str,
    target: &str,
    (result, detail): (ProbeResult, String),
    started: Instant,
) -> ProbeFact {
    ProbeFact {
        check: check.to_owned(),
        from: from.to_owned(),
        target: target.to_owned(),
        result,
        detail,
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
