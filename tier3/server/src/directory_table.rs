//! The directory of a running or resting server: the engine's two copies, kept in the store, every change written down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use directory::{Agent, Change, Copies, Directory, DirectoryError, diff};
use ldap::LdapError;
use store::{Row, Store, StoreError, Table};

use crate::account_table::AccountError;
use crate::directory_ldap::Backing;

mod audit;
mod in_ldap;
mod replica;
mod rights;
mod rows;
mod start;

use audit::audit_rows;
use replica::Beside;
pub use replica::{Heard, PageError, Received};
use rows::{agent_row, json, object_rows};

const STAGED: &str = "directory-staged";

/// What cannot be done with the directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryTableError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the directory's store")]
    Store(#[from] StoreError),
    #[error("the accounts")]
    Accounts(#[from] AccountError),
    #[error("the row of {0} in the directory's store is damaged: {1}")]
    Damaged(String, String),
    #[error("the directory in LDAP")]
    Ldap(#[from] LdapError),
    #[error("the system gives no thread for the directory in LDAP")]
    Thread(#[from] std::io::Error),
}

/// The directory; clones share it.
#[derive(Clone)]
pub struct DirectoryTable {
    shared: Arc<Shared>,
}

struct Shared {
    copies: RwLock<Copies>,
    version: AtomicU64,
    staged: Mutex<Vec<Change>>,
    /// The site's copy as it was when the server started: an old server goes by its schema.
    at_start: Directory,
    place: Place,
    store: Store,
    /// Where the organisation's directory really is, if not here.
    backing: Option<Backing>,
    /// What there is of other servers' copies.
    beside: Beside,
    /// One change at a time, and the last time that one had.
    order: Mutex<i64>,
}

/// Where this server stands in the directory.
#[derive(Debug, Clone)]
pub struct Place {
    pub organisation: String,
    pub site: String,
    pub server: String,
    /// What DNs end in.
    pub base: String,
}

impl DirectoryTable {
    /// Where this server stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// What is administered.
    #[must_use]
    pub fn organisation(&self) -> Directory {
        self.copies().organisation.clone()
    }

    /// What this server goes by.
    #[must_use]
    pub fn site(&self) -> Directory {
        self.copies().site.clone()
    }

    /// Looks at what this server goes by, without a copy of it.
    pub fn with_site<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.copies().site)
    }

    /// The agent, and what the copy does not have yet.
    #[must_use]
    pub fn agent(&self) -> (Agent, Option<i64>, Vec<Change>) {
        let copies = self.copies();
        (copies.agent, copies.behind_since_ms, copies.behind())
    }

    /// Changes the organisation's directory; gives the changes, which are on the disk with their audit entries.
    ///
    /// # Errors
    /// The edit says so, and nothing is changed; or the store fails.
    pub fn edit(
        &self,
        who: &str,
        now_ms: i64,
        edit: impl FnOnce(&mut Directory) -> Result<(), DirectoryError>,
    ) -> Result<Vec<Change>, DirectoryTableError> {
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copies = self.copies().clone();
        let mut changed = copies.organisation.clone();
        edit(&mut changed)?;
        let changes = diff(&copies.organisation, &changed);
        if changes.is_empty() {
            return Ok(changes);
        }
        // Entries of the audit trail are in the order of their keys.
        *last = now_ms.max(last.saturating_add(1));
        if let Some(backing) = &self.shared.backing {
            return self.edit_ldap(backing, &mut last, who, now_ms, changes);
        }
        let site = copies.site.clone();
        let mut rows = self.shared.beside.stamp(&mut changed, &changes, now_ms)?;
        rows.extend(object_rows(Table::Directory, &changes, &changed)?);
        if self.shared.beside.is_replicated() {
            // This copy is changed itself; the agent has to do with others' only.
            copies.replace_own(changed, &changes);
        } else {
            copies.replace(changed, now_ms);
        }
        rows.extend(object_rows(Table::SiteDirectory, &diff(&site, &copies.site), &copies.site)?);
        rows.push(agent_row(&copies)?);
        rows.extend(audit_rows(*last, who, now_ms, &changes)?);
        self.shared.store.write_rows(rows)?;
        self.put_copies(copies);
        Ok(changes)
    }

    /// Sets the agent's mode, and lets it work.
    ///
    /// # Errors
    /// The store fails.
    pub fn set_agent(&self, agent: Agent, now_ms: i64) -> Result<(), DirectoryTableError> {
        self.work(|copies| copies.set_agent(agent, now_ms)).map(drop)
    }

    /// Lets the agent do what is due; whether the site's copy changed.
    ///
    /// # Errors
    /// The store fails.
    pub fn poll(&self, now_ms: i64) -> Result<bool, DirectoryTableError> {
        if self.copies().due_ms().is_none_or(|due| due > now_ms) {
            return Ok(false);
        }
        self.work(|copies| {
            copies.poll(now_ms);
        })
    }

    fn work(&self, work: impl FnOnce(&mut Copies)) -> Result<bool, DirectoryTableError> {
        let _order = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copies = self.copies().clone();
        let before = copies.site.clone();
        work(&mut copies);
        let changes = diff(&before, &copies.site);
        let mut rows = object_rows(Table::SiteDirectory, &changes, &copies.site)?;
        rows.push(agent_row(&copies)?);
        self.shared.store.write_rows(rows)?;
        self.put_copies(copies);
        Ok(!changes.is_empty())
    }

    /// Grows whenever the copies change: what is made of them is then old.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// The staged changes.
    #[must_use]
    pub fn staged(&self) -> Vec<Change> {
        self.shared.staged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the staged changes.
    ///
    /// # Errors
    /// The store fails.
    pub fn stage(&self, changes: Vec<Change>) -> Result<(), DirectoryTableError> {
        let json = json(STAGED, &changes)?;
        self.shared.store.write_rows(vec![Row {
            table: Table::State,
            key: STAGED.to_owned(),
            json: Some(json),
        }])?;
        *self.shared.staged.lock().unwrap_or_else(PoisonError::into_inner) = changes;
        Ok(())
    }

    fn put_copies(&self, copies: Copies) {
        let mut kept = self.shared.copies.write().unwrap_or_else(PoisonError::into_inner);
        let news = kept.site != copies.site;
        *kept = copies;
        self.shared.version.fetch_add(1, Ordering::Release);
        if news {
            self.shared.beside.changed();
        }
    }

    fn copies(&self) -> std::sync::RwLockReadGuard<'_, Copies> {
        self.shared.copies.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
