//! Derived keys: RFC 3961 section 5.1 with n-fold, RFC 8009 section 3.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

use super::cts::{BLOCK, Cipher};
use crate::Etype;

/// Which of the three keys of a usage (RFC 3961 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Encryption,
    Integrity,
    Checksum,
}

impl Purpose {
    const fn octet(self) -> u8 {
        match self {
            Self::Encryption => 0xaa,
            Self::Integrity => 0x55,
            Self::Checksum => 0x99,
        }
    }
}

/// The key of `key` for one usage and purpose.
pub(super) fn usage_key(
    etype: Etype,
    key: &[u8],
    usage: u32,
    purpose: Purpose,
) -> Zeroizing<Vec<u8>> {
    let mut constant = [0; 5];
    constant[..4].copy_from_slice(&usage.to_be_bytes());
    constant[4] = purpose.octet();
    let length = match (etype, purpose) {
        (Etype::Aes256Sha384, Purpose::Integrity | Purpose::Checksum) => 24,
        _ => etype.key_len(),
    };
    derive(etype, key, &constant, length)
}

/// DK of RFC 3961 for the older encryption types, KDF-HMAC-SHA2 of RFC 8009 for the newer.
pub(super) fn derive(
    etype: Etype,
    key: &[u8],
    constant: &[u8],
    length: usize,
) -> Zeroizing<Vec<u8>> {
    match etype {
        Etype::Aes128Sha1 | Etype::Aes256Sha1 => dk(key, constant, length),
        Etype::Aes128Sha256 => {
            let mac = hmac256(key);
            kdf(mac, constant, length)
        }
        Etype::Aes256Sha384 => {
            let mac = hmac384(key);
            kdf(mac, constant, length)
        }
    }
}

fn dk(key: &[u8], constant: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let cipher = Cipher::new(key);
    let mut block = [0; BLOCK];
    block.copy_from_slice(&n_fold(constant, BLOCK));
    let mut out = Zeroizing::new(Vec::with_capacity(length.next_multiple_of(BLOCK)));
    while out.len() < length {
        cipher.encrypt_block(&mut block);
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    out
}

/// RFC 8009 section 3: one round is enough, the hash is as long as the longest key.
fn kdf<M: Mac>(mut mac: M, label: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    // No key has over 2^29 octets.
    let bits = u32::try_from(length * 8).unwrap_or(0);
    mac.update(&1u32.to_be_bytes());
    mac.update(label);
    mac.update(&[0]);
    mac.update(&bits.to_be_bytes());
    Zeroizing::new(mac.finalize().into_bytes()[..length].to_vec())
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(super) fn hmac256(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any length is a key")
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(super) fn hmac384(key: &[u8]) -> Hmac<Sha384> {
    Hmac::new_from_slice(key).expect("any length is a key")
}

/// RFC 3961 section 5.1: the input, each copy rotated right by 13 bits, added in ones' complement in pieces of `length`
/// octets.
pub(super) fn n_fold(input: &[u8], length: usize) -> Vec<u8> {
    let total = lcm(input.len(), length);
    let bits = input.len() * 8;
    let mut sum = vec![0u16; length];
    for position in 0..total {
        let (copy, within) = (position / input.len(), position % input.len());
        // Bit 0 is the leading one; the copy is rotated right, so its bits come from further left.
        let start = (within * 8 + bits * 13 - (copy * 13) % bits) % bits;
        let (at, shift) = (start / 8, start % 8);
        let pair = u16::from_be_bytes([input[at], input[(at + 1) % input.len()]]);
        let [octet, _] = (pair << shift).to_be_bytes();
        sum[position % length] += u16::from(octet);
        if sum[position % length] > 0x7fff {
            carry(&mut sum);
        }
    }
    // Ends: each round moves carries up, and a sum of ones' complement settles.
    while sum.iter().any(|octet| *octet > 0xff) {
        carry(&mut sum);
    }
    sum.iter().map(|octet| octet.to_be_bytes()[1]).collect()
}

/// Moves what is over an octet to the next one up, and from the first around to the last.
fn carry(sum: &mut [u16]) {
    let mut over = 0;
    for octet in sum.iter_mut().rev() {
        let value = *octet + over;
        over = value >> 8;
        *octet = value & 0xff;
    }
    if let Some(last) = sum.last_mut() {
        *last += over;
    }
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
