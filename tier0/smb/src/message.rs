//! What all messages share.

/// A message is at most so long: security tokens have 64 KiB at most.
pub const MAX_MESSAGE: usize = 128 * 1024;
/// The header of each message, 2.2.1.2.
pub(crate) const HEADER: usize = 64;
/// Not an error: the answer comes later, in a message of its own.
pub const PENDING: u32 = 0x0000_0103;
/// A folder holds no further names.
pub const NO_MORE_FILES: u32 = 0x8000_0006;
/// The end of a file.
pub const END_OF_FILE: u32 = 0xC000_0011;
/// There is no such file.
pub const NO_SUCH_FILE: u32 = 0xC000_0034;
/// Nor a folder that it could be in.
pub const NO_SUCH_PATH: u32 = 0xC000_003A;
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
