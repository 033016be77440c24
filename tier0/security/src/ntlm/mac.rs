//! HMAC-MD5 over a PDU (MS-NLMP 3.4.4.2) in one pass with RC4 over its body.
//!
//! Each of the two waits for its own last step most of the time: a step of one between two steps of the other costs a third less
//! than one after the other (measured, docs/rpc.md). MD5 is here again for that alone; keys are derived with the library's.

use std::ops::Range;

use zeroize::Zeroize;

use super::crypto::Key;
use super::rc4::Rc4;

/// Octets that MD5 takes at once (RFC 1321 3.4).
const BLOCK: usize = 64;
/// Octets of the sequence number, which stands before the PDU.
const SEQUENCE: usize = 4;
/// Octets of the count of bits at the end (RFC 1321 3.2).
const COUNT: usize = 8;

/// Which way the body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From clear to sealed: hashed before it is encrypted.
    Seal,
    /// From sealed to clear: decrypted before it is hashed.
    Unseal,
}

/// A key of HMAC-MD5, worked into the two hashes once (RFC 2104 section 4).
pub(super) struct Mac {
    inner: State,
    outer: State,
}

/// MD5 between two blocks (RFC 1321 3.3).
#[derive(Clone, Copy)]
struct State([u32; 4]);

impl Mac {
    pub(super) fn new(key: &Key) -> Self {
        let padded = |with: u8| {
            let mut block = [with; BLOCK];
            for (octet, key) in block.iter_mut().zip(key.iter()) {
                *octet ^= key;
            }
            let mut state = State::new();
            state.block(&words(&block));
            block.zeroize();
            state
        };
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// The code of sequence number and PDU, both in the clear.
    pub(super) fn code(&self, sequence: u32, pdu: &[u8]) -> [u8; 16] {
        let mut state = self.inner;
        let Some((first, rest)) = pdu.split_at_checked(BLOCK - SEQUENCE) else {
            return self.end(state, &Head::new(sequence, pdu), pdu.len());
        };
        state.block(&words(&Head::new(sequence, first).block));
        let (blocks, rest) = rest.as_chunks::<BLOCK>();
        for block in blocks {
            state.block(&words(block));
        }
        self.end(state, &Head::bare(rest), pdu.len())
    }

    /// The code of sequence number and PDU in the clear, while `cipher` goes over the `body` of the PDU.
    pub(super) fn code_and_apply(
        &self,
        sequence: u32,
        pdu: &mut [u8],
        body: Range<usize>,
        cipher: &mut Rc4,
        way: Way,
    ) -> [u8; 16] {
        let length = pdu.len();
        let mut state = self.inner;
        // Where the cipher is, and how far is hashed.
        let (mut at, mut hashed) = (body.start, 0);
        let mut end = BLOCK - SEQUENCE;
        while end <= length {
            let reached = end.min(body.end);
            if way == Way::Unseal && at < reached {
                // What was not decrypted beside the block before.
                cipher.apply(&mut pdu[at..reached]);
                at = reached;
            }
            let block = match pdu[hashed..end].first_chunk() {
                Some(block) => words(block),
                None => words(&Head::new(sequence, &pdu[..end]).block),
            };
            let until = if way == Way::Seal { reached } else { body.end };
            match pdu.get_mut(at..until).and_then(|part| part.first_chunk_mut()) {
                Some(part) => {
                    state.block_and_apply(&block, part, cipher);
                    at += BLOCK;
                }
                None => state.block(&block),
            }
            hashed = end;
            end += BLOCK;
        }
        if way == Way::Unseal && at < body.end {
            cipher.apply(&mut pdu[at..body.end]);
        }
        let last = if hashed == 0 { Head::new(sequence, pdu) } else { Head::bare(&pdu[hashed..]) };
        let code = self.end(state, &last, length);
        if way == Way::Seal && at < body.end {
            cipher.apply(&mut pdu[at..body.end]);
        }
        code
    }

    /// The end of the inner hash behind all whole blocks, and the outer one.
    fn end(&self, mut inner: State, last: &Head, pdu: usize) -> [u8; 16] {
        inner.finish(last, BLOCK + SEQUENCE + pdu);
        let mut outer = self.outer;
        let digest = inner.octets();
        outer.finish(&Head::bare(&digest), BLOCK + digest.len());
        outer.octets()
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        self.inner.0.zeroize();
        self.outer.0.zeroize();
    }
}

/// A block that is not full, or just full.
struct Head {
    block: [u8; BLOCK],
    length: usize,
}

impl Head {
    /// The first one of a message: the sequence number and what follows it.
    fn new(sequence: u32, pdu: &[u8]) -> Self {
        let mut head = Self { block: [0; BLOCK], length: SEQUENCE + pdu.len() };
        head.block[..SEQUENCE].copy_from_slice(&sequence.to_le_bytes());
        head.block[SEQUENCE..head.length].copy_from_slice(pdu);
        head
    }

    fn bare(octets: &[u8]) -> Self {
        let mut head = Self { block: [0; BLOCK], length: octets.len() };
        head.block[..octets.len()].copy_from_slice(octets);
        head
    }
}

impl State {
    fn new() -> Self {
        Self([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476])
    }

    fn block(&mut self, words: &[u32; 16]) {
        self.steps(words, |_| {});
    }

    /// One block, and as many octets of the cipher's stream on `part`.
    fn block_and_apply(&mut self, words: &[u32; 16], part: &mut [u8; BLOCK], cipher: &mut Rc4) {
        let mut stream = cipher.octets();
        self.steps(words, |step| part[step] ^= stream.next());
    }

    /// Padding and count (RFC 1321 3.1, 3.2) behind what is left of a message of `length` octets.
    fn finish(&mut self, last: &Head, length: usize) {
        let mut block = last.block;
        block[last.length] = 0x80;
        if last.length >= BLOCK - COUNT {
            self.block(&words(&block));
            block = [0; BLOCK];
        }
        let bits = u64::try_from(length).unwrap_or(u64::MAX).wrapping_mul(8);
        block[BLOCK - COUNT..].copy_from_slice(&bits.to_le_bytes());
        self.block(&words(&block));
    }

    fn octets(self) -> [u8; 16] {
        let mut octets = [0; 16];
        for (four, word) in octets.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            *four = word.to_le_bytes();
        }
        octets
    }
}

/// The words of a block, the lowest octet first.
fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, octets) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*octets);
    }
    words
}

/// The constants of RFC 1321 3.4: the integer part of 2^32 times the absolute sine of each step's number.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// By how many bits each step of a round turns.
const TURNS: [u32; 16] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

/// The 64 steps of RFC 1321 3.4 written out, so that everything but words and state is a constant.
macro_rules! written_out {
    ($state:ident, $words:ident, $beside:ident, $($step:literal)*) => {$({
        $beside($step);
        let [a, b, c, d] = $state;
        let (mixed, word) = match $step / 16 {
            0 => (d ^ (b & (c ^ d)), $step),
            1 => ((d & b) | (!d & c), 5 * $step + 1),
            2 => (b ^ c ^ d, 3 * $step + 5),
            _ => (c ^ (b | !d), 7 * $step),
        };
        let sum = a.wrapping_add(mixed).wrapping_add($words[word % 16]).wrapping_add(SINES[$step]);
        let turned = sum.rotate_left(TURNS[$step / 16 * 4 + $step % 4]);
        $state = [d, b.wrapping_add(turned), b, c];
    })*};
}

impl State {
    /// The steps over one block, with `beside` before each.
    fn steps(&mut self, words: &[u32; 16], mut beside: impl FnMut(usize)) {
        let mut state = self.0;
        written_out!(state, words, beside,
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
            61 62 63);
        for (word, more) in self.0.iter_mut().zip(state) {
            *word = word.wrapping_add(more);
        }
    }
}
