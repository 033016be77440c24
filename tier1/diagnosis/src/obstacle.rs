//! Obstacles: who cannot get into whom, with everything that was seen of it.
//!
//! A failed call of C to D and a failed bind-back of C to D meet in the same obstacle (C, D), so one fault gives one
//! diagnosis although it stops both directions. The table "which event on which side" of the published interface says whose
//! failure a record is: a bind error other than 0 on the caller means that the called server could not get back in.

mod collector;
mod record;
mod refusals;

use event::Layer;
use jiff::Timestamp;

use crate::snapshot::ProbeFact;
use crate::view::View;
use collector::Collector;
use record::is_exact;

/// The kinds of live check that go from one server to another's mail ports.
pub(crate) const ROAD_CHECKS: [&str; 5] = ["resolve", "tcp-mapper", "map", "tcp-rpc", "tcp-x400"];

/// The kinds of live check that look at the quality of the line: it may be bad and mail still crawl.
pub(crate) const LINE_CHECKS: [&str; 3] = ["loss", "large-packets", "throughput"];

/// The step of the access check at which the caller's name is looked up.
pub(crate) const PEER_STEP: &str = "peer";

/// The schedule of a connector that neither calls nor is called.
pub(crate) const NEVER: &str = "never";

/// On which of the two binds it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The actor called.
    Call,
    /// The actor was called and bound back.
    BindBack,
}

/// One record of a failure.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// Where it stands, for example `WEST event 9318`.
    pub(crate) source: String,
    pub(crate) step: Step,
    /// True when the actor itself recorded it.
    pub(crate) first_hand: bool,
    pub(crate) code: u32,
    pub(crate) layer: Option<Layer>,
    pub(crate) says: String,
    /// The name or address that was tried.
    pub(crate) protocol_string: Option<String>,
}

impl Witness {
    /// True when access was denied: 5 is what the wire gives; the exact codes stand in records of other systems.
    pub(crate) fn denied(&self) -> bool {
        self.code == 5 || is_exact(self.code)
    }
}

/// One refusal in the words of the server that refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    pub(crate) user: Option<String>,
    pub(crate) code: u32,
    pub(crate) reason: String,
    /// What was checked when it was refused (`authentication`, `role`, `peer` ...), where the event says so.
    pub(crate) step: Option<String>,
    /// What the caller showed at that step, and what the server is configured with in its place.
    pub(crate) differs: Option<(String, String)>,
}

/// Credentials of an MTA that another one refused, in the words of that one (events 48 and 51).
#[derive(Clone, Debug)]
pub(crate) struct MtaRefusal {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    pub(crate) presented: String,
    pub(crate) expected: String,
    /// What differs: `password`, `password-case`, `name`, `name-case` ...
    pub(crate) differs: String,
}

/// TLS that one of two MTAs refused, in the words of one of them (event 20020).
#[derive(Clone, Debug)]
pub(crate) struct TlsRefusal {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    /// `expired`, `untrusted`, `wrong-name` ...
    pub(crate) cause: String,
    /// Whose certificate it is.
    pub(crate) whose: String,
    pub(crate) detail: String,
}

/// What either of two MTAs logged of an association that `actor` could not open with `target` (events 37, 55, 1290, 1293).
#[derive(Clone, Debug)]
pub(crate) struct BindEvent {
    pub(crate) source: String,
    pub(crate) time: Timestamp,
    pub(crate) id: u32,
    /// The layer that refused, as docs/x400.md numbers them, and its reason.
    pub(crate) reason: (u32, u32),
    pub(crate) text: String,
}

/// `actor` cannot get into `target`.
#[derive(Clone, Debug)]
pub(crate) struct Obstacle<'a> {
    pub(crate) actor: String,
    pub(crate) target: String,
    pub(crate) witnesses: Vec<Witness>,
    /// Newest first.
    pub(crate) refusals: Vec<Refusal>,
    /// Newest first.
    pub(crate) mta_refusals: Vec<MtaRefusal>,
    /// Newest first.
    pub(crate) tls_refusals: Vec<TlsRefusal>,
    /// Events of the X.400 associations that came to nothing, newest first.
    pub(crate) bind_events: Vec<BindEvent>,
    pub(crate) checks: Vec<&'a ProbeFact>,
}

impl Obstacle<'_> {
    /// True when somebody recorded that access was denied.
    pub(crate) fn denied(&self) -> bool {
        !self.refusals.is_empty() || self.witnesses.iter().any(|witness| witness.denied())
    }

    /// What was refused and what did not even arrive are two troubles, each with a cause of its own: a call that fails by its way, beside a
    /// bind-back that is denied. Neither speaks about the other.
    fn parted(mut self) -> Vec<Self> {
        let arrived = self.denied();
        let (denied, lost): (Vec<Witness>, Vec<Witness>) =
            std::mem::take(&mut self.witnesses).into_iter().partition(Witness::denied);
        if !arrived || lost.is_empty() || lost.iter().any(|one| !one.first_hand) {
            self.witnesses = denied.into_iter().chain(lost).collect();
            return vec![self];
        }
        let way = Self {
            witnesses: lost,
            refusals: Vec::new(),
            mta_refusals: Vec::new(),
            tls_refusals: Vec::new(),
            bind_events: Vec::new(),
            ..self.clone()
        };
        self.witnesses = denied;
        vec![self, way]
    }

    /// The witnesses of one step.
    pub(crate) fn of_step(&self, step: Step) -> impl Iterator<Item = &Witness> {
        self.witnesses.iter().filter(move |witness| witness.step == step)
    }
}

/// The obstacles of a snapshot that are current, in the order of the names.
pub(crate) fn collect(view: View<'_>) -> Vec<Obstacle<'_>> {
    let mut all = Collector::new(view);
    for server in &view.snapshot.servers {
        for peer in &server.peers {
            all.take_out(server, peer);
            all.take_in(server, peer);
        }
    }
    for server in &view.snapshot.servers {
        all.take_refusals(server);
        all.take_mta_refusals(server);
        all.take_tls_refusals(server);
        all.take_bind_events(server);
    }
    all.take_checks();
    all.obstacles.into_values().flat_map(Obstacle::parted).collect()
}
