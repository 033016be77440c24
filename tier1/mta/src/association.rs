//! One association between two MTAs: the X.400 stack over pieces, with the P1 bind on top.
//!
//! X.411 12.1 (MTA-bind), X.419 8 (mts-transfer). Pure: units or pieces in and out.
//! Over the RPC carrier the account proves the MTA, and its name in the P1 bind must be the same;
//! elsewhere the bind proves it, and who answers decides after [`Output::BindRequested`].

mod bind;
mod call;
mod protocol;

use osi::{
    OpenParameters, Partial, Rejection, RespondParameters, Sending, SessionIdentifier, Stack,
    StackError, StackEvent, TransferFailure, Unfinished,
};
use wire::DecodeError;
use x400::{MtaBindArgument, MtaBindError, MtaBindResult, MtaIdentity};

use crate::credentials::Presented;
use crate::pieces::{Joiner, PieceError, Splitter};
use crate::rpc_interface::Piece;
use bind::{Bind, identity_of, refusal};
use protocol::{BIND_ARGUMENT, BIND_ERROR, BIND_RESULT, syntaxes, wrap};

pub use call::{AssociationNames, BindRequest, Call, Refusal, RefusalProvider, Selectors, Terms};
pub use protocol::TransferProtocol;

/// What an association has to say.
#[derive(Debug)]
pub enum Output {
    /// A peer binds: [`Association::accept_bind`] or [`Association::refuse_bind`].
    BindRequested(BindRequest),
    /// A peer wants to go on with an association that broke:
    /// [`Association::accept_recovery`] or [`Association::refuse_recovery`].
    RecoveryRequested(SessionIdentifier),
    /// The association goes on where the broken one ended; what was under way is.
    Recovered,
    /// This side has the turn now.
    Turn,
    /// The peer asks for the turn; the lower the number, the more urgent.
    TurnWanted(i64),
    /// The association was not opened; nothing follows.
    Refused(Refusal),
    /// The P1 bind stands: messages may flow.
    Opened,
    /// A checkpoint was reached, and is confirmed with the next octets that are sent: what came
    /// until now can be kept before that ([`Association::partial`]).
    Checkpoint,
    /// An APDU came: make it durable, then [`Association::confirm`] it.
    Received(Vec<u8>),
    /// The peer took responsibility for the APDU that was sent.
    Sent,
    /// The peer did not take the APDU; it is still ours.
    NotSent(String),
    /// The same, for a reason that lies with the peer and passes: its disk is full, its memory short.
    NotNow(String),
    /// It is over; `None` after an orderly release.
    Ended(Option<String>),
}

/// Why input could not be taken; the association is over.
#[derive(Debug, thiserror::Error)]
pub enum AssociationError {
    #[error("the peer's pieces do not fit")]
    Piece(#[from] PieceError),
    #[error("the X.400 stack")]
    Stack(#[from] StackError),
    #[error("the peer's MTA bind cannot be read")]
    Bind(#[from] DecodeError),
}

/// One association.
pub struct Association {
    stack: Stack,
    bind: Bind,
    protocol: TransferProtocol,
    splitter: Splitter,
    joiner: Joiner,
    outputs: std::collections::VecDeque<Output>,
    /// What the answer to this side's bind presented.
    remote: Option<MtaIdentity>,
}

impl Association {
    /// Opens an association as the caller; `reference` names the session connection.
    #[must_use]
    pub fn initiate(
        names: AssociationNames,
        terms: Terms,
        max_piece: usize,
        reference: &str,
        utc_time: &str,
    ) -> Self {
        let argument = MtaBindArgument::Authenticated(identity_of(&names.local_mta));
        let stack = Stack::initiator(OpenParameters {
            checkpoint_kib: terms.checkpoint_kib,
            window: terms.window,
            calling_reference: reference.as_bytes().to_vec(),
            common_reference: utc_time.to_owned(),
            ..OpenParameters::new(syntaxes(), wrap(BIND_ARGUMENT, &argument.encode()))
        });
        Self::new(stack, Bind::Proved(names), max_piece)
    }

    /// Waits for the caller's open.
    #[must_use]
    pub fn respond(names: AssociationNames, terms: Terms, max_piece: usize) -> Self {
        let stack = Stack::responder(RespondParameters {
            checkpoint_kib: terms.checkpoint_kib,
            window: terms.window,
            ..RespondParameters::new(syntaxes())
        });
        Self::new(stack, Bind::Proved(names), max_piece)
    }

    /// Opens an association as a connector says; units of any size.
    #[must_use]
    pub fn call(call: Call) -> Self {
        let argument = MtaBindArgument::Authenticated(call.local.identity());
        let protocol = call.protocol;
        let argument = protocol.wrap(BIND_ARGUMENT, &argument.encode());
        let mut parameters = OpenParameters {
            two_way: call.two_way,
            version_1: true,
            tell_checkpoints: true,
            recover: call.recover,
            checkpoint_kib: call.terms.checkpoint_kib,
            window: call.terms.window,
            calling_reference: call.reference.into_bytes(),
            common_reference: call.utc_time,
            ..OpenParameters::new(protocol.protocol(), argument)
        };
        // X.410 mode has no presentation selectors, and peers refuse session selectors in it
        // (KB Q152932).
        if protocol == TransferProtocol::MtsTransfer {
            parameters.calling_psel = call.calling.presentation;
            parameters.called_psel = call.called.presentation;
            parameters.calling_ssel = call.calling.session;
            parameters.called_ssel = call.called.session;
        }
        let stack = Stack::initiator(parameters);
        let this = Self::new(stack, Bind::Calling(call.remote), usize::MAX);
        Self { protocol, ..this }
    }

    /// Waits for a caller of whom nothing is known yet; the bind is told and judged elsewhere.
    /// `own` are the selectors of which callers must call one of a kind, where they call any; which go together is told
    /// by the [`BindRequest`]. Other protocols than these are refused.
    #[must_use]
    pub fn answer(terms: Terms, own: &[Selectors], protocols: &[TransferProtocol]) -> Self {
        let stack = Stack::responder(RespondParameters {
            normal: protocols.contains(&TransferProtocol::MtsTransfer).then(syntaxes),
            x410: protocols.iter().filter_map(|one| one.number()).collect(),
            tell_checkpoints: true,
            ssel: own.iter().map(|one| one.session.clone()).collect(),
            psel: own.iter().map(|one| one.presentation.clone()).collect(),
            checkpoint_kib: terms.checkpoint_kib,
            window: terms.window,
            ..RespondParameters::new(syntaxes())
        });
        Self::new(stack, Bind::Called { unauthenticated: false }, usize::MAX)
    }

    fn new(stack: Stack, bind: Bind, max_piece: usize) -> Self {
        Self {
            stack,
            bind,
            protocol: TransferProtocol::MtsTransfer,
            splitter: Splitter::new(max_piece),
            joiner: Joiner::default(),
            remote: None,
            outputs: std::collections::VecDeque::new(),
        }
    }

    /// Takes a piece from the peer's channel.
    ///
    /// # Errors
    /// The peer broke a protocol; pieces that are still to be sent can be polled.
    pub fn handle_piece(&mut self, piece: &Piece) -> Result<(), AssociationError> {
        match self.joiner.take(piece)? {
            Some(unit) => self.handle_unit(&unit),
            None => Ok(()),
        }
    }

    /// Takes a transport service data unit.
    ///
    /// # Errors
    /// The peer broke a protocol; units that are still to be sent can be polled.
    pub fn handle_unit(&mut self, unit: &[u8]) -> Result<(), AssociationError> {
        let taken = self.stack.handle_tsdu(unit);
        self.take_events()?;
        Ok(taken?)
    }

    /// The next transport service data unit for the carrier.
    pub fn poll_unit(&mut self) -> Option<Vec<u8>> {
        self.stack.poll_transmit()
    }

    /// The carrier is gone.
    pub fn handle_lost(&mut self) {
        self.stack.handle_channel_lost();
        // Nothing is left that could be malformed.
        let _ = self.take_events();
    }

    /// True once nothing more will come; what waits in `poll_unit` is still to be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stack.is_closed()
    }

    /// Accepts the bind that was requested with the terms of whoever it proved to be, and presents this MTA.
    pub fn accept_bind(&mut self, local: &Presented, terms: Terms) {
        let Bind::Called { unauthenticated } = self.bind else { return };
        self.stack.set_terms(terms.checkpoint_kib, terms.window);
        let result = if unauthenticated {
            MtaBindResult::Unauthenticated
        } else {
            MtaBindResult::Authenticated(local.identity())
        };
        self.stack.accept_open(self.protocol.wrap(BIND_RESULT, &result.encode()));
        self.outputs.push_back(Output::Opened);
    }

    /// Refuses the bind that was requested.
    pub fn refuse_bind(&mut self, error: MtaBindError) {
        let reason = match error {
            MtaBindError::BUSY => Rejection::Busy,
            MtaBindError::UNACCEPTABLE_DIALOGUE_MODE => Rejection::DialogueMode,
            // X.410 mode has no number for the errors of security.
            _ => Rejection::Validation,
        };
        self.stack.refuse_open(Some(wrap(BIND_ERROR, &error.encode())), reason);
    }

    /// Goes on with what a broken association left.
    pub fn accept_recovery(&mut self, unfinished: Unfinished) {
        self.stack.accept_recovery(unfinished);
    }

    /// Nothing is kept of the association that is to be gone on with.
    pub fn refuse_recovery(&mut self) {
        self.stack.refuse_open(None, Rejection::CannotRecover);
    }

    /// What is left of an activity when the association has broken, to go on with on another.
    pub fn take_unfinished(&mut self) -> Option<Unfinished> {
        self.stack.take_unfinished()
    }

    /// What came of the APDU under way until its last checkpoint.
    #[must_use]
    pub fn partial(&self) -> Option<Partial<'_>> {
        self.stack.partial()
    }

    /// How far the APDU that is sent was confirmed by checkpoints.
    #[must_use]
    pub fn sending(&self) -> Option<Sending<'_>> {
        self.stack.sending()
    }

    /// What the other MTA presented in its answer to the bind of this side; `None` without authentication.
    #[must_use]
    pub fn remote_identity(&self) -> Option<&MtaIdentity> {
        self.remote.as_ref()
    }

    /// RTSE's terms that both sides agreed on, while the association is open.
    #[must_use]
    pub fn agreed(&self) -> Option<Terms> {
        self.stack
            .negotiation()
            .map(|agreed| Terms { checkpoint_kib: agreed.checkpoint_kib, window: agreed.window })
    }

    /// True when this side may send.
    #[must_use]
    pub fn has_turn(&self) -> bool {
        self.stack.has_turn()
    }

    /// Asks for the turn.
    ///
    /// # Errors
    /// This side has it, or in a monologue.
    pub fn request_turn(&mut self, priority: i64) -> Result<(), AssociationError> {
        Ok(self.stack.request_turn(priority)?)
    }

    /// Gives the turn away.
    ///
    /// # Errors
    /// This side has it not, or is still sending, or in a monologue.
    pub fn give_turn(&mut self) -> Result<(), AssociationError> {
        Ok(self.stack.give_turn()?)
    }

    /// The next piece for this side's channel.
    pub fn poll_piece(&mut self) -> Option<Piece> {
        while let Some(unit) = self.stack.poll_transmit() {
            self.splitter.push(unit);
        }
        self.splitter.poll()
    }

    /// What happened.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sends an APDU; one at a time, by the caller only.
    ///
    /// # Errors
    /// The association is not open or still sending.
    pub fn send(&mut self, apdu: Vec<u8>) -> Result<(), AssociationError> {
        Ok(self.stack.transfer(apdu)?)
    }

    /// The APDU received last is on stable storage: responsibility passes to this side.
    ///
    /// # Errors
    /// None was received.
    pub fn confirm(&mut self) -> Result<(), AssociationError> {
        Ok(self.stack.confirm_transfer()?)
    }

    /// The APDU received last could not be kept: responsibility stays with the peer.
    ///
    /// # Errors
    /// None was received.
    pub fn refuse(&mut self) -> Result<(), AssociationError> {
        Ok(self.stack.refuse_transfer(osi::ExceptionReason::LocalUserError)?)
    }

    /// The same for want of room: X.228 7.5 tells it from other reasons, so that the peer need not count it.
    ///
    /// # Errors
    /// None was received.
    pub fn refuse_for_now(&mut self) -> Result<(), AssociationError> {
        Ok(self.stack.refuse_transfer(osi::ExceptionReason::ReceivingAbilityJeopardized)?)
    }

    /// True when APDUs can pass and none is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.stack.is_idle()
    }

    /// Ends the association in order; the caller only.
    pub fn release(&mut self) {
        self.stack.release();
    }

    /// Ends the association at once.
    pub fn abort(&mut self) {
        self.stack.abort();
    }

    fn take_events(&mut self) -> Result<(), AssociationError> {
        while let Some(event) = self.stack.poll_event() {
            match event {
                StackEvent::OpenIndication {
                    bind_argument,
                    mode,
                    two_way,
                    called_ssel: session,
                    called_psel: presentation,
                    ..
                } => {
                    self.protocol = TransferProtocol::of(mode);
                    let called = Selectors { session, presentation };
                    self.answer_open(&bind_argument, two_way, called)?;
                }
                StackEvent::RecoveryIndication { session } => {
                    match self.bind {
                        Bind::Called { .. } => {
                            self.outputs.push_back(Output::RecoveryRequested(session));
                        }
                        // Over the RPC carrier an association that broke is opened anew.
                        Bind::Proved(_) | Bind::Calling(_) => self.refuse_recovery(),
                    }
                }
                StackEvent::RecoveryConfirmed => self.outputs.push_back(Output::Recovered),
                StackEvent::TurnIndication => self.outputs.push_back(Output::Turn),
                StackEvent::TurnPlease { priority } => {
                    self.outputs.push_back(Output::TurnWanted(priority));
                }
                StackEvent::OpenConfirmed { bind_result } => self.check_result(&bind_result)?,
                StackEvent::OpenRefused { bind_error, reason } => {
                    let refusal = refusal(bind_error.as_deref(), reason);
                    self.outputs.push_back(match self.bind {
                        Bind::Proved(_) => Output::Ended(Some(refusal.text)),
                        Bind::Calling(_) | Bind::Called { .. } => Output::Refused(refusal),
                    });
                }
                StackEvent::Checkpoint => self.outputs.push_back(Output::Checkpoint),
                StackEvent::TransferIndication { apdu } => {
                    self.outputs.push_back(Output::Received(apdu));
                }
                StackEvent::TransferConfirmed => self.outputs.push_back(Output::Sent),
                StackEvent::TransferFailed {
                    reason:
                        reason @ TransferFailure::RefusedByPeer(
                            osi::ExceptionReason::ReceivingAbilityJeopardized,
                        ),
                } => self.outputs.push_back(Output::NotNow(reason.to_string())),
                StackEvent::TransferFailed { reason } => {
                    self.outputs.push_back(Output::NotSent(reason.to_string()));
                }
                // The called side's last event: the stack answers the release by itself.
                StackEvent::ReleaseIndication | StackEvent::Released => {
                    self.outputs.push_back(Output::Ended(None));
                }
                StackEvent::Aborted { by_peer, reason } => {
                    let who = if by_peer { "the peer" } else { "this side" };
                    let text = format!("{who} aborted the association: {reason}");
                    self.outputs.push_back(Output::Ended(Some(text)));
                }
            }
        }
        Ok(())
    }
}
