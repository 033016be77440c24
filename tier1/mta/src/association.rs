//! One association between two MTAs: the X.400 stack over pieces, with the P1 bind on top.
//!
//! X.411 12.1 (MTA-bind), X.419 8 (mts-transfer). Pure: pieces in, pieces and outputs out.
//! Who the RPC layer authenticated is given; the MTA name in the P1 bind must be the same.

use ber::{Encoder, Tag};
use osi::{Abstract, OpenParameters, RespondParameters, Stack, StackError, StackEvent};
use wire::DecodeError;
use x400::{MtaBindArgument, MtaBindError, MtaBindResult, MtaIdentity};

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

/// What an association has to say.
#[derive(Debug)]
pub enum Output {
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

/// One association.
pub struct Association {
    stack: Stack,
    names: AssociationNames,
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
fn identity(name: &str) -> MtaIdentity {
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
        let argument = MtaBindArgument::Authenticated(identity(&names.local_mta));
        let stack = Stack::initiator(OpenParameters {
            checkpoint_kib: terms.checkpoint_kib,
            window: terms.window,
            calling_reference: reference.as_bytes().to_vec(),
            common_reference: utc_time.to_owned(),
            ..OpenParameters::new(syntaxes(), wrap(BIND_ARGUMENT, &argument.encode()))
        });
        Self::new(stack, names, max_piece)
    }

    /// Waits for the caller's open.
    #[must_use]
    pub fn respond(names: AssociationNames, terms: Terms, max_piece: usize) -> Self {
        let stack = Stack::responder(RespondParameters {
            checkpoint_kib: terms.checkpoint_kib,
            window: terms.window,
            ..RespondParameters::new(syntaxes())
        });
        Self::new(stack, names, max_piece)
    }

    fn new(stack: Stack, names: AssociationNames, max_piece: usize) -> Self {
        Self {
            stack,
            names,
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
        if let Some(unit) = self.joiner.take(piece)? {
            let taken = self.stack.handle_tsdu(&unit);
            self.take_events()?;
            taken?;
        }
        Ok(())
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
                    let error = bind_error.and_then(|octets| {
                        MtaBindError::decode(unwrap(BIND_ERROR, &octets).ok()?).ok()
                    });
                    let text = match error {
                        Some(error) => format!("the peer refused the MTA bind: {}", error.name()),
                        None => format!("the peer refused the association: {reason}"),
                    };
                    self.outputs.push_back(Output::Ended(Some(text)));
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
        let presented = match MtaBindArgument::decode(unwrap(BIND_ARGUMENT, argument)?)? {
            MtaBindArgument::Authenticated(identity) => identity.name,
            MtaBindArgument::Unauthenticated => String::new(),
        };
        if presented == self.names.remote_mta {
            let result = MtaBindResult::Authenticated(identity(&self.names.local_mta));
            self.stack.accept_open(wrap(BIND_RESULT, &result.encode()));
            self.outputs.push_back(Output::Opened);
        } else {
            let error = MtaBindError::AUTHENTICATION_ERROR.encode();
            self.stack.refuse_open(Some(wrap(BIND_ERROR, &error)));
            let text = format!(
                "the P1 bind presented the MTA name {presented:?} where {:?} was expected",
                self.names.remote_mta
            );
            self.outputs.push_back(Output::Ended(Some(text)));
        }
        Ok(())
    }

    fn check_result(&mut self, result: &[u8]) -> Result<(), AssociationError> {
        let presented = match MtaBindResult::decode(unwrap(BIND_RESULT, result)?)? {
            MtaBindResult::Authenticated(identity) => identity.name,
            MtaBindResult::Unauthenticated => String::new(),
        };
        if presented == self.names.remote_mta {
            self.outputs.push_back(Output::Opened);
        } else {
            self.stack.abort();
            let text = format!(
                "the P1 bind was answered by the MTA {presented:?} where {:?} was called",
                self.names.remote_mta
            );
            self.outputs.push_back(Output::Ended(Some(text)));
        }
        Ok(())
    }
}
