//! Encrypting with integrity, and checksums, under one key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::cts::{BLOCK, Cipher};
use super::derive::{self, Purpose};
use crate::Etype;

/// A key with its encryption type; wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    etype: Etype,
    octets: Zeroizing<Vec<u8>>,
}

/// Octets that are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An encryption type that is not spoken here.
    #[error("{} is not supported, only AES is", crate::etype_name(*.0))]
    Etype(i32),
    /// The wrong count of octets.
    #[error("a key of {etype} has {} octets, not {got}", etype.key_len())]
    Length {
        /// The encryption type.
        etype: Etype,
        /// The octets that came.
        got: usize,
    },
}

/// A ciphertext or checksum that this key did not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the integrity check failed: another key, or the octets were changed")]
pub struct Wrong;

impl Key {
    /// A key of these octets.
    ///
    /// # Errors
    /// [`KeyError`] for another encryption type than AES, or the wrong length.
    pub fn new(etype: i32, octets: &[u8]) -> Result<Self, KeyError> {
        let etype = Etype::from_number(etype).ok_or(KeyError::Etype(etype))?;
        if octets.len() != etype.key_len() {
            return Err(KeyError::Length { etype, got: octets.len() });
        }
        Ok(Self { etype, octets: Zeroizing::new(octets.to_vec()) })
    }

    /// A key made from random octets (RFC 3962 section 6: random-to-key is the identity).
    #[must_use]
    pub fn from_random(etype: Etype, random: &[u8; 32]) -> Self {
        Self { etype, octets: Zeroizing::new(random[..etype.key_len()].to_vec()) }
    }

    pub(super) fn from_parts(etype: Etype, octets: Zeroizing<Vec<u8>>) -> Self {
        Self { etype, octets }
    }

    /// Its encryption type.
    #[must_use]
    pub fn etype(&self) -> Etype {
        self.etype
    }

    /// The octets, to be written into a message or a file.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.octets
    }

    /// The keys for one usage, ready to work.
    #[must_use]
    pub fn for_usage(&self, usage: u32) -> UsageKeys {
        let derived = |purpose| derive::usage_key(self.etype, &self.octets, usage, purpose);
        UsageKeys {
            etype: self.etype,
            cipher: Cipher::new(&derived(Purpose::Encryption)),
            integrity: MacKey::new(self.etype, &derived(Purpose::Integrity)),
            checksum: MacKey::new(self.etype, &derived(Purpose::Checksum)),
        }
    }

    /// Encrypts with integrity: confounder, plain octets, integrity code.
    #[must_use]
    pub fn encrypt(&self, usage: u32, confounder: [u8; BLOCK], plain: &[u8]) -> Vec<u8> {
        let mut body = plain.to_vec();
        let sealed = self.for_usage(usage).seal(confounder, &[], &mut body, &[], &[]);
        [&sealed.confounder[..], &body, &sealed.mac].concat()
    }

    /// Decrypts what [`Self::encrypt`] made.
    ///
    /// # Errors
    /// [`Wrong`] when another key made it, or it was changed.
    pub fn decrypt(&self, usage: u32, cipher: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong> {
        let mac_len = self.etype.mac_len();
        if cipher.len() < BLOCK + mac_len {
            return Err(Wrong);
        }
        let (body, mac) = cipher.split_at(cipher.len() - mac_len);
        let (confounder, body) = body.split_at(BLOCK);
        let mut plain = Zeroizing::new(body.to_vec());
        let keys = self.for_usage(usage);
        keys.unseal(confounder, &[], &mut plain, &[], &[], mac)?;
        Ok(plain)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.etype)
    }
}

/// The keys for one usage.
#[derive(Clone)]
pub struct UsageKeys {
    etype: Etype,
    cipher: Cipher,
    integrity: MacKey,
    checksum: MacKey,
}

/// What sealing gives beside the body, which is encrypted in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The confounder, encrypted.
    pub confounder: [u8; BLOCK],
    /// What was hidden behind the body, encrypted.
    pub tail: Vec<u8>,
    /// The integrity code.
    pub mac: Vec<u8>,
}

impl UsageKeys {
    /// The encryption type.
    #[must_use]
    pub fn etype(&self) -> Etype {
        self.etype
    }

    /// Encrypts confounder, `body` (in place) and `tail` as one text, and signs them with what stands in clear around
    /// the body (MS-KILE 3.4.5.4.1).
    pub fn seal(
        &self,
        confounder: [u8; BLOCK],
        before: &[u8],
        body: &mut [u8],
        after: &[u8],
        tail: &[u8],
    ) -> Sealed {
        let mut text = Zeroizing::new([&confounder[..], body, tail].concat());
        let mac_in_clear = (!self.etype.encrypt_then_mac())
            .then(|| self.integrity.compute(&[&confounder[..], before, body, after, tail]));
        self.cipher.encrypt(&mut text);
        let (head, rest) = text.split_at(BLOCK);
        let (hidden, end) = rest.split_at(body.len());
        body.copy_from_slice(hidden);
        let mac = mac_in_clear.unwrap_or_else(|| {
            self.integrity.compute(&[&[0; BLOCK], head, before, body, after, end])
        });
        let mut sealed = [0; BLOCK];
        sealed.copy_from_slice(head);
        Sealed { confounder: sealed, tail: end.to_vec(), mac }
    }

    /// Decrypts what [`Self::seal`] made, `body` in place, and gives the tail; on error the body is wiped.
    ///
    /// # Errors
    /// [`Wrong`] when the integrity code is another one.
    pub fn unseal(
        &self,
        confounder: &[u8],
        before: &[u8],
        body: &mut [u8],
        after: &[u8],
        tail: &[u8],
        mac: &[u8],
    ) -> Result<Vec<u8>, Wrong> {
        if confounder.len() != BLOCK {
            body.zeroize();
            return Err(Wrong);
        }
        let mut text = Zeroizing::new([confounder, body, tail].concat());
        let mac_of_cipher = self
            .etype
            .encrypt_then_mac()
            .then(|| self.integrity.compute(&[&[0; BLOCK], confounder, before, body, after, tail]));
        self.cipher.decrypt(&mut text);
        let (head, rest) = text.split_at(BLOCK);
        let (plain, end) = rest.split_at(body.len());
        let expected = mac_of_cipher
            .unwrap_or_else(|| self.integrity.compute(&[head, before, plain, after, end]));
        if !bool::from(expected.ct_eq(mac)) {
            body.zeroize();
            return Err(Wrong);
        }
        body.copy_from_slice(plain);
        Ok(end.to_vec())
    }

    /// A checksum over the parts joined.
    #[must_use]
    pub fn checksum(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.checksum.compute(parts)
    }

    /// Checks a checksum.
    ///
    /// # Errors
    /// [`Wrong`] when it is another one.
    pub fn verify(&self, parts: &[&[u8]], checksum: &[u8]) -> Result<(), Wrong> {
        if bool::from(self.checksum.compute(parts).ct_eq(checksum)) { Ok(()) } else { Err(Wrong) }
    }
}

/// A key of HMAC, its first blocks already hashed.
#[derive(Clone)]
enum MacKey {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

impl MacKey {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn new(etype: Etype, key: &[u8]) -> Self {
        match etype {
            Etype::Aes128Sha1 | Etype::Aes256Sha1 => {
                Self::Sha1(Hmac::new_from_slice(key).expect("any length is a key"))
            }
            Etype::Aes128Sha256 => Self::Sha256(derive::hmac256(key)),
            Etype::Aes256Sha384 => Self::Sha384(derive::hmac384(key)),
        }
    }

    fn compute(&self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => finish(mac.clone(), parts, 12),
            Self::Sha256(mac) => finish(mac.clone(), parts, 16),
            Self::Sha384(mac) => finish(mac.clone(), parts, 24),
        }
    }
}

fn finish<M: Mac>(mut mac: M, parts: &[&[u8]], length: usize) -> Vec<u8> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()[..length].to_vec()
}
