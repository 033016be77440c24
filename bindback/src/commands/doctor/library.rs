//! What the doctor knows: its checks, its causes, and a page on each.

use admin::Shape;
use diagnosis::{catalogue, explain as page_of, known};
use finding::{Cause, Group};
use serde::Serialize;

use crate::failure::Found;
use crate::output::Output;
use crate::table::Table;

/// The checks, and what each asks.
const CHECKS: [(&str, &str); 15] = [
    ("admin", "whether the server's administrative interface answers"),
    ("resolve", "whether a server finds an address for its peer's name"),
    ("tcp-mapper", "whether the peer's endpoint mapper takes a connection"),
    ("map", "whether the mapper knows the port of the peer's MTA interface"),
    ("tcp-rpc", "whether that port takes an RPC bind, without logging on"),
    (
        "tcp",
        "of any host: which of the ports 88, 102, 135, 139, 389 and 445 is open, refused or silent",
    ),
    ("smb", "of any host: which dialect of SMB 2 it takes, and whether it requires signing"),
    ("ntlm", "of any host: keys, session security, names and clock, as its challenge shows them"),
    (
        "logon",
        "of any host: whether the given account may log on over SMB, and the exact status if not",
    ),
    ("rpc", "of any host: whether its endpoint mapper answers a call of nobody"),
    ("rpc-mta", "of any host: whether the original MTA's interface is registered and answers"),
    ("rpc-connect", "of any host: an RPC call of the account at level connect"),
    ("rpc-packet", "the same at level packet"),
    ("rpc-integrity", "the same, signed"),
    ("rpc-privacy", "the same, sealed"),
];

/// A check by its name, for the command line.
pub fn check(text: &str) -> Result<String, String> {
    let known = CHECKS.map(|(check, _)| check);
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("there is no such check; there are {}", known.join(", ")))
}

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
    /// True for a cause that can be found on servers that run; the others are told from events and remarks.
    live: bool,
    /// The page written for it; absent where `--explain` makes one.
    page: Option<&'static str>,
}

impl Shape for Library {
    const NAME: &'static str = "doctor-checks";
}

pub fn list(output: &Output) -> anyhow::Result<Found> {
    let pages = catalogue();
    let causes = known().map(|cause| {
        let page = pages.iter().find(|reading| reading.cause == cause);
        CauseKind {
            cause,
            group: cause.group(),
            meaning: cause.meaning(),
            live: page.is_some(),
            page: page.map(|reading| reading.path),
        }
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
        let mut causes = Table::new(&["CAUSE", "FOUND", "MEANING"]);
        for cause in &library.causes {
            let found = if cause.live { "live" } else { "in logs" };
            causes.row(vec![cause.cause.to_string(), found.to_owned(), cause.meaning.to_owned()]);
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
    /// Written by hand for a cause that can be probed, else made from what the doctor knows.
    page: String,
}

impl Shape for Explanation {
    const NAME: &'static str = "doctor-explain";
}

pub fn explain(cause: Cause, output: &Output) -> anyhow::Result<Found> {
    let explanation =
        Explanation { cause, group: cause.group(), meaning: cause.meaning(), page: page_of(cause) };
    output.answer(&explanation, |explanation| explanation.page.clone())?;
    Ok(Found::Nothing)
}
