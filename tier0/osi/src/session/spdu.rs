//! All SPDUs of the functional units that RTSE uses, and their concatenation; X.225 7.4 and 8.3.

use wire::{DecodeError, Reader};

use super::abort::Abort;
use super::activity::{ExceptionReason, Resume, read_serial, write_serial};
use super::connect::{Accept, Connect, Refuse};
use super::parameter::{Parameters, code, read_length, write, write_present};
use crate::StackError;

pub(super) const WHAT: &str = "session TSDU";
/// Most octets of parameters in one SPDU: what the long length indicator holds, X.225 8.2.5.2.
const MAX_PARAMETERS: usize = 65_535;

/// What goes before user information in a TSDU with a DATA TRANSFER: an empty GIVE TOKENS, and
/// the header of the DATA TRANSFER.
pub const DATA_PREFIX: [u8; 4] = [si::GIVE_TOKENS, 0, si::DATA, 0];

/// SPDU identifiers, X.225 8.3; some serve twice, told apart by the category 0 SPDU before them.
mod si {
    pub const EXCEPTION_REPORT: u8 = 0;
    pub const GIVE_TOKENS: u8 = 1;
    pub const DATA: u8 = 1;
    pub const PLEASE_TOKENS: u8 = 2;
    pub const NOT_FINISHED: u8 = 8;
    pub const FINISH: u8 = 9;
    pub const DISCONNECT: u8 = 10;
    pub const REFUSE: u8 = 12;
    pub const CONNECT: u8 = 13;
    pub const ACCEPT: u8 = 14;
    pub const ABORT: u8 = 25;
    pub const ACTIVITY_INTERRUPT: u8 = 25;
    pub const ABORT_ACCEPT: u8 = 26;
    pub const ACTIVITY_INTERRUPT_ACK: u8 = 26;
    pub const CONNECT_DATA_OVERFLOW: u8 = 15;
    pub const OVERFLOW_ACCEPT: u8 = 16;
    pub const GIVE_TOKENS_CONFIRM: u8 = 21;
    pub const GIVE_TOKENS_ACK: u8 = 22;
    pub const ACTIVITY_RESUME: u8 = 29;
    pub const ACTIVITY_END: u8 = 41;
    pub const ACTIVITY_END_ACK: u8 = 42;
    pub const ACTIVITY_START: u8 = 45;
    pub const EXCEPTION_DATA: u8 = 48;
    pub const MINOR_SYNC: u8 = 49;
    pub const MINOR_SYNC_ACK: u8 = 50;
    pub const ACTIVITY_DISCARD: u8 = 57;
    pub const ACTIVITY_DISCARD_ACK: u8 = 58;
}

/// The category 0 SPDU in front of a category 2 one, X.225 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// GIVE TOKENS: the sender owns the tokens.
    Give,
    /// PLEASE TOKENS: the peer owns them.
    Please,
}

/// A session protocol data unit, X.225 8.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spdu<'a> {
    Connect(Connect<'a>),
    Accept(Accept<'a>),
    Refuse(Refuse<'a>),
    Finish {
        user_data: &'a [u8],
    },
    Disconnect {
        user_data: &'a [u8],
    },
    NotFinished {
        user_data: &'a [u8],
    },
    Abort(Abort<'a>),
    AbortAccept,
    /// More user data of a CONNECT; `end`: nothing follows.
    ConnectDataOverflow {
        end: bool,
        user_data: &'a [u8],
    },
    /// The rest of the user data of a CONNECT may follow.
    OverflowAccept,
    /// All tokens are given away, S-CONTROL-GIVE.
    GiveTokensConfirm,
    GiveTokensAck,
    /// Alone in its TSDU.
    GiveTokens {
        tokens: u8,
    },
    /// Alone in its TSDU.
    PleaseTokens {
        tokens: u8,
        user_data: &'a [u8],
    },
    Data {
        user_data: &'a [u8],
    },
    ActivityStart {
        activity: &'a [u8],
        user_data: &'a [u8],
    },
    ActivityResume(Resume<'a>),
    /// `explicit`: a confirmation is asked for.
    MinorSync {
        serial: u32,
        explicit: bool,
    },
    MinorSyncAck {
        serial: u32,
    },
    ActivityEnd {
        serial: u32,
    },
    /// MAJOR SYNC POINT without the end of the activity: a unit that RTSE does not use.
    MajorSync {
        serial: u32,
    },
    ActivityEndAck {
        serial: u32,
    },
    ActivityInterrupt {
        reason: ExceptionReason,
    },
    ActivityInterruptAck,
    ActivityDiscard {
        reason: ExceptionReason,
    },
    ActivityDiscardAck,
    ExceptionReport,
    ExceptionData {
        reason: ExceptionReason,
        user_data: &'a [u8],
    },
}

/// A transport service data unit: one SPDU, or a category 0 one and a category 2 one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tsdu<'a> {
    /// Present before an SPDU of category 2.
    pub prefix: Option<Prefix>,
    pub spdu: Spdu<'a>,
}

impl<'a> Tsdu<'a> {
    /// Reads a TSDU, basic concatenation.
    ///
    /// # Errors
    /// A length runs out, a value is out of range, or the SPDU is none that RTSE can meet.
    pub fn decode(tsdu: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, tsdu);
        let identifier = reader.u8("SPDU identifier")?;
        let parameters = read_parameters(&mut reader)?;
        let prefix = match identifier {
            si::GIVE_TOKENS => Prefix::Give,
            si::PLEASE_TOKENS => Prefix::Please,
            _ => {
                let spdu = Spdu::decode_alone(identifier, parameters)?;
                reader.finish("end of TSDU")?;
                return Ok(Self { prefix: None, spdu });
            }
        };
        if reader.is_empty() {
            let spdu = decode_tokens(prefix, parameters)?;
            return Ok(Self { prefix: None, spdu });
        }
        let offset = reader.offset();
        let identifier = reader.u8("SPDU identifier")?;
        let parameters = read_parameters(&mut reader)?;
        if identifier == si::DATA {
            return decode_data(parameters, reader.rest())
                .map(|spdu| Self { prefix: Some(prefix), spdu });
        }
        let spdu = Spdu::decode_prefixed(identifier, offset, parameters)?;
        reader.finish("end of TSDU")?;
        Ok(Self { prefix: Some(prefix), spdu })
    }
}

impl<'a> Spdu<'a> {
    /// The name as X.225 has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::Accept(_) => "ACCEPT",
            Self::Refuse(_) => "REFUSE",
            Self::Finish { .. } => "FINISH",
            Self::Disconnect { .. } => "DISCONNECT",
            Self::NotFinished { .. } => "NOT FINISHED",
            Self::Abort(_) => "ABORT",
            Self::AbortAccept => "ABORT ACCEPT",
            Self::GiveTokens { .. } => "GIVE TOKENS",
            Self::PleaseTokens { .. } => "PLEASE TOKENS",
            Self::Data { .. } => "DATA TRANSFER",
            Self::ActivityStart { .. } => "ACTIVITY START",
            Self::ActivityResume(_) => "ACTIVITY RESUME",
            Self::ConnectDataOverflow { .. } => "CONNECT DATA OVERFLOW",
            Self::OverflowAccept => "OVERFLOW ACCEPT",
            Self::GiveTokensConfirm => "GIVE TOKENS CONFIRM",
            Self::GiveTokensAck => "GIVE TOKENS ACK",
            Self::MinorSync { .. } => "MINOR SYNC POINT",
            Self::MinorSyncAck { .. } => "MINOR SYNC ACK",
            Self::ActivityEnd { .. } => "ACTIVITY END",
            Self::MajorSync { .. } => "MAJOR SYNC POINT",
            Self::ActivityEndAck { .. } => "ACTIVITY END ACK",
            Self::ActivityInterrupt { .. } => "ACTIVITY INTERRUPT",
            Self::ActivityInterruptAck => "ACTIVITY INTERRUPT ACK",
            Self::ActivityDiscard { .. } => "ACTIVITY DISCARD",
            Self::ActivityDiscardAck => "ACTIVITY DISCARD ACK",
            Self::ExceptionReport => "EXCEPTION REPORT",
            Self::ExceptionData { .. } => "EXCEPTION DATA",
        }
    }

    /// Writes the TSDU; `prefix` goes before an SPDU of category 2.
    ///
    /// # Errors
    /// The parameters pass what a length indicator can hold.
    pub fn encode(&self, prefix: Prefix) -> Result<Vec<u8>, StackError> {
        let mut parameters = Vec::new();
        self.encode_parameters(&mut parameters);
        if parameters.len() > MAX_PARAMETERS {
            let (size, limit) = (parameters.len(), MAX_PARAMETERS);
            return Err(StackError::TooLarge { what: self.name(), size, limit });
        }
        let (identifier, concatenated) = self.identifier();
        let mut out = Vec::with_capacity(parameters.len() + 6);
        if concatenated {
            write(
                &mut out,
                match prefix {
                    Prefix::Give => si::GIVE_TOKENS,
                    Prefix::Please => si::PLEASE_TOKENS,
                },
                &[],
            );
        }
        write(&mut out, identifier, &parameters);
        if let Self::Data { user_data } = self {
            out.extend_from_slice(user_data);
        }
        Ok(out)
    }

    /// The identifier, and whether the SPDU is of category 2.
    fn identifier(&self) -> (u8, bool) {
        match self {
            Self::Connect(_) => (si::CONNECT, false),
            Self::Accept(_) => (si::ACCEPT, false),
            Self::Refuse(_) => (si::REFUSE, false),
            Self::Finish { .. } => (si::FINISH, false),
            Self::Disconnect { .. } => (si::DISCONNECT, false),
            Self::NotFinished { .. } => (si::NOT_FINISHED, false),
            Self::Abort(_) => (si::ABORT, false),
            Self::AbortAccept => (si::ABORT_ACCEPT, false),
            Self::GiveTokens { .. } => (si::GIVE_TOKENS, false),
            Self::PleaseTokens { .. } => (si::PLEASE_TOKENS, false),
            Self::Data { .. } => (si::DATA, true),
            Self::ActivityStart { .. } => (si::ACTIVITY_START, true),
            Self::ActivityResume(_) => (si::ACTIVITY_RESUME, true),
            Self::ConnectDataOverflow { .. } => (si::CONNECT_DATA_OVERFLOW, false),
            Self::OverflowAccept => (si::OVERFLOW_ACCEPT, false),
            Self::GiveTokensConfirm => (si::GIVE_TOKENS_CONFIRM, false),
            Self::GiveTokensAck => (si::GIVE_TOKENS_ACK, false),
            Self::MinorSync { .. } => (si::MINOR_SYNC, true),
            Self::MinorSyncAck { .. } => (si::MINOR_SYNC_ACK, true),
            Self::ActivityEnd { .. } | Self::MajorSync { .. } => (si::ACTIVITY_END, true),
            Self::ActivityEndAck { .. } => (si::ACTIVITY_END_ACK, true),
            Self::ActivityInterrupt { .. } => (si::ACTIVITY_INTERRUPT, true),
            Self::ActivityInterruptAck => (si::ACTIVITY_INTERRUPT_ACK, true),
            Self::ActivityDiscard { .. } => (si::ACTIVITY_DISCARD, true),
            Self::ActivityDiscardAck => (si::ACTIVITY_DISCARD_ACK, true),
            Self::ExceptionReport => (si::EXCEPTION_REPORT, true),
            Self::ExceptionData { .. } => (si::EXCEPTION_DATA, true),
        }
    }

    fn encode_parameters(&self, out: &mut Vec<u8>) {
        match self {
            Self::Connect(connect) => connect.encode(out),
            Self::Accept(accept) => accept.encode(out),
            Self::Refuse(refuse) => refuse.encode(out),
            Self::Finish { user_data } => {
                // The transport connection is not kept for reuse.
                write(out, code::TRANSPORT_DISCONNECT, &[1]);
                write_present(out, code::USER_DATA, user_data);
            }
            Self::Disconnect { user_data } | Self::NotFinished { user_data } => {
                write_present(out, code::USER_DATA, user_data);
            }
            Self::ActivityResume(resume) => resume.encode(out),
            Self::ConnectDataOverflow { end, user_data } => {
                // Never the beginning, which is in the CONNECT.
                write(out, code::ENCLOSURE, &[if *end { 2 } else { 0 }]);
                write_present(out, code::USER_DATA, user_data);
            }
            Self::OverflowAccept => {
                // No limit on TSDUs, so that nothing is segmented.
                write(out, code::TSDU_SIZE, &[0; 4]);
                write(out, code::VERSION, &[2]);
            }
            Self::Abort(abort) => abort.encode(out),
            Self::GiveTokens { tokens } => write(out, code::TOKENS, &[*tokens]),
            Self::PleaseTokens { tokens, user_data } => {
                write(out, code::TOKENS, &[*tokens]);
                write_present(out, code::USER_DATA, user_data);
            }
            Self::ActivityStart { activity, user_data } => {
                write(out, code::ACTIVITY, activity);
                write_present(out, code::USER_DATA, user_data);
            }
            Self::MinorSync { serial, explicit } => {
                if !explicit {
                    write(out, code::SYNC_TYPE, &[1]);
                }
                write_serial(out, *serial);
            }
            Self::MajorSync { serial } => {
                write(out, code::SYNC_TYPE, &[1]);
                write_serial(out, *serial);
            }
            Self::MinorSyncAck { serial }
            | Self::ActivityEnd { serial }
            | Self::ActivityEndAck { serial } => write_serial(out, *serial),
            Self::ActivityInterrupt { reason } | Self::ActivityDiscard { reason } => {
                write(out, code::REASON, &[reason.code()]);
            }
            Self::ExceptionData { reason, user_data } => {
                write(out, code::REASON, &[reason.code()]);
                write_present(out, code::USER_DATA, user_data);
            }
            Self::AbortAccept
            | Self::GiveTokensConfirm
            | Self::GiveTokensAck
            | Self::Data { .. }
            | Self::ActivityInterruptAck
            | Self::ActivityDiscardAck
            | Self::ExceptionReport => {}
        }
    }

    /// Category 1.
    fn decode_alone(identifier: u8, parameters: Parameters<'a>) -> Result<Self, DecodeError> {
        Ok(match identifier {
            si::CONNECT => Self::Connect(Connect::decode(parameters)?),
            si::ACCEPT => Self::Accept(Accept::decode(parameters)?),
            si::REFUSE => Self::Refuse(Refuse::decode(parameters)?),
            si::FINISH => Self::Finish { user_data: Fields::decode(parameters)?.user_data },
            si::DISCONNECT => Self::Disconnect { user_data: Fields::decode(parameters)?.user_data },
            si::NOT_FINISHED => {
                Self::NotFinished { user_data: Fields::decode(parameters)?.user_data }
            }
            si::ABORT => Self::Abort(Abort::decode(parameters)?),
            si::ABORT_ACCEPT => Self::AbortAccept,
            si::GIVE_TOKENS_CONFIRM => Self::GiveTokensConfirm,
            si::GIVE_TOKENS_ACK => Self::GiveTokensAck,
            si::OVERFLOW_ACCEPT => Self::OverflowAccept,
            si::CONNECT_DATA_OVERFLOW => decode_overflow(parameters)?,
            other => {
                return Err(DecodeError::unsupported(WHAT, "SPDU identifier", 0, u64::from(other)));
            }
        })
    }

    /// Category 2, without DATA TRANSFER.
    fn decode_prefixed(
        identifier: u8,
        offset: usize,
        parameters: Parameters<'a>,
    ) -> Result<Self, DecodeError> {
        if identifier == si::ACTIVITY_RESUME {
            return Resume::decode(parameters, offset).map(Self::ActivityResume);
        }
        let fields = Fields::decode(parameters)?;
        let serial = || {
            fields.serial.ok_or_else(|| DecodeError::invalid(WHAT, "serial number", offset, "none"))
        };
        let reason = fields.reason.unwrap_or(ExceptionReason::Unspecified);
        let user_data = fields.user_data;
        Ok(match identifier {
            si::EXCEPTION_REPORT => Self::ExceptionReport,
            si::ACTIVITY_INTERRUPT => Self::ActivityInterrupt { reason },
            si::ACTIVITY_INTERRUPT_ACK => Self::ActivityInterruptAck,
            si::ACTIVITY_END if fields.sync_type => Self::MajorSync { serial: serial()? },
            si::ACTIVITY_END => Self::ActivityEnd { serial: serial()? },
            si::ACTIVITY_END_ACK => Self::ActivityEndAck { serial: serial()? },
            si::ACTIVITY_START => Self::ActivityStart { activity: fields.activity, user_data },
            si::EXCEPTION_DATA => Self::ExceptionData { reason, user_data },
            si::MINOR_SYNC => Self::MinorSync { serial: serial()?, explicit: !fields.sync_type },
            si::MINOR_SYNC_ACK => Self::MinorSyncAck { serial: serial()? },
            si::ACTIVITY_DISCARD => Self::ActivityDiscard { reason },
            si::ACTIVITY_DISCARD_ACK => Self::ActivityDiscardAck,
            other => {
                return Err(DecodeError::unsupported(
                    WHAT,
                    "SPDU identifier",
                    offset,
                    u64::from(other),
                ));
            }
        })
    }
}

fn decode_overflow<'a>(mut parameters: Parameters<'a>) -> Result<Spdu<'a>, DecodeError> {
    let (mut end, mut user_data) = (false, &[][..]);
    while let Some(parameter) = parameters.next_parameter()? {
        match parameter.code {
            code::ENCLOSURE => {
                end = parameters.octet(&parameter, "enclosure item")? & 2 != 0;
            }
            code::USER_DATA => user_data = parameter.value,
            _ => {}
        }
    }
    Ok(Spdu::ConnectDataOverflow { end, user_data })
}

/// The parameters of everything that is not connection establishment.
struct Fields<'a> {
    serial: Option<u32>,
    reason: Option<ExceptionReason>,
    sync_type: bool,
    activity: &'a [u8],
    user_data: &'a [u8],
}

impl<'a> Fields<'a> {
    fn decode(mut parameters: Parameters<'a>) -> Result<Self, DecodeError> {
        let mut this =
            Self { serial: None, reason: None, sync_type: false, activity: &[], user_data: &[] };
        while let Some(parameter) = parameters.next_parameter()? {
            match parameter.code {
                code::SERIAL => {
                    let serial = read_serial(parameter.value);
                    let detail = "not one to six decimal digits";
                    this.serial =
                        Some(serial.ok_or_else(|| {
                            parameters.invalid(&parameter, "serial number", detail)
                        })?);
                }
                code::REASON => {
                    let octet = parameters.octet(&parameter, "reason code")?;
                    this.reason = Some(ExceptionReason::from_code(octet));
                }
                code::SYNC_TYPE => {
                    this.sync_type = parameters.octet(&parameter, "sync type")? & 1 != 0;
                }
                code::ACTIVITY => {
                    // Six octets at most, X.225 8.3.23.
                    if parameter.value.len() > 6 {
                        return Err(parameters.invalid(&parameter, "activity", "over 6 octets"));
                    }
                    this.activity = parameter.value;
                }
                code::USER_DATA | code::EXTENDED_USER_DATA => this.user_data = parameter.value,
                _ => {}
            }
        }
        Ok(this)
    }
}

fn read_parameters<'a>(reader: &mut Reader<'a>) -> Result<Parameters<'a>, DecodeError> {
    let length = read_length(reader)?;
    let offset = reader.offset();
    Ok(Parameters::new(WHAT, reader.bytes("parameters", length)?, offset))
}

/// A category 0 SPDU alone in its TSDU.
fn decode_tokens<'a>(
    prefix: Prefix,
    mut parameters: Parameters<'a>,
) -> Result<Spdu<'a>, DecodeError> {
    let (mut tokens, mut user_data) = (0, &[][..]);
    while let Some(parameter) = parameters.next_parameter()? {
        match parameter.code {
            code::TOKENS => tokens = parameters.octet(&parameter, "token item")?,
            code::USER_DATA => user_data = parameter.value,
            _ => {}
        }
    }
    Ok(match prefix {
        Prefix::Give => Spdu::GiveTokens { tokens },
        Prefix::Please => Spdu::PleaseTokens { tokens, user_data },
    })
}

fn decode_data<'a>(
    mut parameters: Parameters<'a>,
    user_data: &'a [u8],
) -> Result<Spdu<'a>, DecodeError> {
    while let Some(parameter) = parameters.next_parameter()? {
        // Beginning and end of the SSDU both: anything else is a segment, never negotiated here.
        if parameter.code == code::ENCLOSURE && parameter.value != [3] {
            return Err(parameters.invalid(&parameter, "enclosure item", "segmented SSDU"));
        }
    }
    Ok(Spdu::Data { user_data })
}
