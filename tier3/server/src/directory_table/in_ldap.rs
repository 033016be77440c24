//! Where the directory is in an LDAP server: what it has is taken over, what is changed here is written there, and the accounts
//! of its domain count.

use std::sync::PoisonError;

use directory::{Change, diff};
use identity::{AccountName, Sid};
use ldap::{DomainAccount, Found};
use store::Table;

use super::audit::audit_rows;
use super::{DirectoryTable, DirectoryTableError, agent_row, now_ms, object_rows};
use crate::directory_ldap::Backing;

impl DirectoryTable {
    /// Takes over what the LDAP server has; whether the site's copy changed. What others changed is in the audit trail.
    pub(super) fn take(&self, found: Found, now_ms: i64) -> Result<bool, DirectoryTableError> {
        let mut last = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_in_order(&mut last, found, now_ms, Some("somebody, in the LDAP directory"))
    }

    pub(super) fn take_in_order(
        &self,
        last: &mut i64,
        found: Found,
        now_ms: i64,
        who: Option<&str>,
    ) -> Result<bool, DirectoryTableError> {
        let mut copies = self.copies().clone();
        let before = copies.clone();
        let mut directory = found.directory;
        directory.remember(&before.organisation);
        let changes = diff(&before.organisation, &directory);
        let removed = self.shared.beside.stamp(&mut directory, &changes, now_ms)?;
        copies.replace(directory, now_ms);
        if copies == before {
            return Ok(false);
        }
        let mut rows = object_rows(Table::Directory, &changes, &copies.organisation)?;
        rows.extend(removed);
        let of_site = diff(&before.site, &copies.site);
        rows.extend(object_rows(Table::SiteDirectory, &of_site, &copies.site)?);
        rows.push(agent_row(&copies)?);
        if let Some(who) = who.filter(|_| !before.organisation.is_empty()) {
            rows.extend(self.audit_of_others(last, who, now_ms, &changes)?);
        }
        self.shared.store.write_rows(rows)?;
        self.put_copies(copies);
        Ok(!of_site.is_empty())
    }

    /// What the LDAP server's worker saw change, and the accounts that count here anew; whether the site's copy changed.
    ///
    /// # Errors
    /// The store fails.
    pub fn watch(&self, accounts: &[AccountName]) -> Result<bool, DirectoryTableError> {
        let Some(backing) = &self.shared.backing else { return Ok(false) };
        let mut changed = false;
        if backing.service.status().trouble.is_none() {
            for name in accounts {
                let before = backing.known(name);
                changed |= backing.look_up(name) != before;
            }
        }
        if let Some(found) = backing.service.changed() {
            changed |= self.take(found, now_ms())?;
        }
        Ok(changed)
    }

    /// Why the LDAP server cannot be reached, and what could not be understood of its directory; nothing where the directory
    /// is here.
    #[must_use]
    pub fn ldap_status(&self) -> Option<ldap::Status> {
        self.shared.backing.as_ref().map(|backing| backing.service.status())
    }

    /// An account of the LDAP server's domain as it was last known.
    #[must_use]
    pub fn domain_account(&self, name: &AccountName) -> Option<DomainAccount> {
        self.shared.backing.as_ref()?.known(name)
    }

    /// The accounts of the LDAP server's domain that count here, as they were last known.
    #[must_use]
    pub fn domain_accounts(&self) -> Vec<DomainAccount> {
        self.shared.backing.as_ref().map(Backing::all_known).unwrap_or_default()
    }

    /// An account of the LDAP server's domain, asked for now; waits for the answer.
    #[must_use]
    pub fn look_up(&self, name: &AccountName) -> Option<DomainAccount> {
        self.shared.backing.as_ref()?.look_up(name)
    }

    /// The name of an identifier of the LDAP server's domain; waits for the answer.
    #[must_use]
    pub fn domain_name_of(&self, sid: &Sid) -> Option<String> {
        Some(self.shared.backing.as_ref()?.name_of(sid)?.to_string())
    }

    /// Writes changes to the LDAP server, then down here what it has after them.
    pub(super) fn edit_ldap(
        &self,
        backing: &Backing,
        last: &mut i64,
        who: &str,
        now_ms: i64,
        changes: Vec<Change>,
    ) -> Result<Vec<Change>, DirectoryTableError> {
        let found = backing.service.apply(&changes)?;
        self.take_in_order(last, found, now_ms, None)?;
        self.shared.store.write_rows(audit_rows(*last, who, now_ms, &changes)?)?;
        Ok(changes)
    }
}
