//! Requests, each with its length in front.

use crate::message::HEADER;

/// Commands of 2.2.1.2.
pub(crate) const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const LOGOFF: u16 = 2;
const TREE_CONNECT: u16 = 3;
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
