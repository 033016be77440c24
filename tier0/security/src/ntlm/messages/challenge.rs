//! The acceptor's challenge (MS-NLMP 2.2.1.2, CHALLENGE_MESSAGE).

use identity::CodePage;
use wire::DecodeError;

use super::{Payload, Pointer, Version, begin, open};
use crate::{
    SecurityError,
    ntlm::{Flags, TargetInfo, text},
};

const WHAT: &str = "NTLM CHALLENGE";
const TYPE: u32 = 2;
const FIXED: usize = 48;

/// The second message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The acceptor's domain or machine.
    pub target_name: String,
    /// What was agreed.
    pub flags: Flags,
    /// The nonce.
    pub server_challenge: [u8; 8],
    /// The acceptor's names and time; empty unless the flags announce it.
    pub target_info: TargetInfo,
    /// Present when the flags announce it.
    pub version: Option<Version>,
}

impl Challenge {
    /// Reads the message.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut short, points outside itself, has a malformed name or is another message.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = open(WHAT, message, TYPE)?;
        let target_name = Pointer::read(&mut reader, "TargetName")?;
        let flags = Flags(reader.u32_le("NegotiateFlags")?);
        let server_challenge = reader.array("ServerChallenge")?;
        reader.skip("Reserved", 8)?;
        let target_info = Pointer::read(&mut reader, "TargetInfo")?;
        let version =
            if flags.contains(Flags::VERSION) { Some(Version::read(&mut reader)?) } else { None };
        let name = target_name.resolve(WHAT, message, FIXED)?;
        let target_info = if flags.contains(Flags::TARGET_INFO) {
            TargetInfo::decode(target_info.resolve(WHAT, message, FIXED)?)?
        } else {
            TargetInfo::default()
        };
        Ok(Self {
            target_name: text::decode(name, flags, CodePage::Oem850).map_err(|detail| {
                DecodeError::invalid(WHAT, "TargetName", target_name.at, detail)
            })?,
            flags,
            server_challenge,
            target_info,
            version,
        })
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`SecurityError::TooLong`] when a part has more than 65535 octets.
    pub fn encode(&self) -> Result<Vec<u8>, SecurityError> {
        let version_len = self.version.map_or(0, |_| Version::LEN);
        let mut payload = Payload::after(FIXED + version_len);
        // A name that has no form in the code page is left out: nothing depends on it.
        let name =
            text::encode(&self.target_name, self.flags, CodePage::Oem850).unwrap_or_default();
        let name = payload.push(&name, "the target name")?;
        let info = if self.flags.contains(Flags::TARGET_INFO) {
            self.target_info.encode()?
        } else {
            Vec::new()
        };
        let info = payload.push(&info, "the target info")?;
        let mut writer = begin(TYPE);
        writer.bytes(&name);
        writer.u32_le(self.flags.0);
        writer.bytes(&self.server_challenge);
        writer.zeros(8);
        writer.bytes(&info);
        if let Some(version) = self.version {
            version.write(&mut writer);
        }
        writer.bytes(&payload.octets);
        Ok(writer.into_vec())
    }
}
