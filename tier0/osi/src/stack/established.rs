//! An open association: whose turn it is, and which half handles what comes.
//!
//! X.228 7.3 (the turn). In a monologue the initiator keeps the turn; two-way alternate, its owner
//! gives it away while no activity is under way. Only the initiator releases, with the turn.

use ber::decode_one;

use super::machine::State;
use super::output::Output;
use super::parameters::{Link, OpenedMode};
use super::receiver::Receiver;
use super::recover::{Partial, Progress, Sending, Unfinished};
use super::sender::Sender;
use super::{AbortReason, StackEvent};
use crate::presentation::UserData;
use crate::rtse::{Data, Negotiation, RtabReason, SessionIdentifier};
use crate::session::{ExceptionReason, Prefix, Spdu};
use crate::{Layer, StackError, acse};

/// All tokens that RTSE uses: data, minor synchronize, major and activity; two bits each, of which
/// the lower one says that the token is meant, X.225 8.3.11.
const ALL_TOKENS: u8 = 0b00_01_01_01;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Mine,
    Theirs,
    /// GIVE TOKENS CONFIRM is sent.
    Giving,
}

/// An open association.
pub(super) struct Established {
    pub link: Link,
    session: SessionIdentifier,
    mode: OpenedMode,
    two_way: bool,
    negotiation: Negotiation,
    initiator: bool,
    turn: Turn,
    /// The activity under way was resumed from a broken association.
    resumed: bool,
    sender: Sender,
    receiver: Receiver,
}

impl Established {
    pub(super) fn negotiation(&self) -> Negotiation {
        self.negotiation
    }

    pub(super) fn initiator(
        link: Link,
        (session, mode, two_way): (SessionIdentifier, OpenedMode, bool),
        negotiation: Negotiation,
        sender: Sender,
        maximum_apdu: usize,
    ) -> Self {
        let resumed = false;
        let receiver = Receiver::new(link, maximum_apdu);
        let (initiator, turn) = (true, Turn::Mine);
        Self {
            link,
            session,
            mode,
            two_way,
            negotiation,
            initiator,
            turn,
            resumed,
            sender,
            receiver,
        }
    }

    pub(super) fn responder(
        link: Link,
        (session, mode, two_way): (SessionIdentifier, OpenedMode, bool),
        negotiation: Negotiation,
        turn: bool,
        maximum_apdu: usize,
    ) -> Self {
        Self {
            link,
            session,
            mode,
            two_way,
            negotiation,
            initiator: false,
            turn: if turn { Turn::Mine } else { Turn::Theirs },
            resumed: false,
            sender: Sender::new(link, negotiation, maximum_apdu),
            receiver: Receiver::new(link, maximum_apdu),
        }
    }

    /// With an event for each checkpoint that is received.
    pub(super) fn telling_checkpoints(mut self, tells: bool) -> Self {
        self.receiver = self.receiver.telling(tells);
        self
    }

    /// Goes on with what a broken association left: who sent has the turn and resumes, who received
    /// waits for that.
    pub(super) fn go_on(
        &mut self,
        unfinished: Unfinished,
        out: &mut Output,
    ) -> Result<(), StackError> {
        let Unfinished { session, activity, progress, .. } = unfinished;
        match progress {
            Progress::Sent { apdu, serial } => {
                self.turn = Turn::Mine;
                self.resumed = true;
                self.sender.resume(&session, activity, (apdu, serial), out)
            }
            received => {
                self.turn = Turn::Theirs;
                self.receiver.keep(activity, received);
                Ok(())
            }
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.turn {
            Turn::Mine => self.sender.name(),
            Turn::Theirs => self.receiver.name(),
            Turn::Giving => "giving the turn",
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.sender.is_idle() && self.receiver.is_idle() && self.turn != Turn::Giving
    }

    pub(super) fn has_turn(&self) -> bool {
        self.turn == Turn::Mine
    }

    /// Only the initiator may release, and only with the turn.
    pub(super) fn may_release(&self) -> bool {
        self.initiator && self.has_turn() && self.is_idle()
    }

    pub(super) fn is_initiator(&self) -> bool {
        self.initiator
    }

    pub(super) fn transfer(&mut self, apdu: Vec<u8>, out: &mut Output) -> Result<(), StackError> {
        if self.turn != Turn::Mine || !self.receiver.is_idle() {
            return Err(StackError::NotAllowed { command: "transfer", state: self.name() });
        }
        self.resumed = false;
        self.sender.transfer(apdu, out)
    }

    pub(super) fn confirm(&mut self, out: &mut Output) -> Result<(), StackError> {
        self.receiver.confirm(out)
    }

    pub(super) fn refuse(
        &mut self,
        reason: ExceptionReason,
        out: &mut Output,
    ) -> Result<(), StackError> {
        self.receiver.refuse(reason, out)
    }

    /// Asks for the turn; RTTP, X.228 8.7.
    pub(super) fn ask(&mut self, priority: i64, out: &mut Output) -> Result<(), StackError> {
        if !self.two_way || self.turn == Turn::Mine {
            return Err(StackError::NotAllowed { command: "request_turn", state: self.name() });
        }
        let rttp = Data::TurnPlease { priority }.encode();
        let user_data = if self.link.normal {
            UserData::single(self.link.contexts.rtse, &rttp).to_vec()
        } else {
            rttp
        };
        let spdu = Spdu::PleaseTokens { tokens: ALL_TOKENS, user_data: &user_data };
        out.send(&spdu, Prefix::Please)
    }

    /// Gives the turn away.
    pub(super) fn give(&mut self, out: &mut Output) -> Result<(), StackError> {
        if !self.two_way || self.turn != Turn::Mine || !self.is_idle() {
            return Err(StackError::NotAllowed { command: "give_turn", state: self.name() });
        }
        self.turn = Turn::Giving;
        out.send(&Spdu::GiveTokensConfirm, Prefix::Give)
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.sender.poll_transmit()
    }

    /// What came until the last checkpoint of the activity that is received.
    pub(super) fn partial(&self) -> Option<Partial<'_>> {
        let (activity, octets, marks) = self.receiver.partial()?;
        Some(Partial {
            session: &self.session,
            mode: self.mode,
            two_way: self.two_way,
            negotiation: self.negotiation,
            activity,
            octets,
            marks,
        })
    }

    /// How far the activity that is sent was confirmed.
    pub(super) fn sending(&self) -> Option<Sending<'_>> {
        let (activity, apdu, serial) = self.sender.progress()?;
        Some(Sending {
            session: &self.session,
            mode: self.mode,
            two_way: self.two_way,
            negotiation: self.negotiation,
            activity,
            serial,
            apdu,
        })
    }

    /// What is kept of an activity when this association breaks.
    pub(super) fn take_unfinished(&mut self) -> Option<Unfinished> {
        let (activity, progress) = match self.turn {
            Turn::Mine => self.sender.take_progress().or_else(|| self.receiver.take_progress()),
            _ => self.receiver.take_progress(),
        }?;
        Some(Unfinished {
            session: self.session.clone(),
            mode: self.mode,
            two_way: self.two_way,
            negotiation: self.negotiation,
            activity,
            progress,
        })
    }

    /// The peer aborts: what it says of a resumed activity may be that it has it.
    pub(super) fn aborted(&mut self, reason: AbortReason, out: &mut Output) {
        let completed = reason == AbortReason::Rtse(RtabReason::TransferCompleted);
        if completed && self.resumed && !self.sender.is_idle() {
            let _ = self.sender.take_progress();
            out.tell(StackEvent::TransferConfirmed);
        }
    }

    pub(super) fn handle(
        mut self: Box<Self>,
        spdu: &Spdu<'_>,
        out: &mut Output,
    ) -> Result<State, StackError> {
        match spdu {
            Spdu::Finish { user_data } if self.is_idle() => {
                self.answer_release(user_data, out)?;
                out.tell(StackEvent::ReleaseIndication);
                return Ok(State::Closed);
            }
            Spdu::GiveTokensConfirm
                if self.two_way && self.turn == Turn::Theirs && self.is_idle() =>
            {
                out.send(&Spdu::GiveTokensAck, Prefix::Give)?;
                self.turn = Turn::Mine;
                out.tell(StackEvent::TurnIndication);
            }
            Spdu::GiveTokensAck if self.turn == Turn::Giving => self.turn = Turn::Theirs,
            // S-TOKEN-GIVE without a confirmation, which some peers use.
            Spdu::GiveTokens { tokens }
                if self.two_way && self.turn == Turn::Theirs && self.is_idle() =>
            {
                if tokens & ALL_TOKENS != 0 {
                    self.turn = Turn::Mine;
                    out.tell(StackEvent::TurnIndication);
                }
            }
            Spdu::PleaseTokens { user_data, .. } if self.two_way && self.turn != Turn::Theirs => {
                // One that the giving has crossed asks for what it gets.
                if self.turn == Turn::Mine {
                    out.tell(StackEvent::TurnPlease { priority: self.priority(user_data)? });
                }
            }
            _ if self.turn == Turn::Mine => {
                let was_idle = self.sender.is_idle();
                self.sender.handle(spdu, out)?;
                if !was_idle && self.sender.is_idle() {
                    self.resumed = false;
                }
            }
            _ if self.turn == Turn::Theirs => self.receiver.handle(spdu, out)?,
            _ => {
                return Err(StackError::Unexpected {
                    layer: Layer::Session,
                    expected: "GIVE TOKENS ACK",
                    got: spdu.name(),
                    state: self.name(),
                });
            }
        }
        Ok(State::Open(self))
    }

    fn priority(&self, user_data: &[u8]) -> Result<i64, StackError> {
        if user_data.is_empty() {
            return Ok(0);
        }
        let rttp = if self.link.normal {
            let element =
                decode_one("user data", user_data).map_err(Layer::Presentation.malformed())?;
            let data = UserData::decode(element).map_err(Layer::Presentation.malformed())?;
            match data.value(self.link.contexts.rtse) {
                Some(value) => value.to_vec(),
                None => return Ok(0),
            }
        } else {
            user_data.to_vec()
        };
        match Data::decode(&rttp).map_err(Layer::Rtse.malformed())? {
            Data::TurnPlease { priority } => Ok(priority),
            Data::Transfer(_) => Ok(0),
        }
    }

    /// Queues DISCONNECT for a FINISH.
    fn answer_release(&self, user_data: &[u8], out: &mut Output) -> Result<(), StackError> {
        let contexts = self.link.contexts;
        if !self.link.normal {
            return out.send(&Spdu::Disconnect { user_data: &[] }, Prefix::Give);
        }
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

impl Progress {
    /// True when there is something to go on with on the receiving side.
    pub(super) fn is_received(&self) -> bool {
        !matches!(self, Self::Sent { .. })
    }
}
