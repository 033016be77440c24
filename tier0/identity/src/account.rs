//! An account as the store keeps it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{AccountName, NtHash, Role};

/// An account of this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// The verifier of its password.
    pub nt_hash: NtHash,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Whether it may log on at all.
    pub enabled: bool,
    /// When its password was last set, in milliseconds since 1970-01-01 UTC.
    pub password_set_ms: i64,
}

impl Account {
    /// Whether the account has the role.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_through_json_and_prints_no_hash() {
        let account = Account {
            name: "EAST\\svc".parse().unwrap(),
            nt_hash: NtHash::new([0x5a; 16]),
            roles: BTreeSet::from([Role::ServiceAccountAdmin]),
            enabled: true,
            password_set_ms: -1,
        };
        let json = serde_json::to_string(&account).unwrap();
        assert_eq!(serde_json::from_str::<Account>(&json).unwrap(), account);
        assert!(account.has_role(Role::ServiceAccountAdmin));
        assert!(!format!("{account:?}").contains("5a5a"));
    }
}
