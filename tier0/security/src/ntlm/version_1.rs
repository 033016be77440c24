//! NTLM version 1 with extended session security (MS-NLMP 3.3.1), taken and given only where [`super::NtlmPolicy`] says so.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use identity::NtHash;
use md4::Md4;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::crypto::{self, Key};

/// Octets of either response.
pub(super) const RESPONSE_LEN: usize = 24;

/// The NT response to both challenges, `DESL(ResponseKeyNT, MD5(server, client)[0..8])`.
pub(super) fn response(
    hash: &NtHash,
    server_challenge: &[u8; 8],
    client_challenge: &[u8; 8],
) -> [u8; RESPONSE_LEN] {
    desl(hash, &joint_challenge(server_challenge, client_challenge))
}

/// The challenge that both sides made.
pub(super) fn joint_challenge(server_challenge: &[u8; 8], client_challenge: &[u8; 8]) -> [u8; 8] {
    let mut digest = Md5::new();
    digest.update(server_challenge);
    digest.update(client_challenge);
    let both: [u8; 16] = digest.finalize().into();
    let mut challenge = [0; 8];
    challenge.copy_from_slice(&both[..8]);
    challenge
}

/// The LM response of extended session security: the client's challenge, and zeros.
pub(super) fn lm_response(client_challenge: &[u8; 8]) -> Vec<u8> {
    let mut response = client_challenge.to_vec();
    response.resize(RESPONSE_LEN, 0);
    response
}

/// `SessionBaseKey`: MD4 of the hash.
pub(super) fn session_base_key(hash: &NtHash) -> Key {
    Zeroizing::new(Md4::digest(hash.expose()).into())
}

/// `KXKEY` with extended session security (MS-NLMP 3.4.5.1).
pub(super) fn exchange_key(
    base_key: &Key,
    server_challenge: &[u8; 8],
    client_challenge: &[u8; 8],
) -> Key {
    crypto::hmac_md5(base_key, &[server_challenge, client_challenge])
}

/// Three DES blocks over one challenge, keyed by thirds of the hash with five zeros behind it (MS-NLMP 6, `DESL`).
fn desl(hash: &NtHash, challenge: &[u8; 8]) -> [u8; RESPONSE_LEN] {
    let mut keys = Zeroizing::new([0; 21]);
    keys[..16].copy_from_slice(hash.expose());
    let mut out = [0; RESPONSE_LEN];
    for (key, block) in keys.as_chunks::<7>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        let mut value = (*challenge).into();
        Des::new(&spread(key).into()).encrypt_block(&mut value);
        block.copy_from_slice(&value);
    }
    out
}

/// Seven octets over eight, whose lowest bits are parity that nobody looks at.
fn spread(key: &[u8; 7]) -> [u8; 8] {
    let bits = key.iter().fold(0u64, |bits, octet| bits << 8 | u64::from(*octet));
    let mut out = [0; 8];
    for (index, octet) in out.iter_mut().rev().enumerate() {
        let [.., low] = (bits >> (7 * index) << 1).to_be_bytes();
        *octet = low;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntlm::nt_hash;

    /// MS-NLMP 4.2.3: user `User`, password `Password`, challenges 0123456789abcdef and aa x 8.
    #[test]
    fn vectors_4_2_3() {
        let hash = nt_hash(&identity::Password::from("Password"));
        let (server, client) = ([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef], [0xaa; 8]);
        let hex = |octets: &[u8]| octets.iter().map(|o| format!("{o:02x}")).collect::<String>();
        assert_eq!(
            hex(&response(&hash, &server, &client)),
            "7537f803ae367128ca458204bde7caf81e97ed2683267232"
        );
        let base = session_base_key(&hash);
        assert_eq!(hex(&*base), "d87262b0cde4b1cb7499becccdf10784");
        assert_eq!(
            hex(&*exchange_key(&base, &server, &client)),
            "eb93429a8bd952f8b89c55b87f475edc"
        );
        assert_eq!(hex(&lm_response(&client)), format!("{}{}", "aa".repeat(8), "00".repeat(16)));
    }
}
