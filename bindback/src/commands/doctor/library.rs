//! What the doctor knows: its checks, its causes, and a page on each.

use admin::Shape;
use diagnosis::{catalogue, explain as page_of};
use finding::{Cause, Group};
use serde::Serialize;

use crate::failure::Found;
use crate::output::Output;
use crate::table::Table;

/// The checks, and what each asks.
const CHECKS: [(&str, &str); 5] = [
    ("admin", "whether the server's administrative interface answers"),
    ("resolve", "whether a server finds an address for its peer's name"),
    ("tcp-mapper", "whether the peer's endpoint mapper takes a connection"),
    ("map", "whether the mapper knows the port of the peer's MTA interface"),
    ("tcp-rpc", "whether that port takes an RPC bind, without logging on"),
];

#[derive(Debug, Serialize)]
struct Library {
    checks: Vec<CheckKind>,
    causes: Vec<CauseKind>,
}

#[derive(Debug, Serialize)]
struct CheckKind {
    check: &'static str,
    asks: &'static str,
}

#[derive(Debug, Serialize)]
struct CauseKind {
    cause: Cause,
    group: Group,
    meaning: &'static str,
    page: &'static str,
}

impl Shape for Library {
    const NAME: &'static str = "doctor-checks";
}

pub fn list(output: &Output) -> anyhow::Result<Found> {
    let causes = catalogue().into_iter().map(|reading| CauseKind {
        cause: reading.cause,
        group: reading.cause.group(),
        meaning: reading.cause.meaning(),
        page: reading.path,
    });
    let library = Library {
        checks: CHECKS.map(|(check, asks)| CheckKind { check, asks }).into(),
        causes: causes.collect(),
    };
    output.answer(&library, |library| {
        let mut checks = Table::new(&["CHECK", "ASKS"]);
        for check in &library.checks {
            checks.row(vec![check.check.to_owned(), check.asks.to_owned()]);
        }
        let mut causes = Table::new(&["CAUSE", "MEANING"]);
        for cause in &library.causes {
            causes.row(vec![cause.cause.to_string(), cause.meaning.to_owned()]);
        }
        format!("{}\n{}", checks.render(), causes.render())
    })?;
    Ok(Found::Nothing)
}

#[derive(Debug, Serialize)]
struct Explanation {
    cause: Cause,
    group: Group,
    meaning: &'static str,
    /// Absent for a cause that only logs tell of.
    page: Option<&'static str>,
}

impl Shape for Explanation {
    const NAME: &'static str = "doctor-explain";
}

pub fn explain(cause: Cause, output: &Output) -> anyhow::Result<Found> {
    let explanation =
        Explanation { cause, group: cause.group(), meaning: cause.meaning(), page: page_of(cause) };
    output.answer(&explanation, |explanation| match explanation.page {
        Some(page) => page.to_owned(),
        None => format!(
            "{}: {}\nThe live doctor does not look for it; there is no page on it.",
            explanation.cause, explanation.meaning
        ),
    })?;
    Ok(Found::Nothing)
}
