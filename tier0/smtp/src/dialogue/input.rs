//! Octets that came in and were not used yet.

/// The used part is dropped once it is this long, so that a long pipeline is not moved at every command.
const COMPACT_AT: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Input {
    octets: Vec<u8>,
    start: usize,
}

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.octets.extend_from_slice(bytes);
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.octets.len() - self.start
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.octets.len());
        if self.start == self.octets.len() {
            self.clear();
        } else if self.start >= COMPACT_AT && self.start * 2 >= self.octets.len() {
            self.octets.drain(..self.start);
            self.start = 0;
        }
    }

    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.octets.clear();
        self.octets.shrink_to(COMPACT_AT);
    }
}
