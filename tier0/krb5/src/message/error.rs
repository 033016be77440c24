//! `KRB-ERROR` (RFC 4120 section 5.9).

use security::KerberosCode;
use wire::DecodeError;

use super::basic;
use super::padata::PaData;
use super::ticket::{PVNO, version};
use crate::Principal;
use crate::time::{Time, time_of};

const KRB_ERROR: u32 = 30;

/// A refusal of the KDC or of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KrbError {
    /// The sender's clock.
    pub server_time: Time,
    /// Why.
    pub code: KerberosCode,
    /// The realm of the client, where the sender says it: the right one, for `KDC_ERR_WRONG_REALM`.
    pub client_realm: Option<String>,
    /// The service that was asked for.
    pub server: Principal,
    /// Words of the sender.
    pub text: Option<String>,
    /// Data that go with the code.
    pub data: Option<Vec<u8>>,
}

impl KrbError {
    /// True when the octets begin as this message does.
    #[must_use]
    pub fn is_one(octets: &[u8]) -> bool {
        octets.first() == Some(&0x7e)
    }

    /// The pre-authentication that is demanded, with `KDC_ERR_PREAUTH_REQUIRED` and its like.
    ///
    /// # Errors
    /// [`DecodeError`] when the data are something else.
    pub fn methods(&self) -> Result<Vec<PaData>, DecodeError> {
        match &self.data {
            Some(data) => PaData::decode_list(data),
            None => Ok(Vec::new()),
        }
    }

    /// Encodes the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        basic::message(KRB_ERROR, |fields| {
            basic::put_integer(fields, 0, PVNO);
            basic::put_integer(fields, 1, i64::from(KRB_ERROR));
            basic::put_time(fields, 4, self.server_time.seconds);
            basic::put_integer(fields, 5, i64::from(self.server_time.micros));
            basic::put_integer(fields, 6, i64::from(self.code.0));
            if let Some(realm) = &self.client_realm {
                basic::put_string(fields, 7, realm);
            }
            basic::put_string(fields, 9, &self.server.realm);
            basic::put_name(fields, 10, &self.server);
            if let Some(text) = &self.text {
                basic::put_string(fields, 11, text);
            }
            if let Some(data) = &self.data {
                basic::put_octets(fields, 12, data);
            }
        })
    }

    /// Decodes exactly one message.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("KRB-ERROR", octets, &[KRB_ERROR])?;
        version(basic::required(&mut fields, 0, "pvno")?)?;
        basic::int32(basic::required(&mut fields, 1, "msg-type")?, "msg-type")?;
        basic::optional(&mut fields, 2, "ctime")?;
        basic::optional(&mut fields, 3, "cusec")?;
        let seconds = time_of(basic::required(&mut fields, 4, "stime")?, "stime")?;
        let micros = basic::micros(basic::required(&mut fields, 5, "susec")?, "susec")?;
        let code = basic::uint32(basic::required(&mut fields, 6, "error-code")?, "error-code")?;
        let client_realm = match basic::optional(&mut fields, 7, "crealm")? {
            Some(value) => Some(basic::string(value, "crealm")?),
            None => None,
        };
        basic::optional(&mut fields, 8, "cname")?;
        let realm = basic::string(basic::required(&mut fields, 9, "realm")?, "realm")?;
        let server = basic::name(basic::required(&mut fields, 10, "sname")?, &realm, "sname")?;
        let text = match basic::optional(&mut fields, 11, "e-text")? {
            Some(value) => Some(basic::string(value, "e-text")?),
            None => None,
        };
        let data = match basic::optional(&mut fields, 12, "e-data")? {
            Some(value) => Some(basic::octets(value, "e-data")?),
            None => None,
        };
        let server_time = Time { seconds, micros };
        Ok(Self { server_time, code: KerberosCode(code), client_realm, server, text, data })
    }
}
