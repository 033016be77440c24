//! What client and KDC exchange (RFC 4120 section 5.4).

use ber::{Encoder, Tag};
use wire::DecodeError;
use zeroize::Zeroizing;

use super::basic::{self, EncryptedData, RawKey};
use super::padata::PaData;
use super::ticket::{PVNO, Ticket, TicketFlags, version};
use crate::Principal;
use crate::time::time_of;

const ENC_AS_REP_PART: u32 = 25;
const ENC_TGS_REP_PART: u32 = 26;

/// Which of the two exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KdcKind {
    /// The authentication service: a first ticket for a password.
    As,
    /// The ticket-granting service: further tickets for the first one.
    Tgs,
}

impl KdcKind {
    const fn request(self) -> u32 {
        match self {
            Self::As => 10,
            Self::Tgs => 12,
        }
    }

    const fn reply(self) -> u32 {
        self.request() + 1
    }
}

/// `KDC-REQ`, section 5.4.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KdcReq {
    /// Which exchange.
    pub kind: KdcKind,
    /// The options, bit 0 the leading one.
    pub options: u32,
    /// The client, in an AS-REQ only.
    pub client: Option<Principal>,
    /// The service; its realm is the one that is asked.
    pub server: Principal,
    /// Until when the ticket should be valid.
    pub till: i64,
    /// A number that the answer must repeat.
    pub nonce: u32,
    /// Encryption types, best first.
    pub etypes: Vec<i32>,
}

impl KdcReq {
    /// The KDC may answer with another spelling of the name, or point to another realm (RFC 6806).
    pub const CANONICALIZE: u32 = 0x8000_0000 >> 15;

    /// The body, over which the TGS wants a checksum.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |fields| {
            basic::put_flags(fields, 0, self.options);
            if let Some(client) = &self.client {
                basic::put_name(fields, 1, client);
            }
            basic::put_string(fields, 2, &self.server.realm);
            basic::put_name(fields, 3, &self.server);
            basic::put_time(fields, 5, self.till);
            basic::put_integer(fields, 7, i64::from(self.nonce));
            fields.constructed(Tag::context(8), |field| {
                field.constructed(Tag::SEQUENCE, |list| {
                    for etype in &self.etypes {
                        list.integer(Tag::INTEGER, i64::from(*etype));
                    }
                });
            });
        });
        out.finish()
    }

    /// The message around `body`, which is what [`Self::body`] gave.
    #[must_use]
    pub fn encode(&self, body: &[u8], padata: &[PaData]) -> Vec<u8> {
        let number = self.kind.request();
        basic::message(number, |fields| {
            basic::put_integer(fields, 1, PVNO);
            basic::put_integer(fields, 2, i64::from(number));
            if !padata.is_empty() {
                fields.constructed(Tag::context(3), |field| {
                    field.constructed(Tag::SEQUENCE, |list| {
                        padata.iter().for_each(|one| one.put(list));
                    });
                });
            }
            fields.constructed(Tag::context(4), |field| field.raw(body));
        })
    }
}

/// `KDC-REP`, section 5.4.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KdcRep {
    /// Which exchange.
    pub kind: KdcKind,
    /// Pre-authentication data.
    pub padata: Vec<PaData>,
    /// The client, as the KDC spells it.
    pub client: Principal,
    /// The ticket.
    pub ticket: Ticket,
    /// What the client reads.
    pub encrypted: EncryptedData,
}

impl KdcRep {
    /// Encodes the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let number = self.kind.reply();
        basic::message(number, |fields| {
            basic::put_integer(fields, 0, PVNO);
            basic::put_integer(fields, 1, i64::from(number));
            if !self.padata.is_empty() {
                fields.constructed(Tag::context(2), |field| {
                    field.constructed(Tag::SEQUENCE, |list| {
                        self.padata.iter().for_each(|one| one.put(list));
                    });
                });
            }
            basic::put_string(fields, 3, &self.client.realm);
            basic::put_name(fields, 4, &self.client);
            fields.constructed(Tag::context(5), |field| field.raw(&self.ticket.raw));
            self.encrypted.put(fields, 6);
        })
    }

    /// Decodes exactly one message of the exchange.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are anything else.
    pub fn decode(kind: KdcKind, octets: &[u8]) -> Result<Self, DecodeError> {
        let (_, mut fields) = basic::application("KDC-REP", octets, &[kind.reply()])?;
        version(basic::required(&mut fields, 0, "pvno")?)?;
        basic::int32(basic::required(&mut fields, 1, "msg-type")?, "msg-type")?;
        let padata = match basic::optional(&mut fields, 2, "padata")? {
            Some(list) => PaData::read_list(list)?,
            None => Vec::new(),
        };
        let realm = basic::string(basic::required(&mut fields, 3, "crealm")?, "crealm")?;
        let client = basic::name(basic::required(&mut fields, 4, "cname")?, &realm, "cname")?;
        let ticket = Ticket::decode(basic::required(&mut fields, 5, "ticket")?.raw)?;
        let encrypted =
            EncryptedData::read(basic::required(&mut fields, 6, "enc-part")?, "enc-part")?;
        Ok(Self { kind, padata, client, ticket, encrypted })
    }
}

/// What the client reads in a `KDC-REP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncKdcRepPart {
    /// The session key.
    pub key: RawKey,
    /// The number of the request.
    pub nonce: u32,
    /// The flags of the ticket.
    pub flags: TicketFlags,
    /// When the client proved its identity.
    pub auth_time: i64,
    /// From when on the ticket is valid.
    pub start_time: Option<i64>,
    /// Until when it is valid.
    pub end_time: i64,
    /// The service that it is for.
    pub server: Principal,
}

impl EncKdcRepPart {
    /// Encodes it as the answer of a TGS.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(basic::message(ENC_TGS_REP_PART, |fields| {
            self.key.put(fields, 0);
            fields.constructed(Tag::context(1), |field| field.constructed(Tag::SEQUENCE, |_| {}));
            basic::put_integer(fields, 2, i64::from(self.nonce));
            basic::put_flags(fields, 4, self.flags.0);
            basic::put_time(fields, 5, self.auth_time);
            if let Some(start) = self.start_time {
                basic::put_time(fields, 6, start);
            }
            basic::put_time(fields, 7, self.end_time);
            basic::put_string(fields, 9, &self.server.realm);
            basic::put_name(fields, 10, &self.server);
        }))
    }

    /// Decodes the decrypted octets; some KDCs give both exchanges the tag of the TGS (section 5.4.2).
    ///
    /// # Errors
    /// [`DecodeError`] when they are anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let tags = [ENC_AS_REP_PART, ENC_TGS_REP_PART];
        let (_, mut fields) = basic::application("EncKDCRepPart", octets, &tags)?;
        let key = RawKey::read(basic::required(&mut fields, 0, "key")?, "key")?;
        basic::required(&mut fields, 1, "last-req")?;
        let nonce = basic::uint32(basic::required(&mut fields, 2, "nonce")?, "nonce")?;
        basic::optional(&mut fields, 3, "key-expiration")?;
        let flags = TicketFlags(basic::flags(basic::required(&mut fields, 4, "flags")?, "flags")?);
        let auth_time = time_of(basic::required(&mut fields, 5, "authtime")?, "authtime")?;
        let start_time = match basic::optional(&mut fields, 6, "starttime")? {
            Some(value) => Some(time_of(value, "starttime")?),
            None => None,
        };
        let end_time = time_of(basic::required(&mut fields, 7, "endtime")?, "endtime")?;
        basic::optional(&mut fields, 8, "renew-till")?;
        let realm = basic::string(basic::required(&mut fields, 9, "srealm")?, "srealm")?;
        let server = basic::name(basic::required(&mut fields, 10, "sname")?, &realm, "sname")?;
        Ok(Self { key, nonce, flags, auth_time, start_time, end_time, server })
    }
}
