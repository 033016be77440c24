//! Addresses and networks in the spelling of a configuration.

use std::net::IpAddr;

/// The address in `text`, if it is one that another machine can be told (not the unspecified one).
pub(crate) fn usable(text: &str) -> Option<IpAddr> {
    let address = parse(text)?;
    (!address.is_unspecified()).then_some(address)
}

/// An address, with or without a port behind it.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse().ok();
    bare.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|both| both.ip()))
}

/// True when `network` (`address/prefix` or one address) holds `address`; `None` when it cannot be read.
pub(crate) fn holds(network: &str, address: IpAddr) -> Option<bool> {
    let (base, prefix) = match network.trim().split_once('/') {
        Some((base, prefix)) => (base.parse::<IpAddr>().ok()?, Some(prefix.parse::<u32>().ok()?)),
        None => (network.trim().parse::<IpAddr>().ok()?, None),
    };
    let (base, address, width) = match (base.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (u128::from(base.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return Some(false),
    };
    let prefix = prefix.unwrap_or(width);
    if prefix > width {
        return None;
    }
    // A shift by the whole width would overflow: a prefix of 0 holds every address of its family.
    Some(prefix == 0 || (base ^ address) >> (width - prefix) == 0)
}

/// True when a list of networks shuts `address` out; `None` when the list is empty or not one of its entries can be read.
pub(crate) fn shut_out(networks: &[String], address: IpAddr) -> Option<bool> {
    let answers: Vec<bool> =
        networks.iter().filter_map(|network| holds(network, address)).collect();
    (!answers.is_empty()).then(|| !answers.contains(&true))
}

/// The network that holds this one address.
pub(crate) fn single(address: IpAddr) -> String {
    let width = if address.is_ipv4() { 32 } else { 128 };
    format!("{address}/{width}")
}

/// `host:port` taken apart; an IPv6 address may stand in brackets.
pub(crate) fn host_port(target: &str) -> (&str, Option<u16>) {
    let target = target.trim();
    if let Some(inside) = target.strip_prefix('[')
        && let Some((host, rest)) = inside.split_once(']')
    {
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match target.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (target, None),
    }
}

/// `host[port]`, as a place to be bound back at is spelt.
pub(crate) fn binding(text: &str) -> Option<(&str, u16)> {
    let (host, rest) = text.trim().rsplit_once('[')?;
    Some((host, rest.strip_suffix(']')?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_their_prefix_says() {
        let address: IpAddr = "127.0.0.3".parse().unwrap();
        assert_eq!(holds("127.0.0.0/8", address), Some(true));
        assert_eq!(holds("127.0.0.2/31", address), Some(true));
        assert_eq!(holds("127.0.0.4/31", address), Some(false));
        assert_eq!(holds("127.0.0.3", address), Some(true));
        assert_eq!(holds("0.0.0.0/0", address), Some(true));
        assert_eq!(holds("::/0", address), Some(false));
        assert_eq!(holds("127.0.0.0/33", address), None);
        assert_eq!(holds("everyone", address), None);
        assert_eq!(holds("::/0", "fe80::1".parse().unwrap()), Some(true));
        assert_eq!(holds("fe80::/64", "fe80::1".parse().unwrap()), Some(true));
    }

    #[test]
    fn an_empty_list_says_nothing() {
        let address: IpAddr = "127.0.0.3".parse().unwrap();
        assert_eq!(shut_out(&[], address), None);
        assert_eq!(shut_out(&["?".to_owned()], address), None);
        assert_eq!(shut_out(&["10.0.0.0/8".to_owned()], address), Some(true));
        assert_eq!(
            shut_out(&["10.0.0.0/8".to_owned(), "127.0.0.0/8".to_owned()], address),
            Some(false)
        );
    }

    #[test]
    fn targets_come_apart() {
        assert_eq!(host_port("127.0.0.1:135"), ("127.0.0.1", Some(135)));
        assert_eq!(host_port("[::1]:135"), ("::1", Some(135)));
        assert_eq!(binding("east.demo.test[1135]"), Some(("east.demo.test", 1135)));
        assert_eq!(binding("east.demo.test"), None);
        assert_eq!(host_port("::1"), ("::1", None));
        assert_eq!(host_port("east.demo.test"), ("east.demo.test", None));
        assert_eq!(usable("0.0.0.0"), None);
        assert_eq!(usable("127.0.0.1:4749").unwrap().to_string(), "127.0.0.1");
    }
}
