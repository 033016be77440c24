//! The server side of an association, C706 12.3 and 12.5, MS-RPCE 3.3.3.
//!
//! A request reaches the user only when its signature was verified as far as its level has one,
//! its interface was bound, and its level is at least the interface's. The exact reason of a refused
//! identity goes into [`ServerEvent::AuthenticationFailed`]; the wire hears "access denied".

mod bind;

use std::collections::{BTreeMap, VecDeque};

use identity::AccountName;
use security::{Acceptor, AuthLevel, SecurityError};

use crate::channel::Channel;
use crate::error::{CallId, RpcError};
use crate::fragment::{
    self, FrameBuffer, Joined, Limits, MIN_FRAGMENT, Outgoing, Overflow, Reassembler,
};
use crate::ndr::ByteOrder;
use crate::pdu::{
    BindNak, Body, Fault, Frame, Header, NakReason, Pdu, PduFlags, PduType, Request, SecTrailer,
};
use crate::status;
use crate::uuid::SyntaxId;

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
    /// The association group that the bind_ack names; not zero.
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
        /// The stub. A verification trailer (MS-RPCE 2.2.2.13) may stand behind the parameters.
        stub: Vec<u8>,
        /// The byte order of the stub.
        order: ByteOrder,
        /// Who calls; none at level [`AuthLevel::None`].
        principal: Option<AccountName>,
        /// How much of the request was protected.
        level: AuthLevel,
    },
    /// An identity was refused; every request on this association gets "access denied".
    AuthenticationFailed {
        /// Who was claimed, when that could be read.
        account: Option<AccountName>,
        /// The exact reason.
        failure: SecurityError,
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
    phase: Phase,
    security: Security,
    input: FrameBuffer,
    output: VecDeque<Vec<u8>>,
    events: VecDeque<ServerEvent>,
    /// Interface index by presentation context.
    contexts: BTreeMap<u16, usize>,
    requests: Reassembler<Verdict>,
    outstanding: BTreeMap<u32, Outstanding>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unbound,
    Bound { max_xmit: u16, max_recv: u16 },
    Closed,
}

/// Who the client is.
enum Security {
    /// It did not say.
    Anonymous,
    /// The exchange goes on; nothing is executed yet.
    Exchanging(Exchange),
    Established {
        channel: Channel,
        principal: Option<AccountName>,
    },
    Refused,
}

struct Exchange {
    acceptor: Box<dyn Acceptor>,
    trailer: SecTrailer,
    level: AuthLevel,
    legs: usize,
}

/// What is to become of a request, decided at its first fragment.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    context_id: u16,
    opnum: u16,
    silent: bool,
    /// The interface, or the status to refuse with.
    interface: Result<usize, u32>,
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    context_id: u16,
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
            phase: Phase::Unbound,
            security: Security::Anonymous,
            input: FrameBuffer::default(),
            output: VecDeque::new(),
            events: VecDeque::new(),
            contexts: BTreeMap::new(),
            requests: Reassembler::new(limits),
            outstanding: BTreeMap::new(),
        }
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
        let Outstanding { context_id, silent } = self.take_outstanding(call)?;
        if silent {
            return Ok(());
        }
        let Phase::Bound { max_xmit, .. } = self.phase else {
            return Err(RpcError::Closed);
        };
        let channel = match &mut self.security {
            Security::Established { channel, .. } => Some(channel),
            _ => None,
        };
        let outgoing = Outgoing::Response { context_id };
        fragment::send(&mut self.output, channel, max_xmit, call.0, outgoing, stub)
    }

    /// Answers a call with a status, see [`crate::status`].
    ///
    /// # Errors
    /// The call is not outstanding.
    pub fn fault(&mut self, call: CallId, status: u32) -> Result<(), RpcError> {
        let Outstanding { context_id, silent } = self.take_outstanding(call)?;
        if silent {
            return Ok(());
        }
        self.send_fault(call.0, context_id, status, PduFlags::default())
    }

    /// True when the connection is to be closed once everything was sent.
    #[must_use]
    pub fn should_close(&self) -> bool {
        self.phase == Phase::Closed
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
        self.requests.clear();
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

    fn send_nak(&mut self, call: u32, reason: NakReason) -> Result<(), RpcError> {
        let pdu = Pdu::new(call, Body::BindNak(BindNak::new(reason)));
        self.output.push_back(pdu.encode()?);
        Ok(())
    }
}

/// Frames.
impl ServerAssociation {
    fn handle_frames(&mut self) -> Result<(), RpcError> {
        while self.phase != Phase::Closed
            && let Some(header) = self.next_header()?
        {
            self.check_header(&header).or_else(|error| self.blame(&header, error))?;
            let frame = match self.input.frame(&header) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return self.blame(&header, error),
            };
            self.handle_frame(frame).or_else(|error| self.blame(&header, error))?;
        }
        Ok(())
    }

    fn next_header(&mut self) -> Result<Option<Header>, RpcError> {
        match self.input.header() {
            Err(error @ RpcError::Version { major: 5, .. }) if self.phase == Phase::Unbound => {
                // C706 12.6.4.5: a client of a later minor version learns which one to use.
                if self.input.pending().get(2) == Some(&PduType::Bind.to_wire()) {
                    self.send_nak(0, NakReason::PROTOCOL_VERSION_NOT_SUPPORTED)?;
                }
                Err(error)
            }
            other => other,
        }
    }

    /// Tells the client about an error that ends the association, in the form that its PDU calls for.
    fn blame(&mut self, header: &Header, error: RpcError) -> Result<(), RpcError> {
        let told = !self.output.is_empty() && self.phase == Phase::Closed;
        match header.kind {
            _ if told => {}
            PduType::Bind if self.phase == Phase::Unbound => {
                let reason = match error {
                    RpcError::Limit { .. } => NakReason::LOCAL_LIMIT_EXCEEDED,
                    RpcError::Security(_) => NakReason::INVALID_CHECKSUM,
                    _ => NakReason::NOT_SPECIFIED,
                };
                self.send_nak(header.call_id, reason)?;
            }
            PduType::Request | PduType::AlterContext => {
                let status = match error {
                    RpcError::Signature(_) | RpcError::Unsigned | RpcError::Security(_) => {
                        status::ACCESS_DENIED
                    }
                    _ => status::NCA_PROTO_ERROR,
                };
                self.send_fault(header.call_id, 0, status, PduFlags::DID_NOT_EXECUTE)?;
            }
            _ => {}
        }
        Err(error)
    }

    /// Refuses what is never going to be right before its body is waited for.
    fn check_header(&self, header: &Header) -> Result<(), RpcError> {
        let state = if self.is_bound() { "bound" } else { "waiting for a bind" };
        let expected = match (header.kind, self.is_bound()) {
            (PduType::Bind, false) => None,
            (PduType::Bind, true) => Some("anything but a second bind"),
            (
                PduType::Request
                | PduType::AlterContext
                | PduType::Auth3
                | PduType::CoCancel
                | PduType::Orphaned,
                bound,
            ) => (!bound).then_some("a bind"),
            _ => Some("a PDU that clients send"),
        };
        if let Some(expected) = expected {
            return Err(RpcError::Unexpected { expected, got: header.kind.name(), state });
        }
        if header.kind != PduType::Request && !header.flags.has(PduFlags::WHOLE) {
            return Err(RpcError::Protocol { detail: "a fragment of a PDU that has none" });
        }
        if let Phase::Bound { max_recv, .. } = self.phase
            && header.kind == PduType::Request
            && header.frag_length > max_recv
        {
            let limit = max_recv.into();
            return Err(RpcError::Limit { what: "octets of a fragment", limit });
        }
        Ok(())
    }

    fn handle_frame(&mut self, mut frame: Frame) -> Result<(), RpcError> {
        match frame.header().kind {
            PduType::Bind => self.handle_bind(&frame.decode()?),
            PduType::AlterContext => self.handle_alter_context(&frame.decode()?),
            PduType::Auth3 => self.handle_auth3(&frame.decode()?),
            PduType::Request => self.handle_request(frame),
            _ => self.handle_cancel(&mut frame),
        }
    }
}

/// Calls.
impl ServerAssociation {
    fn handle_request(&mut self, mut frame: Frame) -> Result<(), RpcError> {
        let level = match &mut self.security {
            Security::Refused | Security::Exchanging(_) => return self.deny(frame.header()),
            Security::Anonymous if frame.trailer().is_some() => {
                return Err(RpcError::Protocol {
                    detail: "a signature without a security context",
                });
            }
            Security::Anonymous => AuthLevel::None,
            Security::Established { channel, .. } => {
                if channel.protects() {
                    channel.open(&mut frame)?;
                }
                channel.level()
            }
        };
        let Pdu { flags, order, call_id, body, .. } = frame.decode()?;
        let Body::Request(request) = body else {
            return Ok(());
        };
        if flags.has(PduFlags::FIRST) {
            if self.outstanding.contains_key(&call_id) {
                return Err(RpcError::Protocol { detail: "a call number that is in use" });
            }
            let verdict = self.judge(&request, flags, level);
            self.requests.begin(call_id, verdict, order)?;
        }
        let joined = self
            .requests
            .add(call_id, &request.stub, flags, |verdict| verdict.interface.is_ok())?;
        let (verdict, whole) = match joined {
            Joined::Partial => return Ok(()),
            Joined::Whole(whole) => (whole.meta, Some((whole.order, whole.stub))),
            Joined::Overflowed(verdict, overflow) => {
                let status = match overflow {
                    Overflow::Stub => status::NCA_FAULT_REMOTE_NO_MEMORY,
                    Overflow::Buffered => status::NCA_SERVER_TOO_BUSY,
                };
                (Verdict { interface: Err(status), ..verdict }, None)
            }
        };
        let Verdict { context_id, opnum, silent, interface } = verdict;
        match (interface, whole) {
            (Ok(interface), Some((order, stub))) => {
                self.outstanding.insert(call_id, Outstanding { context_id, silent });
                let principal = match &self.security {
                    Security::Established { principal, .. } => principal.clone(),
                    _ => None,
                };
                let call = CallId(call_id);
                self.events.push_back(ServerEvent::Request {
                    call,
                    interface,
                    opnum,
                    stub,
                    order,
                    principal,
                    level,
                });
                Ok(())
            }
            (Err(_), _) if silent => Ok(()),
            (Err(status), _) => {
                self.send_fault(call_id, context_id, status, PduFlags::DID_NOT_EXECUTE)
            }
            (Ok(_), None) => Ok(()),
        }
    }

    /// Decides at the first fragment whether the user is to see the request.
    fn judge(&self, request: &Request, flags: PduFlags, level: AuthLevel) -> Verdict {
        let interface = match self.contexts.get(&request.context_id) {
            None => Err(status::NCA_UNK_IF),
            Some(&index) => match self.config.interfaces.get(index) {
                Some(rules) if rules.min_level > level => Err(status::ACCESS_DENIED),
                _ if self.outstanding.len() + self.requests.len() >= self.limits.calls => {
                    Err(status::NCA_SERVER_TOO_BUSY)
                }
                _ => Ok(index),
            },
        };
        let silent = flags.has(PduFlags::MAYBE);
        Verdict { context_id: request.context_id, opnum: request.opnum, silent, interface }
    }

    /// Answers a request of a client whose identity does not stand. Nothing of it is looked at.
    fn deny(&mut self, header: &Header) -> Result<(), RpcError> {
        if !header.flags.has(PduFlags::LAST) || header.flags.has(PduFlags::MAYBE) {
            return Ok(());
        }
        self.send_fault(header.call_id, 0, status::ACCESS_DENIED, PduFlags::DID_NOT_EXECUTE)
    }

    /// co_cancel and orphaned, C706 12.6.4.2 and 12.6.4.8.
    fn handle_cancel(&mut self, frame: &mut Frame) -> Result<(), RpcError> {
        if let Security::Established { channel, .. } = &mut self.security
            && channel.protects()
        {
            if frame.trailer().is_none() {
                // Anybody on the path could have sent it; to ignore it costs only time.
                return Ok(());
            }
            channel.open(frame)?;
        }
        let Header { call_id, kind, .. } = *frame.header();
        let orphaned = kind == PduType::Orphaned;
        if orphaned {
            self.requests.remove(call_id);
        }
        // A call that was answered meanwhile is no longer here, which is no error.
        if let Some(outstanding) = self.outstanding.get_mut(&call_id) {
            outstanding.silent |= orphaned;
            self.events.push_back(ServerEvent::Cancelled { call: CallId(call_id) });
        }
        Ok(())
    }
}
