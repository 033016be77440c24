//! CONNECT, ACCEPT and REFUSE, X.225 8.3.1, 8.3.4 and 8.3.5.

use wire::DecodeError;

use super::parameter::{Parameter, Parameters, code, write, write_present};

/// What RTSE in normal mode needs besides the kernel: half-duplex, minor synchronize, activity
/// management, exceptions; X.228 9.
pub const REQUIRED_UNITS: u16 = 0x0001 | 0x0008 | 0x0040 | 0x0200;
/// What an absent parameter means: the above and capability data, X.225 8.3.1.
const DEFAULT_UNITS: u16 = REQUIRED_UNITS | 0x0100;
/// User data of a CONNECT that every version takes; more needs the extended parameter.
const CONNECT_DATA: usize = 512;
/// Most octets of a user reference or of the common one, X.225 8.3.1.
const MAX_REFERENCE: usize = 64;
/// Most octets of a session selector, X.225 8.3.1.
const MAX_SELECTOR: usize = 16;

/// The protocol versions offered, or the one chosen, X.225 8.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions(pub u8);

impl Versions {
    pub const ONE: Self = Self(1);
    pub const TWO: Self = Self(2);

    /// True when one of `other` is among these.
    #[must_use]
    pub fn offers(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The connection identifier, X.225 8.3.1; RTSE puts BER values inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reference<'a> {
    /// The calling user's in CONNECT, the called user's in ACCEPT and REFUSE.
    pub user: &'a [u8],
    pub common: &'a [u8],
    pub additional: &'a [u8],
}

/// CONNECT, X.225 8.3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect<'a> {
    pub reference: Reference<'a>,
    pub versions: Versions,
    /// Two bits each for release, major, minor and data token; 0 is the initiator's side.
    pub token_setting: u8,
    pub units: u16,
    pub calling_selector: &'a [u8],
    pub called_selector: &'a [u8],
    /// More user data follows in CONNECT DATA OVERFLOW.
    pub overflow: bool,
    pub user_data: &'a [u8],
}

/// ACCEPT, X.225 8.3.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept<'a> {
    pub reference: Reference<'a>,
    pub version: Versions,
    pub token_setting: u8,
    pub units: u16,
    pub user_data: &'a [u8],
}

/// The reason of a REFUSE, X.225 8.3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefuseCode(pub u8);

impl RefuseCode {
    pub const UNSPECIFIED: Self = Self(0);
    pub const CONGESTION: Self = Self(1);
    /// By the user, whose data follow.
    pub const USER_DATA: Self = Self(2);
    pub const SELECTOR_UNKNOWN: Self = Self(129);
    pub const NOT_ATTACHED: Self = Self(130);
    pub const PROVIDER_CONGESTION: Self = Self(131);
    pub const VERSION: Self = Self(132);
    pub const PROVIDER_UNSPECIFIED: Self = Self(133);
    pub const RESTRICTION: Self = Self(134);
}

/// REFUSE, X.225 8.3.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refuse<'a> {
    pub reference: Reference<'a>,
    pub code: RefuseCode,
    pub user_data: &'a [u8],
}

impl<'a> Connect<'a> {
    pub(super) fn decode(mut parameters: Parameters<'a>) -> Result<Self, DecodeError> {
        let mut this = Self {
            reference: Reference::default(),
            versions: Versions::ONE,
            token_setting: 0,
            units: DEFAULT_UNITS,
            calling_selector: &[],
            called_selector: &[],
            overflow: false,
            user_data: &[],
        };
        while let Some(parameter) = parameters.next_parameter()? {
            match parameter.code {
                code::CONNECTION_IDENTIFIER => {
                    this.reference =
                        Reference::decode(parameters.group(&parameter), code::CALLING_REFERENCE)?;
                }
                code::CONNECT_ACCEPT_ITEM => {
                    (this.versions, this.token_setting) =
                        decode_item(parameters.group(&parameter))?;
                }
                code::FUNCTIONAL_UNITS => {
                    this.units = parameters.pair(&parameter, "session user requirements")?;
                }
                code::CALLING_SELECTOR => {
                    this.calling_selector = selector(&parameters, &parameter)?;
                }
                code::CALLED_SELECTOR => {
                    this.called_selector = selector(&parameters, &parameter)?;
                }
                code::DATA_OVERFLOW => {
                    this.overflow = parameters.octet(&parameter, "data overflow")? & 1 != 0;
                }
                code::USER_DATA | code::EXTENDED_USER_DATA => this.user_data = parameter.value,
                // X.225 8.2.8: a parameter that this version does not define is passed over.
                _ => {}
            }
        }
        Ok(this)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.reference.encode(code::CALLING_REFERENCE, out);
        encode_item(self.versions, self.token_setting, out);
        write(out, code::FUNCTIONAL_UNITS, &self.units.to_be_bytes());
        write_present(out, code::CALLING_SELECTOR, self.calling_selector);
        write_present(out, code::CALLED_SELECTOR, self.called_selector);
        if self.overflow {
            write(out, code::DATA_OVERFLOW, &[1]);
        }
        let data = if self.user_data.len() > CONNECT_DATA {
            code::EXTENDED_USER_DATA
        } else {
            code::USER_DATA
        };
        write_present(out, data, self.user_data);
    }
}

impl<'a> Accept<'a> {
    pub(super) fn decode(mut parameters: Parameters<'a>) -> Result<Self, DecodeError> {
        let mut this = Self {
            reference: Reference::default(),
            version: Versions::ONE,
            token_setting: 0,
            units: DEFAULT_UNITS,
            user_data: &[],
        };
        while let Some(parameter) = parameters.next_parameter()? {
            match parameter.code {
                code::CONNECTION_IDENTIFIER => {
                    this.reference =
                        Reference::decode(parameters.group(&parameter), code::CALLED_REFERENCE)?;
                }
                code::CONNECT_ACCEPT_ITEM => {
                    (this.version, this.token_setting) = decode_item(parameters.group(&parameter))?;
                }
                code::FUNCTIONAL_UNITS => {
                    this.units = parameters.pair(&parameter, "session user requirements")?;
                }
                // The extended parameter belongs to CONNECT alone, but peers use it here too.
                code::USER_DATA | code::EXTENDED_USER_DATA => this.user_data = parameter.value,
                _ => {}
            }
        }
        Ok(this)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.reference.encode(code::CALLED_REFERENCE, out);
        encode_item(self.version, self.token_setting, out);
        write(out, code::FUNCTIONAL_UNITS, &self.units.to_be_bytes());
        write_present(out, code::USER_DATA, self.user_data);
    }
}

impl<'a> Refuse<'a> {
    pub(super) fn decode(mut parameters: Parameters<'a>) -> Result<Self, DecodeError> {
        let mut this =
            Self { reference: Reference::default(), code: RefuseCode::UNSPECIFIED, user_data: &[] };
        while let Some(parameter) = parameters.next_parameter()? {
            match parameter.code {
                code::CONNECTION_IDENTIFIER => {
                    this.reference =
                        Reference::decode(parameters.group(&parameter), code::CALLED_REFERENCE)?;
                }
                code::REASON => match parameter.value {
                    [reason, data @ ..] => {
                        this.code = RefuseCode(*reason);
                        this.user_data = data;
                    }
                    [] => return Err(parameters.invalid(&parameter, "reason", "empty")),
                },
                _ => {}
            }
        }
        Ok(this)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.reference.encode(code::CALLED_REFERENCE, out);
        // The transport connection is not kept for reuse.
        write(out, code::TRANSPORT_DISCONNECT, &[1]);
        // The user's data ride behind the reason in the same parameter.
        let reason: Vec<u8> = [&[self.code.0], self.user_data].concat();
        write(out, code::REASON, &reason);
    }
}

impl<'a> Reference<'a> {
    fn decode(mut parameters: Parameters<'a>, user_code: u8) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        while let Some(parameter) = parameters.next_parameter()? {
            if parameter.value.len() > MAX_REFERENCE {
                return Err(parameters.invalid(&parameter, "reference", "over 64 octets"));
            }
            match parameter.code {
                code if code == user_code => this.user = parameter.value,
                code::COMMON_REFERENCE => this.common = parameter.value,
                code::ADDITIONAL_REFERENCE => this.additional = parameter.value,
                _ => {}
            }
        }
        Ok(this)
    }

    fn encode(&self, user_code: u8, out: &mut Vec<u8>) {
        let mut group = Vec::new();
        write_present(&mut group, user_code, self.user);
        write_present(&mut group, code::COMMON_REFERENCE, self.common);
        write_present(&mut group, code::ADDITIONAL_REFERENCE, self.additional);
        write_present(out, code::CONNECTION_IDENTIFIER, &group);
    }
}

fn selector<'a>(
    parameters: &Parameters<'a>,
    parameter: &Parameter<'a>,
) -> Result<&'a [u8], DecodeError> {
    if parameter.value.len() > MAX_SELECTOR {
        return Err(parameters.invalid(parameter, "session selector", "over 16 octets"));
    }
    Ok(parameter.value)
}

/// The connect/accept item; TSDU maximum sizes stay unsaid, so segmenting is never chosen.
fn decode_item(mut parameters: Parameters<'_>) -> Result<(Versions, u8), DecodeError> {
    let (mut versions, mut tokens) = (Versions::ONE, 0);
    while let Some(parameter) = parameters.next_parameter()? {
        match parameter.code {
            code::VERSION => {
                versions = Versions(parameters.octet(&parameter, "version number")?);
            }
            code::TOKEN_SETTING => tokens = parameters.octet(&parameter, "token setting")?,
            _ => {}
        }
    }
    Ok((versions, tokens))
}

fn encode_item(versions: Versions, tokens: u8, out: &mut Vec<u8>) {
    let mut item = Vec::new();
    write(&mut item, code::PROTOCOL_OPTIONS, &[0]);
    write(&mut item, code::VERSION, &[versions.0]);
    write(&mut item, code::TOKEN_SETTING, &[tokens]);
    write(out, code::CONNECT_ACCEPT_ITEM, &item);
}
