//! The table of domains and the choice made from it.

use std::collections::{BTreeMap, BTreeSet};

/// Where the mail of a domain goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domains {
    /// Mailboxes on this server; `None` accepts every local part.
    Local { mailboxes: Option<BTreeSet<String>> },
    /// Another server of the organisation, by its MTA name.
    Peer { name: String },
}

/// A next hop for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A mailbox on this server; the local part as the mailbox list spells it.
    Local { mailbox: String },
    /// The server of this MTA name.
    Peer { name: String },
    /// The domain is ours but has no such mailbox.
    UnknownMailbox,
    /// No entry of the table covers the domain.
    NoRoute,
}

/// A route and, in words, why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub route: Route,
    pub why: String,
}

/// Two entries of the table claim one domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("domain {domain} is claimed twice, by {first} and by {second}")]
pub struct DomainError {
    pub domain: String,
    pub first: String,
    pub second: String,
}

/// Domains and who holds them; domains compare without case.
#[derive(Debug, Clone, Default)]
pub struct Table {
    domains: BTreeMap<String, Domains>,
}

impl Table {
    /// Enters a domain.
    ///
    /// # Errors
    /// The domain stands in the table already for somebody else.
    pub fn insert(&mut self, domain: &str, holder: Domains) -> Result<(), DomainError> {
        let domain = domain.to_lowercase();
        if let Some(first) = self.domains.get(&domain)
            && *first != holder
        {
            let (first, second) = (holder_name(first), holder_name(&holder));
            return Err(DomainError { domain, first, second });
        }
        self.domains.insert(domain, holder);
        Ok(())
    }

    /// Chooses the next hop for an address such as `anna@east.example`.
    ///
    /// An address without a domain (`postmaster`) belongs to this server.
    #[must_use]
    pub fn choose(&self, address: &str) -> Choice {
        let Some((local_part, domain)) = address.rsplit_once('@') else {
            return self.choose_bare(&unquoted(address));
        };
        let local_part = &unquoted(local_part);
        match self.domains.get(&domain.to_lowercase()) {
            Some(Domains::Local { mailboxes }) => choose_mailbox(local_part, domain, mailboxes),
            Some(Domains::Peer { name }) => Choice {
                route: Route::Peer { name: name.clone() },
                why: format!("{domain} is held by {name}"),
            },
            None => Choice {
                route: Route::NoRoute,
                why: format!("no server of the organisation holds {domain}"),
            },
        }
    }

    fn choose_bare(&self, local_part: &str) -> Choice {
        let local = self.domains.iter().find_map(|(domain, holder)| match holder {
            Domains::Local { mailboxes } => Some((domain, mailboxes)),
            Domains::Peer { .. } => None,
        });
        match local {
            Some((domain, mailboxes)) => choose_mailbox(local_part, domain, mailboxes),
            None => Choice {
                route: Route::NoRoute,
                why: "this server holds no domain of its own".to_owned(),
            },
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

fn choose_mailbox(local_part: &str, domain: &str, mailboxes: &Option<BTreeSet<String>>) -> Choice {
    let folded = local_part.to_lowercase();
    let known = mailboxes.as_ref().is_none_or(|known| known.contains(&folded));
    if known {
        let why = format!("{domain} is held here, mailbox {folded}");
        Choice { route: Route::Local { mailbox: folded }, why }
    } else {
        let why = format!("{domain} is held here and has no mailbox {folded}");
        Choice { route: Route::UnknownMailbox, why }
    }
}

fn holder_name(holder: &Domains) -> String {
    match holder {
        Domains::Local { .. } => "this server".to_owned(),
        Domains::Peer { name } => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::default();
        let mailboxes = Some(BTreeSet::from(["anna".to_owned(), "postmaster".to_owned()]));
        table.insert("East.Example", Domains::Local { mailboxes }).unwrap();
        table.insert("west.example", Domains::Peer { name: "WEST".to_owned() }).unwrap();
        table
    }

    #[test]
    fn quotes_that_mean_nothing_are_left_out() {
        let anna = Route::Local { mailbox: "anna".to_owned() };
        for same in ["\"anna\"@east.example", "\"An\\na\"@East.example"] {
            assert_eq!(table().choose(same).route, anna, "{same}");
        }
        assert_eq!(canonical("\"a b\"@X.test"), "a b@x.test");
        assert_eq!(canonical("\"a@b\"@X.test"), "a@b@x.test");
        assert_eq!(canonical("Anna@X.test"), "Anna@x.test");
        assert_eq!(canonical("\"\"@x.test"), "\"\"@x.test");
    }

    #[test]
    fn domains_decide() {
        let anna = Route::Local { mailbox: "anna".to_owned() };
        let west = Route::Peer { name: "WEST".to_owned() };
        for (address, route) in [
            ("Anna@EAST.example", anna),
            ("bert@east.example", Route::UnknownMailbox),
            ("bert@west.example", west.clone()),
            ("\"odd@quoted\"@West.Example", west),
            ("x@elsewhere.example", Route::NoRoute),
            ("Postmaster", Route::Local { mailbox: "postmaster".to_owned() }),
        ] {
            assert_eq!(table().choose(address).route, route, "{address}");
        }
        assert_eq!(
            table().choose("x@elsewhere.example").why,
            "no server of the organisation holds elsewhere.example"
        );
    }

    #[test]
    fn one_domain_has_one_holder() {
        let mut table = table();
        let other = Domains::Peer { name: "NORTH".to_owned() };
        assert_eq!(
            table.insert("west.example", other).unwrap_err().to_string(),
            "domain west.example is claimed twice, by WEST and by NORTH"
        );
        table.insert("WEST.example", Domains::Peer { name: "WEST".to_owned() }).unwrap();
    }
}
