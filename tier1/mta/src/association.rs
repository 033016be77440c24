//! One association between two MTAs: the X.400 stack over pieces, with the P1 bind on top.
//!
//! X.411 12.1 (MTA-bind), X.419 8 (mts-transfer). Pure: units or pieces in and out.
//! Over the RPC carrier the account proves the MTA, and its name in the P1 bind must be the same;
//! elsewhere the bind proves it, and who answers decides after [`Output::BindRequested`].

use ber::{Encoder, Tag};
use osi::{
    Abstract, Layer, OpenParameters, OpenedMode, Partial, Protocol, RefuseReason, Rejection,
    RespondParameters, Sending, SessionIdentifier, Stack, StackError, StackEvent, TransferFailure,
    Unfinished,
};
use wire::DecodeError;
use x400::{MtaBindArgument, MtaBindError, MtaBindResult, MtaIdentity};

use crate::credentials::{Expected, Mismatch, Presented};
use crate::pieces::{Joiner, PieceError, Splitter};
use crate::rpc_interface::Piece;

/// Application context mts-transfer and its abstract syntaxes, X.419 (1999) annex.
const MTS_TRANSFER: &str = "2.6.0.1.6";
const MTA_RTSE: &str = "2.6.0.2.12";
const MTSE: &str = "2.6.0.2.7";

/// The tags that the normal mode puts around bind argument, result and error, X.419 (1999) 8.
const BIND_ARGUMENT: u32 = 16;
const BIND_RESULT: u32 = 17;
const BIND_ERROR: u32 = 18;

/// What both sides of an association are called and agreed on.
#[derive(Debug, Clone)]
pub struct AssociationNames {
    pub local_mta: String,
    pub remote_mta: String,
}

/// RTSE's terms as this side proposes or accepts them.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub checkpoint_kib: u16,
    pub window: u16,
}

/// Session and presentation selectors; empty ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selectors {
    pub session: Vec<u8>,
    pub presentation: Vec<u8>,
}

/// The application contexts of P1, X.419 8: each is data, and the code for all is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferProtocol {
    /// mts-transfer: 1988 in normal mode.
    MtsTransfer,
    /// mts-transfer-protocol: 1988 over X.410.
    MtsTransferProtocol,
    /// mts-transfer-protocol-1984.
    MtsTransferProtocol1984,
}

impl TransferProtocol {
    pub const ALL: [Self; 3] =
        [Self::MtsTransfer, Self::MtsTransferProtocol, Self::MtsTransferProtocol1984];

    /// The name as X.419 has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MtsTransfer => "mts-transfer",
            Self::MtsTransferProtocol => "mts-transfer-protocol",
            Self::MtsTransferProtocol1984 => "mts-transfer-protocol-1984",
        }
    }

    /// The number of the application protocol in X.410 mode; `None` in normal mode.
    fn number(self) -> Option<i64> {
        match self {
            Self::MtsTransfer => None,
            Self::MtsTransferProtocol => Some(12),
            Self::MtsTransferProtocol1984 => Some(1),
        }
    }

    fn of(mode: OpenedMode) -> Self {
        match mode {
            OpenedMode::Normal => Self::MtsTransfer,
            OpenedMode::X410(number) if Some(number) == Self::MtsTransferProtocol.number() => {
                Self::MtsTransferProtocol
            }
            OpenedMode::X410(_) => Self::MtsTransferProtocol1984,
        }
    }

    fn protocol(self) -> Protocol {
        self.number().map_or_else(|| syntaxes().into(), Protocol::X410)
    }

    /// Puts the tag of normal mode around bind data; X.410 mode has them bare.
    fn wrap(self, number: u32, inner: &[u8]) -> Vec<u8> {
        if self == Self::MtsTransfer { wrap(number, inner) } else { inner.to_vec() }
    }

    fn unwrap(self, number: u32, octets: &[u8]) -> Result<&[u8], DecodeError> {
        if self == Self::MtsTransfer { unwrap(number, octets) } else { Ok(octets) }
    }
}

/// How a connector calls.
#[derive(Debug, Clone)]
pub struct Call {
    pub protocol: TransferProtocol,
    /// Two-way alternate: both sides send, in turn.
    pub two_way: bool,
    /// An activity that another association broke off, to go on with.
    pub recover: Option<Unfinished>,
    pub local: Presented,
    pub remote: Expected,
    pub terms: Terms,
    pub calling: Selectors,
    pub called: Selectors,
    /// Names the session connection.
    pub reference: String,
    pub utc_time: String,
}

/// A peer's bind, for whoever answers to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindRequest {
    pub protocol: TransferProtocol,
    pub two_way: bool,
    /// What the caller called; empty where it named none.
    pub called: Selectors,
    /// `None`: without authentication.
    pub identity: Option<MtaIdentity>,
}

/// Whose word a refusal is; the number stands in events 1290 and 1293.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalProvider {
    Transport,
    Session,
    Presentation,
    Acse,
    Rtse,
    /// The MTA bind.
    Mta,
}

/// An association was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub provider: RefusalProvider,
    /// The number on the wire, as far as there is one.
    pub reason: i64,
    pub text: String,
    /// This side refuses the peer's answer for this.
    pub mismatch: Option<Mismatch>,
    /// The MTA name that the peer presented, where it is what this side refuses.
    pub presented: Option<String>,
}

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

/// How the P1 bind is made and judged.
enum Bind {
    /// The RPC layer has proved the peer: only its name is compared.
    Proved(AssociationNames),
    /// The peer's answer has to fit this.
    Calling(Expected),
    /// The user of this association decides.
    Called {
        /// The peer bound without authentication, and is answered so.
        unauthenticated: bool,
    },
}

/// One association.
pub struct Association {
    stack: Stack,
    bind: Bind,
    protocol: TransferProtocol,
    splitter: Splitter,
    joiner: Joiner,
    outputs: std::collections::VecDeque<Output>,
    /// The name in the answer to this side's bind.
    remote_name: Option<String>,
}

fn syntaxes() -> Abstract {
    #[expect(clippy::expect_used, reason = "three literals that a test parses")]
    let oid = |text: &str| text.parse().expect("an object identifier");
    Abstract {
        application_context: oid(MTS_TRANSFER),
        rtse_syntax: oid(MTA_RTSE),
        apdu_syntax: oid(MTSE),
    }
}

/// Who this MTA is. The password is empty: over the RPC carrier the account proves the MTA.
fn identity_of(name: &str) -> MtaIdentity {
    MtaIdentity::with_password(name, "")
}

fn wrap(number: u32, inner: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.constructed(Tag::context(number), |encoder| encoder.raw(inner));
    encoder.finish()
}

fn unwrap(number: u32, octets: &[u8]) -> Result<&[u8], DecodeError> {
    let outer = ber::decode_one("MTA bind", octets)?.expect(Tag::context(number), "bind")?;
    Ok(outer.inner("bind")?.raw)
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
            remote_name: None,
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

    /// Accepts the bind that was requested, and presents this MTA.
    pub fn accept_bind(&mut self, local: &Presented) {
        let Bind::Called { unauthenticated } = self.bind else { return };
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

    /// The name in the other MTA's answer to the bind of this side.
    #[must_use]
    pub fn remote_name(&self) -> Option<&str> {
        self.remote_name.as_deref()
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

    fn answer_open(
        &mut self,
        argument: &[u8],
        two_way: bool,
        called: Selectors,
    ) -> Result<(), AssociationError> {
        let protocol = self.protocol;
        let identity = match MtaBindArgument::decode(protocol.unwrap(BIND_ARGUMENT, argument)?)? {
            MtaBindArgument::Authenticated(identity) => Some(identity),
            MtaBindArgument::Unauthenticated => None,
        };
        let names = match &mut self.bind {
            Bind::Proved(names) => names,
            Bind::Calling(_) => return Ok(()),
            Bind::Called { unauthenticated } => {
                *unauthenticated = identity.is_none();
                let request = BindRequest { protocol, two_way, called, identity };
                self.outputs.push_back(Output::BindRequested(request));
                return Ok(());
            }
        };
        let presented = identity.map(|identity| identity.name).unwrap_or_default();
        if presented == names.remote_mta {
            let result = MtaBindResult::Authenticated(identity_of(&names.local_mta));
            self.stack.accept_open(wrap(BIND_RESULT, &result.encode()));
            self.outputs.push_back(Output::Opened);
        } else {
            let error = MtaBindError::AUTHENTICATION_ERROR.encode();
            let text = format!(
                "the P1 bind presented the MTA name {presented:?} where {:?} was expected",
                names.remote_mta
            );
            self.stack.refuse_open(Some(wrap(BIND_ERROR, &error)), Rejection::Validation);
            self.outputs.push_back(Output::Ended(Some(text)));
        }
        Ok(())
    }

    fn check_result(&mut self, result: &[u8]) -> Result<(), AssociationError> {
        let result = self.protocol.unwrap(BIND_RESULT, result)?;
        let identity = match MtaBindResult::decode(result)? {
            MtaBindResult::Authenticated(identity) => Some(identity),
            MtaBindResult::Unauthenticated => None,
        };
        let presented = identity.as_ref().map(|identity| identity.name.clone()).unwrap_or_default();
        self.remote_name = Some(presented.clone()).filter(|name| !name.is_empty());
        let (known, expected) = match &self.bind {
            Bind::Proved(names) => {
                let fits = presented == names.remote_mta;
                (if fits { Ok(()) } else { Err(Mismatch::Name) }, &names.remote_mta)
            }
            Bind::Calling(expected) => (expected.check(identity.as_ref()), &expected.name),
            Bind::Called { .. } => return Ok(()),
        };
        let Err(mismatch) = known else {
            self.outputs.push_back(Output::Opened);
            return Ok(());
        };
        let text = match (mismatch, &self.bind) {
            (Mismatch::Name, Bind::Proved(_)) => {
                format!(
                    "the P1 bind was answered by the MTA {presented:?} where {expected:?} was called"
                )
            }
            _ => format!(
                "the answer of the MTA {presented:?} to the P1 bind is refused where {expected:?} was called: {mismatch}"
            ),
        };
        self.stack.abort();
        // What the abort tells is what is told here better.
        while self.stack.poll_event().is_some() {}
        self.outputs.push_back(match self.bind {
            Bind::Proved(_) => Output::Ended(Some(text)),
            Bind::Calling(_) | Bind::Called { .. } => Output::Refused(Refusal {
                provider: RefusalProvider::Mta,
                reason: MtaBindError::AUTHENTICATION_ERROR.0,
                text,
                mismatch: Some(mismatch),
                presented: Some(presented),
            }),
        });
        Ok(())
    }
}

/// What a refused open says.
fn refusal(bind_error: Option<&[u8]>, reason: RefuseReason) -> Refusal {
    let error = match reason {
        // X.410 mode has the numbers of RTSE in place of a bind error, and they are the same.
        RefuseReason::Rejected(number @ (0 | 2 | 3)) => Some(MtaBindError(number)),
        _ => bind_error
            .and_then(|octets| MtaBindError::decode(unwrap(BIND_ERROR, octets).ok()?).ok()),
    };
    let (provider, number, text) = match error {
        Some(error) => {
            let text = format!("the peer refused the MTA bind: {}", error.name());
            (RefusalProvider::Mta, error.0, text)
        }
        None => {
            let provider = match reason.layer() {
                Layer::Transport => RefusalProvider::Transport,
                Layer::Session => RefusalProvider::Session,
                Layer::Presentation => RefusalProvider::Presentation,
                Layer::Acse => RefusalProvider::Acse,
                Layer::Rtse => RefusalProvider::Rtse,
            };
            let text = format!("the peer refused the association: {reason}");
            (provider, reason.number(), text)
        }
    };
    Refusal { provider, reason: number, text, mismatch: None, presented: None }
}

impl RefusalProvider {
    /// The number in events 1290 and 1293.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Transport => 1,
            Self::Session => 2,
            Self::Presentation => 3,
            Self::Acse => 4,
            Self::Rtse => 5,
            Self::Mta => 6,
        }
    }
}
