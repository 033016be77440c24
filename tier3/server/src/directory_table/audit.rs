//! The audit trail: who changed what and when, before and after, in the order of its keys.

use std::sync::PoisonError;

use directory::Change;
use serde::{Deserialize, Serialize};
use store::{Row, Table};

use super::{DirectoryTable, DirectoryTableError, json, now_ms};

/// Most entries of the audit trail that are kept: at some hundred octets each, some ten megabytes.
const AUDIT_KEPT: usize = 100_000;

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    pub time_ms: i64,
    pub who: String,
    /// The object, or `account NAME`.
    pub what: String,
    /// `-` what was, `+` what is.
    pub lines: Vec<String>,
    /// The change itself, where it was the directory's: undoing needs it.
    #[serde(default)]
    pub change: Option<Change>,
    /// Changes that were made together have the same number.
    #[serde(default)]
    pub together: i64,
}

impl DirectoryTable {
    /// The audit entries of changes that others made, and that are theirs to undo.
    pub(super) fn audit_of_others(
        &self,
        last: &mut i64,
        who: &str,
        now_ms: i64,
        changes: &[Change],
    ) -> Result<Vec<Row>, DirectoryTableError> {
        *last = now_ms.max(last.saturating_add(1));
        let rows = changes.iter().enumerate().map(|(number, change)| {
            let audited = Audited {
                time_ms: now_ms,
                who: who.to_owned(),
                what: change.object().to_string(),
                lines: change.lines(),
                change: None,
                together: *last,
            };
            audit_row(*last, number, &audited)
        });
        rows.collect()
    }

    /// The audit trail, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit(&self) -> Result<Vec<Audited>, DirectoryTableError> {
        let rows = self.shared.store.rows(Table::Audit)?.into_iter();
        let entries = rows.map(|(key, json)| {
            serde_json::from_slice(&json)
                .map_err(|error| DirectoryTableError::Damaged(key, error.to_string()))
        });
        entries.collect()
    }

    /// The row of an audit entry about something that is not the directory's own, to be written with it.
    ///
    /// # Errors
    /// It has no JSON form.
    pub fn audited(
        &self,
        who: &str,
        what: &str,
        lines: Vec<String>,
    ) -> Result<Row, DirectoryTableError> {
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let time_ms = now_ms();
        *last = time_ms.max(last.saturating_add(1));
        let entry = Audited {
            time_ms,
            who: who.to_owned(),
            what: what.to_owned(),
            lines,
            change: None,
            together: *last,
        };
        audit_row(*last, 0, &entry)
    }

    /// Writes an audit entry about something that is not the directory's own.
    ///
    /// # Errors
    /// The store fails.
    pub fn write_audit(
        &self,
        who: &str,
        what: &str,
        lines: Vec<String>,
    ) -> Result<(), DirectoryTableError> {
        let row = self.audited(who, what, lines)?;
        Ok(self.shared.store.write_rows(vec![row])?)
    }

    pub(super) fn drop_old_audits(&self) -> Result<(), DirectoryTableError> {
        let rows = self.shared.store.rows(Table::Audit)?;
        let too_many = rows.len().saturating_sub(AUDIT_KEPT);
        let old = rows.into_iter().take(too_many);
        let removed: Vec<Row> =
            old.map(|(key, _)| Row { table: Table::Audit, key, json: None }).collect();
        if !removed.is_empty() {
            self.shared.store.write_rows(removed)?;
        }
        Ok(())
    }
}

pub(super) fn audit_rows(
    order: i64,
    who: &str,
    now_ms: i64,
    changes: &[Change],
) -> Result<Vec<Row>, DirectoryTableError> {
    let rows = changes.iter().enumerate().map(|(number, change)| {
        let audited = Audited {
            time_ms: now_ms,
            who: who.to_owned(),
            what: change.object().to_string(),
            lines: change.lines(),
            change: Some(change.clone()),
            together: order,
        };
        audit_row(order, number, &audited)
    });
    rows.collect()
}

fn audit_row(order: i64, number: usize, entry: &Audited) -> Result<Row, DirectoryTableError> {
    let key = format!("{order:020}-{number:06}");
    let json = json(&key, entry)?;
    Ok(Row { table: Table::Audit, key, json: Some(json) })
}
