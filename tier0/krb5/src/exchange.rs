//! Tickets from a KDC (RFC 4120 sections 3.1 and 3.3): a request goes out, an answer comes in, until there is a ticket.

use std::fmt;

use identity::Password;
use security::KerberosCode;
use wire::DecodeError;

use crate::credential::Credential;
use crate::message::{
    ApReq, Authenticator, EncKdcRepPart, EncryptedData, EtypeInfo, KdcKind, KdcRep, KdcReq,
    KrbError, PaData, TicketFlags, pa,
};
use crate::time::Time;
use crate::{Etype, Key, KeyError, Principal, StringToKeyError, etype_name, string_to_key, usage};

/// How long a ticket is asked for, in seconds: ten hours, as Windows gives them.
const LIFETIME: i64 = 10 * 3600;

/// What a client proves its identity with.
#[derive(Clone)]
pub enum Secret {
    /// Its password.
    Password(Password),
    /// Keys made from it, best first, as a keytab has them.
    Keys(Vec<Key>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(..)"),
            Self::Keys(keys) => write!(f, "Keys({})", keys.len()),
        }
    }
}

/// Randomness for one exchange.
#[derive(Clone, Copy)]
pub struct ExchangeSeed {
    /// Numbers that the answers must repeat.
    pub nonce: u32,
    /// Goes in front of what is encrypted.
    pub confounder: [u8; 16],
}

/// Why there is no ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The KDC says no.
    #[error("the KDC of {realm} refuses {asked}: {code}{}", said(text))]
    Refused {
        /// Why.
        code: KerberosCode,
        /// The realm that was asked.
        realm: String,
        /// What it was asked for.
        asked: String,
        /// Words of the KDC.
        text: Option<String>,
        /// How far the KDC's clock is ahead of this one's, in seconds.
        ahead: i64,
        /// The realm that the client belongs to, where the KDC says it.
        client_realm: Option<String>,
    },
    /// The answer cannot be read.
    #[error("the KDC's answer is malformed")]
    Malformed(#[from] DecodeError),
    /// The answer is encrypted with another key than ours.
    #[error("the KDC's answer does not fit the key of {client}: the password or keytab is wrong")]
    WrongKey {
        /// Whose key.
        client: String,
    },
    /// The answer is not the one to this request.
    #[error("the KDC's answer belongs to another request: {what} differs")]
    Mismatch {
        /// What differs.
        what: &'static str,
    },
    /// The KDC wants an encryption type that is not spoken here, or that the keytab lacks.
    #[error("no key of an encryption type that the KDC offers ({offered}); AES is needed")]
    NoCommonEtype {
        /// The names of what it offers.
        offered: String,
    },
    /// A key that cannot be used.
    #[error("the KDC's answer has a key that cannot be used")]
    Key(#[from] KeyError),
    /// Parameters for a key from a password that cannot be used.
    #[error("the KDC asks for a key that is not made here")]
    StringToKey(#[from] StringToKeyError),
    /// The ticket that was asked with has expired.
    #[error("the ticket for {server} has expired")]
    Expired {
        /// What it was for.
        server: String,
    },
}

fn said(text: &Option<String>) -> String {
    match text.as_deref() {
        Some(text) if !text.is_empty() => format!(" (it says: {})", printable(text)),
        _ => String::new(),
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

impl ExchangeError {
    /// The code of Kerberos that says the same.
    #[must_use]
    pub fn code(&self) -> Option<KerberosCode> {
        Some(match self {
            Self::Refused { code, .. } => *code,
            Self::WrongKey { .. } => KerberosCode::KRB_AP_ERR_BAD_INTEGRITY,
            Self::NoCommonEtype { .. } | Self::Key(_) => KerberosCode::KDC_ERR_ETYPE_NOSUPP,
            Self::Expired { .. } => KerberosCode::KRB_AP_ERR_TKT_EXPIRED,
            Self::Malformed(_) | Self::Mismatch { .. } | Self::StringToKey(_) => return None,
        })
    }
}

/// What comes after an answer.
#[derive(Debug)]
pub enum Progress {
    /// One more request.
    Send(Vec<u8>),
    /// The ticket.
    Done(Box<Credential>),
}

/// A first ticket for a password or a key, section 3.1.
pub struct AsExchange {
    request: KdcReq,
    client: Principal,
    secret: Secret,
    seed: ExchangeSeed,
    /// The key that the last request proved; the answer comes under it.
    key: Option<Key>,
}

impl AsExchange {
    /// An exchange for `client`, and its first request.
    #[must_use]
    pub fn new(
        client: Principal,
        secret: Secret,
        seed: ExchangeSeed,
        now: Time,
    ) -> (Self, Vec<u8>) {
        let realm = client.realm.clone();
        let etypes = match &secret {
            Secret::Password(_) => Etype::PREFERRED.map(Etype::number).to_vec(),
            Secret::Keys(keys) => keys.iter().map(|key| key.etype().number()).collect(),
        };
        let request = KdcReq {
            kind: KdcKind::As,
            options: KdcReq::CANONICALIZE,
            client: Some(client.clone()),
            server: Principal::ticket_granting(&realm, &realm),
            till: now.seconds.saturating_add(LIFETIME),
            nonce: seed.nonce & 0x7fff_ffff,
            etypes,
        };
        let first = request.encode(&request.body(), &[]);
        (Self { request, client, secret, seed, key: None }, first)
    }

    /// Takes the KDC's answer.
    ///
    /// # Errors
    /// [`ExchangeError`] says why there is no ticket.
    pub fn handle_answer(&mut self, octets: &[u8], now: Time) -> Result<Progress, ExchangeError> {
        if KrbError::is_one(octets) {
            let error = KrbError::decode(octets)?;
            let again = error.code == KerberosCode::KDC_ERR_PREAUTH_REQUIRED && self.key.is_none();
            if !again {
                let asked = format!("a ticket for {}", self.client);
                return Err(refused(error, &self.request.server.realm, asked, now));
            }
            let key = self.key_for(&error.methods()?, None)?;
            let request = self.with_timestamp(&key, now);
            self.key = Some(key);
            return Ok(Progress::Send(request));
        }
        let reply = KdcRep::decode(KdcKind::As, octets)?;
        let key = match &self.key {
            Some(key) if key.etype().number() == reply.encrypted.etype => key.clone(),
            _ => self.key_for(&reply.padata, Some(reply.encrypted.etype))?,
        };
        let plain = key
            .decrypt(usage::AS_REP, &reply.encrypted.cipher)
            .map_err(|_| ExchangeError::WrongKey { client: self.client.to_string() })?;
        let credential = finish(&self.request, reply, &plain, now)?;
        // The spelling may be another one, the realm too (RFC 6806); the service must be the ticket-granting one.
        if credential.server.ticket_granting_for().is_none() {
            return Err(ExchangeError::Mismatch { what: "the service" });
        }
        Ok(Progress::Done(Box::new(credential)))
    }

    fn with_timestamp(&self, key: &Key, now: Time) -> Vec<u8> {
        let proof = crate::message::timestamp(now);
        let encrypted = EncryptedData {
            etype: key.etype().number(),
            kvno: None,
            cipher: key.encrypt(usage::AS_REQ_TIMESTAMP, self.seed.confounder, &proof),
        };
        let padata = PaData { kind: pa::ENC_TIMESTAMP, value: encrypted.encode() };
        self.request.encode(&self.request.body(), &[padata])
    }

    /// The key for what the KDC says of encryption types and salts.
    fn key_for(&self, methods: &[PaData], etype: Option<i32>) -> Result<Key, ExchangeError> {
        let offered = match methods.iter().find(|one| one.kind == pa::ETYPE_INFO2) {
            Some(info) => EtypeInfo::decode_list(&info.value)?,
            None => Vec::new(),
        };
        let wanted = |info: &&EtypeInfo| etype.is_none_or(|etype| etype == info.etype);
        let names = || {
            let all: Vec<String> = match etype {
                Some(etype) => vec![etype_name(etype)],
                None => offered.iter().map(|info| etype_name(info.etype)).collect(),
            };
            ExchangeError::NoCommonEtype { offered: all.join(", ") }
        };
        match &self.secret {
            Secret::Keys(keys) => {
                let fits = |key: &&Key| {
                    let number = key.etype().number();
                    let known = offered.is_empty() || offered.iter().any(|i| i.etype == number);
                    known && etype.is_none_or(|etype| etype == number)
                };
                keys.iter().find(fits).cloned().ok_or_else(names)
            }
            Secret::Password(password) => {
                let info = offered.iter().filter(wanted).find_map(|info| {
                    Some((Etype::from_number(info.etype)?, info.salt.as_deref(), info))
                });
                let (etype, salt, parameters) = match info {
                    Some((etype, salt, info)) => (etype, salt, info.parameters.as_deref()),
                    None => {
                        let etype = match etype {
                            Some(number) => Etype::from_number(number),
                            None if offered.is_empty() => Some(Etype::PREFERRED[0]),
                            None => None,
                        };
                        (etype.ok_or_else(names)?, None, None)
                    }
                };
                let salt = salt.map_or_else(|| default_salt(&self.client), str::to_owned);
                Ok(string_to_key(etype, password, salt.as_bytes(), parameters)?)
            }
        }
    }
}

/// Realm and name without separators, section 4 of RFC 4120 (RFC 3961 section 3).
fn default_salt(client: &Principal) -> String {
    format!("{}{}", client.realm, client.components.concat())
}

/// A further ticket for one that is there, section 3.3.
pub struct TgsExchange {
    request: KdcReq,
    ticket: Credential,
}

impl TgsExchange {
    /// An exchange for a ticket for `server`, and its request. The server's realm is the one that is asked.
    #[must_use]
    pub fn new(
        ticket: &Credential,
        server: &Principal,
        seed: ExchangeSeed,
        now: Time,
    ) -> (Self, Vec<u8>) {
        let asked = ticket.server.ticket_granting_for().unwrap_or(&ticket.server.realm).to_owned();
        let request = KdcReq {
            kind: KdcKind::Tgs,
            options: KdcReq::CANONICALIZE,
            client: None,
            server: Principal { realm: asked, ..server.clone() },
            till: now.seconds.saturating_add(LIFETIME),
            nonce: seed.nonce & 0x7fff_ffff,
            etypes: Etype::PREFERRED.map(Etype::number).to_vec(),
        };
        let body = request.body();
        let key = &ticket.key;
        let sum = key.for_usage(usage::TGS_REQ_BODY).checksum(&[&body]);
        let authenticator = Authenticator {
            client: ticket.client.clone(),
            checksum: Some((key.etype().checksum_number(), sum)),
            time: now,
            subkey: None,
            sequence: None,
        };
        let plain = authenticator.encode();
        let encrypted = EncryptedData {
            etype: key.etype().number(),
            kvno: None,
            cipher: key.encrypt(usage::TGS_REQ_AUTHENTICATOR, seed.confounder, &plain),
        };
        let proof = ApReq { options: 0, ticket: ticket.ticket.clone(), authenticator: encrypted };
        let padata = PaData { kind: pa::TGS_REQ, value: proof.encode() };
        let octets = request.encode(&body, &[padata]);
        (Self { request, ticket: ticket.clone() }, octets)
    }

    /// The realm whose KDC is asked.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.request.server.realm
    }

    /// Takes the KDC's answer. A ticket-granting ticket of another realm than was asked for is a referral: the next
    /// exchange goes there with it.
    ///
    /// # Errors
    /// [`ExchangeError`] says why there is no ticket.
    pub fn handle_answer(self, octets: &[u8], now: Time) -> Result<Credential, ExchangeError> {
        if KrbError::is_one(octets) {
            let asked = format!("a ticket for {}", self.request.server);
            let error = KrbError::decode(octets)?;
            return Err(refused(error, &self.request.server.realm, asked, now));
        }
        let reply = KdcRep::decode(KdcKind::Tgs, octets)?;
        if reply.encrypted.etype != self.ticket.key.etype().number() {
            return Err(ExchangeError::Mismatch { what: "the encryption type" });
        }
        let plain = self
            .ticket
            .key
            .decrypt(usage::TGS_REP_SESSION, &reply.encrypted.cipher)
            .map_err(|_| ExchangeError::WrongKey { client: self.ticket.client.to_string() })?;
        if reply.client != self.ticket.client {
            return Err(ExchangeError::Mismatch { what: "the client" });
        }
        let credential = finish(&self.request, reply, &plain, now)?;
        let asked = &self.request.server;
        let referral = credential.server.ticket_granting_for().is_some();
        let same = identity::upcase(&credential.server.name()) == identity::upcase(&asked.name());
        if !same && !referral {
            return Err(ExchangeError::Mismatch { what: "the service" });
        }
        Ok(credential)
    }
}

fn finish(
    request: &KdcReq,
    reply: KdcRep,
    plain: &[u8],
    now: Time,
) -> Result<Credential, ExchangeError> {
    let part = EncKdcRepPart::decode(plain)?;
    if part.nonce != request.nonce {
        return Err(ExchangeError::Mismatch { what: "the nonce" });
    }
    if part.end_time <= now.seconds {
        return Err(ExchangeError::Expired { server: part.server.to_string() });
    }
    if part.server != reply.ticket.server {
        return Err(ExchangeError::Mismatch { what: "the service in the ticket" });
    }
    let start_time = part.start_time.unwrap_or(part.auth_time);
    let (flags, end_time) = (TicketFlags(part.flags.0), part.end_time);
    Ok(Credential {
        client: reply.client,
        server: part.server,
        key: part.key.key()?,
        ticket: reply.ticket,
        flags,
        start_time,
        end_time,
    })
}

fn refused(error: KrbError, realm: &str, asked: String, now: Time) -> ExchangeError {
    ExchangeError::Refused {
        code: error.code,
        realm: realm.to_owned(),
        asked,
        text: error.text,
        ahead: error.server_time.seconds.saturating_sub(now.seconds),
        client_realm: error.client_realm,
    }
}
