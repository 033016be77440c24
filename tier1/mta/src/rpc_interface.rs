//! The operations of `idl/mta.idl` as values, with their NDR on both sides.

use dcerpc::{ByteOrder, ContextHandle, NdrReader, NdrWriter, SyntaxId, Uuid};
use wire::DecodeError;

/// The interface of `idl/mta.idl`.
pub const INTERFACE: SyntaxId = SyntaxId {
    uuid: Uuid::from_u128(0x6f8d_2c1a_3e57_4b0e_9c64_a1d0_5be2_7f93),
    major: 1,
    minor: 0,
};

/// Operation numbers, in the order of the IDL.
pub const MTA_BIND: u16 = 0;
pub const MTA_BIND_BACK: u16 = 1;
pub const MTA_TRANSFER: u16 = 2;
pub const MTA_UNBIND: u16 = 3;
pub const MTA_UNBIND_BACK: u16 = 4;

/// Characters of an MTA name, X.411 ub-mta-name-length.
pub const MTA_NAME_LIMIT: usize = 32;
/// Characters of a string binding: a DNS name of 253 and what stands around it.
pub const BINDING_LIMIT: usize = 280;
/// Octets of one piece.
pub const PIECE_LIMIT: usize = 262_144;
/// The flag of the last piece of its transport service data unit.
const PIECE_END: u32 = 1;

/// Names one pair of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssociationToken(pub [u8; 16]);

/// What a caller says in MtaBind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    pub caller_name: String,
    pub called_name: String,
    /// Where to bind back, such as `ncacn_ip_tcp:east.example[135]`.
    pub bind_back_binding: String,
    pub token: AssociationToken,
    pub max_piece: u32,
}

/// The answer to MtaBind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAnswer {
    pub agreed_piece: u32,
    /// Win32: 0, or what the called server's bind-back met.
    pub bind_status: u32,
    pub channel: ContextHandle,
    /// Win32: 0 or why there is no association.
    pub status: u32,
}

/// What a called server says in MtaBindBack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindBack {
    pub called_name: String,
    pub token: AssociationToken,
    pub max_piece: u32,
}

/// The answer to MtaBindBack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindBackAnswer {
    pub agreed_piece: u32,
    pub channel: ContextHandle,
    pub status: u32,
}

/// One piece of a transport service data unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Counts from 0 on each channel.
    pub sequence: u32,
    /// The last piece of its unit.
    pub end: bool,
    pub octets: Vec<u8>,
}

/// MtaTransfer: a piece on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub channel: ContextHandle,
    pub piece: Piece,
}

/// MtaUnbind and MtaUnbindBack, and their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbind {
    pub channel: ContextHandle,
}

/// A stub may end with the padding that stood before a verification trailer (MS-RPCE 2.2.2.13).
fn end(reader: &NdrReader<'_>) -> Result<(), DecodeError> {
    match reader.rest() {
        [] | [0] | [0, 0] | [0, 0, 0] => Ok(()),
        _ => Err(reader.invalid("end", "octets are left")),
    }
}

fn read_token(reader: &mut NdrReader<'_>) -> Result<AssociationToken, DecodeError> {
    let octets = reader.octets("token", 16)?;
    let mut token = [0; 16];
    token.copy_from_slice(octets);
    Ok(AssociationToken(token))
}

impl Bind {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.string16(&self.caller_name);
        writer.string16(&self.called_name);
        writer.string16(&self.bind_back_binding);
        writer.octets(&self.token.0);
        writer.u32(self.max_piece);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("MtaBind", stub, order);
        let bind = Self {
            caller_name: reader.string16("caller_name", MTA_NAME_LIMIT)?,
            called_name: reader.string16("called_name", MTA_NAME_LIMIT)?,
            bind_back_binding: reader.string16("bind_back_binding", BINDING_LIMIT)?,
            token: read_token(&mut reader)?,
            max_piece: reader.u32("max_piece")?,
        };
        end(&reader)?;
        Ok(bind)
    }
}

impl BindAnswer {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.u32(self.agreed_piece);
        writer.u32(self.bind_status);
        writer.context_handle(&self.channel);
        writer.u32(self.status);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("MtaBind answer", stub, order);
        let answer = Self {
            agreed_piece: reader.u32("agreed_piece")?,
            bind_status: reader.u32("bind_status")?,
            channel: reader.context_handle("channel")?,
            status: reader.u32("status")?,
        };
        end(&reader)?;
        Ok(answer)
    }
}

impl BindBack {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.string16(&self.called_name);
        writer.octets(&self.token.0);
        writer.u32(self.max_piece);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("MtaBindBack", stub, order);
        let bind_back = Self {
            called_name: reader.string16("called_name", MTA_NAME_LIMIT)?,
            token: read_token(&mut reader)?,
            max_piece: reader.u32("max_piece")?,
        };
        end(&reader)?;
        Ok(bind_back)
    }
}

impl BindBackAnswer {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.u32(self.agreed_piece);
        writer.context_handle(&self.channel);
        writer.u32(self.status);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("MtaBindBack answer", stub, order);
        let answer = Self {
            agreed_piece: reader.u32("agreed_piece")?,
            channel: reader.context_handle("channel")?,
            status: reader.u32("status")?,
        };
        end(&reader)?;
        Ok(answer)
    }
}

impl Transfer {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.context_handle(&self.channel);
        writer.u32(self.piece.sequence);
        writer.u32(if self.piece.end { PIECE_END } else { 0 });
        writer.count(self.piece.octets.len());
        writer.conformant_octets(&self.piece.octets);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("MtaTransfer", stub, order);
        let channel = reader.context_handle("channel")?;
        let sequence = reader.u32("sequence")?;
        let flags = reader.u32("flags")?;
        if flags & !PIECE_END != 0 {
            return Err(reader.invalid("flags", "unknown flag"));
        }
        let length = reader.u32("length")?;
        let octets = reader.conformant_octets("piece", PIECE_LIMIT)?;
        if usize::try_from(length) != Ok(octets.len()) {
            return Err(reader.invalid("piece", "the array has another size than length says"));
        }
        end(&reader)?;
        let piece = Piece { sequence, end: flags == PIECE_END, octets: octets.to_vec() };
        Ok(Self { channel, piece })
    }
}

impl Unbind {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = NdrWriter::new();
        writer.context_handle(&self.channel);
        writer.into_vec()
    }

    /// # Errors
    /// The stub is not what the IDL says.
    pub fn decode(stub: &[u8], order: ByteOrder) -> Result<Self, DecodeError> {
        let mut reader = NdrReader::new("MtaUnbind", stub, order);
        let unbind = Self { channel: reader.context_handle("channel")? };
        end(&reader)?;
        Ok(unbind)
    }
}

/// The answer to MtaUnbind and MtaUnbindBack: the handle, now null, and a status.
#[must_use]
pub fn encode_unbind_answer(status: u32) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.context_handle(&ContextHandle::default());
    writer.u32(status);
    writer.into_vec()
}

/// The answer to MtaTransfer: a status.
#[must_use]
pub fn encode_status(status: u32) -> Vec<u8> {
    let mut writer = NdrWriter::new();
    writer.u32(status);
    writer.into_vec()
}

/// Reads the answer to MtaTransfer.
///
/// # Errors
/// The stub is not what the IDL says.
pub fn decode_status(stub: &[u8], order: ByteOrder) -> Result<u32, DecodeError> {
    let mut reader = NdrReader::new("status", stub, order);
    let status = reader.u32("status")?;
    end(&reader)?;
    Ok(status)
}

#[cfg(test)]
mod tests;
