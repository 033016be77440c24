//! Bodies by type, and those of calls: C706 12.6.4.7 request, 12.6.4.9 response, 12.6.4.10 fault.

use wire::{DecodeError, Reader, Writer};

use super::bind::{Bind, BindAck, BindNak};
use super::header::{Header, PduFlags, PduType};
use crate::ndr::ByteOrder;
use crate::uuid::Uuid;

/// What a PDU says, by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A fragment of a call.
    Request(Request),
    /// A fragment of its result.
    Response(Response),
    /// The failure of a call.
    Fault(Fault),
    /// The first PDU of a client.
    Bind(Bind),
    /// The answer to a bind.
    BindAck(BindAck),
    /// The refusal of a bind.
    BindNak(BindNak),
    /// More contexts, or the next leg of a security exchange.
    AlterContext(Bind),
    /// The answer to that.
    AlterContextResponse(BindAck),
    /// The last leg of a security exchange, in the trailer.
    Auth3,
    /// The server asks to be let go.
    Shutdown,
    /// The client would like a call to end early.
    CoCancel,
    /// The client gave up a call.
    Orphaned,
}

/// A fragment of a call, C706 12.6.4.9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Octets of stub in this and the following fragments; a hint, never relied upon.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// The operation of the interface.
    pub opnum: u16,
    /// The object that it is for.
    pub object: Option<Uuid>,
    /// Octets of the stub.
    pub stub: Vec<u8>,
}

/// A fragment of a result, C706 12.6.4.10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Octets of stub in this and the following fragments; a hint, never relied upon.
    pub alloc_hint: u32,
    /// The presentation context.
    pub context_id: u16,
    /// Cancels received meanwhile.
    pub cancel_count: u8,
    /// Octets of the stub.
    pub stub: Vec<u8>,
}

/// The failure of a call, C706 12.6.4.7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The presentation context.
    pub context_id: u16,
    /// Cancels received meanwhile.
    pub cancel_count: u8,
    /// The status, see [`crate::status`].
    pub status: u32,
    /// What stands behind the fixed fields; extended error information, not read here.
    pub stub: Vec<u8>,
}

impl Body {
    /// The type.
    #[must_use]
    pub fn kind(&self) -> PduType {
        match self {
            Self::Request(_) => PduType::Request,
            Self::Response(_) => PduType::Response,
            Self::Fault(_) => PduType::Fault,
            Self::Bind(_) => PduType::Bind,
            Self::BindAck(_) => PduType::BindAck,
            Self::BindNak(_) => PduType::BindNak,
            Self::AlterContext(_) => PduType::AlterContext,
            Self::AlterContextResponse(_) => PduType::AlterContextResponse,
            Self::Auth3 => PduType::Auth3,
            Self::Shutdown => PduType::Shutdown,
            Self::CoCancel => PduType::CoCancel,
            Self::Orphaned => PduType::Orphaned,
        }
    }

    pub(super) fn decode(header: &Header, contents: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::with_offset(header.kind.name(), contents, Header::LEN);
        let order = header.order;
        Ok(match header.kind {
            PduType::Request => Self::Request(Request::decode(&mut reader, order, header.flags)?),
            PduType::Response => Self::Response(Response::decode(&mut reader, order)?),
            PduType::Fault => Self::Fault(Fault::decode(&mut reader, order)?),
            PduType::Bind => Self::Bind(Bind::decode(&mut reader, order)?),
            PduType::BindAck => Self::BindAck(BindAck::decode(&mut reader, order)?),
            PduType::BindNak => Self::BindNak(BindNak::decode(&mut reader, order)?),
            PduType::AlterContext => Self::AlterContext(Bind::decode(&mut reader, order)?),
            PduType::AlterContextResponse => {
                Self::AlterContextResponse(BindAck::decode(&mut reader, order)?)
            }
            // Four octets of padding that may hold anything, MS-RPCE 2.2.2.5; some leave them out.
            PduType::Auth3 => Self::Auth3,
            PduType::Shutdown => Self::Shutdown,
            PduType::CoCancel => Self::CoCancel,
            PduType::Orphaned => Self::Orphaned,
        })
    }

    pub(super) fn encode(&self, flags: &mut PduFlags, writer: &mut Writer, order: ByteOrder) {
        match self {
            Self::Request(request) => request.encode(flags, writer, order),
            Self::Response(response) => response.encode(writer, order),
            Self::Fault(fault) => fault.encode(writer, order),
            Self::Bind(bind) | Self::AlterContext(bind) => bind.encode(writer, order),
            Self::BindAck(ack) | Self::AlterContextResponse(ack) => ack.encode(writer, order),
            Self::BindNak(nak) => nak.encode(writer, order),
            Self::Auth3 => writer.zeros(4),
            Self::Shutdown | Self::CoCancel | Self::Orphaned => {}
        }
    }
}

impl Request {
    fn decode(
        reader: &mut Reader<'_>,
        order: ByteOrder,
        flags: PduFlags,
    ) -> Result<Self, DecodeError> {
        let fields = Self::decode_fields(reader, order, flags)?;
        Ok(Self { stub: reader.rest().to_vec(), ..fields })
    }

    /// All but the stub, which is what `reader` still has then.
    pub(super) fn decode_fields(
        reader: &mut Reader<'_>,
        order: ByteOrder,
        flags: PduFlags,
    ) -> Result<Self, DecodeError> {
        let alloc_hint = order.u32(reader, "alloc_hint")?;
        let context_id = order.u16(reader, "p_cont_id")?;
        let opnum = order.u16(reader, "opnum")?;
        let object = if flags.has(PduFlags::OBJECT_UUID) {
            Some(Uuid::from_wire(reader.array("object")?, order))
        } else {
            None
        };
        Ok(Self { alloc_hint, context_id, opnum, object, stub: Vec::new() })
    }

    fn encode(&self, flags: &mut PduFlags, writer: &mut Writer, order: ByteOrder) {
        order.put_u32(writer, self.alloc_hint);
        order.put_u16(writer, self.context_id);
        order.put_u16(writer, self.opnum);
        if let Some(object) = self.object {
            *flags = flags.with(PduFlags::OBJECT_UUID);
            writer.bytes(&object.to_wire(order));
        }
        writer.bytes(&self.stub);
    }
}

impl Response {
    fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let alloc_hint = order.u32(reader, "alloc_hint")?;
        let context_id = order.u16(reader, "p_cont_id")?;
        let cancel_count = reader.u8("cancel_count")?;
        reader.skip("reserved", 1)?;
        Ok(Self { alloc_hint, context_id, cancel_count, stub: reader.rest().to_vec() })
    }

    fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        order.put_u32(writer, self.alloc_hint);
        order.put_u16(writer, self.context_id);
        writer.u8(self.cancel_count);
        writer.u8(0);
        writer.bytes(&self.stub);
    }
}

impl Fault {
    fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        reader.skip("alloc_hint", 4)?;
        let context_id = order.u16(reader, "p_cont_id")?;
        let cancel_count = reader.u8("cancel_count")?;
        reader.skip("reserved", 1)?;
        let status = order.u32(reader, "status")?;
        // Old servers end here; the four reserved octets are C706's.
        if !reader.is_empty() {
            reader.skip("reserved2", 4)?;
        }
        Ok(Self { context_id, cancel_count, status, stub: reader.rest().to_vec() })
    }

    fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        // Size of the fixed part with header, which is what others send here.
        order.put_u32(writer, 32);
        order.put_u16(writer, self.context_id);
        writer.u8(self.cancel_count);
        writer.u8(0);
        order.put_u32(writer, self.status);
        writer.zeros(4);
        writer.bytes(&self.stub);
    }
}
