//! The initiator's answer (MS-NLMP 2.2.1.3, AUTHENTICATE_MESSAGE).

use std::{fmt, ops::Range};

use identity::CodePage;
use wire::DecodeError;

use super::{Payload, Pointer, Version, begin, open};
use crate::{
    SecurityError,
    ntlm::{Flags, text},
};

const WHAT: &str = "NTLM AUTHENTICATE";
const TYPE: u32 = 3;
const FIXED: usize = 64;
const MIC_LEN: usize = 16;

/// Where the message integrity code is, when there is one.
pub(in crate::ntlm) const MIC_RANGE: Range<usize> =
    FIXED + Version::LEN..FIXED + Version::LEN + MIC_LEN;

/// The third message.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// What is used from now on.
    pub flags: Flags,
    /// The account's domain.
    pub domain: String,
    /// The account.
    pub user: String,
    /// The initiator's machine.
    pub workstation: String,
    /// LM or LMv2 response, or zeros.
    pub lm_response: Vec<u8>,
    /// NTLM response of either version.
    pub nt_response: Vec<u8>,
    /// The session key, encrypted.
    pub encrypted_session_key: Vec<u8>,
    /// Absent from messages of old implementations.
    pub version: Option<Version>,
    /// Absent when the fixed part ends before it.
    pub mic: Option<[u8; MIC_LEN]>,
}

impl Authenticate {
    /// Reads the message.
    ///
    /// Nothing in it says whether version and integrity code are there, so the first payload octet tells.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut short, points outside itself, has a malformed name or is another message.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_in(message, CodePage::Oem850)
    }

    /// The same with the names in this code page, where they are not in Unicode.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_in(message: &[u8], page: CodePage) -> Result<Self, DecodeError> {
        let mut reader = open(WHAT, message, TYPE)?;
        let lm = Pointer::read(&mut reader, "LmChallengeResponse")?;
        let nt = Pointer::read(&mut reader, "NtChallengeResponse")?;
        let domain = Pointer::read(&mut reader, "DomainName")?;
        let user = Pointer::read(&mut reader, "UserName")?;
        let workstation = Pointer::read(&mut reader, "Workstation")?;
        let key = Pointer::read(&mut reader, "EncryptedRandomSessionKey")?;
        let flags = Flags(reader.u32_le("NegotiateFlags")?);
        let payload_start = [lm, nt, domain, user, workstation, key]
            .into_iter()
            .filter_map(Pointer::start)
            .min()
            .unwrap_or(message.len());
        let version =
            if payload_start >= MIC_RANGE.start { Some(Version::read(&mut reader)?) } else { None };
        let mic = if payload_start >= MIC_RANGE.end { Some(reader.array("MIC")?) } else { None };
        let octets = |pointer: Pointer| pointer.resolve(WHAT, message, FIXED);
        let name = |pointer: Pointer| {
            text::decode(octets(pointer)?, flags, page)
                .map_err(|detail| DecodeError::invalid(WHAT, pointer.field, pointer.at, detail))
        };
        Ok(Self {
            flags,
            domain: name(domain)?,
            user: name(user)?,
            workstation: name(workstation)?,
            lm_response: octets(lm)?.to_vec(),
            nt_response: octets(nt)?.to_vec(),
            encrypted_session_key: octets(key)?.to_vec(),
            version,
            mic,
        })
    }

    /// Writes the message; an integrity code is only written behind a version.
    ///
    /// # Errors
    /// [`SecurityError::TooLong`] when a part has more than 65535 octets or a name has no form in the code page.
    pub fn encode(&self) -> Result<Vec<u8>, SecurityError> {
        let fixed = match (self.version, self.mic) {
            (None, _) => FIXED,
            (Some(_), None) => MIC_RANGE.start,
            (Some(_), Some(_)) => MIC_RANGE.end,
        };
        let mut payload = Payload::after(fixed);
        let mut name = |text: &str, field| {
            let octets = text::encode(text, self.flags, CodePage::Oem850)
                .ok_or(SecurityError::TooLong { field })?;
            payload.push(&octets, field)
        };
        let domain = name(&self.domain, "the domain")?;
        let user = name(&self.user, "the account")?;
        let workstation = name(&self.workstation, "the workstation")?;
        let lm = payload.push(&self.lm_response, "the LM response")?;
        let nt = payload.push(&self.nt_response, "the NTLM response")?;
        let key = payload.push(&self.encrypted_session_key, "the session key")?;
        let mut writer = begin(TYPE);
        for pointer in [lm, nt, domain, user, workstation, key] {
            writer.bytes(&pointer);
        }
        writer.u32_le(self.flags.0);
        if let Some(version) = self.version {
            version.write(&mut writer);
            if let Some(mic) = self.mic {
                writer.bytes(&mic);
            }
        }
        writer.bytes(&payload.octets);
        Ok(writer.into_vec())
    }
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The responses can be attacked offline, so they are not printed.
        f.debug_struct("Authenticate")
            .field("flags", &self.flags)
            .field("domain", &self.domain)
            .field("user", &self.user)
            .field("workstation", &self.workstation)
            .field("mic", &self.mic.is_some())
            .finish_non_exhaustive()
    }
}
