//! Requests, fragment by fragment, and their cancellation.

use security::{LogonFailure, SecurityError};

use super::fatal::Fatal;
use super::identity::{Caller, Stranger};
use super::{Context, Outstanding, Phase, ServerAssociation, ServerEvent};
use crate::error::{CallId, RpcError};
use crate::ndr::ByteOrder;
use crate::pdu::{Frame, Header, PduFlags, PduType, Request};
use crate::status;
use crate::uuid::{SyntaxId, Uuid};
use crate::verification::{self, Facts};

/// Octets of a stub that there is room for as soon as it is announced; more only as it comes.
const AT_ONCE: usize = 64 * 1024;

/// The call whose fragments come in.
pub(super) struct Receiving {
    call: u32,
    context_id: u16,
    opnum: u16,
    object: Option<Uuid>,
    /// The format label of the first fragment.
    label: [u8; 4],
    identity: Option<usize>,
    silent: bool,
    /// The interface, or the status to refuse with.
    verdict: Result<usize, u32>,
    order: ByteOrder,
    stub: Vec<u8>,
    fragments: usize,
}

impl ServerAssociation {
    pub(super) fn handle_request(&mut self, frame: Frame) -> Result<(), Fatal> {
        let Header { call_id, flags, .. } = *frame.header();
        match &self.receiving {
            Some(begun) if begun.call == call_id => {
                if flags.has(PduFlags::FIRST) {
                    return Err(self.second_first(frame));
                }
                self.handle_further(frame)
            }
            Some(begun) => {
                // Fragments of two calls are not mixed (MS-RPCE 3.3.1.5.5 sends them in a row).
                // Where calls come one by one the older one is to blame.
                let (call, context_id) = match self.phase {
                    Phase::Bound { multiplex: false, .. } => (begun.call, begun.context_id),
                    _ => (call_id, 0),
                };
                let error = RpcError::Protocol { detail: "fragments of two calls mixed" };
                Err(Fatal::fault(call, context_id, status::NCA_PROTO_ERROR, error))
            }
            None if !flags.has(PduFlags::FIRST) => self.handle_stray(&frame),
            None => self.handle_first(frame),
        }
    }

    /// A fragment of a call that was not begun. Where calls may be mixed it is looked at as if it were a first one.
    fn handle_stray(&mut self, frame: &Frame) -> Result<(), Fatal> {
        let (call, mut context_id) = (frame.header().call_id, 0);
        if matches!(self.phase, Phase::Bound { multiplex: true, .. }) {
            context_id = frame.context_id();
            if !self.contexts.contains_key(&context_id) {
                let flags = PduFlags::DID_NOT_EXECUTE;
                return self.send_fault(call, 0, status::NCA_UNK_IF, flags).map_err(Fatal::silent);
            }
        }
        if let (1.., Err(stranger)) = (context_id, self.identities.caller(frame.trailer())) {
            return Err(refused(call, context_id, &stranger));
        }
        let error = RpcError::Protocol { detail: "a fragment of a call that was not begun" };
        Err(Fatal::fault(call, context_id, status::NCA_PROTO_ERROR, error))
    }

    fn handle_first(&mut self, mut frame: Frame) -> Result<(), Fatal> {
        let Header { call_id, flags, .. } = *frame.header();
        // In a request the bit of header signing says that the call is cancelled already.
        if flags.has(PduFlags::PENDING_CANCEL) {
            let error = RpcError::Protocol { detail: "a call that begins cancelled" };
            return Err(Fatal::fault(call_id, 0, status::NO_CALL_ACTIVE, error).not_executed());
        }
        // The fixed fields are never sealed, so the context can be named in a fault.
        let context_id = frame.context_id();
        let identity = match self.identities.caller(frame.trailer()) {
            Ok(Caller::Nobody) => None,
            Ok(Caller::Identity(index)) => Some(index),
            Err(stranger) => return Err(refused(call_id, context_id, &stranger)),
        };
        self.open(&mut frame, call_id, context_id, identity)?;
        let (request, stub) = decode(&frame)?;
        if self.outstanding.contains_key(&call_id) {
            let error = RpcError::Protocol { detail: "a call number that is in use" };
            return Err(Fatal::fault(call_id, context_id, status::NCA_PROTO_ERROR, error));
        }
        let announced = usize::try_from(request.alloc_hint).unwrap_or(usize::MAX);
        if !flags.has(PduFlags::LAST) && announced > self.limits.stub {
            return Err(self.too_long(call_id, context_id));
        }
        let verdict = self.admits(&request, identity);
        self.receiving = Some(Receiving {
            call: call_id,
            context_id,
            opnum: request.opnum,
            object: request.object,
            label: frame.label(),
            identity,
            silent: flags.has(PduFlags::MAYBE),
            verdict,
            order: frame.header().order,
            stub: Vec::with_capacity(announced.min(AT_ONCE)),
            fragments: 0,
        });
        self.add(stub, flags)
    }

    fn handle_further(&mut self, frame: Frame) -> Result<(), Fatal> {
        let flags = frame.header().flags;
        let frame = self.open_further(frame)?;
        let (_, stub) = decode(&frame)?;
        self.add(stub, flags)
    }

    /// A first fragment of a call that was begun. Its signature is looked at first: an octet that
    /// somebody changed is another error than a client that counts wrong.
    fn second_first(&mut self, frame: Frame) -> Fatal {
        let call = frame.header().call_id;
        let context_id = self.receiving.as_ref().map_or(0, |begun| begun.context_id);
        match self.open_further(frame) {
            Err(fatal) => fatal,
            Ok(_) => {
                let error = RpcError::Protocol { detail: "two first fragments of one call" };
                Fatal::fault(call, context_id, status::NCA_PROTO_ERROR, error)
            }
        }
    }

    /// Verifies a further fragment under the identity that the call began with, whatever its
    /// trailer names.
    fn open_further(&mut self, mut frame: Frame) -> Result<Frame, Fatal> {
        let call = frame.header().call_id;
        let begun = self.receiving.as_ref();
        let (context_id, identity) =
            begun.map_or((0, None), |begun| (begun.context_id, begun.identity));
        let protected = self.identities.channel(identity).is_some_and(|one| one.protects());
        if protected && frame.trailer().is_none() {
            let fault = Fatal::fault(call, context_id, status::NCA_PROTO_ERROR, RpcError::Unsigned);
            return Err(fault);
        }
        self.open(&mut frame, call, context_id, identity)?;
        Ok(frame)
    }

    /// Verifies a frame as far as the level of its identity has a signature.
    fn open(
        &mut self,
        frame: &mut Frame,
        call: u32,
        context_id: u16,
        identity: Option<usize>,
    ) -> Result<(), Fatal> {
        let opened = match self.identities.channel(identity) {
            Some(channel) if channel.protects() => channel.open(frame),
            _ => Ok(()),
        };
        if let Err(RpcError::Signature(_)) = &opened {
            let account = self.identities.principal(identity);
            let failure = SecurityError::Refused(LogonFailure::KeysDiffer);
            self.events.push_back(ServerEvent::AuthenticationFailed { account, failure });
        }
        opened.map_err(|error| Fatal::fault(call, context_id, status::SEC_PKG_ERROR, error))
    }

    /// Adds a fragment to the call that comes in; the last one makes it a request.
    fn add(&mut self, stub: &[u8], flags: PduFlags) -> Result<(), Fatal> {
        let limits = self.limits;
        let Some(begun) = &mut self.receiving else {
            return Ok(());
        };
        let (call, context_id) = (begun.call, begun.context_id);
        begun.fragments += 1;
        if begun.fragments > limits.fragments || begun.stub.len() + stub.len() > limits.stub {
            return Err(self.too_long(call, context_id));
        }
        if begun.verdict.is_ok() {
            begun.stub.extend_from_slice(stub);
        }
        if !flags.has(PduFlags::LAST) {
            return Ok(());
        }
        let Some(whole) = self.receiving.take() else {
            return Ok(());
        };
        match whole.verdict {
            Ok(interface) => self.hand_up(whole, interface),
            Err(_) if whole.silent => Ok(()),
            Err(status) => {
                // A context that does not exist is not named.
                let context_id = if status == status::NCA_UNK_IF { 0 } else { context_id };
                self.send_fault(call, context_id, status, PduFlags::DID_NOT_EXECUTE)
                    .map_err(Fatal::silent)
            }
        }
    }

    /// Gives a whole request to the user, without its verification trailer.
    fn hand_up(&mut self, whole: Receiving, interface: usize) -> Result<(), Fatal> {
        let Receiving { call, context_id, opnum, object, label, identity, silent, order, .. } =
            whole;
        let mut stub = whole.stub;
        let asked = self.contexts.get(&context_id).map_or(SyntaxId::NDR, |context| context.asked);
        let facts = Facts {
            header_signing: self.header_signing,
            interface: asked,
            kind: PduType::Request.to_wire(),
            label,
            call,
            context_id,
            opnum,
        };
        verification::take_off(&mut stub, &facts).map_err(|detail| {
            let error = RpcError::Protocol { detail };
            Fatal::fault(call, context_id, status::ACCESS_DENIED, error)
        })?;
        self.outstanding.insert(call, Outstanding { context_id, identity, silent });
        self.events.push_back(ServerEvent::Request {
            call: CallId(call),
            interface,
            opnum,
            stub,
            object,
            order,
            principal: self.identities.principal(identity),
            level: self.identities.level(identity),
        });
        Ok(())
    }

    fn too_long(&self, call: u32, context_id: u16) -> Fatal {
        let error = RpcError::Limit { what: "octets of a stub", limit: self.limits.stub };
        Fatal::fault(call, context_id, status::ACCESS_DENIED, error)
    }

    /// Decides at the first fragment whether the user is to see the request.
    fn admits(&self, request: &Request, identity: Option<usize>) -> Result<usize, u32> {
        let Some(&Context { interface: index, .. }) = self.contexts.get(&request.context_id) else {
            return Err(status::NCA_UNK_IF);
        };
        match self.config.interfaces.get(index) {
            Some(rules) if rules.min_level > self.identities.level(identity) => {
                Err(status::ACCESS_DENIED)
            }
            _ if self.outstanding.len() >= self.limits.calls => Err(status::NCA_SERVER_TOO_BUSY),
            _ => Ok(index),
        }
    }

    /// co_cancel and orphaned, C706 12.6.4.2 and 12.6.4.8. A call that still comes in goes on:
    /// what its client sends is read to the end either way.
    pub(super) fn handle_cancel(&mut self, mut frame: Frame) -> Result<(), Fatal> {
        let Header { call_id, kind, .. } = *frame.header();
        // A call that was answered meanwhile is no longer here, which is no error.
        let identity = self.outstanding.get(&call_id).and_then(|call| call.identity);
        if let Some(channel) = self.identities.channel(identity).filter(|one| one.protects()) {
            if frame.trailer().is_none() {
                // Anybody on the path could have sent it; to ignore it costs only time.
                return Ok(());
            }
            channel.open(&mut frame).map_err(Fatal::silent)?;
        } else if let Some(trailer) = frame.trailer()
            && let Ok(Caller::Identity(index)) = self.identities.caller(Some(trailer))
            && let Some(channel) = self.identities.channel(Some(index))
            && channel.protects()
        {
            // The sequence of signatures goes on behind it.
            channel.open(&mut frame).map_err(Fatal::silent)?;
        }
        if let Some(outstanding) = self.outstanding.get_mut(&call_id) {
            outstanding.silent |= kind == PduType::Orphaned;
            self.events.push_back(ServerEvent::Cancelled { call: CallId(call_id) });
        }
        Ok(())
    }
}

/// The fields of a request and its stub.
fn decode(frame: &Frame) -> Result<(Request, &[u8]), Fatal> {
    frame.request().map_err(|error| Fatal::malformed(frame.header(), error.into()))
}

fn refused(call: u32, context_id: u16, stranger: &Stranger) -> Fatal {
    match stranger {
        Stranger::Unfinished => {
            let detail = "a request before the security exchange is done";
            let error = RpcError::Protocol { detail };
            Fatal::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed()
        }
        Stranger::Denied(detail) => {
            Fatal::fault(call, context_id, status::ACCESS_DENIED, RpcError::Protocol { detail })
        }
        Stranger::Unsigned => {
            Fatal::fault(call, context_id, status::ACCESS_DENIED, RpcError::Unsigned)
        }
    }
}
