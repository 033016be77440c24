//! Address spaces: which addresses a way serves, and at what cost.

use std::fmt;

use x400::{AddressError, OrAddress};

use crate::address::{Address, AddressType, components};

/// The costs that an address space may have, as the classic MTA had them.
pub const COSTS: std::ops::RangeInclusive<u32> = 1..=100;

/// An address space cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    #[error("{pattern:?} is no list of attributes such as c=US;a= ;p=ORG")]
    Attributes { pattern: String, source: AddressError },
    #[error("{pattern:?} is no directory name such as /o=ORG/ou=SITE")]
    Name { pattern: String },
    #[error("{pattern:?} is no mail domain, address or pattern of one")]
    Domain { pattern: String },
    #[error("the cost {0} is not between 1 and 100")]
    Cost(u32),
}

/// The addresses that a way serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSpace {
    address_type: AddressType,
    /// As it was written.
    pattern: String,
    parts: Parts,
    cost: u32,
    /// Octets of a content that may go this way; `None` for no limit of its own.
    pub max_message_size: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parts {
    /// Everything of the type; the blank one gives way to `*`.
    Blank,
    Domain(String),
    Mailbox(String),
    Attributes(Vec<(String, String)>),
    Name(Vec<String>),
}

impl AddressSpace {
    /// Reads an address space.
    ///
    /// # Errors
    /// The pattern does not fit the type, or the cost is out of range.
    pub fn new(address_type: AddressType, pattern: &str, cost: u32) -> Result<Self, SpaceError> {
        if !COSTS.contains(&cost) {
            return Err(SpaceError::Cost(cost));
        }
        let owned = || pattern.to_owned();
        let parts = match address_type {
            _ if pattern.is_empty() => Parts::Blank,
            AddressType::Smtp => {
                let folded = pattern.to_lowercase();
                let folded = folded.trim_end_matches('.');
                let odd = |c: char| c.is_whitespace() || c.is_control() || ";=/".contains(c);
                if folded.is_empty() || folded.starts_with('@') || folded.contains(odd) {
                    return Err(SpaceError::Domain { pattern: owned() });
                }
                if folded.contains('@') {
                    Parts::Mailbox(folded.to_owned())
                } else {
                    Parts::Domain(folded.to_owned())
                }
            }
            AddressType::X400 if pattern == "*" => Parts::Attributes(Vec::new()),
            AddressType::X400 => pattern
                .parse::<OrAddress>()
                .map(|address| Parts::Attributes(address.attributes()))
                .map_err(|source| SpaceError::Attributes { pattern: owned(), source })?,
            AddressType::Dn if pattern == "*" => Parts::Name(vec!["*".to_owned()]),
            AddressType::Dn if pattern.starts_with('/') => {
                let parts = components(pattern);
                if parts.is_empty() || parts.iter().any(|part| !part.contains('=')) {
                    return Err(SpaceError::Name { pattern: owned() });
                }
                Parts::Name(parts)
            }
            AddressType::Dn => return Err(SpaceError::Name { pattern: owned() }),
        };
        Ok(Self { address_type, pattern: owned(), parts, cost, max_message_size: None })
    }

    /// Its type.
    #[must_use]
    pub fn address_type(&self) -> AddressType {
        self.address_type
    }

    /// As it was written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// 1 to 100; the lower one wins.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// How closely it fits the address; `None` when it does not. The higher one wins.
    ///
    /// A pattern counts two for each character that is not `*`, one more without any `*`. So
    /// `a.example` beats `*.example`, that beats `*`, and `*` beats the blank space.
    #[must_use]
    pub fn fits(&self, address: &Address) -> Option<usize> {
        if self.address_type != address.address_type() {
            return None;
        }
        match (&self.parts, address) {
            (Parts::Blank, _) => Some(0),
            (Parts::Domain(pattern), Address::Smtp { domain: Some(domain), .. }) => {
                glob(pattern, domain).then(|| 1 + weight(pattern))
            }
            (Parts::Mailbox(pattern), Address::Smtp { local_part, domain: Some(domain) }) => {
                let text = format!("{}@{domain}", local_part.to_lowercase());
                glob(pattern, &text).then(|| 1 + weight(pattern))
            }
            (Parts::Attributes(wanted), Address::X400 { attributes }) => {
                attributes_fit(wanted, attributes)
                    .then(|| 1 + wanted.iter().map(|(_, value)| 2 + weight(value)).sum::<usize>())
            }
            (Parts::Name(wanted), Address::Dn { components }) => {
                let fits = wanted.len() <= components.len()
                    && wanted.iter().zip(components).all(|(pattern, part)| glob(pattern, part));
                fits.then(|| 1 + wanted.iter().map(|part| weight(part)).sum::<usize>())
            }
            _ => None,
        }
    }
}

impl AddressSpace {
    /// What keeps an O/R address out of the space, in words; `None` where the space is none of O/R addresses, or it fits.
    #[must_use]
    pub fn misses(&self, address: &Address) -> Option<String> {
        let (Parts::Attributes(wanted), Address::X400 { attributes }) = (&self.parts, address)
        else {
            return None;
        };
        let (at, (key, pattern)) =
            wanted.iter().enumerate().find(|(at, _)| !attribute_fits(wanted, *at, attributes))?;
        let nth = ordinal(wanted, at);
        let shown = |value: &str| if value.is_empty() { " ".to_owned() } else { value.to_owned() };
        let is = match attributes.iter().filter(|(own, _)| own == key).nth(nth) {
            Some((_, value)) => format!("is \"{}\"", shown(value)),
            None => "is missing".to_owned(),
        };
        let key = key.to_uppercase();
        Some(format!("{self} wants {key} \"{}\", which {is}", shown(pattern)))
    }
}

impl fmt::Display for AddressSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address_type, self.pattern)
    }
}

/// Each attribute that the space names must be there; of a name that comes several times (`ou`), the first ones in order.
fn attributes_fit(wanted: &[(String, String)], attributes: &[(String, String)]) -> bool {
    (0..wanted.len()).all(|at| attribute_fits(wanted, at, attributes))
}

fn attribute_fits(wanted: &[(String, String)], at: usize, attributes: &[(String, String)]) -> bool {
    let (name, pattern) = &wanted[at];
    let found = attributes.iter().filter(|(own, _)| own == name).nth(ordinal(wanted, at));
    found.is_some_and(|(_, value)| glob(pattern, value))
}

/// How many of the same name stand before it.
fn ordinal(wanted: &[(String, String)], at: usize) -> usize {
    wanted[..at].iter().filter(|(earlier, _)| *earlier == wanted[at].0).count()
}

fn weight(pattern: &str) -> usize {
    let stars = pattern.chars().filter(|c| *c == '*').count();
    2 * (pattern.chars().count() - stars) + usize::from(stars == 0)
}

/// Whether the pattern covers the whole text; `*` stands for any characters, also none. Takes time in the product of both
/// lengths at most.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(octet) if *octet == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|octet| *octet == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(kind: AddressType, pattern: &str, address: &str) -> Option<usize> {
        AddressSpace::new(kind, pattern, 1).unwrap().fits(&Address::parse(address))
    }

    #[test]
    fn patterns_cover_what_they_say() {
        use AddressType::{Dn, Smtp, X400};
        for (kind, pattern, address, covered) in [
            (Smtp, "x.example", "a@X.Example", true),
            (Smtp, "x.example", "a@b.x.example", false),
            (Smtp, "*.example", "a@b.x.example", true),
            (Smtp, "*.example", "a@example", false),
            (Smtp, "*", "a@x.example", true),
            (Smtp, "", "a@x.example", true),
            (Smtp, "anna@x.example", "Anna@x.example", true),
            (Smtp, "*-admin@x.example", "list-admin@x.example", true),
            (Smtp, "anna@x.example", "bert@x.example", false),
            (Smtp, "*", "postmaster", false),
            (Smtp, "*", "c=us;a= ;p=x", false),
            (X400, "c=US;a= ;p=Org", "c=us;a= ;p=org;o=hq;s=x", true),
            (X400, "c=US;a=*;p=Org", "c=us;a=mci;p=org;s=x", true),
            (X400, "c=US;p=Other", "c=us;a= ;p=org;s=x", false),
            (X400, "c=US;o=HQ", "c=us;a= ;p=org;s=x", false),
            (X400, "c=us;ou=a;ou=b", "c=us;ou=a;ou=b;ou=c", true),
            (X400, "c=us;ou=b", "c=us;ou=a;ou=b", false),
            (X400, "/C=US/ADMD= /PRMD=Org/", "c=us;a=;p=ORG ;s=x", true),
            (X400, "c=us;p=The Org", "S=x;P=the  org;A= ;C=US", true),
            (X400, "c=us;a= ;p=o$;g", "/C=US/ADMD= /PRMD=o;g/S=x/", true),
            (X400, "c=us;a=*;p=*", "c=us;s=x", false),
            (X400, "c=us;dda:kind=v*", "/C=US/DD.KIND=value/", true),
            (X400, "c=us;p=org", "\"/C=US/ADMD= /PRMD=ORG/S=x/\"@x400.invalid", true),
            (X400, "c=us;p=org", "/C=US/ADMD= /PRMD=ORG/S=x/@gate.test", false),
            (X400, "*", "X121=31161;T-ID=1", true),
            (X400, "*", "c=us;a= ;s=x", true),
            (X400, "*", "a@x.example", false),
            (Dn, "/o=Org/ou=HQ", "/o=org/ou=hq/cn=recipients/cn=x", true),
            (Dn, "/o=Org/ou=H*", "/o=org/ou=hq/cn=x", true),
            (Dn, "/o=Org/ou=HQ", "/o=org/ou=hq2/cn=x", false),
            (Dn, "*", "/o=org/ou=hq/cn=x", true),
        ] {
            assert_eq!(fits(kind, pattern, address).is_some(), covered, "{pattern} {address}");
        }
    }

    #[test]
    fn what_does_not_fit_says_why() {
        let space = AddressSpace::new(AddressType::X400, "c=DE;a= ;p=ACME;ou=a;ou=b", 1).unwrap();
        for (address, why) in [
            ("c=FR;a= ;p=ACME", "wants C \"de\", which is \"fr\""),
            ("c=DE;a=X;p=ACME", "wants ADMD \" \", which is \"x\""),
            ("c=DE;a= ", "wants PRMD \"acme\", which is missing"),
            ("c=DE;a= ;p=ACME;ou=a", "wants OU \"b\", which is missing"),
        ] {
            let said = space.misses(&Address::parse(address)).unwrap();
            assert_eq!(said, format!("x400:c=DE;a= ;p=ACME;ou=a;ou=b {why}"), "{address}");
        }
        assert_eq!(space.misses(&Address::parse("c=de;a=;p=acme;ou=a;ou=b;ou=c;s=x")), None);
    }

    #[test]
    fn the_closer_pattern_weighs_more() {
        use AddressType::{Dn, Smtp, X400};
        let chains: [(AddressType, &str, &[&str]); 3] = [
            (
                Smtp,
                "a@b.x.example",
                &[
                    "",
                    "*",
                    "*.example",
                    "*.x.example",
                    "b.x.example",
                    "*@b.x.example",
                    "a@b.x.example",
                ],
            ),
            (
                X400,
                "c=us;a= ;p=org;o=hq",
                &[
                    "",
                    "*",
                    "c=us",
                    "c=us;a= ",
                    "c=us;a= ;p=o*",
                    "c=us;a= ;p=org",
                    "c=us;a= ;p=org;o=hq",
                ],
            ),
            (Dn, "/o=org/ou=hq/cn=x", &["", "*", "/o=*", "/o=org", "/o=org/ou=*", "/o=org/ou=hq"]),
        ];
        for (kind, address, patterns) in chains {
            let weights: Vec<usize> =
                patterns.iter().map(|pattern| fits(kind, pattern, address).unwrap()).collect();
            assert!(weights.windows(2).all(|pair| pair[0] < pair[1]), "{patterns:?} {weights:?}");
        }
    }

    #[test]
    fn what_is_no_space_is_refused() {
        use AddressType::{Dn, Smtp, X400};
        for (kind, pattern) in [
            (Smtp, "c=us;a= "),
            (Smtp, "@x.example"),
            (Smtp, "x example"),
            (X400, "x.example"),
            (X400, ";"),
            (X400, "c=us;zz=1"),
            (X400, "c=us;c=de"),
            (Dn, "o=org"),
            (Dn, "/"),
            (Dn, "/org"),
        ] {
            assert!(AddressSpace::new(kind, pattern, 1).is_err(), "{kind} {pattern}");
        }
        for cost in [0, 101] {
            assert_eq!(AddressSpace::new(Smtp, "*", cost), Err(SpaceError::Cost(cost)));
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let text = "a".repeat(2000);
        assert!(!glob(&format!("{}b", "a*".repeat(500)), &text));
        assert!(glob(&"*a".repeat(500), &text));
    }
}
