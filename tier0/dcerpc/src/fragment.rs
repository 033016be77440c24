//! Octets to frames, frames to calls, calls to fragments: C706 12.6.2 and 12.6.3.1.

use std::collections::{BTreeMap, VecDeque};

use crate::channel::{self, Channel};
use crate::error::RpcError;
use crate::ndr::ByteOrder;
use crate::pdu::{Body, Frame, Header, OBJECT_LEN, Pdu, PduFlags, Request, Response};
use crate::uuid::Uuid;

/// The fragment size that everybody on TCP negotiates: four segments of an Ethernet.
pub const DEFAULT_FRAGMENT: u16 = 5840;

/// What every implementation must be able to receive, C706 12.6.3.1 `MustRecvFragSize`.
pub(crate) const MIN_FRAGMENT: u16 = 1432;

/// Octets before the stub of a request without object, and of a response.
const CALL_HEADER: usize = Header::LEN + 8;

/// What one association may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the stub of one call, in either direction.
    pub stub: usize,
    /// Octets of all replies that are not whole yet.
    pub buffered: usize,
    /// Calls at once: those being received and those not answered.
    pub calls: usize,
    /// Fragments of one call; empty ones would otherwise never come to the size limit.
    pub fragments: usize,
    /// Presentation contexts of the association.
    pub contexts: usize,
    /// Security contexts of the association.
    pub identities: usize,
}

impl Default for Limits {
    /// 4 MiB a call is far over any piece of a message; four such may be under way; 8192
    /// fragments hold 4 MiB even at a third of the smallest size; interfaces and the accounts
    /// that share one connection are few.
    fn default() -> Self {
        Self {
            stub: 4 << 20,
            buffered: 16 << 20,
            calls: 64,
            fragments: 8192,
            contexts: 32,
            identities: 8,
        }
    }
}

/// Collects octets until they are a frame. It never holds more than one incomplete frame, which
/// the 16-bit length bounds, and what one read gave.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl FrameBuffer {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.start = 0;
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The header of the next PDU as soon as it is there; octets that cannot begin one are
    /// refused before it is whole.
    pub(crate) fn header(&self) -> Result<Option<Header>, RpcError> {
        let pending = self.pending();
        if let Some((major, minor)) = Header::foreign_version(pending) {
            return Err(RpcError::Version { major, minor });
        }
        if pending.len() < Header::LEN {
            return Ok(None);
        }
        Ok(Some(Header::decode(pending)?))
    }

    /// The frame that `header` announces, when it is complete.
    pub(crate) fn frame(&mut self, header: &Header) -> Result<Option<Frame>, RpcError> {
        let length = usize::from(header.frag_length);
        let Some(bytes) = self.pending().get(..length) else {
            return Ok(None);
        };
        let bytes = bytes.to_vec();
        self.start += length;
        Ok(Some(Frame::parse(bytes)?))
    }
}

/// A reply whose fragments are all there.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) order: ByteOrder,
    pub(crate) stub: Vec<u8>,
}

#[derive(Debug)]
struct Partial {
    order: ByteOrder,
    stub: Vec<u8>,
    fragments: usize,
}

/// Joins the fragments of replies, by call: servers may mix those of several.
#[derive(Debug)]
pub(crate) struct Reassembler {
    partials: BTreeMap<u32, Partial>,
    buffered: usize,
    limits: Limits,
}

impl Reassembler {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { partials: BTreeMap::new(), buffered: 0, limits }
    }

    pub(crate) fn clear(&mut self) {
        self.partials.clear();
        self.buffered = 0;
    }

    pub(crate) fn remove(&mut self, call: u32) {
        if let Some(partial) = self.partials.remove(&call) {
            self.buffered -= partial.stub.len();
        }
    }

    /// Begins a reply with its first fragment.
    pub(crate) fn begin(&mut self, call: u32, order: ByteOrder) -> Result<(), RpcError> {
        if self.partials.contains_key(&call) {
            return Err(RpcError::Protocol { detail: "two first fragments of one call" });
        }
        if self.partials.len() >= self.limits.calls {
            return Err(RpcError::Limit { what: "calls being received", limit: self.limits.calls });
        }
        self.partials.insert(call, Partial { order, stub: Vec::new(), fragments: 0 });
        Ok(())
    }

    /// Adds a fragment to a reply that was begun; gives it when that was the last one.
    pub(crate) fn add(
        &mut self,
        call: u32,
        stub: &[u8],
        flags: PduFlags,
    ) -> Result<Option<Whole>, RpcError> {
        let limits = self.limits;
        let Some(partial) = self.partials.get_mut(&call) else {
            return Err(RpcError::Protocol { detail: "a fragment of a call that was not begun" });
        };
        partial.fragments += 1;
        if partial.fragments > limits.fragments {
            return Err(RpcError::Limit { what: "fragments of a call", limit: limits.fragments });
        }
        if partial.stub.len() + stub.len() > limits.stub {
            return Err(RpcError::Limit { what: "octets of a stub", limit: limits.stub });
        }
        if self.buffered + stub.len() > limits.buffered {
            return Err(RpcError::Limit { what: "octets of replies", limit: limits.buffered });
        }
        partial.stub.extend_from_slice(stub);
        self.buffered += stub.len();
        if !flags.has(PduFlags::LAST) {
            return Ok(None);
        }
        let whole = self.partials.remove(&call);
        Ok(whole.map(|Partial { order, stub, .. }| {
            self.buffered -= stub.len();
            Whole { order, stub }
        }))
    }
}

/// The fixed fields of the call that is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outgoing {
    Request { context_id: u16, opnum: u16, object: Option<Uuid> },
    Response { context_id: u16 },
}

impl Outgoing {
    fn body(self, alloc_hint: u32, stub: &[u8]) -> Body {
        let stub = stub.to_vec();
        match self {
            Self::Request { context_id, opnum, object } => {
                Body::Request(Request { alloc_hint, context_id, opnum, object, stub })
            }
            Self::Response { context_id } => {
                // Windows and Samba give back the low octet alone; their tests ask for it.
                let context_id = context_id & 0xff;
                Body::Response(Response { alloc_hint, context_id, cancel_count: 0, stub })
            }
        }
    }
}

/// Writes one call in fragments of at most `max_fragment` octets.
pub(crate) fn send(
    output: &mut VecDeque<Vec<u8>>,
    channel: Option<&mut Channel>,
    max_fragment: u16,
    call: u32,
    outgoing: Outgoing,
    stub: &[u8],
) -> Result<(), RpcError> {
    let mut channel = channel.filter(|channel| channel.protects());
    let object = match outgoing {
        Outgoing::Request { object: Some(_), .. } => OBJECT_LEN,
        _ => 0,
    };
    let room = stub_room(max_fragment, channel.as_deref(), object);
    let mut rest = stub;
    let mut flags = PduFlags::FIRST;
    loop {
        let (now, later) = rest.split_at(rest.len().min(room));
        if later.is_empty() {
            flags = flags.with(PduFlags::LAST);
        }
        let hint = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let pdu = Pdu { flags, ..Pdu::new(call, outgoing.body(hint, now)) };
        output.push_back(channel::encode(channel.as_deref_mut(), &pdu)?);
        if later.is_empty() {
            return Ok(());
        }
        rest = later;
        flags = PduFlags::default();
    }
}

/// Octets of stub in one fragment. C706 12.6.3.1: all but the last hold a multiple of eight;
/// protected ones a multiple of what they are padded to, so that only the last is padded.
fn stub_room(max_fragment: u16, channel: Option<&Channel>, object: usize) -> usize {
    let max_fragment = usize::from(max_fragment.max(MIN_FRAGMENT));
    let (overhead, multiple) = match channel {
        Some(channel) => (channel.overhead(), usize::from(channel::PADDING)),
        None => (0, 8),
    };
    let room = max_fragment.saturating_sub(CALL_HEADER + object + overhead);
    (room / multiple).max(1) * multiple
}
