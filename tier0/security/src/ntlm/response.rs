//! The NTLM version 2 response (MS-NLMP 2.2.2.7 NTLMv2_CLIENT_CHALLENGE, 2.2.2.8 NTLMv2_RESPONSE).

use std::fmt;

use wire::{DecodeError, Reader, Writer};

use super::TargetInfo;
use crate::{FileTime, SecurityError};

const WHAT: &str = "NTLMv2 response";
const PROOF_LEN: usize = 16;

/// What the initiator adds to the challenge before it proves the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientBlob {
    /// The initiator's time, or the acceptor's when it sent one.
    pub time: FileTime,
    /// The initiator's nonce.
    pub client_challenge: [u8; 8],
    /// The acceptor's pairs, and the initiator's.
    pub target_info: TargetInfo,
}

impl ClientBlob {
    /// Reads the blob; what follows the pairs is ignored, as Windows does.
    ///
    /// # Errors
    /// [`DecodeError`] when it is cut short, of another version or has malformed pairs.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::with_offset(WHAT, bytes, PROOF_LEN);
        for field in ["RespType", "HiRespType"] {
            if reader.u8(field)? != 1 {
                return Err(reader.invalid(field, "not version 1"));
            }
        }
        reader.skip("Reserved", 6)?;
        let time = FileTime(reader.u64_le("TimeStamp")?);
        let client_challenge = reader.array("ChallengeFromClient")?;
        reader.skip("Reserved3", 4)?;
        let target_info = TargetInfo::read(&mut reader)?;
        Ok(Self { time, client_challenge, target_info })
    }

    /// Writes the blob, with the four zero octets that all implementations append (MS-NLMP 3.3.2).
    ///
    /// # Errors
    /// [`SecurityError::TooLong`] when a pair is too long.
    pub fn encode(&self) -> Result<Vec<u8>, SecurityError> {
        let mut writer = Writer::new();
        writer.bytes(&[1, 1]);
        writer.zeros(6);
        writer.u64_le(self.time.0);
        writer.bytes(&self.client_challenge);
        writer.zeros(4);
        writer.bytes(&self.target_info.encode()?);
        writer.zeros(4);
        Ok(writer.into_vec())
    }
}

/// The response as AUTHENTICATE carries it: the proof, then the blob's octets as they were proved.
#[derive(Clone, PartialEq, Eq)]
pub struct NtResponse {
    /// HMAC-MD5 over the acceptor's challenge and the blob.
    pub proof: [u8; PROOF_LEN],
    /// The blob, kept verbatim since the proof is over its octets.
    pub blob: Vec<u8>,
}

impl NtResponse {
    /// Splits the response.
    ///
    /// # Errors
    /// [`DecodeError`] when it is shorter than a proof.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, bytes);
        Ok(Self { proof: reader.array("Response")?, blob: reader.rest().to_vec() })
    }

    /// Joins both.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.proof[..], &self.blob].concat()
    }
}

impl fmt::Debug for NtResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NtResponse({} octets)", PROOF_LEN + self.blob.len())
    }
}
