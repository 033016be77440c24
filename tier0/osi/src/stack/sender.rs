//! The side of an open association that has the turn: it sends APDUs, X.228 7.4.

use super::output::Output;
use super::parameters::Link;
use super::recover::{Progress, activity_octets};
use super::{StackEvent, TransferFailure};
use crate::presentation::{external_head, wrap_octets};
use crate::rtse::{Negotiation, SessionIdentifier};
use crate::session::{DATA_PREFIX, ExceptionReason, Prefix, Resume, Spdu, SyncPoints};
use crate::{Layer, StackError};

/// Segments of one activity: as many as there are serial numbers, X.225 8.3.1.
const MAX_SEGMENTS: usize = 999_998;
/// How often one activity is interrupted and resumed on one association before it is given up.
const MAX_RESUMPTIONS: u32 = 3;

/// The sending half.
pub(super) struct Sender {
    link: Link,
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
        segments: Segments,
    },
    /// The peer cannot take it now; ACTIVITY INTERRUPT is sent, and it is resumed after.
    Interrupting(Segments),
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
    resumptions: u32,
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
            Activity::Interrupting(_) => "interrupting",
            Activity::Discarding { .. } => "discarding",
        }
    }

    /// Starts the activity; its data are made as they are polled.
    pub(super) fn transfer(&mut self, apdu: Vec<u8>, out: &mut Output) -> Result<(), StackError> {
        if !self.is_idle() {
            return Err(StackError::NotAllowed { command: "transfer", state: self.name() });
        }
        let segments = self.segments(apdu)?;
        // Wraps before the INTEGER would pass the six octets of an activity identifier.
        self.activities = self.activities % 0x7fff_ffff + 1;
        let activity = activity_octets(self.activities);
        let start = Spdu::ActivityStart { activity: &activity, user_data: &[] };
        out.send(&start, Prefix::Give)?;
        self.activity = Activity::Sending(segments);
        Ok(())
    }

    fn segments(&self, apdu: Vec<u8>) -> Result<Segments, StackError> {
        let (what, size, limit) = ("apdu", apdu.len(), self.maximum_apdu);
        if size > limit {
            return Err(StackError::TooLarge { what, size, limit });
        }
        ber::decode_one("APDU to transfer", &apdu).map_err(StackError::NotOneValue)?;
        let head = if self.link.normal {
            external_head(self.link.contexts.apdu, apdu.len())
        } else {
            Vec::new()
        };
        let total = head.len() + apdu.len();
        let segment = match usize::from(self.negotiation.checkpoint_kib) * 1024 {
            // Without checkpoints the whole is one RTTR, X.228 7.4.
            0 => total,
            octets => octets,
        };
        if total.div_ceil(segment) > MAX_SEGMENTS {
            return Err(StackError::TooLarge { what, size, limit: segment * MAX_SEGMENTS });
        }
        let points = SyncPoints::new();
        let (offset, checkpoint_due, resumptions) = (0, false, 0);
        Ok(Segments { head, apdu, offset, size: segment, checkpoint_due, points, resumptions })
    }

    /// Goes on with an activity of an association that broke.
    pub(super) fn resume(
        &mut self,
        session: &SessionIdentifier,
        activity: u32,
        (apdu, serial): (Vec<u8>, u32),
        out: &mut Output,
    ) -> Result<(), StackError> {
        let mut segments = self.segments(apdu)?;
        segments.rewind(serial);
        self.activities = activity;
        let octets = activity_octets(activity);
        out.send(
            &Spdu::ActivityResume(Resume {
                called: &[],
                calling: &session.calling,
                common: &session.common,
                additional: &session.additional,
                old_activity: &octets,
                serial,
                activity: &octets,
            }),
            Prefix::Give,
        )?;
        self.activity = Activity::Sending(segments);
        Ok(())
    }

    /// The activity under way, its APDU and the last confirmed checkpoint, where there is one.
    pub(super) fn progress(&self) -> Option<(u32, &[u8], u32)> {
        let (segments, points) = match &self.activity {
            Activity::Sending(segments) | Activity::Interrupting(segments) => {
                (segments, segments.points)
            }
            Activity::Ending { segments, points, .. } => (segments, *points),
            Activity::Idle | Activity::Discarding { .. } => return None,
        };
        let serial = points.last_confirmed();
        (serial > 0).then_some((self.activities, segments.apdu.as_slice(), serial))
    }

    /// What is left of an activity that the peer confirmed a checkpoint of.
    pub(super) fn take_progress(&mut self) -> Option<(u32, Progress)> {
        let (segments, points) = match std::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Sending(segments) => {
                let points = segments.points;
                (segments, points)
            }
            Activity::Ending { points, segments, .. } => (segments, points),
            _ => return None,
        };
        // Without a confirmed checkpoint there is nothing to go on from, X.228 7.7.
        let serial = points.last_confirmed();
        (serial > 0).then_some((self.activities, Progress::Sent { apdu: segments.apdu, serial }))
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
            let Activity::Sending(segments) = std::mem::replace(&mut self.activity, Activity::Idle)
            else {
                return None;
            };
            self.activity = Activity::Ending { serial, points, segments };
            return encode(&Spdu::ActivityEnd { serial });
        }
        if segments.points.outstanding() >= u32::from(self.negotiation.window)
            && self.negotiation.checkpoint_kib != 0
        {
            return None;
        }
        Some(segments.next_data(self.link))
    }

    pub(super) fn handle(&mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<(), StackError> {
        let expected = match (&mut self.activity, spdu) {
            (Activity::Sending(Segments { points, .. }), Spdu::MinorSyncAck { serial })
                if points.awaits(*serial) =>
            {
                *points = points.confirmed(*serial);
                return Ok(());
            }
            // The number of the end itself is ACTIVITY END ACK's to confirm.
            (Activity::Ending { serial: end, points, .. }, Spdu::MinorSyncAck { serial })
                if serial < end && points.awaits(*serial) =>
            {
                *points = points.confirmed(*serial);
                return Ok(());
            }
            (Activity::Ending { serial: end, .. }, Spdu::ActivityEndAck { serial })
                if serial == end =>
            {
                out.tell(StackEvent::TransferConfirmed);
                self.activity = Activity::Idle;
                return Ok(());
            }
            (
                Activity::Sending(_) | Activity::Ending { .. },
                Spdu::ExceptionData { reason, .. },
            ) => {
                return self.give_up(*reason, out);
            }
            (Activity::Sending(_) | Activity::Ending { .. }, Spdu::ExceptionReport) => {
                return self.give_up(ExceptionReason::Unspecified, out);
            }
            (Activity::Interrupting(_), Spdu::ActivityInterruptAck) => {
                return self.resume_here(out);
            }
            // What crossed the interrupt or the discard on its way.
            (
                Activity::Interrupting(_) | Activity::Discarding { .. },
                Spdu::MinorSyncAck { .. } | Spdu::ActivityEndAck { .. },
            ) => return Ok(()),
            (Activity::Discarding { reason }, Spdu::ActivityDiscardAck) => {
                let reason = TransferFailure::RefusedByPeer(*reason);
                out.tell(StackEvent::TransferFailed { reason });
                self.activity = Activity::Idle;
                return Ok(());
            }
            (Activity::Idle, _) => "nothing",
            (Activity::Sending(_), _) => "MINOR SYNC ACK of an unconfirmed point",
            (Activity::Ending { .. }, _) => "ACTIVITY END ACK of the end that was sent",
            (Activity::Interrupting(_), _) => "ACTIVITY INTERRUPT ACK",
            (Activity::Discarding { .. }, _) => "ACTIVITY DISCARD ACK",
        };
        let (layer, state) = (Layer::Session, self.name());
        Err(StackError::Unexpected { layer, expected, got: spdu.name(), state })
    }

    /// The peer reports an exception: one that may pass is an interruption where a checkpoint is
    /// confirmed, X.228 7.5; any other ends the activity.
    fn give_up(&mut self, reason: ExceptionReason, out: &mut Output) -> Result<(), StackError> {
        let passes = reason == ExceptionReason::ReceivingAbilityJeopardized;
        let segments = match std::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Sending(segments) => segments,
            Activity::Ending { mut segments, points, .. } => {
                segments.points = points;
                segments
            }
            other => {
                self.activity = other;
                return Ok(());
            }
        };
        if passes && segments.points.last_confirmed() > 0 && segments.resumptions < MAX_RESUMPTIONS
        {
            out.send(&Spdu::ActivityInterrupt { reason }, Prefix::Give)?;
            self.activity = Activity::Interrupting(segments);
        } else {
            out.send(&Spdu::ActivityDiscard { reason }, Prefix::Give)?;
            self.activity = Activity::Discarding { reason };
        }
        Ok(())
    }

    /// Resumes on this very association.
    fn resume_here(&mut self, out: &mut Output) -> Result<(), StackError> {
        let Activity::Interrupting(mut segments) =
            std::mem::replace(&mut self.activity, Activity::Idle)
        else {
            return Ok(());
        };
        let serial = segments.points.last_confirmed();
        segments.rewind(serial);
        segments.resumptions += 1;
        let octets = activity_octets(self.activities);
        let resume =
            Resume { old_activity: &octets, activity: &octets, serial, ..Resume::default() };
        out.send(&Spdu::ActivityResume(resume), Prefix::Give)?;
        self.activity = Activity::Sending(segments);
        Ok(())
    }
}

impl Segments {
    fn len(&self) -> usize {
        self.head.len() + self.apdu.len()
    }

    fn is_at_end(&self) -> bool {
        self.offset == self.len()
    }

    /// Goes back to just after a checkpoint; every segment before it was full.
    fn rewind(&mut self, serial: u32) {
        let segments = usize::try_from(serial).unwrap_or(usize::MAX);
        self.offset = self.size.saturating_mul(segments).min(self.len());
        self.checkpoint_due = false;
        self.points = SyncPoints::resumed(serial);
    }

    /// The TSDU of the next segment.
    fn next_data(&mut self, link: Link) -> Vec<u8> {
        let (start, end) = (self.offset, self.len().min(self.offset + self.size));
        self.offset = end;
        self.checkpoint_due = !self.is_at_end();
        let split = self.head.len();
        let fill = |out: &mut Vec<u8>| {
            out.extend_from_slice(&self.head[start.min(split)..end.min(split)]);
            out.extend_from_slice(&self.apdu[start.max(split) - split..end.max(split) - split]);
        };
        if link.normal {
            return wrap_octets(&DATA_PREFIX, link.contexts.rtse, end - start, fill);
        }
        // X.410 mode has the octets bare.
        let mut out = Vec::with_capacity(DATA_PREFIX.len() + end - start);
        out.extend_from_slice(&DATA_PREFIX);
        fill(&mut out);
        out
    }
}

/// An SPDU that holds a serial number alone, which always fits.
fn encode(spdu: &Spdu<'_>) -> Option<Vec<u8>> {
    spdu.encode(Prefix::Give).ok()
}
