//! The rows of the store that keep the copies and the agent.

use directory::{Agent, Change, Copies, Directory, Name, Object};
use serde::{Deserialize, Serialize};
use store::{Row, Store, Table};

use super::DirectoryTableError;

pub(super) const AGENT: &str = "directory-agent";

#[derive(Serialize, Deserialize)]
pub(super) struct AgentRow {
    pub agent: Agent,
    pub behind_since_ms: Option<i64>,
}

pub(super) fn load(store: &Store, table: Table) -> Result<Directory, DirectoryTableError> {
    load_rows(store.rows(table)?)
}

pub(super) fn load_rows(rows: Vec<(String, Vec<u8>)>) -> Result<Directory, DirectoryTableError> {
    let objects = rows.into_iter().map(|(key, json)| {
        serde_json::from_slice(&json).map_err(|error| {
            DirectoryTableError::Damaged(key.replace('\u{1}', "/"), error.to_string())
        })
    });
    let objects: Vec<Object> = objects.collect::<Result<_, _>>()?;
    Ok(Directory::from_objects(objects)?)
}

pub(super) fn json(key: &str, value: &impl Serialize) -> Result<Vec<u8>, DirectoryTableError> {
    serde_json::to_vec(value)
        .map_err(|error| DirectoryTableError::Damaged(key.to_owned(), error.to_string()))
}

/// The rows of the objects that changes are about, as they stand in `now`.
pub(super) fn object_rows(
    table: Table,
    changes: &[Change],
    now: &Directory,
) -> Result<Vec<Row>, DirectoryTableError> {
    let mut names: Vec<&Name> = changes.iter().map(Change::object).collect();
    names.sort();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let object = now.get(name).ok();
        let json = object.map(|object| json(&name.to_string(), object)).transpose()?;
        Ok(Row { table, key: name.key(), json })
    });
    rows.collect()
}

pub(super) fn agent_row(copies: &Copies) -> Result<Row, DirectoryTableError> {
    let row = AgentRow { agent: copies.agent, behind_since_ms: copies.behind_since_ms };
    Ok(Row { table: Table::State, key: AGENT.to_owned(), json: Some(json(AGENT, &row)?) })
}
