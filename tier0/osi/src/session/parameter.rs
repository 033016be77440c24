//! Length indicators and parameters, X.225 8.2.

use wire::{DecodeError, Reader};

/// First octet of the three-octet length indicator, X.225 8.2.5.2.
const LONG: u8 = 0xff;

/// One parameter or parameter group.
pub(super) struct Parameter<'a> {
    pub code: u8,
    pub value: &'a [u8],
    /// Of the value, from the start of the input.
    pub offset: usize,
}

/// A walk over a parameter field or over a parameter group.
pub(super) struct Parameters<'a> {
    what: &'static str,
    reader: Reader<'a>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8], base: usize) -> Self {
        Self { what, reader: Reader::with_offset(what, bytes, base) }
    }

    /// The parameters inside a group.
    pub(super) fn group(&self, parameter: &Parameter<'a>) -> Self {
        Self::new(self.what, parameter.value, parameter.offset)
    }

    pub(super) fn next_parameter(&mut self) -> Result<Option<Parameter<'a>>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let code = self.reader.u8("parameter")?;
        let length = read_length(&mut self.reader)?;
        let offset = self.reader.offset();
        let value = self.reader.bytes("parameter value", length)?;
        Ok(Some(Parameter { code, value, offset }))
    }

    pub(super) fn invalid(
        &self,
        parameter: &Parameter<'_>,
        field: &'static str,
        detail: &'static str,
    ) -> DecodeError {
        DecodeError::invalid(self.what, field, parameter.offset, detail)
    }

    /// A value of exactly one octet.
    pub(super) fn octet(
        &self,
        parameter: &Parameter<'_>,
        field: &'static str,
    ) -> Result<u8, DecodeError> {
        match parameter.value {
            [octet] => Ok(*octet),
            _ => Err(self.invalid(parameter, field, "not one octet")),
        }
    }

    /// A value of exactly two octets.
    pub(super) fn pair(
        &self,
        parameter: &Parameter<'_>,
        field: &'static str,
    ) -> Result<u16, DecodeError> {
        match parameter.value {
            [high, low] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(self.invalid(parameter, field, "not two octets")),
        }
    }
}

pub(super) fn read_length(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    match reader.u8("length indicator")? {
        LONG => Ok(usize::from(reader.u16_be("length indicator")?)),
        short => Ok(usize::from(short)),
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short != LONG => out.push(short),
        _ => {
            out.push(LONG);
            // `Spdu::encode` checks the sum before: 65 535 is the most that can come here.
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
}

/// Writes a code, its length indicator and its value.
pub(super) fn write(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    out.push(code);
    write_length(value.len(), out);
    out.extend_from_slice(value);
}

/// As [`write`], but nothing at all for an empty value.
pub(super) fn write_present(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    if !value.is_empty() {
        write(out, code, value);
    }
}

/// Parameter group and parameter identifiers, X.225 8.3.
pub(super) mod code {
    pub const CONNECTION_IDENTIFIER: u8 = 1;
    pub const CONNECT_ACCEPT_ITEM: u8 = 5;
    pub const CALLED_REFERENCE: u8 = 9;
    pub const CALLING_REFERENCE: u8 = 10;
    pub const COMMON_REFERENCE: u8 = 11;
    pub const ADDITIONAL_REFERENCE: u8 = 12;
    pub const SYNC_TYPE: u8 = 15;
    pub const TOKENS: u8 = 16;
    pub const TRANSPORT_DISCONNECT: u8 = 17;
    pub const PROTOCOL_OPTIONS: u8 = 19;
    pub const FUNCTIONAL_UNITS: u8 = 20;
    pub const VERSION: u8 = 22;
    pub const ENCLOSURE: u8 = 25;
    pub const TOKEN_SETTING: u8 = 26;
    pub const TSDU_SIZE: u8 = 21;
    pub const LINKING: u8 = 33;
    pub const ACTIVITY: u8 = 41;
    pub const SERIAL: u8 = 42;
    pub const REASON: u8 = 50;
    pub const CALLING_SELECTOR: u8 = 51;
    pub const CALLED_SELECTOR: u8 = 52;
    pub const DATA_OVERFLOW: u8 = 60;
    pub const USER_DATA: u8 = 193;
    pub const EXTENDED_USER_DATA: u8 = 194;
}
