//! One PDU as octets, and its decoded form.

use std::ops::Range;

use wire::{DecodeError, Reader, Writer};

use super::body::{Body, Request};
use super::header::{Header, PduFlags, PduType, SecTrailer};
use crate::error::RpcError;
use crate::ndr::ByteOrder;

/// Octets of an object UUID in a request.
pub(crate) const OBJECT_LEN: usize = 16;

/// A whole PDU as octets: header and trailer are sound, the body is not looked at yet.
#[derive(Debug, Clone)]
pub struct Frame {
    header: Header,
    trailer: Option<SecTrailer>,
    bytes: Vec<u8>,
}

impl Frame {
    /// Checks the header and the trailer of `bytes`, which are exactly one PDU.
    ///
    /// # Errors
    /// Not one PDU, or lengths that contradict each other.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, DecodeError> {
        const WHAT: &str = "DCE/RPC frame";
        let header = Header::decode(&bytes)?;
        let length = usize::from(header.frag_length);
        if bytes.len() < length {
            let needed = length - Header::LEN;
            let available = bytes.len() - Header::LEN;
            return Err(DecodeError::truncated(WHAT, "body", Header::LEN, needed, available));
        }
        if bytes.len() > length {
            return Err(DecodeError::trailing(WHAT, "body", length, bytes.len() - length));
        }
        let mut frame = Self { header, trailer: None, bytes };
        if header.auth_length != 0 {
            // Header::decode saw that trailer and value fit behind the header.
            let at = length - usize::from(header.auth_length) - SecTrailer::LEN;
            let mut reader = Reader::with_offset(WHAT, &frame.bytes[at..], at);
            let trailer = SecTrailer::decode(&mut reader, header.order)?;
            let body = frame.pad_start();
            if body.min(at) + usize::from(trailer.pad_length) > at {
                let detail = "more padding than there is body";
                return Err(DecodeError::invalid(WHAT, "auth_pad_length", at + 2, detail));
            }
            frame.trailer = Some(trailer);
        }
        Ok(frame)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The format label as it came.
    #[must_use]
    pub fn label(&self) -> [u8; 4] {
        self.bytes.get(4..8).and_then(|label| label.try_into().ok()).unwrap_or_default()
    }

    /// The security trailer, when there is one.
    #[must_use]
    pub fn trailer(&self) -> Option<&SecTrailer> {
        self.trailer.as_ref()
    }

    /// The octets that a seal covers: body and padding, MS-RPCE 2.2.2.11 and 3.3.1.5.2.2.
    #[must_use]
    pub fn sealed_range(&self) -> Range<usize> {
        let end = match self.trailer {
            Some(_) => self.auth_start() - SecTrailer::LEN,
            None => self.bytes.len(),
        };
        self.body_start().min(end)..end
    }

    /// The PDU up to the end of the trailer, and the authentication value behind it.
    pub fn split_mut(&mut self) -> (&mut [u8], &[u8]) {
        let at = self.auth_start();
        let (pdu, value) = self.bytes.split_at_mut(at);
        (pdu, value)
    }

    /// Decodes the body, which must be in clear by now.
    ///
    /// # Errors
    /// The body is not what its type demands.
    pub fn decode(&self) -> Result<Pdu, DecodeError> {
        let header = self.header;
        let auth = self.trailer.map(|trailer| AuthVerifier {
            trailer,
            value: self.bytes[self.auth_start()..].to_vec(),
        });
        let body = Body::decode(&header, self.contents())?;
        Ok(Pdu { flags: header.flags, order: header.order, call_id: header.call_id, body, auth })
    }

    /// Decodes the fields of a request, which must be in clear by now, and gives its stub as it lies here: to decode all would
    /// copy it.
    ///
    /// # Errors
    /// The body is not that of a request.
    pub(crate) fn request(&self) -> Result<(Request, &[u8]), DecodeError> {
        let Header { kind, order, flags, .. } = self.header;
        let mut reader = Reader::with_offset(kind.name(), self.contents(), Header::LEN);
        let fields = Request::decode_fields(&mut reader, order, flags)?;
        Ok((fields, reader.rest()))
    }

    /// What stands between header and trailer, without the padding.
    fn contents(&self) -> &[u8] {
        let end = match self.trailer {
            None => self.bytes.len(),
            Some(trailer) => {
                // Only stubs are padded so that the length matters; elsewhere others count
                // octets of the body itself as padding.
                let padding = match self.header.kind {
                    PduType::Request | PduType::Response | PduType::Fault => trailer.pad_length,
                    _ => 0,
                };
                self.auth_start() - SecTrailer::LEN - usize::from(padding)
            }
        };
        self.bytes.get(Header::LEN..end).unwrap_or_default()
    }

    fn auth_start(&self) -> usize {
        self.bytes.len() - usize::from(self.header.auth_length)
    }

    /// The presentation context of a request, which is never sealed; 0 elsewhere.
    #[must_use]
    pub fn context_id(&self) -> u16 {
        let mut reader = Reader::new("DCE/RPC frame", self.bytes.get(20..22).unwrap_or_default());
        match self.header.kind {
            PduType::Request => self.header.order.u16(&mut reader, "p_cont_id").unwrap_or(0),
            _ => 0,
        }
    }

    /// Where padding may begin at the earliest.
    fn pad_start(&self) -> usize {
        match self.header.kind {
            PduType::Auth3 => Header::LEN + 4,
            PduType::Bind | PduType::AlterContext => Header::LEN + 8,
            _ => self.body_start(),
        }
    }

    /// Where the protected part begins: behind the fixed fields of the type.
    fn body_start(&self) -> usize {
        let object = if self.header.kind == PduType::Request
            && self.header.flags.has(PduFlags::OBJECT_UUID)
        {
            OBJECT_LEN
        } else {
            0
        };
        Header::LEN + fixed_fields(self.header.kind) + object
    }
}

/// Octets of the fields between header and stub.
pub(super) fn fixed_fields(kind: PduType) -> usize {
    match kind {
        PduType::Request | PduType::Response => 8,
        PduType::Fault => 16,
        _ => 0,
    }
}

/// The authentication of a PDU: trailer and value.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthVerifier {
    /// The trailer; its padding count is set by the encoder.
    pub trailer: SecTrailer,
    /// An authentication token, or a signature.
    pub value: Vec<u8>,
}

impl std::fmt::Debug for AuthVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A token can hold what an offline guess of the password needs.
        f.debug_struct("AuthVerifier")
            .field("trailer", &self.trailer)
            .field("octets", &self.value.len())
            .finish()
    }
}

/// A decoded PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// The flags.
    pub flags: PduFlags,
    /// The byte order that it came in or is to be written in.
    pub order: ByteOrder,
    /// The call that it belongs to.
    pub call_id: u32,
    /// What it says.
    pub body: Body,
    /// Its authentication.
    pub auth: Option<AuthVerifier>,
}

/// A PDU on its way out, complete but for the authentication value.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Header, body, padding and trailer; the lengths already count the value.
    pub bytes: Vec<u8>,
    /// The octets that a seal covers.
    pub sealed: Range<usize>,
}

impl Pdu {
    /// A PDU of one fragment, little-endian, without authentication.
    #[must_use]
    pub fn new(call_id: u32, body: Body) -> Self {
        Self { flags: PduFlags::WHOLE, order: ByteOrder::Little, call_id, body, auth: None }
    }

    /// Decodes exactly one PDU whose body is in clear.
    ///
    /// # Errors
    /// The octets are not one PDU.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Frame::parse(bytes.to_vec())?.decode()
    }

    /// Encodes the PDU with the authentication value that it has, if any.
    ///
    /// # Errors
    /// It does not fit the 16-bit length.
    pub fn encode(&self) -> Result<Vec<u8>, RpcError> {
        let Some(auth) = &self.auth else {
            return Ok(self.encode_with(None, 0)?.bytes);
        };
        // C706 13.2.6.1: the trailer begins at a multiple of four octets.
        let mut bytes = self.encode_with(Some((auth.trailer, 4)), auth.value.len())?.bytes;
        bytes.extend_from_slice(&auth.value);
        Ok(bytes)
    }

    /// Encodes all but an authentication value of `value_len` octets. The trailer comes with the
    /// multiple that the body is padded to.
    ///
    /// # Errors
    /// It does not fit the 16-bit length.
    pub fn encode_with(
        &self,
        trailer: Option<(SecTrailer, u8)>,
        value_len: usize,
    ) -> Result<Encoded, RpcError> {
        let kind = self.body.kind();
        let mut header = Header {
            minor: 0,
            kind,
            flags: self.flags,
            order: self.order,
            frag_length: 0,
            auth_length: 0,
            call_id: self.call_id,
        };
        let mut contents = Writer::new();
        self.body.encode(&mut header.flags, &mut contents, self.order);
        let object = if header.flags.has(PduFlags::OBJECT_UUID) && kind == PduType::Request {
            OBJECT_LEN
        } else {
            0
        };
        let fixed = fixed_fields(kind) + object;
        if let Some((mut trailer, multiple)) = trailer {
            let multiple = usize::from(multiple.max(1));
            let body = contents.len() - fixed;
            let padding = body.next_multiple_of(multiple) - body;
            contents.zeros(padding);
            trailer.pad_length = u8::try_from(padding).unwrap_or(0);
            trailer.encode(&mut contents, self.order);
        }
        let trailer_len = if trailer.is_some() { SecTrailer::LEN } else { 0 };
        let length = Header::LEN + contents.len() + value_len;
        let too_long = |_| RpcError::Limit { what: "octets of a PDU", limit: u16::MAX.into() };
        header.frag_length = u16::try_from(length).map_err(too_long)?;
        header.auth_length = u16::try_from(value_len).map_err(too_long)?;
        let mut writer = Writer::with_capacity(length);
        header.encode(&mut writer);
        writer.bytes(contents.as_slice());
        let sealed = Header::LEN + fixed..writer.len() - trailer_len;
        Ok(Encoded { bytes: writer.into_vec(), sealed })
    }
}
