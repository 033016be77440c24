//! Key derivation (MS-NLMP 3.3.2 NTLM v2 Authentication, 3.4.5 KXKEY, SIGNKEY, SEALKEY).
//!
//! With version 2 responses KXKEY is the session base key itself (3.4.5.1), so it has no function here.

use hmac::{Hmac, KeyInit, Mac};
use identity::{NtHash, Password};
use md4::Md4;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::rc4::Rc4;
use super::text;

pub(super) type Key = Zeroizing<[u8; 16]>;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    InitiatorToAcceptor,
    AcceptorToInitiator,
}

/// The NT hash of a password, MD4 over its UTF-16LE form (MS-NLMP 3.3.1, `NTOWFv1`).
#[must_use]
pub fn nt_hash(password: &Password) -> NtHash {
    let unicode = Zeroizing::new(text::utf16(password.expose()));
    NtHash::new(Md4::digest(&*unicode).into())
}

/// `NTOWFv2`: the key of one account in one domain. The domain's case counts, the user's does not.
pub(super) fn ntowf_v2(hash: &NtHash, user: &str, domain: &str) -> Key {
    let user = text::utf16(&identity::upcase(user));
    hmac_md5(hash.expose(), &[&user, &text::utf16(domain)])
}

/// `NTProofStr`.
pub(super) fn nt_proof(response_key: &Key, server_challenge: &[u8; 8], blob: &[u8]) -> Key {
    hmac_md5(response_key, &[server_challenge, blob])
}

/// The LMv2 response, for acceptors that sent no timestamp.
pub(super) fn lm_v2_response(
    response_key: &Key,
    server_challenge: &[u8; 8],
    client_challenge: &[u8; 8],
) -> Vec<u8> {
    let proof = hmac_md5(response_key, &[server_challenge, client_challenge]);
    [&proof[..], client_challenge].concat()
}

/// `SessionBaseKey`, which is also the key exchange key.
pub(super) fn session_base_key(response_key: &Key, proof: &[u8; 16]) -> Key {
    hmac_md5(response_key, &[proof])
}

/// `RC4K`: encrypts and decrypts the exported session key.
pub(super) fn rc4_key(key: &Key, data: &[u8; 16]) -> Key {
    let mut out = Zeroizing::new(*data);
    Rc4::new(key).apply(&mut *out);
    out
}

/// The message integrity code over the three messages, the last with zeros in its place (MS-NLMP 3.1.5.1.2).
pub(super) fn mic(session_key: &Key, messages: [&[u8]; 3]) -> [u8; 16] {
    *hmac_md5(session_key, &messages)
}

pub(super) fn sign_key(session_key: &Key, direction: Direction) -> Key {
    let magic: &[u8] = match direction {
        Direction::InitiatorToAcceptor => {
            b"session key to client-to-server signing key magic constant\0"
        }
        Direction::AcceptorToInitiator => {
            b"session key to server-to-client signing key magic constant\0"
        }
    };
    md5_key(&**session_key, magic)
}

/// `octets` of the session key count: 16 for 128-bit keys, 7 for 56-bit ones (MS-NLMP 3.4.5.3).
pub(super) fn seal_key(session_key: &Key, direction: Direction, octets: usize) -> Key {
    let magic: &[u8] = match direction {
        Direction::InitiatorToAcceptor => {
            b"session key to client-to-server sealing key magic constant\0"
        }
        Direction::AcceptorToInitiator => {
            b"session key to server-to-client sealing key magic constant\0"
        }
    };
    md5_key(&session_key[..octets.min(16)], magic)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(super) fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> Key {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn md5_key(session_key: &[u8], magic: &[u8]) -> Key {
    let mut digest = Md5::new();
    digest.update(session_key);
    digest.update(magic);
    Zeroizing::new(digest.finalize().into())
}
