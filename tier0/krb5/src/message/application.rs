//! What client and service exchange (RFC 4120 section 5.5).

use ber::Tag;
use wire::DecodeError;
use zeroize::Zeroizing;

use super::basic::{self, EncryptedData, RawKey};
use super::ticket::{PVNO, Ticket, version};
use crate::Principal;
use crate::time::{Time, time_of};

const AP_REQ: u32 = 14;
const AP_REP: u32 = 15;
const AUTHENTICATOR: u32 = 2;
const ENC_AP_REP_PART: u32 = 27;

/// `AP-REQ`, section 5.5.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApReq {
    /// The options, bit 0 the leading one.
    pub options: u32,
    /// The ticket.
    pub ticket: Ticket,
    /// The authenticator.
    pub authenticator: EncryptedData,
}

impl ApReq {
    /// The client wants the service to prove who it is.
    pub const MUTUAL_REQUIRED: u32 = 0x8000_0000 >> 2;

    /// Encodes the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        basic::message(AP_REQ, |fields| {
            basic::put_integer(fields, 0, PVNO);
            basic::put_integer(fields, 1, i64::from(AP_REQ));
            basic::put_flags(fields, 2, self.options);
            fields.constructed(Tag::context(3), |field| field.raw(&self.ticket.raw));
            self.authenticator.put(fields, 4);
        })
    }

    /// Decodes exactly one message.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("AP-REQ", octets, &[AP_REQ])?;
        version(basic::required(&mut fields, 0, "pvno")?)?;
        basic::int32(basic::required(&mut fields, 1, "msg-type")?, "msg-type")?;
        let options = basic::flags(basic::required(&mut fields, 2, "ap-options")?, "ap-options")?;
        let ticket = Ticket::decode(basic::required(&mut fields, 3, "ticket")?.raw)?;
        let authenticator = EncryptedData::read(
            basic::required(&mut fields, 4, "authenticator")?,
            "authenticator",
        )?;
        Ok(Self { options, ticket, authenticator })
    }
}

/// `Authenticator`, section 5.5.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    /// Who the client says it is.
    pub client: Principal,
    /// A checksum and its type; for GSS-API it carries flags (RFC 4121 section 4.1.1).
    pub checksum: Option<(i32, Vec<u8>)>,
    /// The client's clock.
    pub time: Time,
    /// A key of the client's choice.
    pub subkey: Option<RawKey>,
    /// Where the client begins to count.
    pub sequence: Option<u32>,
}

impl Authenticator {
    /// Encodes it.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(basic::message(AUTHENTICATOR, |fields| {
            basic::put_integer(fields, 0, PVNO);
            basic::put_string(fields, 1, &self.client.realm);
            basic::put_name(fields, 2, &self.client);
            if let Some((kind, octets)) = &self.checksum {
                basic::sequence(fields, 3, |checksum| {
                    basic::put_integer(checksum, 0, i64::from(*kind));
                    basic::put_octets(checksum, 1, octets);
                });
            }
            basic::put_integer(fields, 4, i64::from(self.time.micros));
            basic::put_time(fields, 5, self.time.seconds);
            if let Some(subkey) = &self.subkey {
                subkey.put(fields, 6);
            }
            if let Some(sequence) = self.sequence {
                basic::put_integer(fields, 7, i64::from(sequence));
            }
        }))
    }

    /// Decodes the decrypted octets.
    ///
    /// # Errors
    /// [`DecodeError`] when they are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("Authenticator", octets, &[AUTHENTICATOR])?;
        version(basic::required(&mut fields, 0, "authenticator-vno")?)?;
        let realm = basic::string(basic::required(&mut fields, 1, "crealm")?, "crealm")?;
        let client = basic::name(basic::required(&mut fields, 2, "cname")?, &realm, "cname")?;
        let checksum = match basic::optional(&mut fields, 3, "cksum")? {
            Some(value) => {
                let mut parts = value.expect(Tag::SEQUENCE, "cksum")?.children()?;
                let kind = basic::int32(basic::required(&mut parts, 0, "cksumtype")?, "cksumtype")?;
                let octets =
                    basic::octets(basic::required(&mut parts, 1, "checksum")?, "checksum")?;
                Some((kind, octets))
            }
            None => None,
        };
        let micros = basic::micros(basic::required(&mut fields, 4, "cusec")?, "cusec")?;
        let seconds = time_of(basic::required(&mut fields, 5, "ctime")?, "ctime")?;
        let subkey = match basic::optional(&mut fields, 6, "subkey")? {
            Some(value) => Some(RawKey::read(value, "subkey")?),
            None => None,
        };
        let sequence = match basic::optional(&mut fields, 7, "seq-number")? {
            Some(value) => Some(basic::uint32(value, "seq-number")?),
            None => None,
        };
        Ok(Self { client, checksum, time: Time { seconds, micros }, subkey, sequence })
    }
}

/// `AP-REP`, section 5.5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApRep {
    /// What the other side reads.
    pub encrypted: EncryptedData,
}

impl ApRep {
    /// Encodes the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        basic::message(AP_REP, |fields| {
            basic::put_integer(fields, 0, PVNO);
            basic::put_integer(fields, 1, i64::from(AP_REP));
            self.encrypted.put(fields, 2);
        })
    }

    /// Decodes exactly one message.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("AP-REP", octets, &[AP_REP])?;
        version(basic::required(&mut fields, 0, "pvno")?)?;
        basic::int32(basic::required(&mut fields, 1, "msg-type")?, "msg-type")?;
        let encrypted =
            EncryptedData::read(basic::required(&mut fields, 2, "enc-part")?, "enc-part")?;
        Ok(Self { encrypted })
    }
}

/// What the other side reads in an `AP-REP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncApRepPart {
    /// The time of the authenticator, given back.
    pub time: Time,
    /// A key of the sender's choice.
    pub subkey: Option<RawKey>,
    /// Where the sender begins to count; in the third leg of DCE style the peer's number, given back.
    pub sequence: Option<u32>,
}

impl EncApRepPart {
    /// Encodes it.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(basic::message(ENC_AP_REP_PART, |fields| {
            basic::put_time(fields, 0, self.time.seconds);
            basic::put_integer(fields, 1, i64::from(self.time.micros));
            if let Some(subkey) = &self.subkey {
                subkey.put(fields, 2);
            }
            if let Some(sequence) = self.sequence {
                basic::put_integer(fields, 3, i64::from(sequence));
            }
        }))
    }

    /// Decodes the decrypted octets.
    ///
    /// # Errors
    /// [`DecodeError`] when they are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("EncAPRepPart", octets, &[ENC_AP_REP_PART])?;
        let seconds = time_of(basic::required(&mut fields, 0, "ctime")?, "ctime")?;
        let micros = basic::micros(basic::required(&mut fields, 1, "cusec")?, "cusec")?;
        let subkey = match basic::optional(&mut fields, 2, "subkey")? {
            Some(value) => Some(RawKey::read(value, "subkey")?),
            None => None,
        };
        let sequence = match basic::optional(&mut fields, 3, "seq-number")? {
            Some(value) => Some(basic::uint32(value, "seq-number")?),
            None => None,
        };
        Ok(Self { time: Time { seconds, micros }, subkey, sequence })
    }
}
