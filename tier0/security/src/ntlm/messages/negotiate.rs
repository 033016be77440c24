//! The initiator's offer (MS-NLMP 2.2.1.1, NEGOTIATE_MESSAGE).

use wire::DecodeError;

use super::{Payload, Pointer, Version, begin, open};
use crate::{SecurityError, ntlm::Flags};

const WHAT: &str = "NTLM NEGOTIATE";
const TYPE: u32 = 1;
const FIXED: usize = 32;

/// The first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiate {
    /// What is offered.
    pub flags: Flags,
    /// The initiator's domain in its code page; empty unless the flags announce it.
    pub domain: Vec<u8>,
    /// The initiator's machine in its code page; empty unless the flags announce it.
    pub workstation: Vec<u8>,
    /// Present when the flags announce it.
    pub version: Option<Version>,
}

impl Negotiate {
    /// Reads the message.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut short, points outside itself or is another message.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = open(WHAT, message, TYPE)?;
        let flags = Flags(reader.u32_le("NegotiateFlags")?);
        let domain = Pointer::read(&mut reader, "DomainName")?;
        let workstation = Pointer::read(&mut reader, "Workstation")?;
        let part = |announced, pointer: Pointer| {
            if flags.contains(announced) {
                pointer.resolve(WHAT, message, FIXED).map(<[u8]>::to_vec)
            } else {
                // The standard has the receiver ignore what is not announced.
                Ok(Vec::new())
            }
        };
        Ok(Self {
            flags,
            domain: part(Flags::OEM_DOMAIN_SUPPLIED, domain)?,
            workstation: part(Flags::OEM_WORKSTATION_SUPPLIED, workstation)?,
            version: if flags.contains(Flags::VERSION) {
                Some(Version::read(&mut reader)?)
            } else {
                None
            },
        })
    }

    /// Writes the message; the names must be empty unless the flags announce them.
    ///
    /// # Errors
    /// [`SecurityError::TooLong`] when a name has more than 65535 octets.
    pub fn encode(&self) -> Result<Vec<u8>, SecurityError> {
        let version_len = self.version.map_or(0, |_| Version::LEN);
        let mut payload = Payload::after(FIXED + version_len);
        let domain = payload.push(&self.domain, "the domain")?;
        let workstation = payload.push(&self.workstation, "the workstation")?;
        let mut writer = begin(TYPE);
        writer.u32_le(self.flags.0);
        writer.bytes(&domain);
        writer.bytes(&workstation);
        if let Some(version) = self.version {
            version.write(&mut writer);
        }
        writer.bytes(&payload.octets);
        Ok(writer.into_vec())
    }
}
