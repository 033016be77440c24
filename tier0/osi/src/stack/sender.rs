//! The initiator of an open association: it sends APDUs, X.228 7.4.

use super::machine::State;
use super::output::Output;
use super::parameters::Link;
use super::{StackEvent, TransferFailure};
use crate::presentation::{external_head, wrap_octets};
use crate::rtse::Negotiation;
use crate::session::{DATA_PREFIX, ExceptionReason, Prefix, Spdu, SyncPoints};
use crate::{Layer, StackError};

/// Segments of one activity: as many as there are serial numbers, X.225 8.3.1.
const MAX_SEGMENTS: usize = 999_998;

/// An open association on the side that sends.
pub(super) struct Sender {
    pub link: Link,
    negotiation: Negotiation,
    maximum_apdu: usize,
    /// Counts activities; its value names the one under way.
    activities: u32,
    activity: Activity,
}

enum Activity {
    Idle,
    Sending(Segments),
    /// ACTIVITY END is sent with this number.
    Ending {
        serial: u32,
        points: SyncPoints,
    },
    /// The peer refused; ACTIVITY DISCARD is sent.
    Discarding {
        reason: ExceptionReason,
    },
}

/// An APDU on its way out: head and APDU are one run of octets, never joined in memory.
struct Segments {
    head: Vec<u8>,
    apdu: Vec<u8>,
    offset: usize,
    /// Octets of a segment.
    size: usize,
    /// A segment went out and its synchronisation point has not.
    checkpoint_due: bool,
    points: SyncPoints,
}

impl Sender {
    pub(super) fn new(link: Link, negotiation: Negotiation, maximum_apdu: usize) -> Self {
        Self { link, negotiation, maximum_apdu, activities: 0, activity: Activity::Idle }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.activity, Activity::Idle)
    }

    pub(super) fn name(&self) -> &'static str {
        match self.activity {
            Activity::Idle => "open, idle",
            Activity::Sending(_) => "sending",
            Activity::Ending { .. } => "waiting for the activity's end",
            Activity::Discarding { .. } => "discarding",
        }
    }

    /// Starts the activity; its data are made as they are polled.
    pub(super) fn transfer(&mut self, apdu: Vec<u8>, out: &mut Output) -> Result<(), StackError> {
        if !self.is_idle() {
            return Err(StackError::NotAllowed { command: "transfer", state: self.name() });
        }
        let (what, size, limit) = ("apdu", apdu.len(), self.maximum_apdu);
        if size > limit {
            return Err(StackError::TooLarge { what, size, limit });
        }
        ber::decode_one("APDU to transfer", &apdu).map_err(StackError::NotOneValue)?;
        let head = external_head(self.link.contexts.apdu, apdu.len());
        let total = head.len() + apdu.len();
        let segment = match usize::from(self.negotiation.checkpoint_kib) * 1024 {
            // Without checkpoints the whole is one RTTR, X.228 7.4.
            0 => total,
            octets => octets,
        };
        if total.div_ceil(segment) > MAX_SEGMENTS {
            return Err(StackError::TooLarge { what, size, limit: segment * MAX_SEGMENTS });
        }
        // Wraps before the INTEGER would pass the six octets of an activity identifier.
        self.activities = self.activities % 0x7fff_ffff + 1;
        let mut activity = ber::Encoder::new();
        activity.integer(ber::Tag::INTEGER, i64::from(self.activities));
        let start = Spdu::ActivityStart { activity: &activity.finish(), user_data: &[] };
        out.send(&start, Prefix::Give)?;
        self.activity = Activity::Sending(Segments {
            head,
            apdu,
            offset: 0,
            size: segment,
            checkpoint_due: false,
            points: SyncPoints::new(),
        });
        Ok(())
    }

    /// The next TSDU of the activity, as far as the window allows.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let Activity::Sending(segments) = &mut self.activity else { return None };
        if segments.checkpoint_due {
            segments.checkpoint_due = false;
            let serial = segments.points.take()?;
            return encode(&Spdu::MinorSync { serial, explicit: true });
        }
        if segments.is_at_end() {
            let mut points = segments.points;
            let serial = points.take()?;
            self.activity = Activity::Ending { serial, points };
            return encode(&Spdu::ActivityEnd { serial });
        }
        if segments.points.outstanding() >= u32::from(self.negotiation.window)
            && self.negotiation.checkpoint_kib != 0
        {
            return None;
        }
        Some(segments.next_data(self.link))
    }

    pub(super) fn handle(mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        let expected = match (&mut self.activity, spdu) {
            (Activity::Sending(Segments { points, .. }), Spdu::MinorSyncAck { serial })
                if points.awaits(*serial) =>
            {
                *points = points.confirmed(*serial);
                return Ok(State::Sender(self));
            }
            // The number of the end itself is ACTIVITY END ACK's to confirm.
            (Activity::Ending { serial: end, points }, Spdu::MinorSyncAck { serial })
                if serial < end && points.awaits(*serial) =>
            {
                *points = points.confirmed(*serial);
                return Ok(State::Sender(self));
            }
            (Activity::Ending { serial: end, .. }, Spdu::ActivityEndAck { serial })
                if serial == end =>
            {
                out.tell(StackEvent::TransferConfirmed);
                self.activity = Activity::Idle;
                return Ok(State::Sender(self));
            }
            (
                Activity::Sending(_) | Activity::Ending { .. },
                Spdu::ExceptionData { reason, .. },
            ) => {
                return self.discard(*reason, out);
            }
            (Activity::Sending(_) | Activity::Ending { .. }, Spdu::ExceptionReport) => {
                return self.discard(ExceptionReason::Unspecified, out);
            }
            (Activity::Discarding { reason }, Spdu::ActivityDiscardAck) => {
                let reason = TransferFailure::RefusedByPeer(*reason);
                out.tell(StackEvent::TransferFailed { reason });
                self.activity = Activity::Idle;
                return Ok(State::Sender(self));
            }
            (Activity::Idle, _) => "nothing",
            (Activity::Sending(_), _) => "MINOR SYNC ACK of an unconfirmed point",
            (Activity::Ending { .. }, _) => "ACTIVITY END ACK of the end that was sent",
            (Activity::Discarding { .. }, _) => "ACTIVITY DISCARD ACK",
        };
        let (layer, state) = (Layer::Session, self.name());
        Err(StackError::Unexpected { layer, expected, got: spdu.name(), state })
    }

    /// Gives the activity up for the reason that the peer gave.
    fn discard(mut self, reason: ExceptionReason, out: &mut Output) -> Result<State, StackError> {
        out.send(&Spdu::ActivityDiscard { reason }, Prefix::Give)?;
        self.activity = Activity::Discarding { reason };
        Ok(State::Sender(self))
    }
}

impl Segments {
    fn len(&self) -> usize {
        self.head.len() + self.apdu.len()
    }

    fn is_at_end(&self) -> bool {
        self.offset == self.len()
    }

    /// The TSDU of the next segment.
    fn next_data(&mut self, link: Link) -> Vec<u8> {
        let (start, end) = (self.offset, self.len().min(self.offset + self.size));
        self.offset = end;
        self.checkpoint_due = !self.is_at_end();
        let split = self.head.len();
        wrap_octets(&DATA_PREFIX, link.contexts.rtse, end - start, |out| {
            out.extend_from_slice(&self.head[start.min(split)..end.min(split)]);
            out.extend_from_slice(&self.apdu[start.max(split) - split..end.max(split) - split]);
        })
    }
}

/// An SPDU that holds a serial number alone, which always fits.
fn encode(spdu: &Spdu<'_>) -> Option<Vec<u8>> {
    spdu.encode(Prefix::Give).ok()
}
