//! What SPDUs of the activity, synchronisation and exceptions units share: serial numbers, reasons, and where an activity
//! goes on; X.225 8.3.15 to 8.3.28.

use std::fmt;

use wire::DecodeError;

use super::parameter::{Parameters, code, write, write_present};
use super::spdu::WHAT;

/// Why an activity is refused, discarded or interrupted, X.225 8.3.15 and 8.3.26.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExceptionReason {
    /// No specific reason.
    Unspecified,
    /// The receiver may not handle what it received properly.
    ReceivingAbilityJeopardized,
    SequenceError,
    LocalUserError,
    UnrecoverableProcedure,
    DemandDataToken,
    /// A code that X.225 does not define.
    Other(u8),
}

/// What an ACTIVITY RESUME goes on with, X.225 8.3.20.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume<'a> {
    /// The references of the session connection that the activity began on; all are empty where
    /// it is this one.
    pub called: &'a [u8],
    pub calling: &'a [u8],
    pub common: &'a [u8],
    pub additional: &'a [u8],
    pub old_activity: &'a [u8],
    /// The synchronisation point after which it goes on.
    pub serial: u32,
    pub activity: &'a [u8],
}

impl ExceptionReason {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::ReceivingAbilityJeopardized => 1,
            Self::SequenceError => 3,
            Self::LocalUserError => 5,
            Self::UnrecoverableProcedure => 6,
            Self::DemandDataToken => 128,
            Self::Other(code) => code,
        }
    }

    /// The reason of a code.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Unspecified,
            1 => Self::ReceivingAbilityJeopardized,
            3 => Self::SequenceError,
            5 => Self::LocalUserError,
            6 => Self::UnrecoverableProcedure,
            128 => Self::DemandDataToken,
            other => Self::Other(other),
        }
    }
}

impl<'a> Resume<'a> {
    pub(super) fn decode(
        mut parameters: Parameters<'a>,
        offset: usize,
    ) -> Result<Self, DecodeError> {
        let (mut this, mut serial) = (Self::default(), None);
        while let Some(parameter) = parameters.next_parameter()? {
            match parameter.code {
                code::LINKING => {
                    let mut group = parameters.group(&parameter);
                    while let Some(one) = group.next_parameter()? {
                        match one.code {
                            code::CALLED_REFERENCE => this.called = one.value,
                            code::CALLING_REFERENCE => this.calling = one.value,
                            code::COMMON_REFERENCE => this.common = one.value,
                            code::ADDITIONAL_REFERENCE => this.additional = one.value,
                            code::ACTIVITY => this.old_activity = one.value,
                            code::SERIAL => {
                                let detail = "not one to six decimal digits";
                                let read = read_serial(one.value);
                                serial =
                                    Some(read.ok_or_else(|| {
                                        group.invalid(&one, "serial number", detail)
                                    })?);
                            }
                            _ => {}
                        }
                    }
                }
                code::ACTIVITY => this.activity = parameter.value,
                _ => {}
            }
        }
        let invalid = |field, detail| DecodeError::invalid(WHAT, field, offset, detail);
        this.serial = serial.ok_or_else(|| invalid("serial number", "none"))?;
        // Six octets at most, X.225 8.3.20.
        if this.activity.len() > 6 || this.old_activity.len() > 6 {
            return Err(invalid("activity", "over 6 octets"));
        }
        Ok(this)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut group = Vec::new();
        write_present(&mut group, code::CALLED_REFERENCE, self.called);
        write_present(&mut group, code::CALLING_REFERENCE, self.calling);
        write_present(&mut group, code::COMMON_REFERENCE, self.common);
        write_present(&mut group, code::ADDITIONAL_REFERENCE, self.additional);
        write(&mut group, code::ACTIVITY, self.old_activity);
        write_serial(&mut group, self.serial);
        write(out, code::LINKING, &group);
        write(out, code::ACTIVITY, self.activity);
    }
}

/// A serial number of one to six decimal digits, X.225 8.3.22.
pub(super) fn read_serial(digits: &[u8]) -> Option<u32> {
    if !(1..=6).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })
}

pub(super) fn write_serial(out: &mut Vec<u8>, serial: u32) {
    write(out, code::SERIAL, serial.to_string().as_bytes());
}

impl fmt::Display for ExceptionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unspecified => f.write_str("no specific reason"),
            Self::ReceivingAbilityJeopardized => f.write_str("receiving ability jeopardized"),
            Self::SequenceError => f.write_str("sequence error"),
            Self::LocalUserError => f.write_str("local user error"),
            Self::UnrecoverableProcedure => f.write_str("unrecoverable procedural error"),
            Self::DemandDataToken => f.write_str("demand data token"),
            Self::Other(code) => write!(f, "reason code {code}"),
        }
    }
}
