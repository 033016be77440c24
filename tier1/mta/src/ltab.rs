//! The locality table (LTAB): one row for each RPC association, so two for a pair of servers
//! that both call.
//!
//! A row outlives its association: it keeps the last error until the same peer and direction
//! are tried again, since an operator looks at the table when nothing works.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which side called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// This server called.
    Out,
    /// The peer called.
    In,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::In => "in",
        })
    }
}

/// How far one of the two binds is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BindState {
    None,
    Waiting,
    Bound,
    Refused,
}

impl fmt::Display for BindState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Bound => "bound",
            Self::Refused => "refused",
        })
    }
}

/// How far the association is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Opening,
    Open,
    Closed,
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Failed => "failed",
        })
    }
}

/// The codes of the last failure, as the events show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    pub code: u32,
    pub comms: u32,
    pub bind: u32,
    pub layer: String,
    pub text: String,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub index: u32,
    pub direction: Direction,
    pub peer: String,
    /// The account proved on the channel that the caller opened.
    pub account: String,
    pub protocol_string: String,
    pub bind: BindState,
    pub bind_back: BindState,
    pub state: State,
    pub since: Timestamp,
    pub last_error: Option<LastError>,
    /// Messages and reports carried since the association opened.
    pub messages: u64,
}

/// The table has no free row: event 9280.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the locality table is full: all {limit} rows hold associations")]
pub struct LtabFull {
    pub limit: usize,
}

/// The table.
#[derive(Debug)]
pub struct Ltab {
    limit: usize,
    /// The lowest index.
    first: u32,
    rows: BTreeMap<u32, Row>,
}

impl Ltab {
    /// A table of at most `limit` rows; the classic one held 240.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::numbered_from(1, limit)
    }

    /// A table whose rows are numbered from `first` on, to be told from those of another.
    #[must_use]
    pub fn numbered_from(first: u32, limit: usize) -> Self {
        Self { limit: limit.max(1), first, rows: BTreeMap::new() }
    }

    /// Opens a row for an association that begins; a row that the same peer and direction left
    /// behind is used again.
    ///
    /// # Errors
    /// Every row holds a live association.
    pub fn open(
        &mut self,
        direction: Direction,
        peer: &str,
        account: &str,
        now: Timestamp,
    ) -> Result<u32, LtabFull> {
        let index = self.free_index(direction, peer)?;
        let row = Row {
            index,
            direction,
            peer: peer.to_owned(),
            account: account.to_owned(),
            protocol_string: String::new(),
            bind: BindState::Waiting,
            bind_back: BindState::None,
            state: State::Opening,
            since: now,
            last_error: None,
            messages: 0,
        };
        self.rows.insert(index, row);
        Ok(index)
    }

    /// Changes a row; nothing happens when it is gone.
    pub fn update(&mut self, index: u32, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows.get_mut(&index) {
            change(row);
        }
    }

    /// An association stands: what failed before in its direction is over, and its rows go.
    pub fn settle(&mut self, index: u32) {
        let Some(row) = self.rows.get(&index) else { return };
        let (direction, peer) = (row.direction, row.peer.clone());
        self.rows.retain(|other, row| {
            let same = row.direction == direction && row.peer.eq_ignore_ascii_case(&peer);
            *other == index || !same || row.state != State::Failed
        });
    }

    /// All rows by index.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// One row.
    #[must_use]
    pub fn row(&self, index: u32) -> Option<&Row> {
        self.rows.get(&index)
    }

    fn free_index(&mut self, direction: Direction, peer: &str) -> Result<u32, LtabFull> {
        let idle = |row: &&Row| matches!(row.state, State::Closed | State::Failed);
        let mine = |row: &&Row| row.direction == direction && row.peer.eq_ignore_ascii_case(peer);
        if let Some(row) = self.rows.values().filter(idle).find(mine) {
            return Ok(row.index);
        }
        if self.rows.len() < self.limit {
            // The lowest number that is free; the table is small.
            return Ok((self.first..)
                .find(|index| !self.rows.contains_key(index))
                .unwrap_or(u32::MAX));
        }
        let oldest = self.rows.values().filter(idle).min_by_key(|row| row.since);
        oldest.map(|row| row.index).ok_or(LtabFull { limit: self.limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn open(ltab: &mut Ltab, direction: Direction, peer: &str, at: i64) -> Result<u32, LtabFull> {
        ltab.open(direction, peer, "DEMO\\svc", now(at))
    }

    #[test]
    fn a_pair_has_a_row_for_each_direction() {
        let mut ltab = Ltab::new(240);
        assert_eq!(open(&mut ltab, Direction::Out, "WEST", 0), Ok(1));
        assert_eq!(open(&mut ltab, Direction::In, "WEST", 0), Ok(2));
        assert_eq!(open(&mut ltab, Direction::In, "WEST", 0), Ok(3), "a live row is not reused");
        ltab.update(2, |row| row.state = State::Failed);
        assert_eq!(open(&mut ltab, Direction::In, "west", 1), Ok(2));
        assert_eq!(ltab.row(2).unwrap().state, State::Opening);
        assert_eq!(ltab.rows().count(), 3);
    }

    #[test]
    fn what_failed_goes_once_an_association_of_its_direction_stands() {
        let mut ltab = Ltab::new(240);
        for (direction, peer) in [
            (Direction::In, "WEST"),
            (Direction::In, "WEST"),
            (Direction::In, "WEST"),
            (Direction::Out, "WEST"),
            (Direction::In, "NORTH"),
        ] {
            let index = open(&mut ltab, direction, peer, 0).unwrap();
            ltab.update(index, |row| row.state = State::Open);
        }
        for index in [1, 4, 5] {
            ltab.update(index, |row| row.state = State::Failed);
        }
        ltab.update(2, |row| row.state = State::Closed);
        ltab.settle(3);
        let left: Vec<u32> = ltab.rows().map(|row| row.index).collect();
        assert_eq!(left, [2, 3, 4, 5]);
    }

    #[test]
    fn a_full_table_gives_up_what_is_dead_first() {
        let mut ltab = Ltab::new(2);
        open(&mut ltab, Direction::Out, "A", 0).unwrap();
        open(&mut ltab, Direction::Out, "B", 1).unwrap();
        assert_eq!(open(&mut ltab, Direction::Out, "C", 2), Err(LtabFull { limit: 2 }));
        ltab.update(1, |row| row.state = State::Closed);
        assert_eq!(open(&mut ltab, Direction::Out, "C", 3), Ok(1));
    }
}
