//! From a snapshot of facts to findings: a pure function.
//!
//! [`diagnose`] takes what others gathered (two servers' logs, peers, accounts, live checks) and says which cause explains
//! it, with what speaks for and against each. It first sorts the facts into [`obstacle`]s ("WEST cannot get into EAST"),
//! so that both directions of one fault meet, then lets each cause of [`causes`] speak to every obstacle and weighs them.
//!
//! Invariants: no clock (the snapshot carries its time), the same snapshot gives the same answer, only a condition that is
//! current counts (its latest failure is newer than the latest success). Deliberately left out: gathering, and printing.

mod address;
mod alias;
mod catalogue;
mod causes;
mod engine;
mod host;
mod joined;
mod latent;
mod obstacle;
mod offline;
mod remarks;
mod shell;
mod snapshot;
mod view;
mod watch;

#[cfg(test)]
mod tests;

pub use catalogue::{Reading, catalogue, explain, known};
pub use causes::SCHEDULE_CHECK;
pub use engine::diagnose;
pub use host::{HostFacts, Told, judge_host};
pub use joined::{Joined, Moment, Pair, join};
pub use offline::{Code, FieldCase, FieldEvent, consult, number_of};
pub use remarks::remarks;
pub use shell::{quote, words};
pub use snapshot::{
    AccountFacts, CallFailureFacts, ConnectorFacts, DialUpFacts, DirectoryFacts, FailureFacts,
    LtabFacts, PeerFacts, ProbeFact, ProbeResult, QueueFacts, Role, Selectors, ServerFacts,
    Snapshot, StoreTrouble,
};
pub use watch::{Watch, WatchAction};
