//! String bindings, C706 3.1 and MS-RPCE 2.2.1.1.4: `ncacn_ip_tcp:host[port]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A host name is at most 255 octets, RFC 1035 2.3.4; an IPv6 address with its zone is shorter.
const MAX_HOST: usize = 255;

/// The one protocol sequence of this crate.
const TCP: &str = "ncacn_ip_tcp";

/// Where an interface is served over TCP.
///
/// An IPv6 address stands without brackets of its own, since brackets hold the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StringBinding {
    host: String,
    port: Option<u16>,
}

/// A text is no string binding that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StringBindingError {
    /// No colon behind a protocol sequence.
    #[error("no protocol sequence; a string binding looks like ncacn_ip_tcp:host[port]")]
    NoProtocol,
    /// Another protocol sequence than TCP.
    #[error("protocol sequence {0:?} is not supported, only ncacn_ip_tcp is")]
    Protocol(String),
    /// The host is empty, too long or has characters that no host has.
    #[error("not a host name or address: {0:?}")]
    Host(String),
    /// The endpoint is no port.
    #[error("not a port in brackets: {0:?}")]
    Endpoint(String),
}

impl StringBinding {
    /// A binding to a host, with a port or to be asked of its endpoint mapper.
    ///
    /// # Errors
    /// The host is empty, too long, or could not be told from the rest of the text.
    pub fn tcp(host: &str, port: Option<u16>) -> Result<Self, StringBindingError> {
        let allowed = |octet: u8| {
            octet.is_ascii_alphanumeric() || b"-._:%".contains(&octet) || !octet.is_ascii()
        };
        let colons_belong = !host.contains(':') || is_ipv6(host);
        if host.is_empty() || host.len() > MAX_HOST || !host.bytes().all(allowed) || !colons_belong
        {
            return Err(StringBindingError::Host(host.to_owned()));
        }
        if port == Some(0) {
            return Err(StringBindingError::Endpoint("0".to_owned()));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; none means that the endpoint mapper knows it.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

impl fmt::Display for StringBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TCP}:{}", self.host)?;
        match self.port {
            Some(port) => write!(f, "[{port}]"),
            None => Ok(()),
        }
    }
}

impl FromStr for StringBinding {
    type Err = StringBindingError;

    fn from_str(text: &str) -> Result<Self, StringBindingError> {
        let (protocol, rest) = text.split_once(':').ok_or(StringBindingError::NoProtocol)?;
        if !protocol.eq_ignore_ascii_case(TCP) {
            return Err(StringBindingError::Protocol(protocol.to_owned()));
        }
        // Some write [address][port]: those first brackets are the address's own.
        let (host, endpoint) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, endpoint)) if is_ipv6(host) => (host, endpoint),
            _ => rest.split_at(rest.find('[').unwrap_or(rest.len())),
        };
        let port = match endpoint {
            "" | "[]" => None,
            _ => Some(parse_endpoint(endpoint)?),
        };
        Self::tcp(host, port)
    }
}

fn parse_endpoint(text: &str) -> Result<u16, StringBindingError> {
    let error = || StringBindingError::Endpoint(text.to_owned());
    let digits =
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or_else(error)?;
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(error());
    }
    digits.parse().map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_there_and_back() {
        for (text, host, port) in [
            ("ncacn_ip_tcp:16.37.164.181[4749]", "16.37.164.181", Some(4749)),
            ("ncacn_ip_tcp:east-rpc.demo.test[135]", "east-rpc.demo.test", Some(135)),
            ("ncacn_ip_tcp:east", "east", None),
            ("ncacn_ip_tcp:2001:db8::1[4749]", "2001:db8::1", Some(4749)),
            ("ncacn_ip_tcp:fe80::1%eth0[1]", "fe80::1%eth0", Some(1)),
        ] {
            let binding: StringBinding = text.parse().unwrap();
            assert_eq!((binding.host(), binding.port()), (host, port));
            assert_eq!(binding.to_string(), text);
        }
    }

    #[test]
    fn other_spellings_become_the_one() {
        for (text, normal) in [
            ("NCACN_IP_TCP:east[]", "ncacn_ip_tcp:east"),
            ("ncacn_ip_tcp:[::1][135]", "ncacn_ip_tcp:::1[135]"),
        ] {
            assert_eq!(text.parse::<StringBinding>().unwrap().to_string(), normal);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "east",
            "ncacn_np:east[pipe]",
            "ncacn_ip_tcp:",
            "ncacn_ip_tcp:[135]",
            "ncacn_ip_tcp:a b[1]",
            "ncacn_ip_tcp:a[0]",
            "ncacn_ip_tcp:a[65536]",
            "ncacn_ip_tcp:a[+1]",
            "ncacn_ip_tcp:a[1",
            "ncacn_ip_tcp:a[1]x",
            "ncacn_ip_tcp:a:b[1]",
        ] {
            assert!(text.parse::<StringBinding>().is_err(), "{text}");
        }
        let long = "a".repeat(MAX_HOST + 1);
        assert!(StringBinding::tcp(&long, None).is_err());
    }
}
