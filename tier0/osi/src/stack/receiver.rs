//! The side of an open association that has not the turn: it receives APDUs, X.228 7.4.

use std::borrow::Cow;

use ber::decode_one;
use wire::DecodeError;

use super::output::Output;
use super::parameters::Link;
use super::recover::{Progress, activity_number};
use super::{StackEvent, TransferFailure};
use crate::presentation::UserData;
use crate::rtse::Data;
use crate::session::{ExceptionReason, Prefix, Resume, Spdu, SyncPoints};
use crate::{External, Layer, StackError};

/// What an EXTERNAL may put around an APDU: direct reference, descriptor, lengths.
const WRAPPING: usize = 1024;

/// The receiving half.
pub(super) struct Receiver {
    link: Link,
    maximum_apdu: usize,
    activity: Activity,
    /// The activity under way, or the last one that ended well.
    number: u32,
    /// What is kept of an activity that was interrupted here or on a broken association.
    kept: Option<(u32, Progress)>,
    /// The last activity was taken whole.
    completed: bool,
    /// The user wants to hear of checkpoints.
    tells: bool,
}

enum Activity {
    Idle,
    Receiving {
        octets: Vec<u8>,
        points: SyncPoints,
        /// Octets at each checkpoint, by its number from 1 on.
        marks: Vec<usize>,
    },
    /// The APDU is with the user.
    Indicated {
        serial: u32,
    },
    /// EXCEPTION DATA is sent; what was under way is passed over until the peer gives up.
    Refused {
        octets: Vec<u8>,
        marks: Vec<usize>,
    },
}

impl Receiver {
    pub(super) fn new(link: Link, maximum_apdu: usize) -> Self {
        let (activity, number, kept) = (Activity::Idle, 0, None);
        Self { link, maximum_apdu, activity, number, kept, completed: false, tells: false }
    }

    /// With an event for each checkpoint.
    pub(super) fn telling(self, tells: bool) -> Self {
        Self { tells, ..self }
    }

    /// Takes what an association that broke left behind.
    pub(super) fn keep(&mut self, activity: u32, progress: Progress) {
        self.kept = Some((activity, progress));
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.activity, Activity::Idle)
    }

    pub(super) fn name(&self) -> &'static str {
        match self.activity {
            Activity::Idle => "open, idle",
            Activity::Receiving { .. } => "receiving",
            Activity::Indicated { .. } => "waiting for the user's confirmation",
            Activity::Refused { .. } => "waiting for the discard",
        }
    }

    /// Answers ACTIVITY END.
    pub(super) fn confirm(&mut self, out: &mut Output) -> Result<(), StackError> {
        let Activity::Indicated { serial } = self.activity else {
            return Err(StackError::NotAllowed { command: "confirm_transfer", state: self.name() });
        };
        self.activity = Activity::Idle;
        self.completed = true;
        out.send(&Spdu::ActivityEndAck { serial }, Prefix::Please)
    }

    /// Reports the exception.
    pub(super) fn refuse(
        &mut self,
        reason: ExceptionReason,
        out: &mut Output,
    ) -> Result<(), StackError> {
        if matches!(self.activity, Activity::Idle | Activity::Refused { .. }) {
            return Err(StackError::NotAllowed { command: "refuse_transfer", state: self.name() });
        }
        let left = std::mem::replace(&mut self.activity, Activity::Idle);
        let (octets, marks) = match left {
            Activity::Receiving { octets, marks, .. } => (octets, marks),
            _ => (Vec::new(), Vec::new()),
        };
        self.activity = Activity::Refused { octets, marks };
        out.send(&Spdu::ExceptionData { reason, user_data: &[] }, Prefix::Please)
    }

    /// What came until the last checkpoint of the activity under way.
    pub(super) fn partial(&self) -> Option<(u32, &[u8], &[usize])> {
        let Activity::Receiving { octets, marks, .. } = &self.activity else { return None };
        let length = *marks.last()?;
        Some((self.number, &octets[..length], marks))
    }

    /// What is left when the association breaks: of the activity under way, or that the last
    /// one was taken whole and the peer may not have heard.
    pub(super) fn take_progress(&mut self) -> Option<(u32, Progress)> {
        match std::mem::replace(&mut self.activity, Activity::Idle) {
            Activity::Receiving { octets, marks, .. } if !marks.is_empty() => {
                Some((self.number, Progress::Received { octets, marks }))
            }
            Activity::Indicated { .. } => Some((self.number, Progress::Pending)),
            Activity::Idle if self.completed => Some((self.number, Progress::Complete)),
            _ => self.kept.take(),
        }
    }

    pub(super) fn handle(&mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<(), StackError> {
        match spdu {
            Spdu::ActivityDiscard { reason } => {
                return self.give_up(*reason, &Spdu::ActivityDiscardAck, spdu, out);
            }
            Spdu::ActivityInterrupt { reason } => {
                self.keep_interrupted();
                return self.give_up(*reason, &Spdu::ActivityInterruptAck, spdu, out);
            }
            _ => {}
        }
        let name = self.name();
        match &mut self.activity {
            Activity::Idle => return self.handle_idle(spdu),
            Activity::Receiving { octets, points, marks } => match spdu {
                Spdu::Data { user_data } => {
                    append(octets, user_data, self.link)?;
                    self.check_size(out)?;
                }
                Spdu::MinorSync { serial, .. } if points.arrive(*serial) => {
                    marks.push(octets.len());
                    if self.tells {
                        out.tell(StackEvent::Checkpoint);
                    }
                    out.send(&Spdu::MinorSyncAck { serial: *serial }, Prefix::Please)?;
                }
                Spdu::ActivityEnd { serial } if points.arrive(*serial) => {
                    let octets = std::mem::take(octets);
                    self.end(*serial, octets, out)?;
                }
                _ => return unexpected("DATA TRANSFER or the next point", spdu, name),
            },
            Activity::Indicated { .. } => return unexpected("nothing", spdu, name),
            Activity::Refused { .. } => match spdu {
                Spdu::Data { .. } | Spdu::MinorSync { .. } | Spdu::ActivityEnd { .. } => {}
                _ => return unexpected("ACTIVITY DISCARD", spdu, name),
            },
        }
        Ok(())
    }

    fn handle_idle(&mut self, spdu: &Spdu<'_>) -> Result<(), StackError> {
        match spdu {
            Spdu::ActivityStart { activity, .. } => {
                // What was kept of an earlier one is of no use any more.
                (self.kept, self.completed) = (None, false);
                self.number = activity_number(activity);
                self.activity = Activity::Receiving {
                    octets: Vec::new(),
                    points: SyncPoints::new(),
                    marks: Vec::new(),
                };
                Ok(())
            }
            Spdu::ActivityResume(resume) => self.resume(resume),
            _ => unexpected("ACTIVITY START or FINISH", spdu, self.name()),
        }
    }

    /// Goes on with what was kept, X.228 7.6.
    fn resume(&mut self, resume: &Resume<'_>) -> Result<(), StackError> {
        let old = activity_number(resume.old_activity);
        if self.completed && self.number == old {
            return Err(StackError::CompletedActivity);
        }
        let Some((number, progress)) = self.kept.take() else {
            return Err(StackError::UnknownActivity);
        };
        let (mut octets, mut marks) = match progress {
            _ if number != old => return Err(StackError::UnknownActivity),
            Progress::Received { octets, marks } => (octets, marks),
            Progress::Complete => return Err(StackError::CompletedActivity),
            Progress::Sent { .. } | Progress::Pending => return Err(StackError::UnknownActivity),
        };
        let at = usize::try_from(resume.serial).unwrap_or(usize::MAX);
        let Some(length) = at.checked_sub(1).and_then(|at| marks.get(at).copied()) else {
            // A checkpoint that was never confirmed here.
            return Err(StackError::UnknownActivity);
        };
        octets.truncate(length);
        marks.truncate(at);
        self.number = activity_number(resume.activity);
        let points = SyncPoints::resumed(resume.serial);
        self.activity = Activity::Receiving { octets, points, marks };
        Ok(())
    }

    /// An interrupted activity may be resumed on this association.
    fn keep_interrupted(&mut self) {
        let (octets, marks) = match &mut self.activity {
            Activity::Receiving { octets, marks, .. } | Activity::Refused { octets, marks } => {
                (std::mem::take(octets), std::mem::take(marks))
            }
            _ => return,
        };
        if !marks.is_empty() {
            self.kept = Some((self.number, Progress::Received { octets, marks }));
        }
    }

    /// The peer gives the activity up.
    fn give_up(
        &mut self,
        reason: ExceptionReason,
        answer: &Spdu<'_>,
        spdu: &Spdu<'_>,
        out: &mut Output,
    ) -> Result<(), StackError> {
        match self.activity {
            Activity::Idle => return unexpected("ACTIVITY START or FINISH", spdu, self.name()),
            Activity::Receiving { .. } | Activity::Indicated { .. } => {
                let reason = TransferFailure::DiscardedByPeer(reason);
                out.tell(StackEvent::TransferFailed { reason });
            }
            Activity::Refused { .. } => {}
        }
        out.send(answer, Prefix::Please)?;
        self.activity = Activity::Idle;
        Ok(())
    }

    /// Refuses the activity once it passes the limit.
    fn check_size(&mut self, out: &mut Output) -> Result<(), StackError> {
        let limit = self.maximum_apdu;
        let Activity::Receiving { octets, .. } = &self.activity else { return Ok(()) };
        if octets.len() <= limit.saturating_add(WRAPPING) {
            return Ok(());
        }
        self.refuse(ExceptionReason::LocalUserError, out)?;
        out.tell(StackEvent::TransferFailed { reason: TransferFailure::TooLarge { limit } });
        Ok(())
    }

    /// All octets are here: hands the APDU to the user, or refuses what is none.
    fn end(&mut self, serial: u32, octets: Vec<u8>, out: &mut Output) -> Result<(), StackError> {
        let limit = self.maximum_apdu;
        let (reason, failure) = match unwrap_apdu(octets, self.link) {
            Ok(apdu) if apdu.len() <= limit => {
                self.activity = Activity::Indicated { serial };
                out.tell(StackEvent::TransferIndication { apdu });
                return Ok(());
            }
            Ok(_) => (ExceptionReason::LocalUserError, TransferFailure::TooLarge { limit }),
            Err(_) => (ExceptionReason::UnrecoverableProcedure, TransferFailure::Malformed),
        };
        self.refuse(reason, out)?;
        out.tell(StackEvent::TransferFailed { reason: failure });
        Ok(())
    }
}

fn unexpected<T>(
    expected: &'static str,
    spdu: &Spdu<'_>,
    state: &'static str,
) -> Result<T, StackError> {
    Err(StackError::Unexpected { layer: Layer::Session, expected, got: spdu.name(), state })
}

/// Appends the octets in a DATA TRANSFER: those of an RTTR, or bare ones in X.410 mode.
fn append(octets: &mut Vec<u8>, user_data: &[u8], link: Link) -> Result<(), StackError> {
    if !link.normal {
        octets.extend_from_slice(user_data);
        return Ok(());
    }
    let element = decode_one("user data", user_data).map_err(Layer::Presentation.malformed())?;
    let data = UserData::decode(element).map_err(Layer::Presentation.malformed())?;
    let Some(apdu) = data.value(link.contexts.rtse) else {
        let detail = "data in another presentation context";
        return Err(StackError::Incompatible { layer: Layer::Presentation, detail });
    };
    match Data::decode(apdu).map_err(Layer::Rtse.malformed())? {
        Data::Transfer(segment) => octets.extend_from_slice(&segment),
        Data::TurnPlease { .. } => {
            return Err(StackError::Unexpected {
                layer: Layer::Rtse,
                expected: "RTTR",
                got: "RTTP",
                state: "receiving",
            });
        }
    }
    Ok(())
}

/// Takes the EXTERNAL off; in place where the APDU is the end of it, as definite lengths have it.
fn unwrap_apdu(mut octets: Vec<u8>, link: Link) -> Result<Vec<u8>, DecodeError> {
    let element = decode_one("RTTR octets", &octets)?;
    if !link.normal {
        return Ok(octets);
    }
    let external = External::decode(element)?;
    if external.context.is_some_and(|context| context != link.contexts.apdu) {
        return Err(element.invalid("indirect-reference", "another presentation context"));
    }
    let start = match external.value {
        Cow::Borrowed(value) => {
            let start = octets.len() - value.len();
            if !std::ptr::eq(value, &raw const octets[start..]) {
                return Ok(value.to_vec());
            }
            start
        }
        Cow::Owned(value) => return Ok(value),
    };
    octets.drain(..start);
    Ok(octets)
}
