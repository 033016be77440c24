//! TPDUs of class 0, X.224 clause 13.

use std::fmt;

use wire::{DecodeError, Reader, Writer};

use crate::StackError;

const WHAT: &str = "TPDU";
/// What an absent size means over TCP: a whole packet without its header, RFC 1006 clause 6.
pub const DEFAULT_TPDU: usize = 65_531;
/// Smallest size that can be agreed on, X.224 13.3.4.
pub const MIN_TPDU: usize = 128;
/// Largest size that can be agreed on.
pub const MAX_TPDU: usize = DEFAULT_TPDU;
/// Most octets of a selector, X.224 13.3.4 leaves it to the length octet; RFC 1006 users stay
/// within the 32 that X.650 names.
const MAX_SELECTOR: usize = 64;
/// Most octets of a header: the length indicator does not hold 255.
const MAX_HEADER: usize = 254;
/// Exponents of the size parameter: 128 to 8192.
const SIZE_EXPONENTS: std::ops::RangeInclusive<u8> = 7..=13;
/// Unit of the preferred size parameter.
const SIZE_UNIT: usize = 128;

mod code {
    pub const CONNECTION_REQUEST: u8 = 0xe0;
    pub const CONNECTION_CONFIRM: u8 = 0xd0;
    pub const DISCONNECT_REQUEST: u8 = 0x80;
    pub const DATA: u8 = 0xf0;
    pub const ERROR: u8 = 0x70;
}

mod parameter {
    pub const SIZE: u8 = 0xc0;
    pub const CALLING_SELECTOR: u8 = 0xc1;
    pub const CALLED_SELECTOR: u8 = 0xc2;
    pub const INVALID_TPDU: u8 = 0xc1;
    pub const ADDITIONAL: u8 = 0xe0;
    pub const PREFERRED_SIZE: u8 = 0xf0;
}

/// Set in a DT that ends its TSDU.
const END: u8 = 0x80;

/// CR and CC, X.224 13.3 and 13.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The peer's reference; 0 in CR.
    pub destination: u16,
    /// The sender's own.
    pub source: u16,
    /// Preferred class, 0 to 4.
    pub class: u8,
    /// Octets of the largest TPDU; `None` when the sender says nothing.
    pub size: Option<usize>,
    /// `None` when absent, which is not the same as empty.
    pub calling: Option<Vec<u8>>,
    pub called: Option<Vec<u8>>,
}

/// Why a connection is refused, X.224 13.5.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisconnectReason(pub u8);

impl DisconnectReason {
    pub const UNSPECIFIED: Self = Self(0);
    pub const CONGESTION: Self = Self(1);
    /// Nobody listens at the called selector.
    pub const NOT_ATTACHED: Self = Self(2);
    pub const ADDRESS_UNKNOWN: Self = Self(3);
    pub const NEGOTIATION_FAILED: Self = Self(130);
}

/// DR, X.224 13.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    pub destination: u16,
    pub source: u16,
    pub reason: DisconnectReason,
    /// What the peer says beside it.
    pub additional: Vec<u8>,
}

/// ER, X.224 13.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpduError {
    pub destination: u16,
    /// 0 none, 1 parameter code, 2 TPDU type, 3 parameter value.
    pub cause: u8,
    /// The octets that were rejected.
    pub invalid: Vec<u8>,
}

/// A transport protocol data unit of class 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tpdu<'a> {
    ConnectionRequest(Connection),
    ConnectionConfirm(Connection),
    DisconnectRequest(Disconnect),
    Data { end: bool, data: &'a [u8] },
    Error(TpduError),
}

impl<'a> Tpdu<'a> {
    /// Reads a TPDU that takes all of `octets`.
    ///
    /// # Errors
    /// It is cut, has an unknown code, or a parameter is out of range.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, octets);
        let length = usize::from(reader.u8("length indicator")?);
        if length > MAX_HEADER {
            return Err(DecodeError::invalid(WHAT, "length indicator", 0, "255 is reserved"));
        }
        let mut header = Reader::with_offset(WHAT, reader.bytes("header", length)?, 1);
        let kind = header.u8("code")?;
        // The low half is the credit, which class 0 does not use.
        let tpdu = match kind & 0xf0 {
            code::DATA if kind == code::DATA => {
                let end = header.u8("TPDU number and end of TSDU")? & END != 0;
                header.finish("header")?;
                return Ok(Self::Data { end, data: reader.rest() });
            }
            code::CONNECTION_REQUEST => Self::ConnectionRequest(Connection::decode(header)?),
            code::CONNECTION_CONFIRM => Self::ConnectionConfirm(Connection::decode(header)?),
            code::DISCONNECT_REQUEST => Self::DisconnectRequest(Disconnect::decode(header)?),
            code::ERROR => Self::Error(TpduError::decode(header)?),
            _ => return Err(DecodeError::unsupported(WHAT, "code", 1, u64::from(kind))),
        };
        // Class 0 has no user data in these; peers that send some mean nothing by it.
        Ok(tpdu)
    }

    /// Writes it.
    ///
    /// # Errors
    /// A header passes what its length octet holds.
    pub fn encode(&self) -> Result<Vec<u8>, StackError> {
        let mut header = Writer::new();
        let mut data: &[u8] = &[];
        match self {
            Self::ConnectionRequest(connection) => {
                connection.encode(code::CONNECTION_REQUEST, &mut header);
            }
            Self::ConnectionConfirm(connection) => {
                connection.encode(code::CONNECTION_CONFIRM, &mut header);
            }
            Self::DisconnectRequest(disconnect) => disconnect.encode(&mut header),
            Self::Error(error) => error.encode(&mut header),
            Self::Data { end, data: user } => {
                header.u8(code::DATA);
                header.u8(if *end { END } else { 0 });
                data = user;
            }
        }
        let header = header.into_vec();
        let size = header.len();
        let Some(length) = u8::try_from(size).ok().filter(|_| size <= MAX_HEADER) else {
            return Err(StackError::TooLarge { what: "TPDU header", size, limit: MAX_HEADER });
        };
        Ok([&[length], &header[..], data].concat())
    }

    /// The name as X.224 has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ConnectionRequest(_) => "CR",
            Self::ConnectionConfirm(_) => "CC",
            Self::DisconnectRequest(_) => "DR",
            Self::Data { .. } => "DT",
            Self::Error(_) => "ER",
        }
    }
}

impl Connection {
    fn decode(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let destination = reader.u16_be("destination reference")?;
        let source = reader.u16_be("source reference")?;
        let class = reader.u8("class and options")? >> 4;
        let mut this = Self { destination, source, class, size: None, calling: None, called: None };
        let mut preferred = None;
        while !reader.is_empty() {
            let (code, value, offset) = read_parameter(&mut reader)?;
            let invalid = |field, detail| Err(DecodeError::invalid(WHAT, field, offset, detail));
            match code {
                parameter::SIZE => match value {
                    [exponent] if SIZE_EXPONENTS.contains(exponent) => {
                        this.size = Some(1 << *exponent);
                    }
                    _ => return invalid("TPDU size", "not one octet from 7 to 13"),
                },
                parameter::PREFERRED_SIZE => match value.len() {
                    1..=4 => {
                        let units = value
                            .iter()
                            .fold(0_usize, |units, octet| units << 8 | usize::from(*octet));
                        preferred = Some(units.saturating_mul(SIZE_UNIT).min(MAX_TPDU))
                            .filter(|size| *size >= MIN_TPDU);
                    }
                    _ => return invalid("preferred TPDU size", "not one to four octets"),
                },
                parameter::CALLING_SELECTOR | parameter::CALLED_SELECTOR
                    if value.len() > MAX_SELECTOR =>
                {
                    return invalid("transport selector", "over 64 octets");
                }
                parameter::CALLING_SELECTOR => this.calling = Some(value.to_vec()),
                parameter::CALLED_SELECTOR => this.called = Some(value.to_vec()),
                // X.224 6.7.1.4: an unknown parameter of a CR is ignored.
                _ => {}
            }
        }
        this.size = preferred.or(this.size);
        Ok(this)
    }

    fn encode(&self, kind: u8, out: &mut Writer) {
        out.u8(kind);
        out.u16_be(self.destination);
        out.u16_be(self.source);
        out.u8(self.class << 4);
        if let Some(size) = self.size {
            encode_size(size, out);
        }
        for (code, selector) in [
            (parameter::CALLING_SELECTOR, &self.calling),
            (parameter::CALLED_SELECTOR, &self.called),
        ] {
            if let Some(selector) = selector {
                write_parameter(code, selector, out);
            }
        }
    }
}

/// A power of two up to 8192 as the parameter that all peers know; any other size also as the
/// preferred one, in units of 128 octets, X.224 13.3.4.
fn encode_size(size: usize, out: &mut Writer) {
    let size = size.clamp(MIN_TPDU, MAX_TPDU);
    let exponent = SIZE_EXPONENTS.rev().find(|exponent| 1 << *exponent <= size).unwrap_or(7);
    write_parameter(parameter::SIZE, &[exponent], out);
    if 1 << exponent != size {
        // At most 511 units.
        let units = u16::try_from(size / SIZE_UNIT).unwrap_or(u16::MAX).to_be_bytes();
        let octets = if units[0] == 0 { &units[1..] } else { &units[..] };
        write_parameter(parameter::PREFERRED_SIZE, octets, out);
    }
}

impl Disconnect {
    fn decode(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let destination = reader.u16_be("destination reference")?;
        let source = reader.u16_be("source reference")?;
        let reason = DisconnectReason(reader.u8("reason")?);
        let mut additional = Vec::new();
        while !reader.is_empty() {
            let (code, value, _) = read_parameter(&mut reader)?;
            if code == parameter::ADDITIONAL {
                additional = value.to_vec();
            }
        }
        Ok(Self { destination, source, reason, additional })
    }

    fn encode(&self, out: &mut Writer) {
        out.u8(code::DISCONNECT_REQUEST);
        out.u16_be(self.destination);
        out.u16_be(self.source);
        out.u8(self.reason.0);
        if !self.additional.is_empty() {
            write_parameter(parameter::ADDITIONAL, &self.additional, out);
        }
    }
}

impl TpduError {
    fn decode(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let destination = reader.u16_be("destination reference")?;
        let cause = reader.u8("reject cause")?;
        let mut invalid = Vec::new();
        while !reader.is_empty() {
            let (code, value, _) = read_parameter(&mut reader)?;
            if code == parameter::INVALID_TPDU {
                invalid = value.to_vec();
            }
        }
        Ok(Self { destination, cause, invalid })
    }

    fn encode(&self, out: &mut Writer) {
        out.u8(code::ERROR);
        out.u16_be(self.destination);
        out.u8(self.cause);
        write_parameter(parameter::INVALID_TPDU, &self.invalid, out);
    }
}

fn read_parameter<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8], usize), DecodeError> {
    let code = reader.u8("parameter code")?;
    let length = usize::from(reader.u8("parameter length")?);
    let offset = reader.offset();
    Ok((code, reader.bytes("parameter value", length)?, offset))
}

/// A value that is too long makes the header too long, which `Tpdu::encode` refuses.
fn write_parameter(code: u8, value: &[u8], out: &mut Writer) {
    out.u8(code);
    out.u8(u8::try_from(value.len()).unwrap_or(u8::MAX));
    out.bytes(value);
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNSPECIFIED => f.write_str("no reason given"),
            Self::CONGESTION => f.write_str("congestion"),
            Self::NOT_ATTACHED => f.write_str("nobody listens at the transport selector"),
            Self::ADDRESS_UNKNOWN => f.write_str("transport address unknown"),
            Self::NEGOTIATION_FAILED => f.write_str("connection negotiation failed"),
            Self(code) => write!(f, "disconnect reason {code}"),
        }
    }
}
