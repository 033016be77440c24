//! The server side of an association, C706 12.3 and 12.5, MS-RPCE 3.3.3.
//!
//! A request reaches the user only when its signature was verified as far as its level has one,
//! its interface was bound, and its level is at least the interface's. The exact reason of a refused
//! identity goes into [`ServerEvent::AuthenticationFailed`]; the wire hears "access denied".
//!
//! Where C706 leaves a choice, what is answered to a misbehaving client is what Windows and Samba
//! answer (Samba's raw protocol tests say what that is): which status, with which context and
//! flags, and whether the connection ends.

mod bind;
mod call;
mod fatal;
mod identity;

use std::collections::{BTreeMap, VecDeque};

use ::identity::AccountName;
use security::{Acceptor, AuthLevel, LogonQuestion, LogonVerdict, SecurityError};

use crate::error::{CallId, RpcError};
use crate::fragment::{self, FrameBuffer, Limits, MIN_FRAGMENT, Outgoing};
use crate::groups::{AssociationGroups, Membership};
use crate::ndr::ByteOrder;
use crate::pdu::{BindNak, Body, Fault, Header, NakReason, Pdu, PduFlags, PduType};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};

use call::Receiving;
use fatal::{Answer, Fatal};
use identity::{Asked, Identities};

/// One interface and what its callers must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceRules {
    /// The interface.
    pub syntax: SyntaxId,
    /// The lowest level of a request that reaches the user.
    pub min_level: AuthLevel,
}

/// Gives an acceptor for an authentication type, or none when the type is not served.
pub type AcceptorFactory = Box<dyn FnMut(u8) -> Option<Box<dyn Acceptor>> + Send>;

/// What a server association is made from.
pub struct ServerConfig {
    /// The interfaces served.
    pub interfaces: Vec<InterfaceRules>,
    /// Who checks identities, by authentication type.
    pub acceptor: AcceptorFactory,
    /// The longest fragment to negotiate, at least 1432 octets; see [`crate::DEFAULT_FRAGMENT`].
    pub max_fragment: u16,
    /// The port, as text, that the bind_ack names.
    pub secondary_address: String,
    /// The number of a new association group; not zero.
    pub association_group: u32,
}

/// What happened on a server association.
#[derive(Debug)]
pub enum ServerEvent {
    /// A call to be answered with `respond` or `fault`.
    Request {
        /// The call.
        call: CallId,
        /// Which of the configured interfaces.
        interface: usize,
        /// The operation; not checked against the interface.
        opnum: u16,
        /// The stub. Up to three octets of padding may stand behind the parameters, where a
        /// verification trailer was.
        stub: Vec<u8>,
        /// The object that the call is for, C706 2.1.1.4.
        object: Option<Uuid>,
        /// The byte order of the stub.
        order: ByteOrder,
        /// Who calls; none at level [`AuthLevel::None`].
        principal: Option<AccountName>,
        /// How much of the request was protected.
        level: AuthLevel,
    },
    /// An identity was refused; the next request under it is answered "access denied" and ends the
    /// association. Or what an identity protected cannot be verified, which ends it at once.
    AuthenticationFailed {
        /// Who was claimed, when that could be read.
        account: Option<AccountName>,
        /// The exact reason.
        failure: SecurityError,
    },
    /// Somebody else knows the password of who logs on: to be answered with `judge`. What the client sends is not looked
    /// at meanwhile.
    LogonAsked {
        /// What is to be judged.
        question: Box<LogonQuestion>,
    },
    /// The client would like the call to end early, or gave it up. It still is to be answered;
    /// the answer to a call that was given up is not sent.
    Cancelled {
        /// The call.
        call: CallId,
    },
    /// The association ended by an error; these calls can no longer be answered.
    Broken {
        /// The calls.
        calls: Vec<CallId>,
    },
}

/// The server side of one connection.
pub struct ServerAssociation {
    config: ServerConfig,
    limits: Limits,
    groups: AssociationGroups,
    phase: Phase,
    identities: Identities,
    input: FrameBuffer,
    output: VecDeque<Vec<u8>>,
    events: VecDeque<ServerEvent>,
    /// What each presentation context stands for.
    contexts: BTreeMap<u16, Context>,
    /// The one call whose fragments come in.
    receiving: Option<Receiving>,
    /// The client said in its bind that it supports header signing.
    header_signing: bool,
    outstanding: BTreeMap<u32, Outstanding>,
    /// A logon that somebody else is to judge.
    asked: Option<Asked>,
}

enum Phase {
    Unbound,
    Bound {
        /// The longest fragment, in both directions.
        fragment: u16,
        /// Several calls at once.
        multiplex: bool,
        group: Membership,
    },
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct Context {
    /// Index into the interfaces served.
    interface: usize,
    /// The interface as the client asked for it: its minor version may be a smaller one.
    asked: SyntaxId,
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    context_id: u16,
    /// Whose call it is: an index into the identities.
    identity: Option<usize>,
    /// Nobody waits for the answer.
    silent: bool,
}

impl ServerAssociation {
    /// An association with the default limits.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self::with_limits(config, Limits::default())
    }

    /// An association that waits for a bind.
    #[must_use]
    pub fn with_limits(mut config: ServerConfig, limits: Limits) -> Self {
        config.max_fragment = config.max_fragment.max(MIN_FRAGMENT);
        Self {
            config,
            limits,
            groups: AssociationGroups::new(),
            phase: Phase::Unbound,
            identities: Identities::new(limits.identities),
            input: FrameBuffer::default(),
            output: VecDeque::new(),
            events: VecDeque::new(),
            contexts: BTreeMap::new(),
            receiving: None,
            header_signing: false,
            outstanding: BTreeMap::new(),
            asked: None,
        }
    }

    /// Lets this association share its group with others of the same server.
    #[must_use]
    pub fn with_groups(mut self, groups: AssociationGroups) -> Self {
        self.groups = groups;
        self
    }

    /// Takes octets from the connection.
    ///
    /// # Errors
    /// The association is over: send what [`Self::poll_transmit`] still gives, then close.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), RpcError> {
        if self.should_close() {
            return Err(RpcError::Closed);
        }
        self.input.push(bytes);
        let outcome = self.handle_frames();
        self.end_by(outcome)
    }

    /// Answers [`ServerEvent::LogonAsked`], and goes on with what came meanwhile.
    ///
    /// # Errors
    /// As [`Self::handle_bytes`].
    pub fn judge(&mut self, verdict: LogonVerdict) -> Result<(), RpcError> {
        if self.should_close() {
            return Err(RpcError::Closed);
        }
        let outcome = self.judge_logon(verdict).and_then(|()| self.handle_frames());
        self.end_by(outcome)
    }

    /// True while octets had better wait in the connection, so that what is held here stays bounded.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    fn end_by(&mut self, outcome: Result<(), Fatal>) -> Result<(), RpcError> {
        outcome.map_err(|Fatal { error, answer }| {
            // An answer that cannot be encoded is no answer; the connection ends anyway.
            let _ = self.send_last(answer);
            self.close();
            error
        })
    }

    /// The next octets to send: one whole PDU.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.output.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// Answers a call with its result. Calls may be answered in any order.
    ///
    /// # Errors
    /// The call is not outstanding, or the stub is too long; then the call still is to be answered.
    pub fn respond(&mut self, call: CallId, stub: &[u8]) -> Result<(), RpcError> {
        if stub.len() > self.limits.stub {
            return Err(RpcError::Limit { what: "octets of a stub", limit: self.limits.stub });
        }
        let Outstanding { context_id, identity, silent } = self.take_outstanding(call)?;
        if silent {
            return Ok(());
        }
        let Phase::Bound { fragment, .. } = self.phase else {
            return Err(RpcError::Closed);
        };
        let channel = self.identities.channel(identity);
        let outgoing = Outgoing::Response { context_id };
        fragment::send(&mut self.output, channel, fragment, call.0, outgoing, stub)
    }

    /// Answers a call with a status, see [`crate::status`].
    ///
    /// # Errors
    /// The call is not outstanding.
    pub fn fault(&mut self, call: CallId, status: u32) -> Result<(), RpcError> {
        let Outstanding { context_id, silent, .. } = self.take_outstanding(call)?;
        if silent {
            return Ok(());
        }
        let flags = match status {
            // Nobody can have executed what does not exist.
            status::NCA_OP_RNG_ERROR => PduFlags::DID_NOT_EXECUTE,
            _ => PduFlags::default(),
        };
        self.send_fault(call.0, context_id, status, flags)
    }

    /// Asks the client to let go, C706 12.6.4.12 shutdown: it ends the connection once it has its
    /// answers. What it still asks is answered.
    ///
    /// # Errors
    /// The association is not bound.
    pub fn ask_to_let_go(&mut self) -> Result<(), RpcError> {
        if !self.is_bound() {
            return Err(RpcError::Closed);
        }
        self.output.push_back(Pdu::new(0, Body::Shutdown).encode()?);
        Ok(())
    }

    /// True when the connection is to be closed once everything was sent.
    #[must_use]
    pub fn should_close(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// True once a bind was accepted.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self.phase, Phase::Bound { .. })
    }

    /// Calls that were handed up and not answered.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    fn take_outstanding(&mut self, call: CallId) -> Result<Outstanding, RpcError> {
        self.outstanding.remove(&call.0).ok_or(RpcError::UnknownCall(call))
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.input.clear();
        self.receiving = None;
        self.asked = None;
        let calls = std::mem::take(&mut self.outstanding).into_keys().map(CallId).collect();
        self.events.push_back(ServerEvent::Broken { calls });
    }

    /// Faults go out unsigned, as other servers send them: a client must take them even where
    /// no identity stands.
    fn send_fault(
        &mut self,
        call: u32,
        context_id: u16,
        status: u32,
        more: PduFlags,
    ) -> Result<(), RpcError> {
        let fault = Fault { context_id, cancel_count: 0, status, stub: Vec::new() };
        let flags = PduFlags::WHOLE.with(more);
        let pdu = Pdu { flags, ..Pdu::new(call, Body::Fault(fault)) };
        self.output.push_back(pdu.encode()?);
        Ok(())
    }

    /// The last word of an association that ends by an error.
    fn send_last(&mut self, answer: Answer) -> Result<(), RpcError> {
        match answer {
            Answer::Nothing => Ok(()),
            Answer::Nak { call, reason } => {
                let pdu = Pdu::new(call, Body::BindNak(BindNak::new(reason)));
                self.output.push_back(pdu.encode()?);
                Ok(())
            }
            Answer::Fault { call, context_id, status, flags } => {
                self.send_fault(call, context_id, status, flags)
            }
        }
    }
}

/// Frames.
impl ServerAssociation {
    fn handle_frames(&mut self) -> Result<(), Fatal> {
        while !self.should_close()
            && self.asked.is_none()
            && let Some(header) = self.next_header()?
        {
            self.check_header(&header)?;
            let frame = match self.input.frame(&header) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return Err(Fatal::malformed(&header, error)),
            };
            match frame.header().kind {
                PduType::Request => self.handle_request(frame)?,
                PduType::CoCancel | PduType::Orphaned => self.handle_cancel(frame)?,
                kind => {
                    let pdu =
                        frame.decode().map_err(|error| Fatal::malformed(&header, error.into()))?;
                    match kind {
                        PduType::Bind => self.handle_bind(&pdu)?,
                        PduType::AlterContext => self.handle_alter_context(&pdu)?,
                        _ => self.handle_auth3(&pdu)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn next_header(&self) -> Result<Option<Header>, Fatal> {
        self.input.header().map_err(|error| {
            // C706 12.6.4.5: a client of a later minor version learns which one to use.
            let later = matches!(error, RpcError::Version { major: 5, .. });
            let pending = self.input.pending();
            match Header::peek(pending) {
                Some((PduType::Bind, call)) if !self.is_bound() => {
                    Fatal::nak(call, NakReason::PROTOCOL_VERSION_NOT_SUPPORTED, error)
                }
                None if later && pending.get(2) == Some(&PduType::Bind.to_wire()) => {
                    Fatal::nak(0, NakReason::PROTOCOL_VERSION_NOT_SUPPORTED, error)
                }
                Some((PduType::Request | PduType::AlterContext, call)) if self.is_bound() => {
                    Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed()
                }
                _ => Fatal::silent(error),
            }
        })
    }

    /// Refuses what is never going to be right before its body is waited for.
    fn check_header(&self, header: &Header) -> Result<(), Fatal> {
        let bound = self.is_bound();
        let call = header.call_id;
        let expected = match header.kind {
            PduType::Bind => bound.then_some("anything but a second bind"),
            PduType::Request
            | PduType::AlterContext
            | PduType::Auth3
            | PduType::CoCancel
            | PduType::Orphaned => (!bound).then_some("a bind"),
            _ => Some("a PDU that clients send"),
        };
        if let Some(expected) = expected {
            let state = if bound { "bound" } else { "waiting for a bind" };
            let error = RpcError::Unexpected { expected, got: header.kind.name(), state };
            return Err(match header.kind {
                PduType::Bind => Fatal::nak(call, NakReason::NOT_SPECIFIED, error),
                PduType::Request | PduType::AlterContext => {
                    Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed()
                }
                _ => Fatal::silent(error),
            });
        }
        // What this side can take, not what was agreed: others send up to their own maximum.
        if header.kind == PduType::Request && header.frag_length > self.config.max_fragment {
            let limit = self.config.max_fragment.into();
            let error = RpcError::Limit { what: "octets of a fragment", limit };
            return Err(Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error));
        }
        Ok(())
    }
}
