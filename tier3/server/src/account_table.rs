//! The server's own accounts: in memory for every logon, on disk for the next start.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use identity::{Account, AccountName, NtHash, Role};
use security::{Accounts, LogonFailure};
use store::{Store, StoreError};

/// An account command that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("account {0} exists already; change its password with `bindback account set-password`")]
    Exists(AccountName),
    #[error("there is no account {0}; `bindback account list` shows those that exist")]
    Unknown(AccountName),
    #[error("the account store cannot be written")]
    Store(#[from] StoreError),
}

/// The accounts; clones share them.
#[derive(Clone)]
pub struct AccountTable {
    accounts: Arc<RwLock<BTreeMap<AccountName, Account>>>,
    store: Store,
}

impl AccountTable {
    /// Loads the accounts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Store) -> Result<Self, StoreError> {
        let accounts =
            store.accounts()?.into_iter().map(|account| (account.name.clone(), account)).collect();
        Ok(Self { accounts: Arc::new(RwLock::new(accounts)), store })
    }

    /// All accounts in the order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<Account> {
        self.read().values().cloned().collect()
    }

    /// One account.
    #[must_use]
    pub fn find(&self, name: &AccountName) -> Option<Account> {
        self.read().get(name).cloned()
    }

    /// Makes an account.
    ///
    /// # Errors
    /// It exists, or the store fails.
    pub fn add(&self, account: Account) -> Result<(), AccountError> {
        if self.find(&account.name).is_some() {
            return Err(AccountError::Exists(account.name));
        }
        self.put(account)
    }

    /// Changes an account.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn change(
        &self,
        name: &AccountName,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), AccountError> {
        let mut account = self.find(name).ok_or_else(|| AccountError::Unknown(name.clone()))?;
        change(&mut account);
        self.put(account)
    }

    /// Removes an account.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn remove(&self, name: &AccountName) -> Result<(), AccountError> {
        let account = self.find(name).ok_or_else(|| AccountError::Unknown(name.clone()))?;
        self.store.remove_account(&account.name)?;
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).remove(&account.name);
        Ok(())
    }

    /// True when the account is enabled and has the role.
    #[must_use]
    pub fn has_role(&self, name: &AccountName, role: Role) -> bool {
        self.find(name).is_some_and(|account| account.enabled && account.has_role(role))
    }

    fn put(&self, account: Account) -> Result<(), AccountError> {
        // The disk first: what is used for logons is what the next start will find.
        self.store.put_account(account.clone())?;
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.name.clone(), account);
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<AccountName, Account>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts for AccountTable {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        let found = self.find(account).ok_or(LogonFailure::UnknownAccount)?;
        if found.enabled { Ok(found.nt_hash) } else { Err(LogonFailure::Disabled) }
    }
}
