//! An account as the store keeps it, and the states in which it may not log on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{AccountName, NtHash, Role, Sid, well_known};

/// Locked until somebody unlocks it.
pub const FOR_EVER: i64 = i64::MAX;

/// An account of this server. Times are in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// Its identifier: another account of the same name has another one.
    #[serde(default = "well_known::anonymous")]
    pub sid: Sid,
    /// The verifier of its password.
    pub nt_hash: NtHash,
    /// The verifier before that, while it is still good.
    #[serde(default)]
    pub older: Option<OlderSecret>,
    /// What the list of accounts gave before there was a directory; moved there at the first start, and not looked at.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
    /// Whether it may log on at all.
    pub enabled: bool,
    /// When its password was last set.
    pub password_set_ms: i64,
    /// When it was made.
    #[serde(default)]
    pub created_ms: i64,
    /// When it can no longer be used.
    #[serde(default)]
    pub expires_ms: Option<i64>,
    /// When its password can no longer be used.
    #[serde(default)]
    pub password_expires_ms: Option<i64>,
    /// Whether its password has to be changed before it is used.
    #[serde(default)]
    pub must_change: bool,
    /// Logons with a wrong password in a row.
    #[serde(default)]
    pub failures: u32,
    /// When the last of them was.
    #[serde(default)]
    pub last_failure_ms: i64,
    /// Until when it is locked.
    #[serde(default)]
    pub locked_until_ms: Option<i64>,
    /// Groups that it is a member of.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Its own right to log on from the network, where it has one of its own.
    #[serde(default)]
    pub network_logon: Option<bool>,
}

/// A verifier that is good for a while after another one was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OlderSecret {
    /// The verifier.
    pub nt_hash: NtHash,
    /// Until when.
    pub until_ms: i64,
}

/// When an account is locked by wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lockout {
    /// So many in a row; 0 never.
    pub threshold: u32,
    /// Failures are forgotten after so long without one, in milliseconds.
    pub reset_ms: i64,
    /// The lock opens by itself after so long; 0 leaves it to an administrator.
    pub duration_ms: i64,
}

/// Why an account may not log on, its password apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It is disabled.
    Disabled,
    /// It is locked.
    Locked,
    /// It can no longer be used.
    Expired,
    /// Its password can no longer be used.
    PasswordExpired,
    /// Its password must be changed first.
    MustChange,
}

impl Account {
    /// A new account.
    #[must_use]
    pub fn new(name: AccountName, sid: Sid, nt_hash: NtHash, now_ms: i64) -> Self {
        Self {
            name,
            sid,
            nt_hash,
            older: None,
            roles: BTreeSet::new(),
            enabled: true,
            password_set_ms: now_ms,
            created_ms: now_ms,
            expires_ms: None,
            password_expires_ms: None,
            must_change: false,
            failures: 0,
            last_failure_ms: 0,
            locked_until_ms: None,
            groups: BTreeSet::new(),
            network_logon: None,
        }
    }

    /// Why it may not log on now, if it may not; what an administrator has to undo comes first.
    #[must_use]
    pub fn refusal(&self, now_ms: i64) -> Option<AccountState> {
        let over = |time: Option<i64>| time.is_some_and(|time| time <= now_ms);
        [
            (!self.enabled, AccountState::Disabled),
            (self.is_locked(now_ms), AccountState::Locked),
            (over(self.expires_ms), AccountState::Expired),
            (over(self.password_expires_ms), AccountState::PasswordExpired),
            (self.must_change, AccountState::MustChange),
        ]
        .into_iter()
        .find_map(|(so, state)| so.then_some(state))
    }

    /// Whether it is locked now.
    #[must_use]
    pub fn is_locked(&self, now_ms: i64) -> bool {
        self.locked_until_ms.is_some_and(|until| now_ms < until)
    }

    /// The verifier before the present one, if it is still good.
    #[must_use]
    pub fn older_hash(&self, now_ms: i64) -> Option<&NtHash> {
        self.older.as_ref().filter(|older| now_ms < older.until_ms).map(|older| &older.nt_hash)
    }

    /// Counts a wrong password; whether the account is locked by it.
    pub fn note_failure(&mut self, rules: &Lockout, now_ms: i64) -> bool {
        if rules.threshold == 0 || self.is_locked(now_ms) {
            return false;
        }
        if now_ms.saturating_sub(self.last_failure_ms) > rules.reset_ms {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last_failure_ms = now_ms;
        if self.failures < rules.threshold {
            return false;
        }
        self.failures = 0;
        let until = if rules.duration_ms == 0 {
            FOR_EVER
        } else {
            now_ms.saturating_add(rules.duration_ms)
        };
        self.locked_until_ms = Some(until);
        true
    }

    /// Sets another password; the one before stays good for `overlap_ms`. Where it has this one already, the one before that
    /// stays good for so long, and no longer than it was.
    pub fn set_password(&mut self, nt_hash: NtHash, overlap_ms: i64, now_ms: i64) {
        let until_ms = now_ms.saturating_add(overlap_ms);
        let older = if nt_hash == self.nt_hash {
            self.older
                .take()
                .map(|older| OlderSecret { until_ms: older.until_ms.min(until_ms), ..older })
        } else {
            let before = std::mem::replace(&mut self.nt_hash, nt_hash);
            Some(OlderSecret { nt_hash: before, until_ms })
        };
        self.older = older.filter(|_| overlap_ms > 0);
        self.password_set_ms = now_ms;
        self.password_expires_ms = None;
        self.must_change = false;
        self.failures = 0;
    }

    /// Lets it log on again after too many wrong passwords.
    pub fn unlock(&mut self) {
        (self.failures, self.locked_until_ms) = (0, None);
    }

    /// Whether the account had the role in the list before there was a directory.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let sid = Sid::domain(1, 2, 3).member(1000).unwrap();
        Account::new("EAST\\svc".parse().unwrap(), sid, NtHash::new([0x5a; 16]), 100)
    }

    #[test]
    fn round_trips_through_json_and_prints_no_hash() {
        let account = Account { roles: BTreeSet::from([Role::ServiceAccountAdmin]), ..account() };
        let json = serde_json::to_string(&account).unwrap();
        assert_eq!(serde_json::from_str::<Account>(&json).unwrap(), account);
        assert!(account.has_role(Role::ServiceAccountAdmin));
        assert!(!format!("{account:?}").contains("5a5a"));
    }

    #[test]
    fn a_row_of_before_the_directory_is_read() {
        let old = r#"{"name":"EAST\\svc","nt_hash":"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a","roles":["service-account-admin"],"enabled":true,"password_set_ms":7}"#;
        let read: Account = serde_json::from_str(old).unwrap();
        assert!(read.has_role(Role::ServiceAccountAdmin) && read.refusal(8).is_none());
    }

    #[test]
    fn each_state_refuses_and_ends() {
        let at = |change: fn(&mut Account), now| {
            let mut account = account();
            change(&mut account);
            account.refusal(now)
        };
        assert_eq!(at(|_| {}, 100), None);
        assert_eq!(at(|one| one.enabled = false, 100), Some(AccountState::Disabled));
        assert_eq!(at(|one| one.locked_until_ms = Some(200), 199), Some(AccountState::Locked));
        assert_eq!(at(|one| one.locked_until_ms = Some(200), 200), None);
        assert_eq!(at(|one| one.expires_ms = Some(200), 199), None);
        assert_eq!(at(|one| one.expires_ms = Some(200), 200), Some(AccountState::Expired));
        let password = at(|one| one.password_expires_ms = Some(100), 100);
        assert_eq!(password, Some(AccountState::PasswordExpired));
        assert_eq!(at(|one| one.must_change = true, 100), Some(AccountState::MustChange));
    }

    /// A rotation that is begun again must not forget the password that is still shown, nor make it good for longer.
    #[test]
    fn the_same_password_again_keeps_the_one_before() {
        let fresh = || NtHash::new([0x77; 16]);
        let older = |one: &Account| one.older.as_ref().map(|older| older.until_ms);
        let mut one = account();
        one.set_password(fresh(), 1000, 100);
        assert_eq!(older(&one), Some(1100));
        one.set_password(fresh(), 1000, 500);
        assert_eq!(older(&one), Some(1100));
        one.set_password(fresh(), 10, 600);
        assert_eq!(older(&one), Some(610));
        assert!(one.older.as_ref().is_some_and(|older| older.nt_hash == account().nt_hash));
        one.set_password(fresh(), 0, 605);
        assert_eq!(older(&one), None);
    }

    #[test]
    fn failures_lock_and_are_forgotten() {
        let rules = Lockout { threshold: 3, reset_ms: 1000, duration_ms: 500 };
        let mut one = account();
        assert!(!one.note_failure(&rules, 1000) && !one.note_failure(&rules, 1001));
        assert!(!one.note_failure(&rules, 3000), "the first two are forgotten");
        assert!(!one.note_failure(&rules, 3001) && one.note_failure(&rules, 3002));
        assert!(one.is_locked(3501) && !one.is_locked(3502));
        assert!(!one.note_failure(&rules, 3100), "a lock is not prolonged");
        one.unlock();
        assert!(!one.is_locked(3100));
        let never = Lockout::default();
        assert!((0..100).all(|now| !account().note_failure(&never, now)));
        let mut kept = account();
        assert!(kept.note_failure(&Lockout { threshold: 1, duration_ms: 0, ..rules }, 5000));
        assert!(kept.is_locked(i64::MAX - 1));
    }

    #[test]
    fn the_password_before_is_good_for_its_overlap() {
        let mut one = account();
        one.set_password(NtHash::new([1; 16]), 50, 200);
        assert_eq!(one.older_hash(249), Some(&NtHash::new([0x5a; 16])));
        assert_eq!(one.older_hash(250), None);
        one.set_password(NtHash::new([2; 16]), 0, 210);
        assert_eq!(one.older_hash(210), None, "no overlap");
    }
}
