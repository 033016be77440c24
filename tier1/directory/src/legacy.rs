//! The account that older servers use, as an administrative group names it.

use identity::{AccountName, NameError};

use crate::error::DirectoryError;
use crate::name::Name;
use crate::tree::Directory;

/// The attribute with the account's name.
pub const LEGACY_ACCOUNT: &str = "msExchLegacyAccount";
/// The attribute with its domain.
pub const LEGACY_DOMAIN: &str = "msExchLegacyDomain";

/// What the two attributes of a group say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegacyAccount {
    /// The name, without a domain.
    pub account: Option<String>,
    /// The domain.
    pub domain: Option<String>,
}

impl LegacyAccount {
    /// Reads the attributes of a group.
    ///
    /// # Errors
    /// There is no such group.
    pub fn of(directory: &Directory, group: &Name) -> Result<Self, DirectoryError> {
        let object = directory.get(group)?;
        let value = |name| object.value(name).map(str::to_owned);
        Ok(Self { account: value(LEGACY_ACCOUNT), domain: value(LEGACY_DOMAIN) })
    }

    /// Writes both attributes; `None` clears them.
    ///
    /// # Errors
    /// There is no such group.
    pub fn set(
        directory: &mut Directory,
        group: &Name,
        account: Option<&AccountName>,
        now_ms: i64,
    ) -> Result<(), DirectoryError> {
        directory.change(group, now_ms, |object| {
            let list =
                |value: Option<&str>| value.map(str::to_owned).into_iter().collect::<Vec<_>>();
            for (attribute, value) in [
                (LEGACY_ACCOUNT, account.map(AccountName::name)),
                (LEGACY_DOMAIN, account.map(AccountName::domain)),
            ] {
                let values = list(value);
                object.set(attribute, &values.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
            Ok(())
        })
    }

    /// The account; `None` while neither attribute is set, an error when it is no name.
    #[must_use]
    pub fn name(&self) -> Option<Result<AccountName, NameError>> {
        if self.account.is_none() && self.domain.is_none() {
            return None;
        }
        let (domain, name) = (self.domain.as_deref(), self.account.as_deref());
        Some(AccountName::new(domain.unwrap_or_default(), name.unwrap_or_default()))
    }
}
