//! Bind of two MTAs: arguments, result and error (X.411 12.1.1, `MTABind`).
//!
//! Authentication none (NULL) and simple (a password) are read and written; strong and
//! protected credentials and the security context are kept as they came. The tags `[16]`, `[17]` and `[18]` that the
//! normal mode of X.419 puts around these belong to whoever makes the RT-OPEN.

use ber::{Element, Encoder, Tag};
use std::fmt;
use wire::DecodeError;

use crate::codec::{Raw, bounded_text, mandatory, put_once, put_raw, read_set};

/// Octets of an MTA name read; ub-mta-name-length is 32, and peers pass it.
const MAX_MTA_NAME: usize = 256;

/// Octets of a password read; ub-password-length is 62.
const MAX_PASSWORD: usize = 256;

/// What the initiator says of itself (X.411 `MTABindArgument`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MtaBindArgument {
    /// NULL
    Unauthenticated,
    /// `[1]`
    Authenticated(MtaIdentity),
}

/// What the responder says of itself (X.411 `MTABindResult`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MtaBindResult {
    /// NULL
    Unauthenticated,
    /// `[1]`
    Authenticated(MtaIdentity),
}

/// A name and what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtaIdentity {
    /// The MTA's name; empty when a responder left it out (KB Q123650).
    pub name: String,
    /// What proves the name; `None` when a responder left it out.
    pub credentials: Option<Credentials>,
    /// The security context, element `[2]`, and others not known, as they came.
    pub others: Vec<Raw>,
}

/// What proves a name (X.411 `Credentials`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A password as an `IA5String`.
    Password(Secret),
    /// A password as an OCTET STRING.
    PasswordOctets(Secret),
    /// Strong or protected credentials as they came.
    Other(Raw),
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why a bind was refused (X.411 `MTABindError`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MtaBindError(pub i64);

impl Secret {
    /// Takes a password.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// True when both are the same, octet for octet; the time it takes does not tell where they
    /// differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let differing = self.0.iter().zip(&other.0).fold(0, |seen, (a, b)| seen | (a ^ b));
        differing == 0 && self.0.len() == other.0.len()
    }

    /// True when both are the same but for ASCII case; the time it takes does not tell where
    /// they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let differing = self
            .0
            .iter()
            .zip(&other.0)
            .fold(0, |seen, (a, b)| seen | (a.to_ascii_lowercase() ^ b.to_ascii_lowercase()));
        differing == 0 && self.0.len() == other.0.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl MtaIdentity {
    /// A name with a password.
    #[must_use]
    pub fn with_password(name: impl Into<String>, password: impl Into<Vec<u8>>) -> Self {
        let credentials = Some(Credentials::Password(Secret::new(password)));
        Self { name: name.into(), credentials, others: Vec::new() }
    }

    /// The security context `[2]` that the association is to have (X.411 12.1.1.1.1.3), as it came.
    #[must_use]
    pub fn security_context(&self) -> Option<&Raw> {
        self.others.iter().find(|raw| {
            ber::decode_one("security-context", raw.as_bytes())
                .is_ok_and(|element| element.tag == Tag::context(2))
        })
    }

    /// How it was presented, for people: the kind of credentials and the sizes of their parts, never a password.
    #[must_use]
    pub fn manner(&self) -> Manner<'_> {
        Manner(self)
    }

    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (mut name, mut credentials) = (None, None);
        let others = read_set(element, |child| {
            if child.tag == Tag::context(0) {
                let value = bounded_text(&child, "mta-name", MAX_MTA_NAME)?;
                put_once(&mut name, value, "mta-name", child.offset)
            } else if child.tag == Tag::context(1) {
                let value = Credentials::read(child.inner("credentials")?)?;
                put_once(&mut credentials, value, "credentials", child.offset)
            } else {
                Ok(false)
            }
        })?;
        Ok(Self { name: name.unwrap_or_default(), credentials, others })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::context(1), |encoder| {
            encoder.text(Tag::context(0), &self.name);
            if let Some(credentials) = &self.credentials {
                encoder.constructed(Tag::context(1), |encoder| credentials.write(encoder));
            }
            put_raw(encoder, &self.others);
        });
    }
}

/// How an identity was presented, in words that hold no secret: see [`MtaIdentity::manner`].
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a>(&'a MtaIdentity);

impl fmt::Display for Manner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.credentials {
            None => f.write_str("no credentials")?,
            Some(Credentials::Password(_) | Credentials::PasswordOctets(_)) => {
                f.write_str("a password")?;
            }
            Some(Credentials::Other(raw)) => show_strong(raw, f)?,
        }
        match self.0.security_context() {
            Some(context) => write!(f, " and a security context: {}", elements(context)),
            None => Ok(()),
        }
    }
}

/// `StrongCredentials` is `[0]`, `ProtectedPassword` `[1]`; both are SETs.
fn show_strong(raw: &Raw, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const STRONG: [&str; 3] = ["bind token", "certificate", "certificate selector"];
    let element = ber::decode_one("credentials", raw.as_bytes());
    match element.map(|element| element.tag) {
        Ok(tag) if tag == Tag::context(0) => {
            write!(f, "strong credentials: {}", parts(raw, &STRONG))
        }
        Ok(tag) if tag == Tag::context(1) => {
            write!(f, "a protected password: {} octets", raw.as_bytes().len())
        }
        _ => write!(f, "credentials of an unknown kind: {} octets", raw.as_bytes().len()),
    }
}

/// The elements of a SET by their names, each with its size.
fn parts(raw: &Raw, names: &[&str]) -> String {
    let listed = || -> Result<Vec<String>, DecodeError> {
        let mut children = ber::decode_one("credentials", raw.as_bytes())?.children()?;
        let mut list = Vec::new();
        while let Some(child) = children.next_element()? {
            let name = (0..).zip(names).find(|(number, _)| child.tag == Tag::context(*number));
            let name = name.map_or("unknown element", |(_, name)| name);
            list.push(format!("{name} of {} octets", child.raw.len()));
        }
        Ok(list)
    };
    match listed() {
        Ok(list) if list.is_empty() => "none".to_owned(),
        Ok(list) => list.join(", "),
        Err(_) => format!("{} octets that cannot be read", raw.as_bytes().len()),
    }
}

fn elements(raw: &Raw) -> String {
    format!("{} octets, {}", raw.as_bytes().len(), wire::to_hex(raw.as_bytes()))
}

impl Credentials {
    fn read(element: Element<'_>) -> Result<Self, DecodeError> {
        let password = || -> Result<Secret, DecodeError> {
            let octets = element.octets("password")?;
            if octets.len() > MAX_PASSWORD {
                return Err(element.invalid("password", "longer than any password may be"));
            }
            Ok(Secret(octets.into_owned()))
        };
        Ok(if element.tag == Tag::IA5_STRING {
            Self::Password(password()?)
        } else if element.tag == Tag::OCTET_STRING {
            Self::PasswordOctets(password()?)
        } else {
            Self::Other(Raw::from(element))
        })
    }

    fn write(&self, encoder: &mut Encoder) {
        match self {
            Self::Password(Secret(octets)) => encoder.octets(Tag::IA5_STRING, octets),
            Self::PasswordOctets(Secret(octets)) => encoder.octets(Tag::OCTET_STRING, octets),
            Self::Other(raw) => encoder.raw(raw.as_bytes()),
        }
    }
}

/// Reads NULL as `None` and `[1]` as an identity.
fn decode(what: &'static str, octets: &[u8]) -> Result<Option<MtaIdentity>, DecodeError> {
    let element = ber::decode_one(what, octets)?;
    if element.tag == Tag::NULL {
        element.null("unauthenticated")?;
        return Ok(None);
    }
    MtaIdentity::read(&element.expect(Tag::context(1), "authenticated")?).map(Some)
}

fn encode(identity: Option<&MtaIdentity>) -> Vec<u8> {
    let mut encoder = Encoder::new();
    match identity {
        None => encoder.null(Tag::NULL),
        Some(identity) => identity.write(&mut encoder),
    }
    encoder.finish()
}

impl MtaBindArgument {
    /// Reads an argument, in which name and credentials must be there.
    ///
    /// # Errors
    /// The octets are not an `MTABindArgument`.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let element = ber::decode_one("MTABindArgument", octets)?;
        let Some(identity) = decode("MTABindArgument", octets)? else {
            return Ok(Self::Unauthenticated);
        };
        let name = Some(identity.name.as_str()).filter(|name| !name.is_empty());
        mandatory(name, "initiator-name", &element)?;
        mandatory(identity.credentials.as_ref(), "initiator-credentials", &element)?;
        Ok(Self::Authenticated(identity))
    }

    /// Writes the argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Unauthenticated => encode(None),
            Self::Authenticated(identity) => encode(Some(identity)),
        }
    }
}

impl MtaBindResult {
    /// Reads a result.
    ///
    /// # Errors
    /// The octets are not an `MTABindResult`.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let identity = decode("MTABindResult", octets)?;
        Ok(identity.map_or(Self::Unauthenticated, Self::Authenticated))
    }

    /// Writes the result.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Unauthenticated => encode(None),
            Self::Authenticated(identity) => encode(Some(identity)),
        }
    }
}

impl MtaBindError {
    /// No more associations can be taken at present.
    pub const BUSY: Self = Self(0);
    /// Name or password are not accepted.
    pub const AUTHENTICATION_ERROR: Self = Self(2);
    /// The dialogue mode is not accepted.
    pub const UNACCEPTABLE_DIALOGUE_MODE: Self = Self(3);
    /// The security context is not accepted.
    pub const UNACCEPTABLE_SECURITY_CONTEXT: Self = Self(4);
    /// The association does not keep secrets well enough.
    pub const INADEQUATE_ASSOCIATION_CONFIDENTIALITY: Self = Self(5);

    /// Reads an error.
    ///
    /// # Errors
    /// The octets are not an INTEGER.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let element = ber::decode_one("MTABindError", octets)?;
        element.expect(Tag::INTEGER, "mta-bind-error")?.integer("mta-bind-error").map(Self)
    }

    /// Writes the error.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.integer(Tag::INTEGER, self.0);
        encoder.finish()
    }

    /// The name that the standard gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BUSY => "busy",
            Self::AUTHENTICATION_ERROR => "authentication-error",
            Self::UNACCEPTABLE_DIALOGUE_MODE => "unacceptable-dialogue-mode",
            Self::UNACCEPTABLE_SECURITY_CONTEXT => "unacceptable-security-context",
            Self::INADEQUATE_ASSOCIATION_CONFIDENTIALITY => {
                "inadequate-association-confidentiality"
            }
            Self(_) => "unknown",
        }
    }
}

impl fmt::Display for MtaBindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: &str = "a116 800a4d54412d454444442d31 a1081606736563726574";

    #[test]
    fn simple_authentication() {
        let octets = wire::from_hex(SIMPLE).unwrap();
        let expected = MtaIdentity::with_password("MTA-EDDD-1", "secret");
        let argument = MtaBindArgument::decode(&octets).unwrap();
        assert_eq!(argument, MtaBindArgument::Authenticated(expected.clone()));
        assert_eq!(argument.encode(), octets);
        let result = MtaBindResult::decode(&octets).unwrap();
        assert_eq!(result, MtaBindResult::Authenticated(expected));
        assert_eq!(result.encode(), octets);
        for end in 0..octets.len() {
            assert!(MtaBindArgument::decode(&octets[..end]).is_err());
        }
        assert!(!format!("{argument:?}").contains("secret"));
    }

    #[test]
    fn none_strong_and_missing_names() {
        assert_eq!(MtaBindArgument::decode(&[5, 0]).unwrap(), MtaBindArgument::Unauthenticated);
        assert_eq!(MtaBindResult::Unauthenticated.encode(), [5, 0]);
        let strong = wire::from_hex("a10b 800141 a104a0020500 820131").unwrap();
        assert!(MtaBindArgument::decode(&strong).is_err(), "length");
        let strong = wire::from_hex("a10c 800141 a104a0020500 820131").unwrap();
        assert_eq!(MtaBindArgument::decode(&strong).unwrap().encode(), strong);
        let nameless = wire::from_hex("a100").unwrap();
        assert!(MtaBindArgument::decode(&nameless).is_err());
        assert!(MtaBindResult::decode(&nameless).is_ok());
    }

    #[test]
    fn passwords_and_errors() {
        assert!(Secret::new("Secret").matches(&Secret::new("sEcret")));
        assert!(Secret::new("Secret").is(&Secret::new("Secret")));
        assert!(!Secret::new("Secret").is(&Secret::new("sEcret")));
        assert!(!Secret::new("Secret").is(&Secret::new("Secret1")));
        assert!(!Secret::new("secret").matches(&Secret::new("secret1")));
        assert!(!Secret::new("secret").matches(&Secret::new("secreu")));
        let error = MtaBindError::decode(&[2, 1, 2]).unwrap();
        assert_eq!(error, MtaBindError::AUTHENTICATION_ERROR);
        assert_eq!(error.to_string(), "authentication-error (2)");
        assert_eq!(error.encode(), [2, 1, 2]);
    }
}
