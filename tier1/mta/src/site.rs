//! Who this MTA is, in the terms of X.400.

use queue::MessageId;
use x400::{GlobalDomainIdentifier, MtsIdentifier, OrAddress};

/// The MTA's name and the domain that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub mta_name: String,
    pub domain: GlobalDomainIdentifier,
    pub organization: String,
}

impl Site {
    /// The attributes that an address of this organisation begins with.
    #[must_use]
    pub fn base_address(&self) -> OrAddress {
        OrAddress {
            country: Some(self.domain.country.clone()),
            admd: Some(self.domain.admd.clone()),
            prmd: self.domain.prmd.clone(),
            organization: Some(self.organization.clone()),
            ..OrAddress::default()
        }
    }

    /// Whether an address is one of this MTA's domain and has no mail address of another in it.
    #[must_use]
    pub fn is_home_of(&self, address: &OrAddress) -> bool {
        let domain = |one: &OrAddress| OrAddress {
            country: one.country.clone(),
            admd: one.admd.clone(),
            prmd: one.prmd.clone(),
            ..OrAddress::default()
        };
        domain(address) == domain(&self.base_address())
            && address.domain_defined_value("RFC-822").is_none()
    }

    /// The MTS identifier of message `id` of this server's queue, X.411 8.2.1.1.1.1.
    ///
    /// Queue numbers are never used twice, so the identifier is unique for ever; at most 32
    /// characters, of which the number takes 17.
    #[must_use]
    pub fn mts_identifier(&self, id: MessageId) -> MtsIdentifier {
        let name: String =
            self.mta_name.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        MtsIdentifier { domain: self.domain.clone(), local: format!("{name}-{id}") }
    }
}
