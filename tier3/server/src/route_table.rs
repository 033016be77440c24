//! The routing table that the configuration describes.

use config::{Config, Mailboxes};
use routing::{DomainError, Domains, Table};

/// Builds the table: own domains first, then every peer's.
///
/// # Errors
/// Two holders claim one domain.
pub fn build(config: &Config) -> Result<Table, DomainError> {
    let mut table = Table::default();
    let mailboxes = match &config.mail.mailboxes {
        Mailboxes::Any => None,
        Mailboxes::Only(names) => {
            let mut names = names.clone();
            // RFC 5321 4.5.1: postmaster is always there.
            names.insert("postmaster".to_owned());
            Some(names)
        }
    };
    for domain in &config.mail.domains {
        table.insert(domain, Domains::Local { mailboxes: mailboxes.clone() })?;
    }
    for peer in &config.peers {
        for domain in &peer.domains {
            table.insert(domain, Domains::Peer { name: peer.name.clone() })?;
        }
    }
    for connector in &config.x400 {
        for domain in &connector.domains {
            table.insert(domain, Domains::Peer { name: connector.name.clone() })?;
        }
    }
    Ok(table)
}
