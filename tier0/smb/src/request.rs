//! Requests, each with its length in front.

use crate::message::HEADER;

/// Commands of 2.2.1.2.
pub(crate) const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const LOGOFF: u16 = 2;
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;
const CLOSE: u16 = 6;
const READ: u16 = 8;
const IOCTL: u16 = 11;
const QUERY_DIRECTORY: u16 = 14;
/// FileNamesInformation ([MS-FSCC] 2.4.28).
const NAMES: u8 = 12;
/// FILE_DIRECTORY_FILE.
const FOLDER: u32 = 1;
/// FSCTL_PIPE_TRANSCEIVE, 2.2.31: what is written and what is answered to it in one exchange.
const PIPE_TRANSCEIVE: u32 = 0x0011_C017;
/// SMB2_0_IOCTL_IS_FSCTL.
const IS_FSCTL: u32 = 1;
/// Impersonation, 2.2.13: the server may act as the caller.
const IMPERSONATION: u32 = 2;
/// FILE_OPEN and nothing else: what is not there is not made.
const FILE_OPEN: u32 = 1;
/// FILE_SHARE_READ and FILE_SHARE_WRITE.
const SHARE_ALL: u32 = 3;
/// FILE_NON_DIRECTORY_FILE.
const NO_FOLDER: u32 = 0x40;
/// What a pipe is opened for: to read and write, and their attributes (GENERIC rights are mapped by some servers only).
pub const PIPE_ACCESS: u32 = 0x0012_019F;
/// What a file is opened for: to read it and its attributes.
pub const READ_ACCESS: u32 = 0x0012_0089;

/// A file or pipe that was opened, 2.2.14.1.
pub type FileId = [u8; 16];

/// Where a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from zero, one more for each request.
    pub message_id: u64,
    pub session: u64,
    pub tree: u32,
}
/// The dialects that are offered.
const DIALECTS: [u16; 2] = [0x0202, 0x0210];
/// SMB2_NEGOTIATE_SIGNING_ENABLED: we can, and do not insist.
const SIGNING_ENABLED: u16 = 1;

/// 2.2.3: which dialects we speak.
#[must_use]
pub fn negotiate(client: [u8; 16]) -> Vec<u8> {
    let mut body = Vec::new();
    for value in [36, 2, SIGNING_ENABLED, 0] {
        body.extend(u16::to_le_bytes(value));
    }
    body.extend([0; 4]);
    body.extend(client);
    body.extend([0; 8]);
    for dialect in DIALECTS {
        body.extend(dialect.to_le_bytes());
    }
    message(NEGOTIATE, 0, 0, 0, &body)
}

/// 2.2.5: a token of the logon.
#[must_use]
pub fn session_setup(message_id: u64, session: u64, token: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(25_u16.to_le_bytes());
    body.extend([0, 1]);
    body.extend([0; 8]);
    put_buffer(&mut body, HEADER + 24, token.len());
    body.extend([0; 8]);
    body.extend(token);
    message(SESSION_SETUP, message_id, session, 0, &body)
}

/// 2.2.9: a share, `\\host\IPC$`.
#[must_use]
pub fn tree_connect(message_id: u64, session: u64, path: &str) -> Vec<u8> {
    let path: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut body = Vec::new();
    body.extend(9_u16.to_le_bytes());
    body.extend([0; 2]);
    put_buffer(&mut body, HEADER + 8, path.len());
    body.extend(path);
    message(TREE_CONNECT, message_id, session, 0, &body)
}

/// 2.2.13: opens what is there; a pipe by its bare name, a file by its path within the share.
#[must_use]
pub fn create(place: Place, name: &str, access: u32) -> Vec<u8> {
    open(place, name, access, NO_FOLDER)
}

/// 2.2.13: opens a folder to see what is in it.
#[must_use]
pub fn open_folder(place: Place, name: &str) -> Vec<u8> {
    open(place, name, READ_ACCESS, FOLDER)
}

fn open(place: Place, name: &str, access: u32, options: u32) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut body = Vec::new();
    body.extend(57_u16.to_le_bytes());
    // No lease, no flags.
    body.extend([0; 2]);
    body.extend(IMPERSONATION.to_le_bytes());
    body.extend([0; 16]);
    for value in [access, 0, SHARE_ALL, FILE_OPEN, options] {
        body.extend(value.to_le_bytes());
    }
    put_buffer(&mut body, HEADER + 56, name.len());
    body.extend([0; 8]);
    // There is at least one octet behind the fixed part.
    body.extend(if name.is_empty() { vec![0] } else { name });
    in_place(CREATE, place, &body)
}

/// 2.2.31: writes to a pipe and reads what is answered, `most` octets at once.
#[must_use]
pub fn transceive(place: Place, file: FileId, octets: &[u8], most: u32) -> Vec<u8> {
    let offset = u32::try_from(HEADER + 56).unwrap_or(0);
    let length = u32::try_from(octets.len()).unwrap_or(0);
    let mut body = Vec::new();
    body.extend(57_u16.to_le_bytes());
    body.extend([0; 2]);
    body.extend(PIPE_TRANSCEIVE.to_le_bytes());
    body.extend(file);
    for value in [offset, length, 0, offset, 0, most, IS_FSCTL, 0] {
        body.extend(value.to_le_bytes());
    }
    body.extend(octets);
    in_place(IOCTL, place, &body)
}

/// 2.2.19: `length` octets from `offset` on; of a pipe what comes next.
#[must_use]
pub fn read(place: Place, file: FileId, offset: u64, length: u32) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(49_u16.to_le_bytes());
    body.extend([0; 2]);
    body.extend(length.to_le_bytes());
    body.extend(offset.to_le_bytes());
    body.extend(file);
    body.extend([0; 16]);
    // No channel; one octet stands behind the fixed part.
    body.push(0);
    in_place(READ, place, &body)
}

/// 2.2.33: the names in a folder, as many as fit `most` octets; asked again it gives the next ones.
#[must_use]
pub fn list(place: Place, folder: FileId, most: u32) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(33_u16.to_le_bytes());
    body.extend([NAMES, 0]);
    body.extend([0; 4]);
    body.extend(folder);
    put_buffer(&mut body, HEADER + 32, 2);
    body.extend(most.to_le_bytes());
    body.extend(u16::to_le_bytes(0x2a));
    in_place(QUERY_DIRECTORY, place, &body)
}

/// 2.2.15.
#[must_use]
pub fn close(place: Place, file: FileId) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(24_u16.to_le_bytes());
    body.extend([0; 6]);
    body.extend(file);
    in_place(CLOSE, place, &body)
}

fn in_place(command: u16, place: Place, body: &[u8]) -> Vec<u8> {
    message(command, place.message_id, place.session, place.tree, body)
}

/// 2.2.7: the end of the session.
#[must_use]
pub fn logoff(message_id: u64, session: u64) -> Vec<u8> {
    message(LOGOFF, message_id, session, 0, &[4, 0, 0, 0])
}

fn put_buffer(body: &mut Vec<u8>, offset: usize, length: usize) {
    for value in [offset, length] {
        // Tokens and names are far shorter than what two octets hold; a longer one is cut to a refusal.
        body.extend(u16::try_from(value).unwrap_or(0).to_le_bytes());
    }
}

fn message(command: u16, message_id: u64, session: u64, tree: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(0);
    let mut out = Vec::with_capacity(4 + HEADER + body.len());
    out.extend(length.to_be_bytes());
    out.extend(*b"\xfeSMB");
    out.extend(64_u16.to_le_bytes());
    // Credit charge, status, command, one credit asked for, flags, next command.
    out.extend([0; 2]);
    out.extend([0; 4]);
    out.extend(command.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend([0; 8]);
    out.extend(message_id.to_le_bytes());
    out.extend([0; 4]);
    out.extend(tree.to_le_bytes());
    out.extend(session.to_le_bytes());
    out.extend([0; 16]);
    out.extend(body);
    out
}
