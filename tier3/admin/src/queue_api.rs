//! What is asked about the queue beside its rows: holds, tracks, copies, checks.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::envelope::Shape;

/// An order to the queue or its store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum QueueOrder {
    /// Stop handing out work for a next hop; it outlasts a restart.
    Hold { next_hop: String },
    /// End the hold of a next hop.
    Release { next_hop: String },
    /// Let a message go on that was set aside.
    ReleaseMessage { id: String },
    /// What became of the messages that are found by a number, an MTS identifier, a `Message-ID` or an address.
    Track { what: String, since: Option<Timestamp>, limit: Option<u32> },
    /// Write the whole track, as JSON lines, into a new file on the server's machine.
    TrackExport { since: Option<Timestamp>, to: PathBuf },
    /// Write every message of the queue into a new directory on the server's machine.
    Export { to: PathBuf },
    /// Write the whole store, as it is at this moment, into a new directory on the server's machine.
    Backup { to: PathBuf },
}

/// What became of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAnswer {
    /// Steps that were asked for, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<TrackStep>,
    /// What was done, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// Messages in a copy, or steps in an exported track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Octets in a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<u64>,
}

/// One step of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackStep {
    pub time: Timestamp,
    /// The message's number here.
    pub id: String,
    /// `accepted`, `delivered`, `transferred`, `retried`, `rerouted`, `reported`, `discarded`, `deleted`, `warned`, `set-aside` or `released`.
    pub step: String,
    /// `message` or `report`.
    pub kind: String,
    pub mts_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Empty for a report.
    pub from: String,
    /// In octets.
    pub size: u64,
    pub recipients: Vec<TrackRecipient>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A recipient that a step is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackRecipient {
    pub number: u32,
    pub address: String,
    pub next_hop: String,
}

/// `bindback track`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    pub steps: Vec<TrackStep>,
}

/// `bindback check`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How many rows and files were looked at.
    pub objects: u64,
    pub faults: Vec<CheckFault>,
    /// Where a repair put what it took out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<PathBuf>,
}

/// One fault of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFault {
    pub object: String,
    pub what: String,
    pub loses: String,
    pub repaired: bool,
}

impl Shape for QueueAnswer {
    const NAME: &'static str = "queue-order";
}

impl Shape for Track {
    const NAME: &'static str = "track";
}

impl Shape for Check {
    const NAME: &'static str = "check";
}
