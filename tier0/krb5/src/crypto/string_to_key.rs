//! Keys from passwords: RFC 3962 section 4, RFC 8009 section 4.

use hmac::{Hmac, KeyInit, Mac};
use identity::Password;
use sha1::Sha1;
use zeroize::{Zeroize, Zeroizing};

use super::{Key, derive};
use crate::Etype;

/// Rounds where nobody says how many: RFC 3962 section 4, RFC 8009 section 4.
pub const DEFAULT_ITERATIONS: [u32; 2] = [4096, 32768];

/// Most rounds that a peer may ask for: a second or two of work.
pub const MAX_ITERATIONS: u32 = 1_000_000;

/// Parameters that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StringToKeyError {
    /// They are not the four octets that AES has.
    #[error("the parameters for a key from a password have {0} octets, not 4")]
    Length(usize),
    /// More rounds than anybody wants, or none.
    #[error("a key from a password with {0} rounds is refused, the limit is {MAX_ITERATIONS}")]
    Iterations(u32),
}

/// The key of a password.
///
/// # Errors
/// [`StringToKeyError`] for parameters that cannot be used.
pub fn string_to_key(
    etype: Etype,
    password: &Password,
    salt: &[u8],
    parameters: Option<&[u8]>,
) -> Result<Key, StringToKeyError> {
    let newer = etype.encrypt_then_mac();
    let iterations = match parameters {
        None => DEFAULT_ITERATIONS[usize::from(newer)],
        Some(octets) => {
            let array = octets.try_into().map_err(|_| StringToKeyError::Length(octets.len()))?;
            u32::from_be_bytes(array)
        }
    };
    if iterations == 0 || iterations > MAX_ITERATIONS {
        return Err(StringToKeyError::Iterations(iterations));
    }
    let password = password.expose().as_bytes();
    let length = etype.key_len();
    let temporary = match etype {
        Etype::Aes128Sha1 | Etype::Aes256Sha1 => {
            pbkdf2(&hmac_sha1(password), salt, iterations, length)
        }
        Etype::Aes128Sha256 | Etype::Aes256Sha384 => {
            let salt = [etype.name().as_bytes(), &[0], salt].concat();
            match etype {
                Etype::Aes128Sha256 => {
                    pbkdf2(&derive::hmac256(password), &salt, iterations, length)
                }
                _ => pbkdf2(&derive::hmac384(password), &salt, iterations, length),
            }
        }
    };
    Ok(Key::from_parts(etype, derive::derive(etype, &temporary, b"kerberos", length)))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac_sha1(key: &[u8]) -> Hmac<Sha1> {
    Hmac::new_from_slice(key).expect("any length is a key")
}

/// PBKDF2, RFC 8018 section 5.2.
pub(super) fn pbkdf2<M: Mac + Clone>(
    keyed: &M,
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(length));
    let mut index: u32 = 1;
    while out.len() < length {
        let mut mac = keyed.clone();
        mac.update(salt);
        mac.update(&index.to_be_bytes());
        let mut last = mac.finalize().into_bytes();
        let mut block = Zeroizing::new(last.to_vec());
        for _ in 1..iterations {
            let mut mac = keyed.clone();
            mac.update(&last);
            last = mac.finalize().into_bytes();
            for (octet, other) in block.iter_mut().zip(&last) {
                *octet ^= other;
            }
        }
        last.as_mut_slice().zeroize();
        let wanted = (length - out.len()).min(block.len());
        out.extend_from_slice(&block[..wanted]);
        index += 1;
    }
    out
}
