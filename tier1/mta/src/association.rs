//! One association between two MTAs: the X.400 stack over pieces, with the P1 bind on top.
//!
//! X.411 12.1 (MTA-bind), X.419 8 (mts-transfer). Pure: units or pieces in and out.
//! Over the RPC carrier the account proves the MTA, and its name in the P1 bind must be the same;
//! elsewhere the bind proves it, and who answers decides after [`Output::BindRequested`].

use ber::{Encoder, Tag};
use osi::{
    Abstract, Layer, OpenParameters, RefuseReason, RespondParameters, Stack, StackError, StackEvent,
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

/// How a connector calls.
#[derive(Debug, Clone)]
pub struct Call {
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
    /// The association was not opened; nothing follows.
    Refused(Refusal),
    /// The P1 bind stands: messages may flow.
    Opened,
    /// An APDU came: make it durable, then [`Association::confirm`] it.
    Received(Vec<u8>),
    /// The peer took responsibility for the APDU that was sent.
    Sent,
    /// The peer did not take the APDU; it is still ours.
    NotSent(String),
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
    splitter: Splitter,
    joiner: Joiner,
    outputs: std::collections::VecDeque<Output>,
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
        let stack = Stack::initiator(OpenParameters {
            checkpoint_kib: call.terms.checkpoint_kib,
            window: call.terms.window,
            calling_reference: call.reference.into_bytes(),
            common_reference: call.utc_time,
            calling_psel: call.calling.presentation,
            called_psel: call.called.presentation,
            calling_ssel: call.calling.session,
            called_ssel: call.called.session,
            ..OpenParameters::new(syntaxes(), wrap(BIND_ARGUMENT, &argument.encode()))
        });
        Self::new(stack, Bind::Calling(call.remote), usize::MAX)
    }

    /// Waits for a caller of whom nothing is known yet; the bind is told and judged elsewhere.
    #[must_use]
    pub fn answer(terms: Terms) -> Self {
        let stack = Stack::responder(RespondParameters {
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
            splitter: Splitter::new(max_piece),
            joiner: Joiner::default(),
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
        self.stack.accept_open(wrap(BIND_RESULT, &result.encode()));
        self.outputs.push_back(Output::Opened);
    }

    /// Refuses the bind that was requested.
    pub fn refuse_bind(&mut self, error: MtaBindError) {
        self.stack.refuse_open(Some(wrap(BIND_ERROR, &error.encode())));
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
                StackEvent::OpenIndication { bind_argument, .. } => {
                    self.answer_open(&bind_argument)?
                }
                StackEvent::OpenConfirmed { bind_result } => self.check_result(&bind_result)?,
                StackEvent::OpenRefused { bind_error, reason } => {
                    let refusal = refusal(bind_error.as_deref(), reason);
                    self.outputs.push_back(match self.bind {
                        Bind::Proved(_) => Output::Ended(Some(refusal.text)),
                        Bind::Calling(_) | Bind::Called { .. } => Output::Refused(refusal),
                    });
                }
                StackEvent::TransferIndication { apdu } => {
                    self.outputs.push_back(Output::Received(apdu));
                }
                StackEvent::TransferConfirmed => self.outputs.push_back(Output::Sent),
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

    fn answer_open(&mut self, argument: &[u8]) -> Result<(), AssociationError> {
        let identity = match MtaBindArgument::decode(unwrap(BIND_ARGUMENT, argument)?)? {
            MtaBindArgument::Authenticated(identity) => Some(identity),
            MtaBindArgument::Unauthenticated => None,
        };
        let names = match &mut self.bind {
            Bind::Proved(names) => names,
            Bind::Calling(_) => return Ok(()),
            Bind::Called { unauthenticated } => {
                *unauthenticated = identity.is_none();
                self.outputs.push_back(Output::BindRequested(BindRequest { identity }));
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
            self.stack.refuse_open(Some(wrap(BIND_ERROR, &error)));
            self.outputs.push_back(Output::Ended(Some(text)));
        }
        Ok(())
    }

    fn check_result(&mut self, result: &[u8]) -> Result<(), AssociationError> {
        let identity = match MtaBindResult::decode(unwrap(BIND_RESULT, result)?)? {
            MtaBindResult::Authenticated(identity) => Some(identity),
            MtaBindResult::Unauthenticated => None,
        };
        let presented = identity.as_ref().map(|identity| identity.name.clone()).unwrap_or_default();
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
    let error =
        bind_error.and_then(|octets| MtaBindError::decode(unwrap(BIND_ERROR, octets).ok()?).ok());
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
