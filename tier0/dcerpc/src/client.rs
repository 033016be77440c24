//! The client side of an association, C706 12.3 and 12.5, MS-RPCE 3.3.2.
//!
//! It begins with one presentation context and at most one identity; more of both are added to the
//! same connection by alter_context ([`ClientAssociation::add_interface`],
//! [`ClientAssociation::add_identity`]), one after the other, while calls go on.
//!
//! Legs of the security exchange: the first token rides on the bind, the next comes in the
//! bind_ack; a last token without an answer goes into an auth3, one that wants an answer into an
//! alter_context (MS-RPCE 3.3.1.5.2.1). After an auth3 the association counts as bound; a server
//! that refuses the identity says so by a fault on the first call.

mod bind;
mod call;
mod more;

use std::collections::{BTreeMap, VecDeque};

use security::{AuthLevel, Initiator, SecurityError};

use crate::channel::{self, Channel};
use crate::error::{CallId, RpcError};
use crate::fragment::{FrameBuffer, Limits, MIN_FRAGMENT, Reassembler};
use crate::ndr::ByteOrder;
use crate::pdu::{Body, NakReason, NegotiationResult, Pdu, PduType, ProviderReason, SecTrailer};
use crate::status::{self, SEC_PKG_ERROR, Status};
use crate::uuid::{SyntaxId, Uuid};

use more::{Altering, Wanted};

/// The `call_id` of the bind and of all legs that follow it.
const BIND_CALL: u32 = 1;
/// The feature that a connection outlives a call that was given up.
const FEATURE_KEEP_ON_ORPHAN: u16 = 0x02;
/// All that this side has.
const FEATURES: u16 = 0x01 | FEATURE_KEEP_ON_ORPHAN;
/// The presentation context in which bind-time features are offered; it carries no calls.
const FEATURE_CONTEXT: u16 = 1;
/// The first security context; others count up from it. Some servers do not take zero for "none".
const AUTH_CONTEXT: u32 = 1;

/// A presentation context of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContextNumber(u16);

impl ContextNumber {
    /// The one that was bound.
    pub const FIRST: Self = Self(0);
}

/// An identity of an association: one of its security contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityNumber(usize);

impl IdentityNumber {
    /// The one that came with the bind; nobody where there was none.
    pub const FIRST: Self = Self(0);
}

/// What a call is made with, besides its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTarget {
    /// The interface.
    pub context: ContextNumber,
    /// As whom.
    pub identity: IdentityNumber,
    /// The object that it is for, C706 2.1.1.4.
    pub object: Option<Uuid>,
}

impl Default for CallTarget {
    /// What was bound, as who bound it, for no object.
    fn default() -> Self {
        Self { context: ContextNumber::FIRST, identity: IdentityNumber::FIRST, object: None }
    }
}

/// What a client association is made from.
pub struct ClientConfig {
    /// The interface to bind to.
    pub interface: SyntaxId,
    /// How much is protected.
    pub level: AuthLevel,
    /// The credentials; needed for every level but [`AuthLevel::None`].
    pub initiator: Option<Box<dyn Initiator>>,
    /// The longest fragment to negotiate, at least 1432 octets; see [`crate::DEFAULT_FRAGMENT`].
    pub max_fragment: u16,
}

/// What happened on a client association.
#[derive(Debug)]
pub enum ClientEvent {
    /// Calls go out from now on.
    Bound,
    /// The result of a call.
    Reply {
        /// The call.
        call: CallId,
        /// The stub, to be read in this byte order.
        stub: Vec<u8>,
        /// The byte order of the stub.
        order: ByteOrder,
    },
    /// A call failed.
    Fault {
        /// The call.
        call: CallId,
        /// The status, see [`crate::status::Status`].
        status: u32,
    },
    /// The server, or this side, refused the binding; the association is over.
    Refused(BindRefusal),
    /// An interface that was added can be called.
    InterfaceAdded(ContextNumber),
    /// An interface that was to be added is refused; the rest goes on.
    InterfaceRefused(ContextNumber, BindRefusal),
    /// An identity that was added can call.
    IdentityAdded(IdentityNumber),
    /// An identity that was to be added is refused; most servers end the association with it.
    IdentityRefused(IdentityNumber, BindRefusal),
}

/// Why a binding was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindRefusal {
    /// The server answered with bind_nak.
    #[error("the server refused the bind: {reason}")]
    Nak {
        /// Its reason.
        reason: NakReason,
        /// The protocol versions that it speaks.
        versions: Vec<(u8, u8)>,
    },
    /// The server does not take the interface or its representation.
    #[error("the server refused the interface: {reason}")]
    Context {
        /// Who refused.
        result: NegotiationResult,
        /// Why.
        reason: ProviderReason,
    },
    /// The server answered with a fault; the status is in the error's table.
    #[error("the server refused the binding with {}", Status(*status))]
    Fault {
        /// The status.
        status: u32,
    },
    /// The level asks for credentials that were not given.
    #[error("the authentication level needs credentials")]
    NoCredentials,
    /// The security mechanism of this side could not begin.
    #[error("the security exchange could not begin")]
    Security(#[source] SecurityError),
}

impl BindRefusal {
    /// The Win32 code under which a Windows client would report it, for events (MS-ERREF 2.2).
    #[must_use]
    pub fn win32(&self) -> u32 {
        match self {
            Self::Nak { reason, .. } => reason.win32(),
            Self::Context { reason, .. } => reason.win32(),
            Self::Fault { status } => Status(*status).win32(),
            Self::NoCredentials | Self::Security(_) => SEC_PKG_ERROR,
        }
    }
}

/// The client side of one connection.
pub struct ClientAssociation {
    level: AuthLevel,
    max_fragment: u16,
    max_receive: u16,
    group: u32,
    limits: Limits,
    phase: Phase,
    /// By number; the one of the features is never used.
    contexts: BTreeMap<u16, PresentationContext>,
    /// By number; none for nobody, and while an exchange goes on.
    identities: Vec<Option<Channel>>,
    altering: Option<Altering>,
    wanted: VecDeque<Wanted>,
    input: FrameBuffer,
    output: VecDeque<Vec<u8>>,
    events: VecDeque<ClientEvent>,
    next_call: u32,
    waiting: VecDeque<Waiting>,
    outstanding: BTreeMap<u32, CallTarget>,
    /// Calls that were given up and may still be answered.
    orphans: BTreeMap<u32, CallTarget>,
    replies: Reassembler,
    multiplex: bool,
    /// What both sides agreed on, MS-RPCE 2.2.2.14; zero when the server knows no features.
    features: u16,
    /// Offered in the bind, and agreed by its answer.
    header_signing: (bool, bool),
    asked_to_close: bool,
}

struct PresentationContext {
    interface: SyntaxId,
    /// The server answered a call in it, so that nobody changed the bind on the way.
    proved: bool,
}

enum Phase {
    /// Bind or alter_context sent; the next leg is the server's.
    Binding {
        exchange: Option<Exchange>,
        altering: bool,
    },
    Bound,
    Closed,
}

struct Exchange {
    initiator: Box<dyn Initiator>,
    trailer: SecTrailer,
    level: AuthLevel,
    identity: usize,
    call: u32,
    legs: usize,
    done: bool,
}

/// A call that could not go out yet.
struct Waiting {
    call: u32,
    target: CallTarget,
    opnum: u16,
    stub: Vec<u8>,
}

impl ClientAssociation {
    /// An association with the default limits, whose bind is ready to be sent.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self::with_limits(config, Limits::default())
    }

    /// An association whose bind is ready to be sent.
    #[must_use]
    pub fn with_limits(config: ClientConfig, limits: Limits) -> Self {
        Self::in_group(config, limits, 0)
    }

    /// An association that joins a group of the server's, C706 12.6.3.5, whose context handles it
    /// shares then; 0 asks for a new one.
    #[must_use]
    pub fn in_group(config: ClientConfig, limits: Limits, group: u32) -> Self {
        let first = PresentationContext { interface: config.interface, proved: false };
        let mut association = Self {
            level: connected(config.level),
            max_fragment: config.max_fragment.max(MIN_FRAGMENT),
            max_receive: config.max_fragment.max(MIN_FRAGMENT),
            group,
            limits,
            phase: Phase::Closed,
            contexts: BTreeMap::from([(ContextNumber::FIRST.0, first)]),
            identities: vec![None],
            altering: None,
            wanted: VecDeque::new(),
            input: FrameBuffer::default(),
            output: VecDeque::new(),
            events: VecDeque::new(),
            next_call: BIND_CALL + 1,
            waiting: VecDeque::new(),
            outstanding: BTreeMap::new(),
            orphans: BTreeMap::new(),
            replies: Reassembler::new(limits),
            multiplex: false,
            features: 0,
            header_signing: (false, false),
            asked_to_close: false,
        };
        if let Err(refusal) = association.send_bind(config.initiator) {
            association.events.push_back(ClientEvent::Refused(refusal));
        }
        association
    }

    /// Takes octets from the connection.
    ///
    /// # Errors
    /// The association is over: send what [`Self::poll_transmit`] still gives, then close. No
    /// call that is outstanding gets an event any more.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), RpcError> {
        if matches!(self.phase, Phase::Closed) {
            return Err(RpcError::Closed);
        }
        self.input.push(bytes);
        let outcome = self.handle_frames();
        if outcome.is_err() {
            self.close();
        }
        outcome
    }

    /// The next octets to send: one whole PDU.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.output.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Calls an operation of the interface that was bound, as who bound it.
    ///
    /// # Errors
    /// As [`Self::call_with`].
    pub fn call(&mut self, opnum: u16, stub: &[u8]) -> Result<CallId, RpcError> {
        self.call_with(CallTarget::default(), opnum, stub)
    }

    /// Calls an operation. The call goes out at once, or as soon as the association is bound and,
    /// where the server takes only one call at a time, those before it have ended.
    ///
    /// # Errors
    /// The association is over, the stub is too long, too many calls are outstanding, or the target
    /// was not added yet.
    pub fn call_with(
        &mut self,
        target: CallTarget,
        opnum: u16,
        stub: &[u8],
    ) -> Result<CallId, RpcError> {
        if matches!(self.phase, Phase::Closed) {
            return Err(RpcError::Closed);
        }
        if stub.len() > self.limits.stub {
            return Err(RpcError::Limit { what: "octets of a stub", limit: self.limits.stub });
        }
        if self.outstanding.len() + self.waiting.len() >= self.limits.calls {
            return Err(RpcError::Limit { what: "outstanding calls", limit: self.limits.calls });
        }
        self.check_target(&target)?;
        let call = self.fresh_call();
        if self.may_send() {
            self.send_call(call, target, opnum, stub)?;
        } else {
            self.waiting.push_back(Waiting { call, target, opnum, stub: stub.to_vec() });
        }
        Ok(CallId(call))
    }

    /// Asks the server to end a call early, C706 12.6.4.2 co_cancel; the call still ends with its
    /// reply or fault. One that has not gone out yet ends at once with a fault.
    ///
    /// # Errors
    /// The call is not outstanding.
    pub fn cancel(&mut self, call: CallId) -> Result<(), RpcError> {
        if self.take_waiting(call) {
            self.events.push_back(ClientEvent::Fault { call, status: status::NCA_FAULT_CANCEL });
            return Ok(());
        }
        let target = *self.outstanding.get(&call.0).ok_or(RpcError::UnknownCall(call))?;
        self.send_about(call, target, Body::CoCancel)
    }

    /// Gives a call up, C706 12.6.4.8 orphaned: it has no event any more. False when the server did
    /// not agree to keep the connection after that (MS-RPCE 2.2.2.14): then it had better be closed.
    ///
    /// # Errors
    /// The call is not outstanding.
    pub fn orphan(&mut self, call: CallId) -> Result<bool, RpcError> {
        if self.take_waiting(call) {
            return Ok(true);
        }
        let target = *self.outstanding.get(&call.0).ok_or(RpcError::UnknownCall(call))?;
        self.send_about(call, target, Body::Orphaned)?;
        self.outstanding.remove(&call.0);
        self.replies.remove(call.0);
        self.orphans.insert(call.0, target);
        // What was on its way when a call was given up comes soon, or never: the oldest can be forgotten.
        if self.orphans.len() > self.limits.calls {
            self.orphans.pop_first();
        }
        self.send_waiting()?;
        Ok(self.features & FEATURE_KEEP_ON_ORPHAN != 0)
    }

    fn take_waiting(&mut self, call: CallId) -> bool {
        let index = self.waiting.iter().position(|waiting| waiting.call == call.0);
        index.and_then(|index| self.waiting.remove(index)).is_some()
    }

    fn send_about(&mut self, call: CallId, target: CallTarget, body: Body) -> Result<(), RpcError> {
        if !self.is_bound() {
            return Err(RpcError::UnknownCall(call));
        }
        let channel = self.identities.get_mut(target.identity.0).and_then(Option::as_mut);
        self.output.push_back(channel::encode(channel, &Pdu::new(call.0, body))?);
        Ok(())
    }

    /// The bind-time features that both sides have, MS-RPCE 2.2.2.14: 1 for several identities on
    /// one connection, 2 for a connection that outlives a call given up.
    #[must_use]
    pub fn features(&self) -> u16 {
        self.features
    }

    /// True when both sides sign headers too, MS-RPCE 3.3.1.5.2.2.
    #[must_use]
    pub fn signs_headers(&self) -> bool {
        self.header_signing.1
    }

    /// The association group that the server gave; 0 before the bind stands.
    #[must_use]
    pub fn group(&self) -> u32 {
        self.group
    }

    /// True when calls go out at once.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self.phase, Phase::Bound)
    }

    /// True when the connection is to be closed once everything was sent: the association is over,
    /// or the server asked for it (C706 12.6.4.12 shutdown) and no call is outstanding.
    #[must_use]
    pub fn should_close(&self) -> bool {
        let idle = self.outstanding.is_empty() && self.waiting.is_empty();
        matches!(self.phase, Phase::Closed) || self.asked_to_close && idle
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len() + self.waiting.len()
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.input.clear();
        self.replies.clear();
        self.waiting.clear();
        self.wanted.clear();
        self.altering = None;
        self.outstanding.clear();
        self.orphans.clear();
    }

    fn refuse(&mut self, refusal: BindRefusal) {
        self.close();
        self.events.push_back(ClientEvent::Refused(refusal));
    }

    fn fresh_call(&mut self) -> u32 {
        loop {
            let call = self.next_call;
            self.next_call = self.next_call.wrapping_add(1);
            // Ends: at most twice `limits.calls` of the 2^32 numbers are in use.
            let used = self.outstanding.contains_key(&call)
                || self.orphans.contains_key(&call)
                || self.altering.as_ref().is_some_and(|one| one.call() == call)
                || self.waiting.iter().any(|waiting| waiting.call == call);
            if call != BIND_CALL && call != 0 && !used {
                return call;
            }
        }
    }
}

/// MS-RPCE 2.2.1.1.8: on connections the level of datagrams is sent as the next one.
fn connected(level: AuthLevel) -> AuthLevel {
    match level {
        AuthLevel::Call => AuthLevel::Packet,
        level => level,
    }
}

fn unexpected(expected: &'static str, got: PduType, state: &'static str) -> RpcError {
    RpcError::Unexpected { expected, got: got.name(), state }
}
