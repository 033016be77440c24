//! Rows of the server's own tables: accounts, directory, audit trail. What is in them is their owner's matter; here they
//! are octets under a name, written together or not at all.

use crate::committer::Job;
use crate::disk;
use crate::error::StoreError;
use crate::spaces::Space;
use crate::store::Store;

/// Most octets of a name: sixteen parts of a directory name with 256 characters each.
const KEY_LIMIT: usize = 16 * 1024 + 64;
/// Most octets of a row: an object with a descriptor of the largest size, in hexadecimal, and room for its values.
const ROW_LIMIT: usize = 32 * 1024 * 1024;

/// A table of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Accounts, by name.
    Accounts,
    /// The organisation's directory, by name.
    Directory,
    /// The site's copy, by name.
    SiteDirectory,
    /// What is staged, the agent's mode, and the like.
    State,
    /// Who changed what, in the order of time.
    Audit,
    /// Secrets, encrypted by their owner.
    Secrets,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 6] = [
        Self::Accounts,
        Self::Directory,
        Self::SiteDirectory,
        Self::State,
        Self::Audit,
        Self::Secrets,
    ];

    const fn letter(self) -> u8 {
        match self {
            Self::Accounts => b'a',
            Self::Directory => b'd',
            Self::SiteDirectory => b'c',
            Self::State => b's',
            Self::Audit => b'u',
            Self::Secrets => b'k',
        }
    }
}

/// One row to write; without a value it is removed.
#[derive(Clone, Debug)]
pub struct Row {
    /// The table.
    pub table: Table,
    /// Its name within the table.
    pub key: String,
    /// JSON; `None` removes the row.
    pub json: Option<Vec<u8>>,
}

impl Store {
    /// Writes rows, all or none, and waits for the disk.
    ///
    /// # Errors
    /// They are not on the disk.
    pub fn write_rows(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        let mut changes = Vec::with_capacity(rows.len());
        for row in rows {
            crate::store::limit("row's name", row.key.len(), KEY_LIMIT)?;
            let json = row.json.as_deref();
            crate::store::limit("row", json.map_or(0, <[u8]>::len), ROW_LIMIT)?;
            changes.push((key(row.table, &row.key), json.map(disk::wrap)));
        }
        self.wait(|done| Job::Rows { changes, done })
    }

    /// All rows of a table, by name.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn rows(&self, table: Table) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let engine = self.engine()?;
        let mut rows = Vec::new();
        for row in engine.spaces.of(Space::Rows).prefix([table.letter()]) {
            let (key, value) =
                row.into_inner().map_err(|error| engine.error("reading rows", error))?;
            let corrupt = |detail: String| engine.corrupt(Space::Rows, &key, detail);
            let name = key.get(1..).and_then(|name| std::str::from_utf8(name).ok());
            let name = name.ok_or_else(|| corrupt("its key is no name".to_owned()))?;
            rows.push((name.to_owned(), disk::unwrap(&value).map_err(corrupt)?));
        }
        Ok(rows)
    }
}

fn key(table: Table, name: &str) -> Vec<u8> {
    [&[table.letter()], name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_their_table_and_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let row = |table, key: &str, json: Option<&str>| Row {
            table,
            key: key.to_owned(),
            json: json.map(|json| json.as_bytes().to_vec()),
        };
        let store = Store::open(folder.path()).unwrap();
        store
            .write_rows(vec![
                row(Table::Accounts, "A", Some("1")),
                row(Table::Accounts, "ß", Some("2")),
                row(Table::Directory, "A", Some("3")),
            ])
            .unwrap();
        store.write_rows(vec![row(Table::Accounts, "A", None)]).unwrap();
        let long = "x".repeat(KEY_LIMIT + 1);
        assert!(store.write_rows(vec![row(Table::State, &long, Some("1"))]).is_err());
        store.close();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.rows(Table::Accounts).unwrap(), [("ß".to_owned(), b"2".to_vec())]);
        assert_eq!(store.rows(Table::Directory).unwrap(), [("A".to_owned(), b"3".to_vec())]);
        assert!(store.rows(Table::Audit).unwrap().is_empty());
    }
}
