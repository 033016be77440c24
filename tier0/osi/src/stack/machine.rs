//! The machine itself: its states, and which part handles which.

use std::fmt;

use ber::decode_one;

use super::established::Established;
use super::open::Opening;
use super::output::Output;
use super::parameters::{Link, OpenParameters, RespondParameters};
use super::recover::{Partial, Sending, Unfinished};
use super::refuse::Rejection;
use super::respond::{Deciding, Gathering, Listening};
use super::{AbortReason, StackEvent};
use crate::presentation::UserData;
use crate::rtse::Negotiation;
use crate::session::{ExceptionReason, Prefix, Spdu, Tsdu};
use crate::{Layer, StackError, acse};

/// One association, from CONNECT to its end.
///
/// Input is [`handle_tsdu`](Self::handle_tsdu) and the commands; after each, output waits in
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event). Data of a transfer
/// are made as they are polled, so polling only as fast as the carrier sends bounds the memory.
pub struct Stack {
    state: State,
    out: Output,
    release_wanted: bool,
}

/// A state owns exactly its data; a transition consumes it.
pub(super) enum State {
    /// Responder, before CONNECT.
    Listening(Listening),
    /// Initiator, CONNECT sent.
    Opening(Opening),
    /// Responder, more open data is awaited.
    Gathering(Gathering),
    /// Responder, the user decides.
    Deciding(Box<Deciding>),
    Open(Box<Established>),
    /// Initiator, FINISH sent.
    Releasing(Link),
    Closed,
}

impl Stack {
    /// An initiator, whose CONNECT waits in `poll_transmit`.
    ///
    /// Parameters that do not fit a CONNECT give an `Aborted` event and nothing to send.
    #[must_use]
    pub fn initiator(parameters: OpenParameters) -> Self {
        let mut out = Output::default();
        let state = match Opening::start(&parameters, &mut out) {
            Ok(opening) => State::Opening(opening),
            Err(error) => {
                let reason = AbortReason::of_error(&error);
                out.tell(StackEvent::Aborted { by_peer: false, reason });
                State::Closed
            }
        };
        Self { state, out, release_wanted: false }
    }

    /// A responder, which waits for CONNECT.
    #[must_use]
    pub fn responder(parameters: RespondParameters) -> Self {
        let state = State::Listening(Listening { parameters });
        Self { state, out: Output::default(), release_wanted: false }
    }

    /// Takes a TSDU from the carrier; after the association's end it is passed over.
    ///
    /// # Errors
    /// The peer broke the protocol: the association is aborted, an ABORT and an `Aborted` event
    /// are queued.
    pub fn handle_tsdu(&mut self, tsdu: &[u8]) -> Result<(), StackError> {
        let state = std::mem::replace(&mut self.state, State::Closed);
        if matches!(state, State::Closed) {
            return Ok(());
        }
        let link = state.link();
        let step = Tsdu::decode(tsdu)
            .map_err(Layer::Session.malformed())
            .and_then(|tsdu| state.handle(&tsdu.spdu, &mut self.out));
        match step {
            Ok(next) => {
                self.state = next;
                self.release_if_idle();
                Ok(())
            }
            Err(error) => {
                self.end_by(AbortReason::of_error(&error), link);
                Err(error)
            }
        }
    }

    /// What is left of an activity of an association that has broken: the sender may go on with
    /// it by [`OpenParameters::recover`], the receiver by
    /// [`accept_recovery`](Self::accept_recovery).
    pub fn take_unfinished(&mut self) -> Option<Unfinished> {
        self.out.unfinished.take()
    }

    /// What came of the APDU under way until its last checkpoint, to be kept where it outlives
    /// this process; [`Unfinished::received`] makes of it what a recovery goes on with.
    #[must_use]
    pub fn partial(&self) -> Option<Partial<'_>> {
        match &self.state {
            State::Open(open) => open.partial(),
            _ => None,
        }
    }

    /// How far the APDU under way was confirmed by checkpoints, to be kept where it outlives this process;
    /// [`Unfinished::sent`] makes of it what a recovery goes on with.
    #[must_use]
    pub fn sending(&self) -> Option<Sending<'_>> {
        match &self.state {
            State::Open(open) => open.sending(),
            _ => None,
        }
    }

    /// Tells that the carrier is gone: an `Aborted` event, unless the association has ended.
    pub fn handle_channel_lost(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => return,
            State::Open(mut open) => self.out.unfinished = open.take_unfinished(),
            State::Opening(mut opening) => self.out.unfinished = opening.take_recovery(),
            _ => {}
        }
        self.out.transmit.clear();
        let reason = AbortReason::ChannelLost;
        self.out.tell(StackEvent::Aborted { by_peer: false, reason });
    }

    /// The next TSDU for the carrier.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.transmit.pop_front().or_else(|| match &mut self.state {
            State::Open(open) => open.poll_transmit(),
            _ => None,
        })
    }

    /// The next event for the user.
    pub fn poll_event(&mut self) -> Option<StackEvent> {
        self.out.events.pop_front()
    }

    /// Responder: accepts after `OpenIndication`; `bind_result` is one BER value.
    ///
    /// Without such an indication, as when the peer has aborted since, nothing happens.
    pub fn accept_open(&mut self, bind_result: Vec<u8>) {
        self.decide(|deciding, out| deciding.accept(&bind_result, out));
    }

    /// Responder: other terms than those of [`RespondParameters`], after `OpenIndication` and before it is accepted. The
    /// answer is again no more than what was proposed; in a recovery nothing changes.
    pub fn set_terms(&mut self, checkpoint_kib: u16, window: u16) {
        if let State::Deciding(deciding) = &mut self.state {
            deciding.set_terms(Negotiation { checkpoint_kib, window });
        }
    }

    /// Responder: goes on with what a broken association left, after `RecoveryIndication`;
    /// refuses where it does not fit.
    pub fn accept_recovery(&mut self, unfinished: Unfinished) {
        self.decide(|deciding, out| deciding.recover(unfinished, out));
    }

    /// Responder: refuses after `OpenIndication` or `RecoveryIndication`; `bind_error` is one BER
    /// value, in whose place X.410 mode has the reason.
    pub fn refuse_open(&mut self, bind_error: Option<Vec<u8>>, reason: Rejection) {
        self.decide(|deciding, out| deciding.refuse(bind_error.as_deref(), reason, out));
    }

    /// Two-way alternate: asks for the turn; the lower the number, the more urgent.
    ///
    /// # Errors
    /// This side has it, or in a monologue.
    pub fn request_turn(&mut self, priority: i64) -> Result<(), StackError> {
        match &mut self.state {
            State::Open(open) => open.ask(priority, &mut self.out),
            state => Err(StackError::NotAllowed { command: "request_turn", state: state.name() }),
        }
    }

    /// Two-way alternate: gives the turn to the other side.
    ///
    /// # Errors
    /// This side has it not, or an activity is under way, or in a monologue.
    pub fn give_turn(&mut self) -> Result<(), StackError> {
        match &mut self.state {
            State::Open(open) => open.give(&mut self.out),
            state => Err(StackError::NotAllowed { command: "give_turn", state: state.name() }),
        }
    }

    /// True when this side may transfer.
    #[must_use]
    pub fn has_turn(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.has_turn())
    }

    /// The side with the turn: transfers one APDU, which must be one BER value; the next one after
    /// `TransferConfirmed` or `TransferFailed`.
    ///
    /// # Errors
    /// The state does not allow it, or the APDU is too large or no BER value; nothing changed.
    pub fn transfer(&mut self, apdu: Vec<u8>) -> Result<(), StackError> {
        match &mut self.state {
            State::Open(open) if !self.release_wanted => open.transfer(apdu, &mut self.out),
            state => Err(StackError::NotAllowed { command: "transfer", state: state.name() }),
        }
    }

    /// Responder: the APDU of `TransferIndication` is on stable storage; the peer may forget it.
    ///
    /// # Errors
    /// No APDU is waiting for this.
    pub fn confirm_transfer(&mut self) -> Result<(), StackError> {
        match &mut self.state {
            State::Open(open) => open.confirm(&mut self.out)?,
            state => {
                let (command, state) = ("confirm_transfer", state.name());
                return Err(StackError::NotAllowed { command, state });
            }
        }
        self.release_if_idle();
        Ok(())
    }

    /// Responder: will not have the APDU that arrives or has arrived.
    ///
    /// # Errors
    /// None arrives, or it is refused already.
    pub fn refuse_transfer(&mut self, reason: ExceptionReason) -> Result<(), StackError> {
        match &mut self.state {
            State::Open(open) => open.refuse(reason, &mut self.out),
            state => {
                let (command, state) = ("refuse_transfer", state.name());
                Err(StackError::NotAllowed { command, state })
            }
        }
    }

    /// Ends the association in order, as soon as no transfer is under way.
    ///
    /// In a monologue only the initiator may release; a responder, which has no other way, aborts
    /// at that moment.
    pub fn release(&mut self) {
        self.release_wanted = true;
        self.release_if_idle();
    }

    /// Ends the association at once; a transfer under way is lost.
    pub fn abort(&mut self) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let link = self.state.link();
        if let State::Open(mut open) = std::mem::replace(&mut self.state, State::Closed) {
            self.out.unfinished = open.take_unfinished();
        }
        self.end_by(AbortReason::User, link);
    }

    /// True while APDUs can pass.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// What both sides agreed on, while the association is open.
    #[must_use]
    pub fn negotiation(&self) -> Option<Negotiation> {
        match &self.state {
            State::Open(open) => Some(open.negotiation()),
            _ => None,
        }
    }

    /// True when the association is open and no transfer is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &self.state {
            State::Open(open) => open.is_idle(),
            _ => false,
        }
    }

    /// True once the association has ended or was never opened; what is queued is still to send.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn decide(
        &mut self,
        decision: impl FnOnce(Deciding, &mut Output) -> Result<State, StackError>,
    ) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Deciding(deciding) => {
                let link = deciding.link;
                match decision(*deciding, &mut self.out) {
                    Ok(next) => self.state = next,
                    Err(error) => self.end_by(AbortReason::of_error(&error), Some(link)),
                }
            }
            other => self.state = other,
        }
        self.release_if_idle();
    }

    fn release_if_idle(&mut self) {
        if !self.release_wanted {
            return;
        }
        match &self.state {
            State::Open(open) if open.may_release() => {
                let link = open.link;
                self.state = State::Closed;
                let rlrq = acse::Apdu::ReleaseRequest { reason: Some(0) }.encode();
                let data = if link.normal {
                    UserData::single(link.contexts.acse, &rlrq).to_vec()
                } else {
                    Vec::new()
                };
                match self.out.send(&Spdu::Finish { user_data: &data }, Prefix::Give) {
                    Ok(()) => self.state = State::Releasing(link),
                    Err(error) => self.end_by(AbortReason::of_error(&error), Some(link)),
                }
            }
            State::Open(open) if open.is_idle() && !open.is_initiator() => self.abort(),
            State::Listening(_) => self.state = State::Closed,
            _ => {}
        }
    }

    /// Queues ABORT and tells the user; the state is closed already.
    fn end_by(&mut self, reason: AbortReason, link: Option<Link>) {
        // An ABORT always fits; should it not, the carrier's end says the same.
        if let Ok(tsdu) = reason.encode(link) {
            self.out.transmit.push_back(tsdu);
        }
        self.out.tell(StackEvent::Aborted { by_peer: false, reason });
    }
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Listening(_) => Listening::NAME,
            Self::Opening(_) => Opening::NAME,
            Self::Deciding(_) => Deciding::NAME,
            Self::Gathering(_) => Gathering::NAME,
            Self::Open(open) => open.name(),
            Self::Releasing(_) => "releasing",
            Self::Closed => "closed",
        }
    }

    /// What an abort can be written with.
    fn link(&self) -> Option<Link> {
        match self {
            Self::Opening(opening) => Some(opening.link()),
            Self::Deciding(deciding) => Some(deciding.link),
            Self::Open(open) => Some(open.link),
            Self::Releasing(link) => Some(*link),
            Self::Listening(_) | Self::Gathering(_) | Self::Closed => None,
        }
    }

    fn handle(self, spdu: &Spdu<'_>, out: &mut Output) -> Result<Self, StackError> {
        if let Spdu::Abort(abort) = spdu {
            out.transmit.clear();
            if !abort.transport_released {
                out.send(&Spdu::AbortAccept, Prefix::Give)?;
            }
            let reason = AbortReason::decode(abort);
            match self {
                Self::Open(mut open) => {
                    open.aborted(reason, out);
                    out.unfinished = open.take_unfinished();
                }
                Self::Opening(mut opening) => out.unfinished = opening.take_recovery(),
                _ => {}
            }
            out.tell(StackEvent::Aborted { by_peer: true, reason });
            return Ok(Self::Closed);
        }
        match self {
            Self::Listening(listening) => listening.handle(spdu, out),
            Self::Opening(opening) => opening.handle(spdu, out),
            Self::Deciding(_) => Err(StackError::Unexpected {
                layer: Layer::Session,
                expected: "nothing",
                got: spdu.name(),
                state: Deciding::NAME,
            }),
            Self::Gathering(gathering) => gathering.handle(spdu, out),
            Self::Open(open) => open.handle(spdu, out),
            Self::Releasing(link) => handle_releasing(link, spdu, out),
            Self::Closed => Ok(Self::Closed),
        }
    }
}

fn handle_releasing(link: Link, spdu: &Spdu<'_>, out: &mut Output) -> Result<State, StackError> {
    let Spdu::Disconnect { user_data } = spdu else {
        return Err(StackError::Unexpected {
            layer: Layer::Session,
            expected: "DISCONNECT",
            got: spdu.name(),
            state: "releasing",
        });
    };
    if !user_data.is_empty() {
        let element = decode_one("DISCONNECT user data", user_data)
            .map_err(Layer::Presentation.malformed())?;
        let data = UserData::decode(element).map_err(Layer::Presentation.malformed())?;
        if let Some(apdu) = data.value(link.contexts.acse) {
            acse::Apdu::decode(apdu).map_err(Layer::Acse.malformed())?;
        }
    }
    out.tell(StackEvent::Released);
    Ok(State::Closed)
}

impl fmt::Debug for Stack {
    /// Tells the state and no octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("state", &self.state.name())
            .field("release_wanted", &self.release_wanted)
            .finish_non_exhaustive()
    }
}
