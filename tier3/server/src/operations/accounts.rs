//! Operations on the accounts, each with its entry in the audit trail.

use admin::OperationError;
use admin::api::{AccountAdd, AccountPassword, AccountRole, AccountRow};
use admin::directory_api::{AccountAction, AccountOrder, AccountView};
use directory::Step;
use identity::{Account, AccountName, AccountState, FOR_EVER, Role, well_known};
use jiff::Timestamp;
use store::Row;

use crate::account_table::{AccountError, AccountTable};
use crate::directory_table::{DirectoryTable, DirectoryTableError, now_ms};

/// The accounts, the directory that their rights stand in, and who asks.
#[derive(Clone)]
pub struct Ledger {
    pub accounts: AccountTable,
    pub directory: DirectoryTable,
    pub who: String,
}

impl Ledger {
    /// `account list`.
    #[must_use]
    pub fn list(&self) -> Vec<AccountRow> {
        self.accounts.list().iter().map(|account| self.row(account)).collect()
    }

    /// `account add`.
    pub fn add(&self, order: &AccountAdd) -> Result<AccountRow, OperationError> {
        let name = account_name(&order.name)?;
        let roles = order.roles.iter().map(|text| role(text)).collect::<Result<Vec<_>, _>>()?;
        let hash = security::ntlm::nt_hash(&order.password);
        let account = Account::new(name.clone(), well_known::anonymous(), hash, now_ms());
        let entry = self.entry(&name, vec![format!("+ account {name}")])?;
        let account = self.accounts.add(account, vec![entry]).map_err(account_error)?;
        if !roles.is_empty() {
            let given = self.directory.set_service_role(&self.who, &account.sid, true);
            given.map_err(directory_error)?;
        }
        self.shown(&name)
    }

    /// `account set-password`.
    pub fn set_password(&self, order: &AccountPassword) -> Result<AccountRow, OperationError> {
        let hash = security::ntlm::nt_hash(&order.password);
        self.change(&order.name, "another password", |account, now| {
            account.set_password(hash, 0, now);
        })
    }

    /// `account grant` and `account revoke`: the role on all four objects that a bind depends on.
    pub fn set_role(
        &self,
        order: &AccountRole,
        granted: bool,
    ) -> Result<AccountRow, OperationError> {
        let name = account_name(&order.name)?;
        let Role::ServiceAccountAdmin = role(&order.role)?;
        let own = self.accounts.find(&name).map(|account| account.sid);
        let is_own = own.is_some();
        let of_domain = || self.directory.look_up(&name).map(|account| account.sid);
        let sid = own.or_else(of_domain).ok_or_else(|| unknown(&name))?;
        let done = self.directory.set_service_role(&self.who, &sid, granted);
        done.map_err(directory_error)?;
        match self.directory.domain_account(&name).filter(|_| !is_own) {
            Some(account) => Ok(self.row_of_domain(&account)),
            None => self.shown(&name),
        }
    }

    /// What is known of an account of the directory's domain.
    #[must_use]
    pub fn row_of_domain(&self, account: &ldap::DomainAccount) -> AccountRow {
        let may = self.directory.authorise(&self.accounts, &account.name).failed().is_none();
        AccountRow {
            name: account.name.to_string(),
            enabled: account.state != Some(AccountState::Disabled),
            roles: if may { vec![Role::ServiceAccountAdmin.to_string()] } else { Vec::new() },
            password_set: account
                .password_set_ms
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .unwrap_or_default(),
            sid: account.sid.to_string(),
            state: state_word(account.state).to_owned(),
            created: None,
            expires: None,
            password_expires: None,
            locked_until: None,
            older_password_until: None,
            groups: account.groups.iter().map(ToString::to_string).collect(),
            network_logon: true,
            network_logon_source: "the domain".to_owned(),
        }
    }

    /// `account remove`.
    pub fn remove(&self, name: &str) -> Result<(), OperationError> {
        let name = account_name(name)?;
        let entry = self.entry(&name, vec![format!("- account {name}")])?;
        self.accounts.remove(&name, vec![entry]).map_err(account_error)
    }

    /// Whatever else is done with one account.
    pub fn order(
        &self,
        order: AccountOrder,
        overlap_ms: i64,
    ) -> Result<AccountView, OperationError> {
        let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
        let shown =
            |time: Option<Timestamp>| time.map_or("never".to_owned(), |time| time.to_string());
        let name = order.name.as_str();
        let account = match order.action {
            AccountAction::Show => {
                let name = account_name(name)?;
                let found = self.accounts.find(&name).map(|account| self.row(&account));
                found.ok_or_else(|| unknown(&name))
            }
            AccountAction::Enable => self.change(name, "enabled", |one, _| one.enabled = true),
            AccountAction::Disable => self.change(name, "disabled", |one, _| one.enabled = false),
            AccountAction::Unlock => self.change(name, "unlocked", |one, _| one.unlock()),
            AccountAction::Expires(time) => {
                let what = format!("expires {}", shown(time));
                self.change(name, &what, |one, _| one.expires_ms = ms(time))
            }
            AccountAction::PasswordExpires(time) => {
                let what = format!("password expires {}", shown(time));
                self.change(name, &what, |one, _| {
                    one.password_expires_ms = ms(time);
                    one.must_change = false;
                })
            }
            AccountAction::MustChange => {
                self.change(name, "password must be changed", |one, _| one.must_change = true)
            }
            AccountAction::Groups { add, remove } => {
                let what = format!("groups + {} - {}", add.join(", "), remove.join(", "));
                self.change(name, &what, |one, _| {
                    let gone: Vec<String> =
                        remove.iter().map(|group| identity::upcase(group)).collect();
                    one.groups.retain(|group| !gone.contains(&identity::upcase(group)));
                    one.groups.extend(add);
                })
            }
            AccountAction::NetworkLogon(right) => {
                let word = right.map_or("as everyone", |right| if right { "yes" } else { "no" });
                let what = format!("network logon {word}");
                self.change(name, &what, |one, _| one.network_logon = right)
            }
            AccountAction::Keep => {
                let name = account_name(name)?;
                self.accounts.keep(&name).map_err(account_error)?;
                self.shown(&name)
            }
            AccountAction::Forget => {
                let name = account_name(name)?;
                self.accounts.forget(&name).map_err(account_error)?;
                self.shown(&name)
            }
            AccountAction::PutBack => self.put_back(name),
            AccountAction::Rotate { password, overlap_s } => {
                let overlap = overlap_s.map_or(overlap_ms, |seconds| i64::from(seconds) * 1000);
                let hash = security::ntlm::nt_hash(&password);
                let what =
                    format!("another password, the one before is good for {} s", overlap / 1000);
                self.change(name, &what, |one, now| one.set_password(hash, overlap, now))
            }
        };
        Ok(AccountView { account: account? })
    }

    /// The account as it was kept; one that was made again meanwhile is another one.
    fn put_back(&self, name: &str) -> Result<AccountRow, OperationError> {
        let kept = self.accounts.kept(&account_name(name)?).map_err(account_error)?;
        let kept = kept.ok_or_else(|| {
            OperationError::NotFound(format!("nothing is kept of account {name}"))
        })?;
        let now = self.accounts.find(&kept.name).ok_or_else(|| unknown(&kept.name))?;
        if now.sid != kept.sid {
            let text = format!("account {name} was made again since it was kept");
            return Err(OperationError::Conflict(text));
        }
        self.change(name, "put back as it was kept", |one, _| *one = kept.clone())?;
        self.accounts.forget(&kept.name).map_err(account_error)?;
        self.shown(&kept.name)
    }

    fn change(
        &self,
        name: &str,
        what: &str,
        change: impl FnOnce(&mut Account, i64),
    ) -> Result<AccountRow, OperationError> {
        let name = account_name(name)?;
        let before = self.accounts.find(&name).ok_or_else(|| unknown(&name))?;
        let mut after = before.clone();
        let now = now_ms();
        change(&mut after, now);
        let mut lines = vec![format!("+ {what}")];
        let (was, is) = (described(&before, now), described(&after, now));
        if was != is {
            lines.extend([format!("- {was}"), format!("+ {is}")]);
        }
        let entry = self.entry(&name, lines)?;
        // Failures that were counted meanwhile are not worth keeping; the name and identifier are.
        let changed = self.accounts.change(&name, vec![entry], |account| *account = after);
        changed.map_err(account_error)?;
        self.shown(&name)
    }

    fn entry(&self, name: &AccountName, lines: Vec<String>) -> Result<Row, OperationError> {
        let what = format!("account {name}");
        self.directory.audited(&self.who, &what, lines).map_err(directory_error)
    }

    fn shown(&self, name: &AccountName) -> Result<AccountRow, OperationError> {
        let account = self.accounts.find(name);
        account.map(|account| self.row(&account)).ok_or_else(|| {
            OperationError::Conflict(format!("account {name} was removed meanwhile"))
        })
    }

    /// The account as it is shown; its role is what the directory says.
    #[must_use]
    pub fn row(&self, account: &Account) -> AccountRow {
        let may = self.directory.authorise(&self.accounts, &account.name).failed().is_none();
        let right = self.accounts.network_right(account);
        let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default();
        let locked = account.locked_until_ms.filter(|_| account.is_locked(now_ms()));
        AccountRow {
            name: account.name.to_string(),
            enabled: account.enabled,
            roles: if may { vec![Role::ServiceAccountAdmin.to_string()] } else { Vec::new() },
            password_set: time(account.password_set_ms),
            sid: account.sid.to_string(),
            state: state_word(account.refusal(now_ms())).to_owned(),
            created: Some(time(account.created_ms)),
            expires: account.expires_ms.map(time),
            password_expires: account.password_expires_ms.map(time),
            locked_until: locked.map(|ms| if ms == FOR_EVER { Timestamp::MAX } else { time(ms) }),
            older_password_until: account
                .older
                .as_ref()
                .filter(|older| older.until_ms > now_ms())
                .map(|older| time(older.until_ms)),
            groups: account.groups.iter().cloned().collect(),
            network_logon: right.granted,
            network_logon_source: right.source,
        }
    }
}

/// How long the password before a rotated one stays good, in milliseconds.
pub(crate) fn overlap_ms(config: &config::Config) -> i64 {
    i64::try_from(config.accounts.password_overlap.as_millis()).unwrap_or(i64::MAX)
}

fn described(account: &Account, now_ms: i64) -> String {
    let groups: Vec<&str> = account.groups.iter().map(String::as_str).collect();
    let network =
        account.network_logon.map_or("as everyone", |right| if right { "yes" } else { "no" });
    let time = |ms: Option<i64>| {
        let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        time.map_or("never".to_owned(), |time| time.to_string())
    };
    format!(
        "{}, expires {}, password expires {}, groups [{}], network logon {network}",
        state_word(account.refusal(now_ms)),
        time(account.expires_ms),
        time(account.password_expires_ms),
        groups.join(", ")
    )
}

/// The word for a state; `ok` where nothing is in the way.
fn state_word(state: Option<AccountState>) -> &'static str {
    match state {
        None => "ok",
        Some(AccountState::Disabled) => "disabled",
        Some(AccountState::Locked) => "locked",
        Some(AccountState::Expired) => "expired",
        Some(AccountState::PasswordExpired) => "password-expired",
        Some(AccountState::MustChange) => "must-change",
    }
}

/// The steps of a bind at which an account fails, for the doctor.
#[must_use]
pub fn missing_steps(ledger: &Ledger, name: &AccountName) -> Vec<Step> {
    let answer = ledger.directory.authorise(&ledger.accounts, name);
    answer.steps.into_iter().filter(|step| !step.granted).map(|step| step.step).collect()
}

pub(super) fn account_name(text: &str) -> Result<AccountName, OperationError> {
    text.parse().map_err(|error: identity::NameError| OperationError::Invalid(error.to_string()))
}

fn role(text: &str) -> Result<Role, OperationError> {
    text.parse().map_err(|error: identity::UnknownRole| OperationError::Invalid(error.to_string()))
}

fn unknown(name: &AccountName) -> OperationError {
    account_error(AccountError::Unknown(name.clone()))
}

pub(super) fn account_error(error: AccountError) -> OperationError {
    match error {
        AccountError::Exists(_) => OperationError::Conflict(error.to_string()),
        AccountError::Unknown(_) => OperationError::NotFound(error.to_string()),
        other => OperationError::Internal(net::chain(&other)),
    }
}

pub(super) fn directory_error(error: DirectoryTableError) -> OperationError {
    use directory::DirectoryError as E;
    match error {
        DirectoryTableError::Accounts(inner) => account_error(inner),
        DirectoryTableError::Directory(inner) => match inner {
            E::Missing(_) => OperationError::NotFound(inner.to_string()),
            E::Exists(_) | E::NotEmpty(_) | E::NotGranted { .. } | E::Outdated(_) | E::Full => {
                OperationError::Conflict(inner.to_string())
            }
            other => OperationError::Invalid(other.to_string()),
        },
        other => OperationError::Internal(net::chain(&other)),
    }
}
