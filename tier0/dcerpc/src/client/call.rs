//! Calls, and what comes back.

use security::AuthLevel;

use super::{BindRefusal, CallTarget, ClientAssociation, ClientEvent, Phase, Waiting, unexpected};
use crate::channel::Channel;
use crate::error::{CallId, RpcError};
use crate::fragment::{self, Outgoing};
use crate::ndr::ByteOrder;
use crate::pdu::{Body, Frame, Header, Pdu, PduFlags, PduType};
use crate::verification::{self, Facts, Said};

impl ClientAssociation {
    pub(super) fn may_send(&self) -> bool {
        self.is_bound() && (self.multiplex || self.outstanding.is_empty())
    }

    /// A target that was added, or was bound.
    pub(super) fn check_target(&self, target: &CallTarget) -> Result<(), RpcError> {
        let first = *target == CallTarget { object: target.object, ..CallTarget::default() };
        let standing = self.identities.get(target.identity.0).is_some_and(Option::is_some)
            || target.identity == CallTarget::default().identity;
        if first || standing && self.contexts.contains_key(&target.context.0) {
            return Ok(());
        }
        Err(RpcError::Protocol {
            detail: "a call with an interface or identity that was not added",
        })
    }

    pub(super) fn send_waiting(&mut self) -> Result<(), RpcError> {
        while self.may_send()
            && let Some(Waiting { call, target, opnum, stub }) = self.waiting.pop_front()
        {
            self.send_call(call, target, opnum, &stub)?;
        }
        Ok(())
    }

    pub(super) fn send_call(
        &mut self,
        call: u32,
        target: CallTarget,
        opnum: u16,
        stub: &[u8],
    ) -> Result<(), RpcError> {
        let context = self.contexts.get(&target.context.0).ok_or(RpcError::Closed)?;
        let channel = self.identities.get_mut(target.identity.0).and_then(Option::as_mut);
        let context_id = target.context.0;
        let outgoing = Outgoing::Request { context_id, opnum, object: target.object };
        let mut trailed = Vec::new();
        let stub = if channel.as_ref().is_some_and(|channel| channel.protects()) {
            let facts = Facts {
                header_signing: self.header_signing.0,
                interface: context.interface,
                kind: PduType::Request.to_wire(),
                label: Header::OUR_LABEL,
                call,
                context_id,
                opnum,
            };
            let said = Said { presentation: !context.proved, header: !self.header_signing.1 };
            trailed.extend_from_slice(stub);
            verification::append(&mut trailed, &facts, said);
            &trailed
        } else {
            stub
        };
        fragment::send(&mut self.output, channel, self.max_fragment, call, outgoing, stub)?;
        self.outstanding.insert(call, target);
        Ok(())
    }
}

/// What comes back.
impl ClientAssociation {
    pub(super) fn handle_frames(&mut self) -> Result<(), RpcError> {
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
        let state = if bound { "bound" } else { "binding" };
        let (allowed, expected) = match header.kind {
            PduType::Fault | PduType::Shutdown => (true, ""),
            PduType::Response => (bound, "a bind_ack or bind_nak"),
            PduType::AlterContextResponse => {
                let altering = match &self.phase {
                    Phase::Binding { altering, .. } => *altering,
                    _ => self.altering.is_some(),
                };
                (altering, "the answer to what was sent")
            }
            PduType::BindAck | PduType::BindNak => {
                let binding = matches!(self.phase, Phase::Binding { altering: false, .. });
                (binding, "the answer to what was sent")
            }
            _ => (false, "a PDU that servers send"),
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
        let header = *frame.header();
        match header.kind {
            PduType::Response => self.open_response(&mut frame)?,
            // Either may come without a signature: servers refuse so what they could not verify. One that is there is
            // looked at, since the sequence goes on behind it.
            PduType::Fault | PduType::Shutdown if frame.trailer().is_some() => {
                let context_id = frame.trailer().map_or(0, |trailer| trailer.context_id);
                if let Some(channel) = self.channel_of(context_id)
                    && channel.protects()
                {
                    channel.open(&mut frame)?;
                }
            }
            _ => {}
        }
        let Pdu { flags, order, call_id, body, auth } = frame.decode()?;
        match body {
            Body::BindAck(ack) | Body::AlterContextResponse(ack) => {
                self.handle_ack(call_id, flags, &ack, auth)
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

    fn channel_of(&mut self, context_id: u32) -> Option<&mut Channel> {
        self.identities.iter_mut().flatten().find(|channel| channel.context_id() == context_id)
    }

    /// Verifies a response under the identity of its call, whatever its trailer names.
    fn open_response(&mut self, frame: &mut Frame) -> Result<(), RpcError> {
        let call = frame.header().call_id;
        let target = self.outstanding.get(&call).or_else(|| self.orphans.get(&call));
        let identity = target.map_or(0, |target| target.identity.0);
        match self.identities.get_mut(identity).and_then(Option::as_mut) {
            Some(channel) if channel.protects() => channel.open(frame),
            _ => Ok(()),
        }
    }

    fn handle_response(
        &mut self,
        call: u32,
        flags: PduFlags,
        order: ByteOrder,
        stub: &[u8],
    ) -> Result<(), RpcError> {
        if self.orphans.contains_key(&call) {
            if flags.has(PduFlags::LAST) {
                self.orphans.remove(&call);
            }
            return Ok(());
        }
        let Some(target) = self.outstanding.get(&call).copied() else {
            return Err(RpcError::Protocol { detail: "a response to no call" });
        };
        if flags.has(PduFlags::FIRST) {
            self.replies.begin(call, order)?;
        }
        let Some(whole) = self.replies.add(call, stub, flags)? else {
            return Ok(());
        };
        self.outstanding.remove(&call);
        if self.level_of(&target) > AuthLevel::Packet
            && let Some(context) = self.contexts.get_mut(&target.context.0)
        {
            context.proved = true;
        }
        let (stub, order) = (whole.stub, whole.order);
        self.events.push_back(ClientEvent::Reply { call: CallId(call), stub, order });
        self.send_waiting()
    }

    fn level_of(&self, target: &CallTarget) -> AuthLevel {
        let channel = self.identities.get(target.identity.0).and_then(Option::as_ref);
        channel.map_or(AuthLevel::None, Channel::level)
    }

    fn handle_fault(&mut self, call: u32, status: u32) -> Result<(), RpcError> {
        if !self.is_bound() {
            self.refuse(BindRefusal::Fault { status });
            return Ok(());
        }
        if self.alteration_failed(call, status) {
            return self.next_wanted();
        }
        if self.orphans.remove(&call).is_some() {
            return Ok(());
        }
        self.replies.remove(call);
        if self.outstanding.remove(&call).is_none() {
            return Err(RpcError::Protocol { detail: "a fault to no call" });
        }
        self.events.push_back(ClientEvent::Fault { call: CallId(call), status });
        self.send_waiting()
    }
}
