//! AES in CBC mode with ciphertext stealing, initial vector zero (RFC 3962 section 5, RFC 2040 section 8).

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256, Block};

pub(super) const BLOCK: usize = 16;

/// The key schedule of one key.
#[derive(Clone)]
pub(super) enum Cipher {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

impl Cipher {
    /// A key of 16 octets, or of 32.
    #[expect(clippy::expect_used, reason = "the lengths are looked at here")]
    pub(super) fn new(key: &[u8]) -> Self {
        if key.len() == 16 {
            Self::Aes128(Box::new(Aes128::new_from_slice(key).expect("16 octets")))
        } else {
            Self::Aes256(Box::new(Aes256::new_from_slice(key).expect("32 octets")))
        }
    }

    pub(super) fn encrypt_block(&self, octets: &mut [u8; BLOCK]) {
        let mut block = Block::from(*octets);
        match self {
            Self::Aes128(aes) => aes.encrypt_block(&mut block),
            Self::Aes256(aes) => aes.encrypt_block(&mut block),
        }
        *octets = block.into();
    }

    fn decrypt_block(&self, octets: &mut [u8; BLOCK]) {
        let mut block = Block::from(*octets);
        match self {
            Self::Aes128(aes) => aes.decrypt_block(&mut block),
            Self::Aes256(aes) => aes.decrypt_block(&mut block),
        }
        *octets = block.into();
    }

    /// Encrypts in place. `data` has a block at least.
    pub(super) fn encrypt(&self, data: &mut [u8]) {
        let mut previous = [0; BLOCK];
        let tail = data.len() % BLOCK;
        let whole = data.len() - tail;
        for chunk in data[..whole].chunks_exact_mut(BLOCK) {
            let mut block = block_of(chunk);
            xor(&mut block, &previous);
            self.encrypt_block(&mut block);
            chunk.copy_from_slice(&block);
            previous = block;
        }
        if tail == 0 {
            // The last two change places even where nothing is stolen.
            if whole >= 2 * BLOCK {
                let (front, last) = data.split_at_mut(whole - BLOCK);
                front[whole - 2 * BLOCK..].swap_with_slice(last);
            }
            return;
        }
        let mut block = [0; BLOCK];
        block[..tail].copy_from_slice(&data[whole..]);
        xor(&mut block, &previous);
        self.encrypt_block(&mut block);
        data[whole - BLOCK..whole].copy_from_slice(&block);
        data[whole..].copy_from_slice(&previous[..tail]);
    }

    /// Decrypts in place. `data` has a block at least.
    pub(super) fn decrypt(&self, data: &mut [u8]) {
        let length = data.len();
        if length <= BLOCK {
            self.decrypt_chain(data, [0; BLOCK]);
            return;
        }
        // What lies before the last two blocks is plain CBC.
        let tail = match length % BLOCK {
            0 => BLOCK,
            other => other,
        };
        let pair = length - BLOCK - tail;
        let previous = if pair == 0 { [0; BLOCK] } else { block_of(&data[pair - BLOCK..pair]) };
        let mut last = block_of(&data[pair..pair + BLOCK]);
        self.decrypt_block(&mut last);
        let mut stolen = last;
        stolen[..tail].copy_from_slice(&data[pair + BLOCK..]);
        xor(&mut last, &stolen);
        self.decrypt_block(&mut stolen);
        xor(&mut stolen, &previous);
        self.decrypt_chain(&mut data[..pair], [0; BLOCK]);
        data[pair..pair + BLOCK].copy_from_slice(&stolen);
        data[pair + BLOCK..].copy_from_slice(&last[..tail]);
    }

    fn decrypt_chain(&self, data: &mut [u8], mut previous: [u8; BLOCK]) {
        for chunk in data.chunks_exact_mut(BLOCK) {
            let cipher = block_of(chunk);
            let mut block = cipher;
            self.decrypt_block(&mut block);
            xor(&mut block, &previous);
            chunk.copy_from_slice(&block);
            previous = cipher;
        }
    }
}

fn block_of(octets: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.copy_from_slice(octets);
    block
}

fn xor(block: &mut [u8; BLOCK], with: &[u8; BLOCK]) {
    for (octet, other) in block.iter_mut().zip(with) {
        *octet ^= other;
    }
}
