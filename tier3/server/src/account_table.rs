//! The server's own accounts: in memory for every logon, on disk, encrypted, for the next start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use config::Config;
use identity::descriptor::access::Token;
use identity::{Account, AccountName, AccountState, Lockout, NtHash, OlderSecret, Sid, well_known};
use security::{Accounts, LogonFailure};
use serde::{Deserialize, Serialize};
use store::{Row, Store, StoreError, Table};

use crate::logon_policy::{NetworkRight, PolicyFile};
use crate::node::random;
use crate::vault::{Vault, VaultError};

/// First relative identifier of accounts (MS-SAMR 3.1.1.6: those below are the system's).
const FIRST_RID: u32 = 1000;
const IDENTIFIERS: &str = "identifiers";

/// An account command that cannot be followed, or accounts that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("account {0} exists already; change its password with `bindback account set-password`")]
    Exists(AccountName),
    #[error("there is no account {0}; `bindback account list` shows those that exist")]
    Unknown(AccountName),
    #[error("the account store cannot be used")]
    Store(#[from] StoreError),
    #[error("the encryption of the accounts")]
    Vault(#[from] VaultError),
    #[error("the row of {0} in the account store is damaged: {1}")]
    Damaged(String, String),
    #[error("no further account can be made: all identifiers are used up")]
    Full,
}

/// The accounts; clones share them.
#[derive(Clone)]
pub struct AccountTable {
    shared: Arc<Shared>,
}

struct Shared {
    accounts: RwLock<BTreeMap<AccountName, Account>>,
    identifiers: Mutex<Identifiers>,
    /// One change at a time: two wrong passwords at once are two.
    order: Mutex<()>,
    lockout: RwLock<Lockout>,
    policy: RwLock<PolicyFile>,
    vault: Vault,
    store: Store,
}

/// The identifiers that were given out.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Identifiers {
    domain: Sid,
    next: u32,
    /// Groups that were named, with their relative identifiers.
    groups: BTreeMap<String, u32>,
    /// Accounts that are gone: a right that was granted to one is nobody's now.
    gone: BTreeMap<String, String>,
}

/// An account on disk: its verifiers are sealed.
#[derive(Serialize, Deserialize)]
struct DiskAccount {
    account: Account,
    sealed: String,
    older: Option<DiskOlder>,
}

#[derive(Serialize, Deserialize)]
struct DiskOlder {
    sealed: String,
    until_ms: i64,
}

impl AccountTable {
    /// Loads the accounts; those of a store from before they were encrypted are taken over.
    ///
    /// # Errors
    /// The store or the key cannot be read.
    pub fn open(store: Store, config: &Config) -> Result<Self, AccountError> {
        let rows = store.rows(Table::Accounts)?;
        let in_use = !rows.is_empty() || !store.rows(Table::Secrets)?.is_empty();
        let vault = Vault::open(&config.accounts.key_file, in_use)?;
        let mut accounts = BTreeMap::new();
        for (key, json) in rows {
            let account = read(&vault, &key, &json)?;
            accounts.insert(account.name.clone(), account);
        }
        let known = store.rows(Table::State)?.into_iter().find(|(key, _)| key == IDENTIFIERS);
        let identifiers = match known {
            Some((key, json)) => serde_json::from_slice(&json)
                .map_err(|error| AccountError::Damaged(key, error.to_string()))?,
            None => fresh_identifiers(),
        };
        let table = Self {
            shared: Arc::new(Shared {
                accounts: RwLock::new(accounts),
                identifiers: Mutex::new(identifiers),
                order: Mutex::default(),
                lockout: RwLock::default(),
                policy: RwLock::default(),
                vault,
                store,
            }),
        };
        table.replace_rules(config);
        table.take_over()?;
        Ok(table)
    }

    /// The rules of a configuration: what locks an account, and the policies.
    pub fn replace_rules(&self, config: &Config) {
        let ms = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        *write(&self.shared.lockout) = Lockout {
            threshold: config.accounts.lockout_threshold,
            reset_ms: ms(config.accounts.lockout_reset),
            duration_ms: ms(config.accounts.lockout_duration),
        };
        *write(&self.shared.policy) = PolicyFile::new(config.accounts.policy_file.clone());
    }

    /// Accounts that were stored in the clear, before there was a key.
    fn take_over(&self) -> Result<(), AccountError> {
        for mut old in self.shared.store.accounts()? {
            if self.find(&old.name).is_none() {
                old.sid = self.next_sid()?;
                old.created_ms = old.password_set_ms;
                self.put(old.clone(), Vec::new())?;
            }
            self.shared.store.remove_account(&old.name)?;
        }
        Ok(())
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

    /// The identifier of a name: an account, a group, or one that is well-known; a group that was not named before gets one.
    ///
    /// # Errors
    /// The store fails.
    pub fn sid_of(&self, name: &str) -> Result<Option<Sid>, AccountError> {
        if let Ok(sid) = name.parse() {
            return Ok(Some(sid));
        }
        let account = name.parse().ok().and_then(|name: AccountName| self.find(&name));
        if let Some(account) = account {
            return Ok(Some(account.sid));
        }
        Ok(well_known::by_name(name).or_else(|| self.group_sid(name)))
    }

    /// What to call an identifier: the account's, group's or well-known name, with a word where it is gone.
    #[must_use]
    pub fn name_of(&self, sid: &Sid) -> Option<String> {
        if let Some(account) = self.read().values().find(|account| account.sid == *sid) {
            return Some(account.name.to_string());
        }
        let known = self.identifiers();
        let group = || {
            let (domain, rid) = sid.split().filter(|(domain, _)| *domain == known.domain)?;
            drop(domain);
            known.groups.iter().find(|(_, of)| **of == rid).map(|(name, _)| name.clone())
        };
        let gone = || known.gone.get(&sid.to_string()).map(|name| format!("{name} (removed)"));
        well_known::name_of(sid).map(str::to_owned).or_else(group).or_else(gone)
    }

    /// The accounts of this name that were removed, by identifier.
    #[must_use]
    pub fn gone(&self, name: &AccountName) -> Vec<Sid> {
        let known = self.identifiers();
        let same = known
            .gone
            .iter()
            .filter(|(_, gone)| gone.parse::<AccountName>().is_ok_and(|gone| gone.matches(name)));
        same.filter_map(|(sid, _)| sid.parse().ok()).collect()
    }

    /// The token of an account that came over the network and proved itself.
    #[must_use]
    pub fn token(&self, name: &AccountName) -> Option<Token> {
        let account = self.find(name)?;
        let groups = account
            .groups
            .iter()
            .filter_map(|group| well_known::by_name(group).or_else(|| self.group_sid(group)));
        let all =
            [well_known::everyone(), well_known::authenticated_users(), well_known::network()];
        Some(Token::new(groups.chain(all).chain([account.sid.clone()])))
    }

    /// Makes an account; it gets an identifier of its own.
    ///
    /// # Errors
    /// It exists, or the store fails.
    pub fn add(&self, mut account: Account, beside: Vec<Row>) -> Result<Account, AccountError> {
        let _order = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(&account.name).is_some() {
            return Err(AccountError::Exists(account.name));
        }
        account.sid = self.next_sid()?;
        self.name_groups(&account)?;
        self.put(account.clone(), beside)?;
        Ok(account)
    }

    /// Changes an account; `beside` is written with it.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn change(
        &self,
        name: &AccountName,
        beside: Vec<Row>,
        change: impl FnOnce(&mut Account),
    ) -> Result<Account, AccountError> {
        let _order = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut account = self.find(name).ok_or_else(|| AccountError::Unknown(name.clone()))?;
        change(&mut account);
        self.name_groups(&account)?;
        self.put(account.clone(), beside)?;
        Ok(account)
    }

    /// Removes an account.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn remove(&self, name: &AccountName, beside: Vec<Row>) -> Result<(), AccountError> {
        let _order = self.shared.order.lock().unwrap_or_else(PoisonError::into_inner);
        let account = self.find(name).ok_or_else(|| AccountError::Unknown(name.clone()))?;
        let mut known = self.identifiers().clone();
        known.gone.insert(account.sid.to_string(), account.name.to_string());
        let mut rows = vec![Row { table: Table::Accounts, key: key(name), json: None }];
        rows.push(state_row(&known)?);
        rows.extend(beside);
        self.shared.store.write_rows(rows)?;
        *self.identifiers() = known;
        write(&self.shared.accounts).remove(&account.name);
        Ok(())
    }

    /// The right of an account to log on from the network, and where it comes from.
    #[must_use]
    pub fn network_right(&self, account: &Account) -> NetworkRight {
        self.shared.policy.read().unwrap_or_else(PoisonError::into_inner).network_right(account)
    }

    /// Counts a logon with a wrong password, which may lock the account; waits for the disk.
    pub fn note_failure(&self, name: &AccountName, now_ms: i64) {
        let rules = *self.shared.lockout.read().unwrap_or_else(PoisonError::into_inner);
        if rules.threshold > 0 {
            // A failure to write it down must not keep the refusal from being told.
            let _ = self.change(name, Vec::new(), |account| {
                account.note_failure(&rules, now_ms);
            });
        }
    }

    /// Forgets wrong passwords after a right one; waits for the disk if there were any.
    pub fn note_success(&self, name: &AccountName) {
        if self.read().get(name).is_some_and(|account| account.failures > 0) {
            let _ = self.change(name, Vec::new(), |account| account.failures = 0);
        }
    }

    /// Keeps a password for this server's own use, encrypted.
    ///
    /// # Errors
    /// The store fails.
    pub fn keep_secret(&self, place: &str, password: &str) -> Result<(), AccountError> {
        let sealed = self.shared.vault.seal(&format!("secret {place}"), password.as_bytes());
        let json = serde_json::to_vec(&sealed)
            .map_err(|error| AccountError::Damaged(place.to_owned(), error.to_string()))?;
        let row = Row { table: Table::Secrets, key: place.to_owned(), json: Some(json) };
        Ok(self.shared.store.write_rows(vec![row])?)
    }

    /// A password that was kept.
    ///
    /// # Errors
    /// It cannot be read or decrypted.
    pub fn secret(&self, place: &str) -> Result<Option<identity::Password>, AccountError> {
        let rows = self.shared.store.rows(Table::Secrets)?;
        let Some((_, json)) = rows.into_iter().find(|(key, _)| key == place) else {
            return Ok(None);
        };
        let damaged = |error: &dyn std::fmt::Display| {
            AccountError::Damaged(place.to_owned(), error.to_string())
        };
        let sealed: String = serde_json::from_slice(&json).map_err(|error| damaged(&error))?;
        let opened = self.shared.vault.open_sealed(&format!("secret {place}"), &sealed)?;
        let text = std::str::from_utf8(&opened).map_err(|error| damaged(&error))?;
        Ok(Some(identity::Password::from(text)))
    }

    /// Forgets passwords that were kept; `beside` is written with it.
    ///
    /// # Errors
    /// The store fails.
    pub fn forget_secrets(
        &self,
        places: &[String],
        mut beside: Vec<Row>,
    ) -> Result<(), AccountError> {
        let gone = |place: &String| Row { table: Table::Secrets, key: place.clone(), json: None };
        beside.extend(places.iter().map(gone));
        Ok(self.shared.store.write_rows(beside)?)
    }

    /// Keeps an account as it is now, its verifier encrypted, until it is put back or forgotten.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn keep(&self, name: &AccountName) -> Result<(), AccountError> {
        let account = self.find(name).ok_or_else(|| AccountError::Unknown(name.clone()))?;
        let row =
            Row { table: Table::Secrets, key: kept_key(name), json: self.row(&account)?.json };
        Ok(self.shared.store.write_rows(vec![row])?)
    }

    /// An account as it was kept.
    ///
    /// # Errors
    /// It cannot be read or decrypted.
    pub fn kept(&self, name: &AccountName) -> Result<Option<Account>, AccountError> {
        let rows = self.shared.store.rows(Table::Secrets)?;
        let found = rows.into_iter().find(|(known, _)| *known == kept_key(name));
        found.map(|(_, json)| read(&self.shared.vault, &key(name), &json)).transpose()
    }

    /// Forgets what was kept of an account.
    ///
    /// # Errors
    /// The store fails.
    pub fn forget(&self, name: &AccountName) -> Result<(), AccountError> {
        let row = Row { table: Table::Secrets, key: kept_key(name), json: None };
        Ok(self.shared.store.write_rows(vec![row])?)
    }

    fn group_sid(&self, name: &str) -> Option<Sid> {
        let known = self.identifiers();
        let rid = known
            .groups
            .iter()
            .find(|(group, _)| identity::upcase(group) == identity::upcase(name));
        rid.and_then(|(_, rid)| known.domain.member(*rid).ok())
    }

    /// Groups that an account names for the first time get an identifier.
    fn name_groups(&self, account: &Account) -> Result<(), AccountError> {
        for group in &account.groups {
            if well_known::by_name(group).is_some() || self.group_sid(group).is_some() {
                continue;
            }
            let mut known = self.identifiers().clone();
            known.groups.insert(group.clone(), known.next);
            known.next = known.next.checked_add(1).ok_or(AccountError::Full)?;
            self.put_identifiers(known)?;
        }
        Ok(())
    }

    fn next_sid(&self) -> Result<Sid, AccountError> {
        let mut known = self.identifiers().clone();
        let sid = known.domain.member(known.next).map_err(|_| AccountError::Full)?;
        known.next = known.next.checked_add(1).ok_or(AccountError::Full)?;
        self.put_identifiers(known)?;
        Ok(sid)
    }

    fn put_identifiers(&self, known: Identifiers) -> Result<(), AccountError> {
        self.shared.store.write_rows(vec![state_row(&known)?])?;
        *self.identifiers() = known;
        Ok(())
    }

    fn put(&self, account: Account, beside: Vec<Row>) -> Result<(), AccountError> {
        // The disk first: what is used for logons is what the next start will find.
        let mut rows = vec![self.row(&account)?];
        rows.extend(beside);
        self.shared.store.write_rows(rows)?;
        write(&self.shared.accounts).insert(account.name.clone(), account);
        Ok(())
    }

    fn row(&self, account: &Account) -> Result<Row, AccountError> {
        let key = key(&account.name);
        let seal = |hash: &NtHash| self.shared.vault.seal(&format!("account {key}"), hash.expose());
        let older = account.older.as_ref();
        let disk = DiskAccount {
            sealed: seal(&account.nt_hash),
            older: older
                .map(|older| DiskOlder { sealed: seal(&older.nt_hash), until_ms: older.until_ms }),
            account: Account { nt_hash: NtHash::new([0; 16]), older: None, ..account.clone() },
        };
        let json = serde_json::to_vec(&disk)
            .map_err(|error| AccountError::Damaged(key.clone(), error.to_string()))?;
        Ok(Row { table: Table::Accounts, key, json: Some(json) })
    }

    fn identifiers(&self) -> MutexGuard<'_, Identifiers> {
        self.shared.identifiers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<AccountName, Account>> {
        self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn key(name: &AccountName) -> String {
    identity::upcase(&name.to_string())
}

fn kept_key(name: &AccountName) -> String {
    format!("kept account {}", key(name))
}

fn state_row(known: &Identifiers) -> Result<Row, AccountError> {
    let json = serde_json::to_vec(known)
        .map_err(|error| AccountError::Damaged(IDENTIFIERS.to_owned(), error.to_string()))?;
    Ok(Row { table: Table::State, key: IDENTIFIERS.to_owned(), json: Some(json) })
}

fn fresh_identifiers() -> Identifiers {
    let part = || u32::from_le_bytes(random());
    let domain = Sid::domain(part(), part(), part());
    Identifiers { domain, next: FIRST_RID, groups: BTreeMap::new(), gone: BTreeMap::new() }
}

fn read(vault: &Vault, key: &str, json: &[u8]) -> Result<Account, AccountError> {
    let damaged = |what: String| AccountError::Damaged(key.to_owned(), what);
    let disk: DiskAccount =
        serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
    let open = |sealed: &str| -> Result<NtHash, AccountError> {
        let octets = vault.open_sealed(&format!("account {key}"), sealed)?;
        let octets = <[u8; 16]>::try_from(octets.as_slice());
        Ok(NtHash::new(octets.map_err(|_| damaged("its verifier has another length".to_owned()))?))
    };
    let older = disk.older.map(|older| -> Result<OlderSecret, AccountError> {
        Ok(OlderSecret { nt_hash: open(&older.sealed)?, until_ms: older.until_ms })
    });
    Ok(Account { nt_hash: open(&disk.sealed)?, older: older.transpose()?, ..disk.account })
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Accounts for AccountTable {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        let found = self.find(account).ok_or(LogonFailure::UnknownAccount)?;
        match found.refusal(now_ms()) {
            Some(AccountState::Disabled) => return Err(LogonFailure::Disabled),
            Some(AccountState::Locked) => return Err(LogonFailure::LockedOut),
            Some(AccountState::Expired) => return Err(LogonFailure::AccountExpired),
            Some(AccountState::PasswordExpired) => return Err(LogonFailure::PasswordExpired),
            Some(AccountState::MustChange) => return Err(LogonFailure::MustChangePassword),
            None => {}
        }
        if !self.network_right(&found).granted {
            return Err(LogonFailure::LogonTypeNotGranted);
        }
        Ok(found.nt_hash)
    }

    fn older_nt_hash(&self, account: &AccountName) -> Option<NtHash> {
        self.find(account)?.older_hash(now_ms()).cloned()
    }
}
