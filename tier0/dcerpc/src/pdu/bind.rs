//! Negotiation: C706 12.6.4.3 bind, 12.6.4.4 bind_ack, 12.6.4.5 bind_nak, 12.6.4.1 alter_context.

use std::fmt;

use wire::{DecodeError, Reader, Writer};

use crate::ndr::ByteOrder;
use crate::uuid::SyntaxId;

/// The client's offer, in bind and in alter_context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Longest fragment that the client will send.
    pub max_xmit_frag: u16,
    /// Longest fragment that it takes.
    pub max_recv_frag: u16,
    /// The association group to join; 0 asks for a new one.
    pub assoc_group_id: u32,
    /// The presentation contexts offered; the count on the wire is one octet, so 255 at most.
    pub contexts: Vec<ContextElement>,
}

/// One presentation context offered, C706 12.6.3.1 `p_cont_elem_t`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextElement {
    /// Its number, chosen by the client.
    pub id: u16,
    /// The interface.
    pub abstract_syntax: SyntaxId,
    /// The representations that the client can use.
    pub transfer_syntaxes: Vec<SyntaxId>,
}

/// The server's answer, in bind_ack and in alter_context_resp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAck {
    /// Longest fragment that the server will send.
    pub max_xmit_frag: u16,
    /// Longest fragment that it takes.
    pub max_recv_frag: u16,
    /// The association group.
    pub assoc_group_id: u32,
    /// The port for further associations of the group, without its terminator.
    pub secondary_address: Vec<u8>,
    /// One result for each context offered, in their order.
    pub results: Vec<ContextResult>,
}

/// The fate of one context offered, C706 12.6.3.1 `p_result_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextResult {
    /// Accepted or not.
    pub result: NegotiationResult,
    /// Why not; for [`NegotiationResult::NegotiateAck`] the mask of features agreed.
    pub reason: ProviderReason,
    /// The representation chosen; nil when not accepted.
    pub transfer_syntax: SyntaxId,
}

/// C706 12.6.3.1 `p_cont_def_result_t`, MS-RPCE 2.2.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegotiationResult {
    /// The context can be used.
    Acceptance,
    /// The application refused.
    UserRejection,
    /// The protocol machine refused.
    ProviderRejection,
    /// The answer to a bind-time feature offer.
    NegotiateAck,
    /// A value that no standard gives.
    Unknown(u16),
}

impl NegotiationResult {
    fn to_wire(self) -> u16 {
        match self {
            Self::Acceptance => 0,
            Self::UserRejection => 1,
            Self::ProviderRejection => 2,
            Self::NegotiateAck => 3,
            Self::Unknown(value) => value,
        }
    }

    fn from_wire(value: u16) -> Self {
        match value {
            0 => Self::Acceptance,
            1 => Self::UserRejection,
            2 => Self::ProviderRejection,
            3 => Self::NegotiateAck,
            other => Self::Unknown(other),
        }
    }
}

/// C706 12.6.3.1 `p_provider_reason_t`, kept as the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProviderReason(pub u16);

impl ProviderReason {
    /// No reason.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// The interface is not served here.
    pub const ABSTRACT_SYNTAX_NOT_SUPPORTED: Self = Self(1);
    /// None of the representations is known here.
    pub const TRANSFER_SYNTAXES_NOT_SUPPORTED: Self = Self(2);
    /// Too many contexts.
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self(3);

    /// The Win32 code of the same condition, MS-ERREF 2.2.
    #[must_use]
    pub fn win32(self) -> u32 {
        match self {
            Self::ABSTRACT_SYNTAX_NOT_SUPPORTED => 1717,
            Self::TRANSFER_SYNTAXES_NOT_SUPPORTED => 1730,
            Self::LOCAL_LIMIT_EXCEEDED => 1723,
            _ => 1727,
        }
    }
}

impl fmt::Display for ProviderReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("reason not specified"),
            1 => f.write_str("abstract syntax not supported"),
            2 => f.write_str("proposed transfer syntaxes not supported"),
            3 => f.write_str("local limit exceeded"),
            other => write!(f, "reason {other}"),
        }
    }
}

/// The refusal of a bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindNak {
    /// Why.
    pub reason: NakReason,
    /// The protocol versions that the server speaks, major and minor.
    pub versions: Vec<(u8, u8)>,
}

/// C706 12.6.3.1 `p_reject_reason_t`, MS-RPCE 2.2.2.5; kept as the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NakReason(pub u16);

impl NakReason {
    /// No reason.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// Too busy.
    pub const TEMPORARY_CONGESTION: Self = Self(1);
    /// Too much.
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self(2);
    /// Another protocol version.
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: Self = Self(4);
    /// The mechanism is not known here.
    pub const AUTHENTICATION_TYPE_NOT_RECOGNIZED: Self = Self(8);
    /// The token was refused.
    pub const INVALID_CHECKSUM: Self = Self(9);

    /// The Win32 code of the same condition, MS-ERREF 2.2.
    #[must_use]
    pub fn win32(self) -> u32 {
        match self {
            Self::TEMPORARY_CONGESTION | Self::LOCAL_LIMIT_EXCEEDED => 1723,
            Self::PROTOCOL_VERSION_NOT_SUPPORTED => 1728,
            Self::AUTHENTICATION_TYPE_NOT_RECOGNIZED => 1747,
            Self::INVALID_CHECKSUM => 5,
            _ => 1727,
        }
    }
}

impl fmt::Display for NakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "reason not specified",
            1 => "temporary congestion",
            2 => "local limit exceeded",
            3 => "called address unknown",
            4 => "protocol version not supported",
            5 => "default context not supported",
            6 => "user data not readable",
            7 => "no access point available",
            8 => "authentication type not recognized",
            9 => "invalid checksum",
            other => return write!(f, "reason {other}"),
        })
    }
}

impl Bind {
    pub(super) fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let max_xmit_frag = order.u16(reader, "max_xmit_frag")?;
        let max_recv_frag = order.u16(reader, "max_recv_frag")?;
        let assoc_group_id = order.u32(reader, "assoc_group_id")?;
        // One octet counts the contexts, and one the syntaxes of each: that bounds both loops.
        let count = reader.u8("n_context_elem")?;
        // Where there are none some end here.
        if count != 0 || !reader.is_empty() {
            reader.skip("reserved", 3)?;
        }
        let contexts =
            (0..count).map(|_| ContextElement::decode(reader, order)).collect::<Result<_, _>>()?;
        Ok(Self { max_xmit_frag, max_recv_frag, assoc_group_id, contexts })
    }

    pub(super) fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        order.put_u16(writer, self.max_xmit_frag);
        order.put_u16(writer, self.max_recv_frag);
        order.put_u32(writer, self.assoc_group_id);
        let count = u8::try_from(self.contexts.len()).unwrap_or(u8::MAX);
        writer.u8(count);
        writer.zeros(3);
        for context in self.contexts.iter().take(count.into()) {
            context.encode(writer, order);
        }
    }
}

impl ContextElement {
    fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let id = order.u16(reader, "p_cont_id")?;
        let count = reader.u8("n_transfer_syn")?;
        reader.skip("reserved", 1)?;
        let abstract_syntax = SyntaxId::decode(reader, order)?;
        let transfer_syntaxes =
            (0..count).map(|_| SyntaxId::decode(reader, order)).collect::<Result<_, _>>()?;
        Ok(Self { id, abstract_syntax, transfer_syntaxes })
    }

    fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        let count = u8::try_from(self.transfer_syntaxes.len()).unwrap_or(u8::MAX);
        order.put_u16(writer, self.id);
        writer.u8(count);
        writer.u8(0);
        self.abstract_syntax.encode(writer, order);
        for syntax in self.transfer_syntaxes.iter().take(count.into()) {
            syntax.encode(writer, order);
        }
    }
}

impl BindAck {
    pub(super) fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let max_xmit_frag = order.u16(reader, "max_xmit_frag")?;
        let max_recv_frag = order.u16(reader, "max_recv_frag")?;
        let assoc_group_id = order.u32(reader, "assoc_group_id")?;
        let length = usize::from(order.u16(reader, "sec_addr length")?);
        let address = reader.bytes("sec_addr", length)?;
        let secondary_address = address.strip_suffix(&[0]).unwrap_or(address).to_vec();
        // Header and fixed fields are multiples of four, so the position aligns as the offset does.
        let position = reader.position();
        reader.skip("pad2", position.next_multiple_of(4) - position)?;
        let count = reader.u8("n_results")?;
        reader.skip("reserved", 3)?;
        let results =
            (0..count).map(|_| ContextResult::decode(reader, order)).collect::<Result<_, _>>()?;
        Ok(Self { max_xmit_frag, max_recv_frag, assoc_group_id, secondary_address, results })
    }

    pub(super) fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        order.put_u16(writer, self.max_xmit_frag);
        order.put_u16(writer, self.max_recv_frag);
        order.put_u32(writer, self.assoc_group_id);
        // The terminator counts; an empty address has none (C706 12.6.3.1 `port_any_t`).
        let terminator: &[u8] = if self.secondary_address.is_empty() { &[] } else { &[0] };
        let room = usize::from(u16::MAX) - terminator.len();
        let address = &self.secondary_address[..self.secondary_address.len().min(room)];
        let length = u16::try_from(address.len() + terminator.len()).unwrap_or(u16::MAX);
        order.put_u16(writer, length);
        writer.bytes(address);
        writer.bytes(terminator);
        writer.align(4, 0);
        let count = u8::try_from(self.results.len()).unwrap_or(u8::MAX);
        writer.u8(count);
        writer.zeros(3);
        for result in self.results.iter().take(count.into()) {
            result.encode(writer, order);
        }
    }
}

impl ContextResult {
    /// A context that can be used with NDR.
    pub const ACCEPTED: Self = Self {
        result: NegotiationResult::Acceptance,
        reason: ProviderReason::NOT_SPECIFIED,
        transfer_syntax: SyntaxId::NDR,
    };

    /// No syntax at all, as it stands beside a rejection.
    const NIL: SyntaxId = SyntaxId::new(crate::uuid::Uuid::NIL, 0, 0);

    /// A context refused by the protocol machine.
    #[must_use]
    pub const fn rejected(reason: ProviderReason) -> Self {
        Self { result: NegotiationResult::ProviderRejection, reason, transfer_syntax: Self::NIL }
    }

    /// The bind-time features agreed, MS-RPCE 3.3.1.5.3.
    #[must_use]
    pub const fn features(mask: u16) -> Self {
        Self {
            result: NegotiationResult::NegotiateAck,
            reason: ProviderReason(mask),
            transfer_syntax: Self::NIL,
        }
    }

    fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let result = NegotiationResult::from_wire(order.u16(reader, "result")?);
        let reason = ProviderReason(order.u16(reader, "reason")?);
        Ok(Self { result, reason, transfer_syntax: SyntaxId::decode(reader, order)? })
    }

    fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        order.put_u16(writer, self.result.to_wire());
        order.put_u16(writer, self.reason.0);
        self.transfer_syntax.encode(writer, order);
    }
}

impl BindNak {
    /// A refusal that names the version spoken here: 5.0 alone, as everybody says; 5.1 is understood.
    #[must_use]
    pub fn new(reason: NakReason) -> Self {
        Self { reason, versions: vec![(5, 0)] }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, order: ByteOrder) -> Result<Self, DecodeError> {
        let reason = NakReason(order.u16(reader, "provider_reject_reason")?);
        // Some servers end here.
        let count = if reader.is_empty() { 0 } else { reader.u8("n_protocols")? };
        let versions = (0..count)
            .map(|_| Ok((reader.u8("major")?, reader.u8("minor")?)))
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self { reason, versions })
    }

    pub(super) fn encode(&self, writer: &mut Writer, order: ByteOrder) {
        order.put_u16(writer, self.reason.0);
        let count = u8::try_from(self.versions.len()).unwrap_or(u8::MAX);
        writer.u8(count);
        for (major, minor) in self.versions.iter().take(count.into()) {
            writer.u8(*major);
            writer.u8(*minor);
        }
        writer.align(4, 0);
    }
}
