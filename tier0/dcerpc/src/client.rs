//! The client side of an association with one presentation context, C706 12.3 and 12.5,
//! MS-RPCE 3.3.2.
//!
//! Legs of the security exchange: the first token rides on the bind, the next comes in the
//! bind_ack; a last token without an answer goes into an auth3, one that wants an answer into an
//! alter_context (MS-RPCE 3.3.1.5.2.1). After an auth3 the association counts as bound; a server
//! that refuses the identity says so by a fault on the first call.

use std::collections::{BTreeSet, VecDeque};

use security::{AuthLevel, Initiator, SecurityError, Step};

use crate::channel::{self, Channel, MAX_LEGS};
use crate::error::{CallId, RpcError};
use crate::fragment::{self, FrameBuffer, Limits, MIN_FRAGMENT, Outgoing, Reassembler};
use crate::ndr::ByteOrder;
use crate::pdu::{
    AuthVerifier, Bind, BindAck, Body, ContextElement, Frame, Header, NakReason, NegotiationResult,
    Pdu, PduFlags, PduType, ProviderReason, SecTrailer,
};
use crate::status::{self, SEC_PKG_ERROR, Status};
use crate::uuid::SyntaxId;

/// The `call_id` of the bind and of all legs that follow it.
const BIND_CALL: u32 = 1;
/// The one presentation context.
const CONTEXT: u16 = 0;
/// The one security context. Some servers do not take zero for "none".
const AUTH_CONTEXT: u32 = 1;

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
    interface: SyntaxId,
    level: AuthLevel,
    max_fragment: u16,
    max_receive: u16,
    limits: Limits,
    phase: Phase,
    input: FrameBuffer,
    output: VecDeque<Vec<u8>>,
    events: VecDeque<ClientEvent>,
    next_call: u32,
    waiting: VecDeque<Waiting>,
    outstanding: BTreeSet<u32>,
    replies: Reassembler,
    multiplex: bool,
    /// The server signs headers too, as this side offers in any case.
    header_signing: bool,
    asked_to_close: bool,
}

enum Phase {
    /// Bind or alter_context sent; the next leg is the server's.
    Binding {
        exchange: Option<Exchange>,
        altering: bool,
    },
    Bound {
        channel: Option<Channel>,
        max_xmit: u16,
    },
    Closed,
}

struct Exchange {
    initiator: Box<dyn Initiator>,
    trailer: SecTrailer,
    legs: usize,
    done: bool,
}

/// A call that could not go out yet.
struct Waiting {
    call: u32,
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
        let mut association = Self {
            interface: config.interface,
            // MS-RPCE 2.2.1.1.8: on connections the level of datagrams is sent as the next one.
            level: match config.level {
                AuthLevel::Call => AuthLevel::Packet,
                level => level,
            },
            max_fragment: config.max_fragment.max(MIN_FRAGMENT),
            max_receive: config.max_fragment.max(MIN_FRAGMENT),
            limits,
            phase: Phase::Closed,
            input: FrameBuffer::default(),
            output: VecDeque::new(),
            events: VecDeque::new(),
            next_call: BIND_CALL + 1,
            waiting: VecDeque::new(),
            outstanding: BTreeSet::new(),
            replies: Reassembler::new(limits),
            multiplex: false,
            header_signing: false,
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

    /// Calls an operation. The call goes out at once, or as soon as the association is bound and,
    /// where the server takes only one call at a time, those before it have ended.
    ///
    /// # Errors
    /// The association is over, the stub is too long, or too many calls are outstanding.
    pub fn call(&mut self, opnum: u16, stub: &[u8]) -> Result<CallId, RpcError> {
        if matches!(self.phase, Phase::Closed) {
            return Err(RpcError::Closed);
        }
        if stub.len() > self.limits.stub {
            return Err(RpcError::Limit { what: "octets of a stub", limit: self.limits.stub });
        }
        if self.outstanding.len() + self.waiting.len() >= self.limits.calls {
            return Err(RpcError::Limit { what: "outstanding calls", limit: self.limits.calls });
        }
        let call = self.fresh_call();
        if self.may_send() {
            self.send_call(call, opnum, stub)?;
        } else {
            self.waiting.push_back(Waiting { call, opnum, stub: stub.to_vec() });
        }
        Ok(CallId(call))
    }

    /// Asks the server to end a call early, C706 12.6.4.8 co_cancel; the call still ends with its
    /// reply or fault. One that has not gone out yet ends at once with a fault.
    ///
    /// # Errors
    /// The call is not outstanding.
    pub fn cancel(&mut self, call: CallId) -> Result<(), RpcError> {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting.call == call.0) {
            self.waiting.remove(index);
            self.events.push_back(ClientEvent::Fault { call, status: status::NCA_FAULT_CANCEL });
            return Ok(());
        }
        match &mut self.phase {
            Phase::Bound { channel, .. } if self.outstanding.contains(&call.0) => {
                let pdu = Pdu::new(call.0, Body::CoCancel);
                self.output.push_back(channel::encode(channel.as_mut(), &pdu)?);
                Ok(())
            }
            _ => Err(RpcError::UnknownCall(call)),
        }
    }

    /// True when calls go out at once.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self.phase, Phase::Bound { .. })
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
        self.outstanding.clear();
    }

    fn refuse(&mut self, refusal: BindRefusal) {
        self.close();
        self.events.push_back(ClientEvent::Refused(refusal));
    }

    fn fresh_call(&mut self) -> u32 {
        loop {
            let call = self.next_call;
            self.next_call = self.next_call.wrapping_add(1);
            // Ends: at most `limits.calls` of the 2^32 numbers are in use.
            let used = self.outstanding.contains(&call)
                || self.waiting.iter().any(|waiting| waiting.call == call);
            if call != BIND_CALL && call != 0 && !used {
                return call;
            }
        }
    }
}

/// The bind.
impl ClientAssociation {
    fn send_bind(&mut self, initiator: Option<Box<dyn Initiator>>) -> Result<(), BindRefusal> {
        let mut flags = PduFlags::WHOLE.with(PduFlags::CONC_MPX);
        let (exchange, auth) = match (self.level, initiator) {
            (AuthLevel::None, _) => (None, None),
            (_, None) => return Err(BindRefusal::NoCredentials),
            (level, Some(mut initiator)) => {
                flags = flags.with(PduFlags::SUPPORT_HEADER_SIGN);
                let (token, done) = match initiator.step(None).map_err(BindRefusal::Security)? {
                    Step::Continue(token) => (Some(token), false),
                    Step::Done { token } => (token, true),
                };
                let auth_type = initiator.auth_type();
                let trailer = SecTrailer {
                    auth_type,
                    level: level.into(),
                    pad_length: 0,
                    context_id: AUTH_CONTEXT,
                };
                let auth = token.map(|value| AuthVerifier { trailer, value });
                (Some(Exchange { initiator, trailer, legs: 1, done }), auth)
            }
        };
        let pdu = Pdu { flags, auth, ..Pdu::new(BIND_CALL, Body::Bind(self.offer())) };
        let Ok(bytes) = pdu.encode() else {
            let expected = "a first token that fits one PDU";
            return Err(BindRefusal::Security(SecurityError::OutOfTurn { expected }));
        };
        self.output.push_back(bytes);
        self.phase = Phase::Binding { exchange, altering: false };
        Ok(())
    }

    fn offer(&self) -> Bind {
        Bind {
            max_xmit_frag: self.max_fragment,
            max_recv_frag: self.max_fragment,
            assoc_group_id: 0,
            contexts: vec![ContextElement {
                id: CONTEXT,
                abstract_syntax: self.interface,
                transfer_syntaxes: vec![SyntaxId::NDR],
            }],
        }
    }

    /// bind_ack or alter_context_resp.
    fn handle_ack(
        &mut self,
        pdu_flags: PduFlags,
        ack: &BindAck,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        let Phase::Binding { exchange, altering } = &mut self.phase else {
            return Err(unexpected("a response", PduType::BindAck, "bound"));
        };
        let (exchange, altering) = (exchange.take(), *altering);
        // The offer of the alter_context is the same again, so both answers are read alike.
        let Some(result) = ack.results.first() else {
            return Err(RpcError::Protocol { detail: "a bind_ack without a result" });
        };
        if result.result != NegotiationResult::Acceptance {
            let (result, reason) = (result.result, result.reason);
            self.refuse(BindRefusal::Context { result, reason });
            return Ok(());
        }
        if result.transfer_syntax != SyntaxId::NDR {
            return Err(RpcError::Protocol { detail: "a transfer syntax that was not offered" });
        }
        self.header_signing |= pdu_flags.has(PduFlags::SUPPORT_HEADER_SIGN);
        if !altering {
            // Sizes and multiplexing are agreed once, by the bind.
            if ack.max_recv_frag < MIN_FRAGMENT {
                return Err(RpcError::Protocol { detail: "a fragment size under 1432" });
            }
            self.max_fragment = self.max_fragment.min(ack.max_recv_frag);
            self.multiplex = pdu_flags.has(PduFlags::CONC_MPX);
        }
        match exchange {
            None => self.bound(None),
            Some(exchange) => self.next_leg(exchange, auth),
        }
    }

    fn next_leg(
        &mut self,
        mut exchange: Exchange,
        auth: Option<AuthVerifier>,
    ) -> Result<(), RpcError> {
        if exchange.done {
            return self.establish(exchange);
        }
        exchange.legs += 1;
        if exchange.legs > MAX_LEGS {
            return Err(RpcError::Limit { what: "legs of a security exchange", limit: MAX_LEGS });
        }
        let Some(auth) = auth else {
            return Err(RpcError::Protocol {
                detail: "the server did not answer the authentication",
            });
        };
        let trailer = exchange.trailer;
        if auth.trailer.auth_type != trailer.auth_type
            || auth.trailer.context_id != trailer.context_id
        {
            return Err(RpcError::Protocol { detail: "a trailer of another security context" });
        }
        let step = exchange.initiator.step(Some(&auth.value)).map_err(RpcError::Security)?;
        match step {
            Step::Continue(value) => {
                let auth = Some(AuthVerifier { trailer, value });
                let flags = PduFlags::WHOLE.with(PduFlags::SUPPORT_HEADER_SIGN);
                let body = Body::AlterContext(self.offer());
                let pdu = Pdu { flags, auth, ..Pdu::new(BIND_CALL, body) };
                self.output.push_back(pdu.encode()?);
                self.phase = Phase::Binding { exchange: Some(exchange), altering: true };
                Ok(())
            }
            Step::Done { token } => {
                if let Some(value) = token {
                    let auth = Some(AuthVerifier { trailer, value });
                    let pdu = Pdu { auth, ..Pdu::new(BIND_CALL, Body::Auth3) };
                    self.output.push_back(pdu.encode()?);
                }
                self.establish(exchange)
            }
        }
    }

    fn establish(&mut self, exchange: Exchange) -> Result<(), RpcError> {
        let context = exchange.initiator.into_context().map_err(RpcError::Security)?;
        let mut channel = Channel::new(context, exchange.trailer, self.level);
        channel.set_header_signing(self.header_signing);
        self.bound(Some(channel))
    }

    fn bound(&mut self, channel: Option<Channel>) -> Result<(), RpcError> {
        self.phase = Phase::Bound { channel, max_xmit: self.max_fragment };
        self.events.push_back(ClientEvent::Bound);
        self.send_waiting()
    }
}

/// Calls.
impl ClientAssociation {
    fn may_send(&self) -> bool {
        self.is_bound() && (self.multiplex || self.outstanding.is_empty())
    }

    fn send_waiting(&mut self) -> Result<(), RpcError> {
        while self.may_send()
            && let Some(Waiting { call, opnum, stub }) = self.waiting.pop_front()
        {
            self.send_call(call, opnum, &stub)?;
        }
        Ok(())
    }

    fn send_call(&mut self, call: u32, opnum: u16, stub: &[u8]) -> Result<(), RpcError> {
        let Phase::Bound { channel, max_xmit } = &mut self.phase else {
            return Err(RpcError::Closed);
        };
        let outgoing = Outgoing::Request { context_id: CONTEXT, opnum };
        fragment::send(&mut self.output, channel.as_mut(), *max_xmit, call, outgoing, stub)?;
        self.outstanding.insert(call);
        Ok(())
    }

    fn handle_frames(&mut self) -> Result<(), RpcError> {
        while !matches!(self.phase, Phase::Closed)
            && let Some(header) = self.input.header()?
        {
            self.check_header(&header)?;
            let Some(frame) = self.input.frame(&header)? else {
                break;
            };
            self.handle_frame(frame)?;
        }
        Ok(())
    }

    /// Refuses what is never going to be right before its body is waited for.
    fn check_header(&self, header: &Header) -> Result<(), RpcError> {
        let bound = self.is_bound();
        let (allowed, expected, state) = match header.kind {
            PduType::Fault | PduType::Shutdown => (true, "", ""),
            PduType::Response => (bound, "a bind_ack or bind_nak", "binding"),
            PduType::BindAck | PduType::AlterContextResponse | PduType::BindNak => {
                let altering = matches!(self.phase, Phase::Binding { altering: true, .. });
                let fits = altering == (header.kind == PduType::AlterContextResponse);
                (
                    !bound && fits,
                    "the answer to what was sent",
                    if bound { "bound" } else { "binding" },
                )
            }
            _ => (false, "a PDU that servers send", if bound { "bound" } else { "binding" }),
        };
        if !allowed {
            return Err(unexpected(expected, header.kind, state));
        }
        if header.kind != PduType::Response && !header.flags.has(PduFlags::WHOLE) {
            return Err(RpcError::Protocol { detail: "a fragment of a PDU that has none" });
        }
        // What was announced in the bind, not what the server sends: some lower only the latter.
        if header.kind == PduType::Response && header.frag_length > self.max_receive {
            let limit = self.max_receive.into();
            return Err(RpcError::Limit { what: "octets of a fragment", limit });
        }
        Ok(())
    }

    fn handle_frame(&mut self, mut frame: Frame) -> Result<(), RpcError> {
        let kind = frame.header().kind;
        if let Phase::Bound { channel: Some(channel), .. } = &mut self.phase
            && channel.protects()
        {
            // A fault may come without a signature: servers refuse so what they could not verify.
            let optional = matches!(kind, PduType::Fault | PduType::Shutdown);
            if !optional || frame.trailer().is_some() {
                channel.open(&mut frame)?;
            }
        }
        let Pdu { flags, order, call_id, body, auth } = frame.decode()?;
        match body {
            Body::BindAck(ack) | Body::AlterContextResponse(ack) => {
                self.handle_ack(flags, &ack, auth)
            }
            Body::BindNak(nak) => {
                self.refuse(BindRefusal::Nak { reason: nak.reason, versions: nak.versions });
                Ok(())
            }
            Body::Response(response) => self.handle_response(call_id, flags, order, &response.stub),
            Body::Fault(fault) => self.handle_fault(call_id, fault.status),
            Body::Shutdown => {
                self.asked_to_close = true;
                Ok(())
            }
            other => Err(unexpected("a PDU that servers send", other.kind(), "bound")),
        }
    }

    fn handle_response(
        &mut self,
        call: u32,
        flags: PduFlags,
        order: ByteOrder,
        stub: &[u8],
    ) -> Result<(), RpcError> {
        if !self.outstanding.contains(&call) {
            return Err(RpcError::Protocol { detail: "a response to no call" });
        }
        if flags.has(PduFlags::FIRST) {
            self.replies.begin(call, order)?;
        }
        let Some(whole) = self.replies.add(call, stub, flags)? else {
            return Ok(());
        };
        self.outstanding.remove(&call);
        let (stub, order) = (whole.stub, whole.order);
        self.events.push_back(ClientEvent::Reply { call: CallId(call), stub, order });
        self.send_waiting()
    }

    fn handle_fault(&mut self, call: u32, status: u32) -> Result<(), RpcError> {
        if !self.is_bound() {
            self.refuse(BindRefusal::Fault { status });
            return Ok(());
        }
        self.replies.remove(call);
        if !self.outstanding.remove(&call) {
            return Err(RpcError::Protocol { detail: "a fault to no call" });
        }
        self.events.push_back(ClientEvent::Fault { call: CallId(call), status });
        self.send_waiting()
    }
}

fn unexpected(expected: &'static str, got: PduType, state: &'static str) -> RpcError {
    RpcError::Unexpected { expected, got: got.name(), state }
}
