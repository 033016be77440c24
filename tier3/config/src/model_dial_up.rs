//! `[[dial_up]]`, as the rest of the server sees it.

use std::path::PathBuf;
use std::time::Duration;

use crate::model_x400::Schedule;

/// `[[dial_up]]`: the way to a peer is dialled on demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialUp {
    /// The MTA name of the peer, in the very spelling of its `[[peer]]`.
    pub peer: String,
    /// Program and arguments; empty only where this server never dials.
    pub dial: Vec<String>,
    /// Without it the dial command stands for the link, and its end for the end of the call.
    pub hang_up: Option<Vec<String>>,
    pub interface: Option<String>,
    pub device: Option<String>,
    pub lock_file: Option<PathBuf>,
    /// From the start of the command to the peer's answer over the link.
    pub dial_timeout: Duration,
    /// Calls in a row, 1 or more.
    pub tries: u32,
    pub redial: Duration,
    pub open_interval: Duration,
    pub open_retries: u32,
    pub idle: Duration,
    pub longest_call: Duration,
    pub schedule: Schedule,
}

impl DialUp {
    /// True when this server waits for the peer's calls and makes none.
    #[must_use]
    pub fn waits_for_calls(&self) -> bool {
        self.schedule == Schedule::RemoteInitiated
    }
}
