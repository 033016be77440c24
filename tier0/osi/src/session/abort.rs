//! ABORT, X.225 8.3.9.

use wire::DecodeError;

use super::parameter::{Parameters, code, write, write_present};

/// ABORT, X.225 8.3.9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abort<'a> {
    /// The transport connection is not kept.
    pub transport_released: bool,
    /// By the session user; by the provider otherwise.
    pub by_user: bool,
    pub protocol_error: bool,
    pub user_data: &'a [u8],
}

impl<'a> Abort<'a> {
    pub(super) fn decode(mut parameters: Parameters<'a>) -> Result<Self, DecodeError> {
        let mut this = Self {
            transport_released: false,
            by_user: false,
            protocol_error: false,
            user_data: &[],
        };
        while let Some(parameter) = parameters.next_parameter()? {
            match parameter.code {
                code::TRANSPORT_DISCONNECT => {
                    let bits = parameters.octet(&parameter, "transport disconnect")?;
                    this.transport_released = bits & 1 != 0;
                    this.by_user = bits & 2 != 0;
                    this.protocol_error = bits & 4 != 0;
                }
                code::USER_DATA | code::EXTENDED_USER_DATA => this.user_data = parameter.value,
                _ => {}
            }
        }
        Ok(this)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let bits = u8::from(self.transport_released)
            | u8::from(self.by_user) << 1
            | u8::from(self.protocol_error) << 2;
        write(out, code::TRANSPORT_DISCONNECT, &[bits]);
        write_present(out, code::USER_DATA, self.user_data);
    }
}
