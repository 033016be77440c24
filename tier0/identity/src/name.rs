//! Account names as people and Windows write them: `DOMAIN\name`.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::fold::upcase_chars;

/// Longest user part in characters: `UNLEN` of the Windows SDK (lmcons.h).
pub const MAX_NAME_CHARS: usize = 256;

/// Longest domain part in characters: a full DNS name (RFC 1035 2.3.4).
pub const MAX_DOMAIN_CHARS: usize = 255;

/// What Windows forbids in account names (MS-SAMR 3.1.1.6).
const FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>";

/// The name of an account, `DOMAIN\name`; equal, ordered and hashed without regard to case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName {
    domain: String,
    name: String,
}

impl AccountName {
    /// Checks both parts and joins them.
    ///
    /// # Errors
    /// [`NameError`] names the part that is empty, too long or has a forbidden character.
    pub fn new(domain: &str, name: &str) -> Result<Self, NameError> {
        check("domain", domain, MAX_DOMAIN_CHARS)?;
        check("name", name, MAX_NAME_CHARS)?;
        Ok(Self { domain: domain.to_owned(), name: name.to_owned() })
    }

    /// The part before the backslash.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The part after the backslash.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether both spell the same account.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self == other
    }

    fn folded(&self) -> impl Iterator<Item = char> + '_ {
        // The backslash cannot occur in a part, so the joined form is unambiguous.
        upcase_chars(&self.domain).chain(std::iter::once('\\')).chain(upcase_chars(&self.name))
    }
}

impl FromStr for AccountName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (domain, name) = text.split_once('\\').ok_or(NameError::NoDomain)?;
        Self::new(domain, name)
    }
}

impl TryFrom<String> for AccountName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\\{}", self.domain, self.name)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountName({self})")
    }
}

impl PartialEq for AccountName {
    fn eq(&self, other: &Self) -> bool {
        self.folded().eq(other.folded())
    }
}

impl Eq for AccountName {}

impl PartialOrd for AccountName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AccountName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for AccountName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for c in self.folded() {
            c.hash(state);
        }
        state.write_u8(0xff);
    }
}

/// Why a text is no account name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no backslash.
    #[error("an account name is written DOMAIN\\name")]
    NoDomain,
    /// A part is empty.
    #[error("the {part} of an account name is empty")]
    Empty {
        /// `domain` or `name`.
        part: &'static str,
    },
    /// A part is too long.
    #[error("the {part} of an account name is longer than {limit} characters")]
    TooLong {
        /// `domain` or `name`.
        part: &'static str,
        /// The most characters it may have.
        limit: usize,
    },
    /// A character that no account name may have.
    #[error("the {part} of an account name must not contain {character:?}")]
    Forbidden {
        /// `domain` or `name`.
        part: &'static str,
        /// The character.
        character: char,
    },
    /// A part begins or ends with a blank.
    #[error("the {part} of an account name begins or ends with a blank")]
    Blank {
        /// `domain` or `name`.
        part: &'static str,
    },
}

fn check(part: &'static str, text: &str, limit: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { part });
    }
    if text.chars().nth(limit).is_some() {
        return Err(NameError::TooLong { part, limit });
    }
    if let Some(character) = text.chars().find(|&c| c.is_control() || FORBIDDEN.contains(c)) {
        return Err(NameError::Forbidden { part, character });
    }
    if text.trim() != text {
        return Err(NameError::Blank { part });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    fn name(text: &str) -> AccountName {
        text.parse().unwrap()
    }

    #[test]
    fn parses_and_prints() {
        let account = name("EAST\\svc-mail");
        assert_eq!(account.domain(), "EAST");
        assert_eq!(account.name(), "svc-mail");
        assert_eq!(account.to_string(), "EAST\\svc-mail");
    }

    #[test]
    fn compares_without_case() {
        let (a, b) = (name("East\\Jörg"), name("EAST\\JÖRG"));
        assert!(a.matches(&b));
        assert_eq!(a.cmp(&b), Ordering::Equal);
        assert_eq!(HashSet::from([a.clone(), b.clone()]).len(), 1);
        assert_eq!(BTreeSet::from([a, b]).len(), 1);
        assert_ne!(name("EAST\\admin"), name("EAST\\adm\u{131}n"));
        assert_ne!(name("EAST\\ab"), name("EASTA\\b"));
    }

    #[test]
    fn refuses_what_is_no_name() {
        let long = "x".repeat(257);
        for (text, expected) in [
            ("admin".to_owned(), NameError::NoDomain),
            ("\\admin".to_owned(), NameError::Empty { part: "domain" }),
            ("EAST\\".to_owned(), NameError::Empty { part: "name" }),
            ("EAST\\a\\b".to_owned(), NameError::Forbidden { part: "name", character: '\\' }),
            ("EA\0ST\\a".to_owned(), NameError::Forbidden { part: "domain", character: '\0' }),
            ("EAST\\ a".to_owned(), NameError::Blank { part: "name" }),
            (format!("EAST\\{long}"), NameError::TooLong { part: "name", limit: 256 }),
            (format!("{long}\\a"), NameError::TooLong { part: "domain", limit: 255 }),
        ] {
            assert_eq!(text.parse::<AccountName>(), Err(expected), "{text}");
        }
        for c in FORBIDDEN.chars() {
            assert!(AccountName::new("EAST", &format!("a{c}b")).is_err());
        }
    }

    #[test]
    fn is_a_string_in_json() {
        let account = name("EAST\\svc");
        let json = serde_json::to_string(&account).unwrap();
        assert_eq!(json, "\"EAST\\\\svc\"");
        assert_eq!(serde_json::from_str::<AccountName>(&json).unwrap(), account);
        assert!(serde_json::from_str::<AccountName>("\"svc\"").is_err());
    }
}
