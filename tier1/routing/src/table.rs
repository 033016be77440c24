//! The table: mailboxes of this server, domains of its peers, ways out.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::link::{Link, Outlet};

/// Where the mail of a domain goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domains {
    /// Mailboxes on this server; `None` accepts every local part.
    Local { mailboxes: Option<BTreeSet<String>> },
    /// Another server of the organisation, by its MTA name.
    Peer { name: String },
}

/// An entry of the table contradicts another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("domain {domain} is claimed twice, by {first} and by {second}")]
    Domain { domain: String, first: String, second: String },
    #[error("{name} is the name of two ways out")]
    Link { name: String },
}

/// Domains and who holds them, and the ways out; names compare without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub(crate) domains: BTreeMap<String, Domains>,
    pub(crate) links: Vec<Link>,
    /// Recipients of this server by their further addresses.
    pub(crate) aliases: BTreeMap<Address, String>,
}

/// One line of the table, for people and for comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableRow {
    /// `smtp`, `x400` or `dn`.
    pub address_type: String,
    /// The address space as it was written.
    pub pattern: String,
    pub cost: u32,
    /// The way, `local`, or the peer that holds the domain.
    pub route: String,
    /// `local`, `peer`, `x400`, `connector` or `domains`.
    pub outlet: &'static str,
    /// Octets.
    pub max_message_size: Option<u64>,
}

impl Table {
    /// Enters a domain.
    ///
    /// # Errors
    /// The domain stands in the table already for somebody else.
    pub fn insert(&mut self, domain: &str, holder: Domains) -> Result<(), TableError> {
        let domain = domain.to_lowercase();
        if let Some(first) = self.domains.get(&domain)
            && *first != holder
        {
            let (first, second) = (holder_name(first), holder_name(&holder));
            return Err(TableError::Domain { domain, first, second });
        }
        self.domains.insert(domain, holder);
        Ok(())
    }

    /// Enters a further address of a recipient of this server; an address belongs to whoever has it first.
    pub fn add_alias(&mut self, address: &Address, recipient: &str) {
        self.aliases.entry(address.folded()).or_insert_with(|| recipient.to_owned());
    }

    /// Enters a way out.
    ///
    /// # Errors
    /// There is one of this name.
    pub fn add_link(&mut self, link: Link) -> Result<(), TableError> {
        if self.links.iter().any(|known| known.name.eq_ignore_ascii_case(&link.name)) {
            return Err(TableError::Link { name: link.name });
        }
        self.links.push(link);
        Ok(())
    }

    /// The ways out, in the order in which they were entered.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Every line, in one fixed order whatever the order of the configuration was.
    #[must_use]
    pub fn rows(&self) -> Vec<TableRow> {
        let mut rows = Vec::new();
        for (domain, holder) in &self.domains {
            rows.push(TableRow {
                address_type: "smtp".to_owned(),
                pattern: domain.clone(),
                cost: 1,
                route: match holder {
                    Domains::Local { .. } => "local".to_owned(),
                    Domains::Peer { name } => name.clone(),
                },
                outlet: match holder {
                    Domains::Local { .. } => "local",
                    Domains::Peer { .. } => "peer",
                },
                max_message_size: None,
            });
        }
        for link in &self.links {
            rows.extend(link.spaces.iter().map(|space| {
                TableRow {
                    address_type: space.address_type().to_string(),
                    pattern: space.pattern().to_owned(),
                    cost: space.cost(),
                    route: link.name.clone(),
                    outlet: match link.outlet {
                        Outlet::Peer(_) => "peer",
                        Outlet::Mta(_) => "x400",
                        Outlet::Connector => "connector",
                        Outlet::Domains => "domains",
                    },
                    max_message_size: [link.restrictions.max_message_size, space.max_message_size]
                        .into_iter()
                        .flatten()
                        .min(),
                }
            }));
        }
        rows.sort();
        rows
    }
}

fn holder_name(holder: &Domains) -> String {
    match holder {
        Domains::Local { .. } => "this server".to_owned(),
        Domains::Peer { name } => name.clone(),
    }
}
