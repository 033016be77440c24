//! An error that ends an association, with what the client hears of it.

use crate::error::RpcError;
use crate::pdu::{Header, NakReason, PduFlags, PduType};
use crate::status;

/// Why an association ends, and its last word.
pub(super) struct Fatal {
    pub(super) error: RpcError,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    Nothing,
    Nak { call: u32, reason: NakReason },
    Fault { call: u32, context_id: u16, status: u32, flags: PduFlags },
}

impl Fatal {
    pub(super) fn silent(error: RpcError) -> Self {
        Self { error, answer: Answer::Nothing }
    }

    pub(super) fn nak(call: u32, reason: NakReason, error: RpcError) -> Self {
        Self { error, answer: Answer::Nak { call, reason } }
    }

    pub(super) fn fault(call: u32, context_id: u16, status: u32, error: RpcError) -> Self {
        let answer = Answer::Fault { call, context_id, status, flags: PduFlags::default() };
        Self { error, answer }
    }

    /// The same with the promise that nothing was executed.
    pub(super) fn not_executed(mut self) -> Self {
        if let Answer::Fault { flags, .. } = &mut self.answer {
            *flags = flags.with(PduFlags::DID_NOT_EXECUTE);
        }
        self
    }

    /// A PDU that cannot be read.
    pub(super) fn malformed(header: &Header, error: RpcError) -> Self {
        let call = header.call_id;
        match header.kind {
            PduType::Bind => Self::nak(call, NakReason::PROTOCOL_VERSION_NOT_SUPPORTED, error),
            // An auth3 has no answer, but for this one.
            PduType::Auth3 => {
                Self::fault(call, 0, status::NCA_FAULT_REMOTE_NO_MEMORY, error).not_executed()
            }
            PduType::Request | PduType::AlterContext => {
                Self::fault(call, 0, status::NCA_PROTO_ERROR, error).not_executed()
            }
            _ => Self::silent(error),
        }
    }
}
