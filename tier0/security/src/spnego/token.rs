//! The two tokens, RFC 4178 section 4.2.

use ber::{Element, Encoder, Oid, Tag};
use wire::DecodeError;

/// The `auth_type` of SPNEGO (MS-RPCE 2.2.1.1.7, `RPC_C_AUTHN_GSS_NEGOTIATE`).
pub const AUTH_TYPE: u8 = 9;

/// Mechanisms in one offer: more than anybody has.
const MAX_MECHANISMS: usize = 32;

/// Contents of the object identifier 1.3.6.1.5.5.2, SPNEGO itself (RFC 4178 section 3.2).
const SPNEGO: &[u128] = &[1, 3, 6, 1, 5, 5, 2];
/// NTLM, MS-SPNG 1.9.
const NTLM: &[u128] = &[1, 3, 6, 1, 4, 1, 311, 2, 2, 10];

/// Kerberos, RFC 4121 section 4.1 (RFC 1964 section 1).
const KERBEROS: &[u128] = &[1, 2, 840, 113554, 1, 2, 2];
/// Kerberos as Windows 2000 wrote it, MS-SPNG 1.9: the last bit of an arc was lost.
const KERBEROS_MS: &[u128] = &[1, 2, 840, 48018, 1, 2, 2];

/// A mechanism by its object identifier; those that nobody here serves are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mechanism(Oid);

impl Mechanism {
    /// NTLM, MS-SPNG 1.9.
    #[must_use]
    pub fn ntlm() -> Self {
        Self(oid(NTLM))
    }

    /// Kerberos, RFC 4121 section 4.1.
    #[must_use]
    pub fn kerberos() -> Self {
        Self(oid(KERBEROS))
    }

    /// Kerberos under the number that Windows prefers, MS-SPNG 1.9.
    #[must_use]
    pub fn kerberos_ms() -> Self {
        Self(oid(KERBEROS_MS))
    }

    /// Whether both are the same mechanism; Kerberos has two numbers, and some answer with the other one.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let kerberos = |one: &Self| *one == Self::kerberos() || *one == Self::kerberos_ms();
        self == other || kerberos(self) && kerberos(other)
    }

    /// A mechanism by its object identifier.
    #[must_use]
    pub fn new(oid: Oid) -> Self {
        Self(oid)
    }
}

/// How far the acceptor is, RFC 4178 section 4.2.2 `negState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegState {
    /// The context stands.
    AcceptCompleted,
    /// More tokens are to come.
    AcceptIncomplete,
    /// No mechanism is taken.
    Reject,
    /// As `AcceptIncomplete`, and the integrity codes are demanded.
    RequestMic,
}

impl NegState {
    fn from_wire(value: i64) -> Option<Self> {
        Some(match value {
            0 => Self::AcceptCompleted,
            1 => Self::AcceptIncomplete,
            2 => Self::Reject,
            3 => Self::RequestMic,
            _ => return None,
        })
    }

    fn to_wire(self) -> i64 {
        match self {
            Self::AcceptCompleted => 0,
            Self::AcceptIncomplete => 1,
            Self::Reject => 2,
            Self::RequestMic => 3,
        }
    }
}

/// The offer.
#[derive(Clone, PartialEq, Eq)]
pub struct NegTokenInit {
    /// The mechanisms, best first.
    pub mechanisms: Vec<Mechanism>,
    /// The first token of the first of them.
    pub mech_token: Option<Vec<u8>>,
    /// The list as it stood on the wire, which the integrity codes cover.
    pub list: Vec<u8>,
}

/// Each further token, of either side.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NegTokenResp {
    /// How far the acceptor is.
    pub state: Option<NegState>,
    /// The mechanism that the acceptor takes.
    pub mechanism: Option<Mechanism>,
    /// The mechanism's own token.
    pub token: Option<Vec<u8>>,
    /// The integrity code over the list.
    pub mic: Option<Vec<u8>>,
}

impl NegTokenInit {
    /// An offer of `mechanisms`.
    #[must_use]
    pub fn new(mechanisms: Vec<Mechanism>, mech_token: Option<Vec<u8>>) -> Self {
        let mut encoder = Encoder::new();
        encoder.constructed(Tag::SEQUENCE, |list| {
            for mechanism in &mechanisms {
                list.oid(Tag::OBJECT_IDENTIFIER, &mechanism.0);
            }
        });
        Self { mechanisms, mech_token, list: encoder.finish() }
    }

    /// Decodes the token with its envelope (RFC 2743 section 3.1).
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are not exactly one such token.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let envelope = ber::decode_one("SPNEGO NegTokenInit", octets)?
            .expect(Tag::application(0), "InitialContextToken")?;
        let mut children = envelope.children()?;
        let mechanism = children.take(Tag::OBJECT_IDENTIFIER, "thisMech")?;
        if mechanism.oid("thisMech")? != oid(SPNEGO) {
            return Err(mechanism.invalid("thisMech", "not SPNEGO"));
        }
        let token = children.take(Tag::context(0), "negTokenInit")?;
        let mut fields =
            token.inner("negTokenInit")?.expect(Tag::SEQUENCE, "negTokenInit")?.children()?;
        let list = fields.take(Tag::context(0), "mechTypes")?.inner("mechTypes")?;
        let mechanisms = mechanisms(list.expect(Tag::SEQUENCE, "mechTypes")?)?;
        fields.optional(Tag::context(1))?;
        let mech_token = octets_of(fields.optional(Tag::context(2))?, "mechToken")?;
        // What follows are hints, or an integrity code that cannot be there yet.
        Ok(Self { mechanisms, mech_token, list: list.raw.to_vec() })
    }

    /// Encodes the token with its envelope.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.constructed(Tag::application(0), |envelope| {
            envelope.oid(Tag::OBJECT_IDENTIFIER, &oid(SPNEGO));
            envelope.constructed(Tag::context(0), |choice| {
                choice.constructed(Tag::SEQUENCE, |fields| {
                    fields.constructed(Tag::context(0), |list| list.raw(&self.list));
                    put(fields, 2, self.mech_token.as_deref());
                });
            });
        });
        encoder.finish()
    }
}

impl NegTokenResp {
    /// Decodes the token.
    ///
    /// # Errors
    /// [`DecodeError`] when the octets are not exactly one such token.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let choice = ber::decode_one("SPNEGO NegTokenResp", octets)?
            .expect(Tag::context(1), "negTokenResp")?;
        let mut fields =
            choice.inner("negTokenResp")?.expect(Tag::SEQUENCE, "negTokenResp")?.children()?;
        let state = match fields.optional(Tag::context(0))? {
            None => None,
            Some(field) => {
                let value = field.inner("negState")?.expect(Tag::ENUMERATED, "negState")?;
                let known = NegState::from_wire(value.integer("negState")?);
                Some(known.ok_or_else(|| value.invalid("negState", "no such state"))?)
            }
        };
        let mechanism = match fields.optional(Tag::context(1))? {
            None => None,
            Some(field) => {
                let inner = field.inner("supportedMech")?;
                let value = inner.expect(Tag::OBJECT_IDENTIFIER, "supportedMech")?;
                Some(Mechanism(value.oid("supportedMech")?))
            }
        };
        let token = octets_of(fields.optional(Tag::context(2))?, "responseToken")?;
        let mic = octets_of(fields.optional(Tag::context(3))?, "mechListMIC")?;
        Ok(Self { state, mechanism, token, mic })
    }

    /// Encodes the token.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.constructed(Tag::context(1), |choice| {
            choice.constructed(Tag::SEQUENCE, |fields| {
                if let Some(state) = self.state {
                    fields.constructed(Tag::context(0), |field| {
                        field.integer(Tag::ENUMERATED, state.to_wire());
                    });
                }
                if let Some(mechanism) = &self.mechanism {
                    fields.constructed(Tag::context(1), |field| {
                        field.oid(Tag::OBJECT_IDENTIFIER, &mechanism.0);
                    });
                }
                put(fields, 2, self.token.as_deref());
                put(fields, 3, self.mic.as_deref());
            });
        });
        encoder.finish()
    }
}

fn mechanisms(list: Element<'_>) -> Result<Vec<Mechanism>, DecodeError> {
    let mut children = list.children()?;
    let mut found = Vec::new();
    while let Some(element) = children.next_element()? {
        if found.len() >= MAX_MECHANISMS {
            return Err(element.invalid("mechTypes", "more mechanisms than anybody has"));
        }
        let value = element.expect(Tag::OBJECT_IDENTIFIER, "mechTypes")?;
        found.push(Mechanism(value.oid("mechTypes")?));
    }
    Ok(found)
}

fn octets_of(
    field: Option<Element<'_>>,
    name: &'static str,
) -> Result<Option<Vec<u8>>, DecodeError> {
    let Some(field) = field else {
        return Ok(None);
    };
    let value = field.inner(name)?.expect(Tag::OCTET_STRING, name)?;
    Ok(Some(value.octets(name)?.into_owned()))
}

fn put(fields: &mut Encoder, number: u32, octets: Option<&[u8]>) {
    if let Some(octets) = octets {
        fields.constructed(Tag::context(number), |field| field.octets(Tag::OCTET_STRING, octets));
    }
}

#[expect(clippy::expect_used, reason = "the arcs are written above")]
fn oid(arcs: &[u128]) -> Oid {
    Oid::from_arcs(arcs).expect("valid arcs")
}
