//! The responder of an open association: it receives APDUs, X.228 7.4.

use std::borrow::Cow;

use ber::decode_one;
use wire::DecodeError;

use super::machine::State;
use super::output::Output;
use super::parameters::Link;
use super::{StackEvent, TransferFailure};
use crate::presentation::UserData;
use crate::rtse::Data;
use crate::session::{ExceptionReason, Prefix, Spdu, SyncPoints};
use crate::{External, Layer, StackError, acse};

/// What an EXTERNAL may put around an APDU: direct reference, descriptor, lengths.
const WRAPPING: usize = 1024;

/// An open association on the side that receives.
pub(super) struct Receiver {
    pub link: Link,
    maximum_apdu: usize,
    activity: Activity,
}

enum Activity {
    Idle,
    Receiving {
        octets: Vec<u8>,
        points: SyncPoints,
    },
    /// The APDU is with the user.
    Indicated {
        serial: u32,
    },
    /// EXCEPTION DATA is sent; what was under way is passed over until the peer gives up.
    Refused,
}

impl Receiver {
    pub(super) fn new(link: Link, maximum_apdu: usize) -> Self {
        Self { link, maximum_apdu, activity: Activity::Idle }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.activity, Activity::Idle)
    }

    pub(super) fn name(&self) -> &'static str {
        match self.activity {
            Activity::Idle => "open, idle",
            Activity::Receiving { .. } => "receiving",
            Activity::Indicated { .. } => "waiting for the user's confirmation",
            Activity::Refused => "waiting for the discard",
        }
    }

    /// Answers ACTIVITY END.
    pub(super) fn confirm(&mut self, out: &mut Output) -> Result<(), StackError> {
        let Activity::Indicated { serial } = self.activity else {
            return Err(StackError::NotAllowed { command: "confirm_transfer", state: self.name() });
        };
        self.activity = Activity::Idle;
        out.send(&Spdu::ActivityEndAck { serial }, Prefix::Please)
    }

    /// Reports the exception.
    pub(super) fn refuse(
        &mut self,
        reason: ExceptionReason,
        out: &mut Output,
    ) -> Result<(), StackError> {
        if matches!(self.activity, Activity::Idle | Activity::Refused) {
            return Err(StackError::NotAllowed { command: "refuse_transfer", state: self.name() });
        }
        self.activity = Activity::Refused;
        out.send(&Spdu::ExceptionData { reason, user_data: &[] }, Prefix::Please)
    }

    pub(super) fn handle(mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        match spdu {
            Spdu::ActivityDiscard { reason } => {
                return self.give_up(*reason, &Spdu::ActivityDiscardAck, spdu, out);
            }
            // Nothing is kept of an interrupted activity: a resumption is refused.
            Spdu::ActivityInterrupt { reason } => {
                return self.give_up(*reason, &Spdu::ActivityInterruptAck, spdu, out);
            }
            _ => {}
        }
        let name = self.name();
        match &mut self.activity {
            Activity::Idle => return self.handle_idle(spdu, out),
            Activity::Receiving { octets, points } => match spdu {
                Spdu::Data { user_data } => {
                    append(octets, user_data, self.link)?;
                    self.check_size(out)?;
                }
                Spdu::MinorSync { serial, .. } if points.arrive(*serial) => {
                    out.send(&Spdu::MinorSyncAck { serial: *serial }, Prefix::Please)?;
                }
                Spdu::ActivityEnd { serial } if points.arrive(*serial) => {
                    let octets = std::mem::take(octets);
                    self.end(*serial, octets, out)?;
                }
                _ => return unexpected("DATA TRANSFER or the next point", spdu, name),
            },
            Activity::Indicated { .. } => return unexpected("nothing", spdu, name),
            Activity::Refused => match spdu {
                Spdu::Data { .. } | Spdu::MinorSync { .. } | Spdu::ActivityEnd { .. } => {}
                _ => return unexpected("ACTIVITY DISCARD", spdu, name),
            },
        }
        Ok(State::Receiver(self))
    }

    fn handle_idle(mut self, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
        match spdu {
            Spdu::ActivityStart { .. } => {
                self.activity =
                    Activity::Receiving { octets: Vec::new(), points: SyncPoints::new() };
                Ok(State::Receiver(self))
            }
            Spdu::ActivityResume { .. } => Err(StackError::UnknownActivity),
            Spdu::Finish { user_data } => {
                self.answer_release(user_data, out)?;
                out.tell(StackEvent::ReleaseIndication);
                Ok(State::Closed)
            }
            _ => unexpected("ACTIVITY START or FINISH", spdu, self.name()),
        }
    }

    /// The peer gives the activity up.
    fn give_up(
        mut self,
        reason: ExceptionReason,
        answer: &Spdu<'_>,
        spdu: &Spdu<'_>,
        out: &mut Output,
    ) -> Result<State, StackError> {
        match self.activity {
            Activity::Idle => return unexpected("ACTIVITY START or FINISH", spdu, self.name()),
            Activity::Receiving { .. } | Activity::Indicated { .. } => {
                let reason = TransferFailure::DiscardedByPeer(reason);
                out.tell(StackEvent::TransferFailed { reason });
            }
            Activity::Refused => {}
        }
        out.send(answer, Prefix::Please)?;
        self.activity = Activity::Idle;
        Ok(State::Receiver(self))
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

    /// Queues DISCONNECT for a FINISH.
    fn answer_release(&self, user_data: &[u8], out: &mut Output) -> Result<(), StackError> {
        let contexts = self.link.contexts;
        // Some peers leave the RLRQ out; there is nothing in it that matters.
        if !user_data.is_empty() {
            let element = decode_one("FINISH user data", user_data)
                .map_err(Layer::Presentation.malformed())?;
            let data = UserData::decode(element).map_err(Layer::Presentation.malformed())?;
            if let Some(apdu) = data.value(contexts.acse) {
                acse::Apdu::decode(apdu).map_err(Layer::Acse.malformed())?;
            }
        }
        let rlre = acse::Apdu::ReleaseResponse { reason: Some(0) }.encode();
        let data = UserData::single(contexts.acse, &rlre).to_vec();
        out.send(&Spdu::Disconnect { user_data: &data }, Prefix::Give)
    }
}

fn unexpected<T>(
    expected: &'static str,
    spdu: &Spdu<'_>,
    state: &'static str,
) -> Result<T, StackError> {
    Err(StackError::Unexpected { layer: Layer::Session, expected, got: spdu.name(), state })
}

/// Appends the octets of the RTTR in a DATA TRANSFER.
fn append(octets: &mut Vec<u8>, user_data: &[u8], link: Link) -> Result<(), StackError> {
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
