//! TCP streams put together again, and the transport connections in them.

use std::net::SocketAddr;

use osi::observe::{Observed, Observer, Sender, Traced};
use osi::transport::{Tpdu, tpkt};

use super::packet::Segment;

/// Segments of one direction that may wait for one before them; more, and that one was not
/// captured.
const MAX_WAITING: usize = 1000;
/// Half of the sequence space: what is further ahead is behind.
const HALF: u32 = 1 << 31;

/// One TCP connection and what it carries.
pub(super) struct Tcp<'a> {
    /// Who was seen first, who answered.
    pub ends: [SocketAddr; 2],
    directions: [Direction<'a>; 2],
    /// Which of the two calls.
    initiator: usize,
    observer: Observer,
    /// X.400 was recognised in it.
    pub known: bool,
}

/// One direction of a connection.
#[derive(Default)]
struct Direction<'a> {
    /// The sequence number of the next octet.
    next: Option<u32>,
    waiting: Vec<(u32, &'a [u8], usize)>,
    stream: Traced,
    /// Octets of the stream whose packets are done.
    done: usize,
    tsdu: Traced,
    /// Octets were lost or are of something else; what follows is not read.
    dead: bool,
}

impl<'a> Tcp<'a> {
    pub(super) fn new(from: SocketAddr, to: SocketAddr) -> Self {
        let directions = [Direction::default(), Direction::default()];
        let ends = [from, to];
        Self { ends, directions, initiator: 0, observer: Observer::default(), known: false }
    }

    /// Takes a segment and tells what it completes, each with the number of its sending end.
    pub(super) fn take(&mut self, segment: &Segment<'a>) -> Vec<(usize, Observed)> {
        let side = usize::from(segment.from != self.ends[0]);
        self.directions[side].take(segment);
        let mut seen = Vec::new();
        while let Some(tpdu) = self.directions[side].next_tpdu() {
            match tpdu {
                Seen::Call => self.initiator = side,
                Seen::Tsdu(tsdu) => {
                    let initiator = side == self.initiator;
                    let sender = if initiator { Sender::Initiator } else { Sender::Responder };
                    let observed = self.observer.handle_tsdu(sender, &tsdu);
                    self.known |= observed.is_some();
                    seen.extend(observed.map(|observed| (side, observed)));
                }
            }
        }
        seen
    }

    /// What was left when the capture ended.
    pub(super) fn finish(&mut self) -> Vec<Observed> {
        self.observer.finish()
    }

    /// The direction of which octets are missing, and where in the file that shows.
    pub(super) fn gap(&self) -> Option<(usize, usize)> {
        self.directions.iter().enumerate().find_map(|(side, direction)| {
            let first = direction.waiting.iter().map(|(_, _, offset)| *offset).min()?;
            Some((side, first))
        })
    }
}

enum Seen {
    /// A connection request: who sent it is the initiator.
    Call,
    Tsdu(Traced),
}

impl<'a> Direction<'a> {
    fn take(&mut self, segment: &Segment<'a>) {
        let mut sequence = segment.sequence;
        if segment.syn {
            sequence = sequence.wrapping_add(1);
            if self.stream.octets().is_empty() {
                self.next = Some(sequence);
            }
        }
        if segment.data.is_empty() || self.dead {
            return;
        }
        // A capture that begins in the middle: its first segment counts as the first.
        self.next.get_or_insert(sequence);
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push((sequence, segment.data, segment.offset));
        }
        while let Some(at) = self.waiting.iter().position(|waiting| self.overlap(waiting).is_some())
        {
            let waiting = self.waiting.swap_remove(at);
            let (_, data, offset) = waiting;
            let Some(seen) = self.overlap(&waiting) else { continue };
            let Some(new) = data.get(seen..).filter(|new| !new.is_empty()) else { continue };
            self.stream.push(new, offset + seen);
            let length = u32::try_from(new.len()).unwrap_or(0);
            self.next = self.next.map(|next| next.wrapping_add(length));
        }
    }

    /// How many octets of a waiting segment were seen already; `None` when octets before it are
    /// missing.
    fn overlap(&self, (sequence, ..): &(u32, &[u8], usize)) -> Option<usize> {
        let behind = self.next?.wrapping_sub(*sequence);
        (behind < HALF).then(|| usize::try_from(behind).ok())?
    }

    fn next_tpdu(&mut self) -> Option<Seen> {
        while !self.dead {
            let start = self.done;
            let (end, tpdu) = match tpkt::decode(&self.stream.octets()[start..]) {
                Ok(Some((tpdu, used))) => (start + used, Tpdu::decode(tpdu)),
                Ok(None) => return None,
                Err(_) => {
                    self.dead = true;
                    return None;
                }
            };
            let Ok(tpdu) = tpdu else {
                self.dead = true;
                return None;
            };
            self.done = end;
            match tpdu {
                Tpdu::Data { end: last, data } => {
                    let from = end - data.len();
                    self.tsdu.append(&self.stream, from..end);
                    if last {
                        return Some(Seen::Tsdu(std::mem::take(&mut self.tsdu)));
                    }
                }
                Tpdu::ConnectionRequest(_) => return Some(Seen::Call),
                _ => {}
            }
        }
        None
    }
}
