//! Signatures of the dialects 2.0.2 and 2.1, 3.1.4.1: the first half of HMAC-SHA256 with the key of the session.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::message::HEADER;

/// SMB2_FLAGS_SIGNED.
const SIGNED: u8 = 8;
const FLAGS: usize = 16;
const SIGNATURE: usize = 48;

/// Signs a request, with its length in front.
pub fn sign(request: &mut [u8], key: &[u8; 16]) {
    let Some(message) = request.get_mut(4..).filter(|message| message.len() >= HEADER) else {
        return;
    };
    message[FLAGS] |= SIGNED;
    let signature = signature(message, key);
    message[SIGNATURE..HEADER].copy_from_slice(&signature);
}

/// True when a message, without the length in front, is signed with `key`.
#[must_use]
pub fn is_signed(message: &[u8], key: &[u8; 16]) -> bool {
    let (Some(flags), Some(told)) = (message.get(FLAGS), message.get(SIGNATURE..HEADER)) else {
        return false;
    };
    flags & SIGNED != 0 && bool::from(signature(message, key).ct_eq(told))
}

/// Over the message with zeros in the place of the signature.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn signature(message: &[u8], key: &[u8; 16]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(&message[..SIGNATURE]);
    mac.update(&[0; HEADER - SIGNATURE]);
    mac.update(&message[HEADER..]);
    let code: [u8; 32] = mac.finalize().into_bytes().into();
    let mut half = [0; 16];
    half.copy_from_slice(&code[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logoff;

    #[test]
    fn a_signature_holds_every_octet() {
        let key = [7; 16];
        let mut request = logoff(3, 9);
        assert!(!is_signed(&request[4..], &key));
        sign(&mut request, &key);
        assert!(is_signed(&request[4..], &key));
        assert!(!is_signed(&request[4..], &[8; 16]));
        for at in 4..request.len() {
            let mut changed = request.clone();
            changed[at] ^= 1;
            assert!(!is_signed(&changed[4..], &key), "octet {at}");
        }
        for end in 0..request.len() {
            assert!(!is_signed(&request[4..end.max(4)], &key));
        }
    }
}
