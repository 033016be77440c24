//! What two MTAs prove to each other in the P1 bind, and the check of it (X.411 12.1.1).
//!
//! Names and passwords compare with regard to case, octet for octet; a connector may let names
//! differ in case. What differs is told as data, so that the log can say it without the password.

use std::fmt;

use x400::{Credentials, MtaIdentity, Secret};

/// What this MTA presents of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    pub name: String,
    /// `None` sends an empty password: the connector has none.
    pub password: Option<Secret>,
}

/// What this MTA expects of the other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub name: String,
    /// `None` takes any password, and a bind without authentication.
    pub password: Option<Secret>,
    /// Upper and lower case of the name do not count.
    pub ignore_case: bool,
}

/// Why credentials are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Another MTA name.
    Name,
    /// The same MTA name but for upper and lower case.
    NameCase,
    /// Another password.
    Password,
    /// The same password but for upper and lower case.
    PasswordCase,
    /// No name and no password where both are expected.
    Unauthenticated,
    /// Strong authentication, which is not supported.
    Strong,
}

impl Mismatch {
    /// The word in events, for the doctor.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::NameCase => "name-case",
            Self::Password => "password",
            Self::PasswordCase => "password-case",
            Self::Unauthenticated => "unauthenticated",
            Self::Strong => "strong-authentication",
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the MTA name is another one",
            Self::NameCase => "the MTA name differs only in case",
            Self::Password => "the password is another one",
            Self::PasswordCase => "the password differs only in case",
            Self::Unauthenticated => "no credentials were presented",
            Self::Strong => "strong authentication is not supported",
        })
    }
}

impl Presented {
    /// What goes into the bind.
    #[must_use]
    pub fn identity(&self) -> MtaIdentity {
        let password = self.password.clone().unwrap_or_else(|| Secret::new(""));
        MtaIdentity {
            name: self.name.clone(),
            credentials: Some(Credentials::Password(password)),
            others: Vec::new(),
        }
    }
}

impl Expected {
    /// Checks what a peer presented; `None` is a bind without authentication.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, identity: Option<&MtaIdentity>) -> Result<(), Mismatch> {
        let Some(identity) = identity.filter(|identity| !identity.name.is_empty()) else {
            return match &self.password {
                None => Ok(()),
                Some(_) => Err(Mismatch::Unauthenticated),
            };
        };
        self.check_name(&identity.name)?;
        let Some(expected) = &self.password else { return Ok(()) };
        match &identity.credentials {
            Some(Credentials::Password(password) | Credentials::PasswordOctets(password)) => {
                if password.is(expected) {
                    Ok(())
                } else if password.matches(expected) {
                    Err(Mismatch::PasswordCase)
                } else {
                    Err(Mismatch::Password)
                }
            }
            Some(Credentials::Other(_)) => Err(Mismatch::Strong),
            None => Err(Mismatch::Password),
        }
    }

    /// Checks the name alone.
    ///
    /// # Errors
    /// It is another one, or differs in case where that counts.
    pub fn check_name(&self, name: &str) -> Result<(), Mismatch> {
        if name == self.name {
            Ok(())
        } else if !name.eq_ignore_ascii_case(&self.name) {
            Err(Mismatch::Name)
        } else if self.ignore_case {
            Ok(())
        } else {
            Err(Mismatch::NameCase)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(password: Option<&str>, ignore_case: bool) -> Expected {
        Expected { name: "West".to_owned(), password: password.map(Secret::new), ignore_case }
    }

    #[test]
    fn names_and_passwords_are_checked_with_their_case() {
        let check = |name: &str, password: &str, ignore_case| {
            let presented = MtaIdentity::with_password(name, password);
            expected(Some("Secret"), ignore_case).check(Some(&presented))
        };
        assert_eq!(check("West", "Secret", false), Ok(()));
        assert_eq!(check("WEST", "Secret", false), Err(Mismatch::NameCase));
        assert_eq!(check("WEST", "Secret", true), Ok(()));
        assert_eq!(check("Weste", "Secret", true), Err(Mismatch::Name));
        assert_eq!(check("West", "secret", true), Err(Mismatch::PasswordCase));
        assert_eq!(check("West", "secret1", false), Err(Mismatch::Password));
        assert_eq!(check("West", "", false), Err(Mismatch::Password));
    }

    #[test]
    fn a_connector_without_a_password_takes_any_and_none() {
        let open = expected(None, false);
        assert_eq!(open.check(None), Ok(()));
        assert_eq!(open.check(Some(&MtaIdentity::with_password("West", "x"))), Ok(()));
        assert_eq!(open.check(Some(&MtaIdentity::with_password("East", "x"))), Err(Mismatch::Name));
        assert_eq!(expected(Some("s"), false).check(None), Err(Mismatch::Unauthenticated));
    }

    /// An ACCEPT without an MTA name (KB Q123650) counts as one without authentication.
    #[test]
    fn q123650_accept_without_mta_name() {
        let nameless = MtaIdentity { name: String::new(), credentials: None, others: Vec::new() };
        assert_eq!(expected(None, false).check(Some(&nameless)), Ok(()));
        let refused = expected(Some("s"), false).check(Some(&nameless));
        assert_eq!(refused, Err(Mismatch::Unauthenticated));
    }
}
