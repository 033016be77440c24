//! What is kept of an activity when its association breaks, to go on with it on another one.
//!
//! X.228 7.6 to 7.8: the sender goes on after the last checkpoint that the receiver confirmed;
//! the receiver keeps what it confirmed, and may keep it where it outlives the process. Who keeps
//! nothing refuses, and the sender starts over.

use std::fmt;

use super::parameters::OpenedMode;
use crate::rtse::{Negotiation, SessionIdentifier};

/// An activity that did not end, or whose end the sender did not hear of.
#[derive(Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The session connection that it was on.
    pub session: SessionIdentifier,
    /// The mode that its association had; the one that goes on must have it too.
    pub mode: OpenedMode,
    pub two_way: bool,
    pub(super) negotiation: Negotiation,
    pub(super) activity: u32,
    pub(super) progress: Progress,
}

/// What was received of an APDU until a checkpoint; borrowed, to be kept as the user likes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Partial<'a> {
    /// The session connection that the activity is on.
    pub session: &'a SessionIdentifier,
    pub mode: OpenedMode,
    pub two_way: bool,
    pub negotiation: Negotiation,
    pub activity: u32,
    pub octets: &'a [u8],
    /// How many octets there were at each checkpoint; the last one is all of them.
    pub marks: &'a [usize],
}

/// How far an APDU under way was confirmed to its sender; borrowed, to be kept as the user likes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sending<'a> {
    /// The session connection that the activity is on.
    pub session: &'a SessionIdentifier,
    pub mode: OpenedMode,
    pub two_way: bool,
    pub negotiation: Negotiation,
    pub activity: u32,
    /// The last confirmed checkpoint, from 1 on.
    pub serial: u32,
    pub apdu: &'a [u8],
}

/// How far it came.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Of the sender: the APDU, and the last confirmed checkpoint.
    Sent { apdu: Vec<u8>, serial: u32 },
    /// Of the receiver: the octets, and how many of them there were at each checkpoint.
    Received { octets: Vec<u8>, marks: Vec<usize> },
    /// Of the receiver: the user has the APDU, and has not said that it is safe.
    Pending,
    /// Of the receiver: the APDU is safe.
    Complete,
}

impl Unfinished {
    /// What a receiver kept until a checkpoint.
    #[must_use]
    pub fn received(partial: &Partial<'_>) -> Self {
        Self {
            session: partial.session.clone(),
            mode: partial.mode,
            two_way: partial.two_way,
            negotiation: partial.negotiation,
            activity: partial.activity,
            progress: Progress::Received {
                octets: partial.octets.to_vec(),
                marks: partial.marks.to_vec(),
            },
        }
    }

    /// What a sender was confirmed until a checkpoint; it has the APDU again, octet for octet. Any checkpoint that was
    /// confirmed will do, not only the last one (X.228 7.8).
    #[must_use]
    pub fn sent(sending: &Sending<'_>) -> Self {
        Self {
            session: sending.session.clone(),
            mode: sending.mode,
            two_way: sending.two_way,
            negotiation: sending.negotiation,
            activity: sending.activity,
            progress: Progress::Sent { apdu: sending.apdu.to_vec(), serial: sending.serial },
        }
    }

    /// The APDU that was to be sent, for who starts over.
    #[must_use]
    pub fn into_apdu(self) -> Option<Vec<u8>> {
        match self.progress {
            Progress::Sent { apdu, .. } => Some(apdu),
            _ => None,
        }
    }

    /// True when this side sends.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        matches!(self.progress, Progress::Sent { .. })
    }

    /// True when this side received until a checkpoint, so that the other side can go on.
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        matches!(self.progress, Progress::Received { .. })
    }

    /// Octets of the APDU that are kept.
    #[must_use]
    pub fn octets(&self) -> usize {
        match &self.progress {
            Progress::Sent { apdu, .. } => apdu.len(),
            Progress::Received { octets, .. } => octets.len(),
            Progress::Pending | Progress::Complete => 0,
        }
    }

    /// The user has made safe what it was given: a resumption is answered with that.
    pub fn complete(&mut self) {
        if self.progress == Progress::Pending {
            self.progress = Progress::Complete;
        }
    }
}

impl fmt::Debug for Sending<'_> {
    /// Tells sizes and no octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("activity", &self.activity)
            .field("serial", &self.serial)
            .field("octets", &self.apdu.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unfinished {
    /// Tells sizes and no octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = match &self.progress {
            Progress::Sent { serial, apdu } => format!("sent {serial} of {} octets", apdu.len()),
            Progress::Received { octets, marks } => {
                format!("received {} octets, {} checkpoints", octets.len(), marks.len())
            }
            Progress::Pending => "pending".to_owned(),
            Progress::Complete => "complete".to_owned(),
        };
        f.debug_struct("Unfinished")
            .field("activity", &self.activity)
            .field("progress", &progress)
            .finish_non_exhaustive()
    }
}

/// An activity identifier as RTSE has it: a BER INTEGER, X.228 8.3.1.
pub(super) fn activity_octets(activity: u32) -> Vec<u8> {
    let mut out = ber::Encoder::new();
    out.integer(ber::Tag::INTEGER, i64::from(activity));
    out.finish()
}

/// The number in an activity identifier; 0 for one that is no INTEGER.
pub(super) fn activity_number(octets: &[u8]) -> u32 {
    ber::decode_one("activity", octets)
        .and_then(|element| element.integer("activity"))
        .ok()
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(0)
}
