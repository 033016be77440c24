//! Replies.

use crate::message::HEADER;
use crate::request::{FileId, NEGOTIATE};

/// What a peer sent that is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmbError {
    /// SMB 1 answered.
    #[error("the server speaks the first version of SMB only")]
    FirstVersion,
    /// Something else answered.
    #[error("no SMB 2 message at octet {offset}")]
    Malformed {
        /// Where.
        offset: usize,
    },
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// STATUS_* of [MS-ERREF] 2.3.1.
    pub status: u32,
    /// The session that it belongs to.
    pub session: u64,
    /// The command that it answers.
    pub command: u16,
    body: &'a [u8],
    whole: &'a [u8],
}

/// What was agreed on, 2.2.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// 0x0202 or 0x0210.
    pub dialect: u16,
    /// The server insists on signing.
    pub signing_required: bool,
    /// The server's clock, in the ticks of FILETIME.
    pub time: u64,
}

impl<'a> Reply<'a> {
    /// Reads a message, without the length in front.
    ///
    /// # Errors
    /// [`SmbError`] when it is none.
    pub fn read(message: &'a [u8]) -> Result<Self, SmbError> {
        match message.get(..4) {
            Some(b"\xfeSMB") => {}
            Some(b"\xffSMB") => return Err(SmbError::FirstVersion),
            _ => return Err(SmbError::Malformed { offset: 0 }),
        }
        let body = message.get(HEADER..).ok_or(SmbError::Malformed { offset: message.len() })?;
        Ok(Self {
            status: u32_at(message, 8)?,
            session: u64_at(message, 40)?,
            command: u16_at(message, 12)?,
            body,
            whole: message,
        })
    }

    /// What a reply to NEGOTIATE says.
    ///
    /// # Errors
    /// It is none, or cut short.
    pub fn negotiated(&self) -> Result<Negotiated, SmbError> {
        if self.command != NEGOTIATE {
            return Err(SmbError::Malformed { offset: 12 });
        }
        Ok(Negotiated {
            dialect: u16_at(self.body, 4)?,
            signing_required: u16_at(self.body, 2)? & 2 != 0,
            time: u64_at(self.body, 40)?,
        })
    }

    /// The token in a reply to SESSION_SETUP, 2.2.6.
    ///
    /// # Errors
    /// It lies outside of the message.
    pub fn token(&self) -> Result<&'a [u8], SmbError> {
        let offset = usize::from(u16_at(self.body, 4)?);
        let length = usize::from(u16_at(self.body, 6)?);
        let end = offset + length;
        self.whole.get(offset..end).ok_or(SmbError::Malformed { offset })
    }

    /// The share that a TREE_CONNECT opened; of no use in an answer that came later.
    ///
    /// # Errors
    /// The message is cut short.
    pub fn tree(&self) -> Result<u32, SmbError> {
        u32_at(self.whole, 36)
    }

    /// What a CREATE opened, 2.2.14.
    ///
    /// # Errors
    /// The message is cut short.
    pub fn file(&self) -> Result<FileId, SmbError> {
        let part = self.body.get(64..80).and_then(|part| part.first_chunk());
        part.copied().ok_or(SmbError::Malformed { offset: HEADER + 64 })
    }

    /// The octets of a file that was opened, 2.2.14.
    ///
    /// # Errors
    /// The message is cut short.
    pub fn file_length(&self) -> Result<u64, SmbError> {
        u64_at(self.body, 48)
    }

    /// What a pipe answered, 2.2.32.
    ///
    /// # Errors
    /// It lies outside of the message.
    pub fn output(&self) -> Result<&'a [u8], SmbError> {
        self.part(u32_at(self.body, 32)?, u32_at(self.body, 36)?)
    }

    /// The names in a folder, 2.2.34 and [MS-FSCC] 2.4.28.
    ///
    /// # Errors
    /// A name lies outside of the message.
    pub fn names(&self) -> Result<Vec<String>, SmbError> {
        let offset = u32::from(u16_at(self.body, 2)?);
        let list = self.part(offset, u32_at(self.body, 4)?)?;
        let mut names = Vec::new();
        let mut at = 0_usize;
        loop {
            let entry = list.get(at..).ok_or(SmbError::Malformed { offset: at })?;
            let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
            let (next, length) = (size(u32_at(entry, 0)?), size(u32_at(entry, 8)?));
            let end = length.checked_add(12);
            let name = end.and_then(|end| entry.get(12..end));
            let name = name.ok_or(SmbError::Malformed { offset: at })?;
            let units: Vec<u16> =
                name.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            names.push(String::from_utf16_lossy(&units));
            if next == 0 {
                return Ok(names);
            }
            // Never zero, so that the list ends.
            at = at.checked_add(next).ok_or(SmbError::Malformed { offset: at })?;
        }
    }

    /// What was read, 2.2.20.
    ///
    /// # Errors
    /// It lies outside of the message.
    pub fn data(&self) -> Result<&'a [u8], SmbError> {
        let offset = self.body.get(2).copied().unwrap_or_default();
        self.part(u32::from(offset), u32_at(self.body, 4)?)
    }

    /// A part of the message, counted from its beginning.
    fn part(&self, offset: u32, length: u32) -> Result<&'a [u8], SmbError> {
        let size = |value| usize::try_from(value).unwrap_or(usize::MAX);
        let (offset, length) = (size(offset), size(length));
        let end = offset.checked_add(length);
        end.and_then(|end| self.whole.get(offset..end)).ok_or(SmbError::Malformed { offset })
    }

    /// True for a logon as a guest or as nobody, which proves nothing about the account.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        u16_at(self.body, 2).is_ok_and(|flags| flags & 3 != 0)
    }
}

fn u16_at(octets: &[u8], at: usize) -> Result<u16, SmbError> {
    octets
        .get(at..at + 2)
        .map(|two| u16::from_le_bytes([two[0], two[1]]))
        .ok_or(SmbError::Malformed { offset: at })
}

fn u32_at(octets: &[u8], at: usize) -> Result<u32, SmbError> {
    octets
        .get(at..at + 4)
        .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .ok_or(SmbError::Malformed { offset: at })
}

fn u64_at(octets: &[u8], at: usize) -> Result<u64, SmbError> {
    let (low, high) = (u32_at(octets, at)?, u32_at(octets, at + 4)?);
    Ok(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message_length, negotiate, session_setup};

    /// A reply of a server: NEGOTIATE, dialect 2.1, signing required.
    fn reply() -> Vec<u8> {
        let mut out = negotiate([7; 16])[4..4 + HEADER].to_vec();
        let mut body = vec![65, 0, 3, 0, 0x10, 0x02, 0, 0];
        body.extend([0; 32]);
        body.extend(0x01dc_0000_0000_0001_u64.to_le_bytes());
        body.extend([0; 16]);
        out.extend(body);
        out
    }

    #[test]
    fn a_negotiation_is_read_and_every_cut_fails() {
        let whole = reply();
        let read = |octets: &[u8]| Reply::read(octets).and_then(|reply| reply.negotiated());
        let expected =
            Negotiated { dialect: 0x0210, signing_required: true, time: 0x01dc_0000_0000_0001 };
        assert_eq!(read(&whole), Ok(expected));
        for end in 0..HEADER + 48 {
            read(&whole[..end]).unwrap_err();
        }
        assert_eq!(Reply::read(b"\xffSMBr"), Err(SmbError::FirstVersion));
    }

    #[test]
    fn a_token_stays_within_its_message() {
        let request = session_setup(1, 9, b"token");
        // A reply has its token's place at octet 4 of the body, a request at 12.
        let mut message = request[4..].to_vec();
        message[HEADER + 4..HEADER + 8].copy_from_slice(&[88, 0, 5, 0]);
        let reply = Reply::read(&message).unwrap();
        assert_eq!((reply.session, reply.token()), (9, Ok(b"token".as_slice())));
        message[HEADER + 6] = 6;
        assert!(Reply::read(&message).unwrap().token().is_err());
    }

    #[test]
    fn lengths_are_checked() {
        assert_eq!(message_length([0, 0, 0, 64]), Some(64));
        for wrong in [[0, 0, 0, 63], [1, 0, 0, 64], [0, 0xff, 0xff, 0xff], *b"HTTP"] {
            assert_eq!(message_length(wrong), None, "{wrong:?}");
        }
    }
}
