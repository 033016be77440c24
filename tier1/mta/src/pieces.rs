//! Transport service data units in numbered pieces, as the RPC carrier takes them.

use std::collections::VecDeque;

use crate::rpc_interface::Piece;

/// Octets of one unit that this side joins: far above RTSE's largest segment of 65,535 KiB
/// checkpoints would allow, the checkpoint that we accept is at most 1,024 KiB.
const MAX_UNIT: usize = 4 * 1024 * 1024;

/// A piece that does not fit the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    #[error("expected piece {expected}, got piece {got}")]
    OutOfOrder { expected: u32, got: u32 },
    #[error("transport service data unit over the limit of {limit} octets")]
    TooLong { limit: usize },
}

/// Cuts units into pieces.
#[derive(Debug)]
pub struct Splitter {
    max_piece: usize,
    next: u32,
    unit: Vec<u8>,
    sent: usize,
    waiting: VecDeque<Vec<u8>>,
}

impl Splitter {
    /// Pieces of at most `max_piece` octets, which is not zero.
    #[must_use]
    pub fn new(max_piece: usize) -> Self {
        Self {
            max_piece: max_piece.max(1),
            next: 0,
            unit: Vec::new(),
            sent: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Adds a unit to be sent.
    pub fn push(&mut self, unit: Vec<u8>) {
        self.waiting.push_back(unit);
    }

    /// The next piece.
    pub fn poll(&mut self) -> Option<Piece> {
        if self.sent == self.unit.len() {
            self.unit = self.waiting.pop_front()?;
            self.sent = 0;
        }
        let stop = self.unit.len().min(self.sent + self.max_piece);
        let octets = self.unit[self.sent..stop].to_vec();
        self.sent = stop;
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        Some(Piece { sequence, end: stop == self.unit.len(), octets })
    }
}

/// Joins pieces to units.
#[derive(Debug, Default)]
pub struct Joiner {
    next: u32,
    unit: Vec<u8>,
}

impl Joiner {
    /// Takes a piece; gives the unit that it completes.
    ///
    /// # Errors
    /// The piece is out of order or makes the unit too long.
    pub fn take(&mut self, piece: &Piece) -> Result<Option<Vec<u8>>, PieceError> {
        if piece.sequence != self.next {
            return Err(PieceError::OutOfOrder { expected: self.next, got: piece.sequence });
        }
        if self.unit.len() + piece.octets.len() > MAX_UNIT {
            return Err(PieceError::TooLong { limit: MAX_UNIT });
        }
        self.next = self.next.wrapping_add(1);
        self.unit.extend_from_slice(&piece.octets);
        Ok(piece.end.then(|| std::mem::take(&mut self.unit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_survive_every_piece_size() {
        let units: Vec<Vec<u8>> = [1_u8, 5, 16, 17, 40].map(|n| vec![n; usize::from(n)]).to_vec();
        for size in [1, 3, 16, 100] {
            let (mut splitter, mut joiner) = (Splitter::new(size), Joiner::default());
            units.iter().cloned().for_each(|unit| splitter.push(unit));
            let mut joined = Vec::new();
            while let Some(piece) = splitter.poll() {
                assert!(piece.octets.len() <= size);
                joined.extend(joiner.take(&piece).unwrap());
            }
            assert_eq!(joined, units, "pieces of {size}");
        }
    }

    #[test]
    fn lost_and_repeated_pieces_are_noticed() {
        let mut joiner = Joiner::default();
        let piece = |sequence| Piece { sequence, end: false, octets: vec![0; 10] };
        joiner.take(&piece(0)).unwrap();
        for got in [0, 2] {
            let expected = PieceError::OutOfOrder { expected: 1, got };
            assert_eq!(joiner.take(&piece(got)), Err(expected));
        }
    }

    #[test]
    fn an_endless_unit_is_refused() {
        let mut joiner = Joiner::default();
        let refused = (0..).find_map(|sequence| {
            joiner.take(&Piece { sequence, end: false, octets: vec![0; 262_144] }).err()
        });
        assert_eq!(refused, Some(PieceError::TooLong { limit: MAX_UNIT }));
    }
}
