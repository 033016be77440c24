//! The header that all PDUs share, C706 12.6.3.1, and the security trailer.

use wire::{DecodeError, Reader, Writer};

use crate::ndr::ByteOrder;

/// The protocol version that every PDU begins with.
const MAJOR: u8 = 5;
/// Minor version 0 is what everybody sends; 1 (C706's later one) has the same PDUs.
const MINORS: [u8; 2] = [0, 1];

/// The type of a PDU, C706 12.6.4, connection-oriented ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PduType {
    /// A call.
    Request,
    /// Its result.
    Response,
    /// Its failure.
    Fault,
    /// The first PDU of a client.
    Bind,
    /// The answer to a bind.
    BindAck,
    /// The refusal of a bind.
    BindNak,
    /// More presentation contexts, or the next leg of a security exchange.
    AlterContext,
    /// The answer to that.
    AlterContextResponse,
    /// The last leg of a security exchange; it has no answer.
    Auth3,
    /// The server asks to be let go.
    Shutdown,
    /// The client would like a call to end early.
    CoCancel,
    /// The client gave up a call.
    Orphaned,
}

impl PduType {
    /// The octet on the wire.
    #[must_use]
    pub fn to_wire(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Response => 2,
            Self::Fault => 3,
            Self::Bind => 11,
            Self::BindAck => 12,
            Self::BindNak => 13,
            Self::AlterContext => 14,
            Self::AlterContextResponse => 15,
            Self::Auth3 => 16,
            Self::Shutdown => 17,
            Self::CoCancel => 18,
            Self::Orphaned => 19,
        }
    }

    /// The type of the octet, unless it is none of the connection-oriented protocol.
    #[must_use]
    pub fn from_wire(octet: u8) -> Option<Self> {
        Some(match octet {
            0 => Self::Request,
            2 => Self::Response,
            3 => Self::Fault,
            11 => Self::Bind,
            12 => Self::BindAck,
            13 => Self::BindNak,
            14 => Self::AlterContext,
            15 => Self::AlterContextResponse,
            16 => Self::Auth3,
            17 => Self::Shutdown,
            18 => Self::CoCancel,
            19 => Self::Orphaned,
            _ => return None,
        })
    }

    /// The name in the standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Fault => "fault",
            Self::Bind => "bind",
            Self::BindAck => "bind_ack",
            Self::BindNak => "bind_nak",
            Self::AlterContext => "alter_context",
            Self::AlterContextResponse => "alter_context_resp",
            Self::Auth3 => "auth3",
            Self::Shutdown => "shutdown",
            Self::CoCancel => "co_cancel",
            Self::Orphaned => "orphaned",
        }
    }
}

/// The flags of a PDU, C706 12.6.3.1 `pfc_flags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PduFlags(pub u8);

impl PduFlags {
    /// First fragment.
    pub const FIRST: Self = Self(0x01);
    /// Last fragment.
    pub const LAST: Self = Self(0x02);
    /// The only fragment.
    pub const WHOLE: Self = Self(0x03);
    /// In bind, alter_context and their answers: signatures cover the header too, MS-RPCE 2.2.2.3.
    pub const SUPPORT_HEADER_SIGN: Self = Self(0x04);
    /// In a request: the call is cancelled already, C706 12.6.3.1.
    pub const PENDING_CANCEL: Self = Self(0x04);
    /// Several calls at once on this connection.
    pub const CONC_MPX: Self = Self(0x10);
    /// In a fault: the call was not executed.
    pub const DID_NOT_EXECUTE: Self = Self(0x20);
    /// In a request: nobody waits for an answer.
    pub const MAYBE: Self = Self(0x40);
    /// In a request: an object UUID follows the fixed fields.
    pub const OBJECT_UUID: Self = Self(0x80);

    /// True when all flags of `other` are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The sixteen octets that every PDU begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The minor version, 0 or 1.
    pub minor: u8,
    /// The type.
    pub kind: PduType,
    /// The flags.
    pub flags: PduFlags,
    /// The byte order of all that follows.
    pub order: ByteOrder,
    /// Octets of the whole PDU.
    pub frag_length: u16,
    /// Octets of the authentication value at its end.
    pub auth_length: u16,
    /// The call that it belongs to.
    pub call_id: u32,
}

impl Header {
    /// Octets of the header.
    pub const LEN: usize = 16;

    /// The format label of what this side sends, C706 14.1: little-endian, ASCII, IEEE floating point.
    pub const OUR_LABEL: [u8; 4] = [0x10, 0, 0, 0];

    /// The version octets of a PDU's beginning, when it is not one of ours.
    #[must_use]
    pub fn foreign_version(bytes: &[u8]) -> Option<(u8, u8)> {
        match *bytes {
            [major, ..] if major != MAJOR => Some((major, bytes.get(1).copied().unwrap_or(0))),
            [major, minor, ..] if !MINORS.contains(&minor) => Some((major, minor)),
            _ => None,
        }
    }

    /// Type and call of a PDU whose lengths may lie, so that its refusal can name them.
    #[must_use]
    pub fn peek(bytes: &[u8]) -> Option<(PduType, u32)> {
        let header = bytes.first_chunk::<{ Self::LEN }>()?;
        let kind = PduType::from_wire(header[2])?;
        let call = *header.last_chunk::<4>()?;
        match header[4] >> 4 {
            0 => Some((kind, u32::from_be_bytes(call))),
            _ => Some((kind, u32::from_le_bytes(call))),
        }
    }

    /// Decodes the header and checks that its lengths can be true.
    ///
    /// # Errors
    /// Too short, another version, no type of this protocol, or lengths that contradict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "DCE/RPC header";
        let mut reader = Reader::new(WHAT, bytes);
        let major = reader.u8("rpc_vers")?;
        if major != MAJOR {
            return Err(DecodeError::unsupported(WHAT, "rpc_vers", 0, major.into()));
        }
        let minor = reader.u8("rpc_vers_minor")?;
        if !MINORS.contains(&minor) {
            return Err(DecodeError::unsupported(WHAT, "rpc_vers_minor", 1, minor.into()));
        }
        let octet = reader.u8("PTYPE")?;
        let kind = PduType::from_wire(octet)
            .ok_or_else(|| DecodeError::unsupported(WHAT, "PTYPE", 2, octet.into()))?;
        let flags = PduFlags(reader.u8("pfc_flags")?);
        let [label, _float, _, _] = reader.array("packed_drep")?;
        // High half: integers; low half: characters, which no PDU of ours carries (C706 14.1).
        let order = match label >> 4 {
            0 => ByteOrder::Big,
            1 => ByteOrder::Little,
            _ => return Err(DecodeError::unsupported(WHAT, "packed_drep", 4, label.into())),
        };
        let frag_length = order.u16(&mut reader, "frag_length")?;
        let auth_length = order.u16(&mut reader, "auth_length")?;
        let call_id = order.u32(&mut reader, "call_id")?;
        let header = Self { minor, kind, flags, order, frag_length, auth_length, call_id };
        let trailer = if auth_length == 0 { 0 } else { SecTrailer::LEN };
        if usize::from(frag_length) < Self::LEN + trailer + usize::from(auth_length) {
            let detail = "shorter than the header and the authentication it announces";
            return Err(DecodeError::invalid(WHAT, "frag_length", 8, detail));
        }
        Ok(header)
    }

    /// Appends the sixteen octets.
    pub fn encode(&self, writer: &mut Writer) {
        writer.u8(MAJOR);
        writer.u8(self.minor);
        writer.u8(self.kind.to_wire());
        writer.u8(self.flags.0);
        writer.u8(match self.order {
            ByteOrder::Little => 0x10,
            ByteOrder::Big => 0x00,
        });
        writer.zeros(3);
        self.order.put_u16(writer, self.frag_length);
        self.order.put_u16(writer, self.auth_length);
        self.order.put_u32(writer, self.call_id);
    }
}

/// What stands before the authentication value, MS-RPCE 2.2.2.11 `sec_trailer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecTrailer {
    /// The mechanism: 9 SPNEGO, 10 NTLM, 16 Kerberos.
    pub auth_type: u8,
    /// The protection level as the wire has it.
    pub level: u8,
    /// Octets of padding between the body and this trailer.
    pub pad_length: u8,
    /// The security context, chosen by the client.
    pub context_id: u32,
}

impl SecTrailer {
    /// Octets of the trailer.
    pub const LEN: usize = 8;

    pub(super) fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let auth_type = reader.u8("auth_type")?;
        let level = reader.u8("auth_level")?;
        let pad_length = reader.u8("auth_pad_length")?;
        reader.skip("auth_reserved", 1)?;
        let context_id = order.u32(reader, "auth_context_id")?;
        Ok(Self { auth_type, level, pad_length, context_id })
    }

    pub(super) fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        writer.u8(self.auth_type);
        writer.u8(self.level);
        writer.u8(self.pad_length);
        writer.u8(0);
        order.put_u32(writer, self.context_id);
    }
}
