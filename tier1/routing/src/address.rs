//! Addresses as routing looks at them: only what an address space can ask for.

use std::fmt;

/// Attributes of one address that are looked at; X.400 defines far fewer.
const MAX_ATTRIBUTES: usize = 64;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The domain is in lower case; it is missing in a bare `postmaster`. The local part has no quotes.
    Smtp { local_part: String, domain: Option<String> },
    /// Attributes in lower case, in the order of the text: the same name may come twice (`ou`).
    X400 { attributes: Vec<(String, String)> },
    /// `type=value` in lower case, from the root on.
    Dn { components: Vec<String> },
}

impl Address {
    /// Reads an address of any type; what looks like neither of the others is one of SMTP.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(attributes) = x400_attributes(text) {
            return Self::X400 { attributes };
        }
        if text.starts_with("/o=") || text.starts_with("/O=") {
            return Self::Dn { components: components(text) };
        }
        match text.rsplit_once('@') {
            Some((local_part, domain)) => Self::Smtp {
                local_part: unquoted(local_part),
                domain: Some(domain.trim_end_matches('.').to_lowercase()),
            },
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

/// The attributes of an O/R address written with semicolons or, as in RFC 2156 4.1, with slashes: the one with a country is
/// an O/R address, and only that.
fn x400_attributes(text: &str) -> Option<Vec<(String, String)>> {
    let separator = if text.starts_with('/') { '/' } else { ';' };
    if text.contains('@') && separator == ';' && !text.contains(';') {
        return None;
    }
    let attributes = read_attributes(text, separator)?;
    attributes.iter().any(|(name, _)| name == "c").then_some(attributes)
}

/// `name=value` pairs; `None` when a part is none.
pub(crate) fn read_attributes(text: &str, separator: char) -> Option<Vec<(String, String)>> {
    let parts = text.split(separator).filter(|part| !part.is_empty());
    let read = parts.take(MAX_ATTRIBUTES).map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((attribute_name(name), value.to_lowercase()))
    });
    read.collect()
}

/// One spelling for each attribute; X.402 and its users have several.
fn attribute_name(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "admd" => "a".to_owned(),
        "prmd" => "p".to_owned(),
        "ou1" | "ou2" | "ou3" | "ou4" => "ou".to_owned(),
        _ => name,
    }
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
            ("\"a@b;c=d\"@x.test", smtp("\"a@b;c=d\"", Some("x.test"))),
            ("Postmaster", smtp("Postmaster", None)),
            ("C=US;ADMD= ;P=Org;OU1=X;s=A", {
                x400(&[("c", "us"), ("a", " "), ("p", "org"), ("ou", "x"), ("s", "a")])
            }),
            ("/c=US/a= /p=ORG", x400(&[("c", "us"), ("a", " "), ("p", "org")])),
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
