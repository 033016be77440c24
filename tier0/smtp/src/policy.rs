//! Which clients may hand over mail at all.

use ipnet::IpNet;
use std::net::IpAddr;

/// Why a list of networks was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("{0:?} is neither an IP address nor a network such as 192.0.2.0/24")]
    Network(String),
}

/// Networks whose hosts may submit; an empty list allows nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedNetworks(pub Vec<IpNet>);

impl AllowedNetworks {
    /// Reads addresses and networks in CIDR form.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, PolicyError> {
        texts
            .into_iter()
            .map(|text| {
                let text = text.as_ref().trim();
                text.parse::<IpNet>()
                    .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                    .map_err(|_| PolicyError::Network(text.to_owned()))
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Self)
    }

    /// Whether `address` lies in one of the networks; an IPv4-mapped IPv6 address counts as the IPv4 one
    /// (RFC 4291 2.5.5.2), since a dual-stack listener shows IPv4 clients in that form.
    pub fn contains(&self, address: IpAddr) -> bool {
        let plain = address.to_canonical();
        self.0.iter().any(|network| {
            network.contains(&plain)
                || network.contains(&address)
                || mapped(network).is_some_and(|n| n.contains(&plain))
        })
    }
}

/// The IPv4 network that a network inside `::ffff:0:0/96` stands for.
fn mapped(network: &IpNet) -> Option<IpNet> {
    let IpNet::V6(six) = network else { return None };
    let prefix = six.prefix_len().checked_sub(96)?;
    let four = six.addr().to_ipv4_mapped()?;
    ipnet::Ipv4Net::new(four, prefix).ok().map(IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership() {
        let networks = AllowedNetworks::parse([
            "127.0.0.0/8",
            "2001:db8::/32",
            "192.0.2.7",
            "::ffff:198.51.100.0/120",
        ])
        .unwrap();
        for (address, inside) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("128.0.0.1", false),
            ("::ffff:128.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("198.51.100.9", true),
            ("::ffff:198.51.100.9", true),
            ("198.51.101.9", false),
            ("::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!AllowedNetworks::default().contains("127.0.0.1".parse().unwrap()));
        assert_eq!(
            AllowedNetworks::parse(["10.0.0.0/33"]),
            Err(PolicyError::Network("10.0.0.0/33".to_owned()))
        );
    }
}
