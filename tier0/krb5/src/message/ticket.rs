//! `Ticket` and what the service reads in it (RFC 4120 section 5.3).

use ber::Tag;
use wire::DecodeError;
use zeroize::Zeroizing;

use super::basic::{self, EncryptedData, RawKey};
use crate::Principal;
use crate::time::time_of;

const TICKET: u32 = 1;
const ENC_TICKET_PART: u32 = 3;
/// The version of the protocol.
pub(super) const PVNO: i64 = 5;

/// A ticket; its octets are kept, since they are handed on as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The service that it is for.
    pub server: Principal,
    /// What the service reads.
    pub encrypted: EncryptedData,
    /// As it stood on the wire.
    pub raw: Vec<u8>,
}

impl Ticket {
    /// A ticket from its parts.
    #[must_use]
    pub fn new(server: Principal, encrypted: EncryptedData) -> Self {
        let raw = basic::message(TICKET, |fields| {
            basic::put_integer(fields, 0, PVNO);
            basic::put_string(fields, 1, &server.realm);
            basic::put_name(fields, 2, &server);
            encrypted.put(fields, 3);
        });
        Self { server, encrypted, raw }
    }

    /// Decodes exactly one ticket.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("Ticket", octets, &[TICKET])?;
        version(basic::required(&mut fields, 0, "tkt-vno")?)?;
        let realm = basic::string(basic::required(&mut fields, 1, "realm")?, "realm")?;
        let server = basic::name(basic::required(&mut fields, 2, "sname")?, &realm, "sname")?;
        let encrypted =
            EncryptedData::read(basic::required(&mut fields, 3, "enc-part")?, "enc-part")?;
        Ok(Self { server, encrypted, raw: octets.to_vec() })
    }
}

pub(super) fn version(element: ber::Element<'_>) -> Result<(), DecodeError> {
    let value = element.expect(Tag::INTEGER, "pvno")?.integer("pvno")?;
    if value == PVNO { Ok(()) } else { Err(element.invalid("pvno", "not version 5")) }
}

/// The flags of a ticket, bit 0 the leading one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TicketFlags(pub u32);

impl TicketFlags {
    /// The client proved its identity before it got the ticket.
    pub const PRE_AUTHENT: Self = Self(0x8000_0000 >> 10);
    /// It came straight from the authentication service.
    pub const INITIAL: Self = Self(0x8000_0000 >> 9);
    /// It must be validated before use.
    pub const INVALID: Self = Self(0x8000_0000 >> 7);

    /// Whether all of these are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What the service reads in a ticket, `EncTicketPart`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncTicketPart {
    /// The flags.
    pub flags: TicketFlags,
    /// The session key.
    pub key: RawKey,
    /// Who the ticket is for.
    pub client: Principal,
    /// When the client proved its identity.
    pub auth_time: i64,
    /// From when on it is valid.
    pub start_time: Option<i64>,
    /// Until when it is valid.
    pub end_time: i64,
}

impl EncTicketPart {
    /// Decodes the decrypted octets.
    ///
    /// # Errors
    /// [`DecodeError`] when they are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("EncTicketPart", octets, &[ENC_TICKET_PART])?;
        let flags = TicketFlags(basic::flags(basic::required(&mut fields, 0, "flags")?, "flags")?);
        let key = RawKey::read(basic::required(&mut fields, 1, "key")?, "key")?;
        let realm = basic::string(basic::required(&mut fields, 2, "crealm")?, "crealm")?;
        let client = basic::name(basic::required(&mut fields, 3, "cname")?, &realm, "cname")?;
        // How the ticket came through other realms is the KDC's to judge (section 2.7).
        basic::required(&mut fields, 4, "transited")?;
        let auth_time = time_of(basic::required(&mut fields, 5, "authtime")?, "authtime")?;
        let start_time = match basic::optional(&mut fields, 6, "starttime")? {
            Some(value) => Some(time_of(value, "starttime")?),
            None => None,
        };
        let end_time = time_of(basic::required(&mut fields, 7, "endtime")?, "endtime")?;
        Ok(Self { flags, key, client, auth_time, start_time, end_time })
    }

    /// Encodes it, with an empty list of transited realms.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(basic::message(ENC_TICKET_PART, |fields| {
            basic::put_flags(fields, 0, self.flags.0);
            self.key.put(fields, 1);
            basic::put_string(fields, 2, &self.client.realm);
            basic::put_name(fields, 3, &self.client);
            basic::sequence(fields, 4, |transited| {
                // DOMAIN-X500-COMPRESS, section 3.3.3.2.
                basic::put_integer(transited, 0, 1);
                basic::put_octets(transited, 1, &[]);
            });
            basic::put_time(fields, 5, self.auth_time);
            if let Some(start) = self.start_time {
                basic::put_time(fields, 6, start);
            }
            basic::put_time(fields, 7, self.end_time);
        }))
    }
}
