//! The SASL mechanism GSSAPI (RFC 4752): a logon by Kerberos, and the agreement on sealing.

use krb5::KerberosSession;
use security::{Initiator, SignatureError, Step};

use crate::error::LdapError;

/// The mechanism's name.
pub(crate) const GSSAPI: &str = "GSSAPI";
/// Security layer: confidentiality (RFC 4752 section 3.3).
const CONFIDENTIALITY: u8 = 4;
/// The longest piece that is taken: three octets say it.
const MOST: u32 = 0x00ff_ffff;

/// One logon; gives what to send, takes what came.
pub(crate) enum Logon {
    /// Before the context stands.
    Exchange(Box<kerberos::KerberosInitiator>),
    /// The server is to say which layers it has.
    Layers(Box<KerberosSession>),
    /// The layer is chosen.
    Chosen(Box<KerberosSession>, usize),
}

impl Logon {
    pub(crate) fn begin(
        mut initiator: kerberos::KerberosInitiator,
    ) -> Result<(Self, Vec<u8>), LdapError> {
        match initiator.step(None)? {
            Step::Continue(token) => Ok((Self::Exchange(Box::new(initiator)), token)),
            _ => Err(LdapError::OutOfTurn { expected: "a token to begin with", got: "none" }),
        }
    }

    /// Takes the server's token; the answer, unless the logon is over.
    pub(crate) fn handle(self, token: &[u8]) -> Result<(Self, Vec<u8>), LdapError> {
        match self {
            Self::Exchange(mut initiator) => {
                match initiator.step(Some(token))? {
                    Step::Done { token } => {
                        let session = Box::new(initiator.into_session()?);
                        // RFC 4752 section 3.1: an empty answer asks for the layers.
                        Ok((Self::Layers(session), token.unwrap_or_default()))
                    }
                    _ => Err(LdapError::OutOfTurn {
                        expected: "the end of the exchange",
                        got: "more of it",
                    }),
                }
            }
            Self::Layers(mut session) => {
                let (offer, _) = session.unwrap(token)?;
                let [layers, a, b, c] = offer[..] else {
                    return Err(SignatureError::Malformed.into());
                };
                if layers & CONFIDENTIALITY == 0 {
                    return Err(LdapError::NoSeal);
                }
                let most = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                let [_, x, y, z] = MOST.to_be_bytes();
                let choice = session.wrap(&[CONFIDENTIALITY, x, y, z], false);
                Ok((Self::Chosen(session, most), choice))
            }
            Self::Chosen(..) => {
                Err(LdapError::OutOfTurn { expected: "the end of the logon", got: "another token" })
            }
        }
    }

    /// The context, once the server said yes, and the longest piece that it takes.
    pub(crate) fn finish(self) -> Result<(KerberosSession, usize), LdapError> {
        match self {
            Self::Chosen(session, most) => Ok((*session, most)),
            // A yes before the server proved itself proves nothing.
            _ => Err(LdapError::OutOfTurn {
                expected: "the server's proof",
                got: "the end of the logon",
            }),
        }
    }
}
