//! Addresses as routing looks at them: only what an address space can ask for.
//!
//! O/R addresses are read and compared as X.402 18.4 says (case, runs of spaces, numeric and printable strings do not
//! matter), in either text form of RFC 2156 and F.401; the mail address that stands for one, `"/C=.../"@x400.invalid`
//! (RFC 2156 4.3.3), is one.

use std::fmt;

use x400::{AddressError, OrAddress};

/// The mail domain whose local parts are O/R addresses.
pub const X400_DOMAIN: &str = "x400.invalid";

/// The types of address that an address space may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// `local@domain` (RFC 5321).
    Smtp,
    /// `c=US;a= ;p=ORG;o=SITE;s=Smith` (X.402 18, O/R addresses).
    X400,
    /// `/o=ORG/ou=SITE/cn=Recipients/cn=SMITH`, a directory name.
    Dn,
}

impl fmt::Display for AddressType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp => "smtp",
            Self::X400 => "x400",
            Self::Dn => "dn",
        })
    }
}

/// An address, taken apart; everything compares without case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// The domain is in lower case; it is missing in a bare `postmaster`. The local part has no quotes.
    Smtp { local_part: String, domain: Option<String> },
    /// [`OrAddress::attributes`]: lower case, most significant first; the same name may come twice (`ou`).
    X400 { attributes: Vec<(String, String)> },
    /// `type=value` in lower case, from the root on.
    Dn { components: Vec<String> },
}

impl Address {
    /// Reads an address of any type; what looks like neither of the others is one of SMTP.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(Ok(address)) = or_address(text) {
            return Self::X400 { attributes: address.attributes() };
        }
        if text.starts_with("/o=") || text.starts_with("/O=") {
            return Self::Dn { components: components(text) };
        }
        match text.rsplit_once('@') {
            Some((local_part, domain)) => {
                let local_part = unquoted(local_part);
                let domain = domain.trim_end_matches('.').to_lowercase();
                match local_part.parse::<OrAddress>() {
                    Ok(address) if domain == X400_DOMAIN => {
                        Self::X400 { attributes: address.attributes() }
                    }
                    _ => Self::Smtp { local_part, domain: Some(domain) },
                }
            }
            None => Self::Smtp { local_part: unquoted(text), domain: None },
        }
    }

    /// Which it is.
    #[must_use]
    pub fn address_type(&self) -> AddressType {
        match self {
            Self::Smtp { .. } => AddressType::Smtp,
            Self::X400 { .. } => AddressType::X400,
            Self::Dn { .. } => AddressType::Dn,
        }
    }

    /// The form that is the same for all spellings of a recipient of this server, whose name has no case.
    pub(crate) fn folded(&self) -> Self {
        match self {
            Self::Smtp { local_part, domain } => {
                Self::Smtp { local_part: local_part.to_lowercase(), domain: domain.clone() }
            }
            other => other.clone(),
        }
    }

    /// The mail domain, where it has one.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        match self {
            Self::Smtp { domain, .. } => domain.as_deref(),
            Self::X400 { .. } | Self::Dn { .. } => None,
        }
    }
}

/// The address in the form in which two spellings of one mailbox are equal: quotes that mean nothing are left out, and
/// the domain is in lower case (RFC 5321 4.1.2, 2.4).
#[must_use]
pub fn canonical(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local_part, domain)) => format!("{}@{}", unquoted(local_part), domain.to_lowercase()),
        None => unquoted(address),
    }
}

/// A local part without its quotes (RFC 5321 4.1.2: the quoted and the bare form are the same mailbox).
fn unquoted(local_part: &str) -> String {
    let inner = local_part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
        return local_part.to_owned();
    };
    let mut out = String::new();
    let mut escaped = false;
    for letter in inner.chars() {
        if letter == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(letter);
            escaped = false;
        }
    }
    out
}

/// The text as an O/R address, with semicolons or, as in RFC 2156 4.1, with slashes; `None` when it is meant to be
/// something else: an O/R address names a country or a network address (X.402 18.5), and only that does.
#[must_use]
pub fn or_address(text: &str) -> Option<Result<OrAddress, AddressError>> {
    let slashes = text.starts_with('/');
    let has = |key: &str| {
        text.split(if slashes { '/' } else { ';' }).any(|part| {
            part.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case(key))
        })
    };
    if text.contains('@') && !slashes && !text.contains(';') {
        return None;
    }
    let named = has("c") || has("x121") || has("x.121");
    // In a mail address the O/R address is followed by a domain (RFC 2156 4.3.3), or stands in quotes.
    let is_mail = text.starts_with('"')
        || slashes && text.rsplit('/').next().is_some_and(|end| end.starts_with('@'));
    (named && !is_mail).then(|| text.parse())
}

pub(crate) fn components(text: &str) -> Vec<String> {
    text.split('/').filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_that_mean_nothing_are_left_out() {
        for same in ["anna@east.example", "\"anna\"@east.example", "\"an\\na\"@East.example"] {
            let Address::Smtp { local_part, .. } = Address::parse(same) else { panic!("{same}") };
            assert_eq!(local_part, "anna", "{same}");
        }
        assert_eq!(canonical("\"a b\"@X.test"), "a b@x.test");
        assert_eq!(canonical("\"a@b\"@X.test"), "a@b@x.test");
        assert_eq!(canonical("Anna@X.test"), "Anna@x.test");
        assert_eq!(canonical("\"\"@x.test"), "\"\"@x.test");
    }

    #[test]
    fn each_type_is_told_by_its_form() {
        let x400 = |pairs: &[(&str, &str)]| Address::X400 {
            attributes: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        let smtp = |local: &str, domain: Option<&str>| Address::Smtp {
            local_part: local.to_owned(),
            domain: domain.map(str::to_owned),
        };
        let cases = [
            ("Anna@East.Example.", smtp("Anna", Some("east.example"))),
            // The quotes mean nothing to whoever looks for the mailbox.
            ("\"a@b;c=d\"@x.test", smtp("a@b;c=d", Some("x.test"))),
            ("Postmaster", smtp("Postmaster", None)),
            ("C=US;ADMD= ;P=Org;OU1=X;s=A", {
                x400(&[("c", "us"), ("admd", ""), ("prmd", "org"), ("ou", "x"), ("s", "a")])
            }),
            ("/c=US/a= /p=ORG", x400(&[("c", "us"), ("admd", ""), ("prmd", "org")])),
            // The same in the mail address that stands for it, in the other order, with odd spaces.
            (
                "\"/C=US/ADMD= /PRMD=The  Org/\"@X400.Invalid",
                x400(&[("c", "us"), ("admd", ""), ("prmd", "the org")]),
            ),
            (
                "S=Doe; P=a$;b; A=; C=us",
                x400(&[("c", "us"), ("admd", ""), ("prmd", "a;b"), ("s", "doe")]),
            ),
            // A mail address that an O/R address is the local part of goes by its domain (RFC 2156 4.3.3).
            ("/C=US/S=Doe/@gate.test", smtp("/C=US/S=Doe/", Some("gate.test"))),
            ("X.121=31161;T-ID=1", x400(&[("x121", "31161"), ("t-id", "1")])),
            ("/o=ORG/ou=HQ/cn=X", {
                let parts = ["o=org", "ou=hq", "cn=x"];
                Address::Dn { components: parts.map(str::to_owned).to_vec() }
            }),
        ];
        for (text, expected) in cases {
            assert_eq!(Address::parse(text), expected, "{text}");
        }
    }
}
