//! What two MTAs prove to each other in the P1 bind, and the check of it (X.411 12.1.1).
//!
//! Names and passwords compare with regard to case, octet for octet; a connector may let names
//! differ in case. What differs is told as data, so that the log can say it without the password.

use std::fmt;

use x400::{Credentials, MtaBindError, MtaIdentity, Secret};

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
    /// Empty takes any name.
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
    /// A security context, which is not supported.
    SecurityContext,
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
            Self::SecurityContext => "security-context",
        }
    }
}

impl Mismatch {
    /// What the bind is refused with (X.411 12.1.1.3).
    #[must_use]
    pub fn bind_error(self) -> MtaBindError {
        match self {
            Self::SecurityContext => MtaBindError::UNACCEPTABLE_SECURITY_CONTEXT,
            _ => MtaBindError::AUTHENTICATION_ERROR,
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
            Self::SecurityContext => "security contexts are not supported",
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
    /// For who only looks: whatever is presented is right.
    #[must_use]
    pub fn anything() -> Self {
        Self { name: String::new(), password: None, ignore_case: true }
    }

    /// Checks what a peer presented; `None` is a bind without authentication. Credentials that cannot be checked are
    /// refused even where any password would do: whoever sends them counts on the check, and on an answer of their kind. A
    /// security context is refused, since nothing here keeps messages to its labels.
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
        if self.name.is_empty() && self.password.is_none() {
            return Ok(());
        }
        if matches!(identity.credentials, Some(Credentials::Other(_))) {
            return Err(Mismatch::Strong);
        }
        self.check_password(identity)?;
        match identity.security_context() {
            Some(_) => Err(Mismatch::SecurityContext),
            None => Ok(()),
        }
    }

    fn check_password(&self, identity: &MtaIdentity) -> Result<(), Mismatch> {
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
            Some(Credentials::Other(_)) | None => Err(Mismatch::Password),
        }
    }

    /// Checks the name alone.
    ///
    /// # Errors
    /// It is another one, or differs in case where that counts.
    pub fn check_name(&self, name: &str) -> Result<(), Mismatch> {
        if self.name.is_empty() || name == self.name {
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
    use x400::MtaBindArgument;

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

    /// What cannot be checked is refused, with a password expected or without, after the name; who only looks takes it.
    #[test]
    fn strong_credentials_and_security_contexts_are_refused() {
        let bind = |hex: &str| match MtaBindArgument::decode(&wire::from_hex(hex).unwrap()).unwrap()
        {
            MtaBindArgument::Authenticated(identity) => identity,
            MtaBindArgument::Unauthenticated => panic!("it has a name"),
        };
        let strong = bind("a10d 800457657374 a105a003 800101");
        let protected = bind("a10e 800457657374 a106a104 31023000");
        let labelled = bind("a116 800457657374 a1081606536563726574 a2043102 0500");
        let refused =
            |expected: &Expected, identity: &MtaIdentity| expected.check(Some(identity)).err();
        for password in [None, Some("Secret")] {
            let expected = expected(password, false);
            assert_eq!(refused(&expected, &strong), Some(Mismatch::Strong));
            assert_eq!(refused(&expected, &protected), Some(Mismatch::Strong));
            assert_eq!(refused(&expected, &labelled), Some(Mismatch::SecurityContext));
        }
        let other = Expected { name: "East".to_owned(), ..expected(Some("Secret"), false) };
        assert_eq!(refused(&other, &strong), Some(Mismatch::Name));
        let wrong = refused(&expected(Some("Other"), false), &labelled);
        assert_eq!(wrong, Some(Mismatch::Password), "not told about more than that");
        for identity in [&strong, &protected, &labelled] {
            assert_eq!(Expected::anything().check(Some(identity)), Ok(()));
        }
        assert_eq!(strong.manner().to_string(), "strong credentials: bind token of 3 octets");
        assert_eq!(protected.manner().to_string(), "a protected password: 6 octets");
        let told = labelled.manner().to_string();
        assert_eq!(told, "a password and a security context: 6 octets, a20431020500");
        assert_eq!(Mismatch::SecurityContext.bind_error().0, 4);
        assert_eq!(Mismatch::Strong.bind_error().0, 2);
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
