//! Which role each operation needs: least privilege for the administrative interface itself.
//!
//! The roles are those of the directory, each holding the ones before it. What only shows needs the first. Left out: who has which
//! role, which the server says.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::directory_api::{AccountAction, DirectoryOrder, SetOrder};
use crate::queue_api::QueueOrder;

/// What a person may do with a server; each holds what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminRole {
    /// Look.
    ViewOnlyAdmin,
    /// Change objects, queues and settings.
    Admin,
    /// Change who may what, and the states of accounts.
    PermissionsAdmin,
    /// Make accounts, set passwords, say which account is used.
    ServiceAccountAdmin,
}

impl AdminRole {
    /// Every role, the least first.
    pub const ALL: [Self; 4] =
        [Self::ViewOnlyAdmin, Self::Admin, Self::PermissionsAdmin, Self::ServiceAccountAdmin];

    /// The name in commands and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewOnlyAdmin => "view-only-admin",
            Self::Admin => "admin",
            Self::PermissionsAdmin => "permissions-admin",
            Self::ServiceAccountAdmin => "service-account-admin",
        }
    }
}

impl fmt::Display for AdminRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Attributes that say which account is used: whoever sets them decides what a password is shown for.
const ACCOUNT_ATTRIBUTES: [&str; 5] = [
    "serviceAccount",
    "machineAccount",
    "overrideAccount",
    "msExchLegacyAccount",
    "msExchLegacyDomain",
];

fn set_needs(order: &SetOrder) -> AdminRole {
    let is = |name: &&str| order.attribute.eq_ignore_ascii_case(name);
    if ACCOUNT_ATTRIBUTES.iter().any(is) {
        AdminRole::ServiceAccountAdmin
    } else if is(&"nTSecurityDescriptor") {
        AdminRole::PermissionsAdmin
    } else {
        AdminRole::Admin
    }
}

impl DirectoryOrder {
    /// The role that it needs.
    #[must_use]
    pub fn needs(&self) -> AdminRole {
        match self {
            Self::List { .. }
            | Self::Show { .. }
            | Self::Staged
            | Self::Access { .. }
            | Self::Export
            | Self::Audit { .. }
            | Self::Agent { change: None }
            | Self::LegacyAccount { change: None, .. }
            | Self::OverrideAccount { change: None, .. }
            | Self::Import { dry_run: true, .. } => AdminRole::ViewOnlyAdmin,
            Self::Set(order) if order.dry_run => AdminRole::ViewOnlyAdmin,
            Self::Grant(order) | Self::Revoke(order) if order.dry_run => AdminRole::ViewOnlyAdmin,
            Self::Set(order) | Self::Stage(order) => set_needs(order),
            Self::Add { .. } | Self::Remove { .. } | Self::Discard | Self::Agent { .. } => {
                AdminRole::Admin
            }
            Self::Grant(_) | Self::Revoke(_) => AdminRole::PermissionsAdmin,
            // Each may hold any attribute.
            Self::Apply
            | Self::Undo
            | Self::Import { .. }
            | Self::LegacyAccount { .. }
            | Self::OverrideAccount { .. } => AdminRole::ServiceAccountAdmin,
        }
    }
}

impl AccountAction {
    /// The role that it needs.
    #[must_use]
    pub fn needs(&self) -> AdminRole {
        match self {
            Self::Show => AdminRole::ViewOnlyAdmin,
            Self::Enable
            | Self::Disable
            | Self::Unlock
            | Self::Expires(_)
            | Self::PasswordExpires(_)
            | Self::MustChange
            | Self::Groups { .. }
            | Self::NetworkLogon(_) => AdminRole::PermissionsAdmin,
            Self::Keep | Self::PutBack | Self::Forget | Self::Rotate { .. } => {
                AdminRole::ServiceAccountAdmin
            }
        }
    }
}

impl QueueOrder {
    /// The role that it needs.
    #[must_use]
    pub fn needs(&self) -> AdminRole {
        match self {
            Self::Track { .. } => AdminRole::ViewOnlyAdmin,
            Self::Hold { .. }
            | Self::Release { .. }
            | Self::ReleaseMessage { .. }
            | Self::TrackExport { .. }
            | Self::Export { .. } => AdminRole::Admin,
            // It has the accounts.
            Self::Backup { .. } => AdminRole::ServiceAccountAdmin,
        }
    }
}
