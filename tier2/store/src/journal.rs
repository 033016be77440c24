//! The engine's journals, looked at before the engine is opened.
//!
//! The engine takes the first thing in a journal that it cannot read for the torn end of the last write, cuts the file
//! there and goes on. That is right for a torn end and loses mail without a word where one octet in the middle went bad:
//! everything behind it is cut off. So the journals are read here first; damage with whole batches behind it stops the
//! opening, and a repair takes the damaged octets out and keeps the batches on both sides.
//!
//! Layout (fjall 3): a batch is a start (1, count u32, sequence u64), its items (2, kind u8, compression u8, keyspace u64,
//! key length u16, value length u32, stored length u32, key, value; or 4, keyspace u64), and an end (3, xxh3 of all items
//! u64, magic). All numbers are little-endian.

use crate::error::StoreError;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const MAGIC: &[u8] = &[b'F', b'J', b'L', 3];

/// What stands in one journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Whole batches, in order.
    pub(crate) batches: Vec<Range<usize>>,
    /// Octets between them that are no batch.
    pub(crate) damage: Vec<Range<usize>>,
    /// Batches whose sequence number is out of order, and the one that fits; the engine's sum does not cover it.
    pub(crate) renumbered: Vec<(usize, u64)>,
}

impl Scan {
    /// Every place where the octets are not those that were written.
    pub(crate) fn places(&self) -> Vec<Range<usize>> {
        let numbers = self.renumbered.iter().filter_map(|(index, _)| {
            let start = self.batches.get(*index)?.start + SEQUENCE;
            Some(start..start + 8)
        });
        let mut places: Vec<Range<usize>> = self.damage.iter().cloned().chain(numbers).collect();
        places.sort_by_key(|place| place.start);
        places
    }
}

/// Where the sequence number stands in a batch.
const SEQUENCE: usize = 5;

/// A journal with damage.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) path: PathBuf,
    pub(crate) scan: Scan,
}

/// Every journal of a directory that has damage with whole batches behind it.
pub(crate) fn damaged(dir: &Path) -> Result<Vec<Damaged>, StoreError> {
    let failed = |error| StoreError::io(dir, "reading the journals", error);
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let scan = scan(&std::fs::read(&path).map_err(failed)?);
            if !scan.places().is_empty() {
                found.push(Damaged { path, scan });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Writes a journal anew without its damage.
pub(crate) fn cut_out(damaged: &Damaged) -> std::io::Result<()> {
    let octets = std::fs::read(&damaged.path)?;
    let fresh = damaged.path.with_extension("renewed");
    let mut to = OpenOptions::new().write(true).create(true).truncate(true).open(&fresh)?;
    for (index, batch) in damaged.scan.batches.iter().enumerate() {
        let mut batch = octets.get(batch.clone()).unwrap_or_default().to_vec();
        if let Some((_, number)) = damaged.scan.renumbered.iter().find(|(other, _)| *other == index)
            && let Some(place) = batch.get_mut(SEQUENCE..SEQUENCE + 8)
        {
            place.copy_from_slice(&number.to_le_bytes());
        }
        to.write_all(&batch)?;
    }
    to.sync_all()?;
    std::fs::rename(&fresh, &damaged.path)?;
    match damaged.path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads a journal. What follows the last whole batch is a torn end or room that was set aside, and no damage.
pub(crate) fn scan(octets: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    let mut lost_at = None;
    while at < octets.len() {
        if let Some(end) = batch_at(octets, at) {
            if let Some(lost_at) = lost_at.take() {
                scan.damage.push(lost_at..at);
            }
            scan.batches.push(at..end);
            at = end;
        } else {
            lost_at = lost_at.or(Some(at));
            let next = octets[at + 1..].iter().position(|octet| *octet == START);
            at = next.map_or(octets.len(), |next| at + 1 + next);
        }
    }
    renumber(octets, &mut scan);
    scan
}

/// Numbers grow from batch to batch. One that does not fit its neighbours is replaced by one that does, so that the
/// order of the batches stays that of the journal.
fn renumber(octets: &[u8], scan: &mut Scan) {
    let number = |batch: &Range<usize>| {
        Reader { octets, at: batch.start + SEQUENCE }.number::<8>().unwrap_or(0)
    };
    let numbers: Vec<u64> = scan.batches.iter().map(number).collect();
    let mut last: Option<u64> = None;
    for (index, number) in numbers.iter().copied().enumerate() {
        let least = last.map_or(0, |last| last.saturating_add(1));
        let next = numbers.get(index + 1).copied().filter(|next| *next > least);
        let fits = number >= least && next.is_none_or(|next| number < next);
        if !fits {
            scan.renumbered.push((index, least));
        }
        last = Some(if fits { number } else { least });
    }
}

/// The end of the whole batch that begins here.
fn batch_at(octets: &[u8], at: usize) -> Option<usize> {
    let mut reader = Reader { octets, at };
    if reader.number::<1>()? != u64::from(START) {
        return None;
    }
    let count = reader.number::<4>()?;
    reader.skip(8)?;
    let items = reader.at;
    for _ in 0..count {
        let tag = reader.number::<1>()?;
        if tag == u64::from(CLEAR) {
            reader.skip(8)?;
        } else if tag == u64::from(ITEM) {
            reader.skip(2 + 8)?;
            let key = reader.length::<2>()?;
            reader.skip(4)?;
            let value = reader.length::<4>()?;
            reader.skip(key)?;
            reader.skip(value)?;
        } else {
            return None;
        }
    }
    let sum = xxh3_64(octets.get(items..reader.at)?);
    if reader.number::<1>()? != u64::from(END) || reader.number::<8>()? != sum {
        return None;
    }
    let magic = reader.at;
    reader.skip(MAGIC.len())?;
    (octets.get(magic..reader.at)? == MAGIC).then_some(reader.at)
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number<const N: usize>(&mut self) -> Option<u64> {
        let octets = self.octets.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(octets);
        Some(u64::from_le_bytes(wide))
    }

    fn length<const N: usize>(&mut self) -> Option<usize> {
        usize::try_from(self.number::<N>()?).ok()
    }

    fn skip(&mut self, octets: usize) -> Option<()> {
        let end = self.at.checked_add(octets)?;
        (end <= self.octets.len()).then(|| self.at = end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut items = vec![ITEM, 0, 0];
        items.extend(7_u64.to_le_bytes());
        items.extend(u16::try_from(key.len()).unwrap().to_le_bytes());
        items.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        items.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        items.extend(key);
        items.extend(value);
        let mut all = vec![START];
        all.extend(1_u32.to_le_bytes());
        all.extend((1000 + u64::from(key[0])).to_le_bytes());
        let sum = xxh3_64(&items);
        all.extend(items);
        all.push(END);
        all.extend(sum.to_le_bytes());
        all.extend(MAGIC);
        all
    }

    #[test]
    fn every_single_octet_of_damage_is_found_and_costs_one_batch() {
        let (a, b, c) = (batch(b"a", b"1"), batch(b"bb", b"22"), batch(b"c", b"3"));
        let whole = [a.clone(), b.clone(), c.clone(), vec![0; 100]].concat();
        let ends = [a.len(), a.len() + b.len(), a.len() + b.len() + c.len()];
        assert_eq!(scan(&whole).batches, [0..ends[0], ends[0]..ends[1], ends[1]..ends[2]]);
        assert!(scan(&whole).damage.is_empty());
        for at in 0..ends[1] {
            for bit in 0..8 {
                let mut bad = whole.clone();
                bad[at] ^= 1 << bit;
                let found = scan(&bad);
                if [0, ends[0]].iter().any(|start| (start + 5..start + 13).contains(&at)) {
                    // The number of a batch: the batch stays, and its place in the order with it.
                    assert_eq!(found.batches.len(), 3, "octet {at}");
                    let mut last = None;
                    for (index, batch) in found.batches.iter().enumerate() {
                        let fixed = found.renumbered.iter().find(|(other, _)| *other == index);
                        let mut reader = Reader { octets: &bad, at: batch.start + SEQUENCE };
                        let number =
                            fixed.map_or_else(|| reader.number::<8>().unwrap(), |(_, new)| *new);
                        assert!(last < Some(number), "octet {at} bit {bit}");
                        last = Some(number);
                    }
                    continue;
                }
                assert_eq!(found.batches.len(), 2, "octet {at}");
                assert_eq!(found.damage.len(), 1, "octet {at}");
                assert!(found.damage[0].contains(&at));
            }
        }
        // In the last batch it cannot be told from a torn end.
        for at in (ends[1]..ends[2]).filter(|at| !(ends[1] + 5..ends[1] + 13).contains(at)) {
            let mut torn = whole.clone();
            torn[at] ^= 0x10;
            assert_eq!((scan(&torn).batches.len(), scan(&torn).damage.len()), (2, 0));
        }
    }
}
