//! Names in a realm (RFC 4120 section 5.2.2, section 6).

use std::fmt;
use std::str::FromStr;

/// `NT-PRINCIPAL`: a person or an account.
pub const NT_PRINCIPAL: i32 = 1;
/// `NT-SRV-INST`: a service and its instance, such as the ticket-granting one.
pub const NT_SRV_INST: i32 = 2;
/// `NT-SRV-HST`: a service on a host.
pub const NT_SRV_HST: i32 = 3;

/// Parts of one name: more than anybody has.
pub(crate) const MAX_COMPONENTS: usize = 16;

/// A name and its realm. The type of a name is a hint that does not count in comparisons (RFC 4120 section 6.2).
#[derive(Debug, Clone)]
pub struct Principal {
    /// The type, see [`NT_PRINCIPAL`].
    pub name_type: i32,
    /// The parts.
    pub components: Vec<String>,
    /// The realm.
    pub realm: String,
}

impl Principal {
    /// An account.
    #[must_use]
    pub fn account(name: &str, realm: &str) -> Self {
        Self { name_type: NT_PRINCIPAL, components: vec![name.to_owned()], realm: realm.to_owned() }
    }

    /// A service on a host, `host/east.demo.test`.
    #[must_use]
    pub fn service(service: &str, host: &str, realm: &str) -> Self {
        Self {
            name_type: NT_SRV_INST,
            components: vec![service.to_owned(), host.to_owned()],
            realm: realm.to_owned(),
        }
    }

    /// The ticket-granting service of `target` in `realm`; another realm than its own is a trust.
    #[must_use]
    pub fn ticket_granting(target: &str, realm: &str) -> Self {
        Self::service("krbtgt", target, realm)
    }

    /// The name without the realm.
    #[must_use]
    pub fn name(&self) -> String {
        self.components.join("/")
    }

    /// The realm that this ticket-granting service gives tickets of.
    #[must_use]
    pub fn ticket_granting_for(&self) -> Option<&str> {
        match self.components.as_slice() {
            [service, target] if service == "krbtgt" => Some(target),
            _ => None,
        }
    }

    /// Whether both are the same without regard to case, as Windows and Samba look names up.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| identity::upcase(a) == identity::upcase(b);
        same(&self.realm, &other.realm)
            && self.components.len() == other.components.len()
            && self.components.iter().zip(&other.components).all(|(a, b)| same(a, b))
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.components == other.components && self.realm == other.realm
    }
}

impl Eq for Principal {}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.components.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            f.write_str(component)?;
        }
        write!(f, "@{}", self.realm)
    }
}

/// A text that is no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a principal is written NAME@REALM or SERVICE/HOST@REALM")]
pub struct PrincipalError;

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        let (name, realm) = text.rsplit_once('@').ok_or(PrincipalError)?;
        let components: Vec<String> = name.split('/').map(str::to_owned).collect();
        let empty = realm.is_empty() || components.iter().any(String::is_empty);
        if empty || components.len() > MAX_COMPONENTS || text.chars().any(char::is_control) {
            return Err(PrincipalError);
        }
        let name_type = if components.len() == 1 { NT_PRINCIPAL } else { NT_SRV_INST };
        Ok(Self { name_type, components, realm: realm.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_as_people_write_them() {
        let service: Principal = "host/East.demo.test@DEMO.TEST".parse().unwrap();
        assert_eq!(service.to_string(), "host/East.demo.test@DEMO.TEST");
        assert!(service.matches(&Principal::service("HOST", "east.demo.test", "demo.test")));
        assert_ne!(service, Principal::service("HOST", "east.demo.test", "demo.test"));
        let tgt = Principal::ticket_granting("B", "A");
        assert_eq!(tgt.ticket_granting_for(), Some("B"));
        for wrong in ["", "a", "a@", "@R", "a//b@R", "a\n@R"] {
            wrong.parse::<Principal>().unwrap_err();
        }
    }
}
