//! RC4, with which NTLM seals (MS-NLMP 3.4.3): much of what a sealed call costs, so it is written for speed. Nothing else may
//! use it: outside NTLM, which knows nothing better, RC4 protects nobody.

use zeroize::Zeroize;

/// The cipher at a place of its stream; the same operation encrypts and decrypts.
pub(super) struct Rc4 {
    /// A permutation of 0 to 255. Words are loaded and stored faster than octets.
    state: [u32; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let mut state = [0; 256];
        for (entry, value) in state.iter_mut().zip(0..) {
            *entry = value;
        }
        let mut j = 0_u8;
        for (i, key) in (0..=u8::MAX).zip(key.iter().cycle()) {
            j = j.wrapping_add(octet(state[usize::from(i)])).wrapping_add(*key);
            state.swap(usize::from(i), usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    /// Goes on in the stream over `data`.
    pub(super) fn apply(&mut self, data: &mut [u8]) {
        let mut stream = self.octets();
        let (chunks, rest) = data.as_chunks_mut::<8>();
        for chunk in chunks {
            let mut key = [0; 8];
            for octet in &mut key {
                *octet = stream.next();
            }
            for (octet, key) in chunk.iter_mut().zip(key) {
                *octet ^= key;
            }
        }
        for octet in rest {
            *octet ^= stream.next();
        }
    }

    /// The stream from here, octet by octet.
    pub(super) fn octets(&mut self) -> Octets<'_> {
        let Self { i, j, .. } = *self;
        let entry = self.state[usize::from(i.wrapping_add(1))];
        Octets { cipher: self, i, j, entry }
    }
}

/// The stream of a cipher, which goes on from where this ends. Its place is held here, not behind the reference: it would be
/// stored at every step.
pub(super) struct Octets<'a> {
    cipher: &'a mut Rc4,
    i: u8,
    j: u8,
    /// The entry of the next step, loaded before this step stores: the loads need not wait for the stores then.
    entry: u32,
}

impl Octets<'_> {
    pub(super) fn next(&mut self) -> u8 {
        let state = &mut self.cipher.state;
        let entry = self.entry;
        self.i = self.i.wrapping_add(1);
        self.j = self.j.wrapping_add(octet(entry));
        let after = self.i.wrapping_add(1);
        let other = state[usize::from(self.j)];
        let ahead = state[usize::from(after)];
        // Unless this step stores just there.
        self.entry = if self.j == after { entry } else { ahead };
        state[usize::from(self.i)] = other;
        state[usize::from(self.j)] = entry;
        octet(state[usize::from(octet(entry.wrapping_add(other)))])
    }
}

impl Drop for Octets<'_> {
    fn drop(&mut self) {
        self.cipher.i = self.i;
        self.cipher.j = self.j;
    }
}

impl Drop for Rc4 {
    fn drop(&mut self) {
        self.state.zeroize();
        self.i.zeroize();
        self.j.zeroize();
    }
}

/// The lowest octet, which is all there is of an entry.
fn octet(entry: u32) -> u8 {
    entry.to_le_bytes()[0]
}
