//! Networks and the URL of a neighbour, parsed from text.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::model::HostPort;
use crate::names;

/// A network in prefix notation; a bare address stands for itself alone. Bits after the prefix are refused, because
/// they hide a typing error.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| "is no network".to_owned())?;
    if network.addr() == network.network() {
        Ok(network)
    } else {
        Err(format!("has bits set after its prefix; the network is {}", network.trunc()))
    }
}

/// `host`, `host:port`, or an IP address in either form (IPv6 with a port in brackets).
pub(crate) fn host_port(text: &str, default: u16) -> Result<HostPort, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(HostPort { host: address.to_string(), port: default });
    }
    if let Ok(address) = text.parse::<SocketAddr>()
        && address.port() != 0
    {
        return Ok(HostPort { host: address.ip().to_string(), port: address.port() });
    }
    let (host, port) = match text.rsplit_once(':') {
        None => (text, default),
        Some((host, port)) => match port.parse() {
            Ok(port) if port != 0 => (host, port),
            _ => return Err("has no port from 1 to 65535".to_owned()),
        },
    };
    match names::domain_problem(host) {
        None => Ok(HostPort { host: host.to_lowercase(), port }),
        Some(problem) => Err(problem.to_owned()),
    }
}

/// The `host:port` of `http://host:port`, in which the host is a name or an address (IPv6 in brackets).
pub(crate) fn authority(url: &str) -> Result<&str, &'static str> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Err("does not begin with http://");
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("has more than a host and a port");
    }
    if authority.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0) {
        return Ok(authority);
    }
    let (host, port) = authority.rsplit_once(':').ok_or("has no port")?;
    let port_is_good = port.parse::<u16>().is_ok_and(|port| port != 0);
    if !port_is_good {
        return Err("has no port from 1 to 65535");
    }
    if host.parse::<IpAddr>().is_ok() || names::domain_problem(host).is_none() {
        Ok(authority)
    } else {
        Err("has no host name or address")
    }
}

/// Octets in hexadecimal.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{authority, hex, host_port, network};

    #[test]
    fn octets_in_hexadecimal() {
        assert_eq!(hex("00ffA0"), Some(vec![0, 255, 160]));
        assert_eq!(hex(""), Some(Vec::new()));
        for bad in ["0", "0x", "+1", "zz"] {
            assert_eq!(hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn networks() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("10.1.2.3/8").unwrap_err().contains("10.0.0.0/8"));
        for bad in ["", "10.0.0.0/33", "10.0.0", "localhost", "10.0.0.0/8/8"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_with_ports() {
        for (text, host, port) in [
            ("Relay.Test", "relay.test", 25),
            ("relay.test:587", "relay.test", 587),
            ("127.0.0.1", "127.0.0.1", 25),
            ("127.0.0.1:2525", "127.0.0.1", 2525),
            ("::1", "::1", 25),
            ("[::1]:2525", "::1", 2525),
        ] {
            let read = host_port(text, 25).unwrap();
            assert_eq!((read.host.as_str(), read.port), (host, port), "{text}");
        }
        for bad in ["", "a.test:0", "a.test:x", "127.0.0.1:0", "a b", ":25", "10.0.0"] {
            assert!(host_port(bad, 25).is_err(), "{bad}");
        }
    }

    #[test]
    fn authorities() {
        assert_eq!(authority("http://127.0.0.1:9101"), Ok("127.0.0.1:9101"));
        assert_eq!(authority("http://west.test:9101/"), Ok("west.test:9101"));
        assert_eq!(authority("http://[::1]:9101"), Ok("[::1]:9101"));
        for bad in [
            "https://a.test:1",
            "http://a.test",
            "http://a.test:0",
            "http://:80",
            "http://a.test:1/x",
            "http://u@a.test:1",
            "a.test:1",
        ] {
            assert!(authority(bad).is_err(), "{bad}");
        }
    }
}
