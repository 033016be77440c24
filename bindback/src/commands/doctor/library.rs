//! What the doctor knows: its checks, its causes, and a page on each.

use admin::Shape;
use diagnosis::{catalogue, explain as page_of, known};
use finding::{Cause, Group};
use serde::Serialize;

use crate::failure::Found;
use crate::output::Output;
use crate::table::Table;

/// The checks, and what each asks.
const CHECKS: &[(&str, &str)] = &[
    ("admin", "whether the server's administrative interface answers"),
    ("schedule", "whether mail waits until the hours of its connector begin, and when that is"),
    ("resolve", "whether a server finds an address for its peer's name"),
    ("tcp-mapper", "whether the peer's endpoint mapper takes a connection"),
    ("map", "whether the mapper knows the port of the peer's MTA interface"),
    ("tcp-rpc", "whether that port takes an RPC bind, without logging on"),
    ("tcp-x400", "whether the port of a peer that is called over X.400 takes a connection"),
    ("session-security", "whether both sides derive keys for sealing that fit"),
    ("loss", "whether connections need a second SYN: packets are lost on the way"),
    ("large-packets", "whether a call of 8,192 octets is answered where a small one is"),
    ("throughput", "how fast the line carries such a call"),
    (
        "tcp",
        "of any host: which of the ports 88, 102, 135, 139, 389 and 445 is open, refused or silent",
    ),
    ("resolve-system", "of any host: what the system's resolver says beside the table of names"),
    ("reverse", "of any host: what the DNS calls its address"),
    ("netbios", "of any host: its NetBIOS names (node status, UDP 137)"),
    ("netbios-name", "of any host: whether it answers to the NetBIOS name that it is called by"),
    ("ldap", "of any host: name, domain, clock and ways to log on, as its root DSE tells anybody"),
    ("smb", "of any host: which dialect of SMB 2 it takes, and whether it requires signing"),
    ("ntlm", "of any host: keys, session security, names and clock, as its challenge shows them"),
    (
        "kerberos-account",
        "of a KDC: what it says of the account before anything is proved, and its keys",
    ),
    (
        "logon",
        "of any host: whether the given account may log on over SMB, and the exact status if not",
    ),
    (
        "kerberos-logon",
        "of a domain: whether the account gets its first ticket, and the code if not",
    ),
    ("kerberos-ticket", "of a domain: whether there is a ticket for each name of the host"),
    ("ldap-account", "of a domain: attributes of the account that bear on logons"),
    ("ldap-principal", "of a domain: which accounts own the host's service principal name"),
    ("ldap-legacy-account", "of a domain: the account that older servers use"),
    ("ldap-schema-grant", "of a domain: whether NT-Security-Descriptor in the schema lets it read"),
    ("ipc", "of any host: whether IPC$ opens to the account"),
    ("sam-account", "of any host: state and wrong passwords of the account in its database"),
    ("lsa-rights", "of any host: who may, and who may not, log on from the network"),
    ("lsa-trusts", "of any host: the domains that it trusts"),
    ("shares", "of any host: its shares, as the account sees them"),
    ("group-policy", "of a domain controller: what its policies say of logons over the network"),
    (
        "way-back",
        "of a host that runs Bindback: whether it takes the account, and tries its ways for it",
    ),
    ("bind-back", "from such a host: whether its account is let in at a peer, for the bind-back"),
    ("last-bind", "from such a host: a bind that failed and has not gone well since, either way"),
    ("rpc", "of any host: whether its endpoint mapper answers a call of nobody"),
    ("rpc-mta", "of any host: whether the original MTA's interface is registered and answers"),
    ("rpc-connect", "of any host: an RPC call of the account at level connect"),
    ("rpc-packet", "the same at level packet"),
    ("rpc-integrity", "the same, signed"),
    ("rpc-privacy", "the same, sealed"),
];

/// Checks of a host that take a logon as the account.
const LOGONS: &[&str] = &[
    "logon",
    "kerberos-logon",
    "kerberos-ticket",
    "ldap-account",
    "ldap-principal",
    "ldap-legacy-account",
    "ldap-schema-grant",
    "ipc",
    "sam-account",
    "lsa-rights",
    "lsa-trusts",
    "shares",
    "group-policy",
    "way-back",
    "bind-back",
    "last-bind",
    "rpc-connect",
    "rpc-packet",
    "rpc-integrity",
    "rpc-privacy",
];

/// Whether a check of a host takes a logon.
pub fn takes_a_logon(check: &str) -> bool {
    LOGONS.contains(&check)
}

/// A check by its name, for the command line.
pub fn check(text: &str) -> Result<String, String> {
    let known: Vec<&str> = CHECKS.iter().map(|(check, _)| *check).collect();
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("there is no such check; there are {}", known.join(", ")))
}

/// A cause by its name.
pub fn cause(text: &str) -> Result<Cause, String> {
    text.parse().map_err(|error: finding::UnknownCause| {
        format!("{error}; bindback doctor --list-checks names them all")
    })
}

/// A remark that says something.
pub fn remark(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_alphanumeric) {
        return Ok(text.to_owned());
    }
    Err("it has no word; say in plain words what is seen: \"mail to WEST stops since Monday\""
        .to_owned())
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
        checks: CHECKS.iter().map(|(check, asks)| CheckKind { check, asks }).collect(),
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
