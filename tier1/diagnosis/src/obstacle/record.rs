//! One failure as it was recorded: by an event, or by what a server remembers of its peer.

use event::{Event, Layer, id};
use jiff::{SignedDuration, Timestamp};

use super::collector::{Attempt, Trouble};
use super::{Step, Witness};
use crate::snapshot::{FailureFacts, PeerFacts, ServerFacts};

/// An event and a peer's last failure are of the same attempt when they are no further apart.
const SAME_ATTEMPT: SignedDuration = SignedDuration::from_secs(10);

/// Exact reasons of a refusal, as the refusing server logs them: no such account, wrong password, password expired, disabled, no
/// right to log on from the network, no trust, expired, password to be changed, locked, nobody to ask.
const EXACT: [u32; 10] = [1317, 1326, 1330, 1331, 1385, 1788, 1793, 1907, 1909, 1311];

/// True for a code that never goes over the wire: whoever has it has it from the log of the server that refused.
pub(super) fn is_exact(code: u32) -> bool {
    EXACT.contains(&code)
}

/// Whether a failure on an incoming call is our refusal, and not our own failed bind-back.
///
/// The log tells, where it has an event of that attempt; else the code does: exact codes never go over the wire, and in a
/// refusal no call of our own failed.
pub(super) fn is_refusal(server: &ServerFacts, peer: &PeerFacts, failure: &FailureFacts) -> bool {
    let distance = |number| {
        let event = newest(server, number, &peer.name)?;
        let distance = event.time.duration_since(failure.time).abs();
        (distance <= SAME_ATTEMPT).then_some(distance)
    };
    match (distance(id::SECURITY_VIOLATION), distance(id::BIND_BACK_FAILED)) {
        (Some(refused), Some(failed)) if refused != failed => return refused < failed,
        (Some(_), None) => return true,
        (None, Some(_)) => return false,
        _ => {}
    }
    let exact = is_exact(failure.code);
    let here = matches!(failure.layer, Some(Layer::Authentication | Layer::AccessCheck) | None);
    exact || (failure.code == 5 && failure.comms == 0 && failure.protocol_string.is_none() && here)
}

pub(super) fn near(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b).abs() <= SAME_ATTEMPT
}

pub(super) fn newest<'a>(server: &'a ServerFacts, number: u32, peer: &str) -> Option<&'a Event> {
    let about = |event: &&Event| {
        let named = event.peer.as_deref().or_else(|| event.word("remote_server"));
        event.id == number && named.is_some_and(|name| name.eq_ignore_ascii_case(peer))
    };
    server.events.iter().filter(about).max_by_key(|event| event.time)
}

/// A failure, from the log or from what the server remembers of its peer.
pub(super) struct Record {
    pub(super) source: String,
    pub(super) time: Timestamp,
    pub(super) code: u32,
    pub(super) comms: u32,
    pub(super) bind: u32,
    pub(super) layer: Option<Layer>,
    pub(super) text: String,
    pub(super) protocol_string: Option<String>,
}

impl Record {
    /// The newer of the two; of the same attempt the event, which says more.
    pub(super) fn choose(
        server: &ServerFacts,
        event: Option<&Event>,
        facts: Option<&FailureFacts>,
    ) -> Option<Self> {
        match (event, facts) {
            (Some(event), Some(facts)) if facts.time.duration_since(event.time) > SAME_ATTEMPT => {
                Some(Self::from_facts(server, facts))
            }
            (Some(event), _) => Some(Self::from_event(server, event)),
            (None, Some(facts)) => Some(Self::from_facts(server, facts)),
            (None, None) => None,
        }
    }

    pub(super) fn from_event(server: &ServerFacts, event: &Event) -> Self {
        let code = event.code().unwrap_or_default();
        Self {
            source: format!("{} event {}", server.name, event.id),
            time: event.time,
            code,
            comms: event.comms().unwrap_or(code),
            bind: event.bind().unwrap_or_default(),
            layer: event.layer,
            text: event.word("detail").unwrap_or_default().to_owned(),
            protocol_string: event.word("protocol_string").map(str::to_owned),
        }
    }

    pub(super) fn from_facts(server: &ServerFacts, facts: &FailureFacts) -> Self {
        Self {
            source: format!("{} last failure", server.name),
            time: facts.time,
            code: facts.code,
            comms: facts.comms,
            bind: facts.bind,
            layer: facts.layer,
            text: facts.text.clone(),
            protocol_string: facts.protocol_string.clone(),
        }
    }

    pub(super) fn attempt<'a>(&self, caller: &'a str, called: &'a str, step: Step) -> Attempt<'a> {
        let trouble = match self.layer {
            _ if self.code == 5 || is_exact(self.code) => Trouble::Denied,
            Some(Layer::Name) => Trouble::Name,
            _ => Trouble::Way,
        };
        Attempt { caller, called, time: self.time, step, trouble }
    }

    pub(super) fn witness(self, step: Step, first_hand: bool, mut says: String) -> Witness {
        says.push_str(&format!(
            ": code {}, comms error {}, bind error {}",
            self.code, self.comms, self.bind
        ));
        if let Some(layer) = self.layer {
            says.push_str(&format!(", at layer {layer}"));
        }
        if !self.text.is_empty() {
            says.push_str(&format!(" ({})", self.text));
        }
        says.push_str(&format!(", at {}", self.time));
        // The caller's layer of a failed bind-back says no more than that it was the bind-back.
        let layer = self.layer.filter(|layer| first_hand || *layer != Layer::BindBack);
        Witness {
            source: self.source,
            step,
            first_hand,
            code: self.code,
            layer,
            says,
            protocol_string: self.protocol_string,
        }
    }
}
