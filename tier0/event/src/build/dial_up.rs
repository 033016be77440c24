//! Events of dial-up connectors.

use super::Draft;
use crate::catalogue::id;
use crate::own;

/// What 9309 and 9311 say of a call that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFailed {
    /// The connector: the name of the peer that it leads to.
    pub gateway: String,
    /// The RAS error code.
    pub code: u32,
    /// Which connector it is, from 1, in the order of the configuration.
    pub index: u32,
    /// The failure in a word.
    pub kind: String,
    /// In words.
    pub detail: String,
    /// Which try of its row, from 1.
    pub number: u32,
    /// In how many seconds the next one is.
    pub next: Option<u32>,
    /// With which code the dial command ended.
    pub exit: Option<u32>,
    /// Its last words.
    pub output: String,
}

/// 9309: the link did not come about.
pub fn dial_failed(said: &CallFailed) -> Draft {
    call(Draft::new(id::DIAL_FAILED), said)
}

/// 9311: the link stood and failed.
pub fn link_failed(said: &CallFailed) -> Draft {
    call(Draft::new(id::LINK_FAILED), said)
}

fn call(draft: Draft, said: &CallFailed) -> Draft {
    let draft = draft
        .text("gateway", &said.gateway)
        .number("code", said.code)
        .number("index", said.index)
        .text("kind", &said.kind)
        .text("detail", &said.detail)
        .number("try", said.number)
        .peer(Some(&said.gateway));
    let draft = match said.next {
        Some(seconds) => draft.number("next", seconds),
        None => draft,
    };
    let draft = match said.exit {
        Some(code) => draft.number("exit", code),
        None => draft,
    };
    draft.maybe("output", Some(said.output.as_str()).filter(|output| !output.is_empty()))
}

/// 20040: a call stands.
pub fn call_begun(gateway: &str, seconds: u64) -> Draft {
    Draft::new(own::id::CALL_BEGUN)
        .text("gateway", gateway)
        .number("seconds", seconds)
        .peer(Some(gateway))
}

/// 20041: a call is over, and the line was hung up; `reason` says why.
pub fn call_over(gateway: &str, seconds: u64, reason: &str) -> Draft {
    Draft::new(own::id::CALL_OVER)
        .text("gateway", gateway)
        .number("seconds", seconds)
        .text("reason", reason)
        .peer(Some(gateway))
}

/// 20042: the link of a call became the default route of this machine.
pub fn default_route_taken(gateway: &str, interface: &str) -> Draft {
    Draft::new(own::id::DEFAULT_ROUTE_TAKEN)
        .text("gateway", gateway)
        .text("interface", interface)
        .peer(Some(gateway))
}
