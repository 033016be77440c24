//! What all messages share.

/// A message is at most so long: security tokens have 64 KiB at most.
pub const MAX_MESSAGE: usize = 128 * 1024;
/// The header of each message, 2.2.1.2.
pub(crate) const HEADER: usize = 64;
/// Not an error: the answer comes later, in a message of its own.
pub const PENDING: u32 = 0x0000_0103;
/// Not an error: there is more to read.
pub const BUFFER_OVERFLOW: u32 = 0x8000_0005;
/// Not an error: the exchange of tokens goes on ([MS-ERREF] 2.3.1).
pub const MORE_PROCESSING_REQUIRED: u32 = 0xC000_0016;

/// The length of the message behind these four octets ([MS-SMB2] 2.1), if it is one that is read.
#[must_use]
pub fn message_length(prefix: [u8; 4]) -> Option<usize> {
    let length = usize::try_from(u32::from_be_bytes(prefix)).ok()?;
    (prefix[0] == 0 && (HEADER..=MAX_MESSAGE).contains(&length)).then_some(length)
}
